//! Which layouts there may be, for which hours they hold, and that no event's layout changes.

use super::*;
use crate::usage::event::EVENT_AHEAD_MINUTES_MAX;
use proptest::prelude::*;
use rstest::rstest;

fn at(time: &str) -> Timestamp {
    format!("2026-05-20T{time}Z").parse().unwrap()
}

fn layout(shards: u16, bucket_minutes: u8) -> Layout {
    Layout { shards, bucket_minutes }
}

/// `10:00:00=4/60` is four shards of hourly buckets from then on.
fn layouts(changes: &[&str]) -> Layouts {
    let change = |change: &&str| {
        let (from, layout_text) = change.split_once('=').unwrap();
        let (shards, minutes) = layout_text.split_once('/').unwrap();
        (at(from), layout(shards.parse().unwrap(), minutes.parse().unwrap()))
    };
    Layouts::new(changes.iter().map(change).collect())
}

#[rstest]
#[case::least(1, 60, None)]
#[case::most(64, 5, None)]
#[case::half_hours(4, 30, None)]
#[case::quarters(4, 15, None)]
#[case::none(0, 60, Some(("/usageShards", "invalid_shards")))]
#[case::too_many(65, 60, Some(("/usageShards", "invalid_shards")))]
#[case::far_too_many(65_537, 60, Some(("/usageShards", "invalid_shards")))]
#[case::no_width(1, 0, Some(("/usageBucketMinutes", "invalid_bucket")))]
#[case::no_part_of_an_hour(1, 7, Some(("/usageBucketMinutes", "invalid_bucket")))]
#[case::two_hours(1, 120, Some(("/usageBucketMinutes", "invalid_bucket")))]
#[case::as_a_byte_it_would_be_60(1, 316, Some(("/usageBucketMinutes", "invalid_bucket")))]
fn a_layout_has_bounds(#[case] shards: u32, #[case] minutes: u32, #[case] expect: Option<(&str, &str)>) {
    let refused = Layout::new(shards, minutes).err();
    assert_eq!(refused.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
}

#[rstest]
#[case::before("12:59:59", 1, 60)]
#[case::from_then_on("13:00:00", 4, 15)]
#[case::until_the_next("13:59:59", 4, 15)]
#[case::and_then_the_next("14:00:00", 2, 5)]
fn a_layout_holds_for_hours_that_start_then_or_later(#[case] time: &str, #[case] shards: u16, #[case] minutes: u8) {
    let layouts = layouts(&["14:00:00=2/5", "13:00:00=4/15"]);
    assert_eq!(layouts.at(at(time)), layout(shards, minutes));
}

/// Asked for at a time: what there was, what is asked for, and what there is then. The lead is 65 minutes.
#[rstest]
#[case::first("10:00:00", &[], layout(4, 60), &["12:00:00=4/60"])]
#[case::at_the_last_moment("09:55:00", &[], layout(4, 60), &["11:00:00=4/60"])]
#[case::a_moment_later("09:55:01", &[], layout(4, 60), &["12:00:00=4/60"])]
#[case::what_is("10:00:00", &[], layout(1, 60), &[])]
#[case::another("10:00:00", &["09:00:00=4/60"], layout(4, 15), &["09:00:00=4/60", "12:00:00=4/15"])]
#[case::and_back("10:00:00", &["09:00:00=4/60"], layout(1, 60), &["09:00:00=4/60", "12:00:00=1/60"])]
#[case::instead_of_what_is_to_come("10:00:00", &["14:00:00=4/60"], layout(8, 60), &["12:00:00=8/60"])]
#[case::instead_of_what_is_just_far_enough("10:55:00", &["12:00:00=4/60"], layout(8, 60), &["12:00:00=8/60"])]
#[case::after_what_is_too_near("10:55:01", &["12:00:00=4/60"], layout(8, 60), &["12:00:00=4/60", "13:00:00=8/60"])]
#[case::instead_of_the_second("11:00:00", &["12:00:00=4/60", "13:00:00=8/60"], layout(2, 60), &["12:00:00=4/60", "13:00:00=2/60"])]
#[case::taken_back("10:00:00", &["12:00:00=4/60"], layout(1, 60), &[])]
#[case::too_late_to_take_back("11:30:00", &["12:00:00=4/60"], layout(1, 60), &["12:00:00=4/60", "13:00:00=1/60"])]
#[case::again_when_it_is_near("11:30:00", &["12:00:00=4/60"], layout(4, 60), &["12:00:00=4/60"])]
fn a_change_comes_first_at_an_hour_that_all_will_know(
    #[case] now: &str,
    #[case] before: &[&str],
    #[case] wanted: Layout,
    #[case] expect: &[&str],
) {
    let changed = layouts(before).changed(wanted, at(now), &TimeZone::UTC).unwrap();
    assert_eq!(changed, layouts(expect));
    assert_eq!(changed.latest(), wanted);
}

#[test]
fn a_change_comes_with_an_hour_of_the_tenants() {
    let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
    let changed = Layouts::default().changed(layout(4, 60), at("10:00:00"), &kolkata).unwrap();
    assert_eq!(changed, layouts(&["11:30:00=4/60"]));
}

#[rstest]
#[case::always(&[], "10:00:00", &["-=1/60"])]
#[case::to_come(&["12:00:00=4/60"], "11:59:59", &["-=1/60", "12:00:00=4/60"])]
#[case::begun(&["12:00:00=4/60"], "12:00:00", &["12:00:00=4/60"])]
#[case::past(&["09:00:00=2/60", "10:00:00=4/60", "12:00:00=8/15", "13:00:00=1/60"], "11:00:00",
    &["10:00:00=4/60", "12:00:00=8/15", "13:00:00=1/60"])]
