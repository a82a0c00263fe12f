//! One lane, counted anew from its log and compared with what it keeps, hour by hour.
//!
//! A lane may be counted in meanwhile. Whatever is read of it is read after its head, so that a difference under a head
//! that has not moved is one; under a head that has, everything is read again. A repair is written on the condition that
//! the head is still the one that was recounted: the log, and with it every digest, stays as it is.

use super::finding::{self, Finding, Kept};
use crate::{
    Fault, TenantStore, World,
    store::{self, StoredHead, StoredHour, Unread},
};
use domain::{
    TimeZone, Timestamp,
    calendar::{self, Period},
    id::MeterId,
    usage::{Aggregation, Bucket, Meter},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use usage_log::{Batch, Contribution, Counters, Identity, Lane, Log};

/// Times that a lane is recounted because it moved.
const ROUNDS_MAX: u32 = 8;
/// Hours that a lane reads at once.
const HOURS_AT_ONCE: usize = 8;
/// Hours of one transaction: well below the 100 actions and 4 MB that DynamoDB takes.
const HOURS_A_WRITE_MAX: usize = 25;

/// A lane to be checked.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) lane: Lane,
    /// Its head, if it was read already.
    pub(super) head: Option<StoredHead>,
    /// The hours that it is known to keep.
    pub(super) hours: BTreeSet<Timestamp>,
}

/// What was found of a lane.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) lane: Lane,
    /// Digest of its whole log.
    pub(super) digest: [u8; 32],
    /// How many events its log holds in each of the hours.
    pub(super) events: BTreeMap<Timestamp, u64>,
    /// The hours that were compared, with the first difference of each and whether it was repaired.
    pub(super) hours: BTreeMap<Timestamp, Option<(Finding, bool)>>,
}

/// A lane and its hours, read and recounted.
struct Recount {
    stored: StoredHead,
    events: BTreeMap<Timestamp, u64>,
    kept: BTreeMap<Timestamp, StoredHour>,
    rebuilt: BTreeMap<Timestamp, Contribution>,
    findings: BTreeMap<Timestamp, Finding>,
}

/// What checking a lane takes.
#[derive(Clone, Copy)]
pub(super) struct Checker<'a> {
    pub(super) world: &'a World,
    pub(super) store: TenantStore<'a>,
    pub(super) meters: &'a [Meter],
    pub(super) time_zone: &'a TimeZone,
    pub(super) period: Period,
    pub(super) repair: bool,
}

