//! What only the embedded AWS can show: a turned clock, a restart, faults, signed links, the meter.
//!
//! Everything that any AWS-compatible endpoint must do is in the conformance suite instead.

mod faults;
mod groups;
mod limits;
mod links;
mod meter;
mod queues;
mod restart;
mod tampering;

use super::{EmbeddedAws, Storage};
use cloud::Clock;
use jiff::{SignedDuration, Timestamp};

/// Where the tests' clocks start: noon, 21 November 2026.
fn noon() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// An embedded AWS in memory, under a clock that stands at noon.
fn at_noon() -> EmbeddedAws {
    EmbeddedAws::open(Storage::Memory, Clock::fixed(noon())).unwrap()
}

/// Turns the clock on.
fn turn(aws: &EmbeddedAws, seconds: i64) {
    let now = aws.clock().now();
    assert!(aws.clock().turn_to(now + SignedDuration::from_secs(seconds)));
}

/// A queue with attributes; its URL.
async fn queue(sqs: &aws_sdk_sqs::Client, name: &str, attributes: &[(&str, &str)]) -> String {
    let mut request = sqs.create_queue().queue_name(name);
    for (name, value) in attributes {
        request = request.attributes((*name).into(), *value);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

async fn send(sqs: &aws_sdk_sqs::Client, queue: &str, body: &str) {
    sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

async fn receive(sqs: &aws_sdk_sqs::Client, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let request = sqs.receive_message().queue_url(queue).max_number_of_messages(10);
    let request = request.message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All);
    request.send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[aws_sdk_sqs::types::Message]) -> Vec<&str> {
    messages.iter().filter_map(|message| message.body()).collect()
}

/// A table with the keys that all tables have.
async fn table(dynamo: &aws_sdk_dynamodb::Client, name: &str) {
    use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
    let mut request = dynamo.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(attribute.build().unwrap());
        request = request.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap());
    }
    request.send().await.unwrap();
}
