//! The PDF of an invoice, and the fact that it is ready.

use crate::{keep, missing, view, view::Numbers};
use cloud::{Fault, World, store::StoredInvoice};
use domain::{
    id::InvoiceId,
    invoice::{self, LineDetail, Statement},
};
use events::{Envelope, InvoiceFinalizedV1, InvoiceReadyV1, Message};
use std::collections::BTreeSet;

/// Adjusted invoices whose numbers are looked up for one print: an adjustment is of the last few periods. Beyond, their ids
/// are printed.
const REFERENCES_MAX: usize = 24;
const OPERATION: &str = "print invoice";

/// Prints the invoice, unless that was done; answers which one it is.
pub(crate) async fn print(world: &World, envelope: &Envelope<InvoiceFinalizedV1>) -> Result<InvoiceId, Fault> {
    let store = world.store(envelope.subject);
    let id = envelope.data.invoice_id;
    let stored = store.invoice(id).await?.ok_or_else(|| missing(OPERATION, "invoice"))?;
    if stored.pdf.is_some() {
        return Ok(id);
    }
    let tenant = store.tenant().await?.ok_or_else(|| missing(OPERATION, "tenant"))?;
    let numbers = adjusted(world, envelope, stored.invoice.statement()).await?;
    let document = view::document(&stored.invoice, &tenant, &world.settings().seller, &numbers);
    let document = document.map_err(|error| Fault::permanent(OPERATION, error))?;
    let pdf = keep::keep(world, envelope.subject, &id.to_string(), document).await?;
    let fact = ready(envelope, &stored, id).map_err(|error| Fault::permanent("encode event", error))?;
    store.record_pdf(id, &pdf, &fact).await?;
    world.metrics().count(&world.settings().stage, "invoice", "InvoicesPrinted", 1, world.now());
    Ok(id)
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
