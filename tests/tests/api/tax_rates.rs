//! Tax rates, and the tax profile of a tenant.

use crate::harness::{Api, PLATFORM_KEY};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn part(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn rate(more: Value) -> Value {
    let mut rate = json!({"name": "VAT", "percent": "19", "inclusive": false});
    let Value::Object(more) = more else { panic!("{more} is no object") };
    rate.as_object_mut().unwrap().extend(more);
    rate
}

#[tokio::test]
async fn rates_are_listed_by_country_and_archived_once() {
    let api = Api::open().await;
    let clock = api.platform.world().clock();
    for (country, region, percent) in [("US", "CA", "7.25"), ("DE", "", "19"), ("", "", "1.00"), ("US", "", "5")] {
        let new = rate(json!({"country": part(country), "region": part(region), "percent": percent}));
        api.post("/v1/tax-rates", PLATFORM_KEY, &new).await.good();
        // Of one country, they are listed in the order in which they were made.
        clock.turn_to(api.platform.world().now() + SignedDuration::from_secs(1));
    }
    let list = async || api.get("/v1/tax-rates", PLATFORM_KEY).await.good().body["data"].as_array().unwrap().clone();
    let percents: Vec<Value> = list().await.iter().map(|rate| rate["percent"].clone()).collect();
    assert_eq!(percents, ["1", "19", "7.25", "5"]);
    let id = list().await[1]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/tax-rates/{id}/archive");
    let archived = api.post(&path, PLATFORM_KEY, &json!({})).await.good();
    assert_eq!(archived.text("archivedAt"), "2026-06-01T00:30:04Z");
    clock.turn_to("2026-06-01T00:31:00Z".parse().unwrap());
    assert_eq!(api.post(&path, PLATFORM_KEY, &json!({})).await.good().body, archived.body, "the first instant stays");
    assert_eq!(list().await[1], archived.body);
    let unknown = "/v1/tax-rates/tax_00000000000000000000000000000000/archive";
    assert_eq!(api.post(unknown, PLATFORM_KEY, &json!({})).await.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn a_rate_is_refused_by_the_field() {
    let api = Api::open().await;
    let rows = [
        (json!({"percent": "101"}), (422, "/percent", "too_large")),
        (json!({"percent": "-1"}), (422, "/percent", "negative")),
        (json!({"percent": 7.25}), (400, "/percent", "invalid_body")),
        (json!({"name": " "}), (422, "/name", "invalid_name")),
        (json!({"country": "Germany"}), (422, "/country", "invalid_country")),
        (json!({"country": "de"}), (422, "/country", "invalid_country")),
        (json!({"region": "CA"}), (422, "/country", "country_required")),
        (json!({"country": "US", "region": "California"}), (422, "/region", "invalid_region")),
        (json!({"inclusive": null}), (400, "/inclusive", "invalid_body")),
        (json!({"colour": "red"}), (400, "/colour", "unknown_field")),
    ];
    for (more, (status, pointer, code)) in rows {
        let answer = api.post("/v1/tax-rates", PLATFORM_KEY, &rate(more.clone())).await;
        let field = &answer.body["errors"][0];
        let found = (answer.status.as_u16(), field["pointer"].as_str().unwrap_or("-"), &field["code"]);
        assert_eq!(found, (status, pointer, &json!(code)), "{more}");
    }
}

#[tokio::test]
async fn a_tenant_says_where_and_how_it_is_taxed() {
    let api = Api::open().await;
    let path = "/v1/tenants/acme";
    let shown = |tenant: &Value| {
        let fields = ["country", "region", "taxTreatment", "lowBalanceThresholdMinor"];
        fields.map(|field| tenant[field].clone())
    };
    let expect = |country: Value, region: Value, treatment: &str, threshold: Value| {
        [country, region, json!(treatment), threshold]
    };
    let tenant = api.get(path, PLATFORM_KEY).await.good().body;
    assert_eq!(shown(&tenant), expect(Value::Null, Value::Null, "taxed", Value::Null));
    let change = json!({"country": "US", "region": "CA", "lowBalanceThresholdMinor": 1_000});
    let tenant = api.patch(path, &change).await.good().body;
    assert_eq!(shown(&tenant), expect(json!("US"), json!("CA"), "taxed", json!(1_000)));
    let rows = [
        (json!({"taxTreatment": "reverseCharge"}), "/taxTreatment", "tax_id_required"),
        (json!({"country": null}), "/country", "country_required"),
        (json!({"region": "c"}), "/region", "invalid_region"),
        (json!({"lowBalanceThresholdMinor": -1}), "/lowBalanceThresholdMinor", "amount_out_of_range"),
    ];
    for (change, pointer, code) in rows {
        let answer = api.patch(path, &change).await;
        let field = &answer.body["errors"][0];
        assert_eq!((answer.status.as_u16(), &field["pointer"], &field["code"]), (422, &json!(pointer), &json!(code)));
    }
    let change = json!({"taxTreatment": "reverseCharge", "taxId": "DE1", "region": null, "country": "DE"});
    let tenant = api.patch(path, &change).await.good().body;
    assert_eq!(shown(&tenant), expect(json!("DE"), Value::Null, "reverseCharge", json!(1_000)));
    // The number cannot go while the invoices must name it.
    assert_eq!(api.patch(path, &json!({"taxId": null})).await.body["errors"][0]["code"], "tax_id_required");
    let change = json!({"taxTreatment": "exempt", "taxId": null, "lowBalanceThresholdMinor": null});
    let tenant = api.patch(path, &change).await.good().body;
    assert_eq!(shown(&tenant), expect(json!("DE"), Value::Null, "exempt", Value::Null));
    assert_eq!(api.get(path, &api.acme.key).await.good().body, tenant, "and it stays so");
}
