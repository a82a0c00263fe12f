//! Coupons: what may be promised, who is given it, and how often.

use crate::harness::{Api, PLATFORM_KEY};
use futures::future::join_all;
use serde_json::{Value, json};

const REDEEM: &str = "/v1/tenants/acme/coupons";

pub(crate) fn coupon(more: Value) -> Value {
    let mut coupon = json!({"code": "welcome", "name": "Welcome"});
    let Value::Object(more) = more else { panic!("{more} is no object") };
    coupon.as_object_mut().unwrap().extend(more);
    coupon
}

async fn create(api: &Api, more: Value) -> Value {
    api.post("/v1/coupons", PLATFORM_KEY, &coupon(more)).await.good().body
}

#[tokio::test]
async fn a_coupon_is_answered_as_it_was_made() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &crate::routes::plan("basic")).await.good();
    let rows = [
        json!({"percentOff": "12.5", "duration": "once"}),
        json!({"percentOff": 20, "duration": {"cycles": 3}, "restriction": {"prices": ["calls", "bytes"]}}),
        json!({"amountOff": {"amountMinor": 500, "currency": "USD"}, "duration": "forever"}),
        json!({
            "amountOff": {"amountMinor": 1, "currency": "JPY"}, "duration": "once", "maxRedemptions": 3,
            "redeemBy": "2026-07-01T00:00:00Z", "restriction": {"plans": ["basic"]},
        }),
    ];
    for (index, row) in rows.into_iter().enumerate() {
        let code = format!("code-{index}");
        let mut sent = coupon(row);
        sent["code"] = code.clone().into();
        let made = api.post("/v1/coupons", PLATFORM_KEY, &sent).await.good().body;
        for (field, value) in sent.as_object().unwrap() {
            let expect = if *value == json!(20) { json!("20") } else { value.clone() };
            assert_eq!(made[field], expect, "{field} of {sent}");
        }
        assert_eq!((&made["redemptions"], &made["archivedAt"]), (&json!(0), &Value::Null));
        assert_eq!(api.get(&format!("/v1/coupons/{code}"), PLATFORM_KEY).await.good().body, made);
    }
    let list = api.get("/v1/coupons?limit=3", PLATFORM_KEY).await.good().body;
    let codes: Vec<_> = list["data"].as_array().unwrap().iter().map(|coupon| coupon["code"].clone()).collect();
    assert_eq!(
        (codes, list["nextCursor"].is_string()),
        (vec![json!("code-0"), json!("code-1"), json!("code-2")], true)
    );
}

#[tokio::test]
async fn a_coupon_is_refused_by_the_field() {
    let api = Api::open().await;
    create(&api, json!({"percentOff": "1", "code": "taken"})).await;
    let usd = |minor: i64| json!({"amountMinor": minor, "currency": "USD"});
    let rows = [
        (json!({}), (422, "/percentOff", "required")),
        (json!({"percentOff": "1", "amountOff": usd(1)}), (422, "/amountOff", "not_allowed")),
        (json!({"percentOff": "0"}), (422, "/percentOff", "zero")),
        (json!({"percentOff": "100.1"}), (422, "/percentOff", "too_large")),
        (json!({"percentOff": "-1"}), (422, "/percentOff", "negative")),
        (json!({"percentOff": 0.5}), (400, "/percentOff", "invalid_body")),
        (json!({"amountOff": usd(0)}), (422, "/amountOff/amountMinor", "amount_out_of_range")),
        (json!({"amountOff": {"amountMinor": 1, "currency": "XXX"}}), (422, "/amountOff/currency", "unknown_currency")),
        (json!({"percentOff": "1", "code": "Welcome!"}), (422, "/code", "invalid_slug")),
        (json!({"percentOff": "1", "name": ""}), (422, "/name", "invalid_name")),
        (json!({"percentOff": "1", "duration": {"cycles": 0}}), (422, "/duration/cycles", "zero")),
        (json!({"percentOff": "1", "duration": "twice"}), (400, "/duration", "invalid_body")),
        (json!({"percentOff": "1", "maxRedemptions": 0}), (400, "/maxRedemptions", "invalid_body")),
        (json!({"percentOff": "1", "redeemBy": crate::harness::NOW}), (422, "/redeemBy", "expires_in_past")),
        (json!({"percentOff": "1", "restriction": {}}), (422, "/restriction", "required")),
        (json!({"percentOff": "1", "restriction": {"prices": []}}), (422, "/restriction/prices", "target_count")),
        (
            json!({"percentOff": "1", "restriction": {"prices": ["a"], "plans": ["b"]}}),
            (422, "/restriction/plans", "not_allowed"),
        ),
        (json!({"percentOff": "1", "restriction": {"plans": ["b"]}}), (422, "/restriction/plans/0", "unknown_plan")),
        (json!({"percentOff": "1", "restriction": {"prices": ["A"]}}), (422, "/restriction/prices/0", "invalid_slug")),
        (json!({"percentOff": "1", "code": "taken"}), (409, "/code", "code_taken")),
        (json!({"percentOff": "1", "colour": "red"}), (400, "/colour", "unknown_field")),
    ];
    for (more, (status, pointer, code)) in rows {
        let answer = api.post("/v1/coupons", PLATFORM_KEY, &coupon(more.clone())).await;
        let field = &answer.body["errors"][0];
        let found = (answer.status.as_u16(), field["pointer"].as_str().unwrap_or("-"), &field["code"]);
        assert_eq!(found, (status, pointer, &json!(code)), "{more}");
    }
}

