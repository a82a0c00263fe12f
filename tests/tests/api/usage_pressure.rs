//! When something refuses: the API takes what can be taken and names the rest, and sending again makes it whole.
//!
//! Each event of a request has a bit of its own for its bytes, so that a sum tells exactly which of them were counted.

use crate::harness::{Answer, Api, PLATFORM_KEY};
use aws_config::{SdkConfig, retry::RetryConfig};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use cloud::{Metrics, Random, World};
use meterline::aws::{Call, Fault, Service, Tampering};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tower::ServiceExt;

const PATH: &str = "/v1/usage/events";
/// The events of a request: whose each is. The last one is the first again.
const SUBJECTS: [&str; 7] = ["acme", "globex", "initech", "acme", "globex", "initech", "acme"];
/// All bits of a tenant's events, in the order of [`Counted`].
const ALL: Counted = [0b00_1001, 0b01_0010, 0b10_0100];
/// Calls that the SDK makes of one request to the topic, at most.
const SDK_CALLS_MAX: usize = 3;

/// The bits of the events that were counted, of acme, globex and initech.
type Counted = [u64; 3];

async fn open() -> Api {
    let api = Api::open().await.with_meters().await;
    api.post("/v1/tenants", PLATFORM_KEY, &json!({"slug": "initech", "name": "initech"})).await.good();
    api
}

/// The event at `place` of the request about the `hour` of 31 May: the last one is the first one, sent twice.
fn event(hour: usize, place: usize) -> Value {
    let bit = place % 6;
    let time = format!("2026-05-31T{hour:02}:00:00Z");
    let data = json!({"bytes": 1_u64 << bit});
    json!({"id": bit.to_string(), "type": "call", "time": time, "subject": SUBJECTS[place], "data": data})
}

/// Sends the events at `places`.
async fn send(api: &Api, hour: usize, places: impl IntoIterator<Item = usize>) -> Answer {
    let events: Vec<Value> = places.into_iter().map(|place| event(hour, place)).collect();
    api.post(PATH, PLATFORM_KEY, &json!({"events": events})).await
}

/// What has been counted in `hour`.
async fn counted(api: &Api, hour: usize) -> Counted {
    api.count_usage().await;
    let mut counted = [0; 3];
    for (tenant, bits) in ["acme", "globex", "initech"].into_iter().zip(&mut counted) {
        let range = format!("from=2026-05-31T{hour:02}:00:00Z&to=2026-05-31T{:02}:00:00Z", hour + 1);
        let usage = api.get(&format!("/v1/usage?tenant={tenant}&meter=bytes&{range}"), PLATFORM_KEY).await.good();
        *bits = usage.text("total").parse().unwrap();
    }
    counted
}

/// Places of the events whose result has this status.
fn with_status(answer: &Answer, status: &str) -> Vec<usize> {
    let results = answer.body["results"].as_array().unwrap_or_else(|| panic!("{answer:#?}"));
    (0..results.len()).filter(|&place| results[place]["status"] == status).collect()
}

#[tokio::test]
async fn exactly_the_events_of_the_refused_messages_are_to_be_sent_again() {
    let api = open().await;
    // One message for each tenant, all in one batch; every choice of refused ones, once mended by sending what was
    // refused, once by sending everything.
    for (hour, (refused, whole)) in (1..8).flat_map(|refused| [(refused, false), (refused, true)]).enumerate() {
        api.platform.aws().faults().fail_next(Service::Sns, "PublishBatch", Fault::RefuseEntries(refused));
        let answer = send(&api, hour, 0..7).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")), "{refused:b}");
        let (accepted, again) = (with_status(&answer, "accepted"), with_status(&answer, "retry"));
        assert_eq!(answer.body["accepted"], accepted.len());
        for &place in &again {
            assert_eq!(answer.body["results"][place]["code"], "unavailable");
        }
        // The first event is there twice: a duplicate of what was taken, or not taken either.
        assert_eq!(with_status(&answer, "duplicate"), if again.contains(&0) { vec![] } else { vec![6] });
        let tenants = |places: &[usize]| places.iter().map(|&place| SUBJECTS[place]).collect::<BTreeSet<_>>();
        assert_eq!(tenants(&again).len(), usize::try_from(refused.count_ones()).unwrap(), "{refused:b}");
        assert!(tenants(&again).is_disjoint(&tenants(&accepted)), "{answer:#?}");
        // Exactly what was acknowledged is counted.
        let there = counted(&api, hour).await.iter().fold(0, |all, bits| all | bits);
        assert_eq!(there, accepted.iter().fold(0, |all, place| all | 1 << place), "{refused:b}");
        let mended = if whole { send(&api, hour, 0..7).await } else { send(&api, hour, again).await };
        assert_eq!(mended.status, 202, "{mended:#?}");
        assert_eq!(counted(&api, hour).await, ALL, "{refused:b} {whole}");
    }
}

