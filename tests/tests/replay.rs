//! Replay: every AWS call of the whole line fails in turn, before its effect and after it with the answer lost; every
//! message is delivered twice; and the totals, invoices, what they used of a coupon and a credit, and the receipts are the
//! same in the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::SignedDuration;
use meterline::{
    aws::{Call, Fault, Service},
    demo::Receiver,
};
use serde_json::{Value, json};
use std::num::NonZeroU64;
use tests::local::Local;

/// Tries of a client, and of the schedule.
const TRIES_MAX: usize = 6;
/// Longer than every retry and redelivery takes.
const HORIZON: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What everybody must agree on afterwards.
#[derive(Debug, PartialEq)]
struct Outcome {
    usage: Vec<String>,
    invoices: Vec<(String, i64, bool)>,
    /// What is left of the credit, how often it was used, and in how many periods the coupon was.
    adjusted: (i64, usize, i64),
    deliveries: Vec<(String, String, usize)>,
    dead_letters: usize,
    announced: bool,
}

/// The line, set up and waiting for its first event.
struct Line {
    local: Local,
    receiver: Receiver,
}

impl Line {
    async fn set_up() -> Self {
        let local = Local::open("2026-05-20T12:00:00Z".parse().unwrap()).await;
        local.create_catalog().await;
        local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
        local.create("/v1/subscriptions?tenant=acme", json!({"plan": "pro", "startsOn": "2026-05-01"})).await;
        Self::promise(&local).await;
        let receiver = Receiver::start().await.unwrap();
        let url = receiver.url("acme");
        let endpoint = local.create("/v1/webhooks/endpoints?tenant=acme", json!({"url": url})).await;
        receiver.share_secret("acme", endpoint["secret"].as_str().unwrap());
        Self { local, receiver }
    }

    /// A coupon of 10 %, a tax of 20 %, and 15.00 of credit of which acme wants 5.00 to be left.
    async fn promise(local: &Local) {
        local
            .create("/v1/coupons", json!({"code": "ten", "name": "Ten", "percentOff": "10", "duration": "forever"}))
            .await;
        local.create("/v1/tenants/acme/coupons", json!({"coupon": "ten"})).await;
        local.create("/v1/tax-rates", json!({"name": "VAT", "percent": "20", "inclusive": false})).await;
        let grant =
            json!({"tenant": "acme", "name": "Prepaid", "kind": "paid", "amountMinor": 1_500, "currency": "EUR"});
        local.create("/v1/credits/grants", grant).await;
        let threshold = json!({"lowBalanceThresholdMinor": 500});
        assert_eq!(local.send("PATCH", "/v1/tenants/acme", Some(&threshold)).await.0, 200);
    }

    /// From the events to the settled webhooks, trying again what a client or the schedule would.
    async fn run(&self) {
        self.send_events().await;
        self.calm().await;
        // The first tick after the close sees that the queues are empty.
        self.local.turn_to("2026-06-01T01:03:00Z".parse().unwrap());
        self.tick().await;
        self.calm().await;
        // The second finds it confirmed, and asks for the invoice.
        self.next_tick().await;
        // The schedule goes on: whatever that tick did not get done, the next one does.
        self.next_tick().await;
    }

    async fn next_tick(&self) {
        let next_tick = self.local.platform.world().now() + SignedDuration::from_mins(15);
        self.local.turn_to(next_tick);
        self.tick().await;
        self.calm().await;
    }

    async fn send_events(&self) {
        let call = |id: u32, bytes: u32, user: &str| {
            let time = format!("2026-05-{:02}T10:00:00Z", 1 + id);
            json!({"id": id.to_string(), "type": "call", "time": time, "data": {"bytes": bytes, "user": user}})
        };
        let events = json!({"events": [call(1, 10, "a"), call(2, 30, "b"), call(3, 20, "a")]});
        for _ in 0..TRIES_MAX {
            let (status, answer) = self.local.send("POST", "/v1/usage/events?tenant=acme", Some(&events)).await;
            if status == 202 {
                assert_eq!(answer["accepted"], 3, "{answer:#}");
                return;
            }
            assert!(status >= 500, "{status} {answer:#}");
        }
        panic!("the events were never taken");
    }

    async fn tick(&self) {
        for _ in 0..TRIES_MAX {
            if self.local.platform.tick().await.is_ok() {
                return;
            }
        }
        panic!("the tick never succeeded");
    }

