//! Races: many workers on the same events, the same period, and the same number sequence, all at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use billing::Cause;
use domain::{Timestamp, id::TenantId};
use events::{BillingRequestedV1, CorrelationId, Envelope, Message, UsageEventV1, UsageRecordedV1};
use serde_json::{json, value::RawValue};
use std::collections::BTreeSet;
use tests::local::Local;
use tokio::task::JoinSet;

/// Workers that get the same message.
const WORKERS: usize = 12;

fn now() -> Timestamp {
    "2026-05-20T12:00:00Z".parse().unwrap()
}

/// An hour and a few minutes after May, so that the watermark can pass the hour.
fn after_the_grace() -> Timestamp {
    "2026-06-01T01:03:00Z".parse().unwrap()
}

/// A platform with the tenant `acme`.
async fn set_up() -> (Local, TenantId) {
    let local = Local::open(now()).await;
    local.create_catalog().await;
    let tenant = local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
    (local, tenant["id"].as_str().unwrap().parse().unwrap())
}

fn batch(message: &Message) -> SqsEvent {
    let mut record = SqsMessage::default();
    record.message_id = Some("1".to_owned());
    record.body = Some(message.body.clone());
    let mut event = SqsEvent::default();
    event.records = vec![record];
    event
}

fn usage_recorded(tenant: TenantId, ids: std::ops::Range<u32>) -> Message {
    let event = |id: u32| UsageEventV1 {
        id: id.to_string(),
        source: "test".to_owned(),
        event_type: "call".to_owned(),
        time: "2026-05-10T10:00:00Z".parse().unwrap(),
        time_is_arrival: false,
        data: RawValue::from_string(format!(r#"{{"bytes":{id},"user":"{}"}}"#, id % 3)).unwrap(),
    };
    // Messages of the first version are still read; the API publishes the second.
    let data = UsageRecordedV1 { time_zone: "UTC".to_owned(), received_at: now(), events: ids.map(event).collect() };
    Envelope::new("api", tenant, now(), CorrelationId::new("c"), &["1"], data).encode().unwrap()
}

async fn totals(local: &Local) -> Vec<String> {
    let mut totals = Vec::new();
    for meter in ["calls", "bytes", "peak", "users"] {
        let range = "from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z";
        let usage = local.get(&format!("/v1/usage?tenant=acme&meter={meter}&{range}")).await;
        totals.push(usage["total"].as_str().unwrap().to_owned());
    }
    totals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_with_overlapping_batches_count_each_event_once() {
    let (local, tenant) = set_up().await;
    let mut workers = JoinSet::new();
    for worker in 0..u32::try_from(WORKERS).unwrap() {
        // Each batch shares all but ten of its events with the next one: 1 to 60, 11 to 70, and so on.
        let message = usage_recorded(tenant, 1 + worker * 10..61 + worker * 10);
        let world = local.platform.world().clone();
        workers.spawn(async move {
            // A worker that lost too many races leaves its message to the next delivery, as the queue would.
            while !usage::handle(&world, &usage::Lanes::default(), batch(&message)).await.batch_item_failures.is_empty()
            {
            }
        });
    }
    workers.join_all().await;
    // 1 to 170: 170 events, 170 × 171 ÷ 2 = 14,535 bytes, a peak of 170, three users.
    assert_eq!(totals(&local).await, ["170", "14535", "170", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_on_the_same_period_write_one_invoice() {
    let (local, tenant) = set_up().await;
    let body = json!({"plan": "pro", "startsOn": "2026-05-01"});
    let subscription = local.create("/v1/subscriptions?tenant=acme", body).await;
    local.turn_to(after_the_grace());
    local.raise_watermark().await;
    let data = BillingRequestedV1 { subscription_id: subscription["id"].as_str().unwrap().parse().unwrap(), period: 0 };
    let message = Envelope::new("billing", tenant, now(), CorrelationId::new("c"), &["1"], data).encode().unwrap();
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (world, event) = (local.platform.world().clone(), batch(&message));
        workers.spawn(async move { billing::handle(&world, Cause::Messages(event)).await.unwrap() });
    }
    let answers = workers.join_all().await;
    assert!(answers.iter().any(|answer| answer.batch_item_failures.is_empty()));
    let invoices = local.get("/v1/invoices?tenant=acme").await;
    let numbers: Vec<&str> =
        invoices["data"].as_array().unwrap().iter().map(|invoice| invoice["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["ACME-0001"]);
}

#[tokio::test]
async fn subscriptions_of_one_tenant_take_numbers_without_a_gap() {
    let (local, tenant) = set_up().await;
    usage::handle(local.platform.world(), &usage::Lanes::default(), batch(&usage_recorded(tenant, 1..11))).await;
    for _ in 0..WORKERS {
        local.create("/v1/subscriptions?tenant=acme", json!({"plan": "pro", "startsOn": "2026-05-01"})).await;
    }
    local.turn_to(after_the_grace());
    local.raise_watermark().await;
    local.platform.tick().await.unwrap();
    local.platform.settle("2026-06-03T00:00:00Z".parse().unwrap()).await.unwrap();
    let invoices = local.get("/v1/invoices?tenant=acme&limit=100").await;
    let numbers: BTreeSet<String> = invoices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|invoice| invoice["number"].as_str().unwrap().to_owned())
        .collect();
    let expect: BTreeSet<String> = (1..=WORKERS).map(|n| format!("ACME-{n:04}")).collect();
    assert_eq!(numbers, expect);
    let books = local.get("/v1/ledger/verify?tenant=acme").await;
    assert_eq!((&books["ok"], &books["entries"]), (&json!(true), &json!(WORKERS)), "each invoice is charged once");
}

#[tokio::test]
async fn periods_that_were_missed_are_billed_in_order() {
    let (local, _) = set_up().await;
    local.create("/v1/subscriptions?tenant=acme", json!({"plan": "pro", "startsOn": "2026-03-01"})).await;
    local.raise_watermark().await;
    for _ in 0..4 {
        local.platform.tick().await.unwrap();
        local.platform.drain().await.unwrap();
    }
    let invoices = local.get("/v1/invoices?tenant=acme").await;
    let days: Vec<&str> = invoices["data"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|invoice| invoice["firstDay"].as_str().unwrap())
        .collect();
    assert_eq!(days, ["2026-03-01", "2026-04-01"], "March and April have closed, May has not");
}

#[tokio::test]
async fn numbers_go_on_when_their_template_changes() {
    let (local, _) = set_up().await;
    local.create("/v1/subscriptions?tenant=acme", json!({"plan": "pro", "startsOn": "2026-03-01"})).await;
    local.raise_watermark().await;
    local.platform.tick().await.unwrap();
    local.platform.drain().await.unwrap();
    let change =
        json!({"invoiceNumber": {"template": "{prefix}/{year}-{seq:3}", "prefix": "RG"}, "paymentTermDays": 30});
    assert_eq!(local.send("PATCH", "/v1/tenants/acme", Some(&change)).await.0, 200);
    local.platform.tick().await.unwrap();
    local.platform.drain().await.unwrap();
    let invoices = local.get("/v1/invoices?tenant=acme").await;
    let text = |place: usize, name: &str| invoices["data"][place][name].as_str().unwrap().to_owned();
    let mut numbers = [text(0, "number"), text(1, "number")];
    numbers.sort();
    assert_eq!(numbers, ["ACME-0001", "RG/2026-002"]);
    // 30 days after 20 May, and 14 days after it.
    let mut due = [text(0, "dueAt")[..10].to_owned(), text(1, "dueAt")[..10].to_owned()];
    due.sort();
    assert_eq!(due, ["2026-06-03", "2026-06-19"]);
}
