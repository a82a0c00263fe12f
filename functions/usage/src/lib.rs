//! Counts usage events exactly once: `usage.recorded.v1` from the queue becomes hourly counters.
//!
//! This file splits a batch by message and bounds how many are worked on; `plan` decides, without I/O, what a chunk of
//! events adds; `commit` writes it. Nobody else knows how events are stored once they are counted.

mod commit;
mod plan;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{Fault, World, batch};
use domain::{TimeZone, usage::Meter};
use events::{Envelope, UsageRecordedV1};

/// Messages that are worked on at a time.
const MESSAGES_AT_ONCE: usize = 16;

/// Counts every event of every message in `event`; answers which messages to deliver again.
pub async fn handle(world: &World, event: SqsEvent) -> SqsBatchResponse {
    let meters = match world.all_meters().await {
        Ok(meters) => meters,
        Err(fault) => {
            tracing::warn!(fault = %fault.chain(), "the meters could not be read; the batch will be delivered again");
            return batch::response(event.records.into_iter().filter_map(|message| message.message_id).collect());
        }
    };
    batch::each(event, MESSAGES_AT_ONCE, |record| count_message(world, &meters, record)).await
}

async fn count_message(world: &World, meters: &[Meter], record: batch::Record) -> Result<(), Fault> {
    let envelope = Envelope::<UsageRecordedV1>::decode(&record.body).map_err(batch::malformed)?;
    let time_zone = TimeZone::get(&envelope.data.time_zone).map_err(|error| Fault::permanent("decode event", error))?;
    let store = world.store(envelope.subject);
    let mut events = Vec::with_capacity(envelope.data.events.len());
    for event in envelope.data.events {
        let event = event.into_event().ok_or_else(|| Fault::permanent("decode event", "the data is no object"))?;
        events.push(plan::measure(&event, store.tenant_id(), &time_zone, meters)?);
    }
    let mut tally = commit::Tally::default();
    for chunk in plan::chunks(events) {
        commit::count(world, &store, chunk, &mut tally).await?;
    }
    tally.report(world);
    Ok(())
}
