//! What a rebuild finds: nothing where nothing is wrong, and else the place and both values.

use crate::bench::{Bench, DAY, Item, event, sum};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde_json::{Value, json};

/// What makes the users of two events as different as can be, so that they take room.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Events of the hour at 10 that fill segments.
fn many(ids: std::ops::Range<u32>) -> Vec<Value> {
    let user = |id: u32| format!("{:016x}", u64::from(id + 1).wrapping_mul(MIX));
    ids.map(|id| event(&format!("call-{id}"), Some("10:00"), id, &user(id), "eu")).collect()
}

#[tokio::test]
async fn what_was_counted_is_found_as_counted() {
    let bench = Bench::with_calls().await;
    let answer = bench.check().await;
    let digest = answer["digest"].as_str().unwrap().to_owned();
    assert_eq!(digest.len(), 64);
    let expect = json!({
        "checkedHours": 3, "checkedEvents": 4, "digest": digest, "differences": 0, "repaired": 0, "difference": null,
        "next": null,
    });
    assert_eq!(answer, expect);
    assert_eq!(bench.check().await, expect, "a second one");
    assert_eq!(bench.repair().await, expect, "one that may repair");
    bench.count(&[event("5", Some("10:30"), 1, "ann", "eu")]).await;
    let later = bench.check().await;
    assert_eq!((&later["checkedEvents"], &later["differences"]), (&json!(5), &json!(0)));
    assert_ne!(later["digest"], digest.as_str(), "another log has another digest");
}

#[tokio::test]
async fn a_tenant_without_usage_has_nothing_to_check() {
    let bench = Bench::open().await;
    let answer = bench.check().await;
    let expect = json!({
        "checkedHours": 0, "checkedEvents": 0, "digest": "0".repeat(64), "differences": 0, "repaired": 0,
        "difference": null, "next": null,
    });
    assert_eq!(answer, expect);
}

#[tokio::test]
async fn a_counter_that_was_tampered_with_is_named_and_repaired() {
    let bench = Bench::with_calls().await;
    let (digest, before) = (bench.check().await["digest"].clone(), bench.usage("old").await);
    let head = bench.usage_items("H#2026-05-20T10:00").await.remove(0);
    let key = bench.counter("old-count", "eu").await;
    bench.tamper(head, |counters| _ = counters.0.insert(key, sum(3))).await;
    assert_eq!(bench.totals("old").await[0], "5");
    let answer = bench.check().await;
    let mut expect = json!({
        "kind": "counter", "lane": format!("{}/hour/2026-05-20T10:00:00Z/0", bench.acme), "hour": "2026-05-20T10:00:00Z",
        "meter": "old-count", "group": ["eu"], "stored": "3", "rebuilt": "2",
        "detail": "the counter of old-count is 3, and the log adds up to 2", "repaired": false,
    });
    assert_eq!(answer["difference"], expect);
    assert_eq!((&answer["differences"], &answer["repaired"], &answer["digest"]), (&json!(1), &json!(0), &digest));
    assert_eq!(bench.totals("old").await[0], "5", "a check changes nothing");
    let answer = bench.repair().await;
    expect["repaired"] = true.into();
    assert_eq!(answer["difference"], expect);
    assert_eq!((&answer["differences"], &answer["repaired"], &answer["digest"]), (&json!(1), &json!(1), &digest));
    assert_eq!(bench.usage("old").await, before);
    bench.assert_sound().await;
}

#[tokio::test]
async fn counters_of_no_event_and_lost_ones_are_found() {
    let bench = Bench::with_calls().await;
    let before = bench.usage("old").await;
    let (lost, invented) = (bench.counter("old-max", "us").await, bench.counter("old-max", "mars").await);
    let head = bench.usage_items("H#2026-05-20T11:00").await.remove(0);
    bench
        .tamper(head, |counters| {
            let tally = counters.0.remove(&lost).unwrap();
            counters.0.insert(invented, tally);
        })
        .await;
    let difference = bench.check().await["difference"].clone();
    assert_eq!((&difference["kind"], &difference["group"]), (&json!("counter"), &json!(["mars"])));
    assert_eq!((&difference["stored"], &difference["rebuilt"]), (&json!("20"), &Value::Null));
    bench.repair().await;
    assert_eq!(bench.usage("old").await, before);
    bench.assert_sound().await;
}

