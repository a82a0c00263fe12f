//! SNS: the query protocol over topics in memory, journalled to a file, with delivery to SQS.
//!
//! Standard topics and queues as subscribers only; everything else is refused. A publish is delivered to all its
//! queues before it is answered. Access policies and encryption attributes are kept and answered, and guard nothing.

mod filter;
mod form;
mod publish;
mod topics;

use super::faults::Fault;
use super::messaging::Messaging;
use super::meter::Meter;
use super::wire::Answer;
use form::{Form, Refusal, answer, element, entries};
use std::collections::BTreeMap;
use topics::{Subscriber, topic_arn};

pub(super) use topics::{Subscription, Topic, Topics};

/// Operations of SNS that are served.
pub(super) const OPERATIONS: [&str; 11] = [
    "CreateTopic",
    "DeleteTopic",
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTopics",
    "Publish",
    "PublishBatch",
    "SetSubscriptionAttributes",
    "Subscribe",
    "Unsubscribe",
];

/// What came of a request.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    /// Bytes that are billed, of a publish.
    published_bytes: Option<usize>,
}

/// What an operation works with.
struct Context<'a> {
    messaging: &'a mut Messaging,
    form: Form,
    now_ms: i64,
    /// What goes wrong with the request, beyond what is decided before it comes here.
    fault: Option<Fault>,
    published_bytes: Option<usize>,
}

/// The operation that a form asks for.
pub(super) fn action(body: &[u8]) -> &str {
    let action = body.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"Action="));
    action.and_then(|action| std::str::from_utf8(action).ok()).unwrap_or_default()
}

/// Performs one request.
pub(super) fn perform(
    messaging: &mut Messaging,
    operation: &str,
    body: &[u8],
    now_ms: i64,
    fault: Option<Fault>,
) -> Outcome {
    let mut context = Context { messaging, form: Form::read(body), now_ms, fault, published_bytes: None };
    let answer = match context.perform(operation) {
        Ok(result) => answer(operation, &result),
        Err(refusal) => refusal.answer(),
    };
    Outcome { answer, published_bytes: context.published_bytes }
}

/// Counts what a request costs.
pub(super) fn bill(meter: &Meter, outcome: &Outcome) {
    if let Some(bytes) = outcome.published_bytes {
        meter.published(bytes);
    }
}

/// How SNS throttles.
pub(super) fn throttled() -> Answer {
    Refusal::new(400, "Throttling", "Rate exceeded").answer()
}

/// How SNS answers when its journal cannot be written.
pub(super) fn broken(message: &str) -> Answer {
    Refusal::new(500, "InternalError", message).answer()
}

