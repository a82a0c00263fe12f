//! A line of an invoice as it is answered.

use crate::{
    body::exact_text,
    routes::{
        lines::{self, Days, Floor, Step, SubLine},
        subscriptions::PlanPinned,
    },
};
use domain::{
    Date,
    id::InvoiceId,
    invoice::{self, LineDetail},
    rating,
    text::Hex,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One charge. Fields that its kind does not have are left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// `fee`, `usage`, `seats`, `oneOff`, `adjustment` for usage of a period that was billed before, or `trueUp` for what
    /// another line lacks to its minimum or commitment.
    #[schema(example = "usage")]
    kind: &'static str,
    /// The price's key, `base`, or the key of another line and `.true-up`; with `@` and a day where a price comes twice.
    #[schema(example = "traffic")]
    key: String,
    /// What it is for, as printed.
    description: String,
    /// The plan version whose price it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanPinned>,
    /// First day that it is for, where that is not the invoice's.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_day: Option<Date>,
    /// Last day that it is for, where that is not the invoice's.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_day: Option<Date>,
    /// Slug of the meter.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter: Option<String>,
    /// What was used in the period; of seats, the most at once.
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
    /// Of a one-off charge, the price of each, in major units.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<String>,
    /// What of the usage log stands behind the quantity.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    /// Of an adjustment, what it corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusts: Option<Adjusts>,
}

/// What of the usage log stands behind a quantity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Evidence {
    /// SHA-256 over the digests of the log's lanes, in hex.
    digest: String,
    /// Events that were counted into them.
    events: u64,
}

/// What an adjustment corrects.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Adjusts {
    /// The invoice that was issued before.
    #[schema(value_type = String)]
    invoice_id: InvoiceId,
    /// The key of its line.
    line: String,
    /// What was billed so far.
    quantity_before: String,
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

impl From<&invoice::Line> for Line {
    fn from(line: &invoice::Line) -> Self {
        let detail = match &line.detail {
            LineDetail::Fee { active_days, full_days } => {
                Self { kind: "fee", days: Some(Days { active: *active_days, full: *full_days }), ..Self::default() }
            }
            LineDetail::Usage { meter, quantity, sub_lines, steps, evidence } => Self {
                kind: "usage",
                meter: Some(meter.clone()),
                quantity: Some(exact_text(*quantity)),
                included: Some(exact_text(lines::included(steps))),
                tiers: sub_lines.iter().filter_map(LineTier::of).collect(),
                sub_lines: sub_lines.iter().map(SubLine::from).collect(),
                steps: steps.iter().map(Step::from).collect(),
                evidence: evidence.as_ref().map(Evidence::from),
                ..Self::default()
            },
            LineDetail::Seats { quantity, sub_lines } => Self {
                kind: "seats",
                quantity: Some(exact_text(*quantity)),
                sub_lines: sub_lines.iter().map(SubLine::from).collect(),
                ..Self::default()
            },
            LineDetail::Adjustment { of, line, quantity_before, quantity_after } => Self {
                kind: "adjustment",
                quantity: Some(exact_text(*quantity_after)),
                adjusts: Some(Adjusts {
                    invoice_id: *of,
                    line: line.clone(),
                    quantity_before: exact_text(*quantity_before),
                }),
                ..Self::default()
            },
            LineDetail::OneOff { quantity, unit_price } => Self {
                kind: "oneOff",
                quantity: Some(exact_text(*quantity)),
                unit_price: Some(exact_text(*unit_price)),
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
            plan: line.source.as_ref().map(|source| source.plan.into()),
            first_day: line.days.map(|(first, _)| first),
            last_day: line.days.map(|(_, last)| last),
            exact: exact_text(line.exact),
            amount_minor: line.amount.amount_minor,
            ..detail
        }
    }
}

impl LineTier {
    /// The sub-line as a tier, if it is one or stands for all units.
    fn of(part: &rating::SubLine) -> Option<Self> {
        let (from, up_to) = part.basis.bounds()?;
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

impl From<&invoice::Evidence> for Evidence {
    fn from(evidence: &invoice::Evidence) -> Self {
        Self { digest: Hex(&evidence.digest).to_string(), events: evidence.events }
    }
}
