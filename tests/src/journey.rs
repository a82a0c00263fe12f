//! The journey from a key to a signed webhook, over HTTP: the same steps against the embedded AWS and the deployed stack.
//!
//! It bills the month before the current one, so that the period has closed whatever time it is, and nobody needs to
//! turn a clock that cannot be turned.

#![expect(clippy::unwrap_used, reason = "a journey fails by panicking, like any test")]

use jiff::{ToSpan, Zoned, civil::Date, tz::TimeZone};
use meterline::demo::{Api, Receiver};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};

/// Looks before something that must happen is called missing.
const LOOKS_MAX: u32 = 300;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The platform that the journey is made on.
pub struct Target<Tick> {
    /// Where the API answers.
    pub base_url: String,
    /// The platform's key.
    pub platform_key: String,
    /// Runs the billing tick.
    pub tick: Tick,
}

/// Goes the whole way; panics where it is barred.
pub async fn run<Tick, Done>(target: &Target<Tick>)
where
    Tick: Fn() -> Done,
    Done: Future<Output = ()>,
{
    let receiver = Receiver::start().await.expect("loopback has a free port");
    let platform = Api::new(&target.base_url, &target.platform_key).expect("a client without special wishes");
    let month = LastMonth::of(&Zoned::now());
    let tenant = set_up(&platform, &receiver, &month).await;
    send_usage(&tenant, &month).await;
    counted_once(&tenant, &month).await;
    (target.tick)().await;
    let invoice = billed(&tenant).await;
    printed(&tenant, &invoice).await;
    announced(&tenant, &receiver, &invoice).await;
    // Everything once more changes nothing: the same events, and another tick.
    send_usage(&tenant, &month).await;
    (target.tick)().await;
    counted_once(&tenant, &month).await;
    assert_eq!(billed(&tenant).await, invoice);
    walls(&platform, &tenant).await;
}

/// The calendar month before the current one, in UTC.
struct LastMonth {
    first: Date,
    end: Date,
}

impl LastMonth {
    fn of(now: &Zoned) -> Self {
        let end = now.with_time_zone(TimeZone::UTC).date().first_of_month();
        Self { first: end.checked_sub(1.month()).expect("the year is not the first"), end }
    }

    fn day(&self, day: u32, time: &str) -> String {
        format!("{}-{day:02}T{time}Z", &self.first.to_string()[..7])
    }
}

async fn set_up(platform: &Api, receiver: &Receiver, month: &LastMonth) -> Api {
    let count = json!({"slug": "calls", "name": "Calls", "eventType": "call", "aggregation": "count"});
    let sum = json!({
        "slug": "bytes", "name": "Bytes", "eventType": "call", "aggregation": "sum", "valuePath": "$.bytes",
        "dimensions": [{"name": "region", "path": "$.region"}],
    });
    let max =
        json!({"slug": "peak", "name": "Peak", "eventType": "call", "aggregation": "max", "valuePath": "$.bytes"});
    let users = json!({
        "slug": "users", "name": "Users", "eventType": "call", "aggregation": "uniqueCount", "valuePath": "$.user",
    });
    for meter in [count, sum, max, users] {
        platform.post("/v1/meters", &meter).await.unwrap();
    }
    platform.post("/v1/plans", &plan()).await.unwrap();
    let profile = json!({"slug": "acme", "name": "株式会社 Acme & Söhne", "address": ["1 Rue de la Paix", "Paris"]});
    let tenant = platform.post("/v1/tenants", &profile).await.unwrap();
    let id = tenant["id"].as_str().unwrap();
    let subscription = json!({"plan": "pro", "startsOn": month.first.to_string()});
    platform.post(&format!("/v1/subscriptions?tenant={id}"), &subscription).await.unwrap();
    let key = platform.post(&format!("/v1/api-keys?tenant={id}"), &json!({"name": "journey"})).await.unwrap();
    let api = platform.with_key(key["key"].as_str().unwrap());
    let endpoint = api.post("/v1/webhooks/endpoints", &json!({"url": receiver.url("acme")})).await.unwrap();
    receiver.share_secret("acme", endpoint["secret"].as_str().unwrap());
    api
}

fn plan() -> Value {
    let per_unit = |key: &str, included: &str, unit_price: &str| {
        json!({
            "key": key, "name": key, "meter": key, "included": included,
            "model": {"type": "perUnit", "unitPrice": unit_price},
        })
    };
    let bytes = json!({
        "key": "bytes", "name": "Bytes", "meter": "bytes",
        "model": {"type": "graduated", "tiers": [
            {"upTo": "100", "unitPrice": "0.10"},
            {"upTo": null, "unitPrice": "0.05", "flatFee": "1"},
        ]},
    });
    json!({
        "slug": "pro", "name": "Pro", "currency": "EUR", "baseFeeMinor": 1000,
        "prices": [per_unit("calls", "1", "0.25"), bytes, per_unit("users", "0", "0.333"), per_unit("peak", "0", "0.001")],
    })
}

