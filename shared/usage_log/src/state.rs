//! What a worker knows of a lane, and what a commit makes of it.
//!
//! The head is the lane's one mutable item: the position of the log and the counters of the open hour, replaced together
//! by a write that asks for the version it was computed from. Segments are immutable and chained by digest; the newest
//! events lie in the head itself until they are worth a segment. Invariant: what is decided here is decided against one
//! snapshot, and the version in it is the one that the write must find (`docs/USAGE_LOG.md`, *Commit*).

use crate::{
    batch::Batch,
    build::{Builder, PushError},
    counters::Counters,
    decide::{Arrival, DecideError, Deciding, Decision, Request},
    encode::encode,
    identity::Identity,
    known::{Entry, Known},
    note::What,
};
use domain::{Timestamp, usage::EventKey};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::HashSet};

/// Bytes of a head beside counters and tail: keys, names, numbers and the digest.
const HEAD_BYTES: usize = 256;
/// DynamoDB bills a write by this.
const WRITE_UNIT_BYTES: usize = 1024;
/// Room that a tail has at least.
const TAIL_BYTES_MIN: usize = 256;

/// The one mutable item of a lane.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// How many commits there were; 0 for a lane that has no head yet.
    pub version: u64,
    /// The hour of the counters.
    pub hour: Timestamp,
    /// The counters of that hour.
    pub counters: Counters,
    /// How many events were accepted.
    pub accepted: u32,
    /// How many segments there are.
    pub segments: u32,
    /// Digest of the last segment and, through it, of all.
    pub chain: [u8; 32],
    /// What is not in a segment yet.
    pub tail: Batch,
}

impl Head {
    /// One value for the whole log of the lane.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        chain(&self.chain, &encode(&self.tail))
    }
}

/// The digest of a segment behind the one with the digest `before`.
#[must_use]
pub fn chain(before: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(before);
    digest.update(body);
    digest.finalize().into()
}

/// A segment that must be stored before the head that speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number, from 1.
    pub number: u32,
    /// Its digest, which is part of its key: the loser of a race writes another item.
    pub chain: [u8; 32],
    /// The digest of the one before.
    pub before: [u8; 32],
    /// Its events.
    pub body: Vec<u8>,
}

/// A lane as of one version.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(crate) head: Head,
    /// How many of the accepted events lie in segments.
    settled: u32,
    pub(crate) known: Known,
    pub(crate) noted: Noted,
}

/// What notes say of accepted events.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) seen_again: HashSet<u32>,
    pub(crate) conflicts: HashSet<(u32, u64)>,
    pub(crate) voided: HashSet<u32>,
    pub(crate) amended: HashSet<u32>,
    pub(crate) corrections: HashSet<[u8; 16]>,
}

impl Noted {
    fn extend(&mut self, batch: &Batch, identity: &Identity) {
        for note in batch.notes() {
            if let Some(correction) = note.what.correction() {
                self.corrections.insert(correction.id);
            }
            match &note.what {
                What::SeenAgain => drop(self.seen_again.insert(note.ordinal)),
                What::Conflict { row } => {
                    let content = identity.content(&batch.event(*row as usize));
                    self.conflicts.insert((note.ordinal, content));
                }
                What::Voided(_) => drop(self.voided.insert(note.ordinal)),
                What::Amended { .. } => drop(self.amended.insert(note.ordinal)),
            }
        }
    }

    /// Whether the event with this ordinal counts as it was accepted.
    pub(crate) fn stands(&self, ordinal: u32) -> bool {
        !self.voided.contains(&ordinal) && !self.amended.contains(&ordinal)
    }
}

