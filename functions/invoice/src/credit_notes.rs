//! The PDF of a credit note, and the fact that it is ready.

use crate::{keep, missing, view};
use cloud::{Fault, World};
use domain::{id::InvoiceId, invoice::CreditNote};
use events::{CreditNoteIssuedV1, CreditNoteReadyV1, Envelope, Message};

const OPERATION: &str = "print credit note";

/// Prints the credit note, unless that was done; answers of which invoice it is.
pub(crate) async fn print(world: &World, envelope: &Envelope<CreditNoteIssuedV1>) -> Result<InvoiceId, Fault> {
    let store = world.store(envelope.subject);
    let id = envelope.data.credit_note_id;
    let stored = store.credit_note(id).await?.ok_or_else(|| missing(OPERATION, "credit note"))?;
    let note = stored.note;
    if stored.pdf.is_some() {
        return Ok(note.invoice_id);
    }
    let tenant = store.tenant().await?.ok_or_else(|| missing(OPERATION, "tenant"))?;
    let of = store.invoice(note.invoice_id).await?.ok_or_else(|| missing(OPERATION, "invoice"))?;
    let document = view::credit_note(&note, &of.invoice, &tenant, &world.settings().seller);
    let document = document.map_err(|error| Fault::permanent(OPERATION, error))?;
    let pdf = keep::keep(world, envelope.subject, &id.to_string(), document).await?;
    let fact = ready(envelope, &note).map_err(|error| Fault::permanent("encode event", error))?;
    store.record_credit_note_pdf(&note, &pdf, &fact).await?;
    world.metrics().count(&world.settings().stage, "invoice", "CreditNotesPrinted", 1, world.now());
    Ok(note.invoice_id)
}

fn ready(envelope: &Envelope<CreditNoteIssuedV1>, note: &CreditNote) -> Result<Message, serde_json::Error> {
    let id = note.id.to_string();
    let data = CreditNoteReadyV1 {
        credit_note_id: note.id,
        number: note.number.to_string(),
        invoice_id: note.invoice_id,
        invoice_number: note.invoice_number.to_string(),
        total: note.total.into(),
        digest: note.digest(),
        pdf_path: format!("/v1/credit-notes/{id}/pdf"),
    };
    // The time is that of the note, not of the print, so that a second print says the very same.
    Envelope::new("invoice", envelope.subject, envelope.time, envelope.correlationid.clone(), &[&id], data).encode()
}
