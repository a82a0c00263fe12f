//! What a plan version costs in one currency and billing interval. A version has one offer or several.

use super::{BASE_FEE_KEY, Price};
use crate::{
    Violation,
    calendar::Interval,
    money::{Currency, Money},
};

/// Tells the offers of a version apart: no two of them have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OfferKey {
    /// How long a billing period is.
    pub interval: Interval,
    /// What is paid in.
    pub currency: Currency,
}

/// The prices of a plan version in one currency, for one billing interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// How long a billing period is.
    pub interval: Interval,
    /// Charged once a period, in arrears; its currency is that of all prices.
    pub base_fee: Money,
    /// What usage, seats and further fees cost.
    pub prices: Vec<Price>,
}

impl Offer {
    /// Which offer of its version it is.
    #[must_use]
    pub fn key(&self) -> OfferKey {
        OfferKey { interval: self.interval, currency: self.base_fee.currency }
    }
    /// Checks what the prices are together, but for how many; names the first broken field.
    pub(super) fn check(&self) -> Result<(), Violation> {
        if self.base_fee.amount_minor < 0 {
            return Err(Violation::new("/baseFee", "base_fee_negative", "charge zero or more"));
        }
        for (index, price) in self.prices.iter().enumerate() {
            let here = format!("/prices/{index}/key");
            if price.key().as_str() == BASE_FEE_KEY {
                return Err(Violation::new(here, "reserved_key", "the base fee's line has this key"));
            }
            if self.prices[..index].iter().any(|earlier| earlier.key() == price.key()) {
                return Err(Violation::new(here, "duplicate_key", "use each price key once"));
            }
        }
        Ok(())
    }
}
