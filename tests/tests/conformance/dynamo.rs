//! DynamoDB: single items, queries, batches, transactions and what they consume.

use super::support::Aws;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConditionCheck, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    KeysAndAttributes, Projection, ProjectionType, Put, PutRequest, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TimeToLiveSpecification, TransactWriteItem, Update,
    WriteRequest,
};
use std::collections::HashMap;

type Item = HashMap<String, AttributeValue>;

/// A table of the shape that all of Meterline's tables have, with the sparse index of the subscriptions.
async fn table(aws: &Aws) -> String {
    let name = aws.name("table");
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let due = GlobalSecondaryIndex::builder().index_name("due").projection(projection);
    let due = due.key_schema(key("dueShard", KeyType::Hash)).key_schema(key("dueAt", KeyType::Range)).build().unwrap();
    let mut request = aws.dynamo.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
    for attributes in ["pk", "sk", "dueShard", "dueAt"] {
        request = request.attribute_definitions(attribute(attributes));
    }
    request = request.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    request.global_secondary_indexes(due).send().await.unwrap();
    name
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.to_owned())
}

fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn item(pk: &str, sk: &str, attributes: &[(&str, AttributeValue)]) -> Item {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    key(pk, sk).into_iter().chain(attributes).collect()
}

async fn put(aws: &Aws, table: &str, item: Item) {
    aws.dynamo.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

async fn get(aws: &Aws, table: &str, pk: &str, sk: &str) -> Option<Item> {
    let request = aws.dynamo.get_item().table_name(table).set_key(Some(key(pk, sk))).consistent_read(true);
    request.send().await.unwrap().item
}

fn put_if_absent(table: &str, item: Item) -> TransactWriteItem {
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression("attribute_not_exists(pk)");
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

fn add(table: &str, pk: &str, sk: &str, amount: i32) -> TransactWriteItem {
    let update = Update::builder().table_name(table).set_key(Some(key(pk, sk))).update_expression("ADD amount :amount");
    let update = update.expression_attribute_values(":amount", number(&amount.to_string()));
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

#[tokio::test]
async fn an_item_of_every_type_comes_back_as_it_was_put() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let nested =
        HashMap::from([("list".to_owned(), AttributeValue::L(vec![number("-1.5"), AttributeValue::Null(true)]))]);
    let attributes = [
        ("text", text("\u{1F600} text")),
        ("number", number("12345678901234567890.123456789")),
        ("bytes", AttributeValue::B(Blob::new([0_u8, 255, 7]))),
        ("flag", AttributeValue::Bool(true)),
        ("map", AttributeValue::M(nested)),
        ("texts", AttributeValue::Ss(vec!["only".to_owned()])),
    ];
    let stored = item("a", "1", &attributes);
    put(&aws, &table, stored.clone()).await;
    assert_eq!(get(&aws, &table, "a", "1").await, Some(stored));
    assert_eq!(get(&aws, &table, "a", "2").await, None);
    let deleted =
        aws.dynamo.delete_item().table_name(&table).set_key(Some(key("a", "1"))).return_values(ReturnValue::AllOld);
    assert_eq!(deleted.send().await.unwrap().attributes.unwrap()["flag"], AttributeValue::Bool(true));
    assert_eq!(get(&aws, &table, "a", "1").await, None);
}

#[tokio::test]
async fn a_failed_condition_is_an_error_of_its_own_and_shows_the_item() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    put(&aws, &table, item("a", "1", &[("version", number("1"))])).await;
    let request = aws.dynamo.put_item().table_name(&table).set_item(Some(item("a", "1", &[("version", number("2"))])));
    let request = request.condition_expression("attribute_not_exists(pk)");
    let refused = request.clone().send().await.unwrap_err().into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let refused = request.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = refused else {
        panic!("a failed condition, not {refused:?}")
    };
    assert_eq!(failed.item().unwrap()["version"], number("1"));
    assert_eq!(get(&aws, &table, "a", "1").await.unwrap()["version"], number("1"));
}

#[tokio::test]
async fn an_update_counts_sets_removes_and_answers_what_is_new() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let update = |amount: &str| {
        let request = aws.dynamo.update_item().table_name(&table).set_key(Some(key("a", "1")));
        let request = request.update_expression("ADD amount :amount SET latest = :latest REMOVE gone");
        let request = request.expression_attribute_values(":amount", number(amount));
        request.expression_attribute_values(":latest", text(amount)).return_values(ReturnValue::AllNew).send()
    };
    put(&aws, &table, item("a", "1", &[("gone", text("x"))])).await;
    update("0.1").await.unwrap();
    let updated = update("0.2").await.unwrap().attributes.unwrap();
    // Numbers are decimals: 0.1 + 0.2 is 0.3.
    assert_eq!(updated, item("a", "1", &[("amount", number("0.3")), ("latest", text("0.2"))]));
}

