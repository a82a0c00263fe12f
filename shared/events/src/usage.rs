//! `usage.recorded.v1`: a packed batch of one tenant's usage events, as the API took them.

use crate::Event;
use domain::{
    Timestamp,
    usage::{EventData, TimeBasis, UsageEvent},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One tenant's usage events; the tenant is the envelope's `subject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UsageRecordedV1 {
    /// IANA name of the tenant's time zone, which places the events in local hours.
    pub time_zone: String,
    /// When the API took them.
    pub received_at: Timestamp,
    /// What was used.
    pub events: Vec<UsageEventV1>,
}

impl Event for UsageRecordedV1 {
    const TYPE: &'static str = "usage.recorded.v1";
}

/// One usage event on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UsageEventV1 {
    /// Unique within its source.
    pub id: String,
    /// The system that reports.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub time: Timestamp,
    /// Whether `time` is the arrival, for an event that had no time of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub time_is_arrival: bool,
    /// What meters read, as it was sent.
    pub data: Box<RawValue>,
}

impl PartialEq for UsageEventV1 {
    fn eq(&self, other: &Self) -> bool {
        let attributes = |event: &Self| (event.id.clone(), event.source.clone(), event.event_type.clone(), event.time);
        attributes(self) == attributes(other)
            && self.time_is_arrival == other.time_is_arrival
            && self.data.get() == other.data.get()
    }
}

impl From<UsageEvent> for UsageEventV1 {
    fn from(event: UsageEvent) -> Self {
        Self {
            id: event.id,
            source: event.source,
            event_type: event.event_type,
            time: event.occurred_at,
            time_is_arrival: event.time_basis == TimeBasis::Arrival,
            data: event.data.into_raw(),
        }
    }
}

impl UsageEventV1 {
    /// The usage event, unless its data is no object, which the API never publishes.
    #[must_use]
    pub fn into_event(self) -> Option<UsageEvent> {
        Some(UsageEvent {
            id: self.id,
            source: self.source,
            event_type: self.event_type,
            occurred_at: self.time,
            time_basis: if self.time_is_arrival { TimeBasis::Arrival } else { TimeBasis::Event },
            data: EventData::new(self.data)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, time_is_arrival: bool) -> UsageEventV1 {
        UsageEventV1 {
            id: id.to_owned(),
            source: "edge".to_owned(),
            event_type: "request".to_owned(),
            time: "2026-05-17T10:05:03Z".parse().unwrap(),
            time_is_arrival,
            data: RawValue::from_string(r#"{"bytes":203023.50}"#.to_owned()).unwrap(),
        }
    }

    #[test]
    fn usage_recorded_v1_is_frozen() {
        let data = UsageRecordedV1 {
            time_zone: "Europe/Berlin".to_owned(),
            received_at: "2026-05-17T10:05:04Z".parse().unwrap(),
            events: vec![event("1", false), event("2", true)],
        };
        // The data of an event travels byte for byte, hence compact inside the pretty golden file.
        crate::envelope::check_golden(include_str!("../golden/usage.recorded.v1.json"), &["1"], data);
    }

    #[test]
    fn an_event_survives_the_wire_with_every_digit() {
        let there = event("1", true).into_event().unwrap();
        assert_eq!(UsageEventV1::from(there), event("1", true));
    }
}
