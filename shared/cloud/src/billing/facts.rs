//! The facts about an invoice, in the order in which they happen: created, its period closed, finalized.

use crate::Fault;
use domain::{
    Timestamp,
    id::SubscriptionId,
    invoice::{self, Draft, Invoice},
};
use events::{BillingPeriodClosedV1, CorrelationId, Envelope, Event, InvoiceCreatedV1, InvoiceFinalizedV1, Message};

/// That there is a draft.
pub(super) fn created(
    draft: &Draft,
    subscription_id: SubscriptionId,
    now: Timestamp,
    correlation_id: &CorrelationId,
) -> Result<Vec<Message>, Fault> {
    let statement = draft.statement();
    let created = InvoiceCreatedV1 {
        invoice_id: statement.id,
        subscription_id,
        period: statement.period.into(),
        total: statement.total.into(),
    };
    Ok(vec![fact(draft.statement(), now, correlation_id, created)?])
}

/// That it was issued, and that the period it is for is closed; run 0 closes none.
pub(super) fn finalized(
    invoice: &Invoice,
    subscription_id: SubscriptionId,
    run: u32,
    correlation_id: &CorrelationId,
) -> Result<Vec<Message>, Fault> {
    let Some(open) = invoice.issued() else { return Ok(Vec::new()) };
    let statement = &open.statement;
    let mut facts = Vec::new();
    if run > 0 {
        let (period, invoice_id) = (statement.period.into(), statement.id);
        let closed = BillingPeriodClosedV1 { subscription_id, period, invoice_id };
        facts.push(fact(statement, open.finalized_at, correlation_id, closed)?);
    }
    let finalized = InvoiceFinalizedV1 {
        invoice_id: statement.id,
        number: open.number.to_string(),
        period: statement.period.into(),
        total: statement.total.into(),
        due_at: open.due_at,
        digest: invoice::digest(open),
    };
    facts.push(fact(statement, open.finalized_at, correlation_id, finalized)?);
    Ok(facts)
}

fn fact<T: Event>(
    statement: &invoice::Statement,
    at: Timestamp,
    correlation_id: &CorrelationId,
    data: T,
) -> Result<Message, Fault> {
    let id = statement.id.to_string();
    let envelope = Envelope::new("billing", statement.tenant_id, at, correlation_id.clone(), &[&id], data);
    envelope.encode().map_err(|error| Fault::permanent("encode event", error))
}
