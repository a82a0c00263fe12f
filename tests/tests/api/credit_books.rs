//! Credits in the books: what lies on the account `credits` is what grants have left, whatever becomes of them.

use crate::{
    credits::{GRANTS, grant},
    harness::{Answer, Api, PLATFORM_KEY},
};
use domain::id::{TenantId, digest};
use serde_json::{Value, json};

async fn create(api: &Api, amount_minor: i64, more: Value) -> String {
    api.post(GRANTS, PLATFORM_KEY, &grant(amount_minor, more)).await.good().text("id")
}

/// Issues a one-off invoice of acme's, which credit pays as far as it goes.
async fn invoice(api: &Api, amount: &str) -> Answer {
    let body = json!({"currency": "USD", "lines": [{"description": "Work", "unitPrice": amount}]});
    api.post("/v1/invoices?tenant=acme", PLATFORM_KEY, &body).await.good()
}

fn turn_to(api: &Api, instant: &str) {
    api.platform.world().clock().turn_to(instant.parse().unwrap());
}

/// What lies on an account in dollars.
async fn balance(api: &Api, account: &str) -> i64 {
    let body = api.get("/v1/ledger/balance", &api.acme.key).await.good().body;
    let is_it = |row: &&Value| row["account"] == account && row["currency"] == "USD";
    body["balances"].as_array().unwrap().iter().find(is_it).map_or(0, |row| row["amountMinor"].as_i64().unwrap())
}

/// What is stored as left of all grants.
async fn left(api: &Api) -> i64 {
    let tenant_id: TenantId = api.acme.id.parse().unwrap();
    let grants = api.platform.world().store(tenant_id).all_grants().await.unwrap();
    grants.iter().map(|grant| grant.balance_minor).sum()
}

/// What can be used as of now.
async fn usable(api: &Api) -> i64 {
    let body = api.get("/v1/credits/balance", &api.acme.key).await.good().body;
    body["data"].as_array().unwrap().iter().map(|row| row["balanceMinor"].as_i64().unwrap()).sum()
}

