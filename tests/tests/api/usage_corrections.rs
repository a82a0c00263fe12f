//! Void and amend: every counter follows exactly, wherever in the log the event lies, and what is void stays so.

use crate::harness::{Answer, Api, Extra, PLATFORM_KEY};
use axum::http::Method;
use meterline::aws::Fault;
use serde_json::{Value, json};

pub(crate) const EVENTS: &str = "/v1/usage/events";
/// The hour in which the events of most tests happened.
pub(crate) const TEN: (&str, &str) = ("2026-05-31T10:00:00Z", "2026-05-31T11:00:00Z");

/// An API with a meter of each aggregation over `call` events, and one that counts `login` events.
pub(crate) async fn open() -> Api {
    let api = Api::open().await.with_meters().await;
    let meters = [
        ("least", "min", Some("$.bytes")),
        ("peak", "max", Some("$.bytes")),
        ("last", "latest", Some("$.bytes")),
        ("mean", "average", Some("$.bytes")),
        ("level", "weightedSum", Some("$.bytes")),
        ("users", "uniqueCount", Some("$.user")),
    ];
    for (slug, aggregation, path) in meters {
        let meter = json!({
            "slug": slug, "name": slug, "eventType": "call", "aggregation": aggregation, "valuePath": path,
            "dimensions": [{"name": "region", "path": "$.region"}],
        });
        api.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
    }
    let logins = json!({"slug": "logins", "name": "Logins", "eventType": "login", "aggregation": "count"});
    api.post("/v1/meters", PLATFORM_KEY, &logins).await.good();
    api
}

/// A call at `time` on 31 May.
pub(crate) fn call(id: &str, time: &str, bytes: &str, user: &str) -> Value {
    let time = format!("2026-05-31T{time}:00Z");
    json!({"id": id, "source": "edge", "type": "call", "time": time, "data": {"bytes": bytes, "user": user}})
}

/// Sends events of acme's, all of which are taken.
async fn send(api: &Api, events: &[Value]) {
    let answer = api.post(EVENTS, &api.acme.key, &json!({"events": events})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(events.len())), "{answer:#?}");
}

pub(crate) async fn send_and_count(api: &Api, events: &[Value]) {
    send(api, events).await;
    api.count_usage().await;
}

/// Three calls at 10:00, 10:15 and 10:30, counted.
pub(crate) async fn with_calls() -> Api {
    let api = open().await;
    let calls = [call("1", "10:00", "10", "ann"), call("2", "10:15", "50", "bob"), call("3", "10:30", "20", "ann")];
    send_and_count(&api, &calls).await;
    api
}

/// Asks for a correction of acme's event `event`, a path behind the events.
async fn correct(api: &Api, event: &str, body: Value) -> Answer {
    api.post(&format!("{EVENTS}/{event}"), &api.acme.key, &body).await
}

/// Corrects an event, and counts.
async fn corrected(api: &Api, event: &str, body: Value) -> String {
    let answer = correct(api, event, body).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("pending")), "{answer:#?}");
    api.count_usage().await;
    answer.text("correctionId")
}

/// The path of the void of a call at about 10:00.
fn void_of(id: &str) -> String {
    format!("{id}/void?source=edge&time=2026-05-31T10:00:00Z")
}

fn amend_of(id: &str) -> String {
    format!("{id}/amend?source=edge&time=2026-05-31T10:00:00Z")
}

fn reason() -> Value {
    json!({"reason": "sent by a test"})
}

pub(crate) async fn story(api: &Api, event: &str) -> Value {
    api.get(&format!("{EVENTS}/{event}"), &api.acme.key).await.good().body
}

/// The story of a call at about 10:00.
pub(crate) async fn story_of(api: &Api, id: &str) -> Value {
    story(api, &format!("{id}?source=edge&time=2026-05-31T10:00:00Z")).await
}

pub(crate) async fn total(api: &Api, meter: &str, (from, to): (&str, &str)) -> String {
    api.get(&format!("/v1/usage?meter={meter}&from={from}&to={to}"), &api.acme.key).await.good().text("total")
}