#[tokio::test]
async fn distinct_values_that_were_lost_are_found_and_repaired() {
    let bench = Bench::with_calls().await;
    let before = bench.usage("old").await;
    let pages = bench.usage_items("V#").await;
    let page = pages.iter().find(|page| page["sk"].as_s().unwrap().contains("#2026-05-20T10:")).unwrap();
    bench.delete(&bench.settings().usage_table, page).await;
    let difference = bench.check().await["difference"].clone();
    let told = ["kind", "meter", "group", "detail"].map(|name| difference[name].clone());
    // Both values lie on one page, so that nothing tells a lost page from a meter that is younger than the events.
    let detail =
        "old-uniquecount has counted none of the events here: it is younger than they are, and not back-filled";
    assert_eq!(told, [json!("not_back_filled"), json!("old-uniquecount"), json!(["eu"]), json!(detail)]);
    bench.repair().await;
    bench.assert_sound().await;
    // Now one value of two.
    let mut page = bench.usage_items("V#").await.into_iter().find(of_two).unwrap();
    let values = page["values"].as_b().unwrap().as_ref()[..16].to_vec();
    page.insert("values".to_owned(), AttributeValue::B(Blob::new(values)));
    bench.put(&bench.settings().usage_table, page).await;
    let difference = bench.check().await["difference"].clone();
    let told = ["kind", "meter", "stored", "rebuilt"].map(|name| difference[name].as_str().unwrap().to_owned());
    assert_eq!(told, ["distinct_values", "old-uniquecount", "1", "2"]);
    bench.repair().await;
    assert_eq!(bench.usage("old").await, before);
    bench.assert_sound().await;
}

fn of_two(page: &Item) -> bool {
    page["values"].as_b().unwrap().as_ref().len() == 32
}

#[tokio::test]
async fn an_hour_that_an_arrival_lane_put_aside_is_checked_and_repaired() {
    let bench = Bench::open().await;
    for hour in 12..18 {
        bench.local.turn_to(format!("2026-05-20T{hour}:30:00Z").parse().unwrap());
        bench
            .count(&[
                event(&hour.to_string(), None, hour, "ann", "eu"),
                event(&format!("{hour}b"), None, 1, "bob", "eu"),
            ])
            .await;
    }
    let before = bench.usage("old").await;
    let answer = bench.check().await;
    assert_eq!(
        (&answer["checkedHours"], &answer["checkedEvents"], &answer["differences"]),
        (&json!(6), &json!(12), &json!(0))
    );
    let put_aside = bench.usage_items("H#").await;
    assert_eq!(put_aside.len(), 5, "all but the open hour");
    let key = bench.counter("old-sum", "eu").await;
    for item in put_aside.into_iter().take(2) {
        bench.tamper(item, |counters| _ = counters.0.insert(key.clone(), sum(1_000))).await;
    }
    let answer = bench.repair().await;
    assert_eq!((&answer["differences"], &answer["repaired"]), (&json!(2), &json!(2)));
    assert_eq!(answer["difference"]["hour"], "2026-05-20T12:00:00Z", "the first by time");
    assert_eq!(answer["difference"]["lane"], format!("{}/month/2026-05-01T00:00:00Z/0", bench.acme));
    assert_eq!(bench.usage("old").await, before);
    bench.assert_sound().await;
    // An item that is gone altogether is found by its events.
    let item = bench.usage_items("H#2026-05-20T14").await.remove(0);
    bench.delete(&bench.settings().usage_table, &item).await;
    assert_eq!(bench.check().await["difference"]["hour"], "2026-05-20T14:00:00Z");
    bench.repair().await;
    assert_eq!(bench.usage("old").await, before);
}

