//! Plans: what is charged. A version never changes once it is published; a change is a new version.
//!
//! The shapes are in [`request`] and [`answer`], the life of a version in [`versions`]; here are the routes of plans
//! themselves. What a tenant's key does not see, drafts and hidden plans, is not found.

mod answer;
mod interval;
pub(crate) mod overrides;
mod request;
pub(crate) mod versions;

pub(crate) use self::interval::Interval;

use self::{
    answer::{Plan, PlanListed},
    request::{NewPlan, NewPlanVersion, PlanChange},
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
use cloud::{Fault, store::CreateOutcome};
use domain::{
    Timestamp, Violation,
    catalog::{self, Charge, PlanRef, PlanVersion, Price, VersionStatus, Versions, Visibility},
    id::PlanId,
    rating::Feed,
    text::Slug,
    usage::Meter,
};
use http::StatusCode;
use std::{collections::HashMap, num::NonZeroU32};

/// How often a change is decided anew while others change the plan too.
const CHANGE_TRIES_MAX: u32 = 4;

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
    let kind = new.kind.into();
    let (attributes, new) = new.split()?;
    let versions = Versions::first(new.is_draft());
    let version = decide(&api, new, reference, now).await?;
    let plan = catalog::Plan {
        id: reference.plan_id,
        slug,
        kind,
        name: version.name.clone(),
        versions,
        attributes,
        created_at: now,
        revision: 1,
    };
    match until_not_raced(|| api.world().create_plan(&plan, &version)).await? {
        CreateOutcome::Created => Ok((StatusCode::CREATED, answer(&plan, &version)?)),
        CreateOutcome::Repeated => {
            let plan = named(&api, plan.slug.as_str()).await?;
            Ok((StatusCode::CREATED, answer(&plan, &load_version(&api, reference).await?)?))
        }
        CreateOutcome::NameTaken => {
            Err(Problem::conflict("slug_taken", "another plan has this slug; publish a version of it").at("/slug"))
        }
    }
}

/// Change a plan
///
/// How it is shown; what it charges is changed by a new version.
#[utoipa::path(
    patch, path = "/v1/plans/{slug}", operation_id = "changePlan", tag = "Plans", security(("platformKey" = [])),
    params(("slug" = String, Path, description = "Which plan.")),
    request_body = PlanChange,
    responses((status = 200, body = Plan, description = "The plan as it is now."), WriteRefusals)
)]
pub(crate) async fn update(
    State(api): State<Api>,
    _: Platform,
    Path(slug): Path<String>,
    Json(change): Json<PlanChange>,
) -> Result<axum::Json<Plan>, Problem> {
    for _ in 0..CHANGE_TRIES_MAX {
        let before = named(&api, &slug).await?;
        let attributes = change.apply(&before.attributes)?;
        let after = catalog::Plan { attributes, ..before.clone() };
        if until_not_raced(|| api.world().change_plan(&before, &after, None)).await? {
            let reference = PlanRef { plan_id: after.id, version: after.versions.shown() };
            return answer(&after, &load_version(&api, reference).await?);
        }
    }
    Err(raced())
}

/// List plans, by slug
///
/// A tenant's key sees those that are public and have an active version.
#[utoipa::path(
    get, path = "/v1/plans", operation_id = "listPlans", tag = "Plans", security(("tenantKey" = []), ("platformKey" = [])),
    params(PageParameters),
    responses((status = 200, body = List<PlanListed>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    paging: Paging,
) -> Result<axum::Json<List<PlanListed>>, Problem> {
    let after = paging.after.as_ref();
    let page = match caller {
        Caller::Platform => api.world().plans(paging.limit, after).await?,
        Caller::Tenant(_) => api.world().offered_plans(paging.limit, after).await?,
    };
    Ok(paging.answer(page, PlanListed::from))
}

/// Get a plan
///
/// A tenant's key finds no hidden plan, no draft and no other tenant's override; its own is what it is shown first.
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
    caller: Caller,
    Path(slug): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<axum::Json<Plan>, Problem> {
    let version = parameters::parse::<NonZeroU32>(&uri, "version", "send a whole number from 1 on")?;
    let plan = named(&api, &slug).await?;
    let shown = match caller {
        Caller::Platform => None,
        Caller::Tenant(tenant) => plan.versions.latest_for(tenant),
    };
    let number = version.or(shown).unwrap_or_else(|| plan.versions.shown());
    let is_seen = match caller {
        Caller::Platform => true,
        Caller::Tenant(tenant) => {
            plan.attributes.visibility == Visibility::Public
                && plan.versions.status(number) != Some(VersionStatus::Draft)
                && plan.versions.is_for(number, tenant)
        }
    };
    if !is_seen {
        return Err(Problem::not_found());
    }
    answer(&plan, &load_version(&api, PlanRef { plan_id: plan.id, version: number }).await?)
}

/// The plan called `slug`.
async fn named(api: &Api, slug: &str) -> Result<catalog::Plan, Problem> {
    let slug = Slug::parse(slug).map_err(|_| Problem::not_found())?;
    api.world().plan(&slug).await?.ok_or_else(Problem::not_found)
}

/// One version of a plan.
async fn load_version(api: &Api, reference: PlanRef) -> Result<PlanVersion, Problem> {
    api.world().plan_version(reference).await?.ok_or_else(Problem::not_found)
}

fn answer(plan: &catalog::Plan, version: &PlanVersion) -> Result<axum::Json<Plan>, Problem> {
    Plan::new(plan, version).map(axum::Json).ok_or_else(Problem::not_found)
}

fn raced() -> Problem {
    Fault::Conflict { operation: "change a plan" }.into()
}

/// The version that was asked for, if it keeps every rule.
async fn decide(api: &Api, new: NewPlanVersion, reference: PlanRef, now: Timestamp) -> Result<PlanVersion, Problem> {
    let meters = api.world().all_meters().await?;
    let meters = by_slug(&meters);
    Ok(new.decide(reference, now, |price| check_billable(price, &meters))?)
}

fn by_slug(meters: &[Meter]) -> HashMap<&Slug, &Meter> {
    meters.iter().map(|meter| (&meter.slug, meter)).collect()
}

/// Checks that the meter of a price has what the price needs.
fn check_billable(price: &Price, meters: &HashMap<&Slug, &Meter>) -> Result<(), Violation> {
    match price.charge() {
        Charge::Usage(charge) => {
            let unknown = || Violation::new("/meter", "unknown_meter", "create the meter first");
            let meter = meters.get(charge.meter()).ok_or_else(unknown)?;
            Feed::of(charge, meter).map(drop)
        }
        Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Seats { .. } => Ok(()),
    }
}
