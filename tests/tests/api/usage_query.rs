//! Reading usage back over HTTP: what the usage function has counted, in the tenant's own days.

use crate::harness::{Api, PLATFORM_KEY};
use meterline::aws::Fault;
use serde_json::{Value, json};

/// An API that has counted some bytes of acme's.
async fn with_usage() -> Api {
    let api = Api::open().await.with_meters().await;
    // Berlin's 31 May begins at 22:00 UTC on the day before.
    let events = [
        ("2026-05-30T21:00:00Z", "eu", "get", "1"),
        ("2026-05-30T22:00:00Z", "eu", "get", "2.5"),
        ("2026-05-30T22:00:00Z", "us", "get", "3"),
        ("2026-05-31T21:00:00Z", "eu", "put", "4"),
        ("2026-05-31T22:00:00Z", "eu", "put", "10"),
    ];
    let event = |(position, (time, region, verb, bytes)): (usize, (&str, &str, &str, &str))| {
        let data = json!({"bytes": bytes, "region": region, "verb": verb});
        json!({"id": position.to_string(), "type": "call", "time": time, "data": data})
    };
    let events: Vec<Value> = events.into_iter().enumerate().map(event).collect();
    let sent = api.post("/v1/usage/events", &api.acme.key, &json!({"events": events})).await.good();
    assert_eq!(sent.body["accepted"], 5);
    api.count_usage().await;
    api
}

const MAY: &str = "meter=bytes&from=2026-04-30T22:00:00Z&to=2026-05-31T22:00:00Z";

