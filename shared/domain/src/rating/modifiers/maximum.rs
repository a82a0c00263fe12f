//! Spend maximum: nothing above it is charged. It is not prorated: a cap on usage is no fee of a period.

use crate::{
    catalog::MajorAmount,
    rating::{Modifier, Step},
};
use rust_decimal::Decimal;

pub(super) fn apply(amount: Decimal, maximum: MajorAmount, steps: &mut Vec<Step>) -> Decimal {
    let after = amount.min(maximum.value());
    steps.push(Step::new(Modifier::SpendMaximum(maximum.value()), amount, after));
    after
}