/// What every meter has for an hour.
async fn totals(api: &Api, hour: (&str, &str)) -> String {
    let mut totals = Vec::new();
    for meter in ["calls", "bytes", "least", "peak", "last", "mean", "level", "users", "logins"] {
        totals.push(format!("{meter}={}", total(api, meter, hour).await));
    }
    totals.join(" ")
}

pub(crate) fn turn_to(api: &Api, time: &str) {
    api.platform.world().clock().turn_to(time.parse().unwrap());
}

#[tokio::test]
async fn a_void_event_counts_for_nothing_in_any_aggregation() {
    let api = with_calls().await;
    // 10 stood for the hour, 50 for three quarters of it, 20 for half: 10 + 37.5 + 10.
    let before = "calls=3 bytes=80 least=10 peak=50 last=20 mean=26.666666667 level=57.5 users=2 logins=0";
    assert_eq!(totals(&api, TEN).await, before);
    let answer = correct(&api, &void_of("2"), reason()).await.good();
    assert_eq!(answer.status, 202);
    assert_eq!(totals(&api, TEN).await, before, "it is pending");
    assert_eq!(story_of(&api, "2").await["status"], "counted");
    api.count_usage().await;
    assert_eq!(totals(&api, TEN).await, "calls=2 bytes=30 least=10 peak=20 last=20 mean=15 level=20 users=1 logins=0");
    let voided = json!({
        "correctionId": answer.body["correctionId"], "requestedAt": "2026-06-01T00:30:00Z", "reason": "sent by a test",
    });
    let told = story_of(&api, "2").await;
    assert_eq!((&told["status"], &told["voided"]), (&json!("voided"), &voided));
    for id in ["1", "3"] {
        corrected(&api, &void_of(id), reason()).await;
    }
    assert_eq!(totals(&api, TEN).await, "calls=0 bytes=0 least=0 peak=0 last=0 mean=0 level=0 users=0 logins=0");
}

#[tokio::test]
async fn an_amended_event_counts_as_it_says_now() {
    let api = with_calls().await;
    let body = json!({"reason": "wrong user", "data": {"bytes": "12.5", "user": "cid", "region": "eu"}});
    let first = corrected(&api, &amend_of("3"), body).await;
    // 10 + 37.5, and 12.5 for half an hour.
    let expect = "calls=3 bytes=72.5 least=10 peak=50 last=12.5 mean=24.166666667 level=53.75 users=3 logins=0";
    assert_eq!(totals(&api, TEN).await, expect);
    let peak =
        api.get(&format!("/v1/usage?meter=peak&from={}&to={}&groupBy=region", TEN.0, TEN.1), &api.acme.key).await;
    let groups: Vec<_> =
        peak.body["data"].as_array().unwrap().iter().map(|row| (&row["group"], &row["value"])).collect();
    let (none, eu) = (json!({"region": ""}), json!({"region": "eu"}));
    assert_eq!(groups, [(&none, &json!("50")), (&eu, &json!("12.5"))]);
    turn_to(&api, "2026-06-01T00:31:00Z");
    let body = json!({"reason": "was no call", "type": "login", "data": {}});
    let second = corrected(&api, &amend_of("3"), body).await;
    let expect = "calls=2 bytes=60 least=10 peak=50 last=50 mean=30 level=47.5 users=2 logins=1";
    assert_eq!(totals(&api, TEN).await, expect);
    assert_eq!(
        story_of(&api, "3").await,
        json!({
            "id": "3", "source": "edge", "type": "call", "time": "2026-05-31T10:30:00Z", "timeIsArrival": false,
            "receivedAt": "2026-06-01T00:30:00Z", "data": {"bytes": "20", "user": "ann"}, "status": "amended",
            "seenAgainAt": null, "conflicts": [], "voided": null,
            "amendments": [
                {
                    "correctionId": first, "requestedAt": "2026-06-01T00:30:00Z", "reason": "wrong user", "type": "call",
                    "data": {"bytes": "12.5", "user": "cid", "region": "eu"},
                },
                {
                    "correctionId": second, "requestedAt": "2026-06-01T00:31:00Z", "reason": "was no call",
                    "type": "login", "data": {},
                },
            ],
        })
    );
    // Without a type it stays what it was amended to.
    corrected(&api, &amend_of("3"), json!({"reason": "more", "data": {"by": "key"}})).await;
    assert_eq!(story_of(&api, "3").await["amendments"][2]["type"], "login");
    corrected(&api, &void_of("3"), reason()).await;
    let expect = "calls=2 bytes=60 least=10 peak=50 last=50 mean=30 level=47.5 users=2 logins=0";
    assert_eq!(totals(&api, TEN).await, expect);
}

