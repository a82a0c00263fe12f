//! The price calculator, and which prices a plan takes.

use crate::{
    harness::{Api, PLATFORM_KEY},
    routes,
};
use meterline::aws::Fault;
use serde_json::{Value, json};

const PATH: &str = "/v1/prices/estimate";

fn price(model: &Value) -> Value {
    json!({"key": "k", "name": "K", "meter": "no-such-meter", "model": model})
}

fn per_unit(modifiers: Value) -> Value {
    let mut price = price(&json!({"type": "perUnit", "unitPrice": "0.1"}));
    price["modifiers"] = modifiers;
    price
}

/// The request for `price` in dollars with the members of `usage`.
fn question(price: &Value, usage: &Value) -> Value {
    let mut question = json!({"price": price, "currency": "USD"});
    question.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
    question
}

#[tokio::test]
async fn an_estimate_says_what_is_due() {
    let api = Api::open().await;
    let seats = json!({"key": "k", "name": "K", "model": {"type": "seats", "unitPrice": "12"}});
    let fee = json!({"key": "k", "name": "K", "timing": "inAdvance", "model": {"type": "flat", "amount": "31"}});
    let free = price(&json!({"type": "percentage", "percent": "10", "fixedFee": "1", "freeEvents": 2}));
    let minimum = per_unit(json!({"spendMinimum": "5"}));
    // The total that is due, then the amount and the due part of each line.
    type Row<'a> = (&'a Value, Value, i64, &'a [(i64, i64)]);
    let rows: [Row<'_>; 10] = [
        (&minimum, json!({"quantity": "60"}), 600, &[(600, 600)]),
        (&minimum, json!({"quantity": 10}), 500, &[(100, 100), (400, 400)]),
        // The period goes on: nobody knows what will be missing.
        (&minimum, json!({"quantity": 10, "closing": false}), 100, &[(100, 100)]),
        // 1.00 and 4.00 were billed when 10 were used; now they are 20.
        (
            &minimum,
            json!({"quantity": 20, "billed": {"quantity": 10, "amountMinor": 100, "trueUpMinor": 400}}),
            0,
            &[(200, 100), (300, -100)],
        ),
        // Two were taken back.
        (&minimum, json!({"quantity": 58, "billed": {"quantity": 60, "amountMinor": 600}}), -20, &[(580, -20)]),
        (&seats, json!({"quantity": 3, "days": {"active": 10, "full": 30}}), 1_200, &[(1_200, 1_200)]),
        (&fee, json!({"days": {"active": 17, "full": 31}}), 1_700, &[(1_700, 1_700)]),
        // The third event costs 10 % of 30 and 1.
        (&free, json!({"eventValues": ["10", "20", 30]}), 400, &[(400, 400)]),
        (&free, json!({"eventValues": []}), 0, &[(0, 0)]),
        (&minimum, json!({"quantity": "49.96"}), 500, &[(500, 500)]),
    ];
    for (price, usage, total, expect) in rows {
        let estimate = api.post(PATH, &api.acme.key, &question(price, &usage)).await.good().body;
        let lines = estimate["lines"].as_array().unwrap().iter();
        let got: Vec<(i64, i64)> =
            lines.map(|line| (line["amountMinor"].as_i64().unwrap(), line["dueMinor"].as_i64().unwrap())).collect();
        assert_eq!((estimate["totalMinor"].as_i64(), got.as_slice()), (Some(total), expect), "{usage}: {estimate:#}");
    }
}

#[tokio::test]
async fn an_estimate_explains_itself() {
    let api = Api::open().await;
    let mut price =
        price(&json!({"type": "graduated", "tiers": [{"upTo": 10, "unitPrice": "1.005"}, {"unitPrice": "0.5"}]}));
    price["included"] = 5.into();
    let estimate = api.post(PATH, &api.acme.key, &question(&price, &json!({"quantity": "16"}))).await.good().body;
    // 10 × 1.005 and 1 × 0.5.
    let line = json!({
        "kind": "usage", "key": "k", "description": "K", "quantity": "16", "billedQuantity": "0", "billable": "11",
        "subLines": [
            {"kind": "tier", "from": "0", "upTo": "10", "quantity": "10", "unitPrice": "1.005", "flatFee": "0", "amount": "10.05"},
            {"kind": "tier", "from": "10", "quantity": "1", "unitPrice": "0.5", "flatFee": "0", "amount": "0.5"},
        ],
        "steps": [{"modifier": "included", "value": "5", "before": "16", "after": "11"}],
        "exact": "10.55", "amountMinor": 1_055, "dueMinor": 1_055,
    });
    assert_eq!(estimate, json!({"currency": "USD", "totalMinor": 1_055, "lines": [line]}));
    let yen = json!({"price": price, "currency": "JPY", "quantity": "16"});
    let estimate = api.post(PATH, &api.acme.key, &yen).await.good().body;
    assert_eq!((&estimate["totalMinor"], &estimate["lines"][0]["exact"]), (&json!(11), &json!("10.55")));
}

#[tokio::test]
async fn an_estimate_needs_no_table() {
    let api = Api::open().await;
    let question = question(&per_unit(json!({})), &json!({"quantity": 1}));
    // The key of the platform is known without reading, and no call of AWS succeeds.
    api.platform.aws().faults().fail_when(100, Fault::Refuse, |_| true);
    assert_eq!(api.post(PATH, PLATFORM_KEY, &question).await.outcome(), (200, "-"));
}

