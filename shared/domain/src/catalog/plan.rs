//! A plan and its versions: a version never changes once it is published, a change is a new version.

use super::Price;
use crate::{
    Violation,
    calendar::Interval,
    id::PlanId,
    money::Money,
    text::{self, Slug},
};
use jiff::Timestamp;
use std::num::NonZeroU32;

/// Most prices of one plan version: its invoice is stored as one item.
pub const PLAN_PRICES_MAX: usize = 100;

/// What is offered under one name, now and in the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who it is.
    pub id: PlanId,
    /// How subscriptions name it.
    pub slug: Slug,
    /// What customers call it.
    pub name: String,
    /// The version that new subscriptions get.
    pub latest_version: NonZeroU32,
    /// When it was first published.
    pub created_at: Timestamp,
}

/// One immutable version of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanRef {
    /// The plan.
    pub plan_id: PlanId,
    /// Which version of it, counted from 1.
    pub version: NonZeroU32,
}

/// What one version of a plan charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanVersion {
    /// Which plan and version.
    pub reference: PlanRef,
    /// The plan's name at the time, printed on invoices.
    pub name: String,
    /// How long a billing period is.
    pub interval: Interval,
    /// Charged once a period, in arrears; its currency is that of the whole plan.
    pub base_fee: Money,
    /// What usage costs.
    pub prices: Vec<Price>,
    /// When it was published.
    pub created_at: Timestamp,
}

impl PlanVersion {
    /// Checks every price and that their keys differ; names the first broken field.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if self.base_fee.amount_minor < 0 {
            return Err(Violation::new("/baseFee", "base_fee_negative", "charge zero or more"));
        }
        if self.prices.len() > PLAN_PRICES_MAX {
            let message = format!("use at most {PLAN_PRICES_MAX} prices");
            return Err(Violation::new("/prices", "too_many_prices", message));
        }
        for (index, price) in self.prices.iter().enumerate() {
            let here = format!("/prices/{index}");
            price.check().map_err(|violation| violation.under(&here))?;
            if self.prices[..index].iter().any(|earlier| earlier.key == price.key) {
                return Err(Violation::new(format!("{here}/key"), "duplicate_key", "use each price key once"));
            }
        }
        Ok(())
    }
}
