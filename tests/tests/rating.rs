//! From counters to an invoice, by every price model that meters feed; and the calculator, which must say the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tests::local::Local;

/// Ticks of the schedule until the watermark has passed the period's close.
const TICKS: usize = 3;

/// A platform in May with the meters of the event type `sale`.
async fn open() -> Local {
    let local = Local::open("2026-05-20T12:00:00Z".parse().unwrap()).await;
    for (slug, aggregation, path) in [
        ("sales", "count", None),
        ("units", "sum", Some("$.units")),
        ("value", "sum", Some("$.value")),
        ("payments", "average", Some("$.value")),
    ] {
        let mut meter = json!({
            "slug": slug, "name": slug, "eventType": "sale", "aggregation": aggregation,
            "dimensions": [{"name": "region", "path": "$.region"}],
        });
        if let Some(path) = path {
            meter["valuePath"] = path.into();
        }
        local.create("/v1/meters", meter).await;
    }
    local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    local
}

/// Three sales: 79.5 units in eu and 40.5 in us, for 30.75.
async fn sell(local: &Local) {
    let sale = |id: &str, units: &str, region: &str, value: &str| json!({"id": id, "type": "sale", "time": "2026-05-20T10:00:00Z", "data": {"units": units, "region": region, "value": value}});
    let events = [sale("1", "60", "eu", "10"), sale("2", "40.5", "us", "20.5"), sale("3", "19.5", "eu", "0.25")];
    let (status, answer) = local.send("POST", "/v1/usage/events?tenant=acme", Some(&json!({"events": events}))).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(3)), "{answer:#}");
}

async fn deliver(local: &Local) {
    let mut delivered = 1;
    while delivered > 0 {
        delivered = 0;
        for source in &local.platform.stack().event_sources {
            delivered += local.platform.deliver(source, 0).await.unwrap();
        }
    }
}

/// The invoice of May, of a plan with `prices` that was subscribed to on `starts_on`.
async fn invoice(local: &Local, prices: &[Value], starts_on: &str) -> Value {
    local.create("/v1/plans", json!({"slug": "pro", "name": "Pro", "currency": "USD", "prices": prices})).await;
    local.create("/v1/subscriptions?tenant=acme", json!({"plan": "pro", "startsOn": starts_on})).await;
    sell(local).await;
    deliver(local).await;
    local.turn_to("2026-06-01T01:00:00Z".parse().unwrap());
    for _ in 0..TICKS {
        local.tick_later().await;
        deliver(local).await;
    }
    let invoices = local.get("/v1/invoices?tenant=acme").await;
    let [invoice] = invoices["data"].as_array().unwrap().as_slice() else { panic!("not one invoice: {invoices:#}") };
    invoice.clone()
}

fn price(key: &str, meter: Option<&str>, model: &Value, modifiers: Value) -> Value {
    let mut price = json!({"key": key, "name": key, "model": model});
    if let Some(meter) = meter {
        price["meter"] = meter.into();
    }
    if !modifiers.is_null() {
        price["modifiers"] = modifiers;
    }
    price
}

/// A price, what the calculator is told of the sales, and the cents of its lines.
type Row = (Value, Value, &'static [(&'static str, i64)]);

/// Every model that meters feed, and some modifiers.
fn rows() -> Vec<Row> {
    [fees_and_floors(), of_units(), of_groups_and_values()].concat()
}

fn fees_and_floors() -> Vec<Row> {
    let minimum = json!({"spendMinimum": "2"});
    let commitment = json!({"commitment": {"amount": "10", "overageFactor": "1.5"}, "spendMaximum": "20"});
    let tenth = json!({"type": "perUnit", "unitPrice": "0.1"});
    vec![
        (price("setup", None, &json!({"type": "flat", "amount": "5"}), Value::Null), json!({}), &[("setup", 500)]),
        // 3 × 0.10 are 0.30, and 1.70 are missing to 2.
        (
            price("sales", Some("sales"), &tenth, minimum),
            json!({"quantity": 3}),
            &[("sales", 30), ("sales.true-up", 170)],
        ),
        // 120 × 0.10 is 2 beyond the commitment of 10: 10 + 3.
        (price("committed", Some("units"), &tenth, commitment), json!({"quantity": "120"}), &[("committed", 1_300)]),
    ]
}

fn of_units() -> Vec<Row> {
    let tiers = json!([{"upTo": "100", "unitPrice": "0.5"}, {"unitPrice": "0.25", "flatFee": "1"}]);
    let conversion = json!({"unitConversion": {"divisor": "50", "rounding": "up"}, "usageDiscount": "10"});
    let row = |key: &str, model: Value, modifiers: Value, lines| -> Row {
        (price(key, Some("units"), &model, modifiers), json!({"quantity": "120"}), lines)
    };
    let null = || Value::Null;
    vec![
        // 100 × 0.5 and 20 × 0.25 and 1.
        row("graduated", json!({"type": "graduated", "tiers": tiers}), null(), &[("graduated", 5_600)]),
        // 120 × 0.25 and 1.
        row("volume", json!({"type": "volume", "tiers": tiers}), null(), &[("volume", 3_100)]),
        // Three started packages at 2.
        row("package", json!({"type": "package", "size": "50", "packagePrice": "2"}), null(), &[("package", 600)]),
        // Three units of 50, less a tenth.
        row("converted", json!({"type": "perUnit", "unitPrice": "1"}), conversion, &[("converted", 270)]),
    ]
}

