//! Usage events, from the request to the queue: what is taken, what is refused, and that neither harms the other.

use crate::harness::{Answer, Api, Extra, PLATFORM_KEY};
use axum::http::Method;
use cloud::Metrics;
use meterline::aws::Fault;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const PATH: &str = "/v1/usage/events";

fn call(id: &str) -> Value {
    json!({"id": id, "type": "call", "data": {"bytes": 1}})
}

/// `id=status` of each result, with the code of a refusal.
fn results(answer: &Answer) -> Vec<String> {
    let list = answer.body["results"].as_array().unwrap_or_else(|| panic!("{answer:#?}"));
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let result = |result: &Value| {
        let code = result["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
        format!("{}={}{code}", text(&result["id"]), text(&result["status"]))
    };
    for (index, result) in list.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    list.iter().map(result).collect()
}

/// With a meter that takes no negative quantity; a sum takes any.
async fn open() -> Api {
    let api = Api::open().await.with_meters().await;
    let peak =
        json!({"slug": "peak", "name": "Peak", "eventType": "call", "aggregation": "max", "valuePath": "$.bytes"});
    api.post("/v1/meters", PLATFORM_KEY, &peak).await.good();
    api
}

async fn ids(api: &Api) -> Vec<String> {
    api.published_events().await.into_iter().map(|(_, event)| event.id).collect()
}

#[tokio::test]
async fn an_accepted_event_is_published_as_it_was_sent() {
    let api = open().await;
    let body = r#"{"events":[{"id":"1","source":"edge","type":"call","time":"2026-05-31T23:59:59.5+02:00",
        "data":{"bytes": 203023.50, "region":"eu"}}]}"#;
    let headers = [("content-type", "application/json"), ("x-correlation-id", "req-7")];
    let extra = Extra { headers: &headers, body: Some(body) };
    let answer = api.call(Method::POST, PATH, Some(&api.acme.key), extra).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.body,
        json!({"results": [{"index": 0, "id": "1", "status": "accepted"}], "accepted": 1, "duplicate": 0, "rejected": 0})
    );
    let published = api.published().await;
    let [message] = published.as_slice() else { panic!("one message: {published:#?}") };
    assert_eq!(message.tenant_id.to_string(), api.acme.id);
    assert_eq!(message.correlation_id.as_str(), "req-7");
    assert_eq!((message.source.as_str(), message.time_zone.as_str()), ("meterline/api", "Europe/Berlin"));
    let event = &message.events[0];
    assert_eq!((event.id.as_str(), event.source.as_str(), event.event_type.as_str()), ("1", "edge", "call"));
    assert_eq!((event.time.to_string().as_str(), event.time_is_arrival), ("2026-05-31T21:59:59.5Z", false));
    assert_eq!(event.data, r#"{"bytes": 203023.50, "region":"eu"}"#);
}

/// Every way in which one event is bad, and the code that it is refused with.
fn bad_events() -> Vec<(Value, &'static str)> {
    let with = |more: Value| {
        let mut event = call("bad");
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    };
    let bytes = |quantity: Value| with(json!({"data": {"bytes": quantity}}));
    vec![
        (json!(5), "malformed_event"),
        (json!([]), "malformed_event"),
        (json!({}), "malformed_event"),
        (json!({"id": "bad", "type": "call"}), "malformed_event"),
        (with(json!({"id": 5})), "malformed_event"),
        (with(json!({"type": {}})), "malformed_event"),
        (with(json!({"data": "bytes"})), "malformed_event"),
        (with(json!({"colour": "red"})), "unknown_field"),
        (with(json!({"id": ""})), "empty"),
        (with(json!({"id": "x".repeat(129)})), "too_long"),
        (with(json!({"id": "a\nb"})), "control_character"),
        (with(json!({"source": "s".repeat(257)})), "too_long"),
        (with(json!({"data": {"bytes": 1, "x": "y".repeat(16 * 1024)}})), "data_too_large"),
        (with(json!({"time": "2026-06-01T00:36:00Z"})), "time_in_future"),
        (with(json!({"time": "2025-04-01T00:00:00Z"})), "time_too_old"),
        (with(json!({"time": "last Tuesday"})), "invalid_time"),
        (with(json!({"time": 1_780_273_800})), "malformed_event"),
        (bytes(json!("many")), "quantity_not_a_number"),
        (bytes(json!("-0.1")), "quantity_negative"),
        (bytes(json!("many")), "quantity_not_a_number"),
        (bytes(json!(true)), "quantity_not_a_number"),
        (bytes(json!([1])), "quantity_missing"),
        (bytes(json!("1e99")), "quantity_out_of_range"),
        (with(json!({"data": {}})), "quantity_missing"),
        (with(json!({"data": {"bytes": 1, "region": "r".repeat(129)}})), "dimension_too_long"),
        (with(json!({"type": "unheard-of"})), "unknown_meter"),
        (with(json!({"subject": "globex"})), "unknown_tenant"),
        (with(json!({"subject": "nobody"})), "unknown_tenant"),
    ]
}

