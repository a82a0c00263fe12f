//! What counting each tenant's events has cost, modelled from metered requests.
//!
//! A commit of the usage log stores, with the counters of the hour, what the messages in it and the commit itself have
//! consumed (`functions/usage`), so that the figures are as exact as the counts: no event is paid for twice because a
//! message came twice, and none is lost with a process. Prices are applied when they are asked for.

use crate::{
    auth::{self, Platform},
    openapi::ReadRefusals,
    page::{self, List, Paging},
    parameters::{self, invalid},
    problem::Problem,
    routes::usage_query,
    state::Api,
};
use axum::extract::{OriginalUri, State};
use cloud::{
    Fault,
    spend::{
        Amounts, Prices,
        bill::{self, Bill},
    },
    store::Page,
};
use domain::{
    Decimal, TimeZone, Timestamp,
    calendar::{self, Period},
    id::TenantId,
};
use http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Longest range of one question: each tenant's hours of it are read.
const RANGE_DAYS_MAX: i64 = 31;
/// Digits after the point of dollars for a million events, of which no list price has so many.
const PER_MILLION_PLACES: u32 = 6;
/// How a figure has come about. It is said wherever one is shown.
const BASIS: &str = "modelled from metered requests";

/// The parameters of the question, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what the route reads")]
pub(crate) struct CostParameters {
    /// Id or slug; all tenants by pages, unless it is sent.
    tenant: Option<String>,
    /// First instant; the start of this month in UTC, unless it is sent. An hour belongs to its start.
    from: Option<Timestamp>,
    /// First instant after, at most 31 days later; now, unless it is sent.
    to: Option<Timestamp>,
}

/// What counting a tenant's events has cost.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    /// Whose events.
    #[schema(value_type = String, example = "ten_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    tenant_id: TenantId,
    /// Slug of the tenant.
    #[schema(example = "acme")]
    tenant: String,
    /// First instant.
    from: Timestamp,
    /// First instant after.
    to: Timestamp,
    /// How the figures have come about.
    #[schema(example = "modelled from metered requests")]
    basis: &'static str,
    /// How many events were counted for the first time.
    events: u64,
    /// US dollars for all of them: the sum of the lines.
    #[schema(example = "0.0427")]
    total_usd: String,
    /// The same for a million events; `null` where there were none.
    #[schema(example = "0.0427")]
    per_million_usd: Option<String>,
    /// What it is made of; what was not consumed is left out.
    lines: Vec<CostLine>,
}

/// One thing that AWS asks money for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostLine {
    /// What was consumed.
    #[schema(example = "DynamoDB writes")]
    what: &'static str,
    /// How much of it.
    #[schema(example = "42700")]
    count: String,
    /// In which unit.
    #[schema(example = "write units")]
    unit: &'static str,
    /// US dollars for it, at the list price.
    #[schema(example = "0.0266875")]
    usd: String,
}

/// Read what counting has cost
///
/// Dollars by tenant for taking and counting its events, modelled from metered requests: requests, messages, and what
/// the usage log wrote for them, at list prices. What a reading, an invoice or a webhook costs is in the functions' logs.
#[utoipa::path(
    get, path = "/v1/admin/costs", operation_id = "readCosts", tag = "Tenants", security(("platformKey" = [])),
    params(CostParameters, page::PageParameters),
    responses((status = 200, body = List<Cost>, description = "Tenants, oldest first, with what they cost."), ReadRefusals)
)]
pub(crate) async fn read(
    State(api): State<Api>,
    _: Platform,
    OriginalUri(uri): OriginalUri,
    paging: Paging,
) -> Result<axum::Json<List<Cost>>, Problem> {
    let period = period(&uri, api.world().now())?;
    if let Some(name) = parameters::get(&uri, "tenant")? {
        let tenant = api.tenant(&name).await?.ok_or_else(Problem::not_found)?;
        auth::belongs_to(tenant.id);
        let cost = cost(&api, tenant.id, tenant.slug.to_string(), period).await?;
        return Ok(page::whole(vec![cost]));
    }
    let tenants = api.world().tenants(paging.limit, paging.after.as_ref()).await?;
    let mut items = Vec::with_capacity(tenants.items.len());
    for tenant in tenants.items {
        items.push(cost(&api, tenant.id, tenant.slug.to_string(), period).await?);
    }
    Ok(paging.answer(Page { items, next: tenants.next }, |cost| cost))
}

fn period(uri: &Uri, now: Timestamp) -> Result<Period, Problem> {
    let instant = |name| parameters::parse(uri, name, "send an instant, such as 2026-06-01T00:00:00Z");
    let to = instant("to")?.unwrap_or(now);
    let month = calendar::month_start(to, &TimeZone::UTC);
    let from = match instant("from")? {
        Some(from) => from,
        None => month.map_err(|_| invalid("to", "send a time before the year 9999"))?,
    };
    usage_query::range(from, to, RANGE_DAYS_MAX)
}

async fn cost(api: &Api, tenant_id: TenantId, tenant: String, period: Period) -> Result<Cost, Fault> {
    let mut amounts = Amounts::default();
    for hour in api.world().store(tenant_id).lane_hours(period).await? {
        let spent = Amounts::decode(&hour.stored.notes.spent);
        amounts += &spent.ok_or_else(|| Fault::permanent("read costs", "a lane holds malformed amounts"))?;
    }
    Ok(answer(&amounts, tenant_id, tenant, period))
}

fn answer(amounts: &Amounts, tenant_id: TenantId, tenant: String, period: Period) -> Cost {
    let Bill { lines, total_usd } = Bill::of(amounts, Prices::list());
    let shown = |line: bill::Line| CostLine {
        what: line.what,
        count: line.count.to_string(),
        unit: line.unit,
        usd: line.usd.to_string(),
    };
    let per_million = bill::per_million(total_usd, amounts.events).round_dp(PER_MILLION_PLACES).normalize();
    Cost {
        tenant_id,
        tenant,
        from: period.start(),
        to: period.end(),
        basis: BASIS,
        events: amounts.events,
        total_usd: total_usd.normalize().to_string(),
        per_million_usd: (amounts.events > 0).then(|| per_million.to_string()),
        lines: lines.into_iter().filter(|line| line.count != Decimal::ZERO).map(shown).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NOW: &str = "2026-05-20T12:34:56Z";

    #[rstest]
    #[case::this_month("/", Ok(("2026-05-01T00:00:00Z", NOW)))]
    #[case::from("/?from=2026-05-20T00:00:00Z", Ok(("2026-05-20T00:00:00Z", NOW)))]
    #[case::month_of_the_end("/?to=2026-03-02T00:00:00Z", Ok(("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")))]
    #[case::longest("/?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z", Ok(("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")))]
    #[case::too_long("/?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:01Z", Err("range_too_long"))]
    #[case::empty("/?from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", Err("invalid_range"))]
    #[case::in_the_future("/?from=2026-06-01T00:00:00Z", Err("invalid_range"))]
    #[case::no_instant("/?from=yesterday", Err("invalid_parameter"))]
    fn a_range_is_at_most_a_month(#[case] uri: Uri, #[case] expect: Result<(&str, &str), &str>) {
        let decided = period(&uri, NOW.parse().unwrap()).map(|period| (period.start(), period.end()));
        let expect = expect.map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
        assert_eq!(decided.map_err(|problem| problem.code), expect);
    }
}
