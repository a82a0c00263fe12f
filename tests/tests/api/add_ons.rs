//! Add-ons beside a plan, and prices that one tenant alone pays.

use crate::harness::{Answer, Api, PLATFORM_KEY};
use serde_json::{Value, json};

/// The plan `pro` in EUR and USD by the month, the add-on `support` in EUR by the month, and `archive`, in USD alone.
async fn open() -> Api {
    let api = Api::open().await.with_meters().await;
    let offer = |currency: &str, fee: i64| json!({"currency": currency, "baseFeeMinor": fee, "prices": [calls("1")]});
    for plan in [
        json!({"slug": "pro", "name": "Pro", "offers": [offer("EUR", 3000), offer("USD", 3300)]}),
        json!({"slug": "support", "kind": "addOn", "name": "Support", "currency": "EUR", "baseFeeMinor": 900, "prices": [
            calls("0.5"),
            {"key": "desks", "name": "Desks", "model": {"type": "seats", "unitPrice": "2"}},
            {"key": "setup", "name": "Setup", "timing": "once", "model": {"type": "flat", "amount": "49"}},
        ]}),
        json!({"slug": "archive", "kind": "addOn", "name": "Archive", "currency": "USD", "prices": []}),
    ] {
        api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    }
    api
}

fn calls(unit_price: &str) -> Value {
    json!({"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": unit_price}})
}

async fn subscribe(api: &Api, body: Value) -> Answer {
    api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &body).await
}

async fn change(api: &Api, id: &str, body: Value) -> Answer {
    api.post(&format!("/v1/subscriptions/{id}/changes?tenant=acme"), PLATFORM_KEY, &body).await
}

/// Status, and pointer and code of the first field, or the code of the whole.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let field = &answer.body["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let code = if field.is_null() { &answer.body["code"] } else { &field["code"] };
    (answer.status.as_u16(), text(&field["pointer"]), text(code))
}

