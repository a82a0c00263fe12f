//! Payments of an invoice that were made elsewhere, by transfer or through another provider: recorded here, in part or in
//! full.

use super::settling::{Asked, Attempt, RECORDS_MAX};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    correlation::Correlation,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List},
    problem::Problem,
    routes,
    state::Api,
};
use axum::extract::{Path, State};
use cloud::store::Record;
use domain::{
    Timestamp,
    id::{InvoiceId, PaymentId},
    invoice::{self, Refusal},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Money that came in for an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    /// Who it is.
    #[schema(value_type = String, example = "pay_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: PaymentId,
    /// For which invoice.
    #[schema(value_type = String)]
    invoice_id: InvoiceId,
    /// How much, in minor units.
    #[schema(example = 14000)]
    amount_minor: i64,
    /// ISO 4217 code: that of the invoice.
    #[schema(example = "USD")]
    currency: String,
    /// What the payer or the bank calls it.
    #[schema(example = "transfer 4711")]
    reference: Option<String>,
    /// When the money came.
    received_at: Timestamp,
    /// When it was recorded.
    recorded_at: Timestamp,
}

/// A payment to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPayment {
    /// How much, in minor units; all that remains, unless it is sent.
    #[schema(minimum = 1, example = 14000)]
    amount_minor: Option<i64>,
    /// What the payer or the bank calls it, at most 200 characters.
    #[schema(example = "transfer 4711")]
    reference: Option<String>,
    /// When the money came, not after now; now, unless it is sent.
    received_at: Option<Timestamp>,
}

impl From<invoice::Payment> for Payment {
    fn from(payment: invoice::Payment) -> Self {
        Self {
            id: payment.id,
            invoice_id: payment.invoice_id,
            amount_minor: payment.amount.amount_minor,
            currency: payment.amount.currency.to_string(),
            reference: payment.reference,
            received_at: payment.received_at,
            recorded_at: payment.recorded_at,
        }
    }
}

/// Record a payment of an invoice
///
/// Without an amount it is all that remains, which marks the invoice as paid; an amount below that leaves the rest open.
/// An uncollectible invoice may be paid after all. Of a draft, a void or a paid invoice it is 409 `not_issued` or
/// `not_payable`, of more than what remains 409 `overpaid`.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/payments", operation_id = "recordPayment", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = NewPayment,
    responses((status = 201, body = Payment, description = "The payment."), WriteRefusals)
)]
pub(crate) async fn record(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(new): Json<NewPayment>,
) -> Result<(StatusCode, axum::Json<Payment>), Problem> {
    let now = api.world().now();
    let asked = Asked { api: &api, tenant: &tenant, id: routes::id(&id)?, correlation_id, now };
    let new = invoice::NewPayment {
        id: PaymentId::new(creation.uuid(&api, now)),
        amount_minor: new.amount_minor,
        reference: new.reference,
        received_at: new.received_at,
    };
    let payment = asked.run(|| record_once(&asked, &new)).await?;
    Ok((StatusCode::CREATED, axum::Json(payment.into())))
}

async fn record_once(asked: &Asked<'_>, new: &invoice::NewPayment) -> Attempt<invoice::Payment> {
    let store = asked.store();
    let Some(before) = store.invoice(asked.id).await? else { return Ok(Err(Problem::not_found())) };
    let payments = store.payments(asked.id).await?;
    let count = payments.len();
    if let Some(payment) = payments.into_iter().find(|payment| payment.id == new.id) {
        return Ok(Ok(payment));
    }
    if count >= RECORDS_MAX {
        return Ok(Err(Refusal::TooMany(count).into()));
    }
    let (payment, after) = match before.standing().pay(new, asked.now) {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let facts = asked.paid(&payment, &after)?;
    asked.settle(&before, &after, Record::Payment(payment.clone()), &facts).await?;
    Ok(Ok(payment))
}

/// List the payments of an invoice, oldest first
#[utoipa::path(
    get, path = "/v1/invoices/{id}/payments", operation_id = "listPayments", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = List<Payment>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<List<Payment>>, Problem> {
    let stored = super::load(&api, &tenant, &id).await?;
    let payments = api.store(&tenant).payments(stored.invoice.statement().id).await?;
    Ok(page::whole(payments.into_iter().map(Payment::from).collect()))
}
