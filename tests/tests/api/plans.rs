//! Plans: offers in several currencies and intervals, the life of a version, and what is shown to whom.

use crate::{
    harness::{Answer, Api, Extra, PLATFORM_KEY},
    routes,
};
use axum::http::Method;
use serde_json::{Value, json};

async fn open() -> Api {
    Api::open().await.with_meters().await
}

fn price(unit_price: &str) -> Value {
    json!({"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": unit_price}})
}

/// Monthly in EUR and JPY, and yearly in EUR.
fn with_offers(slug: &str) -> Value {
    json!({"slug": slug, "name": "World", "offers": [
        {"currency": "EUR", "baseFeeMinor": 1900, "prices": [price("0.01")]},
        {"currency": "JPY", "baseFeeMinor": 2500, "prices": [price("2")]},
        {"currency": "EUR", "interval": {"unit": "year", "count": 1}, "baseFeeMinor": 19000, "prices": [price("0.008")]},
    ]})
}

fn version(name: &str, more: Value) -> Value {
    let mut version = json!({"name": name, "currency": "EUR", "prices": [price("1")]});
    let Value::Object(more) = more else { panic!("more is an object") };
    version.as_object_mut().unwrap().extend(more);
    version
}

async fn put(api: &Api, path: &str, body: &Value) -> Answer {
    let extra = Extra { headers: &[("content-type", "application/json")], body: Some(&body.to_string()) };
    api.call(Method::PUT, path, Some(PLATFORM_KEY), extra).await
}

async fn subscribe(api: &Api, body: Value) -> Answer {
    api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &body).await
}

/// Status, and pointer and code of the first field.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let field = &answer.body["errors"][0];
    let text = |value: &'static str| field[value].as_str().unwrap_or_default();
    (answer.status.as_u16(), text("pointer"), text("code"))
}

#[tokio::test]
async fn a_subscription_takes_the_offer_that_it_names() {
    let api = open().await;
    let made = api.post("/v1/plans", PLATFORM_KEY, &with_offers("world")).await.good().body;
    assert_eq!(made["offers"].as_array().unwrap().len(), 3);
    assert_eq!((&made["currency"], &made["baseFeeMinor"]), (&json!("EUR"), &json!(1900)));
    assert_eq!(made["prices"], made["offers"][0]["prices"]);
    assert_eq!(made["offers"][2]["interval"], json!({"unit": "year", "count": 1}));
    let year = json!({"unit": "year", "count": 1});
    let month = json!({"unit": "month", "count": 1});
    let rows = [
        (json!({"plan": "world"}), "EUR", &month, 1900),
        (json!({"plan": "world", "currency": "JPY"}), "JPY", &month, 2500),
        (json!({"plan": "world", "interval": year}), "EUR", &year, 19000),
        (json!({"plan": "world", "currency": "EUR", "interval": year}), "EUR", &year, 19000),
    ];
    for (body, currency, interval, fee_minor) in rows {
        let starts = json!({"startsOn": if *interval == year { "2026-01-01" } else { "2026-06-01" }});
        let mut new = body.clone();
        new.as_object_mut().unwrap().extend(starts.as_object().unwrap().clone());
        let id = subscribe(&api, new).await.good().text("id");
        let path = format!("/v1/subscriptions/{id}/upcoming-invoice");
        let invoice = api.get(&path, &api.acme.key).await.good().body;
        assert_eq!((&invoice["currency"], &invoice["totalMinor"]), (&json!(currency), &json!(fee_minor)), "{body}");
    }
    let rows = [
        (json!({"plan": "world", "currency": "USD"}), (422, "/currency", "unknown_offer")),
        (json!({"plan": "world", "currency": "JPY", "interval": year}), (422, "/interval", "unknown_offer")),
        (json!({"plan": "world", "currency": "XAU"}), (422, "/currency", "unknown_offer")),
    ];
    for (body, expect) in rows {
        assert_eq!(refusal(&subscribe(&api, body.clone()).await), expect, "{body}");
    }
}

