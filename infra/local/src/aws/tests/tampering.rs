//! What a client meets to which DynamoDB breaks its promises, and that others do not meet it.

use super::{at_noon, table};
use crate::aws::{EmbeddedAws, Tampering};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};

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

/// How many items the three reads find.
async fn found(dynamo: &Client, table: &str) -> [usize; 3] {
    let get = dynamo.get_item().table_name(table).key("pk", text("a")).key("sk", text("1")).send().await.unwrap();
    let query = dynamo.query().table_name(table).key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", text("a")).send().await.unwrap();
    let keys = [("pk".to_owned(), text("a")), ("sk".to_owned(), text("1"))];
    let keys = KeysAndAttributes::builder().keys(keys.into_iter().collect()).build().unwrap();
    let batch = dynamo.batch_get_item().request_items(table, keys).send().await.unwrap();
    let batch = batch.responses.unwrap_or_default().into_values().flatten().count();
    [usize::from(get.item.is_some()), query.items().len(), batch]
}

#[tokio::test]
async fn items_of_one_table_are_forgotten_for_one_client() {
    let aws = at_noon();
    let honest = Client::new(&aws.sdk_config());
    table(&honest, "items").await;
    table(&honest, "others").await;
    assert!(put_if_absent(&honest, "items").await && put_if_absent(&honest, "others").await);
    let tampered = client(&aws, Tampering::ForgetItems { table: "items".to_owned() });
    assert_eq!(found(&tampered, "items").await, [0, 0, 0]);
    assert_eq!(found(&tampered, "others").await, [1, 1, 1]);
    assert_eq!(found(&honest, "items").await, [1, 1, 1]);
}
