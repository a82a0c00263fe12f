//! What holds for a subscription from a day on, and which of its terms holds on a day.
//!
//! Invariants: the day of a change belongs to the new term; of two terms from one day the later in the list holds;
//! nothing follows an end. An add-on is charged as the plan is, by an offer of its own. A run only knows the terms that were made before it.

use super::Subscription;
use crate::{
    catalog::{OfferKey, PlanRef},
    text::Slug,
};
use jiff::{Timestamp, civil::Date};
use std::collections::BTreeMap;

/// What holds from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The first day on which it holds.
    pub from: Date,
    /// The revision of the subscription that it came with: the terms of one change have the same, and no two changes
    /// do; 0 is the creation.
    pub revision: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The run that was next when it was made: that run and the later ones know it.
    pub made_in_run: u32,
    /// Whether it is billed.
    pub phase: Phase,
    /// What for: pinned, so that a new version of the plan changes nothing here.
    pub plan: PlanRef,
    /// Which of the plan version's offers.
    pub offer: OfferKey,
    /// How many seats, by the key of each seats price of the offer.
    pub seats: BTreeMap<Slug, u64>,
    /// What is charged beside the plan, in the same currency and interval.
    pub add_ons: BTreeMap<Slug, AddOn>,
}

/// What an add-on, which is named by its slug, is charged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOn {
    /// Which version of it: pinned, as that of the plan.
    pub plan: PlanRef,
    /// How many seats, by the key of each seats price of its offer.
    pub seats: BTreeMap<Slug, u64>,
}

/// One thing that a term charges for: its plan, or one of its add-ons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// `None` for the plan itself.
    pub(super) add_on: Option<&'a Slug>,
    pub(super) plan: PlanRef,
    pub(super) seats: &'a BTreeMap<Slug, u64>,
}

impl Term {
    /// What it charges for: the plan, then the add-ons by their slugs.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let add_ons = self.add_ons.iter();
        let add_ons =
            add_ons.map(|(slug, add_on)| Item { add_on: Some(slug), plan: add_on.plan, seats: &add_on.seats });
        std::iter::once(Item { add_on: None, plan: self.plan, seats: &self.seats }).chain(add_ons)
    }

    /// The one of them that is the add-on, or the plan.
    pub(super) fn item(&self, add_on: Option<&Slug>) -> Option<Item<'_>> {
        self.items().find(|item| item.add_on == add_on)
    }

    /// The offers that it names.
    pub fn offers(&self) -> impl Iterator<Item = (PlanRef, OfferKey)> {
        self.items().map(|item| (item.plan, self.offer))
    }
}

impl Item<'_> {
    /// How many seats of `price` are licensed; each seats price of the offer has a number.
    pub(super) fn seats_of(&self, price: &Slug) -> u64 {
        self.seats.get(price).copied().unwrap_or(0)
    }
}

/// Whether a day is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is charged, but for usage of prices that say so.
    Trial,
    /// Everything is charged.
    Active,
    /// Nothing is charged.
    Paused {
        /// What becomes of usage.
        usage: PausedUsage,
    },
    /// It is over.
    Ended,
}

/// What becomes of usage in a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PausedUsage {
    /// It is taken and costs nothing.
    Free,
    /// It is not taken.
    Refused,
}

impl Subscription {
    /// The term that holds on `day`; `None` before the first day.
    #[must_use]
    pub fn term_on(&self, day: Date) -> Option<&Term> {
        term_on(&self.timeline(), day)
    }

    /// The terms that hold on some day, in order.
    pub(super) fn timeline(&self) -> Vec<&Term> {
        in_force(self.terms.iter())
    }

    /// The same, as `run` knows it.
    pub(super) fn timeline_of_run(&self, run: u32) -> Vec<&Term> {
        in_force(self.terms.iter().filter(|term| term.made_in_run <= run))
    }
}

/// The last of `timeline` that has begun on `day`.
pub(super) fn term_on<'a>(timeline: &[&'a Term], day: Date) -> Option<&'a Term> {
    timeline.iter().rev().find(|term| term.from <= day).copied()
}

fn in_force<'a>(terms: impl Iterator<Item = &'a Term>) -> Vec<&'a Term> {
    let mut timeline: Vec<&Term> = Vec::new();
    for term in terms {
        if timeline.last().is_some_and(|before| before.from == term.from) {
            timeline.pop();
        }
        timeline.push(term);
    }
    if let Some(end) = timeline.iter().position(|term| term.phase == Phase::Ended) {
        timeline.truncate(end + 1);
    }
    timeline
}
