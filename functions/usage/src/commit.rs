//! The commit of one lane: decide against a snapshot, write on the condition that the lane still is at its version, and
//! begin again if it is not (docs/USAGE_LOG.md, *Commit*).
//!
//! The snapshot and the condition are of one version by construction: [`usage_log::Snapshot::next`] makes the head that is written
//! from the snapshot that the batch was decided against. Whatever is lost, repeated or raced, the next round reads: a
//! write whose answer was lost is found by its own events.

use crate::lanes::{Lanes, Warm};
use cloud::{
    Fault, TenantStore, World,
    spend::Amounts,
    store::{self, LaneWrite, StoredHead, StoredHour},
};
use domain::{
    TimeZone, Timestamp, calendar,
    usage::{Meter, TotalOutOfRange},
};
use std::{collections::BTreeSet, time::Duration};
use usage_log::{
    Arrival, Batch, Contribution, DecideError, Decision, EventRef, Identity, Lane, Log, Member, Outcome, Request,
};

/// Rounds before the entries are left to the next delivery of their messages.
const ROUNDS_MAX: u32 = 8;
/// Commits that look at the head first, after others were seen to commit to the lane: a look costs a fifteenth of a write
/// that is refused with its segment.
const LOOKS: u8 = 16;
/// The longest wait before the second round; it doubles with each.
const BACK_OFF_MS: u64 = 10;
/// DynamoDB bills a write by this.
const WRITE_UNIT_BYTES: usize = 1024;

/// What comes to one lane, for one hour.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) lane: Lane,
    pub(crate) hour: Timestamp,
    pub(crate) time_zone: &'a TimeZone,
    pub(crate) identity: Identity,
    pub(crate) arrivals: Vec<Arrival<'a>>,
    pub(crate) requests: Vec<Request<'a>>,
    /// What the messages have cost until they came here.
    pub(crate) amounts: Amounts,
}

/// What a commit needs beside its work.
#[derive(Clone, Copy)]
pub(crate) struct Committer<'a> {
    pub(crate) world: &'a World,
    pub(crate) store: TenantStore<'a>,
    pub(crate) meters: &'a [Meter],
}

/// The hour that is counted in, after the commit.
struct Counted {
    after: StoredHour,
    /// The hour that the lane leaves for it, if it leaves one.
    closed: Option<(Timestamp, StoredHour)>,
    members: BTreeSet<Member>,
}

