//! SQS: the JSON protocol over queues in memory, journalled to a file.
//!
//! Standard queues only. What the code of this repository relies on is the same as on AWS: at-least-once delivery,
//! visibility timeout and its extension, receive counts, redrive, delay, batches with partial failure, stale receipts,
//! fairness by message group.
//! Two things are stricter than AWS, which leaves them open: messages of a group come in the order of sending, and a stale
//! receipt never deletes. Access policies and encryption attributes are kept and answered, and guard nothing.

mod admin;
mod batch;
mod error;
mod message;
mod messages;
mod queue;
mod queues;
mod ready;
mod settings;

use super::faults::Fault;
use super::messaging::Messaging;
use super::wire::Answer;
use error::{Code, Refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub(super) use batch::{BatchRefused, check_ids};
pub(super) use message::{
    ATTRIBUTES_MAX, Attribute, Attributes, Message, attributes_bytes, check as check_attributes, is_group,
};
pub(super) use queue::Queue;
pub(super) use queues::{Outgoing, Queues};
pub(super) use settings::{MESSAGE_BYTES_MAX, Settings};

/// What came of a request.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    /// The caller would rather wait this long than take this empty answer.
    pub(super) wait: Option<Duration>,
    /// Bytes that are billed; `None` if the request was refused.
    pub(super) billed_bytes: Option<usize>,
}

/// What an operation works with.
struct Context<'a> {
    messaging: &'a mut Messaging,
    body: &'a [u8],
    now_ms: i64,
    fault: Option<Fault>,
}

/// What an operation answers.
struct Done {
    body: Vec<u8>,
    wait: Option<Duration>,
    billed_bytes: usize,
}

/// Performs one request.
pub(super) fn perform(
    messaging: &mut Messaging,
    operation: &str,
    body: &[u8],
    now_ms: i64,
    fault: Option<Fault>,
) -> Outcome {
    let mut context = Context { messaging, body, now_ms, fault };
    match context.perform(operation) {
        Ok(Done { body, wait, billed_bytes }) => {
            Outcome { answer: Answer::json(200, body), wait, billed_bytes: Some(billed_bytes) }
        }
        Err(refusal) => Outcome { answer: refusal.answer(), wait: None, billed_bytes: None },
    }
}

/// How SQS throttles.
pub(super) fn throttled() -> Answer {
    Refusal::new(Code::RequestThrottled, "The request was denied due to request throttling.").answer()
}

/// How SQS answers when its journal cannot be written.
pub(super) fn broken(message: &str) -> Answer {
    Refusal::new(Code::InternalError, message).answer()
}

impl Context<'_> {
    fn perform(&mut self, operation: &str) -> Result<Done, Refusal> {
        match operation {
            "SendMessage" => self.send_message(),
            "SendMessageBatch" => self.send_message_batch(),
            "ReceiveMessage" => self.receive_message(),
            "DeleteMessage" => self.delete_message(),
            "DeleteMessageBatch" => self.delete_message_batch(),
            "ChangeMessageVisibility" => self.change_message_visibility(),
            "ChangeMessageVisibilityBatch" => self.change_message_visibility_batch(),
            "CreateQueue" => self.create_queue(),
            "DeleteQueue" => self.delete_queue(),
            "GetQueueAttributes" => self.get_queue_attributes(),
            "GetQueueUrl" => self.get_queue_url(),
            "ListQueues" => self.list_queues(),
            "PurgeQueue" => self.purge_queue(),
            "SetQueueAttributes" => self.set_queue_attributes(),
            unknown => {
                let message = format!("the embedded AWS does not serve the SQS operation {unknown}");
                Err(Refusal::new(Code::UnsupportedOperation, message))
            }
        }
    }

    fn read<Request: DeserializeOwned>(&self) -> Result<Request, Refusal> {
        serde_json::from_slice(self.body)
            .map_err(|error| Refusal::new(Code::InvalidParameterValue, format!("the request cannot be read: {error}")))
    }
}

impl Done {
    fn with(answer: &impl Serialize) -> Result<Self, Refusal> {
        let body = serde_json::to_vec(answer).map_err(|error| Refusal::new(Code::InternalError, error.to_string()))?;
        Ok(Self { body, wait: None, billed_bytes: 0 })
    }

    fn empty() -> Self {
        Self { body: b"{}".to_vec(), wait: None, billed_bytes: 0 }
    }
}

/// The name in a queue's URL or ARN, which is its last part.
pub(super) fn queue_name(address: &str) -> &str {
    address.rsplit(['/', ':']).next().unwrap_or(address)
}
