//! Flat: the fee of the period, or the share of the days that are billed.

use super::{
    AmountOutOfRange, Basis, SubLine,
    proration::{self, DayShare},
};
use crate::catalog::MajorAmount;
use rust_decimal::Decimal;

pub(super) fn charge(amount: MajorAmount, days: DayShare) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let basis = Basis::Fee { active_days: days.active(), full_days: days.full() };
    let exact = proration::share(amount.value(), days)?;
    Ok(vec![SubLine::share(basis, Decimal::ONE, amount.value(), exact)])
}
