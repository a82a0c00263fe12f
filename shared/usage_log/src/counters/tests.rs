//! What is held of counters: their bytes are read for ever, and merging loses nothing.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn key(meter: &str, group: &[&str]) -> CounterKey {
    let group = GroupKey(group.iter().map(|value| (*value).to_owned()).collect());
    CounterKey { meter_id: MeterId::derived(&[meter]), group }
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

/// One of each kind, and one with two groups.
fn counters() -> Counters {
    Counters(BTreeMap::from([
        (key("a", &["eu", ""]), Tally::Sum(quantity("1200"))),
        (key("a", &["us", "x"]), Tally::Sum(quantity("-0.000000001"))),
        (key("b", &[]), Tally::Min(quantity("0"))),
        (key("c", &[]), Tally::Max(quantity("999999999999999.999999999"))),
        (
            key("d", &[]),
            Tally::Latest {
                at: "2026-05-20T12:00:00.000000001Z".parse().unwrap(),
                tie: u64::MAX,
                value: quantity("7"),
            },
        ),
        (key("e", &[]), Tally::Average { sum: quantity("10.5"), count: 4 }),
        (key("f", &[]), Tally::Weighted { change: quantity("-3"), moment: Quantity(i128::from(i64::MAX)) }),
    ]))
}

/// The promise is that these bytes are read for ever. That they are written so too only holds until the encoder changes;
/// then the file stays as it is, and only the second half of this test goes.
#[test]
fn frozen_counters_are_read_for_ever() {
    let frozen = include_bytes!("../../golden/counters.1.bin");
    assert_eq!(Counters::decode(frozen), Ok(counters()));
    assert_eq!(counters().encode(), frozen);
}

#[test]
fn no_counters_are_two_bytes() {
    assert_eq!(Counters::default().encode(), [1, 0]);
    assert_eq!(Counters::decode(&[1, 0]), Ok(Counters::default()));
}

#[rstest]
#[case::nothing(&[])]
#[case::another_format(&[2, 0])]
#[case::bytes_left(&[1, 0, 0])]
#[case::more_meters_than_bytes(&[1, 200, 1])]
fn what_is_no_counters_is_refused(#[case] bytes: &[u8]) {
    assert!(Counters::decode(bytes).is_err());
}

#[test]
fn every_cut_is_refused() {
    let bytes = counters().encode();
    for end in 0..bytes.len() {
        assert!(Counters::decode(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
    }
}

#[rstest]
#[case(0, 0, 0)]
#[case(7, 7, 0)]
#[case(1_200_000_000_000, 12, 11)]
#[case(-50, -5, 1)]
#[case(i128::from(i64::MAX) + 3, 922_337_203_685_477_581, 1)]
#[case(i128::from(i64::MIN), i128::from(i64::MIN), 0)]
#[case(i128::MAX, i128::MAX, 0)]
#[case(-170_000_000_000_000_000_000_000_000_000_000_000_000, -17, 37)]
fn zeros_at_the_end_are_left_out(#[case] digits: i128, #[case] rest: i128, #[case] zeros: i64) {
    assert_eq!(without_zeros(digits), (rest, zeros));
}

#[test]
fn merging_adds_what_both_have_and_keeps_what_one_has() {
    let mut all = Counters(BTreeMap::from([
        (key("a", &["eu", ""]), Tally::Sum(quantity("800"))),
        (key("g", &[]), Tally::Max(quantity("2"))),
    ]));
    all.merge(counters()).unwrap();
    assert_eq!(all.0.get(&key("a", &["eu", ""])), Some(&Tally::Sum(quantity("2000"))));
    assert_eq!(all.0.get(&key("a", &["us", "x"])), Some(&Tally::Sum(quantity("-0.000000001"))));
    assert_eq!(all.0.get(&key("g", &[])), Some(&Tally::Max(quantity("2"))));
    assert_eq!(all.0.len(), 8);
}

#[test]
fn a_total_out_of_range_is_refused() {
    let most = || Counters(BTreeMap::from([(key("a", &[]), Tally::Sum(Quantity(i128::MAX)))]));
    let mut all = most();
    assert_eq!(all.merge(most()), Err(TotalOutOfRange));
}

fn any_tally() -> impl Strategy<Value = Tally> {
    let at = any::<i64>().prop_map(|at| Timestamp::from_nanosecond(at.into()).unwrap());
    let quantity = || prop_oneof![any::<i128>(), (-1_000_i128..1_000).prop_map(|whole| whole * 1_000_000_000)];
    prop_oneof![
        quantity().prop_map(|value| Tally::Sum(Quantity(value))),
        quantity().prop_map(|value| Tally::Min(Quantity(value))),
        quantity().prop_map(|value| Tally::Max(Quantity(value))),
        (at, any::<u64>(), quantity()).prop_map(|(at, tie, value)| Tally::Latest { at, tie, value: Quantity(value) }),
        (quantity(), any::<u64>()).prop_map(|(sum, count)| Tally::Average { sum: Quantity(sum), count }),
        (quantity(), quantity())
            .prop_map(|(change, moment)| Tally::Weighted { change: Quantity(change), moment: Quantity(moment) }),
    ]
}

proptest! {
    #[test]
    fn any_counters_survive_their_bytes(
        counters in prop::collection::btree_map((0_u8..4, prop::collection::vec(".{0,6}", 0..3)), any_tally(), 0..12),
    ) {
        let counters = counters.into_iter().map(|((meter, group), tally)| {
            let meter_id = MeterId::derived(&[&meter.to_string()]);
            (CounterKey { meter_id, group: GroupKey(group) }, tally)
        });
        let counters = Counters(counters.collect());
        let bytes = counters.encode();
        prop_assert_eq!(counters.encoded_len(), bytes.len());
        prop_assert_eq!(Counters::decode(&bytes), Ok(counters));
    }

    #[test]
    fn changed_bytes_are_refused_or_read_but_never_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = counters().encode();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(counters) = Counters::decode(&bytes) {
            prop_assert_eq!(Counters::decode(&counters.encode()), Ok(counters));
        }
    }
}
