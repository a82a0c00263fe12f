//! Usage after the invoice: what came, or was corrected, when its period had been billed is on the next invoice, once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use meterline::aws::Fault;
use serde_json::{Value, json};
use tests::local::Local;

/// Two calls at 1.00 and the rest at 0.50; bytes at 0.01, for at least 1.00; and 30.00.
const MAY: &str = "open 3350: base 3000, calls 250, bytes 60, bytes.true-up 40";

/// A platform on 20 May on which acme's subscription runs since 1 May, with three calls of 10, 20 and 30 bytes.
async fn set_up() -> (Local, String) {
    let local = Local::open("2026-05-20T09:00:00Z".parse().unwrap()).await;
    local.create_catalog().await;
    local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    let tiers = json!([{"upTo": "2", "unitPrice": "1"}, {"unitPrice": "0.5"}]);
    let plan = json!({"slug": "team", "name": "Team", "currency": "EUR", "baseFeeMinor": 3000, "prices": [
        {"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "graduated", "tiers": tiers}},
        {"key": "bytes", "name": "Bytes", "meter": "bytes", "model": {"type": "perUnit", "unitPrice": "0.01"},
            "modifiers": {"spendMinimum": "1"}},
    ]});
    local.create("/v1/plans", plan).await;
    let made = local.create("/v1/subscriptions?tenant=acme", json!({"plan": "team", "startsOn": "2026-05-01"})).await;
    let times = "2026-05-20T08:00:00Z";
    send(&local, &[("e1", times, 10), ("e2", times, 20), ("e3", times, 30)]).await;
    (local, made["id"].as_str().unwrap().to_owned())
}

async fn try_send(local: &Local, events: &[(&str, &str, u32)]) -> (u16, Value) {
    let event = |(id, time, bytes): &(&str, &str, u32)| json!({"id": id, "type": "call", "time": time, "data": {"bytes": bytes, "user": "a"}});
    let events = json!({"events": events.iter().map(event).collect::<Vec<_>>()});
    local.send("POST", "/v1/usage/events?tenant=acme", Some(&events)).await
}

/// Sends calls, which are taken and counted.
async fn send(local: &Local, events: &[(&str, &str, u32)]) {
    let (status, answer) = try_send(local, events).await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(events.len())), "{answer:#}");
    local.platform.settle(local.platform.world().now()).await.unwrap();
}

/// Corrects a call of 20 May, 08:00.
async fn correct(local: &Local, correction: &str, body: Value) {
    let path = format!("/v1/usage/events/{correction}?tenant=acme&time=2026-05-20T08:00:00Z");
    post(local, &path, body).await;
    local.platform.settle(local.platform.world().now()).await.unwrap();
}

async fn post(local: &Local, path: &str, body: Value) -> Value {
    let (status, answer) = local.send("POST", path, Some(&body)).await;
    assert!(status < 300, "{path}: {answer:#}");
    answer
}

fn turn_to(local: &Local, instant: &str) {
    local.turn_to(instant.parse().unwrap());
}

/// Every invoice, the oldest first.
async fn invoices(local: &Local) -> Vec<Value> {
    let list = local.get("/v1/invoices?tenant=acme&limit=100").await;
    list["data"].as_array().unwrap().iter().rev().cloned().collect()
}

/// Status, total and lines of every invoice, the oldest first.
async fn all_said(local: &Local) -> Vec<String> {
    invoices(local).await.iter().map(said).collect()
}

fn said(invoice: &Value) -> String {
    let lines = invoice["lines"].as_array().unwrap().iter();
    let lines: Vec<String> =
        lines.map(|line| format!("{} {}", line["key"].as_str().unwrap(), line["amountMinor"])).collect();
    format!("{} {}: {}", invoice["status"].as_str().unwrap(), invoice["totalMinor"], lines.join(", "))
}

