//! An invoice as it is answered.

use super::line::Line;
use crate::{
    body::exact_text,
    routes::{PeriodBody, subscriptions::PlanPinned},
};
use cloud::store::{PdfRecord, StoredInvoice};
use domain::{
    Date, Timestamp,
    id::{CouponId, GrantId, InvoiceId, SubscriptionId, TenantId},
    invoice::{self, TaxTreatment},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What is charged, and what of it is to be paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    /// Who it is.
    #[schema(value_type = String, example = "inv_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: InvoiceId,
    /// Who pays.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// What for; `null` for a one-off invoice.
    #[schema(value_type = Option<String>)]
    subscription_id: Option<SubscriptionId>,
    /// The plan version at the end of the period; `null` for a one-off invoice.
    plan: Option<PlanPinned>,
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
    #[schema(value_type = i64, example = 12345)]
    subtotal_minor: i128,
    /// What coupons took off, in minor units.
    #[schema(value_type = i64, example = 345)]
    discount_minor: i128,
    /// All tax, also that which the lines have inside, in minor units.
    #[schema(value_type = i64, example = 2280)]
    tax_minor: i128,
    /// The lines, less discounts, with tax, in minor units.
    #[schema(example = 14280)]
    total_minor: i64,
    /// What credits have paid of the total, in minor units.
    #[schema(example = 280)]
    credited_minor: i64,
    /// What stays to be paid by money, in minor units; negative if more is given back.
    #[schema(example = 14000)]
    due_minor: i64,
    /// What was paid of it in money, in minor units.
    #[schema(example = 4000)]
    paid_minor: i64,
    /// What credit notes took back of it, with tax, in minor units.
    #[schema(example = 0)]
    credited_by_notes_minor: i64,
    /// What remains to be paid, in minor units; nothing of a void invoice.
    #[schema(example = 10000)]
    remaining_minor: i64,
    /// Why it was taken back or given up.
    end_reason: Option<String>,
    /// What is charged.
    lines: Vec<Line>,
    /// What each coupon took off.
    discounts: Vec<Discount>,
    /// `taxed`, `exempt`, or `reverseCharge` where the payer owes the tax itself.
    #[schema(example = "taxed")]
    tax_treatment: &'static str,
    /// Each tax.
    taxes: Vec<Tax>,
    /// What was paid by credits.
    credits: Vec<AppliedCredit>,
    /// A text to the payer.
    memo: Option<String>,
    /// The payer's own order number.
    purchase_order: Option<String>,
    /// When it was issued; from then on it never changes.
    finalized_at: Option<Timestamp>,
    /// When it must be paid.
    due_at: Option<Timestamp>,
    /// SHA-256 of everything that it charges, in hex; the same is kept with the PDF.
    digest: Option<String>,
    /// Its PDF; `null` until it was printed.
    pdf: Option<Pdf>,
}

/// The PDF of an invoice or credit note.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pdf {
    /// Since when it can be downloaded.
    ready_at: Timestamp,
}

/// What a coupon took off.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Discount {
    /// Which coupon.
    #[schema(value_type = String)]
    coupon_id: CouponId,
    /// Its name, as printed.
    #[schema(example = "Welcome")]
    name: String,
    /// What it took off, in minor units.
    #[schema(value_type = i64, example = 345)]
    amount_minor: i128,
    /// Off each line, in their order, in minor units.
    lines_minor: Vec<i64>,
}

/// A tax of one rate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvoiceTax)]
pub(crate) struct Tax {
    /// Its name, as printed.
    #[schema(example = "VAT")]
    name: String,
    /// In percent.
    #[schema(example = "19")]
    percent: String,
    /// Whether the lines have it inside.
    inclusive: bool,
    /// What it is charged on, in minor units.
    #[schema(example = 12000)]
    net_minor: i64,
    /// The tax, in minor units: rounded once for the rate.
    #[schema(value_type = i64, example = 2280)]
    amount_minor: i128,
    /// Of each line, in their order, in minor units.
    lines_minor: Vec<i64>,
}

/// Credit that paid a part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppliedCredit {
    /// Of which grant.
    #[schema(value_type = String)]
    grant_id: GrantId,
    /// How much, in minor units.
    #[schema(example = 280)]
    amount_minor: i64,
}

impl From<StoredInvoice> for Invoice {
    fn from(stored: StoredInvoice) -> Self {
        // What was paid and credited is never more than what was charged, so that what remains fits as that does.
        let remaining = stored.standing().remaining().map_or(0, |remaining| remaining.amount_minor);
        let StoredInvoice { invoice, pdf, settlement, ending, revision: _ } = stored;
        let statement = invoice.statement();
        let issued = invoice.issued();
        // Credits are never more than the total, so their sum fits as it does.
        let credited = statement.credits.iter().map(|credit| credit.amount_minor).sum();
        Self {
            id: statement.id,
            tenant_id: statement.tenant_id,
            subscription_id: statement.subscription.map(|subscription| subscription.id),
            plan: statement.subscription.map(|subscription| subscription.plan.into()),
            status: invoice.status(),
            number: issued.map(|open| open.number.to_string()),
            period: statement.period.into(),
            first_day: statement.days.0,
            last_day: statement.days.1,
            currency: statement.total.currency.to_string(),
            subtotal_minor: statement.subtotal_minor(),
            discount_minor: statement.discount_minor(),
            tax_minor: statement.tax_minor(),
            total_minor: statement.total.amount_minor,
            credited_minor: credited,
            due_minor: statement.total.amount_minor - credited,
            paid_minor: settlement.paid_minor,
            credited_by_notes_minor: settlement.credited_minor,
            remaining_minor: remaining,
            end_reason: ending.map(|ending| ending.reason),
            lines: statement.lines.iter().map(Line::from).collect(),
            discounts: statement.discounts.iter().map(Discount::from).collect(),
            tax_treatment: match statement.tax_treatment {
                TaxTreatment::Taxed => "taxed",
                TaxTreatment::Exempt => "exempt",
                TaxTreatment::ReverseCharge => "reverseCharge",
            },
            taxes: statement.taxes.iter().map(Tax::from).collect(),
            credits: statement.credits.iter().map(AppliedCredit::from).collect(),
            memo: statement.notes.memo.clone(),
            purchase_order: statement.notes.purchase_order.clone(),
            finalized_at: issued.map(|open| open.finalized_at),
            due_at: issued.map(|open| open.due_at),
            digest: issued.map(invoice::digest),
            pdf: pdf.as_ref().map(Pdf::from),
        }
    }
}

impl From<&PdfRecord> for Pdf {
    fn from(pdf: &PdfRecord) -> Self {
        Self { ready_at: pdf.ready_at }
    }
}

impl From<&invoice::Discount> for Discount {
    fn from(discount: &invoice::Discount) -> Self {
        Self {
            coupon_id: discount.coupon_id,
            name: discount.name.clone(),
            amount_minor: discount.amount_minor(),
            lines_minor: discount.off_lines_minor.clone(),
        }
    }
}

impl From<&invoice::Tax> for Tax {
    fn from(tax: &invoice::Tax) -> Self {
        Self {
            name: tax.name.clone(),
            percent: exact_text(tax.rate.value()),
            inclusive: tax.inclusive,
            net_minor: tax.net_minor,
            amount_minor: tax.amount_minor(),
            lines_minor: tax.of_lines_minor.clone(),
        }
    }
}

impl From<&invoice::AppliedCredit> for AppliedCredit {
    fn from(credit: &invoice::AppliedCredit) -> Self {
        Self { grant_id: credit.grant_id, amount_minor: credit.amount_minor }
    }
}
