//! The pipeline: each stage by its rows, and their order.

use super::super::{DayShare, Modifier, WINDOWS_MAX, rate_windows};
use super::*;
use rstest::rstest;

const BY_THOUSANDS: &str = r#""unitConversion":{"divisor":"1000","rounding":"up"}"#;

#[rstest]
#[case::u_o6(&modified(&per_unit("10"), BY_THOUSANDS), "1400", "20")]
// The source takes half a unit off after the conversion; those are included units: (2 − 0.5) × 10.
#[case::u_o8(&format!(r#"{},"included":"0.5""#, modified(&per_unit("10"), BY_THOUSANDS)), "1400", "15")]
// Blocks of a thousand; the first tier of the source, ten blocks of a hundred, is one block of a thousand at 10.
#[case::v_k3(&modified(&tiered("volume", "1:10 101:1 *:0.5"), BY_THOUSANDS), "101000", "101")]
#[case::v_k5(&modified(&tiered("volume", "1:10 101:1 *:0.5"), BY_THOUSANDS), "300000", "150")]
#[case::p_f8_as_a_conversion(&modified(&per_unit("1"), r#""unitConversion":{"divisor":"100","rounding":"down"}"#), "50", "0")]
#[case::down(&modified(&per_unit("1"), r#""unitConversion":{"divisor":"100","rounding":"down"}"#), "199.9", "1")]
#[case::nearest_below(&modified(&per_unit("1"), r#""unitConversion":{"divisor":"100","rounding":"nearest"}"#), "149.9", "1")]
#[case::nearest_half(&modified(&per_unit("1"), r#""unitConversion":{"divisor":"100","rounding":"nearest"}"#), "150", "2")]
#[case::up_exactly(&modified(&per_unit("1"), r#""unitConversion":{"divisor":"100","rounding":"up"}"#), "200", "2")]
#[case::within_the_included_units(&format!(r#"{},"included":"100""#, per_unit("2")), "80", "0")]
#[case::at_the_last_included_unit(&format!(r#"{},"included":"100""#, per_unit("2")), "100", "0")]
#[case::beyond_the_included_units(&format!(r#"{},"included":"100""#, per_unit("2")), "120.5", "41")]
#[case::discount(&modified(&per_unit("10"), r#""usageDiscount":"12.5""#), "3", "26.25")]
#[case::all_off(&modified(&per_unit("10"), r#""usageDiscount":"100""#), "3", "0")]
#[case::v_o8(&modified(&tiered("volume", "5:0+100 10:0+150 15:10 *:5"), r#""spendMaximum":"125""#), "7", "125")]
#[case::below_the_maximum(&modified(&per_unit("10"), r#""spendMaximum":"125""#), "12", "120")]
// 200 less 10 % is 180, which is more than the maximum: the discount comes first.
#[case::maximum_after_discount(&modified(&per_unit("10"), r#""usageDiscount":"10","spendMaximum":"170""#), "20", "170")]
// 100 and then 60 × 1.5.
#[case::overage(&modified(&per_unit("10"), r#""commitment":{"amount":"100","overageFactor":"1.5"}"#), "16", "190")]
#[case::at_the_commitment(&modified(&per_unit("10"), r#""commitment":{"amount":"100","overageFactor":"1.5"}"#), "10", "100")]
#[case::overage_at_its_price(&modified(&per_unit("10"), r#""commitment":{"amount":"100"}"#), "16", "160")]
// Cut to 120 first; then 100 and 20 × 2.
#[case::commitment_after_maximum(
    &modified(&per_unit("10"), r#""spendMaximum":"120","commitment":{"amount":"100","overageFactor":"2"}"#), "16", "140"
)]
fn a_modifier_changes_the_amount(#[case] price: &str, #[case] used: &str, #[case] expect: &str) {
    assert_eq!(exact(price, &quantity(used)), expect);
}

