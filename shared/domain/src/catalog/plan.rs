//! A plan and its versions: a version never changes once it is published, a change is a new version.

use super::{Offer, OfferKey, Price, PriceShape};
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
/// Most tiers of one plan version, over all its prices: the version and its invoices are stored as one item each.
pub const PLAN_TIERS_MAX: usize = 1_000;
/// Most bytes of the prices of one plan version, as JSON: the version and its invoices are stored as one item each, and
/// the values in the cells of a matrix may be long.
pub const PLAN_PRICES_BYTES_MAX: usize = 128 * 1024;
/// The key of the base fee's invoice line, which no price may have.
pub const BASE_FEE_KEY: &str = "base";

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
    /// The offer `key`, if the version has it.
    #[must_use]
    pub fn offer(&self, key: OfferKey) -> Option<Offer> {
        Some(self.first_offer()).filter(|offer| offer.key() == key)
    }

    /// The offer that is meant where none is named.
    #[must_use]
    pub fn first_offer(&self) -> Offer {
        Offer { interval: self.interval, base_fee: self.base_fee, prices: self.prices.clone() }
    }

    /// Checks what the prices, each right by itself, are together; names the first broken field.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if self.base_fee.amount_minor < 0 {
            return Err(Violation::new("/baseFee", "base_fee_negative", "charge zero or more"));
        }
        if self.prices.len() > PLAN_PRICES_MAX {
            let message = format!("use at most {PLAN_PRICES_MAX} prices");
            return Err(Violation::new("/prices", "too_many_prices", message));
        }
        if self.prices.iter().map(Price::entries).sum::<usize>() > PLAN_TIERS_MAX {
            let message = format!("use at most {PLAN_TIERS_MAX} tiers over all prices");
            return Err(Violation::new("/prices", "too_many_tiers", message));
        }
        if self.prices.iter().map(bytes_of).sum::<usize>() > PLAN_PRICES_BYTES_MAX {
            let message = format!("use at most {PLAN_PRICES_BYTES_MAX} bytes of JSON for all prices");
            return Err(Violation::new("/prices", "prices_too_large", message));
        }
        for (index, price) in self.prices.iter().enumerate() {
            let here = format!("/prices/{index}");
            if price.key().as_str() == BASE_FEE_KEY {
                return Err(Violation::new(format!("{here}/key"), "reserved_key", "the base fee's line has this key"));
            }
            if self.prices[..index].iter().any(|earlier| earlier.key() == price.key()) {
                return Err(Violation::new(format!("{here}/key"), "duplicate_key", "use each price key once"));
            }
        }
        Ok(())
    }
}

fn bytes_of(price: &Price) -> usize {
    // A shape of texts, numbers and lists of them always has a JSON form.
    serde_json::to_string(&PriceShape::from(price)).expect("a price has a JSON form").len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Cell, Charge, Matrix, Modifiers, PriceModel, Tier, Tiers, UsageCharge},
        money::Rate,
    };
    use rstest::rstest;
    use rust_decimal::Decimal;

    fn price(key: &str, tiers: u32) -> Price {
        let tier = |bound: u32| Tier {
            up_to: (bound < tiers).then(|| Decimal::from(bound)),
            unit_price: Rate::ZERO,
            flat_fee: Rate::ZERO,
        };
        let model = PriceModel::Graduated { tiers: Tiers::new((1..=tiers).map(tier).collect()).unwrap() };
        let usage = UsageCharge::new(Slug::parse("traffic").unwrap(), model, Modifiers::NONE).unwrap();
        Price::new(Slug::parse(key).unwrap(), "Traffic".to_owned(), Charge::Usage(usage)).unwrap()
    }

    /// A price of a matrix with `cells` cells, each with a value of 128 bytes.
    fn matrix(key: &str, cells: usize) -> Price {
        let region = Slug::parse("region").unwrap();
        let cell = |index: usize| Cell {
            values: [("region".to_owned(), format!("{index:0128}"))].into(),
            unit_price: Rate::ZERO,
        };
        let matrix = Matrix::new(vec![region], (0..cells).map(cell).collect(), Rate::ZERO).unwrap();
        let model = PriceModel::Matrix(matrix);
        let usage = UsageCharge::new(Slug::parse("traffic").unwrap(), model, Modifiers::NONE).unwrap();
        Price::new(Slug::parse(key).unwrap(), "Traffic".to_owned(), Charge::Usage(usage)).unwrap()
    }

    fn many(count: usize, tiers: u32) -> Vec<Price> {
        (0..count).map(|index| price(&format!("k{index}"), tiers)).collect()
    }

    #[rstest]
    #[case::none(Vec::new(), None)]
    #[case::most_prices(many(100, 1), None)]
    #[case::too_many_prices(many(101, 1), Some(("/prices", "too_many_prices")))]
    #[case::most_tiers(many(20, 50), None)]
    #[case::too_many_tiers(many(21, 50), Some(("/prices", "too_many_tiers")))]
    #[case::large(vec![matrix("a", 200), matrix("b", 200), matrix("c", 200)], None)]
    #[case::too_large(
        vec![matrix("a", 200), matrix("b", 200), matrix("c", 200), matrix("d", 200)],
        Some(("/prices", "prices_too_large"))
    )]
    #[case::twice(vec![price("a", 1), price("a", 1)], Some(("/prices/1/key", "duplicate_key")))]
    #[case::base(vec![price("a", 1), price("base", 1)], Some(("/prices/1/key", "reserved_key")))]
    fn a_version_is_refused_by_the_field(#[case] prices: Vec<Price>, #[case] expect: Option<(&str, &str)>) {
        let version = PlanVersion {
            reference: PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN },
            name: "Pro".to_owned(),
            interval: Interval::MONTH,
            base_fee: Money::zero("USD".parse().unwrap()),
            prices,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let refusal = version.check().err();
        assert_eq!(refusal.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }
}
