//! Billing runs over the life of a subscription: drafts, fees in advance, changes and their previews, pauses, the end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tests::local::Local;

/// A platform on 1 June with the tenant `acme` in UTC and the plan `team`: 30.00 in arrears, 10.00 a seat in advance, 1.00 a
/// call.
async fn set_up() -> Local {
    let local = Local::open("2026-06-01T09:00:00Z".parse().unwrap()).await;
    local.create_catalog().await;
    local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    local.create("/v1/plans", plan("team", 3_000, "10")).await;
    local.create("/v1/plans", plan("firm", 6_000, "20")).await;
    local
}

fn plan(slug: &str, base_fee_minor: i64, seat: &str) -> Value {
    json!({"slug": slug, "name": slug, "currency": "EUR", "baseFeeMinor": base_fee_minor, "prices": [
        {"key": "seats", "name": "Seats", "timing": "inAdvance", "model": {"type": "seats", "unitPrice": seat}},
        {"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": "1"}},
    ]})
}

/// Status, total and lines of every invoice, the oldest first.
async fn invoices(local: &Local) -> Vec<String> {
    let list = local.get("/v1/invoices?tenant=acme&limit=100").await;
    let mut said: Vec<String> = list["data"].as_array().unwrap().iter().map(said).collect();
    said.reverse();
    said
}

fn said(invoice: &Value) -> String {
    let lines = invoice["lines"].as_array().unwrap().iter();
    let lines: Vec<String> =
        lines.map(|line| format!("{} {}", line["key"].as_str().unwrap(), line["amountMinor"])).collect();
    format!("{} {}: {}", invoice["status"].as_str().unwrap(), invoice["totalMinor"], lines.join(", "))
}

async fn change(local: &Local, id: &str, change: Value) -> Value {
    local.create(&format!("/v1/subscriptions/{id}/changes?tenant=acme"), change).await
}

#[tokio::test]
async fn seats_are_billed_in_advance_and_a_change_is_made_good_when_the_period_closes() {
    let local = set_up().await;
    let body = json!({"plan": "team", "startsOn": "2026-06-01", "seats": {"seats": 2}});
    let made = local.create("/v1/subscriptions?tenant=acme", body).await;
    let id = made["id"].as_str().unwrap();
    local.run_to("2026-06-01T09:30:00Z").await;
    assert_eq!(invoices(&local).await, ["open 2000: seats 2000"], "June's seats, on its first day");

    // 15 June: three more seats for the rest, 16 of 30 days: 5 × 10 × 16 ÷ 30 = 26.67 less 2 × 10 × 16 ÷ 30 = 10.67.
    local.turn_to("2026-06-15T09:00:00Z".parse().unwrap());
    let seats = json!({"type": "seats", "price": "seats", "quantity": 5, "when": "immediate"});
    let (_, preview) =
        local.send("POST", &format!("/v1/subscriptions/{id}/changes/preview?tenant=acme"), Some(&seats)).await;
    assert_eq!(preview["from"], "2026-06-15");
    let promised: Vec<String> =
        preview["lines"].as_array().unwrap().iter().map(|line| line["line"].to_string()).collect();
    assert_eq!(preview["lines"].as_array().unwrap().len(), 3, "a credit, a charge, and July's five seats: {preview:#}");
    change(&local, id, seats).await;

    local.run_to("2026-07-01T00:10:00Z").await;
    assert_eq!(
        invoices(&local).await[1],
        "draft 9600: base 3000, calls 0, seats.credit@2026-06-15 -1067, seats@2026-06-15 2667, seats 5000",
        "a draft while the grace runs"
    );
    let draft = local.get("/v1/invoices?tenant=acme").await["data"][0].clone();
    assert_eq!((draft["number"].clone(), draft["dueAt"].clone()), (Value::Null, Value::Null));

    local.run_to("2026-07-01T01:30:00Z").await;
    let issued = local.get("/v1/invoices?tenant=acme").await["data"][0].clone();
    assert_eq!(
        (issued["id"].clone(), issued["status"].as_str(), issued["number"].as_str()),
        (draft["id"].clone(), Some("open"), Some("ACME-0002"))
    );
    let lines: Vec<String> = issued["lines"].as_array().unwrap().iter().map(ToString::to_string).collect();
    for line in promised {
        assert!(lines.contains(&line), "{line} was promised");
    }
    let usage = &issued["lines"][1]["evidence"];
    assert_eq!((usage["events"].as_u64(), usage["digest"].as_str().map(str::len)), (Some(0), Some(64)));
}