fn of_groups_and_values() -> Vec<Row> {
    let percents = json!([{"upTo": "10", "percent": "2"}, {"percent": "1"}]);
    let cells = json!([{"values": {"region": "eu"}, "unitPrice": "0.1"}]);
    let matrix = json!({"type": "matrix", "dimensions": ["region"], "cells": cells, "defaultUnitPrice": "0.2"});
    let groups =
        json!([{"values": {"region": "eu"}, "quantity": "79.5"}, {"values": {"region": "us"}, "quantity": "40.5"}]);
    let row = |key: &str, meter: &str, model: Value, usage: Value, lines| -> Row {
        (price(key, Some(meter), &model, Value::Null), usage, lines)
    };
    let fees = json!({"type": "percentage", "percent": "2.9", "fixedFee": "0.3"});
    let graduated = json!({"type": "graduatedPercentage", "tiers": percents});
    let dynamic = json!({"type": "dynamic", "multiplier": "1.2"});
    vec![
        // 79.5 × 0.1 and 40.5 × 0.2.
        row("matrix", "units", matrix, json!({"groups": groups}), &[("matrix", 1_605)]),
        // 2.9 % of 30.75 are 0.89175, and three fees 0.90: 1.79175.
        row("payments", "payments", fees, json!({"value": "30.75", "events": 3}), &[("payments", 179)]),
        // 2 % of 10 and 1 % of 20.75: 0.4075.
        row("percents", "value", graduated, json!({"value": "30.75"}), &[("percents", 41)]),
        // 30.75 × 1.2.
        row("dynamic", "value", dynamic, json!({"amount": "30.75"}), &[("dynamic", 3_690)]),
    ]
}

fn cents(lines: &Value) -> Vec<(&str, i64)> {
    let line = |line: &'_ Value| line["amountMinor"].as_i64().unwrap();
    lines.as_array().unwrap().iter().map(|of| (of["key"].as_str().unwrap(), line(of))).collect()
}

#[tokio::test]
async fn every_model_is_billed_from_counters_as_the_calculator_says() {
    let local = open().await;
    let rows = rows();
    let prices: Vec<Value> = rows.iter().map(|(price, ..)| price.clone()).collect();
    let invoice = invoice(&local, &prices, "2026-05-01").await;
    let expect: Vec<(&str, i64)> = rows.iter().flat_map(|(.., lines)| lines.iter().copied()).collect();
    assert_eq!(cents(&invoice["lines"]), expect, "{invoice:#}");
    assert_eq!(invoice["totalMinor"], json!(17_085));
    let mut billed = invoice["lines"].as_array().unwrap().iter();
    for (price, usage, expect) in &rows {
        let mut question = json!({"price": price, "currency": "USD"});
        question.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
        let (status, estimate) = local.send("POST", "/v1/prices/estimate", Some(&question)).await;
        assert_eq!((status, cents(&estimate["lines"]).as_slice()), (200, *expect), "{estimate:#}");
        for line in estimate["lines"].as_array().unwrap() {
            let on_invoice = billed.next().unwrap();
            for member in ["kind", "key", "description", "exact", "amountMinor", "steps", "floor"] {
                assert_eq!(line[member], on_invoice[member], "{member} of {line:#} and {on_invoice:#}");
            }
            // A fee says its days on an invoice, and a sub-line of them in an estimate.
            if line["kind"] != "fee" {
                assert_eq!(line["subLines"], on_invoice["subLines"]);
            }
        }
    }
    let id = invoice["id"].as_str().unwrap();
    let printed = local.get(&format!("/v1/invoices/{id}?tenant=acme")).await;
    assert!(printed["pdf"].is_object(), "{printed:#}");
}

#[tokio::test]
async fn a_period_of_some_days_prorates_fees_and_floors_and_no_usage() {
    let local = open().await;
    let prices = [
        price("fee", None, &json!({"type": "flat", "amount": "31"}), Value::Null),
        price("sales", Some("sales"), &json!({"type": "perUnit", "unitPrice": "1"}), json!({"spendMinimum": "31"})),
    ];
    let invoice = invoice(&local, &prices, "2026-05-20").await;
    // 20 to 31 May are 12 of 31 days: 12 of the fee, and 12 − 3 missing to the minimum.
    assert_eq!(cents(&invoice["lines"]), [("fee", 1_200), ("sales", 300), ("sales.true-up", 900)]);
    let true_up = &invoice["lines"][2];
    assert_eq!(true_up["of"], "sales");
    assert_eq!(true_up["floor"], json!({"kind": "spendMinimum", "amount": "31"}));
    assert_eq!(true_up["days"], json!({"active": 12, "full": 31}));
}
