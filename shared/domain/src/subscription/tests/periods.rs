//! Periods, their cuts, and when runs are due.

use super::*;
use rstest::rstest;

const SOLD: &[Sold<'_>] = &[("a", MONTH, 1_000, &[]), ("b", MONTH, 2_000, &[])];

fn yearly() -> Interval {
    every(IntervalUnit::Year, 1)
}

fn story(start: Start) -> Story {
    let mut story = Story::new(start, SOLD);
    let year =
        Offer { interval: yearly(), base_fee: Money { amount_minor: 9_000, currency: usd() }, prices: Vec::new() };
    story.offers.insert(plan("a"), Offered { plan_name: "a".to_owned(), offer: year });
    story
}

fn month(starts_on: &str) -> Start {
    start("a", MONTH, starts_on, &[])
}

/// The first periods as `first/end active/full`.
fn periods(subscription: &Subscription, count: u32) -> Vec<String> {
    let text = |n| {
        let period = subscription.period(n).unwrap()?;
        Some(format!("{}/{} {}/{}", period.first_day, period.end_day, period.active_days, period.full_days))
    };
    (0..count).filter_map(text).collect()
}

#[rstest]
#[case::no_change(story(month("2024-01-10")), &["2024-01-10/2024-02-01 22/31", "2024-02-01/2024-03-01 29/29"])]
#[case::anniversary(
    story(Start { anchor: Anchor::Anniversary, ..month("2024-01-31") }),
    &["2024-01-31/2024-02-29 29/29", "2024-02-29/2024-03-31 31/31"]
)]
#[case::trial(
    story(Start { trial: Some(Trial::Days(14)), ..month("2024-01-10") }),
    &["2024-01-10/2024-01-24 14/31", "2024-01-24/2024-02-01 8/31", "2024-02-01/2024-03-01 29/29"]
)]
#[case::trial_over_a_bound(
    story(Start { trial: Some(Trial::Until(day("2024-02-03"))), ..month("2024-01-10") }),
    &["2024-01-10/2024-02-01 22/31", "2024-02-01/2024-02-03 2/29", "2024-02-03/2024-03-01 27/29"]
)]
#[case::trial_with_an_anniversary(
    story(Start { trial: Some(Trial::Days(5)), anchor: Anchor::Anniversary, ..month("2024-01-26") }),
    &["2024-01-26/2024-01-31 5/31", "2024-01-31/2024-02-29 29/29", "2024-02-29/2024-03-31 31/31"]
)]
#[case::another_interval(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &to_plan("a", yearly(), When::Immediate)),
    &["2024-01-01/2024-01-11 10/31", "2024-01-11/2025-01-01 356/366", "2025-01-01/2026-01-01 365/365"]
)]
#[case::another_interval_on_an_opened_day(
    story(month("2024-01-01")).ran(1).then("2024-01-01", &to_plan("a", yearly(), When::Immediate)),
    &["2024-01-01/2024-01-02 1/31", "2024-01-02/2025-01-01 365/366", "2025-01-01/2026-01-01 365/365"]
)]
#[case::another_interval_on_a_day_to_open(
    story(month("2024-01-01")).then("2024-01-01", &to_plan("a", yearly(), When::Immediate)),
    &["2024-01-01/2025-01-01 366/366", "2025-01-01/2026-01-01 365/365"]
)]
#[case::another_interval_next_period(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &to_plan("a", yearly(), When::NextPeriod)),
    &["2024-01-01/2024-02-01 31/31", "2024-02-01/2025-01-01 335/366", "2025-01-01/2026-01-01 365/365"]
)]
#[case::another_plan(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &to_plan("b", MONTH, When::Immediate)),
    &["2024-01-01/2024-02-01 31/31", "2024-02-01/2024-03-01 29/29"]
)]
#[case::pause(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &PAUSE),
    &["2024-01-01/2024-02-01 31/31", "2024-02-01/2024-03-01 29/29"]
)]
#[case::canceled_now(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &Change::Cancel { when: CancelWhen::Now }),
    &["2024-01-01/2024-01-12 11/31"]
)]
#[case::canceled_at_the_end(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &Change::Cancel { when: CancelWhen::PeriodEnd }),
    &["2024-01-01/2024-02-01 31/31"]
)]
#[case::canceled_later(
    story(month("2024-01-01")).ran(1).then("2024-01-11", &cancel_on("2024-02-10")),
    &["2024-01-01/2024-02-01 31/31", "2024-02-01/2024-02-11 10/29"]
)]
#[case::canceled_in_its_trial(
    story(Start { trial: Some(Trial::Days(14)), ..month("2024-01-10") })
        .ran(1).then("2024-01-11", &Change::Cancel { when: CancelWhen::PeriodEnd }),
    &["2024-01-10/2024-01-24 14/31"]
)]
#[case::never_started(story(month("2024-01-10")).then("2024-01-02", &Change::Cancel { when: CancelWhen::Now }), &[])]
fn periods_follow_the_terms(#[case] story: Story, #[case] expect: &[&str]) {
    let got = periods(&story.subscription, 3);
    // A row that says fewer than three says where they begin, or all there are.
    let is_over = story.subscription.terms.iter().any(|term| term.phase == Phase::Ended);
    let shown = if is_over { got.len() } else { expect.len() };
    assert_eq!(got[..shown], *expect);
}

