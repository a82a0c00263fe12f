//! Back-filling: a meter that is younger than the events comes to the same as one that was there from the start, and
//! counting goes on exactly, in the process that remembers the lanes and in one that does not.

use crate::bench::{AGGREGATIONS, Bench, event, sum};
use serde_json::{Value, json};

#[tokio::test]
async fn a_younger_meter_is_found_and_back_filled_for_every_aggregation() {
    let bench = Bench::with_calls().await;
    let digest = bench.check().await["digest"].clone();
    bench.create_meters("new").await;
    assert_eq!(bench.totals("new").await, ["0"; 8]);
    let answer = bench.check().await;
    assert_eq!((&answer["differences"], &answer["difference"]["kind"]), (&json!(3), &json!("not_back_filled")));
    let answer = bench.repair().await;
    assert_eq!((&answer["differences"], &answer["repaired"], &answer["digest"]), (&json!(3), &json!(3), &digest));
    let usage = bench.usage("new").await;
    assert_eq!(usage, bench.usage("old").await);
    // Four calls, 85 bytes; the last is of 12:30, and 85 ÷ 4 is 21.25.
    let totals: Vec<&Value> = usage.iter().map(|(total, _)| total).collect();
    assert_eq!((totals[0], totals[1], totals[2], totals[3]), (&json!("4"), &json!("85"), &json!("5"), &json!("50")));
    assert_eq!((totals[4], totals[5], totals[7]), (&json!("5"), &json!("21.25"), &json!("3")));
    bench.assert_sound().await;
}

#[tokio::test]
async fn what_cannot_be_explained_is_told_before_a_younger_meter() {
    let bench = Bench::with_calls().await;
    bench.create_meters("new").await;
    let head = bench.usage_items("H#2026-05-20T11:00").await.remove(0);
    let key = bench.counter("old-sum", "us").await;
    bench.tamper(head, |counters| _ = counters.0.insert(key, sum(21))).await;
    let answer = bench.check().await;
    let difference = &answer["difference"];
    assert_eq!((&difference["kind"], &difference["stored"]), (&json!("counter"), &json!("21")));
    assert_eq!(difference["hour"], "2026-05-20T11:00:00Z", "though the hour before has a difference too");
}

/// Repairs that change something, then events into every lane; answers the bench.
async fn counted_on(lanes: Option<&usage::Lanes>) -> Bench {
    let bench = Bench::with_calls().await;
    bench.create_meters("new").await;
    bench.repair().await;
    // Repeats of all, a late one for each timed hour, and one of now; with values that are there, and new ones.
    bench
        .send(&[
            event("1", Some("10:00"), 10, "ann", "eu"),
            event("4", None, 5, "cat", "eu"),
            event("5", Some("10:30"), 7, "bob", "us"),
            event("6", Some("11:45"), 8, "eve", "us"),
            event("7", None, 9, "cat", "eu"),
        ])
        .await;
    let platform = &bench.local.platform;
    match lanes {
        None => platform.drain().await.unwrap(),
        Some(lanes) => {
            for source in platform.stack().event_sources.iter().filter(|source| source.function == "usage") {
                platform.deliver_to(source, 0, lanes).await.unwrap();
            }
        }
    }
    bench
}

#[tokio::test]
async fn counting_goes_on_exactly_behind_a_repair() {
    for other_process in [None, Some(usage::Lanes::default())] {
        let bench = counted_on(other_process.as_ref()).await;
        let usage = bench.usage("new").await;
        assert_eq!(usage, bench.usage("old").await);
        // 85 and 7 and 8 and 9 bytes; ann, bob, cat and eve.
        assert_eq!([&usage[0].0, &usage[1].0, &usage[7].0], ["7", "109", "4"]);
        bench.assert_sound().await;
    }
}

#[tokio::test]
async fn hours_of_an_arrival_lane_are_back_filled_together() {
    let bench = Bench::open().await;
    // More hours than one write takes, over two days.
    for hour in 0..30 {
        bench.local.turn_to(
            "2026-05-20T13:00:00Z".parse::<domain::Timestamp>().unwrap() + jiff::SignedDuration::from_hours(hour),
        );
        bench
            .count(&[
                event(&hour.to_string(), None, 2, "ann", "eu"),
                event(&format!("{hour}b"), None, 3, &format!("user-{hour}"), "us"),
            ])
            .await;
    }
    bench.create_meters("new").await;
    let order = json!({"tenant": "acme", "from": "2026-05-20T00:00:00Z", "to": "2026-05-22T00:00:00Z", "repair": true});
    let answer = bench.ask(&order).await;
    let told = ["checkedHours", "checkedEvents", "differences", "repaired"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(told, [30, 60, 30, 30]);
    bench.count(&[event("last", None, 5, "ann", "eu")]).await;
    assert_eq!(bench.ask(&order).await["differences"], 0);
    for aggregation in AGGREGATIONS {
        let total = async |prefix: &str| {
            let query = "from=2026-05-20T00:00:00Z&to=2026-05-22T00:00:00Z&window=hour&groupBy=region";
            let path = format!("/v1/usage?tenant=acme&meter={prefix}-{}&{query}", aggregation.to_lowercase());
            let answer = bench.local.get(&path).await;
            (answer["total"].clone(), answer["data"].clone())
        };
        assert_eq!(total("new").await, total("old").await, "{aggregation}");
    }
}
