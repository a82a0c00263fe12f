//! Usage as tenants send it: a seeded stream of requests in the order of their time, and what must exist before them.
//!
//! A plain event is `{id: UUIDv7, type, time, data: {bytes, region}}`, counted and summed up by region. Events happen
//! at a steady rate over all tenants; each request is one tenant's, by its own key, and is sent at the time of its last
//! event. With a skew tenants send as Zipf has it: the second half as much as the first, the third a third.
//! The same workload makes the same requests, byte by byte.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request as HttpRequest, StatusCode},
};
use cloud::Random;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;
use tower::ServiceExt as _;

/// Where the bytes of an event went: one of so many groups of each meter.
pub const REGIONS: [&str; 8] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-southeast-2",
];
/// The meters of a workload.
pub const METERS: [&str; 2] = ["requests", "bytes"];
/// Most tenants of a workload.
pub const TENANTS_MAX: usize = 100_000;
/// An event has fewer bytes than this.
const BYTES_BELOW: u64 = 1_000_000;
/// The weight of the tenant that sends most.
const WEIGHT: u64 = 1 << 40;
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who sends what, and how fast.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Events in all.
    pub events: u64,
    /// Events of one request.
    pub per_request: u64,
    /// Tenants that send.
    pub tenants: usize,
    /// Whether they send as Zipf has it, or all the same.
    pub skewed: bool,
    /// Events a second, of all tenants.
    pub rate: u64,
    /// When the first event happens.
    pub start: Timestamp,
    /// What is drawn.
    pub seed: u64,
}

/// A request with events of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it is sent.
    pub at: Timestamp,
    /// Which tenant sends it, counted from 0.
    pub tenant: usize,
    /// How many events it has.
    pub events: u64,
    /// Its body in the short form.
    pub body: String,
}

/// The requests of a [`Workload`], in the order of their time.
#[derive(Debug)]
pub struct Requests {
    workload: Workload,
    random: Random,
    /// Weights of the tenants up to and with each.
    weights: Vec<u64>,
    made: u64,
}

/// What was sent or created and is not answered as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{path} was answered {status}: {answer}")]
pub struct Refused {
    path: String,
    status: StatusCode,
    answer: Value,
}

impl Workload {
    /// Its requests.
    #[must_use]
    pub fn requests(&self) -> Requests {
        let mut sum = 0;
        let weight = |rank: usize| if self.skewed { WEIGHT / u64::try_from(rank).unwrap_or(u64::MAX) } else { WEIGHT };
        let weights = (1..=self.tenants.clamp(1, TENANTS_MAX)).map(weight).map(|weight| {
            sum += weight;
            sum
        });
        Requests { weights: weights.collect(), random: Random::seeded(self.seed), made: 0, workload: self.clone() }
    }

    /// The instant of the event numbered `event`.
    fn time_of(&self, event: u64) -> Timestamp {
        let nanoseconds = u128::from(event) * 1_000_000_000 / u128::from(self.rate.max(1));
        let since = SignedDuration::from_nanos_i128(i128::try_from(nanoseconds).unwrap_or(0));
        let at = self.start.saturating_add(since).unwrap_or(Timestamp::MAX);
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
    }
}

impl Iterator for Requests {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let left = self.workload.events.checked_sub(self.made).filter(|left| *left > 0)?;
        let events = left.min(self.workload.per_request.max(1));
        let drawn = self.random.number() % self.weights.last().copied().unwrap_or(1);
        let tenant = self.weights.partition_point(|upto| *upto <= drawn);
        let mut body = String::from(r#"{"events":["#);
        for event in self.made..self.made + events {
            let comma = if event == self.made { "" } else { "," };
            let time = self.workload.time_of(event);
            let (id, drawn) = (self.random.uuid(time), self.random.number());
            let (bytes, region) = (drawn / 8 % BYTES_BELOW, REGIONS[usize::try_from(drawn % 8).unwrap_or(0)]);
            // Writing to a string does not fail.
            let _ = write!(
                body,
                r#"{comma}{{"id":"{id}","type":"request","time":"{time}","data":{{"bytes":{bytes},"region":"{region}"}}}}"#
            );
        }
        body.push_str("]}");
        self.made += events;
        Some(Request { at: self.workload.time_of(self.made - 1), tenant, events, body })
    }
}

