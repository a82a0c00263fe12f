//! What may happen to a subscription: one request shape for every change, done or only shown.
//!
//! A preview answers the very lines that the change will put on invoices, because both come from the same terms.

mod asked;

pub(super) use self::asked::{ChangeWhen, NewChange};

use super::answer::{PlanPinned, Subscription, status};
use crate::{
    auth::{Caller, Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List},
    problem::Problem,
    retry::until_not_raced,
    routes::{self, invoices::Line},
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::{
    Fault,
    billing::{self, Shelf},
    store::{ChangeOutcome, ChangeRecord},
};
use domain::{
    Date, Timestamp,
    catalog::{OfferKey, PlanRef},
    id::SubscriptionId,
    subscription::{self, Change, Changed, Term},
};
use http::StatusCode;
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

/// How often a change is decided anew while others change the subscription.
const CHANGE_TRIES_MAX: u32 = 4;

/// What a change will cost.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePreview {
    /// The day on which it takes effect.
    from: Date,
    /// The subscription as it would be.
    subscription: Subscription,
    /// The lines that it puts on coming invoices; fees only, because nobody knows what will be used.
    lines: Vec<PreviewLine>,
    /// The sum of the lines, in minor units.
    #[schema(value_type = i64, example = -3839)]
    total_minor: i128,
}

/// A line of a coming invoice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewLine {
    /// When that invoice is written.
    invoiced_at: Timestamp,
    /// The line.
    line: Line,
}

/// A change that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryEntry {
    /// The revision of the subscription that it made.
    revision: u64,
    /// What was asked for.
    change: NewChange,
    /// The day on which it takes effect, or would have, if it is undone.
    from: Date,
    /// The status from then on.
    #[schema(example = "active")]
    status: &'static str,
    /// The plan version from then on.
    plan: PlanPinned,
    /// Who asked: `platform`, or the tenant.
    by: String,
    /// When.
    at: Timestamp,
}

/// Change a subscription
///
/// Its plan, its seats, a pause, its end; or takes back what is not in effect. 409 where the change cannot be made as
/// the subscription is: the code says why.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/changes", operation_id = "changeSubscription", tag = "Subscriptions", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = NewChange,
    responses((status = 201, body = Subscription, description = "The subscription with the change."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    caller: Caller,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    creation: Creation,
    Json(new): Json<NewChange>,
) -> Result<(StatusCode, axum::Json<Subscription>), Problem> {
    let now = api.world().now();
    let id: SubscriptionId = routes::id(&id)?;
    let uuid = creation.uuid(&api, now);
    let store = api.store(&tenant);
    let asked = serde_json::to_string(&new).map_err(|error| Problem::internal(error.to_string()))?;
    tenant.check_customer()?;
    for _ in 0..CHANGE_TRIES_MAX {
        let before = store.subscription(id).await?.ok_or_else(Problem::not_found)?;
        if store.has_changed(id, uuid).await? {
            return Ok((StatusCode::CREATED, axum::Json(Subscription::new(&before, now)?)));
        }
        let (changed, _) = decide(&api, &before, &new, now).await?;
        let due_at = due_at(&changed.after)?;
        let (from, by) = (changed.from, caller.principal());
        let record = ChangeRecord { asked: asked.clone(), from, by, at: now };
        let change = || store.change_with_record(before.revision, &changed.after, due_at, uuid, &record);
        let outcome = until_not_raced(change).await?;
        api.forget_tenant(tenant.id);
        match outcome {
            ChangeOutcome::Changed => {
                return Ok((StatusCode::CREATED, axum::Json(Subscription::new(&changed.after, now)?)));
            }
            ChangeOutcome::Repeated | ChangeOutcome::Raced => {}
        }
    }
    Err(Fault::Conflict { operation: "change a subscription" }.into())
}

/// Preview a change of a subscription
///
/// The very lines that the change will put on invoices; nothing is stored.
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/changes/preview", operation_id = "previewSubscriptionChange", tag = "Subscriptions", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = NewChange,
    responses((status = 200, body = ChangePreview, description = "What it will cost."), WriteRefusals)
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    Json(new): Json<NewChange>,
) -> Result<axum::Json<ChangePreview>, Problem> {
    tenant.check_customer()?;
    let now = api.world().now();
    let before = load(&api, &tenant, &id).await?;
    let (changed, shelf) = decide(&api, &before, &new, now).await?;
    let internal = |error: subscription::LinesError| Problem::internal(error.to_string());
    let wanted = subscription::offers_of_preview(&before, &changed).map_err(internal)?;
    let offers = billing::offers(api.world(), &shelf, &wanted).await?;
    let lines = subscription::preview(&before, &changed, &offers).map_err(internal)?;
    let total_minor = lines.iter().map(|line| i128::from(line.line.amount.amount_minor)).sum();
    let grace = api.world().settings().invoice_grace;
    let line = |preview: &subscription::PreviewLine| {
        let grace = if preview.run == 0 { SignedDuration::ZERO } else { grace };
        let invoiced_at = changed.after.due_at(preview.run, grace).ok().flatten().unwrap_or(now);
        PreviewLine { invoiced_at, line: Line::from(&preview.line) }
    };
    Ok(axum::Json(ChangePreview {
        from: changed.from,
        subscription: Subscription::new(&changed.after, now)?,
        lines: lines.iter().map(line).collect(),
        total_minor,
    }))
}

