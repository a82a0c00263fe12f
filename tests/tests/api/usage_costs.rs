//! What counting costs, by tenant: from what the commits of the usage log have stored.

use crate::{
    harness::{Api, PLATFORM_KEY},
    usage_corrections::{call, open, send_and_count, turn_to},
};
use domain::Decimal;
use serde_json::{Value, json};

async fn costs(api: &Api, query: &str) -> Vec<Value> {
    let body = api.get(&format!("/v1/admin/costs{query}"), PLATFORM_KEY).await.good().body;
    body["data"].as_array().unwrap().clone()
}

fn line<'a>(cost: &'a Value, what: &str) -> &'a Value {
    let lines = cost["lines"].as_array().unwrap();
    lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("no line {what}: {cost:#}"))
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_tenant_has_what_its_own_events_have_cost() {
    let api = open().await;
    send_and_count(&api, &[call("1", "10:00", "10", "ann"), call("2", "10:10", "5", "bob")]).await;
    send_and_count(&api, &[call("3", "10:20", "1", "ann")]).await;
    turn_to(&api, "2026-06-01T00:31:00Z");
    let all = costs(&api, "?from=2026-05-31T00:00:00Z").await;
    let of = |tenant: &str| all.iter().find(|cost| cost["tenant"] == tenant).unwrap();
    let (acme, globex) = (of("acme"), of("globex"));
    assert_eq!(all.len(), 2);
    assert_eq!(acme["tenantId"], json!(api.acme.id));
    assert_eq!((&acme["from"], &acme["to"]), (&json!("2026-05-31T00:00:00Z"), &json!("2026-06-01T00:31:00Z")));
    assert_eq!(acme["basis"], "modelled from metered requests");
    assert_eq!(acme["events"], 3);
    // Two requests, of one message each, that became two commits of one write unit.
    for (what, count, usd) in
        [("HTTP API", "2", "0.000002"), ("SNS", "2", "0.000001"), ("DynamoDB writes", "2", "0.00000125")]
    {
        let line = line(acme, what);
        assert_eq!((&line["count"], &line["usd"]), (&json!(count), &json!(usd)), "{what}");
    }
    let sum: Decimal = acme["lines"].as_array().unwrap().iter().map(|line| decimal(&line["usd"])).sum();
    assert_eq!(decimal(&acme["totalUsd"]), sum);
    assert_eq!(decimal(&acme["perMillionUsd"]), (sum * Decimal::from(1_000_000) / Decimal::from(3)).round_dp(6));
    assert_eq!(
        (&globex["events"], &globex["totalUsd"], &globex["perMillionUsd"], &globex["lines"]),
        (&json!(0), &json!("0"), &Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn an_event_that_comes_again_is_paid_for_and_not_counted_again() {
    let api = open().await;
    let query = "?tenant=acme&from=2026-05-31T00:00:00Z";
    send_and_count(&api, &[call("1", "10:00", "10", "ann")]).await;
    turn_to(&api, "2026-06-01T00:31:00Z");
    send_and_count(&api, &[call("1", "10:00", "10", "ann"), call("2", "10:00", "1", "ann")]).await;
    let [cost] = <[Value; 1]>::try_from(costs(&api, query).await).unwrap();
    assert_eq!((&cost["events"], &line(&cost, "HTTP API")["count"]), (&json!(2), &json!("2")));
}

#[tokio::test]
async fn a_range_and_a_tenant_can_be_asked_for() {
    let api = open().await;
    send_and_count(&api, &[call("1", "10:00", "10", "ann")]).await;
    let rows = [
        ("from=2026-05-31T10:00:00Z&to=2026-05-31T11:00:00Z", 1),
        ("from=2026-05-31T09:00:00Z&to=2026-05-31T10:00:00Z", 0),
        ("from=2026-05-31T10:00:01Z&to=2026-05-31T11:00:00Z", 0),
        // From the start of the month, which in UTC has just begun.
        ("to=2026-06-01T00:30:00Z", 0),
        ("to=2026-05-31T12:00:00Z", 1),
    ];
    for (range, events) in rows {
        let cost = costs(&api, &format!("?tenant={}&{range}", api.acme.id)).await;
        assert_eq!((cost.len(), &cost[0]["events"]), (1, &json!(events)), "{range}");
    }
    let first = api.get("/v1/admin/costs?limit=1", PLATFORM_KEY).await.good();
    let rest = costs(&api, &format!("?limit=1&cursor={}", first.text("nextCursor"))).await;
    let mut tenants = [&first.body["data"][0]["tenant"], &rest[0]["tenant"]].map(|tenant| tenant.as_str().unwrap());
    tenants.sort_unstable();
    assert_eq!(tenants, ["acme", "globex"]);
    let nobody = api.get("/v1/admin/costs?tenant=initech", PLATFORM_KEY).await;
    assert_eq!(nobody.outcome(), (404, "not_found"));
}
