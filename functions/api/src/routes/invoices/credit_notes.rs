//! Credit notes: what is taken back of an invoice that was issued.

use super::{
    PdfLink,
    answer::{Pdf, Tax},
    settling::{Asked, Attempt, RECORDS_MAX},
};
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
use cloud::store::{Record, StoredCreditNote};
use domain::{
    Timestamp, Violation,
    id::{CreditNoteId, InvoiceId, TenantId},
    invoice::{self, Portion, Refusal},
    tenant::Tenant,
    usage::event,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was taken back of an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditNote {
    /// Who it is.
    #[schema(value_type = String, example = "cn_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: CreditNoteId,
    /// Whose it is.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// Its place in the tenant's sequence of credit notes.
    #[schema(example = "ACME-CN-0001")]
    number: String,
    /// Of which invoice.
    #[schema(value_type = String)]
    invoice_id: InvoiceId,
    /// That invoice's number.
    #[schema(example = "ACME-0001")]
    invoice_number: String,
    /// When it was issued.
    issued_at: Timestamp,
    /// ISO 4217 code: that of the invoice.
    #[schema(example = "USD")]
    currency: String,
    /// All that it takes back, with tax, in minor units.
    #[schema(example = 11900)]
    total_minor: i64,
    /// What of that is tax, in minor units.
    #[schema(value_type = i64, example = 1900)]
    tax_minor: i128,
    /// What it takes back of which line.
    lines: Vec<CreditedLine>,
    /// Each tax in it, of its own lines in their order.
    taxes: Vec<Tax>,
    /// What of it went to the unpaid part of the invoice, in minor units.
    applied_minor: i64,
    /// What of it is paid back in money, in minor units.
    refund_minor: i64,
    /// What of it stays as a balance in the tenant's favour, in minor units.
    balance_minor: i64,
    /// Why.
    reason: String,
    /// A text to the payer.
    memo: Option<String>,
    /// SHA-256 of all that it says, in hex; the same is kept with the PDF.
    digest: String,
    /// Its PDF; `null` until it was printed.
    pdf: Option<Pdf>,
}

/// What a credit note takes back of one line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditedLine {
    /// The line's key.
    #[schema(example = "traffic")]
    key: String,
    /// What it was for.
    description: String,
    /// How much, with tax, in minor units.
    #[schema(example = 11900)]
    amount_minor: i64,
}

/// A credit note to be issued: of all that is left, of an amount, or of lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewCreditNote {
    /// How much to take back, with tax, in minor units, spread over the lines by what is left of each.
    #[schema(minimum = 1, example = 5000)]
    amount_minor: Option<i64>,
    /// Which lines to take back, instead of an amount.
    lines: Option<Vec<LineToCredit>>,
    /// What of it to pay back in money, in minor units: at most what was paid, and what the unpaid part leaves.
    #[serde(default)]
    #[schema(minimum = 0, default = 0, example = 0)]
    refund_minor: i64,
    /// Why, for whoever reads the books: 1 to 256 bytes.
    #[schema(example = "a day without service")]
    reason: String,
    /// A text to the payer, at most 1,000 characters.
    memo: Option<String>,
}

/// A line to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LineToCredit {
    /// The line's key.
    #[schema(example = "traffic")]
    key: String,
    /// How much of it, with tax, in minor units; all that is left, unless it is sent.
    #[schema(minimum = 1, example = 1190)]
    amount_minor: Option<i64>,
}

impl From<StoredCreditNote> for CreditNote {
    fn from(StoredCreditNote { note, pdf }: StoredCreditNote) -> Self {
        let line = |line: invoice::CreditedLine| {
            let invoice::CreditedLine { key, description, amount_minor } = line;
            CreditedLine { key, description, amount_minor }
        };
        Self {
            id: note.id,
            tenant_id: note.tenant_id,
            number: note.number.to_string(),
            invoice_id: note.invoice_id,
            invoice_number: note.invoice_number.to_string(),
            issued_at: note.issued_at,
            currency: note.total.currency.to_string(),
            total_minor: note.total.amount_minor,
            tax_minor: note.tax_minor(),
            digest: note.digest(),
            pdf: pdf.as_ref().map(Pdf::from),
            taxes: note.taxes.iter().map(Tax::from).collect(),
            lines: note.lines.into_iter().map(line).collect(),
            applied_minor: note.applied_minor,
            refund_minor: note.refund_minor,
            balance_minor: note.balance_minor,
            reason: note.reason,
            memo: note.memo,
        }
    }
}

