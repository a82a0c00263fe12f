//! The operations on messages: send, receive, delete, hold for longer.

use super::super::faults::Fault;
use super::batch::{Results, check_ids};
use super::error::{Code, Refusal};
use super::message::{self, ATTRIBUTES_MAX, Attributes, Message};
use super::queue::{IN_FLIGHT_MAX, Receipt, Reception};
use super::queues::Outgoing;
use super::settings::MESSAGE_BYTES_MAX;
use super::{Context, Done, admin, queue_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most messages of one `ReceiveMessage`.
const RECEIVE_MESSAGES_MAX: i64 = 10;
/// Longest wait of one `ReceiveMessage`.
const WAIT_SECONDS_MAX: i64 = 20;
/// Longest visibility timeout.
const VISIBILITY_SECONDS_MAX: i64 = 43_200;
/// Longest delay of a message.
const DELAY_SECONDS_MAX: i64 = 900;
/// `SenderId` of everybody.
const SENDER: &str = "AIDAEMBEDDED";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<Entry> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<Entry>,
}

/// One message: a whole `SendMessage`, or an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
    message_group_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    body_digest: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// The answer to a `ReceiveMessage`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Received<'a> {
    messages: Vec<Shown<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    message_id: &'a str,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    body_digest: String,
    body: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_digest: Option<String>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    message_attributes: Attributes,
}

/// One hand-out: a whole `DeleteMessage` or `ChangeMessageVisibility`, or an entry of a batch of them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Held {
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
}

