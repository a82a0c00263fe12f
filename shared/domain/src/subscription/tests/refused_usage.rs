//! When a tenant's usage is refused: by hand, and against a look at each subscription on each day.

use super::*;
use jiff::ToSpan;
use proptest::prelude::*;
use rstest::rstest;

/// A subscription in Berlin, with phases that begin on days of March 2026: `1 active, 10 refused`.
fn subscription(phases: &str) -> Subscription {
    let phase = |text: &str| {
        let (from, phase) = text.split_once(' ').unwrap();
        (date(from.parse().unwrap()), phase_of(phase))
    };
    with_phases(phases.split(", ").map(phase).collect())
}

fn with_phases(phases: Vec<(Date, Phase)>) -> Subscription {
    let sold: &[Sold<'_>] = &[("a", MONTH, 1_000, &[])];
    let mut subscription = Story::new(start("a", MONTH, "2026-03-01", &[]), sold).subscription;
    let term = subscription.terms[0].clone();
    subscription.terms = phases.into_iter().map(|(from, phase)| Term { from, phase, ..term.clone() }).collect();
    subscription.time_zone = TimeZone::get("Europe/Berlin").unwrap();
    subscription
}

/// A day of March 2026, counted from 1.
fn date(of_march: i64) -> Date {
    day("2026-03-01").checked_add((of_march - 1).days()).unwrap()
}

fn phase_of(text: &str) -> Phase {
    match text {
        "trial" => Phase::Trial,
        "active" => Phase::Active,
        "paused" => Phase::Paused { usage: PausedUsage::Free },
        "refused" => Phase::Paused { usage: PausedUsage::Refused },
        "ended" => Phase::Ended,
        _ => panic!("unknown phase {text}"),
    }
}

fn spans(refused: &RefusedUsage) -> Vec<String> {
    let text = |span: &RefusedSpan| {
        let until = span.until.map_or_else(|| "…".to_owned(), |until| until.to_string());
        format!("{}/{until}", span.from)
    };
    refused.spans().iter().map(text).collect()
}

// Midnight is 23:00 UTC of the day before, and from 29 March on 22:00.
#[rstest]
#[case::nobody(&[], &[])]
#[case::active(&["1 active"], &[])]
#[case::free(&["1 active, 10 paused"], &[])]
#[case::open(&["1 active, 10 refused"], &["2026-03-09T23:00:00Z/…"])]
#[case::resumed(
    &["1 active, 10 refused, 30 active"],
    &["2026-03-09T23:00:00Z/2026-03-29T22:00:00Z"]
)]
#[case::resumed_on_the_day(&["1 active, 10 refused, 10 active"], &[])]
#[case::ended(
    &["1 active, 10 refused, 20 ended"],
    &["2026-03-09T23:00:00Z/2026-03-19T23:00:00Z"]
)]
#[case::twice(
    &["1 refused, 2 active, 5 refused"],
    &["2026-02-28T23:00:00Z/2026-03-01T23:00:00Z", "2026-03-04T23:00:00Z/…"]
)]
#[case::another_is_active(&["1 active, 10 refused", "1 active"], &[])]
#[case::another_is_on_trial(&["1 refused", "1 trial"], &[])]
#[case::another_pauses_free(&["1 refused", "1 paused"], &[])]
#[case::another_ends(
    &["1 refused", "1 active, 10 ended"],
    &["2026-03-09T23:00:00Z/…"]
)]
#[case::another_begins(
    &["1 refused", "10 active"],
    &["2026-02-28T23:00:00Z/2026-03-09T23:00:00Z"]
)]
#[case::both_pause_and_one_goes_on(
    &["1 active, 5 refused", "1 active, 10 refused, 20 active"],
    &["2026-03-09T23:00:00Z/2026-03-19T23:00:00Z"]
)]
#[case::one_pause_takes_over_from_another(
    &["1 refused, 10 ended", "10 refused"],
    &["2026-02-28T23:00:00Z/…"]
)]
fn usage_is_refused_while_all_that_is_in_force_refuses_it(#[case] all: &[&str], #[case] expect: &[&str]) {
    let all: Vec<Subscription> = all.iter().map(|phases| subscription(phases)).collect();
    assert_eq!(spans(&RefusedUsage::of(&all, Timestamp::UNIX_EPOCH).unwrap()), expect);
}

#[rstest]
#[case::before_it_ended("2026-03-19T22:59:59Z", 1)]
#[case::when_it_ended("2026-03-19T23:00:00Z", 0)]
fn what_ended_long_ago_is_left_out(#[case] since: Timestamp, #[case] expect: usize) {
    let ended = subscription("1 active, 10 refused, 20 ended");
    assert_eq!(RefusedUsage::of(&[ended], since).unwrap().spans().len(), expect);
}

#[rstest]
#[case::before("2026-03-09T22:59:59Z", false)]
#[case::first("2026-03-09T23:00:00Z", true)]
#[case::last("2026-03-19T22:59:59Z", true)]
#[case::after("2026-03-19T23:00:00Z", false)]
fn a_span_holds_its_first_instant_and_not_its_end(#[case] instant: Timestamp, #[case] expect: bool) {
    let ended = subscription("1 active, 10 refused, 20 ended");
    assert_eq!(RefusedUsage::of(&[ended], Timestamp::UNIX_EPOCH).unwrap().refuses(instant), expect);
}

#[test]
fn of_too_many_spans_the_newest_are_kept() {
    let second = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
    let span = |n: usize| RefusedSpan { from: second(2 * n), until: Some(second(2 * n + 1)) };
    let kept = RefusedUsage::new((0..=REFUSED_SPANS_MAX).map(span).collect());
    assert_eq!((kept.spans().len(), kept.spans()[0]), (REFUSED_SPANS_MAX, span(1)));
}

/// Up to three subscriptions of 40 days, whose phases begin on days in order, perhaps several on one.
fn lives() -> impl Strategy<Value = Vec<Vec<(i64, usize)>>> {
    let phases = prop::collection::vec((0_i64..40, 0_usize..5), 1..8).prop_map(|mut phases| {
        phases.sort_by_key(|(day, _)| *day);
        phases
    });
    prop::collection::vec(phases, 0..4)
}

proptest! {
    #[test]
    fn the_spans_are_the_days_on_which_all_in_force_refuse(lives in lives()) {
        const NAMES: [&str; 5] = ["trial", "active", "paused", "refused", "ended"];
        let phase = |&(from, phase): &(i64, usize)| (date(from), phase_of(NAMES[phase]));
        let all: Vec<Subscription> = lives.iter().map(|life| with_phases(life.iter().map(phase).collect())).collect();
        let refused = RefusedUsage::of(&all, Timestamp::UNIX_EPOCH).unwrap();
        for offset in -1..42 {
            let noon = date(offset).at(12, 0, 0, 0).to_zoned(TimeZone::get("Europe/Berlin").unwrap()).unwrap().timestamp();
            let in_force: Vec<Phase> = all.iter().filter_map(|one| one.term_on(date(offset)))
                .map(|term| term.phase).filter(|phase| *phase != Phase::Ended).collect();
            let expect = !in_force.is_empty() && in_force.iter().all(|phase| *phase == phase_of("refused"));
            prop_assert_eq!(refused.refuses(noon), expect, "day {}", offset);
        }
        let touching = refused.spans().windows(2).any(|pair| pair[0].until.is_none_or(|until| until >= pair[1].from));
        prop_assert!(!touching);
    }
}
