//! Counts usage events exactly once: what the API took becomes entries of the usage log, and counters.
//!
//! This file takes a batch of messages apart by lane and decides which messages come again: those of which any lane
//! failed. `parcel` reads a message, `commit` writes a lane, `lanes` remembers what was read of one. Lanes are
//! worked on side by side, a few of each tenant, so that one tenant's load does not hold up the others'.

mod commit;
mod lanes;
mod parcel;

pub use lanes::Lanes;

use crate::{
    commit::{Committer, Work},
    parcel::{Parcel, Place},
};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{
    Fault, World,
    batch::{self, Record},
    spend::{self, Amounts, Function},
};
use domain::{id::TenantId, usage::Meter};
use futures::{FutureExt, StreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
};
use usage_log::{Arrival, Outcome, Request};

/// Tenants that are worked on at a time.
const TENANTS_AT_ONCE: usize = 16;
/// Lanes of one tenant that are worked on at a time.
const LANES_AT_ONCE: usize = 4;
/// SNS bills a message for every started chunk of this size.
const CHUNK_BYTES: usize = 64 * 1024;

/// Counts every event of every message in `event`; answers which messages to deliver again.
pub async fn handle(world: &World, lanes: &Lanes, event: SqsEvent) -> SqsBatchResponse {
    spend::invocation(world, Function::Usage, count_batch(world, lanes, event)).await
}

async fn count_batch(world: &World, lanes: &Lanes, event: SqsEvent) -> SqsBatchResponse {
    lanes.trim();
    let meters = match world.all_meters().await {
        Ok(meters) => meters,
        Err(fault) => {
            tracing::warn!(fault = %fault.chain(), "the meters could not be read; the batch will be delivered again");
            return batch::response(event.records.into_iter().filter_map(|message| message.message_id).collect());
        }
    };
    let (records, mut failed) = batch::records(event);
    let (parcels, unread) = read(&records);
    failed.extend(unread);
    let counter = Counter { world, lanes, meters: &meters };
    let mut by_tenant: BTreeMap<TenantId, Vec<&(usize, Parcel)>> = BTreeMap::new();
    for parcel in &parcels {
        by_tenant.entry(parcel.1.tenant_id).or_default().push(parcel);
    }
    let tenants: Vec<_> =
        by_tenant.into_iter().map(|(tenant_id, parcels)| counter.tenant(tenant_id, parcels)).collect();
    let outcomes: Vec<_> = stream::iter(tenants).buffer_unordered(TENANTS_AT_ONCE).collect().await;
    let mut again: BTreeSet<usize> = BTreeSet::new();
    let mut total = Outcome::default();
    for (outcome, failed) in outcomes {
        add(&mut total, outcome);
        again.extend(failed);
    }
    report(world, &total);
    failed.extend(again.into_iter().map(|position| records[position].message_id.clone()));
    batch::response(failed)
}

/// The messages that can be read, with their positions, and the ids of those that cannot.
fn read(records: &[Record]) -> (Vec<(usize, Parcel)>, Vec<String>) {
    let (mut parcels, mut failed) = (Vec::with_capacity(records.len()), Vec::new());
    for (position, record) in records.iter().enumerate() {
        match Parcel::read(record) {
            Ok(parcel) => parcels.push((position, parcel)),
            Err(fault) => {
                warn(record, &fault);
                failed.push(record.message_id.clone());
            }
        }
    }
    (parcels, failed)
}

struct Counter<'a> {
    world: &'a World,
    lanes: &'a Lanes,
    meters: &'a [Meter],
}

