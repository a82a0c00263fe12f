//! From usage to an invoice with a coupon, a tax and credits, by hand: what is printed adds up, and what it used is used.

use crate::{
    coupons::coupon,
    credits::{GRANTS, grant},
    harness::{Api, PLATFORM_KEY},
};
use jiff::SignedDuration;
use meterline::demo::Receiver;
use rstest::rstest;
use serde_json::{Value, json};

/// Ticks of the schedule until the watermark has passed the period's close.
const TICKS: usize = 3;
/// From one tick to the next.
const TICK: SignedDuration = SignedDuration::from_mins(15);

/// An API where acme pays 29.00 a month, 0.25 for a call and 0.01 for a byte, since May.
async fn open() -> Api {
    let api = Api::open_with(true).await.with_meters().await;
    let price = |meter: &str, unit_price: &str| json!({"key": meter, "name": meter, "meter": meter, "model": {"type": "perUnit", "unitPrice": unit_price}});
    let plan = json!({
        "slug": "pro", "name": "Pro", "currency": "USD", "baseFeeMinor": 2_900,
        "prices": [price("calls", "0.25"), price("bytes", "0.01")],
    });
    api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    let subscription = json!({"plan": "pro", "startsOn": "2026-05-01"});
    api.post("/v1/subscriptions?tenant=acme", PLATFORM_KEY, &subscription).await.good();
    api
}

/// Three calls of May with 12,345 bytes.
async fn use_it(api: &Api) {
    let call = |id: &str, bytes: i64| json!({"id": id, "type": "call", "time": "2026-05-20T10:00:00Z", "data": {"bytes": bytes}});
    let events = json!({"events": [call("1", 12_000), call("2", 300), call("3", 45)]});
    let answer = api.post("/v1/usage/events", &api.acme.key, &events).await.good();
    assert_eq!(answer.body["accepted"], 3, "{answer:#?}");
    api.count_usage().await;
}

/// Runs billing as the schedule does from `instant` on; answers acme's newest invoice.
async fn bill(api: &Api, instant: &str) -> Value {
    let clock = api.platform.world().clock();
    clock.turn_to(instant.parse().unwrap());
    for _ in 0..TICKS {
        api.platform.tick().await.unwrap();
        api.platform.drain().await.unwrap();
        clock.turn_to(api.platform.world().now() + TICK);
    }
    let invoices = api.get("/v1/invoices", &api.acme.key).await.good().body;
    invoices["data"][0].clone()
}

/// Gives acme a coupon, a second after the one before.
async fn promise(api: &Api, more: Value) {
    let later = api.platform.world().now() + SignedDuration::from_secs(1);
    api.platform.world().clock().turn_to(later);
    let coupon = coupon(more);
    api.post("/v1/coupons", PLATFORM_KEY, &coupon).await.good();
    api.post("/v1/tenants/acme/coupons", PLATFORM_KEY, &json!({"coupon": coupon["code"]})).await.good();
}

async fn tax(api: &Api, more: Value) {
    let mut rate = json!({"name": "Sales tax", "percent": "5", "country": "US", "inclusive": false});
    let Value::Object(more) = more else { panic!("{more} is no object") };
    rate.as_object_mut().unwrap().extend(more);
    api.post("/v1/tax-rates", PLATFORM_KEY, &rate).await.good();
}

/// Subtotal, discount, tax, total, what credits paid, what is due; then the state.
fn sums(invoice: &Value) -> ([i64; 6], &str) {
    let fields = ["subtotalMinor", "discountMinor", "taxMinor", "totalMinor", "creditedMinor", "dueMinor"];
    (fields.map(|field| invoice[field].as_i64().unwrap()), invoice["status"].as_str().unwrap())
}

