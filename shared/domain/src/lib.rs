//! What is true in Meterline: the pure rules of usage metering, rating, invoicing and webhooks.
//!
//! Invariants: nothing here does I/O, reads a clock, awaits, or uses floats; `now`, ids and randomness are arguments.
//! The same inputs give the same bytes. How values are stored or sent is decided in `cloud` and `events`.

pub mod api_key;
pub mod calendar;
pub mod catalog;
pub mod grant;
pub mod id;
pub mod invoice;
pub mod ledger;
pub mod locale;
pub mod money;
pub mod place;
pub mod rating;
pub mod subscription;
pub mod tenant;
pub mod text;
pub mod usage;
pub mod violation;
pub mod webhook;

pub use jiff::{Timestamp, civil::Date, tz::TimeZone};
pub use rust_decimal::Decimal;
pub use violation::Violation;
