//! What is held of a lane: the law of its log under races, lost answers and cold starts.

use super::*;
use crate::{
    Log, decode, fold,
    samples::{
        self, Asked, NOON_MS, Sample, at, batch, commit, decide_with, key, meter, next, path, plain, read, tenant_id,
    },
};
use domain::usage::{Aggregation, Meter};
use proptest::prelude::*;
use rstest::rstest;

fn identity() -> Identity {
    Identity::new(tenant_id())
}

fn meters() -> Vec<Meter> {
    vec![
        meter("count", Aggregation::Count, &[], &[]),
        meter("bytes", Aggregation::Sum(path("$.bytes")), &["$.region"], &[]),
        meter("latest", Aggregation::Latest(path("$.bytes")), &[], &[]),
    ]
}

/// A head as it comes back out of its bytes.
fn stored(head: &Head) -> Head {
    let counters = Counters::decode(&head.counters.encode()).unwrap();
    Head { counters, tail: decode(&encode(&head.tail)).unwrap(), ..head.clone() }
}

// 256 bytes of a unit of 1,024 are keys and numbers; what the counters leave is the tail's, but never less than 256.
#[rstest]
#[case(0, 768)]
#[case(100, 668)]
#[case(512, 256)]
#[case(513, 1_279)]
#[case(768, 1_024)]
#[case(900, 892)]
fn a_tail_fills_the_write_unit_that_is_paid_for(#[case] counters: usize, #[case] room: usize) {
    assert_eq!(tail_room(counters), room);
}

#[test]
fn a_commit_moves_the_head_by_one() {
    let mut snapshot = Snapshot::new();
    commit(&mut snapshot, &plain(3), &[], &meters());
    commit(&mut snapshot, &[Sample::new("4", "{}")], &[], &meters());
    let head = snapshot.head();
    assert_eq!((head.version, head.accepted, head.segments, head.chain), (2, 4, 0, [0; 32]));
    assert_eq!((head.tail.len(), snapshot.len(), head.hour), (4, 4, at(NOON_MS)));
}

#[test]
fn a_tail_that_has_grown_becomes_a_segment_with_what_is_new() {
    let mut snapshot = Snapshot::new();
    let events = plain(100);
    assert_eq!(commit(&mut snapshot, &events[..10], &[], &[]).1, None);
    let segment = commit(&mut snapshot, &events[10..], &[], &[]).1.unwrap();
    assert_eq!((segment.number, segment.before), (1, [0; 32]));
    assert_eq!(segment.chain, chain(&[0; 32], &segment.body));
    assert_eq!(read(&decode(&segment.body).unwrap()), read(&batch(&events)));
    let head = snapshot.head();
    assert_eq!((head.segments, head.chain, head.tail.len(), head.accepted), (1, segment.chain, 0, 100));

    let more = plain(200).split_off(100);
    let second = commit(&mut snapshot, &more, &[], &[]).1.unwrap();
    assert_eq!((second.number, second.before), (2, segment.chain));
    assert_eq!(second.chain, chain(&segment.chain, &second.body));
}

#[test]
fn the_digest_of_a_lane_is_that_of_its_whole_log() {
    let mut snapshot = Snapshot::new();
    let segment = commit(&mut snapshot, &plain(100), &[], &[]).1.unwrap();
    commit(&mut snapshot, &[Sample::new("1", "{}")], &[], &[]);
    let tail = encode(&batch(&[Sample::new("1", "{}")]));
    assert_eq!(snapshot.head().digest(), chain(&segment.chain, &tail));
    assert_eq!(stored(snapshot.head()).digest(), snapshot.head().digest());
}

/// SHA-256 of 32 zeros and "abc", by `sha256sum`.
const DIGEST: &str = "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370";

#[test]
fn a_chain_is_a_hash_of_the_digest_before_and_the_body() {
    assert_eq!(domain::text::Hex(&chain(&[0; 32], b"abc")).to_string(), DIGEST);
}

