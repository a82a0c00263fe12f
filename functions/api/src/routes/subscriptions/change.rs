//! What may happen to a subscription: one request shape for every change, done or only shown.
//!
//! A preview answers the very lines that the change will put on invoices, because both come from the same terms.

use super::{
    answer::{PlanPinned, Subscription, status},
    request,
};
use crate::{
    auth::{Caller, Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List},
    problem::Problem,
    retry::until_not_raced,
    routes::{self, invoices::Line, plans},
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::{
    Fault,
    billing::{self, Shelf},
    store::{ChangeOutcome, ChangeRecord, REFUSING_SUBSCRIPTIONS_MAX},
};
use domain::{
    Date, Timestamp, Violation,
    id::SubscriptionId,
    subscription::{self, CancelWhen, Change, Changed, Offers, PausedUsage, When},
    text::Slug,
};
use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};
use utoipa::ToSchema;

/// How often a change is decided anew while others change the subscription.
const CHANGE_TRIES_MAX: u32 = 4;

/// A change. Fields that its type does not have are refused.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum NewChange {
    /// Another plan, version, currency or interval.
    Plan {
        /// Slug of the plan.
        #[schema(example = "enterprise")]
        plan: String,
        /// Which version of it; the latest, unless it is sent.
        #[schema(value_type = Option<u32>, minimum = 1)]
        version: Option<NonZeroU32>,
        /// How long a period is from then on; that of the first offer in the currency, unless it is sent.
        interval: Option<plans::Interval>,
        /// How many seats, by the key of the price; as many as before, or one, where nothing is sent.
        #[serde(default)]
        seats: BTreeMap<String, u64>,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// Another number of seats.
    Seats {
        /// Key of the price that charges for them.
        #[schema(example = "seats")]
        price: String,
        /// How many from then on.
        #[schema(example = 7)]
        quantity: u64,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// Nothing is charged from today on.
    Pause {
        /// What becomes of usage.
        #[serde(default)]
        usage: UsageInPause,
    },
    /// Everything is charged again from today on.
    Resume {},
    /// It ends.
    Cancel {
        /// When.
        #[serde(default)]
        when: CancelAt,
        /// The last day that is billed; needed with `when` `date`, and only there.
        on: Option<Date>,
    },
    /// Takes back the change that is not in effect.
    Undo {},
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChangeWhen {
    /// With the next period.
    #[default]
    NextPeriod,
    /// Today: the rest of the old is credited, the rest of the new is charged.
    Immediate,
}

/// What becomes of usage in a pause.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UsageInPause {
    /// It is taken and costs nothing.
    #[default]
    Free,
    /// It is not taken, unless another subscription of the tenant is in force.
    Refused,
}

/// When a subscription ends.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CancelAt {
    /// Today is the last day that is billed.
    Now,
    /// The last day of the period that holds today is.
    #[default]
    PeriodEnd,
    /// A day that is sent is.
    Date,
}

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
    // Every offer that a term names, of which the change needs the one that holds when it takes effect.
    let mut wanted = Vec::new();
    for term in &before.terms {
        if !wanted.contains(&(term.plan, term.offer)) {
            wanted.push((term.plan, term.offer));
        }
    }
    let mut offers = billing::offers(api.world(), &shelf, &wanted).await?;
    let change = change(api, before, new, &mut offers).await?;
    let changed = before.change(&change, today, now, &offers).map_err(refused)?;
    // Nothing else splits a period, and an end is never refused for want of room.
    if matches!(change, Change::Plan { .. }) {
        changed.after.check_room(changed.from, &offers).map_err(refused)?;
    }
    Ok((changed, shelf))
}

async fn change(
    api: &Api,
    before: &subscription::Subscription,
    new: &NewChange,
    offers: &mut Offers,
) -> Result<Change, Problem> {
    Ok(match new {
        NewChange::Plan { plan, version, interval, seats, when } => {
            let currency = before.terms.first().map(|term| term.offer.currency.to_string());
            let (to, offer, found) = request::offered(api, plan, *version, currency.as_deref(), *interval).await?;
            offers.extend(found);
            Change::Plan { to, offer, seats: request::seats(seats)?, when: (*when).into() }
        }
        NewChange::Seats { price, quantity, when } => {
            let unknown = |_| Violation::new("/price", "unknown_seats", "name a price that charges for seats");
            let price = Slug::parse(price).map_err(unknown)?;
            Change::Seats { price, quantity: *quantity, when: (*when).into() }
        }
        NewChange::Pause { usage } => Change::Pause { usage: in_pause(api, before, *usage).await? },
        NewChange::Resume {} => Change::Resume,
        NewChange::Cancel { when, on } => Change::Cancel { when: cancel_when(*when, *on)? },
        NewChange::Undo {} => Change::Undo,
    })
}

/// What becomes of usage; it can only be refused where what is in force can be looked through.
async fn in_pause(api: &Api, before: &subscription::Subscription, usage: UsageInPause) -> Result<PausedUsage, Problem> {
    match usage {
        UsageInPause::Free => Ok(PausedUsage::Free),
        UsageInPause::Refused if api.world().store(before.tenant_id).may_refuse_usage().await? => {
            Ok(PausedUsage::Refused)
        }
        UsageInPause::Refused => {
            let message =
                format!("a tenant with more than {REFUSING_SUBSCRIPTIONS_MAX} subscriptions has no usage refused");
            Err(Problem::conflict("too_many_subscriptions", message))
        }
    }
}

impl From<ChangeWhen> for When {
    fn from(when: ChangeWhen) -> Self {
        match when {
            ChangeWhen::NextPeriod => Self::NextPeriod,
            ChangeWhen::Immediate => Self::Immediate,
        }
    }
}

fn cancel_when(when: CancelAt, on: Option<Date>) -> Result<CancelWhen, Violation> {
    match (when, on) {
        (CancelAt::Now, None) => Ok(CancelWhen::Now),
        (CancelAt::PeriodEnd, None) => Ok(CancelWhen::PeriodEnd),
        (CancelAt::Date, Some(day)) => Ok(CancelWhen::On(day)),
        (CancelAt::Date, None) => Err(Violation::new("/on", "required", "send the last day that is billed")),
        (CancelAt::Now | CancelAt::PeriodEnd, Some(_)) => {
            Err(Violation::new("/on", "not_allowed", "send it with when set to date, or leave it out"))
        }
    }
}

/// What is wrong with the subscription's state is a conflict; what is wrong with the request names its field.
fn refused(violation: Violation) -> Problem {
    let pointer = match violation.code {
        "unknown_seats" if violation.pointer.is_empty() => "/price",
        "seats_out_of_range" if violation.pointer.is_empty() => "/quantity",
        "date_in_past" | "date_out_of_range" => "/on",
        "unknown_offer" | "currency_mismatch" => "/plan",
        "unknown_seats" | "seats_out_of_range" => return violation.into(),
        code => return Problem::conflict(code, violation.message),
    };
    violation.under(pointer).into()
}

/// When the next run of a changed subscription is due: for its draft, as soon as its period is over.
pub(super) fn due_at(subscription: &subscription::Subscription) -> Result<Option<Timestamp>, Problem> {
    let due_at = subscription.due_at(subscription.next_run, SignedDuration::ZERO);
    due_at.map_err(|error| Problem::internal(error.to_string()))
}
