//! Issues what lines come to: with the tenant's coupons, tax and credits, under its next number.
//!
//! Invariant: whatever an invoice uses of coupons and credits, its number, its entries in the ledger and its facts are one
//! transaction, on the condition that all of it is as it was read.

use super::{Shelf, facts, impossible, statement};
use crate::{
    Fault, TenantStore, World,
    store::{BillOutcome, LoadedAdjusters, RunMade},
};
use domain::{
    Timestamp,
    id::{InvoiceId, TenantId},
    invoice::{Draft, Invoice, Statement},
    subscription,
    tenant::Tenant,
};
use events::CorrelationId;

/// Tries before the caller is told of a conflict: a tenant's other invoice took the number.
const RACES_MAX: usize = 5;

/// For whom, and when.
pub(super) struct Issuing<'a> {
    pub(super) world: &'a World,
    pub(super) store: TenantStore<'a>,
    pub(super) tenant: Tenant,
    pub(super) now: Timestamp,
}

/// What became of an invoice that was to be written once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regenerated {
    /// It is issued, now or before.
    As(InvoiceId),
    /// Only a void invoice of a subscription's run can be.
    NotVoid,
    /// Its run charges nothing.
    Nothing,
}

/// What `lines` would come to now; nothing is written.
pub async fn draft(world: &World, tenant_id: TenantId, lines: Statement) -> Result<Draft, Fault> {
    let issuing = Issuing::of(world, tenant_id, world.now()).await?;
    Ok(issuing.assembled(lines).await?.0)
}

/// Issues `lines`, which belong to no run that is made, and answers whether that was done now. Facts are left in the outbox.
pub async fn issue(
    world: &World,
    tenant_id: TenantId,
    lines: Statement,
    correlation_id: &CorrelationId,
) -> Result<bool, Fault> {
    for _ in 0..RACES_MAX {
        let issuing = Issuing::of(world, tenant_id, world.now()).await?;
        match issuing.issue(lines.clone(), None, true, correlation_id).await? {
            BillOutcome::Billed => return Ok(true),
            BillOutcome::AlreadyBilled => return Ok(false),
            BillOutcome::Raced => {}
        }
    }
    Err(Fault::Conflict { operation: "issue invoice" })
}

/// Writes the invoice of a run anew, with what is counted now, in place of the void invoice `id`.
///
/// The id of the new one follows from the void one, so that there is one however often it is asked for.
pub async fn regenerate(
    world: &World,
    shelf: &Shelf,
    tenant_id: TenantId,
    id: InvoiceId,
    correlation_id: &CorrelationId,
) -> Result<Regenerated, Fault> {
    let store = world.store(tenant_id);
    let stored = store.invoice(id).await?.ok_or_else(|| impossible("the invoice does not exist"))?;
    let run = stored.invoice.statement().subscription.and_then(|of| of.run.map(|run| (of.id, run)));
    let (Invoice::Void(void), Some((subscription_id, run))) = (&stored.invoice, run) else {
        return Ok(Regenerated::NotVoid);
    };
    let subscription = store.subscription(subscription_id).await?;
    let subscription = subscription.ok_or_else(|| impossible("the subscription does not exist"))?;
    let Some(lines) = statement(world, shelf, &subscription, run).await? else { return Ok(Regenerated::Nothing) };
    let new_id = subscription::regenerated_invoice_id(id);
    let notes = void.open.statement.notes.clone();
    issue(world, tenant_id, Statement { id: new_id, notes, ..lines }, correlation_id).await?;
    Ok(Regenerated::As(new_id))
}

impl<'a> Issuing<'a> {
    pub(super) async fn of(world: &'a World, tenant_id: TenantId, now: Timestamp) -> Result<Self, Fault> {
        let store = world.store(tenant_id);
        let tenant = store.tenant().await?.ok_or_else(|| impossible("the tenant does not exist"))?;
        Ok(Self { world, store, tenant, now })
    }

    /// One try; `created` says that nobody was told of a draft.
    pub(super) async fn issue(
        &self,
        lines: Statement,
        run: Option<RunMade<'_>>,
        created: bool,
        correlation_id: &CorrelationId,
    ) -> Result<BillOutcome, Fault> {
        // Read before the number, and written on the condition that what the invoice uses of them is as it was read.
        let (draft, loaded) = self.assembled(lines).await?;
        let mut facts = Vec::new();
        if created {
            facts.extend(facts::created(draft.statement(), self.now, correlation_id)?);
        }
        let numbers_used = self.store.invoice_numbers_used().await?;
        let day = self.now.to_zoned(self.tenant.time_zone.clone()).date();
        let number = self.tenant.invoice_number.invoice(&self.tenant.slug, day, numbers_used + 1);
        facts.extend(loaded.facts("billing", draft.statement(), correlation_id, self.now)?);
        let used = loaded.settle(draft.statement(), self.now)?;
        let invoice = draft.finalize(number, self.now, self.tenant.payment_term(self.world.settings().payment_term));
        let invoice = invoice.map_err(impossible)?;
        facts.extend(facts::finalized(&invoice, run.is_some(), correlation_id)?);
        self.store.bill(&invoice, numbers_used, run, &facts, used, self.now).await
    }

    /// The draft that `lines` come to with the tenant's coupons, tax and credits as they are now.
    pub(super) async fn assembled(&self, lines: Statement) -> Result<(Draft, LoadedAdjusters<'a>), Fault> {
        let of = lines.subscription.map(|subscription| subscription.id);
        let loaded = self.store.adjusters(&self.tenant, of, lines.total.currency, self.now).await?;
        let statement = lines.assemble(&loaded.adjusters, self.now).map_err(impossible)?;
        Ok((Draft::new(statement).map_err(impossible)?, loaded))
    }
}
