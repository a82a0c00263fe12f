//! What of a template is made locally, in plain data: tables, queues, topics, subscriptions, buckets, functions.

use super::resolve::Resolver;
use super::template::Resource;
use super::{EventSource, Function, Schedule, Stack, StackError};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Kinds whose every resource must be understood, because it holds or moves data, or calls a function.
const UNDERSTOOD: [&str; 7] = [
    "AWS::DynamoDB::",
    "AWS::Events::",
    "AWS::Lambda::EventSourceMapping",
    "AWS::S3::",
    "AWS::SNS::",
    "AWS::SQS::",
    "AWS::Scheduler::",
];
/// Of these, the kinds that say who may, which nobody asks locally.
const POLICIES: [&str; 3] = ["AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"];
/// What a function has if nobody says otherwise (SAM's and Lambda's defaults).
const TIMEOUT_SECONDS_DEFAULT: u64 = 3;
const MEMORY_MIB_DEFAULT: u32 = 128;
const BATCH_SIZE_DEFAULT: u32 = 10;

/// All that is to be made.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) tables: Vec<Table>,
    pub(super) queues: Vec<Queue>,
    pub(super) topics: Vec<Topic>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) buckets: Vec<String>,
    pub(super) stack: Stack,
}

/// A table. Backups, encryption and protection from deletion are for AWS alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Table {
    #[serde(default)]
    pub(super) table_name: String,
    pub(super) attribute_definitions: Vec<Attribute>,
    pub(super) key_schema: Vec<Key>,
    #[serde(default)]
    pub(super) global_secondary_indexes: Vec<Index>,
    pub(super) time_to_live_specification: Option<TimeToLive>,
    pub(super) billing_mode: String,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _point_in_time_recovery: Option<Value>,
    #[serde(rename = "SSESpecification")]
    _encryption: Option<Value>,
    #[serde(rename = "DeletionProtectionEnabled")]
    _deletion_protection: Option<Value>,
    #[serde(rename = "Tags")]
    _tags: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Attribute {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Key {
    pub(super) attribute_name: String,
    pub(super) key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Index {
    pub(super) index_name: String,
    pub(super) key_schema: Vec<Key>,
    pub(super) projection: Projection,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Projection {
    pub(super) projection_type: String,
    #[serde(default)]
    pub(super) non_key_attributes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TimeToLive {
    pub(super) attribute_name: String,
    pub(super) enabled: bool,
}

/// A queue with its attributes as the API writes them.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// A topic with its attributes as the API writes them.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// A subscription with its attributes as the API writes them.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) topic_arn: String,
    pub(super) endpoint: String,
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    r#type: String,
    #[serde(default)]
    properties: EventProperties,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EventProperties {
    queue: Option<String>,
    batch_size: Option<u32>,
    #[serde(deserialize_with = "whole_number")]
    maximum_batching_window_in_seconds: u64,
    function_response_types: Vec<String>,
    scaling_config: ScalingConfig,
    schedule: Option<String>,
    schedule_expression: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ScalingConfig {
    maximum_concurrency: Option<u32>,
}

/// A whole number, also as the text that a parameter is.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| D::Error::custom(format!("{value} is no whole number")))
}

impl Plan {
    pub(super) fn read(resolver: &Resolver<'_>) -> Result<Self, StackError> {
        let mut plan = Self::default();
        for (name, resource) in resolver.resources()? {
            plan.add(name, resource, resolver)?;
        }
        plan.stack.environment = shared_environment(&plan.stack.functions);
        Ok(plan)
    }

    fn add(&mut self, name: &str, resource: &Resource, resolver: &Resolver<'_>) -> Result<(), StackError> {
        let properties = || resolved(name, resource, resolver);
        match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => {
                let mut table: Table = decoded(name, Value::Object(properties()?))?;
                table.table_name = resolver.physical_name(name, resource)?;
                self.tables.push(table);
            }
            "AWS::SQS::Queue" => {
                let attributes = attributes(properties()?, &["QueueName", "Tags"]);
                self.queues.push(Queue { name: resolver.physical_name(name, resource)?, attributes });
            }
            "AWS::SNS::Topic" => {
                let attributes = attributes(properties()?, &["TopicName", "Tags"]);
                let arn = resolver.reference(name, resource)?;
                self.topics.push(Topic { name: resolver.physical_name(name, resource)?, arn, attributes });
            }
            "AWS::SNS::Subscription" => self.subscriptions.extend(subscription(name, properties()?)?),
            "AWS::S3::Bucket" => self.buckets.push(resolver.physical_name(name, resource)?),
            "AWS::Serverless::Function" => self.add_function(name, resource, resolver)?,
            policy if POLICIES.contains(&policy) => {}
            kind if UNDERSTOOD.iter().any(|prefix| kind.starts_with(prefix)) => {
                return Err(StackError::template(name, format!("the local stack does not know {kind}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn add_function(&mut self, name: &str, resource: &Resource, resolver: &Resolver<'_>) -> Result<(), StackError> {
        let function = name.strip_suffix("Function").unwrap_or(name).to_ascii_lowercase();
        let globals = &resolver.template.function_globals;
        let number = |property: &str| -> Result<Option<u64>, StackError> {
            let value = resource.properties.get(property).or_else(|| globals.get(property));
            let text = value.map_or(Ok(None), |value| resolver.text(value))?;
            let parsed = text.map(|text| text.parse().map_err(|_| StackError::template(name, "a number is wanted")));
            parsed.transpose()
        };
        let memory_mib = number("MemorySize")?.and_then(|memory| u32::try_from(memory).ok());
        let shape = Function {
            environment: environment(name, resource, resolver)?,
            timeout: Duration::from_secs(number("Timeout")?.unwrap_or(TIMEOUT_SECONDS_DEFAULT)),
            memory_mib: memory_mib.unwrap_or(MEMORY_MIB_DEFAULT),
        };
        self.stack.functions.insert(function.clone(), shape);
        let events = resource.properties.get("Events").map_or(Ok(None), |events| resolver.value(events))?;
        let events: BTreeMap<String, Event> = decoded(name, events.unwrap_or_else(|| Value::Object(Map::new())))?;
        for event in events.into_values() {
            self.add_event(name, &function, event, resolver)?;
        }
        Ok(())
    }

    fn add_event(
        &mut self,
        name: &str,
        function: &str,
        event: Event,
        resolver: &Resolver<'_>,
    ) -> Result<(), StackError> {
        let Event { r#type: kind, properties } = event;
        match kind.as_str() {
            "SQS" => {
                let queue = properties.queue.ok_or_else(|| StackError::template(name, "an event names no queue"))?;
                let reports = properties.function_response_types.iter().any(|kind| kind == "ReportBatchItemFailures");
                self.stack.event_sources.push(EventSource {
                    function: function.to_owned(),
                    queue_url: queue_url(&queue, resolver)?,
                    batch_size: properties.batch_size.unwrap_or(BATCH_SIZE_DEFAULT),
                    maximum_batching_window: Duration::from_secs(properties.maximum_batching_window_in_seconds),
                    reports_batch_item_failures: reports,
                    maximum_concurrency: properties.scaling_config.maximum_concurrency,
                });
            }
            "Schedule" | "ScheduleV2" => {
                let expression = properties.schedule.or(properties.schedule_expression).unwrap_or_default();
                let (rate, offset) = rate(&expression).or_else(|| minutes(&expression)).ok_or_else(|| {
                    StackError::template(name, format!("{expression:?} is no rate(...) and no cron(3/15 * * * ? *)"))
                })?;
                self.stack.schedules.push(Schedule { function: function.to_owned(), rate, offset });
            }
            "HttpApi" | "Api" => {}
            other => {
                return Err(StackError::template(name, format!("the local stack does not know the event {other}")));
            }
        }
        Ok(())
    }
}

fn resolved(name: &str, resource: &Resource, resolver: &Resolver<'_>) -> Result<Map<String, Value>, StackError> {
    match resolver.value(&resource.properties)? {
        Some(Value::Object(properties)) => Ok(properties),
        _ => Err(StackError::template(name, "the properties are no map")),
    }
}

fn decoded<T: DeserializeOwned>(name: &str, properties: Value) -> Result<T, StackError> {
    serde_json::from_value(properties).map_err(|error| StackError::template(name, error.to_string()))
}

/// Properties as attributes of the API, which are text: a policy becomes JSON.
fn attributes(properties: Map<String, Value>, without: &[&str]) -> BTreeMap<String, String> {
    let kept = properties.into_iter().filter(|(name, _)| !without.contains(&name.as_str()));
    kept.map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name, text)
    })
    .collect()
}

/// A subscription of a queue. Others (mail for alarms) are for AWS alone.
fn subscription(name: &str, mut properties: Map<String, Value>) -> Result<Option<Subscription>, StackError> {
    let mut take = |property: &str| match properties.remove(property) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(StackError::template(format!("{name}.{property}"), "text is wanted")),
    };
    let (topic_arn, protocol, endpoint) = (take("TopicArn")?, take("Protocol")?, take("Endpoint")?);
    if protocol != "sqs" {
        return Ok(None);
    }
    Ok(Some(Subscription { topic_arn, endpoint, attributes: attributes(properties, &["Region"]) }))
}

/// A function's variables: those of all functions, and its own over them.
fn environment(
    name: &str,
    resource: &Resource,
    resolver: &Resolver<'_>,
) -> Result<BTreeMap<String, String>, StackError> {
    let mut environment = BTreeMap::new();
    for source in [&resolver.template.function_globals, &resource.properties] {
        let variables = source.pointer("/Environment/Variables").and_then(Value::as_object);
        for (variable, value) in variables.into_iter().flatten() {
            let text = resolver.text(value)?;
            let text = text.ok_or_else(|| StackError::template(format!("{name}.{variable}"), "it has no value"))?;
            environment.insert(variable.clone(), text);
        }
    }
    Ok(environment)
}

/// The variables on which all functions that have them agree.
fn shared_environment(functions: &BTreeMap<String, Function>) -> BTreeMap<String, String> {
    let mut shared: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (variable, value) in functions.values().flat_map(|function| &function.environment) {
        let entry = shared.entry(variable.clone()).or_insert_with(|| Some(value.clone()));
        if entry.as_ref() != Some(value) {
            *entry = None;
        }
    }
    shared.into_iter().filter_map(|(variable, value)| Some((variable, value?))).collect()
}

fn queue_url(arn: &str, resolver: &Resolver<'_>) -> Result<String, StackError> {
    let queue = arn.rsplit(':').next().unwrap_or_default();
    for (name, resource) in &resolver.template.resources {
        if resource.kind == "AWS::SQS::Queue" && resolver.physical_name(name, resource)? == queue {
            return resolver.reference(name, resource);
        }
    }
    Err(StackError::template(arn, "there is no such queue"))
}

/// `rate(15 minutes)`.
fn rate(expression: &str) -> Option<(Duration, Duration)> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    Some((Duration::from_secs(number.checked_mul(seconds)?), Duration::ZERO))
}

/// `cron(3/15 * * * ? *)`: from the third minute of every hour on, every 15 minutes.
fn minutes(expression: &str) -> Option<(Duration, Duration)> {
    let minutes = expression.strip_prefix("cron(")?.strip_suffix(" * * * ? *)")?;
    let (first, every) = minutes.split_once('/')?;
    let (first, every): (u64, u64) = (first.parse().ok()?, every.parse().ok()?);
    // What does not divide the hour begins anew with each, which no one rate says.
    let regular = every > 0 && 60 % every == 0 && first < every;
    regular.then(|| (Duration::from_secs(every * 60), Duration::from_secs(first * 60)))
}
