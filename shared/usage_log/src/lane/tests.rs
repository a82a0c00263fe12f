//! What is held of lanes: local hours and months, layouts, shards, and that the order of events does not matter.

use super::*;
use crate::{
    Identity,
    samples::{Sample, batch, plain, tenant_id},
};
use domain::usage::layout::BUCKET_MINUTES;
use proptest::prelude::*;
use rstest::rstest;

/// The lane and the hour of an event at `time`, found after the events at `before`.
fn place_after(before: &[&str], time: &str, basis: TimeBasis, zone: &str, layouts: &Layouts) -> (Lane, Timestamp) {
    let time_zone = TimeZone::get(zone).unwrap();
    let mut lanes = Lanes::new(tenant_id(), &time_zone, layouts);
    let sample = |time: &&str| Sample { time_basis: basis, ..Sample::new("1", "{}").at(time) };
    let samples: Vec<Sample> = before.iter().chain([&time]).map(sample).collect();
    let batch = batch(&samples);
    let places = batch.events().map(|event| lanes.of(&event, EventKey([7; 16])).unwrap());
    places.last().unwrap()
}

fn place(time: &str, basis: TimeBasis, zone: &str, layouts: &Layouts) -> (String, String) {
    let (lane, hour) = place_after(&[], time, basis, zone, layouts);
    (lane.bucket.to_string(), hour.to_string())
}

fn every(bucket_minutes: u8) -> Layouts {
    Layouts::new(vec![(Timestamp::UNIX_EPOCH, Layout { shards: 1, bucket_minutes })])
}

#[rstest]
#[case::first_instant("2026-05-20T12:00:00Z", "UTC", "2026-05-20T12:00:00Z")]
#[case::last_instant("2026-05-20T12:59:59.999999999Z", "UTC", "2026-05-20T12:00:00Z")]
#[case::a_zone_of_whole_hours("2026-05-20T12:40:00Z", "Europe/Berlin", "2026-05-20T12:00:00Z")]
// 12:10Z is 17:40 in Kolkata, in the hour from 17:00, which is 11:30Z.
#[case::kolkata("2026-05-20T12:10:00Z", "Asia/Kolkata", "2026-05-20T11:30:00Z")]
#[case::kathmandu("2026-05-20T12:10:00Z", "Asia/Kathmandu", "2026-05-20T11:15:00Z")]
// 2:30 happens twice on 25 October 2026 in Berlin, and the two are an hour apart.
#[case::first_half_past_two("2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-25T00:00:00Z")]
#[case::second_half_past_two("2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T01:00:00Z")]
// On 29 March 2026 it is 3:00 an hour after 1:00.
#[case::before_the_gap("2026-03-29T00:59:59Z", "Europe/Berlin", "2026-03-29T00:00:00Z")]
#[case::after_the_gap("2026-03-29T01:00:00Z", "Europe/Berlin", "2026-03-29T01:00:00Z")]
#[case::before_the_epoch("1969-12-31T23:30:00Z", "UTC", "1969-12-31T23:00:00Z")]
fn an_event_lies_in_its_local_hour(#[case] time: &str, #[case] zone: &str, #[case] hour: &str) {
    let expect = (format!("hour/{hour}"), hour.to_owned());
    assert_eq!(place(time, TimeBasis::Event, zone, &Layouts::default()), expect);
}

#[rstest]
#[case(60, "2026-05-20T12:00:00Z")]
#[case(30, "2026-05-20T12:30:00Z")]
#[case(15, "2026-05-20T12:45:00Z")]
#[case(5, "2026-05-20T12:55:00Z")]
fn a_bucket_is_a_part_of_the_hour_it_counts_in(#[case] minutes: u8, #[case] bucket: &str) {
    let place = place("2026-05-20T12:59:59.9Z", TimeBasis::Event, "UTC", &every(minutes));
    assert_eq!(place, (format!("hour/{bucket}"), "2026-05-20T12:00:00Z".to_owned()));
}

#[test]
fn a_bucket_starts_with_the_local_hour() {
    // 17:44 in Kolkata: the second quarter of the hour from 17:00, which begins at 17:30, or 12:00Z.
    let place = place("2026-05-20T12:14:00Z", TimeBasis::Event, "Asia/Kolkata", &every(15));
    assert_eq!(place, ("hour/2026-05-20T12:00:00Z".to_owned(), "2026-05-20T11:30:00Z".to_owned()));
}

#[rstest]
#[case::utc("2026-05-31T23:30:00Z", "UTC", "2026-05-01T00:00:00Z", "2026-05-31T23:00:00Z")]
#[case::already_june_there("2026-05-31T23:30:00Z", "Europe/Berlin", "2026-05-31T22:00:00Z", "2026-05-31T23:00:00Z")]
#[case::still_may_there("2026-06-01T03:30:00Z", "America/New_York", "2026-05-01T04:00:00Z", "2026-06-01T03:00:00Z")]
fn an_event_without_a_time_lies_in_its_local_month_and_counts_in_its_hour(
    #[case] time: &str,
    #[case] zone: &str,
    #[case] month: &str,
    #[case] hour: &str,
) {
    let expect = (format!("month/{month}"), hour.to_owned());
    assert_eq!(place(time, TimeBasis::Arrival, zone, &every(5)), expect);
}

