//! What is held of counting: every aggregation, groups and filters; against a model that parses the JSON.

use super::*;
use crate::samples::{NOON_MS, Sample, any_sample, at, batch, meter, path, tenant_id};
use proptest::prelude::*;
use rstest::rstest;
use std::collections::BTreeMap;

fn contribution(meters: &[Meter], samples: &[Sample]) -> Contribution {
    let batch = batch(samples);
    fold(meters, &batch, batch.accepted(), &Identity::new(tenant_id()), at(NOON_MS)).unwrap()
}

/// The counters by group, of one meter.
fn tallies(meter: &Meter, data: &[&str]) -> Vec<(String, Tally)> {
    let samples: Vec<Sample> = (0..)
        .zip(data)
        .map(|(n, data)| {
            // A second apart, so that it is known which one is the latest.
            Sample { occurred_at: at(NOON_MS + 1_000 * n), ..Sample::new(&n.to_string(), data) }
        })
        .collect();
    let counters = contribution(std::slice::from_ref(meter), &samples).counters;
    counters.0.into_iter().map(|(key, tally)| (key.group.0.join("|"), tally)).collect()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

const THREE: [&str; 3] = [r#"{"n":1.5}"#, r#"{"n":"3"}"#, r#"{"n":2e0}"#];

#[rstest]
#[case::count(Aggregation::Count, Tally::Sum(quantity("3")))]
#[case::sum(Aggregation::Sum(path("$.n")), Tally::Sum(quantity("6.5")))]
#[case::min(Aggregation::Min(path("$.n")), Tally::Min(quantity("1.5")))]
#[case::max(Aggregation::Max(path("$.n")), Tally::Max(quantity("3")))]
#[case::average(Aggregation::Average(path("$.n")), Tally::Average { sum: quantity("6.5"), count: 3 })]
// 3 after a second and 2 after two: 3,000 and 4,000 milliseconds.
#[case::weighted(
    Aggregation::WeightedSum(path("$.n")),
    Tally::Weighted { change: quantity("6.5"), moment: quantity("7000") }
)]
fn events_add_up(#[case] aggregation: Aggregation, #[case] expect: Tally) {
    assert_eq!(tallies(&meter("m", aggregation, &[], &[]), &THREE), [(String::new(), expect)]);
}

