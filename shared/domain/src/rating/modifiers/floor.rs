//! What is charged at least: a minimum, or a commitment beyond which money costs a multiple.
//!
//! A floor is a promise for a whole period, so it is prorated by days as a base fee is. What is missing is only known
//! when the period closes; before that, a progressive invoice charges what was used.

use crate::{
    catalog::SpendFloor,
    rating::{AmountOutOfRange, Modifier, PeriodState, Step, arithmetic, proration as days},
};
use rust_decimal::Decimal;

/// The amount of the line, and what is missing to the floor.
pub(super) fn apply(
    amount: Decimal,
    floor: SpendFloor,
    period: &PeriodState,
    steps: &mut Vec<Step>,
) -> Result<(Decimal, Decimal), AmountOutOfRange> {
    let least = days::share(floor.amount().value(), period.days)?;
    let beyond = arithmetic::minus(amount, least)?;
    let after = match floor {
        SpendFloor::Commitment { overage_factor, .. } if beyond > Decimal::ZERO => {
            arithmetic::plus(least, arithmetic::times(beyond, overage_factor.value())?)?
        }
        SpendFloor::Minimum(_) | SpendFloor::Commitment { .. } => amount,
    };
    steps.push(Step::new(Modifier::SpendFloor(floor), amount, after));
    let missing = if period.closing { (-beyond).max(Decimal::ZERO) } else { Decimal::ZERO };
    Ok((after, missing))
}
