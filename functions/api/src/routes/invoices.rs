//! Invoices: what was charged, line by line, with the arithmetic, and the PDF.
//!
//! The shapes are in [`answer`] and [`line`]; here are the routes that read an invoice. What becomes of one that was issued
//! is in [`payments`], [`credit_notes`] and [`ending`].

mod answer;
pub(crate) mod credit_notes;
pub(crate) mod ending;
pub(crate) mod explain;
mod generate;
mod line;
pub(crate) mod one_off;
pub(crate) mod payments;
mod settling;

pub(crate) use self::{
    answer::Invoice,
    generate::{__path_finalize, __path_generate, __path_regenerate, finalize, generate, regenerate},
    line::Line,
};

use crate::{
    auth::TenantScope,
    openapi::ReadRefusals,
    page::{self, List, PageParameters, Paging},
    problem::Problem,
    routes,
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::{
    LINK_SECONDS,
    store::{PdfRecord, StoredInvoice},
};
use domain::{Timestamp, invoice::InvoiceNumber};
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

/// Where to download a PDF.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PdfLink {
    /// A link that needs no key.
    url: String,
    /// When it stops working.
    expires_at: Timestamp,
}

/// List invoices, newest first
#[utoipa::path(
    get, path = "/v1/invoices", operation_id = "listInvoices", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<Invoice>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<Invoice>>, Problem> {
    let page = api.store(&tenant).invoices(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, Invoice::from))
}

/// Get an invoice
#[utoipa::path(
    get, path = "/v1/invoices/{id}", operation_id = "getInvoice", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = Invoice, description = "The invoice."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<Invoice>, Problem> {
    load(&api, &tenant, &id).await.map(|stored| axum::Json(stored.into()))
}

/// Get the lines of an invoice
#[utoipa::path(
    get, path = "/v1/invoices/{id}/lines", operation_id = "getInvoiceLines", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = List<Line>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn lines(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<List<Line>>, Problem> {
    let stored = load(&api, &tenant, &id).await?;
    Ok(page::whole(stored.invoice.statement().lines.iter().map(Line::from).collect()))
}

/// Get a link to the PDF of an invoice
///
/// It works for five minutes. 409 `pdf_not_ready` until the PDF was printed, which follows the invoice in moments.
#[utoipa::path(
    get, path = "/v1/invoices/{id}/pdf", operation_id = "getInvoicePdf", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses(
        (status = 200, body = PdfLink, description = "The link."),
        (status = 409, body = crate::problem::ProblemBody<'_>, content_type = "application/problem+json",
            description = "Not printed yet."),
        ReadRefusals,
    )
)]
pub(crate) async fn pdf(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<PdfLink>, Problem> {
    let stored = load(&api, &tenant, &id).await?;
    link(&api, stored.pdf.as_ref().zip(stored.invoice.issued().map(|open| &open.number))).await
}

/// The link to a PDF that was printed, which is named by the number of what it prints.
async fn link(api: &Api, printed: Option<(&PdfRecord, &InvoiceNumber)>) -> Result<axum::Json<PdfLink>, Problem> {
    let Some((pdf, number)) = printed else {
        return Err(Problem::conflict("pdf_not_ready", "the PDF is being printed; try again").retryable());
    };
    let expires_at = api.world().now().saturating_add(SignedDuration::from_secs(LINK_SECONDS.cast_signed()));
    let url = api.world().download_link(&pdf.key, &format!("{}.pdf", number.as_str().replace('/', "-"))).await?;
    Ok(axum::Json(PdfLink { url, expires_at: expires_at.unwrap_or(Timestamp::MAX) }))
}

async fn load(api: &Api, tenant: &KnownTenant, id: &str) -> Result<StoredInvoice, Problem> {
    api.store(tenant).invoice(routes::id(id)?).await?.ok_or_else(Problem::not_found)
}