#[tokio::test]
async fn what_is_void_stays_so() {
    let api = with_calls().await;
    corrected(&api, &void_of("2"), reason()).await;
    let expect = "calls=2 bytes=30 least=10 peak=20 last=20 mean=15 level=20 users=1 logins=0";
    let amend = json!({"reason": "a test", "data": {"bytes": 1, "user": "ann"}});
    for (path, body) in [(void_of("2"), reason()), (amend_of("2"), amend)] {
        assert_eq!(correct(&api, &path, body).await.outcome(), (409, "already_voided"), "{path}");
    }
    turn_to(&api, "2026-06-01T00:32:00Z");
    send_and_count(&api, &[call("2", "10:15", "50", "bob")]).await;
    assert_eq!(totals(&api, TEN).await, expect, "it is a duplicate");
    let told = story_of(&api, "2").await;
    assert_eq!((&told["status"], &told["seenAgainAt"]), (&json!("voided"), &json!("2026-06-01T00:32:00Z")));
    send_and_count(&api, &[call("2", "10:15", "70", "bob")]).await;
    assert_eq!(totals(&api, TEN).await, expect, "it is a conflict");
}

#[tokio::test]
async fn of_two_that_are_under_way_the_first_is_carried_out() {
    let api = with_calls().await;
    let first = correct(&api, &void_of("2"), reason()).await.good().text("correctionId");
    turn_to(&api, "2026-06-01T00:30:01Z");
    let second = correct(&api, &void_of("2"), reason()).await.good().text("correctionId");
    assert_ne!(first, second);
    api.count_usage().await;
    let voided = story_of(&api, "2").await["voided"]["correctionId"].clone();
    assert!(voided == first || voided == second, "{voided}");
    assert_eq!(total(&api, "calls", TEN).await, "2");
}

/// A call without a time of its own.
pub(crate) fn arriving(id: &str, bytes: u32, user: &str) -> Value {
    json!({"id": id, "type": "call", "data": {"bytes": bytes, "user": user}})
}

#[tokio::test]
async fn an_event_without_a_time_is_found_by_its_month_and_voided_in_its_hour() {
    let api = open().await;
    let hours = [
        ("2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z"),
        ("2026-06-01T01:00:00Z", "2026-06-01T02:00:00Z"),
        ("2026-07-01T01:00:00Z", "2026-07-01T02:00:00Z"),
    ];
    send_and_count(&api, &[arriving("a", 1, "ann"), arriving("b", 2, "bob")]).await;
    turn_to(&api, "2026-06-01T01:30:00Z");
    send_and_count(&api, &[arriving("c", 4, "cid"), arriving("d", 8, "bob")]).await;
    // The hour of `b` is no longer the open one of the lane.
    corrected(&api, "b/void", reason()).await;
    let each = async |meter: &str| [total(&api, meter, hours[0]).await, total(&api, meter, hours[1]).await];
    assert_eq!(each("bytes").await, ["1", "12"]);
    assert_eq!(each("users").await, ["1", "2"]);
    send_and_count(&api, &[arriving("e", 16, "eve")]).await;
    assert_eq!(each("bytes").await, ["1", "28"]);
    assert_eq!(each("users").await, ["1", "3"]);
    let told = story(&api, "b").await;
    assert_eq!((&told["time"], &told["timeIsArrival"]), (&json!("2026-06-01T00:30:00Z"), &json!(true)));
    // In another month the id is another event's; the newest is found first, and the older one by its time.
    turn_to(&api, "2026-07-01T01:30:00Z");
    assert_eq!(story(&api, "b").await["status"], "voided");
    send_and_count(&api, &[arriving("b", 32, "bob")]).await;
    assert_eq!(story(&api, "b").await["status"], "counted");
    assert_eq!(story(&api, "b?time=2026-06-01T00:30:00Z").await["status"], "voided");
    corrected(&api, "b/amend", json!({"reason": "a test", "data": {"bytes": 64, "user": "bob"}})).await;
    assert_eq!(total(&api, "bytes", hours[2]).await, "64");
    assert_eq!(each("bytes").await, ["1", "28"]);
}

