//! Makes billing runs: the tick finds what is due, the worker turns one run of one subscription into an invoice.
//!
//! Invariants: nobody scans tenants, the sparse index says who is due; no period is billed before everything that was
//! accepted until it closed is counted; a period is billed at most once, by the condition of the one transaction that
//! writes its invoice; what a crash leaves unpublished, the next delivery or tick publishes.

mod tick;
mod worker;

pub use tick::{TICK_REQUESTS_MAX, tick};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{
    Fault, World, batch,
    billing::Shelf,
    spend::{self, Function},
};
use serde_json::Value;

/// Subscriptions that are billed at a time.
const RUNS_AT_ONCE: usize = 8;

/// What invoked the function.
#[derive(Debug)]
pub enum Cause {
    /// The schedule.
    Tick,
    /// Messages of the queue.
    Messages(SqsEvent),
}

impl Cause {
    /// Tells the two by the payload: only the queue sends `Records`.
    pub fn read(payload: Value) -> Result<Self, serde_json::Error> {
        if payload.get("Records").is_some() {
            return serde_json::from_value(payload).map(Self::Messages);
        }
        Ok(Self::Tick)
    }
}

/// Runs the tick, or bills what the messages request; answers which messages to deliver again.
pub async fn handle(world: &World, cause: Cause) -> Result<SqsBatchResponse, Fault> {
    spend::invocation(world, Function::Billing, run(world, cause)).await
}

async fn run(world: &World, cause: Cause) -> Result<SqsBatchResponse, Fault> {
    match cause {
        Cause::Tick => tick(world).await.map(|()| SqsBatchResponse::default()),
        Cause::Messages(event) => {
            let shelf = &Shelf::default();
            Ok(batch::each(event, RUNS_AT_ONCE, |record| worker::bill(world, shelf, record)).await)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_told_from_the_schedule() {
        let schedule = serde_json::json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        assert!(matches!(Cause::read(schedule).unwrap(), Cause::Tick));
        let batch = serde_json::json!({"Records": []});
        assert!(matches!(Cause::read(batch).unwrap(), Cause::Messages(_)));
    }
}