impl Context<'_> {
    pub(super) fn send_message(&mut self) -> Result<Done, Refusal> {
        let request: Send = self.read()?;
        let queue = queue_name(&request.queue_url).to_owned();
        self.queue(&queue)?;
        let bytes = sent_bytes(&request);
        let sent = self.send(&queue, request)?;
        Ok(Done { billed_bytes: bytes, ..Done::with(&sent)? })
    }

    pub(super) fn send_message_batch(&mut self) -> Result<Done, Refusal> {
        let request: Batch<Send> = self.read()?;
        let queue = queue_name(&request.queue_url).to_owned();
        self.queue(&queue)?;
        check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let bytes: usize = request.entries.iter().map(sent_bytes).sum();
        if bytes > MESSAGE_BYTES_MAX {
            let message =
                format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent {bytes} bytes.");
            return Err(Refusal::new(Code::BatchRequestTooLong, message));
        }
        let mut results = Results::new();
        for entry in request.entries {
            results.push(entry.id.clone(), self.send(&queue, entry));
        }
        Ok(Done { billed_bytes: bytes, ..Done::with(&results)? })
    }

    fn send(&mut self, queue: &str, send: Send) -> Result<Sent, Refusal> {
        let bytes_max = self.queue(queue)?.settings.message_bytes_max();
        check_message(&send, bytes_max)?;
        let messaging = &mut *self.messaging;
        let sent = Sent {
            id: send.id,
            message_id: messaging.ids.next(),
            body_digest: message::body_digest(&send.message_body),
            attributes_digest: message::attributes_digest(&send.message_attributes),
        };
        let trace_header = send.message_system_attributes.get("AWSTraceHeader");
        let outgoing = Outgoing {
            id: sent.message_id.clone(),
            body: send.message_body,
            attributes: send.message_attributes,
            group: send.message_group_id,
            trace_header: trace_header.and_then(|header| header.string_value.clone()),
            delay_ms: send.delay_seconds.map(|seconds| seconds * 1_000),
        };
        messaging.queues.send(queue, outgoing, self.now_ms, &mut messaging.journal);
        messaging.arrived = true;
        Ok(sent)
    }

    pub(super) fn receive_message(&mut self) -> Result<Done, Refusal> {
        let request: Receive = self.read()?;
        let name = queue_name(&request.queue_url).to_owned();
        let count = request.max_number_of_messages.unwrap_or(1);
        within("MaxNumberOfMessages", count, 1, RECEIVE_MESSAGES_MAX)?;
        within("VisibilityTimeout", request.visibility_timeout.unwrap_or(0), 0, VISIBILITY_SECONDS_MAX)?;
        within("WaitTimeSeconds", request.wait_time_seconds.unwrap_or(0), 0, WAIT_SECONDS_MAX)?;
        let queue = self.queue(&name)?;
        if queue.in_flight() >= IN_FLIGHT_MAX {
            return Err(Refusal::new(Code::OverLimit, "Too many messages in flight."));
        }
        let wait_seconds = request.wait_time_seconds.unwrap_or_else(|| queue.settings.wait_seconds());
        let visibility_ms =
            request.visibility_timeout.map_or_else(|| queue.settings.visibility_ms(), |seconds| seconds * 1_000);
        let wanted = Reception {
            now_ms: self.now_ms,
            messages_max: usize::try_from(count).unwrap_or(1),
            visibility_ms,
            newest_first: self.fault == Some(Fault::ReorderDelivery),
            receives_max: None,
        };
        let messages = self.hand_out(&name, wanted)?;
        let shown = messages.iter().map(|message| shown(&name, message, &request)).collect();
        let mut done = Done::with(&Received { messages: shown })?;
        done.billed_bytes = messages.iter().map(Message::bytes).sum();
        done.wait = u64::try_from(wait_seconds)
            .ok()
            .filter(|seconds| *seconds > 0 && messages.is_empty())
            .map(Duration::from_secs);
        Ok(done)
    }

    fn hand_out(&mut self, name: &str, wanted: Reception) -> Result<Vec<Message>, Refusal> {
        let messaging = &mut *self.messaging;
        let received = messaging.queues.receive(name, wanted, &mut messaging.journal);
        let (queue, messages) = received.ok_or_else(Refusal::no_queue)?;
        if self.fault == Some(Fault::DuplicateDelivery) {
            queue.release(messages.iter().map(|message| message.sequence), self.now_ms);
        }
        Ok(messages)
    }

    pub(super) fn delete_message(&mut self) -> Result<Done, Refusal> {
        let held: Held = self.read()?;
        let queue = queue_name(&held.queue_url).to_owned();
        self.delete(&queue, &held)?;
        Ok(Done::empty())
    }

    pub(super) fn delete_message_batch(&mut self) -> Result<Done, Refusal> {
        self.each_held(Self::delete)
    }

    fn delete(&mut self, name: &str, held: &Held) -> Result<(), Refusal> {
        let receipt = receipt(name, held)?;
        if let Some(sequence) = self.queue(name)?.delete(receipt) {
            self.messaging.journal.message_gone(name, sequence);
        }
        Ok(())
    }

    pub(super) fn change_message_visibility(&mut self) -> Result<Done, Refusal> {
        let held: Held = self.read()?;
        let queue = queue_name(&held.queue_url).to_owned();
        self.change_visibility(&queue, &held)?;
        Ok(Done::empty())
    }

    pub(super) fn change_message_visibility_batch(&mut self) -> Result<Done, Refusal> {
        self.each_held(Self::change_visibility)
    }

    fn change_visibility(&mut self, name: &str, held: &Held) -> Result<(), Refusal> {
        let seconds = held.visibility_timeout.unwrap_or(0);
        within("VisibilityTimeout", seconds, 0, VISIBILITY_SECONDS_MAX)?;
        self.queue(name)?;
        let receipt = receipt(name, held)?;
        let messaging = &mut *self.messaging;
        let queue = messaging.queues.0.get_mut(name).ok_or_else(Refusal::no_queue)?;
        let message = queue.change_visibility(receipt, seconds * 1_000, self.now_ms)?;
        messaging.journal.message_state(name, message);
        messaging.arrived |= seconds == 0;
        Ok(())
    }

    fn each_held(&mut self, perform: impl Fn(&mut Self, &str, &Held) -> Result<(), Refusal>) -> Result<Done, Refusal> {
        let request: Batch<Held> = self.read()?;
        let queue = queue_name(&request.queue_url).to_owned();
        self.queue(&queue)?;
        check_ids(request.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut results = Results::new();
        for held in request.entries {
            let result = perform(self, &queue, &held).map(|()| Entry { id: held.id.clone() });
            results.push(held.id, result);
        }
        Done::with(&results)
    }
}