#[tokio::test]
async fn usage_a_coupon_a_tax_and_credits_become_an_invoice() {
    let api = open().await;
    promise(&api, json!({"percentOff": "20", "duration": {"cycles": 2}, "restriction": {"prices": ["bytes"]}})).await;
    promise(&api, json!({"code": "five", "name": "Five", "amountOff": {"amountMinor": 500, "currency": "USD"}})).await;
    tax(&api, json!({})).await;
    tax(&api, json!({"region": "CA", "percent": "7.25"})).await;
    let profile = json!({"country": "US", "region": "CA", "lowBalanceThresholdMinor": 1_000});
    api.patch("/v1/tenants/acme", &profile).await.good();
    let given = grant(5_000, json!({"kind": "promotional", "priority": 1}));
    let given = api.post(GRANTS, PLATFORM_KEY, &given).await.good().text("id");
    let paid = api.post(GRANTS, PLATFORM_KEY, &grant(2_000, json!({}))).await.good().text("id");
    let receiver = Receiver::start().await.unwrap();
    let endpoint = json!({"url": receiver.url("acme"), "eventTypes": ["credit.balance_low.v1"]});
    let endpoint = api.post("/v1/webhooks/endpoints", &api.acme.key, &endpoint).await.good();
    receiver.share_secret("acme", &endpoint.text("secret"));
    use_it(&api).await;
    let invoice = bill(&api, "2026-06-01T01:00:00Z").await;
    let lines: Vec<_> =
        invoice["lines"].as_array().unwrap().iter().map(|line| line["amountMinor"].as_i64().unwrap()).collect();
    assert_eq!(lines, [2_900, 75, 12_345]);
    // 20 % of 123.45 are 24.69. Of the 128.51 that are left, 5.00 are 1.1283, 0.0292 and 3.8425: by largest remainder.
    // 7.25 % of 27.87, 0.72 and 94.92 are 2.0206, 0.0522 and 6.8817: 8.95 of 123.51.
    let discounts: Vec<_> =
        invoice["discounts"].as_array().unwrap().iter().map(|off| off["linesMinor"].clone()).collect();
    assert_eq!(discounts, [json!([0, 0, 2_469]), json!([113, 3, 384])]);
    let tax = &invoice["taxes"][0];
    assert_eq!(
        [&tax["percent"], &tax["netMinor"], &tax["amountMinor"], &tax["linesMinor"]],
        [&json!("7.25"), &json!(12_351), &json!(895), &json!([202, 5, 688])]
    );
    assert_eq!(sums(&invoice), ([15_320, 2_969, 895, 13_246, 7_000, 6_246], "open"));
    // The lower priority number goes first.
    let credits: Vec<_> =
        invoice["credits"].as_array().unwrap().iter().map(|credit| credit["grantId"].clone()).collect();
    assert_eq!(credits, [json!(paid), json!(given)]);
    let used = api.get(&format!("{GRANTS}/{given}"), &api.acme.key).await.good().body;
    assert_eq!((&used["status"], &used["balanceMinor"]), (&json!("usedUp"), &json!(0)));
    assert_eq!((&used["history"][0]["invoiceId"], &used["history"][0]["amountMinor"]), (&invoice["id"], &json!(5_000)));
    assert_eq!(coupons(&api).await, [("active".to_owned(), 1, 0), ("usedUp".to_owned(), 1, 500)]);
    // 70.00 fell below 10.00, which is told once.
    let calls = receiver.calls("acme");
    let [low] = &calls[..] else { panic!("one call: {calls:?}") };
    let expect = json!({"invoiceId": invoice["id"], "currency": "USD", "balanceMinor": 0, "thresholdMinor": 1_000});
    assert_eq!(low.event["data"], expect);

    // June has no usage: nothing to take 20 % off, so that the second cycle of the coupon is still to come.
    let next = bill(&api, "2026-07-01T01:00:00Z").await;
    assert_eq!(sums(&next), ([2_900, 0, 210, 3_110, 0, 3_110], "open"));
    assert_eq!(coupons(&api).await, [("active".to_owned(), 1, 0), ("usedUp".to_owned(), 1, 500)]);
    assert_eq!(receiver.calls("acme").len(), 1);
    let first = api.get(&format!("/v1/invoices/{}", invoice["id"].as_str().unwrap()), &api.acme.key).await.good().body;
    assert_eq!((&first["digest"], sums(&first)), (&invoice["digest"], sums(&invoice)), "what was issued stays");
}

