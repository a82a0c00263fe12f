//! Events for the tests of this crate: by hand, and of all kinds that there are.

use crate::{
    Arrival, Batch, Builder, Correction, DecideError, Decision, EventRef, Head, Identity, Note, Outcome, Request,
    Segment, Snapshot, fold,
};
use domain::{
    Timestamp,
    id::{MeterId, TenantId},
    text::Slug,
    usage::{Aggregation, Dimension, EventKey, Filter, Meter, Path, TimeBasis, UsageEvent},
};
use proptest::prelude::*;

/// 2026-05-20T12:00:00Z.
pub(crate) const NOON_MS: i64 = 1_779_278_400_000;

/// An event as it was sent, and when it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) event_type: String,
    pub(crate) occurred_at: Timestamp,
    pub(crate) time_basis: TimeBasis,
    pub(crate) data: String,
    pub(crate) received_at: Timestamp,
}

impl Sample {
    /// An event of the source `edge` and the type `request` at noon.
    pub(crate) fn new(id: &str, data: &str) -> Self {
        Self {
            id: id.to_owned(),
            source: "edge".to_owned(),
            event_type: "request".to_owned(),
            occurred_at: at(NOON_MS),
            time_basis: TimeBasis::Event,
            data: data.to_owned(),
            received_at: at(NOON_MS),
        }
    }

    pub(crate) fn at(self, time: &str) -> Self {
        Self { occurred_at: time.parse().unwrap(), ..self }
    }

    pub(crate) fn received(self, milliseconds_after_noon: i64) -> Self {
        Self { received_at: at(NOON_MS + milliseconds_after_noon), ..self }
    }

    pub(crate) fn event(&self) -> UsageEvent<'_> {
        UsageEvent {
            id: &self.id,
            source: &self.source,
            event_type: &self.event_type,
            occurred_at: self.occurred_at,
            time_basis: self.time_basis,
            data: &self.data,
        }
    }

    /// What is read of `event`.
    pub(crate) fn read(event: &EventRef<'_>) -> Self {
        Self {
            id: event.id().into_owned(),
            source: event.shape().source.to_string(),
            event_type: event.shape().event_type.to_string(),
            occurred_at: event.occurred_at(),
            time_basis: event.shape().time_basis,
            data: event.data(),
            received_at: event.received_at(),
        }
    }
}

pub(crate) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

pub(crate) fn builder<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Builder {
    let mut builder = Builder::default();
    for sample in samples {
        builder.push(&sample.event(), sample.received_at).unwrap();
    }
    builder
}

pub(crate) fn batch<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Batch {
    builder(samples).finish()
}

/// All that can be read of a batch.
pub(crate) fn read(batch: &Batch) -> (Vec<(Sample, bool)>, Vec<Note>) {
    let events = batch.events().map(|event| (Sample::read(&event), event.row.accepted));
    (events.collect(), batch.notes().to_vec())
}

pub(crate) fn tenant_id() -> TenantId {
    TenantId::derived(&["acme"])
}

