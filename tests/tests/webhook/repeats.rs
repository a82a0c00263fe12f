//! Messages that arrive twice, late, or at two workers at once change nothing.

use crate::{
    bench::{Bench, START, told},
    receiver::{Answer, Receiver},
};
use cloud::store::DeliveryStatus::{Dead, Delivered};
use jiff::SignedDuration;
use meterline::aws::Chances;
use rstest::rstest;

/// Messages that the function sent so far, the bench's own event among them.
fn sent(bench: &Bench) -> usize {
    bench.aws.faults().recorded_since(0).iter().filter(|call| call.operation == "SendMessage").count()
}

/// Runs one delivery to its end: how often the endpoint was called, and how many messages that took.
async fn run(failures: usize, prepare: impl FnOnce(&mut Bench)) -> (Bench, usize, usize) {
    let receiver = Receiver::start(&vec![Answer::Status(500); failures]).await;
    let mut bench = Bench::new().await;
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    prepare(&mut bench);
    bench.settle().await;
    bench.aws.faults().clear();
    let messages = sent(&bench);
    (bench, receiver.calls().len(), messages)
}

#[rstest]
#[case::taken_at_third(2, 3)]
#[case::given_up(20, 9)]
#[tokio::test]
async fn a_batch_that_is_handled_twice_has_the_effect_of_one(#[case] failures: usize, #[case] calls: usize) {
    let (_, _, messages_once) = run(failures, |_| {}).await;
    let (bench, calls_twice, messages_twice) = run(failures, |bench| bench.repeats = 2).await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((calls_twice, attempts.len(), delivery.attempts), (calls, calls, u32::try_from(calls).unwrap()));
    // No message has two successors: retries do not multiply.
    assert_eq!(messages_twice, messages_once);
    assert_eq!(bench.dead_letters().await.len(), usize::from(delivery.status == Dead));
}

#[tokio::test]
async fn deliveries_that_sqs_repeats_and_reorders_do_not_multiply() {
    let chances = Chances { duplicate_delivery: 3_000, reorder_delivery: 3_000, ..Chances::default() };
    let (_, calls_plain, messages_plain) = run(20, |_| {}).await;
    for seed in 1..=2 {
        let (bench, calls, messages) = run(20, |bench| bench.aws.faults().shake(seed, chances)).await;
        assert!(!bench.aws.faults().fired().is_empty(), "seed {seed} repeats nothing");
        assert_eq!((calls, messages), (calls_plain, messages_plain), "seed {seed}");
        assert_eq!(bench.dead_letters().await.len(), 1, "seed {seed}");
    }
}

#[tokio::test]
async fn an_event_that_is_published_again_is_not_delivered_again() {
    let receiver = Receiver::start(&[]).await;
    let bench = Bench::new().await;
    bench.endpoint_at(&receiver).await;
    for _ in 0..3 {
        bench.send(&bench.event()).await;
        bench.settle().await;
    }
    // An endpoint that came later does not get it either.
    let later = Receiver::start(&[]).await;
    bench.endpoint_at(&later).await;
    bench.send(&bench.event()).await;
    bench.settle().await;
    assert_eq!((receiver.calls().len(), later.calls().len(), bench.deliveries().await.len()), (1, 0, 1));
}

#[tokio::test]
async fn two_workers_do_not_make_the_same_attempt() {
    let receiver = Receiver::start(&[Answer::Silence]).await;
    let bench = std::sync::Arc::new(Bench::new().await);
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    let (event, _) = bench.receive().await;
    let id = event.records[0].message_id.clone().unwrap();

    let first = tokio::spawn({
        let (bench, event) = (std::sync::Arc::clone(&bench), event.clone());
        async move { bench.handle(event).await }
    });
    receiver.called(1).await;
    // The second worker keeps its message: the first may die.
    assert_eq!(bench.handle(event).await, [id]);
    assert_eq!(receiver.calls().len(), 1);

    // The first dies during its call. Once its claim has ended, the message is delivered again.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(bench.next_visible_at(), Some(START + SignedDuration::from_secs(360)));
    bench.settle().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, told(&attempts)), (Delivered, vec![(1, Some(200), None)]));
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn a_dead_letter_that_is_moved_back_is_attempted_once_more() {
    let receiver = Receiver::start(&[Answer::Status(500); 10]).await;
    let bench = Bench::new().await;
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    bench.settle().await;
    assert_eq!(receiver.calls().len(), 9);

    // In vain, and moved back twice: one attempt, and it is given up again.
    let dead_letters = bench.move_dead_letters_back().await;
    assert_eq!(dead_letters.len(), 1);
    bench.send(&dead_letters[0]).await;
    bench.settle().await;
    assert_eq!((bench.delivery().await.0.status, receiver.calls().len()), (Dead, 10));

    // The endpoint was repaired.
    assert_eq!(bench.move_dead_letters_back().await.len(), 1);
    bench.settle().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, delivery.attempts, receiver.calls().len()), (Delivered, 11, 11));
    assert_eq!(attempts.len(), 11);
    assert_eq!(bench.dead_letters().await, []);
}
