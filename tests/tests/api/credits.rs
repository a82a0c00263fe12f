//! Prepaid credits: grants, balances, renewals, and what races for them.

use crate::harness::{Api, PLATFORM_KEY};
use cloud::{
    Fault,
    store::{LoadedAdjusters, Used},
};
use domain::{
    Timestamp,
    calendar::Period,
    grant::CreditGrant,
    id::{GrantId, InvoiceId, TenantId},
    invoice::{Line, LineDetail, Notes, Statement, TaxTreatment},
    money::Money,
};
use serde_json::{Value, json};

pub(crate) const GRANTS: &str = "/v1/credits/grants";

pub(crate) fn grant(amount_minor: i64, more: Value) -> Value {
    let mut grant = json!({
        "tenant": "acme", "name": "Prepaid", "kind": "paid", "amountMinor": amount_minor, "currency": "USD",
    });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    grant.as_object_mut().unwrap().extend(more);
    grant
}

async fn create(api: &Api, amount_minor: i64, more: Value) -> String {
    api.post(GRANTS, PLATFORM_KEY, &grant(amount_minor, more)).await.good().text("id")
}

async fn show(api: &Api, id: &str) -> Value {
    api.get(&format!("{GRANTS}/{id}"), &api.acme.key).await.good().body
}

fn turn_to(api: &Api, instant: &str) {
    api.platform.world().clock().turn_to(instant.parse().unwrap());
}