#[tokio::test]
async fn late_voided_and_amended_usage_is_on_the_next_invoice_once() {
    let (local, id) = set_up().await;
    local.run_to("2026-06-01T02:00:00Z").await;
    assert_eq!(all_said(&local).await, [MAY]);

    // 3 June: two calls more and one less are four, 3.00; 20 + 30 + 100 + 5 bytes are 1.55, and no minimum is missed.
    turn_to(&local, "2026-06-03T09:00:00Z");
    send(&local, &[("e4", "2026-05-21T08:00:00Z", 100), ("e5", "2026-05-31T23:59:59Z", 5)]).await;
    correct(&local, "e1/void", json!({"reason": "sent by a load test"})).await;
    let june = "3205: base 3000, calls 0, bytes 0, bytes.true-up 100, calls.adjustment@2026-05-01 50, \
                bytes.adjustment@2026-05-01 95, bytes.true-up.adjustment@2026-05-01 -40";
    let upcoming = local.get(&format!("/v1/subscriptions/{id}/upcoming-invoice?tenant=acme")).await;
    assert_eq!(said(&upcoming), format!("draft {june}"));
    local.run_to("2026-07-01T02:00:00Z").await;
    assert_eq!(all_said(&local).await, [MAY.to_owned(), format!("open {june}")]);
    let issued = invoices(&local).await;
    let line = &issued[1]["lines"][4];
    assert_eq!(
        (&line["kind"], &line["adjusts"]["invoiceId"], &line["adjusts"]["line"]),
        (&json!("adjustment"), &issued[0]["id"], &json!("calls"))
    );
    assert_eq!((&line["adjusts"]["quantityBefore"], &line["firstDay"]), (&json!("3"), &json!("2026-05-01")));

    // Made again, the run changes nothing; and what July says has none of it again.
    local.run_to("2026-07-01T03:00:00Z").await;
    assert_eq!(all_said(&local).await.len(), 2);
    turn_to(&local, "2026-07-10T09:00:00Z");
    send(&local, &[("e4", "2026-05-21T08:00:00Z", 100)]).await;
    local.run_to("2026-08-01T02:00:00Z").await;
    assert_eq!(all_said(&local).await[2], "open 3100: base 3000, calls 0, bytes 0, bytes.true-up 100");

    // August: a hundred bytes more of May, 1.00, over all that was billed and adjusted; and a call of June's, 1.00.
    correct(&local, "e2/amend", json!({"reason": "in kilobytes", "data": {"bytes": 120, "user": "a"}})).await;
    send(&local, &[("e6", "2026-06-10T08:00:00Z", 0)]).await;
    local.run_to("2026-09-01T02:00:00Z").await;
    assert_eq!(
        all_said(&local).await[3],
        "open 3300: base 3000, calls 0, bytes 0, bytes.true-up 100, calls.adjustment@2026-06-01 100, \
         bytes.adjustment@2026-05-01 100"
    );
}

#[tokio::test]
async fn usage_of_the_grace_is_not_lost_where_an_invoice_does_not_wait_for_it() {
    let (local, id) = set_up().await;
    turn_to(&local, "2026-06-01T00:05:00Z");
    local.platform.settle(local.platform.world().now()).await.unwrap();
    local.raise_watermark().await;
    let generate = json!({"subscriptionId": id});
    let may = post(&local, "/v1/invoices/generate?tenant=acme", generate).await;
    assert_eq!(said(&may), MAY);
    turn_to(&local, "2026-06-01T00:20:00Z");
    send(&local, &[("e4", "2026-05-31T23:50:00Z", 0)]).await;
    local.run_to("2026-07-01T02:00:00Z").await;
    assert_eq!(
        all_said(&local).await[1],
        "open 3150: base 3000, calls 0, bytes 0, bytes.true-up 100, calls.adjustment@2026-05-01 50"
    );
}