    /// Until every redelivery and retry has happened, also where the queue itself could not be read.
    async fn calm(&self) {
        let until = self.local.platform.world().now() + HORIZON;
        for _ in 0..TRIES_MAX {
            if self.local.platform.settle(until).await.is_ok() {
                return;
            }
        }
        panic!("the queues did not come to rest: {:?}", self.local.platform.aws().queue_depths());
    }

    async fn outcome(&self) -> Outcome {
        let range = "from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z&tenant=acme";
        let mut usage = Vec::new();
        for meter in ["calls", "bytes", "peak", "users"] {
            let answer = self.local.get(&format!("/v1/usage?meter={meter}&{range}")).await;
            usage.push(answer["total"].as_str().unwrap().to_owned());
        }
        let invoices = self.local.get("/v1/invoices?tenant=acme").await;
        let invoice = |invoice: &Value| {
            let number = invoice["number"].as_str().unwrap().to_owned();
            (number, invoice["totalMinor"].as_i64().unwrap(), invoice["pdf"].is_object())
        };
        let invoices = invoices["data"].as_array().unwrap().iter().map(invoice).collect();
        let ready = |call: &meterline::demo::Call| call.event["type"] == "invoice.ready.v1";
        Outcome {
            usage,
            invoices,
            adjusted: self.adjusted().await,
            deliveries: self.deliveries().await,
            dead_letters: self.dead_letters(),
            announced: self.receiver.calls("acme").iter().any(ready) && self.receiver.refused() == 0,
        }
    }

    async fn adjusted(&self) -> (i64, usize, i64) {
        let grants = self.local.get("/v1/credits/grants?tenant=acme").await;
        let id = grants["data"][0]["id"].as_str().unwrap();
        let grant = self.local.get(&format!("/v1/credits/grants/{id}?tenant=acme")).await;
        let coupons = self.local.get("/v1/tenants/acme/coupons").await;
        let uses = grant["history"].as_array().unwrap().len();
        (grant["balanceMinor"].as_i64().unwrap(), uses, coupons["data"][0]["usedCycles"].as_i64().unwrap())
    }

    /// Type, status and number of receipts of every delivery.
    async fn deliveries(&self) -> Vec<(String, String, usize)> {
        let list = self.local.get("/v1/webhooks/deliveries?tenant=acme").await;
        let mut deliveries = Vec::new();
        for delivery in list["data"].as_array().unwrap() {
            let id = delivery["id"].as_str().unwrap();
            let whole = self.local.get(&format!("/v1/webhooks/deliveries/{id}?tenant=acme")).await;
            let text = |name: &str| whole[name].as_str().unwrap().to_owned();
            deliveries.push((text("eventType"), text("status"), whole["receipts"].as_array().unwrap().len()));
        }
        deliveries.sort();
        deliveries
    }

    fn dead_letters(&self) -> usize {
        let depths = self.local.platform.aws().queue_depths();
        depths.iter().filter(|depth| depth.queue.contains("ead")).map(|depth| depth.visible + depth.in_flight).sum()
    }
}

/// Three calls, 60 bytes, a peak of 30 and two users at ten cents each are 9.50; less 10 % that is 8.55, and with a tax of
/// 1.71 it is 10.26, which the credit pays.
fn expected() -> Outcome {
    let delivered = |event_type: &str| (event_type.to_owned(), "delivered".to_owned(), 1);
    Outcome {
        usage: ["3", "60", "30", "2"].map(str::to_owned).to_vec(),
        invoices: vec![("ACME-0001".to_owned(), 1_026, true)],
        adjusted: (474, 1, 1),
        deliveries: vec![
            delivered("billing.period.closed.v1"),
            delivered("credit.balance_low.v1"),
            delivered("invoice.created.v1"),
            delivered("invoice.finalized.v1"),
            delivered("invoice.paid.v1"),
            delivered("invoice.ready.v1"),
        ],
        dead_letters: 0,
        announced: true,
    }
}