#[tokio::test]
async fn a_topic_that_is_down_is_told_for_every_event() {
    let api = open().await;
    for (hour, fault) in [Fault::Refuse, Fault::RefuseEntries(0b111), Fault::CrashBefore].into_iter().enumerate() {
        api.platform.aws().faults().fail_next(Service::Sns, "PublishBatch", fault);
        let answer = send(&api, hour, 0..7).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("1")), "{fault:?}");
        assert_eq!(with_status(&answer, "retry"), (0..7).collect::<Vec<_>>(), "{fault:?}");
        assert_eq!(counted(&api, hour).await, [0; 3], "{fault:?}");
        assert_eq!(send(&api, hour, 0..7).await.status, 202);
        assert_eq!(counted(&api, hour).await, ALL, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_of_the_topic_that_is_lost_counts_once_all_the_same() {
    let api = open().await;
    api.platform.aws().faults().fail_next(Service::Sns, "PublishBatch", Fault::LoseAnswer);
    let answer = send(&api, 0, 0..7).await;
    assert_eq!((answer.status.as_u16(), with_status(&answer, "retry").len()), (503, 7));
    assert_eq!(counted(&api, 0).await, ALL, "they had been taken, which nobody could know");
    assert_eq!(send(&api, 0, 0..7).await.status, 202);
    assert_eq!(counted(&api, 0).await, ALL);
}

/// Sends one event of acme's, in a group that nobody has seen, to a process of the API; under an idempotency key.
async fn send_to(router: Router, key: &str, number: usize) -> (u16, Option<String>, Value) {
    let data = json!({"bytes": 1, "region": number.to_string()});
    let event = json!({"id": number.to_string(), "type": "call", "time": "2026-05-31T00:00:00Z", "data": data});
    let request = Request::post(PATH)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("idempotency-key", format!("key-{number}"))
        .body(Body::from(json!({"events": [event]}).to_string()))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1024 * 1024).await.unwrap();
    (status, retry_after, serde_json::from_slice(&body).unwrap())
}

/// What was asked of AWS after the call `number`.
fn calls(api: &Api, number: u64) -> Vec<Call> {
    api.platform.aws().faults().recorded_since(number)
}

#[tokio::test]
async fn a_table_that_refuses_keeps_events_from_being_published() {
    let api = open().await;
    let faults = api.platform.aws().faults();
    // A process that remembers nothing asks for the key, the tenant, the meters and the groups before it publishes.
    let cold = || api::router(api.platform.world().clone());
    let before = faults.calls();
    assert_eq!(send_to(cold(), &api.acme.key, 0).await.0, 202);
    let clean = calls(&api, before);
    let published = clean.iter().position(|call| call.operation == "PublishBatch").unwrap();
    let asked: Vec<_> = clean[..published].iter().map(|call| call.operation).collect();
    assert!(asked.iter().filter(|operation| **operation == "GetItem").count() >= 3, "{asked:?}");
    assert!(asked.contains(&"UpdateItem"), "the new group is written: {asked:?}");
    assert!(asked.contains(&"PutItem"), "the late day is marked: {asked:?}");
    let mut sent = 1;
    for (place, call) in clean[..published].iter().enumerate() {
        for fault in [Fault::Refuse, Fault::TransactionConflict, Fault::CrashBefore] {
            if !fault.fits(call.service, call.operation) {
                continue;
            }
            let before = faults.calls();
            faults.fail_call(before + 1 + u64::try_from(place).unwrap(), fault);
            let (status, retry_after, body) = send_to(cold(), &api.acme.key, sent).await;
            let context = format!("{fault:?} of {} {place}: {body}", call.operation);
            // A late day that cannot be marked is told for its events.
            let code = body["code"].as_str().or(body["results"][0]["code"].as_str());
            assert_eq!((status, retry_after.as_deref(), code), (503, Some("1"), Some("unavailable")), "{context}");
            assert!(calls(&api, before).iter().all(|call| call.operation != "PublishBatch"), "{context}");
            assert_eq!(send_to(cold(), &api.acme.key, sent).await.0, 202, "the same request again, {context}");
            sent += 1;
        }
    }
    api.count_usage().await;
    let range = "meter=bytes&from=2026-05-31T00:00:00Z&to=2026-05-31T01:00:00Z";
    let usage = api.get(&format!("/v1/usage?tenant=acme&{range}"), PLATFORM_KEY).await.good();
    assert_eq!(usage.text("total"), sent.to_string());
}