#[tokio::test]
async fn a_correction_is_refused_by_the_field() {
    let api = with_calls().await;
    let good = json!({"bytes": 1, "user": "ann"});
    let rows = [
        (void_of("2"), json!({}), (400, "invalid_body", "")),
        (void_of("2"), json!({"reason": " "}), (422, "invalid_request", "/reason")),
        (void_of("2"), json!({"reason": "x".repeat(257)}), (422, "invalid_request", "/reason")),
        (void_of("2"), json!({"reason": "a", "data": {}}), (400, "unknown_field", "/data")),
        (void_of("9"), reason(), (404, "not_found", "")),
        (amend_of("9"), json!({"reason": "a", "data": good}), (404, "not_found", "")),
        (amend_of("2"), reason(), (400, "invalid_body", "")),
        (amend_of("2"), json!({"reason": "", "data": good}), (422, "invalid_request", "/reason")),
        (
            amend_of("2"),
            json!({"reason": "a", "data": good, "time": "2026-05-31T10:00:00Z"}),
            (422, "invalid_request", "/time"),
        ),
        (amend_of("2"), json!({"reason": "a", "data": good, "id": "4"}), (400, "unknown_field", "/id")),
        (amend_of("2"), json!({"reason": "a", "data": [1]}), (422, "invalid_request", "/data")),
        (amend_of("2"), json!({"reason": "a", "data": good, "type": "unheard-of"}), (422, "invalid_request", "/type")),
        (amend_of("2"), json!({"reason": "a", "data": good, "type": ""}), (422, "invalid_request", "/type")),
        (amend_of("2"), json!({"reason": "a", "data": {"user": "ann"}}), (422, "invalid_request", "/data/bytes")),
        (
            amend_of("2"),
            json!({"reason": "a", "data": {"bytes": "x", "user": "a"}}),
            (422, "invalid_request", "/data/bytes"),
        ),
        (
            amend_of("2"),
            json!({"reason": "a", "data": {"x": "y".repeat(16 * 1024)}}),
            (422, "invalid_request", "/data"),
        ),
    ];
    for (path, body, expect) in rows {
        let answer = correct(&api, &path, body.clone()).await;
        let pointer = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default();
        let (status, code) = answer.outcome();
        assert_eq!((status, code, pointer), expect, "{path} {body}");
    }
    let twice = r#"{"reason":"a","data":{"bytes":1,"bytes":2,"user":"ann"}}"#;
    let answer = api.post_text(&format!("{EVENTS}/{}", amend_of("2")), &api.acme.key, twice).await;
    assert_eq!(answer.body["errors"][0]["code"], "duplicate_member");
    api.count_usage().await;
    assert_eq!(story_of(&api, "2").await["status"], "counted", "nothing of that was published");
}

#[tokio::test]
async fn an_amendment_has_no_more_groups_than_an_event() {
    let api = open().await;
    let region = |n: usize| json!({"id": n.to_string(), "type": "login", "data": {"region": n}});
    let meter = json!({
        "slug": "places", "name": "Places", "eventType": "login", "aggregation": "count",
        "dimensions": [{"name": "region", "path": "$.region"}],
    });
    api.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
    send_and_count(&api, &(0..1_000).map(region).collect::<Vec<_>>()).await;
    let other = correct(&api, "5/amend", json!({"reason": "a test", "data": {"region": 1_000}})).await;
    assert_eq!(
        (other.outcome(), &other.body["errors"][0]["code"]),
        ((422, "invalid_request"), &json!("too_many_groups"))
    );
    corrected(&api, "5/amend", json!({"reason": "a test", "data": {"region": 6}})).await;
    let usage = api.get("/v1/usage?meter=places&groupBy=region", &api.acme.key).await.good().body;
    let value = |region: &str| {
        let row = usage["data"].as_array().unwrap().iter().find(|row| row["group"]["region"] == region);
        row.map(|row| row["value"].clone())
    };
    assert_eq!((value("5"), value("6"), value("7")), (None, Some(json!("2")), Some(json!("1"))));
}

