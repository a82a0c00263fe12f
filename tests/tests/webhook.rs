//! The webhook function against the embedded AWS and a receiver on loopback: what tenants are called with, when, and
//! that nothing which dies, repeats or fails in between loses a call, a receipt or a dead letter.

#![expect(clippy::unwrap_used, reason = "a panic of a helper fails its test and says where")]

#[path = "webhook/bench.rs"]
mod bench;
#[path = "webhook/crashes.rs"]
mod crashes;
#[path = "webhook/deliveries.rs"]
mod deliveries;
#[path = "webhook/receiver.rs"]
mod receiver;
#[path = "webhook/repeats.rs"]
mod repeats;
