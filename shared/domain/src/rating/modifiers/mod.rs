//! The pipeline around a model, in RATING.md's order: unit conversion, included units, the model, usage discount, spend
//! maximum, spend minimum or commitment.
//!
//! Invariants: the order is written once, here; each stage says what went in and what came out; a stage that the price
//! does not have says nothing; what is missing to a floor is kept apart from the amount, for a line of its own.

pub(super) mod conversion;
mod discount;
mod floor;
mod included;
mod maximum;

use super::{
    PeriodState, RatingError, Step, SubLine, arithmetic, dynamic, graduated, graduated_percentage, matrix, package,
    parts, per_unit, percentage, usage::Usage, volume,
};
use crate::catalog::{PriceModel, UsageCharge};
use rust_decimal::Decimal;

/// What the pipeline makes of usage, before any rounding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    /// What was used, in the units of the meter.
    pub(super) quantity: Decimal,
    /// What was charged for, in the units of the price.
    pub(super) billable: Decimal,
    pub(super) sub_lines: Vec<SubLine>,
    pub(super) steps: Vec<Step>,
    /// The amount of the line.
    pub(super) amount: Decimal,
    /// What is missing to the floor.
    pub(super) shortfall: Decimal,
}

/// Runs `usage` through the pipeline of `charge`.
pub(super) fn run(charge: &UsageCharge, usage: &Usage, period: &PeriodState) -> Result<Exact, RatingError> {
    let modifiers = charge.modifiers();
    let mut steps = Vec::new();
    let (quantity, billable, sub_lines) = charged(charge, usage, &mut steps)?;
    let mut amount = parts::total(&sub_lines)?;
    if let Some(percent) = modifiers.discount {
        amount = discount::apply(amount, percent, &mut steps)?;
    }
    if let Some(maximum) = modifiers.maximum {
        amount = maximum::apply(amount, maximum, &mut steps);
    }
    let mut shortfall = Decimal::ZERO;
    if let Some(floor) = modifiers.floor {
        (amount, shortfall) = floor::apply(amount, floor, period, &mut steps)?;
    }
    Ok(Exact {
        quantity: quantity.normalize(),
        billable: billable.normalize(),
        sub_lines,
        steps,
        amount: amount.normalize(),
        shortfall: shortfall.normalize(),
    })
}

type Charged = (Decimal, Decimal, Vec<SubLine>);

/// The quantity, what of it is charged for, and the sub-lines of the model.
fn charged(charge: &UsageCharge, usage: &Usage, steps: &mut Vec<Step>) -> Result<Charged, RatingError> {
    let model = charge.model();
    let mut units = || -> Result<(Decimal, Decimal), RatingError> {
        let quantity = usage.quantity(model.name())?;
        let modifiers = charge.modifiers();
        let converted = modifiers.conversion.map_or(Ok(quantity), |rule| conversion::apply(quantity, rule, steps))?;
        Ok((quantity, included::apply(converted, modifiers.included, steps)?))
    };
    match model {
        PriceModel::PerUnit { unit_price } => {
            let (quantity, billable) = units()?;
            Ok((quantity, billable, per_unit::charge(billable, *unit_price)?))
        }
        PriceModel::Graduated { tiers } => {
            let (quantity, billable) = units()?;
            Ok((quantity, billable, graduated::charge(billable, tiers)?))
        }
        PriceModel::Volume { tiers } => {
            let (quantity, billable) = units()?;
            Ok((quantity, billable, volume::charge(billable, tiers)?))
        }
        PriceModel::Package(package) => {
            let (quantity, billable) = units()?;
            Ok((quantity, billable, package::charge(billable, package)?))
        }
        PriceModel::Percentage(percentage) => {
            let parts = percentage::charge(usage, percentage)?;
            let value = usage.value(model.name())?;
            Ok((value, value, parts))
        }
        PriceModel::GraduatedPercentage { tiers } => {
            let value = usage.value(model.name())?;
            Ok((value, value, graduated_percentage::charge(value, tiers)?))
        }
        PriceModel::Matrix(matrix) => {
            let groups = usage.groups(model.name())?;
            let parts = matrix::charge(groups, matrix, charge.modifiers().conversion.as_ref(), steps)?;
            let quantity = arithmetic::sum(groups.iter().map(|group| group.quantity))?.max(Decimal::ZERO);
            let billable = arithmetic::sum(parts.iter().map(|part| part.quantity))?;
            Ok((quantity, billable, parts))
        }
        PriceModel::Dynamic { multiplier } => {
            let amount = usage.amount(model.name())?;
            Ok((amount, amount, dynamic::charge(amount, *multiplier)?))
        }
    }
}