fn what_holds_is_told_with_what_will(#[case] changes: &[&str], #[case] now: &str, #[case] expect: &[&str]) {
    let told = |(from, layout): (Option<Timestamp>, Layout)| {
        let from = from.map_or_else(|| "-".to_owned(), |from| from.strftime("%H:%M:%S").to_string());
        format!("{from}={}/{}", layout.shards, layout.bucket_minutes)
    };
    let told: Vec<String> = layouts(changes).current_and_coming(at(now)).into_iter().map(told).collect();
    assert_eq!(told, expect);
}

/// As many changes as are kept, a day apart, the first on 20 May; and what becomes of one more so many days later.
#[rstest]
#[case::too_many(500, None)]
// 500 days after the second change nothing is left that the first holds for.
#[case::the_oldest_is_forgotten(501, Some(32))]
fn changes_are_bounded_and_forgotten_once_nothing_is_placed_by_them(#[case] days: i64, #[case] expect: Option<usize>) {
    let day = |n: i64| at("00:00:00") + SignedDuration::from_hours(24 * n);
    let changes = (0..32).map(|n| (day(n), layout(if n % 2 == 0 { 2 } else { 4 }, 60))).collect();
    let changed = Layouts::new(changes).changed(layout(8, 60), day(days), &TimeZone::UTC);
    assert_eq!(changed.as_ref().err().map(|violation| violation.code), expect.is_none().then_some("too_many_changes"));
    assert_eq!(changed.as_ref().ok().map(|layouts| layouts.changes().len()), expect);
    if let Ok(layouts) = changed {
        assert_eq!(layouts.changes()[0], (day(1), layout(4, 60)));
    }
}

proptest! {
    /// However often layouts change, nobody who goes by the layouts of before, for as long as one may, places an event
    /// elsewhere than all who come later.
    #[test]
    fn an_event_that_somebody_may_have_placed_keeps_its_layout(
        steps in prop::collection::vec((0_i64..200, 1_u16..=8), 1..20),
        zone in prop::sample::select(vec!["UTC", "Asia/Kolkata", "Australia/Lord_Howe"]),
    ) {
        let time_zone = TimeZone::get(zone).unwrap();
        // Clocks change on Lord Howe on the day after.
        let mut now: Timestamp = "2026-04-04T00:00:00Z".parse().unwrap();
        let mut layouts = Layouts::default();
        let ahead = SignedDuration::from_mins(EVENT_AHEAD_MINUTES_MAX);
        for (minutes, shards) in steps {
            now += SignedDuration::from_mins(minutes);
            let before = layouts.clone();
            layouts = before.changed(layout(shards, 60), now, &time_zone).unwrap();
            // An hour less than the lead is how long a process may go by what was before.
            let latest = now + (LAYOUT_LEAD - SignedDuration::from_hours(1)) + ahead;
            for minutes_ago in 0..400 {
                let start = calendar::hour_start(latest - SignedDuration::from_mins(minutes_ago), &time_zone);
                prop_assert_eq!(before.at(start), layouts.at(start));
            }
        }
    }
}
