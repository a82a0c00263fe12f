//! Webhooks: how a call is signed ([`signature`]), when it is tried again ([`retry`]), and where it may go ([`address`]).

pub mod address;
pub mod retry;
pub mod signature;

pub use retry::{ATTEMPTS_MAX, NextStep, next_step};
pub use signature::{Secret, sign};
