//! Meters: which events are picked, and which quantity is taken out of them.

use crate::{
    auth::{Caller, Platform},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    state::Api,
};
use axum::extract::{self, State};
use cloud::store::CreateOutcome;
use domain::{
    Violation,
    id::MeterId,
    text::Slug,
    usage::{self, Path},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rule that turns events into a quantity. It never changes; another rule is another meter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meter {
    /// Who it is.
    #[schema(value_type = String, example = "mtr_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: MeterId,
    /// How prices and queries name it.
    #[schema(example = "bytes-out")]
    slug: String,
    /// What people call it.
    #[schema(example = "Bytes sent")]
    name: String,
    /// The type of the events that it picks.
    #[schema(example = "request.served")]
    event_type: String,
    /// How the values of many events become one.
    aggregation: Aggregation,
    /// Where the value is in an event's data; `null` for a count.
    #[schema(example = "$.bytes")]
    value_path: Option<String>,
    /// What the events must say besides; all of it.
    filters: Vec<Filter>,
    /// What usage is broken down by.
    dimensions: Vec<Dimension>,
}

/// How the values of many events become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Aggregation {
    /// The number of events.
    Count,
    /// The sum of the value.
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The value of the last event, by event time.
    Latest,
    /// The mean of the values, to nine digits after the point.
    Average,
    /// The level that the values raise and lower, weighted by the time that it stood; zero at the start of each window.
    WeightedSum,
    /// The number of distinct values.
    UniqueCount,
}

/// A part of an event's data that usage is broken down by.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Dimension {
    /// How queries name it.
    #[schema(example = "region")]
    name: String,
    /// Where its value is in an event's data.
    #[schema(example = "$.region")]
    path: String,
}

/// What an event must say to be picked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Filter {
    /// Where the value is in an event's data.
    #[schema(example = "$.method")]
    path: String,
    /// The values of which it must be one; numbers and booleans as text.
    any_of: Vec<String>,
}

impl From<usage::Meter> for Meter {
    fn from(meter: usage::Meter) -> Self {
        let aggregation = match &meter.aggregation {
            usage::Aggregation::Count => Aggregation::Count,
            usage::Aggregation::Sum(_) => Aggregation::Sum,
            usage::Aggregation::Min(_) => Aggregation::Min,
            usage::Aggregation::Max(_) => Aggregation::Max,
            usage::Aggregation::Latest(_) => Aggregation::Latest,
            usage::Aggregation::Average(_) => Aggregation::Average,
            usage::Aggregation::WeightedSum(_) => Aggregation::WeightedSum,
            usage::Aggregation::UniqueCount(_) => Aggregation::UniqueCount,
        };
        let value_path = meter.aggregation.path().map(ToString::to_string);
        let filter = |filter: usage::Filter| Filter { path: filter.path.to_string(), any_of: filter.any_of };
        let dimension = |dimension: usage::Dimension| Dimension {
            name: dimension.name.to_string(),
            path: dimension.path.to_string(),
        };
        Self {
            id: meter.id,
            slug: meter.slug.to_string(),
            name: meter.name,
            event_type: meter.event_type,
            aggregation,
            value_path,
            filters: meter.filters.into_iter().map(filter).collect(),
            dimensions: meter.dimensions.into_iter().map(dimension).collect(),
        }
    }
}

/// A meter to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewMeter {
    /// How prices and queries name it.
    #[schema(example = "bytes-out")]
    slug: String,
    /// What people call it.
    #[schema(example = "Bytes sent")]
    name: String,
    /// The type of the events that it picks.
    #[schema(example = "request.served")]
    event_type: String,
    /// How the values of many events become one.
    aggregation: Aggregation,
    /// Where the value is in an event's data, such as `$.bytes`; required unless it counts.
    #[schema(example = "$.bytes")]
    value_path: Option<String>,
    /// What the events must say besides, all of it; at most 5.
    #[serde(default)]
    filters: Vec<Filter>,
    /// What usage is broken down by; at most 5.
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

