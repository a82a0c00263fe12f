//! Races and deaths: a repair against workers that count, and one that dies between any two calls.

use crate::bench::{Bench, event};
use meterline::aws::{Fault, Service};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Messages that are counted while the repair runs.
const MESSAGES: u32 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repair_among_workers_loses_nothing() {
    let bench = Bench::with_calls().await;
    bench.create_meters("new").await;
    for message in 0..MESSAGES {
        let call = |n: u32| {
            let (id, user) = (format!("{message}-{n}"), format!("user-{}", (message + n) % 7));
            event(&id, Some("10:20").filter(|_| n > 0), 1, &user, "eu")
        };
        bench.send(&[call(0), call(1), call(2)]).await;
    }
    let bench = &bench;
    let other = &usage::Lanes::default();
    let counting = async |lanes: Option<&usage::Lanes>| {
        let platform = &bench.local.platform;
        for source in platform.stack().event_sources.iter().cycle().take(200) {
            match lanes {
                Some(lanes) if source.function == "usage" => platform.deliver_to(source, 0, lanes).await.unwrap(),
                _ => platform.deliver(source, 0).await.unwrap(),
            };
            tokio::task::yield_now().await;
        }
    };
    let repairing = async {
        for _ in 0..20 {
            let order = json!({"tenant": "acme", "from": crate::bench::DAY.0, "to": crate::bench::DAY.1, "repair": true});
            let (status, answer) = bench.local.send("POST", "/v1/admin/rebuilds", Some(&order)).await;
            // One that lost every round says so.
            assert!([200, 503].contains(&status), "{answer:#}");
            tokio::task::yield_now().await;
        }
    };
    futures::join!(counting(None), counting(Some(other)), repairing);
    // Whatever was given up comes again.
    bench.local.platform.settle("2026-05-20T18:00:00Z".parse().unwrap()).await.unwrap();
    bench.repair().await;
    bench.assert_sound().await;
    let usage = bench.usage("new").await;
    assert_eq!(usage, bench.usage("old").await);
    // Four calls of 85 bytes, and three of one byte in each message; seven users and ann, bob and cat.
    assert_eq!([&usage[0].0, &usage[1].0, &usage[7].0], ["94", "175", "10"]);
}

/// The calls of DynamoDB that a back-fill makes, of which the one at `position` fails; whether there was one.
async fn dies(position: u64, fault: Fault) -> bool {
    let bench = Bench::with_calls().await;
    let before = bench.usage("old").await;
    bench.create_meters("new").await;
    let faults = bench.local.platform.aws().faults();
    let calls = AtomicU64::new(0);
    faults.fail_when(1, fault, move |call| {
        call.service == Service::DynamoDb && calls.fetch_add(1, Ordering::Relaxed) + 1 == position
    });
    let order = json!({"tenant": "acme", "from": crate::bench::DAY.0, "to": crate::bench::DAY.1, "repair": true});
    let (status, answer) = bench.local.send("POST", "/v1/admin/rebuilds", Some(&order)).await;
    faults.clear();
    let fired = !faults.fired().is_empty();
    assert!([200, 503].contains(&status), "call {position} {fault:?}: {answer:#}");
    // What was counted from the start is right at every moment; what is back-filled, once a repair has gone through.
    assert_eq!(bench.usage("old").await, before, "call {position} {fault:?}");
    bench.count(&[event("5", Some("10:40"), 4, "eve", "us"), event("6", None, 4, "cat", "us")]).await;
    bench.repair().await;
    let usage = bench.usage("new").await;
    assert_eq!(usage, bench.usage("old").await, "call {position} {fault:?}");
    assert_eq!(usage[1].0, Value::from("93"), "call {position} {fault:?}");
    bench.assert_sound().await;
    fired
}

#[tokio::test]
async fn a_repair_may_die_at_any_call() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let mut position = 1;
        while dies(position, fault).await {
            position += 1;
        }
        // Meters, lanes, heads, and for three hours their segments, values, pages and counters.
        assert!(position > 15, "{position} calls");
    }
}