#[test]
fn runs_are_due_at_the_bounds_of_periods() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let story =
        story(Start { time_zone: berlin, ..month("2024-03-10") }).ran(1).then("2024-03-10", &cancel_on("2024-04-02"));
    let due = |run| {
        let due = story.subscription.due_at(run, SignedDuration::from_hours(1)).unwrap();
        due.map_or("never".to_owned(), |due| due.to_string())
    };
    assert_eq!(due(0), "2024-03-09T23:00:00Z");
    assert_eq!(due(1), "2024-03-31T23:00:00Z");
    assert_eq!(due(2), "2024-04-02T23:00:00Z");
    assert_eq!(due(3), "never");
}

#[test]
fn what_ends_before_it_starts_is_never_due() {
    let story = story(month("2024-01-10")).then("2024-01-02", &Change::Cancel { when: CancelWhen::Now });
    for run in 0..3 {
        assert_eq!(story.subscription.due_at(run, SignedDuration::ZERO), Ok(None));
        assert_eq!(story.run(run, 1), Vec::new());
    }
}

#[test]
fn a_day_knows_its_period_and_its_term() {
    let story = story(month("2024-01-10")).ran(1).then("2024-01-12", &to_plan("b", MONTH, When::NextPeriod));
    let subscription = &story.subscription;
    let on = |text: &str| subscription.period_on(day(text)).unwrap().map(|(n, period)| (n, period.first_day));
    assert_eq!(on("2024-01-09"), None);
    assert_eq!(on("2024-01-31"), Some((0, day("2024-01-10"))));
    assert_eq!(on("2024-02-01"), Some((1, day("2024-02-01"))));
    assert_eq!(subscription.term_on(day("2024-01-09")), None);
    assert_eq!(subscription.term_on(day("2024-01-31")).unwrap().plan, plan("a"));
    assert_eq!(subscription.term_on(day("2024-02-01")).unwrap().plan, plan("b"));
}

#[test]
fn each_run_has_its_invoice() {
    let id = SubscriptionId::derived(&["sub"]);
    assert_eq!(run_invoice_id(id, 1), invoice_id(id, 0));
    assert_ne!(run_invoice_id(id, 0), invoice_id(id, 0));
    // The id that the first invoices were stored under.
    assert_eq!(invoice_id(id, 0), InvoiceId::derived(&["invoice", &id.to_string(), "0"]));
    let story = story(month("2024-01-10")).then("2024-01-10", &cancel_on("2024-01-12"));
    let days = |run| story.subscription.invoice_period(run).unwrap().map(|period| (period.first_day, period.end_day));
    assert_eq!(days(0), Some((day("2024-01-10"), day("2024-02-01"))));
    assert_eq!(days(1), Some((day("2024-01-10"), day("2024-01-13"))));
    assert_eq!(days(2), None);
}
