//! What calls cost, counted where they are answered.

use super::{at_noon, queue, receive, send, table};
use crate::aws::{EmbeddedAws, Fault, Service, TableUnits};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use cloud::spend::{self, Amounts, Function, Payer};
use domain::id::TenantId;
use std::num::NonZeroU64;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

async fn with_table() -> (EmbeddedAws, aws_sdk_dynamodb::Client) {
    let aws = at_noon();
    let dynamo = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    table(&dynamo, "items").await;
    aws.meter().reset();
    (aws, dynamo)
}

fn put(key: &str, bytes: usize) -> Put {
    let put = Put::builder().table_name("items").item("pk", text(key)).item("sk", text("1"));
    let put = put.item("body", text("x".repeat(bytes))).condition_expression("attribute_not_exists(pk)");
    put.build().unwrap()
}

async fn transact(dynamo: &aws_sdk_dynamodb::Client, puts: Vec<Put>) -> bool {
    let items = puts.into_iter().map(|put| TransactWriteItem::builder().put(put).build());
    dynamo.transact_write_items().set_transact_items(Some(items.collect())).send().await.is_ok()
}

#[tokio::test]
async fn reads_and_writes_are_counted_by_table() {
    let (aws, dynamo) = with_table().await;
    // 3,000 bytes and a few: three started KiB, one started 4 KiB.
    let request = dynamo.put_item().table_name("items").set_item(Some(put("a", 3_000).item().clone()));
    request.send().await.unwrap();
    for consistent in [false, true] {
        let request = dynamo.get_item().table_name("items").key("pk", text("a")).key("sk", text("1"));
        request.consistent_read(consistent).send().await.unwrap();
    }
    let totals = aws.meter().snapshot();
    assert_eq!(totals.tables["items"], TableUnits { read_half_units: 1 + 2, write_units: 3 });
    assert_eq!(totals.requests_of(Service::DynamoDb, "GetItem"), 2);
    assert_eq!(totals.requests_total(), 3);
}

#[tokio::test]
async fn transactions_count_twice_whether_they_go_through_or_not() {
    let (aws, dynamo) = with_table().await;
    assert!(transact(&dynamo, vec![put("a", 1_500), put("b", 10)]).await);
    // (2 + 1) units, doubled.
    assert_eq!(aws.meter().reset().units().write_units, 6);
    // The first item exists: its condition fails, and both are charged as if they had been written.
    assert!(!transact(&dynamo, vec![put("a", 10), put("c", 2_500)]).await);
    // max(2 found, 1 offered) and 3, doubled.
    assert_eq!(aws.meter().reset().units().write_units, 10);
}

#[tokio::test]
async fn a_write_whose_condition_fails_is_charged() {
    let (aws, dynamo) = with_table().await;
    assert!(transact(&dynamo, vec![put("a", 3_000)]).await);
    aws.meter().reset();
    let request = dynamo.update_item().table_name("items").key("pk", text("a")).key("sk", text("1"));
    let request = request.update_expression("SET n = :n").condition_expression("attribute_not_exists(pk)");
    let failed = request.expression_attribute_values(":n", text("1")).send().await.unwrap_err().into_service_error();
    assert!(failed.is_conditional_check_failed_exception());
    assert_eq!(aws.meter().snapshot().units().write_units, 3);
}

#[tokio::test]
async fn sns_and_sqs_count_chunks_of_64_kib() {
    let aws = at_noon();
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let url = queue(&sqs, "q", &[]).await;
    aws.meter().reset();
    sns.publish().topic_arn(&topic).message("x".repeat(65_537)).send().await.unwrap();
    send(&sqs, &url, &"x".repeat(200_000)).await;
    let received = receive(&sqs, &url).await;
    let handle = received[0].receipt_handle().unwrap();
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    receive(&sqs, &url).await;
    sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
    let totals = aws.meter().snapshot();
    assert_eq!(totals.sns_chunks, 2);
    // Sent 4, received 4, deleted 1, and two empty receives, one of which would have waited.
    assert_eq!(totals.sqs_chunks, 11);
    assert_eq!(totals.requests_of(Service::Sqs, "ReceiveMessage"), 3);
}

#[tokio::test]
async fn a_refused_call_costs_nothing_and_a_lost_one_what_it_did() {
    let (aws, dynamo) = with_table().await;
    aws.faults().fail_nth(NonZeroU64::MIN, Fault::Refuse);
    assert!(!transact(&dynamo, vec![put("a", 10)]).await);
    assert_eq!(aws.meter().snapshot().requests_total(), 0);
    aws.faults().fail_nth(NonZeroU64::MIN, Fault::LoseAnswer);
    assert!(!transact(&dynamo, vec![put("a", 10)]).await);
    let totals = aws.meter().snapshot();
    assert_eq!((totals.requests_total(), totals.units().write_units), (1, 2));
}

#[tokio::test]
async fn every_call_is_its_payers() {
    let (aws, dynamo) = with_table().await;
    let (acme, globex) = (TenantId::derived(&["acme"]), TenantId::derived(&["globex"]));
    // Function, tenant, and bytes of the item that is written: a unit for each started KiB.
    let calls = [
        (Some(Function::Api), Some(acme), 10),
        (Some(Function::Api), Some(globex), 1_500),
        (Some(Function::Usage), Some(acme), 2_500),
        (Some(Function::Usage), None, 3_500),
        (None, None, 10),
    ];
    for (position, (function, tenant_id, bytes)) in calls.into_iter().enumerate() {
        let item = put(&position.to_string(), bytes).item().clone();
        let call = async { dynamo.put_item().table_name("items").set_item(Some(item)).send().await.map(drop).unwrap() };
        match (function, tenant_id) {
            (Some(function), Some(id)) => spend::on_behalf_of(function, spend::of_tenant(id, call)).await,
            (Some(function), None) => spend::on_behalf_of(function, call).await,
            (None, _) => call.await,
        }
    }
    let totals = aws.meter().snapshot();
    let writes = |dynamo_requests, write_units| Amounts { dynamo_requests, write_units, ..Amounts::default() };
    for ((function, tenant_id, _), units) in calls.into_iter().zip([1, 2, 3, 4, 1]) {
        let payer = function.map(|function| Payer { function, tenant_id });
        assert_eq!(totals.payers[&payer], writes(1, units), "{payer:?}");
    }
    assert_eq!((totals.of_tenant(acme), totals.of_tenant(globex)), (writes(2, 4), writes(1, 2)));
    assert_eq!((totals.of_function(Function::Api), totals.of_function(Function::Usage)), (writes(2, 3), writes(2, 7)));
    assert_eq!(totals.amounts(), writes(5, 11));
    assert_eq!(totals.units().write_units, 11);
}
