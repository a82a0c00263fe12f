//! A price: a meter, the units that are included, and the model that turns the rest into money.

use crate::{
    Violation,
    money::Rate,
    text::{self, Slug},
};
use rust_decimal::Decimal;

/// Most tiers of one price.
pub const TIERS_MAX: usize = 50;

/// One tier of a graduated price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Last quantity inside, inclusive; `None` for the last tier, which has no end.
    pub up_to: Option<Decimal>,
    /// Price of each unit in the tier, major units.
    pub unit_price: Rate,
    /// Charged once when the tier is entered, major units; the first tier counts as entered at quantity 0.
    pub flat_fee: Rate,
}

/// How a quantity becomes money (RATING.md, *Price models*).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceModel {
    /// Quantity × unit price.
    PerUnit {
        /// Major units for one unit.
        unit_price: Rate,
    },
    /// Each unit at the price of its tier.
    Graduated {
        /// In ascending order, the last one unbounded.
        tiers: Vec<Tier>,
    },
}

impl PriceModel {
    /// Its tiers; none for a model without.
    #[must_use]
    pub fn tiers(&self) -> &[Tier] {
        match self {
            Self::PerUnit { .. } => &[],
            Self::Graduated { tiers } => tiers,
        }
    }
}

/// What a plan charges for one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Unique within the plan version.
    pub key: Slug,
    /// How the invoice line is called.
    pub name: String,
    /// The meter whose quantity is charged.
    pub meter: Slug,
    /// Units a period that cost nothing, taken off before the model.
    pub included: Decimal,
    /// What the rest costs.
    pub model: PriceModel,
}

impl Price {
    /// Checks the name, the included units and the tiers; names the first broken field.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if self.included.is_sign_negative() && !self.included.is_zero() {
            return Err(Violation::new("/included", "included_negative", "include zero or more units"));
        }
        match &self.model {
            PriceModel::PerUnit { .. } => Ok(()),
            PriceModel::Graduated { tiers } => check_tiers(tiers),
        }
    }
}

fn check_tiers(tiers: &[Tier]) -> Result<(), Violation> {
    if tiers.is_empty() || tiers.len() > TIERS_MAX {
        return Err(Violation::new("/tiers", "tier_count", format!("send 1 to {TIERS_MAX} tiers")));
    }
    let mut before = Decimal::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        let last = index + 1 == tiers.len();
        let pointer = || format!("/tiers/{index}/upTo");
        match tier.up_to {
            None if last => {}
            None => return Err(Violation::new(pointer(), "tier_unbounded", "only the last tier has no upper bound")),
            Some(_) if last => {
                return Err(Violation::new(pointer(), "tier_bounded", "the last tier must have no upper bound"));
            }
            Some(bound) if bound <= before => {
                return Err(Violation::new(pointer(), "tier_order", "sort the tiers by an ascending upper bound"));
            }
            Some(bound) => before = bound,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tiers(bounds: &[Option<i64>]) -> Vec<Tier> {
        bounds
            .iter()
            .map(|bound| Tier { up_to: bound.map(Decimal::from), unit_price: Rate::ZERO, flat_fee: Rate::ZERO })
            .collect()
    }

    #[rstest]
    #[case::one(&[None], None)]
    #[case::ascending(&[Some(10), Some(20), None], None)]
    #[case::none(&[], Some(("/tiers", "tier_count")))]
    #[case::unsorted(&[Some(20), Some(10), None], Some(("/tiers/1/upTo", "tier_order")))]
    #[case::overlapping(&[Some(10), Some(10), None], Some(("/tiers/1/upTo", "tier_order")))]
    #[case::at_zero(&[Some(0), None], Some(("/tiers/0/upTo", "tier_order")))]
    #[case::open_in_the_middle(&[Some(10), None, None], Some(("/tiers/1/upTo", "tier_unbounded")))]
    #[case::closed_at_the_end(&[Some(10), Some(20)], Some(("/tiers/1/upTo", "tier_bounded")))]
    fn tiers_ascend_to_an_open_end(#[case] bounds: &[Option<i64>], #[case] refusal: Option<(&str, &str)>) {
        let got = check_tiers(&tiers(bounds)).err().map(|violation| (violation.pointer, violation.code));
        assert_eq!(got, refusal.map(|(pointer, code)| (pointer.to_owned(), code)));
    }
}
