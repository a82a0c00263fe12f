//! Each call of AWS fails in turn, in every way that it can; messages are delivered again until the queue is empty,
//! and the outcome is the same.

use crate::{
    bench::{Bench, START},
    receiver::{Answer, Receiver},
};
use cloud::store::{Delivery, DeliveryStatus};
use domain::id::{DeliveryId, EventId};
use events::WebhookDueV1;
use meterline::aws::Fault;
use rstest::rstest;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// More calls than a run makes.
const CALLS_MAX: usize = 200;

/// Fails the `nth` call, from 0, that the function makes and that `fault` fits; the bench's own calls are spared.
fn fail(bench: &Bench, nth: usize, fault: Fault) {
    let seen = Arc::new(AtomicUsize::new(0));
    bench.aws.faults().fail_when(1, fault, move |call| {
        let own = matches!(call.operation, "ReceiveMessage" | "DeleteMessage");
        !own && seen.fetch_add(1, Ordering::Relaxed) == nth
    });
}

/// Runs `scenario` with each of its calls failing in turn, until there is none left to fail.
async fn each_call_fails<F: Future<Output = bool>>(scenario: impl Fn(usize) -> F) {
    for nth in 0..CALLS_MAX {
        if !scenario(nth).await {
            assert!(nth >= 3, "only {nth} calls were failed");
            return;
        }
    }
    panic!("the scenario has more than {CALLS_MAX} calls");
}

#[rstest]
#[case::throttled(Fault::Refuse)]
#[case::answer_lost(Fault::LoseAnswer)]
#[case::dead_before(Fault::CrashBefore)]
#[case::dead_after(Fault::CrashAfter)]
#[case::conflict(Fault::TransactionConflict)]
#[tokio::test]
async fn a_delivery_that_is_taken_at_the_third_attempt(#[case] fault: Fault) {
    each_call_fails(|nth| async move {
        let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(500)]).await;
        let bench = Bench::new().await;
        bench.endpoint_at(&receiver).await;
        bench.send(&bench.event()).await;
        fail(&bench, nth, fault);
        bench.settle().await;
        bench.aws.faults().clear();

        let fired = bench.aws.faults().fired();
        let (delivery, attempts) = bench.delivery().await;
        // At most one call was made whose settling was lost; it is made again, under the same number.
        let calls = receiver.calls().len();
        assert!(calls >= 3 && (calls - 1..=calls).contains(&attempts.len()), "{fired:?}: {calls} calls");
        assert_eq!(delivery.status, DeliveryStatus::Delivered, "{fired:?}");
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, (1..=delivery.attempts).collect::<Vec<_>>(), "{fired:?}");
        let taken = attempts.iter().filter(|attempt| attempt.status == Some(200)).count();
        assert_eq!((taken, attempts.last().unwrap().status), (1, Some(200)), "{fired:?}");
        assert_eq!(bench.dead_letters().await, [], "{fired:?}");
        !fired.is_empty()
    })
    .await;
}

#[rstest]
#[case::throttled(Fault::Refuse)]
#[case::answer_lost(Fault::LoseAnswer)]
#[case::dead_before(Fault::CrashBefore)]
#[case::dead_after(Fault::CrashAfter)]
#[case::conflict(Fault::TransactionConflict)]
#[tokio::test]
async fn the_last_attempt(#[case] fault: Fault) {
    each_call_fails(|nth| async move {
        let receiver = Receiver::start(&[Answer::Status(500); 5]).await;
        let bench = Bench::new().await;
        let due = due_for_the_last_time(&bench, &receiver).await;
        bench.send(&bench.due(due.clone())).await;
        fail(&bench, nth, fault);
        bench.settle().await;
        bench.aws.faults().clear();

        let fired = bench.aws.faults().fired();
        let (delivery, attempts) = bench.delivery().await;
        assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Dead, 9), "{fired:?}");
        assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [9], "{fired:?}");
        let dead_letters = bench.dead_letters().await;
        assert!((1..=2).contains(&dead_letters.len()), "{fired:?}: {dead_letters:?}");
        assert!(dead_letters.iter().all(|letter| letter.delivery_id == due.delivery_id), "{fired:?}");
        !fired.is_empty()
    })
    .await;
}

/// A delivery after eight failed attempts, and the message that asks for the ninth.
async fn due_for_the_last_time(bench: &Bench, receiver: &Receiver) -> WebhookDueV1 {
    let endpoint = bench.endpoint_at(receiver).await;
    let event = bench.event();
    let delivery = Delivery {
        id: DeliveryId::derived(&["the last attempt"]),
        endpoint_id: endpoint.id,
        event_id: EventId::derived(&["event"]),
        event_type: event.event_type,
        body: event.body,
        correlation_id: "corr-1".to_owned(),
        status: DeliveryStatus::Pending,
        attempts: 8,
        created_at: START,
        next_attempt_at: START,
        hop: 200,
        claimed_until: None,
    };
    assert!(bench.world.store(bench.tenant_id).create_delivery(&delivery).await.unwrap());
    WebhookDueV1 { delivery_id: delivery.id, attempt: 9, hop: 200 }
}

#[rstest]
#[case::throttled(Fault::Refuse)]
#[case::answer_lost(Fault::LoseAnswer)]
#[case::dead_before(Fault::CrashBefore)]
#[case::dead_after(Fault::CrashAfter)]
#[tokio::test]
async fn an_event_for_two_endpoints_of_which_one_is_ill(#[case] fault: Fault) {
    each_call_fails(|nth| async move {
        let (healthy, ill) = (Receiver::start(&[]).await, Receiver::start(&[Answer::Status(500)]).await);
        let bench = Bench::new().await;
        bench.endpoint_at(&healthy).await;
        bench.endpoint_at(&ill).await;
        bench.send(&bench.event()).await;
        fail(&bench, nth, fault);
        bench.settle().await;
        bench.aws.faults().clear();

        let fired = bench.aws.faults().fired();
        let deliveries = bench.deliveries().await;
        assert_eq!(deliveries.len(), 2, "{fired:?}");
        assert!(deliveries.iter().all(|delivery| delivery.status == DeliveryStatus::Delivered), "{fired:?}");
        assert!((1..=2).contains(&healthy.calls().len()) && (2..=3).contains(&ill.calls().len()), "{fired:?}");
        !fired.is_empty()
    })
    .await;
}
