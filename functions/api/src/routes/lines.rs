//! What explains the amount of a line, as it is answered: sub-lines, steps, floors. For invoices and estimates alike.

use crate::body::exact_text;
use domain::{
    Decimal,
    catalog::{Rounding, SpendFloor, UnitConversion},
    rating::{self, Basis, Modifier},
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A part of a line: what cost how much.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubLine {
    /// What the quantity is of: `units`, `tier`, `packages`, `cell`, `value`, `events`, `eventsAtMinimum`,
    /// `eventsAtMaximum`, `amounts`, `fee` or `seats`.
    #[schema(example = "tier")]
    kind: &'static str,
    /// The tier begins after this quantity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1000")]
    from: Option<String>,
    /// Last quantity inside the tier; left out for the open end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10000")]
    up_to: Option<String>,
    /// Units of a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100")]
    size: Option<String>,
    /// The values that the cell names, by dimension; none for the default price.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<String, String>>,
    /// How much of the period a fee or seats are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Days>,
    /// How many.
    #[schema(example = "203")]
    quantity: String,
    /// Of each, in major units; of value, the part of each unit of it.
    #[schema(example = "0.0004")]
    unit_price: String,
    /// Charged once, in major units.
    #[schema(example = "0")]
    flat_fee: String,
    /// What it comes to in major units, exact: `quantity × unitPrice + flatFee`, of fees and seats the share of their days.
    #[schema(example = "0.0812")]
    amount: String,
}

/// What one modifier of the price did; they are in the order in which they apply.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// `unitConversion` and `included` change the quantity; `usageDiscount`, `spendMaximum`, `spendMinimum` and
    /// `commitment` the amount.
    #[schema(example = "included")]
    modifier: &'static str,
    /// What it says: the divisor, the units, the percent or the amount.
    #[schema(example = "1000")]
    value: String,
    /// How a conversion rounds: `up`, `down` or `nearest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounding: Option<&'static str>,
    /// What money beyond a commitment is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage_factor: Option<String>,
    /// What went in.
    #[schema(example = "1203")]
    before: String,
    /// What came out.
    #[schema(example = "203")]
    after: String,
}

/// What is charged at least for a whole period.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Floor {
    /// `spendMinimum` or `commitment`.
    #[schema(example = "spendMinimum")]
    kind: &'static str,
    /// In major units.
    #[schema(example = "100")]
    amount: String,
    /// What money beyond a commitment is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage_factor: Option<String>,
}

/// Share of a period.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Days {
    /// Days that were billed.
    pub(super) active: u32,
    /// Days of the whole interval.
    pub(super) full: u32,
}

impl From<&rating::SubLine> for SubLine {
    fn from(part: &rating::SubLine) -> Self {
        let of = |kind| Self { kind, ..Self::default() };
        let days = |active, full| Some(Days { active, full });
        let bare = match &part.basis {
            Basis::Units => of("units"),
            Basis::Tier { from, up_to } => {
                Self { from: Some(exact_text(*from)), up_to: up_to.map(exact_text), ..of("tier") }
            }
            Basis::Packages { size } => Self { size: Some(exact_text(*size)), ..of("packages") },
            Basis::Cell { values } => Self { values: Some(values.clone()), ..of("cell") },
            Basis::Value => of("value"),
            Basis::Events => of("events"),
            Basis::EventsAtMinimum => of("eventsAtMinimum"),
            Basis::EventsAtMaximum => of("eventsAtMaximum"),
            Basis::Amounts => of("amounts"),
            Basis::Fee { active_days, full_days } => Self { days: days(*active_days, *full_days), ..of("fee") },
            Basis::Seats { active_days, full_days } => Self { days: days(*active_days, *full_days), ..of("seats") },
        };
        Self {
            quantity: exact_text(part.quantity),
            unit_price: exact_text(part.unit_price),
            flat_fee: exact_text(part.flat_fee),
            amount: exact_text(part.amount),
            ..bare
        }
    }
}

impl From<&rating::Step> for Step {
    fn from(step: &rating::Step) -> Self {
        let (modifier, value, rounding, overage_factor) = match step.modifier {
            Modifier::UnitConversion(UnitConversion { divisor, rounding }) => {
                let rounding = match rounding {
                    Rounding::Up => "up",
                    Rounding::Down => "down",
                    Rounding::Nearest => "nearest",
                };
                ("unitConversion", exact_text(divisor.value()), Some(rounding), None)
            }
            Modifier::Included(units) => ("included", exact_text(units), None, None),
            Modifier::UsageDiscount(percent) => ("usageDiscount", exact_text(percent), None, None),
            Modifier::SpendMaximum(amount) => ("spendMaximum", exact_text(amount), None, None),
            Modifier::SpendFloor(floor) => {
                let Floor { kind, amount, overage_factor } = Floor::from(floor);
                (kind, amount, None, overage_factor)
            }
        };
        let (before, after) = (exact_text(step.before), exact_text(step.after));
        Self { modifier, value, rounding, overage_factor, before, after }
    }
}

impl From<SpendFloor> for Floor {
    fn from(floor: SpendFloor) -> Self {
        let amount = exact_text(floor.amount().value());
        match floor {
            SpendFloor::Minimum(_) => Self { kind: "spendMinimum", amount, overage_factor: None },
            SpendFloor::Commitment { overage_factor, .. } => {
                Self { kind: "commitment", amount, overage_factor: Some(exact_text(overage_factor.value())) }
            }
        }
    }
}

/// Units that cost nothing.
pub(super) fn included(steps: &[rating::Step]) -> Decimal {
    let units = steps.iter().find_map(|step| match step.modifier {
        Modifier::Included(units) => Some(units),
        Modifier::UnitConversion(_)
        | Modifier::UsageDiscount(_)
        | Modifier::SpendMaximum(_)
        | Modifier::SpendFloor(_) => None,
    });
    units.unwrap_or(Decimal::ZERO)
}
