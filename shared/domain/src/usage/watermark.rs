//! The watermark `completeThrough`: the instant before which everything that was accepted has been counted.
//!
//! Time is cut into laps of [`LAP`], even and odd ones by turns, and each parity has a usage queue of its own. A message
//! goes to the queue of the lap in which its events were accepted, so that each queue is sent nothing for every second
//! lap, however heavy the load: then its depth is a fact and not an estimate. This file decides what follows from the
//! depths that somebody read; who reads them, and where the watermark is kept, is left to `cloud`.
//!
//! # The rule
//! A *reading* at `t` asks both queues (visible, in flight and delayed messages) and, after them, the dead letters. A
//! queue *reads empty* at `t` if it and the dead letters are empty. That is a [`Sighting`] of the newest lap of its parity
//! that ended at least [`SETTLING`] before `t`. A lap is *drained* once a sighting of it, or of a later one of its parity,
//! is confirmed: the queue reads empty again, at least [`CONFIRMATION`] later. Dead letters, or a message in a queue to
//! which nobody is sending, take the sightings back. The watermark is the end of the last lap up to which every lap is
//! drained: with `e` and `o` as the last drained laps of either parity, that is the lap after the earlier of the two.
//!
//! # Why it holds
//! Let `m` be a message of lap `L` that was accepted and not counted, and let `L` be drained by a sighting at `t` that was
//! confirmed at `u`. From these assumptions that is impossible:
//! 1. `m` is on the topic within `PUBLISHING` of its instant: the api function is ended after 29 s, and clocks differ by
//!    less than the rest. So it is in its queue within `TRANSIT` more, and counts of queues are at most `CONSISTENCY`
//!    behind. `t` is their sum after the end of `L`, hence at `t` and `u` every count tells of a time when `m` had arrived.
//! 2. A queue loses a message only when the usage function deletes it, which it does after counting, or to the dead letters;
//!    and a person moves it from there to the queue that it came from, never to the other one. Hence `m`, not counted, is in
//!    its queue or in the dead letters at every moment.
//! 3. A reading that finds neither must have looked at one of them before `m` came and at the other after `m` left:
//!    `m` was moved, by five failed receives or by a person, within `CONSISTENCY` before the reading. That would have
//!    to happen twice, before `t` and before `u` again. A message that keeps failing is in its queue for half an hour
//!    before it is given up, and a person does not move it back within the minute: the second reading finds it.
//!
//! Earlier laps of a parity need no sighting of their own: whatever of them was not counted would lie in the same queue.
//! But both parities need one, because a queue says nothing about the other one's laps.
//!
//! What AWS documents and what it does not: counts "may not achieve consistency until at least 1 minute after the
//! producers stop sending messages", and a queue is called empty after several minutes of zeros; hence laps, and two
//! readings. SNS delivers to SQS within a second as a rule and promises no bound (`TRANSIT` is ours): a message that SNS
//! holds back for longer is counted when it comes, but a watermark may have passed it. What a person discards from the
//! dead letters, or leaves there until SQS forgets it after 14 days, counts as dealt with.

use jiff::{SignedDuration, Timestamp};

/// How long messages go to the queue of one parity before they go to the other.
pub const LAP: SignedDuration = SignedDuration::from_mins(5);
/// From the instant at which events are accepted to the topic: 29 s of the api function, and a second between clocks.
const PUBLISHING: SignedDuration = SignedDuration::from_secs(30);
/// From the topic to the queue.
const TRANSIT: SignedDuration = SignedDuration::from_secs(30);
/// How far the counts of a queue may be behind.
const CONSISTENCY: SignedDuration = SignedDuration::from_secs(60);
/// From the end of a lap until an empty queue is a sighting of it.
pub const SETTLING: SignedDuration =
    SignedDuration::from_secs(PUBLISHING.as_secs() + TRANSIT.as_secs() + CONSISTENCY.as_secs());
/// From a sighting until another empty reading confirms it.
pub const CONFIRMATION: SignedDuration = CONSISTENCY;

/// Which of the two usage queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// Of even laps.
    Even,
    /// Of odd laps.
    Odd,
}

