//! A version of a plan: what it charges, in one offer or several. It never changes once it is published.
//!
//! What becomes of a version, and which one new subscriptions get, is in `plan_life`.

use super::{Offer, OfferKey, Price, PriceShape};
use crate::{Violation, id::PlanId, text};
use jiff::Timestamp;
use std::num::NonZeroU32;

/// Most offers of one plan version.
pub const PLAN_OFFERS_MAX: usize = 50;
/// Most prices of one plan version, over all its offers: it is stored as one item, and so is an invoice of it.
pub const PLAN_PRICES_MAX: usize = 100;
/// Most tiers of one plan version, over all its prices: the version and its invoices are stored as one item each.
pub const PLAN_TIERS_MAX: usize = 1_000;
/// Most bytes of the prices of one plan version, as JSON: the version and its invoices are stored as one item each, and
/// the values in the cells of a matrix may be long.
pub const PLAN_PRICES_BYTES_MAX: usize = 128 * 1024;
/// The key of the base fee's invoice line, which no price may have.
pub const BASE_FEE_KEY: &str = "base";

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
    /// The offer that is meant where none is named.
    pub first: Offer,
    /// Its other offers.
    pub more: Vec<Offer>,
    /// When it was published; of a draft, when it was written.
    pub created_at: Timestamp,
}

impl PlanVersion {
    /// All offers, the first one first.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// The offer `key`, if the version has it.
    #[must_use]
    pub fn offer(&self, key: OfferKey) -> Option<&Offer> {
        self.offers().find(|offer| offer.key() == key)
    }

    /// The offer that is meant where none is named.
    #[must_use]
    pub fn first_offer(&self) -> &Offer {
        &self.first
    }