impl Context<'_> {
    fn perform(&mut self, operation: &str) -> Result<String, Refusal> {
        match operation {
            "Publish" => self.publish(),
            "PublishBatch" => self.publish_batch(),
            "CreateTopic" => self.create_topic(),
            "DeleteTopic" => self.delete_topic(),
            "GetTopicAttributes" => self.get_topic_attributes(),
            "ListTopics" => Ok(self.list_topics()),
            "Subscribe" => self.subscribe(),
            "Unsubscribe" => self.unsubscribe(),
            "GetSubscriptionAttributes" => self.get_subscription_attributes(),
            "SetSubscriptionAttributes" => self.set_subscription_attributes(),
            "ListSubscriptionsByTopic" => self.list_subscriptions(),
            unknown => Err(Refusal::new(
                400,
                "InvalidAction",
                format!("the embedded AWS does not serve the SNS action {unknown}"),
            )),
        }
    }

    /// The name of the topic that the request is about, which must exist.
    fn topic(&self) -> Result<String, Refusal> {
        let name = self.form.need("TopicArn")?.rsplit(':').next().unwrap_or_default();
        if self.messaging.topics.by_name.contains_key(name) { Ok(name.to_owned()) } else { Err(Refusal::no("Topic")) }
    }

    fn create_topic(&mut self) -> Result<String, Refusal> {
        let name = self.form.need("Name")?.to_owned();
        let legible = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if name.len() > 256 || !name.chars().all(legible) {
            return Err(Refusal::invalid("Topic Name (standard topics only)"));
        }
        if !self.messaging.topics.by_name.contains_key(&name) {
            let topic = Topic { name: name.clone(), attributes: self.form.map("Attributes") };
            self.messaging.journal.topic_put(&topic);
            self.messaging.topics.by_name.insert(name.clone(), topic);
        }
        Ok(element("TopicArn", &topic_arn(&name)))
    }

    fn delete_topic(&mut self) -> Result<String, Refusal> {
        let name = self.topic()?;
        let messaging = &mut *self.messaging;
        messaging.topics.by_name.remove(&name);
        messaging.journal.topic_gone(&name);
        for subscriber in messaging.topics.subscribers.remove(&name).unwrap_or_default() {
            messaging.journal.subscription_gone(&subscriber.subscription.arn);
        }
        Ok(String::new())
    }

    fn get_topic_attributes(&mut self) -> Result<String, Refusal> {
        let name = self.topic()?;
        let arn = topic_arn(&name);
        let topics = &self.messaging.topics;
        let count = topics.subscribers.get(&name).map_or(0, Vec::len).to_string();
        let kept = topics.by_name.get(&name).into_iter().flat_map(|topic| &topic.attributes);
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let derived = [("TopicArn", arn.as_str()), ("SubscriptionsConfirmed", count.as_str())];
        Ok(entries("Attributes", derived.into_iter().chain(kept)))
    }

    fn list_topics(&self) -> String {
        let topics = self.messaging.topics.by_name.keys();
        let members: String =
            topics.map(|name| format!("<member>{}</member>", element("TopicArn", &topic_arn(name)))).collect();
        format!("<Topics>{members}</Topics>")
    }

    fn subscribe(&mut self) -> Result<String, Refusal> {
        let topic = self.topic()?;
        let protocol = self.form.need("Protocol")?.to_owned();
        let endpoint = self.form.need("Endpoint")?.to_owned();
        if protocol != "sqs" || !endpoint.starts_with("arn:aws:sqs:") {
            return Err(Refusal::invalid("Protocol: the embedded AWS delivers to SQS queues only"));
        }
        let attributes = self.form.map("Attributes");
        let Messaging { topics, journal, ids, .. } = &mut *self.messaging;
        let subscribers = topics.subscribers.entry(topic.clone()).or_default();
        if let Some(same) = subscribers.iter().find(|subscriber| subscriber.subscription.endpoint == endpoint) {
            return if same.subscription.attributes == attributes {
                Ok(element("SubscriptionArn", &same.subscription.arn))
            } else {
                Err(Refusal::invalid("Attributes Reason: Subscription already exists with different attributes"))
            };
        }
        let arn = format!("{}:{}", topic_arn(&topic), ids.next());
        let subscription = Subscription { arn: arn.clone(), topic, protocol, endpoint, attributes };
        let subscriber = Subscriber::new(subscription).map_err(Refusal::invalid)?;
        journal.subscription_put(&subscriber.subscription);
        subscribers.push(subscriber);
        Ok(element("SubscriptionArn", &arn))
    }

    fn unsubscribe(&mut self) -> Result<String, Refusal> {
        let arn = self.form.need("SubscriptionArn")?;
        for subscribers in self.messaging.topics.subscribers.values_mut() {
            subscribers.retain(|subscriber| subscriber.subscription.arn != arn);
        }
        self.messaging.journal.subscription_gone(arn);
        Ok(String::new())
    }

    fn get_subscription_attributes(&mut self) -> Result<String, Refusal> {
        let arn = self.form.need("SubscriptionArn")?;
        let subscriber = self.messaging.topics.subscriber(arn).ok_or_else(|| Refusal::no("Subscription"))?;
        let Subscription { arn, topic, protocol, endpoint, attributes } = &subscriber.subscription;
        let topic = topic_arn(topic);
        let fixed = [("SubscriptionArn", arn), ("TopicArn", &topic), ("Protocol", protocol), ("Endpoint", endpoint)];
        let fixed = fixed.into_iter().map(|(name, value)| (name, value.as_str()));
        let set = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(entries("Attributes", fixed.chain(set)))
    }

    fn set_subscription_attributes(&mut self) -> Result<String, Refusal> {
        let arn = self.form.need("SubscriptionArn")?;
        let name = self.form.need("AttributeName")?;
        let subscriber = self.messaging.topics.subscriber(arn).ok_or_else(|| Refusal::no("Subscription"))?;
        let mut subscription = subscriber.subscription.clone();
        set(&mut subscription.attributes, name, self.form.get("AttributeValue"));
        *subscriber = Subscriber::new(subscription).map_err(Refusal::invalid)?;
        self.messaging.journal.subscription_put(&subscriber.subscription);
        Ok(String::new())
    }

    fn list_subscriptions(&mut self) -> Result<String, Refusal> {
        let name = self.topic()?;
        let topic = topic_arn(&name);
        let subscribers = self.messaging.topics.subscribers.get(&name).into_iter().flatten();
        let members: String = subscribers
            .map(|Subscriber { subscription, .. }| {
                let parts = [
                    element("SubscriptionArn", &subscription.arn),
                    element("TopicArn", &topic),
                    element("Protocol", &subscription.protocol),
                    element("Endpoint", &subscription.endpoint),
                ];
                format!("<member>{}</member>", parts.concat())
            })
            .collect();
        Ok(format!("<Subscriptions>{members}</Subscriptions>"))
    }
}

/// An attribute without a value is taken away.
fn set(attributes: &mut BTreeMap<String, String>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => attributes.insert(name.to_owned(), value.to_owned()),
        None => attributes.remove(name),
    };
}
