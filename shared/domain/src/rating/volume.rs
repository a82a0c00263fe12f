//! Volume: all units at the price of the tier that holds the total, plus only that tier's flat fee.
//!
//! The total is compared exactly: 100.5 lies beyond a bound of 100. Quantity 0 lies in the first tier.

use super::{AmountOutOfRange, Basis, SubLine};
use crate::catalog::Tiers;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, tiers: &Tiers) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let tiers = tiers.as_slice();
    // The last tier has no bound, so that there is one that is not passed.
    let passed = tiers.iter().take_while(|tier| tier.up_to.is_some_and(|bound| quantity > bound)).count();
    let from = tiers[..passed].last().and_then(|tier| tier.up_to).unwrap_or(Decimal::ZERO);
    let tier = &tiers[passed];
    let basis = Basis::Tier { from, up_to: tier.up_to };
    Ok(vec![SubLine::priced(basis, quantity, tier.unit_price.value(), tier.flat_fee.value())?])
}
