//! Lists: pages of the asked size, cursors that only lead on, and parameters that are all documented.

use crate::{
    harness::{Api, PLATFORM_KEY},
    routes::furnished,
};
use serde_json::{Value, json};

async fn with_seven_meters() -> Api {
    let api = Api::open().await;
    for n in 1..=7 {
        let slug = format!("m{n}");
        let meter = json!({"slug": slug, "name": slug, "eventType": slug, "aggregation": "count"});
        api.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
    }
    api
}

fn slugs(body: &Value) -> Vec<&str> {
    body["data"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let api = with_seven_meters().await;
    let (mut path, mut pages) = ("/v1/meters?limit=3".to_owned(), Vec::new());
    loop {
        let body = api.get(&path, &api.acme.key).await.good().body;
        pages.push(slugs(&body).join(" "));
        let Some(cursor) = body["nextCursor"].as_str() else { break };
        path = format!("/v1/meters?limit=3&cursor={cursor}");
    }
    assert_eq!(pages, ["m1 m2 m3", "m4 m5 m6", "m7"]);
}

#[tokio::test]
async fn a_page_has_twenty_items_unless_another_number_is_asked_for() {
    let api = Api::open().await;
    for n in 1..=21 {
        let new = json!({"name": format!("key {n}")});
        api.post("/v1/api-keys", &api.acme.key, &new).await.good();
    }
    // One more than those, with which the tenant was opened.
    for (query, count, more) in
        [("", 20, true), ("?limit=21", 21, true), ("?limit=100", 22, false), ("?limit=1", 1, true)]
    {
        let body = api.get(&format!("/v1/api-keys{query}"), &api.acme.key).await.good().body;
        assert_eq!(body["data"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(body["nextCursor"].is_string(), more, "{query}");
    }
}

#[tokio::test]
async fn a_list_shows_the_tenants_own_and_nobody_elses() {
    let (api, rows) = furnished().await;
    let lists =
        ["/v1/api-keys", "/v1/subscriptions", "/v1/invoices", "/v1/webhooks/endpoints", "/v1/webhooks/deliveries"];
    for list in lists {
        assert!(rows.iter().any(|row| row.route == list && row.method == "GET"), "{list}");
        let count = async |key: &str| {
            let body = api.get(list, key).await.good().body;
            body["data"].as_array().unwrap().len()
        };
        let own = usize::from(list == "/v1/api-keys");
        let more = if list == "/v1/invoices" { 3 } else { 1 };
        assert_eq!((count(&api.acme.key).await, count(&api.globex.key).await), (own + more, own), "{list}");
    }
}

#[tokio::test]
async fn a_bad_page_is_refused() {
    let api = with_seven_meters().await;
    let cursor = api.get("/v1/meters?limit=1", &api.acme.key).await.good().text("nextCursor");
    let changed = cursor.replace(&cursor[cursor.len() - 2..], "00");
    let rows = [
        ("/v1/meters?limit=0".to_owned(), "invalid_parameter"),
        ("/v1/meters?limit=101".to_owned(), "invalid_parameter"),
        ("/v1/meters?limit=-1".to_owned(), "invalid_parameter"),
        ("/v1/meters?limit=ten".to_owned(), "invalid_parameter"),
        ("/v1/meters?limit=1&limit=2".to_owned(), "invalid_parameter"),
        ("/v1/meters?cursor=".to_owned(), "invalid_cursor"),
        ("/v1/meters?cursor=6d31".to_owned(), "invalid_cursor"),
        (format!("/v1/meters?cursor={changed}"), "invalid_cursor"),
        (format!("/v1/plans?cursor={cursor}"), "invalid_cursor"),
    ];
    for (path, code) in rows {
        assert_eq!(api.get(&path, &api.acme.key).await.outcome(), (400, code), "{path}");
    }
}

#[tokio::test]
async fn every_route_refuses_a_parameter_that_it_does_not_document() {
    let (api, rows) = furnished().await;
    for row in rows.iter().filter(|row| row.path.starts_with("/v1/")) {
        let (request, key) = row.good(&api);
        let answer = request.with("colour", "red").send(&api, key.as_deref()).await;
        assert_eq!(answer.outcome(), (400, "unknown_parameter"), "{} {}", row.method, row.path);
    }
}
