//! The facts about an invoice, in the order in which they happen: created, its period closed, finalized, and
//! paid where nothing is due.

use crate::Fault;
use domain::{
    Timestamp,
    invoice::{self, Invoice, Statement},
    money::Money,
};
use events::{
    BillingPeriodClosedV1, CorrelationId, Envelope, Event, InvoiceCreatedV1, InvoiceFinalizedV1, InvoicePaidV1, Message,
};

/// That there is an invoice of a subscription, be it a draft.
pub(super) fn created(
    statement: &Statement,
    now: Timestamp,
    correlation_id: &CorrelationId,
) -> Result<Vec<Message>, Fault> {
    let Some(subscription) = &statement.subscription else { return Ok(Vec::new()) };
    let created = InvoiceCreatedV1 {
        invoice_id: statement.id,
        subscription_id: subscription.id,
        period: statement.period.into(),
        total: statement.total.into(),
    };
    Ok(vec![fact(statement, now, correlation_id, created)?])
}

/// That it was issued; and, if its run was made with it, that the period it is for is closed, which run 0 does not do;
/// and that it is paid, where nothing is due.
pub(super) fn finalized(
    invoice: &Invoice,
    is_made: bool,
    correlation_id: &CorrelationId,
) -> Result<Vec<Message>, Fault> {
    let Some(open) = invoice.issued() else { return Ok(Vec::new()) };
    let statement = &open.statement;
    let mut facts = Vec::new();
    if let Some(of) = statement.subscription.filter(|of| is_made && of.run != Some(0)) {
        let (period, invoice_id) = (statement.period.into(), statement.id);
        let closed = BillingPeriodClosedV1 { subscription_id: of.id, period, invoice_id };
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
    if let Invoice::Paid(paid) = invoice {
        let zero = Money::zero(statement.total.currency);
        let settled = InvoicePaidV1 {
            invoice_id: statement.id,
            number: open.number.to_string(),
            total: statement.total.into(),
            paid: zero.into(),
            credited_by_notes: zero.into(),
            paid_at: paid.paid_at,
        };
        facts.push(fact(statement, paid.paid_at, correlation_id, settled)?);
    }
    Ok(facts)
}

fn fact<T: Event>(
    statement: &Statement,
    at: Timestamp,
    correlation_id: &CorrelationId,
    data: T,
) -> Result<Message, Fault> {
    let id = statement.id.to_string();
    let envelope = Envelope::new("billing", statement.tenant_id, at, correlation_id.clone(), &[&id], data);
    envelope.encode().map_err(|error| Fault::permanent("encode event", error))
}
