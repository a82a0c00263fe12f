//! Invoices: what was charged, line by line, with the arithmetic, and the PDF.

use crate::{
    auth::TenantScope,
    body::exact_text,
    openapi::ReadRefusals,
    page::{self, List, PageParameters, Paging},
    problem::Problem,
    routes::{
        self, PeriodBody,
        lines::{self, Days, Floor, Step, SubLine},
        subscriptions::PlanPinned,
    },
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::{LINK_SECONDS, store::StoredInvoice};
use domain::{
    Date, Decimal, Timestamp,
    id::{InvoiceId, SubscriptionId, TenantId},
    invoice::{self, LineDetail},
    rating::{self, Basis},
};
use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

/// What one period of one subscription came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    /// Who it is.
    #[schema(value_type = String, example = "inv_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: InvoiceId,
    /// Who pays.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// What for.
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    /// By which prices.
    plan: PlanPinned,
    /// `draft`, `open`, `paid`, `void` or `uncollectible`.
    #[schema(example = "open")]
    status: &'static str,
    /// Its place in the tenant's gapless sequence; `null` for a draft.
    #[schema(example = "ACME-0001")]
    number: Option<String>,
    /// The billed period.
    period: PeriodBody,
    /// First billed day, in the tenant's time zone.
    first_day: Date,
    /// Last billed day.
    last_day: Date,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// The sum of the lines, in minor units.
    #[schema(example = 12345)]
    total_minor: i64,
    /// What is charged.
    lines: Vec<Line>,
    /// When it was issued; from then on it never changes.
    finalized_at: Option<Timestamp>,
    /// When it must be paid.
    due_at: Option<Timestamp>,
    /// SHA-256 of everything that it charges, in hex; the same is kept with the PDF.
    digest: Option<String>,
    /// Its PDF; `null` until it was printed.
    pdf: Option<Pdf>,
}

/// The PDF of an invoice.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pdf {
    /// Since when it can be downloaded.
    ready_at: Timestamp,
}

/// One charge. Fields that its kind does not have are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// `fee`, `usage`, or `trueUp` for what another line lacks to its minimum or commitment.
    #[schema(example = "usage")]
    kind: &'static str,
    /// The price's key, `base`, or the key of another line and `.true-up`.
    #[schema(example = "traffic")]
    key: String,
    /// What it is for, as printed.
    description: String,
    /// Slug of the meter.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter: Option<String>,
    /// What was used in the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1203")]
    quantity: Option<String>,
    /// Units that cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1000")]
    included: Option<String>,
    /// The amount in major units before its one rounding.
    #[schema(example = "0.0812")]
    exact: String,
    /// The amount charged, in minor units.
    #[schema(example = 8)]
    amount_minor: i64,
    /// What each tier contributed; empty where nothing is charged by tiers or units.
    tiers: Vec<LineTier>,
    /// What usage was charged for, part by part; their amounts add up to what the first modifier of the amount was given.
    sub_lines: Vec<SubLine>,
    /// What each modifier of the price did, in order.
    steps: Vec<Step>,
    /// Of a true-up, the key of the line that it completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// Of a true-up, what is charged at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<Floor>,
    /// How much of the period a fee or a true-up is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Days>,
}

/// What one tier contributed to a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineTier {
    /// The tier begins after this quantity.
    from: String,
    /// Last quantity inside; `null` for the open end.
    up_to: Option<String>,
    /// Units that fell into it.
    quantity: String,
    /// Price of each, in major units.
    unit_price: String,
    /// Charged for entering it, in major units.
    flat_fee: String,
    /// `quantity × unitPrice + flatFee`, exact.
    amount: String,
}

/// Where to download a PDF.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PdfLink {
    /// A link that needs no key.
    url: String,
    /// When it stops working.
    expires_at: Timestamp,
}

