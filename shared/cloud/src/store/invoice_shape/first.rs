//! Version 1 of a stored invoice, which is read and no longer written: lines of usage had tiers and included units only.

use super::{
    EndV2, IssuedV2, PdfRecord,
    part::{BasisV2, ModifierV2, StepV2, SubLineV2},
    second::{InvoiceV2, LineDetailV2, LineV2},
};
use crate::store::item::Stored;
use domain::{
    Date, Decimal, Timestamp,
    id::{InvoiceId, PlanId, SubscriptionId, TenantId},
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

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
    /// As in version 2.
    issued: Option<IssuedV2>,
    /// As in version 2.
    end: Option<EndV2>,
    pdf: Option<PdfRecord>,
}

impl Stored for InvoiceV1 {
    const VERSION: u32 = 1;
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

impl From<InvoiceV1> for InvoiceV2 {
    fn from(first: InvoiceV1) -> Self {
        Self {
            id: first.id,
            tenant_id: first.tenant_id,
            subscription_id: first.subscription_id,
            plan_id: first.plan_id,
            plan_version: first.plan_version,
            period_start: first.period_start,
            period_end: first.period_end,
            first_day: first.first_day,
            last_day: first.last_day,
            currency: first.currency,
            lines: first.lines.into_iter().map(LineV2::from).collect(),
            total_minor: first.total_minor,
            issued: first.issued,
            end: first.end,
            pdf: first.pdf,
        }
    }
}

impl From<LineV1> for LineV2 {
    fn from(line: LineV1) -> Self {
        let detail = match line.detail {
            LineDetailV1::BaseFee { active_days, full_days } => LineDetailV2::Fee { active_days, full_days },
            LineDetailV1::Usage { meter, quantity, included, tiers } => LineDetailV2::Usage {
                meter,
                quantity,
                sub_lines: tiers.into_iter().map(SubLineV2::from).collect(),
                steps: steps(quantity, included),
            },
        };
        let LineV1 { key, description, exact, amount_minor, detail: _ } = line;
        Self { key, description, exact, amount_minor, detail }
    }
}

/// What taking off the included units did, if there were any.
fn steps(quantity: Decimal, included: Decimal) -> Vec<StepV2> {
    if included.is_zero() {
        return Vec::new();
    }
    let after = (quantity - included).max(Decimal::ZERO);
    vec![StepV2 { modifier: ModifierV2::Included(included), before: quantity, after }]
}

impl From<TierChargeV1> for SubLineV2 {
    fn from(tier: TierChargeV1) -> Self {
        let TierChargeV1 { from, up_to, quantity, unit_price, flat_fee, amount } = tier;
        // A price without tiers had one entry without bounds.
        let is_whole = from.is_zero() && up_to.is_none();
        let basis = if is_whole { BasisV2::Units } else { BasisV2::Tier { from, up_to } };
        Self { basis, quantity, unit_price, flat_fee, amount }
    }
}