#[test]
fn what_a_warm_event_costs_is_known() {
    let mut snapshot = Snapshot::new();
    snapshot.catch_up(Head::default(), &[batch(&plain(7_000))], &identity());
    // 8,192 entries of 32 bytes, and a table of as many places of 4 bytes with a byte each to find them by.
    assert!(snapshot.bytes() <= 8_192 * (32 + 5) + 64, "{} bytes", snapshot.bytes());
    assert!(snapshot.knows(key(&plain(7_000)[6_999])));
    assert!(!snapshot.knows(key(&Sample::new("1", "{}"))));
}

/// What is stored of a lane, and what is known to have been sent.
#[derive(Default)]
struct Store {
    head: Head,
    segments: Vec<Segment>,
    /// The first sendings, in the order in which they were committed.
    first: Vec<Sample>,
    accepted: u64,
}

impl Store {
    /// Puts the head if the version is the one before; answers whether it was.
    fn write(&mut self, worker: &Pending) -> bool {
        if self.head.version + 1 != worker.head.version {
            return false;
        }
        self.head = stored(&worker.head);
        self.segments.extend(worker.segment.clone());
        for sample in &worker.samples {
            if !self.first.iter().any(|first| key(first) == key(sample)) {
                self.first.push(sample.clone());
            }
        }
        self.accepted += worker.decision.outcome.accepted;
        true
    }

    fn bodies(&self, after: u32) -> Vec<Batch> {
        self.segments[after as usize..].iter().map(|segment| decode(&segment.body).unwrap()).collect()
    }

    fn log(&self) -> Log {
        Log(self.bodies(0).into_iter().chain([self.head.tail.clone()]).collect())
    }

    fn cold(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        snapshot.catch_up(self.head.clone(), &self.bodies(0), &identity());
        snapshot
    }
}

/// A commit that was decided and not written yet.
struct Pending {
    samples: Vec<Sample>,
    decision: Decision,
    head: Head,
    segment: Option<Segment>,
}

/// A worker of the lane with its own memory of it.
#[derive(Default)]
struct Worker {
    snapshot: Snapshot,
    pending: Option<Pending>,
}

impl Worker {
    fn decide(&mut self, samples: Vec<Sample>) {
        let decision = samples::decide(&self.snapshot, &samples);
        let (head, segment) = next(&self.snapshot, &decision, &meters());
        self.pending = (!decision.added.is_empty()).then_some(Pending { samples, decision, head, segment });
    }

    /// Writes what is pending; where the lane has moved, reads on and decides again, and writes no more for now.
    fn write(&mut self, store: &mut Store, answered: bool) {
        let Some(pending) = self.pending.take() else { return };
        let written = store.write(&pending);
        match (written, answered) {
            (true, true) => self.snapshot.committed(pending.head, &pending.decision, &identity()),
            // The answer is lost: the same messages come again, to a worker that knows nothing of it.
            (true, false) => self.decide(pending.samples),
            (false, _) => {
                let after = self.snapshot.head().segments;
                self.snapshot.catch_up(store.head.clone(), &store.bodies(after), &identity());
                self.decide(pending.samples);
            }
        }
    }
}

/// What may happen next.
#[derive(Clone, Debug)]
enum Step {
    Decide(usize, Vec<Sample>),
    Write(usize),
    WriteUnanswered(usize),
    Forget(usize),
}

/// Events of few ids, so that many are repeats; each third has a content of its own, so that some are conflicts.
fn few_events() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..60_u32, 0..12_u32, 0..3_i64).prop_map(|(id, other, received)| {
        let bytes = if other == 0 { 999 } else { id };
        let data = format!(r#"{{"bytes":{bytes},"region":"r{}"}}"#, id % 3);
        let id = if id % 2 == 0 { samples::uuid_7(NOON_MS, id.into(), 0) } else { format!("order-{id}") };
        Sample::new(&id, &data).received(received)
    });
    prop::collection::vec(sample, 0..25)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2_usize, few_events()).prop_map(|(worker, samples)| Step::Decide(worker, samples)),
        5 => (0..2_usize).prop_map(Step::Write),
        1 => (0..2_usize).prop_map(Step::WriteUnanswered),
        1 => (0..2_usize).prop_map(Step::Forget),
    ]
}

