//! The layout of a tenant's usage log: when a change holds, that nobody places an event by an old one, and that events,
//! however late or often they are sent, and whatever reads them, meet the same lane before and after it.

use crate::{
    harness::{Answer, Api, Extra, PLATFORM_KEY, Tenant},
    usage_corrections::{EVENTS, open, turn_to},
};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::Method;
use domain::id::TenantId;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usage_log::{Layout, Layouts};

const SLUGS: [&str; 9] = ["calls", "bytes", "least", "peak", "last", "mean", "level", "users", "logins"];
/// The hours of most tests.
const NIGHT: (&str, &str) = ("2026-06-01T00:00:00Z", "2026-06-01T05:00:00Z");

async fn patch(api: &Api, key: &str, body: Value) -> Answer {
    let body = body.to_string();
    let extra = Extra { headers: &[("content-type", "application/json")], body: Some(&body) };
    api.call(Method::PATCH, "/v1/tenants/acme", Some(key), extra).await
}

/// Changes acme's layout; answers what `usageLog` is.
async fn change(api: &Api, body: Value) -> Vec<String> {
    told(&patch(api, PLATFORM_KEY, body).await.good().body)
}

/// `usageLog`, each as `02:00=4/60`.
fn told(tenant: &Value) -> Vec<String> {
    let layout = |layout: &Value| {
        let from = layout["from"].as_str().map_or("-", |from| from.strip_prefix("2026-06-01T").unwrap_or(from));
        format!("{}={}/{}", from.trim_end_matches(":00Z"), layout["shards"], layout["bucketMinutes"])
    };
    tenant["usageLog"].as_array().unwrap().iter().map(layout).collect()
}

async fn usage_log(api: &Api, key: &str) -> Vec<String> {
    told(&api.get("/v1/tenants/acme", key).await.good().body)
}

#[tokio::test]
async fn a_change_is_to_come_and_then_holds() {
    let api = Api::open().await;
    assert_eq!(usage_log(&api, &api.acme.key).await, ["-=1/60"]);
    // An hour and five minutes from half past are in the second hour from now.
    assert_eq!(change(&api, json!({"usageShards": 4})).await, ["-=1/60", "02:00=4/60"]);
    turn_to(&api, "2026-06-01T01:59:59Z");
    assert_eq!(usage_log(&api, &api.acme.key).await, ["-=1/60", "02:00=4/60"]);
    turn_to(&api, "2026-06-01T02:00:00Z");
    assert_eq!(usage_log(&api, PLATFORM_KEY).await, ["02:00=4/60"]);
    assert_eq!(change(&api, json!({"usageBucketMinutes": 15})).await, ["02:00=4/60", "04:00=4/15"]);
    let listed = api.get("/v1/tenants", PLATFORM_KEY).await.good().body;
    for tenant in listed["data"].as_array().unwrap() {
        let is_acme = tenant["slug"] == "acme";
        assert_eq!(told(tenant), if is_acme { vec!["02:00=4/60", "04:00=4/15"] } else { vec!["-=1/60"] });
    }
}

#[tokio::test]
async fn a_change_replaces_one_to_come_unless_that_is_too_near() {
    let api = Api::open().await;
    assert_eq!(change(&api, json!({"usageShards": 4})).await, ["-=1/60", "02:00=4/60"]);
    assert_eq!(change(&api, json!({"usageShards": 8})).await, ["-=1/60", "02:00=8/60"]);
    assert_eq!(change(&api, json!({"usageShards": 1})).await, ["-=1/60"], "taken back");
    assert_eq!(change(&api, json!({"usageShards": 8})).await, ["-=1/60", "02:00=8/60"]);
    // Somebody may place an event of 02:00 by it within the hour.
    turn_to(&api, "2026-06-01T01:00:00Z");
    assert_eq!(change(&api, json!({"usageShards": 2})).await, ["-=1/60", "02:00=8/60", "03:00=2/60"]);
    assert_eq!(change(&api, json!({"usageShards": 4})).await, ["-=1/60", "02:00=8/60", "03:00=4/60"]);
    assert_eq!(change(&api, json!({"usageShards": 8})).await, ["-=1/60", "02:00=8/60"]);
    assert_eq!(change(&api, json!({"name": "Acme AG"})).await, ["-=1/60", "02:00=8/60"]);
}

