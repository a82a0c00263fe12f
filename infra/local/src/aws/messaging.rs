//! The state that SNS and SQS share: topics, queues, and the journal that both are written to.
//!
//! One lock guards it all, so that a publish reaches all its queues in one step, and is written down in one
//! transaction. A journal that could not be written stops everything: from then on every call is refused, because
//! memory knows more than the disk and a restart would go back on what was answered.

use super::QueueDepth;
use super::journal::{Journal, Loaded};
use super::sns::Topics;
use super::sqs::{Queue, Queues};
use jiff::Timestamp;
use std::path::Path;

/// Topics, queues, journal.
#[derive(Debug)]
pub(super) struct Messaging {
    pub(super) queues: Queues,
    pub(super) topics: Topics,
    pub(super) journal: Journal,
    pub(super) ids: Ids,
    /// Whether something may have become visible since this was last looked at.
    pub(super) arrived: bool,
}

impl Messaging {
    /// Gone with the process.
    pub(super) fn memory() -> Self {
        Self {
            queues: Queues::default(),
            topics: Topics::default(),
            journal: Journal::memory(),
            ids: Ids { epoch: 0, count: 0 },
            arrived: false,
        }
    }

    /// As the file has it.
    pub(super) fn file(path: &Path) -> Result<Self, rusqlite::Error> {
        let (journal, loaded) = Journal::file(path)?;
        let Loaded { epoch, queues, messages, topics, subscriptions } = loaded;
        let mut messaging = Self { journal, ids: Ids { epoch, count: 0 }, ..Self::memory() };
        for (name, settings, created_ms, modified_ms) in queues {
            let mut queue = Queue::new(name.clone(), settings, created_ms);
            queue.modified_ms = modified_ms;
            messaging.queues.0.insert(name, queue);
        }
        for (name, message) in messages {
            if let Some(queue) = messaging.queues.0.get_mut(&name) {
                queue.insert(message);
            }
        }
        messaging.topics = Topics::load(topics, subscriptions);
        Ok(messaging)
    }

    /// How full the queues are.
    pub(super) fn depths(&mut self, now_ms: i64) -> Vec<QueueDepth> {
        let names: Vec<String> = self.queues.0.keys().cloned().collect();
        let mut depths = Vec::with_capacity(names.len());
        for name in names {
            let Some(queue) = self.queues.at(&name, now_ms, &mut self.journal) else { continue };
            let depth = queue.depth();
            depths.push(QueueDepth {
                queue: name,
                visible: depth.visible,
                in_flight: depth.in_flight,
                delayed: depth.delayed,
                next_visible_at: depth.next_visible_ms.and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok()),
            });
        }
        depths
    }
}

/// Gives ids: unique in a data folder for ever, and the same in every run of a test in memory.
#[derive(Debug)]
pub(super) struct Ids {
    /// How often the folder was opened before.
    epoch: u32,
    count: u64,
}

impl Ids {
    /// The next id, in the shape of a UUID.
    pub(super) fn next(&mut self) -> String {
        self.count += 1;
        let (high, low) = (self.count >> 48, self.count & 0xFFFF_FFFF_FFFF);
        format!("{:08x}-0000-4000-8{:03x}-{low:012x}", self.epoch, high & 0xFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_a_uuid_and_do_not_repeat() {
        let mut ids = Ids { epoch: 3, count: 0xFF };
        assert_eq!(ids.next(), "00000003-0000-4000-8000-000000000100");
        assert_eq!(ids.next(), "00000003-0000-4000-8000-000000000101");
    }
}
