//! Randomness and ids, drawn here and passed in: from the operating system, or from a seed that replays.

use domain::{Timestamp, id::digest};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use uuid::Uuid;

/// Where a [`crate::World`] gets its randomness from.
#[derive(Clone, Debug)]
pub enum Random {
    /// The operating system: production, and wherever secrets are made.
    System,
    /// A seed and how often it was drawn from: tests and the simulation.
    Seeded(Arc<(u64, AtomicU64)>),
}

impl Random {
    /// Randomness that replays.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new((seed, AtomicU64::new(0))))
    }

    /// 256 random bits, good enough for secrets when they come from the system.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        match self {
            Self::System => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).expect("the operating system has randomness");
                bytes
            }
            Self::Seeded(state) => {
                let draw = state.1.fetch_add(1, Ordering::Relaxed);
                digest(&[&state.0.to_string(), &draw.to_string()])
            }
        }
    }

    /// 64 random bits.
    #[must_use]
    pub fn number(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// A new `UUIDv7` of the instant `now`.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        random.copy_from_slice(&self.bytes()[..10]);
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millisecond, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_never_repeats() {
        let (first, again) = (Random::seeded(7), Random::seeded(7));
        let drawn = [first.number(), first.number()];
        assert_eq!(drawn, [again.number(), again.number()]);
        assert_ne!(drawn[0], drawn[1]);
    }

    #[test]
    fn ids_sort_by_time() {
        let random = Random::seeded(7);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(random.uuid(at(1_000)) < random.uuid(at(2_000)));
    }
}