#[tokio::test]
async fn another_plan_a_pause_and_the_end_are_billed_by_their_days() {
    let local = set_up().await;
    let body = json!({"plan": "team", "startsOn": "2026-06-01", "trialDays": 14});
    let made = local.create("/v1/subscriptions?tenant=acme", body).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((made["status"].as_str(), made["trialEndsOn"].as_str()), (Some("trial"), Some("2026-06-15")));
    let events = json!({"events": [
        {"id": "in-trial", "type": "call", "time": "2026-06-01T08:00:00Z", "data": {"bytes": 1, "user": "a"}},
    ]});
    local.send("POST", "/v1/usage/events?tenant=acme", Some(&events)).await;
    // The trial is free; then one seat for the rest of June, 16 of 30 days of 10.00.
    local.run_to("2026-06-15T02:00:00Z").await;
    assert_eq!(invoices(&local).await, ["open 533: seats 533"]);

    // July: 60.00 from the 11th on, 21 of 31 days; before that 10 of 31 days of 30.00.
    local.run_to("2026-07-11T09:00:00Z").await;
    assert_eq!(invoices(&local).await[1], "open 2600: base 1600, calls 0, seats 1000");
    change(&local, id, json!({"type": "plan", "plan": "firm", "when": "immediate"})).await;
    // Paused from the 22nd on: eleven days of firm, then nothing.
    local.run_to("2026-07-22T09:00:00Z").await;
    let paused = change(&local, id, json!({"type": "pause"})).await;
    assert_eq!(paused["status"], "paused");
    local.run_to("2026-07-25T09:00:00Z").await;
    let ended = change(&local, id, json!({"type": "cancel"})).await;
    assert_eq!((ended["endsOn"].as_str(), ended["pending"]["status"].as_str()), (Some("2026-08-01"), Some("canceled")));
    local.run_to("2026-08-01T02:00:00Z").await;
    let all = invoices(&local).await;
    // 30 × 10 ÷ 31 = 9.68; 60 × 11 ÷ 31 = 21.29. A seat: 10 × 21 ÷ 31 = 6.77 back, 20 × 21 ÷ 31 = 13.55 new, and 20 × 10 ÷ 31 =
    // 6.45 of that back for the pause.
    assert_eq!(
        all[2],
        "open 3130: base 968, calls 0, base@2026-07-11 2129, calls@2026-07-11 0, seats.credit@2026-07-11 -677, \
         seats@2026-07-11 1355, seats.credit@2026-07-22 -645"
    );
    local.run_to("2026-10-01T02:00:00Z").await;
    assert_eq!(invoices(&local).await.len(), 3, "nothing is billed after the end");
    let (status, refused) = local
        .send("POST", &format!("/v1/subscriptions/{id}/changes?tenant=acme"), Some(&json!({"type": "resume"})))
        .await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("subscription_canceled")));
    let history = local.get(&format!("/v1/subscriptions/{id}/changes?tenant=acme")).await;
    let said: Vec<&str> =
        history["data"].as_array().unwrap().iter().map(|entry| entry["change"]["type"].as_str().unwrap()).collect();
    assert_eq!(said, ["plan", "pause", "cancel"]);
    assert_eq!(history["data"][0]["by"], "platform");
}

