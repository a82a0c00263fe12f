//! Changes: what each is refused for, and what undoing leaves.

use super::*;
use rstest::rstest;

const SOLD: &[Sold<'_>] = &[
    ("a", MONTH, 1_000, &[("seats", "seats 5 inAdvance"), ("calls", "usage 1")]),
    ("b", MONTH, 2_000, &[("seats", "seats 9 inAdvance"), ("desks", "seats 3 inArrears")]),
];
const NOW: Change = Change::Cancel { when: CancelWhen::Now };
const PERIOD_END: Change = Change::Cancel { when: CancelWhen::PeriodEnd };

fn story() -> Story {
    Story::new(start("a", MONTH, "2024-03-01", &[("seats", 2)]), SOLD).ran(1)
}

fn future() -> Story {
    Story::new(start("a", MONTH, "2024-05-10", &[]), SOLD)
}

fn in_trial() -> Story {
    Story::new(Start { trial: Some(Trial::Days(14)), ..start("a", MONTH, "2024-03-01", &[]) }, SOLD).ran(1)
}

fn upgrade(when: When) -> Change {
    to_plan("b", MONTH, when)
}

fn euros() -> Change {
    let currency = "EUR".parse().unwrap();
    let offer = OfferKey { interval: MONTH, currency };
    Change::Plan { to: plan("b"), offer, seats: BTreeMap::new(), when: When::Immediate }
}

fn in_euros() -> Story {
    let mut story = story();
    let offer =
        Offer { interval: MONTH, base_fee: Money::zero("EUR".parse().unwrap()), prices: vec![price("x", "usage 1")] };
    story.offers.insert(plan("b"), Offered { plan_name: "b".to_owned(), offer });
    story
}

fn with_seats(licensed: &[(&str, u64)]) -> Change {
    Change::Plan { to: plan("b"), offer: key_of(MONTH), seats: seats(licensed), when: When::Immediate }
}

#[rstest]
#[case::undo_nothing(story(), "2024-03-09", Change::Undo, "nothing_pending")]
#[case::undo_what_is_in_effect(
    story().then("2024-03-08", &upgrade(When::Immediate)), "2024-03-09", Change::Undo, "nothing_pending"
)]
#[case::undo_the_end(story().then("2024-03-08", &NOW), "2024-03-09", Change::Undo, "nothing_pending")]
#[case::undo_the_creation(future(), "2024-03-09", Change::Undo, "nothing_pending")]
#[case::undo_the_end_of_a_trial(in_trial(), "2024-03-09", Change::Undo, "nothing_pending")]
#[case::undo_what_a_trial_began_with(
    in_trial().then("2024-03-08", &upgrade(When::Immediate)), "2024-03-09", Change::Undo, "nothing_pending"
)]
#[case::canceled(
    story().then("2024-03-08", &NOW), "2024-03-09", upgrade(When::Immediate), "subscription_canceled"
)]
#[case::canceled_twice(story().then("2024-03-08", &NOW), "2024-03-09", NOW, "subscription_canceled")]
#[case::pending(
    story().then("2024-03-08", &upgrade(When::NextPeriod)), "2024-03-09", upgrade(When::Immediate), "change_pending"
)]
#[case::pause_while_pending(
    story().then("2024-03-08", &upgrade(When::NextPeriod)), "2024-03-09", PAUSE, "change_pending"
)]
#[case::canceled_soon(
    story().then("2024-03-08", &NOW), "2024-03-08", to_seats("seats", 3, When::Immediate), "change_pending"
)]
#[case::same_plan(story(), "2024-03-09", to_plan("a", MONTH, When::Immediate), "already_on_plan")]
#[case::no_such_plan(story(), "2024-03-09", to_plan("c", MONTH, When::Immediate), "unknown_offer")]
#[case::no_such_interval(
    story(),
    "2024-03-09",
    to_plan("b", every(IntervalUnit::Year, 1), When::Immediate),
    "unknown_offer"
)]
#[case::another_currency(in_euros(), "2024-03-09", euros(), "currency_mismatch")]
#[case::no_such_seats(story(), "2024-03-09", to_seats("desks", 3, When::Immediate), "unknown_seats")]
#[case::seats_of_usage(story(), "2024-03-09", to_seats("calls", 3, When::Immediate), "unknown_seats")]
#[case::too_many_seats(story(), "2024-03-09", to_seats("seats", 1_000_001, When::Immediate), "seats_out_of_range")]
#[case::same_seats(story(), "2024-03-09", to_seats("seats", 2, When::Immediate), "same_quantity")]
#[case::plan_without_such_seats(story(), "2024-03-09", with_seats(&[("calls", 3)]), "unknown_seats")]
#[case::plan_with_too_many(story(), "2024-03-09", with_seats(&[("desks", 1_000_001)]), "seats_out_of_range")]
#[case::paused_twice(story().then("2024-03-08", &PAUSE), "2024-03-09", PAUSE, "already_paused")]
#[case::not_paused(story(), "2024-03-09", Change::Resume, "not_paused")]
#[case::pause_in_a_trial(in_trial(), "2024-03-09", PAUSE, "in_trial")]
#[case::resume_a_trial(in_trial(), "2024-03-09", Change::Resume, "not_paused")]
#[case::pause_before_the_start(future(), "2024-03-09", PAUSE, "not_started")]
#[case::resume_before_the_start(future(), "2024-03-09", Change::Resume, "not_started")]
#[case::cancel_yesterday(story(), "2024-03-09", cancel_on("2024-03-08"), "date_in_past")]
#[case::cancel_a_closed_period(story().ran(2), "2024-04-09", cancel_on("2024-03-31"), "change_in_closed_period")]
#[case::change_a_closed_period(story().ran(3), "2024-04-09", upgrade(When::Immediate), "change_in_closed_period")]
#[case::cancel_after_all_time(story(), "2024-03-09", cancel_on("9999-12-31"), "date_out_of_range")]
fn a_change_is_refused_by_a_code(
    #[case] story: Story,
    #[case] today: &str,
    #[case] change: Change,
    #[case] expect: &str,
) {
    assert_eq!(story.decide(today, &change).unwrap_err().code, expect);
}

