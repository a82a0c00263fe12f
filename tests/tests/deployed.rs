//! The real binaries and the real template, as an account would run them: the same journey as over the embedded AWS, and
//! a poison message on every queue.

use serde_json::json;
use std::time::{Duration, Instant};
use tests::{
    deployed::Deployed,
    journey::{self, Target},
};

/// How long five receives of a poison message may take.
const POISON_TIMEOUT: Duration = Duration::from_secs(60);
/// Queues that functions consume, and what they do not survive in.
const QUEUES: [(&str, &str); 4] = [
    ("UsageQueue", "UsageDeadLetters"),
    ("BillingQueue", "BillingDeadLetters"),
    ("InvoiceQueue", "InvoiceDeadLetters"),
    ("WebhookQueue", "WebhookDeadLetters"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_stack_goes_from_a_key_to_a_signed_webhook() {
    let deployed = Deployed::start().await;
    let tick = || async {
        deployed.settle().await;
        deployed.invoke("billing", &json!({"source": "aws.events", "detail-type": "Scheduled Event"})).await;
    };
    let base_url = deployed.base_url.clone();
    journey::run(&Target { base_url, platform_key: deployed.platform_key.clone(), tick }).await;
    deployed.settle().await;
    assert!(deployed.dead_letters().await.values().all(|depth| *depth == 0), "{}", deployed.explain().await);
    poison(&deployed).await;
}

/// What is no event is tried five times, ends in the dead letters, and holds nobody up.
async fn poison(deployed: &Deployed) {
    for (queue, _) in QUEUES {
        deployed.set_visibility_timeout(queue, 1).await;
        deployed.send(queue, "not an event").await;
    }
    let deadline = Instant::now() + POISON_TIMEOUT;
    loop {
        let dead = deployed.dead_letters().await;
        if QUEUES.iter().all(|(_, letters)| dead.get(*letters) == Some(&1)) {
            return;
        }
        assert!(Instant::now() < deadline, "{dead:?}\n{}", deployed.explain().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
