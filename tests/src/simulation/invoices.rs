//! The audit of the month's invoices: every period is billed once, for what was counted before it closed, printed and
//! announced.
//!
//! An event belongs on the invoice if its client was told that it is stored before the period closed, and it does not if it
//! was first sent after the invoice was issued. What lies between may be on it or not; then some choice of those must
//! give exactly what the invoice says.

use super::auditor::Counted;
use super::ground::Ground;
use super::ledger::{Ledger, Outcome, Tenant};
use super::pricing::{self, Charged, Used};
use serde_json::Value;
use std::collections::BTreeSet;

/// The months' bounds in local time as if it were UTC: 2026-05-01 and 2026-06-01.
const MONTH_MS: (i64, i64) = (1_777_593_600_000, 1_780_272_000_000);
/// How long after its end a period stays open for late events: the default of the template.
const GRACE_MS: i64 = 60 * 60 * 1_000;
/// Most events between the two whose choices are all tried.
const CHOICES_MAX: usize = 14;
/// What is announced of every invoice.
const ANNOUNCED: [&str; 4] =
    ["billing.period.closed.v1", "invoice.created.v1", "invoice.finalized.v1", "invoice.ready.v1"];
/// Shorter than this is no PDF.
const PDF_BYTES_MIN: usize = 1_000;

/// When the month of the last tenant to end it has closed.
#[must_use]
pub(super) fn closes_ms(tenants: &[Tenant]) -> i64 {
    tenants.iter().map(closes_of).max().unwrap_or(MONTH_MS.1)
}

fn closes_of(tenant: &Tenant) -> i64 {
    MONTH_MS.1 - tenant.offset_minutes * 60_000 + GRACE_MS
}

