//! Arrears: what a closed period costs, stretch by stretch.

use super::*;
use rstest::rstest;

const BASE: &[Sold<'_>] = &[("a", MONTH, 100, &[]), ("b", MONTH, 310, &[])];

/// A base fee of 1.00, and usage at 2.00 a unit with 4 units in every stretch.
const METERED: &[Sold<'_>] = &[
    ("a", MONTH, 3_100, &[("calls", "usage 2")]),
    ("b", MONTH, 6_200, &[("calls", "floor 31"), ("desks", "seats 31 inArrears")]),
];

fn month(starts_on: &str) -> Start {
    start("a", MONTH, starts_on, &[])
}

fn trial(days: u32) -> Start {
    Start { trial: Some(Trial::Days(days)), ..month("2024-03-01") }
}

#[rstest]
#[case::pr_l1(Story::new(month("2022-03-15"), BASE), 1, &["base 55"])]
// The trial ends before the 18th: 14 of 31 days.
#[case::pr_l5(Story::new(Start { trial: Some(Trial::Days(3)), ..month("2022-03-15") }, BASE), 2, &["base 45"])]
#[case::a_trial_costs_nothing(Story::new(Start { trial: Some(Trial::Days(3)), ..month("2022-03-15") }, BASE), 1, &[])]
#[case::pr_l9(
    Story::new(month("2022-03-01"), BASE).ran(1).then("2022-03-20", &to_plan("b", MONTH, When::Immediate)),
    1,
    // 12 of 31 days of 3.10 are 1.20.
    &["base 61 2022-03-01..2022-03-19", "base@2022-03-20 120 2022-03-20..2022-03-31"]
)]
#[case::pr_l13(
    Story::new(start("a", every(IntervalUnit::Quarter, 1), "2024-05-20", &[]), &[
        ("a", every(IntervalUnit::Quarter, 1), 91_000, &[]),
    ]).ran(1).then("2024-06-01", &cancel_on("2024-06-20")),
    1,
    &["base 32000"]
)]
#[case::metered(Story::new(month("2024-03-01"), METERED), 1, &["base 3100", "calls 800"])]
// 16 and 15 days: 4 units each, the second at 1.00 with a floor of 15.00.
#[case::another_plan(
    Story::new(month("2024-03-01"), METERED).ran(1).then("2024-03-17", &to_plan("b", MONTH, When::Immediate)),
    1,
    &[
        "base 1600 2024-03-01..2024-03-16", "calls 800 2024-03-01..2024-03-16",
        "base@2024-03-17 3000 2024-03-17..2024-03-31", "calls@2024-03-17 400 2024-03-17..2024-03-31",
        "calls.true-up@2024-03-17 1100 2024-03-17..2024-03-31", "desks@2024-03-17 1500 2024-03-17..2024-03-31",
    ]
)]
// 10 days before and 6 after are one stretch.
#[case::a_pause(
    Story::new(month("2024-03-01"), METERED).ran(1).then("2024-03-11", &PAUSE).then("2024-03-26", &Change::Resume),
    1,
    &["base 1600", "calls 800"]
)]
#[case::paused_all_the_time(
    Story::new(month("2024-03-01"), METERED).ran(1).then("2024-03-11", &PAUSE), 2, &[]
)]
#[case::canceled(
    Story::new(month("2024-03-01"), METERED).ran(1).then("2024-03-11", &Change::Cancel { when: CancelWhen::Now }),
    1,
    &["base 1100", "calls 800"]
)]
#[case::after_the_end(
    Story::new(month("2024-03-01"), METERED).ran(1).then("2024-03-11", &Change::Cancel { when: CancelWhen::Now }),
    2,
    &[]
)]
#[case::usage_of_a_trial_is_free(Story::new(trial(10), METERED), 1, &[])]
#[case::unless_its_price_says_otherwise(
    Story::new(trial(10), &[("a", MONTH, 3_100, &[("calls", "trial-usage 2"), ("more", "usage 2")])]),
    1,
    &["calls 800"]
)]
fn a_closed_period_costs_its_stretches(#[case] story: Story, #[case] run: u32, #[case] expect: &[&str]) {
    assert_eq!(story.texts(run, 4), expect);
}