#[rstest]
#[case::largest(story(), "2024-03-09", to_seats("seats", SEATS_MAX, When::Immediate), "2024-03-09")]
#[case::today(story(), "2024-03-09", upgrade(When::Immediate), "2024-03-09")]
#[case::next_period(story(), "2024-03-09", upgrade(When::NextPeriod), "2024-04-01")]
#[case::after_the_trial(in_trial(), "2024-03-09", upgrade(When::NextPeriod), "2024-03-15")]
#[case::before_the_start(future(), "2024-03-09", upgrade(When::Immediate), "2024-05-10")]
#[case::before_the_start_of_the_next(future(), "2024-03-09", upgrade(When::NextPeriod), "2024-05-10")]
#[case::on_the_first_open_day(story().ran(2), "2024-04-01", upgrade(When::Immediate), "2024-04-01")]
#[case::while_paused(story().then("2024-03-08", &PAUSE), "2024-03-09", upgrade(When::Immediate), "2024-03-09")]
#[case::cancel_tomorrow(story(), "2024-03-09", cancel_on("2024-03-10"), "2024-03-11")]
#[case::cancel_today(story(), "2024-03-09", cancel_on("2024-03-09"), "2024-03-10")]
#[case::cancel_instead(story().then("2024-03-08", &upgrade(When::NextPeriod)), "2024-03-09", PERIOD_END, "2024-04-01")]
#[case::cancel_sooner(story().then("2024-03-08", &PERIOD_END), "2024-03-09", NOW, "2024-03-10")]
#[case::cancel_later(story().then("2024-03-08", &PERIOD_END), "2024-03-09", cancel_on("2024-06-30"), "2024-07-01")]
#[case::cancel_before_the_start(future(), "2024-03-09", PERIOD_END, "2024-05-10")]
#[case::cancel_a_pause(story().then("2024-03-08", &PAUSE), "2024-03-09", PERIOD_END, "2024-04-01")]
#[case::undo(story().then("2024-03-08", &upgrade(When::NextPeriod)), "2024-03-09", Change::Undo, "2024-04-01")]
#[case::undo_the_end(story().then("2024-03-08", &NOW), "2024-03-08", Change::Undo, "2024-03-09")]
fn a_change_has_its_first_day(#[case] story: Story, #[case] today: &str, #[case] change: Change, #[case] expect: &str) {
    let changed = story.decide(today, &change).unwrap();
    assert_eq!(changed.from, day(expect));
    assert_eq!(changed.after.revision, story.subscription.revision + 1);
}

