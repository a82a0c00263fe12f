//! How many plans may hold in one period.

use super::*;
use rstest::rstest;

/// A subscription since 1 March with a plan of `prices` prices, that takes one of two such plans on each of the days that follow.
fn changed(prices: usize, days: &[&str]) -> Result<(), Violation> {
    let keys: Vec<String> = (0..prices).map(|n| format!("calls-{n}")).collect();
    let prices: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "usage 2")).collect();
    let sold: &[Sold<'_>] = &[("a", MONTH, 0, &prices), ("b", MONTH, 0, &prices)];
    let mut story = Story::new(start("a", MONTH, "2026-03-01", &[]), sold).ran(1);
    for (index, today) in days.iter().enumerate() {
        let name = if index % 2 == 0 { "b" } else { "a" };
        let changed = story.decide(today, &to_plan(name, MONTH, When::Immediate))?;
        changed.after.check_room(changed.from, &story.offers)?;
        story.subscription = changed.after;
    }
    Ok(())
}

const DAYS: [&str; 4] = ["2026-03-05", "2026-03-10", "2026-03-15", "2026-03-20"];

// A price of 88 bytes of JSON weighs 1,664: 100 and a base fee 167,800, and 368,640 is the most.
#[rstest]
#[case::small_plans(10, &DAYS, true)]
#[case::two_large_ones(100, &DAYS[..1], true)]
#[case::three_large_ones(100, &DAYS[..2], false)]
#[case::each_in_its_own_period(100, &["2026-03-05", "2026-04-05", "2026-05-05"], true)]
fn a_period_has_room_for_so_many_plans(#[case] prices: usize, #[case] days: &[&str], #[case] expect: bool) {
    let outcome = changed(prices, days);
    assert_eq!(outcome.as_ref().err().map(|violation| violation.code), (!expect).then_some("too_many_changes"));
}
