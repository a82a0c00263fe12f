//! Unit conversion: `round(raw ÷ k)`, up, down or to the nearest whole unit, a half up.

use crate::{
    catalog::{Rounding, UnitConversion},
    rating::{AmountOutOfRange, Modifier, Step, arithmetic::Parts},
};
use rust_decimal::Decimal;

pub(super) fn apply(
    quantity: Decimal,
    rule: UnitConversion,
    steps: &mut Vec<Step>,
) -> Result<Decimal, AmountOutOfRange> {
    let after = converted(quantity, &rule)?;
    steps.push(step(rule, quantity, after));
    Ok(after)
}

pub(in crate::rating) fn converted(quantity: Decimal, rule: &UnitConversion) -> Result<Decimal, AmountOutOfRange> {
    let parts = Parts::of(quantity, rule.divisor.value())?;
    parts.count(match rule.rounding {
        Rounding::Up => parts.started,
        Rounding::Down => false,
        Rounding::Nearest => parts.half,
    })
}

pub(in crate::rating) fn step(rule: UnitConversion, before: Decimal, after: Decimal) -> Step {
    Step::new(Modifier::UnitConversion(rule), before, after)
}