#[tokio::test]
async fn a_query_is_sorted_bounded_and_paged() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    for sk in ["seg#03", "seg#01", "seg#10", "seg#02", "other"] {
        put(&aws, &table, item("lane", sk, &[])).await;
    }
    put(&aws, &table, item("lane2", "seg#04", &[])).await;
    let query = || {
        let request = aws.dynamo.query().table_name(&table).consistent_read(true);
        request.expression_attribute_values(":pk", text("lane"))
    };
    let keys = |items: &[Item]| items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect::<Vec<_>>();

    let request =
        query().key_condition_expression("pk = :pk AND sk > :q").expression_attribute_values(":q", text("seg#01"));
    let first = request.clone().limit(2).send().await.unwrap();
    assert_eq!(keys(first.items()), ["seg#02", "seg#03"]);
    let second = request.limit(2).set_exclusive_start_key(first.last_evaluated_key).send().await.unwrap();
    assert_eq!(keys(second.items()), ["seg#10"]);
    assert!(second.last_evaluated_key.is_none());

    let request = query().key_condition_expression("pk = :pk AND begins_with(sk, :p)");
    let request = request.expression_attribute_values(":p", text("seg#")).scan_index_forward(false).limit(1);
    assert_eq!(keys(request.send().await.unwrap().items()), ["seg#10"]);

    let request = query().key_condition_expression("pk = :pk AND sk BETWEEN :a AND :b");
    let request =
        request.expression_attribute_values(":a", text("seg#02")).expression_attribute_values(":b", text("seg#03"));
    assert_eq!(keys(request.send().await.unwrap().items()), ["seg#02", "seg#03"]);
}

#[tokio::test]
async fn a_sparse_index_holds_only_the_items_with_its_keys() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let due = |at: &str| [("dueShard", text("s0")), ("dueAt", text(at)), ("plan", text("pro"))];
    put(&aws, &table, item("t1", "sub#1", &due("2026-12-01T00:00:00Z"))).await;
    put(&aws, &table, item("t2", "sub#2", &due("2026-11-01T00:00:00Z"))).await;
    put(&aws, &table, item("t3", "sub#3", &due("2027-01-01T00:00:00Z"))).await;
    put(&aws, &table, item("t4", "sub#4", &[("plan", text("pro"))])).await;
    let request = aws.dynamo.query().table_name(&table).index_name("due");
    let request = request.key_condition_expression("dueShard = :shard AND dueAt <= :now");
    let request = request.expression_attribute_values(":shard", text("s0"));
    let request = request.expression_attribute_values(":now", text("2026-12-01T00:00:00Z"));
    let found = request.clone().send().await.unwrap().items.unwrap();
    let keys: Vec<&AttributeValue> = found.iter().map(|item| &item["pk"]).collect();
    assert_eq!(keys, [&text("t2"), &text("t1")]);
    assert!(!found[0].contains_key("plan"), "an index of keys only");

    let remove = aws.dynamo.update_item().table_name(&table).set_key(Some(key("t2", "sub#2")));
    remove.update_expression("REMOVE dueShard, dueAt").send().await.unwrap();
    assert_eq!(request.send().await.unwrap().count(), 1);
}

#[tokio::test]
async fn batches_write_and_read_many_items() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let writes = (0..25).map(|number| {
        let put = PutRequest::builder().set_item(Some(item("batch", &format!("{number:02}"), &[]))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    let written = aws.dynamo.batch_write_item().request_items(&table, writes.collect()).send().await.unwrap();
    assert!(written.unprocessed_items().is_none_or(HashMap::is_empty));
    let keys = ["00", "24", "99"].map(|sk| key("batch", sk));
    let keys = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).consistent_read(true).build().unwrap();
    let read = aws.dynamo.batch_get_item().request_items(&table, keys).send().await.unwrap();
    assert_eq!(read.responses().unwrap()[&table].len(), 2);
}

#[tokio::test]
async fn a_transaction_writes_all_of_its_items() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    put(&aws, &table, item("plan", "1", &[])).await;
    let check = ConditionCheck::builder().table_name(&table).set_key(Some(key("plan", "1")));
    let check = check.condition_expression("attribute_exists(pk)").build().unwrap();
    let request = aws.dynamo.transact_write_items().transact_items(put_if_absent(&table, item("seg", "1", &[])));
    let request = request.transact_items(add(&table, "counter", "1", 5));
    request.transact_items(TransactWriteItem::builder().condition_check(check).build()).send().await.unwrap();
    assert!(get(&aws, &table, "seg", "1").await.is_some());
    assert_eq!(get(&aws, &table, "counter", "1").await.unwrap()["amount"], number("5"));
}

