//! Parts of periods: proration, and what earlier invoices of a period billed.

use super::super::{
    DayShare, base_fee,
    proration::{refundable, share, true_up},
};
use super::*;
use crate::calendar::{Anchor, BillingCalendar, Interval, IntervalUnit};
use jiff::tz::TimeZone;
use rstest::rstest;

#[rstest]
#[case::pr_l1_monthly(IntervalUnit::Month, "2022-03-15", 100, 55)]
#[case::pr_l3_weekly(IntervalUnit::Week, "2022-03-16", 100, 71)]
#[case::pr_l7_yearly(IntervalUnit::Year, "2022-03-15", 100, 80)]
#[case::pr_l11_two_days(IntervalUnit::Month, "2022-03-30", 100, 6)]
#[case::e_l1_from_the_eighth(IntervalUnit::Month, "2023-01-08", 5000, 3871)]
#[case::a_whole_month(IntervalUnit::Month, "2022-03-01", 100, 100)]
fn a_base_fee_prorates_by_whole_days(
    #[case] unit: IntervalUnit,
    #[case] starts_on: &str,
    #[case] fee_minor: i64,
    #[case] expect_minor: i64,
) {
    let calendar = BillingCalendar {
        interval: Interval::new(unit, 1).unwrap(),
        anchor: Anchor::Calendar,
        starts_on: starts_on.parse().unwrap(),
        time_zone: TimeZone::UTC,
    };
    let period = calendar.period(0).unwrap();
    let days = DayShare::new(period.active_days, period.full_days).unwrap();
    let exact = base_fee(cents(fee_minor), days).unwrap();
    assert_eq!(Money::rounded(exact, usd()).unwrap(), cents(expect_minor));
}

/// Lines of whole fees, each with its share rounded by itself.
fn prorated(lines_minor: &[i64], active: u32, full: u32) -> Vec<i64> {
    let days = DayShare::new(active, full).unwrap();
    let line = |minor: &i64| Money::rounded(share(cents(*minor).major(), days).unwrap(), usd()).unwrap().amount_minor;
    lines_minor.iter().map(line).collect()
}

#[rstest]
#[case::pr_l13(&[91_000], 32, 91, &[32_000])]
#[case::pr_f2(&[-10_000, 3_000], 17, 31, &[-5_484, 1_645])]
#[case::pr_f4(&[2_500], 17, 31, &[1_371])]
#[case::pr_m1(&[-10_000, 20_000], 15, 30, &[-5_000, 10_000])]
#[case::pr_m3(&[-10_000, 20_000], 0, 30, &[0, 0])]
#[case::pr_m5(&[-10_000, 20_000, 5_000, -3_000], 15, 30, &[-5_000, 10_000, 2_500, -1_500])]
// A one-time fee is a whole one, whenever it is charged.
#[case::pr_m7(&[50_000, 50_000], 30, 30, &[50_000, 50_000])]
#[case::pr_m9(&[-2_900, -5_000, 9_900, 12_500], 16, 31, &[-1_497, -2_581, 5_110, 6_452])]
// 14 of the 89 days from 10 February to 10 May.
#[case::pr_k2(&[8_900], 14, 89, &[1_400])]
#[case::e_l5(&[16_000], 29, 30, &[15_467])]
fn lines_of_a_change_are_rounded_one_by_one(
    #[case] lines: &[i64],
    #[case] active: u32,
    #[case] full: u32,
    #[case] expect: &[i64],
) {
    assert_eq!(prorated(lines, active, full), expect);
}

#[test]
fn days_are_a_share_of_a_period() {
    let days = DayShare::new(14, 31).unwrap();
    assert_eq!((days.active(), days.full()), (14, 31));
    assert_eq!(days.rest(), DayShare::new(17, 31).unwrap());
    assert_eq!(DayShare::new(32, 31), None);
    assert_eq!(DayShare::new(0, 0), None);
    assert_eq!(share(dec("10"), DayShare::WHOLE), Ok(dec("10")));
}

#[rstest]
#[case::m_l3(1_000_000, (5, 7), 71_429, 642_857)]
#[case::m_l5(1_000_000, (25, 28), 89_286, 803_571)]
#[case::reached(1_000, (1, 1), 1_000, 0)]
#[case::exceeded(1_000, (1, 1), 1_001, 0)]
fn a_plan_is_trued_up_to_its_prorated_minimum(
    #[case] minimum: i64,
    #[case] days: (u32, u32),
    #[case] charged: i64,
    #[case] expect: i64,
) {
    let days = DayShare::new(days.0, days.1).unwrap();
    assert_eq!(true_up(cents(minimum), days, cents(charged)), Ok(cents(expect)));
}

#[rstest]
#[case::pr_f6(100, 200, 50, 100)]
#[case::pr_f8(100, 200, 180, 20)]
#[case::all_given_back(100, 200, 200, 0)]
#[case::more_given_back_than_paid(100, 200, 250, 0)]
fn a_credit_note_gives_back_no_more_than_was_paid(
    #[case] credit: i64,
    #[case] paid: i64,
    #[case] issued: i64,
    #[case] expect: i64,
) {
    assert_eq!(refundable(cents(credit), cents(paid), cents(issued)), Ok(cents(expect)));
}