    /// Checks what offers and prices, each right by itself, are together; names the first broken field.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if 1 + self.more.len() > PLAN_OFFERS_MAX {
            let message = format!("use at most {PLAN_OFFERS_MAX} offers");
            return Err(Violation::new("/offers", "too_many_offers", message));
        }
        self.check_sizes()?;
        for (index, offer) in self.offers().enumerate() {
            let here = format!("/offers/{index}");
            if self.offers().take(index).any(|earlier| earlier.key() == offer.key()) {
                let message = "another offer has this currency and interval; use each pair once";
                return Err(Violation::new(here, "duplicate_offer", message));
            }
            offer.check().map_err(|violation| violation.under(&here))?;
        }
        Ok(())
    }

    /// Checks that the version fits an item; names the offer whose prices are too many, together with those before.
    fn check_sizes(&self) -> Result<(), Violation> {
        let (mut count, mut tiers, mut bytes) = (0_usize, 0_usize, 0_usize);
        for (index, offer) in self.offers().enumerate() {
            let refused = |code, message| Err(Violation::new(format!("/offers/{index}/prices"), code, message));
            count = count.saturating_add(offer.prices.len());
            if count > PLAN_PRICES_MAX {
                return refused("too_many_prices", format!("use at most {PLAN_PRICES_MAX} prices"));
            }
            tiers = tiers.saturating_add(offer.prices.iter().map(Price::entries).sum());
            if tiers > PLAN_TIERS_MAX {
                return refused("too_many_tiers", format!("use at most {PLAN_TIERS_MAX} tiers over all prices"));
            }
            bytes = bytes.saturating_add(offer.prices.iter().map(bytes_of).sum());
            if bytes > PLAN_PRICES_BYTES_MAX {
                let message = format!("use at most {PLAN_PRICES_BYTES_MAX} bytes of JSON for all prices");
                return refused("prices_too_large", message);
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
        calendar::{Interval, IntervalUnit},
        catalog::{Cell, Charge, Matrix, Modifiers, PriceModel, Tier, Tiers, UsageCharge},
        money::{Money, Rate},
        text::Slug,
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

    fn offer(currency: &str, prices: Vec<Price>) -> Offer {
        Offer { interval: Interval::MONTH, base_fee: Money::zero(currency.parse().unwrap()), prices }
    }

    fn yearly() -> Offer {
        Offer { interval: Interval::new(IntervalUnit::Year, 1).unwrap(), ..offer("USD", many(1, 1)) }
    }

    fn check(mut offers: Vec<Offer>, expect: Option<(&str, &str)>) {
        let version = PlanVersion {
            reference: PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN },
            name: "Pro".to_owned(),
            first: offers.remove(0),
            more: offers,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let refusal = version.check().err();
        assert_eq!(refusal.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }

    #[rstest]
    #[case::none(Vec::new(), None)]
    #[case::most_prices(many(100, 1), None)]
    #[case::too_many_prices(many(101, 1), Some(("/offers/0/prices", "too_many_prices")))]
    #[case::most_tiers(many(20, 50), None)]
    #[case::too_many_tiers(many(21, 50), Some(("/offers/0/prices", "too_many_tiers")))]
    #[case::large(vec![matrix("a", 200), matrix("b", 200), matrix("c", 200)], None)]
    #[case::too_large(
        vec![matrix("a", 200), matrix("b", 200), matrix("c", 200), matrix("d", 200)],
        Some(("/offers/0/prices", "prices_too_large"))
    )]
    #[case::twice(vec![price("a", 1), price("a", 1)], Some(("/offers/0/prices/1/key", "duplicate_key")))]
    #[case::base(vec![price("a", 1), price("base", 1)], Some(("/offers/0/prices/1/key", "reserved_key")))]
    fn a_version_is_refused_by_the_field(#[case] prices: Vec<Price>, #[case] expect: Option<(&str, &str)>) {
        check(vec![offer("USD", prices)], expect);
    }

    #[rstest]
    #[case::currencies(vec![offer("USD", many(1, 1)), offer("EUR", many(1, 1))], None)]
    #[case::intervals(vec![offer("USD", many(1, 1)), yearly()], None)]
    #[case::twice(vec![offer("USD", many(1, 1)), offer("EUR", many(1, 1)), offer("USD", many(2, 1))],
        Some(("/offers/2", "duplicate_offer")))]
    #[case::most_prices_together(vec![offer("USD", many(60, 1)), offer("EUR", many(40, 1))], None)]
    #[case::too_many_prices_together(vec![offer("USD", many(60, 1)), offer("EUR", many(41, 1))],
        Some(("/offers/1/prices", "too_many_prices")))]
    #[case::too_many_tiers_together(vec![offer("USD", many(20, 50)), offer("EUR", many(1, 1))],
        Some(("/offers/1/prices", "too_many_tiers")))]
    #[case::too_large_together(
        vec![offer("USD", vec![matrix("a", 200), matrix("b", 200)]), offer("EUR", vec![matrix("a", 200), matrix("b", 200)])],
        Some(("/offers/1/prices", "prices_too_large"))
    )]
    #[case::one_of_them_broken(vec![offer("USD", many(1, 1)), offer("EUR", vec![price("base", 1)])],
        Some(("/offers/1/prices/0/key", "reserved_key")))]
    fn offers_are_refused_by_the_field(#[case] offers: Vec<Offer>, #[case] expect: Option<(&str, &str)>) {
        check(offers, expect);
    }

    #[test]
    fn a_version_has_fifty_offers_and_no_more() {
        let of_days =
            |count| Offer { interval: Interval::new(IntervalUnit::Day, count).unwrap(), ..offer("USD", vec![]) };
        let of_weeks =
            |count| Offer { interval: Interval::new(IntervalUnit::Week, count).unwrap(), ..offer("USD", vec![]) };
        let mut offers: Vec<Offer> = (1..=24).map(of_days).chain((1..=24).map(of_weeks)).collect();
        offers.extend([offer("EUR", vec![]), offer("GBP", vec![])]);
        check(offers.clone(), None);
        offers.push(offer("JPY", vec![]));
        check(offers, Some(("/offers", "too_many_offers")));
    }
}