/// How many segments of the log there are in DynamoDB, and how many of them have their events in S3.
async fn segments(api: &Api) -> (usize, usize) {
    let dynamo = aws_sdk_dynamodb::Client::new(&api.platform.aws().sdk_config());
    let table = &api.platform.world().settings().processed_events_table;
    let items = dynamo.scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
    let lanes = items.iter().filter(|item| item["pk"].as_s().unwrap().starts_with("LANE#"));
    let objects = lanes.clone().filter(|item| item.contains_key("object")).count();
    (lanes.count(), objects)
}

#[tokio::test]
async fn an_event_in_a_segment_is_voided() {
    let api = open().await;
    let calls = |numbers: std::ops::Range<usize>| -> Vec<Value> {
        numbers.map(|n| call(&format!("n{n}"), "10:00", &n.to_string(), &format!("user {n}"))).collect()
    };
    send_and_count(&api, &calls(0..120)).await;
    let (inline, objects) = segments(&api).await;
    assert!(inline > 0 && objects == 0, "{inline} segments, {objects} objects");
    send_and_count(&api, &calls(120..240)).await;
    // 0 + 1 + … + 239.
    let now = totals(&api, TEN).await;
    assert!(now.starts_with("calls=240 bytes=28680 least=0 peak=239"), "{now}");
    corrected(&api, &void_of("n0"), reason()).await;
    corrected(&api, &void_of("n239"), reason()).await;
    corrected(&api, &amend_of("n1"), json!({"reason": "a test", "data": {"bytes": 1_001, "user": "user 2"}})).await;
    let now = totals(&api, TEN).await;
    // 28,680 - 239 + 1,000; user 0, user 239 and user 1 are gone.
    assert!(now.starts_with("calls=238 bytes=29441 least=2 peak=1001"), "{now}");
    assert!(now.contains("users=237"), "{now}");
    // What is sent again is found, and what is new goes on from there.
    turn_to(&api, "2026-06-01T00:32:00Z");
    send_and_count(&api, &calls(0..250)).await;
    // 240 + … + 249 is 2,445.
    let now = totals(&api, TEN).await;
    assert!(now.starts_with("calls=248 bytes=31886 least=2 peak=1001"), "{now}");
    assert!(now.contains("users=247"), "{now}");
    assert_eq!(story_of(&api, "n0").await["status"], "voided");
}

#[tokio::test]
async fn an_event_in_s3_is_voided() {
    let api = open().await;
    // Users whose names no compression shortens.
    let user = |n: usize| domain::text::Hex(&domain::id::digest(&[&n.to_string()])).to_string();
    for part in 0..3 {
        let numbers = part * 1_000..(part + 1) * 1_000;
        let calls: Vec<Value> = numbers.map(|n| call(&format!("n{n}"), "10:00", "2", &user(n))).collect();
        send_and_count(&api, &calls).await;
    }
    let (_, objects) = segments(&api).await;
    assert!(objects > 0, "the segments are too large for an item");
    for id in ["n0", "n1500", "n2999"] {
        corrected(&api, &void_of(id), reason()).await;
        assert_eq!(story_of(&api, id).await["status"], "voided");
    }
    let now = totals(&api, TEN).await;
    assert!(now.starts_with("calls=2997 bytes=5994 least=2 peak=2"), "{now}");
    assert!(now.contains("users=2997"), "{now}");
}

