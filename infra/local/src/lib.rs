//! Meterline on one machine: the five functions over an embedded AWS, with no account and no Docker.
//!
//! The program, the demo and every test run the functions that are deployed, through the same `handle` and `router`.

pub mod aws;
pub mod bench;
mod console;
pub mod cost;
pub mod demo;
mod lambda;
pub mod ledger;
pub mod platform;
pub mod rebuild;
pub mod server;
pub mod session;
pub mod stack;
pub mod workload;
