//! In which lanes of the log an event may lie, and the first of them that holds it.
//!
//! With a time these are the lane of its hour and, for an event whose time is its arrival, that of its month; without one
//! the lane of the time inside the id, or else those of the months, the newest first. Lanes that are too old to be whole
//! are not looked in.

use crate::{
    parameters,
    problem::Problem,
    routes::usage_events::SOURCE_DEFAULT,
    state::{Api, KnownTenant},
};
use axum::extract::{FromRequestParts, Path};
use cloud::store::LOG_DAYS;
use domain::{
    TimeZone, Timestamp, calendar,
    usage::{Bucket, EventKey, TimeBasis, UsageEvent, event},
};
use http::request::Parts;
use jiff::SignedDuration;
use usage_log::{Builder, Identity, Lane, Lanes, Log, Story};
use utoipa::IntoParams;

/// Months that are looked in for an event without a time: all that may hold one that is still kept.
const MONTHS_MAX: usize = 15;

/// Which event of an id, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what Asked reads")]
pub(super) struct EventParameters {
    /// Its source; `api`, unless it is sent.
    source: Option<String>,
    /// Its time, or another of the same hour (of the same `bucketMinutes`, where the tenant's `usageLog` has fewer than 60
    /// for that hour). To be sent if the event had a `time` of its own, other than that inside a `UUIDv7` id.
    time: Option<Timestamp>,
    /// Id or slug of whose usage it is; the platform must send it.
    tenant: Option<String>,
}

/// Which event is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    id: String,
    source: String,
    time: Option<Timestamp>,
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        // What is no percent-encoded UTF-8 is no event's id.
        let Path(id) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| unknown())?;
        let source = parameters::get(&parts.uri, "source")?.unwrap_or_else(|| SOURCE_DEFAULT.to_owned());
        let expected = "send the instant at which the event happened, such as 2026-06-01T00:00:00Z";
        Ok(Self { id, source, time: parameters::parse(&parts.uri, "time", expected)? })
    }
}

/// The log that holds an event, and what it is known by there.
#[derive(Debug)]
pub(super) struct Found {
    log: Log,
    identity: Identity,
    key: EventKey,
}

impl Found {
    /// What happened to it.
    pub(super) fn story(&self) -> Result<Story<'_>, Problem> {
        self.log.story(&self.identity, self.key).ok_or_else(unknown)
    }
}

/// Finds an event where it may lie, in the documented order.
pub(super) async fn find(api: &Api, tenant: &KnownTenant, asked: &Asked) -> Result<Found, Problem> {
    let identity = Identity::new(tenant.id);
    for (lane, key) in lanes(tenant, asked, &identity, api.world().now()) {
        let Some((_, log)) = api.store(tenant).lane_log(&lane).await? else { continue };
        let found = Found { log, identity, key };
        if found.story().is_ok() {
            return Ok(found);
        }
    }
    Err(unknown())
}

fn unknown() -> Problem {
    let detail = format!(
        "no such event is counted: send its source unless that is {SOURCE_DEFAULT:?}, and its time if it had one of its \
         own; it is found once it is counted (completeThrough of GET /v1/usage), and for {} days",
        event::EVENT_AGE_DAYS_MAX
    );
    Problem { detail, ..Problem::not_found() }
}

/// The lanes in which the event may lie and what it is known by in each, in the order in which they are looked in.
fn lanes(tenant: &KnownTenant, asked: &Asked, identity: &Identity, now: Timestamp) -> Vec<(Lane, EventKey)> {
    let in_id = event::time_in_id(&asked.id);
    let places: Vec<(Timestamp, TimeBasis)> = match asked.time.or(in_id) {
        None => months(now, &tenant.time_zone).map(|at| (at, TimeBasis::Arrival)).collect(),
        // An event with a time in its id has a time.
        Some(at) if in_id.is_some() => vec![(at, TimeBasis::Event)],
        Some(at) => vec![(at, TimeBasis::Event), (at, TimeBasis::Arrival)],
    };
    let placed = places.into_iter().filter_map(|(at, time_basis)| lane(tenant, asked, identity, at, time_basis));
    placed.filter(|(lane, _)| is_whole(lane, now)).collect()
}

/// An instant of this month, and of each of those before that may still matter.
fn months(now: Timestamp, time_zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let before = |at: &Timestamp| {
        let start = calendar::month_start(*at, time_zone).ok()?;
        start.checked_sub(SignedDuration::from_secs(1)).ok()
    };
    std::iter::successors(Some(now), before).take(MONTHS_MAX)
}

