//! The real binaries and the real template, as an account would run them: the same journey as over the embedded AWS, and
//! a poison message on every queue.

use domain::usage::watermark::CONFIRMATION;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::{
    deployed::Deployed,
    journey::{self, Target},
};

/// How long five receives of a poison message may take.
const POISON_TIMEOUT: Duration = Duration::from_secs(60);
/// From the first reading of the usage queues to one that confirms it, and a moment for the call.
const CONFIRMED_AFTER: Duration = Duration::from_secs(CONFIRMATION.as_secs().unsigned_abs() + 2);
/// Queues that functions consume, and what they do not survive in.
const QUEUES: [&str; 5] = ["UsageEvenQueue", "UsageOddQueue", "BillingQueue", "InvoiceQueue", "WebhookQueue"];
/// Where that ends, and how much of it.
const DEAD_LETTERS: [(&str, u64); 4] =
    [("UsageDeadLetters", 2), ("BillingDeadLetters", 1), ("InvoiceDeadLetters", 1), ("WebhookDeadLetters", 1)];

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_stack_goes_from_a_key_to_a_signed_webhook() {
    let deployed = Deployed::start().await;
    let tick = || async {
        deployed.settle().await;
        deployed.invoke("billing", &json!({"source": "aws.events", "detail-type": "Scheduled Event"})).await;
    };
    // The watermark rises by two readings that lie apart: the first is made here, and the journey's own tick is late enough.
    tick().await;
    let first_reading = Instant::now();
    let tick = || async {
        tokio::time::sleep_until((first_reading + CONFIRMED_AFTER).into()).await;
        tick().await;
    };
    let base_url = deployed.base_url.clone();
    journey::run(&Target { base_url, platform_key: deployed.platform_key.clone(), tick }).await;
    deployed.settle().await;
    assert!(deployed.dead_letters().await.values().all(|depth| *depth == 0), "{}", deployed.explain().await);
    poison(&deployed).await;
}

/// What is no event is tried five times, ends in the dead letters, and holds nobody up.
async fn poison(deployed: &Deployed) {
    for queue in QUEUES {
        deployed.set_visibility_timeout(queue, 1).await;
        deployed.send(queue, "not an event").await;
    }
    let deadline = Instant::now() + POISON_TIMEOUT;
    loop {
        let dead = deployed.dead_letters().await;
        if DEAD_LETTERS.iter().all(|(queue, count)| dead.get(*queue) == Some(count)) {
            return;
        }
        assert!(Instant::now() < deadline, "{dead:?}\n{}", deployed.explain().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