fn run(steps: &[Step]) -> (Store, [Worker; 2]) {
    let (mut store, mut workers) = (Store::default(), [Worker::default(), Worker::default()]);
    for step in steps {
        match step {
            // Messages that are given up come again as other steps.
            Step::Decide(worker, samples) => workers[*worker].decide(samples.clone()),
            Step::Write(worker) => workers[*worker].write(&mut store, true),
            Step::WriteUnanswered(worker) => workers[*worker].write(&mut store, false),
            Step::Forget(worker) => workers[*worker] = Worker::default(),
        }
    }
    (store, workers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The law of the log: two workers, repeats, conflicts, lost answers and cold starts, in any order.
    #[test]
    fn the_log_holds_every_first_sending_once_and_adds_up_to_the_head(steps in prop::collection::vec(step(), 0..40)) {
        let (store, _) = run(&steps);
        let log = store.log();
        let effective: Vec<Sample> = log.effective().iter().map(Sample::read).collect();
        prop_assert_eq!(&effective, &store.first);
        prop_assert_eq!(u64::from(store.head.accepted), store.accepted);
        prop_assert_eq!(store.accepted, store.first.len() as u64);

        let hours = log.count(&meters(), &identity(), |_| at(NOON_MS)).unwrap();
        let counted = hours.into_values().next().map(|contribution| contribution.counters).unwrap_or_default();
        prop_assert_eq!(&counted, &store.head.counters);
        let all = batch(&store.first);
        let expect = fold(&meters(), &all, all.accepted(), &identity(), at(NOON_MS)).unwrap();
        prop_assert_eq!(counted, expect.counters);

        let digest = store.segments.iter().fold([0; 32], |before, segment| chain(&before, &segment.body));
        prop_assert_eq!(digest, store.head.chain);
    }

    /// What a worker remembers is what it would read.
    #[test]
    fn a_warm_snapshot_decides_as_a_cold_one(
        steps in prop::collection::vec(step(), 0..30),
        samples in few_events(),
        void in any::<prop::sample::Index>(),
    ) {
        let (store, workers) = run(&steps);
        let cold = store.cold();
        let asked = if store.first.is_empty() { vec![] } else {
            vec![Asked { id: 1, event: void.get(&store.first).clone(), replacement: None }]
        };
        let expect = decide_with(&cold, &samples, &asked).unwrap();
        for mut worker in workers {
            let after = worker.snapshot.head().segments;
            worker.snapshot.catch_up(store.head.clone(), &store.bodies(after), &identity());
            prop_assert_eq!(worker.snapshot.len(), cold.len());
            let decision = decide_with(&worker.snapshot, &samples, &asked).unwrap();
            prop_assert_eq!(encode(&decision.added), encode(&expect.added));
            prop_assert_eq!((decision.keys, decision.counting), (expect.keys.clone(), expect.counting.clone()));
            prop_assert_eq!((decision.outcome, decision.recount), (expect.outcome, expect.recount));
        }
    }

    /// In whatever parts the same events are committed, the same events and counters come of it.
    #[test]
    fn any_split_into_commits_gives_the_same(samples in prop::collection::vec(few_events(), 1..6)) {
        let samples: Vec<Sample> = samples.into_iter().flatten().collect();
        let mut at_once = Snapshot::new();
        commit(&mut at_once, &samples, &[], &meters());
        let mut one_by_one = Snapshot::new();
        for sample in &samples {
            commit(&mut one_by_one, [sample], &[], &meters());
        }
        prop_assert_eq!(&at_once.head().counters, &one_by_one.head().counters);
        prop_assert_eq!(at_once.head().accepted, one_by_one.head().accepted);
    }
}
