//! What a tenant's usage adds up to, over a range of time, in windows and by dimension.
//!
//! Counters are hourly in the tenant's zone, so a range begins and ends on a local hour. Windows without usage are left
//! out; a window that the range cuts is answered with the part that is inside.

use crate::{
    auth::TenantScope,
    body::exact_text,
    openapi::ReadRefusals,
    parameters::{self, invalid},
    problem::Problem,
    routes::meters,
    state::Api,
};
use axum::extract::{OriginalUri, State};
use domain::{
    Decimal, TimeZone, Timestamp,
    calendar::{self, Period},
    usage::{
        Meter, TotalOutOfRange,
        window::{self, HourlyCounter, Window},
    },
};
use http::Uri;
use jiff::SignedDuration;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Longest range of one query.
pub(crate) const RANGE_DAYS_MAX: i64 = 400;
/// Most rows of one answer; a wider window or a shorter range has fewer.
const ROWS_MAX: usize = 10_000;

/// The parameters of a usage query, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what Query reads")]
pub(crate) struct UsageParameters {
    /// Id or slug; the platform must send it.
    tenant: Option<String>,
    /// Slug of the meter.
    meter: String,
    /// First instant, on a local hour; the start of the local month, unless it is sent.
    from: Option<Timestamp>,
    /// First instant after, on a local hour; the end of this hour, unless it is sent.
    to: Option<Timestamp>,
    /// `hour`, `day` or `month`; one total, unless it is sent.
    window: Option<String>,
    /// Dimensions of the meter to break down by, separated by commas.
    group_by: Option<String>,
}

/// What a tenant's usage adds up to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// Slug of the meter.
    #[schema(example = "bytes-out")]
    meter: String,
    /// First instant.
    from: Timestamp,
    /// First instant after.
    to: Timestamp,
    /// The window that was asked for; `null` for one total.
    #[schema(example = "day")]
    window: Option<&'static str>,
    /// One row for each window and group that has usage, by time.
    data: Vec<UsageRow>,
    /// The value over the whole range and all groups. For a unique count it is not the sum of the rows.
    #[schema(example = "1203")]
    total: String,
    /// Every event that was accepted before this instant is in the figures; later ones may be. It is some minutes behind
    /// and stands still while events cannot be counted; `null` before anything is known.
    #[schema(example = "2026-06-01T00:00:00Z")]
    complete_through: Option<Timestamp>,
}

/// The value of one window and group.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct UsageRow {
    /// First instant of the window.
    start: Timestamp,
    /// First instant after it.
    end: Timestamp,
    /// The values of the dimensions that were asked for.
    group: BTreeMap<String, String>,
    /// The value.
    #[schema(example = "87")]
    value: String,
}

/// A checked query.
#[derive(Debug)]
struct Query {
    meter: Meter,
    period: Period,
    window: Option<Window>,
    /// Positions of the dimensions to group by, in the order of the question.
    dimensions: Vec<usize>,
}

/// Read usage
#[utoipa::path(
    get, path = "/v1/usage", operation_id = "readUsage", tag = "Usage", security(("tenantKey" = []), ("platformKey" = [])),
    params(UsageParameters),
    responses((status = 200, body = Usage, description = "What it adds up to."), ReadRefusals)
)]
pub(crate) async fn read(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    OriginalUri(uri): OriginalUri,
) -> Result<axum::Json<Usage>, Problem> {
    let slug = parameters::get(&uri, "meter")?.ok_or_else(|| invalid("meter", "send the slug of a meter"))?;
    let meter = meters::named(&api, &slug).await?;
    let query = decide(&uri, meter, &tenant.time_zone, api.world().now())?;
    // Asked before the counters, which therefore hold everything up to it.
    let complete_through = api.complete_through().await?;
    let counters = api.store(&tenant).counters(&query.meter, query.period).await?;
    answer(&query, counters, &tenant.time_zone, complete_through).map(axum::Json)
}