#[tokio::test]
async fn groups_that_others_keep_adding_are_no_fault_of_the_sender() {
    let api = open().await;
    let platform = &api.platform;
    let event = |number: usize| {
        let data = json!({"bytes": 1, "region": number.to_string()});
        json!({"id": number.to_string(), "type": "call", "time": "2026-05-31T00:00:00Z", "data": data})
    };
    let body = json!({"events": (0..1_000).map(event).collect::<Vec<_>>()});
    api.post(PATH, &api.acme.key, &body).await.good();
    let (status, _, body) = send_to(api::router(platform.world().clone()), &api.acme.key, 1_000).await;
    assert_eq!((status, &body["results"][0]["code"]), (202, &json!("too_many_groups")), "there is no room: {body}");
    // A process that always sees room, and never finds any: it reads as if others were a step ahead each time.
    let tampering = Tampering::ReplaceAttribute {
        table: platform.world().settings().usage_table.clone(),
        attribute: "groups".to_owned(),
        value: json!({"BS": ["AAAAAAAAAAAAAAAAAAAAAA=="]}),
    };
    let config = platform.aws().clone().with_tampering(&[tampering]).sdk_config();
    let router = api::router(world(&api, &config));
    let before = platform.aws().faults().calls();
    let (status, retry_after, body) = send_to(router, &api.acme.key, 1_001).await;
    assert_eq!((status, retry_after.as_deref(), &body["code"]), (503, Some("1"), &json!("unavailable")), "{body}");
    let operations: Vec<_> = calls(&api, before).iter().map(|call| call.operation).collect();
    let tries = operations.windows(2).filter(|pair| *pair == ["GetItem", "UpdateItem"]).count();
    assert_eq!((tries, operations.contains(&"PublishBatch")), (4, false), "{operations:?}");
}

/// A world of its own over the platform of `api`.
fn world(api: &Api, config: &SdkConfig) -> World {
    let world = api.platform.world();
    World::new(config, world.settings().clone(), world.clock().clone(), Random::seeded(1), Metrics::Off)
}

#[tokio::test]
async fn the_sdk_tries_a_refused_request_three_times_and_a_refused_entry_once() {
    let api = open().await;
    let platform = &api.platform;
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = platform.aws().clone().with_retries(retries).sdk_config();
    let patient = world(&api, &config);
    // How often what goes wrong; the answer, and after how many calls.
    let rows = [
        (2, Fault::Refuse, 202, 3),
        (10, Fault::Refuse, 503, SDK_CALLS_MAX),
        (2, Fault::LoseAnswer, 202, 3),
        (10, Fault::LoseAnswer, 503, SDK_CALLS_MAX),
        (10, Fault::RefuseEntries(0b1), 503, 1),
    ];
    for (number, (times, fault, status, tries)) in rows.into_iter().enumerate() {
        let before = platform.aws().faults().calls();
        platform.aws().faults().fail_when(times, fault, |call| call.operation == "PublishBatch");
        let answer = send_to(api::router(patient.clone()), &api.acme.key, number).await;
        assert_eq!(answer.0, status, "{times} {fault:?}: {}", answer.2);
        let published = calls(&api, before).iter().filter(|call| call.operation == "PublishBatch").count();
        assert_eq!(published, tries, "{times} {fault:?}");
        platform.aws().faults().clear();
    }
}
