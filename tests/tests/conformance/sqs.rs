//! SQS: delivery, holding, redrive, batches.

use super::support::Aws;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};
use std::collections::BTreeSet;

/// Long enough for an endpoint that delivers a little later; the embedded AWS answers at once.
const WAIT_SECONDS: i32 = 2;

async fn queue(aws: &Aws, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut request = aws.sqs.create_queue().queue_name(aws.name(name));
    for (attribute, value) in attributes {
        request = request.attributes(attribute.clone(), *value);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

async fn send(aws: &Aws, queue: &str, body: &str) {
    aws.sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

async fn receive(aws: &Aws, queue: &str) -> Vec<Message> {
    let request = aws.sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(WAIT_SECONDS);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
}

async fn receive_nothing(aws: &Aws, queue: &str) {
    let received = aws.sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await.unwrap();
    assert_eq!(received.messages().len(), 0, "{:?}", received.messages());
}

async fn attribute(aws: &Aws, queue: &str, name: &QueueAttributeName) -> String {
    let request = aws.sqs.get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::All);
    request.send().await.unwrap().attributes.unwrap()[name].clone()
}

fn system<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> &'a str {
    &message.attributes.as_ref().unwrap()[name]
}

fn bodies(messages: &[Message]) -> BTreeSet<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

#[tokio::test]
async fn a_message_comes_as_it_was_sent_and_is_gone_when_deleted() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "plain", &[]).await;
    let kind = MessageAttributeValue::builder().data_type("String").string_value("usage.recorded.v1").build().unwrap();
    let request =
        aws.sqs.send_message().queue_url(&url).message_body("hello \u{1F600}").message_attributes("type", kind);
    let sent = request.send().await.unwrap();

    let messages = receive(&aws, &url).await;
    let [message] = messages.as_slice() else { panic!("one message, not {messages:?}") };
    assert_eq!(message.body(), Some("hello \u{1F600}"));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(message.message_attributes().unwrap()["type"].string_value(), Some("usage.recorded.v1"));
    assert_eq!(system(message, &MessageSystemAttributeName::ApproximateReceiveCount), "1");
    assert!(system(message, &MessageSystemAttributeName::SentTimestamp).parse::<u64>().unwrap() > 1_600_000_000_000);

    let handle = message.receipt_handle().unwrap();
    aws.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "0");
    receive_nothing(&aws, &url).await;
}

#[tokio::test]
async fn a_held_message_is_hidden_until_it_is_let_go_and_counts_its_deliveries() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "held", &[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    send(&aws, &url, "work").await;
    let first = receive(&aws, &url).await;
    receive_nothing(&aws, &url).await;
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "1");

    let handle = first[0].receipt_handle().unwrap();
    let change = aws.sqs.change_message_visibility().queue_url(&url).receipt_handle(handle);
    change.visibility_timeout(0).send().await.unwrap();
    let second = receive(&aws, &url).await;
    assert_eq!(system(&second[0], &MessageSystemAttributeName::ApproximateReceiveCount), "2");
    assert_ne!(second[0].receipt_handle(), first[0].receipt_handle());
}

#[tokio::test]
async fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let aws = Aws::connect().await;
    let dead_letters = queue(&aws, "dead", &[]).await;
    let arn = attribute(&aws, &dead_letters, &QueueAttributeName::QueueArn).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":2}}"#);
    let attributes =
        [(QueueAttributeName::RedrivePolicy, policy.as_str()), (QueueAttributeName::VisibilityTimeout, "0")];
    let url = queue(&aws, "work", &attributes).await;
    send(&aws, &url, "poison").await;
    for _ in 0..2 {
        assert_eq!(bodies(&receive(&aws, &url).await), BTreeSet::from(["poison"]));
    }
    receive_nothing(&aws, &url).await;
    assert_eq!(bodies(&receive(&aws, &dead_letters).await), BTreeSet::from(["poison"]));
}

