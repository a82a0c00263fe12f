//! Prints invoices and credit notes: `invoice.finalized.v1` becomes a PDF in S3 and `invoice.ready.v1`, and
//! `creditnote.issued.v1` becomes one and `creditnote.ready.v1`.
//!
//! Invariants: the first PDF of an invoice or note stands, because the put refuses to replace it; the digest of the data lies
//! beside it; the record of the PDF and the fact that it is ready are one transaction. What is printed of each is in
//! `invoices` and `credit_notes`, where it is kept in `keep`.

mod credit_notes;
mod invoices;
mod keep;
pub mod pdf;
pub mod view;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{
    Fault, World,
    batch::{self, Record},
    spend::{self, Function},
    store::Consumer,
};
use events::{CreditNoteIssuedV1, Envelope, Event};

/// Documents that are printed at a time: printing is CPU, and a function has one.
const DOCUMENTS_AT_ONCE: usize = 2;

/// Prints what each message in `event` reports; answers which messages to deliver again.
pub async fn handle(world: &World, event: SqsEvent) -> SqsBatchResponse {
    let batch = batch::each(event, DOCUMENTS_AT_ONCE, |record| print(world, record));
    spend::invocation(world, Function::Invoice, batch).await
}

async fn print(world: &World, record: Record) -> Result<(), Fault> {
    if world.is_processed(Consumer::Invoice, record.header.id).await? {
        return Ok(());
    }
    let about = match record.header.event_type.as_str() {
        CreditNoteIssuedV1::TYPE => credit_notes::print(world, &decoded(&record)?).await?,
        // Whatever else it is, is refused as no invoice.
        _ => invoices::print(world, &decoded(&record)?).await?,
    };
    world.relay_invoice_facts(&about.to_string()).await?;
    world.mark_processed(Consumer::Invoice, record.header.id, world.now()).await
}

fn decoded<T: Event>(record: &Record) -> Result<Envelope<T>, Fault> {
    Envelope::decode(&record.body).map_err(batch::malformed)
}

fn missing(operation: &'static str, what: &str) -> Fault {
    Fault::permanent(operation, format!("the {what} does not exist"))
}
