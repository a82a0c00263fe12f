//! What goes wrong on purpose, as the caller sees it.

use super::{at_noon, bodies, queue, receive, send, table};
use crate::aws::{EmbeddedAws, Fault, Service};
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use aws_sdk_sns::types::{BatchResultErrorEntry, PublishBatchRequestEntry};
use std::num::NonZeroU64;
use std::time::Duration;

fn next() -> NonZeroU64 {
    NonZeroU64::MIN
}

async fn with_table() -> (EmbeddedAws, aws_sdk_dynamodb::Client) {
    let aws = at_noon();
    let dynamo = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    table(&dynamo, "items").await;
    (aws, dynamo)
}

type Incremented = Result<(), SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError>>;

async fn increment(dynamo: &aws_sdk_dynamodb::Client) -> Incremented {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let request = dynamo.update_item().table_name("items").key("pk", text("a")).key("sk", text("1"));
    let request = request.update_expression("ADD n :one");
    request.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).send().await.map(|_| ())
}

async fn count(dynamo: &aws_sdk_dynamodb::Client) -> String {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let read = dynamo.get_item().table_name("items").key("pk", text("a")).key("sk", text("1")).send().await.unwrap();
    read.item.map_or_else(|| "0".to_owned(), |item| item["n"].as_n().unwrap().clone())
}

#[tokio::test]
async fn each_fault_has_its_effect_and_its_error() {
    let rows = [
        (Fault::Refuse, "0", "service ProvisionedThroughputExceededException"),
        (Fault::TransactionConflict, "0", "service TransactionConflictException"),
        (Fault::CrashBefore, "0", "dispatch"),
        (Fault::CrashAfter, "1", "dispatch"),
        (Fault::LoseAnswer, "1", "dispatch timeout"),
    ];
    for (fault, expected_count, expected_error) in rows {
        let (aws, dynamo) = with_table().await;
        aws.faults().fail_nth(next(), fault);
        let error = match increment(&dynamo).await.unwrap_err() {
            SdkError::ServiceError(error) => format!("service {}", error.err().code().unwrap()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "dispatch timeout".to_owned(),
            SdkError::DispatchFailure(_) => "dispatch".to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(error, expected_error, "{fault:?}");
        assert_eq!(count(&dynamo).await, expected_count, "{fault:?}");
        increment(&dynamo).await.unwrap();
    }
}

#[tokio::test]
async fn a_conflicting_transaction_names_the_conflict_and_writes_nothing() {
    let (aws, dynamo) = with_table().await;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = Put::builder().table_name("items").item("pk", text("b")).item("sk", text("1")).build().unwrap();
    let update = Update::builder().table_name("items").key("pk", text("a")).key("sk", text("1"));
    let update = update.update_expression("SET n = :n").expression_attribute_values(":n", text("x")).build().unwrap();
    aws.faults().fail_next(Service::DynamoDb, "TransactWriteItems", Fault::TransactionConflict);
    assert_eq!(count(&dynamo).await, "0", "a read is not hit");
    let request = dynamo.transact_write_items().transact_items(TransactWriteItem::builder().put(put).build());
    let request = request.transact_items(TransactWriteItem::builder().update(update).build());
    let error = request.clone().send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["TransactionConflict", "None"]);
    assert_eq!(count(&dynamo).await, "0");
    request.send().await.unwrap();
}

#[tokio::test]
async fn every_call_of_a_piece_of_work_can_fail_in_turn() {
    let (aws, dynamo) = with_table().await;
    let before = aws.faults().calls();
    increment(&dynamo).await.unwrap();
    count(&dynamo).await;
    let calls = aws.faults().recorded_since(before);
    let operations: Vec<_> = calls.iter().map(|call| (call.service, call.operation)).collect();
    assert_eq!(operations, [(Service::DynamoDb, "UpdateItem"), (Service::DynamoDb, "GetItem")]);
    assert_eq!(aws.faults().calls() - before, 2);
}

#[tokio::test]
async fn the_sdk_retries_throttles_and_lost_answers_only_when_told_to() {
    let (aws, _) = with_table().await;
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let patient = aws_sdk_dynamodb::Client::new(&aws.clone().with_retries(retries).sdk_config());
    let before = aws.faults().calls();
    aws.faults().fail_nth(next(), Fault::Refuse);
    aws.faults().fail_nth(next().saturating_add(1), Fault::LoseAnswer);
    increment(&patient).await.unwrap();
    // Refused, done and lost, done again: an increment is not safe to retry, which is what this plan is for.
    assert_eq!(aws.faults().calls() - before, 3);
    assert_eq!(count(&patient).await, "2");
    aws.faults().fail_nth(next(), Fault::CrashBefore);
    assert!(increment(&patient).await.is_err());
}

#[tokio::test]
async fn a_lost_transaction_is_not_done_twice_by_the_retry() {
    let (aws, _) = with_table().await;
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let patient = aws_sdk_dynamodb::Client::new(&aws.clone().with_retries(retries).sdk_config());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let update = Update::builder().table_name("items").key("pk", text("a")).key("sk", text("1"));
    let update = update.update_expression("ADD n :one");
    let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).build().unwrap();
    aws.faults().fail_nth(next(), Fault::LoseAnswer);
    let item = TransactWriteItem::builder().update(update).build();
    patient.transact_write_items().transact_items(item).send().await.unwrap();
    assert_eq!(count(&patient).await, "1");
}