fn decide(uri: &Uri, meter: Meter, time_zone: &TimeZone, now: Timestamp) -> Result<Query, Problem> {
    let window = match parameters::get(uri, "window")?.as_deref() {
        None => None,
        Some("hour") => Some(Window::Hour),
        Some("day") => Some(Window::Day),
        Some("month") => Some(Window::Month),
        Some(_) => return Err(invalid("window", "send hour, day or month")),
    };
    let period = period(uri, time_zone, now)?;
    let dimensions = dimensions(uri, &meter)?;
    Ok(Query { meter, period, window, dimensions })
}

fn period(uri: &Uri, time_zone: &TimeZone, now: Timestamp) -> Result<Period, Problem> {
    let instant = |name: &str| {
        let sent = parameters::parse::<Timestamp>(uri, name, "send an instant, such as 2026-06-01T00:00:00Z")?;
        sent.map_or(Ok(()), |instant| check_aligned(name, instant, time_zone)).map(|()| sent)
    };
    let out_of_range = |_| invalid("from", "send a time before the year 9999");
    let from = match instant("from")? {
        Some(from) => from,
        None => calendar::month_start(now, time_zone).map_err(out_of_range)?,
    };
    let to = match instant("to")? {
        Some(to) => to,
        None => Window::Hour.end(now, time_zone).map_err(out_of_range)?,
    };
    range(from, to, RANGE_DAYS_MAX)
}

/// Refuses an instant within an hour, as counters are hourly; `name` is what it was sent as.
pub(crate) fn check_aligned(name: &str, instant: Timestamp, time_zone: &TimeZone) -> Result<(), Problem> {
    if calendar::hour_start(instant, time_zone) == instant {
        return Ok(());
    }
    let detail = format!("{name}: send the start of an hour in the tenant's time zone");
    Err(Problem::bad_request("not_aligned", detail))
}

/// The range from `from` to before `to`, unless it is empty or longer than `days_max`.
pub(crate) fn range(from: Timestamp, to: Timestamp, days_max: i64) -> Result<Period, Problem> {
    if to.duration_since(from) > SignedDuration::from_hours(24 * days_max) {
        let detail = format!("ask for at most {days_max} days at once");
        return Err(Problem::bad_request("range_too_long", detail));
    }
    Period::new(from, to).ok_or_else(|| Problem::bad_request("invalid_range", "from must be before to"))
}

fn dimensions(uri: &Uri, meter: &Meter) -> Result<Vec<usize>, Problem> {
    let Some(names) = parameters::get(uri, "groupBy")? else { return Ok(Vec::new()) };
    let mut positions = Vec::new();
    for name in names.split(',') {
        let position = meter.dimensions.iter().position(|dimension| dimension.name.as_str() == name);
        let detail = || format!("meter {} has no dimension {name:?}", meter.slug);
        let position = position.ok_or_else(|| Problem::bad_request("unknown_dimension", detail()))?;
        if positions.contains(&position) {
            return Err(invalid("groupBy", "name each dimension once"));
        }
        positions.push(position);
    }
    Ok(positions)
}

fn answer(
    query: &Query,
    counters: Vec<HourlyCounter>,
    time_zone: &TimeZone,
    complete_through: Option<Timestamp>,
) -> Result<Usage, Problem> {
    let out_of_range = |error: TotalOutOfRange| Problem::internal(error.to_string());
    let spans = spans(query, &counters, time_zone)?;
    let total = window::total(counters.iter().cloned(), query.period).map_err(out_of_range)?;
    let whole = (query.period.start(), query.period.end());
    let label = |counter: &HourlyCounter| {
        let span = spans.get(&counter.hour).copied().unwrap_or(whole);
        let value = |&position: &usize| counter.group.0.get(position).cloned().unwrap_or_default();
        (span, query.dimensions.iter().map(value).collect::<Vec<_>>())
    };
    let span = |((start, end), _): &Label| Period::new(*start, *end).unwrap_or(query.period);
    let values = window::combine(counters, label, span).map_err(out_of_range)?;
    if values.len() > ROWS_MAX {
        let detail = format!("the answer has more than {ROWS_MAX} rows; ask for a wider window or a shorter range");
        return Err(Problem::bad_request("too_many_rows", detail));
    }
    Ok(Usage {
        meter: query.meter.slug.to_string(),
        from: query.period.start(),
        to: query.period.end(),
        window: query.window.map(name),
        data: values.into_iter().map(|(label, value)| row(query, label, value)).collect(),
        total: exact_text(total),
        complete_through,
    })
}

