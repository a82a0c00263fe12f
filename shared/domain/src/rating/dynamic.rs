//! Dynamic: the price arrives with the event; the amounts are summed exactly and perhaps multiplied.

use super::{AmountOutOfRange, Basis, SubLine};
use crate::catalog::Factor;
use rust_decimal::Decimal;

pub(super) fn charge(amount: Decimal, multiplier: Option<Factor>) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let multiplier = multiplier.map_or(Decimal::ONE, Factor::value);
    Ok(vec![SubLine::priced(Basis::Amounts, amount, multiplier, Decimal::ZERO)?])
}