fn refused(status: u16, pointer: &str, code: &str) -> (u16, String, String) {
    (status, pointer.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_subscription_begins_with_add_ons_and_takes_others_later() {
    let api = open().await;
    let add_ons = json!({"support": {"seats": {"desks": 3}}});
    let made = subscribe(&api, json!({"plan": "pro", "startsOn": "2026-06-01", "addOns": add_ons})).await.good().body;
    assert_eq!(
        (&made["addOns"]["support"]["version"], &made["addOns"]["support"]["seats"]["desks"]),
        (&json!(1), &json!(3))
    );
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/{id}/upcoming-invoice");
    let invoice = api.get(&path, &api.acme.key).await.good().body;
    let line =
        |line: &Value| format!("{} {} {}", line["key"].as_str().unwrap(), line["description"], line["amountMinor"]);
    let lines: Vec<String> = invoice["lines"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(lines, [r#"support:setup "Support – Setup" 4900"#], "what is charged once is on the first invoice");
    let removed =
        change(&api, id, json!({"type": "removeAddOn", "addOn": "support", "when": "nextPeriod"})).await.good();
    assert_eq!(removed.body["pending"]["addOns"], json!({}));
    assert_eq!(removed.body["addOns"]["support"]["seats"]["desks"], 3, "until then it is there");
    change(&api, id, json!({"type": "undo"})).await.good();
    let seats = json!({"type": "seats", "addOn": "support", "price": "desks", "quantity": 5, "when": "immediate"});
    assert_eq!(change(&api, id, seats).await.good().body["addOns"]["support"]["seats"]["desks"], 5);
    let history = api.get(&format!("/v1/subscriptions/{id}/changes"), &api.acme.key).await.good().body;
    assert_eq!(history["data"][2]["change"]["addOn"], "support");
}

#[tokio::test]
async fn what_is_wrong_about_an_add_on_is_named() {
    let api = open().await;
    let rows = [
        (json!({"plan": "support"}), refused(422, "/plan", "wrong_kind")),
        (json!({"plan": "pro", "addOns": {"pro": {}}}), refused(422, "/addOns/pro", "wrong_kind")),
        (json!({"plan": "pro", "addOns": {"gift": {}}}), refused(422, "/addOns/gift", "unknown_add_on")),
        (
            json!({"plan": "pro", "addOns": {"support": {"version": 2}}}),
            refused(422, "/addOns/support/version", "unknown_add_on"),
        ),
        (
            json!({"plan": "pro", "addOns": {"support": {"seats": {"chairs": 1}}}}),
            refused(422, "/addOns/support/seats/chairs", "unknown_seats"),
        ),
        (json!({"plan": "pro", "addOns": {"archive": {}}}), refused(422, "/addOns/archive", "add_on_not_offered")),
    ];
    for (body, expect) in rows {
        assert_eq!(refusal(&subscribe(&api, body.clone()).await), expect, "{body}");
    }
    let id = subscribe(&api, json!({"plan": "pro", "startsOn": "2026-06-01"})).await.good().text("id");
    change(&api, &id, json!({"type": "addOn", "addOn": "support", "when": "immediate"})).await.good();
    let rows = [
        (json!({"type": "addOn", "addOn": "support", "when": "immediate"}), refused(409, "", "already_added")),
        (json!({"type": "addOn", "addOn": "archive"}), refused(409, "", "add_on_not_offered")),
        (json!({"type": "addOn", "addOn": "pro"}), refused(422, "/addOn", "wrong_kind")),
        (json!({"type": "addOn", "addOn": "Gift"}), refused(422, "/addOn", "unknown_add_on")),
        (json!({"type": "addOn", "addOn": "support", "version": 7}), refused(422, "/version", "unknown_add_on")),
        (json!({"type": "removeAddOn", "addOn": "archive"}), refused(422, "/addOn", "unknown_add_on")),
        (
            json!({"type": "seats", "addOn": "archive", "price": "desks", "quantity": 1}),
            refused(422, "/addOn", "unknown_add_on"),
        ),
        (
            json!({"type": "seats", "addOn": "support", "price": "setup", "quantity": 1}),
            refused(422, "/price", "unknown_seats"),
        ),
        (json!({"type": "plan", "plan": "support"}), refused(422, "/plan", "wrong_kind")),
    ];
    for (body, expect) in rows {
        assert_eq!(refusal(&change(&api, &id, body.clone()).await), expect, "{body}");
    }
}

#[tokio::test]
async fn an_add_on_is_migrated_to_its_next_version() {
    let api = open().await;
    let id = subscribe(&api, json!({"plan": "pro", "startsOn": "2026-06-01", "addOns": {"support": {}}}))
        .await
        .good()
        .text("id");
    let next = json!({"name": "Support", "currency": "EUR", "baseFeeMinor": 1200, "prices": []});
    api.post("/v1/plans/support/versions", PLATFORM_KEY, &next).await.good();
    let migrated = api.post("/v1/plans/support/versions/2/migrate", PLATFORM_KEY, &json!({})).await.good().body;
    assert_eq!(migrated["moved"], 1);
    let subscription = api.get(&format!("/v1/subscriptions/{id}"), &api.acme.key).await.good().body;
    assert_eq!(
        (&subscription["addOns"]["support"]["version"], &subscription["pending"]["addOns"]["support"]["version"]),
        (&json!(1), &json!(2))
    );
    let again = api.post("/v1/plans/support/versions/2/migrate", PLATFORM_KEY, &json!({})).await.good().body;
    assert_eq!((&again["moved"], &again["repeated"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn an_override_is_what_its_tenant_alone_sees_and_pays() {
    let api = open().await;
    let path = "/v1/plans/pro/overrides?tenant=acme";
    let body = json!({"offers": [{"currency": "EUR", "baseFeeMinor": 2000, "prices": [calls("0.8")]}]});
    let made = api.post(path, PLATFORM_KEY, &body).await.good().body;
    assert_eq!((&made["version"], &made["status"], &made["baseFeeMinor"]), (&json!(2), &json!("active"), &json!(2000)));
    assert_eq!(made["tenantId"], json!(api.acme.id.to_string()));
    assert_eq!(
        (&made["prices"][0]["model"]["unitPrice"], &made["offers"][1]["baseFeeMinor"]),
        (&json!("0.8"), &json!(3300))
    );
    // A public version that comes later does not take it away.
    let public = json!({"name": "Pro", "currency": "EUR", "baseFeeMinor": 4000, "prices": [calls("1")]});
    api.post("/v1/plans/pro/versions", PLATFORM_KEY, &public).await.good();
    let seen = async |key: &str, query: &str| api.get(&format!("/v1/plans/pro{query}"), key).await;
    assert_eq!(seen(&api.acme.key, "").await.good().body["version"], 2);
    assert_eq!(seen(&api.globex.key, "").await.good().body["version"], 3);
    assert_eq!(seen(PLATFORM_KEY, "").await.good().body["version"], 3);
    assert_eq!(seen(&api.globex.key, "?version=2").await.status.as_u16(), 404);
    let mine = subscribe(&api, json!({"plan": "pro", "startsOn": "2026-06-01"})).await.good().body;
    assert_eq!(mine["plan"]["version"], 2);
    let subscribe_globex = async |body: Value| api.post("/v1/subscriptions?tenant=globex", PLATFORM_KEY, &body).await;
    assert_eq!(subscribe_globex(json!({"plan": "pro"})).await.good().body["plan"]["version"], 3);
    assert_eq!(
        refusal(&subscribe_globex(json!({"plan": "pro", "version": 2})).await),
        refused(422, "/version", "unknown_plan")
    );
    // Who has agreed on prices keeps them in a migration.
    let migrated = api.post("/v1/plans/pro/versions/3/migrate", PLATFORM_KEY, &json!({})).await.good().body;
    assert_eq!(migrated["moved"], 0);
    let named =
        api.post("/v1/plans/pro/versions/3/migrate", PLATFORM_KEY, &json!({"fromVersion": 2})).await.good().body;
    assert_eq!(named["moved"], 1, "unless the override is named");
    let listed = api.get("/v1/plans/pro/overrides", PLATFORM_KEY).await.good().body;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["version"]), (1, &json!(2)));
    // Archived, it is for no new subscription.
    api.post("/v1/plans/pro/versions/2/archive", PLATFORM_KEY, &json!({})).await.good();
    let later = subscribe(&api, json!({"plan": "pro", "startsOn": "2026-06-01"})).await.good().body;
    assert_eq!((&later["plan"]["version"], &mine["plan"]["id"]), (&json!(3), &later["plan"]["id"]));
}

#[tokio::test]
async fn what_is_wrong_about_an_override_is_named() {
    let api = open().await;
    let other = json!({"key": "other", "name": "O", "model": {"type": "flat", "amount": "1"}});
    let unknown = json!({"key": "calls", "name": "C", "meter": "gone", "model": {"type": "perUnit", "unitPrice": "1"}});
    let rows = [
        (json!({"offers": []}), refused(422, "/offers", "required")),
        (json!({"basedOn": 9, "offers": [{"baseFeeMinor": 1}]}), refused(422, "/basedOn", "unknown_plan")),
        (json!({"offers": [{"currency": "JPY", "baseFeeMinor": 1}]}), refused(422, "/offers/0", "unknown_offer")),
        (json!({"offers": [{"currency": "XAU"}]}), refused(422, "/offers/0/currency", "unknown_currency")),
        (json!({"offers": [{"baseFeeMinor": -1}]}), refused(422, "/offers/0/baseFeeMinor", "base_fee_negative")),
        (json!({"offers": [{}, {"currency": "EUR"}]}), refused(422, "/offers/1", "duplicate_offer")),
        (json!({"offers": [{"prices": [other]}]}), refused(422, "/offers/0/prices/0/key", "unknown_price")),
        (json!({"offers": [{"prices": [unknown]}]}), refused(422, "/offers/0/prices/0/meter", "unknown_meter")),
    ];
    for (body, expect) in rows {
        let answer = api.post("/v1/plans/pro/overrides?tenant=acme", PLATFORM_KEY, &body).await;
        assert_eq!(refusal(&answer), expect, "{body}");
    }
    let unnamed = api.post("/v1/plans/pro/overrides", PLATFORM_KEY, &json!({"offers": [{}]})).await;
    assert_eq!(refusal(&unnamed), refused(400, "", "tenant_required"));
}
