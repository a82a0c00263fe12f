//! Makes a run of a subscription: first a draft, as soon as its period is over; then, after the grace and when all of its
//! usage is counted, the invoice. A run that charges nothing at all has no invoice and moves the subscription on.
//!
//! Invariants: whatever races and however often it is asked for, a run is made once, by the conditions of the one
//! transaction that writes its invoice; a draft is made anew when it is issued, so that it never holds back a change.

use super::{Issuing, Shelf, facts, statement};
use crate::{
    Fault, World,
    store::{BillOutcome, RunMade},
};
use domain::{
    Timestamp,
    calendar::CalendarError,
    id::{InvoiceId, SubscriptionId, TenantId},
    invoice::{Invoice, Notes, Statement},
    subscription::{self, Subscription},
};
use events::CorrelationId;
use jiff::SignedDuration;

/// Tries at the transaction before the caller is told of a conflict: a tenant's other invoice took the number.
const RACES_MAX: usize = 5;

/// Which run is meant, and when it may be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This one, after the grace.
    Run(u32),
    /// The one that is due since then, after the grace.
    DueAt(Timestamp),
    /// This one, as soon as its period is over.
    WithoutGrace(u32),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// The invoice was issued.
    Issued,
    /// It was made before, or charges nothing.
    Nothing,
    /// Its draft was written.
    Drafted,
    /// Its period is not over.
    NotOver,
    /// Not all of its usage is counted.
    NotCounted,
}

/// Makes the run that is asked for, with `notes` on its invoice, and answers which that is. Facts are left in the outbox.
pub async fn make(
    world: &World,
    shelf: &Shelf,
    (tenant_id, subscription_id): (TenantId, SubscriptionId),
    asked: Asked,
    notes: &Notes,
    correlation_id: &CorrelationId,
) -> Result<(Made, InvoiceId), Fault> {
    for _ in 0..RACES_MAX {
        let store = world.store(tenant_id);
        let subscription = store.subscription(subscription_id).await?;
        let subscription =
            subscription.ok_or_else(|| Fault::permanent("bill run", "the subscription does not exist"))?;
        let about = |run| subscription::run_invoice_id(subscription_id, run);
        let (now, run) = (world.now(), subscription.next_run);
        let over_at = subscription.due_at(run, SignedDuration::ZERO).map_err(out_of_calendar)?;
        let before = match asked {
            Asked::Run(asked) | Asked::WithoutGrace(asked) => Some(asked).filter(|asked| *asked < run),
            Asked::DueAt(due_at) if over_at.is_some_and(|over_at| over_at <= due_at) => None,
            Asked::DueAt(_) => Some(run.saturating_sub(1)),
        };
        let (Some(over_at), None) = (over_at, before) else {
            return Ok((Made::Nothing, about(before.unwrap_or(run))));
        };
        if now < over_at {
            return Ok((Made::NotOver, about(run)));
        }
        // What is charged in advance waits for no usage.
        let grace = if run > 0 { world.settings().invoice_grace } else { SignedDuration::ZERO };
        let grace_ends_at = over_at.checked_add(grace).map_err(|_| out_of_calendar(CalendarError))?;
        let closes_at = if matches!(asked, Asked::WithoutGrace(_)) { over_at } else { grace_ends_at };
        // Who was issued after the grace, however it was asked for, has all usage of the grace: `late` relies on it.
        let needed = if now < grace_ends_at { over_at } else { grace_ends_at };
        // Asked before the counters are read, which therefore hold everything up to it.
        if run > 0 && world.complete_through().await?.is_none_or(|through| through < needed) {
            return Ok((Made::NotCounted, about(run)));
        }
        let making =
            Making { issuing: Issuing::of(world, tenant_id, now).await?, subscription: &subscription, closes_at };
        let lines = statement(world, shelf, &subscription, run).await?;
        let made = match lines.map(|lines| Statement { notes: notes.clone(), ..lines }) {
            None => making.skip().await?,
            Some(statement) if now < closes_at => making.draft(statement, correlation_id).await?,
            Some(statement) => making.issue(statement, correlation_id).await?,
        };
        if let Some(made) = made {
            return Ok((made, about(run)));
        }
    }
    Err(Fault::Conflict { operation: "bill run" })
}

/// A run that is due. Each way to make it answers `None` if it lost a race.
struct Making<'a> {
    issuing: Issuing<'a>,
    subscription: &'a Subscription,
    closes_at: Timestamp,
}

impl Making<'_> {
    /// Moves on over a run that charges nothing.
    async fn skip(&self) -> Result<Option<Made>, Fault> {
        let (after, due_at) = self.after()?;
        let changed = self.issuing.store.change_subscription(self.subscription.revision, &after, due_at).await?;
        Ok(changed.then_some(Made::Nothing))
    }

    async fn draft(&self, lines: Statement, correlation_id: &CorrelationId) -> Result<Option<Made>, Fault> {
        let Issuing { store, now, .. } = self.issuing;
        let (draft, _) = self.issuing.assembled(lines).await?;
        let facts = match self.has_draft(draft.statement().id).await? {
            true => Vec::new(),
            false => facts::created(draft.statement(), now, correlation_id)?,
        };
        let draft = Invoice::Draft(draft);
        let outcome = store.write_draft(&draft, self.subscription, self.closes_at, &facts, now).await?;
        Ok(match outcome {
            BillOutcome::Billed => Some(Made::Drafted),
            BillOutcome::AlreadyBilled => Some(Made::Nothing),
            BillOutcome::Raced => None,
        })
    }

    async fn issue(&self, lines: Statement, correlation_id: &CorrelationId) -> Result<Option<Made>, Fault> {
        let created = !self.has_draft(lines.id).await?;
        let (after, due_at) = self.after()?;
        let run = RunMade { before: self.subscription, after: &after, due_at };
        Ok(match self.issuing.issue(lines, Some(run), created, correlation_id).await? {
            BillOutcome::Billed => Some(Made::Issued),
            BillOutcome::AlreadyBilled => Some(Made::Nothing),
            BillOutcome::Raced => None,
        })
    }

    async fn has_draft(&self, id: InvoiceId) -> Result<bool, Fault> {
        Ok(self.issuing.store.invoice(id).await?.is_some())
    }

    /// The subscription after the run, and when it is due again: for a draft, as soon as its next period is over.
    fn after(&self) -> Result<(Subscription, Option<Timestamp>), Fault> {
        let after = self.subscription.after_run().map_err(out_of_calendar)?;
        let due_at = after.due_at(after.next_run, SignedDuration::ZERO).map_err(out_of_calendar)?;
        Ok((after, due_at))
    }
}

fn out_of_calendar(error: CalendarError) -> Fault {
    Fault::permanent("bill run", error)
}
