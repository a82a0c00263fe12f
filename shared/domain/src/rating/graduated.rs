//! Graduated: each unit at the price of its tier, plus the flat fee of every tier that was entered.
//!
//! Bounds are inclusive and exact, so that no gap can exist between two tiers. The first tier counts as entered at
//! quantity 0 (RATING.md); a later one is entered by the first fraction beyond the bound before it.

use super::{AmountOutOfRange, TierCharge};
use crate::catalog::Tier;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, tiers: &[Tier]) -> Result<Vec<TierCharge>, AmountOutOfRange> {
    let mut charges = Vec::new();
    let mut from = Decimal::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        if index > 0 && quantity <= from {
            break;
        }
        let inside = tier.up_to.map_or(quantity, |bound| bound.min(quantity)) - from;
        let priced = tier.unit_price.times(inside)?;
        let amount = priced.checked_add(tier.flat_fee.value()).ok_or(AmountOutOfRange)?;
        charges.push(TierCharge {
            from,
            up_to: tier.up_to,
            quantity: inside,
            unit_price: tier.unit_price.value(),
            flat_fee: tier.flat_fee.value(),
            amount,
        });
        from = tier.up_to.unwrap_or(quantity);
    }
    Ok(charges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rate;
    use proptest::prelude::*;
    use rstest::rstest;

    /// Reads `10:10+2 20:5+3 *:5+3` as tiers ≤10 at 10 a unit plus a flat 2, and so on.
    fn tiers(table: &str) -> Vec<Tier> {
        let rate = |text: &str| Rate::new(text.parse().unwrap()).unwrap();
        let tier = |text: &str| {
            let (bound, prices) = text.split_once(':').unwrap();
            let (unit, flat) = prices.split_once('+').unwrap_or((prices, "0"));
            Tier { up_to: bound.parse().ok(), unit_price: rate(unit), flat_fee: rate(flat) }
        };
        table.split(' ').map(tier).collect()
    }

    fn amount(quantity: Decimal, tiers: &[Tier]) -> Decimal {
        charge(quantity, tiers).unwrap().iter().map(|tier| tier.amount).sum()
    }

    #[rstest]
    #[case::g_l1("10:10+2 20:5+3 *:5+3", "0", "2")]
    #[case::g_l3("10:10+2 20:5+3 *:5+3", "10", "102")]
    #[case::g_l5("10:10+2 20:5+3 *:5+3", "12", "115")]
    #[case::g_l7("0.1:10 1:5 *:2", "0.05", "0.5")]
    #[case::g_o1("5:0+100 10:0+50 15:5 *:1", "22", "182")]
    #[case::g_o5("5:0+100 10:0+50 15:10 *:5", "3", "100")]
    #[case::g_o7("5:0+100 10:0+50 15:10 *:5", "5.001", "150")]
    #[case::g_o9("5:0+100 10:0+50 15:10 *:5", "12", "170")]
    #[case::g_f2("10:50 20:40 *:30", "15", "700")]
    #[case::g_f4("5:0 10:2 *:3", "3", "0")]
    #[case::g_f6("5:0 10:2 *:3", "7", "4")]
    #[case::g_f8("5:0 10:2 *:3", "11", "13")]
    #[case::g_f10("5:0+1 10:1+2 *:2", "3", "1")]
    #[case::g_f12("5:0+1 10:1+2 *:2", "12", "12")]
    #[case::g_f14("1:10 2:20 *:30", "1", "10")]
    #[case::g_f16("1:10 2:20 *:30", "3", "60")]
    #[case::g_m1("100:1 200:0.5 *:0.25", "150", "125")]
    #[case::g_k1("10:1.5 110:1 1110:0.5 *:0", "111", "115.5")]
    fn graduated_splits_at_its_bounds(#[case] table: &str, #[case] quantity: Decimal, #[case] expect: Decimal) {
        assert_eq!(amount(quantity, &tiers(table)), expect);
    }

    proptest! {
        #[test]
        fn more_usage_never_costs_less(a in 0_i64..1_000_000, more in 0_i64..1_000_000, scale in 0_u32..4) {
            let tiers = tiers("10.5:3+1 100:2 5000:1+7 *:0.001");
            let (less, greater) = (Decimal::new(a, scale), Decimal::new(a + more, scale));
            prop_assert!(amount(less, &tiers) <= amount(greater, &tiers));
        }

        #[test]
        fn the_tiers_hold_the_whole_quantity(a in 0_i64..1_000_000, scale in 0_u32..4) {
            let quantity = Decimal::new(a, scale);
            let charges = charge(quantity, &tiers("10.5:3+1 100:2 5000:1+7 *:0.001")).unwrap();
            prop_assert_eq!(charges.iter().map(|tier| tier.quantity).sum::<Decimal>(), quantity);
        }
    }
}