impl Checker<'_> {
    /// Checks a lane; repairs what differs, if it is to.
    pub(super) async fn check(self, candidate: Candidate) -> Result<Report, Fault> {
        let Candidate { lane, mut head, hours } = candidate;
        let mut repaired: BTreeMap<Timestamp, Finding> = BTreeMap::new();
        for _ in 0..ROUNDS_MAX {
            let stored = match head.take() {
                Some(head) => Some(head),
                None => self.store.lane_head(&lane).await?,
            };
            let Some(stored) = stored else { return Ok(headless(lane, &hours)) };
            let recount = self.recount(&lane, stored, &hours).await?;
            if recount.findings.is_empty() {
                return Ok(report(lane, recount, repaired));
            }
            let now = self.store.lane_head(&lane).await?;
            if now.is_none_or(|now| now.head.version != recount.stored.head.version) {
                continue;
            }
            if !self.repair || !recount.findings.values().all(Finding::is_repairable) {
                return Ok(report(lane, recount, repaired));
            }
            self.write(&lane, recount, &mut repaired).await?;
        }
        let cause = "the lane was committed to all the while".into();
        Err(Fault::Transient { operation: "rebuild lane", cause })
    }

    /// Reads and counts a lane as of the head `stored`, and compares.
    async fn recount(&self, lane: &Lane, stored: StoredHead, hours: &BTreeSet<Timestamp>) -> Result<Recount, Fault> {
        let mut recount = Recount {
            events: BTreeMap::new(),
            kept: BTreeMap::new(),
            rebuilt: BTreeMap::new(),
            findings: BTreeMap::new(),
            stored,
        };
        let log = match self.store.log_of(lane, &recount.stored.head).await {
            Ok(log) => log,
            Err(Unread::Broken(cause)) => {
                recount.kept = self.kept(lane, &recount, hours).await?;
                recount.blame(Finding::Broken(cause));
                return Ok(recount);
            }
            Err(Unread::Fault(fault)) => return Err(fault),
        };
        let held = self.tally(&log, &mut recount);
        recount.kept = self.kept(lane, &recount, hours).await?;
        if held != u64::from(recount.stored.head.accepted) {
            let head = recount.stored.head.accepted;
            recount.blame(Finding::Accepted { head, log: held });
            return Ok(recount);
        }
        let identity = Identity::new(lane.tenant_id);
        let rebuilt = log.count(self.meters, &identity, |at| self.hour(at));
        recount.rebuilt = rebuilt.map_err(|error| Fault::permanent("rebuild lane", error))?;
        recount.findings = self.compare(lane, &recount).await?;
        Ok(recount)
    }

    fn hour(&self, at: Timestamp) -> Timestamp {
        calendar::hour_start(at, self.time_zone)
    }

    /// Counts the events of the log by hour; answers how many there are in all.
    fn tally(&self, log: &Log, recount: &mut Recount) -> u64 {
        let mut held = 0;
        for event in log.0.iter().flat_map(Batch::accepted) {
            held += 1;
            let hour = self.hour(event.occurred_at());
            if self.period.contains(hour) {
                *recount.events.entry(hour).or_default() += 1;
            }
        }
        held
    }

    /// What the lane keeps of the hours that it has events in or is known to keep.
    async fn kept(
        &self,
        lane: &Lane,
        recount: &Recount,
        hours: &BTreeSet<Timestamp>,
    ) -> Result<BTreeMap<Timestamp, StoredHour>, Fault> {
        let StoredHead { head, notes } = &recount.stored;
        let mut kept = BTreeMap::new();
        let open = match lane.bucket {
            Bucket::Timed(start) => self.hour(start),
            Bucket::Arrival(_) => head.hour,
        };
        if self.period.contains(open) && head.version > 0 {
            // Counters that are filed under another hour are not those of this one.
            let counters = if head.hour == open { head.counters.clone() } else { Counters::default() };
            kept.insert(open, StoredHour { version: head.version, counters, notes: notes.clone() });
        }
        if matches!(lane.bucket, Bucket::Timed(_)) {
            return Ok(kept);
        }
        let put_aside: BTreeSet<Timestamp> = recount.events.keys().chain(hours).copied().collect();
        let put_aside = put_aside.into_iter().filter(|hour| *hour != head.hour);
        let read = stream::iter(put_aside)
            .map(|hour| async move { Ok::<_, Fault>((hour, self.store.lane_hour(lane, hour).await?)) });
        let read: Vec<_> = read.buffered(HOURS_AT_ONCE).try_collect().await?;
        kept.extend(read.into_iter().filter_map(|(hour, stored)| Some((hour, stored?))));
        Ok(kept)
    }

    async fn compare(&self, lane: &Lane, recount: &Recount) -> Result<BTreeMap<Timestamp, Finding>, Fault> {
        let unique = |meter: &&Meter| matches!(meter.aggregation, Aggregation::UniqueCount(_));
        let unique: Vec<MeterId> = self.meters.iter().filter(unique).map(|meter| meter.id).collect();
        let unique = unique.as_slice();
        let compared = stream::iter(recount.hours()).map(|hour| async move {
            let mut kept = Kept::default();
            if let Some(stored) = recount.kept.get(&hour) {
                kept.counters = stored.counters.clone();
                for meter_id in unique {
                    kept.members.extend(self.store.lane_members(lane, *meter_id, hour, stored.notes.epoch).await?);
                }
            }
            let none = Contribution::default();
            let rebuilt = recount.rebuilt.get(&hour).unwrap_or(&none);
            Ok::<_, Fault>(finding::compare(self.meters, &kept, rebuilt).map(|finding| (hour, finding)))
        });
        let compared: Vec<_> = compared.buffered(HOURS_AT_ONCE).try_collect().await?;
        Ok(compared.into_iter().flatten().collect())
    }

    /// Writes the hours that differ anew, unless the lane moves; adds those that were written to `repaired`.
    async fn write(
        &self,
        lane: &Lane,
        recount: Recount,
        repaired: &mut BTreeMap<Timestamp, Finding>,
    ) -> Result<(), Fault> {
        let Recount { mut stored, mut kept, mut rebuilt, findings, .. } = recount;
        let findings: Vec<(Timestamp, Finding)> = findings.into_iter().collect();
        for some in findings.chunks(HOURS_A_WRITE_MAX) {
            stored.head.version += 1;
            let mut put_aside = Vec::new();
            for (hour, _) in some {
                let contribution = rebuilt.remove(hour).unwrap_or_default();
                let mut notes = kept.remove(hour).unwrap_or_default().notes;
                notes.epoch = self.world.random().number();
                // The new epoch must be whole before it is put in force.
                for page in store::pages(&contribution.members, *hour, notes.epoch) {
                    self.store.put_members(lane, &page).await?;
                }
                let counters: Counters = contribution.counters;
                if matches!(lane.bucket, Bucket::Timed(_)) || *hour == stored.head.hour {
                    stored.head.hour = *hour;
                    stored.head.counters = counters;
                    stored.notes = notes;
                } else {
                    put_aside.push((*hour, StoredHour { version: stored.head.version, counters, notes }));
                }
            }
            if !self.store.write_recount(lane, &stored, &put_aside).await? {
                return Ok(());
            }
            repaired.extend(some.iter().cloned());
        }
        Ok(())
    }
}

impl Recount {
    /// The hours that the lane keeps or has events in.
    fn hours(&self) -> BTreeSet<Timestamp> {
        self.kept.keys().chain(self.events.keys()).copied().collect()
    }

    /// Puts what is wrong with the whole lane down to its first hour.
    fn blame(&mut self, finding: Finding) {
        if let Some(hour) = self.hours().first() {
            self.findings.insert(*hour, finding);
        }
    }
}

fn headless(lane: Lane, hours: &BTreeSet<Timestamp>) -> Report {
    let mut found: BTreeMap<_, _> = hours.iter().map(|hour| (*hour, None)).collect();
    if let Some(mut first) = found.first_entry() {
        first.insert(Some((Finding::Headless, false)));
    }
    Report { lane, digest: [0; 32], events: BTreeMap::new(), hours: found }
}

fn report(lane: Lane, mut recount: Recount, mut repaired: BTreeMap<Timestamp, Finding>) -> Report {
    let mut hours = BTreeMap::new();
    for hour in recount.hours() {
        let found = recount.findings.remove(&hour).map(|finding| (finding, false));
        hours.insert(hour, found.or_else(|| repaired.remove(&hour).map(|finding| (finding, true))));
    }
    Report { lane, digest: recount.stored.head.digest(), events: recount.events, hours }
}