/// Whether every tenant has its invoice, and not only a draft of it.
///
/// # Errors
/// If the API does not answer.
pub(super) async fn are_all_there(ground: &Ground, ledger: &Ledger) -> Result<bool, String> {
    for tenant in &ledger.tenants {
        let invoices = list(ground, tenant, "invoices").await?;
        if !invoices.iter().any(|invoice| invoice["status"] != "draft") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Audits the invoices of all tenants; answers how many there are.
///
/// # Errors
/// The first difference.
pub(super) async fn audit(ground: &Ground, ledger: &Ledger, counted: &[Vec<Counted>]) -> Result<u64, String> {
    for (place, (tenant, counted)) in ledger.tenants.iter().zip(counted).enumerate() {
        let has_override = place == pricing::OVERRIDDEN_TENANT;
        let audited = audit_tenant(ground, ledger, (tenant, has_override), counted).await;
        audited.map_err(|difference| format!("{}: {difference}", tenant.slug))?;
    }
    Ok(ledger.tenants.len() as u64)
}

async fn audit_tenant(
    ground: &Ground,
    ledger: &Ledger,
    (tenant, has_override): (&Tenant, bool),
    counted: &[Counted],
) -> Result<(), String> {
    let invoices = list(ground, tenant, "invoices").await?;
    let [invoice] = invoices.as_slice() else {
        return Err(format!("one period has closed, and there are {} invoices", invoices.len()));
    };
    let text = |name: &str| invoice[name].as_str().unwrap_or_default().to_owned();
    let number = format!("{}-0001", tenant.slug.to_uppercase());
    if text("number") != number {
        return Err(format!("the first invoice is called {}, not {number}", invoice["number"]));
    }
    if (text("firstDay"), text("lastDay")) != ("2026-05-01".to_owned(), "2026-05-31".to_owned()) {
        return Err(format!("the invoice is for {} to {}", text("firstDay"), text("lastDay")));
    }
    charges(ledger, (tenant, has_override), counted, invoice)?;
    adds_up(invoice)?;
    booked(ground, tenant, invoice).await?;
    printed(ground, tenant, &text("id")).await?;
    announced(ground, tenant).await
}

/// Whether the invoice charges for what it must.
fn charges(
    ledger: &Ledger,
    (tenant, has_override): (&Tenant, bool),
    counted: &[Counted],
    invoice: &Value,
) -> Result<(), String> {
    let finalized = invoice["finalizedAt"].as_str().unwrap_or_default();
    let finalized: domain::Timestamp = finalized.parse().map_err(|_| "the invoice is not issued".to_owned())?;
    let offset_ms = tenant.offset_minutes * 60_000;
    let in_month = |counted: &&Counted| (MONTH_MS.0..MONTH_MS.1).contains(&(counted.hour_ms + offset_ms));
    let (mut must, mut may) = (Vec::new(), Vec::new());
    for Counted { content, .. } in counted.iter().filter(in_month) {
        let sendings = &ledger.contents[*content].sendings;
        let identity = &ledger.identities[ledger.contents[*content].identity];
        let told = |content: &usize| {
            let sendings = &ledger.contents[*content].sendings;
            sendings.iter().any(|sending| sending.outcome == Outcome::Accepted && sending.until_ms < closes_of(tenant))
        };
        // Of contents in conflict one was counted for all: a promise for any of them is one for it.
        if identity.contents.iter().any(told) {
            must.push(*content);
        } else if sendings.iter().any(|sending| sending.from_ms <= finalized.as_millisecond()) {
            may.push(*content);
        }
    }
    let cents = |name: &str| invoice[name].as_i64().map(i128::from);
    let said = (cents("subtotalMinor"), cents("totalMinor"), cents("dueMinor"));
    let agrees = |chosen: &[usize]| {
        let used = used(ledger, chosen);
        let Charged { subtotal, total, due } = pricing::price(used, has_override);
        said == (Some(subtotal), Some(total), Some(due)) && quantities(invoice) == Some(used)
    };
    if agrees(&must) || may.len() > CHOICES_MAX {
        return Ok(());
    }
    for choice in 1..1_u32 << may.len() {
        let chosen = may.iter().enumerate().filter(|(place, _)| choice >> place & 1 == 1).map(|(_, content)| *content);
        let all: Vec<usize> = must.iter().copied().chain(chosen).collect();
        if agrees(&all) {
            return Ok(());
        }
    }
    let (wanted, open) = (used(ledger, &must), may.len());
    let charged = pricing::price(wanted, has_override);
    Err(format!(
        "the invoice says {said:?} cents for {:?}, not {charged:?} for {wanted:?} and any of {open} more events",
        quantities(invoice)
    ))
}

fn used(ledger: &Ledger, contents: &[usize]) -> Used {
    let contents = || contents.iter().map(|&content| &ledger.contents[content]);
    Used {
        calls: contents().count() as i128,
        bytes_milli: contents().map(|content| i128::from(content.bytes_milli)).sum(),
        users: contents().map(|content| content.user).collect::<BTreeSet<_>>().len() as i128,
    }
}

/// The quantities on the invoice's lines.
fn quantities(invoice: &Value) -> Option<Used> {
    let quantity = |key: &str| {
        let line = invoice["lines"].as_array()?.iter().find(|line| line["key"] == key)?;
        super::auditor::milli(&line["quantity"])
    };
    Some(Used { calls: quantity("calls")? / 1_000, bytes_milli: quantity("bytes")?, users: quantity("users")? / 1_000 })
}

/// Whether what was taken off the lines, and the tax on them, is what the invoice says together.
fn adds_up(invoice: &Value) -> Result<(), String> {
    let sum = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_i64).sum::<i64>();
    let [discount, tax] = ["discounts", "taxes"].map(|name| sum(&invoice[name][0]["linesMinor"]));
    let lines = invoice["lines"].as_array().into_iter().flatten();
    let lines: i64 = lines.filter_map(|line| line["amountMinor"].as_i64()).sum();
    let said = |name: &str| invoice[name].as_i64().unwrap_or_default();
    let all = [lines - said("subtotalMinor"), discount - said("discountMinor"), tax - said("taxMinor")];
    let total = lines - discount + tax - said("totalMinor");
    if all == [0; 3] && total == 0 { Ok(()) } else { Err(format!("the lines do not add up: {all:?}, {total}")) }
}

/// Whether the tenant's books hold, and say that it owes what the invoice says.
async fn booked(ground: &Ground, tenant: &Tenant, invoice: &Value) -> Result<(), String> {
    let verified = ground.get(&format!("/v1/ledger/verify?tenant={}", tenant.slug)).await?;
    let books = ground.get(&format!("/v1/ledger/balance?tenant={}", tenant.slug)).await?;
    let mut accounts = books["balances"].as_array().into_iter().flatten();
    let owed = accounts.find(|balance| balance["account"] == "receivable").map(|balance| &balance["amountMinor"]);
    // The grant, the charge, and the credit that paid a part of it.
    if verified["ok"] == true && verified["entries"] == 3 && owed == Some(&invoice["dueMinor"]) {
        return Ok(());
    }
    Err(format!("{} is due, and the books say {books}, {verified}", invoice["dueMinor"]))
}

async fn printed(ground: &Ground, tenant: &Tenant, invoice: &str) -> Result<(), String> {
    let link = ground.get(&format!("/v1/invoices/{invoice}/pdf?tenant={}", tenant.slug)).await?;
    let url = link["url"].as_str().unwrap_or_default();
    let uri = url.parse().map_err(|_| format!("the link to the PDF is {url:?}"))?;
    let response = ground.aws.follow_link(&uri, ground.world.now());
    let pdf = response.body();
    if response.status() != 200 || !pdf.starts_with(b"%PDF-") || pdf.len() < PDF_BYTES_MIN {
        return Err(format!("the PDF answers {} with {} bytes", response.status(), pdf.len()));
    }
    Ok(())
}

async fn announced(ground: &Ground, tenant: &Tenant) -> Result<(), String> {
    let deliveries = list(ground, tenant, "webhooks/deliveries").await?;
    for event_type in ANNOUNCED {
        let of_type: Vec<&Value> = deliveries.iter().filter(|delivery| delivery["eventType"] == event_type).collect();
        let [delivery] = of_type.as_slice() else {
            return Err(format!("{event_type} has {} deliveries, not one", of_type.len()));
        };
        let taken = ground.hooks.taken(&tenant.slug, event_type);
        if delivery["status"] != "delivered" || taken == 0 {
            return Err(format!("{event_type} is {} and was taken {taken} times", delivery["status"]));
        }
    }
    if deliveries.len() == ANNOUNCED.len() {
        return Ok(());
    }
    Err(format!("{} deliveries, not {}", deliveries.len(), ANNOUNCED.len()))
}

async fn list(ground: &Ground, tenant: &Tenant, what: &str) -> Result<Vec<Value>, String> {
    let answer = ground.get(&format!("/v1/{what}?tenant={}&limit=100", tenant.slug)).await?;
    answer["data"].as_array().cloned().ok_or_else(|| format!("the list of {what} is none: {answer}"))
}
