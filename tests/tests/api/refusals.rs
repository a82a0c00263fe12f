//! Requests that are refused as a whole: by status, by code, and by the field.

use crate::{
    harness::{Answer, Api, Extra, PLATFORM_KEY},
    routes,
};
use axum::http::Method;
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_route_has_its_methods_and_its_content_type() {
    let api = Api::open().await;
    let key = Some(PLATFORM_KEY);
    let large = format!(r#"{{"slug":"{}"}}"#, "x".repeat(1024 * 1024));
    type Row<'a> = (&'a str, &'a str, Option<&'a str>, &'a [(&'a str, &'a str)], &'a str, (u16, &'a str));
    let rows: [Row<'_>; 12] = [
        ("GET", "/", None, &[], "", (404, "not_found")),
        ("GET", "/v1", None, &[], "", (404, "not_found")),
        ("GET", "/v1/nothing", key, &[], "", (404, "not_found")),
        ("GET", "/v1/tenants/", key, &[], "", (404, "not_found")),
        ("PUT", "/v1/tenants", key, &[JSON], "{}", (405, "method_not_allowed")),
        ("DELETE", "/health", None, &[], "", (405, "method_not_allowed")),
        ("POST", "/v1/tenants", key, &[], "{}", (415, "unsupported_media_type")),
        ("POST", "/v1/tenants", key, &[("content-type", "text/plain")], "{}", (415, "unsupported_media_type")),
        ("POST", "/v1/tenants", key, &[JSON], &large, (413, "body_too_large")),
        ("POST", "/v1/usage/events", key, &[JSON], &large, (413, "body_too_large")),
        ("POST", "/v1/tenants", key, &[JSON], "", (400, "malformed_json")),
        ("POST", "/v1/tenants", key, &[JSON], "{", (400, "malformed_json")),
    ];
    for (method, path, key, headers, body, expect) in rows {
        let answer = api.call(method.parse().unwrap(), path, key, Extra { headers, body: Some(body) }).await;
        assert_eq!(answer.outcome(), expect, "{method} {path} {headers:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::open().await;
    let answer = api.call(Method::PUT, "/v1/tenants", Some(PLATFORM_KEY), Extra::default()).await;
    let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

/// Status, code, and pointer and code of the first field.
fn refusal(answer: &Answer) -> (u16, String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let field = &answer.body["errors"][0];
    (answer.status.as_u16(), text(&answer.body["code"]), text(&field["pointer"]), text(&field["code"]))
}

async fn check(api: &Api, path: &str, body: &Value, expect: (u16, &str, &str, &str)) {
    let answer = api.post(path, PLATFORM_KEY, body).await;
    let (status, code, pointer, field) = refusal(&answer);
    assert_eq!((status, code.as_str(), pointer.as_str(), field.as_str()), expect, "POST {path} {body}");
}

/// `base` with the members of `change` in it; a `null` takes one out.
fn with(base: &Value, change: Value) -> Value {
    let mut body = base.clone();
    let (Value::Object(members), Value::Object(change)) = (&mut body, change) else { panic!("both are objects") };
    for (name, value) in change {
        if value.is_null() {
            members.remove(&name)
        } else {
            members.insert(name, value)
        };
    }
    body
}

#[tokio::test]
async fn a_tenant_is_refused_by_the_field() {
    let api = Api::open().await;
    let good = json!({"slug": "initech", "name": "Initech"});
    let rows = [
        (json!({"colour": "red"}), (400, "unknown_field", "/colour", "unknown_field")),
        (json!({"name": 5}), (400, "invalid_body", "/name", "invalid_body")),
        (json!({"name": null}), (400, "invalid_body", "", "invalid_body")),
        (json!({"slug": "Initech!"}), (422, "invalid_request", "/slug", "invalid_slug")),
        (json!({"name": " "}), (422, "invalid_request", "/name", "invalid_name")),
        (json!({"timeZone": "Moon/Base"}), (422, "invalid_request", "/timeZone", "unknown_time_zone")),
        (json!({"locale": "xx"}), (422, "invalid_request", "/locale", "unknown_locale")),
        (json!({"email": "nobody"}), (422, "invalid_request", "/email", "invalid_email")),
        (
            json!({"address": ["1", "2", "3", "4", "5", "6", "7"]}),
            (422, "invalid_request", "/address", "too_many_lines"),
        ),
        (json!({"slug": "acme"}), (409, "slug_taken", "/slug", "slug_taken")),
    ];
    for (change, expect) in rows {
        check(&api, "/v1/tenants", &with(&good, change), expect).await;
    }
    let path = "/v1/tenants/acme";
    for body in [r#"{"slug":"other"}"#, r#"{"timeZone":"UTC"}"#] {
        let answer =
            api.call(Method::PATCH, path, Some(PLATFORM_KEY), Extra { headers: &[JSON], body: Some(body) }).await;
        assert_eq!(answer.outcome(), (400, "unknown_field"), "{body}");
    }
}

#[tokio::test]
async fn a_meter_is_refused_by_the_field() {
    let api = Api::open().await.with_meters().await;
    let good =
        json!({"slug": "peak", "name": "Peak", "eventType": "call", "aggregation": "max", "valuePath": "$.bytes"});
    let rows = [
        (json!({"aggregation": "median"}), (400, "invalid_body", "/aggregation", "invalid_body")),
        (json!({"valuePath": null}), (422, "invalid_request", "/valuePath", "required")),
        (json!({"aggregation": "count"}), (422, "invalid_request", "/valuePath", "not_allowed")),
        (json!({"valuePath": "bytes"}), (422, "invalid_request", "/valuePath", "invalid_path")),
        (json!({"eventType": ""}), (422, "invalid_request", "/eventType", "invalid_event_type")),
        (
            json!({"dimensions": [{"name": "a", "path": "a"}]}),
            (422, "invalid_request", "/dimensions/0/path", "invalid_path"),
        ),
        (
            json!({"dimensions": [{"name": "a", "where": "$.a"}]}),
            (400, "unknown_field", "/dimensions/0/where", "unknown_field"),
        ),
        (json!({"slug": "calls"}), (409, "slug_taken", "/slug", "slug_taken")),
    ];
    for (change, expect) in rows {
        check(&api, "/v1/meters", &with(&good, change), expect).await;
    }
}

#[tokio::test]
async fn a_plan_is_refused_by_the_field() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("basic")).await.good();
    let good = routes::plan("pro");
    let price = |change: Value| json!({"prices": [with(&good["prices"][0], change)]});
    let tiers = |tiers: Value| price(json!({"model": {"type": "graduated", "tiers": tiers}}));
    let rows = [
        (json!({"currency": "XXX"}), (422, "invalid_request", "/currency", "unknown_currency")),
        (json!({"baseFeeMinor": -1}), (422, "invalid_request", "/baseFeeMinor", "base_fee_negative")),
        (json!({"baseFeeMinor": 9.5}), (400, "invalid_body", "/baseFeeMinor", "invalid_body")),
        (
            json!({"interval": {"unit": "month", "count": 0}}),
            (422, "invalid_request", "/interval/count", "interval_out_of_range"),
        ),
        (json!({"interval": {"unit": "decade", "count": 1}}), (400, "invalid_body", "/interval/unit", "invalid_body")),
        (price(json!({"meter": "unheard-of"})), (422, "invalid_request", "/prices/0/meter", "unknown_meter")),
        (price(json!({"included": 0.5})), (400, "invalid_body", "/prices/0/included", "invalid_body")),
        (price(json!({"included": "-1"})), (422, "invalid_request", "/prices/0/included", "included_negative")),
        (price(json!({"key": "base"})), (422, "invalid_request", "/prices/0/key", "reserved_key")),
        (
            price(json!({"model": {"type": "perUnit", "unitPrice": 0.1}})),
            (400, "invalid_body", "/prices/0/model/unitPrice", "invalid_body"),
        ),
        (
            price(json!({"model": {"type": "perUnit", "unitPrice": "ten"}})),
            (422, "invalid_request", "/prices/0/model/unitPrice", "not_a_number"),
        ),
        (
            price(json!({"modifiers": {"spendMinimum": "9", "commitment": {"amount": "9"}}})),
            (422, "invalid_request", "/prices/0/modifiers/spendMinimum", "minimum_and_commitment"),
        ),
        (
            price(json!({"model": {"type": "perUnit", "unitPrice": "0.1", "upTo": "5"}})),
            (400, "unknown_field", "/prices/0/model/upTo", "unknown_field"),
        ),
        (tiers(json!([])), (422, "invalid_request", "/prices/0/model/tiers", "tier_count")),
        (
            tiers(json!([{"upTo": "5", "unitPrice": "1"}, {"upTo": "5", "unitPrice": "1"}, {"unitPrice": "1"}])),
            (422, "invalid_request", "/prices/0/model/tiers/1/upTo", "tier_order"),
        ),
        (json!({"slug": "basic"}), (409, "slug_taken", "/slug", "slug_taken")),
    ];
    for (change, expect) in rows {
        check(&api, "/v1/plans", &with(&good, change), expect).await;
    }
    check(&api, "/v1/plans/basic/versions", &good, (400, "unknown_field", "/slug", "unknown_field")).await;
    let version = with(&good, json!({"slug": null}));
    check(&api, "/v1/plans/nothing/versions", &version, (404, "not_found", "", "")).await;
}

#[tokio::test]
async fn a_subscription_is_refused_by_the_field() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("basic")).await.good();
    let good = json!({"plan": "basic"});
    let rows = [
        (json!({"plan": "nothing"}), (422, "invalid_request", "/plan", "unknown_plan")),
        (json!({"version": 2}), (422, "invalid_request", "/version", "unknown_plan")),
        (json!({"version": 0}), (400, "invalid_body", "/version", "invalid_body")),
        (json!({"startsOn": "2024-01-01"}), (422, "invalid_request", "/startsOn", "date_out_of_range")),
        (json!({"startsOn": "tomorrow"}), (400, "invalid_body", "/startsOn", "invalid_body")),
        (json!({"anchor": "lunar"}), (400, "invalid_body", "/anchor", "invalid_body")),
    ];
    for (change, expect) in rows {
        check(&api, "/v1/subscriptions?tenant=acme", &with(&good, change), expect).await;
    }
}

#[tokio::test]
async fn a_key_and_an_endpoint_are_refused_by_the_field() {
    let api = Api::open().await;
    let rows = [
        ("/v1/api-keys", json!({"name": ""}), (422, "invalid_request", "/name", "invalid_name")),
        ("/v1/api-keys", json!({"name": "k", "mode": "fast"}), (400, "invalid_body", "/mode", "invalid_body")),
        (
            "/v1/api-keys",
            json!({"name": "k", "expiresAt": crate::harness::NOW}),
            (422, "invalid_request", "/expiresAt", "expires_in_past"),
        ),
        (
            "/v1/webhooks/endpoints",
            json!({"url": "http://acme.example/"}),
            (422, "invalid_request", "/url", "insecure_url"),
        ),
        (
            "/v1/webhooks/endpoints",
            json!({"url": "https://10.0.0.1/"}),
            (422, "invalid_request", "/url", "private_address"),
        ),
        (
            "/v1/webhooks/endpoints",
            json!({"url": "https://acme.example/", "eventTypes": ["invoice.paid.v9"]}),
            (422, "invalid_request", "/eventTypes/0", "unknown_event_type"),
        ),
    ];
    for (path, body, expect) in rows {
        check(&api, &format!("{path}?tenant=acme"), &body, expect).await;
    }
}

#[tokio::test]
async fn a_tenant_has_twenty_endpoints_and_no_more() {
    let api = Api::open().await;
    let new = json!({"url": "https://acme.example/hook"});
    for _ in 0..20 {
        api.post("/v1/webhooks/endpoints", &api.acme.key, &new).await.good();
    }
    let refused = api.post("/v1/webhooks/endpoints", &api.acme.key, &new).await;
    assert_eq!(refused.outcome(), (409, "too_many_endpoints"));
    api.post("/v1/webhooks/endpoints", &api.globex.key, &new).await.good();
}

#[tokio::test]
async fn a_refusal_and_a_success_carry_the_correlation_id() {
    let api = Api::open().await;
    let call = async |path: &str, sent: &str| {
        let headers = [("x-correlation-id", sent)];
        let answer = api.call(Method::GET, path, Some(PLATFORM_KEY), Extra { headers: &headers, body: None }).await;
        (answer.header("x-correlation-id").unwrap().to_owned(), answer.body["correlationId"].clone())
    };
    assert_eq!(call("/v1/tenants", "req-1").await, ("req-1".to_owned(), Value::Null));
    assert_eq!(call("/v1/nothing", "req-2").await, ("req-2".to_owned(), json!("req-2")));
    // What is no id is replaced, and not echoed.
    let (made, _) = call("/v1/tenants", "two words").await;
    assert_eq!(made.len(), 36, "{made} is a UUID");
}
