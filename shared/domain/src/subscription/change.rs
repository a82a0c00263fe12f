//! What may happen to a subscription: each change adds terms, or is refused by a code.
//!
//! Invariants: a change takes effect today or later, never in a period that was closed; at most one change is pending,
//! that is, not yet in effect, and only that one can be undone; undoing leaves the terms as they were before it. A
//! change of plan or seats holds for the later terms too, such as the one that a trial ends with.

use super::{
    Offers, PausedUsage, Phase, Subscription, Term,
    start::{check_seats, out_of_range, seats, unknown_offer},
    term::term_on,
};
use crate::{
    Violation,
    calendar::CalendarError,
    catalog::{OfferKey, PlanRef},
    text::Slug,
};
use jiff::{Timestamp, civil::Date};
use std::collections::BTreeMap;

/// Most seats of one price.
pub const SEATS_MAX: u64 = 1_000_000;
/// Most terms of a subscription, which is stored as one item. An end always finds room beyond them.
pub const TERMS_MAX: usize = 200;

/// Something that is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another plan, version or offer.
    Plan {
        /// The plan version.
        to: PlanRef,
        /// Which of its offers.
        offer: OfferKey,
        /// How many seats; where nothing is sent as many as a price of the same key had, or one.
        seats: BTreeMap<Slug, u64>,
        /// From when on.
        when: When,
    },
    /// Another number of seats.
    Seats {
        /// Key of the seats price.
        price: Slug,
        /// How many from then on.
        quantity: u64,
        /// From when on.
        when: When,
    },
    /// Nothing is charged from today on.
    Pause {
        /// What becomes of usage.
        usage: PausedUsage,
    },
    /// Everything is charged again from today on.
    Resume,
    /// It ends. Takes the place of a pending change.
    Cancel {
        /// When.
        when: CancelWhen,
    },
    /// Takes back the pending change.
    Undo,
}

/// When a change takes effect; on the first day of a subscription that has not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// With the period after the one that holds today.
    NextPeriod,
    /// Today. Where another interval begins in a period that was opened today, tomorrow: that day is billed.
    Immediate,
}

/// The last day that is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelWhen {
    /// Today.
    Now,
    /// The last one of the period that holds today.
    PeriodEnd,
    /// This one.
    On(Date),
}

/// A change that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The subscription with it.
    pub after: Subscription,
    /// The day on which it takes effect; of what was undone, would have.
    pub from: Date,
}

impl Subscription {
    /// Decides `change`, asked for at `now`, which is `today` in the subscription's time zone.
    ///
    /// `offers` must hold that of the term in force, and for another plan the new one.
    ///
    /// Refused in this order: nothing to undo, canceled, another change pending, what is wrong with the change itself,
    /// a closed period, too many terms.
    pub fn change(&self, change: &Change, today: Date, now: Timestamp, offers: &Offers) -> Result<Changed, Violation> {
        if *change == Change::Undo {
            return self.undo(today);
        }
        if self.term_on(today).is_some_and(|term| term.phase == Phase::Ended) {
            return Err(Violation::new("", "subscription_canceled", "start another subscription"));
        }
        let cancels = matches!(change, Change::Cancel { .. });
        let before = match self.pending(today) {
            None => self.clone(),
            Some(pending) if cancels => self.without(pending.revision),
            Some(_) => {
                return Err(Violation::new("", "change_pending", "undo the pending change first, or wait for it"));
            }
        };
        let draft = Drafting { before: &before, today, now, offers };
        let (from, terms) = match change {
            Change::Plan { to, offer, seats, when } => draft.plan(*to, *offer, seats, *when)?,
            Change::Seats { price, quantity, when } => draft.seats(price, *quantity, *when)?,
            Change::Pause { usage } => draft.pause(*usage)?,
            Change::Resume => draft.resume()?,
            Change::Cancel { when } => draft.cancel(*when)?,
            Change::Undo => return self.undo(today),
        };
        before.check_open(from, cancels)?;
        let room = if cancels { TERMS_MAX + 1 } else { TERMS_MAX };
        if before.terms.len() + terms.len() > room {
            return Err(Violation::new("", "too_many_changes", "start another subscription"));
        }
        Ok(Changed { after: Self { revision: self.revision + 1, ..before.with(terms) }, from })
    }

    /// The first term of the change that is not in effect on `today`, if there is one.
    #[must_use]
    pub fn pending(&self, today: Date) -> Option<&Term> {
        let last = self.terms.iter().map(|term| term.revision).max().filter(|revision| *revision > 0)?;
        self.terms.iter().find(|term| term.revision == last).filter(|term| term.from > today)
    }

    fn undo(&self, today: Date) -> Result<Changed, Violation> {
        let Some(pending) = self.pending(today) else {
            return Err(Violation::new("", "nothing_pending", "only a change that is not in effect can be undone"));
        };
        self.check_open(pending.from, true)?;
        let after = Self { revision: self.revision + 1, ..self.without(pending.revision) };
        Ok(Changed { from: pending.from, after })
    }

    fn without(&self, revision: u64) -> Self {
        let mut rest = self.clone();
        rest.terms.retain(|term| term.revision != revision);
        rest
    }

    fn with(mut self, terms: Vec<Term>) -> Self {
        for term in terms {
            let place = self.terms.partition_point(|known| known.from <= term.from);
            self.terms.insert(place, term);
        }
        self
    }