/// Get the changes of a subscription, oldest first
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/changes", operation_id = "getSubscriptionChanges", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = List<HistoryEntry>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<List<HistoryEntry>>, Problem> {
    let subscription = load(&api, &tenant, &id).await?;
    let records = api.store(&tenant).subscription_changes(subscription.id).await?;
    let mut entries = Vec::with_capacity(records.len());
    for (revision, record) in records {
        let change = serde_json::from_str(&record.asked).map_err(|error| Problem::internal(error.to_string()))?;
        let term = subscription.term_on(record.from).or(subscription.terms.first());
        let term = term.ok_or_else(|| Problem::internal("a subscription has no term"))?;
        let (status, plan) = (status(term.phase), term.plan.into());
        entries.push(HistoryEntry { revision, change, from: record.from, status, plan, by: record.by, at: record.at });
    }
    Ok(page::whole(entries))
}

async fn load(api: &Api, tenant: &KnownTenant, id: &str) -> Result<subscription::Subscription, Problem> {
    api.store(tenant).subscription(routes::id(id)?).await?.ok_or_else(Problem::not_found)
}

/// What `new` makes of `before`.
async fn decide(
    api: &Api,
    before: &subscription::Subscription,
    new: &NewChange,
    now: Timestamp,
) -> Result<(Changed, Shelf), Problem> {
    let today = now.to_zoned(before.time_zone.clone()).date();
    let shelf = Shelf::default();
    let mut offers = billing::offers(api.world(), &shelf, &offers_of(before)).await?;
    let change = asked::change(api, &shelf, before, new, &mut offers).await?;
    let changed = before.change(&change, today, now, &offers).map_err(asked::refused)?;
    // Nothing else makes a period's invoice longer, and an end is never refused for want of room.
    if matches!(change, Change::Plan { .. } | Change::AddOn { .. }) {
        changed.after.check_room(changed.from, &offers).map_err(asked::refused)?;
    }
    Ok((changed, shelf))
}

/// Every offer that a term names, of which a change needs those that hold when it takes effect.
pub(super) fn offers_of(subscription: &subscription::Subscription) -> Vec<(PlanRef, OfferKey)> {
    let mut wanted = Vec::new();
    for offer in subscription.terms.iter().flat_map(Term::offers) {
        if !wanted.contains(&offer) {
            wanted.push(offer);
        }
    }
    wanted
}

/// When the next run of a changed subscription is due: for its draft, as soon as its period is over.
pub(super) fn due_at(subscription: &subscription::Subscription) -> Result<Option<Timestamp>, Problem> {
    let due_at = subscription.due_at(subscription.next_run, SignedDuration::ZERO);
    due_at.map_err(|error| Problem::internal(error.to_string()))
}
