//! How long an event waits to be counted: from the API's answer 202 to the commit that counts it.
//!
//! Requests are sent one after the other at a steady pace, far below what the machine can take, and each queue has one
//! delivery at a time, which asks again as soon as it is done. A delivery takes everything that is there, in whatever
//! order, so that what is counted after it is what was answered first: the n-th message that is counted stands for the
//! n-th answer. In a delay are the queue, `usage` with its writes, and the delete of the messages; on AWS the batching
//! window of the template (a second at most) and the network come on top.

use super::{
    BenchError, Plan,
    line::{self, Line},
    report::{Row, milliseconds, percentile},
};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// From one request to the next: with [`PER_REQUEST`] 10,000 events a second.
const PACE: Duration = Duration::from_millis(10);
/// Events of one request.
const PER_REQUEST: u64 = 100;
/// Requests that are sent at most.
const REQUESTS_MAX: u128 = 100_000;

/// Measures the delay for as long as planned.
pub(super) async fn counting(plan: &Plan) -> Result<Row, BenchError> {
    let mut line = Line::open(plan.tenants, 1).await?;
    // As many that are not measured as there are tenants, so that lanes are open.
    let warm_up = plan.tenants as u64;
    line.play(warm_up * PER_REQUEST, PER_REQUEST).await?;
    let skipped = line.counted_at().len();
    let requests = (plan.duration.as_millis() / PACE.as_millis()).clamp(1, REQUESTS_MAX);
    let requests = u64::try_from(requests).unwrap_or(1);
    let answered = paced(&mut line, requests).await?;
    line.counted().await?;
    line.close().await?;
    let counted = line.counted_at();
    let mut delays: Vec<Duration> = delays(&answered, counted.get(skipped..).unwrap_or_default());
    delays.sort_unstable();
    let at = |percent| percentile(&delays, percent).map_or_else(String::new, milliseconds);
    Ok(Row {
        figure: "202 to counted, 100 requests of 100 a second".to_owned(),
        measured: format!("p50 {}, p99 {}", at(50), at(99)),
        target: String::new(),
    })
}

/// Sends at the pace; answers when each request was answered.
async fn paced(line: &mut Line, requests: u64) -> Result<Vec<Instant>, BenchError> {
    let made = line.requests(requests * PER_REQUEST, PER_REQUEST);
    let mut answered = Vec::with_capacity(made.len());
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for request in made {
        line.expect(&request);
        pace.tick().await;
        line::send(&line.router, &line.keys[request.tenant], request).await?;
        answered.push(Instant::now());
    }
    Ok(answered)
}

/// What was counted before its sender had the answer has not waited.
fn delays(answered: &[Instant], counted: &[Instant]) -> Vec<Duration> {
    answered.iter().zip(counted).map(|(answered, counted)| counted.saturating_duration_since(*answered)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_between_the_answer_and_the_commit() {
        let start = Instant::now();
        let at = |millis: &[u64]| -> Vec<Instant> {
            millis.iter().map(|millis| start + Duration::from_millis(*millis)).collect()
        };
        let delays = delays(&at(&[0, 10, 20]), &at(&[4, 9, 26]));
        assert_eq!(delays, [4, 0, 6].map(Duration::from_millis));
    }
}