#[tokio::test]
async fn an_arrival_lane_without_its_head_is_found() {
    let bench = Bench::open().await;
    for hour in [12, 13] {
        bench.local.turn_to(format!("2026-05-20T{hour}:30:00Z").parse().unwrap());
        bench.count(&[event(&hour.to_string(), None, hour, "ann", "eu")]).await;
    }
    let head = bench.usage_items("A#").await.remove(0);
    bench.delete(&bench.settings().usage_table, &head).await;
    let answer = bench.repair().await;
    assert_eq!((&answer["difference"]["kind"], &answer["repaired"]), (&json!("head_missing"), &json!(0)), "{answer:#}");
}

/// A segment of three, and what is done to it.
async fn with_segments(done: impl AsyncFnOnce(&Bench, Vec<Item>)) -> (Bench, Value) {
    let bench = Bench::open().await;
    for start in [0, 100, 200] {
        bench.count(&many(start..start + 100)).await;
    }
    let segments = bench.segments().await;
    assert_eq!(segments.len(), 3);
    bench.assert_sound().await;
    done(&bench, segments).await;
    // There is nothing to count from, so nothing is repaired.
    let before = bench.totals("old").await;
    let answer = bench.repair().await;
    assert_eq!((&answer["differences"], &answer["repaired"]), (&json!(1), &json!(0)), "{answer:#}");
    assert_eq!(bench.totals("old").await, before);
    let difference = answer["difference"].clone();
    (bench, difference)
}

#[tokio::test]
async fn a_segment_that_was_deleted_is_found() {
    for number in 0..3 {
        let (_, difference) = with_segments(async |bench: &Bench, segments: Vec<Item>| {
            bench.delete(&bench.settings().processed_events_table, &segments[number]).await;
        })
        .await;
        let detail = format!("segment {} of the log is missing; segments are kept for 431 days", number + 1);
        assert_eq!(difference["kind"], "segment_missing");
        assert_eq!((&difference["hour"], &difference["detail"]), (&json!("2026-05-20T10:00:00Z"), &json!(detail)));
        assert_eq!((&difference["meter"], &difference["repaired"]), (&Value::Null, &json!(false)));
    }
}

#[tokio::test]
async fn a_segment_that_was_changed_is_found() {
    for number in 0..3 {
        let (_, difference) = with_segments(async |bench: &Bench, mut segments: Vec<Item>| {
            let mut segment = segments.remove(number);
            let mut body = segment["body"].as_b().unwrap().as_ref().to_vec();
            *body.last_mut().unwrap() ^= 1;
            segment.insert("body".to_owned(), AttributeValue::B(Blob::new(body)));
            bench.put(&bench.settings().processed_events_table, segment).await;
        })
        .await;
        let detail = format!("segment {} of the log is not what its digest says", number + 1);
        assert_eq!((&difference["kind"], &difference["detail"]), (&json!("segment_changed"), &json!(detail)));
    }
}

#[tokio::test]
async fn a_chain_that_leads_elsewhere_is_found() {
    let (_, difference) = with_segments(async |bench: &Bench, mut segments: Vec<Item>| {
        let mut segment = segments.remove(1);
        segment.insert("before".to_owned(), AttributeValue::B(Blob::new([7; 32])));
        bench.put(&bench.settings().processed_events_table, segment).await;
    })
    .await;
    assert_eq!(difference["kind"], "segment_missing");
}

#[tokio::test]
async fn a_body_in_s3_that_is_gone_or_changed_is_found() {
    for (change, kind) in [(None, "segment_missing"), (Some(b"other bytes".to_vec()), "segment_changed")] {
        let bench = Bench::open().await;
        bench.count(&many(0..1_000)).await;
        let segments = bench.segments().await;
        let object = segments[0]["object"].as_s().unwrap();
        bench.assert_sound().await;
        let (s3, bucket) = (bench.s3(), &bench.settings().usage_log_bucket);
        match change {
            None => drop(s3.delete_object().bucket(bucket).key(object).send().await.unwrap()),
            Some(body) => drop(s3.put_object().bucket(bucket).key(object).body(body.into()).send().await.unwrap()),
        }
        assert_eq!(bench.check().await["difference"]["kind"], kind);
    }
}

