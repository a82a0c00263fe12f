//! Usage: what a customer did ([`event`]), what of it is measured ([`meter`]), and how measurements add up ([`window`]).
//!
//! The meanings of time: an event *occurred* when its sender says, was *received* when the API took it, and is
//! *recorded* when the counters include it. Everything is counted by when it occurred.

pub mod data;
pub mod event;
pub mod layout;
pub mod meter;
pub mod quantity;
pub mod scalar;
pub mod tally;
pub mod watermark;
pub mod window;

pub use data::Path;
pub use event::{Bucket, EventKey, TimeBasis, UsageEvent};
pub use layout::{Layout, Layouts};
pub use meter::{Aggregation, Dimension, Field, Filter, GroupKey, Meter};
pub use quantity::{Quantity, QuantityError};
pub use scalar::Scalar;
pub use tally::{Reading, Tally, TotalOutOfRange};
