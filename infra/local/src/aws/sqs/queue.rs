//! One standard queue: what is ready, what waits, what is too old.
//!
//! Invariants: every message is in exactly one of `ready` and `waiting`; a sequence is never given twice; a receipt
//! names the hand-out it came from, so that it is stale once the message was handed out again. A message waits either
//! because it was sent with a delay and never handed out, or because somebody holds it.
//! Time is passed in: whoever turns the clock makes messages visible, without anybody sleeping.

use super::message::Message;
use super::ready::Ready;
use super::settings::Settings;
use std::collections::{BTreeSet, HashMap};

/// Most messages that may be held at once, as on AWS.
pub(super) const IN_FLIGHT_MAX: usize = 120_000;
/// How long a message may be held in all, counted from the hand-out.
const HELD_MS_MAX: i64 = 12 * 60 * 60 * 1_000;

/// A queue and its messages.
#[derive(Debug)]
pub(in super::super) struct Queue {
    pub(in super::super) name: String,
    pub(in super::super) settings: Settings,
    pub(in super::super) created_ms: i64,
    pub(in super::super) modified_ms: i64,
    messages: HashMap<u64, Message>,
    /// May be handed out.
    ready: Ready,
    /// By the instant from which they may be handed out.
    waiting: BTreeSet<(i64, u64)>,
    /// By the instant at which they were sent.
    ages: BTreeSet<(i64, u64)>,
    /// Of `waiting`, those that were never handed out.
    delayed: usize,
    next_sequence: u64,
}

/// How many messages are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Depth {
    pub(in super::super) visible: usize,
    pub(in super::super) in_flight: usize,
    pub(in super::super) delayed: usize,
    /// When the next waiting message becomes visible.
    pub(in super::super) next_visible_ms: Option<i64>,
}

/// What a `ReceiveMessage` asks of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reception {
    pub(super) now_ms: i64,
    pub(super) messages_max: usize,
    pub(super) visibility_ms: i64,
    /// The newest first: one of the orders that a standard queue may choose.
    pub(super) newest_first: bool,
    /// Messages that were handed out this often are given up instead.
    pub(super) receives_max: Option<u32>,
}

/// What a `ReceiveMessage` takes out of a queue.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Handed out; they stay in the queue, held.
    pub(super) messages: Vec<Message>,
    /// Given up; they are no longer in the queue.
    pub(super) given_up: Vec<Message>,
}

/// Why a receipt does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// The message is gone, or was handed out again.
    Superseded,
    /// The message is there, but nobody holds it.
    NotInFlight,
    /// Nobody may hold a message that long.
    TooLong,
}

/// The hand-out that a receipt names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt<'a> {
    pub(super) sequence: u64,
    pub(super) id: &'a str,
    pub(super) receive_count: u32,
}

impl<'a> Receipt<'a> {
    /// Reads a receipt of this queue; `None` if it is none.
    pub(super) fn read(handle: &'a str, queue: &str) -> Option<Self> {
        let mut parts = handle.strip_prefix(queue)?.strip_prefix('/')?.split('/');
        let receipt = Self {
            sequence: parts.next()?.parse().ok()?,
            id: parts.next()?,
            receive_count: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(receipt)
    }

    /// The receipt for the latest hand-out of a message.
    pub(super) fn write(queue: &str, message: &Message) -> String {
        format!("{queue}/{}/{}/{}", message.sequence, message.id, message.receive_count)
    }
}

impl Queue {
    pub(in super::super) fn new(name: String, settings: Settings, now_ms: i64) -> Self {
        Self {
            name,
            settings,
            created_ms: now_ms,
            modified_ms: now_ms,
            messages: HashMap::new(),
            ready: Ready::default(),
            waiting: BTreeSet::new(),
            ages: BTreeSet::new(),
            delayed: 0,
            next_sequence: 1,
        }
    }

    /// The sequence for the next message.
    pub(in super::super) fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Puts a message in, as new or as it was before a restart.
    pub(in super::super) fn insert(&mut self, message: Message) {
        self.next_sequence = self.next_sequence.max(message.sequence + 1);
        // Sorted in by the next `advance`: whether it is visible depends on the time then.
        self.waiting.insert((message.visible_ms, message.sequence));
        self.ages.insert((message.sent_ms, message.sequence));
        if message.receive_count == 0 {
            self.delayed += 1;
        } else {
            self.ready.hold(&message.group);
        }
        self.messages.insert(message.sequence, message);
    }