#[tokio::test]
async fn an_add_on_is_billed_beside_its_plan_by_its_own_days_and_prices() {
    let local = set_up().await;
    let support = json!({"slug": "support", "kind": "addOn", "name": "Support", "currency": "EUR", "baseFeeMinor": 900, "prices": [
        {"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": "0.25"}},
        {"key": "setup", "name": "Setup", "timing": "once", "model": {"type": "flat", "amount": "49"}},
    ]});
    local.create("/v1/plans", support).await;
    let body = json!({"plan": "team", "startsOn": "2026-06-01", "seats": {"seats": 0}});
    let made = local.create("/v1/subscriptions?tenant=acme", body).await;
    let id = made["id"].as_str().unwrap();
    let call = async |id: &str, time: &str| {
        let event = json!({"id": id, "type": "call", "time": time, "data": {"bytes": 1, "user": "a"}});
        local.send("POST", "/v1/usage/events?tenant=acme", Some(&json!({"events": [event]}))).await;
    };
    call("before", "2026-06-01T08:00:00Z").await;
    local.run_to("2026-06-11T09:00:00Z").await;
    let add = json!({"type": "addOn", "addOn": "support", "when": "immediate"});
    let path = format!("/v1/subscriptions/{id}/changes/preview?tenant=acme");
    let (_, preview) = local.send("POST", &path, Some(&add)).await;
    assert_eq!(preview["totalMinor"], 600 + 4_900, "{preview:#}");
    change(&local, id, add).await;
    call("with-it", "2026-06-11T09:00:00Z").await;
    local.run_to("2026-07-01T01:30:00Z").await;
    // 20 of 30 days of 9.00, one of the two calls, and the whole of what is charged once.
    assert_eq!(
        invoices(&local).await,
        ["open 8725: base 3000, calls 200, support:base@2026-06-11 600, support:calls@2026-06-11 25, \
         support:setup@2026-06-11 4900"]
    );
    let bill = local.get("/v1/invoices?tenant=acme").await["data"][0].clone();
    let path =
        format!("/v1/invoices/{}/lines/support:calls@2026-06-11/explain?tenant=acme", bill["id"].as_str().unwrap());
    let explained = local.get(&path).await;
    assert_eq!(explained["source"]["price"]["model"]["unitPrice"], "0.25", "{explained:#}");
    change(&local, id, json!({"type": "removeAddOn", "addOn": "support", "when": "nextPeriod"})).await;
    local.run_to("2026-09-01T01:30:00Z").await;
    let later = invoices(&local).await;
    assert_eq!(
        later[1..],
        ["open 3900: base 3000, calls 0, support:base 900, support:calls 0", "open 3000: base 3000, calls 0"],
        "July still has it, August has not"
    );
}

#[tokio::test]
async fn an_invoice_can_be_asked_for_before_its_grace_is_over_and_only_once() {
    let local = set_up().await;
    let body = json!({"plan": "team", "startsOn": "2026-05-20"});
    let made = local.create("/v1/subscriptions?tenant=acme", body).await;
    let id = made["id"].as_str().unwrap();
    let generate = json!({"subscriptionId": id});
    let ask = async || local.send("POST", "/v1/invoices/generate?tenant=acme", Some(&generate)).await;
    // The opening of May's rest, 12 of 31 days: it needs no usage.
    let (status, opening) = ask().await;
    assert_eq!((status, said(&opening).as_str()), (201, "open 387: seats 387"), "{opening:#}");
    let (status, early) = ask().await;
    assert_eq!(
        (status, early["code"].as_str()),
        (409, Some("usage_not_counted")),
        "May is over, and its usage on the way"
    );
    local.raise_watermark().await;
    let (status, may) = ask().await;
    assert_eq!((status, said(&may).as_str()), (201, "open 2161: base 1161, calls 0, seats 1000"));
    let (status, june) = ask().await;
    assert_eq!((status, june["code"].as_str()), (409, Some("period_running")));
    let path = format!("/v1/invoices/{}/finalize?tenant=acme", may["id"].as_str().unwrap());
    let (status, twice) = local.send("POST", &path, Some(&json!({}))).await;
    assert_eq!((status, twice["code"].as_str()), (409, Some("not_a_draft")));
    let upcoming = local.get(&format!("/v1/subscriptions/{id}/upcoming-invoice?tenant=acme")).await;
    assert_eq!(said(&upcoming), "draft 4000: base 3000, calls 0, seats 1000", "June so far, and July's seat");
}

#[tokio::test]
async fn a_change_sent_again_is_made_once() {
    let local = set_up().await;
    let made = local.create("/v1/subscriptions?tenant=acme", json!({"plan": "team"})).await;
    let path = format!("/v1/subscriptions/{}/changes?tenant=acme", made["id"].as_str().unwrap());
    for (asked, expect) in [
        (json!({"type": "seats", "price": "seats", "quantity": 3}), (201, None)),
        (json!({"type": "seats", "price": "seats", "quantity": 4}), (409, Some("change_pending"))),
        (json!({"type": "undo"}), (201, None)),
        (json!({"type": "undo"}), (409, Some("nothing_pending"))),
        (json!({"type": "seats", "price": "calls", "quantity": 4}), (422, Some("unknown_seats"))),
        (json!({"type": "seats", "price": "seats", "quantity": 1_000_001}), (422, Some("seats_out_of_range"))),
        (json!({"type": "seats", "price": "seats", "quantity": -1}), (400, None)),
        (json!({"type": "plan", "plan": "team"}), (409, Some("already_on_plan"))),
        (json!({"type": "plan", "plan": "nothing"}), (422, Some("unknown_plan"))),
        (json!({"type": "resume"}), (409, Some("not_paused"))),
        (json!({"type": "cancel", "when": "date"}), (422, Some("required"))),
        (json!({"type": "cancel", "when": "date", "on": "2026-05-31"}), (422, Some("date_in_past"))),
        (json!({"type": "cancel", "when": "now", "on": "2026-06-30"}), (422, Some("not_allowed"))),
    ] {
        let (status, answer) = local.send("POST", &path, Some(&asked)).await;
        let code = answer["errors"][0]["code"].as_str().or(answer["code"].as_str());
        let code = if status == 400 { None } else { code };
        assert_eq!((status, code), expect, "{asked}: {answer:#}");
    }
}

