//! Lost races are run again here, so that a client sees a conflict only when losing does not stop.
//!
//! What AWS refuses is not: the SDK tries a refused request three times in all, and an entry of a batch that the topic
//! refuses is tried once. Both are then the client's to send again.

use cloud::Fault;
use std::{future::Future, time::Duration};

/// How often a write that lost a race is tried.
const TRIES_MAX: u32 = 4;
/// Wait before the second try; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Runs `attempt` until it does not lose a race. What it does must be safe to do twice.
pub(crate) async fn until_not_raced<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES_MAX {
        match attempt().await {
            Err(Fault::Conflict { .. }) => tokio::time::sleep(wait).await,
            settled => return settled,
        }
        wait *= 2;
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::cell::Cell;

    #[rstest]
    #[case::at_once(0, Some(1))]
    #[case::after_a_race(1, Some(2))]
    #[case::on_the_last_try(3, Some(4))]
    #[case::never(4, None)]
    #[tokio::test]
    async fn a_race_is_run_again_a_few_times(#[case] lost: u32, #[case] expect: Option<u32>) {
        let tries = Cell::new(0);
        let outcome = until_not_raced(|| async {
            tries.set(tries.get() + 1);
            if tries.get() > lost { Ok(tries.get()) } else { Err(Fault::Conflict { operation: "test" }) }
        })
        .await;
        assert_eq!(outcome.ok(), expect);
    }
}