#[rstest]
#[case::m_l1(&modified(&per_unit("0.01"), r#""spendMinimum":"10""#), "700", 700, Some(300))]
#[case::p_o4(&modified(&package("10", "15", "0"), r#""spendMinimum":"100""#), "0", 0, Some(10_000))]
#[case::reached(&modified(&per_unit("0.01"), r#""spendMinimum":"10""#), "1000", 1_000, None)]
#[case::exceeded(&modified(&per_unit("0.01"), r#""spendMinimum":"10""#), "1001", 1_001, None)]
#[case::commitment_missed(&modified(&per_unit("10"), r#""commitment":{"amount":"100","overageFactor":"2"}"#), "4", 4_000, Some(6_000))]
// 7.005 rounds up to 7.01, so that 2.99 are missing to 10.00, and not 3.00.
#[case::line_and_true_up_add_up(&modified(&per_unit("7.005"), r#""spendMinimum":"10""#), "1", 701, Some(299))]
// A discount does not lower what is charged at least.
#[case::after_the_discount(&modified(&per_unit("10"), r#""usageDiscount":"50","spendMinimum":"10""#), "1", 500, Some(500))]
// The line is rounded up to the floor: there is nothing to add.
#[case::less_than_a_cent_missing(&modified(&per_unit("9.996"), r#""spendMinimum":"10""#), "1", 1_000, None)]
fn what_is_missing_to_the_floor_is_a_line_of_its_own(
    #[case] price: &str,
    #[case] used: &str,
    #[case] amount_minor: i64,
    #[case] true_up_minor: Option<i64>,
) {
    let rated = whole(price, &quantity(used)).unwrap();
    assert_eq!(rated.amount, cents(amount_minor));
    assert_eq!(rated.true_up.map(|true_up| true_up.amount), true_up_minor.map(cents));
    assert_eq!(rated.total_due().unwrap(), cents(amount_minor + true_up_minor.unwrap_or(0)));
}

