//! Who may do what: every route against every kind of key.

use crate::{
    harness::{Api, Extra, PLATFORM_KEY},
    routes::{Audience, Row, documented, furnished},
};
use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;
use std::collections::BTreeSet;
use tower::ServiceExt;

#[tokio::test]
async fn every_route_has_a_row() {
    let (api, rows) = furnished().await;
    let rows: BTreeSet<_> = rows.iter().map(|row| (row.method.to_string(), row.route.to_owned())).collect();
    assert_eq!(rows, documented(&api).await);
}

#[tokio::test]
async fn every_route_answers_the_right_key() {
    let (api, rows) = furnished().await;
    for row in rows {
        let (request, key) = row.good(&api);
        let answer = request.send(&api, key.as_deref()).await;
        assert_eq!(answer.status.as_u16(), row.status, "{} {}: {answer:#?}", row.method, row.path);
    }
}

#[tokio::test]
async fn every_route_refuses_a_key_that_does_not_work() {
    let (api, rows) = furnished().await;
    let revoked = api.post("/v1/api-keys", &api.acme.key, &json!({"name": "revoked"})).await.good();
    let path = format!("/v1/api-keys/{}", revoked.text("id"));
    api.call(Method::DELETE, &path, Some(&api.acme.key), Extra::default()).await.good();
    let soon = json!({"name": "expired", "expiresAt": "2026-06-01T00:31:00Z"});
    let expired = api.post("/v1/api-keys", &api.acme.key, &soon).await.good();
    api.platform.world().clock().turn_to("2026-06-01T00:31:00Z".parse().unwrap());
    let keys = [None, Some("ml_live_nobody".to_owned()), Some(revoked.text("key")), Some(expired.text("key"))];
    for row in rows.iter().filter(|row| row.audience != Audience::Open) {
        for key in &keys {
            let (request, _) = row.good(&api);
            let answer = request.send(&api, key.as_deref()).await;
            assert_eq!(answer.outcome(), (401, "unauthenticated"), "{} {} with {key:?}", row.method, row.path);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn a_route_of_the_platforms_refuses_a_tenants_key() {
    let (api, rows) = furnished().await;
    let platforms = [Audience::Platform, Audience::PlatformForTenant];
    for row in rows.iter().filter(|row| platforms.contains(&row.audience)) {
        let answer = row.send(&api, Some(&api.acme.key)).await;
        assert_eq!(answer.outcome(), (403, "forbidden"), "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn an_id_of_another_tenants_is_not_found() {
    let (api, rows) = furnished().await;
    let mut checked = 0;
    for row in rows.iter().filter(|row| row.is_about_acme()) {
        let answer = row.send(&api, Some(&api.globex.key)).await;
        let platforms = row.audience == Audience::PlatformForTenant;
        let refused = if platforms { (403, "forbidden") } else { (404, "not_found") };
        assert_eq!(answer.outcome(), refused, "{} {}", row.method, row.path);
        checked += 1;
        if row.route.contains("{id}") {
            let answer = row.with("tenant", "globex").send(&api, Some(PLATFORM_KEY)).await;
            assert_eq!(answer.outcome(), (404, "not_found"), "{} {}", row.method, row.path);
        }
    }
    assert_eq!(checked, 29, "every route with an id was checked");
}

fn of_tenants(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let named = [Audience::Tenant, Audience::PlatformForTenant, Audience::TenantUnlessNamed];
    rows.iter().filter(move |row| named.contains(&row.audience) && !row.route.contains("{tenant}"))
}

#[tokio::test]
async fn a_tenants_key_cannot_name_another_tenant() {
    let (api, rows) = furnished().await;
    for row in of_tenants(&rows).filter(|row| row.audience != Audience::PlatformForTenant) {
        for other in ["globex", &api.globex.id, "nobody", "ten_00000000000000000000000000000000"] {
            let answer = row.with("tenant", other).send(&api, Some(&api.acme.key)).await;
            assert_eq!(answer.outcome(), (404, "not_found"), "{} {} for {other}", row.method, row.path);
        }
    }
}

#[tokio::test]
async fn a_tenants_key_may_name_its_own() {
    let (api, rows) = furnished().await;
    for row in of_tenants(&rows).filter(|row| row.method == Method::GET) {
        for own in ["acme", &api.acme.id] {
            let answer = row.with("tenant", own).send(&api, Some(&api.acme.key)).await;
            assert_eq!(answer.status.as_u16(), row.status, "{} {}", row.method, row.path);
        }
    }
}

#[tokio::test]
async fn the_platform_must_name_a_tenant_that_exists() {
    let (api, rows) = furnished().await;
    for row in of_tenants(&rows) {
        let answer = row.send(&api, Some(PLATFORM_KEY)).await;
        if row.audience == Audience::TenantUnlessNamed {
            assert_eq!(answer.body["results"][0]["code"], "subject_required");
        } else {
            assert_eq!(answer.outcome(), (400, "tenant_required"), "{} {}", row.method, row.path);
        }
        let answer = row.with("tenant", "nobody").send(&api, Some(PLATFORM_KEY)).await;
        assert_eq!(answer.outcome(), (404, "not_found"), "{} {}", row.method, row.path);
    }
}

#[tokio::test]
async fn a_revoked_key_stops_at_once_and_its_neighbour_does_not() {
    let api = Api::open().await;
    let made = api.post("/v1/api-keys", &api.acme.key, &json!({"name": "short"})).await.good();
    let (id, key) = (made.text("id"), made.text("key"));
    assert_eq!(api.get("/v1/api-keys", &key).await.status, 200);
    let path = format!("/v1/api-keys/{id}");
    let revoke = async || api.call(Method::DELETE, &path, Some(&api.acme.key), Extra::default()).await.status.as_u16();
    assert_eq!((revoke().await, revoke().await), (204, 204));
    assert_eq!(api.get("/v1/api-keys", &key).await.outcome(), (401, "unauthenticated"));
    assert_eq!(api.get("/v1/api-keys", &api.acme.key).await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_stops_within_ten_seconds_in_the_other_processes() {
    let api = Api::open().await;
    let made = api.post("/v1/api-keys", &api.acme.key, &json!({"name": "short"})).await.good();
    let (id, key) = (made.text("id"), made.text("key"));
    let elsewhere = api.platform.router();
    let status = async || {
        let request = Request::get("/v1/api-keys").header("authorization", format!("Bearer {key}"));
        elsewhere.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);
    api.call(Method::DELETE, &format!("/v1/api-keys/{id}"), Some(&api.acme.key), Extra::default()).await;
    for (time, expect) in [("00:30:00", 200), ("00:30:09.999", 200), ("00:30:10", 401), ("00:30:00", 401)] {
        api.platform.world().clock().turn_to(format!("2026-06-01T{time}Z").parse().unwrap());
        assert_eq!(status().await, expect, "{time}");
    }
}