#[tokio::test]
async fn a_delayed_message_is_counted_and_not_delivered() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "delay", &[]).await;
    aws.sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
    receive_nothing(&aws, &url).await;
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::ApproximateNumberOfMessagesDelayed).await, "1");
}

#[tokio::test]
async fn a_batch_reports_each_entry() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "batch", &[]).await;
    let entry = |id: &str| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(format!("body {id}"));
        entry.build().unwrap()
    };
    let entries = vec![entry("a"), entry("c")];
    let sent = aws.sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    let successful: Vec<&str> = sent.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    assert_eq!(successful, ["a", "c"]);

    let mut messages = receive(&aws, &url).await;
    messages.extend(receive_if(&aws, &url, messages.len() < 2).await);
    assert_eq!(bodies(&messages), BTreeSet::from(["body a", "body c"]));
    let handles = messages.iter().map(|message| message.receipt_handle().unwrap()).chain(["nonsense"]);
    let entries = handles.enumerate().map(|(number, handle)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(format!("e{number}"));
        entry.receipt_handle(handle).build().unwrap()
    });
    let request = aws.sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries.collect()));
    let deleted = request.send().await.unwrap();
    assert_eq!(deleted.successful().len(), 2);
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
}

/// Endpoints with several hosts may hand out less than there is.
async fn receive_if(aws: &Aws, queue: &str, more: bool) -> Vec<Message> {
    if more { receive(aws, queue).await } else { Vec::new() }
}

#[tokio::test]
async fn batches_are_limited_in_entries_ids_and_bytes() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "limits", &[]).await;
    let many = |count: usize, bytes: usize| {
        (0..count)
            .map(|number| {
                let entry = SendMessageBatchRequestEntry::builder().id(format!("e{number}"));
                entry.message_body("x".repeat(bytes)).build().unwrap()
            })
            .collect::<Vec<_>>()
    };
    let same = vec![many(1, 1)[0].clone(), many(1, 1)[0].clone()];
    let rows = [
        (many(11, 1), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (same, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ];
    for (entries, expected) in rows {
        let refused = aws.sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await;
        assert_eq!(refused.unwrap_err().code(), Some(expected));
    }
    let largest = aws.sqs.send_message_batch().queue_url(&url).set_entries(Some(many(10, 26_214))).send().await;
    assert_eq!(largest.unwrap().successful().len(), 10);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_an_error_of_its_own() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "gone", &[]).await;
    aws.sqs.delete_queue().queue_url(&url).send().await.unwrap();
    let refused = aws.sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap_err();
    assert!(refused.into_service_error().is_queue_does_not_exist());
    let refused = aws.sqs.get_queue_url().queue_name(aws.name("never")).send().await.unwrap_err();
    assert!(refused.into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn a_purged_queue_is_empty() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "purge", &[]).await;
    send(&aws, &url, "one").await;
    aws.sqs.purge_queue().queue_url(&url).send().await.unwrap();
    receive_nothing(&aws, &url).await;
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::ApproximateNumberOfMessages).await, "0");
}

#[tokio::test]
async fn attributes_can_be_set_afterwards_and_creating_again_changes_nothing() {
    let aws = Aws::connect().await;
    let url = queue(&aws, "again", &[(QueueAttributeName::VisibilityTimeout, "60")]).await;
    assert_eq!(queue(&aws, "again", &[(QueueAttributeName::VisibilityTimeout, "60")]).await, url);
    let request = aws.sqs.set_queue_attributes().queue_url(&url);
    request.attributes(QueueAttributeName::MessageRetentionPeriod, "1209600").send().await.unwrap();
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::MessageRetentionPeriod).await, "1209600");
    assert_eq!(attribute(&aws, &url, &QueueAttributeName::VisibilityTimeout).await, "60");
    let named = aws.sqs.get_queue_url().queue_name(aws.name("again")).send().await.unwrap();
    assert_eq!(named.queue_url(), Some(url.as_str()));
}
