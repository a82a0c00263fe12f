//! Rating: a price and usage become an exact amount, a line rounds it once, and lines become a total (RATING.md).
//!
//! One price model a file; `modifiers` is the pipeline around them. Then, in the order of an invoice: [`proration`],
//! [`coupon`], [`tax`], [`credit`]. Invariants: pure and deterministic; no floats; all arithmetic is checked; no rate is
//! rounded before it is multiplied; the sub-lines of a line add up to its amount before the modifiers; whatever is
//! split equals the whole.

mod arithmetic;
pub mod coupon;
pub mod credit;
mod dynamic;
mod error;
pub mod feed;
mod flat;
mod graduated;
mod graduated_percentage;
mod line;
mod matrix;
mod modifiers;
mod package;
mod parts;
mod per_unit;
mod percentage;
pub mod proration;
mod seats;
pub mod split;
pub mod tax;
#[cfg(test)]
mod tests;
mod usage;
mod volume;

pub use error::{AmountOutOfRange, RatingError};
pub use feed::Feed;
pub use line::{Billed, PeriodState, Rated, TrueUp, WINDOWS_MAX, rate, rate_windows};
pub use parts::{Basis, Modifier, Step, SubLine};
pub use proration::{DayShare, base_fee};
pub use usage::{EventValues, GroupUsage, SeatSpan, Usage};
