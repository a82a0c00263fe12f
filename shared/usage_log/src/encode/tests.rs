//! What is held of bodies: they are read for ever and small, and what is no body is refused without a panic.

use super::*;
use crate::{
    Builder, Correction, Identity, decode,
    samples::{self, NOON_MS, Sample, any_sample, at, batch, builder, plain, read},
};
use proptest::prelude::*;
use rstest::rstest;
use std::fmt::Write;

/// A batch with what there is of everything: ids, units, shapes, receipts, notes.
fn motley() -> Batch {
    let mut builder = builder(&[
        Sample::new("0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", r#"{"bytes":203023.50,"region":"eu-west-1"}"#),
        Sample::new("order-17", r#"{ "bytes" : -1 , "tags":["a",{"b":1e3}], "note":"say \"é\"" }"#).received(7),
        Sample {
            event_type: "sign-up".to_owned(),
            time_basis: domain::usage::TimeBasis::Arrival,
            ..Sample::new("order-18", r#"{"plan":{"name":"gold","seats":3,"trial":true,"ends":null}}"#)
        }
        .at("2026-05-20T12:00:00.123456789Z"),
    ]);
    let correction = |id: u8, reason: &str| Correction { id: [id; 16], reason: reason.into() };
    builder.note(Note { ordinal: 0, at: at(NOON_MS + 9), what: What::SeenAgain });
    builder.note(Note { ordinal: 1, at: at(NOON_MS + 10), what: What::Voided(correction(1, "sent by mistake")) });
    let other = Sample::new("0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", r#"{"bytes":1,"region":"eu-west-1"}"#);
    builder.push(&other.event(), at(NOON_MS + 11)).unwrap();
    builder.note(Note { ordinal: 0, at: at(NOON_MS + 11), what: What::Conflict { row: 3 } });
    let amended = Sample::new("order-18", r#"{"plan":{"name":"gold","seats":4,"trial":true,"ends":null}}"#);
    builder.push(&amended.event(), at(NOON_MS + 12)).unwrap();
    let what = What::Amended { row: 4, correction: correction(2, "zu wenige Plätze") };
    builder.note(Note { ordinal: 2, at: at(NOON_MS + 12), what });
    builder.finish()
}

/// Events with much text, which compression shortens.
fn wordy() -> Batch {
    let sample = |n: u32| {
        let data = format!(r#"{{"path":"/v1/customers/{n}/invoices","agent":"Mozilla/5.0 (X11; Linux x86_64) {n}"}}"#);
        Sample::new(&format!("request-{n}-of-the-twentieth-of-may"), &data)
    };
    batch(&(0..20).map(sample).collect::<Vec<_>>())
}

/// A line for each event and each note.
fn listed(batch: &Batch) -> String {
    let mut lines = String::new();
    for event in batch.events() {
        let Sample { id, source, event_type, occurred_at, time_basis, data, received_at } = Sample::read(&event);
        let accepted = event.row.accepted;
        writeln!(lines, "{received_at} {occurred_at} {time_basis:?} {source} {event_type} {id} {accepted} {data}")
            .unwrap();
    }
    for Note { ordinal, at, what } in batch.notes() {
        writeln!(lines, "{ordinal} {at} {what:?}").unwrap();
    }
    lines
}

/// The promise is the first half: these bytes are read for ever as these events. That they are written so too only holds
/// until the encoder changes; then the files stay as they are, and only the second half of this test goes.
#[rstest]
#[case::plain(include_bytes!("../../golden/plain.1.bin"), include_str!("../../golden/plain.1.txt"), batch(&plain(5)))]
#[case::motley(include_bytes!("../../golden/motley.1.bin"), include_str!("../../golden/motley.1.txt"), motley())]
#[case::wordy(include_bytes!("../../golden/wordy.1.bin"), include_str!("../../golden/wordy.1.txt"), wordy())]
fn a_frozen_body_is_read_for_ever(#[case] body: &[u8], #[case] events: &str, #[case] written: Batch) {
    assert_eq!(listed(&decode(body).unwrap()), events);
    assert_eq!(encode(&written), body);
}

#[test]
fn the_frozen_bodies_are_of_both_forms() {
    assert_eq!(include_bytes!("../../golden/plain.1.bin")[..2], [FORMAT, PLAIN]);
    assert_eq!(include_bytes!("../../golden/wordy.1.bin")[..2], [FORMAT, LZ4]);
}

// 11 bytes of id, 1 of time, 3 of number and 1 of region are 16, and there is what the batch has once.
#[rstest]
#[case::a_hundred(100, 1_733)]
#[case::a_thousand(1_000, 16_127)]
fn a_plain_event_takes_at_most_22_bytes(#[case] events: usize, #[case] bytes: usize) {
    let body = encode(&batch(&plain(events)));
    assert_eq!(body.len(), bytes);
    assert!(body.len() <= 22 * events, "{} bytes for {events} events", body.len());
}

#[rstest]
#[case::nothing(Batch::default(), 9)]
#[case::a_small_event(batch(&[Sample::new("1", "{}")]), 40)]
fn a_small_body_is_small(#[case] batch: Batch, #[case] bytes: usize) {
    assert_eq!(encode(&batch).len(), bytes);
}

#[test]
fn a_body_that_compression_does_not_shorten_is_plain() {
    assert_eq!(encode(&batch(&plain(100)))[1], PLAIN);
    assert_eq!(encode(&wordy())[1], LZ4);
}

#[rstest]
#[case::second("2026-05-20T12:00:01Z", 0)]
#[case::millisecond("2026-05-20T12:00:01.001Z", 1)]
#[case::microsecond("2026-05-20T12:00:01.000001Z", 2)]
#[case::nanosecond("2026-05-20T12:00:01.000000001Z", 3)]
fn times_are_in_the_coarsest_unit_that_loses_nothing(#[case] time: &str, #[case] unit: u8) {
    let batch = batch(&[Sample::new("1", "{}"), Sample::new("2", "{}").at(time)]);
    let mut times = Vec::new();
    put_times(&mut times, &batch.rows);
    assert_eq!(times[0], unit);
    assert_eq!(read(&decode(&encode(&batch)).unwrap()), read(&batch));
}

#[rstest]
#[case::plain(batch(&plain(5)))]
#[case::motley(motley())]
#[case::wordy(wordy())]
fn every_cut_is_refused(#[case] batch: Batch) {
    let body = encode(&batch);
    for end in 0..body.len() {
        assert!(decode(&body[..end]).is_err(), "{end} of {} bytes", body.len());
    }
}

#[rstest]
#[case::another_format(&[2, PLAIN, 0])]
#[case::another_form(&[FORMAT, 9, 0])]
#[case::more_rows_than_bytes(&[FORMAT, PLAIN, 100, 0])]
#[case::a_block_that_claims_too_much(&[FORMAT, LZ4, 0xff, 0xff, 0xff, 0xff, 0x7f, 0])]
fn what_is_no_body_is_refused(#[case] body: &[u8]) {
    assert!(decode(body).is_err());
}

/// A skeleton that is deeper than any event's must not exhaust the stack, nor one with a scale beyond any number's panic.
#[rstest]
#[case::deep(r#"{"a":"#.repeat(100_000))]
#[case::deep_and_whole(r#"{"a":"#.repeat(9) + "\u{2}" + &"}".repeat(9))]
#[case::a_scale_beyond_all_digits("{\"a\":\u{1}z}".to_owned())]
#[case::a_mark_in_a_name("{\"\u{1}\":\u{2}}".to_owned())]
#[case::a_word("{\"a\":tru}".to_owned())]
#[case::more_behind_the_end("{}{}".to_owned())]
fn a_malformed_skeleton_is_refused(#[case] skeleton: String) {
    let mut body = vec![FORMAT, PLAIN, 0, 0, 1, 0];
    for text in ["edge", "request", &skeleton] {
        put_text(&mut body, text);
    }
    body.extend([0, 0, 0, 0]);
    assert!(decode(&body).is_err());
}

proptest! {
    #[test]
    fn any_events_survive_their_bytes(
        samples in prop::collection::vec(any_sample(), 0..30),
        notes in prop::collection::vec((any::<u32>(), 0..4_u8, any_sample(), ".{0,12}"), 0..5),
    ) {
        let mut builder = builder(&samples);
        for (ordinal, kind, sample, reason) in notes {
            let row = u32::try_from(builder.len()).unwrap();
            let correction = Correction { id: [kind; 16], reason: reason.into() };
            let what = match kind {
                0 => What::SeenAgain,
                1 => What::Voided(correction),
                2 => What::Conflict { row },
                _ => What::Amended { row, correction },
            };
            if what.row().is_some() {
                builder.push(&sample.event(), sample.received_at).unwrap();
            }
            builder.note(Note { ordinal, at: sample.received_at, what });
        }
        let most = builder.size_max();
        let batch = builder.finish();
        let body = encode(&batch);
        prop_assert!(body.len() <= most, "{} bytes are more than {most}", body.len());
        let decoded = decode(&body).unwrap();
        prop_assert_eq!(read(&decoded), read(&batch));
        prop_assert_eq!(encode(&decoded), body, "decoding and encoding is no change");
        let given: Vec<&Sample> = samples.iter().collect();
        let got: Vec<Sample> = decoded.events().take(samples.len()).map(|event| Sample::read(&event)).collect();
        prop_assert_eq!(got.iter().collect::<Vec<_>>(), given);
    }

    #[test]
    fn changed_bytes_are_refused_or_read_but_never_a_panic(
        body in prop::sample::select(vec![encode(&motley()), encode(&wordy()), encode(&batch(&plain(5)))]),
        samples in prop::collection::vec(any_sample(), 0..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut body = if samples.is_empty() { body } else { encode(&batch(&samples)) };
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(batch) = decode(&body) {
            let identity = Identity::new(samples::tenant_id());
            for event in batch.events() {
                let _ = (Sample::read(&event), identity.key(&event), identity.content(&event));
            }
            let mut builder = Builder::default();
            prop_assert!(builder.copy_all(&batch).is_ok());
            prop_assert_eq!(read(&decode(&encode(&batch)).unwrap()), read(&batch));
        }
    }

    #[test]
    fn noise_is_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), form in 0..2_u8) {
        let mut body = vec![FORMAT, form];
        body.extend(bytes);
        let _ = decode(&body);
    }
}
