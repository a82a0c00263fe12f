//! What is held of building a batch: what goes in comes out, and so it does of a copy.

use super::*;
use crate::samples::{NOON_MS, Sample, any_sample, at, batch, builder, read};
use proptest::prelude::*;
use rstest::rstest;

#[rstest]
#[case::uuid("0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", true)]
#[case::any_version("00000000-0000-0000-0000-000000000000", true)]
#[case::upper_case("0190F3C2-A1B2-7C3D-8E4F-5A6B7C8D9E0F", false)]
#[case::no_hyphens("0190f3c2a1b27c3d8e4f5a6b7c8d9e0f", false)]
#[case::braces("{0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0}", false)]
#[case::hyphens_elsewhere("0190f3c2a-1b2-7c3d-8e4f-5a6b7c8d9e0f", false)]
#[case::thirty_six_other_bytes("the-order-of-the-twentieth-of-may-26", false)]
fn an_id_is_given_back_as_it_was_sent(#[case] id: &str, #[case] packed: bool) {
    let batch = batch(&[Sample::new(id, "{}")]);
    assert_eq!(matches!(batch.rows[0].id, Id::Uuid(..)), packed);
    assert_eq!(batch.event(0).id(), id);
}

#[rstest]
#[case::no_object("[]", NOON_MS, Err(PushError::NoObject))]
#[case::no_json("{", NOON_MS, Err(PushError::NoObject))]
#[case::after_the_last_time("{}", 9_223_372_036_855, Err(PushError::Time))]
#[case::before_the_first_time("{}", -9_223_372_036_855, Err(PushError::Time))]
#[case::the_last_millisecond("{}", 9_223_372_036_854, Ok(()))]
fn what_cannot_be_packed_is_refused_and_leaves_no_trace(
    #[case] data: &str,
    #[case] occurred_ms: i64,
    #[case] expect: Result<(), PushError>,
) {
    let mut builder = builder(&[Sample::new("1", r#"{"a":1}"#)]);
    let sample = Sample { occurred_at: at(occurred_ms), ..Sample::new("2", data) };
    assert_eq!(builder.push(&sample.event(), sample.received_at), expect);
    assert_eq!(builder.len(), 1 + usize::from(expect.is_ok()));
    assert_eq!(Sample::read(&builder.finish().event(0)), Sample::new("1", r#"{"a":1}"#));
}

#[test]
fn what_events_share_is_kept_once() {
    let same = |id: &str| Sample::new(id, r#"{"n":1,"region":"eu"}"#);
    let batch = batch(&[same("1"), Sample::new("2", r#"{"n":1.5}"#), same("3").received(1), same("4")]);
    assert_eq!((batch.shapes.len(), batch.texts.len(), batch.receipts.len()), (2, 1, 2));
}

proptest! {
    #[test]
    fn copies_preserve_every_event(
        before in prop::collection::vec(any_sample(), 0..8),
        samples in prop::collection::vec(any_sample(), 0..16),
        last in any_sample(),
    ) {
        let mut other = builder(&samples);
        other.push(&last.event(), last.received_at).unwrap();
        let row = u32::try_from(samples.len()).unwrap();
        other.note(Note { ordinal: 7, at: last.received_at, what: What::Conflict { row } });
        let other = other.finish();

        let mut all = builder(&before);
        all.copy_all(&other).unwrap();
        let most = all.size_max();
        let all = all.finish();
        let (events, notes) = read(&all);
        let expect: Vec<(Sample, bool)> = before.iter().map(|sample| (sample.clone(), true)).chain(read(&other).0).collect();
        prop_assert_eq!(events, expect);
        prop_assert_eq!(notes[0].what.row(), u32::try_from(before.len() + samples.len()).ok());
        prop_assert!(crate::encode(&all).len() <= most);

        let mut each = builder(&before);
        let mut remap = Remap::default();
        for event in other.events() {
            each.copy(&event, &mut remap).unwrap();
        }
        let most = each.size_max();
        let each = each.finish();
        let events: Vec<Sample> = each.events().map(|event| Sample::read(&event)).collect();
        prop_assert_eq!(events, read(&all).0.into_iter().map(|(sample, _)| sample).collect::<Vec<_>>());
        prop_assert!(crate::encode(&each).len() <= most);
    }
}