/// A change in the middle of an hour leaves that hour alone: an event must not change its lane with its minute.
#[rstest]
#[case("2026-05-20T12:10:00Z", "2026-05-20T12:00:00Z")]
#[case("2026-05-20T12:50:00Z", "2026-05-20T12:00:00Z")]
#[case("2026-05-20T13:50:00Z", "2026-05-20T13:30:00Z")]
fn a_layout_changes_only_between_hours(#[case] time: &str, #[case] bucket: &str) {
    let layouts =
        Layouts::new(vec![("2026-05-20T12:30:00Z".parse().unwrap(), Layout { shards: 1, bucket_minutes: 30 })]);
    assert_eq!(place(time, TimeBasis::Event, "UTC", &layouts).0, format!("hour/{bucket}"));
}

/// In which shard a key lies is frozen, like the key. Worked out by another program.
#[rstest]
#[case::only_one("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 1, 0)]
#[case::none_is_one("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 0, 0)]
#[case::zero("00000000000000000000000000000000", 64, 0)]
#[case::of_eight("000102030405060708090a0b0c0d0e0f", 8, 7)]
#[case::another_of_eight("101112131415161718191a1b1c1d1e1f", 8, 3)]
#[case::a_uuid("019cf9f06435d99548dfac8b4a7fa1b5", 16, 14)]
#[case::a_text("e1ffb0643f97664b71376dc5b831c593", 64, 14)]
#[case::no_more_than_there_may_be("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", u16::MAX, 36)]
fn a_shard_never_changes(#[case] key: &str, #[case] shards: u16, #[case] expect: u16) {
    let key = EventKey(u128::from_str_radix(key, 16).unwrap().to_be_bytes());
    assert_eq!(shard(key, shards), expect);
}

/// 16,000 keys over 16 shards are 1,000 each: no shard may be off by more than a tenth but one in a thousand times.
#[rstest]
#[case::uuids_of_version_7(plain(16_000))]
#[case::texts((0..16_000).map(|n| Sample::new(&format!("order-{n}"), "{}")).collect())]
#[case::uuids_that_are_counted((0..16_000).map(|n| Sample::new(&uuid::Uuid::from_u128(n).to_string(), "{}")).collect())]
#[case::uuids_that_are_counted_at_the_front(
    (0..16_000).map(|n| Sample::new(&uuid::Uuid::from_u128(n << 112).to_string(), "{}")).collect()
)]
fn shards_take_equal_shares(#[case] samples: Vec<Sample>) {
    let identity = Identity::new(tenant_id());
    let batch = batch(&samples);
    let mut shares = [0; 16];
    for event in batch.events() {
        shares[usize::from(shard(identity.key(&event), 16))] += 1;
    }
    assert!(shares.iter().all(|share| (880..=1_120).contains(share)), "{shares:?}");
}

/// Clocks that go on by half an hour make hours that overlap: 15:10Z is in the last hour before the change, 15:45Z in the
/// first after it, and whichever came first must not matter.
#[rstest]
#[case(&[], "2025-10-04T15:10:00Z", "2025-10-04T14:30:00Z")]
#[case(&["2025-10-04T15:45:00Z"], "2025-10-04T15:10:00Z", "2025-10-04T14:30:00Z")]
#[case(&["2025-10-04T15:10:00Z"], "2025-10-04T15:45:00Z", "2025-10-04T15:00:00Z")]
// And half an hour back: 14:50Z is still summer time, 15:10Z is not.
#[case(&["2026-04-04T15:10:00Z"], "2026-04-04T14:50:00Z", "2026-04-04T14:00:00Z")]
#[case(&["2026-04-04T14:50:00Z"], "2026-04-04T15:10:00Z", "2026-04-04T14:30:00Z")]
fn where_clocks_change_by_half_an_hour_the_order_does_not_matter(
    #[case] before: &[&str],
    #[case] time: &str,
    #[case] hour: &str,
) {
    let (lane, _) = place_after(before, time, TimeBasis::Event, "Australia/Lord_Howe", &Layouts::default());
    assert_eq!(lane.bucket.to_string(), format!("hour/{hour}"));
}

proptest! {
    /// The lane is a function of the event: what was asked before does not matter.
    #[test]
    fn what_came_before_does_not_matter(
        seconds in prop::collection::vec(0_i64..40 * 86_400, 1..20),
        zone in prop::sample::select(vec!["UTC", "Australia/Lord_Howe", "Asia/Kolkata", "America/New_York"]),
        minutes in prop::sample::select(BUCKET_MINUTES.to_vec()),
        basis in prop::sample::select(vec![TimeBasis::Event, TimeBasis::Arrival]),
    ) {
        // From 15 September to 25 October 2025, and from 15 March to 24 April 2026, when clocks change.
        for start in [1_757_894_400, 1_773_532_800] {
            let times: Vec<String> =
                seconds.iter().map(|second| Timestamp::from_second(start + second).unwrap().to_string()).collect();
            let times: Vec<&str> = times.iter().map(String::as_str).collect();
            let (last, before) = times.split_last().unwrap();
            let alone = place_after(&[], last, basis, zone, &every(minutes));
            prop_assert_eq!(place_after(before, last, basis, zone, &every(minutes)), alone);
        }
    }
}

#[test]
fn a_lane_is_written_with_its_parts() {
    let (lane, _) = place_after(&[], "2026-05-20T12:10:00Z", TimeBasis::Event, "UTC", &Layouts::default());
    assert_eq!(lane.to_string(), format!("{}/hour/2026-05-20T12:00:00Z/0", tenant_id()));
}
