//! Rebuilds: what was counted is found as counted; whatever else is found is named, and repaired where the log is whole;
//! and counting goes on exactly behind a repair.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "rebuild/backfill.rs"]
mod backfill;
#[path = "rebuild/bench.rs"]
mod bench;
#[path = "rebuild/findings.rs"]
mod findings;
#[path = "rebuild/parts.rs"]
mod parts;
#[path = "rebuild/program.rs"]
mod program;
#[path = "rebuild/races.rs"]
mod races;
