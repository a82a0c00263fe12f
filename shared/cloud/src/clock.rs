//! The only place that reads the time. Everything below the handlers receives `now` as an argument.
//!
//! A clock may be turned: the local program jumps over a month to close a period, and a test stands still.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a [`crate::World`] gets its time from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's own clock: production.
    System,
    /// The machine's clock plus an offset that [`Clock::turn_to`] changes: the local program.
    Turnable(Arc<Mutex<SignedDuration>>),
    /// Stands still until it is turned: tests and the simulation.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// A running clock that can be turned.
    #[must_use]
    pub fn turnable() -> Self {
        Self::Turnable(Arc::new(Mutex::new(SignedDuration::ZERO)))
    }

    /// A clock that stands at `now` until it is turned.
    #[must_use]
    pub fn fixed(now: Timestamp) -> Self {
        Self::Fixed(Arc::new(Mutex::new(now)))
    }

    /// The current instant, in whole milliseconds: finer ones only make answers and items longer.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.exact_now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn exact_now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Turnable(offset) => {
                let offset = *offset.lock().unwrap_or_else(PoisonError::into_inner);
                Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)
            }
            Self::Fixed(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Turns the clock so that it reads `instant` now. The system clock cannot be turned and answers `false`.
    pub fn turn_to(&self, instant: Timestamp) -> bool {
        match self {
            Self::System => false,
            Self::Turnable(offset) => {
                *offset.lock().unwrap_or_else(PoisonError::into_inner) = instant.duration_since(Timestamp::now());
                true
            }
            Self::Fixed(now) => {
                *now.lock().unwrap_or_else(PoisonError::into_inner) = instant;
                true
            }
        }
    }
}
