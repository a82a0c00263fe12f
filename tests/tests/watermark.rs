//! Billing waits for usage: no period is billed before everything that was accepted until it closed is counted, whatever
//! holds a message up; and under endless load the watermark rises all the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::{
    Timestamp,
    usage::watermark::{LAP, Parity},
};
use jiff::SignedDuration;
use meterline::{
    aws::{Fault, Service},
    stack::EventSource,
};
use serde_json::json;
use tests::local::Local;

/// Messages of one `ReceiveMessage`.
const MESSAGES_MAX: i32 = 10;

/// A platform at that time of 1 June with the tenant `acme`, whose May closes at 01:00 and is charged ten cents a call.
async fn open(time: &str) -> Local {
    let local = Local::open("2026-05-20T12:00:00Z".parse().unwrap()).await;
    local.create_catalog().await;
    local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    let calls =
        json!({"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": "0.10"}});
    local.create("/v1/plans", json!({"slug": "calls", "name": "Calls", "currency": "EUR", "prices": [calls]})).await;
    local.create("/v1/subscriptions?tenant=acme", json!({"plan": "calls", "startsOn": "2026-05-01"})).await;
    local.turn_to(at(time));
    local
}

fn at(time: &str) -> Timestamp {
    format!("2026-06-01T{time}:00Z").parse().unwrap()
}

/// A call on the last of May, accepted now.
async fn call(local: &Local, id: &str) {
    let event = json!({"id": id, "type": "call", "time": "2026-05-31T23:59:59Z", "data": {"bytes": 1, "user": "a"}});
    let (status, answer) = local.send("POST", "/v1/usage/events?tenant=acme", Some(&json!({"events": [event]}))).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer:#}");
}

/// Invokes the functions that `wanted` names with what lies in their queues, until nothing does.
async fn deliver(local: &Local, wanted: impl Fn(&EventSource) -> bool) {
    let sources = &local.platform.stack().event_sources;
    let mut delivered = 1;
    while delivered > 0 {
        delivered = 0;
        for source in sources.iter().filter(|source| wanted(source)) {
            delivered += local.platform.deliver(source, 0).await.unwrap();
        }
    }
}

/// A tick a quarter of an hour later, and what it asks for.
async fn tick(local: &Local) {
    local.tick_later().await;
    deliver(local, |source| source.function != "usage").await;
}

async fn totals(local: &Local) -> Vec<i64> {
    let invoices = local.get("/v1/invoices?tenant=acme").await;
    invoices["data"].as_array().unwrap().iter().map(|invoice| invoice["totalMinor"].as_i64().unwrap()).collect()
}

async fn complete_through(local: &Local) -> Option<Timestamp> {
    let usage = local.get("/v1/usage?tenant=acme&meter=calls").await;
    let through = usage["completeThrough"].as_str().map(|through| through.parse().unwrap());
    assert_eq!(through, local.platform.world().complete_through().await.unwrap(), "a new process knows the tick's");
    through
}

#[tokio::test]
async fn a_period_is_billed_when_all_is_counted() {
    let local = open("00:50").await;
    call(&local, "1").await;
    deliver(&local, |_| true).await;
    // The tick at 01:03 sees empty queues, the one at 01:18 confirms it.
    local.turn_to(at("00:48"));
    tick(&local).await;
    assert_eq!((totals(&local).await, complete_through(&local).await), (vec![], None));
    tick(&local).await;
    assert_eq!((totals(&local).await, complete_through(&local).await), (vec![10], Some(at("01:00"))));
}

#[tokio::test]
async fn a_message_that_is_stuck_in_its_queue_delays_the_invoice() {
    let local = open("00:50").await;
    call(&local, "1").await;
    deliver(&local, |_| true).await;
    local.turn_to(at("00:58"));
    call(&local, "2").await;
    // The function that counts is down for an hour.
    local.turn_to(at("00:48"));
    for _ in 0..4 {
        tick(&local).await;
        assert_eq!(totals(&local).await, [] as [i64; 0]);
        assert!(complete_through(&local).await.is_none_or(|through| through <= at("00:58")));
    }
    deliver(&local, |_| true).await;
    tick(&local).await;
    assert_eq!(totals(&local).await, [] as [i64; 0], "the queue was seen empty once");
    tick(&local).await;
    assert_eq!(totals(&local).await, [20]);
    assert!(complete_through(&local).await >= Some(at("01:00")));
}