/// The lane of an event of that time, if such a time can be.
fn lane(
    tenant: &KnownTenant,
    asked: &Asked,
    identity: &Identity,
    at: Timestamp,
    time_basis: TimeBasis,
) -> Option<(Lane, EventKey)> {
    // Neither the type nor the data of an event is part of what it is known by.
    let (id, source) = (asked.id.as_str(), asked.source.as_str());
    let event = UsageEvent { id, source, event_type: "", occurred_at: at, time_basis, data: "{}" };
    let mut builder = Builder::default();
    builder.push(&event, at).ok()?;
    let event = builder.last()?;
    let key = identity.key(&event);
    let (lane, _) = Lanes::new(tenant.id, &tenant.time_zone, &tenant.layouts).of(&event, key).ok()?;
    Some((lane, key))
}

/// Whether all segments of the lane are there still.
fn is_whole(lane: &Lane, now: Timestamp) -> bool {
    // A sender's clock may be ahead, so that an event is older than its lane; a month began up to 31 days before its events.
    let days = match lane.bucket {
        Bucket::Timed(_) => event::EVENT_AGE_DAYS_MAX,
        Bucket::Arrival(_) => LOG_DAYS,
    };
    now.duration_since(lane.bucket.start()) <= SignedDuration::from_hours(24 * days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{id::TenantId, text::Slug};
    use rstest::rstest;
    use usage_log::Layouts;

    const NOW: &str = "2026-06-01T00:30:00Z";

    fn tenant() -> KnownTenant {
        KnownTenant {
            id: TenantId::derived(&["acme"]),
            slug: Slug::parse("acme").unwrap(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            layouts: Layouts::default(),
            refused_usage: domain::subscription::RefusedUsage::default(),
            canceled_at: None,
        }
    }

    fn looked_in(id: &str, time: Option<&str>) -> Vec<String> {
        let time = time.map(|time| time.parse().unwrap());
        let asked = Asked { id: id.to_owned(), source: "api".to_owned(), time };
        let tenant = tenant();
        let lanes = lanes(&tenant, &asked, &Identity::new(tenant.id), NOW.parse().unwrap());
        lanes.into_iter().map(|(lane, _)| lane.bucket.to_string()).collect()
    }

    // 2026-05-31T21:59:59.5Z, the last second of the month in Berlin, in its first 48 bits.
    const V7: &str = "019e800d-0d0c-7000-8000-000000000001";

    #[rstest]
    // Berlin's May began on 30 April at 22:00 UTC.
    #[case::a_time("1", Some("2026-05-17T10:05:03Z"), &["hour/2026-05-17T10:00:00Z", "month/2026-04-30T22:00:00Z"])]
    #[case::a_time_in_the_id(V7, None, &["hour/2026-05-31T21:00:00Z"])]
    #[case::a_time_beside_that_in_the_id(V7, Some("2026-05-17T10:05:03Z"), &["hour/2026-05-17T10:00:00Z"])]
    #[case::too_old("1", Some("2025-03-01T00:00:00Z"), &[])]
    // 399 days ago, in a month that began 401 days ago.
    #[case::just_young_enough("1", Some("2025-04-28T12:00:00Z"), &["hour/2025-04-28T12:00:00Z", "month/2025-03-31T22:00:00Z"])]
    #[case::no_time_that_can_be("1", Some("9999-12-01T00:00:00Z"), &[])]
    fn a_time_names_its_hour_and_its_month(#[case] id: &str, #[case] time: Option<&str>, #[case] expect: &[&str]) {
        assert_eq!(looked_in(id, time), expect);
    }

    #[test]
    fn without_a_time_the_months_are_looked_in_from_the_newest_back() {
        let months = looked_in("1", None);
        assert_eq!(
            months[..3],
            ["month/2026-05-31T22:00:00Z", "month/2026-04-30T22:00:00Z", "month/2026-03-31T22:00:00Z"]
        );
        // That of March 2025 began 457 days ago, that of April 2025 426.
        assert_eq!((months.len(), months.last().unwrap().as_str()), (15, "month/2025-03-31T22:00:00Z"));
    }

    #[test]
    fn an_event_is_known_by_its_source_too() {
        let tenant = tenant();
        let key = |source: &str| {
            let asked = Asked { id: "1".to_owned(), source: source.to_owned(), time: None };
            lanes(&tenant, &asked, &Identity::new(tenant.id), NOW.parse().unwrap())[0].1
        };
        assert_eq!(key("api"), key("api"));
        assert_ne!(key("api"), key("edge"));
    }
}
