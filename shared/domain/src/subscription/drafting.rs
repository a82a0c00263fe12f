//! The terms of a change: what holds from its first day on, and of each term that begins later.
//!
//! Invariants: a change of plan, add-ons or seats holds for the later terms too, such as the one that a trial ends with; what a
//! change leaves alone is as it was. Whether the change may be made as the subscription is, is decided in `change`.

use super::{
    AddOn, CancelWhen, Offers, PausedUsage, Phase, Subscription, Term, When,
    start::{add_on_not_offered, check_add_ons, check_seats, out_of_range, seats, unknown_offer},
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

pub(super) type Drafted = Result<(Date, Vec<Term>), Violation>;

/// Works out the terms of one change.
pub(super) struct Drafting<'a> {
    pub(super) before: &'a Subscription,
    pub(super) today: Date,
    pub(super) now: Timestamp,
    pub(super) offers: &'a Offers,
}

impl Drafting<'_> {
    pub(super) fn plan(&self, plan: PlanRef, offer: OfferKey, sent: &BTreeMap<Slug, u64>, when: When) -> Drafted {
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
        if old.add_ons.values().any(|add_on| self.offers.get(add_on.plan, offer).is_none()) {
            return Err(add_on_not_offered());
        }
        let seats = seats(&offered.offer, sent, &old.seats)?;
        let edit = |term: &Term| Term { plan, offer, seats: seats.clone(), ..self.made(term) };
        Ok((from, self.edited_from(from, edit)?))
    }

    pub(super) fn seats(&self, add_on: Option<&Slug>, price: &Slug, quantity: u64, when: When) -> Drafted {
        let from = self.effective(when, None)?;
        let old = self.term_on(from)?;
        let item = old.item(add_on).ok_or_else(unknown_add_on)?;
        let offered = self.offers.get(item.plan, old.offer).ok_or_else(unknown_offer)?;
        check_seats(&offered.offer, price, quantity)?;
        if item.seats_of(price) == quantity {
            return Err(Violation::new("", "same_quantity", "there are as many seats already"));
        }
        let edit = |term: &Term| {
            let mut edited = self.made(term);
            let seats = match add_on {
                None => Some(&mut edited.seats),
                Some(slug) => edited.add_ons.get_mut(slug).map(|add_on| &mut add_on.seats),
            };
            if let Some(seats) = seats {
                seats.insert(price.clone(), quantity);
            }
            edited
        };
        Ok((from, self.edited_from(from, edit)?))
    }

    pub(super) fn add_on(&self, slug: &Slug, plan: PlanRef, sent: &BTreeMap<Slug, u64>, when: When) -> Drafted {
        let from = self.effective(when, None)?;
        let old = self.term_on(from)?;
        let offered = self.offers.get(plan, old.offer).ok_or_else(add_on_not_offered)?;
        let before = old.add_ons.get(slug);
        if before.is_some_and(|before| before.plan == plan) {
            return Err(Violation::new("", "already_added", "the add-on is there; change its seats, or remove it"));
        }
        check_add_ons(old.add_ons.len() + usize::from(before.is_none()))?;
        let none = BTreeMap::new();
        let seats = seats(&offered.offer, sent, before.map_or(&none, |before| &before.seats))?;
        let edit = |term: &Term| {
            let mut edited = self.made(term);
            edited.add_ons.insert(slug.clone(), AddOn { plan, seats: seats.clone() });
            edited
        };
        Ok((from, self.edited_from(from, edit)?))
    }

    pub(super) fn remove_add_on(&self, slug: &Slug, when: When) -> Drafted {
        let from = self.effective(when, None)?;
        if !self.term_on(from)?.add_ons.contains_key(slug) {
            return Err(unknown_add_on());
        }
        let edit = |term: &Term| {
            let mut edited = self.made(term);
            edited.add_ons.remove(slug);
            edited
        };
        Ok((from, self.edited_from(from, edit)?))
    }

    pub(super) fn pause(&self, usage: PausedUsage) -> Drafted {
        let term = self.started()?;
        match term.phase {
            Phase::Active => Ok(self.phase(self.today, Phase::Paused { usage }, term)),
            Phase::Trial => Err(Violation::new("", "in_trial", "a trial costs nothing; wait for its end, or cancel")),
            Phase::Paused { .. } | Phase::Ended => Err(Violation::new("", "already_paused", "it is paused already")),
        }
    }

    pub(super) fn resume(&self) -> Drafted {
        let term = self.started()?;
        match term.phase {
            Phase::Paused { .. } => Ok(self.phase(self.today, Phase::Active, term)),
            Phase::Trial | Phase::Active | Phase::Ended => Err(Violation::new("", "not_paused", "it is not paused")),
        }
    }

    pub(super) fn cancel(&self, when: CancelWhen) -> Drafted {
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

fn unknown_add_on() -> Violation {
    Violation::new("", "unknown_add_on", "name an add-on of the subscription")
}

fn not_started() -> Violation {
    Violation::new("", "not_started", "wait for its first day")
}
