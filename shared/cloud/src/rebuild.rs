//! Counts a tenant's hours anew from the usage log, and compares: counters, distinct values, and the chain of digests.
//!
//! A call does a bounded part of what is asked and says where to go on. Hours are checked whole and in order, and never two
//! local months in one call, so that an arrival lane is read once. Every part continues the digest of the one before: the
//! digest of a range does not depend on how it was parted.
//!
//! Invariants: the log is only read; a repair changes what the log can bring back at any time; and a worker that
//! remembers the lane finds its head moved, and reads it again.

mod finding;
mod lane;

pub use finding::Finding;

use crate::{
    Fault, TenantStore, World,
    store::{CountedLane, Cursor, StoredHead},
};
use domain::{
    TimeZone, Timestamp,
    calendar::{self, Period},
    id::TenantId,
    usage::{Bucket, window::Window},
};
use futures::{StreamExt, TryStreamExt, stream};
use lane::{Candidate, Checker, Report};
use std::collections::{BTreeMap, BTreeSet};
use usage_log::Lane;

/// Lanes and hours of one call, and those of the hour that goes beyond.
const LANE_HOURS_MAX: usize = 250;
/// Events of one call, without those of arrival lanes, and those of the hour that goes beyond.
const EVENTS_MAX: u64 = 200_000;
/// Pages of lanes of one call: an hour of twelve buckets with 64 shards each is eight.
const PAGES_MAX: usize = 64;
/// Lanes that are recounted at once.
const LANES_AT_ONCE: usize = 8;

/// What is to be rebuilt.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Which hours.
    pub period: Period,
    /// Whether what differs is counted anew.
    pub repair: bool,
    /// The digest of the parts before; zeros for the first.
    pub digest: [u8; 32],
}

/// A difference and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which lane.
    pub lane: Lane,
    /// In which hour.
    pub hour: Timestamp,
    /// What differs.
    pub finding: Finding,
    /// Whether it was repaired.
    pub repaired: bool,
}

/// What came of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many hours something was counted in.
    pub hours: u64,
    /// How many events were counted in them.
    pub events: u64,
    /// One value for the logs of this part and those before.
    pub digest: [u8; 32],
    /// How many lanes and hours differed.
    pub differences: u64,
    /// How many of them were repaired.
    pub repaired: u64,
    /// The first difference that was not repaired, or else the first that was.
    pub difference: Option<Difference>,
    /// The hour to go on from; `None` if all was checked.
    pub next: Option<Timestamp>,
}

/// Does a part of `order`.
pub async fn rebuild(
    world: &World,
    tenant_id: TenantId,
    time_zone: &TimeZone,
    order: &Order,
) -> Result<Rebuilt, Fault> {
    let store = world.store(tenant_id);
    let meters = world.all_meters().await?;
    let (part, lanes) = plan(store, time_zone, order.period).await?;
    let repair = order.repair;
    let checker = Checker { world, store, meters: &meters, time_zone, period: part, repair };
    let reports = stream::iter(lanes).map(|candidate| checker.check(candidate));
    let reports: Vec<Report> = reports.buffered(LANES_AT_ONCE).try_collect().await?;
    let next = Some(part.end()).filter(|end| *end < order.period.end());
    Ok(summary(reports, order.digest, next))
}

/// The part of a period that one call does, and the lanes that have counted in it.
async fn plan(store: TenantStore<'_>, time_zone: &TimeZone, period: Period) -> Result<(Period, Vec<Candidate>), Fault> {
    let out_of_range = |error| Fault::permanent("plan rebuild", error);
    let month = calendar::month_start(period.start(), time_zone).map_err(out_of_range)?;
    let month_end = Window::Month.end(period.start(), time_zone).map_err(out_of_range)?;
    let month_part = part(period, month_end.min(period.end()));
    let (timed, mut put_aside, cut_at) = counted(store, time_zone, month_part).await?;
    let part = cut_at.map_or(month_part, |end| part(period, end));
    let mut candidates = Vec::new();
    for (lane, head) in store.arrival_heads(month).await? {
        let hours = put_aside.remove(&lane.shard).unwrap_or_default();
        candidates.push(Candidate { lane, head: Some(head), hours });
    }
    for (shard, hours) in put_aside {
        let lane = Lane { tenant_id: store.tenant_id(), bucket: Bucket::Arrival(month), shard };
        candidates.push(Candidate { lane, head: None, hours });
    }
    for candidate in &mut candidates {
        candidate.hours.retain(|hour| part.contains(*hour));
    }
    let timed = timed.into_iter().filter(|(hour, ..)| part.contains(*hour));
    candidates.extend(timed.map(|(_, lane, head)| Candidate { lane, head: Some(head), hours: BTreeSet::new() }));
    Ok((part, candidates))
}

/// The start of `period`, up to `end`, which is behind it.
fn part(period: Period, end: Timestamp) -> Period {
    Period::new(period.start(), end).unwrap_or(period)
}