/// The window of each hour, cut to the range.
fn spans(
    query: &Query,
    counters: &[HourlyCounter],
    time_zone: &TimeZone,
) -> Result<BTreeMap<Timestamp, (Timestamp, Timestamp)>, Problem> {
    let Some(window) = query.window else { return Ok(BTreeMap::new()) };
    let mut spans: BTreeMap<Timestamp, (Timestamp, Timestamp)> = BTreeMap::new();
    for counter in counters {
        if spans.contains_key(&counter.hour) {
            continue;
        }
        // Counters come by time, so that the window of the hour before is most often the window of this one.
        let before = spans
            .last_key_value()
            .map(|(_, span)| *span)
            .filter(|(start, end)| *start <= counter.hour && counter.hour < *end);
        let span = match before {
            Some(span) => span,
            None => cut(window, counter.hour, query.period, time_zone)?,
        };
        spans.insert(counter.hour, span);
    }
    Ok(spans)
}

fn cut(
    window: Window,
    hour: Timestamp,
    period: Period,
    time_zone: &TimeZone,
) -> Result<(Timestamp, Timestamp), Problem> {
    let out_of_range = |error: calendar::CalendarError| Problem::internal(error.to_string());
    let start = window.start(hour, time_zone).map_err(out_of_range)?;
    let end = window.end(hour, time_zone).map_err(out_of_range)?;
    Ok((start.max(period.start()), end.min(period.end())))
}

type Label = ((Timestamp, Timestamp), Vec<String>);

fn row(query: &Query, ((start, end), values): Label, value: Decimal) -> UsageRow {
    let names = query.dimensions.iter().map(|&position| query.meter.dimensions[position].name.to_string());
    UsageRow { start, end, group: names.zip(values).collect(), value: exact_text(value) }
}

