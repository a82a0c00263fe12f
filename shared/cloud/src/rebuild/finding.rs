//! What a rebuild may find, and the comparison that finds it. Pure.

use crate::store::Break;
use domain::{
    id::MeterId,
    usage::{GroupKey, Meter, Tally},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use usage_log::{Contribution, Counters, Member};

/// What is not as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A counter.
    Counter {
        /// Slug of its meter.
        meter: String,
        /// Its group.
        group: GroupKey,
        /// What is stored, if anything is.
        stored: Option<Tally>,
        /// What the log adds up to, if any event of it counts there.
        rebuilt: Option<Tally>,
    },
    /// The distinct values of a unique count.
    Values {
        /// Slug of its meter.
        meter: String,
        /// Its group.
        group: GroupKey,
        /// How many are stored.
        stored: usize,
        /// How many the log has.
        rebuilt: usize,
        /// How many both have.
        shared: usize,
    },
    /// A meter has counted nothing of what it would count now: most likely it is younger than the events.
    NotBackFilled {
        /// Its slug.
        meter: String,
        /// The first group that it would count.
        group: GroupKey,
    },
    /// The chain of segments.
    Broken(Break),
    /// The number of events.
    Accepted {
        /// How many the head speaks of.
        head: u32,
        /// How many the log holds.
        log: u64,
    },
    /// Hours of a lane are there, and its head is not.
    Headless,
}

impl Finding {
    /// Its kind, as a stable code.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Counter { .. } => "counter",
            Self::Values { .. } => "distinct_values",
            Self::NotBackFilled { .. } => "not_back_filled",
            Self::Broken(Break::Missing(_)) => "segment_missing",
            Self::Broken(Break::Changed(_)) => "segment_changed",
            Self::Accepted { .. } => "events_missing",
            Self::Headless => "head_missing",
        }
    }

    /// The meter and group that it is about.
    #[must_use]
    pub fn place(&self) -> Option<(&str, &GroupKey)> {
        match self {
            Self::Counter { meter, group, .. }
            | Self::Values { meter, group, .. }
            | Self::NotBackFilled { meter, group } => Some((meter, group)),
            Self::Broken(_) | Self::Accepted { .. } | Self::Headless => None,
        }
    }

    /// What is stored and what the log has, in words.
    #[must_use]
    pub fn values(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Counter { stored, rebuilt, .. } => (stored.as_ref().map(text), rebuilt.as_ref().map(text)),
            Self::Values { stored, rebuilt, .. } => (Some(stored.to_string()), Some(rebuilt.to_string())),
            Self::Accepted { head, log } => (Some(head.to_string()), Some(log.to_string())),
            Self::NotBackFilled { .. } | Self::Broken(_) | Self::Headless => (None, None),
        }
    }

    /// Whether counters can be counted anew, as the log is whole.
    pub(super) fn is_repairable(&self) -> bool {
        match self {
            Self::Counter { .. } | Self::Values { .. } | Self::NotBackFilled { .. } => true,
            Self::Broken(_) | Self::Accepted { .. } | Self::Headless => false,
        }
    }

    /// The first of several to be told has the lowest rank: what cannot be explained comes before what can.
    pub(super) fn rank(&self) -> u8 {
        u8::from(matches!(self, Self::NotBackFilled { .. }))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter { meter, stored: Some(stored), rebuilt: Some(rebuilt), .. } => {
                write!(f, "the counter of {meter} is {}, and the log adds up to {}", text(stored), text(rebuilt))
            }
            Self::Counter { meter, stored: None, rebuilt: Some(rebuilt), .. } => {
                write!(f, "{meter} has no counter, and the log adds up to {}", text(rebuilt))
            }
            Self::Counter { meter, stored, .. } => {
                let stored = stored.as_ref().map(text).unwrap_or_default();
                write!(f, "the counter of {meter} is {stored}, and no event of the log adds to it")
            }
            Self::Values { meter, stored, rebuilt, shared, .. } => {
                write!(f, "{meter} has {stored} distinct values and the log {rebuilt}, of which {shared} are the same")
            }
            Self::NotBackFilled { meter, .. } => {
                write!(
                    f,
                    "{meter} has counted none of the events here: it is younger than they are, and not back-filled"
                )
            }
            Self::Broken(cause) => cause.fmt(f),
            Self::Accepted { head, log } => {
                write!(f, "the head of the lane speaks of {head} events, and its log holds {log}")
            }
            Self::Headless => f.write_str("the head of the lane is missing, and with it the end of its log"),
        }
    }
}

