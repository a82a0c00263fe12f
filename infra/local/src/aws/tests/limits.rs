//! Limits of AWS that other emulators do not hold, and our code relies on.

use super::{at_noon, bodies, queue, receive};
use aws_sdk_sns::error::ProvideErrorMetadata as _;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};

/// 256 KiB.
const BYTES_MAX: usize = 262_144;

fn sent(id: &str, body: String, delay_seconds: i32) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body).delay_seconds(delay_seconds);
    entry.build().unwrap()
}

fn published(id: &str, message: String) -> PublishBatchRequestEntry {
    PublishBatchRequestEntry::builder().id(id).message(message).build().unwrap()
}

#[tokio::test]
async fn a_message_has_at_most_256_kib_with_its_attributes() {
    let aws = at_noon();
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let url = queue(&sqs, "q", &[]).await;
    // "type", "String" and "a" are 11 bytes.
    for (body, fits) in [(BYTES_MAX - 11, true), (BYTES_MAX - 10, false)] {
        let kind = MessageAttributeValue::builder().data_type("String").string_value("a").build().unwrap();
        let request = sns.publish().topic_arn(&topic).message("x".repeat(body)).message_attributes("type", kind);
        assert_eq!(request.send().await.is_ok(), fits, "SNS, {body} bytes");
        let kind = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value("a");
        let request = sqs.send_message().queue_url(&url).message_body("x".repeat(body));
        let request = request.message_attributes("type", kind.build().unwrap());
        assert_eq!(request.send().await.is_ok(), fits, "SQS, {body} bytes");
    }
}

#[tokio::test]
async fn a_batch_has_at_most_256_kib_in_all() {
    let aws = at_noon();
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let url = queue(&sqs, "q", &[]).await;
    let half = || "x".repeat(BYTES_MAX / 2);
    for (second, fits) in [(half(), true), (half() + "x", false)] {
        let entries = vec![published("a", half()), published("b", second.clone())];
        let request = sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries));
        let code = request.send().await.err().and_then(|error| error.code().map(str::to_owned));
        assert_eq!(code.as_deref(), (!fits).then_some("BatchRequestTooLong"));
        let entries = vec![sent("a", half(), 0), sent("b", second, 0)];
        let result = sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await;
        let code = result.err().and_then(|error| error.code().map(str::to_owned));
        assert_eq!(code.as_deref(), (!fits).then_some("AWS.SimpleQueueService.BatchRequestTooLong"));
    }
}

#[tokio::test]
async fn entries_of_a_batch_fail_one_by_one() {
    let aws = at_noon();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = queue(&sqs, "q", &[]).await;
    let text = |body: &str| body.to_owned();
    let entries = vec![
        sent("late", text("x"), 901),
        sent("good", text("good"), 0),
        sent("control", text("\u{1}"), 0),
        sent("latest", text("x"), 900),
    ];
    let result = sqs.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await.unwrap();
    let successful: Vec<_> = result.successful().iter().map(SendMessageBatchResultEntry::id).collect();
    assert_eq!(successful, ["good", "latest"]);
    let failed: Vec<_> = result.failed().iter().map(|entry| (entry.id(), entry.code(), entry.sender_fault())).collect();
    let expected = [("late", "InvalidParameterValue", true), ("control", "InvalidMessageContents", true)];
    assert_eq!(failed, expected);
    assert_eq!(bodies(&receive(&sqs, &url).await), ["good"]);

    let sns = aws_sdk_sns::Client::new(&aws.sdk_config());
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let entries = vec![published("empty", String::new()), published("good", text("good"))];
    let request = sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries));
    let result = request.send().await.unwrap();
    assert_eq!(result.successful()[0].id(), Some("good"));
    assert_eq!((result.failed()[0].id(), result.failed()[0].code()), ("empty", "InvalidParameter"));
}

#[tokio::test]
async fn a_message_that_cannot_be_delivered_goes_to_the_dead_letters_of_its_subscription() {
    let aws = at_noon();
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let (url, dead) = (queue(&sqs, "q", &[]).await, queue(&sqs, "dead", &[]).await);
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let request = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn("q"));
    let request = request.attributes("RawMessageDelivery", "true");
    let policy = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, arn("dead"));
    request.attributes("RedrivePolicy", policy).send().await.unwrap();
    // A queue takes ten attributes, a topic more.
    for (message, attributes) in [("ten", 10), ("eleven", 11)] {
        let mut request = sns.publish().topic_arn(&topic).message(message);
        for number in 0..attributes {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value("x").build().unwrap();
            request = request.message_attributes(format!("a{number}"), attribute);
        }
        request.send().await.unwrap();
    }
    assert_eq!(bodies(&receive(&sqs, &url).await), ["ten"]);
    sqs.delete_queue().queue_url(&url).send().await.unwrap();
    sns.publish().topic_arn(&topic).message("no queue").send().await.unwrap();
    assert_eq!(bodies(&receive(&sqs, &dead).await), ["eleven", "no queue"]);
}
