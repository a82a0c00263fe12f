//! Version 2 of a stored invoice, which is read and no longer written: fees, usage and true-ups of one subscription.

use super::{
    EndV2, InvoiceV3, IssuedV2, PdfRecord, SubscriptionV3, TreatmentV3,
    line::{LineDetailV3, LineV3, SourceV3},
    part::{FloorV2, StepV2, SubLineV2},
};
use crate::store::item::Stored;
use domain::{
    Date, Decimal, Timestamp,
    catalog::BASE_FEE_KEY,
    id::{InvoiceId, PlanId, SubscriptionId, TenantId},
    invoice::TRUE_UP_SUFFIX,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Serialize, Deserialize)]
pub(super) struct InvoiceV2 {
    pub(super) id: InvoiceId,
    pub(super) tenant_id: TenantId,
    pub(super) subscription_id: SubscriptionId,
    pub(super) plan_id: PlanId,
    pub(super) plan_version: NonZeroU32,
    pub(super) period_start: Timestamp,
    pub(super) period_end: Timestamp,
    pub(super) first_day: Date,
    pub(super) last_day: Date,
    pub(super) currency: String,
    pub(super) lines: Vec<LineV2>,
    pub(super) total_minor: i64,
    pub(super) issued: Option<IssuedV2>,
    pub(super) end: Option<EndV2>,
    pub(super) pdf: Option<PdfRecord>,
}

impl Stored for InvoiceV2 {
    const VERSION: u32 = 2;
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineV2 {
    pub(super) key: String,
    pub(super) description: String,
    pub(super) exact: Decimal,
    pub(super) amount_minor: i64,
    pub(super) detail: LineDetailV2,
}

#[derive(Serialize, Deserialize)]
pub(super) enum LineDetailV2 {
    Fee { active_days: u32, full_days: u32 },
    Usage { meter: String, quantity: Decimal, sub_lines: Vec<SubLineV2>, steps: Vec<StepV2> },
    TrueUp { of: String, floor: FloorV2, active_days: u32, full_days: u32 },
}

impl From<InvoiceV2> for InvoiceV3 {
    fn from(second: InvoiceV2) -> Self {
        let plan = (second.plan_id, second.plan_version);
        Self {
            id: second.id,
            tenant_id: second.tenant_id,
            subscription: Some(SubscriptionV3 {
                id: second.subscription_id,
                plan_id: second.plan_id,
                plan_version: second.plan_version,
                run: None,
            }),
            period_start: second.period_start,
            period_end: second.period_end,
            first_day: second.first_day,
            last_day: second.last_day,
            currency: second.currency,
            lines: second.lines.into_iter().map(|line| line.third(plan)).collect(),
            discounts: Vec::new(),
            tax_treatment: TreatmentV3::Taxed,
            taxes: Vec::new(),
            credits: Vec::new(),
            total_minor: second.total_minor,
            memo: None,
            purchase_order: None,
            issued: second.issued,
            end: second.end,
            pdf: second.pdf,
        }
    }
}

impl LineV2 {
    /// The line in version 3; the plan and the price that it comes from follow from the invoice and its key.
    fn third(self, (plan_id, plan_version): (PlanId, NonZeroU32)) -> LineV3 {
        let price = self.key.strip_suffix(TRUE_UP_SUFFIX).unwrap_or(&self.key);
        let price = (price != BASE_FEE_KEY).then(|| price.to_owned());
        let detail = match self.detail {
            LineDetailV2::Fee { active_days, full_days } => LineDetailV3::Fee { active_days, full_days },
            LineDetailV2::Usage { meter, quantity, sub_lines, steps } => {
                LineDetailV3::Usage { meter, quantity, sub_lines, steps, evidence: None }
            }
            LineDetailV2::TrueUp { of, floor, active_days, full_days } => {
                LineDetailV3::TrueUp { of, floor, active_days, full_days }
            }
        };
        LineV3 {
            source: Some(SourceV3 { plan_id, plan_version, price }),
            key: self.key,
            description: self.description,
            exact: self.exact,
            amount_minor: self.amount_minor,
            days: None,
            detail,
        }
    }
}
