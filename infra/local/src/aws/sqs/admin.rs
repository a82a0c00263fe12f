//! The operations on queues themselves.

use super::super::{ACCOUNT, REGION};
use super::error::{Code, Refusal};
use super::queue::Queue;
use super::settings::Settings;
use super::{Context, Done, queue_name};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest name of a queue.
const NAME_CHARACTERS_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Addressed {
    queue_url: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default)]
    queue_name_prefix: String,
}

/// Where a queue is reached.
fn url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// The ARN of a queue.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

impl Context<'_> {
    pub(super) fn create_queue(&mut self) -> Result<Done, Refusal> {
        let Named { queue_name: name, attributes } = self.read()?;
        check_name(&name)?;
        if let Some(queue) = self.messaging.queues.0.get(&name) {
            if !queue.settings.agrees(&attributes) {
                let message = "A queue already exists with the same name and a different value for an attribute.";
                return Err(Refusal::new(Code::QueueNameExists, message));
            }
        } else {
            let mut settings = Settings::default();
            settings.apply(attributes)?;
            self.check_redrive(&settings)?;
            let queue = Queue::new(name.clone(), settings, self.now_ms);
            self.messaging.journal.queue_put(&queue);
            self.messaging.queues.0.insert(name.clone(), queue);
        }
        Done::with(&json!({"QueueUrl": url(&name)}))
    }

    pub(super) fn set_queue_attributes(&mut self) -> Result<Done, Refusal> {
        let request: Addressed = self.read()?;
        let name = queue_name(&request.queue_url);
        let mut settings = self.queue(name)?.settings.clone();
        settings.apply(request.attributes)?;
        self.check_redrive(&settings)?;
        let now_ms = self.now_ms;
        let queue = self.messaging.queues.0.get_mut(name).ok_or_else(Refusal::no_queue)?;
        queue.settings = settings;
        queue.modified_ms = now_ms;
        self.messaging.journal.queue_put(queue);
        Ok(Done::empty())
    }

    pub(super) fn get_queue_attributes(&mut self) -> Result<Done, Refusal> {
        let request: Addressed = self.read()?;
        let name = queue_name(&request.queue_url).to_owned();
        let queue = self.queue(&name)?;
        let mut attributes: BTreeMap<&str, String> = queue.settings.all();
        let depth = queue.depth();
        attributes.insert("ApproximateNumberOfMessages", depth.visible.to_string());
        attributes.insert("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string());
        attributes.insert("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string());
        attributes.insert("QueueArn", arn(&name));
        attributes.insert("CreatedTimestamp", (queue.created_ms / 1_000).to_string());
        attributes.insert("LastModifiedTimestamp", (queue.modified_ms / 1_000).to_string());
        let asked = |name: &str| request.attribute_names.iter().any(|asked| asked == "All" || asked == name);
        attributes.retain(|name, _| asked(name));
        Done::with(&json!({"Attributes": attributes}))
    }

    pub(super) fn get_queue_url(&mut self) -> Result<Done, Refusal> {
        let Named { queue_name: name, .. } = self.read()?;
        self.queue(&name)?;
        Done::with(&json!({"QueueUrl": url(&name)}))
    }

    pub(super) fn list_queues(&mut self) -> Result<Done, Refusal> {
        let Listing { queue_name_prefix: prefix } = self.read()?;
        let names = self.messaging.queues.0.keys().filter(|name| name.starts_with(&prefix));
        let urls: Vec<Value> = names.map(|name| url(name).into()).collect();
        Done::with(&json!({"QueueUrls": urls}))
    }

    pub(super) fn delete_queue(&mut self) -> Result<Done, Refusal> {
        let request: Addressed = self.read()?;
        let name = queue_name(&request.queue_url);
        self.messaging.queues.0.remove(name).ok_or_else(Refusal::no_queue)?;
        self.messaging.journal.queue_gone(name);
        Ok(Done::empty())
    }

    pub(super) fn purge_queue(&mut self) -> Result<Done, Refusal> {
        let request: Addressed = self.read()?;
        let name = queue_name(&request.queue_url);
        self.queue(name)?.purge();
        self.messaging.journal.queue_purged(name);
        Ok(Done::empty())
    }

    /// A queue as of now.
    pub(super) fn queue(&mut self, name: &str) -> Result<&mut Queue, Refusal> {
        let messaging = &mut *self.messaging;
        messaging.queues.at(name, self.now_ms, &mut messaging.journal).ok_or_else(Refusal::no_queue)
    }

    fn check_redrive(&self, settings: &Settings) -> Result<(), Refusal> {
        match settings.redrive() {
            Some(redrive) if !self.messaging.queues.0.contains_key(&redrive.queue) => Err(Refusal::new(
                Code::InvalidParameterValue,
                "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.ends_with(".fifo") {
        return Err(Refusal::new(Code::UnsupportedOperation, "the embedded AWS has standard queues only"));
    }
    let legible = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.chars().all(legible) {
        let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(Refusal::new(Code::InvalidParameterValue, message));
    }
    Ok(())
}