#[tokio::test]
async fn deliveries_can_be_doubled_and_reordered() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[("VisibilityTimeout", "60")]).await;
    for body in ["1", "2", "3"] {
        send(&sqs, &url, body).await;
    }
    aws.faults().fail_next(Service::Sqs, "ReceiveMessage", Fault::DuplicateDelivery);
    assert_eq!(bodies(&receive(&sqs, &url).await), ["1", "2", "3"]);
    aws.faults().fail_next(Service::Sqs, "ReceiveMessage", Fault::ReorderDelivery);
    let again = receive(&sqs, &url).await;
    assert_eq!(bodies(&again), ["3", "2", "1"]);
    assert!(receive(&sqs, &url).await.is_empty());
}

#[tokio::test]
async fn every_service_throttles_in_a_way_that_the_sdk_knows() {
    let aws = at_noon();
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = aws.clone().with_retries(retries).sdk_config();
    let sns = aws_sdk_sns::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let s3 = aws_sdk_s3::Client::new(&config);
    aws.faults().fail_next(Service::Sns, "CreateTopic", Fault::Refuse);
    sns.create_topic().name("t").send().await.unwrap();
    aws.faults().fail_next(Service::Sqs, "CreateQueue", Fault::Refuse);
    sqs.create_queue().queue_name("q").send().await.unwrap();
    aws.faults().fail_next(Service::S3, "CreateBucket", Fault::Refuse);
    s3.create_bucket().bucket("b").send().await.unwrap();
    assert_eq!(aws.faults().fired().len(), 3);
    assert_eq!(aws.faults().calls(), 6);
}

#[tokio::test]
async fn a_topic_can_refuse_some_entries_of_a_batch() {
    // Which entries are to be refused; which of three are, of which the middle one has 70,000 bytes; chunks of 64 KiB.
    let rows = [
        (0b010, "1", ["0", "2"].as_slice(), 1),
        (0b101, "02", &["1"], 2),
        (0b111, "012", &[], 0),
        // None of these is in the batch: the first stands in.
        (0b1000, "0", &["1", "2"], 2),
    ];
    for (entries, refused, taken, chunks) in rows {
        let aws = at_noon();
        let (sns, sqs) = (aws_sdk_sns::Client::new(&aws.sdk_config()), aws_sdk_sqs::Client::new(&aws.sdk_config()));
        let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
        let url = queue(&sqs, "q", &[]).await;
        let request =
            sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint("arn:aws:sqs:us-east-1:000000000000:q");
        request.attributes("RawMessageDelivery", "true").send().await.unwrap();
        let mut batch = sns.publish_batch().topic_arn(&topic);
        for (id, bytes) in [("0", 1), ("1", 70_000), ("2", 1)] {
            let entry = PublishBatchRequestEntry::builder().id(id).message(id.repeat(bytes)).build().unwrap();
            batch = batch.publish_batch_request_entries(entry);
        }
        aws.faults().fail_next(Service::Sns, "PublishBatch", Fault::RefuseEntries(entries));
        let answer = batch.clone().send().await.unwrap();
        assert_eq!(answer.failed().iter().map(BatchResultErrorEntry::id).collect::<String>(), refused);
        assert!(answer.failed().iter().all(|entry| entry.code() == "Throttled" && !entry.sender_fault()), "{answer:?}");
        assert_eq!(answer.successful().iter().filter_map(|entry| entry.id()).collect::<Vec<_>>(), taken);
        let there = receive(&sqs, &url).await;
        assert_eq!(bodies(&there).iter().map(|body| &body[..1]).collect::<Vec<_>>(), taken);
        assert_eq!(aws.meter().snapshot().sns_chunks, chunks, "{entries:b}");
        assert!(batch.send().await.unwrap().failed().is_empty(), "it goes wrong once");
    }
}
