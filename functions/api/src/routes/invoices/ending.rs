//! The two ends of an open invoice that are no payment: it is taken back, or given up.

use super::{
    answer::Invoice,
    settling::{Asked, Attempt},
};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    correlation::Correlation,
    idempotency::Creation,
    openapi::WriteRefusals,
    problem::Problem,
    routes,
    state::Api,
};
use axum::extract::{Path, State};
use cloud::store::{Ending, Record};
use domain::usage::event;
use serde::Deserialize;
use utoipa::ToSchema;

/// Why an invoice comes to its end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = EndInvoice)]
pub(crate) struct End {
    /// Why, for whoever reads the books: 1 to 256 bytes.
    #[schema(example = "sent to the wrong payer")]
    reason: String,
}

/// Which end.
#[derive(Clone, Copy)]
enum Way {
    TakeBack,
    GiveUp,
}

/// Void an invoice
///
/// It is taken back as if it had never been; its number stays used. Of an invoice of which something was paid, or
/// nothing was due, it is 409 `paid_invoice`: issue a credit note. A second time it is 409 `already_void`.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/void", operation_id = "voidInvoice", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = End,
    responses((status = 200, body = Invoice, description = "The void invoice."), WriteRefusals)
)]
pub(crate) async fn void(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(end): Json<End>,
) -> Result<axum::Json<Invoice>, Problem> {
    let now = api.world().now();
    let request = creation.uuid(&api, now).to_string();
    let asked = Asked { api: &api, tenant: &tenant, id: routes::id(&id)?, correlation_id, now };
    run(&asked, Way::TakeBack, Ending { request, reason: end.reason }).await
}

/// Give an invoice up as uncollectible
///
/// What remains of it is written off; should it be paid after all, record the payment. Only an open invoice can be given
/// up: else it is 409 `not_open`, or `already_uncollectible`.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/uncollectible", operation_id = "giveInvoiceUp", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = End,
    responses((status = 200, body = Invoice, description = "The uncollectible invoice."), WriteRefusals)
)]
pub(crate) async fn uncollectible(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(end): Json<End>,
) -> Result<axum::Json<Invoice>, Problem> {
    let now = api.world().now();
    let request = creation.uuid(&api, now).to_string();
    let asked = Asked { api: &api, tenant: &tenant, id: routes::id(&id)?, correlation_id, now };
    run(&asked, Way::GiveUp, Ending { request, reason: end.reason }).await
}

async fn run(asked: &Asked<'_>, way: Way, ending: Ending) -> Result<axum::Json<Invoice>, Problem> {
    event::check_reason(&ending.reason)?;
    asked.run(|| end_once(asked, way, &ending)).await?;
    let ended = asked.store().invoice(asked.id).await?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(ended.into()))
}

async fn end_once(asked: &Asked<'_>, way: Way, ending: &Ending) -> Attempt<()> {
    let Some(before) = asked.store().invoice(asked.id).await? else { return Ok(Err(Problem::not_found())) };
    if before.ending.as_ref().is_some_and(|there| there.request == ending.request) {
        return Ok(Ok(()));
    }
    let decided = match way {
        Way::TakeBack => before.standing().void(&ending.reason, asked.now),
        Way::GiveUp => before.standing().give_up(&ending.reason, asked.now),
    };
    let after = match decided {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let facts = asked.ended(&after, &ending.reason)?;
    asked.settle(&before, &after, Record::Ending(ending.clone()), &facts).await?;
    Ok(Ok(()))
}
