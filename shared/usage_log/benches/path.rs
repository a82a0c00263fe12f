//! What one plain event costs on its way through `usage`: each step of the path alone, and the whole of it, for batches
//! of a thousand. Divan prints time a batch and events a second; a nanosecond an event is a microsecond a batch.
//!
//! Targets: from decode to encode at most 50 ns an event from a packed body, and 200 ns from JSON. Run with
//! `cargo bench -p usage_log`.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use divan::{Bencher, black_box, counter::ItemsCount};
use domain::{
    TimeZone, Timestamp,
    id::{MeterId, TenantId},
    text::Slug,
    usage::{Aggregation, Dimension, Meter, Path, TimeBasis},
};
use usage_log::{
    Arrival, Batch, Builder, Counters, Decision, Head, Identity, Lanes, Layouts, NewEvent, Snapshot, chain, decode,
    encode, fold,
};

/// Events of a batch.
const EVENTS: usize = 1_000;
/// Events that lie in the head of a warm lane.
const TAIL_EVENTS: usize = 20;
const REGIONS: [&str; 8] =
    ["eu-west-1", "eu-west-3", "eu-north-1", "us-east-1", "us-east-2", "us-west-2", "ap-south-1", "sa-east-1"];
/// 2026-05-20T12:00:00Z.
const NOON_MS: i64 = 1_779_278_400_000;

/// An event as its sender writes it.
struct Sent {
    id: String,
    at: Timestamp,
    data: String,
}

/// Plain events: each with a UUID of version 7, the time that is in it, a number, and one of eight regions.
fn sent(count: usize, seed: u64) -> Vec<Sent> {
    let mut state = seed | 1;
    let mut random = move || {
        // Xorshift: the same events at every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut at_ms = NOON_MS;
    let mut events = Vec::with_capacity(count);
    for _ in 0..count {
        at_ms += i64::try_from(random() % 7).unwrap();
        let bits = u128::from(random()) << 64 | u128::from(random());
        let low = bits & 0x0fff_3fff_ffff_ffff_ffff | 0x7000_8000_0000_0000_0000;
        let uuid = (u128::try_from(at_ms).unwrap() << 80 | low).to_be_bytes();
        let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        let region = REGIONS[usize::try_from(random() % 8).unwrap()];
        let data = format!(r#"{{"bytes":{},"region":"{region}"}}"#, random() % 1_000_000);
        events.push(Sent { id, at: Timestamp::from_millisecond(at_ms).unwrap(), data });
    }
    events
}

fn built(events: &[Sent]) -> Batch {
    let mut builder = Builder::default();
    for event in events {
        let new = NewEvent {
            id: &event.id,
            source: "edge",
            event_type: "request",
            occurred_at: event.at,
            time_basis: TimeBasis::Event,
            data: &event.data,
        };
        builder.push(&new, Timestamp::from_millisecond(NOON_MS).unwrap()).unwrap();
    }
    builder.finish()
}

fn tenant_id() -> TenantId {
    TenantId::derived(&["acme"])
}

/// A count and a sum by region.
fn meters() -> Vec<Meter> {
    let meter = |slug: &str, aggregation, dimensions| Meter {
        id: MeterId::derived(&[slug]),
        slug: Slug::parse(slug).unwrap(),
        name: slug.to_owned(),
        event_type: "request".to_owned(),
        filters: Vec::new(),
        aggregation,
        dimensions,
    };
    let region = Dimension { name: Slug::parse("region").unwrap(), path: Path::parse("$.region").unwrap() };
    vec![
        meter("requests", Aggregation::Count, Vec::new()),
        meter("bytes", Aggregation::Sum(Path::parse("$.bytes").unwrap()), vec![region]),
    ]
}

/// Lanes and keys of a batch, as `usage` finds them; here all of them are one lane.
fn arrivals<'b>(batch: &'b Batch, identity: &Identity) -> (Vec<Arrival<'b>>, Timestamp) {
    let layouts = Layouts::default();
    let time_zone = TimeZone::UTC;
    let mut lanes = Lanes::new(tenant_id(), &time_zone, &layouts);
    let mut hour = Timestamp::UNIX_EPOCH;
    let mut arrivals = Vec::with_capacity(batch.len());
    for event in batch.events() {
        let key = identity.key(&event);
        let (lane, of) = lanes.of(&event, key).unwrap();
        black_box(lane);
        hour = of;
        arrivals.push(Arrival { event, key });
    }
    (arrivals, hour)
}

/// What `usage` does with one message: everything but the requests to AWS.
fn count(body: &[u8], snapshot: &Snapshot, meters: &[Meter]) -> (usize, Decision) {
    let identity = Identity::new(tenant_id());
    let batch = decode(body).unwrap();
    let (arrivals, hour) = arrivals(&batch, &identity);
    let decision = snapshot.decide(&arrivals, &[], &identity).unwrap();
    let contribution = fold(meters, &decision.added, decision.added.accepted(), &identity, hour).unwrap();
    let mut counters = snapshot.head().counters.clone();
    counters.merge(contribution.counters).unwrap();
    let (head, segment) = snapshot.next(&decision, hour, counters).unwrap();
    (segment.map_or(0, |segment| segment.body.len()) + head.counters.encode().len(), decision)
}

/// A lane that knows `count` other events, and has a tail.
fn warm(count: usize) -> Snapshot {
    let identity = Identity::new(tenant_id());
    let mut snapshot = Snapshot::new();
    let head = Head {
        version: 9,
        accepted: u32::try_from(count).unwrap(),
        segments: 1,
        tail: built(&sent(TAIL_EVENTS, 8)),
        ..Head::default()
    };
    snapshot.catch_up(head, &[built(&sent(count - TAIL_EVENTS, 7))], &identity);
    snapshot
}

#[divan::bench]
fn step_1_decode(bencher: Bencher<'_, '_>) {
    let body = encode(&built(&sent(EVENTS, 1)));
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| decode(black_box(&body)).unwrap());
}

