//! Rating: a price and a quantity become an exact amount, and a line rounds it once (RATING.md).
//!
//! One price model a file. Invariants: pure and deterministic; no rate is rounded before it is multiplied; the tiers
//! of a line add up to its exact amount.

mod graduated;
mod line;
mod per_unit;

pub use line::{Rated, base_fee, rate};

use rust_decimal::Decimal;

/// What one tier contributed to an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierCharge {
    /// The tier begins after this quantity.
    pub from: Decimal,
    /// Last quantity inside, `None` for the open end.
    pub up_to: Option<Decimal>,
    /// Units that fell into it.
    pub quantity: Decimal,
    /// Price of each, major units.
    pub unit_price: Decimal,
    /// Charged for entering it, major units.
    pub flat_fee: Decimal,
    /// `quantity × unit_price + flat_fee`, exact.
    pub amount: Decimal,
}

/// An amount that does not fit into a decimal; no real price gets near this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the amount of the line is out of range")]
pub struct AmountOutOfRange;

impl From<crate::money::MoneyError> for AmountOutOfRange {
    fn from(_: crate::money::MoneyError) -> Self {
        Self
    }
}