#[tokio::test]
async fn a_coupon_is_given_while_it_may_be() {
    let api = Api::open().await;
    let redeem = async |tenant: &str, code: &str| {
        let answer = api.post(&format!("/v1/tenants/{tenant}/coupons"), PLATFORM_KEY, &json!({"coupon": code})).await;
        let code = answer.body["errors"][0]["code"].as_str().unwrap_or(answer.outcome().1).to_owned();
        (answer.status.as_u16(), code)
    };
    let given = (201, "-".to_owned());
    let refused = |status, code: &str| (status, code.to_owned());
    create(&api, json!({"percentOff": "1", "maxRedemptions": 1})).await;
    create(&api, json!({"percentOff": "1", "code": "soon", "redeemBy": "2026-06-01T00:31:00Z"})).await;
    create(&api, json!({"percentOff": "1", "code": "old"})).await;
    assert_eq!(redeem("acme", "old").await, given);
    api.post("/v1/coupons/old/archive", PLATFORM_KEY, &json!({})).await.good();
    assert_eq!(redeem("acme", "welcome").await, given);
    assert_eq!(redeem("acme", "welcome").await, refused(409, "coupon_already_redeemed"));
    assert_eq!(redeem("globex", "welcome").await, refused(409, "coupon_used_up"));
    assert_eq!(redeem("globex", "old").await, refused(409, "coupon_archived"));
    assert_eq!(redeem("globex", "nothing").await, refused(422, "unknown_coupon"));
    assert_eq!(redeem("globex", "No Code").await, refused(422, "unknown_coupon"));
    assert_eq!(redeem("nobody", "soon").await, refused(404, "not_found"));
    api.platform.world().clock().turn_to("2026-06-01T00:31:00Z".parse().unwrap());
    assert_eq!(redeem("globex", "soon").await, refused(409, "coupon_expired"));
    let counts = api.get("/v1/coupons", PLATFORM_KEY).await.good().body;
    let counts: Vec<_> =
        counts["data"].as_array().unwrap().iter().map(|coupon| coupon["redemptions"].clone()).collect();
    assert_eq!(counts, [1, 0, 1].map(Value::from), "old, soon, welcome");
    // An archived coupon stays with whoever has it.
    let own = api.get(REDEEM, &api.acme.key).await.good().body;
    let statuses: Vec<_> = own["data"].as_array().unwrap().iter().map(|given| given["status"].clone()).collect();
    assert_eq!(statuses, ["active", "active"]);
    assert_eq!(api.get("/v1/tenants/acme/coupons", &api.globex.key).await.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn the_last_ones_are_given_once_whatever_races() {
    let api = Api::open().await;
    create(&api, json!({"percentOff": "1", "maxRedemptions": 3})).await;
    for n in 0..8 {
        api.post("/v1/tenants", PLATFORM_KEY, &json!({"slug": format!("t{n}"), "name": "T"})).await.good();
    }
    let new = json!({"coupon": "welcome"});
    let paths: Vec<String> = (0..8).map(|n| format!("/v1/tenants/t{n}/coupons")).collect();
    let mut codes: Vec<(u16, String)> = Vec::new();
    for answer in join_all(paths.iter().map(|path| api.post(path, PLATFORM_KEY, &new))).await {
        codes.push((answer.status.as_u16(), answer.outcome().1.to_owned()));
    }
    let given = codes.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(given, 3, "{codes:?}");
    assert!(codes.iter().all(|(status, code)| *status == 201 || code == "coupon_used_up"), "{codes:?}");
    assert_eq!(api.get("/v1/coupons/welcome", PLATFORM_KEY).await.good().body["redemptions"], 3);
}

#[tokio::test]
async fn a_repeat_gives_it_once() {
    let api = Api::open().await;
    create(&api, json!({"percentOff": "1", "maxRedemptions": 1})).await;
    let new = json!({"coupon": "welcome"});
    let first = api.post_once(REDEEM, PLATFORM_KEY, "once", &new).await.good();
    // As if the process had died before it kept its answer: the claim is given up, and the work done again.
    api.platform.world().release_idempotency_key("platform", "once").await.unwrap();
    let second = api.post_once(REDEEM, PLATFORM_KEY, "once", &new).await.good();
    assert_eq!(first.body, second.body);
    assert_eq!(api.get("/v1/coupons/welcome", PLATFORM_KEY).await.good().body["redemptions"], 1);
}

#[tokio::test]
async fn a_coupon_for_one_subscription_is_given_for_that() {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/plans", PLATFORM_KEY, &crate::routes::plan("basic")).await.good();
    let subscribe = async |tenant: &str| {
        let path = format!("/v1/subscriptions?tenant={tenant}");
        api.post(&path, PLATFORM_KEY, &json!({"plan": "basic"})).await.good().text("id")
    };
    let (own, other, foreign) = (subscribe("acme").await, subscribe("acme").await, subscribe("globex").await);
    create(&api, json!({"percentOff": "1"})).await;
    let redeem = async |subscription: Value| {
        let new = json!({"coupon": "welcome", "subscriptionId": subscription});
        let answer = api.post(REDEEM, PLATFORM_KEY, &new).await;
        let code = answer.body["errors"][0]["code"].as_str().unwrap_or(answer.outcome().1).to_owned();
        (answer.status.as_u16(), code)
    };
    assert_eq!(redeem(json!(foreign)).await, (422, "unknown_subscription".to_owned()));
    assert_eq!(redeem(json!("nothing")).await, (422, "unknown_subscription".to_owned()));
    assert_eq!(redeem(json!(own)).await, (201, "-".to_owned()));
    assert_eq!(redeem(json!(own)).await, (409, "coupon_already_redeemed".to_owned()));
    // For all would be for this one too.
    assert_eq!(redeem(Value::Null).await, (409, "coupon_already_redeemed".to_owned()));
    assert_eq!(redeem(json!(other)).await, (201, "-".to_owned()));
}

#[tokio::test]
async fn a_coupon_that_was_ended_is_over_for_good() {
    let api = Api::open().await;
    create(&api, json!({"percentOff": "1"})).await;
    let id = api.post(REDEEM, PLATFORM_KEY, &json!({"coupon": "welcome"})).await.good().text("id");
    let path = format!("{REDEEM}/{id}");
    assert_eq!(api.delete("/v1/tenants/acme/coupons/red_1", PLATFORM_KEY).await.status, 404);
    assert_eq!(api.delete(&format!("/v1/tenants/globex/coupons/{id}"), PLATFORM_KEY).await.status, 404);
    for _ in 0..2 {
        assert_eq!(api.delete(&path, PLATFORM_KEY).await.status, 204);
    }
    let given = api.get(REDEEM, &api.acme.key).await.good().body["data"][0].clone();
    assert_eq!((&given["status"], &given["endedAt"]), (&json!("ended"), &json!(crate::harness::NOW)));
    let again = api.post(REDEEM, PLATFORM_KEY, &json!({"coupon": "welcome"})).await;
    assert_eq!(again.outcome(), (409, "coupon_already_redeemed"));
}

#[tokio::test]
async fn a_tenant_has_ten_coupons_at_a_time() {
    let api = Api::open().await;
    let mut first = String::new();
    for n in 0..11 {
        create(&api, json!({"percentOff": "1", "code": format!("c{n}")})).await;
        let answer = api.post(REDEEM, PLATFORM_KEY, &json!({"coupon": format!("c{n}")})).await;
        match n {
            0 => first = answer.good().text("id"),
            10 => assert_eq!(answer.outcome(), (409, "too_many_coupons")),
            _ => drop(answer.good()),
        }
    }
    api.delete(&format!("{REDEEM}/{first}"), PLATFORM_KEY).await.good();
    api.post(REDEEM, PLATFORM_KEY, &json!({"coupon": "c10"})).await.good();
}