#[rstest]
#[case::no_shard(json!({"usageShards": 0}), (422, "invalid_request"), "/usageShards", "invalid_shards")]
#[case::too_many(json!({"usageShards": 65}), (422, "invalid_request"), "/usageShards", "invalid_shards")]
#[case::far_too_many(json!({"usageShards": 65_540}), (422, "invalid_request"), "/usageShards", "invalid_shards")]
#[case::width(json!({"usageBucketMinutes": 120}), (422, "invalid_request"), "/usageBucketMinutes", "invalid_bucket")]
#[case::less_than_none(json!({"usageShards": -1}), (400, "invalid_body"), "/usageShards", "invalid_body")]
#[case::text(json!({"usageShards": "4"}), (400, "invalid_body"), "/usageShards", "invalid_body")]
#[tokio::test]
async fn a_layout_out_of_bounds_is_refused(
    #[case] body: Value,
    #[case] outcome: (u16, &str),
    #[case] pointer: &str,
    #[case] code: &str,
) {
    let api = Api::open().await;
    let answer = patch(&api, PLATFORM_KEY, body).await;
    assert_eq!(answer.outcome(), outcome, "{answer:#?}");
    let error = &answer.body["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{answer:#?}");
    assert_eq!(usage_log(&api, PLATFORM_KEY).await, ["-=1/60"]);
}

#[tokio::test]
async fn a_tenant_does_not_change_its_layout_itself() {
    let api = Api::open().await;
    assert_eq!(patch(&api, &api.acme.key, json!({"usageShards": 4})).await.outcome(), (403, "forbidden"));
    assert_eq!(usage_log(&api, PLATFORM_KEY).await, ["-=1/60"]);
}

#[tokio::test]
async fn a_tenant_is_replaced_only_as_it_was_read() {
    let api = Api::open().await;
    let acme: TenantId = api.acme.id.parse().unwrap();
    let store = api.platform.world().store(acme);
    let (mut read, mut late) = (0, store.stored_tenant().await.unwrap().unwrap());
    for shards in [4, 8] {
        change(&api, json!({"usageShards": shards})).await;
        assert!(!store.replace_tenant(late.0, &late.1).await.unwrap(), "it was read before");
        late = store.stored_tenant().await.unwrap().unwrap();
        read += 1;
        assert_eq!(late.0, read);
    }
    assert_eq!(usage_log(&api, PLATFORM_KEY).await, ["-=1/60", "02:00=8/60"]);
    let nobody = api.platform.world().store(TenantId::derived(&["nobody"]));
    assert!(!nobody.replace_tenant(0, &late.1).await.unwrap(), "there is none to replace");
}

#[tokio::test]
async fn changes_at_once_all_hold() {
    let api = Api::open().await;
    let (name, email, shards) = futures::join!(
        patch(&api, PLATFORM_KEY, json!({"name": "Acme AG"})),
        patch(&api, PLATFORM_KEY, json!({"email": "a@acme.example"})),
        patch(&api, PLATFORM_KEY, json!({"usageShards": 4})),
    );
    for answer in [name, email, shards] {
        answer.good();
    }
    let acme = api.get("/v1/tenants/acme", PLATFORM_KEY).await.good().body;
    assert_eq!((&acme["name"], &acme["email"]), (&json!("Acme AG"), &json!("a@acme.example")));
    assert_eq!(told(&acme), ["-=1/60", "02:00=4/60"]);
}

/// Events of 00:30 until 02:00 are placed by one process that remembers the tenant, while another has changed it.
#[tokio::test]
async fn a_process_knows_of_a_change_long_before_it_holds() {
    let api = Api::open().await.with_meters().await;
    // Another process, which knows nothing of this one.
    let platform = api.platform.router();
    let event = json!({"events": [{"id": "1", "type": "call", "data": {"bytes": 1}}]});
    let placed_by = async |key: &str, path: &str| {
        api.post(path, key, &event).await.good();
        let mut published = api.published().await;
        assert_eq!(published.len(), 1);
        published.remove(0).layouts
    };
    let by_slug = format!("{EVENTS}?tenant=acme");
    let routes = [(api.acme.key.as_str(), EVENTS), (PLATFORM_KEY, by_slug.as_str())];
    for (key, path) in routes {
        assert_eq!(placed_by(key, path).await, Layouts::default());
    }
    change_at(platform, json!({"usageShards": 4})).await;
    let changed =
        Layouts::new(vec![("2026-06-01T02:00:00Z".parse().unwrap(), Layout { shards: 4, bucket_minutes: 60 })]);
    let seen = [("00:30:09", Layouts::default()), ("00:30:10", changed.clone()), ("01:55:00", changed)];
    for (time, layouts) in seen {
        turn_to(&api, &format!("2026-06-01T{time}Z"));
        for (key, path) in routes {
            assert_eq!(placed_by(key, path).await, layouts, "{time} {path}");
        }
    }
}

