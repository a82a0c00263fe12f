//! Fairness: one tenant floods the platform, or its lanes are slow or fail, and the others are counted all the same.
//!
//! Nothing is measured in time. What counts is after how many deliveries, or with which calls still waiting.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use cloud::{Metrics, Random, World};
use domain::{Timestamp, id::TenantId};
use events::{CorrelationId, Envelope, Message, UsageEventV1, UsageRecordedV1};
use jiff::SignedDuration;
use meterline::{
    aws::{Fault, Service, Turnstile, WaitingCall},
    stack::EventSource,
};
use serde_json::{json, value::RawValue};
use std::{collections::BTreeSet, future::Future, num::NonZeroU64, pin::pin, sync::Arc, time::Duration};
use tests::local::Local;

/// Lanes of one tenant that the function works on at a time.
const LANES_AT_ONCE: usize = 4;
/// Messages of the hot tenant in each queue: one and a half invocations of 1,000.
const FLOOD: usize = 1_500;
/// Steps of a test, after which it hangs.
const STEPS_MAX: usize = 10_000;

fn now() -> Timestamp {
    "2026-05-20T12:00:00Z".parse().unwrap()
}

/// A platform with a hot tenant and some quiet ones.
async fn set_up(quiet: usize) -> (Local, TenantId, Vec<TenantId>) {
    let local = Local::open(now()).await;
    local.create_catalog().await;
    let hot = tenant(&local, "hot").await;
    let mut others = Vec::new();
    for number in 0..quiet {
        others.push(tenant(&local, &format!("quiet-{number}")).await);
    }
    (local, hot, others)
}

async fn tenant(local: &Local, slug: &str) -> TenantId {
    let tenant = local.create("/v1/tenants", json!({"slug": slug, "name": slug})).await;
    tenant["id"].as_str().unwrap().parse().unwrap()
}

