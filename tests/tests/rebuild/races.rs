//! Races and deaths: a repair against workers that count, and one that dies between any two calls.

use crate::bench::{Bench, DAY, event, sum};
use meterline::aws::{Fault, Service};
use serde_json::json;
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
            let order = json!({"tenant": "acme", "from": DAY.0, "to": DAY.1, "repair": true});
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

/// Counters of all three lanes are tampered with, and the repair dies at its call of `DynamoDB` of this number; answers
/// whether there was such a call. `before` is how many times that was done.
async fn dies(bench: &Bench, fault: Fault, position: u64, before: u64) -> bool {
    for (prefix, region) in [("H#2026-05-20T10", "eu"), ("H#2026-05-20T11", "us"), ("A#", "eu")] {
        let head = bench.usage_items(prefix).await.remove(0);
        let key = bench.counter("old-count", region).await;
        bench.tamper(head, |counters| _ = counters.0.insert(key, sum(1_000))).await;
    }
    let faults = bench.local.platform.aws().faults();
    let (calls, fired) = (AtomicU64::new(0), faults.fired().len());
    faults.fail_when(1, fault, move |call| {
        call.service == Service::DynamoDb && calls.fetch_add(1, Ordering::Relaxed) + 1 == position
    });
    let order = json!({"tenant": "acme", "from": DAY.0, "to": DAY.1, "repair": true});
    let (status, answer) = bench.local.send("POST", "/v1/admin/rebuilds", Some(&order)).await;
    faults.clear();
    assert!([200, 503].contains(&status), "{answer:#}");
    // What is right stays right at every moment: 85 bytes by ann, bob and cat, and those of the times before.
    assert_eq!(
        (bench.total("old-sum").await, bench.total("old-uniquecount").await),
        ((85 + 2 * before).to_string(), "3".to_owned())
    );
    let id = format!("{fault:?}-{position}");
    bench.count(&[event(&id, Some("10:40"), 1, "bob", "us"), event(&id, None, 1, "ann", "eu")]).await;
    bench.repair().await;
    bench.assert_sound().await;
    let expect = (4 + 2 * (before + 1)).to_string();
    assert_eq!((bench.total("old-count").await, bench.total("old-uniquecount").await), (expect, "3".to_owned()));
    faults.fired().len() > fired
}

#[tokio::test]
async fn a_repair_may_die_at_any_call() {
    let bench = Bench::with_calls().await;
    let mut before = 0;
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let mut position = 1;
        while dies(&bench, fault, position, before).await {
            (position, before) = (position + 1, before + 1);
        }
        before += 1;
        // Meters, lanes, and of each lane its head, values and pages, and the head again.
        assert!(position > 15, "{position} calls");
    }
}
