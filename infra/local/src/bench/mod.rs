//! `meterline bench`: how fast this machine counts, how long an event waits, what a million events would cost, and what
//! it takes to close a month.
//!
//! Two kinds of figures, never mixed:
//! - *measured* ([`load`]): the real router and the real handlers in this process, over the embedded AWS in memory, on
//!   the machine's clock, as fast as they go. Requests go through the axum router and not through a socket, so that
//!   neither TCP nor an HTTP client is in it. They are made before the time runs, and no figure is given unless the API
//!   answers at the end that every event is counted.
//! - *modelled from metered requests* ([`spend`]): `meterline cost` with fixed workloads. Of this machine only Lambda's
//!   time is in them.
//!
//! [`closing`] has both kinds: what the runs took here, and what their calls would cost.
//!
//! What depends on the machine is printed beside its target and never judged; a total that is wrong fails the bench.
//! Beside a rate stands the processor time of the whole process for an event, senders included: unlike the rate it is
//! much the same where others use the machine too.

mod closing;
mod cpu;
mod delay;
mod line;
mod report;
mod spend;

pub use closing::{Closing, closing};
pub use report::Row;
pub use spend::spend;

use crate::{cost::CostError, platform::PlatformError, workload::Refused};
use domain::subscription::LinesError;
use http::StatusCode;
use line::Line;
use report::grouped;
use std::time::Duration;

/// Events of one timed round, which are made before it: about a hundred megabytes of requests.
const ROUND_EVENTS_MAX: u64 = 1_000_000;
/// Seconds that a round takes at the rate of the one before: the longer, the less its end weighs, when nothing is sent.
const ROUND_SECONDS: u64 = 4;
/// Requests before the time runs: they open the lanes and make the functions remember tenants and meters.
const WARM_UP_REQUESTS: u64 = 200;
/// Rounds of one figure.
const ROUNDS_MAX: usize = 10_000;

/// How fast events are to be counted, by events a request.
const RATE_TARGETS: [(u64, u64); 2] = [(100, 400_000), (1, 25_000)];

/// What is sent to measure this machine.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long each load is kept up.
    pub duration: Duration,
    /// Events of one request: a figure for each.
    pub per_request: Vec<u64>,
    /// Tenants that send, all the same; each has a lane.
    pub tenants: usize,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The platform failed.
    #[error("the platform failed")]
    Platform(#[from] PlatformError),
    /// The API refused what must exist before.
    #[error("the workload was refused")]
    Refused(#[from] Refused),
    /// Nothing could be modelled.
    #[error("the workload could not be modelled")]
    Cost(#[from] CostError),
    /// The API answered otherwise than it should.
    #[error("{path} was answered {status}: {answer}")]
    Answer {
        /// What was asked.
        path: String,
        /// The status of the answer.
        status: StatusCode,
        /// The answer.
        answer: String,
    },
    /// The API answers another total than was sent.
    #[error("{tenant} has sent {sent} of {meter}, and {counted} are counted")]
    Total {
        /// Which tenant.
        tenant: String,
        /// Which meter.
        meter: &'static str,
        /// What it has sent.
        sent: u64,
        /// What the API answers.
        counted: String,
    },
    /// A message was delivered again, or was split, so that deliveries do not tell how many requests are counted.
    #[error("{sent} requests came as {delivered} messages")]
    Deliveries {
        /// Requests that were answered 202.
        sent: u64,
        /// Messages that were delivered.
        delivered: u64,
    },
    /// What a month comes to cannot be rated.
    #[error("the month cannot be rated")]
    Rated(#[from] LinesError),
    /// An invoice is missing, or says another total than was rated.
    #[error("subscription {place} was rated {rated_minor} and is invoiced {invoiced_minor:?}")]
    Invoice {
        /// Which subscription, counted from 1.
        place: usize,
        /// What its lines come to.
        rated_minor: i64,
        /// What its invoice says, if it has one.
        invoiced_minor: Option<i64>,
    },
    /// A task was stopped.
    #[error("a task of the bench was stopped")]
    Task(#[from] tokio::task::JoinError),
}

/// Measures this machine and hands out each figure once it is there.
///
/// # Errors
/// If the platform fails, refuses an event, or counts another total than was sent.
pub async fn load(plan: &Plan, mut each: impl FnMut(&Row)) -> Result<(), BenchError> {
    for per_request in &plan.per_request {
        each(&throughput(plan, *per_request).await?);
    }
    each(&delay::counting(plan).await?);
    Ok(())
}

/// Sends as fast as it is taken, counts at the same time, and says how many events a second went the whole way.
async fn throughput(plan: &Plan, per_request: u64) -> Result<Row, BenchError> {
    let mut line = Line::open(plan.tenants, line::PUMPS).await?;
    let warm_up = WARM_UP_REQUESTS.saturating_mul(per_request);
    let mut rate = report::per_second(warm_up, line.play(warm_up, per_request).await?.took);
    let (mut events, mut took, mut worked) = (0, Duration::ZERO, Some(Duration::ZERO));
    for _ in 0..ROUNDS_MAX {
        if took >= plan.duration {
            break;
        }
        let round = rate.saturating_mul(ROUND_SECONDS).clamp(per_request, ROUND_EVENTS_MAX);
        let played = line.play(round, per_request).await?;
        rate = report::per_second(round, played.took);
        took += played.took;
        worked = worked.zip(played.worked).map(|(sum, more)| sum + more);
        events += round;
    }
    line.close().await?;
    let target = RATE_TARGETS.iter().find(|(of, _)| *of == per_request);
    Ok(Row {
        figure: format!("HTTP to counted, {} a request", grouped(per_request)),
        measured: report::rate(events, took, worked),
        target: target.map_or_else(String::new, |(_, rate)| format!(">= {}", grouped(*rate))),
    })
}