fn text(tally: &Tally) -> String {
    match tally {
        Tally::Sum(value) | Tally::Min(value) | Tally::Max(value) => value.to_string(),
        Tally::Latest { at, value, .. } => format!("{value} at {at}"),
        Tally::Average { sum, count } => format!("{sum} over {count} events"),
        Tally::Weighted { change, moment } => format!("a change of {change} with the moment {moment}"),
    }
}

/// What one lane keeps of one hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) counters: Counters,
    pub(super) members: BTreeSet<Member>,
}

/// The first difference between what is kept of an hour and what was rebuilt of it.
pub(super) fn compare(meters: &[Meter], kept: &Kept, rebuilt: &Contribution) -> Option<Finding> {
    let slugs: BTreeMap<MeterId, &str> = meters.iter().map(|meter| (meter.id, meter.slug.as_str())).collect();
    let slug = |id: MeterId| slugs.get(&id).map_or_else(|| id.to_string(), |slug| (*slug).to_owned());
    let counters = kept.counters.0.keys().map(|key| key.meter_id);
    let counting: BTreeSet<MeterId> = counters.chain(kept.members.iter().map(|member| member.meter_id)).collect();
    let mut younger = None;
    let keys: BTreeSet<_> = kept.counters.0.keys().chain(rebuilt.counters.0.keys()).collect();
    for key in keys {
        let (stored, recounted) = (kept.counters.0.get(key).copied(), rebuilt.counters.0.get(key).copied());
        let (meter, group) = (slug(key.meter_id), key.group.clone());
        if stored == recounted {
            continue;
        }
        if counting.contains(&key.meter_id) {
            return Some(Finding::Counter { meter, group, stored, rebuilt: recounted });
        }
        younger = younger.or(Some(Finding::NotBackFilled { meter, group }));
    }
    for member in kept.members.symmetric_difference(&rebuilt.members) {
        let (meter, group) = (slug(member.meter_id), member.group.clone());
        if counting.contains(&member.meter_id) {
            return Some(values(meter, member, &kept.members, &rebuilt.members));
        }
        younger = younger.or(Some(Finding::NotBackFilled { meter, group }));
    }
    younger
}