#[tokio::test]
async fn a_dead_letter_holds_the_invoice_until_it_is_counted() {
    let local = open("00:50").await;
    call(&local, "1").await;
    // Nothing can be counted: after five tries the message is a dead letter.
    let faults = local.platform.aws().faults();
    faults.fail_when(u32::MAX, Fault::CrashBefore, |call| {
        call.service == Service::DynamoDb && call.operation != "GetItem" && call.operation != "Query"
    });
    local.platform.settle(at("02:00")).await.unwrap();
    faults.clear();
    let world = local.platform.world();
    let queues = aws_sdk_sqs::Client::new(&local.platform.aws().sdk_config());
    let dead_letters = &world.settings().usage_dead_letter_queue_url;
    let depth =
        |queue: &str| local.platform.aws().queue_depths().into_iter().find(|depth| queue.ends_with(&depth.queue));
    assert_eq!(depth(dead_letters).map(|depth| depth.visible), Some(1));
    for _ in 0..4 {
        tick(&local).await;
        assert_eq!((totals(&local).await, complete_through(&local).await), (vec![], None));
    }
    // A person mends the cause and moves the letter back.
    let received = queues.receive_message().queue_url(dead_letters).max_number_of_messages(MESSAGES_MAX).send().await;
    for letter in received.unwrap().messages() {
        let body = letter.body().unwrap();
        queues
            .send_message()
            .queue_url(&world.settings().usage_even_queue_url)
            .message_body(body)
            .send()
            .await
            .unwrap();
        let delete = queues.delete_message().queue_url(dead_letters);
        delete.receipt_handle(letter.receipt_handle().unwrap()).send().await.unwrap();
    }
    deliver(&local, |_| true).await;
    tick(&local).await;
    tick(&local).await;
    assert_eq!(totals(&local).await, [10]);
}

#[tokio::test]
async fn a_request_that_comes_too_early_is_dropped_and_leaves_no_trace() {
    let local = open("01:03").await;
    local.raise_watermark().await;
    local.platform.tick().await.unwrap();
    // While the request is under way, the item is gone: as if a restored table knew nothing.
    let world = local.platform.world();
    let dynamo = aws_sdk_dynamodb::Client::new(&local.platform.aws().sdk_config());
    let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let delete = dynamo.delete_item().table_name(&world.settings().usage_table);
    delete.key("pk", key("WATERMARK")).key("sk", key("USAGE")).send().await.unwrap();
    deliver(&local, |_| true).await;
    assert_eq!(totals(&local).await, [] as [i64; 0]);
    let depths = local.platform.aws().queue_depths();
    assert!(depths.iter().all(|depth| depth.visible + depth.in_flight == 0), "no dead letter: {depths:?}");
    tick(&local).await;
    tick(&local).await;
    assert_eq!(totals(&local).await, [0], "the next request is not taken for a repeat");
}

/// Five hours in which a message comes every minute, and the queue to which it goes is worked off only in the next lap:
/// never are both queues empty, and most of the time neither is.
#[tokio::test]
async fn under_endless_load_the_watermark_rises() {
    let local = open("00:30").await;
    let (mut rises, mut last) = (0, None);
    for minute in 0..300 {
        local.turn_to(at("00:30") + SignedDuration::from_mins(minute));
        let now = local.platform.world().now();
        call(&local, &minute.to_string()).await;
        let current = Parity::of(now).as_str();
        let is_last_lap = |source: &EventSource| !source.queue_url.to_lowercase().contains(&format!("usage{current}"));
        // The last lap is worked off two minutes after its end.
        if now.as_second() % LAP.as_secs() >= 120 {
            deliver(&local, is_last_lap).await;
        }
        if (minute + 30) % 15 == 3 {
            local.platform.tick().await.unwrap();
            let through = complete_through(&local).await;
            let uncounted = Timestamp::from_second(now.as_second().div_euclid(LAP.as_secs()) * LAP.as_secs()).unwrap();
            assert!(through.is_none_or(|through| through <= uncounted), "{through:?} at {now}");
            rises += u32::from(through > last);
            last = through;
        }
    }
    // 20 ticks; the first three have nothing to confirm, and each later one raises it by 15 minutes.
    assert_eq!((rises, last), (17, Some(at("04:35"))));
    assert_eq!(totals(&local).await.len(), 1, "May was billed meanwhile");
}
