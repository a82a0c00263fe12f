//! The billing periods of a subscription: one calendar after the other, each cut where the next begins.
//!
//! Invariants: periods follow each other without gap or overlap, from the first day to the end, if there is one; a new
//! calendar begins where the interval changes and where a trial ends. A cut period keeps the days of its interval, so
//! that a day costs what it did.

use super::{Phase, Subscription, Term};
use crate::calendar::{BillingCalendar, BillingPeriod, CalendarError};
use jiff::civil::Date;

/// A period, and what it would have been without a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Which period, counted from 0.
    pub(super) n: u32,
    pub(super) period: BillingPeriod,
    /// What is charged in advance reaches to the end of this.
    pub(super) whole: BillingPeriod,
}

/// One calendar, from its first day until the next one begins.
struct Grid {
    calendar: BillingCalendar,
    cut: Option<Date>,
}

impl Subscription {
    /// Period `n`, counted from 0; `None` if the subscription ends before it.
    pub fn period(&self, n: u32) -> Result<Option<BillingPeriod>, CalendarError> {
        Ok(self.slot(n)?.map(|slot| slot.period))
    }

    /// The period that holds `day`, and which one it is; `None` before the first and after the last.
    pub fn period_on(&self, day: Date) -> Result<Option<(u32, BillingPeriod)>, CalendarError> {
        Ok(self.slot_on(day)?.map(|slot| (slot.n, slot.period)))
    }

    pub(super) fn slot(&self, n: u32) -> Result<Option<Slot>, CalendarError> {
        let mut index = n;
        for grid in self.grids() {
            let count = grid.periods();
            if count.is_none_or(|count| index < count) {
                return grid.slot(index, n).map(Some);
            }
            index -= count.unwrap_or(0);
        }
        Ok(None)
    }

    pub(super) fn slot_on(&self, day: Date) -> Result<Option<Slot>, CalendarError> {
        let mut before = 0;
        if day < self.starts_on {
            return Ok(None);
        }
        for grid in self.grids() {
            if grid.cut.is_none_or(|cut| day < cut) {
                let index = grid.calendar.index_on(day);
                return grid.slot(index, before + index).map(Some);
            }
            before += grid.periods().unwrap_or(0);
        }
        Ok(None)
    }

    /// The calendar that a term begins.
    pub(super) fn calendar_from(&self, term: &Term) -> BillingCalendar {
        BillingCalendar {
            interval: term.offer.interval,
            anchor: self.anchor,
            starts_on: term.from,
            time_zone: self.time_zone.clone(),
        }
    }

    fn grids(&self) -> Vec<Grid> {
        let mut grids: Vec<Grid> = Vec::new();
        let mut before: Option<&Term> = None;
        for term in self.timeline() {
            if before.is_none_or(|before| restarts(before, term)) {
                if let Some(last) = grids.last_mut() {
                    last.cut = Some(term.from);
                }
                if term.phase != Phase::Ended {
                    grids.push(Grid { calendar: self.calendar_from(term), cut: None });
                }
            }
            before = Some(term);
        }
        grids
    }
}

/// Whether the running period ends where `term` begins.
fn restarts(before: &Term, term: &Term) -> bool {
    let ends_trial = before.phase == Phase::Trial && term.phase != Phase::Trial;
    term.phase == Phase::Ended || ends_trial || before.offer.interval != term.offer.interval
}

impl Grid {
    /// How many periods it has until it is cut; `None` without end.
    fn periods(&self) -> Option<u32> {
        let cut = self.cut?;
        // A cut lies behind the first day, so that there is a day before it.
        cut.yesterday().ok().map(|last| self.calendar.index_on(last) + 1)
    }

    fn slot(&self, index: u32, n: u32) -> Result<Slot, CalendarError> {
        let whole = self.calendar.period(index)?;
        let period = match self.cut {
            Some(cut) if cut < whole.end_day => self.calendar.cut(&whole, cut)?,
            Some(_) | None => whole,
        };
        Ok(Slot { n, period, whole })
    }
}
