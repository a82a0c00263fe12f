//! The rule row by row, and its proof against queues whose counts are as far behind as they may be.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// A time on 1 June 2026, whose midnight begins an even lap.
fn at(time: &str) -> Timestamp {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-06-01T{time}{seconds}Z").parse().unwrap()
}

#[rstest]
#[case::midnight("00:00", "even", "00:05")]
#[case::last_of_a_lap("00:04:59.999", "even", "00:05")]
#[case::next("00:05", "odd", "00:10")]
#[case::noon("12:00", "even", "12:05")]
#[case::last_of_an_hour("12:59:59", "odd", "13:00")]
fn a_lap_is_five_minutes(#[case] instant: &str, #[case] parity: &str, #[case] end: &str) {
    let lap = Lap::of(at(instant));
    assert_eq!((lap.parity().as_str(), lap.end()), (parity, at(end)));
    assert_eq!(Parity::of(at(instant)), lap.parity());
}

#[test]
fn laps_before_the_epoch_take_turns_as_well() {
    let lap = Lap::of(Timestamp::from_millisecond(-1).unwrap());
    assert_eq!((lap.parity(), lap.end()), (Parity::Odd, Timestamp::UNIX_EPOCH));
}

/// When, and how many messages in the even queue, in the odd one, and in the dead letters.
type Row = (&'static str, u64, u64, u64);

#[rstest]
#[case::nothing_read(&[], None)]
#[case::read_once(&[("12:03", 0, 0, 0)], None)]
#[case::read_again_too_soon(&[("12:03", 0, 0, 0), ("12:03:59.999", 0, 0, 0)], None)]
#[case::read_again(&[("12:03", 0, 0, 0), ("12:04", 0, 0, 0)], Some("12:00"))]
#[case::a_sighting_counts_from_its_own_time(&[("12:03", 0, 0, 0), ("13:03", 0, 0, 0)], Some("12:00"))]
#[case::settled(&[("12:02", 0, 0, 0), ("12:03", 0, 0, 0)], Some("12:00"))]
#[case::not_settled(&[("12:01:59.999", 0, 0, 0), ("12:03", 0, 0, 0)], Some("11:55"))]
#[case::a_sighting_is_not_renewed_before_it_is_confirmed(
    &[("12:01", 0, 0, 0), ("12:01:30", 0, 0, 0), ("12:02", 0, 0, 0)], Some("11:55"),
)]
#[case::a_message_in_the_lap_before(&[("12:03", 0, 1, 0), ("12:04", 0, 1, 0)], None)]
#[case::messages_in_the_current_lap(&[("12:03", 9, 0, 0), ("12:04", 9, 0, 0)], None)]
#[case::messages_in_every_current_lap(
    &[("12:03", 9, 0, 0), ("12:04", 9, 0, 0), ("12:08", 0, 9, 0), ("12:09", 0, 9, 0)], Some("12:05"),
)]
// The odd message is of 12:05 to 12:10 or older; up to 12:00 there was none, and the even lap after that is drained.
#[case::messages_in_the_lap_before_later(
    &[("12:03", 0, 0, 0), ("12:04", 0, 0, 0), ("12:13", 0, 1, 0), ("12:14", 0, 1, 0)], Some("12:05"),
)]
#[case::a_message_that_had_hidden_takes_the_sighting_back(
    &[("12:03", 0, 0, 0), ("12:13", 0, 1, 0), ("12:14", 0, 0, 0)], None,
)]
#[case::a_message_that_had_hidden_is_counted(
    &[("12:03", 0, 0, 0), ("12:13", 0, 1, 0), ("12:14", 0, 0, 0), ("12:15", 0, 0, 0)], Some("12:10"),
)]
#[case::dead_letters(&[("12:03", 0, 0, 1), ("12:04", 0, 0, 1)], None)]
#[case::dead_letters_take_the_sightings_back(
    &[("12:03", 0, 0, 0), ("12:04", 0, 0, 1), ("12:05", 0, 0, 0)], None,
)]
#[case::dead_letters_are_dealt_with(
    &[("12:03", 0, 0, 0), ("12:04", 0, 0, 1), ("12:05", 0, 0, 0), ("12:06", 0, 0, 0)], Some("12:00"),
)]
#[case::with_dead_letters_it_stands_still(
    &[("12:03", 0, 0, 0), ("12:04", 0, 0, 0), ("12:20", 0, 0, 1), ("12:40", 0, 0, 1)], Some("12:00"),
)]
// Odd laps are seen at 12:03 up to 12:00 and at 12:33 up to 12:30, even ones at 12:18 up to 12:15: each is confirmed half
// an hour later, and the lap after the earlier of the two is the last.
#[case::endless_load_and_a_tick_a_quarter(
    &[("12:03", 9, 0, 0), ("12:18", 0, 9, 0), ("12:33", 9, 0, 0), ("12:48", 0, 9, 0)], Some("12:05"),
)]
#[case::endless_load_and_one_more_tick(
    &[("12:03", 9, 0, 0), ("12:18", 0, 9, 0), ("12:33", 9, 0, 0), ("12:48", 0, 9, 0), ("13:03", 9, 0, 0)], Some("12:20"),
)]
fn the_watermark_follows_from_the_readings(#[case] rows: &[Row], #[case] expect: Option<&str>) {
    let mut watermark = Watermark::default();
    for (time, even, odd, dead_letters) in rows.iter().copied() {
        let before = watermark.complete_through();
        watermark = watermark.observed(Depths { even, odd, dead_letters }, at(time));
        assert!(watermark.complete_through() >= before, "it never falls");
    }
    assert_eq!(watermark.complete_through(), expect.map(at));
}

