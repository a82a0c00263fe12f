//! What an add-on and what is charged once come to, and what may happen to them.

use super::*;
use rstest::rstest;

/// A plan of two intervals, another one, and add-ons: of fees, of usage, and one of the month alone.
const SOLD: &[Sold<'_>] = &[
    ("a", MONTH, 3_100, &[("calls", "usage 1"), ("setup", "flat 50 once")]),
    ("b", MONTH, 6_200, &[("calls", "usage 2"), ("setup", "flat 80 once")]),
    ("support", MONTH, 3_100, &[("setup", "flat 99 once"), ("desk", "seats 31 inAdvance")]),
    ("storage", MONTH, 0, &[("calls", "usage 3"), ("fee", "flat 6.2 inArrears")]),
];

fn story(starts_on: &str) -> Story {
    Story::new(start("a", MONTH, starts_on, &[]), SOLD)
}

fn add(name: &str, when: When) -> Change {
    Change::AddOn { add_on: slug(name), to: plan(name), seats: BTreeMap::new(), when }
}

fn remove(name: &str, when: When) -> Change {
    Change::RemoveAddOn { add_on: slug(name), when }
}

fn with(name: &str, trial: Option<Trial>) -> Story {
    let add_ons = [(slug(name), AddOn { plan: plan(name), seats: BTreeMap::new() })].into();
    Story::new(Start { add_ons, trial, ..start("a", MONTH, "2024-03-01", &[]) }, SOLD)
}

#[test]
fn an_add_on_is_charged_beside_the_plan_from_the_start() {
    let story = with("support", None);
    let opened = story.texts(0, 0);
    assert_eq!(
        opened,
        ["support:desk 3100", "setup 5000 2024-03-01..2024-03-01", "support:setup 9900 2024-03-01..2024-03-01",]
    );
    let names: Vec<String> = story.run(0, 0).into_iter().map(|line| line.description).collect();
    assert_eq!(names, ["support – desk", "setup", "support – setup"]);
    // Only what recurs is charged again, and the next period's desk.
    let closed = story.ran(1).texts(1, 4);
    assert_eq!(closed, ["base 3100", "calls 400", "support:base 3100", "support:desk 3100 2024-04-01..2024-04-30"]);
}

#[test]
fn an_add_on_that_comes_and_goes_is_charged_by_its_days() {
    let story = story("2024-03-01").ran(1).then("2024-03-11", &add("support", When::Immediate));
    // 21 of 31 days: 21.00 of the base fee and of the desk, and the whole of what is charged once.
    let added = [
        "support:base@2024-03-11 2100 2024-03-11..2024-03-31",
        "support:desk@2024-03-11 2100 2024-03-11..2024-03-31",
        "support:setup@2024-03-11 9900 2024-03-11..2024-03-11",
        "support:desk 3100 2024-04-01..2024-04-30",
    ];
    assert_eq!(story.texts(1, 0)[2..], added);
    let removed = story.then("2024-03-21", &remove("support", When::Immediate));
    // 10 of 31 days stay, 11 of the desk are credited; what is charged once is not.
    assert_eq!(
        removed.texts(1, 0)[2..],
        [
            "support:base@2024-03-11 1000 2024-03-11..2024-03-20",
            "support:desk@2024-03-11 2100 2024-03-11..2024-03-31",
            "support:desk.credit@2024-03-21 -1100 2024-03-21..2024-03-31",
            "support:setup@2024-03-11 9900 2024-03-11..2024-03-11",
        ]
    );
}

