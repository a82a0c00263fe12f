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
use cloud::billing::{self, Asked, Made, Shelf};
use domain::id::{InvoiceId, SubscriptionId};
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
    let invoice = make(&api, &tenant, routes::id(&new.subscription_id)?, None, &correlation_id).await?;
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
    responses((status = 200, body = Invoice, description = "The invoice, issued."), WriteRefusals)
)]
pub(crate) async fn finalize(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Correlation(correlation_id): Correlation,
    Path(id): Path<String>,
) -> Result<axum::Json<Invoice>, Problem> {
    let stored = super::load(&api, &tenant, &id).await?;
    let statement = stored.invoice.statement();
    if stored.invoice.issued().is_some() {
        return Err(Problem::conflict("not_a_draft", "it was issued, and never changes"));
    }
    let subscription = statement.subscription.ok_or_else(|| Problem::internal("a draft without a subscription"))?;
    make(&api, &tenant, subscription.id, Some(statement.id), &correlation_id).await.map(axum::Json)
}

/// Makes the next run of a subscription without its grace, which is to be `expected` if that is sent.
async fn make(
    api: &Api,
    tenant: &KnownTenant,
    subscription_id: SubscriptionId,
    expected: Option<InvoiceId>,
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
    let (made, invoice_id) = billing::make(world, &Shelf::default(), of, asked, correlation_id).await?;
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
