//! The stored shapes of an invoice. Frozen: an invoice that was issued must be readable for ever.
//!
//! Version 3 is written; its lines are in [`line`], and what earlier versions were is in [`second`] and [`first`].

mod first;
mod line;
mod part;
mod second;
#[cfg(test)]
mod tests;

use super::{
    adjusters::COUPONS_PER_INVOICE_MAX,
    invoices::{PdfRecord, StoredInvoice},
    item::{self, Item, Stored},
    settlement_shape::{self, Beside},
};
use crate::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Date, Timestamp,
    calendar::Period,
    catalog::{Percent, PlanRef},
    id::{CouponId, GrantId, InvoiceId, PlanId, SubscriptionId, TenantId},
    invoice::{
        AppliedCredit, Discount, Draft, Invoice, InvoiceNumber, Line, Notes, Open, Paid, Statement, SubscriptionRun,
        Tax, TaxTreatment, Uncollectible, Void,
    },
    money::{Currency, Money},
};
use first::InvoiceV1;
use line::LineV3;
use second::InvoiceV2;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Most bytes that the lines of an invoice may weigh together ([`line_bytes`]) before adjustments wait for the next one. An
/// item of DynamoDB has 400 KiB; what is left is for the heading, discounts, taxes, credits, notes and what becomes of it.
pub(crate) const LINES_BYTES_MAX: usize = 360 * 1024;
/// Most bytes that one adjustment weighs: a key, a name of 200 characters in any script, its source and its figures.
pub(crate) const ADJUSTMENT_BYTES_MAX: usize = 2 * 1024;
/// What coupons and the tax write for each line: a number each.
const SHARES_BYTES_MAX: usize = (COUPONS_PER_INVOICE_MAX + 1) * 21;

/// What a line weighs in the item of its invoice, or less: as JSON, which is longer than what DynamoDB counts.
pub(crate) fn line_bytes(line: &Line) -> usize {
    // A line that cannot be written cannot be weighed either, and is refused where it is written.
    let written = serde_json::to_vec(&LineV3::from(line)).map_or(0, |json| json.len());
    written.saturating_add(SHARES_BYTES_MAX)
}

/// Attribute of the PDF's record, which is written after the invoice.
pub(super) const PDF: &str = "pdf";

#[derive(Serialize, Deserialize)]
pub(super) struct InvoiceV3 {
    id: InvoiceId,
    tenant_id: TenantId,
    subscription: Option<SubscriptionV3>,
    period_start: Timestamp,
    period_end: Timestamp,
    first_day: Date,
    last_day: Date,
    currency: String,
    lines: Vec<LineV3>,
    discounts: Vec<DiscountV3>,
    tax_treatment: TreatmentV3,
    taxes: Vec<TaxV3>,
    credits: Vec<CreditV3>,
    total_minor: i64,
    memo: Option<String>,
    purchase_order: Option<String>,
    issued: Option<IssuedV2>,
    end: Option<EndV2>,
    pdf: Option<PdfRecord>,
}

impl Stored for InvoiceV3 {
    const VERSION: u32 = 3;
}

