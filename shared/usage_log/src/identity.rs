//! What makes a second sending of an event the same event, and what tells a repeat from a conflict.
//!
//! Within its lane an event is known by 128 bits. A UUID is its own: it is only shifted by a digest of its source, so that
//! two UUIDs of one source never meet. Any other id is hashed by SipHash with the tenant's key. Which shard an event lies
//! in and which of two events of one instant is the later one follow from it, so **what an event is known by never
//! changes**; `the_identity_of_an_event_never_changes` holds it. What it says is compared by a hash that never leaves
//! the process and may change.

use crate::{
    batch::{EventRef, Id},
    shape::Found,
};
use domain::{
    id::TenantId,
    usage::{EventKey, TimeBasis},
};
use foldhash::quality::FixedState;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::{BuildHasher, Hasher};

/// The identities of one tenant's events.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    texts: SipHasher13,
}

impl Identity {
    /// Those of `tenant_id`.
    #[must_use]
    pub fn new(tenant_id: TenantId) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&domain::id::digest(&["event identity", &tenant_id.to_string()])[..16]);
        Self { texts: SipHasher13::new_with_key(&key) }
    }

    /// What the event is known by in its lane.
    #[inline]
    #[must_use]
    pub fn key(&self, event: &EventRef<'_>) -> EventKey {
        let origin = event.shape().origin;
        match event.row.id {
            Id::Uuid(first, last) => {
                let uuid = u128::from(first) << 64 | u128::from(last);
                EventKey((uuid ^ u128::from_be_bytes(origin)).to_be_bytes())
            }
            Id::Text(span) => {
                let mut hasher = self.texts;
                hasher.write(&origin);
                hasher.write(event.batch.span(span).as_bytes());
                EventKey(hasher.finish128().as_bytes())
            }
        }
    }

    /// A digest of what the event says, the same for every sending of it.
    #[inline]
    #[must_use]
    pub fn content(&self, event: &EventRef<'_>) -> u64 {
        let shape = event.shape();
        let mut hasher = content_hasher();
        hasher.write_u64(shape.content);
        // An event without a time of its own has another arrival at each sending: that is no other content.
        if shape.time_basis == TimeBasis::Event {
            hasher.write_i64(event.row.occurred_ns);
        }
        for found in event.found() {
            match found {
                Found::Number(digits) => hasher.write_i64(digits),
                Found::Text(text) => {
                    hasher.write(text.as_bytes());
                    hasher.write_usize(text.len());
                }
            }
        }
        hasher.finish()
    }
}

/// A digest of what events of one shape have in common.
pub(crate) fn shape_content(event_type: &str, time_basis: TimeBasis, skeleton: &str) -> u64 {
    let mut hasher = content_hasher();
    hasher.write(event_type.as_bytes());
    hasher.write_usize(event_type.len());
    hasher.write_u8(u8::from(time_basis == TimeBasis::Event));
    hasher.write(skeleton.as_bytes());
    hasher.write_usize(skeleton.len());
    hasher.finish()
}

/// The same for every snapshot of a process, so that what one has read another may compare.
#[inline]
fn content_hasher() -> impl Hasher {
    FixedState::with_seed(0).build_hasher()
}

#[cfg(test)]
mod tests;