#[tokio::test]
async fn a_process_that_has_not_seen_the_correction_counts_on_from_it() {
    let api = with_calls().await;
    // Another process carries the correction out; the first one remembers the lane as it was.
    correct(&api, &void_of("2"), reason()).await.good();
    let other = usage::Lanes::default();
    for source in api.platform.stack().event_sources.iter().filter(|source| source.function == "usage") {
        api.platform.deliver_to(source, 0, &other).await.unwrap();
    }
    assert_eq!(total(&api, "calls", TEN).await, "2");
    turn_to(&api, "2026-06-01T00:32:00Z");
    send_and_count(&api, &[call("4", "10:45", "40", "bob"), call("2", "10:15", "50", "bob")]).await;
    // 10, and 20 for half an hour, and 40 for a quarter.
    let expect = "calls=3 bytes=70 least=10 peak=40 last=40 mean=23.333333333 level=30 users=2 logins=0";
    assert_eq!(totals(&api, TEN).await, expect);
}

#[tokio::test]
async fn a_repeat_of_a_correction_is_the_same_correction() {
    let api = with_calls().await;
    let path = format!("{EVENTS}/{}", void_of("2"));
    let body = reason();
    let once = async || api.post_once(&path, &api.acme.key, "k-1", &body).await;
    // It is published, and the answer is lost: the client cannot know.
    api.platform.aws().faults().fail_when(1, Fault::CrashAfter, |call| call.operation == "PublishBatch");
    assert_eq!(once().await.outcome(), (503, "unavailable"));
    api.count_usage().await;
    let voided = story_of(&api, "2").await["voided"].clone();
    let again = once().await.good();
    assert_eq!((again.status.as_u16(), &again.body["correctionId"]), (202, &voided["correctionId"]));
    turn_to(&api, "2026-06-01T00:32:00Z");
    let replayed = once().await.good();
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.body), (Some("true"), &again.body));
    api.count_usage().await;
    assert_eq!(story_of(&api, "2").await["voided"], voided);
    assert_eq!(correct(&api, &void_of("2"), body.clone()).await.outcome(), (409, "already_voided"));
    // The same for an amendment, which would otherwise be noted twice.
    let path = format!("{EVENTS}/{}", amend_of("1"));
    let body = json!({"reason": "a test", "data": {"bytes": 11, "user": "ann"}});
    let once = async || api.post_once(&path, &api.acme.key, "k-2", &body).await;
    api.platform.aws().faults().fail_when(1, Fault::CrashAfter, |call| call.operation == "PublishBatch");
    assert_eq!(once().await.outcome(), (503, "unavailable"));
    let again = once().await.good();
    api.count_usage().await;
    let amendments = story_of(&api, "1").await["amendments"].clone();
    assert_eq!(amendments.as_array().unwrap().len(), 1);
    assert_eq!(amendments[0]["correctionId"], again.body["correctionId"]);
}

#[tokio::test]
async fn a_correction_that_the_topic_refuses_is_not_acknowledged() {
    let api = with_calls().await;
    api.platform.aws().faults().fail_when(10, Fault::Refuse, |call| call.operation == "PublishBatch");
    let answer = correct(&api, &void_of("2"), reason()).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "unavailable"), Some("1")));
    api.platform.aws().faults().clear();
    api.count_usage().await;
    assert_eq!(total(&api, "calls", TEN).await, "3");
}

#[tokio::test]
async fn an_event_of_another_tenants_is_none() {
    let api = with_calls().await;
    for (path, key) in
        [(void_of("2"), &api.globex.key), (format!("{}&tenant=globex", void_of("2")), &PLATFORM_KEY.to_owned())]
    {
        let answer = api.post(&format!("{EVENTS}/{path}"), key, &reason()).await;
        assert_eq!(answer.outcome(), (404, "not_found"), "{path}");
    }
    let path = format!("{EVENTS}/{}&tenant=acme", void_of("2"));
    let extra = Extra { headers: &[("content-type", "application/json")], body: Some(r#"{"reason":"a test"}"#) };
    api.call(Method::POST, &path, Some(PLATFORM_KEY), extra).await.good();
    api.count_usage().await;
    assert_eq!(total(&api, "calls", TEN).await, "2");
}
