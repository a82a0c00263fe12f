//! How far the billing runs are: what is due, what of it is counted, and since when.

use crate::harness::{Api, PLATFORM_KEY};
use cloud::Metrics;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Acme's April and its May are due; globex's June is to come.
async fn open() -> Api {
    let api = Api::open().await;
    let plan = json!({"slug": "team", "name": "Team", "currency": "EUR", "baseFeeMinor": 1000, "prices": []});
    api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    for (tenant, starts_on) in [("acme", "2026-04-01"), ("acme", "2026-05-01"), ("globex", "2026-06-01")] {
        let new = json!({"plan": "team", "startsOn": starts_on});
        api.post(&format!("/v1/subscriptions?tenant={tenant}"), PLATFORM_KEY, &new).await.good();
    }
    api
}

async fn progress(api: &Api) -> Value {
    api.get("/v1/admin/billing", PLATFORM_KEY).await.good().body
}

fn runs(count: u64, oldest: Option<&str>) -> Value {
    json!({"subscriptions": count, "atLeast": false, "oldestDueAt": oldest})
}

#[tokio::test]
async fn what_is_due_is_counted_and_what_of_it_waits_for_usage() {
    let api = open().await;
    // In Berlin April ended at 22:00 UTC.
    let oldest = Some("2026-04-30T22:00:00Z");
    let before = progress(&api).await;
    assert_eq!(before["asOf"], "2026-06-01T00:30:00Z");
    assert_eq!(before["due"], runs(2, oldest));
    let world = api.platform.world();
    world.raise_watermark().await.unwrap();
    world.clock().turn_to(world.now() + SignedDuration::from_mins(3));
    world.raise_watermark().await.unwrap();
    let counted = progress(&api).await;
    assert_eq!(counted["billable"], runs(2, oldest), "{counted:#}");
    // Usage stands still while a dead letter lies there; in July June is due as well.
    let letters = &world.settings().usage_dead_letter_queue_url;
    let queues = aws_sdk_sqs::Client::new(&api.platform.aws().sdk_config());
    queues.send_message().queue_url(letters).message_body("{}").send().await.unwrap();
    world.clock().turn_to("2026-07-02T12:00:00Z".parse().unwrap());
    let held_up = progress(&api).await;
    let through = held_up["completeThrough"].as_str().unwrap();
    assert!(through < "2026-06-01T01:00:00Z", "{through}");
    assert_eq!((&held_up["due"], &held_up["billable"]), (&runs(3, oldest), &runs(2, oldest)));
}

#[tokio::test]
async fn nothing_is_due_where_nobody_subscribes() {
    let api = Api::open().await;
    assert_eq!(progress(&api).await["due"], runs(0, None));
}

#[tokio::test]
async fn the_tick_says_how_long_the_oldest_has_been_due() {
    let api = open().await;
    let world = api.platform.world();
    world.clock().turn_to("2026-06-01T02:30:00Z".parse().unwrap());
    api.platform.tick().await.unwrap();
    let Metrics::Memory(lines) = world.metrics() else { panic!("metrics go to memory") };
    let lines = lines.lock().unwrap().clone();
    let metric = |line: &String| serde_json::from_str::<Value>(line).unwrap()["OldestDueSeconds"].as_u64();
    // The subscriptions are two hours old, whenever their periods ended.
    assert_eq!(lines.iter().filter_map(metric).collect::<Vec<_>>(), [7_200]);
}
