//! Writes a chunk of events: all markers and counters in one transaction, or none.
//!
//! Whatever is lost, repeated or raced, the next round sees it: an event that had been counted refuses its marker and is
//! left out, a maximum that moved is read again, and an unknown outcome is found out by its own markers.

use crate::plan::{self, Measured};
use cloud::{
    Fault, TenantStore, World,
    store::{CountOutcome, CountedEvent},
};
use domain::usage::EventKey;
use std::{collections::BTreeMap, time::Duration};

/// Rounds before a chunk is left to the next delivery of its message.
const ROUNDS_MAX: u32 = 8;
/// The longest wait before the second round; it doubles with each.
const BACK_OFF_MS: u64 = 10;

/// What became of the events of a message.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counted: usize,
    seen: usize,
    conflicts: usize,
}

impl Tally {
    /// Publishes the tally as metrics.
    pub(crate) fn report(&self, world: &World) {
        let counts = [("EventsCounted", self.counted), ("EventsSeen", self.seen), ("EventsInConflict", self.conflicts)];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            world.metrics().count(&world.settings().stage, "usage", name, count as u64, world.now());
        }
    }
}

/// Counts the events of `chunk` that were not counted before.
pub(crate) async fn count(
    world: &World,
    store: &TenantStore<'_>,
    mut chunk: Vec<Measured>,
    tally: &mut Tally,
) -> Result<(), Fault> {
    for round in 0..ROUNDS_MAX {
        match attempt(world, store, &chunk).await {
            Ok(CountOutcome::Counted) => {
                tally.counted += chunk.len();
                return Ok(());
            }
            Ok(CountOutcome::Seen(positions)) => leave_out(store, &mut chunk, &positions, tally).await?,
            Ok(CountOutcome::Moved) => {}
            Err(Fault::Conflict { .. }) => back_off(world, round).await,
            Err(fault) => return Err(fault),
        }
        if chunk.is_empty() {
            return Ok(());
        }
    }
    Err(Fault::Conflict { operation: "count events" })
}

async fn attempt(world: &World, store: &TenantStore<'_>, chunk: &[Measured]) -> Result<CountOutcome, Fault> {
    let mut maxima = BTreeMap::new();
    for key in plan::maxima(chunk) {
        let number = store.counter_number(&key).await?;
        maxima.insert(key, number);
    }
    let deltas = plan::deltas(chunk, &maxima)?;
    let events: Vec<CountedEvent> = chunk.iter().map(|event| event.event.clone()).collect();
    store.count_events(&events, &deltas, world.now()).await
}

/// Takes the events at `positions` out of the chunk, and tells a repeat from a conflict: the first sending stands.
async fn leave_out(
    store: &TenantStore<'_>,
    chunk: &mut Vec<Measured>,
    positions: &[usize],
    tally: &mut Tally,
) -> Result<(), Fault> {
    for &position in positions.iter().rev() {
        let CountedEvent { key, content } = chunk.remove(position).event;
        if is_conflict(store, key, content).await? {
            tracing::warn!(event_key = %key, "an event with the same identity but other content was counted before");
            tally.conflicts += 1;
        } else {
            tally.seen += 1;
        }
    }
    Ok(())
}

async fn is_conflict(store: &TenantStore<'_>, key: EventKey, content: EventKey) -> Result<bool, Fault> {
    Ok(store.counted_content(key).await?.is_some_and(|counted| counted != content.to_string()))
}

/// Waits a random part of a time that doubles with each round (full jitter).
async fn back_off(world: &World, round: u32) {
    let longest_ms = BACK_OFF_MS << round;
    tokio::time::sleep(Duration::from_millis(world.random().number() % longest_ms)).await;
}