/// So many plain events: a `UUIDv7`, the time that is in it, a number below a million, and one of eight regions.
pub(crate) fn plain(count: usize) -> Vec<Sample> {
    const REGIONS: [&str; 8] =
        ["eu-west-1", "eu-west-3", "eu-north-1", "us-east-1", "us-east-2", "us-west-2", "ap-south-1", "sa-east-1"];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut occurred_ms = NOON_MS;
    let samples = (0..count).map(|_| {
        occurred_ms += i64::try_from(random(20)).unwrap();
        let (high, low) = (random(u64::MAX), random(u64::MAX));
        let id = uuid_7(occurred_ms, high, low);
        let region = REGIONS[usize::try_from(random(8)).unwrap()];
        let data = format!(r#"{{"bytes":{},"region":"{region}"}}"#, random(1_000_000));
        Sample { occurred_at: at(occurred_ms), ..Sample::new(&id, &data) }
    });
    samples.collect()
}

pub(crate) fn uuid_7(unix_ms: i64, high: u64, low: u64) -> String {
    let ms = u128::from(unix_ms.unsigned_abs() & 0xffff_ffff_ffff);
    let rest = u128::from(high & 0xfff) << 64 | u128::from(low >> 2);
    uuid::Uuid::from_u128(ms << 80 | 0x7000 << 64 | 0x8000_0000_0000_0000 | rest).hyphenated().to_string()
}

pub(crate) fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// A meter of `request` events, with filters such as `$.region=eu|us`.
pub(crate) fn meter(slug: &str, aggregation: Aggregation, dimensions: &[&str], filters: &[&str]) -> Meter {
    let dimension = |text: &&str| Dimension { name: Slug::parse("dimension").unwrap(), path: path(text) };
    let filter = |text: &&str| {
        let (text, any_of) = text.split_once('=').unwrap();
        Filter { path: path(text), any_of: any_of.split('|').map(str::to_owned).collect() }
    };
    Meter {
        id: MeterId::derived(&[slug]),
        slug: Slug::parse(slug).unwrap(),
        name: slug.to_owned(),
        event_type: "request".to_owned(),
        filters: filters.iter().map(filter).collect(),
        aggregation,
        dimensions: dimensions.iter().map(dimension).collect(),
    }
}

/// Any JSON object, in any way of writing it.
pub(crate) fn any_data() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,6})(\\.[0-9]{1,4})?",
        "-?[1-9][0-9]{17,25}",
        "-?[1-9](\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}",
        Just("-0".to_owned()),
        Just("999999999999999999".to_owned()),
    ];
    let text = prop_oneof![
        "\"[a-z0-9 -]{0,6}\"",
        "\"[日本é€😀]{1,3}\"",
        prop::sample::select(vec![
            r#""\"""#,
            r#""\\""#,
            r#""a\nb""#,
            r#""\u00e9""#,
            r#""\ud83d\ude00""#,
            r#""\ud800""#
        ])
        .prop_map(str::to_owned),
    ];
    let word = prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let leaf = prop_oneof![4 => number, 3 => text, 1 => word];
    let value = leaf.prop_recursive(10, 24, 3, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            3 => object(inner),
        ]
    });
    object(value)
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let names = vec!["a", "b", "c", "bytes", "region", "", "日", r"\u0061", r#"q\""#, r"\ud800"];
    let member = (prop::sample::select(names), value);
    let blanks = prop::sample::select(vec!["", "", "", " ", "\n\t", "\r\n  "]);
    (prop::collection::vec(member, 0..4), blanks).prop_map(|(members, blank)| {
        let members = members.iter().map(|(name, value)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

/// Any event.
pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let unit = prop::sample::select(vec![1_000_000_000_i64, 1_000_000, 1_000, 1]);
    let time = prop_oneof![
        8 => (unit, 0..4_000_000_i64).prop_map(|(unit, count)| NOON_MS * 1_000_000 + unit * count),
        1 => any::<i64>(),
        1 => prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX]),
    ];
    let id = prop_oneof![
        3 => Just(None),
        1 => any::<u128>().prop_map(|id| Some(uuid::Uuid::from_u128(id).hyphenated().to_string())),
        1 => any::<u128>().prop_map(|id| Some(uuid::Uuid::from_u128(id).hyphenated().to_string().to_uppercase())),
        1 => any::<u128>().prop_map(|id| Some(uuid::Uuid::from_u128(id).simple().to_string())),
        2 => "order-[0-9]{1,4}".prop_map(Some),
        1 => "[a-zé日😀-]{1,40}".prop_map(Some),
    ];
    let received_ms = prop_oneof![4 => NOON_MS..NOON_MS + 3, 1 => -8_000_000_000_000_i64..8_000_000_000_000];
    let basis = prop::sample::select(vec![TimeBasis::Event, TimeBasis::Event, TimeBasis::Arrival]);
    let names = (prop::sample::select(vec!["edge", "core", ""]), prop::sample::select(vec!["request", "other"]));
    let data = prop_oneof![
        3 => (0_u32..1_000_000, 0..8).prop_map(|(bytes, at)| format!(r#"{{"bytes":{bytes},"region":"r{at}"}}"#)),
        2 => any_data(),
    ];
    (id, time, any::<(u64, u64)>(), received_ms, basis, names, data).prop_map(
        |(id, ns, (high, low), received_ms, time_basis, (source, event_type), data)| Sample {
            id: id.unwrap_or_else(|| uuid_7(ns / 1_000_000, high, low)),
            source: source.to_owned(),
            event_type: event_type.to_owned(),
            occurred_at: Timestamp::from_nanosecond(ns.into()).unwrap(),
            time_basis,
            data,
            received_at: at(received_ms),
        },
    )
}

/// What `snapshot` decides of events in one message.
pub(crate) fn decide<'s>(snapshot: &Snapshot, samples: impl IntoIterator<Item = &'s Sample>) -> Decision {
    decide_with(snapshot, samples, &[]).unwrap()
}

/// What `snapshot` decides of events in one message and of corrections.
pub(crate) fn decide_with<'s>(
    snapshot: &Snapshot,
    samples: impl IntoIterator<Item = &'s Sample>,
    corrections: &[Asked],
) -> Result<Decision, DecideError> {
    let identity = Identity::new(tenant_id());
    let batch = batch(samples);
    let arrivals: Vec<Arrival<'_>> = batch.events().map(|event| Arrival { event, key: identity.key(&event) }).collect();
    let replacements: Vec<Option<Batch>> =
        corrections.iter().map(|asked| asked.replacement.as_ref().map(|sample| self::batch([sample]))).collect();
    let requests = corrections.iter().zip(&replacements).map(|(asked, replacement)| Request {
        key: key(&asked.event),
        correction: Correction { id: [asked.id; 16], reason: "a reason".into() },
        at: at(NOON_MS),
        replacement: replacement.as_ref().map(|batch| batch.event(0)),
    });
    snapshot.decide(&arrivals, &requests.collect::<Vec<_>>(), &identity)
}

/// A correction that somebody asks for; without a replacement, that the event is void.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: u8,
    pub(crate) event: Sample,
    pub(crate) replacement: Option<Sample>,
}

pub(crate) fn key(sample: &Sample) -> EventKey {
    Identity::new(tenant_id()).key(&batch([sample]).event(0))
}

/// Commits what `snapshot` decides of events and corrections, with counters of `meters`, as the one worker of the lane.
pub(crate) fn commit<'s>(
    snapshot: &mut Snapshot,
    samples: impl IntoIterator<Item = &'s Sample>,
    corrections: &[Asked],
    meters: &[Meter],
) -> (Outcome, Option<Segment>) {
    let identity = Identity::new(tenant_id());
    let decision = decide_with(snapshot, samples, corrections).unwrap();
    let (head, segment) = next(snapshot, &decision, meters);
    snapshot.committed(head, &decision, &identity);
    (decision.outcome, segment)
}

/// What a commit of `decision` writes, if nothing was corrected.
pub(crate) fn next(snapshot: &Snapshot, decision: &Decision, meters: &[Meter]) -> (Head, Option<Segment>) {
    let (identity, hour) = (Identity::new(tenant_id()), at(NOON_MS));
    let added = fold(meters, &decision.added, decision.added.accepted(), &identity, hour).unwrap();
    let mut counters = snapshot.head().counters.clone();
    counters.merge(added.counters).unwrap();
    snapshot.next(decision, hour, counters).unwrap()
}
