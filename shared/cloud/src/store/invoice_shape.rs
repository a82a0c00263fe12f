//! The stored shape of an invoice, version 1. Frozen: an invoice that was issued must be readable for ever.

use super::{
    invoices::{PdfRecord, StoredInvoice},
    item::Stored,
};
use crate::Fault;
use domain::{
    Date, Decimal, Timestamp,
    calendar::Period,
    catalog::PlanRef,
    id::{InvoiceId, PlanId, SubscriptionId, TenantId},
    invoice::{Draft, Invoice, InvoiceNumber, Line, LineDetail, Open, Paid, Statement, Uncollectible, Void},
    money::{Currency, Money},
    rating::TierCharge,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Attribute of the PDF's record, the only one that is written after the invoice.
pub(super) const PDF: &str = "pdf";

#[derive(Serialize, Deserialize)]
pub(super) struct InvoiceV1 {
    id: InvoiceId,
    tenant_id: TenantId,
    subscription_id: SubscriptionId,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    period_start: Timestamp,
    period_end: Timestamp,
    first_day: Date,
    last_day: Date,
    currency: String,
    lines: Vec<LineV1>,
    total_minor: i64,
    issued: Option<IssuedV1>,
    end: Option<EndV1>,
    pdf: Option<PdfRecord>,
}

impl Stored for InvoiceV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
struct IssuedV1 {
    number: String,
    finalized_at: Timestamp,
    due_at: Timestamp,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum EndV1 {
    Paid(Timestamp),
    Void(Timestamp),
    Uncollectible(Timestamp),
}

#[derive(Serialize, Deserialize)]
struct LineV1 {
    key: String,
    description: String,
    exact: Decimal,
    amount_minor: i64,
    detail: LineDetailV1,
}

#[derive(Serialize, Deserialize)]
enum LineDetailV1 {
    BaseFee { active_days: u32, full_days: u32 },
    Usage { meter: String, quantity: Decimal, included: Decimal, tiers: Vec<TierChargeV1> },
}

#[derive(Serialize, Deserialize)]
struct TierChargeV1 {
    from: Decimal,
    up_to: Option<Decimal>,
    quantity: Decimal,
    unit_price: Decimal,
    flat_fee: Decimal,
    amount: Decimal,
}

impl From<&StoredInvoice> for InvoiceV1 {
    fn from(stored: &StoredInvoice) -> Self {
        let statement = stored.invoice.statement();
        let issued = stored.invoice.issued().map(|open| IssuedV1 {
            number: open.number.to_string(),
            finalized_at: open.finalized_at,
            due_at: open.due_at,
        });
        let end = match &stored.invoice {
            Invoice::Draft(_) | Invoice::Open(_) => None,
            Invoice::Paid(paid) => Some(EndV1::Paid(paid.paid_at)),
            Invoice::Void(void) => Some(EndV1::Void(void.voided_at)),
            Invoice::Uncollectible(given_up) => Some(EndV1::Uncollectible(given_up.given_up_at)),
        };
        Self {
            id: statement.id,
            tenant_id: statement.tenant_id,
            subscription_id: statement.subscription_id,
            plan_id: statement.plan.plan_id,
            plan_version: statement.plan.version,
            period_start: statement.period.start(),
            period_end: statement.period.end(),
            first_day: statement.days.0,
            last_day: statement.days.1,
            currency: statement.total.currency.to_string(),
            lines: statement.lines.iter().map(LineV1::from).collect(),
            total_minor: statement.total.amount_minor,
            issued,
            end,
            pdf: stored.pdf.clone(),
        }
    }
}

impl TryFrom<InvoiceV1> for StoredInvoice {
    type Error = Fault;

    fn try_from(stored: InvoiceV1) -> Result<Self, Fault> {
        let malformed =
            |what: &'static str| Fault::permanent("decode item", format!("the invoice's {what} is malformed"));
        let currency: Currency = stored.currency.parse().map_err(|_| malformed("currency"))?;
        let statement = Statement {
            id: stored.id,
            tenant_id: stored.tenant_id,
            subscription_id: stored.subscription_id,
            plan: PlanRef { plan_id: stored.plan_id, version: stored.plan_version },
            period: Period::new(stored.period_start, stored.period_end).ok_or_else(|| malformed("period"))?,
            days: (stored.first_day, stored.last_day),
            lines: stored.lines.into_iter().map(|line| line.into_line(currency)).collect(),
            total: Money { amount_minor: stored.total_minor, currency },
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
        Ok(Self { invoice, pdf: stored.pdf })
    }
}

impl IssuedV1 {
    fn invoice(self, draft: Draft, end: Option<EndV1>) -> Invoice {
        let open = Open {
            statement: draft.into_statement(),
            number: InvoiceNumber::stored(self.number),
            finalized_at: self.finalized_at,
            due_at: self.due_at,
        };
        match end {
            None => Invoice::Open(open),
            Some(EndV1::Paid(paid_at)) => Invoice::Paid(Paid { open, paid_at }),
            Some(EndV1::Void(voided_at)) => Invoice::Void(Void { open, voided_at }),
            Some(EndV1::Uncollectible(given_up_at)) => Invoice::Uncollectible(Uncollectible { open, given_up_at }),
        }
    }
}

impl From<&Line> for LineV1 {
    fn from(line: &Line) -> Self {
        let detail = match &line.detail {
            LineDetail::BaseFee { active_days, full_days } => {
                LineDetailV1::BaseFee { active_days: *active_days, full_days: *full_days }
            }
            LineDetail::Usage { meter, quantity, included, tiers } => LineDetailV1::Usage {
                meter: meter.clone(),
                quantity: *quantity,
                included: *included,
                tiers: tiers.iter().map(TierChargeV1::from).collect(),
            },
        };
        Self {
            key: line.key.clone(),
            description: line.description.clone(),
            exact: line.exact,
            amount_minor: line.amount.amount_minor,
            detail,
        }
    }
}

impl LineV1 {
    fn into_line(self, currency: Currency) -> Line {
        let detail = match self.detail {
            LineDetailV1::BaseFee { active_days, full_days } => LineDetail::BaseFee { active_days, full_days },
            LineDetailV1::Usage { meter, quantity, included, tiers } => LineDetail::Usage {
                meter,
                quantity,
                included,
                tiers: tiers.into_iter().map(TierCharge::from).collect(),
            },
        };
        Line {
            key: self.key,
            description: self.description,
            exact: self.exact,
            amount: Money { amount_minor: self.amount_minor, currency },
            detail,
        }
    }
}

impl From<&TierCharge> for TierChargeV1 {
    fn from(tier: &TierCharge) -> Self {
        let TierCharge { from, up_to, quantity, unit_price, flat_fee, amount } = *tier;
        Self { from, up_to, quantity, unit_price, flat_fee, amount }
    }
}

impl From<TierChargeV1> for TierCharge {
    fn from(tier: TierChargeV1) -> Self {
        let TierChargeV1 { from, up_to, quantity, unit_price, flat_fee, amount } = tier;
        Self { from, up_to, quantity, unit_price, flat_fee, amount }
    }
}
