//! Included units cost nothing; they come off before the model, so that the first tier begins after them.

use crate::{
    catalog::Units,
    rating::{AmountOutOfRange, Modifier, Step, arithmetic},
};
use rust_decimal::Decimal;

pub(super) fn apply(quantity: Decimal, included: Units, steps: &mut Vec<Step>) -> Result<Decimal, AmountOutOfRange> {
    if included == Units::ZERO {
        return Ok(quantity);
    }
    let after = arithmetic::minus(quantity, included.value())?.max(Decimal::ZERO);
    steps.push(Step::new(Modifier::Included(included.value()), quantity, after));
    Ok(after)
}
