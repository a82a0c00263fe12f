//! What may happen to a subscription: each change adds terms, or is refused by a code.
//!
//! Invariants: a change takes effect today or later, never in a period that was closed; at most one change is pending,
//! that is, not yet in effect, and only that one can be undone; undoing leaves the terms as they were before it. Which terms a
//! change comes to is in `drafting`.

use super::{Offers, PausedUsage, Phase, Subscription, Term, drafting::Drafting, start::out_of_range};
use crate::{
    Violation,
    catalog::{OfferKey, PlanRef},
    text::Slug,
};
use jiff::{Timestamp, civil::Date};
use std::collections::BTreeMap;

/// Most seats of one price.
pub const SEATS_MAX: u64 = 1_000_000;
/// Most add-ons of a subscription at a time.
pub const ADD_ONS_MAX: usize = 20;
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
        /// The add-on that has the price; `None` for the plan.
        add_on: Option<Slug>,
        /// Key of the seats price.
        price: Slug,
        /// How many from then on.
        quantity: u64,
        /// From when on.
        when: When,
    },
    /// An add-on beside the plan, or another version of one that is there.
    AddOn {
        /// Its slug.
        add_on: Slug,
        /// Which version of it; the offer is that in the currency and interval of the plan's.
        to: PlanRef,
        /// How many seats; where nothing is sent as many as before, or one.
        seats: BTreeMap<Slug, u64>,
        /// From when on.
        when: When,
    },
    /// An add-on less.
    RemoveAddOn {
        /// Its slug.
        add_on: Slug,
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
    /// `offers` must hold those of the term in force, and for another plan or add-on the new one; for another interval or
    /// plan also those of the add-ons in it, where there are such.
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
            Change::Seats { add_on, price, quantity, when } => draft.seats(add_on.as_ref(), price, *quantity, *when)?,
            Change::AddOn { add_on, to, seats, when } => draft.add_on(add_on, *to, seats, *when)?,
            Change::RemoveAddOn { add_on, when } => draft.remove_add_on(add_on, *when)?,
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
    pub(super) fn check_open(&self, from: Date, removes: bool) -> Result<(), Violation> {
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
