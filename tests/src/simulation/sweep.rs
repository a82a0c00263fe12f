//! A sweep: many schedules, each job a thread with a runtime of its own, whose time stands still.

use super::{Failure, Options, Report, run};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Failures that are kept; a sweep that meets so many stops.
const FAILURES_MAX: usize = 10;

/// How a sweep went.
#[derive(Debug, Default)]
pub struct Summary {
    /// Schedules that ran.
    pub schedules: u64,
    /// What they came to together; the digest is that of none.
    pub total: Report,
    /// Schedules that closed a month.
    pub months: u64,
    /// Those that failed, by seed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// Runs the schedules of `seeds` in so many threads, and tells `progress` of every one that ended.
///
/// # Panics
/// If a thread panics: a bug of the simulation itself.
pub fn sweep(seeds: Range<u64>, jobs: usize, options: &Options, progress: impl Fn(u64) + Sync) -> Summary {
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let (ended, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut summary = Summary::default();
        while !stopped.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            summary.add(alone(seed, options));
            progress(ended.fetch_add(1, Ordering::Relaxed) + 1);
            if summary.failures.len() >= FAILURES_MAX {
                stopped.store(true, Ordering::Relaxed);
            }
        }
        summary
    };
    let mut summary = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("a schedule does not panic"));
        ended.reduce(Summary::and).unwrap_or_default()
    });
    summary.failures.sort_by_key(|failure| failure.seed);
    summary.took = started.elapsed();
    summary
}

/// Runs one schedule in a runtime of its own.
///
/// # Errors
/// As [`run`].
///
/// # Panics
/// If the system gives no runtime.
pub fn alone(seed: u64, options: &Options) -> Result<Report, Box<Failure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("the system gives a runtime");
    // Unconstrained: the scheduler polls by itself, and must not be told to wait by the runtime's sense of fairness.
    runtime.block_on(tokio::task::unconstrained(run(seed, options)))
}

impl Summary {
    fn add(&mut self, outcome: Result<Report, Box<Failure>>) {
        self.schedules += 1;
        match outcome {
            Ok(report) => {
                self.months += u64::from(report.invoices > 0);
                self.total.add(&report);
            }
            Err(failure) => self.failures.push(*failure),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.schedules += other.schedules;
        self.months += other.months;
        self.total.add(&other.total);
        self.failures.extend(other.failures);
        self
    }
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.counted += other.counted;
        self.invoices += other.invoices;
        self.calls += other.calls;
        self.steps += other.steps;
        self.crashes += other.crashes;
        for (name, count) in &other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, total, months, failures, took } = self;
        let each = took.checked_div(u32::try_from(*schedules).unwrap_or(u32::MAX)).unwrap_or_default();
        writeln!(
            f,
            "{schedules} schedules in {} s, one every {each:.1?}; {months} with a month's end",
            took.as_secs()
        )?;
        writeln!(f, "{} events sent, {} acknowledged, {} counted", total.sent, total.acknowledged, total.counted)?;
        writeln!(f, "{} invoices, {} calls to AWS, {} steps", total.invoices, total.calls, total.steps)?;
        let mut faults: BTreeMap<&str, u64> = total.faults.clone();
        faults.insert("process died", total.crashes);
        let faults: Vec<String> = faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "faults: {}", faults.join(", "))?;
        write!(f, "inexact = {}", failures.len())
    }
}
