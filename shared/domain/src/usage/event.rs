//! A usage event, and the stretch of time within which its id is unique (docs/USAGE_LOG.md, *Identity*).
//!
//! Invariant: the time that places an event is a function of the event, not of when it arrived, so that a repeat has
//! the same identity however late it comes. Only an event with no time of its own is placed by its arrival, and then
//! in a month-wide bucket.

use crate::Violation;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// Longest event id and type, in bytes.
pub const ID_LENGTH_MAX: usize = 128;
/// Longest source, in bytes.
pub const SOURCE_LENGTH_MAX: usize = 256;
/// Longest reason of a correction, in bytes.
pub const REASON_LENGTH_MAX: usize = 256;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageEvent<'a> {
    /// Unique within its source and bucket.
    pub id: &'a str,
    /// The system that reports, as a URI reference.
    pub source: &'a str,
    /// What happened; meters pick events by it.
    pub event_type: &'a str,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Where `occurred_at` came from.
    pub time_basis: TimeBasis,
    /// What meters read: a JSON object, as text.
    pub data: &'a str,
}

impl UsageEvent<'_> {
    /// Checks the lengths and the age against `now`, in the documented order.
    pub fn check(&self, now: Timestamp) -> Result<(), Violation> {
        self.check_lengths()?;
        self.check_age(now)
    }

    /// Checks the lengths alone: what was accepted may be corrected at any age.
    pub fn check_lengths(&self) -> Result<(), Violation> {
        check_text("/id", self.id, ID_LENGTH_MAX)?;
        check_text("/source", self.source, SOURCE_LENGTH_MAX)?;
        check_text("/type", self.event_type, ID_LENGTH_MAX)?;
        if self.data.len() > super::data::DATA_BYTES_MAX {
            let most = super::data::DATA_BYTES_MAX;
            return Err(Violation::new("/data", "data_too_large", format!("send at most {most} bytes of data")));
        }
        Ok(())
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
}

/// Checks the reason of a correction, which stays in the log beside it.
pub fn check_reason(reason: &str) -> Result<(), Violation> {
    if reason.trim().is_empty() {
        return Err(Violation::new("/reason", "empty", "say why, for whoever reads the books"));
    }
    check_text("/reason", reason, REASON_LENGTH_MAX)
}

/// The instant inside a `UUIDv7` id, if `id` is one.
#[must_use]
pub fn time_in_id(id: &str) -> Option<Timestamp> {
    let uuid = uuid::Uuid::try_parse(id).ok().filter(|uuid| uuid.get_version_num() == 7)?;
    let (seconds, nanoseconds) = uuid.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// The stretch of time within which an event id is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// The local hour, or the part of one, that starts here.
    Timed(Timestamp),
    /// The local month that starts here, for events without a time.
    Arrival(Timestamp),
}

impl Bucket {
    /// Its first instant.
    #[must_use]
    pub fn start(self) -> Timestamp {
        match self {
            Self::Timed(start) | Self::Arrival(start) => start,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timed(start) => write!(f, "hour/{start}"),
            Self::Arrival(start) => write!(f, "month/{start}"),
        }
    }
}

/// What an event is known by in its lane: 128 bits of a keyed hash.
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

    const NOW: &str = "2026-05-20T12:00:00Z";

    fn event<'a>(id: &'a str, occurred_at: &str, time_basis: TimeBasis, data: &'a str) -> UsageEvent<'a> {
        let occurred_at = occurred_at.parse().unwrap();
        UsageEvent { id, source: "edge", event_type: "request", occurred_at, time_basis, data }
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
        let (at_most, over) = ("x".repeat(ID_LENGTH_MAX), "x".repeat(ID_LENGTH_MAX + 1));
        let check = |id: &str| event(id, NOW, TimeBasis::Event, "{}").check(NOW.parse().unwrap());
        assert_eq!(check(&at_most), Ok(()));
        assert_eq!(check(&over).unwrap_err().code, "too_long");
    }

    #[rstest]
    #[case::good("sent by a test", None)]
    #[case::none("", Some("empty"))]
    #[case::blank("  ", Some("empty"))]
    #[case::two_lines("a\nb", Some("control_character"))]
    fn a_reason_is_a_line_of_text(#[case] reason: &str, #[case] code: Option<&str>) {
        assert_eq!(check_reason(reason).err().map(|violation| violation.code), code);
    }

    #[test]
    fn an_over_long_reason_is_refused() {
        assert_eq!(check_reason(&"x".repeat(REASON_LENGTH_MAX)), Ok(()));
        let violation = check_reason(&"x".repeat(REASON_LENGTH_MAX + 1)).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), ("/reason", "too_long"));
    }

    #[test]
    fn an_old_event_may_be_corrected_but_not_sent() {
        let old = event("1", "2025-04-15T11:59:59Z", TimeBasis::Event, "{}");
        assert_eq!(old.check_lengths(), Ok(()));
        assert_eq!(old.check(NOW.parse().unwrap()).unwrap_err().code, "time_too_old");
    }

    #[rstest]
    #[case::version_7("0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", Some("2024-07-27T10:35:37.266Z"))]
    #[case::version_4("7c9e6679-7425-40de-944b-e07fc1f90ae7", None)]
    #[case::no_uuid("order-17", None)]
    fn a_uuid_of_version_7_holds_a_time(#[case] id: &str, #[case] at: Option<&str>) {
        assert_eq!(time_in_id(id), at.map(|at| at.parse().unwrap()));
    }
}
