//! A closed period in stretches: the days in a row with one plan and offer, which are charged together; and so for each
//! add-on.
//!
//! Invariants: the stretches of the plan cover their period, in order; those of an add-on the days on which it is there.
//! A pause, another number of seats or a change of something else does not split one, because the tiers of usage would
//! start afresh.

use super::{Phase, Term, period::Slot, term::Item};
use crate::{
    calendar::{self, BillingCalendar, CalendarError, Period},
    catalog::{OfferKey, PlanRef},
    rating::SeatSpan,
    text::Slug,
};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// The days of a period on which one term holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) term: &'a Term,
    pub(super) first_day: Date,
    pub(super) end_day: Date,
}

/// The days of a period in a row with one plan and offer; it has at least one part.
#[derive(Clone, Debug)]
pub(super) struct Stretch<'a> {
    /// `None` for the plan itself.
    pub(super) add_on: Option<&'a Slug>,
    pub(super) plan: PlanRef,
    pub(super) offer: OfferKey,
    pub(super) first_day: Date,
    pub(super) end_day: Date,
    parts: Vec<Part<'a>>,
}

/// The days of `slot`, by the term that holds.
pub(super) fn parts<'a>(timeline: &[&'a Term], slot: &Slot) -> Vec<Part<'a>> {
    let (first, end) = (slot.period.first_day, slot.period.end_day);
    let mut parts = Vec::new();
    for (index, term) in timeline.iter().enumerate() {
        let until = timeline.get(index + 1).map_or(end, |next| next.from.min(end));
        let from = term.from.max(first);
        if from < until {
            parts.push(Part { term, first_day: from, end_day: until });
        }
    }
    parts
}

/// The stretches of `slot`: those of the plan in order, then those of each add-on.
pub(super) fn stretches<'a>(timeline: &[&'a Term], slot: &Slot) -> Vec<Stretch<'a>> {
    let parts = parts(timeline, slot);
    let add_ons: BTreeSet<&Slug> = parts.iter().flat_map(|part| part.term.add_ons.keys()).collect();
    let add_ons = add_ons.into_iter().map(Some);
    std::iter::once(None).chain(add_ons).flat_map(|add_on| stretches_of(&parts, add_on)).collect()
}

fn stretches_of<'a>(parts: &[Part<'a>], add_on: Option<&'a Slug>) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    for part in parts {
        let Some(Item { plan, .. }) = part.term.item(add_on) else { continue };
        let Part { first_day, end_day, term } = *part;
        match stretches.last_mut() {
            Some(last) if (last.plan, last.offer, last.end_day) == (plan, term.offer, first_day) => {
                last.end_day = end_day;
                last.parts.push(*part);
            }
            Some(_) | None => {
                stretches.push(Stretch { add_on, plan, offer: term.offer, first_day, end_day, parts: vec![*part] });
            }
        }
    }
    stretches
}

impl Stretch<'_> {
    /// Days for which fees are charged.
    pub(super) fn active_days(&self) -> Result<u32, CalendarError> {
        self.usage_days(false)
    }

    /// Days whose usage is charged, by a price that is charged `in_trial` or not.
    pub(super) fn usage_days(&self, in_trial: bool) -> Result<u32, CalendarError> {
        let mut sum = 0;
        for part in self.parts.iter().filter(|part| charges_usage(part.term.phase, in_trial)) {
            // The parts of a period have no more days than the period.
            sum += calendar::days(part.first_day, part.end_day)?;
        }
        Ok(sum)
    }

    /// The instants whose usage is charged, in order, none of which touches the next.
    pub(super) fn usage_spans(&self, in_trial: bool, calendar: &BillingCalendar) -> Result<Vec<Period>, CalendarError> {
        let mut days: Vec<(Date, Date)> = Vec::new();
        for part in self.parts.iter().filter(|part| charges_usage(part.term.phase, in_trial)) {
            match days.last_mut() {
                Some(last) if last.1 == part.first_day => last.1 = part.end_day,
                Some(_) | None => days.push((part.first_day, part.end_day)),
            }
        }
        days.into_iter().map(|(first, end)| calendar.span(first, end)).collect()
    }

    /// How many days each number of seats of `price` was licensed for, in the order of the first of them.
    pub(super) fn seat_spans(&self, price: &Slug) -> Result<Vec<SeatSpan>, CalendarError> {
        let mut spans: Vec<SeatSpan> = Vec::new();
        for part in self.parts.iter().filter(|part| part.term.phase == Phase::Active) {
            let seats = part.term.item(self.add_on).map_or(0, |item| item.seats_of(price));
            let days = calendar::days(part.first_day, part.end_day)?;
            match spans.iter_mut().find(|span| span.seats == seats) {
                Some(span) => span.days += days,
                None => spans.push(SeatSpan { seats, days }),
            }
        }
        Ok(spans)
    }
}

fn charges_usage(phase: Phase, in_trial: bool) -> bool {
    match phase {
        Phase::Active => true,
        Phase::Trial => in_trial,
        Phase::Paused { .. } | Phase::Ended => false,
    }
}
