//! Attributes of a queue: which exist, what they may be, what they are by default.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest message by default, body and attributes.
pub(in super::super) const MESSAGE_BYTES_MAX: usize = 262_144;

/// A numeric attribute: name, smallest, largest and default value.
struct Range {
    name: &'static str,
    least: u32,
    most: u32,
    default: u32,
}

const VISIBILITY: Range = Range { name: "VisibilityTimeout", least: 0, most: 43_200, default: 30 };
const RETENTION: Range = Range { name: "MessageRetentionPeriod", least: 60, most: 1_209_600, default: 345_600 };
const DELAY: Range = Range { name: "DelaySeconds", least: 0, most: 900, default: 0 };
const WAIT: Range = Range { name: "ReceiveMessageWaitTimeSeconds", least: 0, most: 20, default: 0 };
const SIZE: Range = Range { name: "MaximumMessageSize", least: 1_024, most: 262_144, default: 262_144 };
const RANGES: [&Range; 5] = [&VISIBILITY, &RETENTION, &DELAY, &WAIT, &SIZE];

/// Attributes that are kept and answered, and change nothing: they are about who may, and with which key.
const KEPT: [&str; 5] =
    ["Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "RedriveAllowPolicy"];
const REDRIVE: &str = "RedrivePolicy";
/// How often a message may be handed out at most before it is given up, as AWS limits it.
const RECEIVES_MAX: u32 = 1_000;

/// Where messages go that were handed out too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Redrive {
    /// Queue by name.
    pub(in super::super) queue: String,
    /// After this many hand-outs.
    pub(in super::super) receives_max: u32,
}

/// The attributes that were set, checked, and what follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in super::super) struct Settings {
    set: BTreeMap<String, String>,
}

impl Settings {
    /// Sets attributes; an empty policy takes it away. Nothing is changed if one is refused: the message says why.
    pub(in super::super) fn apply(&mut self, attributes: BTreeMap<String, String>) -> Result<(), Refused> {
        for (name, value) in &attributes {
            check(name, value)?;
        }
        for (name, value) in attributes {
            if value.is_empty() {
                self.set.remove(&name);
            } else {
                self.set.insert(name, value);
            }
        }
        Ok(())
    }

    /// Whether creating the queue once more with these attributes would change nothing.
    pub(in super::super) fn agrees(&self, attributes: &BTreeMap<String, String>) -> bool {
        let all = self.all();
        attributes.iter().all(|(name, value)| all.get(name.as_str()).map_or("", String::as_str) == value)
    }

    /// All attributes with their defaults.
    pub(in super::super) fn all(&self) -> BTreeMap<&str, String> {
        let defaults = RANGES.iter().map(|range| (range.name, range.default.to_string()));
        let set = self.set.iter().map(|(name, value)| (name.as_str(), value.clone()));
        defaults.chain(set).collect()
    }

    pub(super) fn visibility_ms(&self) -> i64 {
        self.seconds(&VISIBILITY) * 1_000
    }

    pub(super) fn retention_ms(&self) -> i64 {
        self.seconds(&RETENTION) * 1_000
    }

    pub(super) fn delay_ms(&self) -> i64 {
        self.seconds(&DELAY) * 1_000
    }

    pub(super) fn wait_seconds(&self) -> i64 {
        self.seconds(&WAIT)
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        usize::try_from(self.seconds(&SIZE)).unwrap_or(MESSAGE_BYTES_MAX)
    }

    pub(in super::super) fn redrive(&self) -> Option<Redrive> {
        self.set.get(REDRIVE).and_then(|policy| redrive(policy))
    }

    fn seconds(&self, range: &Range) -> i64 {
        i64::from(self.set.get(range.name).and_then(|value| value.parse().ok()).unwrap_or(range.default))
    }
}

/// Why attributes are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Refused {
    Name(String),
    Value(String),
}

fn check(name: &str, value: &str) -> Result<(), Refused> {
    let invalid = || Refused::Value(format!("Invalid value for the parameter {name}."));
    if let Some(range) = RANGES.iter().find(|range| range.name == name) {
        let number: u32 = value.parse().map_err(|_| invalid())?;
        return if (range.least..=range.most).contains(&number) { Ok(()) } else { Err(invalid()) };
    }
    if name == REDRIVE {
        return if value.is_empty() || redrive(value).is_some() { Ok(()) } else { Err(invalid()) };
    }
    if KEPT.contains(&name) { Ok(()) } else { Err(Refused::Name(format!("Unknown Attribute {name}."))) }
}

fn redrive(policy: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let count = policy.get("maxReceiveCount")?;
    // Both spellings travel: SAM writes a number, the console a string.
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let receives_max = u32::try_from(count).ok().filter(|count| (1..=RECEIVES_MAX).contains(count))?;
    let queue = policy.get("deadLetterTargetArn")?.as_str()?.rsplit(':').next()?.to_owned();
    Some(Redrive { queue, receives_max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Settings, Refused> {
        let mut settings = Settings::default();
        settings.apply(BTreeMap::from([(name.to_owned(), value.to_owned())]))?;
        Ok(settings)
    }

    #[test]
    fn attributes_are_held_to_the_ranges_of_aws() {
        let rows = [
            ("VisibilityTimeout", "43200", true),
            ("VisibilityTimeout", "43201", false),
            ("MessageRetentionPeriod", "59", false),
            ("DelaySeconds", "900", true),
            ("DelaySeconds", "901", false),
            ("DelaySeconds", "soon", false),
            ("SqsManagedSseEnabled", "true", true),
            ("Colour", "blue", false),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:dead","maxReceiveCount":"5"}"#, true),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:dead","maxReceiveCount":0}"#, false),
            ("RedrivePolicy", r#"{"maxReceiveCount":5}"#, false),
            ("RedrivePolicy", "", true),
        ];
        for (name, value, fits) in rows {
            assert_eq!(set(name, value).is_ok(), fits, "{name} = {value}");
        }
    }

    #[test]
    fn defaults_are_those_of_aws() {
        let settings = Settings::default();
        assert_eq!(settings.visibility_ms(), 30_000);
        assert_eq!(settings.retention_ms(), 4 * 24 * 3_600 * 1_000);
        assert_eq!((settings.delay_ms(), settings.wait_seconds()), (0, 0));
        assert!(settings.agrees(&BTreeMap::from([("DelaySeconds".to_owned(), "0".to_owned())])));
        assert!(!settings.agrees(&BTreeMap::from([("DelaySeconds".to_owned(), "1".to_owned())])));
    }

    #[test]
    fn a_redrive_policy_names_its_queue_and_count() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":5}"#;
        let expected = Redrive { queue: "dead".to_owned(), receives_max: 5 };
        assert_eq!(set("RedrivePolicy", policy).unwrap().redrive(), Some(expected));
        assert_eq!(set("RedrivePolicy", "").unwrap().redrive(), None);
    }
}
