//! Publishing: events to the topic in batches, and delayed messages to the webhook function's own queue.
//!
//! Queues filter by the attributes `type` and, of usage, `lap`, which must be the lap in which the message is published:
//! [`domain::usage::watermark`] says why. Usage has the tenant for its message group, with which SQS deals fairly: a
//! tenant that sends a lot does not hold up the others.

use crate::{Fault, World};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use domain::usage::watermark::Parity;
use events::Message;
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use std::collections::HashSet;

/// Messages of one `PublishBatch` (AWS limit).
const BATCH_MESSAGES_MAX: usize = 10;
/// Requests of [`World::publish_many`] on their way at a time: 40 messages, so that 100,000 of them take 50 s if a request
/// takes 20 ms. That is 2,000 messages a second; what the quota of SNS in a region throttles is retried.
const PUBLISHES_AT_ONCE: usize = 4;
/// Bytes of one message and of one `PublishBatch`, bodies and attributes together (AWS limit: 256 KiB).
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// What the attributes of one message may add to its body.
pub const MESSAGE_OVERHEAD_BYTES_MAX: usize = 512;
/// Types that begin so are usage.
const USAGE: &str = "usage.";
/// Longest delay of a queued message (AWS limit: 15 minutes).
const DELAY_SECONDS_MAX: i64 = 900;

/// Some messages were not taken by the topic; the others were.
#[derive(Debug, thiserror::Error)]
#[error("{} messages were not published", refused.len())]
pub struct PublishError {
    /// Positions of the messages that were refused, ascending.
    pub refused: Vec<usize>,
    /// Why the first of them was.
    #[source]
    pub cause: Fault,
}

impl World {
    /// Publishes `messages` in as few requests as fit; on an error says which of them were not taken.
    pub async fn publish(&self, messages: &[Message]) -> Result<(), PublishError> {
        let mut refused: Vec<usize> = Vec::new();
        let mut cause = None;
        for batch in batches(messages) {
            if let Err(failed) = self.publish_batch(messages, &batch).await {
                refused.extend(failed.refused);
                cause.get_or_insert(failed.cause);
            }
        }
        match cause {
            None => Ok(()),
            Some(cause) => Err(PublishError { refused, cause }),
        }
    }

    /// As [`Self::publish`], some requests at a time: for more messages than one after the other have time for. The first
    /// fault is answered after everything was tried, and does not say which messages were not taken.
    pub async fn publish_many(&self, messages: &[Message]) -> Result<(), Fault> {
        let requests = stream::iter(batches(messages))
            .map(|batch| async move { self.publish_batch(messages, &batch).await })
            .buffer_unordered(PUBLISHES_AT_ONCE);
        let failed = requests.filter_map(|published| async { published.err() });
        let faults: Vec<Fault> = failed.map(|failed| failed.cause).collect().await;
        faults.into_iter().next().map_or(Ok(()), Err)
    }

    async fn publish_batch(&self, messages: &[Message], batch: &[usize]) -> Result<(), PublishError> {
        let all_refused = |cause| PublishError { refused: batch.to_vec(), cause };
        let entries = batch
            .iter()
            .map(|&position| entry(position, &messages[position]))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| all_refused(Fault::permanent("sns:PublishBatch", error)))?;
        let request = self.sns().publish_batch().topic_arn(&self.settings().topic_arn);
        let answer = request
            .set_publish_batch_request_entries(Some(entries))
            .send()
            .await
            .map_err(|error| all_refused(Fault::of_call("sns:PublishBatch", error)))?;
        // Taken is only what SNS says it took: an entry that is in neither of its lists is sent again.
        let taken: HashSet<usize> = answer.successful().iter().filter_map(|entry| entry.id()?.parse().ok()).collect();
        let refused: Vec<usize> = batch.iter().copied().filter(|position| !taken.contains(position)).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let first = answer.failed().first();
        let cause = first.map(|entry| format!("{}: {}", entry.code(), entry.message().unwrap_or_default()));
        let cause = cause.unwrap_or_else(|| "an entry was not answered".to_owned()).into();
        Err(PublishError { refused, cause: Fault::Transient { operation: "sns:PublishBatch", cause } })
    }

    /// Sends `message` to the webhook function's own queue, to arrive after `delay` or the longest that SQS can.
    pub async fn send_to_webhook_queue(&self, message: &Message, delay: SignedDuration) -> Result<(), Fault> {
        let request = self.sqs().send_message().queue_url(&self.settings().webhook_queue_url);
        let sent = request.message_body(&message.body).delay_seconds(delay_seconds(delay)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("sqs:SendMessage", error))
    }

    /// Sends `message` to the webhook function's dead-letter queue: its delivery was given up.
    pub async fn send_to_webhook_dead_letters(&self, message: &Message) -> Result<(), Fault> {
        let request = self.sqs().send_message().queue_url(&self.settings().webhook_dead_letter_queue_url);
        let sent = request.message_body(&message.body).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("sqs:SendMessage", error))
    }
}

