//! All queues: sending, receiving with redrive, and what of it is written down.
//!
//! Every change goes to the journal in the same step, so that a restart finds what the last answer promised.

use super::super::journal::Journal;
use super::message::{Attributes, Message};
use super::queue::{Queue, Received, Reception};
use std::collections::BTreeMap;

/// All queues by name.
#[derive(Debug, Default)]
pub(in super::super) struct Queues(pub(in super::super) BTreeMap<String, Queue>);

/// A message on its way in.
#[derive(Clone, Debug)]
pub(in super::super) struct Outgoing {
    pub(in super::super) id: String,
    pub(in super::super) body: String,
    pub(in super::super) attributes: Attributes,
    pub(in super::super) group: Option<String>,
    pub(in super::super) trace_header: Option<String>,
    /// `None` for the queue's own delay.
    pub(in super::super) delay_ms: Option<i64>,
}

impl Queues {
    /// A queue as of now: woken and freed of what got too old.
    pub(in super::super) fn at(&mut self, name: &str, now_ms: i64, journal: &mut Journal) -> Option<&mut Queue> {
        let queue = self.0.get_mut(name)?;
        for sequence in queue.advance(now_ms) {
            journal.message_gone(name, sequence);
        }
        Some(queue)
    }

    /// Puts a message into a queue. Answers whether there is such a queue.
    pub(in super::super) fn send(
        &mut self,
        name: &str,
        outgoing: Outgoing,
        now_ms: i64,
        journal: &mut Journal,
    ) -> bool {
        let Some(queue) = self.0.get_mut(name) else { return false };
        let delay_ms = outgoing.delay_ms.unwrap_or_else(|| queue.settings.delay_ms());
        let message = Message {
            sequence: queue.take_sequence(),
            id: outgoing.id,
            body: outgoing.body,
            attributes: outgoing.attributes,
            group: outgoing.group,
            trace_header: outgoing.trace_header,
            dead_letter_source: None,
            sent_ms: now_ms,
            first_received_ms: None,
            received_ms: None,
            receive_count: 0,
            visible_ms: now_ms.saturating_add(delay_ms),
        };
        journal.message_put(name, &message);
        queue.insert(message);
        true
    }

    /// Hands out messages, and moves those that were handed out too often to the dead-letter queue.
    pub(super) fn receive(
        &mut self,
        name: &str,
        mut wanted: Reception,
        journal: &mut Journal,
    ) -> Option<(&mut Queue, Vec<Message>)> {
        let now_ms = wanted.now_ms;
        let redrive = self.at(name, now_ms, journal)?.settings.redrive();
        // Without its target a policy moves nothing: AWS then delivers on.
        let redrive = redrive.filter(|redrive| self.0.contains_key(&redrive.queue));
        wanted.receives_max = redrive.as_ref().map(|redrive| redrive.receives_max);
        let Received { messages, given_up } = self.0.get_mut(name)?.receive(wanted);
        for message in &messages {
            journal.message_state(name, message);
        }
        if let Some(redrive) = redrive {
            for message in given_up {
                self.give_up(name, &redrive.queue, message, now_ms, journal);
            }
        }
        Some((self.0.get_mut(name)?, messages))
    }

    fn give_up(&mut self, source: &str, target: &str, message: Message, now_ms: i64, journal: &mut Journal) {
        let Some(dead_letters) = self.0.get_mut(target) else { return };
        journal.message_gone(source, message.sequence);
        // AWS keeps the id, the age and the receive count ("across all queues") of a message that it moves.
        let moved = Message {
            sequence: dead_letters.take_sequence(),
            dead_letter_source: Some(source.to_owned()),
            received_ms: None,
            visible_ms: now_ms,
            ..message
        };
        journal.message_put(target, &moved);
        dead_letters.insert(moved);
    }
}