impl Committer<'_> {
    /// Commits what is new of `work`; answers what became of it once all of it is counted.
    pub(crate) async fn commit(&self, lanes: &Lanes, work: &Work<'_>) -> Result<Outcome, Fault> {
        let slot = lanes.slot(&work.lane);
        let mut warm = slot.lock().await;
        let size = |warm: &Option<Warm>| warm.as_ref().map_or(0, |warm| warm.snapshot.len());
        let before = size(&warm);
        let outcome = self.rounds(&mut warm, work).await;
        lanes.grew(size(&warm).saturating_sub(before));
        outcome
    }

    async fn rounds(&self, warm: &mut Option<Warm>, work: &Work<'_>) -> Result<Outcome, Fault> {
        let mut fault = Fault::Conflict { operation: "commit lane" };
        for round in 0..ROUNDS_MAX {
            match self.attempt(warm, work).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) => {
                    // Whether it was written is unknown: what is remembered may be behind, and is read again.
                    *warm = None;
                    if matches!(error, Fault::Permanent { .. }) {
                        return Err(error);
                    }
                    fault = error;
                }
            }
            self.back_off(round).await;
        }
        Err(fault)
    }

    /// One round; `None` if the lane had moved.
    async fn attempt(&self, warm: &mut Option<Warm>, work: &Work<'_>) -> Result<Option<Outcome>, Fault> {
        if warm.is_none() {
            *warm = Some(self.load(work).await?);
        } else if let Some(known) = warm.as_mut().filter(|known| known.looks > 0) {
            known.looks = if self.catch_up(known, work).await? { LOOKS } else { known.looks - 1 };
        }
        let Some(known) = warm.as_mut() else { return Ok(None) };
        let decision = known.snapshot.decide(&work.arrivals, &work.requests, &work.identity).map_err(undecided)?;
        if decision.added.is_empty() {
            // Everything was committed before, but whoever did so may have died before its distinct values were stored.
            let members = self.arrived(work, &decision)?;
            if !members.is_empty() {
                let epoch = self.open(known, work).await?.0.notes.epoch;
                self.store_members(known, work, epoch, &members).await?;
            }
            return Ok(Some(decision.outcome));
        }
        let counted = self.count(known, work, &decision).await?;
        let (mut members, epoch) = (counted.members.clone(), counted.after.notes.epoch);
        if decision.recount {
            // The new epoch must be whole before the head puts it in force.
            self.store_members(known, work, epoch, &members).await?;
        }
        if !self.write(known, work, &decision, counted).await? {
            self.catch_up(known, work).await?;
            known.looks = LOOKS;
            return Ok(None);
        }
        if !decision.recount {
            members.extend(self.arrived(work, &decision)?);
        }
        self.store_members(known, work, epoch, &members).await?;
        Ok(Some(decision.outcome))
    }

    async fn load(&self, work: &Work<'_>) -> Result<Warm, Fault> {
        let mut warm = Warm::default();
        if self.catch_up(&mut warm, work).await? {
            warm.looks = LOOKS;
        }
        Ok(warm)
    }

    /// Reads what others have committed since; answers whether they have.
    async fn catch_up(&self, warm: &mut Warm, work: &Work<'_>) -> Result<bool, Fault> {
        let Some(StoredHead { head, notes }) = self.store.lane_head(&work.lane).await? else { return Ok(false) };
        if head.version == warm.snapshot.head().version {
            return Ok(false);
        }
        let segments = self.store.lane_segments(&work.lane, &head, warm.snapshot.head().segments).await?;
        warm.snapshot.catch_up(head, &segments, &work.identity);
        warm.notes = notes;
        Ok(true)
    }

    /// What the hour of the work holds so far, and the hour that the lane leaves for it.
    async fn open(&self, warm: &Warm, work: &Work<'_>) -> Result<(StoredHour, Option<(Timestamp, StoredHour)>), Fault> {
        let head = warm.snapshot.head();
        let open = StoredHour { version: head.version, counters: head.counters.clone(), notes: warm.notes.clone() };
        if head.version == 0 || head.hour == work.hour {
            return Ok((open, None));
        }
        let hour = self.store.lane_hour(&work.lane, work.hour).await?.unwrap_or_default();
        Ok((hour, Some((head.hour, open))))
    }

    async fn count(&self, warm: &Warm, work: &Work<'_>, decision: &Decision) -> Result<Counted, Fault> {
        let (mut after, closed) = self.open(warm, work).await?;
        let contribution = if decision.recount {
            after.counters = usage_log::Counters::default();
            after.notes.epoch = self.world.random().number();
            self.recount(warm, work, decision).await?
        } else {
            usage_log::fold(self.meters, &decision.added, decision.added.accepted(), &work.identity, work.hour)
                .map_err(out_of_range)?
        };
        if contribution.unreadable > 0 {
            // The API refuses what a meter cannot read: the meter is younger than the event, which counts for the others.
            tracing::warn!(lane = %work.lane, events = contribution.unreadable, "a meter cannot read events");
        }
        after.counters.merge(contribution.counters).map_err(out_of_range)?;
        Ok(Counted { after, closed, members: contribution.members })
    }

    /// Counts the hour from the whole log of the lane, as it is after `decision`.
    async fn recount(&self, warm: &Warm, work: &Work<'_>, decision: &Decision) -> Result<Contribution, Fault> {
        let head = warm.snapshot.head();
        let mut log = self.store.lane_segments(&work.lane, head, 0).await?;
        log.push(head.tail.clone());
        log.push(decision.added.clone());
        let hour_of = |at| calendar::hour_start(at, work.time_zone);
        let mut hours = Log(log).count(self.meters, &work.identity, hour_of).map_err(out_of_range)?;
        Ok(hours.remove(&work.hour).unwrap_or_default())
    }

    /// Writes the commit; answers whether the lane was still at the version that it was decided against.
    async fn write(
        &self,
        warm: &mut Warm,
        work: &Work<'_>,
        decision: &Decision,
        Counted { after, closed, .. }: Counted,
    ) -> Result<bool, Fault> {
        let StoredHour { counters, mut notes, .. } = after;
        let next = warm.snapshot.next(decision, work.hour, counters);
        let (head, segment) = next.map_err(|error| Fault::permanent("commit lane", error))?;
        let body = segment.as_ref().map_or(0, |segment| segment.body.len());
        notes.spent = spent(&notes.spent, work, &decision.outcome, body);
        let closed = closed.as_ref().map(|(hour, stored)| (*hour, stored));
        let write = LaneWrite { head: &head, notes: &notes, segment: segment.as_ref(), closed };
        if !self.store.write_lane(&work.lane, write, self.world.now()).await? {
            return Ok(false);
        }
        warm.snapshot.committed(head, decision, &work.identity);
        warm.notes = notes;
        Ok(true)
    }

    /// The distinct values of what came in and counts.
    fn arrived(&self, work: &Work<'_>, decision: &Decision) -> Result<BTreeSet<Member>, Fault> {
        let mut members = BTreeSet::new();
        if !self.meters.iter().any(|meter| matches!(meter.aggregation, domain::usage::Aggregation::UniqueCount(_))) {
            return Ok(members);
        }
        let counting: Vec<EventRef<'_>> =
            decision.counting.iter().map(|position| work.arrivals[*position].event).collect();
        for run in counting.chunk_by(|a, b| std::ptr::eq(a.batch(), b.batch())) {
            let batch: &Batch = run[0].batch();
            let part = usage_log::fold(self.meters, batch, run.iter().copied(), &work.identity, work.hour);
            members.extend(part.map_err(out_of_range)?.members);
        }
        Ok(members)
    }

    /// Stores those of `members` that this process does not know to be stored.
    async fn store_members(
        &self,
        warm: &mut Warm,
        work: &Work<'_>,
        epoch: u64,
        members: &BTreeSet<Member>,
    ) -> Result<(), Fault> {
        let entry = |member: &Member| (work.hour, epoch, member.clone());
        let new: Vec<&Member> = members.iter().filter(|member| !warm.members.contains(&entry(member))).collect();
        for page in store::pages(new.iter().copied(), work.hour, epoch) {
            self.store.put_members(&work.lane, &page).await?;
        }
        warm.members.extend(new.into_iter().map(entry));
        Ok(())
    }

    /// Waits a random part of a time that doubles with each round (full jitter).
    async fn back_off(&self, round: u32) {
        let longest_ms = BACK_OFF_MS << round;
        tokio::time::sleep(Duration::from_millis(self.world.random().number() % longest_ms)).await;
    }
}

/// What the hour has cost with this commit: the messages until here, and what is written, by its size.
fn spent(before: &[u8], work: &Work<'_>, outcome: &Outcome, segment_bytes: usize) -> Vec<u8> {
    let mut amounts = Amounts::decode(before).unwrap_or_default();
    amounts += &work.amounts;
    amounts.events += outcome.accepted;
    amounts.dynamo_requests += 1 + u64::from(segment_bytes > 0);
    amounts.write_units += 1 + segment_bytes.div_ceil(WRITE_UNIT_BYTES) as u64;
    amounts.encode()
}

fn undecided(error: DecideError) -> Fault {
    match error {
        // The event may be on its way still: its correction is tried again until it has come.
        DecideError::Unknown => Fault::Transient { operation: "correct event", cause: Box::new(error) },
        DecideError::Push(_) => Fault::permanent("commit lane", error),
    }
}

fn out_of_range(error: TotalOutOfRange) -> Fault {
    Fault::permanent("count events", error)
}
