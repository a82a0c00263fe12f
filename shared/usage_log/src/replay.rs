//! Reading a log from its start: which events count, what they add up to, and the story of one of them.

use crate::{
    batch::{Batch, EventRef},
    fold::{Contribution, Fold, Sights},
    identity::Identity,
    note::{Note, What},
};
use domain::{
    Timestamp,
    usage::{EventKey, Meter, TotalOutOfRange},
};
use std::collections::{BTreeMap, HashMap};

/// A lane's log, in order.
#[derive(Debug, Default)]
pub struct Log(pub Vec<Batch>);

/// The story of one event.
#[derive(Clone, Debug)]
pub struct Story<'l> {
    /// As it was accepted.
    pub event: EventRef<'l>,
    /// What happened to it, in order, with the content that a note speaks of.
    pub notes: Vec<(&'l Note, Option<EventRef<'l>>)>,
}

impl Log {
    /// The events that count, each with the content that counts: without the voided, and as amended.
    #[must_use]
    pub fn effective(&self) -> Vec<EventRef<'_>> {
        let mut events: Vec<Option<EventRef<'_>>> = Vec::new();
        for batch in &self.0 {
            events.extend(batch.accepted().map(Some));
            for note in batch.notes() {
                if let Some(event) = events.get_mut(note.ordinal as usize) {
                    match &note.what {
                        What::SeenAgain | What::Conflict { .. } => {}
                        What::Voided(_) => *event = None,
                        What::Amended { row, .. } => *event = Some(batch.event(*row as usize)),
                    }
                }
            }
        }
        events.into_iter().flatten().collect()
    }

    /// What the events add up to, by the hour that `hour_of` says.
    pub fn count(
        &self,
        meters: &[Meter],
        identity: &Identity,
        mut hour_of: impl FnMut(Timestamp) -> Timestamp,
    ) -> Result<BTreeMap<Timestamp, Contribution>, TotalOutOfRange> {
        let sights: HashMap<*const Batch, Sights<'_>> =
            self.0.iter().map(|batch| (std::ptr::from_ref(batch), Sights::new(meters, batch))).collect();
        let mut folds: BTreeMap<(Timestamp, *const Batch), Fold<'_, '_>> = BTreeMap::new();
        for event in self.effective() {
            let batch = std::ptr::from_ref(event.batch);
            let hour = hour_of(event.occurred_at());
            let fold = folds.entry((hour, batch)).or_insert_with(|| Fold::new(&sights[&batch], hour));
            fold.add(&event, identity.key(&event))?;
        }
        let mut hours: BTreeMap<Timestamp, Contribution> = BTreeMap::new();
        for ((hour, _), fold) in folds {
            let part = fold.finish();
            let whole = hours.entry(hour).or_default();
            whole.counters.merge(part.counters)?;
            whole.members.extend(part.members);
            whole.unreadable += part.unreadable;
        }
        Ok(hours)
    }

    /// What happened to the event that is known as `key`, if it was accepted.
    #[must_use]
    pub fn story(&self, identity: &Identity, key: EventKey) -> Option<Story<'_>> {
        let accepted = self.0.iter().flat_map(Batch::accepted).enumerate();
        let (ordinal, event) = accepted.into_iter().find(|(_, event)| identity.key(event) == key)?;
        let notes = self.0.iter().flat_map(|batch| batch.notes().iter().map(move |note| (batch, note)));
        let notes = notes.filter(|(_, note)| note.ordinal as usize == ordinal);
        let notes = notes.map(|(batch, note)| (note, note.what.row().map(|row| batch.event(row as usize))));
        Some(Story { event, notes: notes.collect() })
    }
}

#[cfg(test)]
mod tests;