fn name(window: Window) -> &'static str {
    match window {
        Window::Hour => "hour",
        Window::Day => "day",
        Window::Month => "month",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        id::MeterId,
        text::Slug,
        usage::{Aggregation, Dimension, GroupKey, Path, Quantity, Tally, window::CounterValue},
    };
    use rstest::rstest;

    fn meter() -> Meter {
        let slug = |text| Slug::parse(text).unwrap();
        let dimension = |name| Dimension { name: slug(name), path: Path::parse("$.x").unwrap() };
        Meter {
            id: MeterId::derived(&["bytes"]),
            slug: slug("bytes"),
            name: "Bytes".to_owned(),
            event_type: "request".to_owned(),
            filters: Vec::new(),
            aggregation: Aggregation::Sum(Path::parse("$.bytes").unwrap()),
            dimensions: vec![dimension("region"), dimension("verb")],
        }
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn decided(query: &str) -> Result<Query, Problem> {
        let now = "2026-06-01T00:30:00Z".parse().unwrap();
        decide(&format!("/v1/usage?meter=bytes&{query}").parse().unwrap(), meter(), &berlin(), now)
    }

    #[rstest]
    // 02:30 on 1 June in Berlin, where the month began at 22:00 UTC.
    #[case::this_month("", "2026-05-31T22:00:00Z", "2026-06-01T01:00:00Z")]
    #[case::a_day("from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z")]
    #[case::offset("from=2026-05-01T00:00:00%2B02:00", "2026-04-30T22:00:00Z", "2026-06-01T01:00:00Z")]
    #[case::longest("from=2025-04-27T01:00:00Z", "2025-04-27T01:00:00Z", "2026-06-01T01:00:00Z")]
    fn a_range_is_the_month_so_far_unless_it_is_sent(#[case] query: &str, #[case] from: &str, #[case] to: &str) {
        let period = decided(query).unwrap().period;
        assert_eq!((period.start().to_string(), period.end().to_string()), (from.to_owned(), to.to_owned()));
    }

    #[rstest]
    #[case("window=week", "invalid_parameter")]
    #[case("from=yesterday", "invalid_parameter")]
    #[case("from=2026-05-01", "invalid_parameter")]
    #[case("from=2026-05-01T00:30:00Z", "not_aligned")]
    #[case("to=2026-05-01T00:00:01Z", "not_aligned")]
    #[case("from=2026-05-02T00:00:00Z&to=2026-05-02T00:00:00Z", "invalid_range")]
    #[case("from=2026-05-03T00:00:00Z&to=2026-05-02T00:00:00Z", "invalid_range")]
    #[case("from=2025-04-27T00:00:00Z", "range_too_long")]
    #[case("groupBy=colour", "unknown_dimension")]
    #[case("groupBy=", "unknown_dimension")]
    #[case("groupBy=region,region", "invalid_parameter")]
    fn a_query_is_refused_by_the_parameter(#[case] query: &str, #[case] code: &str) {
        assert_eq!(decided(query).unwrap_err().code, code);
    }

    fn counter(hour: &str, region: &str, verb: &str, value: i64) -> HourlyCounter {
        HourlyCounter {
            hour: hour.parse().unwrap(),
            group: GroupKey(vec![region.to_owned(), verb.to_owned()]),
            value: CounterValue::Tally(Tally::Sum(Quantity::new(value, 0).unwrap())),
        }
    }

    fn rows(query: &str) -> Vec<String> {
        let counters = vec![
            counter("2026-05-30T21:00:00Z", "eu", "get", 1),
            counter("2026-05-30T22:00:00Z", "eu", "get", 2),
            counter("2026-05-30T22:00:00Z", "us", "get", 3),
            counter("2026-05-31T21:00:00Z", "eu", "put", 4),
        ];
        let query = decided(&format!("from=2026-05-30T12:00:00Z&to=2026-05-31T22:00:00Z&{query}")).unwrap();
        let usage = answer(&query, counters, &berlin(), None).unwrap();
        assert_eq!(usage.total, "10");
        usage.data.iter().map(|row| format!("{} {} {:?} {}", row.start, row.end, row.group, row.value)).collect()
    }

    #[test]
    fn without_a_window_there_is_one_row() {
        assert_eq!(rows(""), ["2026-05-30T12:00:00Z 2026-05-31T22:00:00Z {} 10"]);
    }

    #[test]
    fn a_day_is_local_and_cut_to_the_range() {
        assert_eq!(
            rows("window=day"),
            ["2026-05-30T12:00:00Z 2026-05-30T22:00:00Z {} 1", "2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {} 9"]
        );
    }

    #[test]
    fn groups_are_broken_out_in_the_asked_dimensions_only() {
        assert_eq!(
            rows("groupBy=region"),
            [
                r#"2026-05-30T12:00:00Z 2026-05-31T22:00:00Z {"region": "eu"} 7"#,
                r#"2026-05-30T12:00:00Z 2026-05-31T22:00:00Z {"region": "us"} 3"#,
            ]
        );
        assert_eq!(
            rows("window=day&groupBy=verb,region"),
            [
                r#"2026-05-30T12:00:00Z 2026-05-30T22:00:00Z {"region": "eu", "verb": "get"} 1"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region": "eu", "verb": "get"} 2"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region": "us", "verb": "get"} 3"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region": "eu", "verb": "put"} 4"#,
            ]
        );
    }
}