#[test]
fn two_currencies_do_not_meet() {
    let yen = Money::zero("JPY".parse().unwrap());
    assert!(refundable(yen, cents(1), cents(1)).is_err());
    assert!(refundable(cents(1), cents(1), yen).is_err());
    assert!(true_up(cents(1), DayShare::WHOLE, yen).is_err());
    let billed = Billed { quantity: dec("0"), amount: yen, true_up: cents(0) };
    let period = PeriodState { billed: Some(billed), ..PeriodState::whole(usd()) };
    assert_eq!(rate(&usage_price(&per_unit("1")), &quantity("1"), &period), Err(RatingError::MixedCurrencies));
    let lowest = Money { amount_minor: i64::MIN, currency: usd() };
    assert!(refundable(cents(1), cents(1), lowest).is_err());
    let period = PeriodState { billed: Some(Billed { amount: lowest, ..billed }), ..period };
    let too_much = Err(RatingError::OutOfRange(super::super::AmountOutOfRange));
    assert_eq!(rate(&usage_price(&per_unit("1")), &quantity("1"), &period), too_much);
}

#[rstest]
// 22 units are 182, cut to 170, of which 160 were billed.
#[case::g_o3(&modified(&tiered("graduated", "5:0+100 10:0+50 15:5 *:1"), r#""spendMaximum":"170""#), "22", ("12", 16_000), 1_000, 0)]
// Nothing more was used, and 900 are missing to the minimum.
#[case::g_o11(&modified(&tiered("graduated", "5:0+100 10:0+50 15:10 *:5"), r#""spendMinimum":"1000""#), "3", ("3", 10_000), 0, 90_000)]
#[case::u_o2(&modified(&per_unit("10"), r#""spendMaximum":"100""#), "12", ("7", 7_000), 3_000, 0)]
#[case::p_o2(&package("10", "15", "0"), "22", ("17", 3_000), 1_500, 0)]
#[case::taken_back(&per_unit("10"), "5", ("7", 7_000), -2_000, 0)]
#[case::nothing_new(&per_unit("10"), "7", ("7", 7_000), 0, 0)]
fn what_was_billed_comes_off(
    #[case] price: &str,
    #[case] total: &str,
    #[case] billed: (&str, i64),
    #[case] due_minor: i64,
    #[case] true_up_minor: i64,
) {
    let rated = rate(&usage_price(price), &quantity(total), &after(billed.0, billed.1)).unwrap();
    assert_eq!((rated.due, rated.billed_quantity), (cents(due_minor), dec(billed.0)));
    assert_eq!(rated.true_up.map_or(cents(0), |true_up| true_up.due), cents(true_up_minor));
    assert_eq!(rated.total_due(), Ok(cents(due_minor + true_up_minor)));
}

#[test]
fn late_usage_eats_up_the_true_up() {
    let price = usage_price(&modified(&per_unit("10"), r#""spendMinimum":"100""#));
    let late = |used: &str| {
        let billed = Billed { quantity: dec("4"), amount: cents(4_000), true_up: cents(6_000) };
        let period = PeriodState { billed: Some(billed), ..PeriodState::whole(usd()) };
        let rated = rate(&price, &quantity(used), &period).unwrap();
        (rated.due, rated.true_up.map(|true_up| (true_up.amount, true_up.due)), rated.total_due().unwrap())
    };
    assert_eq!(late("4"), (cents(0), Some((cents(6_000), cents(0))), cents(0)));
    assert_eq!(late("7"), (cents(3_000), Some((cents(3_000), cents(-3_000))), cents(0)));
    assert_eq!(late("12"), (cents(8_000), Some((cents(0), cents(-6_000))), cents(2_000)));
}

#[test]
fn e_l13_a_threshold_is_billed_once() {
    let usage = usage_price(&per_unit("1"));
    let open = PeriodState { closing: false, ..PeriodState::whole(usd()) };
    assert_eq!(rate(&usage, &quantity("200"), &open).unwrap().due, cents(20_000));
    let base =
        rate(&fee(r#""model":{"type":"flat","amount":"31"}"#), &Usage::Nothing, &PeriodState::whole(usd())).unwrap();
    let end = rate(&usage, &quantity("400"), &after("200", 20_000)).unwrap();
    // Fees of 431.00, of which 200.00 were billed.
    assert_eq!(base.amount.checked_add(end.amount), Ok(cents(43_100)));
    assert_eq!(base.due.checked_add(end.due), Ok(cents(23_100)));
}

#[test]
fn e_l15_an_upgrade_bills_its_days_and_what_is_left() {
    let days = DayShare::new(17, 31).unwrap();
    let period = PeriodState { days, ..PeriodState::whole(usd()) };
    let base = rate(&fee(r#""model":{"type":"flat","amount":"31"}"#), &Usage::Nothing, &period).unwrap();
    let usage =
        rate(&usage_price(&per_unit("1")), &quantity("200"), &PeriodState { days, ..after("200", 20_000) }).unwrap();
    assert_eq!(base.amount.checked_add(usage.amount), Ok(cents(21_700)));
    assert_eq!(base.due.checked_add(usage.due), Ok(cents(1_700)));
}

#[rstest]
#[case::r_f1("USD", &["10.333333", "10.333333", "10.333333"], 3_099)]
#[case::r_f3("JPY", &["100.4", "200.5", "300.6"], 602)]
#[case::r_f5("USD", &["0.011"; 100], 100)]
#[case::dinars("KWD", &["1.0005"], 1_001)]
fn each_line_is_rounded_and_then_added(
    #[case] currency: Currency,
    #[case] unit_prices: &[&str],
    #[case] expect_minor: i64,
) {
    let line = |unit_price: &&str| {
        rate(&usage_price(&per_unit(unit_price)), &quantity("1"), &PeriodState::whole(currency)).unwrap().amount
    };
    let total = Money::sum(currency, unit_prices.iter().map(line)).unwrap();
    assert_eq!(total, Money { amount_minor: expect_minor, currency });
}
