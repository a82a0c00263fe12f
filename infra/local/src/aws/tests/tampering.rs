//! What a client meets to which DynamoDB breaks its promises, and that others do not meet it.

use super::{at_noon, table};
use crate::aws::{EmbeddedAws, Tampering};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn client(aws: &EmbeddedAws, tampering: Tampering) -> Client {
    Client::new(&aws.clone().with_tampering(&[tampering]).sdk_config())
}

async fn put_if_absent(dynamo: &Client, table: &str) -> bool {
    let put = dynamo.put_item().table_name(table).item("pk", text("a")).item("sk", text("1"));
    put.condition_expression("attribute_not_exists(pk)").send().await.is_ok()
}

async fn transact_if_absent(dynamo: &Client, table: &str) -> bool {
    let put = Put::builder().table_name(table).item("pk", text("a")).item("sk", text("1"));
    let put = put
        .condition_expression("#pk = :none")
        .expression_attribute_names("#pk", "pk")
        .expression_attribute_values(":none", text("none"));
    let action = TransactWriteItem::builder().put(put.build().unwrap()).build();
    dynamo.transact_write_items().transact_items(action).send().await.is_ok()
}

#[tokio::test]
async fn conditions_on_one_table_are_ignored_for_one_client() {
    let aws = at_noon();
    let honest = Client::new(&aws.sdk_config());
    table(&honest, "items").await;
    table(&honest, "others").await;
    let tampered = client(&aws, Tampering::IgnoreConditions { table: "items".to_owned() });
    assert!(put_if_absent(&honest, "items").await && put_if_absent(&honest, "others").await);
    assert!(put_if_absent(&tampered, "items").await && transact_if_absent(&tampered, "items").await);
    assert!(!put_if_absent(&tampered, "others").await && !transact_if_absent(&tampered, "others").await);
    assert!(!put_if_absent(&honest, "items").await && !transact_if_absent(&honest, "items").await);
}

async fn shown(dynamo: &Client, table: &str) -> String {
    let get = dynamo.get_item().table_name(table).key("pk", text("a")).key("sk", text("1")).send().await.unwrap();
    get.item.map_or_else(String::new, |item| item["colour"].as_s().unwrap().clone())
}

#[tokio::test]
async fn an_attribute_of_one_table_is_shown_otherwise_to_one_client() {
    let aws = at_noon();
    let honest = Client::new(&aws.sdk_config());
    let value = serde_json::json!({"S": "red"});
    let replaced = |table: &str| Tampering::ReplaceAttribute {
        table: table.to_owned(),
        attribute: "colour".to_owned(),
        value: value.clone(),
    };
    let tampered = client(&aws, replaced("items"));
    for name in ["items", "others"] {
        table(&honest, name).await;
        assert_eq!(shown(&tampered, name).await, "", "an item that is not there stays away");
        let put = honest.put_item().table_name(name).item("pk", text("a")).item("sk", text("1"));
        put.item("colour", text("blue")).send().await.unwrap();
    }
    assert_eq!(shown(&tampered, "items").await, "red");
    assert_eq!(shown(&tampered, "others").await, "blue");
    assert_eq!(shown(&honest, "items").await, "blue");
}
