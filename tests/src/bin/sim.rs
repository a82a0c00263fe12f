//! `cargo sim`: runs seeded fault schedules over the whole platform and audits every total.

use clap::Parser;
use mimalloc::MiMalloc;
use std::{ops::Range, process::ExitCode};
use tests::simulation::{Options, Size, Summary, sweep};

/// A fifth less time: most of a schedule is small requests that live for a moment.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How many schedules there are without a wish: about two minutes' worth.
const SEEDS: u64 = 3_000;
/// A line of progress is printed for so many schedules.
const PROGRESS_EVERY: u64 = 1_000;

#[derive(Parser)]
#[command(about = "Runs seeded fault schedules over the whole platform, and audits every total.")]
struct Arguments {
    /// The seeds to run, such as 0..100000.
    #[arg(long, value_parser = range, conflicts_with = "seed")]
    seeds: Option<Range<u64>>,
    /// One seed to run.
    #[arg(long)]
    seed: Option<u64>,
    /// Print every step.
    #[arg(long)]
    trace: bool,
    /// Larger schedules: more tenants, ten times the events.
    #[arg(long)]
    long: bool,
    /// How many run at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "write it like 0..100000".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    Ok(start.parse().map_err(|_| wrong())?..end.parse().map_err(|_| wrong())?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let size = if arguments.long { Size::Large } else { Size::Small };
    let options = Options { size, trace: arguments.trace, ..Options::default() };
    let seeds = match (arguments.seed, arguments.seeds) {
        (Some(seed), _) => seed..seed + 1,
        (None, seeds) => seeds.unwrap_or(0..SEEDS),
    };
    let summary = sweep(seeds, arguments.jobs, &options, |ended| {
        if ended.is_multiple_of(PROGRESS_EVERY) {
            eprintln!("{ended} schedules");
        }
    });
    conclude(&summary)
}

fn conclude(summary: &Summary) -> ExitCode {
    for failure in &summary.failures {
        println!("{failure}\n");
    }
    println!("{summary}");
    if summary.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