impl Counter<'_> {
    /// Counts one tenant's messages; answers what became of them, and which have to come again.
    async fn tenant(&self, tenant_id: TenantId, parcels: Vec<&(usize, Parcel)>) -> (Outcome, BTreeSet<usize>) {
        let messages = parcels.len() as u64;
        let mut by_place: BTreeMap<Place, Vec<&(usize, Parcel)>> = BTreeMap::new();
        for parcel in parcels {
            for place in parcel.1.places.keys() {
                by_place.entry(*place).or_default().push(parcel);
            }
        }
        let works: Vec<_> = by_place.into_iter().map(|(place, parcels)| self.guarded(place, parcels)).collect();
        let work = stream::iter(works).buffer_unordered(LANES_AT_ONCE).collect::<Vec<(Outcome, BTreeSet<usize>)>>();
        let mut total = (Outcome::default(), BTreeSet::new());
        let paid = async {
            for (outcome, failed) in work.await {
                add(&mut total.0, outcome);
                total.1.extend(failed);
            }
            spend::add(&Amounts { messages, events: total.0.accepted, ..Amounts::default() });
        };
        spend::of_tenant(tenant_id, paid).await;
        total
    }

    /// As [`Counter::place`]; a panic fails the messages that it met, and nothing else.
    async fn guarded(&self, place: Place, parcels: Vec<&(usize, Parcel)>) -> (Outcome, BTreeSet<usize>) {
        let guarded = AssertUnwindSafe(self.place(place, &parcels)).catch_unwind().await;
        guarded.unwrap_or_else(|_| {
            tracing::error!(lane = %place.0, "the commit panicked; its messages will be delivered again");
            (Outcome::default(), parcels.iter().map(|(position, _)| *position).collect())
        })
    }

    /// Commits what goes to one lane and hour. Events are committed before their corrections, so that one of the latter
    /// that has to wait for its event holds up no other message.
    async fn place(&self, place: Place, parcels: &[&(usize, Parcel)]) -> (Outcome, BTreeSet<usize>) {
        let (corrections, recordings): (Vec<_>, Vec<_>) =
            parcels.iter().copied().partition(|(_, parcel)| parcel.request.is_some());
        let mut total = (Outcome::default(), BTreeSet::new());
        let singly = corrections.iter().map(std::slice::from_ref);
        let groups = std::iter::once(recordings.as_slice()).filter(|group| !group.is_empty()).chain(singly);
        for group in groups {
            match self.commit(place, group).await {
                Ok(outcome) => add(&mut total.0, outcome),
                Err(fault) => {
                    tracing::warn!(lane = %place.0, fault = %fault.chain(), "the messages will be delivered again");
                    total.1.extend(group.iter().map(|(position, _)| *position));
                }
            }
        }
        total
    }

    async fn commit(&self, place: Place, parcels: &[&(usize, Parcel)]) -> Result<Outcome, Fault> {
        let (lane, hour) = place;
        let Some((_, first)) = parcels.first() else { return Ok(Outcome::default()) };
        let mut work = Work {
            lane,
            hour,
            time_zone: &first.time_zone,
            identity: first.identity,
            arrivals: Vec::new(),
            requests: Vec::new(),
            amounts: Amounts::default(),
        };
        for (_, parcel) in parcels {
            bring(&mut work, parcel, place);
        }
        let store = self.world.store(lane.tenant_id);
        Committer { world: self.world, store, meters: self.meters }.commit(self.lanes, &work).await
    }
}

/// Adds what `parcel` brings to `place`.
fn bring<'a>(work: &mut Work<'a>, parcel: &'a Parcel, place: Place) {
    let events = parcel.places.get(&place).map_or(&[][..], Vec::as_slice);
    let arrivals = events.iter().map(|&(position, key)| Arrival { event: parcel.batch.event(position), key });
    match &parcel.request {
        None => work.arrivals.extend(arrivals),
        Some(request) => work.requests.extend(arrivals.map(|Arrival { event, key }| Request {
            key,
            correction: request.correction.clone(),
            at: request.at,
            replacement: (!request.void).then_some(event),
        })),
    }
    // A message that goes to several lanes is paid for by the first.
    if parcel.places.keys().next() == Some(&place) {
        let chunks = parcel.bytes.div_ceil(CHUNK_BYTES) as u64;
        work.amounts += &Amounts { messages: 1, http_requests: 1, sns_chunks: chunks, ..Amounts::default() };
    }
}

fn add(total: &mut Outcome, more: Outcome) {
    total.accepted += more.accepted;
    total.duplicates += more.duplicates;
    total.redelivered += more.redelivered;
    total.conflicts += more.conflicts;
    total.corrections += more.corrections;
}

fn report(world: &World, outcome: &Outcome) {
    let counts = [
        ("EventsCounted", outcome.accepted),
        ("EventsDuplicate", outcome.duplicates),
        ("EventsRedelivered", outcome.redelivered),
        ("EventsInConflict", outcome.conflicts),
        ("EventsCorrected", outcome.corrections),
    ];
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        world.metrics().count(&world.settings().stage, "usage", name, count, world.now());
    }
}

fn warn(record: &Record, fault: &Fault) {
    tracing::warn!(
        id = %record.header.id,
        event_type = %record.header.event_type,
        tenant = %record.header.subject,
        correlation_id = %record.header.correlationid,
        fault = %fault.chain(),
        "the event will be delivered again",
    );
}
