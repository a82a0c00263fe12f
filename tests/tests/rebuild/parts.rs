//! Parts: a range that is rebuilt in parts comes to the same as one that is rebuilt at once.

use crate::bench::{Bench, event};
use domain::Timestamp;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Events in so many hours from the first of April on, one each, and one without a time.
async fn with_hours(hours: i64) -> Bench {
    let bench = Bench::open().await;
    let start: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    let mut events = vec![event("now", None, 1, "ann", "eu")];
    for hour in 0..hours {
        let mut event = event(&hour.to_string(), None, 1, "ann", "eu");
        event["time"] = (start + SignedDuration::from_hours(hour)).to_string().into();
        events.push(event);
    }
    bench.count(&events).await;
    bench
}

/// What the parts of a range come to together, and where each began.
async fn parts(bench: &Bench, from: &str, to: &str, repair: bool) -> (Vec<String>, [u64; 4], Value) {
    let (mut starts, mut sums) = (Vec::new(), [0; 4]);
    let mut order = json!({"tenant": "acme", "from": from, "to": to, "repair": repair});
    loop {
        starts.push(order["from"].as_str().unwrap().to_owned());
        let answer = bench.ask(&order).await;
        for (sum, name) in sums.iter_mut().zip(["checkedHours", "checkedEvents", "differences", "repaired"]) {
            *sum += answer[name].as_u64().unwrap();
        }
        if answer["next"].is_null() {
            return (starts, sums, answer["digest"].clone());
        }
        (order["from"], order["digest"]) = (answer["next"].clone(), answer["digest"].clone());
    }
}

#[tokio::test]
async fn a_part_ends_with_its_month_or_when_it_is_full() {
    let bench = with_hours(260).await;
    let (starts, sums, digest) = parts(&bench, "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z", false).await;
    // 250 hours are ten days and ten hours.
    assert_eq!(starts, ["2026-04-01T00:00:00Z", "2026-04-11T10:00:00Z", "2026-05-01T00:00:00Z"]);
    assert_eq!(sums, [261, 261, 0, 0]);
    let (_, again, same) = parts(&bench, "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z", true).await;
    assert_eq!((again, same), (sums, digest));
}

#[tokio::test]
async fn hours_one_by_one_come_to_the_same_as_all_at_once() {
    let bench = with_hours(30).await;
    let (_, whole, digest) = parts(&bench, "2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z", false).await;
    assert_eq!(whole, [31, 31, 0, 0]);
    let (mut sums, mut so_far) = ([0; 2], Value::Null);
    let mut from: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    for _ in 0..31 {
        // The event without a time is of the hour of now, far behind the others.
        if from == "2026-04-02T06:00:00Z".parse().unwrap() {
            from = "2026-05-20T12:00:00Z".parse().unwrap();
        }
        let to = from + SignedDuration::from_hours(1);
        let answer = bench.ask(&json!({"tenant": "acme", "from": from, "to": to, "digest": so_far})).await;
        assert_eq!(answer["next"], Value::Null);
        for (sum, name) in sums.iter_mut().zip(["checkedHours", "checkedEvents"]) {
            *sum += answer[name].as_u64().unwrap();
        }
        (from, so_far) = (to, answer["digest"].clone());
    }
    assert_eq!((sums, so_far), ([31, 31], digest));
}

#[tokio::test]
async fn a_repair_in_parts_repairs_everything() {
    let bench = with_hours(260).await;
    bench.create_meters("new").await;
    let range = ("2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z");
    assert_eq!(parts(&bench, range.0, range.1, true).await.1, [261, 261, 261, 261]);
    assert_eq!(parts(&bench, range.0, range.1, false).await.1, [261, 261, 0, 0]);
    let total = async |meter: &str| {
        let path = format!("/v1/usage?tenant=acme&meter={meter}&from={}&to={}", range.0, range.1);
        bench.local.get(&path).await["total"].clone()
    };
    assert_eq!((total("new-count").await, total("new-uniquecount").await), (json!("261"), json!("1")));
}

#[tokio::test]
async fn parts_begin_on_the_hours_and_months_of_the_tenant() {
    let bench = Bench::open().await;
    // Half an hour off: an hour in Kolkata begins at half past, and May at 18:30 UTC of the last of April.
    bench.local.create("/v1/tenants", json!({"slug": "delhi", "name": "Delhi", "timeZone": "Asia/Kolkata"})).await;
    let events = [
        json!({"id": "1", "type": "call", "time": "2026-04-30T18:15:00Z", "data": {"bytes": 1, "user": "a"}}),
        json!({"id": "2", "type": "call", "time": "2026-04-30T18:45:00Z", "data": {"bytes": 1, "user": "a"}}),
        json!({"id": "3", "type": "call", "data": {"bytes": 1, "user": "a"}}),
    ];
    let (status, _) = bench.local.send("POST", "/v1/usage/events?tenant=delhi", Some(&json!({"events": events}))).await;
    assert_eq!(status, 202);
    bench.local.platform.drain().await.unwrap();
    let order = json!({"tenant": "delhi", "from": "2026-04-30T17:30:00Z", "to": "2026-05-31T18:30:00Z"});
    let april = bench.ask(&order).await;
    let told =
        |answer: &Value| ["checkedHours", "checkedEvents", "differences"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!((told(&april), &april["next"]), ([1, 1, 0], &json!("2026-04-30T18:30:00Z")));
    let order = json!({"tenant": "delhi", "from": april["next"], "to": "2026-05-31T18:30:00Z"});
    let may = bench.ask(&order).await;
    assert_eq!((told(&may), &may["next"]), ([2, 2, 0], &Value::Null));
}
