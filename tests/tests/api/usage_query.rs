//! Reading usage back over HTTP: counters as the usage function writes them, in the tenant's own days.

use crate::harness::{Api, PLATFORM_KEY};
use cloud::store::{CountedEvent, Delta, DeltaKey};
use domain::{
    Decimal,
    text::Slug,
    usage::{EventKey, GroupKey},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes hourly counters of acme's bytes as the usage function does.
async fn with_usage() -> Api {
    let api = Api::open().await.with_meters().await;
    let world = api.platform.world();
    let meter = world.meter(&Slug::parse("bytes").unwrap()).await.unwrap().unwrap();
    // Berlin's 31 May begins at 22:00 UTC on the day before.
    let counters = [
        ("2026-05-30T21:00:00Z", "eu", "get", "1"),
        ("2026-05-30T22:00:00Z", "eu", "get", "2.5"),
        ("2026-05-30T22:00:00Z", "us", "get", "3"),
        ("2026-05-31T21:00:00Z", "eu", "put", "4"),
        ("2026-05-31T22:00:00Z", "eu", "put", "10"),
    ];
    let delta = |(hour, region, verb, value): (&str, &str, &str, &str)| {
        let group = GroupKey(vec![region.to_owned(), verb.to_owned()]);
        let key = DeltaKey { meter_id: meter.id, hour: hour.parse().unwrap(), group, member: None };
        (key, Delta::Add(value.parse::<Decimal>().unwrap()))
    };
    let deltas: BTreeMap<DeltaKey, Delta> = counters.into_iter().map(delta).collect();
    let event = CountedEvent { key: EventKey([1; 16]), content: EventKey([1; 16]) };
    let store = world.store(api.acme.id.parse().unwrap());
    store.count_events(&[event], &deltas, world.now()).await.unwrap();
    api
}

const MAY: &str = "meter=bytes&from=2026-04-30T22:00:00Z&to=2026-05-31T22:00:00Z";

fn rows(body: &Value) -> Vec<String> {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("start"), text("end"), row["group"], text("value"))
    };
    body["data"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn usage_is_read_in_windows_and_groups() {
    let api = with_usage().await;
    let table: [(&str, &str, &[&str]); 5] = [
        (MAY, "10.5", &["2026-04-30T22:00:00Z 2026-05-31T22:00:00Z {} 10.5"]),
        // The month so far, in Berlin.
        ("meter=bytes", "10", &["2026-05-31T22:00:00Z 2026-06-01T01:00:00Z {} 10"]),
        (
            "meter=bytes&from=2026-04-30T22:00:00Z&window=month",
            "20.5",
            &["2026-04-30T22:00:00Z 2026-05-31T22:00:00Z {} 10.5", "2026-05-31T22:00:00Z 2026-06-01T01:00:00Z {} 10"],
        ),
        (
            "meter=bytes&from=2026-05-30T20:00:00Z&to=2026-05-31T22:00:00Z&window=day&groupBy=region",
            "10.5",
            &[
                r#"2026-05-30T20:00:00Z 2026-05-30T22:00:00Z {"region":"eu"} 1"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region":"eu"} 6.5"#,
                r#"2026-05-30T22:00:00Z 2026-05-31T22:00:00Z {"region":"us"} 3"#,
            ],
        ),
        (
            "meter=bytes&from=2026-05-31T20:00:00Z&window=hour&groupBy=verb,region",
            "14",
            &[
                r#"2026-05-31T21:00:00Z 2026-05-31T22:00:00Z {"region":"eu","verb":"put"} 4"#,
                r#"2026-05-31T22:00:00Z 2026-05-31T23:00:00Z {"region":"eu","verb":"put"} 10"#,
            ],
        ),
    ];
    for (query, total, expect) in table {
        let body = api.get(&format!("/v1/usage?{query}"), &api.acme.key).await.good().body;
        assert_eq!(body["total"], total, "{query}");
        assert_eq!(rows(&body), expect, "{query}");
        assert_eq!(body["meter"], "bytes");
    }
}

#[tokio::test]
async fn a_tenant_reads_its_own_usage_only() {
    let api = with_usage().await;
    let total = async |path: &str, key: &str| api.get(path, key).await.good().body["total"].clone();
    let path = format!("/v1/usage?{MAY}");
    assert_eq!(total(&path, &api.acme.key).await, "10.5");
    assert_eq!(total(&format!("{path}&tenant=acme"), PLATFORM_KEY).await, "10.5");
    assert_eq!(total("/v1/usage?meter=bytes", &api.globex.key).await, "0");
    assert_eq!(rows(&api.get("/v1/usage?meter=bytes", &api.globex.key).await.body), [""; 0]);
}

#[tokio::test]
async fn a_bad_query_is_refused_by_the_parameter() {
    let api = Api::open().await.with_meters().await;
    let table = [
        ("", (400, "invalid_parameter")),
        ("meter=unheard-of", (404, "not_found")),
        ("meter=Not%20a%20slug", (404, "not_found")),
        ("meter=bytes&window=week", (400, "invalid_parameter")),
        ("meter=bytes&from=yesterday", (400, "invalid_parameter")),
        ("meter=bytes&from=2026-05-01T00:30:00Z", (400, "not_aligned")),
        ("meter=bytes&from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", (400, "invalid_range")),
        ("meter=bytes&from=2024-05-01T00:00:00Z", (400, "range_too_long")),
        ("meter=bytes&groupBy=colour", (400, "unknown_dimension")),
        ("meter=calls&groupBy=region", (400, "unknown_dimension")),
        ("meter=bytes&colour=red", (400, "unknown_parameter")),
    ];
    for (query, expect) in table {
        assert_eq!(api.get(&format!("/v1/usage?{query}"), &api.acme.key).await.outcome(), expect, "{query}");
    }
    assert_eq!(api.get("/v1/usage?meter=bytes", PLATFORM_KEY).await.outcome(), (400, "tenant_required"));
    let answer = api.get("/v1/usage?meter=calls&tenant=globex", PLATFORM_KEY).await.good().body;
    assert_eq!(
        answer,
        json!({
            "meter": "calls", "from": "2026-06-01T00:00:00Z", "to": "2026-06-01T01:00:00Z", "window": null,
            "data": [], "total": "0",
        })
    );
}