fn portion(new: &NewCreditNote) -> Result<Portion, Violation> {
    match (&new.lines, new.amount_minor) {
        (Some(_), Some(_)) => {
            Err(Violation::new("/lines", "amount_and_lines", "send an amount or lines, and not both"))
        }
        (Some(lines), None) if lines.is_empty() => {
            Err(Violation::new("/lines", "empty", "name a line, or send no lines to take all back"))
        }
        (Some(lines), None) => {
            Ok(Portion::Lines(lines.iter().map(|line| (line.key.clone(), line.amount_minor)).collect()))
        }
        (None, Some(amount_minor)) => Ok(Portion::Amount(amount_minor)),
        (None, None) => Ok(Portion::Full),
    }
}

/// Issue a credit note of an invoice
///
/// It goes first to what is unpaid of the invoice. Of the rest, `refundMinor` is paid back in money, and what is left then
/// stays as a balance in the tenant's favour. All notes of an invoice together take back at most what it charged, in all
/// and of each line: else it is 409 `over_credited`. Tax is taken back by the same share as the lines that it is on.
#[utoipa::path(
    post, path = "/v1/invoices/{id}/credit-notes", operation_id = "issueCreditNote", tag = "Invoices", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = String, Query, description = "Id or slug of whose it is."),
    ),
    request_body = NewCreditNote,
    responses((status = 201, body = CreditNote, description = "The credit note."), WriteRefusals)
)]
pub(crate) async fn issue(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(new): Json<NewCreditNote>,
) -> Result<(StatusCode, axum::Json<CreditNote>), Problem> {
    let now = api.world().now();
    event::check_reason(&new.reason)?;
    let asked = Asked { api: &api, tenant: &tenant, id: routes::id(&id)?, correlation_id, now };
    let new = invoice::NewCreditNote {
        id: CreditNoteId::new(creation.uuid(&api, now)),
        portion: portion(&new)?,
        refund_minor: new.refund_minor,
        reason: new.reason,
        memo: new.memo,
    };
    let profile = asked.store().tenant().await?.ok_or_else(Problem::not_found)?;
    let note = asked.run(|| issue_once(&asked, &profile, &new)).await?;
    Ok((StatusCode::CREATED, axum::Json(note.into())))
}

async fn issue_once(asked: &Asked<'_>, profile: &Tenant, new: &invoice::NewCreditNote) -> Attempt<StoredCreditNote> {
    let store = asked.store();
    let Some(before) = store.invoice(asked.id).await? else { return Ok(Err(Problem::not_found())) };
    let earlier = store.credit_notes(asked.id).await?;
    if let Some(stored) = earlier.iter().find(|stored| stored.note.id == new.id) {
        return Ok(Ok(stored.clone()));
    }
    if earlier.len() >= RECORDS_MAX {
        return Ok(Err(Refusal::TooMany(earlier.len()).into()));
    }
    let earlier: Vec<invoice::CreditNote> = earlier.into_iter().map(|stored| stored.note).collect();
    let used = store.credit_note_numbers_used().await?;
    let number = profile.invoice_number.credit_note(&profile.slug, used + 1);
    let (note, after) = match before.standing().credit(new, &earlier, number, asked.now) {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let facts = asked.credited(&note, &before, &after)?;
    asked.settle(&before, &after, Record::CreditNote(Box::new(note.clone()), used), &facts).await?;
    Ok(Ok(StoredCreditNote { note, pdf: None }))
}

/// List the credit notes of an invoice, oldest first
#[utoipa::path(
    get, path = "/v1/invoices/{id}/credit-notes", operation_id = "listCreditNotes", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = List<CreditNote>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<List<CreditNote>>, Problem> {
    let stored = super::load(&api, &tenant, &id).await?;
    let notes = api.store(&tenant).credit_notes(stored.invoice.statement().id).await?;
    Ok(page::whole(notes.into_iter().map(CreditNote::from).collect()))
}

/// Get a credit note
#[utoipa::path(
    get, path = "/v1/credit-notes/{id}", operation_id = "getCreditNote", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which credit note."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = CreditNote, description = "The credit note."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<CreditNote>, Problem> {
    let note = api.store(&tenant).credit_note(routes::id(&id)?).await?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(note.into()))
}

/// Get a link to the PDF of a credit note
///
/// It works for five minutes. 409 `pdf_not_ready` until the PDF was printed, which follows the note in moments.
#[utoipa::path(
    get, path = "/v1/credit-notes/{id}/pdf", operation_id = "getCreditNotePdf", tag = "Invoices", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which credit note."),
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
    let stored = api.store(&tenant).credit_note(routes::id(&id)?).await?.ok_or_else(Problem::not_found)?;
    super::link(&api, stored.pdf.as_ref().map(|pdf| (pdf, &stored.note.number))).await
}
