//! Rebuilds: a tenant's hours counted anew from the usage log, compared with what is stored, and repaired on request.
//!
//! A request does a bounded part of a range and says where to go on. What is checked, and what a repair may change, is in
//! `cloud::rebuild`.

use crate::{
    auth::{self, Platform},
    body::Json,
    openapi::WriteRefusals,
    problem::Problem,
    routes::usage_query,
    state::Api,
};
use axum::extract::State;
use cloud::rebuild::{self, Order, Rebuilt};
use domain::{TimeZone, Timestamp, Violation, calendar::Period, text::Hex};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be rebuilt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewRebuild {
    /// Whose hours: id or slug.
    #[schema(example = "acme")]
    tenant: String,
    /// First instant, on a local hour.
    from: Timestamp,
    /// First instant after, on a local hour; at most 400 days later.
    to: Timestamp,
    /// Whether what differs is counted anew; nothing is written unless it is sent.
    #[serde(default)]
    repair: bool,
    /// To go on: the digest of the part before.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: Option<String>,
}

/// What came of a part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rebuild {
    /// How many hours of this part something was counted in.
    checked_hours: u64,
    /// How many events its hours hold, voided ones among them.
    checked_events: u64,
    /// One value for the logs of this part and of those before: the same for the same logs, however a range is parted.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: String,
    /// How many lanes and hours of this part are not as the log has them.
    differences: u64,
    /// How many of these were repaired.
    repaired: u64,
    /// The first that was not repaired, or else the first that was; `null` if there is none.
    difference: Option<RebuildDifference>,
    /// Send it as `from`, with `digest`, to go on; `null` if the range is done.
    next: Option<Timestamp>,
}

/// A difference between the log and what is stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RebuildDifference {
    /// Stable code: `counter`, `distinct_values`, `not_back_filled`, `segment_missing`, `segment_changed`, `events_missing`
    /// or `head_missing`. The first three can be repaired.
    #[schema(example = "counter")]
    kind: &'static str,
    /// In which lane of the log.
    #[schema(example = "ten_0197263d8c007d3f8e6b1f0a2c4d5e6f/hour/2026-05-20T12:00:00Z/0")]
    lane: String,
    /// In which hour.
    hour: Timestamp,
    /// Slug of the meter, if it is about one.
    #[schema(example = "bytes-out")]
    meter: Option<String>,
    /// The values of the meter's dimensions, in their order.
    group: Vec<String>,
    /// What is stored, if it is a value.
    #[schema(example = "87")]
    stored: Option<String>,
    /// What the log adds up to, if it is a value.
    #[schema(example = "86")]
    rebuilt: Option<String>,
    /// The same in words.
    #[schema(example = "the counter of bytes-out is 87, and the log adds up to 86")]
    detail: String,
    /// Whether it was repaired.
    repaired: bool,
}

impl From<rebuild::Difference> for RebuildDifference {
    fn from(difference: rebuild::Difference) -> Self {
        let rebuild::Difference { lane, hour, finding, repaired } = difference;
        let (meter, group) = finding.place().map(|(meter, group)| (meter.to_owned(), group.0.clone())).unzip();
        let (stored, rebuilt) = finding.values();
        Self {
            kind: finding.kind(),
            lane: lane.to_string(),
            hour,
            meter,
            group: group.unwrap_or_default(),
            stored,
            rebuilt,
            detail: finding.to_string(),
            repaired,
        }
    }
}

impl From<Rebuilt> for Rebuild {
    fn from(rebuilt: Rebuilt) -> Self {
        Self {
            checked_hours: rebuilt.hours,
            checked_events: rebuilt.events,
            digest: Hex(&rebuilt.digest).to_string(),
            differences: rebuilt.differences,
            repaired: rebuilt.repaired,
            difference: rebuilt.difference.map(Into::into),
            next: rebuilt.next,
        }
    }
}