async fn change_at(router: axum::Router, body: Value) {
    let request = axum::http::Request::patch("/v1/tenants/acme")
        .header("authorization", format!("Bearer {PLATFORM_KEY}"))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// A call at `time` of the night; each id has bytes, a user and a region of its own.
fn call(name: &str, n: u32, time: &str) -> Value {
    let data = json!({"bytes": n % 7 + 1, "user": format!("user-{}", n % 11), "region": format!("r{}", n % 2)});
    json!({"id": format!("{name}-{n}"), "type": "call", "time": format!("2026-06-01T{time}Z"), "data": data})
}

/// 64 calls over the hour: four at each of 16 times.
fn calls(name: &str, hour: u32) -> Vec<Value> {
    (0..64).map(|n| call(name, n, &format!("{hour:02}:{:02}:{:02}", (n / 4) * 3 + 7, n % 4))).collect()
}

/// Sends events of both tenants' and counts them; globex's layout never changes.
async fn send(api: &Api, events: &[Value]) {
    for tenant in [&api.acme, &api.globex] {
        let answer = api.post(EVENTS, &tenant.key, &json!({"events": events})).await;
        assert_eq!((answer.status.as_u16(), &answer.body["accepted"]), (202, &json!(events.len())), "{answer:#?}");
    }
    api.count_usage().await;
}

/// What every meter has, in all, by hour and by region.
async fn usage(api: &Api, tenant: &Tenant, (from, to): (&str, &str)) -> Vec<(String, String, Value)> {
    let mut usage = Vec::new();
    for slug in SLUGS {
        let group = if matches!(slug, "calls" | "logins") { "" } else { "&groupBy=region" };
        let path = format!("/v1/usage?meter={slug}&from={from}&to={to}&window=hour{group}");
        let answer = api.get(&path, &tenant.key).await.good();
        usage.push((slug.to_owned(), answer.text("total"), answer.body["data"].clone()));
    }
    usage
}

/// Asserts that acme's usage is globex's, that it has so many calls, and that a recount finds the same.
async fn assert_counted(api: &Api, range: (&str, &str), calls: &str) {
    let acme = usage(api, &api.acme, range).await;
    assert_eq!(acme, usage(api, &api.globex, range).await);
    assert_eq!(acme[0].1, calls);
    let rebuilt = rebuild(api, range, false).await;
    assert_eq!((&rebuilt["differences"], &rebuilt["next"]), (&json!(0), &Value::Null), "{rebuilt:#}");
}

async fn rebuild(api: &Api, (from, to): (&str, &str), repair: bool) -> Value {
    let order = json!({"tenant": "acme", "from": from, "to": to, "repair": repair});
    api.post("/v1/admin/rebuilds", PLATFORM_KEY, &order).await.good().body
}

/// Where acme's lanes begin and which shards they are, of the heads whose sort key starts with `from`.
async fn lanes(api: &Api, from: &str) -> (Vec<String>, Vec<String>) {
    let dynamo = aws_sdk_dynamodb::Client::new(&api.platform.aws().sdk_config());
    let query = dynamo.query().table_name(&api.platform.world().settings().usage_table);
    let query = query
        .key_condition_expression("pk = :pk AND begins_with(sk, :from)")
        .expression_attribute_values(":pk", AttributeValue::S(format!("TENANT#{}", api.acme.id)))
        .expression_attribute_values(":from", AttributeValue::S(from.to_owned()));
    let (mut starts, mut shards) = (BTreeSet::new(), BTreeSet::new());
    for item in query.send().await.unwrap().items.unwrap() {
        // `H#2026-06-01T02:15:00.000Z#T03.1780280100`
        let parts: Vec<&str> = item["sk"].as_s().unwrap().split('#').collect();
        starts.insert(parts[1]["2026-06-01T".len()..][..5].to_owned());
        shards.insert(parts[2].split('.').next().unwrap().to_owned());
    }
    (starts.into_iter().collect(), shards.into_iter().collect())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn story(api: &Api, path: &str) -> Value {
    api.get(&format!("{EVENTS}/{path}"), &api.acme.key).await.good().body
}

/// Corrects an event of both tenants', and counts.
async fn correct(api: &Api, path: &str, body: Value) {
    for tenant in [&api.acme, &api.globex] {
        api.post(&format!("{EVENTS}/{path}"), &tenant.key, &body).await.good();
    }
    api.count_usage().await;
}

/// A log of one lane an hour becomes one of four shards, or more lanes yet, and is then as before. `buckets` are those of
/// the hour in which it is wide.
#[rstest]
#[case::shards(json!({"usageShards": 4}), &["02:00"])]
#[case::shards_of_half_hours(json!({"usageShards": 4, "usageBucketMinutes": 30}), &["02:00", "02:30"])]
#[case::shards_of_quarters(json!({"usageShards": 4, "usageBucketMinutes": 15}), &["02:00", "02:15", "02:30", "02:45"])]
#[tokio::test]
async fn an_event_meets_its_lane_whenever_it_is_sent(#[case] wide: Value, #[case] buckets: &[&str]) {
    let api = open().await;
    turn_to(&api, "2026-06-01T00:55:00Z");
    send(&api, &calls("before", 0)).await;
    change(&api, wide).await;
    turn_to(&api, "2026-06-01T02:54:00Z");
    assert_eq!(usage_log(&api, PLATFORM_KEY).await.len(), 1, "it holds");
    for events in [calls("before", 0), calls("late", 0), calls("during", 2)] {
        send(&api, &events).await;
    }
    assert_counted(&api, NIGHT, "192").await;
    change(&api, json!({"usageShards": 1, "usageBucketMinutes": 60})).await;
    turn_to(&api, "2026-06-01T04:54:00Z");
    assert_eq!(usage_log(&api, PLATFORM_KEY).await, ["04:00=1/60"]);
    for events in [calls("during", 2), calls("before", 0), calls("late", 0), calls("behind", 2), calls("after", 4)] {
        send(&api, &events).await;
    }
    // Five times 64, and everything that was sent again is a duplicate.
    assert_counted(&api, NIGHT, "320").await;
    assert_eq!(lanes(&api, "H#2026-06-01T00").await, (words(&["00:00"]), words(&["T00"])));
    assert_eq!(lanes(&api, "H#2026-06-01T02").await, (words(buckets), words(&["T00", "T01", "T02", "T03"])));
    assert_eq!(lanes(&api, "H#2026-06-01T04").await, (words(&["04:00"]), words(&["T00"])));
    for (event, seen_again_at) in [
        ("before-21?time=2026-06-01T00:22:01Z", json!("2026-06-01T02:54:00Z")),
        ("late-21?time=2026-06-01T00:22:01Z", json!("2026-06-01T04:54:00Z")),
        ("during-21?time=2026-06-01T02:22:01Z", json!("2026-06-01T04:54:00Z")),
        ("behind-21?time=2026-06-01T02:22:01Z", Value::Null),
    ] {
        assert_eq!(story(&api, event).await["seenAgainAt"], seen_again_at, "{event}");
    }
}

#[tokio::test]
async fn corrections_conflicts_and_back_fills_reach_every_lane() {
    let api = open().await;
    turn_to(&api, "2026-06-01T00:55:00Z");
    send(&api, &calls("before", 0)).await;
    change(&api, json!({"usageShards": 4, "usageBucketMinutes": 15})).await;
    turn_to(&api, "2026-06-01T02:54:00Z");
    send(&api, &calls("during", 2)).await;
    change(&api, json!({"usageShards": 1, "usageBucketMinutes": 60})).await;
    turn_to(&api, "2026-06-01T04:54:00Z");
    let reason = json!({"reason": "sent by a test"});
    for n in 0..16 {
        correct(&api, &format!("during-{n}/void?time=2026-06-01T02:{:02}:00Z", (n / 4) * 3 + 7), reason.clone()).await;
    }
    let amended = json!({"reason": "a test", "data": {"bytes": 100, "user": "nobody-else", "region": "r2"}});
    for event in ["before-1/amend?time=2026-06-01T00:07:01Z", "during-40/amend?time=2026-06-01T02:37:00Z"] {
        correct(&api, event, amended.clone()).await;
    }
    assert_counted(&api, NIGHT, "112").await;
    // What is void or amended, sent again as it was; and one that says something else.
    send(&api, &calls("during", 2)).await;
    send(&api, &[call("during", 41, "02:37:02")]).await;
    assert_counted(&api, NIGHT, "112").await;
    let of = |n: u32, minute: u32| format!("during-{n}?time=2026-06-01T02:{minute}:00Z");
    assert_eq!(story(&api, &of(15, 16)).await["status"], "voided");
    assert_eq!(story(&api, &of(40, 37)).await["status"], "amended");
    assert_eq!(story(&api, &of(41, 37)).await["conflicts"][0]["time"], "2026-06-01T02:37:02Z");
    // The bucket is a quarter of an hour wide.
    let elsewhere = api.get(&format!("{EVENTS}/{}", of(41, 52)), &api.acme.key).await;
    assert_eq!(elsewhere.outcome(), (404, "not_found"));
    let meter =
        json!({"slug": "young", "name": "Young", "eventType": "call", "aggregation": "sum", "valuePath": "$.bytes"});
    api.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
    let total = async |slug: &str| {
        let path = format!("/v1/usage?meter={slug}&from={}&to={}", NIGHT.0, NIGHT.1);
        api.get(&path, &api.acme.key).await.good().text("total")
    };
    assert_eq!(total("young").await, "0");
    rebuild(&api, NIGHT, true).await;
    assert_eq!(total("young").await, total("bytes").await);
}

/// Events without a time of their own lie in their month: a change holds for them from the next month on.
#[tokio::test]
async fn an_arrival_meets_its_lane_all_month() {
    let api = open().await;
    let arrivals = |name: &str| -> Vec<Value> {
        let arrival = |mut event: Value| {
            event.as_object_mut().unwrap().remove("time");
            // They all arrive at once: which is the latest depends on keys, and those on the tenant.
            event["data"]["bytes"] = 3.into();
            event
        };
        calls(name, 0).into_iter().map(arrival).collect()
    };
    send(&api, &arrivals("june")).await;
    change(&api, json!({"usageShards": 4})).await;
    turn_to(&api, "2026-06-02T10:00:00Z");
    send(&api, &arrivals("june")).await;
    // July begins in Berlin two hours before it does at globex's.
    turn_to(&api, "2026-07-02T10:00:00Z");
    send(&api, &arrivals("july")).await;
    change(&api, json!({"usageShards": 1})).await;
    turn_to(&api, "2026-07-30T10:00:00Z");
    send(&api, &arrivals("july")).await;
    turn_to(&api, "2026-08-02T10:00:00Z");
    send(&api, &arrivals("august")).await;
    assert_eq!(lanes(&api, "A#2026-05-31").await.1, ["A00"]);
    assert_eq!(lanes(&api, "A#2026-06-30").await.1, ["A00", "A01", "A02", "A03"]);
    assert_eq!(lanes(&api, "A#2026-07-31").await.1, ["A00"]);
    let months =
        [("june", "2026-06-01T00:00:00Z"), ("july", "2026-07-02T10:00:00Z"), ("august", "2026-08-02T10:00:00Z")];
    for (month, at) in months {
        assert_eq!(
            story(&api, &format!("{month}-21")).await["receivedAt"].as_str().map(|at| &at[..10]),
            Some(&at[..10])
        );
    }
    for n in 0..16 {
        correct(&api, &format!("july-{n}/void"), json!({"reason": "sent by a test"})).await;
    }
    let june = ("2026-06-01T00:00:00Z", "2026-06-03T00:00:00Z");
    let july = ("2026-07-01T00:00:00Z", "2026-07-31T00:00:00Z");
    let august = ("2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z");
    for (range, calls) in [(june, "64"), (july, "48"), (august, "64")] {
        assert_counted(&api, range, calls).await;
    }
}
