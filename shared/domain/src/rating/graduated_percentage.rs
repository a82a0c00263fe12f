//! Graduated percentage: graduated, with the percentage of the tier applied to the value that lies in it.
//!
//! The tiers hold the part of each unit of value (0.01 for 1 %), so that value is a quantity like any other.

use super::{AmountOutOfRange, SubLine, graduated};
use crate::catalog::Tiers;
use rust_decimal::Decimal;

pub(super) fn charge(value: Decimal, tiers: &Tiers) -> Result<Vec<SubLine>, AmountOutOfRange> {
    graduated::charge(value, tiers)
}
