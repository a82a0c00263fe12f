//! Plans: what is charged. A version never changes once it is published; a change is a new version.
//!
//! The shapes are in [`request`] and [`answer`]; here are the routes and what they ask of the catalog.

mod answer;
mod interval;
mod request;

pub(crate) use self::interval::Interval;

use self::{
    answer::{Plan, PlanListed},
    request::{NewPlan, NewPlanVersion},
};
use crate::{
    auth::{Caller, Platform},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    parameters,
    problem::Problem,
    retry::until_not_raced,
    state::Api,
};
use axum::extract::{OriginalUri, Path, State};
use cloud::{
    Fault,
    store::{CreateOutcome, PublishOutcome},
};
use domain::{
    Timestamp, Violation,
    catalog::{self, Charge, PlanRef, PlanVersion, Price},
    id::PlanId,
    rating::Feed,
    text::Slug,
    usage::Meter,
};
use http::StatusCode;
use std::{collections::HashMap, num::NonZeroU32};

/// How often the next version is tried to be published while others publish too.
const PUBLISH_TRIES_MAX: u32 = 4;

/// Create a plan
///
/// It starts with version 1.
#[utoipa::path(
    post, path = "/v1/plans", operation_id = "createPlan", tag = "Plans", security(("platformKey" = [])),
    request_body = NewPlan,
    responses((status = 201, body = Plan, description = "The plan's first version."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewPlan>,
) -> Result<(StatusCode, axum::Json<Plan>), Problem> {
    let now = api.world().now();
    let slug = Slug::parse(&new.slug).map_err(|violation| violation.under("/slug"))?;
    let reference = PlanRef { plan_id: PlanId::new(creation.uuid(&api, now)), version: NonZeroU32::MIN };
    let version = decide(&api, new.version(), reference, now).await?;
    let plan = catalog::Plan {
        id: reference.plan_id,
        slug,
        name: version.name.clone(),
        latest_version: reference.version,
        created_at: now,
    };
    match until_not_raced(|| api.world().create_plan(&plan, &version)).await? {
        CreateOutcome::Created => Ok((StatusCode::CREATED, axum::Json(Plan::new(&plan.slug, version)))),
        CreateOutcome::Repeated => {
            let there = load_version(&api, reference).await?;
            Ok((StatusCode::CREATED, axum::Json(Plan::new(&plan.slug, there))))
        }
        CreateOutcome::NameTaken => {
            Err(Problem::conflict("slug_taken", "another plan has this slug; publish a version of it").at("/slug"))
        }
    }
}

/// Publish the next version of a plan
///
/// Subscriptions keep the version that they were made with.
#[utoipa::path(
    post, path = "/v1/plans/{slug}/versions", operation_id = "publishPlanVersion", tag = "Plans", security(("platformKey" = [])),
    params(("slug" = String, Path, description = "Which plan.")),
    request_body = NewPlanVersion,
    responses((status = 201, body = Plan, description = "The new version."), WriteRefusals)
)]
pub(crate) async fn publish(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Path(slug): Path<String>,
    Json(new): Json<NewPlanVersion>,
) -> Result<(StatusCode, axum::Json<Plan>), Problem> {
    let now = api.world().now();
    let plan = named(&api, &slug).await?;
    let latest = PlanRef { plan_id: plan.id, version: plan.latest_version };
    let mut version = decide(&api, new, latest, now).await?;
    let publication = creation.uuid(&api, now);
    let created = |version| Ok((StatusCode::CREATED, axum::Json(Plan::new(&plan.slug, version))));
    let mut latest = plan.latest_version;
    for _ in 0..PUBLISH_TRIES_MAX {
        let next = latest.checked_add(1).ok_or_else(|| Problem::internal("a plan has 4 billion versions"))?;
        version.reference.version = next;
        let publish = || api.world().publish_plan_version(&plan.slug, &version, publication);
        match until_not_raced(publish).await? {
            PublishOutcome::Published => return created(version),
            PublishOutcome::Repeated(number) => {
                let reference = PlanRef { version: number, ..version.reference };
                return created(load_version(&api, reference).await?);
            }
            PublishOutcome::Raced => latest = named(&api, &slug).await?.latest_version,
        }
    }
    Err(Fault::Conflict { operation: "publish a plan version" }.into())
}

/// The version that was asked for, if it keeps every rule.
async fn decide(api: &Api, new: NewPlanVersion, reference: PlanRef, now: Timestamp) -> Result<PlanVersion, Problem> {
    let version = new.decide(reference, now)?;
    let meters = api.world().all_meters().await?;
    let meters: HashMap<&Slug, &Meter> = meters.iter().map(|meter| (&meter.slug, meter)).collect();
    for (index, price) in version.prices.iter().enumerate() {
        check_billable(price, &meters).map_err(|violation| violation.under(&format!("/prices/{index}")))?;
    }
    Ok(version)
}

/// Checks that the meter of a price has what the price needs.
fn check_billable(price: &Price, meters: &HashMap<&Slug, &Meter>) -> Result<(), Violation> {
    match price.charge() {
        Charge::Usage(charge) => {
            let unknown = || Violation::new("/meter", "unknown_meter", "create the meter first");
            let meter = meters.get(charge.meter()).ok_or_else(unknown)?;
            Feed::of(charge, meter).map(drop)
        }
        Charge::Flat { .. } | Charge::Seats { .. } => Ok(()),
    }
}

/// List plans, by slug
#[utoipa::path(
    get, path = "/v1/plans", operation_id = "listPlans", tag = "Plans", security(("tenantKey" = []), ("platformKey" = [])),
    params(PageParameters),
    responses((status = 200, body = List<PlanListed>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Caller,
    paging: Paging,
) -> Result<axum::Json<List<PlanListed>>, Problem> {
    let page = api.world().plans(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, PlanListed::from))
}

/// Get a plan
#[utoipa::path(
    get, path = "/v1/plans/{slug}", operation_id = "getPlan", tag = "Plans", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan."),
        ("version" = Option<u32>, Query, description = "Which version of it; the latest, unless it is sent."),
    ),
    responses((status = 200, body = Plan, description = "The version."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _: Caller,
    Path(slug): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<axum::Json<Plan>, Problem> {
    let version = parameters::parse::<NonZeroU32>(&uri, "version", "send a whole number from 1 on")?;
    let plan = named(&api, &slug).await?;
    let reference = PlanRef { plan_id: plan.id, version: version.unwrap_or(plan.latest_version) };
    let version = load_version(&api, reference).await?;
    Ok(axum::Json(Plan::new(&plan.slug, version)))
}

/// The plan called `slug`.
pub(crate) async fn named(api: &Api, slug: &str) -> Result<catalog::Plan, Problem> {
    let slug = Slug::parse(slug).map_err(|_| Problem::not_found())?;
    api.world().plan(&slug).await?.ok_or_else(Problem::not_found)
}

/// One version of a plan.
async fn load_version(api: &Api, reference: PlanRef) -> Result<PlanVersion, Problem> {
    api.world().plan_version(reference).await?.ok_or_else(Problem::not_found)
}
