//! The life of a plan's versions: added as a draft or active, replaced while a draft, published, archived.
//!
//! Each change is decided on the plan as it is and written on the condition that it still is; of two at a time one is
//! decided anew. Publishing and archiving again change nothing and answer the same.

use super::{
    CHANGE_TRIES_MAX,
    answer::{self, Plan},
    decide, load_version, named, raced,
    request::{NewPlanVersion, NewStatus},
};
use crate::{
    auth::Platform, body::Json, idempotency::Creation, openapi::WriteRefusals, problem::Problem,
    retry::until_not_raced, state::Api,
};
use axum::extract::{Path, State};
use cloud::store::PublishOutcome;
use domain::{
    Violation,
    catalog::{self, PlanRef, PlanVersion, VersionStatus, Versions},
};
use http::StatusCode;
use std::num::NonZeroU32;
use uuid::Uuid;

/// Publish the next version of a plan
///
/// Or keep it as a draft. Subscriptions keep the version that they were made with.
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
    let is_draft = new.is_draft();
    let reference = PlanRef { plan_id: plan.id, version: plan.versions.newest() };
    let version = decide(&api, new, reference, now).await?;
    let add = |versions: &mut Versions| versions.add(is_draft);
    added(&api, &slug, creation.uuid(&api, now), version, !is_draft, add).await
}

/// Adds `version` to the plan under the number that `add` gives it, once for each `publication`; `renames` says that the
/// plan is called what the version is.
pub(super) async fn added(
    api: &Api,
    slug: &str,
    publication: Uuid,
    mut version: PlanVersion,
    renames: bool,
    add: impl Fn(&mut Versions) -> Result<NonZeroU32, Violation>,
) -> Result<(StatusCode, axum::Json<Plan>), Problem> {
    let created = |answer| Ok((StatusCode::CREATED, answer));
    for _ in 0..CHANGE_TRIES_MAX {
        let before = named(api, slug).await?;
        let mut after = before.clone();
        version.reference.version = match add(&mut after.versions) {
            Ok(number) => number,
            // A repeat of what filled the plan up is no refusal.
            Err(violation) => match api.world().published(before.id, publication).await? {
                Some(number) => return created(shown(api, &before, number).await?),
                None => return Err(refused(violation)),
            },
        };
        if renames {
            after.name.clone_from(&version.name);
        }
        let write = || api.world().add_plan_version(&before, &after, &version, publication);
        match until_not_raced(write).await? {
            PublishOutcome::Published => return created(super::answer(&after, &version)?),
            PublishOutcome::Repeated(number) => return created(shown(api, &named(api, slug).await?, number).await?),
            PublishOutcome::Raced => {}
        }
    }
    Err(raced())
}

/// Replace a draft
///
/// All of it. 409 `version_published` for a version that is published or archived: that never changes.
#[utoipa::path(
    put, path = "/v1/plans/{slug}/versions/{version}", operation_id = "replacePlanDraft", tag = "Plans", security(("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan."),
        ("version" = u32, Path, description = "Which draft of it."),
    ),
    request_body = NewPlanVersion,
    responses((status = 200, body = Plan, description = "The draft as it is now."), WriteRefusals)
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    _: Platform,
    Path((slug, number)): Path<(String, String)>,
    Json(new): Json<NewPlanVersion>,
) -> Result<axum::Json<Plan>, Problem> {
    let (plan, number) = version_named(&api, &slug, &number).await?;
    if new.status == Some(NewStatus::Active) {
        return Err(Violation::new("/status", "not_allowed", "replace the draft first, and publish it then").into());
    }
    let reference = PlanRef { plan_id: plan.id, version: number };
    let draft = decide(&api, new, reference, api.world().now()).await?;
    for _ in 0..CHANGE_TRIES_MAX {
        let before = named(&api, &slug).await?;
        match before.versions.status(number).ok_or_else(Problem::not_found)? {
            VersionStatus::Draft => {}
            VersionStatus::Active | VersionStatus::Archived => {
                let detail = "a published version never changes; publish another one";
                return Err(Problem::conflict("version_published", detail));
            }
        }
        let mut after = before.clone();
        if after.versions.latest().is_none() && after.versions.archived().is_empty() {
            // Nothing was ever published: the plan is called what its draft is.
            after.name.clone_from(&draft.name);
        }
        if until_not_raced(|| api.world().change_plan(&before, &after, Some(&draft))).await? {
            return super::answer(&after, &draft);
        }
    }
    Err(raced())
}

/// Publish a draft
///
/// It can be subscribed to from now on, and never changes. What is active stays so.
#[utoipa::path(
    post, path = "/v1/plans/{slug}/versions/{version}/publish", operation_id = "publishPlanDraft", tag = "Plans", security(("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan."),
        ("version" = u32, Path, description = "Which draft of it."),
    ),
    responses((status = 200, body = Plan, description = "The version, active."), WriteRefusals)
)]
pub(crate) async fn publish_draft(
    State(api): State<Api>,
    _: Platform,
    Path((slug, number)): Path<(String, String)>,
) -> Result<axum::Json<Plan>, Problem> {
    for _ in 0..CHANGE_TRIES_MAX {
        let (before, number) = version_named(&api, &slug, &number).await?;
        let reference = PlanRef { plan_id: before.id, version: number };
        let mut version = load_version(&api, reference).await?;
        let mut after = before.clone();
        if !after.versions.publish(number).map_err(refused)? {
            return super::answer(&before, &version);
        }
        after.name.clone_from(&version.name);
        version.created_at = api.world().now();
        if until_not_raced(|| api.world().change_plan(&before, &after, Some(&version))).await? {
            return super::answer(&after, &version);
        }
    }
    Err(raced())
}

/// Archive a version
///
/// Nobody new can subscribe to it; existing subscriptions go on.
#[utoipa::path(
    post, path = "/v1/plans/{slug}/versions/{version}/archive", operation_id = "archivePlanVersion", tag = "Plans", security(("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan."),
        ("version" = u32, Path, description = "Which version of it."),
    ),
    responses((status = 200, body = Plan, description = "The version, archived."), WriteRefusals)
)]
pub(crate) async fn archive(
    State(api): State<Api>,
    _: Platform,
    Path((slug, number)): Path<(String, String)>,
) -> Result<axum::Json<Plan>, Problem> {
    for _ in 0..CHANGE_TRIES_MAX {
        let (before, number) = version_named(&api, &slug, &number).await?;
        let mut after = before.clone();
        let is_changed = after.versions.archive(number).map_err(refused)?;
        if !is_changed || until_not_raced(|| api.world().change_plan(&before, &after, None)).await? {
            return shown(&api, &after, number).await;
        }
    }
    Err(raced())
}

/// The plan called `slug`, and the number of one of its versions.
pub(crate) async fn version_named(api: &Api, slug: &str, number: &str) -> Result<(catalog::Plan, NonZeroU32), Problem> {
    let number: NonZeroU32 = number.parse().map_err(|_| Problem::not_found())?;
    let plan = named(api, slug).await?;
    plan.versions.status(number).ok_or_else(Problem::not_found)?;
    Ok((plan, number))
}

async fn shown(api: &Api, plan: &catalog::Plan, number: NonZeroU32) -> Result<axum::Json<answer::Plan>, Problem> {
    let version = load_version(api, PlanRef { plan_id: plan.id, version: number }).await?;
    super::answer(plan, &version)
}

/// What is wrong is the state of the plan.
fn refused(violation: Violation) -> Problem {
    Problem::conflict(violation.code, violation.message)
}