#[derive(Serialize, Deserialize)]
struct SubscriptionV3 {
    id: SubscriptionId,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    run: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct DiscountV3 {
    coupon_id: CouponId,
    name: String,
    off_lines_minor: Vec<i64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum TreatmentV3 {
    Taxed,
    Exempt,
    ReverseCharge,
}

#[derive(Serialize, Deserialize)]
struct TaxV3 {
    name: String,
    rate: String,
    inclusive: bool,
    net_minor: i64,
    of_lines_minor: Vec<i64>,
}

#[derive(Serialize, Deserialize)]
struct CreditV3 {
    grant_id: GrantId,
    amount_minor: i64,
}

#[derive(Serialize, Deserialize)]
struct IssuedV2 {
    number: String,
    finalized_at: Timestamp,
    due_at: Timestamp,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum EndV2 {
    Paid(Timestamp),
    Void(Timestamp),
    Uncollectible(Timestamp),
}

/// Attribute of the state that an issued invoice came to.
pub(super) const END: &str = "end";

/// The invoice in an item of any version, with what became of it beside.
pub(super) fn read(mut item: Item) -> Result<StoredInvoice, Fault> {
    let beside = settlement_shape::take(&mut item)?;
    let stored = if item::is_of::<InvoiceV1>(&item) {
        InvoiceV3::from(InvoiceV2::from(item::read::<InvoiceV1>(item)?))
    } else if item::is_of::<InvoiceV2>(&item) {
        InvoiceV3::from(item::read::<InvoiceV2>(item)?)
    } else {
        item::read::<InvoiceV3>(item)?
    };
    let stored = StoredInvoice::try_from(stored)?;
    let Beside { revision, settlement, ending } = beside;
    Ok(StoredInvoice { revision, settlement, ending, ..stored })
}

/// The state of `invoice`, as the attribute [`END`] has it.
pub(super) fn end(invoice: &Invoice) -> Result<AttributeValue, Fault> {
    serde_dynamo::to_attribute_value(EndV2::of(invoice)).map_err(|error| Fault::permanent("encode item", error))
}

impl EndV2 {
    fn of(invoice: &Invoice) -> Option<Self> {
        match invoice {
            Invoice::Draft(_) | Invoice::Open(_) => None,
            Invoice::Paid(paid) => Some(Self::Paid(paid.paid_at)),
            Invoice::Void(void) => Some(Self::Void(void.voided_at)),
            Invoice::Uncollectible(given_up) => Some(Self::Uncollectible(given_up.given_up_at)),
        }
    }
}

impl From<&StoredInvoice> for InvoiceV3 {
    fn from(stored: &StoredInvoice) -> Self {
        let statement = stored.invoice.statement();
        let issued = stored.invoice.issued().map(|open| IssuedV2 {
            number: open.number.to_string(),
            finalized_at: open.finalized_at,
            due_at: open.due_at,
        });
        Self {
            id: statement.id,
            tenant_id: statement.tenant_id,
            subscription: statement.subscription.map(|subscription| SubscriptionV3 {
                id: subscription.id,
                plan_id: subscription.plan.plan_id,
                plan_version: subscription.plan.version,
                run: subscription.run,
            }),
            period_start: statement.period.start(),
            period_end: statement.period.end(),
            first_day: statement.days.0,
            last_day: statement.days.1,
            currency: statement.total.currency.to_string(),
            lines: statement.lines.iter().map(LineV3::from).collect(),
            discounts: statement.discounts.iter().map(DiscountV3::from).collect(),
            tax_treatment: statement.tax_treatment.into(),
            taxes: statement.taxes.iter().map(TaxV3::from).collect(),
            credits: statement.credits.iter().map(CreditV3::from).collect(),
            total_minor: statement.total.amount_minor,
            memo: statement.notes.memo.clone(),
            purchase_order: statement.notes.purchase_order.clone(),
            issued,
            end: EndV2::of(&stored.invoice),
            pdf: stored.pdf.clone(),
        }
    }
}

impl TryFrom<InvoiceV3> for StoredInvoice {
    type Error = Fault;

    fn try_from(stored: InvoiceV3) -> Result<Self, Fault> {
        let currency: Currency = stored.currency.parse().map_err(|_| malformed("currency"))?;
        let statement = Statement {
            id: stored.id,
            tenant_id: stored.tenant_id,
            subscription: stored.subscription.map(SubscriptionRun::from),
            period: Period::new(stored.period_start, stored.period_end).ok_or_else(|| malformed("period"))?,
            days: (stored.first_day, stored.last_day),
            lines: stored.lines.into_iter().map(|line| line.line(currency)).collect::<Result<_, Fault>>()?,
            discounts: stored.discounts.into_iter().map(Discount::from).collect(),
            tax_treatment: stored.tax_treatment.into(),
            taxes: stored.taxes.into_iter().map(Tax::try_from).collect::<Result<_, Fault>>()?,
            credits: stored.credits.into_iter().map(AppliedCredit::from).collect(),
            total: Money { amount_minor: stored.total_minor, currency },
            notes: Notes { memo: stored.memo, purchase_order: stored.purchase_order },
        };
        let draft = Draft::new(statement).map_err(|_| malformed("lines"))?;
        if draft.statement().total.amount_minor != stored.total_minor {
            return Err(malformed("total"));
        }
        let invoice = match (stored.issued, stored.end) {
            (None, None) => Invoice::Draft(draft),
            (None, Some(_)) => return Err(malformed("state")),
            (Some(issued), end) => issued.invoice(draft, end),
        };
        Ok(Self { pdf: stored.pdf, ..Self::new(invoice) })
    }
}

fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the invoice's {what} is malformed"))
}

impl From<SubscriptionV3> for SubscriptionRun {
    fn from(stored: SubscriptionV3) -> Self {
        let plan = PlanRef { plan_id: stored.plan_id, version: stored.plan_version };
        Self { id: stored.id, plan, run: stored.run }
    }
}

impl From<&Discount> for DiscountV3 {
    fn from(discount: &Discount) -> Self {
        let Discount { coupon_id, name, off_lines_minor } = discount.clone();
        Self { coupon_id, name, off_lines_minor }
    }
}

impl From<DiscountV3> for Discount {
    fn from(stored: DiscountV3) -> Self {
        let DiscountV3 { coupon_id, name, off_lines_minor } = stored;
        Self { coupon_id, name, off_lines_minor }
    }
}

impl From<TaxTreatment> for TreatmentV3 {
    fn from(treatment: TaxTreatment) -> Self {
        match treatment {
            TaxTreatment::Taxed => Self::Taxed,
            TaxTreatment::Exempt => Self::Exempt,
            TaxTreatment::ReverseCharge => Self::ReverseCharge,
        }
    }
}

impl From<TreatmentV3> for TaxTreatment {
    fn from(stored: TreatmentV3) -> Self {
        match stored {
            TreatmentV3::Taxed => Self::Taxed,
            TreatmentV3::Exempt => Self::Exempt,
            TreatmentV3::ReverseCharge => Self::ReverseCharge,
        }
    }
}

impl From<&Tax> for TaxV3 {
    fn from(tax: &Tax) -> Self {
        Self {
            name: tax.name.clone(),
            rate: tax.rate.value().to_string(),
            inclusive: tax.inclusive,
            net_minor: tax.net_minor,
            of_lines_minor: tax.of_lines_minor.clone(),
        }
    }
}

impl TryFrom<TaxV3> for Tax {
    type Error = Fault;

    fn try_from(stored: TaxV3) -> Result<Self, Fault> {
        Ok(Self {
            name: stored.name,
            rate: Percent::parse(&stored.rate).map_err(|_| malformed("tax rate"))?,
            inclusive: stored.inclusive,
            net_minor: stored.net_minor,
            of_lines_minor: stored.of_lines_minor,
        })
    }
}

impl From<&AppliedCredit> for CreditV3 {
    fn from(credit: &AppliedCredit) -> Self {
        Self { grant_id: credit.grant_id, amount_minor: credit.amount_minor }
    }
}

impl From<CreditV3> for AppliedCredit {
    fn from(stored: CreditV3) -> Self {
        Self { grant_id: stored.grant_id, amount_minor: stored.amount_minor }
    }
}

impl IssuedV2 {
    fn invoice(self, draft: Draft, end: Option<EndV2>) -> Invoice {
        let open = Open {
            statement: draft.into_statement(),
            number: InvoiceNumber::stored(self.number),
            finalized_at: self.finalized_at,
            due_at: self.due_at,
        };
        match end {
            None => Invoice::Open(open),
            Some(EndV2::Paid(paid_at)) => Invoice::Paid(Paid { open, paid_at }),
            Some(EndV2::Void(voided_at)) => Invoice::Void(Void { open, voided_at }),
            Some(EndV2::Uncollectible(given_up_at)) => Invoice::Uncollectible(Uncollectible { open, given_up_at }),
        }
    }
}
