//! What is held of identity: which sendings are the same event, which say the same, and that neither ever changes.

use super::*;
use crate::samples::{Sample, any_sample, batch, tenant_id};
use proptest::prelude::*;
use rstest::rstest;

const UUID: &str = "0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f";

fn key(sample: &Sample) -> EventKey {
    Identity::new(tenant_id()).key(&batch([sample]).event(0))
}

fn content(sample: &Sample) -> u64 {
    Identity::new(tenant_id()).content(&batch([sample]).event(0))
}

/// In which lane an event lies follows from this: were it to change, a repeat would no longer meet the first. The digits
/// were worked out by another program: the UUID with the first half of SHA-256 over the source, and SipHash-1-3.
#[rstest]
#[case::uuid(UUID, "019cf9f06435d99548dfac8b4a7fa1b5")]
#[case::text("order-17", "e1ffb0643f97664b71376dc5b831c593")]
fn the_identity_of_an_event_never_changes(#[case] id: &str, #[case] expect: &str) {
    assert_eq!(key(&Sample::new(id, "{}")).to_string(), expect);
}

#[rstest]
#[case::another_id(Sample::new("order-18", "{}"))]
#[case::another_source(Sample { source: "core".to_owned(), ..Sample::new("order-17", "{}") })]
#[case::the_border_elsewhere(Sample { source: "edgeo".to_owned(), ..Sample::new("rder-17", "{}") })]
fn another_event_is_known_as_another(#[case] other: Sample) {
    assert_ne!(key(&other), key(&Sample::new("order-17", "{}")));
}

#[test]
fn a_uuid_of_another_source_or_in_another_spelling_is_another() {
    let uuid = Sample::new(UUID, "{}");
    assert_ne!(key(&uuid), key(&Sample { source: "core".to_owned(), ..uuid.clone() }));
    assert_ne!(key(&uuid), key(&Sample::new(&UUID.to_uppercase(), "{}")));
    assert_ne!(key(&uuid), key(&Sample::new(&UUID.replace('-', ""), "{}")));
}

/// The bytes of this UUID are a zero and fifteen letters, or sixteen letters: a text of these is not it.
#[rstest]
#[case::fifteen("00616263-6465-6667-6869-6a6b6c6d6e6f", "abcdefghijklmno")]
#[case::sixteen("61626364-6566-6768-696a-6b6c6d6e6f70", "abcdefghijklmnop")]
fn a_text_is_not_the_uuid_of_its_bytes(#[case] uuid: &str, #[case] text: &str) {
    assert_ne!(key(&Sample::new(uuid, "{}")), key(&Sample::new(text, "{}")));
}

#[test]
fn what_an_event_is_known_by_does_not_depend_on_what_it_says() {
    let first = Sample::new("order-17", r#"{"n":1}"#);
    let other = Sample { event_type: "other".to_owned(), ..Sample::new("order-17", r#"{"m":"x"}"#) }.received(5);
    assert_eq!(key(&first), key(&other));
}

#[test]
fn a_text_is_known_otherwise_to_another_tenant() {
    let batch = batch(&[Sample::new("order-17", "{}")]);
    let other = Identity::new(TenantId::derived(&["globex"]));
    assert_ne!(Identity::new(tenant_id()).key(&batch.event(0)), other.key(&batch.event(0)));
}

const DATA: &str = r#"{"bytes":10,"region":"eu"}"#;

#[rstest]
#[case::received_later(Sample::new("1", DATA).received(9), true)]
#[case::another_id(Sample::new("2", DATA), true)]
#[case::another_source(Sample { source: "core".to_owned(), ..Sample::new("1", DATA) }, true)]
#[case::another_number(Sample::new("1", r#"{"bytes":11,"region":"eu"}"#), false)]
#[case::another_scale(Sample::new("1", r#"{"bytes":1.0,"region":"eu"}"#), false)]
#[case::another_text(Sample::new("1", r#"{"bytes":10,"region":"us"}"#), false)]
#[case::a_text_for_a_number(Sample::new("1", r#"{"bytes":"10","region":"eu"}"#), false)]
#[case::another_member(Sample::new("1", r#"{"byte":10,"region":"eu"}"#), false)]
#[case::another_blank(Sample::new("1", r#"{"bytes":10, "region":"eu"}"#), false)]
#[case::another_type(Sample { event_type: "other".to_owned(), ..Sample::new("1", DATA) }, false)]
#[case::another_time(Sample::new("1", DATA).at("2026-05-20T12:00:00.000000001Z"), false)]
#[case::no_time_of_its_own(Sample { time_basis: TimeBasis::Arrival, ..Sample::new("1", DATA) }, false)]
fn what_an_event_says_is_compared(#[case] other: Sample, #[case] same: bool) {
    assert_eq!(content(&other) == content(&Sample::new("1", DATA)), same);
}

#[test]
fn the_arrival_of_an_event_without_a_time_says_nothing() {
    let first = Sample { time_basis: TimeBasis::Arrival, ..Sample::new("1", DATA) };
    assert_eq!(content(&first), content(&first.clone().at("2026-05-20T13:00:00Z")));
    let other = Sample { data: "{}".to_owned(), ..first.clone() };
    assert_ne!(content(&first), content(&other));
}

/// Two texts, of which the border moves.
#[test]
fn texts_do_not_run_together() {
    let data = |a: &str, b: &str| Sample::new("1", &format!(r#"{{"a":"{a}","b":"{b}"}}"#));
    for (a, b) in [("xy", ""), ("", "xy")] {
        assert_ne!(content(&data("x", "y")), content(&data(a, b)));
    }
}

proptest! {
    /// Whatever else is in the batch, and however it came into it.
    #[test]
    fn an_event_is_the_same_in_any_batch(samples in prop::collection::vec(any_sample(), 1..12)) {
        let identity = Identity::new(tenant_id());
        let together = crate::decode(&crate::encode(&batch(&samples))).unwrap();
        for (event, sample) in together.events().zip(&samples) {
            prop_assert_eq!(identity.key(&event), key(sample));
            prop_assert_eq!(identity.content(&event), content(sample));
        }
    }

    #[test]
    fn other_events_are_known_as_others(first in any_sample(), other in any_sample()) {
        let same = (&first.source, &first.id) == (&other.source, &other.id);
        prop_assert_eq!(key(&first) == key(&other), same);
    }
}