/// Rebuild counters
///
/// Counts hours anew from the usage log with the meters of now, compares counters, distinct values and the log's chain
/// of digests, and repairs what differs if asked to. A meter that was created after the events is back-filled so.
#[utoipa::path(
    post, path = "/v1/admin/rebuilds", operation_id = "rebuild", tag = "Usage", security(("platformKey" = [])),
    request_body = NewRebuild,
    responses((status = 200, body = Rebuild, description = "What was found, and where to go on."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    Json(new): Json<NewRebuild>,
) -> Result<axum::Json<Rebuild>, Problem> {
    let unknown = || Violation::new("/tenant", "unknown_tenant", "create the tenant first");
    let tenant = api.tenant(&new.tenant).await?.ok_or_else(unknown)?;
    auth::belongs_to(tenant.id);
    let order = decide(&new, &tenant.time_zone)?;
    let rebuilt = rebuild::rebuild(api.world(), tenant.id, &tenant.time_zone, &order).await?;
    if let Some(difference) = &rebuilt.difference {
        let rebuild::Difference { lane, hour, finding, repaired } = difference;
        tracing::warn!(%lane, %hour, kind = finding.kind(), repaired, "a rebuild found a difference");
    }
    Ok(axum::Json(rebuilt.into()))
}

fn decide(new: &NewRebuild, time_zone: &TimeZone) -> Result<Order, Problem> {
    let period = period(new, time_zone)?;
    let digest = match &new.digest {
        None => [0; 32],
        Some(text) => Hex::parse_32(text).ok_or_else(|| {
            Violation::new("/digest", "invalid_digest", "send the digest that the part before was answered with")
        })?,
    };
    Ok(Order { period, repair: new.repair, digest })
}

fn period(new: &NewRebuild, time_zone: &TimeZone) -> Result<Period, Problem> {
    usage_query::check_aligned("from", new.from, time_zone).map_err(|problem| problem.at("/from"))?;
    usage_query::check_aligned("to", new.to, time_zone).map_err(|problem| problem.at("/to"))?;
    usage_query::range(new.from, new.to, usage_query::RANGE_DAYS_MAX).map_err(|problem| problem.at("/to"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HOUR: &str = "2026-05-20T12:00:00Z";
    const NEXT: &str = "2026-05-20T13:00:00Z";

    fn decided(from: &str, to: &str, digest: Option<&str>, zone: &str) -> Result<Order, Problem> {
        let instant = |text: &str| text.parse::<Timestamp>().unwrap();
        let new = NewRebuild {
            tenant: "acme".to_owned(),
            from: instant(from),
            to: instant(to),
            repair: false,
            digest: digest.map(str::to_owned),
        };
        decide(&new, &TimeZone::get(zone).unwrap())
    }

    #[rstest]
    #[case::on_the_hour(HOUR, NEXT, "UTC", Ok(()))]
    #[case::from_within(NEXT, "2026-05-20T13:30:00Z", "UTC", Err(("not_aligned", "/to")))]
    #[case::to_within("2026-05-20T12:00:01Z", NEXT, "UTC", Err(("not_aligned", "/from")))]
    #[case::half_hour_zone(HOUR, NEXT, "Asia/Kolkata", Err(("not_aligned", "/from")))]
    #[case::half_hour_of_the_zone("2026-05-20T12:30:00Z", "2026-05-20T13:30:00Z", "Asia/Kolkata", Ok(()))]
    #[case::empty(HOUR, HOUR, "UTC", Err(("invalid_range", "/to")))]
    #[case::backward(NEXT, HOUR, "UTC", Err(("invalid_range", "/to")))]
    #[case::longest("2025-04-15T12:00:00Z", HOUR, "UTC", Ok(()))]
    #[case::too_long("2025-04-15T11:00:00Z", HOUR, "UTC", Err(("range_too_long", "/to")))]
    fn a_range_is_of_local_hours(
        #[case] from: &str,
        #[case] to: &str,
        #[case] zone: &str,
        #[case] expect: Result<(), (&'static str, &str)>,
    ) {
        let decided = decided(from, to, None, zone).map(|order| (order.period.start(), order.period.end()));
        let expect = expect.map(|()| (from.parse().unwrap(), to.parse().unwrap()));
        let refusal = |problem: Problem| (problem.code, problem.errors[0].pointer.clone());
        assert_eq!(decided.map_err(refusal), expect.map_err(|(code, pointer)| (code, pointer.to_owned())));
    }

    #[rstest]
    #[case::none(None, Ok([0; 32]))]
    #[case::good(Some(("0f", 32)), Ok([15; 32]))]
    #[case::short(Some(("0f", 31)), Err("invalid_digest"))]
    #[case::long(Some(("0f", 33)), Err("invalid_digest"))]
    #[case::no_hex(Some(("0g", 32)), Err("invalid_digest"))]
    #[case::signs(Some(("+f", 32)), Err("invalid_digest"))]
    #[case::other_script(Some(("ü", 32)), Err("invalid_digest"))]
    fn a_digest_is_64_hex_digits(#[case] text: Option<(&str, usize)>, #[case] expect: Result<[u8; 32], &str>) {
        let text = text.map(|(part, times)| part.repeat(times));
        let decided = decided(HOUR, NEXT, text.as_deref(), "UTC").map(|order| order.digest);
        assert_eq!(decided.map_err(|problem| problem.errors[0].code.clone()), expect.map_err(str::to_owned));
    }
}