/// Runs the whole line once for each of its calls that `fault` fits, with that call hit.
async fn fail_each_call(fault: Fault) {
    let line = Line::set_up().await;
    let before = line.local.platform.aws().faults().calls();
    line.run().await;
    let calls = line.local.platform.aws().faults().recorded_since(before);
    assert_eq!(line.outcome().await, expected());
    let hit: Vec<&Call> =
        calls.iter().filter(|call| fault.fits(call.service, call.operation) && !is_poll(call)).collect();
    assert!(hit.len() > 20, "{fault:?} fits {} of {} calls", hit.len(), calls.len());
    let mut fired = 0;
    for call in &hit {
        let line = Line::set_up().await;
        let nth = NonZeroU64::new(call.number - before).unwrap();
        line.local.platform.aws().faults().fail_nth(nth, fault);
        line.run().await;
        // A fault that the line did not come to must not hit the questions about its outcome.
        line.local.platform.aws().faults().clear();
        let faults = line.local.platform.aws().faults().fired();
        fired += faults.len();
        assert_eq!(line.outcome().await, expected(), "{faults:?}");
    }
    // Messages come in larger or smaller batches from run to run, so that the last calls are not always made.
    assert!(fired * 10 >= hit.len() * 9, "only {fired} of {} faults fired", hit.len());
}

/// Most receives find nothing; one that fails is made again, which `every_message_comes_twice` covers.
fn is_poll(call: &Call) -> bool {
    call.service == Service::Sqs && call.operation == "ReceiveMessage"
}

#[tokio::test]
async fn each_call_fails_before_its_effect() {
    fail_each_call(Fault::CrashBefore).await;
}

#[tokio::test]
async fn each_answer_is_lost_after_the_effect() {
    fail_each_call(Fault::CrashAfter).await;
}

#[tokio::test]
async fn each_write_meets_another_transaction() {
    fail_each_call(Fault::TransactionConflict).await;
}

#[tokio::test]
async fn every_message_comes_twice() {
    let line = Line::set_up().await;
    // What was received stays visible, so that each message is delivered again before it is deleted.
    line.local.platform.aws().faults().fail_when(u32::MAX, Fault::DuplicateDelivery, {
        let seen = std::sync::atomic::AtomicU64::new(0);
        move |call| {
            let receive = call.service == Service::Sqs && call.operation == "ReceiveMessage";
            receive && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(2)
        }
    });
    line.run().await;
    assert_eq!(line.outcome().await, expected());
}

#[tokio::test]
async fn nothing_happens_again_when_everything_is_sent_again() {
    let line = Line::set_up().await;
    line.run().await;
    let calls = line.receiver.calls("acme").len();
    line.send_events().await;
    line.tick().await;
    line.calm().await;
    assert_eq!(line.outcome().await, expected());
    assert_eq!(line.receiver.calls("acme").len(), calls);
}

#[tokio::test]
async fn a_poison_message_ends_in_the_dead_letters_and_that_of_usage_holds_up_billing() {
    let line = Line::set_up().await;
    let queues = aws_sdk_sqs::Client::new(&line.local.platform.aws().sdk_config());
    let bodies = ["not an envelope", "{}", r#"{"type":"usage.recorded.v1"}"#];
    for source in &line.local.platform.stack().event_sources {
        for body in bodies {
            queues.send_message().queue_url(&source.queue_url).message_body(body).send().await.unwrap();
        }
    }
    line.run().await;
    let poison = bodies.len() * line.local.platform.stack().event_sources.len();
    // It may be usage that was accepted, so no period is billed without it.
    let waiting = Outcome {
        dead_letters: poison,
        invoices: Vec::new(),
        adjusted: (1_500, 0, 0),
        deliveries: Vec::new(),
        announced: false,
        ..expected()
    };
    assert_eq!(line.outcome().await, waiting);
    // A person looks at it, and discards it.
    let of_usage = &line.local.platform.world().settings().usage_dead_letter_queue_url;
    queues.purge_queue().queue_url(of_usage).send().await.unwrap();
    line.next_tick().await;
    line.next_tick().await;
    let poison = poison - 2 * bodies.len();
    assert_eq!(line.outcome().await, Outcome { dead_letters: poison, ..expected() });
}

#[tokio::test]
async fn late_usage_changes_nothing_that_was_issued() {
    let line = Line::set_up().await;
    line.run().await;
    let late = json!({"events": [{
        "id": "late", "type": "call", "time": "2026-05-09T10:00:00Z", "data": {"bytes": 1, "user": "z"},
    }]});
    let (status, _) = line.local.send("POST", "/v1/usage/events?tenant=acme", Some(&late)).await;
    assert_eq!(status, 202);
    line.calm().await;
    line.tick().await;
    line.calm().await;
    let outcome = line.outcome().await;
    assert_eq!(outcome.usage, ["4", "61", "30", "3"], "it is counted where it happened");
    assert_eq!(outcome.invoices, expected().invoices, "and the issued invoice stands");
}
