//! Usage in a pause that refuses it: what is rejected, and from when until when.

use crate::harness::{Api, Extra, NOW, PLATFORM_KEY};
use axum::{Router, http::Method};
use domain::Timestamp;
use serde_json::{Value, json};

/// acme is in Berlin, where it is 1 June, 02:30.
async fn open() -> Api {
    let api = Api::open().await.with_meters().await;
    let plan = json!({"slug": "team", "name": "Team", "currency": "EUR", "baseFeeMinor": 1000, "prices": []});
    api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    api
}

async fn subscribe(api: &Api, starts_on: &str) -> String {
    let new = json!({"plan": "team", "startsOn": starts_on});
    api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &new).await.good().text("id")
}

async fn change(api: &Api, subscription: &str, change: Value) {
    let path = format!("/v1/subscriptions/{subscription}/changes?tenant=acme");
    api.post(&path, PLATFORM_KEY, &change).await.good();
}

async fn pause(api: &Api, subscription: &str, usage: &str) {
    change(api, subscription, json!({"type": "pause", "usage": usage})).await;
}

/// What becomes of an event of acme's of this time: its status, or the code of its refusal.
async fn taken(api: &Api, time: &str) -> String {
    taken_by(api, api.process(), time).await
}

async fn taken_by(api: &Api, process: &Router, time: &str) -> String {
    let event = json!({"id": format!("at {time}"), "type": "call", "time": time, "data": {"bytes": 1}});
    let body = json!({"events": [event]}).to_string();
    let extra = Extra { headers: &[("content-type", "application/json")], body: Some(&body) };
    let sent = Api::call_process(process, Method::POST, "/v1/usage/events", Some(&api.acme.key), extra).await.good();
    let result = &sent.body["results"][0];
    let text = result["code"].as_str().or(result["status"].as_str());
    assert_eq!(result["pointer"].as_str(), result["code"].as_str().map(|_| "/time"));
    text.unwrap().to_owned()
}

fn turn_to(api: &Api, instant: &str) {
    api.platform.world().clock().turn_to(instant.parse().unwrap());
}

#[tokio::test]
async fn usage_of_the_days_of_a_pause_is_refused() {
    let api = open().await;
    let subscription = subscribe(&api, "2026-05-01").await;
    assert_eq!(taken(&api, NOW).await, "accepted");
    pause(&api, &subscription, "refused").await;
    // The day of the pause began at 22:00 UTC.
    let days = [
        ("2026-05-31T21:59:59Z", "accepted"),
        ("2026-05-31T22:00:00Z", "subscription_paused"),
        (NOW, "subscription_paused"),
    ];
    for (time, expect) in days {
        assert_eq!(taken(&api, time).await, expect, "{time}");
    }
    turn_to(&api, "2026-06-03T10:00:00Z");
    assert_eq!(taken(&api, "2026-06-03T10:00:00Z").await, "subscription_paused");
    change(&api, &subscription, json!({"type": "resume"})).await;
    let days = [
        ("2026-06-02T21:59:59Z", "subscription_paused"),
        ("2026-06-02T22:00:00Z", "accepted"),
        ("2026-06-03T09:59:00Z", "accepted"),
    ];
    for (time, expect) in days {
        assert_eq!(taken(&api, time).await, expect, "{time}");
    }
}

#[tokio::test]
async fn a_pause_takes_usage_unless_it_says_otherwise() {
    let api = open().await;
    let subscription = subscribe(&api, "2026-05-01").await;
    change(&api, &subscription, json!({"type": "pause"})).await;
    assert_eq!(taken(&api, NOW).await, "accepted");
}

#[tokio::test]
async fn usage_is_taken_as_long_as_one_subscription_takes_it() {
    let api = open().await;
    let (first, second) = (subscribe(&api, "2026-05-01").await, subscribe(&api, "2026-05-15").await);
    subscribe(&api, "2026-07-01").await;
    pause(&api, &first, "refused").await;
    assert_eq!(taken(&api, "2026-06-01T00:20:00Z").await, "accepted");
    pause(&api, &second, "refused").await;
    assert_eq!(taken(&api, "2026-06-01T00:21:00Z").await, "subscription_paused");
    // The third one, which is upcoming, begins.
    turn_to(&api, "2026-07-01T10:00:00Z");
    assert_eq!(taken(&api, "2026-06-30T21:59:59Z").await, "subscription_paused");
    assert_eq!(taken(&api, "2026-06-30T22:00:00Z").await, "accepted");
    // Others are not concerned.
    let event = json!({"id": "1", "type": "call", "time": "2026-06-15T00:00:00Z", "data": {"bytes": 1}});
    let sent = api.post("/v1/usage/events", &api.globex.key, &json!({"events": [event]})).await.good();
    assert_eq!(sent.body["accepted"], 1);
}

#[tokio::test]
async fn another_process_hears_of_a_pause_within_ten_seconds() {
    let api = open().await;
    let subscription = subscribe(&api, "2026-05-01").await;
    let other = api.other_process();
    assert_eq!(taken_by(&api, &other, "2026-06-01T00:20:00Z").await, "accepted");
    pause(&api, &subscription, "refused").await;
    turn_to(&api, "2026-06-01T00:30:09Z");
    assert_eq!(taken_by(&api, &other, "2026-06-01T00:20:01Z").await, "accepted");
    turn_to(&api, "2026-06-01T00:30:10Z");
    assert_eq!(taken_by(&api, &other, "2026-06-01T00:20:02Z").await, "subscription_paused");
}

#[tokio::test]
async fn two_changes_at_once_are_both_counted() {
    let api = open().await;
    let (first, second) = (subscribe(&api, "2026-05-01").await, subscribe(&api, "2026-05-15").await);
    tokio::join!(pause(&api, &first, "refused"), pause(&api, &second, "refused"));
    assert_eq!(taken(&api, NOW).await, "subscription_paused");
    // A change of the profile keeps it, and what comes after finds it.
    api.patch("/v1/tenants/acme", &json!({"name": "Acme 2"})).await.good();
    tokio::join!(subscribe(&api, "2026-06-01"), change(&api, &first, json!({"type": "resume"})));
    let now: Timestamp = NOW.parse().unwrap();
    assert_eq!(taken(&api, &(now + jiff::SignedDuration::from_secs(1)).to_string()).await, "accepted");
}
