//! Prints invoices: `invoice.finalized.v1` becomes a PDF in S3 and `invoice.ready.v1`.
//!
//! Invariants: the first PDF of an invoice stands, because the put refuses to replace it; the digest of the invoice data
//! lies beside it; the record of the PDF and the fact that it is ready are one transaction.

pub mod pdf;
pub mod view;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{
    Blob, Fault, World,
    batch::{self, Record},
    spend::{self, Function},
    store::{Consumer, PdfRecord, StoredInvoice},
};
use domain::{
    id::InvoiceId,
    invoice::{self, LineDetail, Statement},
    tenant::Tenant,
};
use events::{Envelope, InvoiceFinalizedV1, InvoiceReadyV1, Message};
use std::collections::BTreeSet;
use view::Numbers;

/// Invoices that are printed at a time: printing is CPU, and a function has one.
const INVOICES_AT_ONCE: usize = 2;
/// Adjusted invoices whose numbers are looked up for one print: an adjustment is of the last few periods. Beyond, their ids
/// are printed.
const REFERENCES_MAX: usize = 24;

/// Prints the invoice of every message in `event`; answers which messages to deliver again.
pub async fn handle(world: &World, event: SqsEvent) -> SqsBatchResponse {
    let batch = batch::each(event, INVOICES_AT_ONCE, |record| print(world, record));
    spend::invocation(world, Function::Invoice, batch).await
}

async fn print(world: &World, record: Record) -> Result<(), Fault> {
    let envelope = Envelope::<InvoiceFinalizedV1>::decode(&record.body).map_err(batch::malformed)?;
    if world.is_processed(Consumer::Invoice, envelope.id).await? {
        return Ok(());
    }
    let store = world.store(envelope.subject);
    let id = envelope.data.invoice_id;
    let missing = |what: &str| Fault::permanent("print invoice", format!("the {what} does not exist"));
    let stored = store.invoice(id).await?.ok_or_else(|| missing("invoice"))?;
    if stored.pdf.is_none() {
        let tenant = store.tenant().await?.ok_or_else(|| missing("tenant"))?;
        store_pdf(world, &envelope, &stored, &tenant).await?;
    }
    world.relay_invoice_facts(&id.to_string()).await?;
    world.mark_processed(Consumer::Invoice, envelope.id, world.now()).await
}

async fn store_pdf(
    world: &World,
    envelope: &Envelope<InvoiceFinalizedV1>,
    stored: &StoredInvoice,
    tenant: &Tenant,
) -> Result<(), Fault> {
    let id = envelope.data.invoice_id;
    let numbers = adjusted(world, envelope, stored.invoice.statement()).await?;
    let document = view::document(&stored.invoice, tenant, &world.settings().seller, &numbers);
    let document = document.map_err(|error| Fault::permanent("print invoice", error))?;
    let bytes = pdf::print(&document).map_err(|error| Fault::permanent("print invoice", error))?;
    let key = format!("{}/{id}.pdf", envelope.subject);
    let digest = document.metadata.identifier;
    world.put_blob(Blob { key: key.clone(), bytes, content_type: "application/pdf", digest }).await?;
    let fact = ready(envelope, stored, id).map_err(|error| Fault::permanent("encode event", error))?;
    world.store(envelope.subject).record_pdf(id, &PdfRecord { key, ready_at: world.now() }, &fact).await?;
    world.metrics().count(&world.settings().stage, "invoice", "InvoicesPrinted", 1, world.now());
    Ok(())
}

/// The numbers of the invoices that `statement` adjusts.
async fn adjusted(
    world: &World,
    envelope: &Envelope<InvoiceFinalizedV1>,
    statement: &Statement,
) -> Result<Numbers, Fault> {
    let of = |line: &invoice::Line| match line.detail {
        LineDetail::Adjustment { of, .. } => Some(of),
        LineDetail::Fee { .. }
        | LineDetail::Usage { .. }
        | LineDetail::Seats { .. }
        | LineDetail::OneOff { .. }
        | LineDetail::TrueUp { .. } => None,
    };
    let references: BTreeSet<InvoiceId> = statement.lines.iter().filter_map(of).collect();
    let store = world.store(envelope.subject);
    let mut numbers = Numbers::new();
    for id in references.into_iter().take(REFERENCES_MAX) {
        let stored = store.invoice(id).await?;
        let issued = stored.as_ref().and_then(|stored| stored.invoice.issued());
        numbers.extend(issued.map(|open| (id, open.number.clone())));
    }
    Ok(numbers)
}

fn ready(
    envelope: &Envelope<InvoiceFinalizedV1>,
    stored: &StoredInvoice,
    id: InvoiceId,
) -> Result<Message, serde_json::Error> {
    let data = InvoiceReadyV1 {
        invoice_id: id,
        number: envelope.data.number.clone(),
        total: envelope.data.total.clone(),
        due_at: envelope.data.due_at,
        digest: stored.invoice.issued().map(invoice::digest).unwrap_or_default(),
        pdf_path: format!("/v1/invoices/{id}/pdf"),
    };
    // The time is that of the invoice, not of the print, so that a second print says the very same.
    let id_text = id.to_string();
    Envelope::new("invoice", envelope.subject, envelope.time, envelope.correlationid.clone(), &[&id_text], data)
        .encode()
}