#[test]
fn usage_of_an_add_on_is_counted_on_its_days_and_does_not_split_the_plans() {
    let story = story("2024-03-01").ran(1).then("2024-03-11", &add("storage", When::Immediate));
    let wanted = story.subscription.usage_wanted(1, &story.offers).unwrap();
    let spans = |wanted: &UsageWanted| {
        let span = wanted.spans[0];
        let add_on = wanted.key.add_on.as_ref().map_or("-", Slug::as_str);
        assert_eq!(wanted.spans.len(), 1);
        format!("{add_on} {} {}/{}", wanted.key.price, span.start(), span.end())
    };
    let texts: Vec<String> = wanted.iter().map(spans).collect();
    assert_eq!(
        texts,
        [
            "- calls 2024-03-01T00:00:00Z/2024-04-01T00:00:00Z",
            "storage calls 2024-03-11T00:00:00Z/2024-04-01T00:00:00Z",
        ]
    );
    // 21 of 31 days of 6.20; usage is never prorated.
    assert_eq!(
        story.texts(1, 5),
        [
            "base 3100".to_owned(),
            "calls 500".to_owned(),
            "storage:calls@2024-03-11 1500 2024-03-11..2024-03-31".to_owned(),
            "storage:fee@2024-03-11 420 2024-03-11..2024-03-31".to_owned(),
        ]
    );
    // Another plan begins its usage afresh, and the add-on's goes on.
    let moved = story.then("2024-03-21", &to_plan("b", MONTH, When::Immediate));
    assert_eq!(
        moved.texts(1, 5),
        [
            "base 2000 2024-03-01..2024-03-20",
            "calls 500 2024-03-01..2024-03-20",
            "base@2024-03-21 2200 2024-03-21..2024-03-31",
            "calls@2024-03-21 1000 2024-03-21..2024-03-31",
            "storage:calls@2024-03-11 1500 2024-03-11..2024-03-31",
            "storage:fee@2024-03-11 420 2024-03-11..2024-03-31",
            "setup@2024-03-21 8000 2024-03-21..2024-03-21",
        ]
    );
}

#[rstest]
#[case::pause(&[("2024-03-05", PAUSE), ("2024-03-09", Change::Resume)], &[])]
#[case::another_number_of_desks(&[("2024-03-05", desks(3))], &[])]
#[case::taken_away_and_back(
    &[("2024-03-05", remove("support", When::Immediate)), ("2024-03-09", add("support", When::Immediate))],
    &["support:setup@2024-03-09 9900 2024-03-09..2024-03-09"]
)]
#[case::taken_away_and_back_on_one_day(
    &[("2024-03-05", remove("support", When::Immediate)), ("2024-03-05", add("support", When::Immediate))], &[]
)]
#[case::to_a_plan_and_back(
    &[("2024-03-05", to_plan("b", MONTH, When::Immediate)), ("2024-03-09", to_plan("a", MONTH, When::Immediate))],
    &["setup@2024-03-05 8000 2024-03-05..2024-03-05", "setup@2024-03-09 5000 2024-03-09..2024-03-09"]
)]
#[case::to_a_plan_on_the_first_day(
    &[("2024-03-01", to_plan("b", MONTH, When::Immediate))],
    &["setup@2024-03-01 8000 2024-03-01..2024-03-01"]
)]
#[case::to_a_plan_and_back_on_the_first_day(
    &[("2024-03-01", to_plan("b", MONTH, When::Immediate)), ("2024-03-01", to_plan("a", MONTH, When::Immediate))], &[]
)]
fn what_is_charged_once_is_charged_when_it_begins(#[case] changes: &[(&str, Change)], #[case] expect: &[&str]) {
    let mut story = with("support", None).ran(1);
    for (today, change) in changes {
        story = story.then(today, change);
    }
    let lines = story.texts(1, 0);
    let once: Vec<&String> = lines.iter().filter(|line| line.contains("setup")).collect();
    assert_eq!(once, expect);
    let later = story.ran(2).texts(2, 0);
    assert!(!later.iter().any(|line| line.contains("setup")), "{later:?}");
}

fn desks(quantity: u64) -> Change {
    Change::Seats { add_on: Some(slug("support")), price: slug("desk"), quantity, when: When::Immediate }
}

#[test]
fn what_is_charged_once_waits_for_the_end_of_a_trial() {
    let story = with("support", Some(Trial::Days(7)));
    assert_eq!(story.texts(0, 0), Vec::<String>::new());
    let opened: Vec<String> = story.ran(1).texts(1, 0).into_iter().filter(|line| line.contains("setup")).collect();
    assert_eq!(opened, ["setup 5000 2024-03-08..2024-03-08", "support:setup 9900 2024-03-08..2024-03-08"]);
}