#[test]
fn what_others_proved_is_taken_and_what_they_saw_is_not() {
    let empty = Depths::default();
    let proven = Watermark::default().observed(empty, at("12:03")).observed(empty, at("12:04"));
    let informed = Watermark::default().informed_by(&proven);
    assert_eq!(informed.complete_through(), Some(at("12:00")));
    // The other's sighting of 12:04 would now be confirmed; one's own begins here.
    assert_eq!(informed.observed(empty, at("12:30")).complete_through(), Some(at("12:00")));
    assert_eq!(informed.informed_by(&Watermark::default()), informed, "and it never falls");
}

/// A message in a world of seconds.
#[derive(Clone, Debug)]
struct Message {
    accepted: i64,
    /// From here on it is in its queue.
    arrives: i64,
    /// From here on it is counted, or among the dead letters if it is one of those that never are.
    leaves: i64,
    is_given_up: bool,
}

impl Message {
    fn is_in_queue(&self, parity: Parity, second: i64) -> bool {
        Parity::of(instant(self.accepted)) == parity && self.arrives <= second && second < self.leaves
    }

    fn is_dead(&self, second: i64) -> bool {
        self.is_given_up && self.leaves <= second
    }

    fn is_counted(&self, second: i64) -> bool {
        !self.is_given_up && self.leaves <= second
    }
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// As late as can be more often than not.
fn late() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(60_i64), 1 => Just(0_i64), 1 => 0..=60_i64]
}

fn message() -> impl Strategy<Value = Message> {
    // Often just before the end of a lap, where the next one's readings are nearest.
    let accepted = prop_oneof![1 => 0..3_600_i64, 2 => (1..12_i64).prop_map(|lap| lap * LAP.as_secs() - 1)];
    let stay = prop_oneof![4 => 0..5_i64, 1 => 0..1_000_i64];
    (accepted, late(), stay, prop::bool::weighted(0.3)).prop_map(|(accepted, way, stay, is_given_up)| {
        let arrives = accepted + way;
        let stay = if is_given_up { 1_800 + stay } else { stay };
        Message { accepted, arrives, leaves: arrives + stay, is_given_up }
    })
}

/// Seconds to the next reading, and how far behind the three counts are by then.
fn reading() -> impl Strategy<Value = (i64, [i64; 3])> {
    (prop_oneof![20..70_i64, 5..400_i64], [late(), late(), late()])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn nothing_before_the_watermark_is_uncounted(
        messages in prop::collection::vec(message(), 1..4),
        readings in prop::collection::vec(reading(), 10..80),
    ) {
        let mut watermark = Watermark::default();
        let mut now = 0;
        for (pause, [even, odd, dead_letters]) in readings {
            now += pause;
            let count = |is_there: &dyn Fn(&Message) -> bool| messages.iter().filter(|m| is_there(m)).count() as u64;
            let depths = Depths {
                even: count(&|message| message.is_in_queue(Parity::Even, now - even)),
                odd: count(&|message| message.is_in_queue(Parity::Odd, now - odd)),
                dead_letters: count(&|message| message.is_dead(now - dead_letters)),
            };
            watermark = watermark.observed(depths, instant(now));
            let through = watermark.complete_through().unwrap_or(Timestamp::MIN);
            for message in &messages {
                let promised = instant(message.accepted) < through;
                prop_assert!(!promised || message.is_counted(now), "{through} at {now}: {message:?}");
            }
        }
    }
}