#[tokio::test]
async fn a_grant_is_shown_with_its_balance() {
    let api = Api::open().await;
    let more = json!({"kind": "promotional", "priority": 3, "expiresAt": "2026-06-02T00:00:00Z"});
    let id = create(&api, 500, more).await;
    let made = show(&api, &id).await;
    for (field, value) in [
        ("name", json!("Prepaid")),
        ("kind", json!("promotional")),
        ("status", json!("active")),
        ("priority", json!(3)),
        ("amountMinor", json!(500)),
        ("currency", json!("USD")),
        ("balanceMinor", json!(500)),
        ("recurrence", Value::Null),
        ("nextRenewalAt", Value::Null),
        ("expiresAt", json!("2026-06-02T00:00:00Z")),
        ("history", json!([])),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    turn_to(&api, "2026-06-02T00:00:00Z");
    let over = show(&api, &id).await;
    assert_eq!((&over["status"], &over["balanceMinor"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn balances_are_by_currency() {
    let api = Api::open().await;
    assert_eq!(api.get("/v1/credits/balance", &api.acme.key).await.good().body["data"], json!([]));
    create(&api, 500, json!({})).await;
    create(&api, 200, json!({"kind": "promotional"})).await;
    create(&api, 7, json!({"currency": "JPY"})).await;
    create(&api, 900, json!({"tenant": "globex"})).await;
    let balance = api.get("/v1/credits/balance", &api.acme.key).await.good().body;
    let expect = json!([
        {"currency": "JPY", "balanceMinor": 7, "paidMinor": 7, "promotionalMinor": 0},
        {"currency": "USD", "balanceMinor": 700, "paidMinor": 500, "promotionalMinor": 200},
    ]);
    assert_eq!(balance["data"], expect);
    let list = api.get(&format!("{GRANTS}?limit=2"), &api.acme.key).await.good().body;
    assert_eq!((list["data"].as_array().unwrap().len(), list["nextCursor"].is_string()), (2, true));
}

#[tokio::test]
async fn a_grant_is_refused_by_the_field() {
    let api = Api::open().await;
    let recurrence = |count: i64, rollover: Value| json!({"recurrence": {"interval": {"unit": "month", "count": count}, "rollover": rollover}});
    let rows = [
        (json!({"tenant": "nobody"}), (422, "/tenant", "unknown_tenant")),
        (json!({"amountMinor": 0}), (422, "/amountMinor", "amount_out_of_range")),
        (json!({"amountMinor": -5}), (422, "/amountMinor", "amount_out_of_range")),
        (json!({"currency": "usd"}), (422, "/currency", "unknown_currency")),
        (json!({"name": ""}), (422, "/name", "invalid_name")),
        (json!({"kind": "gift"}), (400, "/kind", "invalid_body")),
        (json!({"priority": -1}), (400, "/priority", "invalid_body")),
        (json!({"expiresAt": crate::harness::NOW}), (422, "/expiresAt", "expires_in_past")),
        (recurrence(25, json!({"maximumMinor": 0})), (422, "/recurrence/interval/count", "interval_out_of_range")),
        (recurrence(1, json!({"maximumMinor": -1})), (422, "/recurrence/rollover/maximumMinor", "amount_out_of_range")),
        (
            recurrence(1, json!({"minimumMinor": 2, "maximumMinor": 1})),
            (422, "/recurrence/rollover/maximumMinor", "maximum_below_minimum"),
        ),
        (json!({"colour": "red"}), (400, "/colour", "unknown_field")),
    ];
    for (more, (status, pointer, code)) in rows {
        let answer = api.post(GRANTS, PLATFORM_KEY, &grant(500, more.clone())).await;
        let field = &answer.body["errors"][0];
        let found = (answer.status.as_u16(), field["pointer"].as_str().unwrap_or("-"), &field["code"]);
        assert_eq!(found, (status, pointer, &json!(code)), "{more}");
    }
}

#[tokio::test]
async fn what_is_left_is_taken_back_once() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({})).await;
    let path = format!("{GRANTS}/{id}/void?tenant=acme");
    let voided = api.post(&path, PLATFORM_KEY, &json!({})).await.good().body;
    assert_eq!(
        [&voided["status"], &voided["balanceMinor"], &voided["voidedMinor"], &voided["voidedAt"]],
        [&json!("void"), &json!(0), &json!(500), &json!(crate::harness::NOW)]
    );
    turn_to(&api, "2026-06-02T00:00:00Z");
    assert_eq!(api.post(&path, PLATFORM_KEY, &json!({})).await.good().body, voided);
    let foreign = format!("{GRANTS}/{id}/void?tenant=globex");
    assert_eq!(api.post(&foreign, PLATFORM_KEY, &json!({})).await.outcome(), (404, "not_found"));
}

#[tokio::test]
async fn a_grant_starts_afresh_and_keeps_what_it_may() {
    let api = Api::open().await;
    let rollover = json!({"minimumMinor": 0, "maximumMinor": 300});
    let more = json!({"recurrence": {"interval": {"unit": "month", "count": 1}, "rollover": rollover}});
    let id = create(&api, 500, more).await;
    let made = show(&api, &id).await;
    assert_eq!((&made["renewals"], &made["nextRenewalAt"]), (&json!(0), &json!("2026-07-01T00:30:00Z")));
    turn_to(&api, "2026-07-01T00:29:59Z");
    assert_eq!(show(&api, &id).await["balanceMinor"], 500);
    turn_to(&api, "2026-07-01T00:30:00Z");
    let renewed = show(&api, &id).await;
    // 3.00 of 5.00 are kept, and 5.00 granted anew.
    assert_eq!((&renewed["balanceMinor"], &renewed["renewals"]), (&json!(800), &json!(1)));
    // What is used is used of that, and the next renewal starts from what is left: 3.00 of 6.50, and 5.00.
    let now: Timestamp = api.platform.world().now();
    commit(&api, &statement(&api, "used", 150), now).await.unwrap();
    assert_eq!(show(&api, &id).await["balanceMinor"], 650);
    turn_to(&api, "2026-08-01T00:30:00Z");
    let renewed = show(&api, &id).await;
    assert_eq!((&renewed["balanceMinor"], &renewed["renewals"]), (&json!(800), &json!(2)));
    assert_eq!(renewed["history"].as_array().unwrap().len(), 1);
}

fn acme(api: &Api) -> TenantId {
    api.acme.id.parse().unwrap()
}

fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "USD".parse().unwrap() }
}

/// A one-off invoice of acme's over one line.
fn statement(api: &Api, name: &str, amount_minor: i64) -> Statement {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let amount = usd(amount_minor);
    let line = Line {
        key: "one".to_owned(),
        source: None,
        days: None,
        description: "One".to_owned(),
        exact: amount.major(),
        amount,
        detail: LineDetail::OneOff { quantity: 1.into(), unit_price: amount.major() },
    };
    Statement {
        id: InvoiceId::derived(&[name]),
        tenant_id: acme(api),
        subscription: None,
        period: Period::new(instant("2026-05-01T00:00:00Z"), instant("2026-06-01T00:00:00Z")).unwrap(),
        days: ("2026-05-01".parse().unwrap(), "2026-05-31".parse().unwrap()),
        lines: vec![line],
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: usd(0),
        notes: Notes::default(),
    }
}

async fn load(api: &Api, now: Timestamp) -> LoadedAdjusters<'_> {
    let store = api.platform.world().store(acme(api));
    let tenant = store.tenant().await.unwrap().unwrap();
    store.adjusters(&tenant, None, usd(0).currency, now).await.unwrap()
}

/// Writes what `statement` uses of what is there now.
async fn commit(api: &Api, statement: &Statement, now: Timestamp) -> Result<Statement, Fault> {
    let loaded = load(api, now).await;
    let statement = statement.clone().assemble(&loaded.adjusters, now).unwrap();
    write(api, &statement.id.to_string(), loaded.settle(&statement, now)?, now).await?;
    Ok(statement)
}

/// Writes `used` in one transaction with a grant called `name`, which stands for the invoice.
async fn write(api: &Api, name: &str, used: Used, now: Timestamp) -> Result<(), Fault> {
    let store = api.platform.world().store(acme(api));
    assert!(store.create_grant(&witness(api, name, now), used).await?, "{name} is new");
    Ok(())
}

/// A grant in another currency that witnesses a transaction.
fn witness(api: &Api, name: &str, now: Timestamp) -> CreditGrant {
    CreditGrant {
        id: GrantId::derived(&[name]),
        tenant_id: acme(api),
        name: name.to_owned(),
        kind: domain::grant::GrantKind::Paid,
        priority: 0,
        amount: Money { amount_minor: 1, currency: "JPY".parse().unwrap() },
        balance_minor: 1,
        renewals: 0,
        recurrence: None,
        time_zone: domain::TimeZone::UTC,
        effective_at: now,
        expires_at: None,
        voided: None,
    }
}