impl Parity {
    /// The queue of what is accepted at `instant`.
    #[must_use]
    pub fn of(instant: Timestamp) -> Self {
        Lap::of(instant).parity()
    }

    /// As the message attribute `lap` says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Odd => "odd",
        }
    }
}

/// A stretch of [`LAP`] in UTC, by its number since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lap(pub i64);

impl Lap {
    /// The lap that holds `instant`.
    #[must_use]
    pub fn of(instant: Timestamp) -> Self {
        Self(instant.as_millisecond().div_euclid(LAP.as_secs() * 1_000))
    }

    /// Whether it is even or odd.
    #[must_use]
    pub fn parity(self) -> Parity {
        if self.0.rem_euclid(2) == 0 { Parity::Even } else { Parity::Odd }
    }

    /// The first instant after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let second = self.0.saturating_add(1).saturating_mul(LAP.as_secs());
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// The newest lap that ended at least [`SETTLING`] before `now`.
    fn settled(now: Timestamp) -> Self {
        Self::of(now.saturating_sub(SETTLING).unwrap_or(Timestamp::MIN)).before()
    }
}

/// How many messages the usage queues and their dead letters hold: visible, in flight and delayed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// The queue of even laps.
    pub even: u64,
    /// The queue of odd laps.
    pub odd: u64,
    /// The dead letters of both, asked after them.
    pub dead_letters: u64,
}

/// A queue that read empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The newest lap of the queue that had settled by then.
    pub lap: Lap,
    /// When it was read.
    pub at: Timestamp,
}

/// What is known of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// The last lap of its parity that is drained, and with it all before.
    pub through: Option<Lap>,
    /// What waits to be confirmed.
    pub sighting: Option<Sighting>,
}

/// What is known of both queues. Laps that are drained only ever grow more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Of even laps.
    pub even: Drain,
    /// Of odd laps.
    pub odd: Drain,
}

impl Drain {
    fn observed(self, parity: Parity, messages: u64, at: Timestamp) -> Self {
        if messages > 0 {
            // What lies in the queue of the current lap may have come just now, and says nothing about older laps.
            let in_use = Parity::of(at) == parity;
            return Self { sighting: self.sighting.filter(|_| in_use), ..self };
        }
        let settled = Lap::settled(at);
        let lap = if settled.parity() == parity { settled } else { settled.before() };
        match self.sighting {
            Some(sighting) if at.duration_since(sighting.at) < CONFIRMATION => self,
            sighting => {
                let confirmed = sighting.map(|sighting| sighting.lap);
                Self { through: self.through.max(confirmed), sighting: Some(Sighting { lap, at }) }
            }
        }
    }
}

impl Watermark {
    /// What is known after the depths were read, of which the reading began at `at`.
    #[must_use]
    pub fn observed(self, depths: Depths, at: Timestamp) -> Self {
        if depths.dead_letters > 0 {
            let unconfirmed = |drain: Drain| Drain { sighting: None, ..drain };
            return Self { even: unconfirmed(self.even), odd: unconfirmed(self.odd) };
        }
        Self {
            even: self.even.observed(Parity::Even, depths.even, at),
            odd: self.odd.observed(Parity::Odd, depths.odd, at),
        }
    }

    /// This with what somebody else has proven. Sightings stay this one's own: a reading in between may have taken the
    /// other's back.
    #[must_use]
    pub fn informed_by(self, other: &Self) -> Self {
        let informed = |own: Drain, other: Drain| Drain { through: own.through.max(other.through), ..own };
        Self { even: informed(self.even, other.even), odd: informed(self.odd, other.odd) }
    }

    /// The instant before which everything that was accepted has been counted; `None` while nothing is proven.
    #[must_use]
    pub fn complete_through(&self) -> Option<Timestamp> {
        let (even, odd) = (self.even.through?, self.odd.through?);
        // The lap after the earlier of the two has the other's parity and is not after it, so it is drained as well.
        Some(Lap(even.min(odd).0 + 1).end())
    }
}

#[cfg(test)]
mod tests;
