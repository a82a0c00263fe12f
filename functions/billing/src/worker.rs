//! The worker: a request for a due run of a subscription becomes its invoice, however often it comes.
//!
//! A request that comes too early, or of which the draft was written, is dropped and not remembered, because the tick
//! asks again under the same id.

use cloud::{
    Fault, World,
    batch::{self, Record},
    billing::{self, Asked, Made, Shelf},
    store::Consumer,
};
use domain::{id::SubscriptionId, invoice::Notes};
use events::{BillingRequestedV1, BillingRequestedV2, DecodeError, Envelope, Event, Header};

/// Makes the requested run, unless that was done before.
pub(crate) async fn bill(world: &World, shelf: &Shelf, record: Record) -> Result<(), Fault> {
    let (header, subscription_id, asked) = read(&record.body).map_err(batch::malformed)?;
    if world.is_processed(Consumer::Billing, header.id).await? {
        return Ok(());
    }
    let of = (header.subject, subscription_id);
    let (made, invoice_id) = billing::make(world, shelf, of, asked, &Notes::default(), &header.correlationid).await?;
    // Also the facts of an earlier try that died before it could publish them.
    world.relay_invoice_facts(&invoice_id.to_string()).await?;
    let metric = match made {
        Made::Issued => Some("InvoicesFinalized"),
        Made::Drafted => Some("InvoicesDrafted"),
        Made::NotOver | Made::NotCounted => Some("PeriodsWaiting"),
        Made::Nothing => None,
    };
    if let Some(metric) = metric {
        world.metrics().count(&world.settings().stage, "billing", metric, 1, world.now());
    }
    match made {
        Made::Issued | Made::Nothing => world.mark_processed(Consumer::Billing, header.id, world.now()).await,
        Made::Drafted | Made::NotOver | Made::NotCounted => {
            tracing::info!(?made, "the run is asked for again");
            Ok(())
        }
    }
}

/// What a request of either version asks for.
fn read(body: &str) -> Result<(Header, SubscriptionId, Asked), DecodeError> {
    let header = Header::decode(body)?;
    if header.event_type == BillingRequestedV1::TYPE {
        let first = Envelope::<BillingRequestedV1>::decode(body)?.data;
        return Ok((header, first.subscription_id, Asked::Run(first.run())));
    }
    let second = Envelope::<BillingRequestedV2>::decode(body)?.data;
    Ok((header, second.subscription_id, Asked::DueAt(second.due_at)))
}