    /// Brings the queue to `now`: wakes what may be handed out, and answers the sequences of what got too old.
    pub(super) fn advance(&mut self, now_ms: i64) -> Vec<u64> {
        while let Some(&(visible_ms, sequence)) = self.waiting.first() {
            if visible_ms > now_ms {
                break;
            }
            self.waiting.pop_first();
            let Some(message) = self.messages.get(&sequence) else { continue };
            self.ready.insert(sequence, &message.group);
            if message.receive_count == 0 {
                self.delayed -= 1;
            } else {
                self.ready.let_go(&message.group);
            }
        }
        let mut expired = Vec::new();
        let sent_before_ms = now_ms.saturating_sub(self.settings.retention_ms());
        while let Some(&(sent_ms, sequence)) = self.ages.first() {
            if sent_ms > sent_before_ms {
                break;
            }
            self.remove(sequence);
            expired.push(sequence);
        }
        expired
    }

    /// Takes messages for a consumer. The queue must have been advanced to now.
    pub(super) fn receive(&mut self, wanted: Reception) -> Received {
        let mut received = Received::default();
        while received.messages.len() < wanted.messages_max {
            let next = if wanted.newest_first { self.ready.newest() } else { self.ready.next() };
            let Some(sequence) = next else { break };
            let Some(message) = self.messages.get_mut(&sequence) else { break };
            if wanted.receives_max.is_some_and(|max| message.receive_count >= max) {
                received.given_up.extend(self.remove(sequence));
                continue;
            }
            message.receive_count += 1;
            message.first_received_ms.get_or_insert(wanted.now_ms);
            message.received_ms = Some(wanted.now_ms);
            message.visible_ms = wanted.now_ms.saturating_add(wanted.visibility_ms);
            received.messages.push(message.clone());
            self.ready.remove(sequence, &message.group);
            self.ready.hold(&message.group);
            self.waiting.insert((message.visible_ms, sequence));
        }
        received
    }

    /// Deletes a message. A stale receipt deletes nothing, which AWS allows itself and does not report.
    pub(super) fn delete(&mut self, receipt: Receipt<'_>) -> Option<u64> {
        self.find(receipt)?;
        self.remove(receipt.sequence).map(|message| message.sequence)
    }

    /// Holds a message for longer or shorter, from now on.
    pub(super) fn change_visibility(
        &mut self,
        receipt: Receipt<'_>,
        timeout_ms: i64,
        now_ms: i64,
    ) -> Result<&Message, Stale> {
        let message = self.find(receipt).ok_or(Stale::Superseded)?;
        let (until_ms, received_ms) = (message.visible_ms, message.received_ms.unwrap_or(now_ms));
        if !self.waiting.contains(&(until_ms, receipt.sequence)) {
            return Err(Stale::NotInFlight);
        }
        let visible_ms = now_ms.saturating_add(timeout_ms);
        if visible_ms.saturating_sub(received_ms) > HELD_MS_MAX {
            return Err(Stale::TooLong);
        }
        self.waiting.remove(&(until_ms, receipt.sequence));
        self.waiting.insert((visible_ms, receipt.sequence));
        let message = self.messages.get_mut(&receipt.sequence).ok_or(Stale::Superseded)?;
        message.visible_ms = visible_ms;
        Ok(message)
    }

    /// Makes messages that were just handed out visible again, so that they are delivered twice.
    pub(super) fn release(&mut self, sequences: impl Iterator<Item = u64>, now_ms: i64) {
        for sequence in sequences {
            if let Some(message) = self.messages.get_mut(&sequence)
                && self.waiting.remove(&(message.visible_ms, sequence))
            {
                message.visible_ms = now_ms;
                self.ready.insert(sequence, &message.group);
                self.ready.let_go(&message.group);
            }
        }
    }

    /// Forgets all messages.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.ready = Ready::default();
        self.waiting.clear();
        self.ages.clear();
        self.delayed = 0;
    }

    /// How many messages are where, as of the last `advance`.
    pub(in super::super) fn depth(&self) -> Depth {
        Depth {
            visible: self.ready.len(),
            in_flight: self.in_flight(),
            delayed: self.delayed,
            next_visible_ms: self.waiting.first().map(|(visible_ms, _)| *visible_ms),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.waiting.len() - self.delayed
    }

    fn find(&self, receipt: Receipt<'_>) -> Option<&Message> {
        let message = self.messages.get(&receipt.sequence)?;
        (message.id == receipt.id && message.receive_count == receipt.receive_count).then_some(message)
    }

    fn remove(&mut self, sequence: u64) -> Option<Message> {
        let message = self.messages.remove(&sequence)?;
        self.ages.remove(&(message.sent_ms, sequence));
        if !self.ready.remove(sequence, &message.group) && self.waiting.remove(&(message.visible_ms, sequence)) {
            if message.receive_count == 0 {
                self.delayed -= 1;
            } else {
                self.ready.let_go(&message.group);
            }
        }
        Some(message)
    }
}