    /// Refuses what reaches into a closed period; `removes` says that the first day of the open one may go as well.
    fn check_open(&self, from: Date, removes: bool) -> Result<(), Violation> {
        let Some(open) = self.next_run.checked_sub(1) else { return Ok(()) };
        let Some(open) = self.period(open).map_err(out_of_range)? else { return Ok(()) };
        let is_closed = if removes { from <= open.first_day } else { from < open.first_day };
        if is_closed {
            let message = format!("choose a day from {} on: what was before is billed", open.first_day);
            return Err(Violation::new("", "change_in_closed_period", message));
        }
        Ok(())
    }
}

type Drafted = Result<(Date, Vec<Term>), Violation>;

/// Works out the terms of one change.
struct Drafting<'a> {
    before: &'a Subscription,
    today: Date,
    now: Timestamp,
    offers: &'a Offers,
}

impl Drafting<'_> {
    fn plan(&self, plan: PlanRef, offer: OfferKey, sent: &BTreeMap<Slug, u64>, when: When) -> Drafted {
        let offered = self.offers.get(plan, offer).ok_or_else(unknown_offer)?;
        let from = self.effective(when, Some(offer))?;
        let old = self.term_on(from)?;
        if old.offer.currency != offer.currency {
            return Err(Violation::new(
                "",
                "currency_mismatch",
                "a subscription keeps its currency; start another one",
            ));
        }
        if (old.plan, old.offer) == (plan, offer) {
            return Err(Violation::new("", "already_on_plan", "name another plan, version or interval"));
        }
        let seats = seats(&offered.offer, sent, &old.seats)?;
        let edit = |term: &Term| Term { plan, offer, seats: seats.clone(), ..self.made(term) };
        Ok((from, self.edited_from(from, edit)?))
    }

    fn seats(&self, price: &Slug, quantity: u64, when: When) -> Drafted {
        let from = self.effective(when, None)?;
        let old = self.term_on(from)?;
        let offered = self.offers.get(old.plan, old.offer).ok_or_else(unknown_offer)?;
        check_seats(&offered.offer, price, quantity)?;
        if old.seats_of(price) == quantity {
            return Err(Violation::new("", "same_quantity", "there are as many seats already"));
        }
        let edit = |term: &Term| {
            let mut edited = self.made(term);
            edited.seats.insert(price.clone(), quantity);
            edited
        };
        Ok((from, self.edited_from(from, edit)?))
    }

    fn pause(&self, usage: PausedUsage) -> Drafted {
        let term = self.started()?;
        match term.phase {
            Phase::Active => Ok(self.phase(self.today, Phase::Paused { usage }, term)),
            Phase::Trial => Err(Violation::new("", "in_trial", "a trial costs nothing; wait for its end, or cancel")),
            Phase::Paused { .. } | Phase::Ended => Err(Violation::new("", "already_paused", "it is paused already")),
        }
    }

    fn resume(&self) -> Drafted {
        let term = self.started()?;
        match term.phase {
            Phase::Paused { .. } => Ok(self.phase(self.today, Phase::Active, term)),
            Phase::Trial | Phase::Active | Phase::Ended => Err(Violation::new("", "not_paused", "it is not paused")),
        }
    }

    fn cancel(&self, when: CancelWhen) -> Drafted {
        let after = |day: Date| day.tomorrow().map_err(|_| out_of_range(CalendarError));
        let end = match when {
            CancelWhen::Now => after(self.today)?,
            CancelWhen::PeriodEnd => match self.before.period_on(self.today).map_err(out_of_range)? {
                Some((_, period)) => period.end_day,
                None => self.before.starts_on,
            },
            CancelWhen::On(day) => {
                let end = after(day)?;
                self.before.check_open(end, true)?;
                if day < self.today {
                    return Err(Violation::new("", "date_in_past", "today is the first day on which it can end"));
                }
                end
            }
        };
        // What has not started ends before its first day.
        let from = end.max(self.before.starts_on);
        Ok(self.phase(from, Phase::Ended, self.term_on(from)?))
    }

    fn phase(&self, from: Date, phase: Phase, term: &Term) -> (Date, Vec<Term>) {
        (from, vec![Term { from, phase, ..self.made(term) }])
    }

    /// The first day of a change; `offer` is the one that it begins.
    fn effective(&self, when: When, offer: Option<OfferKey>) -> Result<Date, Violation> {
        let Some((n, period)) = self.before.period_on(self.today).map_err(out_of_range)? else {
            return Ok(self.before.starts_on);
        };
        match when {
            When::NextPeriod => Ok(period.end_day),
            When::Immediate => {
                let old = self.term_on(self.today)?;
                let restarts = offer.is_some_and(|offer| offer.interval != old.offer.interval);
                if restarts && period.first_day == self.today && n < self.before.next_run {
                    return self.today.tomorrow().map_err(|_| out_of_range(CalendarError));
                }
                Ok(self.today)
            }
        }
    }

    /// `edit` of the term that holds on `from`, and of each that begins later.
    fn edited_from(&self, from: Date, edit: impl Fn(&Term) -> Term) -> Result<Vec<Term>, Violation> {
        let mut terms = vec![Term { from, ..edit(self.term_on(from)?) }];
        terms.extend(self.before.timeline().into_iter().filter(|term| term.from > from).map(edit));
        Ok(terms)
    }

    /// `term` as this change makes it.
    fn made(&self, term: &Term) -> Term {
        let Subscription { revision, next_run, .. } = self.before;
        Term { revision: revision + 1, made_at: self.now, made_in_run: *next_run, ..term.clone() }
    }

    fn term_on(&self, day: Date) -> Result<&Term, Violation> {
        term_on(&self.before.timeline(), day).ok_or_else(not_started)
    }

    fn started(&self) -> Result<&Term, Violation> {
        self.term_on(self.today)
    }
}

fn not_started() -> Violation {
    Violation::new("", "not_started", "wait for its first day")
}
