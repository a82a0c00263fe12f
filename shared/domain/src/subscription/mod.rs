//! A tenant's subscription as a timeline: one ordered list of terms, from which periods, charges and states follow.
//!
//! Invariants: terms are only added, except that undoing takes a change back that has not taken effect; whatever a run
//! has charged follows from terms that can no longer be taken back; runs are made in order, each once, and `next_run`
//! grows by one with each. Run 0 opens period 0; run n closes period n − 1 and opens period n.
//!
//! `term` is what holds on a day, `period` which days are billed together, `stretch` and `charges` what a closed period
//! costs, `advance` what an opened one costs and how that is corrected, `beginning` what is charged once, `start`, `change`
//! and `drafting` what may happen, `preview` what a change will cost, `refused_usage` when a tenant's usage is not taken,
//! `room` whether an invoice can hold a period. Storage, usage and the clock are the callers'.

mod advance;
mod beginning;
mod change;
mod charges;
mod drafting;
mod offers;
mod period;
mod preview;
mod refused_usage;
mod room;
mod start;
mod stretch;
mod term;
#[cfg(test)]
mod tests;

pub use change::{ADD_ONS_MAX, CancelWhen, Change, Changed, SEATS_MAX, TERMS_MAX, When};
pub use charges::{Counted, UsageKey, UsageWanted};
pub use offers::{LinesError, Offered, Offers};
pub use preview::{PreviewLine, offers_of_preview, preview};
pub use refused_usage::{REFUSED_SPANS_MAX, RefusedSpan, RefusedUsage};
pub use room::PERIOD_LINES_BYTES_MAX;
pub use start::{Start, TRIAL_DAYS_MAX, Trial, check_add_ons};
pub use term::{AddOn, PausedUsage, Phase, Term};

use crate::{
    calendar::{Anchor, BillingPeriod, CalendarError},
    id::{InvoiceId, SubscriptionId, TenantId},
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// A tenant's agreement to pay for a plan, and for add-ons beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Who it is.
    pub id: SubscriptionId,
    /// Who pays.
    pub tenant_id: TenantId,
    /// Which days its periods start on.
    pub anchor: Anchor,
    /// First day, of a trial or of what is billed.
    pub starts_on: Date,
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// Everything that happened or will happen to it, by the day it takes effect; of two on one day the later one
    /// holds. Never empty.
    pub terms: Vec<Term>,
    /// The run that is made next.
    pub next_run: u32,
    /// Grows with every change and every run.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Subscription {
    /// When `run` is due: run 0 when period 0 starts; a later one when the period before is over, and the grace in
    /// which late usage still belongs to it. `None` if there is nothing left to close.
    pub fn due_at(&self, run: u32, grace: SignedDuration) -> Result<Option<Timestamp>, CalendarError> {
        let Some(closed) = run.checked_sub(1) else {
            return Ok(self.period(0)?.map(|first| first.period.start()));
        };
        let Some(closed) = self.period(closed)? else { return Ok(None) };
        closed.period.end().checked_add(grace).map(Some).map_err(|_| CalendarError)
    }

    /// The same, after its next run was made.
    pub fn after_run(&self) -> Result<Self, CalendarError> {
        let next_run = self.next_run.checked_add(1).ok_or(CalendarError)?;
        Ok(Self { next_run, revision: self.revision + 1, ..self.clone() })
    }

    /// The period that the invoice of `run` says: the one it closes; of run 0 the one it opens, without any cut,
    /// because it is charged in advance as a whole.
    pub fn invoice_period(&self, run: u32) -> Result<Option<BillingPeriod>, CalendarError> {
        match run.checked_sub(1) {
            Some(closed) => self.period(closed),
            None => Ok(self.slot(0)?.map(|first| first.whole)),
        }
    }

    /// Its terms as facts, in the order in which they were made; those of one change share its revision.
    #[must_use]
    pub fn history(&self) -> Vec<&Term> {
        let mut facts: Vec<&Term> = self.terms.iter().collect();
        facts.sort_by_key(|term| (term.revision, term.from));
        facts
    }
}

/// The id of the invoice that closes period `n`: at most one can exist, whatever races.
#[must_use]
pub fn invoice_id(subscription: SubscriptionId, n: u32) -> InvoiceId {
    InvoiceId::derived(&["invoice", &subscription.to_string(), &n.to_string()])
}

/// The id of the invoice that is written in place of the void invoice `id`: there is one, however often it is asked for.
#[must_use]
pub fn regenerated_invoice_id(id: InvoiceId) -> InvoiceId {
    InvoiceId::derived(&["regenerated", &id.to_string()])
}

/// The id of the invoice of `run`: that of the period it closes; run 0, which closes none, has one of its own.
#[must_use]
pub fn run_invoice_id(subscription: SubscriptionId, run: u32) -> InvoiceId {
    match run.checked_sub(1) {
        Some(closed) => invoice_id(subscription, closed),
        None => InvoiceId::derived(&["invoice", &subscription.to_string(), "opening"]),
    }
}
