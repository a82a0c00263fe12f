//! The usage log, as far as it is pure: what an event's identity is, in which lane it lies, how a batch becomes bytes,
//! and what a commit changes (`docs/USAGE_LOG.md`).
//!
//! Invariants: nothing here does I/O, reads a clock, or draws at random; bytes that were written once are read for ever; the
//! same entries in the same order give the same counters, to the last digit.

mod batch;
mod build;
mod bytes;
mod counters;
mod decide;
mod decode;
mod encode;
mod fold;
mod identity;
mod known;
mod lane;
mod note;
mod replay;
#[cfg(test)]
mod samples;
mod shape;
mod split;
mod state;

pub use batch::{Batch, EventRef};
pub use build::{Builder, PushError, Remap};
pub use bytes::DecodeError;
pub use counters::{CounterKey, Counters};
pub use decide::{Arrival, DecideError, Decision, Outcome, Request};
pub use decode::decode;
pub use domain::usage::{Layout, Layouts, UsageEvent as NewEvent};
pub use encode::encode;
pub use fold::{Contribution, Fold, Member, Sights, fold};
pub use identity::Identity;
pub use lane::{Lane, Lanes};
pub use note::{Correction, Note, What};
pub use replay::{Log, Story};
pub use shape::{DuplicateMember, Shape};
pub use state::{Head, Segment, Snapshot, chain};
