//! `Idempotency-Key`: a repeat gets the first answer, and what was made once is not made again.

use crate::{
    harness::{Api, PLATFORM_KEY},
    routes::{self, furnished},
};
use meterline::aws::Fault;
use serde_json::{Value, json};

/// Members that only the first answer shows.
const SECRETS: [&str; 2] = ["key", "secret"];

#[tokio::test]
async fn every_post_answers_a_repeat_as_the_first() {
    let (api, rows) = furnished().await;
    let mut checked = 0;
    for row in rows.iter().filter(|row| row.method == "POST" && row.status < 300) {
        let (request, key) = row.good(&api);
        let headers = [("idempotency-key", row.route)];
        let mut first = request.send_with(&api, key.as_deref(), &headers).await.good();
        assert_eq!(first.header("idempotent-replayed"), None, "{}", row.route);
        let again = request.send_with(&api, key.as_deref(), &headers).await.good();
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", row.route);
        for secret in SECRETS {
            if first.body[secret].is_string() {
                first.body[secret] = Value::Null;
            }
        }
        assert_eq!((again.status, again.body), (first.status, first.body), "{}", row.route);
        checked += 1;
    }
    assert_eq!(checked, 30, "every POST was checked");
    assert_eq!(api.published().await.len(), 1, "the events went out once");
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let api = Api::open().await;
    let meter = |slug: &str| json!({"slug": slug, "name": "M", "eventType": "m", "aggregation": "count"});
    api.post_once("/v1/meters", PLATFORM_KEY, "k-1", &meter("a")).await.good();
    let other = api.post_once("/v1/meters", PLATFORM_KEY, "k-1", &meter("b")).await;
    assert_eq!(other.outcome(), (422, "idempotency_key_reused"));
    let elsewhere = api.post_once("/v1/tenants", PLATFORM_KEY, "k-1", &meter("a")).await;
    assert_eq!(elsewhere.outcome(), (422, "idempotency_key_reused"));
    api.post_once("/v1/meters", PLATFORM_KEY, "k-2", &meter("b")).await.good();
}

#[tokio::test]
async fn two_callers_may_use_the_same_key() {
    let api = Api::open().await;
    let make = async |key: &str| {
        let made = api.post_once("/v1/api-keys", key, "same", &json!({"name": "same"})).await.good();
        (made.header("idempotent-replayed").map(str::to_owned), made.text("id"))
    };
    let (acme, globex) = (make(&api.acme.key).await, make(&api.globex.key).await);
    assert_eq!((&acme.0, &globex.0), (&None, &None));
    assert_ne!(acme.1, globex.1);
}

#[tokio::test]
async fn a_refusal_holds_no_key() {
    let api = Api::open().await;
    let bad = json!({"slug": "M!", "name": "M", "eventType": "m", "aggregation": "count"});
    let good = json!({"slug": "m", "name": "M", "eventType": "m", "aggregation": "count"});
    for _ in 0..2 {
        assert_eq!(api.post_once("/v1/meters", PLATFORM_KEY, "k", &bad).await.outcome(), (422, "invalid_request"));
    }
    assert_eq!(api.post_once("/v1/meters", PLATFORM_KEY, "k", &good).await.status, 201);
}

#[tokio::test]
async fn a_key_is_visible_ascii() {
    let api = Api::open().await;
    let long = "k".repeat(256);
    for key in ["", "two words", &long] {
        let answer = api.post_once("/v1/meters", PLATFORM_KEY, key, &json!({})).await;
        assert_eq!(answer.outcome(), (400, "invalid_idempotency_key"), "{key:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_still_running_is_waited_for() {
    let api = Api::open().await;
    let meter = json!({"slug": "m", "name": "M", "eventType": "m", "aggregation": "count"});
    // The first request takes its claim and dies with it, after it has made the meter.
    let makes = |call: &meterline::aws::Call| call.operation == "PutItem";
    let calls = api.platform.aws().faults().calls();
    api.platform.aws().faults().fail_when(2, Fault::CrashAfter, move |call| makes(call) && call.number > calls + 1);
    api.platform.aws().faults().fail_when(1, Fault::CrashBefore, |call| call.operation == "DeleteItem");
    assert_eq!(api.post_once("/v1/meters", PLATFORM_KEY, "k", &meter).await.outcome(), (503, "unavailable"));
    api.platform.aws().faults().clear();
    let waiting = api.post_once("/v1/meters", PLATFORM_KEY, "k", &meter).await;
    assert_eq!((waiting.outcome(), waiting.header("retry-after")), ((409, "idempotency_in_progress"), Some("1")));
    let later = api.platform.world().now() + jiff::SignedDuration::from_secs(61);
    api.platform.world().clock().turn_to(later);
    let done = api.post_once("/v1/meters", PLATFORM_KEY, "k", &meter).await.good();
    assert_eq!(done.status, 201, "it finds what it has made");
    assert_eq!(api.get("/v1/meters", PLATFORM_KEY).await.good().body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_made_before_a_crash_is_found_and_not_made_again() {
    let (api, rows) = furnished().await;
    for row in rows.iter().filter(|row| row.method == "POST" && row.status == 201) {
        let (request, key) = row.good(&api);
        let headers = [("idempotency-key", row.route)];
        // The claim is the first write; what is made is the second.
        let plan = api.platform.aws().faults();
        let first = plan.calls();
        let writes = |operation: &str| ["PutItem", "TransactWriteItems"].contains(&operation);
        let claimed = std::sync::atomic::AtomicBool::new(false);
        plan.fail_when(1, Fault::CrashAfter, move |call| {
            call.number > first && writes(call.operation) && claimed.swap(true, std::sync::atomic::Ordering::Relaxed)
        });
        let crashed = request.send_with(&api, key.as_deref(), &headers).await;
        assert_eq!(crashed.outcome(), (503, "unavailable"), "{}", row.route);
        let done = request.send_with(&api, key.as_deref(), &headers).await.good();
        assert_eq!(done.status, 201, "{}", row.route);
        for secret in SECRETS {
            assert!(!done.body[secret].is_string(), "nobody can show the secret of {} again", row.route);
        }
    }
    for (list, count) in [("/v1/tenants", 3), ("/v1/meters", 3), ("/v1/plans", 3)] {
        let made = api.get(list, PLATFORM_KEY).await.good().body;
        assert_eq!(made["data"].as_array().unwrap().len(), count, "{list}");
    }
    for (list, count) in [("/v1/api-keys", 3), ("/v1/webhooks/endpoints", 2), ("/v1/subscriptions", 2)] {
        let made = api.get(list, &api.acme.key).await.good().body;
        assert_eq!(made["data"].as_array().unwrap().len(), count, "{list}");
    }
    assert_eq!(api.get("/v1/plans/basic", PLATFORM_KEY).await.good().body["version"], 3, "after one override");
}

#[tokio::test]
async fn a_version_is_published_twice_only_without_a_key() {
    let api = Api::open().await.with_meters().await;
    let mut plan = routes::plan("basic");
    api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    plan.as_object_mut().unwrap().remove("slug");
    plan["baseFeeMinor"] = json!(100);
    let path = "/v1/plans/basic/versions";
    for expect in [2, 3] {
        assert_eq!(api.post(path, PLATFORM_KEY, &plan).await.good().body["version"], expect);
    }
}
