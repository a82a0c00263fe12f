//! What an endpoint is called with and when, and what becomes of a delivery.

use crate::{
    bench::{Bench, START, told},
    receiver::{Answer, Receiver},
};
use axum::http::HeaderMap;
use cloud::store::DeliveryStatus::{Dead, Delivered, Pending};
use domain::Timestamp;
use jiff::SignedDuration;
use rstest::rstest;
use std::time::Duration;

#[tokio::test]
async fn a_call_is_signed_by_the_standard_and_carries_the_event_as_it_came() {
    let receiver = Receiver::start(&[]).await;
    let bench = Bench::new().await;
    // The verifier of the standard reads the clock of the machine, and so must the sender.
    bench.turn_to(Timestamp::now().max(START));
    let endpoint = bench.endpoint_at(&receiver).await;
    let event = bench.event();
    bench.send(&event).await;
    bench.settle().await;

    let [call] = receiver.calls().try_into().unwrap();
    let verifier = standardwebhooks::Webhook::new(&endpoint.secret).unwrap();
    let mut signed = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        signed.insert(name, call.headers[name].clone());
    }
    verifier.verify(call.body.as_bytes(), &signed).unwrap();
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("webhook-id"), event.id.to_string());
    assert_eq!(header("content-type"), "application/cloudevents+json");
    assert_eq!(header("user-agent"), format!("Meterline/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("x-correlation-id"), "corr-1");
    assert_eq!((call.path.as_str(), call.body), ("/hooks", event.body));

    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, delivery.attempts), (Delivered, 1));
    assert_eq!(told(&attempts), [(1, Some(200), None)]);
    assert_eq!((bench.metric("WebhooksDelivered"), bench.metric("WebhooksFailed")), (1, 0));
}

#[tokio::test]
async fn a_failed_call_is_made_again_until_it_is_taken() {
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(429), Answer::Status(204)]).await;
    let bench = Bench::new().await;
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    bench.drain().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, attempts.len()), (Pending, 1));
    assert!(delivery.next_attempt_at >= START + SignedDuration::from_secs(5));

    bench.settle().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, delivery.attempts), (Delivered, 3));
    let expect = [(1, Some(500), Some("answered 500")), (2, Some(429), Some("answered 429")), (3, Some(204), None)];
    assert_eq!(told(&attempts), expect);
    let calls = receiver.calls();
    assert_eq!(calls.len(), 3);
    // A repeat is the same message, signed at its own time.
    assert!(calls.iter().all(|call| call.headers["webhook-id"] == calls[0].headers["webhook-id"]));
    assert!(calls.iter().all(|call| call.body == calls[0].body));
    assert_ne!(calls[0].headers["webhook-timestamp"], calls[1].headers["webhook-timestamp"]);
    assert_eq!(bench.dead_letters().await, []);
    assert_eq!((bench.metric("WebhooksDelivered"), bench.metric("WebhooksFailed")), (1, 2));
}

#[tokio::test]
async fn an_endpoint_that_never_takes_it_is_called_nine_times_over_three_days_and_given_up() {
    let receiver = Receiver::start(&[Answer::Status(503); 20]).await;
    let bench = Bench::new().await;
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    bench.settle().await;

    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, delivery.attempts, receiver.calls().len()), (Dead, 9, 9));
    let waits = attempts.windows(2).map(|pair| pair[1].attempted_at.duration_since(pair[0].attempted_at).as_secs());
    // The delays of Standard Webhooks, each up to a tenth and a second of rounding longer.
    let delays = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000];
    for (wait, delay) in waits.zip(delays) {
        assert!((delay..=delay + delay / 10 + 1).contains(&wait), "waited {wait} s where {delay} s are due");
    }
    let dead_letters = bench.dead_letters().await;
    let [dead_letter] = dead_letters.as_slice() else { panic!("expected one dead letter: {dead_letters:?}") };
    // It asks for the attempt that is made if somebody moves it back.
    assert_eq!((dead_letter.delivery_id, dead_letter.attempt), (delivery.id, 10));
    assert_eq!((bench.metric("WebhooksFailed"), bench.metric("WebhooksDead")), (9, 1));
}

#[rstest]
#[case::redirect(Answer::Redirect, Some(307), "answered 307; redirects are not followed")]
#[case::silence(Answer::Silence, None, "no answer in time")]
#[case::not_there(Answer::Status(404), Some(404), "answered 404")]
#[tokio::test]
async fn anything_but_2xx_in_time_is_a_failure(
    #[case] answer: Answer,
    #[case] status: Option<u16>,
    #[case] error: &str,
) {
    let receiver = Receiver::start(&[answer]).await;
    let patience = if matches!(answer, Answer::Silence) { Duration::from_millis(50) } else { Duration::from_secs(5) };
    let bench = Bench::with(true, patience).await;
    bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    bench.drain().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, told(&attempts)), (Pending, vec![(1, status, Some(error))]));
    assert_eq!(receiver.calls().len(), 1);
}

#[rstest]
#[case::address("https://127.0.0.1", "private addresses are not called")]
#[case::name("https://localhost", "private addresses are not called")]
#[case::metadata("https://169.254.169.254", "private addresses are not called")]
#[case::no_tls("http://localhost", "only https is called")]
#[tokio::test]
async fn the_network_that_this_runs_in_is_not_called(#[case] host: &str, #[case] error: &str) {
    let receiver = Receiver::start(&[]).await;
    let bench = Bench::with(false, Duration::from_secs(5)).await;
    bench.endpoint(&format!("{host}:{}/hooks", receiver.port), &[]).await;
    bench.send(&bench.event()).await;
    bench.drain().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, told(&attempts)), (Pending, vec![(1, None, Some(error))]));
    assert_eq!(receiver.calls().len(), 0);
}

#[tokio::test]
async fn each_endpoint_gets_what_it_asked_for_whatever_becomes_of_the_others() {
    let (healthy, ill, other) =
        (Receiver::start(&[]).await, Receiver::start(&[Answer::Status(500); 20]).await, Receiver::start(&[]).await);
    let bench = Bench::new().await;
    bench.endpoint(&ill.url(), &[]).await;
    bench.endpoint(&healthy.url(), &["invoice.created.v1", "invoice.ready.v1"]).await;
    bench.endpoint(&other.url(), &["invoice.created.v1"]).await;
    bench.send(&bench.event()).await;
    bench.settle().await;
    assert_eq!((healthy.calls().len(), ill.calls().len(), other.calls().len()), (1, 9, 0));
    let mut stands: Vec<_> = bench.deliveries().await.iter().map(|delivery| format!("{:?}", delivery.status)).collect();
    stands.sort();
    assert_eq!(stands, ["Dead", "Delivered"]);
}

#[tokio::test]
async fn a_deleted_endpoint_is_not_called_again() {
    let receiver = Receiver::start(&[Answer::Status(500)]).await;
    let bench = Bench::new().await;
    let endpoint = bench.endpoint_at(&receiver).await;
    bench.send(&bench.event()).await;
    bench.drain().await;
    bench.world.store(bench.tenant_id).delete_endpoint(endpoint.id).await.unwrap();
    bench.settle().await;
    let (delivery, attempts) = bench.delivery().await;
    assert_eq!((delivery.status, receiver.calls().len()), (Dead, 1));
    let expect = [(1, Some(500), Some("answered 500")), (2, None, Some("the endpoint was deleted"))];
    assert_eq!(told(&attempts), expect);
    assert_eq!(bench.dead_letters().await, []);
    assert_eq!(bench.metric("WebhooksDead"), 0);
}