#[tokio::test]
async fn an_estimate_is_refused_by_the_field() {
    let api = Api::open().await;
    let unit = per_unit(json!({}));
    let matrix = price(&json!({
        "type": "matrix", "dimensions": ["region"], "cells": [{"values": {"region": "eu"}, "unitPrice": 1}], "defaultUnitPrice": 2,
    }));
    let free = price(&json!({"type": "percentage", "percent": 1, "freeEvents": 2}));
    let fee = json!({"key": "k", "name": "K", "model": {"type": "flat", "amount": 1}});
    let group = |values: Value, quantity: &str| json!({"groups": [{"values": values, "quantity": quantity}]});
    let expensive = price(&json!({"type": "perUnit", "unitPrice": "999999999"}));
    let rows = [
        (&unit, json!({}), (422, "/quantity", "required")),
        (&unit, json!({"quantity": "-1"}), (422, "/quantity", "negative")),
        (&unit, json!({"quantity": "ten"}), (422, "/quantity", "not_a_number")),
        (&unit, json!({"quantity": 0.5}), (400, "/quantity", "invalid_body")),
        (&unit, json!({"quantity": 1, "amount": 1}), (422, "/amount", "not_allowed")),
        (&unit, json!({"quantity": 1, "colour": 1}), (400, "/colour", "unknown_field")),
        (&unit, json!({"quantity": 1, "currency": "XXX"}), (422, "/currency", "unknown_currency")),
        (&unit, json!({"quantity": 1, "days": {"active": 32, "full": 31}}), (422, "/days", "days_out_of_range")),
        (&unit, json!({"quantity": 1, "days": {"active": 0, "full": 0}}), (422, "/days", "days_out_of_range")),
        (&unit, json!({"quantity": 1, "billed": {"quantity": "x"}}), (422, "/billed/quantity", "not_a_number")),
        (&unit, json!({"quantity": 1, "billed": {"amountMinor": i64::MIN}}), (422, "", "amount_out_of_range")),
        (&expensive, json!({"quantity": "900000000000000"}), (422, "", "amount_out_of_range")),
        (&fee, json!({"quantity": 1}), (422, "/quantity", "not_allowed")),
        (&matrix, json!({"quantity": 1}), (422, "/groups", "required")),
        (&matrix, group(json!({"size": "big"}), "1"), (422, "/groups/0/values/size", "unknown_dimension")),
        (&matrix, group(json!({"region": "eu"}), "x"), (422, "/groups/0/quantity", "not_a_number")),
        (
            &matrix,
            json!({"groups": vec![json!({"values": {}, "quantity": 1}); 1_001]}),
            (422, "/groups", "too_many_groups"),
        ),
        (&free, json!({}), (422, "/value", "required")),
        (&free, json!({"value": 1, "events": 1}), (422, "/eventValues", "required")),
        (&free, json!({"eventValues": ["1", "-1"]}), (422, "/eventValues/1", "negative")),
        (&free, json!({"eventValues": vec![1; 10_001]}), (422, "/eventValues", "too_many_values")),
        (&free, json!({"eventValues": [1], "events": 1}), (422, "/events", "not_allowed")),
        (&json!({"key": "k"}), json!({"quantity": 1}), (400, "/price", "invalid_body")),
        (&price(&json!({"type": "perUnit"})), json!({"quantity": 1}), (422, "/price/model/unitPrice", "required")),
    ];
    for (price, usage, expect) in rows {
        let answer = api.post(PATH, &api.acme.key, &question(price, &usage)).await;
        let field = &answer.body["errors"][0];
        let text = |name: &str| field[name].as_str().unwrap_or_default();
        assert_eq!((answer.status.as_u16(), text("pointer"), text("code")), expect, "{price} {usage}");
    }
}

#[tokio::test]
async fn a_plan_takes_only_prices_that_can_be_billed() {
    let api = Api::open().await.with_meters().await;
    let of = |meter: &str, model: Value| json!({"key": "k", "name": "K", "meter": meter, "model": model});
    let matrix = |dimension: &str| {
        let cells = json!([{"values": {dimension: "eu"}, "unitPrice": 1}]);
        json!({"type": "matrix", "dimensions": [dimension], "cells": cells, "defaultUnitPrice": 2})
    };
    let flat =
        |timing: &str| json!({"key": "k", "name": "K", "timing": timing, "model": {"type": "flat", "amount": 1}});
    let rows = [
        (of("bytes", matrix("region")), None),
        (of("bytes", matrix("colour")), Some(("/prices/0/model/dimensions/0", "unknown_dimension"))),
        (of("calls", json!({"type": "dynamic"})), Some(("/prices/0/meter", "unfit_aggregation"))),
        (of("bytes", json!({"type": "dynamic"})), None),
        (of("bytes", json!({"type": "percentage", "percent": 1})), None),
        (
            of("bytes", json!({"type": "percentage", "percent": 1, "fixedFee": 1})),
            Some(("/prices/0/meter", "unfit_aggregation")),
        ),
        (
            of("bytes", json!({"type": "percentage", "percent": 1, "freeEvents": 1})),
            Some(("/prices/0/model/freeEvents", "needs_each_event")),
        ),
        (of("nothing", json!({"type": "dynamic"})), Some(("/prices/0/meter", "unknown_meter"))),
        (flat("inArrears"), None),
        (flat("inAdvance"), None),
        (json!({"key": "k", "name": "K", "model": {"type": "seats", "unitPrice": 1}}), None),
    ];
    for (index, (price, expect)) in rows.into_iter().enumerate() {
        let mut plan = routes::plan(&format!("plan-{index}"));
        plan["prices"] = json!([price]);
        let answer = api.post("/v1/plans", PLATFORM_KEY, &plan).await;
        let field = &answer.body["errors"][0];
        let got = field["code"].as_str().map(|code| (field["pointer"].as_str().unwrap(), code));
        assert_eq!(got, expect, "{price}: {:#}", answer.body);
    }
}