#[tokio::test]
async fn a_bad_event_is_refused_and_its_neighbours_are_taken() {
    let api = open().await;
    for (bad, code) in bad_events() {
        let body = json!({"events": [call("before"), bad, call("after")]});
        let answer = api.post(PATH, &api.acme.key, &body).await;
        assert_eq!(answer.status, 202, "{bad}");
        let results = results(&answer);
        assert_eq!((results[0].as_str(), results[2].as_str()), ("before=accepted", "after=accepted"), "{bad}");
        assert!(results[1].ends_with(&format!("=rejected {code}")), "{bad}: {}", results[1]);
        assert!(answer.body["results"][1]["message"].is_string() && answer.body["results"][1]["pointer"].is_string());
        assert_eq!((&answer.body["accepted"], &answer.body["rejected"]), (&json!(2), &json!(1)), "{bad}");
        assert_eq!(ids(&api).await, ["before", "after"], "{bad}");
    }
}

#[tokio::test]
async fn a_bad_request_publishes_nothing() {
    let api = open().await;
    let revoked = api.post("/v1/api-keys", &api.acme.key, &json!({"name": "revoked"})).await.good();
    let path = format!("/v1/api-keys/{}", revoked.text("id"));
    api.call(Method::DELETE, &path, Some(&api.acme.key), Extra::default()).await.good();
    let acme = api.acme.key.clone();
    let good = json!({"events": [call("1")]}).to_string();
    let many = json!({"events": vec![call("1"); 1_001]}).to_string();
    let large = json!({"events": [call("1")], "x": "y".repeat(1024 * 1024)}).to_string();
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str, (u16, &'a str));
    let rows: [Row<'_>; 13] = [
        (
            PATH,
            &acme,
            "application/json",
            r#"{"events":[{"id":"1","type":"call","data":{"bytes":1}}"#,
            (400, "malformed_json"),
        ),
        (PATH, &acme, "application/json", "", (400, "malformed_json")),
        (PATH, &acme, "application/json", r#"{"events":{}}"#, (400, "invalid_body")),
        (PATH, &acme, "application/json", r#"[]"#, (400, "invalid_body")),
        (PATH, &acme, "application/json", r#"{"events":[],"mode":"fast"}"#, (400, "unknown_field")),
        (PATH, &acme, "application/json", r#"{"events":[]}"#, (422, "invalid_request")),
        (PATH, &acme, "text/csv", &good, (415, "unsupported_media_type")),
        (PATH, &acme, "application/json", &many, (413, "too_many_events")),
        (PATH, &acme, "application/json", &large, (413, "body_too_large")),
        (PATH, &revoked.text("key"), "application/json", &good, (401, "unauthenticated")),
        ("/v1/usage/events?tenant=globex", &acme, "application/json", &good, (404, "not_found")),
        ("/v1/usage/events?tenant=nobody", PLATFORM_KEY, "application/json", &good, (404, "not_found")),
        ("/v1/usage/events?mode=fast", &acme, "application/json", &good, (400, "unknown_parameter")),
    ];
    for (path, key, kind, body, expect) in rows {
        let extra = Extra { headers: &[("content-type", kind)], body: Some(body) };
        let answer = api.call(Method::POST, path, Some(key), extra).await;
        assert_eq!(answer.outcome(), expect, "{path} {kind} {}", &body[..body.len().min(60)]);
        assert_eq!(ids(&api).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_thousand_events_are_one_message() {
    let api = open().await;
    let events: Vec<Value> = (0..1_000).map(|n| call(&n.to_string())).collect();
    let answer = api.post(PATH, &api.acme.key, &json!({"events": events})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(1_000)));
    let published = api.published().await;
    assert_eq!(published.iter().map(|message| message.events.len()).collect::<Vec<_>>(), [1_000]);
}

#[tokio::test]
async fn a_duplicate_in_the_request_is_published_once() {
    let api = open().await;
    let answer = api.post(PATH, &api.acme.key, &json!({"events": [call("1"), call("2"), call("1")]})).await;
    assert_eq!(results(&answer), ["1=accepted", "2=accepted", "1=duplicate"]);
    assert_eq!(ids(&api).await, ["1", "2"]);
}

#[tokio::test]
async fn cloud_events_come_in_three_ways() {
    let api = open().await;
    let event = |id: &str| {
        let time = "2026-05-31T00:00:00Z";
        json!({"specversion": "1.0", "id": id, "source": "s", "type": "call", "time": time, "data": {"bytes": 1}, "ext": 1})
    };
    let one = event("structured").to_string();
    let batch = json!([event("first"), event("second")]).to_string();
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "binary"),
        ("ce-source", "s"),
        ("ce-type", "call"),
    ];
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    let rows: [Row<'_>; 3] = [
        (&[("content-type", "application/cloudevents+json")], &one, &["structured=accepted"]),
        (&[("content-type", "application/cloudevents-batch+json")], &batch, &["first=accepted", "second=accepted"]),
        (&binary, r#"{"bytes":1}"#, &["binary=accepted"]),
    ];
    for (headers, body, expect) in rows {
        let answer = api.call(Method::POST, PATH, Some(&api.acme.key), Extra { headers, body: Some(body) }).await;
        assert_eq!(results(&answer), expect);
    }
    assert_eq!(ids(&api).await, ["structured", "first", "second", "binary"]);
}

#[tokio::test]
async fn the_platform_sends_for_many_tenants_at_once() {
    let api = open().await;
    let of = |id: &str, subject: &str| {
        let mut event = call(id);
        event["subject"] = json!(subject);
        event
    };
    let events = [of("1", "acme"), of("1", &api.globex.id), call("2"), of("3", "nobody"), of("4", "globex")];
    let answer = api.post(PATH, PLATFORM_KEY, &json!({"events": events})).await;
    let expect = ["1=accepted", "1=accepted", "2=rejected subject_required", "3=rejected unknown_tenant", "4=accepted"];
    assert_eq!(results(&answer), expect);
    let mut published = api.published_events().await;
    published.sort_by(|one, other| (&one.0, &one.1.id).cmp(&(&other.0, &other.1.id)));
    let mut expect = [(&api.acme.id, "1"), (&api.globex.id, "1"), (&api.globex.id, "4")];
    expect.sort_unstable();
    let published: Vec<_> = published.iter().map(|(tenant, event)| (tenant, event.id.as_str())).collect();
    assert_eq!(published, expect);
}

#[tokio::test]
async fn a_new_meter_is_seen_by_the_next_event() {
    let api = open().await;
    let body = json!({"events": [{"id": "1", "type": "login", "data": {}}]});
    assert_eq!(results(&api.post(PATH, &api.acme.key, &body).await), ["1=rejected unknown_meter"]);
    let meter = json!({"slug": "logins", "name": "Logins", "eventType": "login", "aggregation": "count"});
    api.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
    assert_eq!(results(&api.post(PATH, &api.acme.key, &body).await), ["1=accepted"]);
    // One that another process has created is seen too, since no remembered meter picks the type.
    let world = api.platform.world();
    let mut stored = world.meter(&domain::text::Slug::parse("logins").unwrap()).await.unwrap().unwrap();
    stored.slug = domain::text::Slug::parse("logouts").unwrap();
    stored.event_type = "logout".to_owned();
    world.create_meter(&stored).await.unwrap();
    let body = json!({"events": [{"id": "1", "type": "logout", "data": {}}]});
    assert_eq!(results(&api.post(PATH, &api.acme.key, &body).await), ["1=accepted"]);
}

/// Forty events of almost 16 KiB that no compression shortens: four messages of ten, each too large to share a request to
/// the topic.
fn large_events() -> Value {
    let large = |n: usize| json!({"id": n.to_string(), "type": "call", "data": {"bytes": 1, "x": noise(n)}});
    json!({"events": (0..40).map(large).collect::<Vec<_>>()})
}

fn noise(seed: usize) -> String {
    let block = |n: usize| {
        let digest = domain::id::digest(&[&seed.to_string(), &n.to_string()]);
        domain::text::Hex(&digest).to_string()
    };
    (0..250).map(block).collect()
}

#[tokio::test]
async fn exactly_what_the_topic_refused_is_to_be_sent_again() {
    let api = open().await;
    let published = AtomicU32::new(0);
    api.platform.aws().faults().fail_when(1, Fault::Refuse, move |call| {
        call.operation == "PublishBatch" && published.fetch_add(1, Ordering::Relaxed) == 1
    });
    let answer = api.post(PATH, &api.acme.key, &large_events()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")));
    let retry: Vec<usize> = (0..40).filter(|&at| answer.body["results"][at]["status"] == "retry").collect();
    assert_eq!(answer.body["results"][retry[0]]["code"], "unavailable");
    let accepted = 40 - retry.len();
    assert_eq!(answer.body["accepted"], accepted, "the others stay accepted");
    // Twenty of 16,000 bytes in base64 are more than 261,632 bytes, ten are not.
    assert_eq!(retry, (10..20).collect::<Vec<_>>());
    let there = ids(&api).await;
    assert_eq!(there, (0..10).chain(20..40).map(|n: usize| n.to_string()).collect::<Vec<_>>());
    let again = api.post(PATH, &api.acme.key, &large_events()).await;
    assert_eq!((again.status.as_u16(), &again.body["accepted"]), (202, &json!(40)));
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_topic_is_down() {
    let api = open().await;
    api.platform.aws().faults().fail_when(10, Fault::Refuse, |call| call.operation == "PublishBatch");
    let body = json!({"events": [call("1"), call("1"), {"id": "2", "type": "unheard-of", "data": {}}]});
    let answer = api.post(PATH, &api.acme.key, &body).await;
    assert_eq!(answer.status, 503);
    // What was refused for good stays so; a duplicate of what was not stored is not stored either.
    assert_eq!(results(&answer), ["1=retry unavailable", "1=retry unavailable", "2=rejected unknown_meter"]);
    assert_eq!(ids(&api).await, [""; 0]);
    // A key of a request that failed for now may be used again.
    assert_eq!(api.post_once(PATH, &api.acme.key, "k", &body).await.status, 503);
    api.platform.aws().faults().clear();
    assert_eq!(api.post_once(PATH, &api.acme.key, "k", &body).await.status, 202);
    assert_eq!(ids(&api).await, ["1"]);
}

#[tokio::test]
async fn the_same_events_are_the_same_message() {
    let api = open().await;
    let mut event = call("1");
    event["time"] = json!("2026-05-31T00:00:00Z");
    let body = json!({"events": [event]});
    for _ in 0..2 {
        api.post(PATH, &api.acme.key, &body).await.good();
    }
    let published = api.published().await;
    assert_eq!(published.len(), 2);
    assert_eq!(published[0].id, published[1].id);
}

#[tokio::test]
async fn what_became_of_events_is_counted() {
    let api = open().await;
    let body = json!({"events": [call("1"), call("1"), call("2"), {"id": "3", "type": "unheard-of", "data": {}}]});
    api.post(PATH, &api.acme.key, &body).await.good();
    api.platform.world().write_gathered();
    let Metrics::Memory(lines) = api.platform.world().metrics() else { panic!("opened with a memory") };
    let lines: Vec<Value> = lines.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counted = |name: &str| lines.iter().filter_map(|line| line[name].as_u64()).collect::<Vec<_>>();
    assert_eq!(counted("EventsAccepted"), [2]);
    assert_eq!(counted("EventsDuplicate"), [1]);
    assert_eq!(counted("EventsRejected"), [1]);
    assert_eq!(counted("EventsRetried"), [0; 0]);
}
