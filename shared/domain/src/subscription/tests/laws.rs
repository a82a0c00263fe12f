//! Laws over arbitrary stories: days pass, changes are asked for, and runs are made when they are due or late.

use super::*;
use crate::{
    calendar,
    catalog::{Charge, Timing},
    rating::DayShare,
    subscription::{charges::RunLines, term::Item},
};
use jiff::ToSpan;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Plans and add-ons that share keys, some of them with other timings, so that keys meet. Each add-on is sold for the
/// intervals of all plans.
fn sold() -> Vec<Sold<'static>> {
    let quarter = every(IntervalUnit::Quarter, 1);
    let x: &[(&str, &str)] =
        &[("flat", "flat 3.1 inArrears"), ("seats", "seats 2.5 inAdvance"), ("calls", "usage 0.5")];
    let y: &[(&str, &str)] = &[("seats", "seats 4 inArrears"), ("setup", "flat 9 once"), ("calls", "flat 1 inAdvance")];
    vec![
        ("x", MONTH, 700, x),
        ("x", quarter, 2_000, x),
        ("y", MONTH, 0, y),
        ("y", quarter, 0, y),
        (
            "a",
            MONTH,
            1_000,
            &[
                ("flat", "flat 20 inAdvance"),
                ("seats", "seats 7.77 inAdvance"),
                ("calls", "usage 1.5"),
                ("setup", "flat 5 once"),
            ],
        ),
        (
            "b",
            MONTH,
            2_345,
            &[
                ("flat", "flat 33.33 inArrears"),
                ("seats", "seats 9 inAdvance"),
                ("calls", "flat 4.2 inAdvance"),
                ("more", "floor 31"),
            ],
        ),
        (
            "c",
            quarter,
            5_000,
            &[("flat", "flat 50 inAdvance"), ("calls", "trial-usage 2"), ("seats", "seats 19 inArrears")],
        ),
        ("d", MONTH, 0, &[("flat", "flat 20 inAdvance"), ("seats", "seats 8 inAdvance")]),
    ]
}

const PLANS: [&str; 4] = ["a", "b", "c", "d"];

/// One step: days that pass, what is asked for, a number for it, and how many days late runs are.
type Step = (u8, u8, u8, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some runs wait for months, as those of a subscription that starts in the past do.
    let late = prop_oneof![4 => 0_u8..4, 1 => 0_u8..120];
    prop::collection::vec((0_u8..14, 0_u8..13, any::<u8>(), late), 0..16)
}

fn begins() -> impl Strategy<Value = Start> {
    (0_i64..800, 0_usize..4, any::<bool>(), prop::option::of(1_u32..60), any::<bool>()).prop_map(
        |(days, index, anniversary, trial, berlin)| {
            let interval = if PLANS[index] == "c" { every(IntervalUnit::Quarter, 1) } else { MONTH };
            Start {
                anchor: if anniversary { Anchor::Anniversary } else { Anchor::Calendar },
                starts_on: day("2023-01-01").checked_add(days.days()).unwrap(),
                trial: trial.map(Trial::Days),
                time_zone: TimeZone::get(if berlin { "Europe/Berlin" } else { "America/New_York" }).unwrap(),
                ..start(PLANS[index], interval, "2023-01-01", &[])
            }
        },
    )
}

/// A line that a preview showed, until a later change may have replaced it.
struct Shown {
    line: PreviewLine,
    from: Date,
    revision: u64,
    is_correction: bool,
}

/// A story as it is lived: what each run charged at its time stays written.
struct Life {
    story: Story,
    today: Date,
    made: Vec<RunLines>,
    shown: Vec<Shown>,
}

impl Life {
    fn lived(begin: Start, steps: &[Step]) -> Self {
        let today = begin.starts_on;
        let mut life = Self { story: Story::new(begin, &sold()), today, made: Vec::new(), shown: Vec::new() };
        for (days, action, number, late) in steps {
            life.today = life.today.checked_add(i64::from(*days).days()).unwrap();
            life.catch_up(*late);
            life.ask(*action, *number);
        }
        life
    }

