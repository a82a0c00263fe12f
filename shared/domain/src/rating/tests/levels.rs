//! Levels that stand for a while: what they come to where a period is charged with gaps, and what fits into no amount.

use super::*;
use crate::{
    calendar::Period,
    id::MeterId,
    rating::{AmountOutOfRange, Basis, Feed},
    text::Slug,
    usage::{
        Aggregation, GroupKey, Meter, Path, Quantity, Tally, TotalOutOfRange,
        window::{CounterValue, HourlyCounter},
    },
};
use rstest::rstest;

fn meter(aggregation: Aggregation) -> Meter {
    Meter {
        id: MeterId::derived(&["level"]),
        slug: Slug::parse("level").unwrap(),
        name: "Level".to_owned(),
        event_type: "level".to_owned(),
        filters: Vec::new(),
        aggregation,
        dimensions: Vec::new(),
    }
}

fn levels() -> Meter {
    meter(Aggregation::WeightedSum(Path::parse("$.n").unwrap()))
}

/// A change at the start of an hour of May.
fn change(hour: &str, by: u64) -> HourlyCounter {
    HourlyCounter {
        hour: format!("2026-05-{hour}:00:00Z").parse().unwrap(),
        group: GroupKey::default(),
        value: CounterValue::Tally(Tally::Weighted { change: Quantity::whole(by), moment: Quantity::ZERO }),
    }
}

/// From the start of a day of May to the start of another.
fn span((from, to): (u8, u8)) -> Period {
    let day = |day: u8| format!("2026-05-{day:02}T00:00:00Z").parse().unwrap();
    Period::new(day(from), day(to)).unwrap()
}

#[rstest]
// 2 for 72 hours, 1 for 60, 10 for 48 and 4 for 18 are 756 level-hours in 72.
#[case::a_whole(&[(1, 4)], "10.5")]
// 2 for 24 hours and 1 for 12 are 60 in 24; what changed on the 2nd stood for nothing; 4 for 18 are 72 in 24.
#[case::with_a_gap(&[(1, 2), (3, 4)], "5.5")]
// Each day by itself: 60 in 24, 240 in 24, 72 in 24.
#[case::a_day_each(&[(1, 2), (2, 3), (3, 4)], "15.5")]
#[case::nothing_stood(&[(5, 6), (7, 8)], "0")]
fn a_level_is_charged_in_each_stretch_by_itself(#[case] spans: &[(u8, u8)], #[case] expect: Decimal) {
    let spans: Vec<Period> = spans.iter().copied().map(span).collect();
    let counters = [change("01T00", 2), change("01T12", 1), change("02T00", 10), change("03T06", 4)];
    let charged = counters.into_iter().filter(|counter| spans.iter().any(|span| span.contains(counter.hour)));
    assert_eq!(Feed::Quantity.usage(&levels(), charged.collect(), &spans), Ok(Usage::Quantity(expect)));
}

// A largest value is one of the whole period, also where that has a gap: 5 and then 3 are 5, and not 8.
#[test]
fn a_largest_value_is_that_of_all_stretches_together() {
    let largest = meter(Aggregation::Max(Path::parse("$.n").unwrap()));
    let of = |hour: &str, value: u64| HourlyCounter {
        value: CounterValue::Tally(Tally::Max(Quantity::whole(value))),
        ..change(hour, 0)
    };
    let counters = vec![of("01T00", 5), of("03T06", 3)];
    let used = Feed::Quantity.usage(&largest, counters, &[span((1, 2)), span((3, 4))]);
    assert_eq!(used, Ok(Usage::Quantity(dec("5"))));
}

#[rstest]
#[case::units(Basis::Units, Some(("0", None)))]
#[case::a_tier(Basis::Tier { from: dec("10"), up_to: Some(dec("20")) }, Some(("10", Some("20"))))]
#[case::the_last_tier(Basis::Tier { from: dec("20"), up_to: None }, Some(("20", None)))]
#[case::packages(Basis::Packages { size: dec("5") }, None)]
#[case::value(Basis::Value, None)]
#[case::events(Basis::Events, None)]
#[case::a_fee(Basis::Fee { active_days: 1, full_days: 2 }, None)]
fn tiers_and_plain_units_have_bounds(#[case] basis: Basis, #[case] expect: Option<(&str, Option<&str>)>) {
    assert_eq!(basis.bounds(), expect.map(|(from, up_to)| (dec(from), up_to.map(dec))));
}

#[test]
fn where_nothing_is_charged_there_is_no_usage() {
    assert_eq!(Feed::Quantity.usage(&levels(), Vec::new(), &[]), Err(TotalOutOfRange));
    let backwards = [span((3, 4)), span((1, 2))];
    assert_eq!(Feed::Quantity.usage(&levels(), Vec::new(), &backwards), Err(TotalOutOfRange));
}

#[rstest]
// 10^20 dollars are 10^22 cents, and an amount ends at 9.2 × 10^18.
#[case::no_money("1", "100000000000000000000")]
// A decimal ends at 7.9 × 10^28.
#[case::no_decimal("999999999", "1000000000000000000000")]
fn what_fits_into_no_amount_is_refused(#[case] unit_price: &str, #[case] quantity: &str) {
    let usage = Usage::Quantity(dec(quantity));
    let rated = rate(&usage_price(&per_unit(unit_price)), &usage, &PeriodState::whole(usd()));
    assert_eq!(rated.unwrap_err(), RatingError::OutOfRange(AmountOutOfRange));
}
