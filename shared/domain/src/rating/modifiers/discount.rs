//! Usage discount: a part of the amount is taken off.

use crate::{
    catalog::Percent,
    rating::{AmountOutOfRange, Modifier, Step, arithmetic},
};
use rust_decimal::Decimal;

pub(super) fn apply(amount: Decimal, percent: Percent, steps: &mut Vec<Step>) -> Result<Decimal, AmountOutOfRange> {
    let after = arithmetic::minus(amount, percent.of(amount)?)?;
    steps.push(Step::new(Modifier::UsageDiscount(percent.value()), amount, after));
    Ok(after)
}