#[tokio::test]
async fn offers_are_refused_by_the_field() {
    let api = open().await;
    let offers = |offers: Value| json!({"slug": "new", "name": "New", "offers": offers});
    let euro = json!({"currency": "EUR", "prices": [price("1")]});
    let unknown = json!({"currency": "JPY", "prices": [price("1"), {"key": "x", "name": "X", "meter": "nothing",
        "model": {"type": "perUnit", "unitPrice": "1"}}]});
    let mut both = offers(json!([euro]));
    both["currency"] = json!("EUR");
    let rows = [
        (offers(json!([])), (422, "/offers", "required")),
        (offers(json!([euro, euro])), (422, "/offers/1", "duplicate_offer")),
        (offers(json!([euro, unknown])), (422, "/offers/1/prices/1/meter", "unknown_meter")),
        (offers(json!([euro, {"currency": "XXX", "prices": []}])), (422, "/offers/1/currency", "unknown_currency")),
        (offers(json!([euro, {"currency": "JPY", "prices": [], "fee": 1}])), (400, "/offers/1/fee", "unknown_field")),
        (both, (422, "/currency", "not_allowed")),
        (json!({"slug": "new", "name": "New"}), (422, "/currency", "required")),
        (json!({"slug": "new", "name": "New", "currency": "EUR"}), (422, "/prices", "required")),
    ];
    for (body, expect) in rows {
        assert_eq!(refusal(&api.post("/v1/plans", PLATFORM_KEY, &body).await), expect, "{body}");
    }
    assert_eq!(api.get("/v1/plans/new", PLATFORM_KEY).await.outcome(), (404, "not_found"), "nothing was kept");
}

#[tokio::test]
async fn a_draft_is_replaced_published_and_archived() {
    let api = open().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("pro")).await.good();
    let draft = version("Pro 2", json!({"status": "draft"}));
    let made = api.post("/v1/plans/pro/versions", PLATFORM_KEY, &draft).await.good().body;
    assert_eq!((&made["version"], &made["status"]), (&json!(2), &json!("draft")));
    // Nobody but the platform sees it, and nobody gets it.
    assert_eq!(api.get("/v1/plans/pro", &api.acme.key).await.good().body["version"], 1);
    assert_eq!(api.get("/v1/plans/pro?version=2", &api.acme.key).await.outcome(), (404, "not_found"));
    assert_eq!(api.get("/v1/plans/pro?version=2", PLATFORM_KEY).await.good().body, made);
    let of_two = || json!({"plan": "pro", "version": 2});
    assert_eq!(refusal(&subscribe(&api, of_two()).await), (422, "/version", "not_published"));
    assert_eq!(
        api.post("/v1/plans/pro/versions/2/archive", PLATFORM_KEY, &json!({})).await.outcome(),
        (409, "not_published")
    );
    // It is replaced as a whole, and not published by that.
    let other = version("Pro 2026", json!({"baseFeeMinor": 500}));
    assert_eq!(
        refusal(&put(&api, "/v1/plans/pro/versions/2", &version("Pro 2", json!({"status": "active"}))).await),
        (422, "/status", "not_allowed")
    );
    let replaced = put(&api, "/v1/plans/pro/versions/2", &other).await.good().body;
    assert_eq!((&replaced["name"], &replaced["baseFeeMinor"]), (&json!("Pro 2026"), &json!(500)));
    // Published once, however often it is asked for.
    for _ in 0..2 {
        let published = api.post("/v1/plans/pro/versions/2/publish", PLATFORM_KEY, &json!({})).await.good().body;
        assert_eq!((&published["status"], &published["name"]), (&json!("active"), &json!("Pro 2026")));
        assert_eq!(published, api.get("/v1/plans/pro", &api.acme.key).await.good().body);
    }
    assert_eq!(put(&api, "/v1/plans/pro/versions/2", &other).await.outcome(), (409, "version_published"));
    let id = subscribe(&api, of_two()).await.good().text("id");
    // Archived: nobody new gets it, and the latest is the one before.
    for _ in 0..2 {
        let archived = api.post("/v1/plans/pro/versions/2/archive", PLATFORM_KEY, &json!({})).await.good().body;
        assert_eq!(archived["status"], "archived");
    }
    assert_eq!(refusal(&subscribe(&api, of_two()).await), (422, "/version", "archived"));
    assert_eq!(api.get("/v1/plans/pro", &api.acme.key).await.good().body["version"], 1);
    assert_eq!(
        api.post("/v1/plans/pro/versions/2/publish", PLATFORM_KEY, &json!({})).await.outcome(),
        (409, "archived")
    );
    let path = format!("/v1/subscriptions/{id}/upcoming-invoice");
    assert_eq!(api.get(&path, &api.acme.key).await.good().body["totalMinor"], 500, "who has it goes on");
    // With the last active version gone nobody can subscribe at all.
    api.post("/v1/plans/pro/versions/1/archive", PLATFORM_KEY, &json!({})).await.good();
    assert_eq!(refusal(&subscribe(&api, json!({"plan": "pro"})).await), (422, "/plan", "archived"));
    for path in
        ["/v1/plans/pro/versions/3/publish", "/v1/plans/pro/versions/0/archive", "/v1/plans/x/versions/1/archive"]
    {
        assert_eq!(api.post(path, PLATFORM_KEY, &json!({})).await.outcome(), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_plan_may_begin_as_a_draft() {
    let api = open().await;
    let mut new = routes::plan("later");
    new["status"] = json!("draft");
    api.post("/v1/plans", PLATFORM_KEY, &new).await.good();
    assert_eq!(refusal(&subscribe(&api, json!({"plan": "later"})).await), (422, "/plan", "not_published"));
    assert_eq!(api.get("/v1/plans/later", &api.acme.key).await.outcome(), (404, "not_found"));
    assert_eq!(api.get("/v1/plans", &api.acme.key).await.good().body["data"], json!([]));
    let listed = api.get("/v1/plans", PLATFORM_KEY).await.good().body;
    assert_eq!(listed["data"][0]["latestVersion"], Value::Null);
    put(&api, "/v1/plans/later/versions/1", &version("Sooner", json!({}))).await.good();
    assert_eq!(api.get("/v1/plans", PLATFORM_KEY).await.good().body["data"][0]["name"], "Sooner");
    api.post("/v1/plans/later/versions/1/publish", PLATFORM_KEY, &json!({})).await.good();
    subscribe(&api, json!({"plan": "later"})).await.good();
    assert_eq!(api.get("/v1/plans", &api.acme.key).await.good().body["data"][0]["latestVersion"], 1);
}

#[tokio::test]
async fn a_repeat_of_the_twentieth_draft_is_answered_as_the_first_time() {
    let api = open().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("pro")).await.good();
    let draft = version("Pro", json!({"status": "draft"}));
    for n in 1..=20 {
        let made = api.post_once("/v1/plans/pro/versions", PLATFORM_KEY, &format!("draft-{n}"), &draft).await;
        assert_eq!(made.good().body["version"], n + 1);
    }
    assert_eq!(api.post("/v1/plans/pro/versions", PLATFORM_KEY, &draft).await.outcome(), (409, "too_many_drafts"));
    let again = api.post_once("/v1/plans/pro/versions", PLATFORM_KEY, "draft-20", &draft).await;
    assert_eq!(again.good().body["version"], 21);
    let active = api.post("/v1/plans/pro/versions", PLATFORM_KEY, &version("Pro", json!({}))).await.good();
    assert_eq!(active.body["version"], 22, "an active version needs no room among drafts");
}

#[tokio::test]
async fn versions_that_are_added_at_once_all_get_a_number() {
    let api = open().await;
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("pro")).await.good();
    let (one, two) = (version("Pro A", json!({})), version("Pro B", json!({"status": "draft"})));
    let order = json!({"displayOrder": 7});
    let post = |body| api.post("/v1/plans/pro/versions", PLATFORM_KEY, body);
    let (first, second, shown) = tokio::join!(post(&one), post(&two), api.patch("/v1/plans/pro", &order));
    let mut numbers = [first.good().body["version"].as_u64().unwrap(), second.good().body["version"].as_u64().unwrap()];
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    shown.good();
    let plan = api.get("/v1/plans", PLATFORM_KEY).await.good().body["data"][0].clone();
    assert_eq!((&plan["name"], &plan["displayOrder"]), (&json!("Pro A"), &json!(7)), "neither write took back another");
}

