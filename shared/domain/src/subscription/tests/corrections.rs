//! Fees in advance: what opens a period, and how a change within it is made good.

use super::*;
use crate::invoice::{LineDetail, Source};
use rstest::rstest;

#[rstest]
// 2 × 50 × 17 ÷ 31 is 54.838…, 30 × 17 ÷ 31 is 16.451….
#[case::pr_f2(
    Story::new(start("a", MONTH, "2024-03-01", &[("seats", 2)]), &[
        ("a", MONTH, 0, &[("seats", "seats 50 inAdvance")]),
        ("b", MONTH, 0, &[("seats", "seats 30 inAdvance")]),
    ]).ran(1).then("2024-03-15", &Change::Plan {
        to: plan("b"), offer: key_of(MONTH), seats: seats(&[("seats", 1)]), when: When::Immediate,
    }),
    &[
        "seats.credit@2024-03-15 -5484 2024-03-15..2024-03-31", "seats@2024-03-15 1645 2024-03-15..2024-03-31",
        "seats 3000 2024-04-01..2024-04-30",
    ]
)]
// 25 × 17 ÷ 31 is 13.709….
#[case::pr_f4(
    Story::new(start("a", MONTH, "2024-03-01", &[]), &[
        ("a", MONTH, 0, &[("item", "flat 7 inAdvance")]),
        ("b", MONTH, 0, &[("item", "flat 7 inAdvance"), ("more", "flat 25 inAdvance")]),
    ]).ran(1).then("2024-03-15", &to_plan("b", MONTH, When::Immediate)),
    &[
        "more@2024-03-15 1371 2024-03-15..2024-03-31",
        "item 700 2024-04-01..2024-04-30", "more 2500 2024-04-01..2024-04-30",
    ]
)]
// 14 days of January and 16 of 31: 29 → 14.967…, 50 → 25.806…, 99 → 51.096…, 125 → 64.516….
#[case::pr_m9(
    Story::new(start("a", MONTH, "2024-01-01", &[("seats", 5)]), &[
        ("a", MONTH, 0, &[("fee", "flat 29 inAdvance"), ("seats", "seats 10 inAdvance")]),
        ("b", MONTH, 0, &[("fee", "flat 99 inAdvance"), ("seats", "seats 25 inAdvance")]),
    ]).ran(1).then("2024-01-16", &to_plan("b", MONTH, When::Immediate)),
    &[
        "fee.credit@2024-01-16 -1497 2024-01-16..2024-01-31", "seats.credit@2024-01-16 -2581 2024-01-16..2024-01-31",
        "fee@2024-01-16 5110 2024-01-16..2024-01-31", "seats@2024-01-16 6452 2024-01-16..2024-01-31",
        "fee 9900 2024-02-01..2024-02-29", "seats 12500 2024-02-01..2024-02-29",
    ]
)]
#[case::on_the_first_day(
    seated("2024-03-01").ran(1).then("2024-03-01", &to_seats("seats", 3, When::Immediate)),
    &[
        "seats.credit@2024-03-01 -6200 2024-03-01..2024-03-31", "seats@2024-03-01 9300 2024-03-01..2024-03-31",
        "seats 9300 2024-04-01..2024-04-30",
    ]
)]
#[case::on_the_first_day_before_its_run(
    seated("2024-03-01").then("2024-03-01", &to_seats("seats", 3, When::Immediate)),
    &["seats 9300 2024-04-01..2024-04-30"]
)]
#[case::twice(
    seated("2024-03-01").ran(1)
        .then("2024-03-22", &to_seats("seats", 3, When::Immediate))
        .then("2024-03-27", &to_seats("seats", 0, When::Immediate)),
    &[
        "seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31", "seats@2024-03-22 3000 2024-03-22..2024-03-31",
        "seats.credit@2024-03-27 -1500 2024-03-27..2024-03-31",
    ]
)]
#[case::twice_a_day(
    seated("2024-03-01").ran(1)
        .then("2024-03-22", &to_seats("seats", 3, When::Immediate))
        .then("2024-03-22", &to_seats("seats", 2, When::Immediate)),
    &["seats 6200 2024-04-01..2024-04-30"]
)]
#[case::paused_and_resumed(
    seated("2024-03-01").ran(1).then("2024-03-12", &PAUSE).then("2024-03-27", &Change::Resume),
    &[
        "seats.credit@2024-03-12 -4000 2024-03-12..2024-03-31", "seats@2024-03-27 1000 2024-03-27..2024-03-31",
        "seats 6200 2024-04-01..2024-04-30",
    ]
)]
#[case::paused(
    seated("2024-03-01").ran(1).then("2024-03-12", &PAUSE),
    &["seats.credit@2024-03-12 -4000 2024-03-12..2024-03-31"]
)]
// The 21st is the last day that is billed.
#[case::canceled_now(
    seated("2024-03-01").ran(1).then("2024-03-21", &Change::Cancel { when: CancelWhen::Now }),
    &["seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31"]
)]
#[case::canceled_at_the_end(
    seated("2024-03-01").ran(1).then("2024-03-21", &Change::Cancel { when: CancelWhen::PeriodEnd }),
    &[]
)]
#[case::next_period(
    seated("2024-03-01").ran(1).then("2024-03-21", &to_seats("seats", 1, When::NextPeriod)),
    &["seats 3100 2024-04-01..2024-04-30"]
)]
fn a_change_is_made_good_when_its_period_closes(#[case] story: Story, #[case] expect: &[&str]) {
    assert_eq!(story.texts(1, 0), expect);
}

