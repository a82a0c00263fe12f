//! The table `invoices`: invoices with their lines, each tenant's number sequence, and the outbox of their facts. Coupons
//! and credits lie there as well (`redemptions`, `grants`).
//!
//! Invariant: an invoice, its number, the subscription's step to the next run, what it uses of coupons and credits, the
//! ledger's entries of it, and the facts that report it are one transaction. Whatever races, one run has one invoice and no
//! number is skipped or used twice. What is paid and credited later lies beside it, and is written by [`super::settlement`].

use super::{
    TenantStore,
    adjusters::Used,
    dynamo::{self, Range, Transacted},
    invoice_shape::{self, InvoiceV3, PDF},
    item::{self, Cursor, Item, Page},
    key::{self, Key},
    ledger, outbox,
    settlement::Ending,
    settlement_shape::{Beside, SETTLEMENT},
};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::{
    Timestamp,
    id::{GrantId, InvoiceId},
    invoice::{Invoice, Open, Settlement, Standing, Statement},
    money::Money,
    subscription::Subscription,
};
use events::Message;
use serde::{Deserialize, Serialize};

/// An invoice as it lies in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// Its PDF, once it was printed.
    pub pdf: Option<PdfRecord>,
    /// What became of it.
    pub settlement: Settlement,
    /// Who brought it to its end by hand, and why.
    pub ending: Option<Ending>,
    /// Grows with each change of what became of it; 0 as long as the ledger does not know the invoice, which is so of
    /// drafts and of invoices that were issued before there was a ledger.
    pub revision: u64,
}

impl StoredInvoice {
    /// An invoice of which nothing became yet.
    #[must_use]
    pub fn new(invoice: Invoice) -> Self {
        Self { invoice, pdf: None, settlement: Settlement::default(), ending: None, revision: 0 }
    }

    /// The invoice with what became of it, to decide by.
    #[must_use]
    pub fn standing(&self) -> Standing<'_> {
        Standing { invoice: &self.invoice, settlement: self.settlement }
    }
}

/// Where the PDF of an invoice, or of a credit note, lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdfRecord {
    /// Its key in the bucket.
    pub key: String,
    /// When it was stored.
    pub ready_at: Timestamp,
}

/// What making a run writes beside its invoice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunMade<'a> {
    /// The subscription as it was read.
    pub before: &'a Subscription,
    /// The same, after the run.
    pub after: &'a Subscription,
    /// When its next run is due; `None` if there is none.
    pub due_at: Option<Timestamp>,
}

/// What became of making a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillOutcome {
    /// The invoice was written.
    Billed,
    /// The run had been made before.
    AlreadyBilled,
    /// Another invoice of the tenant took the number, the subscription changed, or what the invoice uses of coupons and
    /// credits did: load again.
    Raced,
}