/// Create a meter
#[utoipa::path(
    post, path = "/v1/meters", operation_id = "createMeter", tag = "Meters", security(("platformKey" = [])),
    request_body = NewMeter,
    responses((status = 201, body = Meter, description = "The meter."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewMeter>,
) -> Result<(StatusCode, axum::Json<Meter>), Problem> {
    let meter = decide(new, MeterId::new(creation.uuid(&api, api.world().now())))?;
    match api.world().create_meter(&meter).await? {
        CreateOutcome::Created | CreateOutcome::Repeated => {
            api.forget_meters();
            Ok((StatusCode::CREATED, axum::Json(meter.into())))
        }
        CreateOutcome::NameTaken => {
            Err(Problem::conflict("slug_taken", "another meter has this slug; choose another").at("/slug"))
        }
    }
}

fn decide(new: NewMeter, id: MeterId) -> Result<usage::Meter, Violation> {
    let dimension = |(index, dimension): (usize, Dimension)| {
        let under = |field: &str| format!("/dimensions/{index}/{field}");
        Ok(usage::Dimension {
            name: Slug::parse(&dimension.name).map_err(|violation| violation.under(&under("name")))?,
            path: path(&under("path"), &dimension.path)?,
        })
    };
    let filter = |(index, filter): (usize, Filter)| {
        Ok(usage::Filter { path: path(&format!("/filters/{index}/path"), &filter.path)?, any_of: filter.any_of })
    };
    let meter = usage::Meter {
        id,
        slug: Slug::parse(&new.slug).map_err(|violation| violation.under("/slug"))?,
        aggregation: aggregation(new.aggregation, new.value_path.as_deref())?,
        name: new.name,
        event_type: new.event_type,
        filters: new.filters.into_iter().enumerate().map(filter).collect::<Result<_, Violation>>()?,
        dimensions: new.dimensions.into_iter().enumerate().map(dimension).collect::<Result<_, Violation>>()?,
    };
    meter.check()?;
    Ok(meter)
}

fn aggregation(aggregation: Aggregation, value_path: Option<&str>) -> Result<usage::Aggregation, Violation> {
    const POINTER: &str = "/valuePath";
    let required = || {
        let text = value_path.ok_or_else(|| Violation::new(POINTER, "required", "send where the value is"))?;
        path(POINTER, text)
    };
    match aggregation {
        Aggregation::Count if value_path.is_some() => {
            Err(Violation::new(POINTER, "not_allowed", "a count takes no value; leave this out"))
        }
        Aggregation::Count => Ok(usage::Aggregation::Count),
        Aggregation::Sum => required().map(usage::Aggregation::Sum),
        Aggregation::Min => required().map(usage::Aggregation::Min),
        Aggregation::Max => required().map(usage::Aggregation::Max),
        Aggregation::Latest => required().map(usage::Aggregation::Latest),
        Aggregation::Average => required().map(usage::Aggregation::Average),
        Aggregation::WeightedSum => required().map(usage::Aggregation::WeightedSum),
        Aggregation::UniqueCount => required().map(usage::Aggregation::UniqueCount),
    }
}

fn path(pointer: &str, text: &str) -> Result<Path, Violation> {
    Path::parse(text).ok_or_else(|| {
        Violation::new(pointer, "invalid_path", "send $ and up to 8 member names, such as $.request.bytes")
    })
}

/// List meters, by slug
#[utoipa::path(
    get, path = "/v1/meters", operation_id = "listMeters", tag = "Meters", security(("tenantKey" = []), ("platformKey" = [])),
    params(PageParameters),
    responses((status = 200, body = List<Meter>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Caller,
    paging: Paging,
) -> Result<axum::Json<List<Meter>>, Problem> {
    let page = api.world().meters(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, Meter::from))
}

/// Get a meter
#[utoipa::path(
    get, path = "/v1/meters/{slug}", operation_id = "getMeter", tag = "Meters", security(("tenantKey" = []), ("platformKey" = [])),
    params(("slug" = String, Path, description = "Which meter.")),
    responses((status = 200, body = Meter, description = "The meter."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _: Caller,
    extract::Path(slug): extract::Path<String>,
) -> Result<axum::Json<Meter>, Problem> {
    named(&api, &slug).await.map(|meter| axum::Json(meter.into()))
}

/// The meter called `slug`.
pub(crate) async fn named(api: &Api, slug: &str) -> Result<usage::Meter, Problem> {
    let slug = Slug::parse(slug).map_err(|_| Problem::not_found())?;
    api.world().meter(&slug).await?.ok_or_else(Problem::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn check(more: &str, expect: Result<(), (&str, &str)>) {
        let new = format!(r#"{{"slug":"m","name":"M","eventType":"e",{more}}}"#);
        let outcome = decide(serde_json::from_str(&new).unwrap(), MeterId::derived(&["m"]));
        let got = outcome.as_ref().map(drop).map_err(|violation| (violation.pointer.as_str(), violation.code));
        assert_eq!(got, expect, "{more}");
    }

    #[rstest]
    #[case(r#""aggregation":"count""#, Ok(()))]
    #[case(r#""aggregation":"sum","valuePath":"$.bytes""#, Ok(()))]
    #[case(r#""aggregation":"max","valuePath":"$.a.b""#, Ok(()))]
    #[case(r#""aggregation":"uniqueCount","valuePath":"$.user""#, Ok(()))]
    #[case(r#""aggregation":"count","valuePath":"$.bytes""#, Err(("/valuePath", "not_allowed")))]
    #[case(r#""aggregation":"sum""#, Err(("/valuePath", "required")))]
    #[case(r#""aggregation":"sum","valuePath":"bytes""#, Err(("/valuePath", "invalid_path")))]
    fn only_a_count_has_no_value(#[case] more: &str, #[case] expect: Result<(), (&str, &str)>) {
        check(more, expect);
    }

    #[rstest]
    #[case(r#"[{"name":"region","path":"$.region"}]"#, Ok(()))]
    #[case(r#"[{"name":"Region","path":"$.region"}]"#, Err(("/dimensions/0/name", "invalid_slug")))]
    #[case(r#"[{"name":"a","path":"$.a"},{"name":"b","path":"b"}]"#, Err(("/dimensions/1/path", "invalid_path")))]
    #[case(r#"[{"name":"a","path":"$.a"},{"name":"a","path":"$.b"}]"#, Err(("/dimensions/1/name", "duplicate_name")))]
    fn a_dimension_is_refused_by_the_field(#[case] dimensions: &str, #[case] expect: Result<(), (&str, &str)>) {
        check(&format!(r#""aggregation":"count","dimensions":{dimensions}"#), expect);
    }
}
