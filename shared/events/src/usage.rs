//! `usage.recorded`: one tenant's usage events, as the API took them; and `usage.corrected`, what somebody takes back.
//!
//! Version 2 carries the events packed in columns, in the very form in which the usage log keeps them; version 1, as
//! JSON, is read for ever and published no more.

use crate::Event;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use domain::{
    Timestamp,
    id::CorrectionId,
    usage::{TimeBasis, UsageEvent},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use usage_log::{Batch, Builder, Layout, Layouts};

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

/// One usage event on the wire of version 1.
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

/// One tenant's usage events, packed; the tenant is the envelope's `subject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UsageRecordedV2 {
    /// IANA name of the tenant's time zone, which places the events in local hours.
    pub time_zone: String,
    /// How the tenant's lanes are laid out, unless they always were in the default way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<LayoutV1>,
    /// The events in columns, as [`usage_log::encode()`] writes them, in unpadded base64.
    pub packed: String,
}

impl Event for UsageRecordedV2 {
    const TYPE: &'static str = "usage.recorded.v2";
}

/// How lanes are laid out from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LayoutV1 {
    /// For buckets that start then or later.
    pub from: Timestamp,
    /// How many lanes a bucket has.
    pub shards: u16,
    /// How wide a bucket is.
    pub bucket_minutes: u8,
}

/// Something that is no batch of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Not base64.
    #[error("the packed events are no base64")]
    Base64,
    /// Not the columns of a batch.
    #[error("the packed events are malformed")]
    Columns(#[from] usage_log::DecodeError),
    /// An event that cannot be packed, which the API never publishes.
    #[error("an event cannot be packed")]
    Event(#[from] usage_log::PushError),
}

impl UsageRecordedV2 {
    /// The events of `batch` of a tenant in `time_zone`.
    #[must_use]
    pub fn new(time_zone: &str, layouts: &Layouts, batch: &Batch) -> Self {
        let packed = STANDARD_NO_PAD.encode(usage_log::encode(batch));
        Self { time_zone: time_zone.to_owned(), layouts: layouts_v1(layouts), packed }
    }

    /// The events.
    pub fn batch(&self) -> Result<Batch, UnpackError> {
        let bytes = STANDARD_NO_PAD.decode(&self.packed).map_err(|_| UnpackError::Base64)?;
        Ok(usage_log::decode(&bytes)?)
    }

    /// How the tenant's lanes are laid out.
    #[must_use]
    pub fn layouts(&self) -> Layouts {
        layouts(&self.layouts)
    }
}

impl TryFrom<UsageRecordedV1> for UsageRecordedV2 {
    type Error = UnpackError;

    fn try_from(old: UsageRecordedV1) -> Result<Self, UnpackError> {
        let mut builder = Builder::default();
        for event in &old.events {
            let event = UsageEvent {
                id: &event.id,
                source: &event.source,
                event_type: &event.event_type,
                occurred_at: event.time,
                time_basis: time_basis(event.time_is_arrival),
                data: event.data.get(),
            };
            builder.push(&event, old.received_at)?;
        }
        Ok(Self::new(&old.time_zone, &Layouts::default(), &builder.finish()))
    }
}

/// An event that was accepted is void, or says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UsageCorrectedV1 {
    /// The correction: asking twice corrects once.
    pub correction_id: CorrectionId,
    /// IANA name of the tenant's time zone.
    pub time_zone: String,
    /// How the tenant's lanes are laid out, unless they always were in the default way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<LayoutV1>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Why, for the books.
    pub reason: String,
    /// The event and what it says from now on, packed as in `usage.recorded.v2`. A void event keeps its content.
    pub packed: String,
    /// Whether the event is void.
    pub void: bool,
}

impl Event for UsageCorrectedV1 {
    const TYPE: &'static str = "usage.corrected.v1";
}

impl UsageCorrectedV1 {
    /// The event that is corrected, alone in a batch, with what it says from now on.
    pub fn batch(&self) -> Result<Batch, UnpackError> {
        let bytes = STANDARD_NO_PAD.decode(&self.packed).map_err(|_| UnpackError::Base64)?;
        Ok(usage_log::decode(&bytes)?)
    }

