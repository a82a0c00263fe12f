//! What of the events and corrections that came in is new to a lane, decided against one snapshot of it.
//!
//! The first sending of an event stands. Another one is a repeat if it says the same, and a conflict if it does not; both
//! are noted once. A correction is carried out once, and what was voided stays void.

use crate::{
    batch::{Batch, EventRef},
    build::{Builder, PushError, Remap},
    identity::Identity,
    known::{Entry, Known},
    note::{Correction, Note, What},
    state::{Noted, Snapshot},
};
use domain::{Timestamp, usage::EventKey};
use std::collections::HashMap;

/// An event that came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The event.
    pub event: EventRef<'a>,
    /// What it is known by.
    pub key: EventKey,
}

/// A correction that came in.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Which event.
    pub key: EventKey,
    /// By whom and why.
    pub correction: Correction,
    /// When the API took it.
    pub at: Timestamp,
    /// The new content; `None` to void.
    pub replacement: Option<EventRef<'a>>,
}

/// How many of the arrivals became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Accepted now.
    pub accepted: u64,
    /// Sent again by their sender.
    pub duplicates: u64,
    /// Delivered again by the queue.
    pub redelivered: u64,
    /// The same identity with other content.
    pub conflicts: u64,
    /// Corrections that were carried out now.
    pub corrections: u64,
}

/// What a commit adds.
#[derive(Debug)]
pub struct Decision {
    /// The new entries alone; nothing if it is empty.
    pub added: Batch,
    /// What the accepted ones are known by, in their order.
    pub keys: Vec<EventKey>,
    /// Positions of the arrivals that count: those accepted, and deliveries again of what stands as it was accepted.
    pub counting: Vec<usize>,
    /// What became of what came in.
    pub outcome: Outcome,
    /// Whether an event that had been counted counts otherwise now, so that the counters must be counted again.
    pub recount: bool,
    /// What is to be remembered of the accepted ones.
    pub(crate) fresh: Known,
}

/// A correction of an event that the lane does not hold (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// The event was not accepted before its correction.
    #[error("the event that is to be corrected is not in the log")]
    Unknown,
    /// The batch cannot be built.
    #[error("the entries do not fit into a batch")]
    Push(#[from] PushError),
}

pub(crate) struct Deciding<'s> {
    snapshot: &'s Snapshot,
    identity: &'s Identity,
    builder: Builder,
    keys: Vec<EventKey>,
    counting: Vec<usize>,
    /// What is accepted here.
    fresh: Known,
    /// What is noted here.
    noted: Noted,
    outcome: Outcome,
    recount: bool,
}

impl<'s> Deciding<'s> {
    /// Begins, with room for so many events.
    pub(crate) fn new(snapshot: &'s Snapshot, identity: &'s Identity, events: usize) -> Self {
        Self {
            snapshot,
            identity,
            builder: Builder::default(),
            keys: Vec::with_capacity(events),
            counting: Vec::with_capacity(events),
            fresh: snapshot.known.fresh(events),
            noted: Noted::default(),
            outcome: Outcome::default(),
            recount: false,
        }
    }

    /// What was decided.
    pub(crate) fn decision(self) -> Decision {
        let Self { builder, keys, counting, fresh, outcome, recount, .. } = self;
        Decision { added: builder.finish(), keys, counting, outcome, recount, fresh }
    }

