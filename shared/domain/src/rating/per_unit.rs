//! Per unit: quantity × unit price.

use super::{AmountOutOfRange, Basis, SubLine};
use crate::money::Rate;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, unit_price: Rate) -> Result<Vec<SubLine>, AmountOutOfRange> {
    Ok(vec![SubLine::priced(Basis::Units, quantity, unit_price.value(), Decimal::ZERO)?])
}