fn rows(body: &Value) -> Vec<String> {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("start"), text("end"), row["group"], text("value"))
    };
    body["data"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn usage_is_read_in_windows_and_groups() {
    let api = with_usage().await;
    let table: [(&str, &str, &[&str]); 5] = [
        (MAY, "10.5", &["2026-04-30T22:00:00Z 2026-05-31T22:00:00Z {} 10.5"]),
        // The month so far, in Berlin.
        ("meter=bytes", "10", &["2026-05-31T22:00:00Z 2026-06-01T01:00:00Z {} 10"]),
        (
            "meter=bytes&from=2026-04-30T22:00:00Z&window=month",
            "20.5",
            &["2026-04-30T22:00:00Z 2026-05-31T22:00:00Z {} 10.5", "2026-05-31T22:00:00Z 2026-06-01T01:00:00Z {} 10"],
        ),
        (
            "meter=bytes&from=2026-05-30T20:00:00Z&to=2026-05-31T22:00:00Z&window=day&groupBy=region",
            "10.5",
            &[
                r#"2026-05-30T20:00:00Z 2026-05-30T22:00:00Z {"region":"eu"} 1"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region":"eu"} 6.5"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region":"us"} 3"#,
            ],
        ),
        (
            "meter=bytes&from=2026-05-31T20:00:00Z&window=hour&groupBy=verb,region",
            "14",
            &[
                r#"2026-05-31T21:00:00Z 2026-05-31T22:00:00Z {"region":"eu","verb":"put"} 4"#,
                r#"2026-05-31T22:00:00Z 2026-05-31T23:00:00Z {"region":"eu","verb":"put"} 10"#,
            ],
        ),
    ];
    for (query, total, expect) in table {
        let body = api.get(&format!("/v1/usage?{query}"), &api.acme.key).await.good().body;
        assert_eq!(body["total"], total, "{query}");
        assert_eq!(rows(&body), expect, "{query}");
        assert_eq!(body["meter"], "bytes");
    }
}

#[tokio::test]
async fn a_tenant_reads_its_own_usage_only() {
    let api = with_usage().await;
    let total = async |path: &str, key: &str| api.get(path, key).await.good().body["total"].clone();
    let path = format!("/v1/usage?{MAY}");
    assert_eq!(total(&path, &api.acme.key).await, "10.5");
    assert_eq!(total(&format!("{path}&tenant=acme"), PLATFORM_KEY).await, "10.5");
    assert_eq!(total("/v1/usage?meter=bytes", &api.globex.key).await, "0");
    assert_eq!(rows(&api.get("/v1/usage?meter=bytes", &api.globex.key).await.body), [""; 0]);
}

#[tokio::test]
async fn a_bad_query_is_refused_by_the_parameter() {
    let api = Api::open().await.with_meters().await;
    let table = [
        ("", (400, "invalid_parameter")),
        ("meter=unheard-of", (404, "not_found")),
        ("meter=Not%20a%20slug", (404, "not_found")),
        ("meter=bytes&window=week", (400, "invalid_parameter")),
        ("meter=bytes&from=yesterday", (400, "invalid_parameter")),
        ("meter=bytes&from=2026-05-01T00:30:00Z", (400, "not_aligned")),
        ("meter=bytes&from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", (400, "invalid_range")),
        ("meter=bytes&from=2024-05-01T00:00:00Z", (400, "range_too_long")),
        ("meter=bytes&groupBy=colour", (400, "unknown_dimension")),
        ("meter=calls&groupBy=region", (400, "unknown_dimension")),
        ("meter=bytes&colour=red", (400, "unknown_parameter")),
    ];
    for (query, expect) in table {
        assert_eq!(api.get(&format!("/v1/usage?{query}"), &api.acme.key).await.outcome(), expect, "{query}");
    }
    assert_eq!(api.get("/v1/usage?meter=bytes", PLATFORM_KEY).await.outcome(), (400, "tenant_required"));
    let answer = api.get("/v1/usage?meter=calls&tenant=globex", PLATFORM_KEY).await.good().body;
    assert_eq!(
        answer,
        json!({
            "meter": "calls", "from": "2026-06-01T00:00:00Z", "to": "2026-06-01T01:00:00Z", "window": null,
            "data": [], "total": "0", "completeThrough": null,
        })
    );
}

#[tokio::test]
async fn usage_says_through_when_it_is_complete() {
    let api = Api::open().await.with_meters().await;
    let complete_through = async || {
        let answer = api.get("/v1/usage?meter=calls", &api.acme.key).await.good();
        answer.body["completeThrough"].as_str().map(str::to_owned)
    };
    let turn_to = |time: &str| {
        api.platform.world().clock().turn_to(format!("2026-06-01T{time}Z").parse().unwrap());
    };
    assert_eq!(complete_through().await, None, "it takes two looks at the queues");
    turn_to("00:31:00");
    // The first look was at 00:30, when what had been accepted until 00:25 had come to rest.
    assert_eq!(complete_through().await.as_deref(), Some("2026-06-01T00:25:00Z"));
    let event = json!({"events": [{"id": "1", "type": "call", "data": {"bytes": 1, "region": "eu", "verb": "get"}}]});
    api.post("/v1/usage/events", &api.acme.key, &event).await.good();
    // While the event of 00:31 lies in its queue, what was accepted before its lap is all that can be said.
    let lies_there =
        [("00:38:00", "00:25:00"), ("00:39:30", "00:30:00"), ("00:48:00", "00:30:00"), ("00:49:30", "00:30:00")];
    for (time, expect) in lies_there {
        turn_to(time);
        assert_eq!(complete_through().await, Some(format!("2026-06-01T{expect}Z")), "{time}");
    }
    assert_eq!(api.published().await.len(), 1);
    for (time, expect) in [("00:53:00", "00:30:00"), ("00:54:00", "00:50:00")] {
        turn_to(time);
        assert_eq!(complete_through().await, Some(format!("2026-06-01T{expect}Z")), "{time}");
    }
}

#[tokio::test]
async fn queues_that_cannot_be_asked_are_not_taken_for_empty() {
    let api = Api::open().await.with_meters().await;
    let faults = api.platform.aws().faults();
    faults.fail_when(u32::MAX, Fault::CrashBefore, |call| call.operation == "GetQueueAttributes");
    let answer = api.get("/v1/usage?meter=calls", &api.acme.key).await;
    assert_eq!(answer.outcome(), (503, "unavailable"));
}