    /// How the tenant's lanes are laid out.
    #[must_use]
    pub fn layouts(&self) -> Layouts {
        layouts(&self.layouts)
    }

    /// `batch` as it is carried.
    #[must_use]
    pub fn pack(batch: &Batch) -> String {
        STANDARD_NO_PAD.encode(usage_log::encode(batch))
    }
}

/// The layouts as they are carried.
#[must_use]
pub fn layouts_v1(layouts: &Layouts) -> Vec<LayoutV1> {
    let layout = |(from, Layout { shards, bucket_minutes }): &(Timestamp, Layout)| LayoutV1 {
        from: *from,
        shards: *shards,
        bucket_minutes: *bucket_minutes,
    };
    layouts.changes().iter().map(layout).collect()
}

fn layouts(carried: &[LayoutV1]) -> Layouts {
    let layout =
        |layout: &LayoutV1| (layout.from, Layout { shards: layout.shards, bucket_minutes: layout.bucket_minutes });
    Layouts::new(carried.iter().map(layout).collect())
}

fn time_basis(time_is_arrival: bool) -> TimeBasis {
    if time_is_arrival { TimeBasis::Arrival } else { TimeBasis::Event }
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

    fn recorded_v1() -> UsageRecordedV1 {
        UsageRecordedV1 {
            time_zone: "Europe/Berlin".to_owned(),
            received_at: "2026-05-17T10:05:04Z".parse().unwrap(),
            events: vec![event("1", false), event("2", true)],
        }
    }

    fn layouts_changed() -> Layouts {
        let from = "2026-05-17T11:00:00Z".parse().unwrap();
        Layouts::new(vec![(from, Layout { shards: 4, bucket_minutes: 5 })])
    }

    #[test]
    fn usage_recorded_v1_is_frozen() {
        // The data of an event travels byte for byte, hence compact inside the pretty golden file.
        crate::envelope::check_golden(include_str!("../golden/usage.recorded.v1.json"), &["1"], recorded_v1());
    }

    #[test]
    fn usage_recorded_v2_is_frozen() {
        let batch = UsageRecordedV2::try_from(recorded_v1()).unwrap().batch().unwrap();
        let data = UsageRecordedV2::new("Europe/Berlin", &layouts_changed(), &batch);
        crate::envelope::check_golden(include_str!("../golden/usage.recorded.v2.json"), &["1"], data);
    }

    #[test]
    fn usage_corrected_v1_is_frozen() {
        let data = UsageCorrectedV1 {
            correction_id: CorrectionId::derived(&["1"]),
            time_zone: "Europe/Berlin".to_owned(),
            layouts: layouts_v1(&layouts_changed()),
            requested_at: "2026-05-18T09:00:00Z".parse().unwrap(),
            reason: "sent by a test".to_owned(),
            packed: UsageRecordedV2::try_from(recorded_v1()).unwrap().packed,
            void: true,
        };
        crate::envelope::check_golden(include_str!("../golden/usage.corrected.v1.json"), &["1"], data);
    }

    #[test]
    fn version_1_is_read_as_version_2_with_every_digit() {
        let batch = UsageRecordedV2::try_from(recorded_v1()).unwrap().batch().unwrap();
        let events: Vec<_> = batch.events().collect();
        assert_eq!(events[1].id(), "2");
        assert_eq!(events[1].data(), r#"{"bytes":203023.50}"#);
        assert_eq!(events[1].received_at(), recorded_v1().received_at);
        assert_eq!(events[1].shape().time_basis, TimeBasis::Arrival);
        assert_eq!(events[0].shape().time_basis, TimeBasis::Event);
    }

    #[test]
    fn layouts_travel_with_the_events() {
        let data = UsageRecordedV2::new("UTC", &layouts_changed(), &Batch::default());
        assert_eq!(data.layouts(), layouts_changed());
    }

    #[test]
    fn what_is_not_packed_is_refused() {
        let packed =
            |packed: &str| UsageRecordedV2 { time_zone: String::new(), layouts: vec![], packed: packed.to_owned() };
        assert_eq!(packed("!").batch().unwrap_err(), UnpackError::Base64);
        assert!(matches!(packed("AAAA").batch().unwrap_err(), UnpackError::Columns(_)));
    }
}
