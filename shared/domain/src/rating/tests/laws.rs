//! What is true of every price, however odd.

use super::super::{
    coupon::{self, Coupon, CouponValue, DiscountableLine, Duration, Restriction},
    credit::{Grant, burn_down},
    rate_windows,
    tax::{self, TaxBehaviour, TaxableLine},
};
use super::*;
use crate::catalog::Percent;
use proptest::prelude::*;

/// Models under which more usage never costs less; volume is none of them, by design.
const MONOTONE: [&str; 6] = [
    r#""model":{"type":"perUnit","unitPrice":"0.0375"}"#,
    r#""model":{"type":"package","size":"2.5","packagePrice":"3","freeUnits":"7"}"#,
    r#""model":{"type":"graduated","tiers":[{"upTo":"10.5","unitPrice":"3","flatFee":"1"},{"upTo":"100","unitPrice":"2"},
        {"upTo":"5000","unitPrice":"1","flatFee":"7"},{"unitPrice":"0.001"}]}"#,
    r#""included":"12.5","model":{"type":"perUnit","unitPrice":"2"}"#,
    r#""model":{"type":"perUnit","unitPrice":"2"},"modifiers":{"unitConversion":{"divisor":"7","rounding":"nearest"}}"#,
    r#""model":{"type":"perUnit","unitPrice":"2"},"modifiers":{"usageDiscount":"12.5","spendMaximum":"9000",
        "commitment":{"amount":"100","overageFactor":"0.75"}}"#,
];

