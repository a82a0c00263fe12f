//! SQS batches, solved once: each message alone, a bound on how many at a time, and only the failed ones return.
//!
//! Invariants: one message's fault or panic holds up no other; a message that is no event fails until SQS moves it to
//! the dead-letter queue; what failed is logged once, here, with the correlation id of its request; what a message costs
//! is its tenant's.

use crate::{
    Fault,
    spend::{self, Amounts},
};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use events::{DecodeError, Header};
use futures::{FutureExt, StreamExt, stream};
use std::{future::Future, panic::AssertUnwindSafe};
use tracing::Instrument;

/// One message of a batch.
#[derive(Clone, Debug)]
pub struct Record {
    /// How SQS names it in the answer.
    pub message_id: String,
    /// The attributes of its envelope.
    pub header: Header,
    /// The whole envelope.
    pub body: String,
}

/// Splits a batch into events and the ids of messages that are none.
#[must_use]
pub fn records(event: SqsEvent) -> (Vec<Record>, Vec<String>) {
    let (mut records, mut malformed) = (Vec::new(), Vec::new());
    for message in event.records {
        let message_id = message.message_id.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        match Header::decode(&body) {
            Ok(header) => records.push(Record { message_id, header, body }),
            Err(error) => {
                tracing::error!(%message_id, %error, "the message is no event");
                malformed.push(message_id);
            }
        }
    }
    (records, malformed)
}

/// Runs `handler` on each message, at most `at_once` at a time, and answers which of them to deliver again.
pub async fn each<F, H>(event: SqsEvent, at_once: usize, handler: H) -> SqsBatchResponse
where
    F: Future<Output = Result<(), Fault>>,
    H: Fn(Record) -> F,
{
    let (records, mut failed) = records(event);
    let handled = stream::iter(records).map(|record| guarded(&handler, record)).buffer_unordered(at_once.max(1));
    failed.extend(handled.filter_map(|failed| async { failed }).collect::<Vec<_>>().await);
    response(failed)
}

/// The answer that returns the messages `failed`.
#[must_use]
pub fn response(failed: Vec<String>) -> SqsBatchResponse {
    let failure = |item_identifier| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = item_identifier;
        failure
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed.into_iter().map(failure).collect();
    response
}

/// A message of the right envelope whose data is not of its type's shape.
#[must_use]
pub fn malformed(error: DecodeError) -> Fault {
    Fault::permanent("decode event", error)
}

async fn guarded<F, H>(handler: &H, record: Record) -> Option<String>
where
    F: Future<Output = Result<(), Fault>>,
    H: Fn(Record) -> F,
{
    let message_id = record.message_id.clone();
    let span = tracing::info_span!(
        "event",
        id = %record.header.id,
        event_type = %record.header.event_type,
        tenant = %record.header.subject,
        correlation_id = %record.header.correlationid,
    );
    // The guard needs unwinding, which is why Cargo.toml says panic = "unwind".
    let tenant_id = record.header.subject;
    let handled = async {
        spend::add(&Amounts { messages: 1, ..Amounts::default() });
        AssertUnwindSafe(handler(record)).catch_unwind().await
    };
    let outcome = spend::of_tenant(tenant_id, handled).instrument(span.clone()).await;
    let _entered = span.enter();
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => {
            tracing::warn!(fault = %fault.chain(), "the event will be delivered again");
            Some(message_id)
        }
        Err(_) => {
            tracing::error!("the handler panicked; the event will be delivered again");
            Some(message_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::sqs::SqsMessage;

    fn message(message_id: &str, body: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(message_id.to_owned());
        message.body = Some(body.to_owned());
        message
    }

    fn envelope(event_type: &str) -> String {
        let id = domain::id::EventId::derived(&[event_type]);
        let tenant = domain::id::TenantId::derived(&["acme"]);
        format!(r#"{{"id":"{id}","type":"{event_type}","subject":"{tenant}","correlationid":"c"}}"#)
    }

    #[tokio::test]
    async fn only_what_failed_returns() {
        let mut event = SqsEvent::default();
        event.records = vec![
            message("good", &envelope("good")),
            message("faulty", &envelope("faulty")),
            message("panics", &envelope("panics")),
            message("poison", "not an envelope"),
            message("after", &envelope("after")),
        ];
        let response = each(event, 2, |record| async move {
            match record.header.event_type.as_str() {
                "faulty" => Err(Fault::Conflict { operation: "test" }),
                "panics" => panic!("a bug in the handler"),
                _ => Ok(()),
            }
        })
        .await;
        let mut failed: Vec<_> = response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
        failed.sort();
        assert_eq!(failed, ["faulty", "panics", "poison"]);
    }
}
