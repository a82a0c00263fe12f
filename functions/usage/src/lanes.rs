//! What this process remembers of lanes, so that a commit need not read them again.
//!
//! A lane is worked on by one task at a time. What is remembered may be behind, never ahead: the write asks for the
//! version, and what was forgotten is read again.

use cloud::store::HourNotes;
use domain::Timestamp;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use usage_log::{Lane, Member, Snapshot};

/// Events that are remembered, over all lanes: at about 60 bytes each, half of the function's memory.
const EVENTS_MAX: usize = 2_000_000;
/// Lanes that are remembered.
const LANES_MAX: usize = 20_000;

/// A lane; `None` where nothing is remembered.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Warm>>>;

/// What is remembered of a lane.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    pub(crate) snapshot: Snapshot,
    /// What goes with the counters of its open hour.
    pub(crate) notes: HourNotes,
    /// Distinct values that are known to be stored, with their hour and epoch.
    pub(crate) members: HashSet<(Timestamp, u64, Member)>,
    /// How many more commits look at the head first, because others commit to the lane too.
    pub(crate) looks: u8,
}

/// The warm lanes of a process.
#[derive(Debug, Default)]
pub struct Lanes {
    slots: Mutex<HashMap<Lane, Slot>>,
    events: AtomicUsize,
}

impl Lanes {
    /// The place of `lane`.
    pub(crate) fn slot(&self, lane: &Lane) -> Slot {
        Arc::clone(self.slots().entry(*lane).or_default())
    }

    /// Notes that so many more events are remembered.
    pub(crate) fn grew(&self, events: usize) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    /// Forgets everything if it has become too much. Called between invocations.
    pub(crate) fn trim(&self) {
        let mut slots = self.slots();
        if slots.len() > LANES_MAX || self.events.load(Ordering::Relaxed) > EVENTS_MAX {
            slots.clear();
            self.events.store(0, Ordering::Relaxed);
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Lane, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