#[tokio::test]
async fn events_that_were_taken_out_of_the_tail_are_found() {
    let bench = Bench::with_calls().await;
    let mut head = bench.usage_items("H#2026-05-20T10:00").await.remove(0);
    let other = bench.usage_items("H#2026-05-20T11:00").await.remove(0);
    head.insert("tail".to_owned(), other["tail"].clone());
    bench.put(&bench.settings().usage_table, head).await;
    let difference = bench.repair().await["difference"].clone();
    let told = ["kind", "stored", "rebuilt"].map(|name| difference[name].as_str().unwrap().to_owned());
    assert_eq!(told, ["events_missing", "2", "1"]);
}

#[tokio::test]
async fn voided_and_amended_events_are_rebuilt_as_they_stand() {
    let bench = Bench::with_calls().await;
    let correct = async |path: &str, body: Value| {
        let (status, answer) = bench.local.send("POST", path, Some(&body)).await;
        assert_eq!(status, 202, "{answer:#}");
        bench.local.platform.drain().await.unwrap();
    };
    let path = |id: &str, what: &str| format!("/v1/usage/events/{id}/{what}?tenant=acme&time=2026-05-20T10:00:00Z");
    correct(&path("2", "void"), json!({"reason": "a test"})).await;
    let data = json!({"bytes": 100, "user": "dan", "region": "us"});
    correct(&path("1", "amend"), json!({"reason": "a test", "data": data})).await;
    correct("/v1/usage/events/4/void?tenant=acme", json!({"reason": "a test"})).await;
    let before = bench.usage("old").await;
    // What stands: 100 bytes by dan, and 20 by ann.
    assert_eq!([&before[0].0, &before[1].0, &before[7].0], ["2", "120", "2"]);
    let answer = bench.check().await;
    assert_eq!(
        (&answer["checkedHours"], &answer["checkedEvents"], &answer["differences"]),
        (&json!(3), &json!(4), &json!(0))
    );
    let head = bench.usage_items("H#2026-05-20T10:00").await.remove(0);
    bench.tamper(head, |counters| counters.0.clear()).await;
    assert_eq!(bench.repair().await["repaired"], 1);
    assert_eq!(bench.usage("old").await, before);
    bench.assert_sound().await;
}

#[tokio::test]
async fn an_order_is_refused_by_the_field() {
    let bench = Bench::with_calls().await;
    let order = |tenant: &str, from: &str, to: &str| json!({"tenant": tenant, "from": from, "to": to});
    let mut unknown_field = order("acme", DAY.0, DAY.1);
    unknown_field["meter"] = "old-sum".into();
    let mut digest = order("acme", DAY.0, DAY.1);
    digest["digest"] = "abc".into();
    let table = [
        (order("nobody", DAY.0, DAY.1), 422, "invalid_request", "/tenant"),
        (order("acme", "2026-05-20T00:30:00Z", DAY.1), 400, "not_aligned", "/from"),
        (order("acme", DAY.0, "2026-05-20T00:30:00Z"), 400, "not_aligned", "/to"),
        (order("acme", DAY.1, DAY.0), 400, "invalid_range", "/to"),
        (order("acme", "2024-05-20T00:00:00Z", DAY.1), 400, "range_too_long", "/to"),
        (order("acme", "yesterday", DAY.1), 400, "invalid_body", "/from"),
        (unknown_field, 400, "unknown_field", "/meter"),
        (digest, 422, "invalid_request", "/digest"),
    ];
    for (order, status, code, pointer) in table {
        let (answered, body) = bench.local.send("POST", "/v1/admin/rebuilds", Some(&order)).await;
        let told = (answered, body["code"].as_str().unwrap(), body["errors"][0]["pointer"].as_str().unwrap());
        assert_eq!(told, (status, code, pointer), "{order}");
    }
}
