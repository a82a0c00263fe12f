//! The simulation: the five real functions over the embedded AWS, on one seeded schedule full of bad luck, and an
//! independent auditor at its end (docs/ARCHITECTURE.md, *Simulation*).
//!
//! One seed is one schedule: tenants and clients, several instances of every function, and what goes wrong with them. It
//! decides every step, so that a seed that fails is a failure that can be looked at for as long as it takes.
//! `cargo sim -- --seed 4711 --trace` replays one.

mod auditor;
mod chance;
mod ground;
mod hooks;
mod invoices;
mod journal;
mod ledger;
mod pricing;
mod process;
mod profile;
mod redrive;
mod scheduler;
mod sweep;
mod told;
mod workload;

pub use profile::{Sabotage, Size};
pub use sweep::{Summary, alone, sweep};

use self::{
    ground::Ground,
    ledger::Ledger,
    profile::Profile,
    scheduler::{Rush, Scheduler},
};
use meterline::aws::Fault;
use std::collections::BTreeMap;
use std::fmt;

/// The clock of the first rush stops here, before the month ends in any zone: 2026-05-31T18:00:00Z.
const RUSH_UNTIL_MS: i64 = 1_780_250_400_000;
/// What the billing tick is late, at most, and how long the schedule waits between two ticks.
const TICK_MS: i64 = 15 * 60 * 1_000;
/// Ticks until every period must have been billed.
const TICKS_MAX: u32 = 8;
/// Requests and events of the clients after the month has ended.
const LATE_REQUESTS: usize = 3;
const LATE_EVENTS: usize = 6;

/// What to run a schedule with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How large it is.
    pub size: Size,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
    /// Whether every step is printed.
    pub trace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { size: Size::Small, sabotage: Sabotage::default(), trace: false }
    }
}

/// How a schedule went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events that were sent, contents in conflict each for itself.
    pub sent: u64,
    /// Of them those that clients were told are stored.
    pub acknowledged: u64,
    /// Events that were counted.
    pub counted: u64,
    /// Invoices that were audited.
    pub invoices: u64,
    /// Calls to AWS.
    pub calls: u64,
    /// Steps of the scheduler.
    pub steps: u64,
    /// A number for all of its steps: two runs of a seed have the same.
    pub digest: u64,
    /// Processes that died.
    pub crashes: u64,
    /// What went wrong with calls, by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

/// A schedule whose audit found a difference.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// How large it was.
    pub size: Size,
    /// The first difference.
    pub difference: String,
    /// Its latest steps.
    pub journal: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.journal {
            writeln!(f, "{line}")?;
        }
        let long = if self.size == Size::Large { " --long" } else { "" };
        writeln!(f, "seed {}: {}", self.seed, self.difference)?;
        write!(f, "replay it with: cargo sim -- --seed {}{long} --trace", self.seed)
    }
}

/// Runs the schedule of `seed`.
///
/// It must run in a runtime whose time stands still (see [`sweep`]): a back-off then takes no time, and ends when the
/// schedule says so.
///
/// # Errors
/// If the audit finds a difference, or the platform does not come to rest.
pub async fn run(seed: u64, options: &Options) -> Result<Report, Box<Failure>> {
    let failure =
        |difference: String, journal: Vec<String>| Box::new(Failure { seed, size: options.size, difference, journal });
    let profile = Profile::of(seed, options.size);
    let mut tenants = workload::tenants(seed, &profile);
    let ground = Ground::prepare(seed, &profile, &options.sabotage, options.trace, &mut tenants).await;
    let ground = ground.map_err(|error| failure(error, Vec::new()))?;
    let ledger = Ledger { places: vec![0; tenants.len()], tenants, ..Ledger::default() };
    let mut scheduler = Scheduler::new(seed, &ground, &profile, &options.sabotage, ledger, options.trace);
    match schedule(seed, &ground, &profile, &mut scheduler).await {
        Ok((counted, invoices)) => Ok(report(&ground, &scheduler, counted, invoices)),
        Err(difference) => Err(failure(difference, scheduler.journal.into_lines())),
    }
}

/// The rush, the end of the month, the calm after both, and the audit. Answers how many events and invoices there are.
async fn schedule(
    seed: u64,
    ground: &Ground,
    profile: &Profile,
    scheduler: &mut Scheduler<'_>,
) -> Result<(u64, u64), String> {
    let faults = ground.aws.faults();
    faults.shake(seed, profile.chances);
    let leaves_queues = profile.closes_in_the_rush;
    scheduler.rush(Rush { until_ms: RUSH_UNTIL_MS, ticks: 0, leaves_queues }).await;
    if profile.closes {
        if !profile.closes_in_the_rush {
            faults.clear();
            scheduler.calm().await?;
            faults.shake(seed, profile.chances);
        }
        let closes_ms = invoices::closes_ms(&scheduler.ledger.tenants);
        scheduler.turn(closes_ms + TICK_MS, i64::MAX);
        scheduler.workload.go_on(LATE_REQUESTS, LATE_EVENTS);
        scheduler.rush(Rush { until_ms: closes_ms + 40 * TICK_MS, ticks: 2, leaves_queues: false }).await;
    }
    faults.clear();
    ground.hooks.calm();
    scheduler.calm().await?;
    if profile.closes {
        bill_the_rest(ground, scheduler).await?;
    }
    ground.turnstile.stand_open(true);
    let counted = auditor::usage(ground, &scheduler.ledger).await?;
    let invoices = if profile.closes { invoices::audit(ground, &scheduler.ledger, &counted).await? } else { 0 };
    Ok((counted.iter().map(|counted| counted.len() as u64).sum(), invoices))
}

/// The schedule goes on until every period is billed, and once more: that must change nothing.
async fn bill_the_rest(ground: &Ground, scheduler: &mut Scheduler<'_>) -> Result<(), String> {
    for _ in 0..TICKS_MAX {
        ground.turnstile.stand_open(true);
        let done = invoices::are_all_there(ground, &scheduler.ledger).await;
        ground.turnstile.stand_open(false);
        scheduler.turn(ground.now_ms() + TICK_MS, i64::MAX);
        scheduler.calm_tick().await?;
        if done? {
            return Ok(());
        }
    }
    Ok(())
}

fn report(ground: &Ground, scheduler: &Scheduler<'_>, counted: u64, invoices: u64) -> Report {
    let (sent, acknowledged) = scheduler.ledger.sent_and_acknowledged();
    let mut faults: BTreeMap<&'static str, u64> = BTreeMap::new();
    for fired in ground.aws.faults().fired() {
        *faults.entry(name(fired.fault)).or_default() += 1;
    }
    Report {
        sent,
        acknowledged,
        counted,
        invoices,
        calls: ground.aws.faults().calls(),
        steps: scheduler.journal.steps(),
        digest: scheduler.journal.digest(),
        crashes: scheduler.crashes,
        faults,
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Refuse => "throttled",
        Fault::LoseAnswer => "answer lost",
        Fault::TransactionConflict => "transaction conflict",
        Fault::CrashBefore => "connection lost before",
        Fault::CrashAfter => "connection lost after",
        Fault::DuplicateDelivery => "delivered twice",
        Fault::ReorderDelivery => "delivered out of order",
        Fault::RefuseEntries(_) => "partly refused",
    }
}