/// Posts as the platform for acme; answers the body of what must be good.
async fn post(local: &Local, path: &str, body: Value) -> Value {
    let (status, answer) = local.send("POST", &format!("{path}?tenant=acme"), Some(&body)).await;
    assert!(status < 300, "{path}: {answer:#}");
    answer
}

async fn credit_left(local: &Local) -> Value {
    local.get("/v1/credits/balance?tenant=acme").await["data"][0]["balanceMinor"].clone()
}

#[tokio::test]
async fn what_credit_has_paid_comes_back_with_a_void_and_the_books_agree() {
    let local = set_up().await;
    let grant = json!({"tenant": "acme", "name": "Prepaid", "kind": "paid", "amountMinor": 1500, "currency": "EUR"});
    local.create("/v1/credits/grants", grant).await;
    let made = local.create("/v1/subscriptions?tenant=acme", json!({"plan": "team", "startsOn": "2026-05-01"})).await;
    let generate = json!({"subscriptionId": made["id"]});
    // May's seat is paid by credit at once; of May's end, 40.00, credit pays the 5.00 that are left.
    let opening = post(&local, "/v1/invoices/generate", generate.clone()).await;
    assert_eq!((opening["status"].as_str(), opening["creditedMinor"].as_i64()), (Some("paid"), Some(1_000)));
    local.raise_watermark().await;
    let may = post(&local, "/v1/invoices/generate", generate).await;
    assert_eq!((said(&may).as_str(), &may["dueMinor"]), ("open 4000: base 3000, calls 0, seats 1000", &json!(3_500)));
    assert_eq!(credit_left(&local).await, 0);

    let path = format!("/v1/invoices/{}", may["id"].as_str().unwrap());
    let voided = post(&local, &format!("{path}/void"), json!({"reason": "the wrong plan"})).await;
    assert_eq!(voided["status"], "void");
    assert_eq!(credit_left(&local).await, 500, "what it had used is back");
    let again = post(&local, &format!("{path}/regenerate"), Value::Null).await;
    assert_eq!((again["number"].as_str(), &again["dueMinor"]), (Some("ACME-0003"), &json!(3_500)));
    let same = post(&local, &format!("{path}/regenerate"), Value::Null).await;
    assert_eq!(same["id"], again["id"], "it is written once");
    assert_eq!(credit_left(&local).await, 0);

    // The opening was paid, so that what a note takes back of it is credit again.
    let note = json!({"amountMinor": 400, "reason": "a bad day"});
    post(&local, &format!("/v1/invoices/{}/credit-notes", opening["id"].as_str().unwrap()), note).await;
    assert_eq!(credit_left(&local).await, 400);
    let set_up =
        json!({"currency": "EUR", "purchaseOrder": "PO-7", "lines": [{"description": "Set-up", "unitPrice": "3"}]});
    let one_off = post(&local, "/v1/invoices", set_up).await;
    assert_eq!((said(&one_off).as_str(), &one_off["creditedMinor"]), ("paid 300: line-1 300", &json!(300)));
    assert_eq!((&one_off["purchaseOrder"], &one_off["subscriptionId"]), (&json!("PO-7"), &Value::Null));

    let books = local.get("/v1/ledger/verify?tenant=acme").await;
    assert_eq!((&books["ok"], &books["firstBreak"]), (&json!(true), &Value::Null), "{books:#}");
    let balance = local.get("/v1/ledger/balance?tenant=acme").await;
    // Owed: 35.00. Credit: 1.00. Earned: 40.00 of May, 10.00 less 4.00 of the opening, and 3.00. In cash: the 15.00.
    let accounts = balance["balances"].as_array().unwrap().iter();
    let mut accounts: Vec<(&str, i64)> = accounts
        .map(|of| (of["account"].as_str().unwrap(), of["amountMinor"].as_i64().unwrap()))
        .filter(|(_, minor)| *minor != 0)
        .collect();
    accounts.sort_unstable();
    assert_eq!(accounts, [("cash", 1_500), ("credits", -100), ("receivable", 3_500), ("revenue", -4_900)]);
}
