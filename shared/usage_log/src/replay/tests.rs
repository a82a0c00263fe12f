//! What is held of reading a log: corrections, stories, hours; against a list that is simply changed.

use super::*;
use crate::{
    Snapshot, decode,
    fold::fold,
    samples::{Asked, NOON_MS, Sample, at, batch, commit, key, meter, path, tenant_id, uuid_7},
};
use domain::usage::{Aggregation, Quantity, Tally};
use proptest::prelude::*;

fn event(id: u32, n: u32) -> Sample {
    Sample::new(&format!("order-{id}"), &format!(r#"{{"n":{n}}}"#))
}

/// An event with an id that nothing shortens, so that few of them fill a tail.
fn long(n: u32) -> Sample {
    let random = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Sample::new(&uuid_7(NOON_MS, random, random.rotate_left(17)), r#"{"n":0}"#)
}

/// The log of a lane to which this happened, in commits of one step each.
fn log<'s>(steps: impl IntoIterator<Item = (&'s [Sample], &'s [Asked])>) -> Log {
    let (mut snapshot, mut batches) = (Snapshot::new(), Vec::new());
    for (samples, asked) in steps {
        if let Some(segment) = commit(&mut snapshot, samples, asked, &[]).1 {
            batches.push(decode(&segment.body).unwrap());
        }
    }
    batches.push(snapshot.head().tail.clone());
    Log(batches)
}

fn void(id: u8, event: Sample) -> Asked {
    Asked { id, event, replacement: None }
}

fn amend(id: u8, event: Sample, n: u32) -> Asked {
    let replacement = Sample { data: format!(r#"{{"n":{n}}}"#), ..event.clone() };
    Asked { id, event, replacement: Some(replacement) }
}

fn effective(log: &Log) -> Vec<String> {
    log.effective().iter().map(|event| format!("{} {}", event.id(), event.data())).collect()
}

#[test]
fn what_is_void_does_not_count_and_what_is_amended_counts_as_amended() {
    let events = [event(1, 1), event(2, 2), event(3, 3), event(4, 4)];
    let asked = [void(1, event(2, 2)), amend(2, event(3, 3), 30), amend(3, event(3, 3), 33), amend(4, event(4, 4), 40)];
    let log = log([(&events[..], &asked[..]), (&[event(1, 9), event(2, 2).received(1)], &[void(5, event(4, 4))])]);
    assert_eq!(effective(&log), [r#"order-1 {"n":1}"#, r#"order-3 {"n":33}"#]);

    let meters = [meter("m", Aggregation::Sum(path("$.n")), &[], &[])];
    let hours = log.count(&meters, &Identity::new(tenant_id()), |at| at).unwrap();
    let sums: Vec<_> = hours.into_values().flat_map(|hour| hour.counters.0.into_values()).collect();
    assert_eq!(sums, [Tally::Sum(Quantity::whole(34))]);
}

#[test]
fn a_correction_finds_its_event_in_an_older_segment() {
    let many: Vec<Sample> = (0..200).map(long).collect();
    let asked = [void(1, many[5].clone()), amend(2, many[150].clone(), 7)];
    let log = log([(&many[..100], &[][..]), (&many[100..], &[]), (&[], &asked)]);
    assert_eq!(log.0.len(), 3, "two segments and a tail");
    let effective = effective(&log);
    assert_eq!(effective.len(), 199);
    assert_eq!(effective[5], format!("{} {}", many[6].id, many[6].data));
    assert_eq!(effective[149], format!(r#"{} {{"n":7}}"#, many[150].id));
}

#[test]
fn the_story_of_an_event_is_all_that_happened_to_it() {
    let log = log([
        (&[event(1, 1), event(2, 2)][..], &[][..]),
        (&[event(2, 2).received(5), event(2, 8).received(6)], &[]),
        (&[event(3, 3)], &[amend(1, event(2, 2), 20), void(2, event(1, 1))]),
        (&[], &[void(3, event(2, 2))]),
    ]);
    let story = log.story(&Identity::new(tenant_id()), key(&event(2, 0))).unwrap();
    assert_eq!(story.event.data(), r#"{"n":2}"#);
    let told = story.notes.iter().map(|(note, content)| {
        let what = match note.what {
            What::SeenAgain => "seen again",
            What::Conflict { .. } => "conflict",
            What::Voided(_) => "voided",
            What::Amended { .. } => "amended",
        };
        format!("{what} {}", content.map(|event| event.data()).unwrap_or_default())
    });
    assert_eq!(told.collect::<Vec<_>>(), ["seen again ", r#"conflict {"n":8}"#, r#"amended {"n":20}"#, "voided "]);
    assert_eq!(story.notes[0].0.at, at(NOON_MS + 5));

    assert!(log.story(&Identity::new(tenant_id()), key(&event(3, 3))).unwrap().notes.is_empty());
    assert!(log.story(&Identity::new(tenant_id()), key(&event(4, 4))).is_none());
}

#[test]
fn the_hours_of_a_lane_are_counted_apart() {
    let events = [
        event(1, 1).at("2026-05-20T12:10:00Z"),
        event(2, 2).at("2026-05-20T13:10:00Z"),
        event(3, 3).at("2026-05-20T12:20:00Z"),
    ];
    let meters = [
        meter("sum", Aggregation::Sum(path("$.n")), &[], &[]),
        meter("unique", Aggregation::UniqueCount(path("$.n")), &[], &[]),
        meter("unreadable", Aggregation::Max(path("$.m")), &[], &[]),
    ];
    let hour_of = |at: Timestamp| Timestamp::from_second(at.as_second() - at.as_second() % 3_600).unwrap();
    let hours = log([(&events[..], &[][..])]).count(&meters, &Identity::new(tenant_id()), hour_of).unwrap();
    let told = hours.into_iter().map(|(hour, counted)| {
        let sum = counted.counters.0.into_values().next().unwrap();
        (hour.to_string(), sum, counted.members.len(), counted.unreadable)
    });
    let sum = |n| Tally::Sum(Quantity::whole(n));
    let expect = [("2026-05-20T12:00:00Z".to_owned(), sum(4), 2, 2), ("2026-05-20T13:00:00Z".to_owned(), sum(2), 1, 1)];
    assert_eq!(told.collect::<Vec<_>>(), expect);
}

/// One thing that may happen to one of few events.
#[derive(Clone, Debug)]
enum Step {
    Send(u32, u32),
    Void(u8, u32),
    Amend(u8, u32, u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8_u32, 0..3_u32).prop_map(|(id, n)| Step::Send(id, n)),
        1 => (0..12_u8, 0..8_u32).prop_map(|(correction, id)| Step::Void(correction, id)),
        2 => (0..12_u8, 0..8_u32, 3..9_u32).prop_map(|(correction, id, n)| Step::Amend(correction, id, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Held against a list of events that is simply changed.
    #[test]
    fn corrections_follow_the_list_that_is_changed(steps in prop::collection::vec(any_step(), 0..60), many in 0..40_u32) {
        // Now and then with many others, so that some commits become segments.
        let (mut snapshot, mut batches) = (Snapshot::new(), Vec::new());
        let mut list: Vec<(u32, u32, bool)> = Vec::new();
        let mut corrections = std::collections::HashSet::new();
        for (step, number) in steps.iter().zip(0_u32..) {
            let (samples, asked) = match *step {
                Step::Send(id, n) => {
                    if !list.iter().any(|(known, ..)| *known == id) {
                        list.push((id, n, true));
                    }
                    (vec![event(id, n)], vec![])
                }
                Step::Void(correction, id) | Step::Amend(correction, id, _) => {
                    let Some(known) = list.iter_mut().find(|(known, ..)| *known == id) else { continue };
                    if known.2 && corrections.insert(correction) {
                        match *step {
                            Step::Amend(_, _, n) => known.1 = n,
                            _ => known.2 = false,
                        }
                    }
                    let asked = match *step {
                        Step::Amend(_, _, n) => amend(correction, event(id, 0), n),
                        _ => void(correction, event(id, 0)),
                    };
                    (vec![], vec![asked])
                }
            };
            let filler = (0..if number % 5 == 4 { many } else { 0 }).map(|n| long(1_000 + number * 1_000 + n));
            let samples: Vec<Sample> = samples.into_iter().chain(filler).collect();
            if let Some(segment) = commit(&mut snapshot, &samples, &asked, &[]).1 {
                batches.push(decode(&segment.body).unwrap());
            }
        }
        batches.push(snapshot.head().tail.clone());
        let log = Log(batches);
        let few: Vec<String> = effective(&log).into_iter().filter(|event| event.len() <= r#"order-1 {"n":1}"#.len()).collect();
        let expect = list.iter().filter(|(.., counts)| *counts).map(|(id, n, _)| format!(r#"order-{id} {{"n":{n}}}"#));
        prop_assert_eq!(&few, &expect.collect::<Vec<_>>());

        let meters = [meter("m", Aggregation::Sum(path("$.n")), &[], &[])];
        let identity = Identity::new(tenant_id());
        let counted = log.count(&meters, &identity, |_| at(NOON_MS)).unwrap().into_values().next().unwrap_or_default();
        let counting: Vec<Sample> = log.effective().iter().map(Sample::read).collect();
        let all = batch(&counting);
        prop_assert_eq!(counted, fold(&meters, &all, all.accepted(), &identity, at(NOON_MS)).unwrap());
    }
}
