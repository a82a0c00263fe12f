//! Graduated: each unit at the price of its tier, plus the flat fee of every tier that was entered.
//!
//! Bounds are inclusive and exact, so that no gap can exist between two tiers. The first tier counts as entered at
//! quantity 0 (RATING.md); a later one is entered by the first fraction beyond the bound before it.

use super::{AmountOutOfRange, Basis, SubLine, arithmetic};
use crate::catalog::Tiers;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, tiers: &Tiers) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let mut charges = Vec::new();
    let mut from = Decimal::ZERO;
    for (index, tier) in tiers.as_slice().iter().enumerate() {
        if index > 0 && quantity <= from {
            break;
        }
        let until = tier.up_to.map_or(quantity, |bound| bound.min(quantity));
        let inside = arithmetic::minus(until, from)?;
        let basis = Basis::Tier { from, up_to: tier.up_to };
        charges.push(SubLine::priced(basis, inside, tier.unit_price.value(), tier.flat_fee.value())?);
        from = tier.up_to.unwrap_or(quantity);
    }
    Ok(charges)
}
