//! What a process remembers of the events that a lane has accepted: 32 bytes each, and 5 for finding it.
//!
//! Events are kept in the order in which they were accepted, so that an event's place is its ordinal. A table of
//! places finds one by what it is known by; its hash has a random seed, so that nobody can send events that all
//! fall into one place of it.

use domain::usage::EventKey;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// What is known of an accepted event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: EventKey,
    pub(crate) content: u64,
    pub(crate) received_ms: i64,
}

/// Accepted events, in order.
#[derive(Debug, Default)]
pub(crate) struct Known {
    entries: Vec<Entry>,
    places: HashTable<u32>,
    hashes: DefaultHashBuilder,
}

impl Known {
    /// None yet, with room for `count`, to be asked with the hashes of `self`.
    pub(crate) fn fresh(&self, count: usize) -> Self {
        Self {
            entries: Vec::with_capacity(count),
            places: HashTable::with_capacity(count),
            hashes: self.hashes.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What `key` hashes to, here and in what is [`fresh`](Self::fresh) of here.
    #[inline]
    pub(crate) fn hash(&self, key: EventKey) -> u64 {
        self.hashes.hash_one(u128::from_le_bytes(key.0))
    }

    /// The place and the entry of `key`, which hashes to `hash`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: EventKey) -> Option<(u32, &Entry)> {
        let place = self.places.find(hash, |place| self.entries[*place as usize].key == key)?;
        Some((*place, &self.entries[*place as usize]))
    }

    pub(crate) fn reserve(&mut self, count: usize) {
        self.entries.reserve(count);
        let (entries, hashes) = (&self.entries, &self.hashes);
        self.places.reserve(count, |place| hash_at(hashes, entries, *place));
    }

    /// Adds an entry behind the others, whose key hashes to `hash`.
    // In one piece with where the entry is made: put together in memory and taken from there, it costs as much as all else.
    #[inline(always)]
    pub(crate) fn push(&mut self, hash: u64, entry: Entry) {
        // A lane whose events have no number in 32 bits is full long before: `Head::accepted` counts in as many.
        let Ok(place) = u32::try_from(self.entries.len()) else { return };
        self.entries.push(entry);
        let (entries, hashes) = (&self.entries, &self.hashes);
        self.places.insert_unique(hash, place, |place| hash_at(hashes, entries, *place));
    }

    /// Bytes that this takes.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.places.allocation_size()
    }
}

#[inline]
fn hash_at(hashes: &DefaultHashBuilder, entries: &[Entry], place: u32) -> u64 {
    hashes.hash_one(u128::from_le_bytes(entries[place as usize].key.0))
}