/// Whole seconds, rounded up: what arrives too early is only sent again.
fn delay_seconds(delay: SignedDuration) -> i32 {
    let seconds = delay.as_secs().saturating_add(i64::from(delay.subsec_nanos() > 0));
    i32::try_from(seconds.clamp(0, DELAY_SECONDS_MAX)).unwrap_or(0)
}

/// Positions of `messages` in batches that respect both limits of AWS.
fn batches(messages: &[Message]) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for (position, message) in messages.iter().enumerate() {
        let size = message.body.len() + MESSAGE_OVERHEAD_BYTES_MAX;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_MESSAGES_MAX && bytes + size <= BATCH_BYTES_MAX => {
                batch.push(position);
                bytes += size;
            }
            _ => {
                batches.push(vec![position]);
                bytes = size;
            }
        }
    }
    batches
}

fn entry(position: usize, message: &Message) -> Result<PublishBatchRequestEntry, aws_sdk_sns::error::BuildError> {
    let attribute = |value: String| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    let tenant = message.tenant_id.to_string();
    PublishBatchRequestEntry::builder()
        .id(position.to_string())
        .message(&message.body)
        .set_message_group_id(message.event_type.starts_with(USAGE).then(|| tenant.clone()))
        .message_attributes("type", attribute(message.event_type.clone())?)
        .message_attributes("tenant", attribute(tenant)?)
        .message_attributes("lap", attribute(Parity::of(message.time).as_str().to_owned())?)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::{EventId, TenantId};
    use rstest::rstest;

    fn message(bytes: usize) -> Message {
        Message {
            id: EventId::derived(&["1"]),
            event_type: "usage.recorded.v1".to_owned(),
            tenant_id: TenantId::derived(&["acme"]),
            time: "2026-06-01T12:06:00Z".parse().unwrap(),
            body: "x".repeat(bytes),
        }
    }

    #[rstest]
    #[case::past(SignedDuration::from_secs(-5), 0)]
    #[case::now(SignedDuration::ZERO, 0)]
    #[case::rounded_up(SignedDuration::from_millis(5_001), 6)]
    #[case::whole(SignedDuration::from_secs(900), 900)]
    #[case::longer_than_sqs_can(SignedDuration::from_hours(20), 900)]
    fn a_delay_is_rounded_up_and_bounded(#[case] delay: SignedDuration, #[case] expect: i32) {
        assert_eq!(delay_seconds(delay), expect);
    }

    #[rstest]
    #[case::usage("usage.recorded.v1", true)]
    #[case::facts("invoice.ready.v1", false)]
    fn usage_is_grouped_by_tenant_and_everything_has_its_lap(#[case] event_type: &str, #[case] grouped: bool) {
        let message = Message { event_type: event_type.to_owned(), ..message(1) };
        let entry = entry(0, &message).unwrap();
        let tenant = message.tenant_id.to_string();
        assert_eq!(entry.message_group_id(), grouped.then_some(tenant.as_str()));
        let attributes = entry.message_attributes().unwrap();
        let text = |name: &str| attributes[name].string_value().unwrap();
        assert_eq!((text("type"), text("tenant"), text("lap")), (event_type, tenant.as_str(), "odd"));
    }

    const FULL: usize = BATCH_BYTES_MAX - MESSAGE_OVERHEAD_BYTES_MAX;

    #[rstest]
    #[case::none(&[], &[])]
    #[case::ten_small(&[1; 10], &[10])]
    #[case::eleven_small(&[1; 11], &[10, 1])]
    #[case::two_full(&[FULL, FULL], &[1, 1])]
    #[case::two_halves(&[FULL / 2, FULL / 2 - MESSAGE_OVERHEAD_BYTES_MAX], &[2])]
    #[case::a_byte_too_many(&[FULL, 1], &[1, 1])]
    fn batches_respect_both_limits(#[case] sizes: &[usize], #[case] expect: &[usize]) {
        let messages: Vec<Message> = sizes.iter().map(|bytes| message(*bytes)).collect();
        assert_eq!(batches(&messages).iter().map(Vec::len).collect::<Vec<_>>(), expect);
    }
}
