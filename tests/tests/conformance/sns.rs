//! SNS: fan-out to SQS with filter policies, raw or wrapped, single or in batches.

use super::support::Aws;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::Value;

/// Long enough for an endpoint that delivers a little later; the embedded AWS has delivered before it answers.
const WAIT_SECONDS: i32 = 2;

struct Subscribed {
    topic: String,
    queue_url: String,
}

async fn topic(aws: &Aws) -> String {
    aws.sns.create_topic().name(aws.name("topic")).send().await.unwrap().topic_arn.unwrap()
}

async fn subscribe(aws: &Aws, topic: &str, queue: &str, attributes: &[(&str, &str)]) -> Subscribed {
    let created = aws.sqs.create_queue().queue_name(aws.name(queue)).send().await.unwrap();
    let queue_url = created.queue_url.unwrap();
    let request = aws.sqs.get_queue_attributes().queue_url(&queue_url).attribute_names(QueueAttributeName::QueueArn);
    let arn = request.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let mut request = aws.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
    for (name, value) in attributes {
        request = request.attributes(*name, *value);
    }
    request.return_subscription_arn(true).send().await.unwrap();
    Subscribed { topic: topic.to_owned(), queue_url }
}

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

async fn publish(aws: &Aws, topic: &str, kind: &str, message: &str) {
    let request = aws.sns.publish().topic_arn(topic).message(message);
    request.message_attributes("type", text(kind)).message_attributes("tenant", text("t1")).send().await.unwrap();
}

/// Everything that arrives until nothing more does.
async fn drain(aws: &Aws, queue_url: &str, at_least: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let wait = if messages.len() < at_least { WAIT_SECONDS } else { 0 };
        let request = aws.sqs.receive_message().queue_url(queue_url).max_number_of_messages(10).wait_time_seconds(wait);
        let received = request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default();
        if received.is_empty() {
            return messages;
        }
        messages.extend(received);
    }
}

