//! Invoices that somebody asks for, instead of the schedule.

use super::answer::Invoice;
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    correlation::Correlation,
    openapi::WriteRefusals,
    problem::Problem,
    routes,
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::billing::{self, Asked, Made, Regenerated, Shelf};
use domain::{
    Violation,
    id::{InvoiceId, SubscriptionId},
    invoice::Notes,
    text,
};
use events::CorrelationId;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// What an invoice is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewInvoice {
    /// Which subscription.
    #[schema(example = "sub_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    subscription_id: String,
    /// A text to the payer, printed on it.
    #[schema(example = "Thank you for your business.")]
    memo: Option<String>,
    /// The payer's own order number, printed on it.
    #[schema(example = "PO-2026-117")]
    purchase_order: Option<String>,
}

/// What is printed on an invoice beside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewNotes {
    /// A text to the payer.
    memo: Option<String>,
    /// The payer's own order number.
    purchase_order: Option<String>,
}

/// Generate the invoice of a period that is over
///
/// Without waiting for its grace. What it is for is found by itself: the oldest period that is not billed, or the part of
/// it in which the subscription was there. 409 `period_running` before its end, `nothing_to_invoice` if nothing is left
/// or nothing is charged, `usage_not_counted` while usage of it is on its way.
#[utoipa::path(
    post, path = "/v1/invoices/generate", operation_id = "generateInvoice", tag = "Invoices", security(("platformKey" = [])),
    params(("tenant" = String, Query, description = "Id or slug of who pays.")),
    request_body = NewInvoice,
    responses((status = 201, body = Invoice, description = "The invoice, issued."), WriteRefusals)
)]
pub(crate) async fn generate(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Correlation(correlation_id): Correlation,
    Json(new): Json<NewInvoice>,
) -> Result<(StatusCode, axum::Json<Invoice>), Problem> {
    let notes = notes(new.memo, new.purchase_order)?;
    let invoice = make(&api, &tenant, routes::id(&new.subscription_id)?, None, &notes, &correlation_id).await?;
    Ok((StatusCode::CREATED, axum::Json(invoice)))
}

/// Finalize a draft
///
/// Without waiting for its grace; what it says is computed once more, gets its number, and never changes again. 409
/// `not_a_draft` a second time.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/finalize", operation_id = "finalizeInvoice", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = NewNotes,
    responses((status = 200, body = Invoice, description = "The invoice, issued."), WriteRefusals)
)]
pub(crate) async fn finalize(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Correlation(correlation_id): Correlation,
    Path(id): Path<String>,
    Json(new): Json<NewNotes>,
) -> Result<axum::Json<Invoice>, Problem> {
    let notes = notes(new.memo, new.purchase_order)?;
    let stored = super::load(&api, &tenant, &id).await?;
    let statement = stored.invoice.statement();
    if stored.invoice.issued().is_some() {
        return Err(Problem::conflict("not_a_draft", "it was issued, and never changes"));
    }
    let subscription = statement.subscription.ok_or_else(|| Problem::internal("a draft without a subscription"))?;
    make(&api, &tenant, subscription.id, Some(statement.id), &notes, &correlation_id).await.map(axum::Json)
}

/// Makes the next run of a subscription without its grace, which is to be `expected` if that is sent.
async fn make(
    api: &Api,
    tenant: &KnownTenant,
    subscription_id: SubscriptionId,
    expected: Option<InvoiceId>,
    notes: &Notes,
    correlation_id: &CorrelationId,
) -> Result<Invoice, Problem> {
    let (world, store) = (api.world(), api.store(tenant));
    let subscription = store.subscription(subscription_id).await?.ok_or_else(Problem::not_found)?;
    let next = domain::subscription::run_invoice_id(subscription_id, subscription.next_run);
    if expected.is_some_and(|expected| expected != next) {
        return Err(Problem::conflict("not_a_draft", "it was issued, and never changes"));
    }
    let of = (tenant.id, subscription_id);
    let asked = Asked::WithoutGrace(subscription.next_run);
    let (made, invoice_id) = billing::make(world, &Shelf::default(), of, asked, notes, correlation_id).await?;
    world.relay_invoice_facts(&invoice_id.to_string()).await?;
    match made {
        Made::NotOver => Err(Problem::conflict("period_running", "its period is not over; preview it instead")),
        Made::NotCounted => {
            Err(Problem::conflict("usage_not_counted", "usage of its period is on its way; try again").retryable())
        }
        Made::Issued | Made::Nothing | Made::Drafted => {
            let stored = store.invoice(invoice_id).await?;
            let nothing = || Problem::conflict("nothing_to_invoice", "there is nothing to be charged");
            stored.map(Invoice::from).ok_or_else(nothing)
        }
    }
}

/// Regenerate a void invoice
///
/// Its run is billed once more, with what is counted now and the tenant's coupons, tax and credits as they are now, under
/// a new number. However often it is asked for, there is one. 409 `not_void` of any other invoice.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/regenerate", operation_id = "regenerateInvoice", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which void invoice."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    responses((status = 201, body = Invoice, description = "The new invoice, issued."), WriteRefusals)
)]
pub(crate) async fn regenerate(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Correlation(correlation_id): Correlation,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<Invoice>), Problem> {
    let void = super::load(&api, &tenant, &id).await?.invoice.statement().id;
    let shelf = Shelf::default();
    match billing::regenerate(api.world(), &shelf, tenant.id, void, &correlation_id).await? {
        Regenerated::NotVoid => Err(Problem::conflict("not_void", "void it first; only a subscription's can be")),
        Regenerated::Nothing => Err(Problem::conflict("nothing_to_invoice", "there is nothing to be charged")),
        Regenerated::As(id) => issued(&api, &tenant, id).await,
    }
}

/// What was issued, published and answered.
pub(super) async fn issued(
    api: &Api,
    tenant: &KnownTenant,
    id: InvoiceId,
) -> Result<(StatusCode, axum::Json<Invoice>), Problem> {
    api.world().relay_invoice_facts(&id.to_string()).await?;
    let stored = api.store(tenant).invoice(id).await?.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::CREATED, axum::Json(stored.into())))
}

/// What is to be printed beside, if each is a line of text.
pub(super) fn notes(memo: Option<String>, purchase_order: Option<String>) -> Result<Notes, Violation> {
    for (pointer, text) in [("/memo", &memo), ("/purchaseOrder", &purchase_order)] {
        text.as_deref().map_or(Ok(()), text::check_name).map_err(|violation| violation.under(pointer))?;
    }
    Ok(Notes { memo, purchase_order })
}