#[tokio::test]
async fn a_cancelled_transaction_writes_nothing_and_gives_a_reason_per_item() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    put(&aws, &table, item("seg", "1", &[("owner", text("first"))])).await;
    put(&aws, &table, item("plan", "1", &[])).await;
    let request = aws.dynamo.transact_write_items().transact_items(add(&table, "counter", "1", 5));
    let request = request.transact_items(put_if_absent(&table, item("seg", "1", &[("owner", text("second"))])));
    let request = request.transact_items(put_if_absent(&table, item("seg", "2", &[])));
    let silent = Put::builder().table_name(&table).set_item(Some(item("plan", "1", &[])));
    let silent = silent.condition_expression("attribute_not_exists(pk)").build().unwrap();
    let request = request.transact_items(TransactWriteItem::builder().put(silent).build());
    let cancelled = request.send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = cancelled else {
        panic!("a cancelled transaction, not {cancelled:?}")
    };
    let reasons = cancelled.cancellation_reasons();
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed"]);
    assert_eq!(reasons[1].item().unwrap()["owner"], text("first"));
    assert!(reasons[3].item().is_none_or(HashMap::is_empty), "an item is shown to those who ask");
    assert_eq!(get(&aws, &table, "counter", "1").await, None);
    assert_eq!(get(&aws, &table, "seg", "2").await, None);
}

#[tokio::test]
async fn a_transaction_with_the_same_token_is_done_once() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let transact = |amount: i32| {
        let request = aws.dynamo.transact_write_items().client_request_token(aws.name("token"));
        request.transact_items(add(&table, "counter", "1", amount)).send()
    };
    transact(5).await.unwrap();
    transact(5).await.unwrap();
    assert_eq!(get(&aws, &table, "counter", "1").await.unwrap()["amount"], number("5"));
    let mismatch = transact(6).await.unwrap_err().into_service_error();
    assert!(mismatch.is_idempotent_parameter_mismatch_exception(), "{mismatch:?}");
}

#[tokio::test]
async fn consumed_units_are_rounded_like_the_bill() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    // 2,000 bytes of text and a few of names and keys: two started KiB, one started 4 KiB.
    let large = item("large", "1", &[("text", text(&"x".repeat(2_000)))]);
    let request = aws.dynamo.put_item().table_name(&table).set_item(Some(large.clone()));
    let written = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    assert_eq!(written.consumed_capacity().unwrap().capacity_units(), Some(2.0));
    for (consistent, units) in [(true, 1.0), (false, 0.5)] {
        let request = aws.dynamo.get_item().table_name(&table).set_key(Some(key("large", "1")));
        let request = request.consistent_read(consistent).return_consumed_capacity(ReturnConsumedCapacity::Total);
        assert_eq!(request.send().await.unwrap().consumed_capacity().unwrap().capacity_units(), Some(units));
    }
    let put = Put::builder().table_name(&table).set_item(Some(large)).build().unwrap();
    let request = aws.dynamo.transact_write_items().transact_items(TransactWriteItem::builder().put(put).build());
    let written = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    assert_eq!(written.consumed_capacity()[0].capacity_units(), Some(4.0));

    let silent = aws.dynamo.get_item().table_name(&table).set_key(Some(key("large", "1"))).send().await.unwrap();
    assert!(silent.consumed_capacity().is_none());
}

#[tokio::test]
async fn tables_are_described_and_made_once() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let described = aws.dynamo.describe_table().table_name(&table).send().await.unwrap().table.unwrap();
    assert_eq!(described.table_status().unwrap().as_str(), "ACTIVE");
    assert_eq!(described.global_secondary_indexes()[0].index_name(), Some("due"));
    let ttl = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true).build().unwrap();
    aws.dynamo.update_time_to_live().table_name(&table).time_to_live_specification(ttl).send().await.unwrap();
    let ttl = aws.dynamo.describe_time_to_live().table_name(&table).send().await.unwrap();
    assert_eq!(ttl.time_to_live_description().unwrap().attribute_name(), Some("expiresAt"));

    let missing = aws.dynamo.describe_table().table_name(aws.name("never")).send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
    let request = aws.dynamo.get_item().table_name(aws.name("never")).set_key(Some(key("a", "1")));
    assert!(request.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn what_breaks_a_limit_is_refused() {
    let aws = Aws::connect().await;
    let table = table(&aws).await;
    let large = item("large", "1", &[("text", text(&"x".repeat(410_000)))]);
    let refused = aws.dynamo.put_item().table_name(&table).set_item(Some(large)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"), "an item of more than 400 KB");
    let empty = aws.dynamo.put_item().table_name(&table).set_item(Some(item("", "1", &[]))).send().await.unwrap_err();
    assert_eq!(empty.code(), Some("ValidationException"), "an empty key");
    let twice = aws.dynamo.transact_write_items().transact_items(add(&table, "a", "1", 1));
    let twice = twice.transact_items(add(&table, "a", "1", 1)).send().await.unwrap_err();
    assert_eq!(twice.code(), Some("ValidationException"), "one item twice in a transaction");
}