/// The postings of the newest entries about a grant, newest first.
async fn entries(api: &Api, id: &str) -> Vec<String> {
    let body = api.get(&format!("/v1/ledger?subject={id}"), &api.acme.key).await.good().body;
    let posting = |posting: &Value| format!("{} {}", posting["account"].as_str().unwrap(), posting["amountMinor"]);
    let entry = |entry: &Value| {
        let postings: Vec<String> = entry["postings"].as_array().unwrap().iter().map(posting).collect();
        format!("{} {}: {}", entry["at"].as_str().unwrap(), entry["kind"].as_str().unwrap(), postings.join(", "))
    };
    body["data"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn what_expired_enters_the_books_with_the_next_invoice() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({"expiresAt": "2026-06-02T00:00:00Z"})).await;
    turn_to(&api, "2026-06-03T00:00:00Z");
    assert_eq!(balance(&api, "credits").await, -500, "nobody has noticed");
    for _ in 0..2 {
        invoice(&api, "1").await;
        assert_eq!(balance(&api, "credits").await, 0);
    }
    let expect = [
        "2026-06-02T00:00:00Z adjustment: credits 500, revenue -500",
        "2026-06-01T00:30:00Z credit: cash 500, credits -500",
    ];
    assert_eq!(entries(&api, &id).await, expect);
    let shown = api.get(&format!("{GRANTS}/{id}"), &api.acme.key).await.good().body;
    assert_eq!((&shown["status"], &shown["balanceMinor"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn renewals_enter_the_books_with_the_next_use() {
    let api = Api::open().await;
    let rollover = json!({"minimumMinor": 0, "maximumMinor": 300});
    let recurrence = json!({"interval": {"unit": "month", "count": 1}, "rollover": rollover});
    let id = create(&api, 500, json!({"kind": "promotional", "recurrence": recurrence})).await;
    // After two renewals: 5.00 of which 3.00 are kept, and 5.00; 8.00 of which 3.00 are kept, and 5.00.
    turn_to(&api, "2026-08-02T00:00:00Z");
    invoice(&api, "1").await;
    let expect = [
        "2026-08-01T00:30:00Z credit: revenue 1000, credits -1000, credits 700, revenue -700",
        "2026-06-01T00:30:00Z credit: revenue 500, credits -500",
    ];
    assert_eq!(entries(&api, &id).await, expect);
    assert_eq!((balance(&api, "credits").await, usable(&api).await), (-700, 700));
}

#[tokio::test]
async fn what_a_void_invoice_gives_back_too_late_is_lost() {
    let api = Api::open().await;
    let id = create(&api, 500, json!({"expiresAt": "2026-06-02T00:00:00Z"})).await;
    let invoice = invoice(&api, "8").await.text("id");
    assert_eq!(balance(&api, "credits").await, 0);
    turn_to(&api, "2026-06-03T00:00:00Z");
    let path = format!("/v1/invoices/{invoice}/void?tenant=acme");
    api.post(&path, PLATFORM_KEY, &json!({"reason": "wrong"})).await.good();
    assert_eq!((balance(&api, "credits").await, left(&api).await), (0, 0));
    assert_eq!(entries(&api, &id).await[0], "2026-06-03T00:00:00Z adjustment: credits 500, revenue -500");
}

/// Numbers that follow from a seed.
struct Numbers(String, u32);

impl Numbers {
    fn below(&mut self, bound: u8) -> u8 {
        self.1 += 1;
        digest(&[&self.0, &self.1.to_string()])[0] % bound
    }
}

/// A grant of some kind, which may expire, and may start afresh.
async fn grant_some(api: &Api, numbers: &mut Numbers) {
    let mut more = json!({"kind": if numbers.below(2) == 0 { "paid" } else { "promotional" }});
    if numbers.below(2) == 0 {
        let days = jiff::SignedDuration::from_hours(24 * i64::from(numbers.below(60) + 1));
        more["expiresAt"] = json!(api.platform.world().now() + days);
    }
    if numbers.below(3) == 0 {
        let unit = if numbers.below(2) == 0 { "week" } else { "month" };
        let maximum = i64::from(numbers.below(100)) * 10;
        let minimum = maximum.min(i64::from(numbers.below(20)) * 10);
        let rollover = json!({"minimumMinor": minimum, "maximumMinor": maximum});
        more["recurrence"] = json!({"interval": {"unit": unit, "count": 1}, "rollover": rollover});
    }
    create(api, i64::from(numbers.below(200)) + 1, more).await;
}

#[rstest::rstest]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
#[tokio::test]
async fn the_account_of_credits_is_what_grants_have_left(#[case] seed: u32) {
    const STEPS: usize = 60;
    let api = Api::open().await;
    let mut numbers = Numbers(seed.to_string(), 0);
    let mut invoices: Vec<String> = Vec::new();
    for step in 0..STEPS {
        let later = api.platform.world().now() + jiff::SignedDuration::from_hours(24 * i64::from(numbers.below(12)));
        api.platform.world().clock().turn_to(later);
        let one_of = invoices.get(usize::from(numbers.below(8)) % invoices.len().max(1)).cloned();
        match numbers.below(6) {
            0 | 1 => grant_some(&api, &mut numbers).await,
            2 | 3 => {
                let amount = format!("{}.{:02}", numbers.below(8) + 1, numbers.below(100));
                invoices.push(invoice(&api, &amount).await.text("id"));
            }
            4 => {
                let Some(id) = one_of else { continue };
                let (what, body) = match numbers.below(2) {
                    0 => ("void", json!({"reason": "wrong"})),
                    _ => ("credit-notes", json!({"reason": "too much"})),
                };
                // What cannot be taken back so is refused, and changes nothing.
                api.post(&format!("/v1/invoices/{id}/{what}?tenant=acme"), PLATFORM_KEY, &body).await;
            }
            _ => {
                let grants = api.get(&format!("{GRANTS}?limit=100"), &api.acme.key).await.good().body;
                let grants = grants["data"].as_array().unwrap().clone();
                let Some(grant) = grants.get(usize::from(numbers.below(30))) else { continue };
                let path = format!("{GRANTS}/{}/void?tenant=acme", grant["id"].as_str().unwrap());
                api.post(&path, PLATFORM_KEY, &json!({})).await.good();
            }
        }
        assert_eq!(balance(&api, "credits").await, -left(&api).await, "seed {seed}, step {step}");
    }
    assert!(invoices.len() > 5, "seed {seed} has {} invoices", invoices.len());
    // A few invoices use all that is left, and find all that is over.
    for _ in 0..STEPS {
        if (usable(&api).await, balance(&api, "credits").await) == (0, 0) {
            break;
        }
        invoice(&api, "10000").await;
        assert_eq!(balance(&api, "credits").await, -left(&api).await, "seed {seed}");
    }
    assert_eq!((usable(&api).await, balance(&api, "credits").await), (0, 0), "seed {seed}");
    let verified = api.get("/v1/ledger/verify", &api.acme.key).await.good().body;
    assert_eq!(verified["ok"], true);
}