#[divan::bench]
fn step_2_key_and_lane(bencher: Bencher<'_, '_>) {
    let batch = built(&sent(EVENTS, 1));
    let identity = Identity::new(tenant_id());
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| arrivals(black_box(&batch), &identity));
}

#[divan::bench]
fn step_3_decide(bencher: Bencher<'_, '_>) {
    let batch = built(&sent(EVENTS, 1));
    let identity = Identity::new(tenant_id());
    let (arrivals, _) = arrivals(&batch, &identity);
    let snapshot = warm(10_000);
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| snapshot.decide(black_box(&arrivals), &[], &identity).unwrap());
}

#[divan::bench]
fn step_3_decide_all_seen_before(bencher: Bencher<'_, '_>) {
    let batch = built(&sent(EVENTS, 1));
    let identity = Identity::new(tenant_id());
    let (arrivals, hour) = arrivals(&batch, &identity);
    let mut snapshot = warm(10_000);
    let decision = snapshot.decide(&arrivals, &[], &identity).unwrap();
    let (head, _) = snapshot.next(&decision, hour, Counters::default()).unwrap();
    snapshot.committed(head, &decision, &identity);
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| snapshot.decide(black_box(&arrivals), &[], &identity).unwrap());
}

#[divan::bench]
fn step_4_fold(bencher: Bencher<'_, '_>) {
    let (batch, identity, meters) = (built(&sent(EVENTS, 1)), Identity::new(tenant_id()), meters());
    let hour = Timestamp::from_millisecond(NOON_MS).unwrap();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench(|| fold(&meters, black_box(&batch), batch.accepted(), &identity, hour).unwrap());
}

#[divan::bench]
fn step_5_next(bencher: Bencher<'_, '_>) {
    let batch = built(&sent(EVENTS, 1));
    let identity = Identity::new(tenant_id());
    let (arrivals, hour) = arrivals(&batch, &identity);
    let snapshot = warm(10_000);
    let decision = snapshot.decide(&arrivals, &[], &identity).unwrap();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench(|| snapshot.next(black_box(&decision), hour, Counters::default()).unwrap());
}

#[divan::bench]
fn step_5_encode_alone(bencher: Bencher<'_, '_>) {
    let batch = built(&sent(EVENTS, 1));
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| encode(black_box(&batch)));
}

#[divan::bench]
fn step_5_digest_alone(bencher: Bencher<'_, '_>) {
    let body = encode(&built(&sent(EVENTS, 1)));
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| chain(&[0; 32], black_box(&body)));
}

#[divan::bench]
fn step_6_commit(bencher: Bencher<'_, '_>) {
    let (body, meters, identity) = (encode(&built(&sent(EVENTS, 1))), meters(), Identity::new(tenant_id()));
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| {
            let snapshot = warm(10_000);
            let (_, decision) = count(&body, &snapshot, &meters);
            let hour = Timestamp::from_millisecond(NOON_MS).unwrap();
            let (head, _) = snapshot.next(&decision, hour, Counters::default()).unwrap();
            (snapshot, head, decision)
        })
        .bench_values(|(mut snapshot, head, decision)| {
            snapshot.committed(head, &decision, &identity);
            (snapshot, decision)
        });
}

#[divan::bench(args = [100, 1_000])]
fn whole_path_packed(bencher: Bencher<'_, '_>, events: usize) {
    let (body, meters, snapshot) = (encode(&built(&sent(events, 1))), meters(), warm(10_000));
    bencher.counter(ItemsCount::new(events)).bench(|| count(black_box(&body), &snapshot, &meters));
}

#[divan::bench]
fn whole_path_json(bencher: Bencher<'_, '_>) {
    let (events, meters, snapshot) = (sent(EVENTS, 1), meters(), warm(10_000));
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        let body = encode(&built(black_box(&events)));
        count(&body, &snapshot, &meters)
    });
}

#[divan::bench]
fn json_into_a_batch(bencher: Bencher<'_, '_>) {
    let events = sent(EVENTS, 1);
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| built(black_box(&events)));
}

/// What it takes to remember an event of a warm lane, in bytes: of a lane that is just full, and of one that has grown.
fn print_memory() {
    for events in [7_000, 10_000, 100_000] {
        let snapshot = warm(events);
        println!("a warm lane of {events} events takes {} bytes an event", snapshot.bytes() / snapshot.len());
    }
}

fn main() {
    print_memory();
    divan::main();
}