impl TenantStore<'_> {
    /// How many invoice numbers the tenant has used.
    pub async fn invoice_numbers_used(&self) -> Result<u64, Fault> {
        self.numbers_used(&Key::InvoiceSequence(self.tenant_id)).await
    }

    /// How many numbers of a sequence were used.
    pub(super) async fn numbers_used(&self, sequence: &Key<'_>) -> Result<u64, Fault> {
        let item = self.world.get_item(&self.world.settings().invoices_table, sequence).await?;
        item.map_or(Ok(0), |item| item::number(&item, "used"))
    }

    /// Writes `invoice`, which may be there as a draft, under the number after `numbers_used`, moves the subscription on
    /// if it is of a run that is made, records `facts`, and writes what the invoice has `used` of coupons and credits.
    pub async fn bill(
        &self,
        invoice: &Invoice,
        numbers_used: u64,
        run: Option<RunMade<'_>>,
        facts: &[Message],
        used: Used,
        now: Timestamp,
    ) -> Result<BillOutcome, Fault> {
        let mut actions = vec![
            self.put_unless_issued(invoice)?,
            self.take_number(&Key::InvoiceSequence(self.tenant_id), numbers_used)?,
            self.list(invoice.statement())?,
        ];
        if let Some(run) = run {
            actions.push(self.replace_subscription(run.before.revision, run.after, run.due_at)?);
        }
        let mut transactions = used.transactions;
        if let Some(open) = invoice.issued() {
            transactions.extend(ledger::finalized(open)?);
            actions.extend(self.carried_over(open)?);
        }
        self.append_now(&transactions, &mut actions).await?;
        actions.extend(self.facts(invoice, facts, now)?);
        actions.extend(used.actions);
        Ok(match self.world.transact(actions).await? {
            Transacted::Committed => BillOutcome::Billed,
            Transacted::Refused(refused) if refused.contains(&0) => BillOutcome::AlreadyBilled,
            Transacted::Refused(_) => BillOutcome::Raced,
        })
    }

    /// Writes `draft`, perhaps in place of an older one, and asks for its run again at `closes_at`.
    pub async fn write_draft(
        &self,
        draft: &Invoice,
        subscription: &Subscription,
        closes_at: Timestamp,
        facts: &[Message],
        now: Timestamp,
    ) -> Result<BillOutcome, Fault> {
        let mut actions = vec![
            self.put_unless_issued(draft)?,
            self.due_again(subscription, closes_at)?,
            self.list(draft.statement())?,
        ];
        actions.extend(self.facts(draft, facts, now)?);
        Ok(match self.world.transact(actions).await? {
            Transacted::Committed => BillOutcome::Billed,
            Transacted::Refused(refused) if refused.contains(&0) => BillOutcome::AlreadyBilled,
            Transacted::Refused(_) => BillOutcome::Raced,
        })
    }

    fn put_unless_issued(&self, invoice: &Invoice) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.world.settings().invoices_table)
            .set_item(Some(self.new_item(invoice)?))
            .condition_expression("attribute_not_exists(pk) OR attribute_type(issued, :null)")
            .expression_attribute_values(":null", AttributeValue::S("NULL".to_owned()));
        let put = put.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// What an invoice gives back on balance is credit from then on.
    fn carried_over(&self, open: &Open) -> Result<Option<TransactWriteItem>, Fault> {
        let due = open.statement.due().map_err(|error| Fault::permanent("bill run", error))?;
        if due.amount_minor >= 0 {
            return Ok(None);
        }
        let id = GrantId::derived(&["carried-over", &open.statement.id.to_string()]);
        let amount = Money { amount_minor: -due.amount_minor, ..due };
        self.put_balance(id, &open.number, amount, open.finalized_at).map(Some)
    }

    /// The item of an invoice that is written first; the ledger knows it from then on if it is issued.
    fn new_item(&self, invoice: &Invoice) -> Result<Item, Fault> {
        let stored = StoredInvoice::new(invoice.clone());
        let key = Key::Invoice(self.tenant_id, invoice.statement().id);
        let mut item = item::write(&key, &InvoiceV3::from(&stored))?;
        if invoice.issued().is_some() {
            let beside = Beside { revision: 1, settlement: stored.settlement, ending: None };
            item.insert(SETTLEMENT.to_owned(), beside.attribute()?);
        }
        Ok(item)
    }

    /// The entry of the tenant's list, under the same key however often the invoice is written.
    fn list(&self, statement: &Statement) -> Result<TransactWriteItem, Fault> {
        let opens = statement.subscription.is_some_and(|subscription| subscription.run == Some(0));
        let at = if opens { statement.period.start() } else { statement.period.end() };
        let mut listed = Key::InvoiceListed(self.tenant_id, at, statement.id).attributes();
        listed.insert("invoiceId".to_owned(), AttributeValue::S(statement.id.to_string()));
        dynamo::put(&self.world.settings().invoices_table, listed, false)
    }

    fn facts(&self, invoice: &Invoice, facts: &[Message], now: Timestamp) -> Result<Vec<TransactWriteItem>, Fault> {
        let table = &self.world.settings().invoices_table;
        let about = invoice.statement().id.to_string();
        facts.iter().map(|fact| outbox::row(table, &about, fact, now)).collect()
    }

    /// The invoice `id`.
    pub async fn invoice(&self, id: InvoiceId) -> Result<Option<StoredInvoice>, Fault> {
        let table = &self.world.settings().invoices_table;
        let item = self.world.get_item(table, &Key::Invoice(self.tenant_id, id)).await?;
        item.map(invoice_shape::read).transpose()
    }

    /// A page of the tenant's invoices, newest first.
    pub async fn invoices(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<StoredInvoice>, Fault> {
        let table = &self.world.settings().invoices_table;
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix("LIST#".to_owned());
        let listed = self.world.query_page(table, &partition, range, true, limit, after).await?;
        let ids = listed.items.iter().map(|item| item::parse(item::text(item, "invoiceId")?));
        let keys = ids.map(|id| id.map(|id| Key::Invoice(self.tenant_id, id))).collect::<Result<Vec<_>, Fault>>()?;
        let items = self.world.get_items(table, &keys).await?;
        Page { items, next: listed.next }.try_map(invoice_shape::read)
    }

    /// Records that the PDF of `id` lies in the bucket, and the fact that says so; a second time changes nothing.
    pub async fn record_pdf(&self, id: InvoiceId, pdf: &PdfRecord, fact: &Message) -> Result<(), Fault> {
        self.record_pdf_of(&Key::Invoice(self.tenant_id, id), id, pdf, fact).await
    }

    /// Records the PDF of what lies at `printed` and is about the invoice `about`.
    pub(super) async fn record_pdf_of(
        &self,
        printed: &Key<'_>,
        about: InvoiceId,
        pdf: &PdfRecord,
        fact: &Message,
    ) -> Result<(), Fault> {
        let table = &self.world.settings().invoices_table;
        let record = serde_dynamo::to_attribute_value(pdf).map_err(|error| Fault::permanent("encode item", error))?;
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(printed.attributes()))
            .update_expression("SET #pdf = :pdf")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(#pdf) OR attribute_type(#pdf, :null))",
            )
            .expression_attribute_names("#pdf", PDF)
            .expression_attribute_values(":pdf", record)
            .expression_attribute_values(":null", AttributeValue::S("NULL".to_owned()));
        let actions = vec![action(update)?, outbox::row(table, &about.to_string(), fact, pdf.ready_at)?];
        self.world.transact(actions).await.map(drop)
    }

    /// Takes the number after `numbers_used` of a sequence.
    pub(super) fn take_number(&self, sequence: &Key<'_>, numbers_used: u64) -> Result<TransactWriteItem, Fault> {
        let number = |n: u64| AttributeValue::N(n.to_string());
        let update = Update::builder()
            .table_name(&self.world.settings().invoices_table)
            .set_key(Some(sequence.attributes()))
            .update_expression("SET used = :next")
            .expression_attribute_values(":next", number(numbers_used + 1));
        action(match numbers_used {
            0 => update.condition_expression("attribute_not_exists(used)"),
            _ => update.condition_expression("used = :used").expression_attribute_values(":used", number(numbers_used)),
        })
    }
}

pub(super) fn action(update: aws_sdk_dynamodb::types::builders::UpdateBuilder) -> Result<TransactWriteItem, Fault> {
    let update = update.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
