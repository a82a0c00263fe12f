//! What payments, credit notes, void and write-off share: load, decide, write at once, and tell.
//!
//! The domain decides; a race is run again with what is there then. The facts lie in the outbox once the change is written,
//! so that a request whose telling fails is done all the same, and the tick tells.

use crate::{
    problem::Problem,
    retry::until_not_raced,
    state::{Api, KnownTenant},
};
use cloud::{
    Fault, TenantStore,
    store::{Record, SettleOutcome, Settling, StoredInvoice},
};
use domain::{
    Timestamp,
    id::InvoiceId,
    invoice::{CreditNote, Invoice, Open, Payment, Refusal, Settled},
    money::Money,
};
use events::{
    AmountV1, CorrelationId, CreditNoteIssuedV1, Envelope, Event, InvoicePaidV1, InvoiceUncollectibleV1,
    InvoiceVoidedV1, Message, PaymentRecordedV1,
};
use serde::Serialize;
use std::future::Future;

/// Most payments, and most credit notes, of one invoice: each change reads them all.
pub(super) const RECORDS_MAX: usize = 100;

/// What is asked for, of which invoice.
pub(super) struct Asked<'a> {
    pub(super) api: &'a Api,
    pub(super) tenant: &'a KnownTenant,
    pub(super) id: InvoiceId,
    pub(super) correlation_id: CorrelationId,
    pub(super) now: Timestamp,
}

/// What one try comes to: a fault to be tried again or answered, a refusal, or the answer.
pub(super) type Attempt<T> = Result<Result<T, Problem>, Fault>;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Invalid(violation) = refusal {
            return violation.into();
        }
        let problem = Self::conflict(refusal.code(), refusal.to_string());
        match refusal.pointer() {
            Some(pointer) => problem.at(pointer),
            None => problem,
        }
    }
}

impl<'a> Asked<'a> {
    pub(super) fn store(&self) -> TenantStore<'a> {
        self.api.store(self.tenant)
    }

    /// Runs `attempt` until it loses no race, then tells what happened.
    pub(super) async fn run<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, Problem>
    where
        F: Future<Output = Attempt<T>>,
    {
        let answer = until_not_raced(attempt).await??;
        if let Err(fault) = self.api.world().relay_invoice_facts(&self.id.to_string()).await {
            tracing::warn!(fault = fault.chain(), "what became of an invoice is told by the next tick");
        }
        Ok(answer)
    }

    /// Writes what was decided. A repeat is a race as well: the next try finds what is there.
    pub(super) async fn settle(
        &self,
        before: &StoredInvoice,
        after: &Settled,
        record: Record,
        facts: &[Message],
    ) -> Result<(), Fault> {
        let settling = Settling { before, after, record, facts };
        match self.store().settle(&settling, self.now).await? {
            SettleOutcome::Settled => Ok(()),
            SettleOutcome::Repeated | SettleOutcome::Raced => Err(Fault::Conflict { operation: "settle invoice" }),
        }
    }

    /// What a payment tells.
    pub(super) fn paid(&self, payment: &Payment, after: &Settled) -> Result<Vec<Message>, Fault> {
        let open = issued(&after.invoice)?;
        let data = PaymentRecordedV1 {
            payment_id: payment.id,
            invoice_id: payment.invoice_id,
            number: open.number.to_string(),
            amount: payment.amount.into(),
            remaining: remaining(open, after)?.into(),
            reference: payment.reference.clone(),
            received_at: payment.received_at,
        };
        let mut facts = vec![self.fact(&payment.id.to_string(), data)?];
        facts.extend(self.settled_in_full(after)?);
        Ok(facts)
    }

    /// What a credit note tells; `before` is whether the invoice was paid already.
    pub(super) fn credited(
        &self,
        note: &CreditNote,
        before: &StoredInvoice,
        after: &Settled,
    ) -> Result<Vec<Message>, Fault> {
        let amount = |amount_minor| AmountV1::from(Money { amount_minor, ..note.total });
        let data = CreditNoteIssuedV1 {
            credit_note_id: note.id,
            number: note.number.to_string(),
            invoice_id: note.invoice_id,
            invoice_number: note.invoice_number.to_string(),
            total: note.total.into(),
            applied: amount(note.applied_minor),
            refund: amount(note.refund_minor),
            balance: amount(note.balance_minor),
            reason: note.reason.clone(),
        };
        let mut facts = vec![self.fact(&note.id.to_string(), data)?];
        if !matches!(before.invoice, Invoice::Paid(_)) {
            facts.extend(self.settled_in_full(after)?);
        }
        Ok(facts)
    }

    /// What taking an invoice back, or giving it up, tells.
    pub(super) fn ended(&self, after: &Settled, reason: &str) -> Result<Vec<Message>, Fault> {
        let open = issued(&after.invoice)?;
        let (invoice_id, number) = (open.statement.id, open.number.to_string());
        let (total, reason) = (open.statement.total.into(), reason.to_owned());
        let fact = match &after.invoice {
            Invoice::Draft(_) | Invoice::Open(_) | Invoice::Paid(_) => return Ok(Vec::new()),
            Invoice::Void(void) => {
                let data = InvoiceVoidedV1 { invoice_id, number, total, voided_at: void.voided_at, reason };
                self.fact(&invoice_id.to_string(), data)?
            }
            Invoice::Uncollectible(given_up) => {
                let remaining = remaining(open, after)?.into();
                let given_up_at = given_up.given_up_at;
                let data = InvoiceUncollectibleV1 { invoice_id, number, total, remaining, given_up_at, reason };
                self.fact(&invoice_id.to_string(), data)?
            }
        };
        Ok(vec![fact])
    }

    fn settled_in_full(&self, after: &Settled) -> Result<Option<Message>, Fault> {
        let Invoice::Paid(paid) = &after.invoice else { return Ok(None) };
        let statement = &paid.open.statement;
        let amount = |amount_minor| AmountV1::from(Money { amount_minor, ..statement.total });
        let data = InvoicePaidV1 {
            invoice_id: statement.id,
            number: paid.open.number.to_string(),
            total: statement.total.into(),
            paid: amount(after.settlement.paid_minor),
            credited_by_notes: amount(after.settlement.credited_minor),
            paid_at: paid.paid_at,
        };
        self.fact(&statement.id.to_string(), data).map(Some)
    }

    fn fact<T: Event + Serialize>(&self, reports: &str, data: T) -> Result<Message, Fault> {
        let envelope = Envelope::new("api", self.tenant.id, self.now, self.correlation_id.clone(), &[reports], data);
        envelope.encode().map_err(|error| Fault::permanent("encode event", error))
    }
}

fn issued(invoice: &Invoice) -> Result<&Open, Fault> {
    invoice.issued().ok_or_else(|| Fault::permanent("settle invoice", "a draft was settled"))
}

fn remaining(open: &Open, after: &Settled) -> Result<Money, Fault> {
    after.settlement.remaining_of(open).map_err(|error| Fault::permanent("settle invoice", error))
}