    /// Decides on events, which come in runs out of one batch each.
    pub(crate) fn arrive_all(&mut self, arrivals: &[Arrival<'_>]) -> Result<(), PushError> {
        let mut remaps: HashMap<*const Batch, Remap> = HashMap::new();
        let mut position = 0;
        for run in arrivals.chunk_by(|a, b| std::ptr::eq(a.event.batch, b.event.batch)) {
            let columns = run[0].event.shape().columns().len();
            self.builder.reserve(run.len(), run.len() * columns);
            let remap = remaps.entry(std::ptr::from_ref(run[0].event.batch)).or_default();
            for arrival in run {
                if self.arrive(arrival, remap)? {
                    self.counting.push(position);
                }
                position += 1;
            }
        }
        Ok(())
    }

    /// The ordinal and the entry of an event that was accepted before, or here.
    #[inline]
    fn known(&self, hash: u64, key: EventKey) -> Option<(u32, Entry)> {
        if let Some((ordinal, entry)) = self.snapshot.known.find(hash, key) {
            return Some((ordinal, *entry));
        }
        let (place, entry) = self.fresh.find(hash, key)?;
        Some((self.snapshot.head.accepted + place, *entry))
    }

    /// Whether the content of the arrival counts.
    #[inline]
    fn arrive(&mut self, arrival: &Arrival<'_>, remap: &mut Remap) -> Result<bool, PushError> {
        let Arrival { event, key } = arrival;
        let hash = self.fresh.hash(*key);
        let (content, received_ms) = (self.identity.content(event), event.received_ms());
        let Some((ordinal, first)) = self.known(hash, *key) else {
            self.builder.copy(event, remap)?;
            self.keys.push(*key);
            self.fresh.push(hash, Entry { key: *key, content, received_ms });
            self.outcome.accepted += 1;
            return Ok(true);
        };
        if first.content != content {
            self.conflict(ordinal, content, event, remap)?;
            return Ok(false);
        }
        if first.received_ms == received_ms {
            self.outcome.redelivered += 1;
            return Ok(self.snapshot.noted.stands(ordinal));
        }
        self.outcome.duplicates += 1;
        // Once is enough to show that it happened; a replay of a month must not fill the log.
        if !self.snapshot.noted.seen_again.contains(&ordinal) && self.noted.seen_again.insert(ordinal) {
            self.builder.note(Note { ordinal, at: event.received_at(), what: What::SeenAgain });
        }
        // The first sending counts, in its own hour, which for an event without a time may be another one than this: its
        // message is not acknowledged before it does.
        Ok(false)
    }

    fn conflict(
        &mut self,
        ordinal: u32,
        content: u64,
        event: &EventRef<'_>,
        remap: &mut Remap,
    ) -> Result<(), PushError> {
        self.outcome.conflicts += 1;
        let entry = (ordinal, content);
        if self.snapshot.noted.conflicts.contains(&entry) || !self.noted.conflicts.insert(entry) {
            return Ok(());
        }
        let row = self.add_uncounted(event, remap)?;
        self.builder.note(Note { ordinal, at: event.received_at(), what: What::Conflict { row } });
        Ok(())
    }

    /// Adds an event that a note is about to speak of; answers its row.
    fn add_uncounted(&mut self, event: &EventRef<'_>, remap: &mut Remap) -> Result<u32, PushError> {
        let row = u32::try_from(self.builder.len()).map_err(|_| PushError::Full)?;
        self.builder.copy(event, remap)?;
        Ok(row)
    }

    /// Carries a correction out, unless it was, or there is nothing left to correct.
    pub(crate) fn correct(&mut self, request: &Request<'_>) -> Result<(), DecideError> {
        let id = request.correction.id;
        if self.snapshot.noted.corrections.contains(&id) || self.noted.corrections.contains(&id) {
            return Ok(());
        }
        let (ordinal, _) = self.known(self.fresh.hash(request.key), request.key).ok_or(DecideError::Unknown)?;
        // What was voided stays so.
        if self.snapshot.noted.voided.contains(&ordinal) || self.noted.voided.contains(&ordinal) {
            return Ok(());
        }
        self.noted.corrections.insert(id);
        let correction = request.correction.clone();
        let what = match &request.replacement {
            None => {
                self.noted.voided.insert(ordinal);
                What::Voided(correction)
            }
            Some(event) => What::Amended { row: self.add_uncounted(event, &mut Remap::default())?, correction },
        };
        self.builder.note(Note { ordinal, at: request.at, what });
        self.outcome.corrections += 1;
        self.recount = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