#[test]
fn a_floor_prorates_by_days_and_a_maximum_does_not() {
    let price = usage_price(&modified(&per_unit("1"), r#""spendMinimum":"28","spendMaximum":"30""#));
    let period = PeriodState { days: DayShare::new(7, 28).unwrap(), ..PeriodState::whole(usd()) };
    let rated = rate(&price, &quantity("2"), &period).unwrap();
    assert_eq!(rated.true_up.map(|true_up| (true_up.amount, true_up.exact)), Some((cents(500), dec("5"))));
    assert_eq!(rate(&price, &quantity("40"), &period).unwrap().amount, cents(3_000));
}

#[test]
fn before_the_period_closes_nothing_is_missing() {
    let price = usage_price(&modified(&per_unit("10"), r#""commitment":{"amount":"100","overageFactor":"2"}"#));
    let period = PeriodState { closing: false, ..PeriodState::whole(usd()) };
    let early = rate(&price, &quantity("4"), &period).unwrap();
    assert_eq!((early.amount, early.true_up), (cents(4_000), None));
    assert_eq!(rate(&price, &quantity("11"), &period).unwrap().amount, cents(12_000));
}

#[test]
fn every_stage_says_what_it_did() {
    let modifiers = r#""unitConversion":{"divisor":"10","rounding":"up"},"usageDiscount":"10","spendMaximum":"30",
        "commitment":{"amount":"20","overageFactor":"1.5"}"#;
    let price = format!(r#"{},"included":"2""#, modified(&per_unit("10"), modifiers));
    let rated = whole(&price, &quantity("55")).unwrap();
    let shown: Vec<(&str, String)> = rated
        .steps
        .iter()
        .map(|step| {
            let name = match step.modifier {
                Modifier::UnitConversion(_) => "conversion",
                Modifier::Included(_) => "included",
                Modifier::UsageDiscount(_) => "discount",
                Modifier::SpendMaximum(_) => "maximum",
                Modifier::SpendFloor(_) => "floor",
            };
            (name, format!("{} → {}", step.before, step.after))
        })
        .collect();
    let expect = [
        ("conversion", "55 → 6"),
        ("included", "6 → 4"),
        ("discount", "40 → 36"),
        ("maximum", "36 → 30"),
        ("floor", "30 → 35"),
    ];
    assert_eq!(shown, expect.map(|(name, text)| (name, text.to_owned())));
    assert_eq!((rated.quantity, rated.billable, rated.exact), (dec("55"), dec("4"), dec("35")));
    assert!(whole(&per_unit("10"), &quantity("55")).unwrap().steps.is_empty());
}

fn windows(price: &str, used: &[&str]) -> Rated {
    let used: Vec<Usage> = used.iter().map(|text| quantity(text)).collect();
    rate_windows(&usage_price(price), &used, &PeriodState::whole(usd())).unwrap()
}

#[rstest]
// 9 × 0.10, and 10 × 0.10 + 5 × 0.05.
#[case::u_f3(&tiered("graduated", "10:0.10 20:0.05 *:0.02"), &["9", "15"], 215, 0)]
#[case::u_f5(&package("100", "5", "0"), &["50", "150", "200", "99"], 3_000, 0)]
// 4 of the first window and 6 missing; 10 and 6 × 2 of the second.
#[case::m_f1(&modified(&per_unit("2"), r#""commitment":{"amount":"10","overageFactor":"2"}"#), &["2", "8"], 2_600, 600)]
#[case::no_window(&per_unit("2"), &[], 0, 0)]
#[case::one_window(&per_unit("2"), &["3"], 600, 0)]
// Three times 0.004 is rounded once: 0.012.
#[case::rounded_once(&per_unit("0.004"), &["1", "1", "1"], 1, 0)]
fn each_window_starts_afresh(
    #[case] price: &str,
    #[case] used: &[&str],
    #[case] amount_minor: i64,
    #[case] true_up_minor: i64,
) {
    let rated = windows(price, used);
    assert_eq!(rated.amount, cents(amount_minor));
    assert_eq!(rated.true_up.map_or(cents(0), |true_up| true_up.amount), cents(true_up_minor));
}

#[test]
fn windows_add_up_their_sub_lines_and_steps() {
    let price = modified(&tiered("graduated", "10:0.10+1 20:0.05 *:0.02"), r#""usageDiscount":"50""#);
    let rated = windows(&price, &["9", "15"]);
    let shown: Vec<String> =
        rated.sub_lines.iter().map(|part| format!("{} + {} = {}", part.quantity, part.flat_fee, part.amount)).collect();
    assert_eq!(shown, ["19 + 2 = 3.9", "5 + 0 = 0.25"]);
    assert_eq!((rated.quantity, rated.billable), (dec("24"), dec("24")));
    assert_eq!((rated.steps.len(), rated.steps[0].before, rated.steps[0].after), (1, dec("4.15"), dec("2.075")));
    // Cells of one price are told apart by what they name.
    let matrix = r#""model":{"type":"matrix","dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"2"},
        {"values":{"a":"2"},"unitPrice":"2"}],"defaultUnitPrice":"0"}"#;
    let used = [groups(&["a=1:1", "a=2:1"]), groups(&["a=2:3"])];
    let rated = rate_windows(&usage_price(matrix), &used, &PeriodState::whole(usd())).unwrap();
    assert_eq!(rated.sub_lines.iter().map(|part| part.quantity).collect::<Vec<_>>(), [dec("1"), dec("4")]);
}

#[test]
fn windows_are_bounded() {
    let rated =
        |count| rate_windows(&usage_price(&per_unit("1")), &vec![quantity("1"); count], &PeriodState::whole(usd()));
    assert_eq!(rated(WINDOWS_MAX).unwrap().exact, dec("1000"));
    assert_eq!(rated(WINDOWS_MAX + 1), Err(RatingError::TooManyWindows));
}

#[rstest]
#[case::package(usage_price(&package("1", "1", "0")), "0")]
#[case::percentage(usage_price(r#""model":{"type":"percentage","percent":"1","minimumPerEvent":"5"}"#), "0")]
#[case::tiers_of_value(usage_price(&tiered("graduatedPercentage", "*:1+7")), "7")]
#[case::matrix(usage_price(r#""model":{"type":"matrix","dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"2"}],"defaultUnitPrice":"1"}"#), "0")]
#[case::dynamic(usage_price(r#""model":{"type":"dynamic"}"#), "0")]
#[case::seats(fee(r#""model":{"type":"seats","unitPrice":"10"}"#), "0")]
#[case::flat(fee(r#""model":{"type":"flat","amount":"10"}"#), "10")]
fn no_window_is_no_usage(#[case] price: Price, #[case] expect: &str) {
    assert_eq!(rate_windows(&price, &[], &PeriodState::whole(usd())).unwrap().exact, dec(expect));
}
