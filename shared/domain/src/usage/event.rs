//! A usage event and its identity: what makes a second sending a duplicate (USAGE_LOG.md, *Identity*).
//!
//! Invariant: the time that places an event is a function of the event, not of when it arrived, so that a repeat has
//! the same identity however late it comes. Only an event with no time of its own is placed by its arrival, and then
//! in a month-wide bucket.

use super::EventData;
use crate::{Violation, calendar, id::TenantId};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::fmt;

/// Longest event id and type, in bytes.
pub const ID_LENGTH_MAX: usize = 128;
/// Longest source, in bytes.
pub const SOURCE_LENGTH_MAX: usize = 256;
/// Oldest event that is taken: the retention of the log.
pub const EVENT_AGE_DAYS_MAX: i64 = 400;
/// Furthest into the future that a sender's clock may be.
pub const EVENT_AHEAD_MINUTES_MAX: i64 = 5;

/// Where the time of an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeBasis {
    /// The sender said so, in `time` or inside a `UUIDv7` id.
    Event,
    /// The event had none: it counts as of its arrival.
    Arrival,
}

/// Something a tenant's customer did, as its sender reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageEvent {
    /// Unique within its source.
    pub id: String,
    /// The system that reports, as a URI reference.
    pub source: String,
    /// What happened; meters pick events by it.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Where `occurred_at` came from.
    pub time_basis: TimeBasis,
    /// What meters read.
    pub data: EventData,
}

impl UsageEvent {
    /// Checks the lengths and the age against `now`, in the documented order.
    pub fn check(&self, now: Timestamp) -> Result<(), Violation> {
        check_text("/id", &self.id, ID_LENGTH_MAX)?;
        check_text("/source", &self.source, SOURCE_LENGTH_MAX)?;
        check_text("/type", &self.event_type, ID_LENGTH_MAX)?;
        if self.data.as_json().len() > super::data::DATA_BYTES_MAX {
            let most = super::data::DATA_BYTES_MAX;
            return Err(Violation::new("/data", "data_too_large", format!("send at most {most} bytes of data")));
        }
        self.check_age(now)
    }

    fn check_age(&self, now: Timestamp) -> Result<(), Violation> {
        let age = now.duration_since(self.occurred_at);
        if age < -SignedDuration::from_mins(EVENT_AHEAD_MINUTES_MAX) {
            let message = format!("the time is more than {EVENT_AHEAD_MINUTES_MAX} minutes in the future");
            return Err(Violation::new("/time", "time_in_future", message));
        }
        if age > SignedDuration::from_hours(24 * EVENT_AGE_DAYS_MAX) {
            let message = format!("events older than {EVENT_AGE_DAYS_MAX} days are no longer taken");
            return Err(Violation::new("/time", "time_too_old", message));
        }
        Ok(())
    }

    /// The stretch of time within which the id is unique.
    pub fn bucket(&self, time_zone: &TimeZone) -> Result<Bucket, calendar::CalendarError> {
        match self.time_basis {
            TimeBasis::Event => Ok(Bucket::Hour(calendar::hour_start(self.occurred_at, time_zone))),
            TimeBasis::Arrival => Ok(Bucket::Month(calendar::month_start(self.occurred_at, time_zone)?)),
        }
    }

    /// What makes a second sending of this event the same event.
    pub fn key(&self, tenant: TenantId, time_zone: &TimeZone) -> Result<EventKey, calendar::CalendarError> {
        let bucket = self.bucket(time_zone)?.to_string();
        Ok(EventKey(digest(&[&tenant.to_string(), &self.source, &self.id, &bucket])))
    }

    /// A digest of what the event says, by which a repeat is told from a conflict.
    #[must_use]
    pub fn content_digest(&self) -> EventKey {
        // An event without a time of its own has another arrival at each sending: that is no other content.
        let occurred_at = match self.time_basis {
            TimeBasis::Event => self.occurred_at.to_string(),
            TimeBasis::Arrival => String::new(),
        };
        EventKey(digest(&[&self.event_type, &occurred_at, self.data.as_json()]))
    }
}

/// The instant inside a `UUIDv7` id, if `id` is one.
#[must_use]
pub fn time_in_id(id: &str) -> Option<Timestamp> {
    let uuid = uuid::Uuid::try_parse(id).ok().filter(|uuid| uuid.get_version_num() == 7)?;
    let (seconds, nanoseconds) = uuid.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// The stretch of time within which an event id is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// The local hour that starts here.
    Hour(Timestamp),
    /// The local month that starts here, for events without a time.
    Month(Timestamp),
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hour(start) => write!(f, "hour/{start}"),
            Self::Month(start) => write!(f, "month/{start}"),
        }
    }
}

