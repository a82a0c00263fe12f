//! The worker: one `billing.requested.v1` becomes one invoice, whatever races and however often it is delivered.
//!
//! A period is billed when all of its usage is counted. A request that comes before is dropped, and the tick asks again.

use crate::statement;
use cloud::{
    Fault, World,
    batch::{self, Record},
    store::{BillOutcome, Consumer, NextBill},
};
use domain::{
    id::{InvoiceId, SubscriptionId, TenantId},
    invoice::{Draft, Invoice},
    subscription::{self, Subscription},
};
use events::{
    BillingPeriodClosedV1, BillingRequestedV1, CorrelationId, Envelope, InvoiceCreatedV1, InvoiceFinalizedV1, Message,
};

/// Tries at the transaction before the message is left to its next delivery: a tenant's other invoice took the number.
const RACES_MAX: usize = 5;

/// Bills the requested period, unless that was done before.
pub(crate) async fn bill(world: &World, record: Record) -> Result<(), Fault> {
    let envelope = Envelope::<BillingRequestedV1>::decode(&record.body).map_err(batch::malformed)?;
    let BillingRequestedV1 { subscription_id, period } = envelope.data;
    if world.is_processed(Consumer::Billing, envelope.id).await? {
        return Ok(());
    }
    let invoice_id = subscription::invoice_id(subscription_id, period);
    for _ in 0..RACES_MAX {
        let outcome = bill_once(world, envelope.subject, subscription_id, period, &envelope.correlationid).await?;
        match outcome {
            None => return wait(world),
            Some(BillOutcome::Raced) => {}
            Some(outcome) => return finish(world, &envelope, invoice_id, outcome).await,
        }
    }
    Err(Fault::Conflict { operation: "bill period" })
}

/// Nothing is remembered of a request that came too early, so that the tick's next one is not taken for a repeat.
fn wait(world: &World) -> Result<(), Fault> {
    tracing::info!("the period waits until all of its usage is counted");
    world.metrics().count(&world.settings().stage, "billing", "PeriodsWaiting", 1, world.now());
    Ok(())
}

/// Publishes the facts, also those of an earlier try that died before it could, and only then forgets the request.
async fn finish(
    world: &World,
    envelope: &Envelope<BillingRequestedV1>,
    invoice_id: InvoiceId,
    outcome: BillOutcome,
) -> Result<(), Fault> {
    world.relay_invoice_facts(&invoice_id.to_string()).await?;
    if outcome == BillOutcome::Billed {
        world.metrics().count(&world.settings().stage, "billing", "InvoicesFinalized", 1, world.now());
    }
    world.mark_processed(Consumer::Billing, envelope.id, world.now()).await
}

/// One try; `None` if usage of the period may not be counted yet.
async fn bill_once(
    world: &World,
    tenant_id: TenantId,
    subscription_id: SubscriptionId,
    period: u32,
    correlation_id: &CorrelationId,
) -> Result<Option<BillOutcome>, Fault> {
    let store = world.store(tenant_id);
    let missing = |what: &'static str| Fault::permanent("bill period", format!("the {what} does not exist"));
    let subscription = store.subscription(subscription_id).await?.ok_or_else(|| missing("subscription"))?;
    if subscription.next_period > period {
        return Ok(Some(BillOutcome::AlreadyBilled));
    }
    let now = world.now();
    let closes_at = subscription.closes_at(period, world.settings().invoice_grace).map_err(out_of_calendar)?;
    if subscription.next_period < period || now < closes_at {
        // Only a forged or reordered request asks for a period before its turn; billing it early would be wrong.
        return Err(Fault::permanent("bill period", "the period is not due"));
    }
    // Asked before the counters are read, which therefore hold everything up to it.
    if world.complete_through().await?.is_none_or(|through| through < closes_at) {
        return Ok(None);
    }
    let tenant = store.tenant().await?.ok_or_else(|| missing("tenant"))?;
    let draft = statement::draft(world, &subscription, period).await?;
    let numbers_used = store.invoice_numbers_used().await?;
    let day = now.to_zoned(tenant.time_zone.clone()).date();
    let number = tenant.invoice_number.invoice(&tenant.slug, day, numbers_used + 1);
    let invoice = draft.clone().finalize(number, now, tenant.payment_term(world.settings().payment_term));
    let invoice = invoice.map_err(|error| Fault::permanent("bill period", error))?;
    let facts = facts(&draft, &invoice, subscription_id, correlation_id)
        .map_err(|error| Fault::permanent("encode event", error))?;
    let next = next_bill(world, &subscription, period)?;
    store.bill(&invoice, numbers_used, next, &facts, now).await.map(Some)
}

fn next_bill(world: &World, subscription: &Subscription, period: u32) -> Result<NextBill, Fault> {
    let closes_at = subscription.closes_at(period + 1, world.settings().invoice_grace).map_err(out_of_calendar)?;
    Ok(NextBill { subscription_id: subscription.id, period, closes_at })
}

/// What happened, in the order in which it did.
fn facts(
    draft: &Draft,
    invoice: &Invoice,
    subscription_id: SubscriptionId,
    correlation_id: &CorrelationId,
) -> Result<Vec<Message>, serde_json::Error> {
    let Some(open) = invoice.issued() else { return Ok(Vec::new()) };
    let statement = draft.statement();
    let (at, tenant_id, id) = (open.finalized_at, statement.tenant_id, statement.id.to_string());
    let reports = [id.as_str()];
    let created = InvoiceCreatedV1 {
        invoice_id: statement.id,
        subscription_id,
        period: statement.period.into(),
        total: statement.total.into(),
    };
    let finalized = InvoiceFinalizedV1 {
        invoice_id: statement.id,
        number: open.number.to_string(),
        period: statement.period.into(),
        total: statement.total.into(),
        due_at: open.due_at,
        digest: domain::invoice::digest(open),
    };
    let closed = BillingPeriodClosedV1 { subscription_id, period: statement.period.into(), invoice_id: statement.id };
    Ok(vec![
        Envelope::new("billing", tenant_id, at, correlation_id.clone(), &reports, closed).encode()?,
        Envelope::new("billing", tenant_id, at, correlation_id.clone(), &reports, created).encode()?,
        Envelope::new("billing", tenant_id, at, correlation_id.clone(), &reports, finalized).encode()?,
    ])
}

fn out_of_calendar(error: domain::calendar::CalendarError) -> Fault {
    Fault::permanent("bill period", error)
}