/// Prices with every modifier, over models of every kind of curve.
fn any_price() -> impl Strategy<Value = Price> {
    let tiers = "10.5:3+1 100:2 5000:1+7 *:0.001";
    let models =
        vec![per_unit("0.0375"), package("2.5", "3.333", "7"), tiered("graduated", tiers), tiered("volume", tiers)];
    let conversion = prop::option::of((1_u32..50, prop::sample::select(vec!["up", "down", "nearest"])));
    let floor = prop::option::of((1_u32..3_000, prop::option::of(1_u32..40)));
    let discount = prop::option::of(0_u32..=1_000);
    let parts = (prop::sample::select(models), conversion, 0_u32..30, discount, prop::bool::ANY, floor);
    parts.prop_map(|(model, conversion, included, discount, capped, floor)| {
        let mut modifiers = Vec::new();
        if let Some((divisor, rounding)) = conversion {
            modifiers.push(format!(r#""unitConversion":{{"divisor":"{divisor}","rounding":"{rounding}"}}"#));
        }
        if let Some(tenths) = discount {
            modifiers.push(format!(r#""usageDiscount":"{}""#, Decimal::new(i64::from(tenths), 1)));
        }
        if capped {
            modifiers.push(r#""spendMaximum":"3000.5""#.to_owned());
        }
        match floor {
            Some((amount, None)) => modifiers.push(format!(r#""spendMinimum":"{amount}""#)),
            Some((amount, Some(factor))) => {
                let factor = Decimal::new(i64::from(factor), 1);
                modifiers.push(format!(r#""commitment":{{"amount":"{amount}","overageFactor":"{factor}"}}"#));
            }
            None => {}
        }
        // Free units of a package and included ones would be two of a kind.
        let included = if model.contains("package") { String::new() } else { format!(r#""included":"{included}","#) };
        usage_price(&format!("{included}{}", modified(&model, &modifiers.join(","))))
    })
}

proptest! {
    #[test]
    fn more_usage_never_costs_less(
        model in prop::sample::select(MONOTONE.to_vec()), a in 0_i64..1_000_000, more in 0_i64..1_000_000, scale in 0_u32..4,
    ) {
        let amount = |mantissa| whole(model, &Usage::Quantity(Decimal::new(mantissa, scale))).unwrap().exact;
        let together = amount(a + more);
        prop_assert!(amount(a).max(amount(more)) <= together);
    }

    #[test]
    fn another_event_never_costs_less(values in prop::collection::vec(0_i64..100_000, 1..40), more in 0_i64..100_000) {
        let price = r#""model":{"type":"percentage","percent":"2.99","fixedFee":"0.3","freeEvents":5,"freeValue":"900",
            "minimumPerEvent":"1.75","maximumPerEvent":"12"}"#;
        let mut events = EventValues::default();
        for value in &values {
            events.push(Decimal::new(*value, 2)).unwrap();
        }
        let before = whole(price, &Usage::Events(events.clone())).unwrap();
        events.push(Decimal::new(more, 2)).unwrap();
        let after = whole(price, &Usage::Events(events)).unwrap();
        prop_assert!(before.exact <= after.exact);
        // Each event costs at most its maximum.
        prop_assert!(after.exact <= Decimal::from(values.len() + 1) * Decimal::from(12));
    }

    #[test]
    fn graduated_is_the_sum_over_its_tiers(units in 0_u32..6_000) {
        let bounds = [(10, 3), (100, 2), (5_000, 1)];
        let each = |unit: u32| bounds.iter().find(|(bound, _)| unit <= *bound).map_or(Decimal::new(1, 3), |(_, price)| Decimal::from(*price));
        let entered: i64 = [(0, 1), (10, 0), (100, 7)].iter().filter(|(from, _)| *from == 0 || units > *from).map(|(_, fee)| fee).sum();
        let expect: Decimal = (1..=units).map(each).sum::<Decimal>() + Decimal::from(entered);
        let rated = whole(&tiered("graduated", "10:3+1 100:2 5000:1+7 *:0.001"), &Usage::Quantity(Decimal::from(units))).unwrap();
        prop_assert_eq!(rated.exact, expect);
        prop_assert_eq!(rated.sub_lines.iter().map(|part| part.quantity).sum::<Decimal>(), Decimal::from(units));
    }

    #[test]
    fn volume_changes_its_price_just_beyond_a_bound(bound in 1_i64..1_000_000, step in 1_i64..1_000) {
        let price = tiered("volume", &format!("{bound}:3+1 *:2+5"));
        let step = Decimal::new(step, 9);
        let at = whole(&price, &Usage::Quantity(Decimal::from(bound))).unwrap().exact;
        let beyond = whole(&price, &Usage::Quantity(Decimal::from(bound) + step)).unwrap().exact;
        prop_assert_eq!(at, Decimal::from(bound * 3 + 1));
        prop_assert_eq!(beyond, Decimal::from(bound * 2 + 5) + step * Decimal::TWO);
    }

    #[test]
    fn invoices_of_a_period_add_up_to_one(
        price in any_price(), totals in prop::collection::vec(-500_i64..500_000, 1..8), closes_at in 0_usize..8,
    ) {
        let mut billed = Billed { quantity: Decimal::ZERO, amount: cents(0), true_up: cents(0) };
        for (index, total) in totals.iter().enumerate() {
            let total = Decimal::new(*total, 2);
            let closing = index >= closes_at || index + 1 == totals.len();
            let period = PeriodState { closing, billed: Some(billed), ..PeriodState::whole(usd()) };
            let rated = rate(&price, &Usage::Quantity(total), &period).unwrap();
            let due = rated.true_up.map_or(cents(0), |true_up| true_up.due);
            billed = Billed {
                quantity: total,
                amount: billed.amount.checked_add(rated.due).unwrap(),
                true_up: billed.true_up.checked_add(due).unwrap(),
            };
        }
        let last = Decimal::new(*totals.last().unwrap(), 2);
        let at_once = rate(&price, &Usage::Quantity(last), &PeriodState::whole(usd())).unwrap();
        prop_assert_eq!(billed.amount, at_once.amount);
        prop_assert_eq!(billed.true_up, at_once.true_up.map_or(cents(0), |true_up| true_up.amount));
    }

    #[test]
    fn a_line_stays_between_its_limits(price in any_price(), total in 0_i64..5_000_000) {
        let rated = rate(&price, &Usage::Quantity(Decimal::new(total, 2)), &PeriodState::whole(usd())).unwrap();
        let crate::catalog::Charge::Usage(charge) = price.charge() else { panic!("not usage") };
        let charged = rated.total_due().unwrap().major();
        prop_assert!(!rated.exact.is_sign_negative());
        if let Some(floor) = charge.modifiers().floor {
            prop_assert!(charged >= floor.amount().value());
        } else if let Some(maximum) = charge.modifiers().maximum {
            prop_assert!(rated.exact <= maximum.value());
        }
        // The stages hand on from one to the next, and what comes out at last is the amount.
        let last = rated.steps.iter().rev().find(|step| matches!(step.modifier,
            super::super::Modifier::UsageDiscount(_) | super::super::Modifier::SpendMaximum(_) | super::super::Modifier::SpendFloor(_)));
        let model: Decimal = rated.sub_lines.iter().map(|part| part.amount).sum();
        prop_assert_eq!(last.map_or(model, |step| step.after), rated.exact);
    }

    #[test]
    fn windows_are_the_sum_of_their_lines(price in any_price(), used in prop::collection::vec(0_i64..50_000, 1..20)) {
        let used: Vec<Usage> = used.iter().map(|n| Usage::Quantity(Decimal::new(*n, 2))).collect();
        let all = rate_windows(&price, &used, &PeriodState::whole(usd())).unwrap();
        let alone: Vec<Rated> = used.iter().map(|usage| rate(&price, usage, &PeriodState::whole(usd())).unwrap()).collect();
        prop_assert_eq!(all.exact, alone.iter().map(|rated| rated.exact).sum::<Decimal>());
        let parts = |rated: &Rated| rated.sub_lines.iter().map(|part| part.amount).sum::<Decimal>();
        prop_assert_eq!(parts(&all), alone.iter().map(parts).sum::<Decimal>());
    }

    #[test]
    fn coupons_never_go_below_zero(
        amounts in prop::collection::vec(-2_000_i64..100_000, 0..12),
        values in prop::collection::vec(prop_oneof![(0_i64..=1_000).prop_map(Ok), (0_i64..150_000).prop_map(Err)], 0..6),
    ) {
        let coupon = |value: &Result<i64, i64>| Coupon {
            restriction: Restriction::None,
            value: match value {
                Ok(tenths) => CouponValue::Percentage(Percent::new(Decimal::new(*tenths, 1)).unwrap()),
                Err(minor) => CouponValue::Fixed { amount: cents(*minor), consumed: cents(0) },
            },
            duration: Duration::Once,
            used_cycles: 0,
        };
        let line = |amount_minor: &i64| DiscountableLine { price: None, plan: None, amount_minor: *amount_minor };
        let coupons: Vec<Coupon> = values.iter().map(coupon).collect();
        let lines: Vec<DiscountableLine> = amounts.iter().map(line).collect();
        let discounts = coupon::apply(&coupons, &lines, usd()).unwrap();
        for (amount, discount) in amounts.iter().zip(&discounts.by_line) {
            prop_assert!(*discount >= 0 && *discount <= (*amount).max(0));
        }
        let by_coupon: i64 = discounts.by_coupon.iter().flatten().sum();
        prop_assert_eq!(by_coupon, discounts.by_line.iter().sum::<i64>());
        for (coupon, parts) in coupons.iter().zip(&discounts.by_coupon) {
            if let CouponValue::Fixed { amount, .. } = coupon.value {
                prop_assert!(parts.iter().sum::<i64>() <= amount.amount_minor);
            }
        }
    }

    #[test]
    fn lines_add_up_to_the_printed_tax(
        lines in prop::collection::vec((-100_000_i64..1_000_000, 0_usize..4, any::<bool>()), 0..40),
    ) {
        let rates = [None, Percent::parse("7.25").ok(), Percent::parse("19").ok(), Percent::parse("100").ok()];
        let behaviour = |inclusive| if inclusive { TaxBehaviour::Inclusive } else { TaxBehaviour::Exclusive };
        let lines: Vec<TaxableLine> = lines.iter().map(|&(amount_minor, rate, inclusive)| TaxableLine {
            amount_minor, rate: rates[rate], behaviour: behaviour(inclusive),
        }).collect();
        let taxes = tax::apply(&lines).unwrap();
        prop_assert_eq!(taxes.rates.iter().map(|row| row.tax_minor).sum::<i64>(), taxes.tax_minor);
        prop_assert_eq!(taxes.lines.iter().map(|line| line.gross_minor).sum::<i64>(), taxes.gross_minor);
        for (line, taxed) in lines.iter().zip(&taxes.lines) {
            prop_assert_eq!(taxed.net_minor + taxed.tax_minor, taxed.gross_minor);
            let kept = if line.behaviour == TaxBehaviour::Inclusive { taxed.gross_minor } else { taxed.net_minor };
            prop_assert_eq!(kept, line.amount_minor);
        }
        // Each rate's tax is that of its net, within half a unit for each of its two kinds of lines.
        for row in &taxes.rates {
            let exact = Decimal::from(row.net_minor) * row.rate.fraction();
            prop_assert!((exact - Decimal::from(row.tax_minor)).abs() <= Decimal::TWO);
        }
    }

    #[test]
    fn grants_and_the_rest_add_up_to_the_total(
        total in 0_i64..100_000, balances in prop::collection::vec((0_i64..30_000, 0_u32..3), 0..10), turn in 0_usize..10,
    ) {
        let grant = |(id, (balance, priority)): (usize, &(i64, u32))| Grant {
            id, priority: *priority, effective_at: jiff::Timestamp::UNIX_EPOCH, expires_at: None, balance: cents(*balance),
        };
        let mut grants: Vec<Grant<usize>> = balances.iter().enumerate().map(grant).collect();
        let paid = burn_down(cents(total), &grants, jiff::Timestamp::UNIX_EPOCH);
        let used: i64 = paid.used.iter().map(|(_, money)| money.amount_minor).sum();
        prop_assert_eq!(used + paid.left.amount_minor, total);
        prop_assert!(paid.left.amount_minor >= 0);
        let middle = turn.min(grants.len());
        grants.rotate_left(middle);
        prop_assert_eq!(burn_down(cents(total), &grants, jiff::Timestamp::UNIX_EPOCH), paid);
    }
}