#[tokio::test]
async fn an_invoice_that_is_written_anew_makes_good_what_was_adjusted_of_the_void_one() {
    let (local, _) = set_up().await;
    local.run_to("2026-06-01T02:00:00Z").await;
    turn_to(&local, "2026-06-03T09:00:00Z");
    send(&local, &[("e4", "2026-05-21T08:00:00Z", 100)]).await;
    local.run_to("2026-07-01T02:00:00Z").await;
    assert_eq!(
        all_said(&local).await[1],
        "open 3210: base 3000, calls 0, bytes 0, bytes.true-up 100, calls.adjustment@2026-05-01 50, \
         bytes.adjustment@2026-05-01 100, bytes.true-up.adjustment@2026-05-01 -40"
    );
    let may = format!("/v1/invoices/{}", invoices(&local).await[0]["id"].as_str().unwrap());
    post(&local, &format!("{may}/void?tenant=acme"), json!({"reason": "the wrong address"})).await;
    let again = post(&local, &format!("{may}/regenerate?tenant=acme"), Value::Null).await;
    // Four calls and 160 bytes, less what June's invoice has of them: as much as before.
    assert_eq!(
        said(&again),
        "open 3350: base 3000, calls 300, bytes 160, calls.adjustment@2026-05-01 -50, \
         bytes.adjustment@2026-05-01 -100, bytes.true-up.adjustment@2026-05-01 40"
    );
    // A call more, of which July's invoice has no more than its 0.50.
    turn_to(&local, "2026-07-03T09:00:00Z");
    send(&local, &[("e5", "2026-05-21T08:00:00Z", 0)]).await;
    local.run_to("2026-08-01T02:00:00Z").await;
    assert_eq!(
        all_said(&local).await.last().unwrap(),
        "open 3150: base 3000, calls 0, bytes 0, bytes.true-up 100, calls.adjustment@2026-05-01 50"
    );
}

#[tokio::test]
async fn an_event_whose_day_cannot_be_marked_is_not_taken() {
    let (local, _) = set_up().await;
    turn_to(&local, "2026-06-03T09:00:00Z");
    local.platform.aws().faults().fail_when(1, Fault::Refuse, |call| call.operation == "PutItem");
    let events = [("late", "2026-05-21T08:00:00Z", 1), ("now", "2026-06-03T08:00:00Z", 1)];
    let (status, answer) = try_send(&local, &events).await;
    let statuses: Vec<&Value> = answer["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!((status, statuses), (503, vec![&json!("retry"), &json!("accepted")]), "{answer:#}");
    send(&local, &events).await;
}

/// Prices whose names are so long that an invoice has room for the adjustments of one period and a part of another.
const LONG_PRICES: usize = 90;

#[tokio::test]
async fn adjustments_for_which_an_invoice_has_no_room_wait_for_the_next() {
    let local = Local::open("2026-05-20T09:00:00Z".parse().unwrap()).await;
    local.create_catalog().await;
    local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    let price = |n: usize| {
        let (key, name) = (format!("calls-{n}"), "\u{1f600}".repeat(200));
        json!({"key": key, "name": name, "meter": "calls", "model": {"type": "perUnit", "unitPrice": "1"}})
    };
    let prices: Vec<Value> = (0..LONG_PRICES).map(price).collect();
    local.create("/v1/plans", json!({"slug": "long", "name": "Long", "currency": "EUR", "prices": prices})).await;
    local.create("/v1/subscriptions?tenant=acme", json!({"plan": "long", "startsOn": "2026-05-01"})).await;
    for instant in ["2026-06-01T02:00:00Z", "2026-07-01T02:00:00Z"] {
        local.run_to(instant).await;
    }
    // A call of May and two of June, on 3 July: on each price of both.
    turn_to(&local, "2026-07-03T09:00:00Z");
    let june = "2026-06-10T08:00:00Z";
    send(&local, &[("e1", "2026-05-21T08:00:00Z", 0), ("e2", june, 0), ("e3", june, 0)]).await;
    for instant in ["2026-08-01T02:00:00Z", "2026-09-01T02:00:00Z"] {
        local.run_to(instant).await;
    }
    let adjusted = |invoice: &Value, month: &str, minor: i64| {
        let lines = invoice["lines"].as_array().unwrap().iter();
        let of_month = lines.filter(|line| line["key"].as_str().unwrap().ends_with(&format!(".adjustment@{month}-01")));
        of_month.inspect(|line| assert_eq!(line["amountMinor"], minor)).count()
    };
    let invoices = invoices(&local).await;
    let counts: Vec<[usize; 2]> =
        invoices.iter().map(|invoice| [adjusted(invoice, "2026-06", 200), adjusted(invoice, "2026-05", 100)]).collect();
    let [[0, 0], [0, 0], [all, some], [0, rest]] = counts[..] else { panic!("{counts:?}") };
    assert_eq!((all, some + rest), (LONG_PRICES, LONG_PRICES));
    assert!(some > 0 && rest > 0, "{counts:?}");
}
