//! What a change will cost, in the very lines that the runs will write.
//!
//! A preview answers the lines of fees that are charged with the change and were not without it, in the first runs that
//! the change reaches: the run that closes the period in which it takes effect; where it takes effect with the first
//! day of a period that is still to be opened, the run that opens the period, and what the next run charges for that
//! period in arrears. Lines of usage are not part of it: nobody knows what will be used.
//!
//! Invariant: each line is one that [`Subscription::lines`] of the changed subscription says for that run, byte for
//! byte, because it is taken from there.

use super::{Changed, LinesError, Offers, Subscription};
use crate::{
    calendar::CalendarError,
    catalog::{OfferKey, PlanRef},
    invoice::Line,
};
use jiff::civil::Date;

/// A line that a change will cause.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewLine {
    /// The run whose invoice will have it.
    pub run: u32,
    /// The line.
    pub line: Line,
}

/// The lines that `changed` makes out of `before`.
pub fn preview(before: &Subscription, changed: &Changed, offers: &Offers) -> Result<Vec<PreviewLine>, LinesError> {
    let after = &changed.after;
    let mut lines = Vec::new();
    for reached in runs(after, changed.from)? {
        let old = before.fee_lines(reached, offers)?;
        for line in after.fee_lines(reached, offers)? {
            if !old.contains(&line) {
                lines.push(PreviewLine { run: reached.run, line });
            }
        }
    }
    Ok(lines)
}

/// The offers that [`preview`] needs: those that any term of the two subscriptions names in the runs it looks at.
pub fn offers_of_preview(before: &Subscription, changed: &Changed) -> Result<Vec<(PlanRef, OfferKey)>, LinesError> {
    let mut wanted = Vec::new();
    for reached in runs(&changed.after, changed.from)? {
        for subscription in [before, &changed.after] {
            for offer in subscription.offers_wanted(reached.run)? {
                if !wanted.contains(&offer) {
                    wanted.push(offer);
                }
            }
        }
    }
    Ok(wanted)
}

/// A run that a change reaches.
#[derive(Clone, Copy, Debug)]
struct Reached {
    run: u32,
    /// Whether only the arrears of the closed period are of interest.
    only_arrears: bool,
}

/// The first runs that a change from `day` on reaches.
fn runs(after: &Subscription, day: Date) -> Result<Vec<Reached>, LinesError> {
    let whole = |run| Reached { run, only_arrears: false };
    match after.period_on(day)? {
        Some((n, period)) if period.first_day == day && n >= after.next_run => {
            Ok(vec![whole(n), Reached { run: n + 1, only_arrears: true }])
        }
        Some((n, _)) => Ok(vec![whole(n + 1)]),
        None => {
            // It ends there, so that the run that closes the last period is the one that is reached.
            let last = day.yesterday().map_err(|_| CalendarError)?;
            Ok(after.period_on(last)?.map(|(n, _)| whole(n + 1)).into_iter().collect())
        }
    }
}

impl Subscription {
    fn fee_lines(&self, reached: Reached, offers: &Offers) -> Result<Vec<Line>, LinesError> {
        let lines = self.run_lines(reached.run, offers, None)?;
        Ok(if reached.only_arrears { lines.arrears } else { lines.all() })
    }
}
