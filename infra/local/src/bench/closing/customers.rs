//! The customers whose month is closed: one plan with ten prices of all kinds, and what each tenant uses.
//!
//! Usage follows from the tenant's number and the hour, so that what must be counted is known without asking.

use super::{BenchError, Closing, SENDERS};
use crate::{bench::line::unexpected, workload};
use axum::Router;
use domain::{
    Decimal,
    id::{SubscriptionId, TenantId},
    rating::{GroupUsage, Usage},
};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _, str::FromStr};
use tokio::task::JoinSet;

/// Prices of the plan, its base fee not counted.
pub(super) const PRICES: usize = 10;
/// Where requests go.
const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "ap-south-1", "sa-east-1"];
/// Requests of a tenant in an hour with usage: so many to each region.
const ROUNDS: u32 = 2;
/// A subscription has at most so many seats, and one less.
const SEATS_BELOW: u64 = 40;

/// Who pays, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Customer {
    pub(super) tenant_id: TenantId,
    pub(super) subscription_id: SubscriptionId,
    /// Which tenant it is, counted from 0.
    pub(super) tenant: u64,
}

/// What a tenant does in an hour: bytes of each request, and an amount in whole units that passes through its hands.
fn bytes(tenant: u64, hour: u32, request: u32) -> u64 {
    1_000_000 + (tenant * 7_919 + u64::from(hour) * 104_729 + u64::from(request) * 1_299_709) % 400_000_000
}

fn paid(tenant: u64, hour: u32) -> u64 {
    10 + (tenant * 31 + u64::from(hour) * 17) % 900
}

fn requests() -> u32 {
    ROUNDS * u32::try_from(REGIONS.len()).unwrap_or(0)
}

/// Creates the meters, the plan, and every tenant with its subscriptions.
pub(super) async fn set_up(router: &Router, key: &'static str, plan: &Closing) -> Result<Vec<Customer>, BenchError> {
    for meter in meters() {
        workload::post(router, key, "/v1/meters", meter.to_string()).await?;
    }
    workload::post(router, key, "/v1/plans", plan_body().to_string()).await?;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS as u64 {
        let (router, plan) = (router.clone(), *plan);
        senders.spawn(async move {
            let mut customers = Vec::new();
            for tenant in (sender..tenants(&plan)).step_by(SENDERS) {
                customers.extend(subscribe(&router, key, &plan, tenant).await?);
            }
            Ok::<_, BenchError>(customers)
        });
    }
    let mut customers = Vec::new();
    while let Some(sender) = senders.join_next().await {
        customers.extend(sender??);
    }
    Ok(customers)
}

async fn subscribe(router: &Router, key: &str, plan: &Closing, tenant: u64) -> Result<Vec<Customer>, BenchError> {
    let slug = slug(tenant);
    let profile = json!({"slug": slug, "name": format!("Customer {tenant} Ltd")});
    let path = "/v1/tenants";
    let tenant_id = id(path, &workload::post(router, key, path, profile.to_string()).await?)?;
    let mut customers = Vec::new();
    let left = plan.subscriptions - tenant * plan.per_tenant.max(1);
    for place in 0..plan.per_tenant.max(1).min(left) {
        let seats = 1 + (tenant + place) % (SEATS_BELOW - 1);
        let body = json!({"plan": "business", "startsOn": "2026-06-01", "seats": {"seats": seats}});
        let path = format!("/v1/subscriptions?tenant={slug}");
        let subscription_id = id(&path, &workload::post(router, key, &path, body.to_string()).await?)?;
        customers.push(Customer { tenant_id, subscription_id, tenant });
    }
    Ok(customers)
}