#[test]
fn the_latest_is_that_of_the_last_event_by_its_time() {
    let meter = meter("m", Aggregation::Latest(path("$.n")), &[], &[]);
    let samples = [
        Sample::new("1", r#"{"n":1}"#).at("2026-05-20T12:00:02Z"),
        Sample::new("2", r#"{"n":2}"#).at("2026-05-20T12:00:03Z"),
        Sample::new("3", r#"{"n":3}"#).at("2026-05-20T12:00:01Z"),
    ];
    let counters = contribution(std::slice::from_ref(&meter), &samples).counters;
    let Some(Tally::Latest { at, value, .. }) = counters.0.values().next() else { panic!("{counters:?}") };
    assert_eq!((at.to_string().as_str(), *value), ("2026-05-20T12:00:03Z", quantity("2")));
}

/// Of two events of one instant the later one is the one that is known by more, whichever is added first.
#[test]
fn a_tie_is_broken_by_what_events_are_known_by() {
    let meter = meter("m", Aggregation::Latest(path("$.n")), &[], &[]);
    let (first, second) = (Sample::new("1", r#"{"n":1}"#), Sample::new("2", r#"{"n":2}"#));
    let one_way = contribution(std::slice::from_ref(&meter), &[first.clone(), second.clone()]);
    let other_way = contribution(std::slice::from_ref(&meter), &[second, first]);
    assert_eq!(one_way, other_way);
}

#[test]
fn distinct_values_are_a_set() {
    let meter = meter("m", Aggregation::UniqueCount(path("$.user")), &["$.region"], &[]);
    let data = [
        r#"{"user":"ann","region":"eu"}"#,
        r#"{"user":"bob","region":"eu"}"#,
        r#"{"region":"eu","user":"ann"}"#,
        r#"{"user":"ann","region":"us"}"#,
        r#"{"user":7,"region":"us"}"#,
        r#"{"user":"7","region":"us"}"#,
        r#"{"user":"\u0061nn","region":"us"}"#,
        r#"{"user":null,"region":"us"}"#,
    ];
    let samples: Vec<Sample> = (0..).zip(data).map(|(n, data): (i32, _)| Sample::new(&n.to_string(), data)).collect();
    let contribution = contribution(std::slice::from_ref(&meter), &samples);
    // Ann and Bob in the EU; Ann and 7 in the US; and nobody, who cannot be counted.
    let of = |region: &str| contribution.members.iter().filter(|member| member.group.0 == [region]).count();
    assert_eq!((of("eu"), of("us"), contribution.members.len(), contribution.unreadable), (2, 2, 4, 1));
    assert_eq!(contribution.counters, Counters::default());
}

#[rstest]
#[case::text(&["$.d"], r#"{"d":"eu"}"#, "eu")]
#[case::escapes(&["$.d"], r#"{"d":"a\tb"}"#, "a\tb")]
#[case::number(&["$.d"], r#"{"d":1.50}"#, "1.50")]
#[case::odd_number(&["$.d"], r#"{"d":1e3}"#, "1e3")]
#[case::boolean(&["$.d"], r#"{"d":true}"#, "true")]
#[case::missing(&["$.d"], r#"{"e":1}"#, "")]
#[case::null(&["$.d"], r#"{"d":null}"#, "")]
#[case::array(&["$.d"], r#"{"d":["eu"]}"#, "")]
#[case::object(&["$.d"], r#"{"d":{"e":"eu"}}"#, "")]
#[case::nested(&["$.d.e"], r#"{"d":{"e":"eu"}}"#, "eu")]
#[case::several(&["$.a", "$.b", "$.c"], r#"{"c":3,"b":false,"a":"x"}"#, "x|false|3")]
fn dimensions_make_groups(#[case] dimensions: &[&str], #[case] data: &str, #[case] group: &str) {
    let meter = meter("m", Aggregation::Count, dimensions, &[]);
    // Twice: the second time the group is remembered.
    assert_eq!(tallies(&meter, &[data, data]), [(group.to_owned(), Tally::Sum(quantity("2")))]);
}

#[test]
fn groups_are_kept_apart_whatever_shape_their_events_have() {
    let meter = meter("m", Aggregation::Sum(path("$.n")), &["$.a", "$.b"], &[]);
    let data = [
        r#"{"a":"x","b":"y","n":1}"#,
        r#"{"a":"y","b":"x","n":2}"#,
        r#"{"b":"y","a":"x","n":3.0}"#,
        r#"{"a":"x","b":"y","n":"4"}"#,
        r#"{"a":"x","n":5}"#,
    ];
    let sum = |group: &str, text: &str| (group.to_owned(), Tally::Sum(quantity(text)));
    assert_eq!(tallies(&meter, &data), [sum("x|", "5"), sum("x|y", "8"), sum("y|x", "2")]);
}

/// Of one shape, and with the same value of one dimension.
#[test]
fn every_dimension_makes_groups() {
    let meter = meter("m", Aggregation::Count, &["$.a", "$.b", "$.c"], &[]);
    let data = [
        r#"{"a":"x","b":1,"c":true}"#,
        r#"{"a":"x","b":2,"c":true}"#,
        r#"{"a":"y","b":1,"c":true}"#,
        r#"{"a":"x","b":1,"c":false}"#,
        r#"{"a":"x","b":2,"c":true}"#,
    ];
    let count = |group: &str, count: &str| (group.to_owned(), Tally::Sum(quantity(count)));
    let expect = [count("x|1|false", "1"), count("x|1|true", "1"), count("x|2|true", "2"), count("y|1|true", "1")];
    assert_eq!(tallies(&meter, &data), expect);
}

#[rstest]
#[case::one_of(&["$.f=a|b"], r#"{"f":"b"}"#, true)]
#[case::none_of(&["$.f=a|b"], r#"{"f":"c"}"#, false)]
#[case::missing(&["$.f=a"], "{}", false)]
#[case::missing_is_not_the_empty_text(&["$.f="], "{}", false)]
#[case::number(&["$.f=200"], r#"{"f":200}"#, true)]
#[case::number_as_it_is_written(&["$.f=200"], r#"{"f":200.0}"#, false)]
#[case::boolean(&["$.f=true"], r#"{"f":true}"#, true)]
#[case::escapes(&["$.f=é"], r#"{"f":"\u00e9"}"#, true)]
#[case::all_of_them(&["$.f=a", "$.g=b"], r#"{"f":"a","g":"b"}"#, true)]
#[case::not_all_of_them(&["$.f=a", "$.g=b"], r#"{"f":"a","g":"c"}"#, false)]
fn filters_leave_events_out(#[case] filters: &[&str], #[case] data: &str, #[case] counts: bool) {
    let meter = meter("m", Aggregation::Count, &[], filters);
    assert_eq!(tallies(&meter, &[data]).len(), usize::from(counts));
}

#[test]
fn an_event_that_one_meter_cannot_read_counts_for_the_others() {
    let meters = [
        meter("count", Aggregation::Count, &[], &[]),
        meter("sum", Aggregation::Sum(path("$.n")), &[], &[]),
        meter("max", Aggregation::Max(path("$.n")), &[], &[]),
    ];
    // A good one; one without a number; one that only a sum may take below zero; one beyond all quantities.
    let data = [r#"{"n":2}"#, r#"{"n":"many"}"#, r#"{"n":-5}"#, r#"{"n":1000000000000000}"#];
    let samples: Vec<Sample> = (0..).zip(data).map(|(n, data): (i32, _)| Sample::new(&n.to_string(), data)).collect();
    let contribution = contribution(&meters, &samples);
    let of = |slug: &str| {
        let key = CounterKey { meter_id: MeterId::derived(&[slug]), group: GroupKey::default() };
        contribution.counters.0[&key]
    };
    assert_eq!(of("count"), Tally::Sum(quantity("4")));
    assert_eq!(of("sum"), Tally::Sum(quantity("-3")));
    assert_eq!(of("max"), Tally::Max(quantity("2")));
    assert_eq!(contribution.unreadable, 5);
}

#[test]
fn a_dimension_that_is_too_long_makes_an_event_unreadable() {
    let meter = meter("m", Aggregation::Count, &["$.d"], &[]);
    let data = [format!(r#"{{"d":"{}"}}"#, "x".repeat(128)), format!(r#"{{"d":"{}"}}"#, "x".repeat(129))];
    let samples: Vec<Sample> = data.iter().map(|data| Sample::new(data, data)).collect();
    let contribution = contribution(std::slice::from_ref(&meter), &samples);
    assert_eq!((contribution.counters.0.len(), contribution.unreadable), (1, 1));
}

#[test]
fn only_events_of_the_meters_type_count() {
    let other = Sample { event_type: "other".to_owned(), ..Sample::new("2", "{}") };
    let contribution = contribution(&[meter("m", Aggregation::Count, &[], &[])], &[Sample::new("1", "{}"), other]);
    assert_eq!(contribution.counters.0.into_values().collect::<Vec<_>>(), [Tally::Sum(quantity("1"))]);
}

#[rstest]
#[case::good(r#"{"n":1,"d":"eu"}"#, Ok(vec!["eu"]))]
#[case::left_out(r#"{"n":1,"d":"eu","f":"no"}"#, Ok(vec![]))]
#[case::unreadable(r#"{"d":"eu"}"#, Err("quantity_missing"))]
fn what_comes_in_is_checked_against_the_meters(#[case] data: &str, #[case] expect: Result<Vec<&str>, &str>) {
    let filter: &[&str] = if data.contains("\"f\"") { &["$.f=yes"] } else { &[] };
    let meters = [meter("m", Aggregation::Sum(path("$.n")), &["$.d"], filter)];
    let batch = batch(&[Sample::new("1", data)]);
    let groups = Sights::new(&meters, &batch).check(&batch.event(0));
    let groups = groups.map(|groups| groups.into_iter().map(|(_, group)| group.0.join("|")).collect::<Vec<_>>());
    assert_eq!(
        groups.map_err(|violation| violation.code),
        expect.map(|groups| groups.into_iter().map(str::to_owned).collect())
    );
}

/// What a meter reads of an event, by parsing its JSON: the model that is held against the columns.
mod model {
    use super::*;
    use serde_json::Value;

    /// A scalar of the JSON with its text, if the path leads to one.
    fn scalar(data: &str, path: &str) -> Option<Value> {
        let mut here: Value = serde_json::from_str(data).unwrap();
        for step in path.split('.').skip(1) {
            here = here.get_mut(step)?.take();
        }
        (here.is_string() || here.is_boolean() || here.is_number()).then_some(here)
    }

    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    pub(super) fn fold(meters: &[Meter], samples: &[Sample], identity: &Identity) -> Contribution {
        let mut all = Contribution::default();
        for sample in samples {
            let batch = batch([sample]);
            let key = identity.key(&batch.event(0));
            for meter in meters.iter().filter(|meter| meter.event_type == sample.event_type) {
                add(&mut all, meter, sample, key);
            }
        }
        all
    }

    fn add(all: &mut Contribution, meter: &Meter, sample: &Sample, key: EventKey) {
        let at = |path: &domain::usage::Path| scalar(&sample.data, &path.to_string());
        let passes = |filter: &domain::usage::Filter| {
            at(&filter.path).is_some_and(|value| filter.any_of.contains(&text(&value)))
        };
        if !meter.filters.iter().all(passes) {
            return;
        }
        let value = meter.aggregation.path().and_then(at);
        let reading = match (&meter.aggregation, value) {
            (Aggregation::Count, _) => Reading::Event,
            (Aggregation::UniqueCount(_), Some(value)) => {
                Reading::Member(ValueDigest(domain::usage::event::digest(&[&text(&value)])))
            }
            (_, Some(value)) => match Quantity::parse(&text(&value)) {
                Ok(quantity) if quantity >= Quantity::ZERO || meter.aggregation.takes_negatives() => {
                    Reading::Quantity(quantity)
                }
                _ => return all.unreadable += 1,
            },
            (_, None) => return all.unreadable += 1,
        };
        let dimensions =
            meter.dimensions.iter().map(|dimension| at(&dimension.path).as_ref().map(text).unwrap_or_default());
        let (meter_id, group) = (meter.id, GroupKey(dimensions.collect()));
        if let Reading::Member(value) = reading {
            all.members.insert(Member { meter_id, group, value });
            return;
        }
        let tally = Tally::of(&meter.aggregation, reading, sample.occurred_at, super::at(NOON_MS), tie(key)).unwrap();
        let one = Counters(BTreeMap::from([(CounterKey { meter_id, group }, tally)]));
        all.counters.merge(one).unwrap();
    }
}

/// Events whose numbers `serde_json` can hold as they are written.
fn any_event() -> impl Strategy<Value = Sample> {
    let number =
        || prop::sample::select(vec!["0", "7", "-3", "1200", "\"8\"", "\"x\"", "true", "null", "999999999999"]);
    let text =
        || prop::sample::select(vec!["\"eu\"", "\"us\"", "\"\"", "\"e\\u0075\"", "17", "false", "null", "[]", "{}"]);
    let object = (number(), text(), text(), 0..6_u8).prop_map(|(n, a, b, form)| match form {
        0 => format!(r#"{{"n":{n},"a":{a},"b":{b}}}"#),
        1 => format!(r#"{{"a":{a}, "n":{n}}}"#),
        2 => format!(r#"{{"b":{b},"a":{a}}}"#),
        3 => format!(r#"{{"n":{n},"n":{n},"a":{{"b":{b}}}}}"#),
        4 => format!(r#"{{"a":{{"b":1}},"a":{a},"n":{n}}}"#),
        _ => "{}".to_owned(),
    });
    // Of few shapes, so that groups are met again.
    (any_sample(), object, 0..3_600_000_i64, 0..8_u8).prop_map(|(sample, data, ms, other)| {
        let sample = if other == 0 { sample } else { Sample::new(&sample.id, "") };
        Sample { data, occurred_at: at(NOON_MS + ms), ..sample }
    })
}

fn any_meters() -> impl Strategy<Value = Vec<Meter>> {
    let aggregation = prop::sample::select(vec![
        Aggregation::Count,
        Aggregation::Sum(path("$.n")),
        Aggregation::Min(path("$.n")),
        Aggregation::Max(path("$.n")),
        Aggregation::Latest(path("$.n")),
        Aggregation::Average(path("$.n")),
        Aggregation::WeightedSum(path("$.n")),
        Aggregation::UniqueCount(path("$.b")),
    ]);
    let dimensions = prop::sample::select(vec![&[][..], &["$.a"], &["$.a.b"], &["$.b", "$.a"], &["$.n"]]);
    let filters: Vec<&[&str]> = vec![&[], &["$.a=eu|17"], &["$.b=us|false", "$.n=7"]];
    let one = (aggregation, dimensions, prop::sample::select(filters));
    prop::collection::vec(one, 1..4).prop_map(|meters| {
        let meters = (0..).zip(meters).map(|(n, (aggregation, dimensions, filters)): (i32, _)| {
            meter(&format!("m{n}"), aggregation, dimensions, filters)
        });
        meters.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn columns_say_what_parsing_says(meters in any_meters(), samples in prop::collection::vec(any_event(), 0..40)) {
        let expect = model::fold(&meters, &samples, &Identity::new(tenant_id()));
        prop_assert_eq!(contribution(&meters, &samples), expect);
    }

    /// In any order, in any parts, and out of any batch.
    #[test]
    fn parts_add_up_to_the_whole(
        meters in any_meters(),
        samples in prop::collection::vec(any_event(), 1..30),
        split in any::<prop::sample::Index>(),
    ) {
        let whole = contribution(&meters, &samples);
        let (left, right) = samples.split_at(split.index(samples.len()));
        let (mut sum, part) = (contribution(&meters, right), contribution(&meters, left));
        sum.counters.merge(part.counters).unwrap();
        sum.members.extend(part.members);
        sum.unreadable += part.unreadable;
        prop_assert_eq!(&sum, &whole);

        let packed = crate::decode(&crate::encode(&batch(&samples))).unwrap();
        let identity = Identity::new(tenant_id());
        let sights = Sights::new(&meters, &packed);
        let mut one_by_one = Fold::new(&sights, at(NOON_MS));
        for event in packed.events() {
            one_by_one.add(&event, identity.key(&event)).unwrap();
        }
        prop_assert_eq!(one_by_one.finish(), whole);
    }
}
