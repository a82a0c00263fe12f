//! What the platform and its seven tenants set up before the first event: meters, a plan, keys, webhooks, subscriptions.

use super::{Api, DemoError, Receiver, expect::Expected, log::TENANTS};
use jiff::{ToSpan, civil::Date};
use serde_json::{Value, json};

/// A tenant of the demo.
pub(super) struct Tenant {
    /// Its slug.
    pub(super) slug: &'static str,
    /// The API as its own key reaches it.
    pub(super) api: Api,
}

/// The first civil day after the billed period.
pub(super) fn period_end(expected: &Expected) -> Result<Date, DemoError> {
    expected.first_day.checked_add(i32::from(expected.months).months()).map_err(|_| DemoError::Log)
}

/// Creates everything, as the platform and as each tenant.
pub(super) async fn set_up(platform: &Api, receiver: &Receiver, expected: &Expected) -> Result<Vec<Tenant>, DemoError> {
    for meter in meters() {
        platform.post("/v1/meters", &meter).await?;
    }
    platform.post("/v1/plans", &plan(expected.months)).await?;
    let mut tenants = Vec::new();
    for slug in TENANTS {
        tenants.push(set_up_tenant(platform, receiver, expected, slug).await?);
    }
    Ok(tenants)
}

async fn set_up_tenant(
    platform: &Api,
    receiver: &Receiver,
    expected: &Expected,
    slug: &'static str,
) -> Result<Tenant, DemoError> {
    let profile = json!({
        "slug": slug,
        "name": format!("{} of semicomplete.example", slug[..1].to_uppercase() + &slug[1..]),
        "email": format!("{slug}@semicomplete.example"),
        "address": ["12 Log Lane", "San Francisco, CA 94105", "United States"],
    });
    platform.post("/v1/tenants", &profile).await?;
    let subscription = json!({"plan": "web-hosting", "startsOn": expected.first_day.to_string()});
    platform.post(&format!("/v1/subscriptions?tenant={slug}"), &subscription).await?;
    let key = platform.post(&format!("/v1/api-keys?tenant={slug}"), &json!({"name": "demo"})).await?;
    let api = platform.with_key(key["key"].as_str().ok_or(DemoError::Answer("key"))?);
    let endpoint = api.post("/v1/webhooks/endpoints", &json!({"url": receiver.url(slug)})).await?;
    receiver.share_secret(slug, endpoint["secret"].as_str().ok_or(DemoError::Answer("secret"))?);
    Ok(Tenant { slug, api })
}

fn meters() -> [Value; 3] {
    [
        json!({"slug": "requests", "name": "Requests", "eventType": "request", "aggregation": "count"}),
        json!({"slug": "bytes", "name": "Bytes sent", "eventType": "request", "aggregation": "sum", "valuePath": "$.bytes"}),
        json!({
            "slug": "addresses",
            "name": "Distinct client addresses",
            "eventType": "request",
            "aggregation": "uniqueCount",
            "valuePath": "$.address",
        }),
    ]
}

/// Prices by request, by byte in two tiers, and by distinct address; [`super::expect`] has the same in integers.
fn plan(months: u8) -> Value {
    json!({
        "slug": "web-hosting",
        "name": "Web hosting",
        "interval": {"unit": "month", "count": months},
        "currency": "USD",
        "baseFeeMinor": 1900,
        "prices": [
            {
                "key": "requests",
                "name": "Requests",
                "meter": "requests",
                "included": "500",
                "model": {"type": "perUnit", "unitPrice": "0.002"},
            },
            {
                "key": "bytes",
                "name": "Bytes sent",
                "meter": "bytes",
                "included": "10000000",
                "model": {
                    "type": "graduated",
                    "tiers": [
                        {"upTo": "500000000", "unitPrice": "0.00000001"},
                        {"upTo": null, "unitPrice": "0.000000005"},
                    ],
                },
            },
            {
                "key": "addresses",
                "name": "Distinct client addresses",
                "meter": "addresses",
                "included": "50",
                "model": {"type": "perUnit", "unitPrice": "0.05"},
            },
        ],
    })
}