/// Sends what every tenant does in `hour`, at its start.
pub(super) async fn send_usage(
    router: &Router,
    key: &'static str,
    plan: &Closing,
    hour: u32,
    at: Timestamp,
) -> Result<(), BenchError> {
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS as u64 {
        let (router, tenants) = (router.clone(), tenants(plan));
        senders.spawn(async move {
            for tenant in (sender..tenants).step_by(SENDERS) {
                let path = format!("/v1/usage/events?tenant={}", slug(tenant));
                workload::post(&router, key, &path, events(tenant, hour, at)).await?;
            }
            Ok::<_, BenchError>(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

fn events(tenant: u64, hour: u32, at: Timestamp) -> String {
    let mut body = String::from(r#"{"events":["#);
    for request in 0..requests() {
        let region = REGIONS[request as usize % REGIONS.len()];
        let bytes = bytes(tenant, hour, request);
        // Writing to a string does not fail.
        let _ = write!(
            body,
            r#"{{"id":"{hour}.{request}","type":"request","time":"{at}","data":{{"bytes":{bytes},"region":"{region}"}}}},"#
        );
    }
    let amount = paid(tenant, hour);
    let _ = write!(body, r#"{{"id":"{hour}.paid","type":"payment","time":"{at}","data":{{"amount":{amount}}}}}]}}"#);
    body
}

/// What must be counted of a tenant's month for the price called `price`.
pub(super) fn usage(tenant: u64, hours: u32, price: &str) -> Usage {
    let all = u64::from(requests()) * u64::from(hours);
    match price {
        "egress" | "storage" => {
            let hours = 1..=hours;
            let bytes: u64 =
                hours.flat_map(|hour| (0..requests()).map(move |request| bytes(tenant, hour, request))).sum();
            Usage::Quantity(bytes.into())
        }
        "payments" | "turnover" => {
            let value: u64 = (1..=hours).map(|hour| paid(tenant, hour)).sum();
            Usage::Value { value: value.into(), events: hours.into() }
        }
        "regions" => {
            let quantity = Decimal::from(u64::from(ROUNDS) * u64::from(hours));
            let of = |region: &str| BTreeMap::from([("region".to_owned(), region.to_owned())]);
            Usage::Groups(REGIONS.iter().map(|region| GroupUsage { values: of(region), quantity }).collect())
        }
        _ => Usage::Quantity(all.into()),
    }
}

fn tenants(plan: &Closing) -> u64 {
    plan.subscriptions.div_ceil(plan.per_tenant.max(1))
}

fn slug(tenant: u64) -> String {
    format!("customer-{tenant}")
}

/// The id of what was created.
fn id<Id: FromStr>(path: &str, answer: &Value) -> Result<Id, BenchError> {
    let found = answer["id"].as_str().and_then(|id| id.parse().ok());
    found.ok_or_else(|| unexpected(path, StatusCode::CREATED, answer.to_string().as_bytes()))
}

fn meters() -> [Value; 3] {
    let regions = json!([{"name": "region", "path": "$.region"}]);
    [
        json!({
            "slug": "requests", "name": "Requests", "eventType": "request", "aggregation": "count", "dimensions": regions,
        }),
        json!({"slug": "bytes", "name": "Bytes", "eventType": "request", "aggregation": "sum", "valuePath": "$.bytes"}),
        json!({
            "slug": "payments", "name": "Payments", "eventType": "payment", "aggregation": "average",
            "valuePath": "$.amount",
        }),
    ]
}

/// A base fee, seats, two more fees, and usage by seven models.
fn plan_body() -> Value {
    json!({"slug": "business", "name": "Business", "currency": "USD", "baseFeeMinor": 4_900, "prices": [
        {"key": "seats", "name": "Seats", "timing": "inAdvance", "model": {"type": "seats", "unitPrice": "12"}},
        {"key": "support", "name": "Support", "timing": "inAdvance", "model": {"type": "flat", "amount": "49"}},
        {"key": "platform", "name": "Platform", "model": {"type": "flat", "amount": "99"}},
        {"key": "requests", "name": "Requests", "meter": "requests", "included": "2",
            "model": {"type": "perUnit", "unitPrice": "0.004"}, "modifiers": {"usageDiscount": "5"}},
        {"key": "egress", "name": "Egress", "meter": "bytes",
            "model": {"type": "graduated", "tiers": [
                {"upTo": "100", "unitPrice": "0.09"}, {"upTo": "1000", "unitPrice": "0.085"}, {"unitPrice": "0.07"},
            ]},
            "modifiers": {"unitConversion": {"divisor": "1000000", "rounding": "up"}}},
        {"key": "storage", "name": "Storage", "meter": "bytes",
            "model": {"type": "volume", "tiers": [
                {"upTo": "1000000000", "unitPrice": "0.000000023"}, {"unitPrice": "0.000000022", "flatFee": "1"},
            ]}},
        {"key": "batches", "name": "Batches", "meter": "requests",
            "model": {"type": "package", "size": "10", "packagePrice": "0.5"}},
        {"key": "regions", "name": "Requests by region", "meter": "requests",
            "model": {"type": "matrix", "dimensions": ["region"], "defaultUnitPrice": "0.01", "cells": [
                {"values": {"region": "us-east-1"}, "unitPrice": "0.005"},
                {"values": {"region": "sa-east-1"}, "unitPrice": "0.02"},
            ]}},
        {"key": "payments", "name": "Payments", "meter": "payments",
            "model": {"type": "percentage", "percent": "2.9", "fixedFee": "0.3"}},
        {"key": "turnover", "name": "Turnover", "meter": "payments",
            "model": {"type": "graduatedPercentage", "tiers": [
                {"upTo": "500", "percent": "1"}, {"percent": "0.5", "flatFee": "2"},
            ]},
            "modifiers": {"spendMaximum": "250"}},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_must_be_counted() {
        assert_eq!(plan_body()["prices"].as_array().unwrap().len(), PRICES);
        let at = "2026-06-02T09:00:00Z".parse().unwrap();
        let mut sent = [0_u64; 3];
        for hour in 1..=3 {
            let body: Value = serde_json::from_str(&events(4, hour, at)).unwrap();
            for event in body["events"].as_array().unwrap() {
                sent[0] += u64::from(event["type"] == "request");
                sent[1] += event["data"]["bytes"].as_u64().unwrap_or(0);
                sent[2] += event["data"]["amount"].as_u64().unwrap_or(0);
            }
        }
        assert_eq!(sent[0], 24);
        assert_eq!(usage(4, 3, "requests"), Usage::Quantity(sent[0].into()));
        assert_eq!(usage(4, 3, "egress"), Usage::Quantity(sent[1].into()));
        assert_eq!(usage(4, 3, "payments"), Usage::Value { value: sent[2].into(), events: 3 });
        let Usage::Groups(groups) = usage(4, 3, "regions") else { panic!("a matrix takes groups") };
        assert_eq!(groups.iter().map(|group| group.quantity).sum::<Decimal>(), Decimal::from(sent[0]));
    }
}