#[test]
fn seats_are_kept_by_their_key() {
    let story = story().then("2024-03-09", &upgrade(When::Immediate));
    assert_eq!(story.subscription.term_on(day("2024-03-09")).unwrap().seats, seats(&[("seats", 2), ("desks", 1)]));
    let sent = self::story().then("2024-03-09", &with_seats(&[("desks", 0), ("seats", 7)]));
    assert_eq!(sent.subscription.term_on(day("2024-03-09")).unwrap().seats, seats(&[("seats", 7), ("desks", 0)]));
}

#[test]
fn a_change_in_a_trial_outlives_it() {
    let story = in_trial().then("2024-03-05", &upgrade(When::Immediate));
    let on = |text: &str| story.subscription.term_on(day(text)).map(|term| (term.phase, term.plan)).unwrap();
    assert_eq!(on("2024-03-05"), (Phase::Trial, plan("b")));
    assert_eq!(on("2024-03-15"), (Phase::Active, plan("b")));
    assert_eq!(on("2024-03-04"), (Phase::Trial, plan("a")));
}

#[test]
fn a_resumed_subscription_is_as_it_was() {
    let story = story().then("2024-03-05", &PAUSE).then("2024-03-06", &upgrade(When::Immediate));
    let paused = story.subscription.term_on(day("2024-03-06")).unwrap();
    assert_eq!((paused.phase, paused.plan), (Phase::Paused { usage: PausedUsage::Free }, plan("b")));
    let story = story.then("2024-03-07", &Change::Resume);
    let resumed = story.subscription.term_on(day("2024-03-07")).unwrap();
    assert_eq!((resumed.phase, resumed.plan), (Phase::Active, plan("b")));
}

#[test]
fn history_tells_who_came_first() {
    let story = in_trial().then("2024-03-05", &upgrade(When::Immediate)).then("2024-03-06", &PERIOD_END);
    let facts: Vec<(u64, String, u32)> = story
        .subscription
        .history()
        .iter()
        .map(|term| (term.revision, term.from.to_string(), term.made_in_run))
        .collect();
    let expect =
        [(0, "2024-03-01", 0), (0, "2024-03-15", 0), (2, "2024-03-05", 1), (2, "2024-03-15", 1), (3, "2024-03-15", 1)];
    assert_eq!(facts, expect.map(|(revision, from, run)| (revision, from.to_owned(), run)));
}

#[test]
fn an_end_takes_the_place_of_what_was_pending() {
    let ended = story().then("2024-03-08", &upgrade(When::NextPeriod)).then("2024-03-09", &PERIOD_END);
    assert_eq!(ended.subscription.terms.len(), 2);
    assert_eq!(ended.subscription.pending(day("2024-03-09")).unwrap().phase, Phase::Ended);
    let undone = ended.then("2024-03-10", &Change::Undo).subscription;
    assert_eq!((undone.terms, undone.revision), (story().subscription.terms, 4));
}

#[test]
fn there_is_room_for_an_end() {
    let mut story = story();
    for count in 3.. {
        match story.decide("2024-03-09", &to_seats("seats", count, When::Immediate)) {
            Ok(changed) => story.subscription = changed.after,
            Err(refusal) => {
                assert_eq!((refusal.code, story.subscription.terms.len()), ("too_many_changes", TERMS_MAX));
                break;
            }
        }
    }
    let ended = story.then("2024-03-09", &NOW);
    assert_eq!(ended.decide("2024-03-10", &Change::Resume).unwrap_err().code, "subscription_canceled");
}

#[rstest]
#[case::no_trial(Some(Trial::Days(0)), "a", &[], "trial_out_of_range")]
#[case::long_trial(Some(Trial::Days(731)), "a", &[], "trial_out_of_range")]
#[case::past_trial(Some(Trial::Until(day("2024-03-01"))), "a", &[], "trial_out_of_range")]
#[case::far_trial(Some(Trial::Until(day("2026-03-02"))), "a", &[], "trial_out_of_range")]
#[case::no_plan(None, "c", &[], "unknown_offer")]
#[case::no_seats(None, "a", &[("desks", 1)], "unknown_seats")]
fn a_start_is_refused_by_a_code(
    #[case] trial: Option<Trial>,
    #[case] name: &str,
    #[case] licensed: &[(&str, u64)],
    #[case] expect: &str,
) {
    let start = Start { trial, ..start(name, MONTH, "2024-03-01", licensed) };
    assert_eq!(Subscription::start(start, now(), &offers(SOLD)).unwrap_err().code, expect);
}