#[test]
fn seats_of_an_add_on_are_its_own() {
    let story = with("support", None).ran(1).then("2024-03-21", &desks(3));
    // Credit 31 × 11 ÷ 31, charge 3 × 31 × 11 ÷ 31.
    assert_eq!(
        story.texts(1, 0)[3..],
        [
            "support:desk.credit@2024-03-21 -1100 2024-03-21..2024-03-31",
            "support:desk@2024-03-21 3300 2024-03-21..2024-03-31",
            "support:desk 9300 2024-04-01..2024-04-30",
        ]
    );
}

#[rstest]
#[case::there_already(add("support", When::Immediate), "already_added")]
#[case::not_sold_for_the_interval(
    Change::AddOn { add_on: slug("yearly"), to: plan("yearly"), seats: BTreeMap::new(), when: When::NextPeriod },
    "add_on_not_offered"
)]
#[case::not_there(remove("storage", When::Immediate), "unknown_add_on")]
#[case::seats_of_none(
    Change::Seats { add_on: Some(slug("storage")), price: slug("desk"), quantity: 2, when: When::Immediate }, "unknown_add_on"
)]
#[case::seats_of_another_price(
    Change::Seats { add_on: Some(slug("support")), price: slug("setup"), quantity: 2, when: When::Immediate }, "unknown_seats"
)]
#[case::as_many(desks(1), "same_quantity")]
#[case::too_many(desks(1_000_001), "seats_out_of_range")]
#[case::unknown_seats(
    Change::AddOn { add_on: slug("storage"), to: plan("storage"), seats: seats(&[("desk", 1)]), when: When::Immediate },
    "unknown_seats"
)]
#[case::plan_of_an_interval_without_it(
    to_plan("yearly", every(IntervalUnit::Year, 1), When::NextPeriod),
    "add_on_not_offered"
)]
fn a_change_is_refused(#[case] change: Change, #[case] code: &str) {
    let mut story = with("support", None).ran(1);
    story.offers.extend(offers(&[("yearly", every(IntervalUnit::Year, 1), 0, &[])]));
    assert_eq!(story.decide("2024-03-05", &change).unwrap_err().code, code);
}

#[test]
fn a_subscription_has_twenty_add_ons() {
    let names: Vec<String> = (0..=20).map(|n| format!("x{n}")).collect();
    let sold: Vec<Sold<'_>> = names.iter().map(|name| (name.as_str(), MONTH, 0, &[] as _)).chain([SOLD[0]]).collect();
    let mut story = Story::new(start("a", MONTH, "2024-03-01", &[]), &sold).ran(1);
    for name in &names[..20] {
        story = story.then("2024-03-05", &add(name, When::Immediate));
    }
    assert_eq!(story.decide("2024-03-05", &add("x20", When::Immediate)).unwrap_err().code, "too_many_add_ons");
    let again = AddOn { plan: plan("x0"), seats: BTreeMap::new() };
    let begins = |count: usize| {
        let add_ons = names[..count].iter().map(|name| (slug(name), again.clone())).collect();
        let start = Start { add_ons, ..start("a", MONTH, "2024-03-01", &[]) };
        Subscription::start(start, now(), &story.offers)
    };
    assert_eq!(begins(20).unwrap().terms[0].add_ons.len(), 20);
    let refused = begins(21).unwrap_err();
    assert_eq!((refused.pointer.as_str(), refused.code), ("/addOns", "too_many_add_ons"));
}

#[test]
fn a_pending_add_on_is_undone() {
    let story = story("2024-03-01").ran(1);
    let changed = story.clone().then("2024-03-05", &add("support", When::NextPeriod));
    assert!(changed.subscription.term_on(day("2024-04-01")).unwrap().add_ons.contains_key(&slug("support")));
    let undone = changed.then("2024-03-06", &Change::Undo);
    assert_eq!(undone.subscription.terms, story.subscription.terms);
}