#[test]
fn seats_in_arrears_count_the_days_of_each_number() {
    let story = Story::new(start("b", MONTH, "2024-03-01", &[("desks", 2)]), METERED)
        .ran(1)
        .then("2024-03-11", &to_seats("desks", 5, When::Immediate))
        .then("2024-03-21", &to_seats("desks", 2, When::Immediate));
    let lines = story.run(1, 31);
    let desks = lines.iter().find(|line| line.key == "desks").unwrap();
    // 2 for 21 days and 5 for 10.
    assert_eq!(desks.amount.amount_minor, 9_200);
    let crate::invoice::LineDetail::Seats { sub_lines, .. } = &desks.detail else { panic!("no seats") };
    assert_eq!(sub_lines.len(), 2);
}

#[test]
fn usage_is_wanted_where_it_happened() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let story = Story::new(Start { time_zone: berlin, ..month("2024-03-01") }, METERED)
        .ran(1)
        .then("2024-03-05", &PAUSE)
        .then("2024-03-08", &Change::Resume)
        .then("2024-03-17", &to_plan("b", MONTH, When::Immediate));
    let wanted = story.subscription.usage_wanted(1, &story.offers).unwrap();
    let texts: Vec<String> = wanted
        .iter()
        .flat_map(|wanted| {
            let UsageKey { first_day, price, .. } = &wanted.key;
            wanted.spans.iter().map(move |span| format!("{first_day} {price} {}/{}", span.start(), span.end()))
        })
        .collect();
    let expect = [
        "2024-03-01 calls 2024-02-29T23:00:00Z/2024-03-04T23:00:00Z",
        "2024-03-01 calls 2024-03-07T23:00:00Z/2024-03-16T23:00:00Z",
        "2024-03-17 calls 2024-03-16T23:00:00Z/2024-03-31T22:00:00Z",
    ];
    assert_eq!(texts, expect);
    assert_eq!((wanted[0].plan, wanted[1].plan, wanted[1].offer), (plan("a"), plan("b"), key_of(MONTH)));
    assert_eq!(story.subscription.usage_wanted(0, &story.offers), Ok(Vec::new()));
}

#[test]
fn a_key_that_was_in_arrears_has_a_day_in_advance() {
    let sold: &[Sold<'_>] =
        &[("a", MONTH, 0, &[("fee", "flat 5 inArrears")]), ("b", MONTH, 0, &[("fee", "flat 9 inAdvance")])];
    let story = Story::new(month("2024-03-01"), sold).ran(1).then("2024-03-09", &to_plan("b", MONTH, When::NextPeriod));
    assert_eq!(story.texts(1, 0), ["fee 500", "fee@2024-04-01 900 2024-04-01..2024-04-30"]);
    assert_eq!(story.texts(2, 0), ["fee 900 2024-05-01..2024-05-31"]);
}

#[test]
fn what_is_missing_is_said() {
    let story = Story::new(month("2024-03-01"), METERED);
    let lines = |offers: &Offers| story.subscription.lines(1, offers, &BTreeMap::new());
    assert_eq!(lines(&story.offers), Err(LinesError::MissingUsage("calls".to_owned())));
    assert_eq!(lines(&Offers::default()), Err(LinesError::UnknownOffer));
    assert_eq!(story.subscription.offers_wanted(1), Ok(vec![(plan("a"), key_of(MONTH))]));
    let story = story.ran(1).then("2024-03-09", &to_plan("b", MONTH, When::NextPeriod));
    assert_eq!(story.subscription.offers_wanted(0), Ok(vec![(plan("a"), key_of(MONTH))]));
    assert_eq!(story.subscription.offers_wanted(1).unwrap().len(), 2);
}

#[test]
fn evidence_goes_to_its_line() {
    let story = Story::new(month("2024-03-01"), METERED);
    let evidence = crate::invoice::Evidence { digest: [7; 32], events: 3 };
    let counted = Counted { usage: Usage::Quantity(Decimal::ONE), evidence: Some(evidence) };
    let key = UsageKey { first_day: day("2024-03-01"), add_on: None, price: slug("calls") };
    let lines = story.subscription.lines(1, &story.offers, &BTreeMap::from([(key, counted)])).unwrap();
    let crate::invoice::LineDetail::Usage { evidence: kept, .. } = &lines[1].detail else { panic!("no usage") };
    assert_eq!(*kept, Some(evidence));
}