/// What invoice, amount and balance of each use.
async fn history(api: &Api, id: &str) -> Vec<(String, i64, i64)> {
    let grant = show(api, id).await;
    let history = grant["history"].as_array().unwrap().iter();
    let number = |used: &Value, field: &str| used[field].as_i64().unwrap();
    history
        .map(|used| {
            let invoice = used["invoiceId"].as_str().unwrap().to_owned();
            (invoice, number(used, "amountMinor"), number(used, "balanceMinor"))
        })
        .collect()
}

#[tokio::test]
async fn two_invoices_at_once_do_not_use_a_credit_twice() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({})).await;
    let now = api.platform.world().now();
    let loaded = load(&api, now).await;
    let [first, second] = ["first", "second"].map(|name| {
        let statement = statement(&api, name, 400).assemble(&loaded.adjusters, now).unwrap();
        assert_eq!(statement.credited().unwrap(), usd(400));
        statement
    });
    write(&api, "first", loaded.settle(&first, now).unwrap(), now).await.unwrap();
    let raced = write(&api, "second", loaded.settle(&second, now).unwrap(), now).await;
    assert!(matches!(raced, Err(Fault::Conflict { .. })), "{raced:?}");
    // Whoever lost loads again, and uses what is left.
    let again = commit(&api, &statement(&api, "second", 400), now).await.unwrap();
    assert_eq!((again.credited().unwrap(), again.due().unwrap()), (usd(100), usd(300)));
    let mut uses = history(&api, &id).await;
    uses.sort_by_key(|used| std::cmp::Reverse(used.2));
    assert_eq!(uses, [(first.id.to_string(), 400, 100), (second.id.to_string(), 100, 0)]);
    assert_eq!(show(&api, &id).await["status"], "usedUp");
}

#[tokio::test]
async fn a_credit_that_was_taken_back_meanwhile_is_not_used() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({})).await;
    let now = api.platform.world().now();
    let loaded = load(&api, now).await;
    let statement = statement(&api, "invoice", 400).assemble(&loaded.adjusters, now).unwrap();
    api.post(&format!("{GRANTS}/{id}/void?tenant=acme"), PLATFORM_KEY, &json!({})).await.good();
    let raced = write(&api, "invoice", loaded.settle(&statement, now).unwrap(), now).await;
    assert!(matches!(raced, Err(Fault::Conflict { .. })), "{raced:?}");
    assert_eq!(history(&api, &id).await, []);
}

#[tokio::test]
async fn what_an_invoice_used_is_given_back_once() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({})).await;
    let coupon = json!({"code": "welcome", "name": "Welcome", "amountOff": {"amountMinor": 150, "currency": "USD"}});
    api.post("/v1/coupons", PLATFORM_KEY, &coupon).await.good();
    let coupons = "/v1/tenants/acme/coupons";
    api.post(coupons, PLATFORM_KEY, &json!({"coupon": "welcome"})).await.good();
    let given = async || {
        let given = api.get(coupons, PLATFORM_KEY).await.good().body["data"][0].clone();
        (given["status"].clone(), given["consumedMinor"].clone())
    };
    let now = api.platform.world().now();
    // 1.50 of 4.50 by the coupon, 3.00 by the grant.
    let issued = commit(&api, &statement(&api, "invoice", 450), now).await.unwrap();
    assert_eq!(issued.credited().unwrap(), usd(300));
    assert_eq!(given().await, (json!("usedUp"), json!(150)));
    let store = api.platform.world().store(acme(&api));
    let (back, again) = (store.give_back(&issued, now).await.unwrap(), store.give_back(&issued, now).await.unwrap());
    write(&api, "void", back, now).await.unwrap();
    assert_eq!(given().await, (json!("active"), json!(0)));
    assert_eq!(show(&api, &id).await["balanceMinor"], 500);
    let invoice = issued.id.to_string();
    assert_eq!(history(&api, &id).await, [(invoice.clone(), 300, 200), (invoice, -300, 500)]);
    for (name, actions) in [("raced", again), ("later", store.give_back(&issued, now).await.unwrap())] {
        let refused = write(&api, name, actions, now).await;
        assert!(matches!(refused, Err(Fault::Conflict { .. })), "{name}: {refused:?}");
    }
    assert_eq!(show(&api, &id).await["balanceMinor"], 500);
}

#[tokio::test]
async fn an_invoice_uses_twenty_grants_at_most() {
    let api = Api::open().await;
    let now = api.platform.world().now();
    for priority in 0..21 {
        create(&api, 10, json!({"priority": priority})).await;
    }
    let first = commit(&api, &statement(&api, "first", 1_000), now).await.unwrap();
    assert_eq!((first.credits.len(), first.due().unwrap()), (20, usd(800)));
    let second = commit(&api, &statement(&api, "second", 1_000), now).await.unwrap();
    assert_eq!((second.credits.len(), second.due().unwrap()), (1, usd(990)));
}