impl Snapshot {
    /// The snapshot of a lane that nothing is known of yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The head that this is the snapshot of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How many events it knows, which is what it costs to remember.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.len() == 0
    }

    /// How many bytes it takes to remember these.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.known.bytes()
    }

    /// Reads on: up to `head`, by way of the segments that it has and the snapshot has not, in their order.
    pub fn catch_up(&mut self, head: Head, segments: &[Batch], identity: &Identity) {
        for segment in segments {
            self.settled = self.extend(segment, self.settled, identity);
        }
        self.extend(&head.tail, self.settled, identity);
        self.head = head;
    }

    /// Whether it knows the event that is known as `key`.
    #[must_use]
    pub fn knows(&self, key: EventKey) -> bool {
        self.known.find(self.known.hash(key), key).is_some()
    }

    /// Reads entries of which the first accepted one has the ordinal `start`; answers the ordinal after the last.
    fn extend(&mut self, batch: &Batch, start: u32, identity: &Identity) -> u32 {
        let mut ordinal = start;
        for event in batch.accepted() {
            // A tail is read again as it grows, and again as a segment.
            if ordinal as usize >= self.known.len() {
                let (key, content) = (identity.key(&event), identity.content(&event));
                let entry = Entry { key, content, received_ms: event.received_ms() };
                self.known.push(self.known.hash(key), entry);
            }
            ordinal = ordinal.saturating_add(1);
        }
        self.noted.extend(batch, identity);
        ordinal
    }

    /// Decides what of the arrivals and requests is new. Nothing is remembered until [`Snapshot::committed`].
    pub fn decide(
        &self,
        arrivals: &[Arrival<'_>],
        requests: &[Request<'_>],
        identity: &Identity,
    ) -> Result<Decision, DecideError> {
        let mut deciding = Deciding::new(self, identity, arrivals.len());
        deciding.arrive_all(arrivals)?;
        for request in requests {
            deciding.correct(request)?;
        }
        Ok(deciding.decision())
    }

    /// The head after `decision`, with `counters` for the hour `hour`, and the segment that goes before it, if any.
    pub fn next(
        &self,
        decision: &Decision,
        hour: Timestamp,
        counters: Counters,
    ) -> Result<(Head, Option<Segment>), PushError> {
        let tail = self.tail_with(&decision.added)?;
        let body = encode(&tail);
        let accepted = u32::try_from(decision.keys.len()).ok().and_then(|more| self.head.accepted.checked_add(more));
        let mut head = Head {
            version: self.head.version + 1,
            hour,
            accepted: accepted.ok_or(PushError::Full)?,
            segments: self.head.segments,
            chain: self.head.chain,
            tail: Batch::default(),
            counters,
        };
        if body.len() <= tail_room(head.counters.encoded_len()) {
            head.tail = tail.into_owned();
            return Ok((head, None));
        }
        head.segments += 1;
        head.chain = chain(&self.head.chain, &body);
        let segment = Segment { number: head.segments, chain: head.chain, before: self.head.chain, body };
        Ok((head, Some(segment)))
    }

    /// The tail and what is new behind it.
    fn tail_with<'a>(&self, added: &'a Batch) -> Result<Cow<'a, Batch>, PushError> {
        if self.head.tail.is_empty() {
            return Ok(Cow::Borrowed(added));
        }
        let mut tail = Builder::default();
        tail.copy_all(&self.head.tail)?;
        tail.copy_all(added)?;
        Ok(Cow::Owned(tail.finish()))
    }

    /// Remembers what was written.
    pub fn committed(&mut self, head: Head, decision: &Decision, identity: &Identity) {
        self.known.reserve(decision.fresh.len());
        for entry in decision.fresh.entries() {
            self.known.push(self.known.hash(entry.key), *entry);
        }
        self.noted.extend(&decision.added, identity);
        if head.segments > self.head.segments {
            self.settled = head.accepted;
        }
        self.head = head;
    }
}

/// How many bytes of tail a head of such counters takes without another write unit, or with one where there is no room.
fn tail_room(counters: usize) -> usize {
    let room = WRITE_UNIT_BYTES - (HEAD_BYTES + counters) % WRITE_UNIT_BYTES;
    if room < TAIL_BYTES_MIN { room + WRITE_UNIT_BYTES } else { room }
}

#[cfg(test)]
mod tests;