async fn bodies(aws: &Aws, queue_url: &str, at_least: usize) -> Vec<String> {
    let messages = drain(aws, queue_url, at_least).await;
    let mut bodies: Vec<String> = messages.into_iter().filter_map(|message| message.body).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn a_raw_subscriber_gets_the_message_and_its_attributes() {
    let aws = Aws::connect().await;
    let Subscribed { topic, queue_url } =
        subscribe(&aws, &topic(&aws).await, "raw", &[("RawMessageDelivery", "true")]).await;
    publish(&aws, &topic, "invoice.ready.v1", r#"{"id":"<&>"}"#).await;
    let messages = drain(&aws, &queue_url, 1).await;
    let [message] = messages.as_slice() else { panic!("one message, not {messages:?}") };
    assert_eq!(message.body(), Some(r#"{"id":"<&>"}"#));
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["type"].string_value(), Some("invoice.ready.v1"));
    assert_eq!(attributes["tenant"].string_value(), Some("t1"));
}

#[tokio::test]
async fn a_standard_topic_takes_a_message_group() {
    let aws = Aws::connect().await;
    let Subscribed { topic, queue_url } =
        subscribe(&aws, &topic(&aws).await, "fair", &[("RawMessageDelivery", "true")]).await;
    let entry = |id: &str| PublishBatchRequestEntry::builder().id(id).message(id);
    let request = aws.sns.publish_batch().topic_arn(&topic);
    let request = request.publish_batch_request_entries(entry("grouped").message_group_id("ten_1").build().unwrap());
    request.publish_batch_request_entries(entry("alone").build().unwrap()).send().await.unwrap();
    assert_eq!(bodies(&aws, &queue_url, 2).await, ["alone", "grouped"]);
}

#[tokio::test]
async fn a_plain_subscriber_gets_the_message_in_an_envelope() {
    let aws = Aws::connect().await;
    let Subscribed { topic, queue_url } = subscribe(&aws, &topic(&aws).await, "wrapped", &[]).await;
    publish(&aws, &topic, "invoice.ready.v1", "hello").await;
    let messages = drain(&aws, &queue_url, 1).await;
    let envelope: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    assert_eq!(envelope["Type"], "Notification");
    assert_eq!(envelope["Message"], "hello");
    assert_eq!(envelope["TopicArn"], topic.as_str());
    assert_eq!(envelope["MessageAttributes"]["type"]["Value"], "invoice.ready.v1");
}

#[tokio::test]
async fn a_filter_policy_lets_through_what_it_names() {
    let rows: [(&str, &[&str]); 5] = [
        (r#"{"type":["invoice.created.v1","invoice.ready.v1"]}"#, &["invoice.created.v1", "invoice.ready.v1"]),
        (r#"{"type":[{"prefix":"invoice."}]}"#, &["invoice.created.v1", "invoice.ready.v1"]),
        (r#"{"type":[{"anything-but":["usage.recorded.v1"]}]}"#, &["invoice.created.v1", "invoice.ready.v1"]),
        (r#"{"type":["usage.recorded.v1"],"tenant":["t2"]}"#, &[]),
        (r#"{"tenant":[{"exists":true}],"type":["usage.recorded.v1"]}"#, &["usage.recorded.v1"]),
    ];
    for (policy, expected) in rows {
        let aws = Aws::connect().await;
        let attributes = [("RawMessageDelivery", "true"), ("FilterPolicy", policy)];
        let topic = topic(&aws).await;
        let filtered = subscribe(&aws, &topic, "filtered", &attributes).await;
        // Gets everything: when it has all three, the filtered queue has what it will ever have.
        let unfiltered = subscribe(&aws, &topic, "unfiltered", &[("RawMessageDelivery", "true")]).await;
        for kind in ["invoice.created.v1", "invoice.ready.v1", "usage.recorded.v1"] {
            publish(&aws, &topic, kind, kind).await;
        }
        let all = bodies(&aws, &unfiltered.queue_url, 3).await;
        assert_eq!(all, ["invoice.created.v1", "invoice.ready.v1", "usage.recorded.v1"]);
        assert_eq!(bodies(&aws, &filtered.queue_url, expected.len()).await, expected, "{policy}");
    }
}

#[tokio::test]
async fn a_batch_is_delivered_entry_by_entry() {
    let aws = Aws::connect().await;
    let attributes = [("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"type":["a"]}"#)];
    let Subscribed { topic, queue_url } = subscribe(&aws, &topic(&aws).await, "batch", &attributes).await;
    let entries = ["a", "b", "a"].iter().enumerate().map(|(number, kind)| {
        let entry = PublishBatchRequestEntry::builder().id(format!("e{number}")).message(format!("m{number}"));
        entry.message_attributes("type", text(kind)).build().unwrap()
    });
    let request = aws.sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries.collect()));
    let published = request.send().await.unwrap();
    assert_eq!((published.successful().len(), published.failed().len()), (3, 0));
    assert_eq!(bodies(&aws, &queue_url, 2).await, ["m0", "m2"]);
}

#[tokio::test]
async fn batches_are_limited_in_entries_and_ids() {
    let aws = Aws::connect().await;
    let topic = topic(&aws).await;
    let many = |count: usize| {
        (0..count)
            .map(|number| {
                let entry = PublishBatchRequestEntry::builder().id(format!("e{number}"));
                entry.message("x").build().unwrap()
            })
            .collect::<Vec<_>>()
    };
    let same = vec![many(1)[0].clone(), many(1)[0].clone()];
    let rows = [(many(11), "TooManyEntriesInBatchRequest"), (same, "BatchEntryIdsNotDistinct")];
    for (entries, expected) in rows {
        let request = aws.sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries));
        assert_eq!(request.send().await.unwrap_err().code(), Some(expected));
    }
}

#[tokio::test]
async fn making_a_topic_or_a_subscription_again_answers_the_same() {
    let aws = Aws::connect().await;
    let first = topic(&aws).await;
    assert_eq!(topic(&aws).await, first);
    let attributes = [("RawMessageDelivery", "true")];
    subscribe(&aws, &first, "again", &attributes).await;
    subscribe(&aws, &first, "again", &attributes).await;
    let listed = aws.sns.list_subscriptions_by_topic().topic_arn(&first).send().await.unwrap();
    assert_eq!(listed.subscriptions().len(), 1);
}

#[tokio::test]
async fn a_filter_policy_can_be_changed_afterwards() {
    let aws = Aws::connect().await;
    let attributes = [("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"type":["a"]}"#)];
    let Subscribed { topic, queue_url } = subscribe(&aws, &topic(&aws).await, "changed", &attributes).await;
    let listed = aws.sns.list_subscriptions_by_topic().topic_arn(&topic).send().await.unwrap();
    let arn = listed.subscriptions()[0].subscription_arn().unwrap();
    let request = aws.sns.set_subscription_attributes().subscription_arn(arn).attribute_name("FilterPolicy");
    request.attribute_value(r#"{"type":["b"]}"#).send().await.unwrap();
    publish(&aws, &topic, "a", "a").await;
    publish(&aws, &topic, "b", "b").await;
    assert_eq!(bodies(&aws, &queue_url, 1).await, ["b"]);
    let read = aws.sns.get_subscription_attributes().subscription_arn(arn).send().await.unwrap();
    assert_eq!(read.attributes().unwrap()["FilterPolicy"], r#"{"type":["b"]}"#);
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_an_error_of_its_own() {
    let aws = Aws::connect().await;
    let arn = format!("{}x", topic(&aws).await);
    let refused = aws.sns.publish().topic_arn(arn).message("x").send().await.unwrap_err();
    assert!(refused.into_service_error().is_not_found_exception());
}