/// The first 128 bits of a SHA-256 over an identity or a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 16]);

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::Hex(&self.0).fmt(f)
    }
}

/// 128 bits of SHA-256 over length-prefixed `parts`.
#[must_use]
pub fn digest(parts: &[&str]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&crate::id::digest(parts)[..16]);
    short
}

fn check_text(pointer: &str, text: &str, length_max: usize) -> Result<(), Violation> {
    if text.is_empty() {
        return Err(Violation::new(pointer, "empty", "send a text that is not empty"));
    }
    if text.len() > length_max {
        return Err(Violation::new(pointer, "too_long", format!("send at most {length_max} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Violation::new(pointer, "control_character", "send no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::value::RawValue;

    const NOW: &str = "2026-05-20T12:00:00Z";

    fn event(id: &str, occurred_at: &str, time_basis: TimeBasis, data: &str) -> UsageEvent {
        UsageEvent {
            id: id.to_owned(),
            source: "edge".to_owned(),
            event_type: "request".to_owned(),
            occurred_at: occurred_at.parse().unwrap(),
            time_basis,
            data: EventData::new(RawValue::from_string(data.to_owned()).unwrap()).unwrap(),
        }
    }

    fn key(event: &UsageEvent) -> EventKey {
        let tenant = TenantId::derived(&["acme"]);
        event.key(tenant, &TimeZone::UTC).unwrap()
    }

    #[rstest]
    #[case::good("1", "2026-05-20T12:00:00Z", "{}", None)]
    #[case::clock_ahead("1", "2026-05-20T12:05:00Z", "{}", None)]
    #[case::in_the_future("1", "2026-05-20T12:05:01Z", "{}", Some("time_in_future"))]
    #[case::just_young_enough("1", "2025-04-15T12:00:00Z", "{}", None)]
    #[case::too_old("1", "2025-04-15T11:59:59Z", "{}", Some("time_too_old"))]
    #[case::no_id("", "2026-05-20T12:00:00Z", "{}", Some("empty"))]
    #[case::id_of_two_lines("a\nb", "2026-05-20T12:00:00Z", "{}", Some("control_character"))]
    fn an_event_is_checked(#[case] id: &str, #[case] at: &str, #[case] data: &str, #[case] code: Option<&str>) {
        let refusal = event(id, at, TimeBasis::Event, data).check(NOW.parse().unwrap()).err();
        assert_eq!(refusal.map(|violation| violation.code), code);
    }

    #[test]
    fn an_over_long_id_is_refused() {
        let at_most = event(&"x".repeat(ID_LENGTH_MAX), NOW, TimeBasis::Event, "{}");
        let over = event(&"x".repeat(ID_LENGTH_MAX + 1), NOW, TimeBasis::Event, "{}");
        assert_eq!(at_most.check(NOW.parse().unwrap()), Ok(()));
        assert_eq!(over.check(NOW.parse().unwrap()).unwrap_err().code, "too_long");
    }

    #[test]
    fn a_repeat_is_the_same_event_and_another_hour_is_another() {
        let first = event("1", "2026-05-20T11:00:00Z", TimeBasis::Event, "{}");
        assert_eq!(key(&first), key(&first.clone()));
        assert_ne!(key(&first), key(&event("1", "2026-05-20T12:00:00Z", TimeBasis::Event, "{}")));
        assert_ne!(key(&first), key(&event("2", "2026-05-20T11:00:00Z", TimeBasis::Event, "{}")));
    }

    #[test]
    fn an_event_without_a_time_is_caught_over_an_hour_boundary() {
        let first = event("1", "2026-05-20T11:59:59Z", TimeBasis::Arrival, "{}");
        let retry = event("1", "2026-05-20T12:00:01Z", TimeBasis::Arrival, "{}");
        assert_eq!(key(&first), key(&retry));
        assert_eq!(first.content_digest(), retry.content_digest());
    }

    #[test]
    fn other_content_is_a_conflict() {
        let first = event("1", NOW, TimeBasis::Event, r#"{"bytes":1}"#);
        let other = event("1", NOW, TimeBasis::Event, r#"{"bytes":2}"#);
        assert_eq!(key(&first), key(&other));
        assert_ne!(first.content_digest(), other.content_digest());
    }

    #[rstest]
    #[case::version_7("0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", Some("2024-07-27T10:35:37.266Z"))]
    #[case::version_4("7c9e6679-7425-40de-944b-e07fc1f90ae7", None)]
    #[case::no_uuid("order-17", None)]
    fn a_uuid_of_version_7_holds_a_time(#[case] id: &str, #[case] at: Option<&str>) {
        assert_eq!(time_in_id(id), at.map(|at| at.parse().unwrap()));
    }
}
