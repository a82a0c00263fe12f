//! What becomes of a tenant that is no customer any more.

use crate::harness::{Api, PLATFORM_KEY};
use serde_json::{Value, json};

#[tokio::test]
async fn a_tenant_is_canceled_after_its_subscriptions_and_charged_nothing_new() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &crate::routes::plan("basic")).await.good();
    let new = json!({"plan": "basic", "startsOn": "2026-06-01"});
    let id = api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &new).await.good().text("id");
    let cancel = json!({"status": "canceled", "name": "Acme (gone)"});
    let refused = api.patch("/v1/tenants/acme", &cancel).await;
    assert_eq!(refused.outcome(), (409, "subscriptions_running"));
    let before = api.get("/v1/tenants/acme", PLATFORM_KEY).await.good().body;
    assert_eq!((&before["status"], &before["canceledAt"]), (&json!("active"), &Value::Null));
    assert_ne!(before["name"], "Acme (gone)", "nothing is half done");

    let changes = format!("/v1/subscriptions/{id}/changes");
    let change = async |path: &str, body: Value| api.post(&format!("{path}?tenant=acme"), PLATFORM_KEY, &body).await;
    change(&changes, json!({"type": "cancel", "when": "periodEnd"})).await.good();
    let canceled = api.patch("/v1/tenants/acme", &cancel).await.good().body;
    assert_eq!((&canceled["status"], &canceled["canceledAt"]), (&json!("canceled"), &json!("2026-06-01T00:30:00Z")));
    let again = api.patch("/v1/tenants/acme", &json!({"status": "canceled"})).await.good().body;
    assert_eq!(again["canceledAt"], canceled["canceledAt"]);

    // What this process remembers of the tenant is forgotten after ten seconds.
    api.platform.world().clock().turn_to("2026-06-01T00:31:00Z".parse().unwrap());
    let one_off = json!({"currency": "EUR", "lines": [{"description": "Set-up", "unitPrice": "3"}]});
    let grant = json!({"tenant": "acme", "name": "Prepaid", "kind": "paid", "amountMinor": 1500, "currency": "EUR"});
    let rows = [
        ("/v1/subscriptions?tenant=acme".to_owned(), new),
        (format!("{changes}?tenant=acme"), json!({"type": "undo"})),
        (format!("{changes}/preview?tenant=acme"), json!({"type": "undo"})),
        ("/v1/invoices?tenant=acme".to_owned(), one_off),
        ("/v1/credits/grants".to_owned(), grant),
        ("/v1/plans/basic/overrides?tenant=acme".to_owned(), json!({"offers": [{"baseFeeMinor": 1}]})),
    ];
    for (path, body) in &rows {
        assert_eq!(api.post(path, PLATFORM_KEY, body).await.outcome(), (409, "tenant_canceled"), "{path}");
    }
    let event = json!({"events": [{"id": "late", "type": "call", "data": {"bytes": 1}}]});
    let answer = api.post("/v1/usage/events", &api.acme.key, &event).await.body;
    assert_eq!(answer["results"][0]["code"], "tenant_canceled", "{answer:#}");
    let subscription = api.get(&format!("/v1/subscriptions/{id}"), &api.acme.key).await.good().body;
    assert_eq!(
        (&subscription["endsOn"], &subscription["pending"]["status"]),
        (&json!("2026-07-01"), &json!("canceled"))
    );

    api.patch("/v1/tenants/acme", &json!({"status": "active"})).await.good();
    api.platform.world().clock().turn_to("2026-06-01T00:32:00Z".parse().unwrap());
    change(&changes, json!({"type": "undo"})).await.good();
}