/// Creates the meters and the tenants of a workload; answers a key for each tenant.
///
/// # Errors
/// If the API refuses something.
pub async fn set_up(router: &Router, platform_key: &str, tenants: usize) -> Result<Vec<String>, Refused> {
    let dimensions = json!([{"name": "region", "path": "$.region"}]);
    for (slug, aggregation) in METERS.into_iter().zip(["count", "sum"]) {
        let mut meter = json!({
            "slug": slug, "name": slug, "eventType": "request", "aggregation": aggregation, "dimensions": dimensions,
        });
        if aggregation == "sum" {
            meter["valuePath"] = "$.bytes".into();
        }
        post(router, platform_key, "/v1/meters", meter.to_string()).await?;
    }
    let mut keys = Vec::with_capacity(tenants);
    for tenant in 1..=tenants.clamp(1, TENANTS_MAX) {
        let slug = format!("tenant-{tenant}");
        post(router, platform_key, "/v1/tenants", json!({"slug": slug, "name": slug}).to_string()).await?;
        let path = format!("/v1/api-keys?tenant={slug}");
        let created = post(router, platform_key, &path, json!({"name": "workload"}).to_string()).await?;
        keys.push(created["key"].as_str().unwrap_or_default().to_owned());
    }
    Ok(keys)
}

/// Sends one request with the key of its tenant.
///
/// # Errors
/// If not every event of it is accepted.
pub async fn send(router: &Router, key: &str, request: Request) -> Result<(), Refused> {
    let path = "/v1/usage/events";
    let answer = post(router, key, path, request.body).await?;
    if answer["accepted"].as_u64() == Some(request.events) {
        return Ok(());
    }
    Err(Refused { path: path.to_owned(), status: StatusCode::ACCEPTED, answer })
}

pub(crate) async fn post(router: &Router, key: &str, path: &str, body: String) -> Result<Value, Refused> {
    let request = HttpRequest::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Body::from(body));
    let refused = |status, answer| Refused { path: path.to_owned(), status, answer };
    let request = request.map_err(|error| refused(StatusCode::BAD_REQUEST, error.to_string().into()))?;
    let Ok(response) = router.clone().oneshot(request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| refused(status, error.to_string().into()))?;
    let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() { Ok(answer) } else { Err(refused(status, answer)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(tenants: usize, skewed: bool) -> Workload {
        let start = "2026-06-01T00:00:00Z".parse().unwrap();
        Workload { events: 2_500, per_request: 100, tenants, skewed, rate: 1_000, start, seed: 7 }
    }

    #[test]
    fn the_same_seed_is_the_same_workload() {
        let requests: Vec<Request> = workload(3, true).requests().collect();
        assert_eq!(requests, workload(3, true).requests().collect::<Vec<_>>());
        let other = Workload { seed: 8, ..workload(3, true) };
        assert_ne!(requests, other.requests().collect::<Vec<_>>());
    }

    #[test]
    fn events_are_plain_and_happen_at_the_rate() {
        let mut uneven = workload(1, false);
        uneven.events = 2_510;
        let requests: Vec<Request> = uneven.requests().collect();
        assert_eq!(requests.iter().map(|request| request.events).collect::<Vec<_>>(), [&[100; 25][..], &[10]].concat());
        // The 100th event happens 99 ms after the first.
        assert_eq!(requests[0].at.to_string(), "2026-06-01T00:00:00.099Z");
        assert_eq!(requests[25].at.to_string(), "2026-06-01T00:00:02.509Z");
        let body: Value = serde_json::from_str(&requests[0].body).unwrap();
        let event = &body["events"][99];
        assert_eq!(event["time"], "2026-06-01T00:00:00.099Z");
        assert!(event["data"]["bytes"].as_u64().unwrap() < BYTES_BELOW);
        assert!(REGIONS.contains(&event["data"]["region"].as_str().unwrap()));
        assert_eq!(event["id"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_skew_follows_the_rank() {
        let sent = |skewed| {
            let mut small = workload(4, skewed);
            (small.events, small.per_request) = (25_000, 1);
            let mut sent = [0; 4];
            for request in small.requests() {
                sent[request.tenant] += 1;
            }
            sent
        };
        // 25,000 by 1 : 1/2 : 1/3 : 1/4 is 12,000, 6,000, 4,000 and 3,000.
        for (sent, expect) in sent(true).into_iter().zip([12_000_i32, 6_000, 4_000, 3_000]) {
            assert!((sent - expect).abs() < 300, "{sent} of about {expect}");
        }
        for sent in sent(false) {
            assert!((sent - 6_250_i32).abs() < 300, "{sent}");
        }
    }
}