#[tokio::test]
async fn a_hidden_plan_is_the_platforms_to_see_and_to_give() {
    let api = open().await;
    for slug in ["a", "b", "c", "d"] {
        api.post("/v1/plans", PLATFORM_KEY, &routes::plan(slug)).await.good();
    }
    let change = json!({
        "visibility": "hidden", "displayOrder": 3, "description": "For Acme.", "metadata": {"crm": "A-17"},
    });
    let changed = api.patch("/v1/plans/b", &change).await.good().body;
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&changed[name], value, "{name}");
        assert_eq!(&api.get("/v1/plans", PLATFORM_KEY).await.good().body["data"][1][name], value, "{name} in the list");
    }
    assert_eq!(changed["version"], 1, "that makes no version");
    let slugs = |body: &Value| -> Vec<String> {
        body["data"].as_array().unwrap().iter().map(|plan| plan["slug"].as_str().unwrap().to_owned()).collect()
    };
    let first = api.get("/v1/plans?limit=2", &api.acme.key).await.good().body;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = api.get(&format!("/v1/plans?limit=2&cursor={cursor}"), &api.acme.key).await.good().body;
    assert_eq!((slugs(&first), slugs(&second)), (vec!["a".to_owned(), "c".to_owned()], vec!["d".to_owned()]));
    assert_eq!(second["nextCursor"], Value::Null);
    assert_eq!(slugs(&api.get("/v1/plans", PLATFORM_KEY).await.good().body), ["a", "b", "c", "d"]);
    assert_eq!(api.get("/v1/plans/b", &api.acme.key).await.outcome(), (404, "not_found"));
    subscribe(&api, json!({"plan": "b"})).await.good();
    let back = api.patch("/v1/plans/b", &json!({"visibility": "public", "description": null})).await.good().body;
    assert_eq!((&back["description"], &back["metadata"]["crm"]), (&Value::Null, &json!("A-17")));
    assert_eq!(api.get("/v1/plans/b", &api.acme.key).await.good().body, back);
    let pairs: Value = (0..21).map(|n| (n.to_string(), json!(""))).collect::<serde_json::Map<_, _>>().into();
    let rows = [
        (json!({"visibility": "secret"}), (400, "/visibility", "invalid_body")),
        (json!({"name": "B"}), (400, "/name", "unknown_field")),
        (json!({"metadata": {"a/b": "x".repeat(201)}}), (422, "/metadata/a~1b", "invalid_metadata")),
        (json!({"metadata": pairs}), (422, "/metadata", "too_many_pairs")),
        (json!({"description": ""}), (422, "/description", "invalid_description")),
    ];
    for (body, expect) in rows {
        assert_eq!(refusal(&api.patch("/v1/plans/b", &body).await), expect, "{body}");
    }
    assert_eq!(api.patch("/v1/plans/x", &json!({})).await.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn subscriptions_of_older_versions_move_with_their_next_period() {
    let api = open().await;
    api.post("/v1/plans", PLATFORM_KEY, &with_offers("world")).await.good();
    api.post("/v1/plans", PLATFORM_KEY, &routes::plan("other")).await.good();
    let post = async |tenant: &str, body: Value| {
        api.post(&format!("/v1/subscriptions?tenant={tenant}"), PLATFORM_KEY, &body).await.good().text("id")
    };
    let plain = post("acme", json!({"plan": "world"})).await;
    let yen = post("acme", json!({"plan": "world", "currency": "JPY"})).await;
    let ending = post("acme", json!({"plan": "world"})).await;
    let other = post("acme", json!({"plan": "other"})).await;
    let foreign = post("globex", json!({"plan": "world"})).await;
    let path = format!("/v1/subscriptions/{ending}/changes?tenant=acme");
    api.post(&path, PLATFORM_KEY, &json!({"type": "cancel"})).await.good();
    // The next version is in euros only.
    let next = version("World 2", json!({"baseFeeMinor": 2900}));
    api.post("/v1/plans/world/versions", PLATFORM_KEY, &next).await.good();
    let migrate = "/v1/plans/world/versions/2/migrate";
    let walk = async |body: &Value| {
        let (mut sum, mut path) = ((0, 0, 0, 0), format!("{migrate}?limit=1"));
        loop {
            let answer = api.post(&path, PLATFORM_KEY, body).await.good().body;
            let count = |value: &Value| value.as_u64().unwrap_or_default();
            sum.0 += count(&answer["moved"]);
            sum.1 += count(&answer["repeated"]);
            sum.2 += count(&answer["skipped"]["no_offer"]);
            sum.3 += count(&answer["skipped"]["change_pending"]);
            let Some(cursor) = answer["nextCursor"].as_str() else { break sum };
            path = format!("{migrate}?limit=1&cursor={cursor}");
        }
    };
    assert_eq!(walk(&json!({"fromVersion": 2})).await, (0, 0, 0, 0), "nothing is of that version and older");
    assert_eq!(walk(&json!({})).await, (2, 0, 1, 1));
    assert_eq!(walk(&json!({})).await, (0, 2, 1, 1), "a repeat moves nothing");
    let changes = async |tenant: &str, id: &str| {
        let path = format!("/v1/subscriptions/{id}/changes?tenant={tenant}");
        api.get(&path, PLATFORM_KEY).await.good().body["data"].clone()
    };
    for (tenant, id) in [("acme", &plain), ("globex", &foreign)] {
        let made = changes(tenant, id).await;
        assert_eq!(made.as_array().unwrap().len(), 1);
        assert_eq!((&made[0]["from"], &made[0]["change"]["version"]), (&json!("2026-07-01"), &json!(2)), "{made:#}");
    }
    for id in [&yen, &other] {
        assert_eq!(changes("acme", id).await, json!([]));
    }
    // What was undone stays undone.
    let path = format!("/v1/subscriptions/{plain}/changes?tenant=acme");
    api.post(&path, PLATFORM_KEY, &json!({"type": "undo"})).await.good();
    assert_eq!(walk(&json!({})).await, (0, 2, 1, 1));
    api.post("/v1/plans/world/versions/2/archive", PLATFORM_KEY, &json!({})).await.good();
    assert_eq!(api.post(migrate, PLATFORM_KEY, &json!({})).await.outcome(), (409, "archived"));
}