    fn catch_up(&mut self, late: u8) {
        let last = self.today.checked_sub(i64::from(late).days()).unwrap();
        let until = last.to_zoned(self.story.subscription.time_zone.clone()).unwrap().timestamp();
        loop {
            let run = self.story.subscription.next_run;
            let due = self.story.subscription.due_at(run, SignedDuration::ZERO).unwrap();
            if due.is_none_or(|due| due > until) {
                return;
            }
            let lines = run_lines(&self.story, run);
            let all = lines.clone().all();
            for shown in self.shown.iter().filter(|shown| shown.line.run == run) {
                assert!(all.contains(&shown.line.line), "run {run} lacks {:?}", shown.line.line);
            }
            self.made.push(lines);
            self.story.subscription = self.story.subscription.after_run().unwrap();
        }
    }

    fn ask(&mut self, action: u8, number: u8) {
        let when = if number.is_multiple_of(2) { When::Immediate } else { When::NextPeriod };
        let change = match action {
            0..=2 => {
                let name = PLANS[usize::from(number / 2 % 4)];
                let interval = if name == "c" { every(IntervalUnit::Quarter, 1) } else { MONTH };
                to_plan(name, interval, when)
            }
            3..=5 => to_seats("seats", u64::from(number / 2 % 5), when),
            6 => PAUSE,
            7 => Change::Resume,
            10 => {
                let name = if (number / 2).is_multiple_of(2) { "x" } else { "y" };
                Change::AddOn { add_on: slug(name), to: plan(name), seats: BTreeMap::new(), when }
            }
            11 => Change::RemoveAddOn { add_on: slug(if (number / 2).is_multiple_of(2) { "x" } else { "y" }), when },
            12 => {
                let add_on = Some(slug(if (number / 2).is_multiple_of(2) { "x" } else { "y" }));
                Change::Seats { add_on, price: slug("seats"), quantity: u64::from(number / 4 % 5), when }
            }
            8 if number < 40 => cancel_on(&self.today.checked_add(i64::from(number).days()).unwrap().to_string()),
            _ => Change::Undo,
        };
        let before = &self.story.subscription;
        let Ok(changed) = before.change(&change, self.today, now(), &self.story.offers) else { return };
        if before.pending(self.today).is_none() && changed.after.pending(self.today).is_some() {
            let undone = changed.after.change(&Change::Undo, self.today, now(), &self.story.offers).unwrap();
            assert_eq!((&undone.after.terms, undone.from), (&before.terms, changed.from));
        }
        let lines = preview(before, &changed, &self.story.offers).unwrap();
        let (story, from) = (Story { subscription: changed.after, ..self.story.clone() }, changed.from);
        let stands = |shown: &Shown| story.subscription.terms.iter().any(|term| term.revision == shown.revision);
        self.shown.retain(|shown| shown.is_correction && shown.from < from && stands(shown));
        let revision = story.subscription.revision;
        for line in lines {
            let run = run_lines(&story, line.run);
            let is_correction = run.corrections.contains(&line.line);
            assert!(run.all().contains(&line.line), "{change:?} shows {line:?}");
            self.shown.push(Shown { line, from, revision, is_correction });
        }
        self.story = story;
    }
}

/// The lines of a run, where every usage was of 4 units.
fn run_lines(story: &Story, run: u32) -> RunLines {
    let wanted = story.subscription.usage_wanted(run, &story.offers).unwrap();
    let counted = Counted { usage: Usage::Quantity(4.into()), evidence: None };
    let usage = wanted.into_iter().map(|wanted| (wanted.key, counted.clone())).collect();
    story.subscription.run_lines(run, &story.offers, Some(&usage)).unwrap()
}

/// What the fees in advance of a whole interval come to on `today`, by its own term.
fn fees_on(story: &Story, today: Date) -> Decimal {
    let term = story.subscription.term_on(today).unwrap();
    if term.phase != Phase::Active {
        return Decimal::ZERO;
    }
    let mut sum = Decimal::ZERO;
    for item in term.items() {
        for price in &story.offers.get(item.plan, term.offer).unwrap().offer.prices {
            sum += match price.charge() {
                Charge::Flat { amount, timing: Timing::InAdvance } => amount.value(),
                Charge::Seats { unit_price, timing: Timing::InAdvance } => {
                    unit_price.value() * Decimal::from(item.seats[price.key()])
                }
                Charge::Flat { .. } | Charge::Seats { .. } | Charge::OneTime { .. } | Charge::Usage(_) => Decimal::ZERO,
            };
        }
    }
    sum
}

