//! Makes a run of a subscription: first a draft, as soon as its period is over; then, after the grace and when all of its
//! usage is counted, the invoice. A run that charges nothing at all has no invoice and moves the subscription on.
//!
//! Invariants: whatever races and however often it is asked for, a run is made once, by the conditions of the one
//! transaction that writes its invoice; a draft is made anew when it is issued, so that it never holds back a change.

use super::{Shelf, facts, statement};
use crate::{
    Fault, TenantStore, World,
    store::{BillOutcome, LoadedAdjusters, RunMade},
};
use domain::{
    Timestamp,
    calendar::CalendarError,
    id::{InvoiceId, SubscriptionId, TenantId},
    invoice::{Draft, Invoice, Statement},
    subscription::{self, Subscription},
    tenant::Tenant,
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

/// Makes the run that is asked for, and answers which invoice it is about. Facts are left in the outbox.
pub async fn make(
    world: &World,
    shelf: &Shelf,
    (tenant_id, subscription_id): (TenantId, SubscriptionId),
    asked: Asked,
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
        let has_grace = run > 0 && !matches!(asked, Asked::WithoutGrace(_));
        let grace = if has_grace { world.settings().invoice_grace } else { SignedDuration::ZERO };
        let closes_at = over_at.checked_add(grace).map_err(|_| out_of_calendar(CalendarError))?;
        let needed = if now < closes_at { over_at } else { closes_at };
        // Asked before the counters are read, which therefore hold everything up to it.
        if run > 0 && world.complete_through().await?.is_none_or(|through| through < needed) {
            return Ok((Made::NotCounted, about(run)));
        }
        let tenant = store.tenant().await?;
        let tenant = tenant.ok_or_else(|| Fault::permanent("bill run", "the tenant does not exist"))?;
        let making = Making { world, store, tenant, subscription: &subscription, run, closes_at, now };
        let made = match statement(world, shelf, &subscription, run).await? {
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
    world: &'a World,
    store: TenantStore<'a>,
    tenant: Tenant,
    subscription: &'a Subscription,
    run: u32,
    closes_at: Timestamp,
    now: Timestamp,
}

impl Making<'_> {
    /// Moves on over a run that charges nothing.
    async fn skip(&self) -> Result<Option<Made>, Fault> {
        let (after, due_at) = self.after()?;
        let changed = self.store.change_subscription(self.subscription.revision, &after, due_at).await?;
        Ok(changed.then_some(Made::Nothing))
    }

    async fn draft(&self, lines: Statement, correlation_id: &CorrelationId) -> Result<Option<Made>, Fault> {
        let (draft, _) = self.assembled(lines).await?;
        let facts = match self.has_draft(&draft).await? {
            true => Vec::new(),
            false => facts::created(&draft, self.subscription.id, self.now, correlation_id)?,
        };
        let draft = Invoice::Draft(draft);
        let outcome = self.store.write_draft(&draft, self.subscription, self.closes_at, &facts, self.now).await?;
        Ok(match outcome {
            BillOutcome::Billed => Some(Made::Drafted),
            BillOutcome::AlreadyBilled => Some(Made::Nothing),
            BillOutcome::Raced => None,
        })
    }

    async fn issue(&self, lines: Statement, correlation_id: &CorrelationId) -> Result<Option<Made>, Fault> {
        // Read before the number, and written on the condition that what the invoice uses of them is as it was read.
        let (draft, loaded) = self.assembled(lines).await?;
        let mut facts = match self.has_draft(&draft).await? {
            true => Vec::new(),
            false => facts::created(&draft, self.subscription.id, self.now, correlation_id)?,
        };
        let numbers_used = self.store.invoice_numbers_used().await?;
        let day = self.now.to_zoned(self.tenant.time_zone.clone()).date();
        let number = self.tenant.invoice_number.invoice(&self.tenant.slug, day, numbers_used + 1);
        facts.extend(loaded.facts("billing", draft.statement(), correlation_id, self.now)?);
        let used = loaded.settle(draft.statement(), self.now)?;
        let invoice = draft.finalize(number, self.now, self.tenant.payment_term(self.world.settings().payment_term));
        let invoice = invoice.map_err(|error| Fault::permanent("bill run", error))?;
        facts.extend(facts::finalized(&invoice, self.subscription.id, self.run, correlation_id)?);
        let (after, due_at) = self.after()?;
        let run = RunMade { before: self.subscription, after: &after, due_at };
        Ok(match self.store.bill(&invoice, numbers_used, run, &facts, used, self.now).await? {
            BillOutcome::Billed => Some(Made::Issued),
            BillOutcome::AlreadyBilled => Some(Made::Nothing),
            BillOutcome::Raced => None,
        })
    }

    /// The draft that `lines` come to with the tenant's coupons, tax and credits as they are now.
    async fn assembled(&self, lines: Statement) -> Result<(Draft, LoadedAdjusters<'_>), Fault> {
        let (currency, impossible) = (lines.total.currency, |error| Fault::permanent("bill run", error));
        let loaded = self.store.adjusters(&self.tenant, Some(self.subscription.id), currency, self.now).await?;
        let statement = lines.assemble(&loaded.adjusters, self.now).map_err(impossible)?;
        Ok((Draft::new(statement).map_err(impossible)?, loaded))
    }

    async fn has_draft(&self, draft: &Draft) -> Result<bool, Fault> {
        Ok(self.store.invoice(draft.statement().id).await?.is_some())
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
