//! Topics, subscriptions, and the delivery of a message to the queues that want it.

use super::super::messaging::Messaging;
use super::super::sqs::{ATTRIBUTES_MAX, Attributes, Outgoing};
use super::super::{ACCOUNT, REGION};
use super::filter::{Policy, Scope};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Topic {
    pub(in super::super) name: String,
    pub(in super::super) attributes: BTreeMap<String, String>,
}

/// A queue that a topic's messages go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Subscription {
    pub(in super::super) arn: String,
    /// Topic by name.
    pub(in super::super) topic: String,
    pub(in super::super) protocol: String,
    /// The queue's ARN.
    pub(in super::super) endpoint: String,
    /// As they were set and checked.
    pub(in super::super) attributes: BTreeMap<String, String>,
}

/// A subscription with what follows from its attributes.
#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) subscription: Subscription,
    policy: Option<Policy>,
    raw: bool,
    dead_letters: Option<String>,
}

/// All topics and subscriptions.
#[derive(Debug, Default)]
pub(in super::super) struct Topics {
    pub(super) by_name: BTreeMap<String, Topic>,
    pub(super) subscribers: BTreeMap<String, Vec<Subscriber>>,
}

/// A message on its way to the subscribers.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) id: String,
    pub(super) message: String,
    pub(super) subject: Option<String>,
    pub(super) attributes: Attributes,
    /// Passed on to the queues.
    pub(super) group: Option<String>,
}

/// The ARN of a topic.
pub(super) fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

impl Subscriber {
    /// Holds attributes to what is known. The message says what is wrong with them.
    pub(super) fn new(subscription: Subscription) -> Result<Self, String> {
        let mut scope = Scope::Attributes;
        let mut subscriber = Self { policy: None, raw: false, dead_letters: None, subscription };
        let attributes = &subscriber.subscription.attributes;
        if let Some(name) = attributes.get("FilterPolicyScope") {
            scope = match name.as_str() {
                "MessageAttributes" => Scope::Attributes,
                "MessageBody" => Scope::Body,
                other => return Err(format!("FilterPolicyScope: {other} is not a scope")),
            };
        }
        for (name, value) in attributes {
            match name.as_str() {
                "FilterPolicy" => {
                    let policy = Policy::read(value, scope).map_err(|error| format!("FilterPolicy: {error}"))?;
                    subscriber.policy = Some(policy);
                }
                "RawMessageDelivery" => {
                    subscriber.raw = value.parse().map_err(|_| "RawMessageDelivery: must be true or false")?;
                }
                "RedrivePolicy" => {
                    subscriber.dead_letters = Some(dead_letters(value).ok_or("RedrivePolicy: names no queue")?);
                }
                "FilterPolicyScope" => {}
                other => return Err(format!("the embedded AWS does not know the attribute {other}")),
            }
        }
        Ok(subscriber)
    }

    fn wants(&self, publication: &Publication) -> bool {
        self.policy.as_ref().is_none_or(|policy| policy.matches(&publication.message, &publication.attributes))
    }
}

fn dead_letters(policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    policy.get("deadLetterTargetArn")?.as_str()?.rsplit(':').next().map(str::to_owned)
}

impl Topics {
    /// As the journal has them.
    pub(in super::super) fn load(topics: Vec<Topic>, subscriptions: Vec<Subscription>) -> Self {
        let mut loaded = Self::default();
        for topic in topics {
            loaded.by_name.insert(topic.name.clone(), topic);
        }
        // They were checked when they were made, by this same code.
        for subscriber in subscriptions.into_iter().filter_map(|subscription| Subscriber::new(subscription).ok()) {
            loaded.subscribers.entry(subscriber.subscription.topic.clone()).or_default().push(subscriber);
        }
        loaded
    }

    pub(super) fn subscriber(&mut self, arn: &str) -> Option<&mut Subscriber> {
        self.subscribers.values_mut().flatten().find(|subscriber| subscriber.subscription.arn == arn)
    }
}

/// Delivers a message to all queues that want it.
pub(super) fn publish(messaging: &mut Messaging, topic: &str, publication: &Publication, now_ms: i64) {
    let Messaging { topics, queues, journal, ids, arrived, .. } = messaging;
    let subscribers = topics.subscribers.get(topic).map(Vec::as_slice).unwrap_or_default();
    for subscriber in subscribers.iter().filter(|subscriber| subscriber.wants(publication)) {
        *arrived = true;
        let outgoing = outgoing(subscriber, publication, ids.next(), now_ms);
        let queue = subscriber.subscription.endpoint.rsplit(':').next().unwrap_or_default();
        // Raw delivery turns attributes into those of SQS, which allows ten: AWS calls more a permanent failure.
        let fits = outgoing.attributes.len() <= ATTRIBUTES_MAX;
        let failed = if fits && queues.0.contains_key(queue) {
            queues.send(queue, outgoing, now_ms, journal);
            None
        } else {
            Some(outgoing)
        };
        if let (Some(outgoing), Some(dead_letters)) = (failed, &subscriber.dead_letters) {
            queues.send(dead_letters, outgoing, now_ms, journal);
        }
    }
}

fn outgoing(subscriber: &Subscriber, publication: &Publication, id: String, now_ms: i64) -> Outgoing {
    let (body, attributes) = if subscriber.raw {
        (publication.message.clone(), publication.attributes.clone())
    } else {
        (envelope(subscriber, publication, now_ms), Attributes::new())
    };
    Outgoing { id, body, attributes, group: publication.group.clone(), trace_header: None, delay_ms: None }
}

/// The JSON that a queue gets without raw delivery. Nobody signs here, so the signature is an empty one.
fn envelope(subscriber: &Subscriber, publication: &Publication, now_ms: i64) -> String {
    let attributes: serde_json::Map<String, Value> = publication
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let value = attribute.string_value.as_ref().or(attribute.binary_value.as_ref());
            (name.clone(), json!({"Type": attribute.data_type, "Value": value}))
        })
        .collect();
    let timestamp = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut envelope = json!({
        "Type": "Notification",
        "MessageId": publication.id,
        "TopicArn": topic_arn(&subscriber.subscription.topic),
        "Message": publication.message,
        "Timestamp": format!("{timestamp:.3}"),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
        "UnsubscribeURL": "",
    });
    if let Some(subject) = &publication.subject {
        envelope["Subject"] = subject.as_str().into();
    }
    if !attributes.is_empty() {
        envelope["MessageAttributes"] = Value::Object(attributes);
    }
    envelope.to_string()
}