/// Two seats at 31.00, so that a day of March is 1.00 for each.
fn seated(starts_on: &str) -> Story {
    let sold: &[Sold<'_>] = &[("a", MONTH, 0, &[("seats", "seats 31 inAdvance")])];
    Story::new(start("a", MONTH, starts_on, &[("seats", 2)]), sold)
}

#[rstest]
#[case::pr_m1(
    &[("fee", "flat 100 inAdvance")], &[("fee", "flat 200 inAdvance")], "2024-04-16",
    &["fee.credit@2024-04-16 -5000", "fee@2024-04-16 10000", "fee 20000"]
)]
// The change is on the first day of the next period, which its own run opens.
#[case::pr_m3(&[("fee", "flat 100 inAdvance")], &[("fee", "flat 200 inAdvance")], "2024-05-01", &["fee 20000"])]
#[case::pr_m5(
    &[("fee", "flat 100 inAdvance"), ("less", "flat 30 inAdvance")],
    &[("fee", "flat 200 inAdvance"), ("more", "flat 50 inAdvance")],
    "2024-04-16",
    &[
        "fee.credit@2024-04-16 -5000", "less.credit@2024-04-16 -1500", "fee@2024-04-16 10000", "more@2024-04-16 2500",
        "fee 20000", "more 5000",
    ]
)]
fn a_period_of_thirty_days(
    #[case] old: &[(&str, &str)],
    #[case] new: &[(&str, &str)],
    #[case] on: &str,
    #[case] expect: &[&str],
) {
    // The vectors say January without its last day; April has thirty.
    let sold: &[Sold<'_>] = &[("a", MONTH, 0, old), ("b", MONTH, 0, new)];
    let story = Story::new(start("a", MONTH, "2024-04-01", &[]), sold).ran(1);
    let story = story.then(on, &to_plan("b", MONTH, When::Immediate));
    let lines: Vec<String> =
        story.run(1, 0).iter().map(|line| format!("{} {}", line.key, line.amount.amount_minor)).collect();
    assert_eq!(lines, expect);
}

#[test]
fn run_0_charges_the_days_of_a_short_first_period() {
    // 17 of 31 days of 62.00.
    let story = seated("2024-03-15");
    assert_eq!(story.texts(0, 0), ["seats 3400"]);
    assert_eq!(story.texts(1, 0), ["seats 6200 2024-04-01..2024-04-30"]);
}

#[test]
fn a_trial_is_not_charged_in_advance() {
    let sold: &[Sold<'_>] = &[("a", MONTH, 0, &[("seats", "seats 31 inAdvance")])];
    let trial = Start { trial: Some(Trial::Days(9)), ..start("a", MONTH, "2024-03-01", &[("seats", 2)]) };
    let story = Story::new(trial, sold).ran(1);
    assert_eq!(story.texts(0, 0), Vec::<String>::new());
    // 22 of 31 days are left on the tenth.
    assert_eq!(story.texts(1, 0), ["seats 4400 2024-03-10..2024-03-31"]);
    let story = story.then("2024-03-05", &to_seats("seats", 1, When::Immediate));
    assert_eq!(story.texts(1, 0), ["seats 2200 2024-03-10..2024-03-31"]);
}

#[test]
fn another_interval_credits_the_old_period_and_opens_a_new_one() {
    let year = every(IntervalUnit::Year, 1);
    let sold: &[Sold<'_>] =
        &[("a", MONTH, 0, &[("fee", "flat 31 inAdvance")]), ("b", year, 0, &[("fee", "flat 366 inAdvance")])];
    let story = Story::new(start("a", MONTH, "2024-03-01", &[]), sold)
        .ran(1)
        .then("2024-03-22", &to_plan("b", year, When::Immediate));
    // From 22 March to the end of the year are 285 days.
    let expect = ["fee.credit@2024-03-22 -1000 2024-03-22..2024-03-31", "fee 28500 2024-03-22..2024-12-31"];
    assert_eq!(story.texts(1, 0), expect);
    assert_eq!(story.texts(2, 0), ["fee 36600 2025-01-01..2025-12-31"]);
}

#[test]
fn a_credit_adds_up_and_names_its_price() {
    let story = seated("2024-03-01").ran(1).then("2024-03-22", &to_seats("seats", 1, When::Immediate));
    let lines = story.run(1, 0);
    let LineDetail::Seats { quantity, sub_lines } = &lines[0].detail else { panic!("no seats") };
    assert_eq!((*quantity, sub_lines[0].unit_price, sub_lines[0].amount), (2.into(), (-31).into(), (-20).into()));
    assert_eq!(lines[0].exact, (-20).into());
    assert_eq!(lines[0].source, Some(Source { plan: plan("a"), price: Some(slug("seats")) }));
}