type Timed = Vec<(Timestamp, Lane, StoredHead)>;
type PutAside = BTreeMap<u16, BTreeSet<Timestamp>>;

/// Heads of timed lanes and hours of arrival lanes, by shard, and at which hour there is enough.
async fn counted(
    store: TenantStore<'_>,
    time_zone: &TimeZone,
    period: Period,
) -> Result<(Timed, PutAside, Option<Timestamp>), Fault> {
    let (mut timed, mut put_aside) = (Timed::new(), PutAside::new());
    let mut load = Load::default();
    let mut after: Option<Cursor> = None;
    for _ in 0..PAGES_MAX {
        let page = store.counted_lanes(period, after.as_ref()).await?;
        for counted in page.items {
            let (hour, events) = match &counted {
                CountedLane::Head(lane, stored) => {
                    (calendar::hour_start(lane.bucket.start(), time_zone), u64::from(stored.head.accepted))
                }
                CountedLane::PutAside { hour, .. } => (*hour, 0),
            };
            if !load.takes(hour, events) {
                return Ok((timed, put_aside, Some(hour)));
            }
            match counted {
                CountedLane::Head(lane, stored) => timed.push((hour, lane, *stored)),
                CountedLane::PutAside { shard, hour } => drop(put_aside.entry(shard).or_default().insert(hour)),
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok((timed, put_aside, None));
        }
    }
    Err(Fault::permanent("plan rebuild", format!("an hour has more than {PAGES_MAX} pages of lanes")))
}

/// How much a call has taken on. An hour that was begun is taken whole.
#[derive(Debug, Default)]
struct Load {
    lane_hours: usize,
    events: u64,
    hour: Option<Timestamp>,
}

impl Load {
    /// Whether it takes on a lane of `hour` with so many events.
    fn takes(&mut self, hour: Timestamp, events: u64) -> bool {
        let is_full = self.lane_hours >= LANE_HOURS_MAX || self.events >= EVENTS_MAX;
        if is_full && self.hour.is_some_and(|begun| begun < hour) {
            return false;
        }
        self.hour = Some(hour);
        self.lane_hours += 1;
        self.events = self.events.saturating_add(events);
        true
    }
}

/// The digest of the logs of hours, in their order, behind the one of those before.
pub(crate) fn chained(before: [u8; 32], logs: &BTreeMap<(Timestamp, Lane), [u8; 32]>) -> [u8; 32] {
    logs.iter().fold(before, |before, ((hour, lane), digest)| {
        let entry = [hour.to_string().as_bytes(), b" ", lane.to_string().as_bytes(), b" ", digest].concat();
        usage_log::chain(&before, &entry)
    })
}

fn summary(reports: Vec<Report>, digest: [u8; 32], next: Option<Timestamp>) -> Rebuilt {
    let mut rebuilt = Rebuilt { hours: 0, events: 0, digest, differences: 0, repaired: 0, difference: None, next };
    let mut hours = BTreeSet::new();
    let mut logs: BTreeMap<(Timestamp, Lane), [u8; 32]> = BTreeMap::new();
    let mut differences = Vec::new();
    for Report { lane, digest, events, hours: found } in reports {
        logs.extend(events.keys().map(|hour| ((*hour, lane), digest)));
        rebuilt.events += events.values().sum::<u64>();
        for (hour, found) in found {
            hours.insert(hour);
            differences.extend(found.map(|(finding, repaired)| Difference { lane, hour, finding, repaired }));
        }
    }
    rebuilt.digest = chained(rebuilt.digest, &logs);
    rebuilt.hours = hours.len() as u64;
    rebuilt.differences = differences.len() as u64;
    rebuilt.repaired = differences.iter().filter(|difference| difference.repaired).count() as u64;
    let first =
        |difference: &Difference| (difference.repaired, difference.finding.rank(), difference.hour, difference.lane);
    rebuilt.difference = differences.into_iter().min_by_key(first);
    rebuilt
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    #[rstest]
    #[case::few(&[(0, 1), (1, 1), (2, 1)], None)]
    #[case::the_hour_after_the_last_event(&[(0, 200_000), (1, 1)], Some(1))]
    #[case::just_below(&[(0, 199_999), (1, 1), (2, 1)], Some(2))]
    #[case::an_hour_is_taken_whole(&[(0, 200_000), (0, 200_000), (1, 1)], Some(1))]
    fn a_call_takes_on_whole_hours_until_it_is_full(#[case] lanes: &[(i64, u64)], #[case] expect: Option<i64>) {
        let mut load = Load::default();
        let refused = lanes.iter().find(|(hour, events)| !load.takes(at(*hour), *events));
        assert_eq!(refused.map(|(hour, _)| *hour), expect);
    }

    #[test]
    fn a_call_takes_on_so_many_lanes() {
        let mut load = Load::default();
        let taken = (0..).take_while(|hour| load.takes(at(*hour), 1)).count();
        assert_eq!(taken, 250);
        assert!(load.takes(at(249), 1), "another lane of the last hour");
    }
}