/// A message with one event of its own, in the lane of the `hour` of 10 May.
fn message(tenant: TenantId, id: &str, hour: usize, at: Timestamp) -> Message {
    let event = UsageEventV1 {
        id: id.to_owned(),
        source: "test".to_owned(),
        event_type: "call".to_owned(),
        time: format!("2026-05-10T{hour:02}:00:00Z").parse().unwrap(),
        time_is_arrival: false,
        data: RawValue::from_string(r#"{"bytes":1,"user":"u"}"#.to_owned()).unwrap(),
    };
    let data = UsageRecordedV1 { time_zone: "UTC".to_owned(), received_at: at, events: vec![event] };
    Envelope::new("api", tenant, at, CorrelationId::new("c"), &[id], data).encode().unwrap()
}

/// How many events of a tenant were counted.
async fn counted(local: &Local, tenant: TenantId) -> usize {
    let range = "from=2026-05-10T00:00:00Z&to=2026-05-11T00:00:00Z";
    let usage = local.get(&format!("/v1/usage?tenant={tenant}&meter=calls&{range}")).await;
    usage["total"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_trickle_is_counted_before_a_flood_that_came_first() {
    let (local, hot, quiet) = set_up(3).await;
    let world = local.platform.world();
    // Both queues: this lap's and the next one's.
    for lap in 0..2 {
        let flood = (0..FLOOD).map(|n| message(hot, &format!("{lap}-{n}"), 0, world.now()));
        world.publish(&flood.collect::<Vec<_>>()).await.unwrap();
        let trickle = quiet.iter().flat_map(|&tenant| ["a", "b"].map(|id| (tenant, format!("{lap}-{id}"))));
        let trickle: Vec<_> = trickle.map(|(tenant, id)| message(tenant, &id, 0, world.now())).collect();
        world.publish(&trickle).await.unwrap();
        local.turn_to(world.now() + SignedDuration::from_mins(5));
    }
    let sources: Vec<&EventSource> =
        local.platform.stack().event_sources.iter().filter(|source| source.function == "usage").collect();
    let mut delivered = 0;
    for source in &sources {
        delivered += local.platform.deliver(source, 0).await.unwrap();
    }
    assert_eq!((sources.len(), delivered), (2, 2_000), "one full invocation for each queue");
    for &tenant in &quiet {
        assert_eq!(counted(&local, tenant).await, 4, "everything of the others is counted");
    }
    assert_eq!(counted(&local, hot).await, 2_000 - 12, "the hot tenant has what the others left");
    local.platform.drain().await.unwrap();
    assert_eq!(counted(&local, hot).await, 2 * FLOOD);
}

/// The worlds of a worker whose calls wait, and the batch that it gets: of the hot tenant one message for each of eight
/// hours, and behind them one of each quiet tenant.
fn worker(local: &Local, hot: TenantId, quiet: &[TenantId]) -> (World, Arc<Turnstile>, SqsEvent) {
    let turnstile = Arc::new(Turnstile::default().with_excerpts());
    let platform = &local.platform;
    let config = platform.aws().clone().with_turnstile(Arc::clone(&turnstile)).sdk_config();
    let (settings, clock) = (platform.world().settings().clone(), platform.world().clock().clone());
    let world = World::new(&config, settings, clock, Random::seeded(1), Metrics::Off);
    let of_hot = (0..8).map(|hour| (format!("hot-{hour}"), message(hot, "1", hour, now())));
    let of_quiet = quiet.iter().map(|&tenant| (tenant.to_string(), message(tenant, "1", 0, now())));
    let mut event = SqsEvent::default();
    event.records = of_hot.chain(of_quiet).map(|(id, message)| record(&id, &message)).collect();
    (world, turnstile, event)
}

fn record(message_id: &str, message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message_id.to_owned());
    record.body = Some(message.body.clone());
    record
}

fn failures(response: &SqsBatchResponse) -> BTreeSet<String> {
    response.batch_item_failures.iter().map(|item| item.item_identifier.clone()).collect()
}

/// Runs `work` until it ends, or until no call waits but those that `choose` does not pick. Calls go one at a time.
async fn run<T>(
    work: &mut (impl Future<Output = T> + Unpin),
    turnstile: &Turnstile,
    mut choose: impl FnMut(&WaitingCall) -> bool,
) -> Option<T> {
    for _ in 0..STEPS_MAX {
        tokio::select! {
            biased;
            done = &mut *work => return Some(done),
            // The runtime's time stands still but for this: all back-offs of the work end before the last step.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let waiting = turnstile.waiting();
        let call = waiting.iter().find(|call| choose(call))?;
        turnstile.let_go(call.ticket);
    }
    panic!("the worker does not come to an end: {:?}", turnstile.waiting());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_lanes_are_slow_holds_up_nobody() {
    let (local, hot, quiet) = set_up(20).await;
    let (world, turnstile, event) = worker(&local, hot, &quiet);
    let lanes = usage::Lanes::default();
    let mut work = pin!(usage::handle(&world, &lanes, event));
    let hot_id = hot.to_string();
    let ended = run(&mut work, &turnstile, |call| !call.excerpt.contains(&hot_id)).await;
    assert!(ended.is_none(), "the hot tenant's calls wait still");
    assert_eq!(turnstile.waiting().len(), LANES_AT_ONCE, "no more of its lanes are worked on at once");
    for &tenant in &quiet {
        assert_eq!(counted(&local, tenant).await, 1);
    }
    assert_eq!(counted(&local, hot).await, 0);
    let response = run(&mut work, &turnstile, |_| true).await.unwrap();
    assert_eq!(failures(&response), BTreeSet::new());
    assert_eq!(counted(&local, hot).await, 8);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_lanes_fail_gets_its_own_messages_again_and_no_others() {
    let (local, hot, quiet) = set_up(20).await;
    let (world, turnstile, event) = worker(&local, hot, &quiet);
    let lanes = usage::Lanes::default();
    let mut refused = 0;
    let hot_id = hot.to_string();
    let response = {
        let mut work = pin!(usage::handle(&world, &lanes, event.clone()));
        let refuse_hot = |call: &WaitingCall| {
            if call.service == Service::DynamoDb && call.excerpt.contains(&hot_id) {
                local.platform.aws().faults().fail_nth(NonZeroU64::MIN, Fault::Refuse);
                refused += 1;
            }
            true
        };
        run(&mut work, &turnstile, refuse_hot).await.unwrap()
    };
    let expect: BTreeSet<String> = (0..8).map(|hour| format!("hot-{hour}")).collect();
    assert_eq!(failures(&response), expect);
    assert_eq!(refused, 8 * 8, "eight lanes, each tried eight times and then left to the next delivery");
    for &tenant in &quiet {
        assert_eq!(counted(&local, tenant).await, 1);
    }
    assert_eq!(counted(&local, hot).await, 0);
    // Delivered again, the whole batch and not only what failed, each event counts once.
    let mut work = pin!(usage::handle(&world, &lanes, event));
    let response = run(&mut work, &turnstile, |_| true).await.unwrap();
    assert_eq!(failures(&response), BTreeSet::new());
    for &tenant in quiet.iter().chain([&hot]) {
        assert_eq!(counted(&local, tenant).await, if tenant == hot { 8 } else { 1 });
    }
}