/// Whether a line is of what is charged once.
fn is_once(line: &Line) -> bool {
    line.key.split('@').next().is_some_and(|key| key.ends_with("setup"))
}

fn days_of(period: &BillingPeriod) -> Vec<Date> {
    (0..period.active_days).map(|n| period.first_day.checked_add(i64::from(n).days()).unwrap()).collect()
}

proptest! {
    #[test]
    fn periods_touch_until_the_end(begin in begins(), steps in steps()) {
        let subscription = Life::lived(begin, &steps).story.subscription;
        let end = subscription.terms.iter().find(|term| term.phase == Phase::Ended).map(|term| term.from);
        let mut next = subscription.starts_on;
        for n in 0..40 {
            let Some(period) = subscription.period(n).unwrap() else {
                prop_assert_eq!(end, Some(next));
                break;
            };
            prop_assert_eq!(period.first_day, next);
            prop_assert_eq!(calendar::days(period.first_day, period.end_day).unwrap(), period.active_days);
            prop_assert!(0 < period.active_days && period.active_days <= period.full_days);
            prop_assert!(end.is_none_or(|end| period.end_day <= end));
            prop_assert_eq!(subscription.period_on(period.first_day).unwrap(), Some((n, period)));
            prop_assert_eq!(subscription.period_on(period.end_day.yesterday().unwrap()).unwrap(), Some((n, period)));
            next = period.end_day;
        }
    }

    #[test]
    fn what_a_run_has_charged_stays(begin in begins(), steps in steps()) {
        let life = Life::lived(begin, &steps);
        for (run, made) in (0..).zip(&life.made) {
            prop_assert_eq!(&run_lines(&life.story, run), made);
        }
    }

    #[test]
    fn each_line_of_a_run_has_its_own_key(begin in begins(), steps in steps()) {
        for made in Life::lived(begin, &steps).made {
            let lines = made.all();
            let keys: BTreeSet<&str> = lines.iter().map(|line| line.key.as_str()).collect();
            prop_assert_eq!(keys.len(), lines.len());
        }
    }

    #[test]
    fn advance_and_corrections_are_what_each_day_costs(begin in begins(), steps in steps()) {
        let life = Life::lived(begin, &steps);
        for (n, pair) in (0..).zip(life.made.windows(2)) {
            let period = life.story.subscription.period(n).unwrap().unwrap();
            let lines = pair[0].advance.iter().chain(&pair[1].corrections);
            let lines: Vec<&Line> = lines.filter(|line| !is_once(line)).collect();
            let days: Decimal = days_of(&period).into_iter().map(|day| fees_on(&life.story, day)).sum();
            let truth = days / Decimal::from(period.full_days);
            let exact: Decimal = lines.iter().map(|line| line.exact).sum();
            prop_assert!((exact - truth).abs() < Decimal::new(1, 15), "period {n}: {exact} is not {truth}");
            let charged: Decimal = lines.iter().map(|line| line.amount.major()).sum();
            let rounding = Decimal::new(5, 3) * Decimal::from(lines.len()) + Decimal::new(1, 15);
            prop_assert!((charged - truth).abs() <= rounding);
        }
    }

    #[test]
    fn what_is_charged_once_is_charged_whole_and_as_often_as_it_begins(begin in begins(), steps in steps()) {
        let life = Life::lived(begin, &steps);
        let mut present: BTreeSet<PlanId> = BTreeSet::new();
        for (n, pair) in (0..).zip(life.made.windows(2)) {
            let lines = pair[0].advance.iter().chain(&pair[1].corrections).filter(|line| is_once(line));
            let charged: Vec<(PlanId, Date)> = lines
                .map(|line| (line.source.as_ref().unwrap().plan.plan_id, line.days.unwrap().0))
                .collect();
            let period = life.story.subscription.period(n).unwrap().unwrap();
            for day in days_of(&period) {
                let term = life.story.subscription.term_on(day).unwrap();
                present.retain(|known| term.items().any(|item| item.plan.plan_id == *known));
                for item in term.items().filter(|_| term.phase == Phase::Active) {
                    let prices = &life.story.offers.get(item.plan, term.offer).unwrap().offer.prices;
                    let has_one = prices.iter().any(|price| matches!(price.charge(), Charge::OneTime { .. }));
                    let begins = present.insert(item.plan.plan_id) && has_one;
                    let times = charged.iter().filter(|charged| **charged == (item.plan.plan_id, day)).count();
                    // Nothing is taken back of what was taken away on the first day; what is there then is charged.
                    prop_assert!(times == usize::from(begins), "{times} times on {day}");
                }
            }
        }
    }

    #[test]
    fn usage_is_wanted_once_and_for_each_active_day(begin in begins(), steps in steps()) {
        let story = Life::lived(begin, &steps).story;
        for run in 1..8 {
            let Some(period) = story.subscription.period(run - 1).unwrap() else { break };
            let wanted = story.subscription.usage_wanted(run, &story.offers).unwrap();
            for day in days_of(&period) {
                let term = story.subscription.term_on(day).unwrap();
                let noon = day.at(12, 0, 0, 0).to_zoned(story.subscription.time_zone.clone()).unwrap().timestamp();
                let prices = |item: Item<'_>| story.offers.get(item.plan, term.offer).unwrap().offer.prices.clone();
                let prices = term.items().flat_map(|item| prices(item).into_iter().map(move |price| (item, price)));
                for (item, price) in prices {
                    let Charge::Usage(charge) = price.charge() else { continue };
                    let charged = match term.phase {
                        Phase::Active => true,
                        Phase::Trial => charge.is_charged_in_trial(),
                        Phase::Paused { .. } | Phase::Ended => false,
                    };
                    let times = wanted.iter().filter(|wanted| {
                        (wanted.plan, wanted.offer, &wanted.key.price) == (item.plan, term.offer, price.key())
                            && wanted.key.add_on.as_ref() == item.add_on
                            && wanted.spans.iter().any(|span| span.contains(noon))
                    });
                    prop_assert_eq!(times.count(), usize::from(charged), "{} on {}", price.key(), day);
                }
            }
            let whole = period.period;
            for span in wanted.iter().flat_map(|wanted| &wanted.spans) {
                prop_assert!(whole.start() <= span.start() && span.end() <= whole.end());
            }
        }
    }

    #[test]
    fn without_changes_a_period_costs_its_plan(begin in begins()) {
        let begin = Start { trial: None, ..begin };
        let story = Story::new(begin.clone(), &sold());
        let offered = story.offers.get(begin.plan, begin.offer).unwrap();
        let calendar = calendar::BillingCalendar {
            interval: begin.offer.interval,
            anchor: begin.anchor,
            starts_on: begin.starts_on,
            time_zone: begin.time_zone,
        };
        for n in 0..4 {
            let period = calendar.period(n).unwrap();
            prop_assert_eq!(story.subscription.period(n).unwrap(), Some(period));
            let days = DayShare::new(period.active_days, period.full_days).unwrap();
            let fee = offered.offer.base_fee;
            let mut expect = Vec::new();
            if fee.amount_minor > 0 {
                expect.push(Line::base_fee(begin.plan, &offered.plan_name, fee, days).unwrap());
            }
            for price in &offered.offer.prices {
                let usage = match price.charge() {
                    Charge::Flat { timing: Timing::InArrears, .. } => Usage::Nothing,
                    Charge::Seats { timing: Timing::InArrears, .. } => {
                        Usage::Seats(vec![crate::rating::SeatSpan { seats: 1, days: period.active_days }])
                    }
                    Charge::Usage(_) => Usage::Quantity(4.into()),
                    Charge::Flat { .. } | Charge::Seats { .. } | Charge::OneTime { .. } => continue,
                };
                expect.extend(Line::of_price(begin.plan, price, &usage, days, usd()).unwrap());
            }
            let lines = run_lines(&story, n + 1);
            prop_assert_eq!(lines.arrears, expect);
            prop_assert_eq!(lines.corrections, Vec::new());
        }
    }

    #[test]
    fn the_offers_that_are_wanted_are_enough(begin in begins(), steps in steps()) {
        let mut life = Life::lived(begin, &steps);
        for run in 0..8 {
            let all = run_lines(&life.story, run);
            let whole = life.story.offers.clone();
            let mut few = Offers::default();
            for (plan, key) in life.story.subscription.offers_wanted(run).unwrap() {
                few.insert(plan, whole.get(plan, key).unwrap().clone());
            }
            life.story.offers = few;
            prop_assert_eq!(run_lines(&life.story, run), all);
            life.story.offers = whole;
        }
    }
}
