//! Subscriptions: which tenant pays by which plan version, from when on, and what happens to that.
//!
//! The shapes are in [`request`] and [`answer`], changes in [`change`], moves to a newer plan version in [`migrate`]; here are the routes of subscriptions themselves.

mod answer;
pub(crate) mod change;
pub(crate) mod migrate;
mod request;

pub(crate) use self::answer::PlanPinned;

use self::{answer::Subscription, request::NewSubscription};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    routes::{self, invoices::Invoice},
    state::Api,
};
use axum::extract::{Path, State};
use cloud::{
    billing::{self, Shelf},
    store::StoredInvoice,
};
use domain::{Violation, id::SubscriptionId, subscription};
use http::StatusCode;
use jiff::SignedDuration;

/// Subscribe a tenant to a plan
#[utoipa::path(
    post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "Subscriptions", security(("platformKey" = [])),
    params(("tenant" = String, Query, description = "Id or slug of who pays.")),
    request_body = NewSubscription,
    responses((status = 201, body = Subscription, description = "The subscription."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    creation: Creation,
    Json(new): Json<NewSubscription>,
) -> Result<(StatusCode, axum::Json<Subscription>), Problem> {
    let now = api.world().now();
    tenant.check_customer()?;
    let wanted = new.offered(&api, tenant.id).await?;
    let id = SubscriptionId::new(creation.uuid(&api, now));
    let start = new.start(id, tenant.id, &tenant.time_zone, &wanted, now)?;
    let made = subscription::Subscription::start(start, now, &wanted.offers)?;
    made.check_room(made.starts_on, &wanted.offers)?;
    let made = request::opened(made, &wanted.offers)?;
    let out_of_range = |_| Violation::new("/startsOn", "date_out_of_range", "send a date before the year 9999");
    let due_at = made.due_at(made.next_run, SignedDuration::ZERO).map_err(out_of_range)?;
    let store = api.store(&tenant);
    let created = until_not_raced(|| store.create_subscription(&made, due_at, now)).await?;
    api.forget_tenant(tenant.id);
    let made = match created {
        true => made,
        false => store.subscription(id).await?.ok_or_else(Problem::not_found)?,
    };
    Ok((StatusCode::CREATED, axum::Json(Subscription::new(&made, now)?)))
}

/// List subscriptions
#[utoipa::path(
    get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<Subscription>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<Subscription>>, Problem> {
    let now = api.world().now();
    let page = api.store(&tenant).subscriptions(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page.try_map(|subscription| Subscription::new(&subscription, now))?, |subscription| subscription))
}

/// Get a subscription
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}", operation_id = "getSubscription", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = Subscription, description = "The subscription."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<Subscription>, Problem> {
    let found = api.store(&tenant).subscription(routes::id(&id)?).await?;
    Ok(axum::Json(Subscription::new(&found.ok_or_else(Problem::not_found)?, api.world().now())?))
}

/// Preview the next invoice of a subscription
///
/// What its next invoice would say if its period were over now: the usage so far, the fees of the whole period, and what
/// usage of billed periods has become since.
/// Nothing is stored. 409 `nothing_to_invoice` if no invoice will come.
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/upcoming-invoice", operation_id = "getUpcomingInvoice", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses(
        (status = 200, body = Invoice, description = "The invoice as a draft."),
        (status = 409, body = crate::problem::ProblemBody<'_>, content_type = "application/problem+json",
            description = "No invoice will come."),
        ReadRefusals,
    )
)]
pub(crate) async fn upcoming(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<Invoice>, Problem> {
    let found = api.store(&tenant).subscription(routes::id(&id)?).await?.ok_or_else(Problem::not_found)?;
    let statement = billing::statement(api.world(), &Shelf::default(), &found, found.next_run).await?;
    let nothing = || Problem::conflict("nothing_to_invoice", "the subscription will have no further invoice");
    let lines = statement.ok_or_else(nothing)?;
    let draft = billing::draft(api.world(), tenant.id, lines).await?;
    Ok(axum::Json(StoredInvoice::new(domain::invoice::Invoice::Draft(draft)).into()))
}