fn receipt<'a>(queue: &str, held: &'a Held) -> Result<Receipt<'a>, Refusal> {
    let receipt = Receipt::read(&held.receipt_handle, queue);
    receipt.ok_or_else(|| Refusal::new(Code::ReceiptHandleIsInvalid, "The input receipt handle is invalid."))
}

fn sent_bytes(send: &Send) -> usize {
    send.message_body.len() + message::attributes_bytes(&send.message_attributes)
}

fn within(parameter: &str, value: i64, least: i64, most: i64) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!(
        "Value {value} for parameter {parameter} is invalid. Reason: Must be between {least} and {most}, if provided."
    );
    Err(Refusal::new(Code::InvalidParameterValue, message))
}

fn check_message(send: &Send, bytes_max: usize) -> Result<(), Refusal> {
    within("DelaySeconds", send.delay_seconds.unwrap_or(0), 0, DELAY_SECONDS_MAX)?;
    if send.message_body.is_empty() {
        return Err(Refusal::new(Code::MissingParameter, "The request must contain the parameter MessageBody."));
    }
    let attributes = send.message_attributes.len();
    if attributes > ATTRIBUTES_MAX {
        let message = format!("Number of message attributes [{attributes}] exceeds the allowed maximum [10].");
        return Err(Refusal::new(Code::InvalidParameterValue, message));
    }
    if send.message_group_id.as_deref().is_some_and(|group| !message::is_group(group)) {
        let message = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
        return Err(Refusal::new(Code::InvalidParameterValue, message));
    }
    message::check(&send.message_attributes).map_err(|message| Refusal::new(Code::InvalidParameterValue, message))?;
    if sent_bytes(send) > bytes_max {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes.");
        return Err(Refusal::new(Code::InvalidParameterValue, message));
    }
    if send.message_body.chars().all(is_allowed) {
        Ok(())
    } else {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
        Err(Refusal::new(Code::InvalidMessageContents, message))
    }
}

/// The characters of XML 1.0, which are those that SQS takes.
fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}

/// A message as `ReceiveMessage` shows it to this caller.
fn shown<'a>(queue: &str, message: &'a Message, request: &Receive) -> Shown<'a> {
    let asked = |name: &str| request.message_attribute_names.iter().any(|pattern| matches_name(pattern, name));
    let attributes = message.attributes.iter().filter(|(name, _)| asked(name));
    let message_attributes: Attributes = attributes.map(|(name, value)| (name.clone(), value.clone())).collect();
    Shown {
        message_id: &message.id,
        receipt_handle: Receipt::write(queue, message),
        body_digest: message::body_digest(&message.body),
        body: &message.body,
        attributes: system_attributes(message, request),
        attributes_digest: message::attributes_digest(&message_attributes),
        message_attributes,
    }
}

fn system_attributes(message: &Message, request: &Receive) -> BTreeMap<&'static str, String> {
    let mut attributes = BTreeMap::from([
        ("SenderId", SENDER.to_owned()),
        ("SentTimestamp", message.sent_ms.to_string()),
        ("ApproximateReceiveCount", message.receive_count.to_string()),
    ]);
    if let Some(first_ms) = message.first_received_ms {
        attributes.insert("ApproximateFirstReceiveTimestamp", first_ms.to_string());
    }
    if let Some(source) = &message.dead_letter_source {
        attributes.insert("DeadLetterQueueSourceArn", admin::arn(source));
    }
    if let Some(header) = &message.trace_header {
        attributes.insert("AWSTraceHeader", header.clone());
    }
    if let Some(group) = &message.group {
        attributes.insert("MessageGroupId", group.clone());
    }
    let names = || request.attribute_names.iter().chain(&request.message_system_attribute_names);
    attributes.retain(|name, _| names().any(|asked| asked == "All" || asked == name));
    attributes
}

/// `All`, `.*`, `prefix.*` or a name.
fn matches_name(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == "All" || pattern == name,
    }
}
