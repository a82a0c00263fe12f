//! Each resource by its good path: what was created is answered, stored, and found again.

use crate::{
    harness::{Api, Extra, PLATFORM_KEY},
    routes::{self, furnished},
};
use axum::http::Method;
use meterline::aws::{Fault, Service};
use serde_json::{Value, json};

/// Checks the members of `expect` in `body`.
fn holds(body: &Value, expect: &Value) {
    for (name, value) in expect.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name} of {body:#}");
    }
}

#[tokio::test]
async fn a_tenant_is_found_by_id_and_slug_and_changes_but_for_what_is_fixed() {
    let api = Api::open().await;
    let new = json!({
        "slug": "initech", "name": "株式会社 Initech", "email": "billing@initech.example", "taxId": "DE1",
        "address": ["Road 1", "Germany"], "timeZone": "Europe/Berlin", "locale": "ja",
    });
    let made = api.post("/v1/tenants", PLATFORM_KEY, &new).await.good();
    assert_eq!(made.status, 201);
    holds(&made.body, &new);
    assert_eq!(made.body["createdAt"], "2026-06-01T00:30:00Z");
    let id = made.text("id");
    let patch = r#"{"name":"Initech AG","email":null,"locale":"de"}"#;
    let extra = Extra { headers: &[("content-type", "application/json")], body: Some(patch) };
    let changed = api.call(Method::PATCH, "/v1/tenants/initech", Some(PLATFORM_KEY), extra).await.good();
    holds(
        &changed.body,
        &json!({"name": "Initech AG", "email": null, "taxId": "DE1", "slug": "initech", "locale": "de"}),
    );
    for name in ["initech", &id] {
        let found = api.get(&format!("/v1/tenants/{name}"), PLATFORM_KEY).await.good();
        assert_eq!(found.body, changed.body, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let api = Api::open().await;
    let new = json!({"name": "ci", "mode": "test", "expiresAt": "2026-07-01T00:00:00Z"});
    let made = api.post("/v1/api-keys", &api.acme.key, &new).await.good();
    let key = made.text("key");
    assert!(key.starts_with("ml_test_") && key.len() == 51, "8 characters and 43 of base64: {}", key.len());
    holds(
        &made.body,
        &json!({"name": "ci", "preview": &key[..12], "expiresAt": "2026-07-01T00:00:00Z", "revokedAt": null}),
    );
    let list = api.get("/v1/api-keys", &key).await.good().body;
    let listed = list["data"].as_array().unwrap().iter().find(|listed| listed["id"] == made.body["id"]).unwrap();
    assert_eq!(listed["name"], "ci");
    assert!(!list.to_string().contains(&key), "a list shows no secret");
}

#[tokio::test]
async fn a_meter_is_found_by_its_slug() {
    let api = Api::open().await.with_meters().await;
    let found = api.get("/v1/meters/bytes", &api.acme.key).await.good();
    let dimensions = json!([{"name": "region", "path": "$.region"}, {"name": "verb", "path": "$.verb"}]);
    holds(
        &found.body,
        &json!({
            "slug": "bytes", "eventType": "call", "aggregation": "sum", "valuePath": "$.bytes", "dimensions": dimensions,
        }),
    );
    assert_eq!(api.get("/v1/meters/nothing", &api.acme.key).await.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn a_published_version_never_changes() {
    let api = Api::open().await.with_meters().await;
    let first = api.post("/v1/plans", PLATFORM_KEY, &routes::plan("pro")).await.good();
    holds(&first.body, &json!({"slug": "pro", "version": 1, "currency": "EUR", "baseFeeMinor": 0}));
    assert_eq!(first.body["interval"], json!({"unit": "month", "count": 1}));
    let model = json!({"type": "graduated", "tiers": [
        {"upTo": "1000", "unitPrice": "0.10", "flatFee": "5"}, {"upTo": null, "unitPrice": 0},
    ]});
    let price = json!({"key": "calls", "name": "Calls", "meter": "calls", "included": 100, "model": model});
    let second = json!({
        "name": "Pro 2", "currency": "JPY", "baseFeeMinor": 1900, "prices": [price],
        "interval": {"unit": "quarter", "count": 2},
    });
    let second = api.post("/v1/plans/pro/versions", PLATFORM_KEY, &second).await.good();
    assert_eq!((second.status.as_u16(), &second.body["version"]), (201, &json!(2)));
    assert_eq!(second.body["prices"][0]["included"], "100");
    assert_eq!(
        second.body["prices"][0]["model"],
        json!({"type": "graduated", "tiers": [
            {"upTo": "1000", "unitPrice": "0.1", "flatFee": "5"}, {"upTo": null, "unitPrice": "0", "flatFee": "0"},
        ]})
    );
    for (query, expect) in [("?version=1", &first.body), ("?version=2", &second.body), ("", &second.body)] {
        assert_eq!(&api.get(&format!("/v1/plans/pro{query}"), &api.acme.key).await.good().body, expect, "{query}");
    }
    assert_eq!(api.get("/v1/plans/pro?version=3", &api.acme.key).await.outcome(), (404, "not_found"));
    assert_eq!(api.get("/v1/plans/pro?version=0", &api.acme.key).await.outcome(), (400, "invalid_parameter"));
    let list = api.get("/v1/plans", &api.acme.key).await.good().body;
    holds(&list["data"][0], &json!({"slug": "pro", "name": "Pro 2", "latestVersion": 2}));
}

#[tokio::test]
async fn a_subscription_starts_today_where_the_tenant_is() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("basic")).await.good();
    let new = json!({"plan": "basic"});
    let made = api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &new).await.good();
    holds(
        &made.body,
        &json!({
            "tenantId": api.acme.id, "startsOn": "2026-06-01", "anchor": "calendar", "timeZone": "Europe/Berlin",
            "nextPeriod": 0, "currentPeriod": {"start": "2026-05-31T22:00:00Z", "end": "2026-06-30T22:00:00Z"},
        }),
    );
    let path = format!("/v1/subscriptions/{}", made.text("id"));
    assert_eq!(api.get(&path, &api.acme.key).await.good().body, made.body);
    let new = json!({"plan": "basic", "version": 1, "startsOn": "2026-05-17", "anchor": "anniversary"});
    let made = api.post("/v1/subscriptions?tenant=globex", PLATFORM_KEY, &new).await.good();
    let period = json!({"start": "2026-05-17T00:00:00Z", "end": "2026-06-17T00:00:00Z"});
    holds(&made.body, &json!({"anchor": "anniversary", "currentPeriod": period}));
}

#[tokio::test]
async fn an_invoice_is_answered_with_its_lines() {
    let (api, rows) = furnished().await;
    let path = &rows.iter().find(|row| row.route == "/v1/invoices/{id}").unwrap().path;
    let invoice = api.get(path, &api.acme.key).await.good().body;
    holds(
        &invoice,
        &json!({
            "tenantId": api.acme.id, "status": "open", "number": "ACME-0001", "currency": "EUR", "totalMinor": 1900,
            "firstDay": "2026-05-01", "lastDay": "2026-05-31", "dueAt": "2026-06-15T00:30:00Z", "pdf": null,
        }),
    );
    let line = json!({
        "kind": "fee", "key": "base", "description": "Basic", "exact": "19", "amountMinor": 1900, "tiers": [],
        "subLines": [], "steps": [], "days": {"active": 31, "full": 31},
    });
    assert_eq!(invoice["lines"], json!([line]));
    let lines = api.get(&format!("{path}/lines"), &api.acme.key).await.good().body;
    assert_eq!(lines, json!({"data": [line], "nextCursor": null}));
    let pdf = api.get(&format!("{path}/pdf"), &api.acme.key).await;
    assert_eq!((pdf.outcome(), pdf.header("retry-after")), ((409, "pdf_not_ready"), Some("1")));
}

#[tokio::test]
async fn an_endpoint_is_gone_when_it_is_deleted() {
    let api = Api::open().await;
    let new = json!({"url": "https://acme.example/hook", "eventTypes": ["invoice.ready.v1"]});
    let made = api.post("/v1/webhooks/endpoints", &api.acme.key, &new).await.good();
    assert!(made.text("secret").starts_with("whsec_"));
    let list = api.get("/v1/webhooks/endpoints", &api.acme.key).await.good().body;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    holds(&list["data"][0], &new);
    assert!(list["data"][0]["secret"].is_null(), "a list shows no secret");
    let path = format!("/v1/webhooks/endpoints/{}", made.text("id"));
    let delete = async || api.call(Method::DELETE, &path, Some(&api.acme.key), Extra::default()).await.status.as_u16();
    assert_eq!((delete().await, delete().await), (204, 404));
    assert_eq!(api.get("/v1/webhooks/endpoints", &api.acme.key).await.good().body["data"], json!([]));
}

#[tokio::test]
async fn a_local_platform_may_call_itself() {
    let api = Api::open_with(true).await;
    for url in ["http://127.0.0.1:8080/hook", "http://localhost/hook"] {
        api.post("/v1/webhooks/endpoints", &api.acme.key, &json!({"url": url})).await.good();
    }
}

#[tokio::test]
async fn a_delivery_has_its_receipts() {
    let (api, rows) = furnished().await;
    let path = &rows.iter().find(|row| row.route == "/v1/webhooks/deliveries/{id}").unwrap().path;
    let delivery = api.get(path, &api.acme.key).await.good().body;
    holds(
        &delivery,
        &json!({
            "eventType": "invoice.ready.v1", "status": "pending", "attempts": 1, "body": "{\"type\":\"invoice.ready.v1\"}",
            "nextAttemptAt": "2026-06-01T00:30:00Z",
            "receipts": [{"number": 1, "attemptedAt": "2026-06-01T00:30:00Z", "status": 500, "error": null, "durationMs": 12}],
        }),
    );
}

#[tokio::test]
async fn a_failure_of_aws_is_answered_by_what_it_means() {
    let api = Api::open().await.with_meters().await;
    let new = json!({"slug": "initech", "name": "Initech"});
    let rows = [
        (Fault::Refuse, 1, (503, "unavailable"), Some("1")),
        // A lost race is run again, and only losing every one of them is an answer.
        (Fault::TransactionConflict, 4, (409, "conflict"), Some("1")),
        (Fault::TransactionConflict, 3, (201, "-"), None),
    ];
    for (fault, times, expect, retry_after) in rows {
        let transacts = |call: &meterline::aws::Call| call.operation == "TransactWriteItems";
        api.platform.aws().faults().fail_when(times, fault, transacts);
        let answer = api.post("/v1/tenants", PLATFORM_KEY, &new).await;
        assert_eq!((answer.outcome(), answer.header("retry-after")), (expect, retry_after), "{fault:?}");
    }
    api.platform.aws().faults().fail_next(Service::DynamoDb, "GetItem", Fault::Refuse);
    assert_eq!(api.get("/v1/tenants", &api.acme.key).await.outcome(), (503, "unavailable"));
}
