//! A line of an invoice, and what explains its amount.

use crate::{
    calendar::BillingPeriod,
    catalog::{BASE_FEE_KEY, Price},
    money::{Currency, Money},
    rating::{self, AmountOutOfRange, TierCharge},
};
use rust_decimal::Decimal;

/// One charge.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique within the invoice: the price's key, or `base`.
    pub key: String,
    /// What it is for, as printed.
    pub description: String,
    /// The amount in major units before its one rounding.
    pub exact: Decimal,
    /// The amount charged.
    pub amount: Money,
    /// How it came about.
    pub detail: LineDetail,
}

/// How the amount of a line came about.
#[derive(Clone, Debug, PartialEq)]
pub enum LineDetail {
    /// The plan's base fee.
    BaseFee {
        /// Days that were billed.
        active_days: u32,
        /// Days of the whole interval.
        full_days: u32,
    },
    /// Usage of one meter.
    Usage {
        /// The meter's slug.
        meter: String,
        /// What was used in the period.
        quantity: Decimal,
        /// Units that cost nothing.
        included: Decimal,
        /// What each tier contributed.
        tiers: Vec<TierCharge>,
    },
}

impl Line {
    /// The line of a base fee.
    pub fn base_fee(plan_name: &str, fee: Money, period: &BillingPeriod) -> Result<Self, AmountOutOfRange> {
        let exact = rating::base_fee(fee, period)?;
        Ok(Self {
            key: BASE_FEE_KEY.to_owned(),
            description: plan_name.to_owned(),
            exact,
            amount: Money::rounded(exact, fee.currency)?,
            detail: LineDetail::BaseFee { active_days: period.active_days, full_days: period.full_days },
        })
    }

    /// The line of a price for what was used.
    pub fn usage(price: &Price, quantity: Decimal, currency: Currency) -> Result<Self, AmountOutOfRange> {
        let rated = rating::rate(price, quantity)?;
        Ok(Self {
            key: price.key.to_string(),
            description: price.name.clone(),
            exact: rated.exact,
            amount: Money::rounded(rated.exact, currency)?,
            detail: LineDetail::Usage {
                meter: price.meter.to_string(),
                quantity,
                included: price.included,
                tiers: rated.tiers,
            },
        })
    }
}