fn values(meter: String, member: &Member, stored: &BTreeSet<Member>, rebuilt: &BTreeSet<Member>) -> Finding {
    let here = |other: &&Member| other.meter_id == member.meter_id && other.group == member.group;
    Finding::Values {
        meter,
        group: member.group.clone(),
        stored: stored.iter().filter(here).count(),
        rebuilt: rebuilt.iter().filter(here).count(),
        shared: stored.intersection(rebuilt).filter(here).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        text::Slug,
        usage::{Aggregation, Path, Quantity, meter::ValueDigest},
    };
    use rstest::rstest;
    use usage_log::CounterKey;

    fn meter(slug: &str, aggregation: Aggregation) -> Meter {
        Meter {
            id: MeterId::derived(&[slug]),
            slug: Slug::parse(slug).unwrap(),
            name: slug.to_owned(),
            event_type: "call".to_owned(),
            filters: Vec::new(),
            aggregation,
            dimensions: Vec::new(),
        }
    }

    fn group(text: &str) -> GroupKey {
        GroupKey(vec![text.to_owned()])
    }

    /// Counters of the meter `calls` and distinct values of `users`, by group.
    fn contribution(counters: &[(&str, &str, u64)], users: &[(&str, u8)]) -> Contribution {
        let counter = |(slug, name, count): &(&str, &str, u64)| {
            let key = CounterKey { meter_id: MeterId::derived(&[slug]), group: group(name) };
            (key, Tally::Sum(Quantity::whole(*count)))
        };
        let member = |(name, value): &(&str, u8)| Member {
            meter_id: MeterId::derived(&["users"]),
            group: group(name),
            value: ValueDigest([*value; 16]),
        };
        Contribution {
            counters: Counters(counters.iter().map(counter).collect()),
            members: users.iter().map(member).collect(),
            unreadable: 0,
        }
    }

    fn found(kept: &Contribution, rebuilt: &Contribution) -> Option<String> {
        let path = Path::parse("$.user").unwrap();
        let meters = [
            meter("calls", Aggregation::Count),
            meter("new", Aggregation::Count),
            meter("users", Aggregation::UniqueCount(path)),
        ];
        let kept = Kept { counters: kept.counters.clone(), members: kept.members.clone() };
        compare(&meters, &kept, rebuilt).map(|finding| format!("{}: {finding}", finding.kind()))
    }

    #[rstest]
    #[case::same(&[("calls", "eu", 2)], &[("calls", "eu", 2)], None)]
    #[case::more(&[("calls", "eu", 3)], &[("calls", "eu", 2)], Some("counter: the counter of calls is 3, and the log adds up to 2"))]
    #[case::extra_group(
        &[("calls", "eu", 2), ("calls", "us", 1)], &[("calls", "eu", 2)],
        Some("counter: the counter of calls is 1, and no event of the log adds to it")
    )]
    #[case::lost_group(
        &[("calls", "eu", 2)], &[("calls", "eu", 2), ("calls", "us", 1)],
        Some("counter: calls has no counter, and the log adds up to 1")
    )]
    #[case::unknown_meter(
        &[("gone", "eu", 2)], &[],
        Some("counter: the counter of mtr_gone is 2, and no event of the log adds to it")
    )]
    #[case::younger(
        &[("calls", "eu", 2)], &[("calls", "eu", 2), ("new", "eu", 2)],
        Some("not_back_filled: new has counted none of the events here: it is younger than they are, and not back-filled")
    )]
    #[case::what_cannot_be_explained_comes_first(
        &[("calls", "eu", 3)], &[("calls", "eu", 2), ("new", "eu", 2)],
        Some("counter: the counter of calls is 3, and the log adds up to 2")
    )]
    fn counters_are_compared_by_meter_and_group(
        #[case] kept: &[(&str, &str, u64)],
        #[case] rebuilt: &[(&str, &str, u64)],
        #[case] expect: Option<&str>,
    ) {
        let gone = MeterId::derived(&["gone"]).to_string();
        let expect = expect.map(|text| text.replace("mtr_gone", &gone));
        assert_eq!(found(&contribution(kept, &[]), &contribution(rebuilt, &[])), expect);
    }

    #[rstest]
    #[case::same(&[("eu", 1)], &[("eu", 1)], None)]
    #[case::one_lost(
        &[("eu", 1), ("us", 9)], &[("eu", 1), ("eu", 2), ("us", 9)],
        Some("distinct_values: users has 1 distinct values and the log 2, of which 1 are the same")
    )]
    #[case::another(
        &[("eu", 1), ("eu", 3)], &[("eu", 1), ("eu", 2)],
        Some("distinct_values: users has 2 distinct values and the log 2, of which 1 are the same")
    )]
    #[case::younger(
        &[], &[("eu", 1)],
        Some("not_back_filled: users has counted none of the events here: it is younger than they are, and not back-filled")
    )]
    fn distinct_values_are_compared_by_group(
        #[case] kept: &[(&str, u8)],
        #[case] rebuilt: &[(&str, u8)],
        #[case] expect: Option<&str>,
    ) {
        assert_eq!(found(&contribution(&[], kept), &contribution(&[], rebuilt)).as_deref(), expect);
    }
}
