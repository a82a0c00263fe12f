//! A line of a stored invoice, version 3, with what explains its amount.

use super::part::{FloorV2, StepV2, SubLineV2};
use crate::Fault;
use domain::{
    Date, Decimal,
    catalog::PlanRef,
    id::{InvoiceId, PlanId},
    invoice::{Evidence, Line, LineDetail, Source},
    money::{Currency, Money},
    rating::SubLine,
    text::{Hex, Slug},
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Serialize, Deserialize)]
pub(super) struct LineV3 {
    pub(super) key: String,
    pub(super) source: Option<SourceV3>,
    pub(super) description: String,
    pub(super) exact: Decimal,
    pub(super) amount_minor: i64,
    pub(super) days: Option<(Date, Date)>,
    pub(super) detail: LineDetailV3,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SourceV3 {
    pub(super) plan_id: PlanId,
    pub(super) plan_version: NonZeroU32,
    pub(super) price: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum LineDetailV3 {
    Fee {
        active_days: u32,
        full_days: u32,
    },
    Usage {
        meter: String,
        quantity: Decimal,
        sub_lines: Vec<SubLineV2>,
        steps: Vec<StepV2>,
        evidence: Option<EvidenceV3>,
    },
    Seats {
        quantity: Decimal,
        sub_lines: Vec<SubLineV2>,
    },
    Adjustment {
        of: InvoiceId,
        line: String,
        quantity_before: Decimal,
        quantity_after: Decimal,
    },
    OneOff {
        quantity: Decimal,
        unit_price: Decimal,
    },
    TrueUp {
        of: String,
        floor: FloorV2,
        active_days: u32,
        full_days: u32,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct EvidenceV3 {
    digest: String,
    events: u64,
}

impl From<&Line> for LineV3 {
    fn from(line: &Line) -> Self {
        let parts = |sub_lines: &[SubLine]| sub_lines.iter().map(SubLineV2::from).collect();
        let detail = match &line.detail {
            LineDetail::Fee { active_days, full_days } => {
                LineDetailV3::Fee { active_days: *active_days, full_days: *full_days }
            }
            LineDetail::Usage { meter, quantity, sub_lines, steps, evidence } => LineDetailV3::Usage {
                meter: meter.clone(),
                quantity: *quantity,
                sub_lines: parts(sub_lines),
                steps: steps.iter().map(StepV2::from).collect(),
                evidence: evidence.as_ref().map(EvidenceV3::from),
            },
            LineDetail::Seats { quantity, sub_lines } => {
                LineDetailV3::Seats { quantity: *quantity, sub_lines: parts(sub_lines) }
            }
            LineDetail::Adjustment { of, line, quantity_before, quantity_after } => LineDetailV3::Adjustment {
                of: *of,
                line: line.clone(),
                quantity_before: *quantity_before,
                quantity_after: *quantity_after,
            },
            LineDetail::OneOff { quantity, unit_price } => {
                LineDetailV3::OneOff { quantity: *quantity, unit_price: *unit_price }
            }
            LineDetail::TrueUp { of, floor, active_days, full_days } => LineDetailV3::TrueUp {
                of: of.clone(),
                floor: FloorV2::from(*floor),
                active_days: *active_days,
                full_days: *full_days,
            },
        };
        Self {
            key: line.key.clone(),
            source: line.source.as_ref().map(SourceV3::from),
            description: line.description.clone(),
            exact: line.exact,
            amount_minor: line.amount.amount_minor,
            days: line.days,
            detail,
        }
    }
}

impl LineV3 {
    pub(super) fn line(self, currency: Currency) -> Result<Line, Fault> {
        Ok(Line {
            key: self.key,
            source: self.source.map(SourceV3::source).transpose()?,
            description: self.description,
            exact: self.exact,
            amount: Money { amount_minor: self.amount_minor, currency },
            days: self.days,
            detail: self.detail.detail()?,
        })
    }
}

impl LineDetailV3 {
    fn detail(self) -> Result<LineDetail, Fault> {
        let parts = |sub_lines: Vec<SubLineV2>| sub_lines.into_iter().map(SubLine::from).collect();
        Ok(match self {
            Self::Fee { active_days, full_days } => LineDetail::Fee { active_days, full_days },
            Self::Usage { meter, quantity, sub_lines, steps, evidence } => LineDetail::Usage {
                meter,
                quantity,
                sub_lines: parts(sub_lines),
                steps: steps.into_iter().map(StepV2::step).collect::<Result<_, Fault>>()?,
                evidence: evidence.map(EvidenceV3::evidence).transpose()?,
            },
            Self::Seats { quantity, sub_lines } => LineDetail::Seats { quantity, sub_lines: parts(sub_lines) },
            Self::Adjustment { of, line, quantity_before, quantity_after } => {
                LineDetail::Adjustment { of, line, quantity_before, quantity_after }
            }
            Self::OneOff { quantity, unit_price } => LineDetail::OneOff { quantity, unit_price },
            Self::TrueUp { of, floor, active_days, full_days } => {
                LineDetail::TrueUp { of, floor: floor.floor()?, active_days, full_days }
            }
        })
    }
}

impl From<&Source> for SourceV3 {
    fn from(source: &Source) -> Self {
        let PlanRef { plan_id, version } = source.plan;
        Self { plan_id, plan_version: version, price: source.price.as_ref().map(ToString::to_string) }
    }
}

impl SourceV3 {
    fn source(self) -> Result<Source, Fault> {
        let malformed = |_| Fault::permanent("decode item", "the line's price is malformed");
        Ok(Source {
            plan: PlanRef { plan_id: self.plan_id, version: self.plan_version },
            price: self.price.map(|price| Slug::parse(&price).map_err(malformed)).transpose()?,
        })
    }
}

impl From<&Evidence> for EvidenceV3 {
    fn from(evidence: &Evidence) -> Self {
        Self { digest: Hex(&evidence.digest).to_string(), events: evidence.events }
    }
}

impl EvidenceV3 {
    fn evidence(self) -> Result<Evidence, Fault> {
        let digest = Hex::parse_32(&self.digest);
        let digest = digest.ok_or_else(|| Fault::permanent("decode item", "the line's digest is malformed"))?;
        Ok(Evidence { digest, events: self.events })
    }
}