/// State, cycles and consumed amount of acme's coupons.
async fn coupons(api: &Api) -> Vec<(String, i64, i64)> {
    let given = api.get("/v1/tenants/acme/coupons", &api.acme.key).await.good().body;
    let number = |given: &Value, field: &str| given[field].as_i64().unwrap();
    let row = |given: &Value| {
        (given["status"].as_str().unwrap().to_owned(), number(given, "usedCycles"), number(given, "consumedMinor"))
    };
    given["data"].as_array().unwrap().iter().map(row).collect()
}

/// 29.00 of May by each profile, where 20 % are due in DE and 10 % everywhere.
#[rstest]
#[case::nowhere(json!({}), ([2_900, 0, 290, 3_190, 0, 3_190], "open"), "taxed")]
#[case::somewhere_else(json!({"country": "FR"}), ([2_900, 0, 290, 3_190, 0, 3_190], "open"), "taxed")]
#[case::there(json!({"country": "DE"}), ([2_900, 0, 580, 3_480, 0, 3_480], "open"), "taxed")]
// 29.00 × 5 ÷ 105 is 1.38, which are inside.
#[case::inside(json!({"country": "GB"}), ([2_900, 0, 138, 2_900, 0, 2_900], "open"), "taxed")]
#[case::exempt(json!({"country": "DE", "taxTreatment": "exempt"}), ([2_900, 0, 0, 2_900, 0, 2_900], "open"), "exempt")]
#[case::reverse_charge(
    json!({"country": "DE", "taxTreatment": "reverseCharge", "taxId": "DE1"}),
    ([2_900, 0, 0, 2_900, 0, 2_900], "open"), "reverseCharge"
)]
#[tokio::test]
async fn a_tenant_is_taxed_by_its_profile(
    #[case] profile: Value,
    #[case] expect: ([i64; 6], &str),
    #[case] treatment: &str,
) {
    let api = open().await;
    tax(&api, json!({"country": null, "percent": "10"})).await;
    tax(&api, json!({"country": "DE", "percent": "20"})).await;
    tax(&api, json!({"country": "GB", "percent": "5", "inclusive": true})).await;
    api.patch("/v1/tenants/acme", &profile).await.good();
    let invoice = bill(&api, "2026-06-01T01:00:00Z").await;
    assert_eq!((sums(&invoice), &invoice["taxTreatment"]), (expect, &json!(treatment)));
}

#[tokio::test]
async fn an_archived_rate_applies_no_more() {
    let api = open().await;
    tax(&api, json!({"country": null, "percent": "10"})).await;
    let rates = api.get("/v1/tax-rates", PLATFORM_KEY).await.good().body;
    let path = format!("/v1/tax-rates/{}/archive", rates["data"][0]["id"].as_str().unwrap());
    api.post(&path, PLATFORM_KEY, &json!({})).await.good();
    let invoice = bill(&api, "2026-06-01T01:00:00Z").await;
    assert_eq!(sums(&invoice), ([2_900, 0, 0, 2_900, 0, 2_900], "open"));
}

#[tokio::test]
async fn an_invoice_of_which_everything_is_taken_off_is_paid_at_once() {
    let api = open().await;
    promise(&api, json!({"percentOff": "100"})).await;
    tax(&api, json!({"country": null})).await;
    let grant = api.post(GRANTS, PLATFORM_KEY, &grant(500, json!({}))).await.good().text("id");
    let invoice = bill(&api, "2026-06-01T01:00:00Z").await;
    assert_eq!(sums(&invoice), ([2_900, 2_900, 0, 0, 0, 0], "paid"));
    let kept = api.get(&format!("{GRANTS}/{grant}"), &api.acme.key).await.good().body;
    assert_eq!(kept["balanceMinor"], 500);
}
