//! The table `invoices`: what becomes of an issued invoice. Payments, credit notes with their PDFs, and its end.
//!
//! Invariants: the state of the invoice, the payment or note, the ledger's entries and the facts are one transaction, on
//! the condition that the invoice is as it was loaded; a payment or note is written once for each id, however often it is
//! asked for. An invoice from before the ledger gets its charge with the first of these, once, since from then on it has a
//! revision.

use super::{
    TenantStore,
    adjusters::Used,
    dynamo::{self, Range, Transacted},
    invoice_shape,
    invoices::{self, PdfRecord, StoredInvoice},
    item::{self, Item},
    key::{self, Key},
    ledger, outbox,
    settlement_shape::{self, Beside, CreditNoteV1, PaymentV1, REVISION, SETTLEMENT},
};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{
    Timestamp,
    id::{CreditNoteId, InvoiceId},
    invoice::{CreditNote, Invoice, Payment, Settled},
    money::Money,
};
use events::Message;

/// How an invoice was brought to its end by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The request that did it, so that a repeat of it is known.
    pub request: String,
    /// Why.
    pub reason: String,
}

/// A credit note as it lies in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCreditNote {
    /// The credit note.
    pub note: CreditNote,
    /// Its PDF, once it was printed.
    pub pdf: Option<PdfRecord>,
}

/// What is written beside the invoice.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A payment.
    Payment(Payment),
    /// A credit note, under the number after so many.
    CreditNote(Box<CreditNote>, u64),
    /// It was taken back or given up.
    Ending(Ending),
}

/// What is to become of an invoice.
#[derive(Clone, Debug)]
pub struct Settling<'a> {
    /// The invoice as it was loaded.
    pub before: &'a StoredInvoice,
    /// What was decided.
    pub after: &'a Settled,
    /// What is written beside.
    pub record: Record,
    /// What is told.
    pub facts: &'a [Message],
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleOutcome {
    /// It was written.
    Settled,
    /// It had been written before, under the same id: this is a repeat.
    Repeated,
    /// The invoice, the ledger or the sequence moved meanwhile: load again.
    Raced,
}

