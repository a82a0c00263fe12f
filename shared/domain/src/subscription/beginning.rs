//! Fees that are charged once: whole, with the first billed day of their plan or add-on.
//!
//! Invariants: such a fee is never prorated and never credited. Another version of the same plan or add-on goes on, and so
//! does a paused one; what was taken away and comes back begins anew.

use super::{LinesError, Offers, Phase, Subscription, Term, charges::name_add_on, period::Slot, term::Item};
use crate::{
    catalog::Charge,
    id::PlanId,
    invoice::Line,
    rating::{DayShare, Usage},
};
use jiff::civil::Date;
use std::collections::BTreeSet;

/// The first billed day of a plan or an add-on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning<'a> {
    pub(super) day: Date,
    term: &'a Term,
    item: Item<'a>,
}

/// Each time that a plan or an add-on begins to be billed, in order. A pause is no end of it.
pub(super) fn beginnings<'a>(timeline: &[&'a Term]) -> Vec<Beginning<'a>> {
    let mut beginnings = Vec::new();
    let mut begun: BTreeSet<PlanId> = BTreeSet::new();
    for term in timeline {
        begun.retain(|known| term.items().any(|item| item.plan.plan_id == *known));
        if term.phase != Phase::Active {
            continue;
        }
        for item in term.items().filter(|item| begun.insert(item.plan.plan_id)) {
            beginnings.push(Beginning { day: term.from, term, item });
        }
    }
    beginnings
}

/// Those on the first day of `opened`, as the run that opens it knows them.
pub(super) fn opening_beginnings<'a>(subscription: &'a Subscription, opened: &Slot) -> Vec<Beginning<'a>> {
    let all = beginnings(&subscription.timeline_of_run(opened.n));
    all.into_iter().filter(|beginning| beginning.day == opened.period.first_day).collect()
}

impl Beginning<'_> {
    /// Whether the other is of the same plan or add-on, on the same day.
    pub(super) fn is_that_of(&self, other: &Self) -> bool {
        (self.day, self.item.plan.plan_id) == (other.day, other.item.plan.plan_id)
    }

    /// What is charged once.
    pub(super) fn lines(&self, offers: &Offers) -> Result<Vec<Line>, LinesError> {
        let mut lines = Vec::new();
        let offered = offers.named(self.item.plan, self.term.offer)?;
        for price in &offered.offer.prices {
            let Charge::OneTime { .. } = price.charge() else { continue };
            let (usage, currency) = (Usage::Nothing, self.term.offer.currency);
            let charged = Line::of_price(self.item.plan, price, &usage, DayShare::WHOLE, currency)?;
            for mut line in charged.into_iter().filter(|line| !line.exact.is_zero()) {
                name_add_on(&mut line, self.item.add_on, &offered.plan_name);
                line.days = Some((self.day, self.day));
                lines.push(line);
            }
        }
        Ok(lines)
    }
}
