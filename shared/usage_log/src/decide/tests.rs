//! What is held of a decision: each arrival and correction does one thing, and what happened is written down once.

use super::*;
use crate::samples::{self, Asked, NOON_MS, Sample, at, batch, commit, decide_with};
use rstest::rstest;

fn event(id: &str, n: u32) -> Sample {
    Sample::new(id, &format!(r#"{{"n":{n}}}"#))
}

fn outcome(accepted: u64, duplicates: u64, redelivered: u64, conflicts: u64) -> Outcome {
    Outcome { accepted, duplicates, redelivered, conflicts, corrections: 0 }
}

/// A lane that has accepted the event 1, received at noon, with n = 1.
fn lane() -> Snapshot {
    let mut snapshot = Snapshot::new();
    commit(&mut snapshot, &[event("1", 1)], &[], &[]);
    snapshot
}

#[rstest]
#[case::new(&[event("2", 1)], outcome(1, 0, 0, 0))]
#[case::another_source(&[Sample { source: "core".to_owned(), ..event("1", 1) }], outcome(1, 0, 0, 0))]
#[case::delivered_again(&[event("1", 1)], outcome(0, 0, 1, 0))]
#[case::sent_again(&[event("1", 1).received(1)], outcome(0, 1, 0, 0))]
#[case::sent_again_and_again(&[event("1", 1).received(1), event("1", 1).received(2)], outcome(0, 2, 0, 0))]
#[case::other_content(&[event("1", 2)], outcome(0, 0, 0, 1))]
#[case::other_time(&[event("1", 1).at("2026-05-20T12:00:01Z")], outcome(0, 0, 0, 1))]
#[case::new_and_at_once_again(&[event("2", 1), event("2", 1).received(5)], outcome(1, 1, 0, 0))]
#[case::new_and_at_once_in_conflict(&[event("2", 1), event("2", 2)], outcome(1, 0, 0, 1))]
#[case::new_and_twice_in_one_message(&[event("2", 1), event("2", 1)], outcome(1, 0, 1, 0))]
#[case::some_of_each(
    &[event("1", 1), event("2", 2), event("1", 1).received(1), event("1", 7), event("3", 3)],
    outcome(2, 1, 1, 1)
)]
fn an_arrival_is_new_or_a_repeat_or_a_conflict(#[case] samples: &[Sample], #[case] expect: Outcome) {
    assert_eq!(samples::decide(&lane(), samples).outcome, expect);
}

#[test]
fn an_event_without_a_time_is_a_repeat_whenever_it_comes() {
    let first = Sample { time_basis: domain::usage::TimeBasis::Arrival, ..event("1", 1) };
    let mut snapshot = Snapshot::new();
    commit(&mut snapshot, [&first], &[], &[]);
    let again = first.at("2026-05-20T12:30:00Z").received(1_800_000);
    assert_eq!(samples::decide(&snapshot, &[again]).outcome, outcome(0, 1, 0, 0));
}

/// What a decision writes down, as text: rows with whether they count, and notes.
fn written(decision: &Decision) -> Vec<String> {
    let rows = decision.added.events().map(|event| format!("{} {} {}", event.id(), event.data(), event.row.accepted));
    let notes = decision.added.notes().iter().map(|note| match &note.what {
        What::SeenAgain => format!("{} seen again", note.ordinal),
        What::Conflict { row } => format!("{} conflicts with row {row}", note.ordinal),
        What::Voided(correction) => format!("{} voided by {}", note.ordinal, correction.id[0]),
        What::Amended { row, correction } => format!("{} amended by {} to row {row}", note.ordinal, correction.id[0]),
    });
    rows.chain(notes).collect()
}

#[rstest]
#[case::new(&[event("2", 2)], &[r#"2 {"n":2} true"#])]
#[case::delivered_again(&[event("1", 1)], &[])]
#[case::sent_again_and_again(&[event("1", 1).received(1), event("1", 1).received(2)], &["0 seen again"])]
#[case::a_conflict(&[event("1", 2)], &[r#"1 {"n":2} false"#, "0 conflicts with row 0"])]
#[case::a_conflict_twice(&[event("1", 2), event("1", 2).received(3)], &[r#"1 {"n":2} false"#, "0 conflicts with row 0"])]
#[case::two_conflicts(
    &[event("1", 2), event("1", 3)],
    &[r#"1 {"n":2} false"#, r#"1 {"n":3} false"#, "0 conflicts with row 0", "0 conflicts with row 1"]
)]
#[case::a_conflict_with_what_is_new(
    &[event("2", 1), event("2", 2)],
    &[r#"2 {"n":1} true"#, r#"2 {"n":2} false"#, "1 conflicts with row 1"]
)]
fn what_happened_is_written_down_once(#[case] samples: &[Sample], #[case] expect: &[&str]) {
    assert_eq!(written(&samples::decide(&lane(), samples)), expect);
}

#[rstest]
#[case::seen_again(event("1", 1).received(1))]
#[case::in_conflict(event("1", 2))]
fn what_is_in_the_log_is_not_written_down_again(#[case] sample: Sample) {
    let mut snapshot = lane();
    let first = commit(&mut snapshot, [&sample], &[], &[]).0;
    let again = samples::decide(&snapshot, &[sample.received(9)]);
    assert!(again.added.is_empty());
    assert_eq!((again.outcome.conflicts, again.outcome.duplicates), (first.conflicts, first.duplicates));
}

