//! Previews: the lines that a change will cause.

use super::*;
use rstest::rstest;

const SOLD: &[Sold<'_>] = &[
    ("a", MONTH, 3_100, &[("seats", "seats 31 inAdvance"), ("calls", "usage 1")]),
    ("b", MONTH, 6_200, &[("seats", "seats 62 inAdvance"), ("calls", "usage 1")]),
];

fn story() -> Story {
    Story::new(start("a", MONTH, "2024-03-01", &[("seats", 2)]), SOLD).ran(1)
}

#[rstest]
#[case::plan_today(story(), "2024-03-22", to_plan("b", MONTH, When::Immediate), &[
    "1 base 2100 2024-03-01..2024-03-21", "1 base@2024-03-22 2000 2024-03-22..2024-03-31",
    "1 seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31", "1 seats@2024-03-22 4000 2024-03-22..2024-03-31",
    "1 seats 12400 2024-04-01..2024-04-30",
])]
#[case::plan_next_period(story(), "2024-03-22", to_plan("b", MONTH, When::NextPeriod), &[
    "1 seats 12400 2024-04-01..2024-04-30", "2 base 6200",
])]
#[case::seats_today(story(), "2024-03-22", to_seats("seats", 3, When::Immediate), &[
    "1 seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31", "1 seats@2024-03-22 3000 2024-03-22..2024-03-31",
    "1 seats 9300 2024-04-01..2024-04-30",
])]
#[case::seats_next_period(story(), "2024-03-22", to_seats("seats", 3, When::NextPeriod), &[
    "1 seats 9300 2024-04-01..2024-04-30",
])]
#[case::pause(story(), "2024-03-22", PAUSE, &["1 base 2100", "1 seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31"])]
#[case::cancel_today(story(), "2024-03-21", Change::Cancel { when: CancelWhen::Now }, &[
    "1 base 2100", "1 seats.credit@2024-03-22 -2000 2024-03-22..2024-03-31",
])]
#[case::cancel_at_the_end(story(), "2024-03-21", Change::Cancel { when: CancelWhen::PeriodEnd }, &[])]
#[case::cancel_later(story(), "2024-03-21", cancel_on("2024-04-15"), &[
    "2 base 1550", "2 seats.credit@2024-04-16 -3100 2024-04-16..2024-04-30",
])]
#[case::undo(
    story().then("2024-03-09", &Change::Cancel { when: CancelWhen::PeriodEnd }), "2024-03-21", Change::Undo,
    &["1 seats 6200 2024-04-01..2024-04-30", "2 base 3100"]
)]
#[case::on_a_day_that_was_opened(story(), "2024-03-01", to_seats("seats", 3, When::Immediate), &[
    "1 seats.credit@2024-03-01 -6200 2024-03-01..2024-03-31", "1 seats@2024-03-01 9300 2024-03-01..2024-03-31",
    "1 seats 9300 2024-04-01..2024-04-30",
])]
#[case::on_a_day_to_open(
    Story::new(start("a", MONTH, "2024-03-01", &[]), SOLD), "2024-03-01", to_plan("b", MONTH, When::Immediate),
    &["0 seats 6200", "1 base 6200"]
)]
#[case::never_started(
    Story::new(start("a", MONTH, "2024-03-01", &[]), SOLD), "2024-02-01", Change::Cancel { when: CancelWhen::Now }, &[]
)]
fn a_change_shows_its_lines(
    #[case] story: Story,
    #[case] today: &str,
    #[case] change: Change,
    #[case] expect: &[&str],
) {
    let changed = story.decide(today, &change).unwrap();
    let lines = preview(&story.subscription, &changed, &story.offers).unwrap();
    let texts: Vec<String> = lines.iter().map(|shown| format!("{} {}", shown.run, text(&shown.line))).collect();
    assert_eq!(texts, expect);
}

#[test]
fn a_preview_says_which_offers_it_needs() {
    let story = story();
    let changed = story.decide("2024-03-22", &to_plan("b", MONTH, When::NextPeriod)).unwrap();
    let wanted = offers_of_preview(&story.subscription, &changed).unwrap();
    assert_eq!(wanted, [(plan("a"), key_of(MONTH)), (plan("b"), key_of(MONTH))]);
}