impl From<StoredInvoice> for Invoice {
    fn from(stored: StoredInvoice) -> Self {
        let StoredInvoice { invoice, pdf } = stored;
        let statement = invoice.statement();
        let issued = invoice.issued();
        Self {
            id: statement.id,
            tenant_id: statement.tenant_id,
            subscription_id: statement.subscription_id,
            plan: statement.plan.into(),
            status: invoice.status(),
            number: issued.map(|open| open.number.to_string()),
            period: statement.period.into(),
            first_day: statement.days.0,
            last_day: statement.days.1,
            currency: statement.total.currency.to_string(),
            total_minor: statement.total.amount_minor,
            lines: statement.lines.iter().map(Line::from).collect(),
            finalized_at: issued.map(|open| open.finalized_at),
            due_at: issued.map(|open| open.due_at),
            digest: issued.map(invoice::digest),
            pdf: pdf.map(|pdf| Pdf { ready_at: pdf.ready_at }),
        }
    }
}

impl From<&invoice::Line> for Line {
    fn from(line: &invoice::Line) -> Self {
        let detail = match &line.detail {
            LineDetail::Fee { active_days, full_days } => {
                Self { kind: "fee", days: Some(Days { active: *active_days, full: *full_days }), ..Self::default() }
            }
            LineDetail::Usage { meter, quantity, sub_lines, steps } => Self {
                kind: "usage",
                meter: Some(meter.clone()),
                quantity: Some(exact_text(*quantity)),
                included: Some(exact_text(lines::included(steps))),
                tiers: sub_lines.iter().filter_map(LineTier::of).collect(),
                sub_lines: sub_lines.iter().map(SubLine::from).collect(),
                steps: steps.iter().map(Step::from).collect(),
                ..Self::default()
            },
            LineDetail::TrueUp { of, floor, active_days, full_days } => Self {
                kind: "trueUp",
                of: Some(of.clone()),
                floor: Some(Floor::from(*floor)),
                days: Some(Days { active: *active_days, full: *full_days }),
                ..Self::default()
            },
        };
        Self {
            key: line.key.clone(),
            description: line.description.clone(),
            exact: exact_text(line.exact),
            amount_minor: line.amount.amount_minor,
            ..detail
        }
    }
}

impl LineTier {
    /// The sub-line as a tier, if it is one or stands for all units.
    fn of(part: &rating::SubLine) -> Option<Self> {
        let (from, up_to) = match &part.basis {
            Basis::Units => (Decimal::ZERO, None),
            Basis::Tier { from, up_to } => (*from, *up_to),
            Basis::Packages { .. }
            | Basis::Cell { .. }
            | Basis::Value
            | Basis::Events
            | Basis::EventsAtMinimum
            | Basis::EventsAtMaximum
            | Basis::Amounts
            | Basis::Fee { .. }
            | Basis::Seats { .. } => return None,
        };
        Some(Self {
            from: exact_text(from),
            up_to: up_to.map(exact_text),
            quantity: exact_text(part.quantity),
            unit_price: exact_text(part.unit_price),
            flat_fee: exact_text(part.flat_fee),
            amount: exact_text(part.amount),
        })
    }
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
    let (Some(pdf), Some(open)) = (stored.pdf, stored.invoice.issued()) else {
        return Err(Problem::conflict("pdf_not_ready", "the PDF is being printed; try again").retryable());
    };
    let expires_at = api.world().now().saturating_add(SignedDuration::from_secs(LINK_SECONDS.cast_signed()));
    let url = api.world().download_link(&pdf.key, &format!("{}.pdf", open.number)).await?;
    Ok(axum::Json(PdfLink { url, expires_at: expires_at.unwrap_or(Timestamp::MAX) }))
}

async fn load(api: &Api, tenant: &KnownTenant, id: &str) -> Result<StoredInvoice, Problem> {
    api.store(tenant).invoice(routes::id(id)?).await?.ok_or_else(Problem::not_found)
}