#[test]
fn keys_and_counting_name_what_was_accepted_and_what_counts() {
    let mut snapshot = lane();
    let void = Asked { id: 1, event: event("1", 1), replacement: None };
    commit(&mut snapshot, &[event("2", 2), event("3", 3)], &[void], &[]);
    let arrivals = [event("1", 1), event("2", 2), event("3", 9), event("4", 4), event("4", 4).received(1)];
    let decision = samples::decide(&snapshot, &arrivals);
    assert_eq!(decision.keys, [samples::key(&event("4", 4))]);
    // The first is void, the third is in conflict with what counts, and the last was sent again: its first sending counts.
    assert_eq!(decision.counting, [1, 3]);
}

#[test]
fn events_of_several_messages_are_decided_together() {
    let identity = Identity::new(samples::tenant_id());
    let messages = [
        batch(&[event("1", 1), Sample::new("2", r#"{"region":"eu"}"#)]),
        batch(&[Sample::new("3", r#"{"region":"us"}"#), Sample::new("4", r#"{"region":"eu"}"#), event("2", 2)]),
    ];
    // One of each in turn.
    let order = [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)];
    let arrivals = order.map(|(message, row): (usize, usize)| {
        let event = messages[message].event(row);
        Arrival { event, key: identity.key(&event) }
    });
    let decision = lane().decide(&arrivals, &[], &identity).unwrap();
    let rows = [
        r#"3 {"region":"us"} true"#,
        r#"2 {"region":"eu"} true"#,
        r#"4 {"region":"eu"} true"#,
        r#"2 {"n":2} false"#,
        "2 conflicts with row 3",
    ];
    assert_eq!(written(&decision), rows);
}

fn void(id: u8, event: Sample) -> Asked {
    Asked { id, event, replacement: None }
}

fn amend(id: u8, event: Sample, n: u32) -> Asked {
    Asked { id, replacement: Some(self::event(&event.id, n)), event }
}

#[rstest]
#[case::void(&[void(1, event("1", 1))], &["0 voided by 1"])]
#[case::amended(&[amend(1, event("1", 1), 5)], &[r#"1 {"n":5} false"#, "0 amended by 1 to row 0"])]
#[case::the_same_correction_twice(&[void(1, event("1", 1)), void(1, event("1", 1))], &["0 voided by 1"])]
#[case::amended_twice(
    &[amend(1, event("1", 1), 5), amend(2, event("1", 1), 6)],
    &[r#"1 {"n":5} false"#, r#"1 {"n":6} false"#, "0 amended by 1 to row 0", "0 amended by 2 to row 1"]
)]
#[case::amended_and_then_void(
    &[amend(1, event("1", 1), 5), void(2, event("1", 1))],
    &[r#"1 {"n":5} false"#, "0 amended by 1 to row 0", "0 voided by 2"]
)]
#[case::after_void_nothing(&[void(1, event("1", 1)), amend(2, event("1", 1), 5), void(3, event("1", 1))], &["0 voided by 1"])]
fn a_correction_is_carried_out_once(#[case] asked: &[Asked], #[case] expect: &[&str]) {
    let decision = decide_with(&lane(), [], asked).unwrap();
    assert_eq!(written(&decision), expect);
    assert_eq!(decision.outcome.corrections, decision.added.notes().len() as u64);
    assert!(decision.recount);

    // And one by one, each in a commit of its own; then all of them again, which changes nothing.
    let mut snapshot = lane();
    for one in asked {
        commit(&mut snapshot, [], std::slice::from_ref(one), &[]);
    }
    assert_eq!(snapshot.head().tail.notes().len(), decision.added.notes().len());
    let again = decide_with(&snapshot, [], asked).unwrap();
    assert!(again.added.is_empty() && !again.recount && again.outcome == Outcome::default());
}

#[test]
fn what_came_with_its_correction_is_corrected() {
    let decision = decide_with(&lane(), &[event("2", 2)], &[void(1, event("2", 2))]).unwrap();
    assert_eq!(written(&decision), [r#"2 {"n":2} true"#, "1 voided by 1"]);
}

#[test]
fn a_correction_of_what_is_not_there_is_refused() {
    let refused = decide_with(&lane(), &[event("2", 2)], &[void(1, event("3", 3))]);
    assert_eq!(refused.err(), Some(DecideError::Unknown));
}

#[test]
fn what_was_voided_stays_void_when_it_is_sent_again() {
    let mut snapshot = lane();
    commit(&mut snapshot, [], &[void(1, event("1", 1))], &[]);
    assert_eq!(samples::decide(&snapshot, &[event("1", 1).received(1)]).outcome, outcome(0, 1, 0, 0));
}

#[test]
fn a_note_says_when_the_api_took_it() {
    let decision = samples::decide(&lane(), &[event("1", 1).received(250)]);
    assert_eq!(decision.added.notes()[0].at, at(NOON_MS + 250));
}