impl TenantStore<'_> {
    /// Writes what becomes of an invoice.
    pub async fn settle(&self, settling: &Settling<'_>, now: Timestamp) -> Result<SettleOutcome, Fault> {
        let Settling { before, after, record, facts } = settling;
        let table = &self.world.settings().invoices_table;
        let id = before.invoice.statement().id;
        let mut actions = self.record(id, record)?;
        let is_recorded_once = !actions.is_empty();
        actions.push(self.update(settling)?);
        let mut transactions = match before.invoice.issued() {
            Some(open) if before.revision == 0 => ledger::finalized(open)?,
            Some(_) | None => Vec::new(),
        };
        transactions.extend(after.transactions.iter().cloned());
        let credits = self.of_credits(settling, now).await?;
        transactions.extend(credits.transactions);
        self.append_now(&transactions, &mut actions).await?;
        actions.extend(credits.actions);
        for fact in *facts {
            actions.push(outbox::row(table, &id.to_string(), fact, now)?);
        }
        Ok(match self.world.transact(actions).await? {
            Transacted::Committed => SettleOutcome::Settled,
            Transacted::Refused(refused) if is_recorded_once && refused.contains(&0) => SettleOutcome::Repeated,
            Transacted::Refused(_) => SettleOutcome::Raced,
        })
    }

    /// What a tenant's credits have of it: a void gives back what it had used, a credit note leaves what is too much.
    async fn of_credits(&self, settling: &Settling<'_>, now: Timestamp) -> Result<Used, Fault> {
        match &settling.record {
            Record::Payment(_) => Ok(Used::default()),
            Record::Ending(_) => match &settling.after.invoice {
                Invoice::Void(void) => self.give_back(&void.open.statement, now).await,
                Invoice::Draft(_) | Invoice::Open(_) | Invoice::Paid(_) | Invoice::Uncollectible(_) => {
                    Ok(Used::default())
                }
            },
            Record::CreditNote(note, _) if note.balance_minor > 0 => {
                let amount = Money { amount_minor: note.balance_minor, ..note.total };
                let balance = self.put_balance(note.grant_id(), &note.number, amount, note.issued_at)?;
                Ok(Used { actions: vec![balance], transactions: Vec::new() })
            }
            Record::CreditNote(..) => Ok(Used::default()),
        }
    }

    /// The payments of an invoice, by when the money came.
    pub async fn payments(&self, id: InvoiceId) -> Result<Vec<Payment>, Fault> {
        let items = self.beside(key::payments(id)).await?;
        let payment = |item| item::read::<PaymentV1>(item)?.try_into();
        let mut payments = items.into_iter().map(payment).collect::<Result<Vec<Payment>, Fault>>()?;
        payments.sort_by_key(|payment| (payment.received_at, payment.recorded_at, payment.id));
        Ok(payments)
    }

    /// The credit notes of an invoice, oldest first.
    pub async fn credit_notes(&self, id: InvoiceId) -> Result<Vec<StoredCreditNote>, Fault> {
        let items = self.beside(key::credit_notes(id)).await?;
        let mut notes = items.into_iter().map(settlement_shape::read_note).collect::<Result<Vec<_>, Fault>>()?;
        notes.sort_by(|StoredCreditNote { note: a, .. }, StoredCreditNote { note: b, .. }| {
            (a.issued_at, a.number.as_str()).cmp(&(b.issued_at, b.number.as_str()))
        });
        Ok(notes)
    }

    /// The credit note `id`.
    pub async fn credit_note(&self, id: CreditNoteId) -> Result<Option<StoredCreditNote>, Fault> {
        let table = &self.world.settings().invoices_table;
        let Some(item) = self.world.get_item(table, &Key::CreditNoteOf(self.tenant_id, id)).await? else {
            return Ok(None);
        };
        let invoice_id = item::parse(item::text(&item, "invoiceId")?)?;
        let item = self.world.get_item(table, &Key::CreditNote(self.tenant_id, invoice_id, id)).await?;
        item.map(settlement_shape::read_note).transpose()
    }

    /// Records that the PDF of `note` lies in the bucket, and the fact that says so; a second time changes nothing.
    pub async fn record_credit_note_pdf(
        &self,
        note: &CreditNote,
        pdf: &PdfRecord,
        fact: &Message,
    ) -> Result<(), Fault> {
        let printed = Key::CreditNote(self.tenant_id, note.invoice_id, note.id);
        self.record_pdf_of(&printed, note.invoice_id, pdf, fact).await
    }

    /// How many credit note numbers the tenant has used.
    pub async fn credit_note_numbers_used(&self) -> Result<u64, Fault> {
        self.numbers_used(&Key::CreditNoteSequence(self.tenant_id)).await
    }

    async fn beside(&self, prefix: String) -> Result<Vec<Item>, Fault> {
        let partition = key::tenant_partition(self.tenant_id);
        self.world.query_all(&self.world.settings().invoices_table, &partition, Range::Prefix(prefix)).await
    }

    /// What writes the record; the first action tells a repeat.
    fn record(&self, id: InvoiceId, record: &Record) -> Result<Vec<TransactWriteItem>, Fault> {
        let table = &self.world.settings().invoices_table;
        match record {
            Record::Ending(_) => Ok(Vec::new()),
            Record::Payment(payment) => {
                let item = item::write(&Key::Payment(self.tenant_id, id, payment.id), &PaymentV1::from(payment))?;
                Ok(vec![dynamo::put(table, item, true)?])
            }
            Record::CreditNote(note, numbers_used) => {
                let key = Key::CreditNote(self.tenant_id, id, note.id);
                let item = item::write(&key, &CreditNoteV1::from(note.as_ref()))?;
                let mut pointer = Key::CreditNoteOf(self.tenant_id, note.id).attributes();
                pointer.insert("invoiceId".to_owned(), AttributeValue::S(id.to_string()));
                Ok(vec![
                    dynamo::put(table, item, true)?,
                    dynamo::put(table, pointer, false)?,
                    self.take_number(&Key::CreditNoteSequence(self.tenant_id), *numbers_used)?,
                ])
            }
        }
    }

    /// What gives the invoice its new state, if it is as it was loaded.
    fn update(&self, settling: &Settling<'_>) -> Result<TransactWriteItem, Fault> {
        let Settling { before, after, record, .. } = settling;
        let ending = match record {
            Record::Ending(ending) => Some(ending.clone()),
            Record::Payment(_) | Record::CreditNote(..) => before.ending.clone(),
        };
        let beside = Beside { revision: before.revision + 1, settlement: after.settlement, ending };
        let update = Update::builder()
            .table_name(&self.world.settings().invoices_table)
            .set_key(Some(Key::Invoice(self.tenant_id, before.invoice.statement().id).attributes()))
            .update_expression("SET #settlement = :settlement, #end = :end")
            .expression_attribute_names("#settlement", SETTLEMENT)
            .expression_attribute_names("#end", invoice_shape::END)
            .expression_attribute_values(":settlement", beside.attribute()?)
            .expression_attribute_values(":end", invoice_shape::end(&after.invoice)?);
        invoices::action(match before.revision {
            0 => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(#settlement)"),
            revision => update
                .condition_expression("#settlement.#revision = :before")
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":before", AttributeValue::N(revision.to_string())),
        })
    }
}