/// Four good events, one of them twice in the request, and two bad neighbours.
async fn send_usage(tenant: &Api, month: &LastMonth) {
    let call = |id: &str, time: String, data: Value| json!({"id": id, "type": "call", "time": time, "data": data});
    let events = json!({"events": [
        call("1", month.day(1, "00:00:00"), json!({"bytes": 60, "region": "eu", "user": "a"})),
        call("2", month.day(2, "10:00:00"), json!({"bytes": "40.5", "region": "us", "user": "b"})),
        call("2", month.day(2, "10:00:00"), json!({"bytes": "40.5", "region": "us", "user": "b"})),
        call("3", month.day(2, "10:30:00"), json!({"bytes": 20, "region": "eu", "user": "a"})),
        call("4", month.day(28, "23:59:59.999"), json!({"bytes": 9.5, "user": "c"})),
        call("5", month.day(3, "00:00:00"), json!({"bytes": -1, "user": "d"})),
        {"id": "6", "type": "unheard-of", "time": month.day(3, "00:00:00"), "data": {}},
    ]});
    let answer = tenant.post("/v1/usage/events", &events).await.unwrap();
    let statuses: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect();
    let expect = ["accepted", "accepted", "duplicate", "accepted", "accepted", "rejected", "rejected"];
    assert_eq!(statuses, expect, "{answer:#}");
}

async fn counted_once(tenant: &Api, month: &LastMonth) {
    let range = format!("from={}T00:00:00Z&to={}T00:00:00Z", month.first, month.end);
    let path = format!("/v1/usage?meter=bytes&{range}&window=day&groupBy=region");
    let usage = until(&path, tenant, |usage| usage["total"] == "130").await;
    let days: Vec<String> = usage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {}={}",
                &row["start"].as_str().unwrap()[8..10],
                row["group"]["region"].as_str().unwrap(),
                row["value"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(days, ["01 eu=60", "02 eu=20", "02 us=40.5", "28 =9.5"]);
    for (meter, total) in [("calls", "4"), ("users", "3"), ("peak", "60")] {
        let usage = tenant.get(&format!("/v1/usage?meter={meter}&{range}")).await.unwrap();
        assert_eq!(usage["total"], total, "{meter}");
    }
}

/// The one invoice: 10.00 base, 3 × 0.25, 100 × 0.10 + 30 × 0.05 + 1.00, 3 × 0.333 → 1.00, and 60 × 0.001.
async fn billed(tenant: &Api) -> Value {
    let list = until("/v1/invoices", tenant, |list| !list["data"].as_array().unwrap().is_empty()).await;
    let [invoice] = list["data"].as_array().unwrap().as_slice() else { panic!("one period, one invoice: {list:#}") };
    let amounts: Vec<i64> =
        invoice["lines"].as_array().unwrap().iter().map(|line| line["amountMinor"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [1000, 75, 1250, 100, 6], "{invoice:#}");
    assert_eq!((invoice["totalMinor"].as_i64(), invoice["number"].as_str()), (Some(2431), Some("ACME-0001")));
    assert_eq!(invoice["status"], "open");
    let id = invoice["id"].as_str().unwrap();
    until(&format!("/v1/invoices/{id}"), tenant, |invoice| invoice["pdf"].is_object()).await
}

async fn printed(tenant: &Api, invoice: &Value) {
    let link = tenant.get(&format!("/v1/invoices/{}/pdf", invoice["id"].as_str().unwrap())).await.unwrap();
    let pdf = tenant.download(link["url"].as_str().unwrap()).await.unwrap();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 5_000, "{} bytes", pdf.len());
}

async fn announced(tenant: &Api, receiver: &Receiver, invoice: &Value) {
    let all_delivered = |list: &Value| {
        let deliveries = list["data"].as_array().unwrap();
        deliveries.len() == 4 && deliveries.iter().all(|delivery| delivery["status"] == "delivered")
    };
    until("/v1/webhooks/deliveries", tenant, all_delivered).await;
    let calls = receiver.calls("acme");
    let types: std::collections::BTreeSet<&str> =
        calls.iter().map(|call| call.event["type"].as_str().unwrap()).collect();
    let expect = ["billing.period.closed.v1", "invoice.created.v1", "invoice.finalized.v1", "invoice.ready.v1"];
    assert_eq!(types.into_iter().collect::<Vec<_>>(), expect);
    assert_eq!(receiver.refused(), 0, "every signature is right");
    let ready = calls.iter().find(|call| call.event["type"] == "invoice.ready.v1").unwrap();
    assert_eq!(ready.event["data"]["digest"], invoice["digest"]);
    let correlation_ids: std::collections::BTreeSet<&str> =
        calls.iter().map(|call| call.event["correlationid"].as_str().unwrap()).collect();
    assert_eq!(correlation_ids.len(), 1, "one request, one correlation id through every hop");
}

/// A tenant sees nobody else, and a revoked key sees nothing.
async fn walls(platform: &Api, tenant: &Api) {
    platform.post("/v1/tenants", &json!({"slug": "other", "name": "Other"})).await.unwrap();
    let key = platform.post("/v1/api-keys?tenant=other", &json!({"name": "other"})).await.unwrap();
    let other = platform.with_key(key["key"].as_str().unwrap());
    let invoice = tenant.get("/v1/invoices").await.unwrap()["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(status(&other, &format!("/v1/invoices/{invoice}")).await, 404);
    assert_eq!(status(&other, "/v1/invoices?tenant=acme").await, 404);
    assert_eq!(other.get("/v1/invoices").await.unwrap()["data"], json!([]));
    platform.delete(&format!("/v1/api-keys/{}?tenant=other", key["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(status(&other, "/v1/invoices").await, 401);
}

async fn status(api: &Api, path: &str) -> u16 {
    match api.get(path).await {
        Err(meterline::demo::ClientError::Refused { status, .. }) => status.as_u16(),
        other => panic!("{path} was not refused: {other:?}"),
    }
}

/// Asks for `path` until the answer is as it will be.
async fn until(path: &str, api: &Api, done: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..LOOKS_MAX {
        last = api.get(path).await.unwrap();
        if done(&last) {
            return last;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{path} never came to be as expected: {last:#}");
}
