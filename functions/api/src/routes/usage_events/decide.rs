//! What becomes of each event: pure rules, in the documented order.
//!
//! An event is rejected for its form, its tenant, its time, its texts, because the tenant's usage of that time is refused, or
//! for what a meter that picks it says; else it is a
//! duplicate if the same request holds it before; else it is accepted.

use super::{
    Tenants,
    parse::{Incoming, Parsed},
};
use crate::state::{KnownTenant, MeterIndex};
use cloud::store::{GROUPS_MAX, GroupDigest, group_digest};
use domain::{
    Timestamp, Violation,
    calendar::month_start,
    id::{MeterId, TenantId},
    usage::{EventKey, GroupKey, TimeBasis, UsageEvent, event},
};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};
use usage_log::{Batch, Builder, DuplicateMember, EventRef, Identity, Lane, Lanes, PushError, Sights};

/// The source of an event that names none.
pub(in crate::routes) const SOURCE_DEFAULT: &str = "api";

/// What becomes of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored.
    Accepted,
    /// The same event is in the request before, at this position.
    Duplicate { of: usize },
    /// It breaks a rule.
    Rejected(Violation),
    /// It could not be stored for now.
    Retry,
}

/// One tenant's events of a request, in columns.
#[derive(Debug)]
pub(super) struct Draft {
    /// Whose usage it is.
    pub(super) tenant: Arc<KnownTenant>,
    /// Its events, good ones and others.
    pub(super) batch: Batch,
    /// The good ones.
    pub(super) accepted: Vec<Accepted>,
}

/// An event that is good.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Its place in the request.
    pub(super) position: usize,
    /// Its row in the batch.
    pub(super) row: usize,
    /// What it is known by.
    pub(super) key: EventKey,
    /// The local month in which its groups count.
    pub(super) groups: Vec<(Timestamp, GroupDigest)>,
}

/// What becomes of all events of a request.
#[derive(Debug)]
pub(super) struct Decided {
    /// One for each event.
    pub(super) verdicts: Vec<Verdict>,
    /// The events that are accepted, by tenant.
    pub(super) drafts: Vec<Draft>,
}

/// A tenant's events while they are read.
struct Reading {
    tenant: Arc<KnownTenant>,
    builder: Builder,
    /// Where in the request each row was.
    positions: Vec<usize>,
}

/// Decides on every event of a request.
pub(super) fn decide(parsed: &[Parsed<'_>], tenants: &Tenants, meters: &MeterIndex, now: Timestamp) -> Decided {
    let mut verdicts = Vec::with_capacity(parsed.len());
    let mut readings: Vec<Reading> = Vec::new();
    for (position, parsed) in parsed.iter().enumerate() {
        let verdict = match read(parsed, tenants, meters, now, &mut readings) {
            Err(violation) => Verdict::Rejected(violation),
            Ok(reading) => {
                readings[reading].positions.push(position);
                Verdict::Accepted
            }
        };
        verdicts.push(verdict);
    }
    let drafts = readings.into_iter().map(|reading| measure(reading, meters, &mut verdicts)).collect();
    Decided { verdicts, drafts }
}

/// Puts an event among those of its tenant, if its form is good; answers which tenant's that are.
fn read(
    parsed: &Parsed<'_>,
    tenants: &Tenants,
    meters: &MeterIndex,
    now: Timestamp,
    readings: &mut Vec<Reading>,
) -> Result<usize, Violation> {
    let incoming = parsed.as_ref().map_err(|malformed| malformed.violation.clone())?;
    let tenant = tenants.of(incoming.subject.as_deref())?;
    let (occurred_at, time_basis) = time(incoming, now)?;
    let event = UsageEvent {
        id: &incoming.id,
        source: source(incoming),
        event_type: &incoming.event_type,
        occurred_at,
        time_basis,
        data: incoming.data.get(),
    };
    event.check(now)?;
    if tenant.refused_usage.refuses(occurred_at) {
        let message = "usage of this time is refused: all subscriptions in force are paused without usage";
        return Err(Violation::new("/time", "subscription_paused", message));
    }
    if tenant.canceled_at.is_some_and(|end| occurred_at >= end) {
        return Err(Violation::new("/time", "tenant_canceled", "the tenant was no customer any more"));
    }
    check_picked(meters, event.event_type)?;
    let at =
        readings.iter().position(|reading| Arc::ptr_eq(&reading.tenant, &tenant) || reading.tenant.id == tenant.id);
    let at = at.unwrap_or_else(|| {
        readings.push(Reading { tenant, builder: Builder::default(), positions: Vec::new() });
        readings.len() - 1
    });
    readings[at].builder.push(&event, now).map_err(unpacked)?;
    Ok(at)
}

/// Refuses a type that no meter picks.
pub(in crate::routes) fn check_picked(meters: &MeterIndex, event_type: &str) -> Result<(), Violation> {
    if meters.is_picked(event_type) {
        return Ok(());
    }
    Err(Violation::new("/type", "unknown_meter", "no meter picks this type; create one first"))
}

/// The refusal of an event that cannot be put into columns.
pub(in crate::routes) fn unpacked(error: PushError) -> Violation {
    match error {
        PushError::Time => Violation::new("/time", "invalid_time", "send a time before the year 2262"),
        PushError::NoObject | PushError::Full => Violation::new("/data", "malformed_event", "send an object"),
    }
}

/// Refuses an event that a meter of its type cannot read; answers the groups that it belongs to.
pub(in crate::routes) fn groups_of(
    sights: &Sights<'_>,
    event: &EventRef<'_>,
) -> Result<Vec<(MeterId, GroupKey)>, Violation> {
    if let Err(DuplicateMember(path)) = event.shape().check_members() {
        let pointer = format!("/data/{path}");
        return Err(Violation::new(pointer, "duplicate_member", "send each member of an object once"));
    }
    sights.check(event)
}

/// The refusal of an event whose groups there is no room for.
pub(in crate::routes) fn too_many_groups() -> Violation {
    let message =
        format!("the meters of this tenant have {GROUPS_MAX} groups this month; send fewer values of a dimension");
    Violation::new("/data", "too_many_groups", message)
}

/// Holds a tenant's events against the meters, and against each other.
fn measure(reading: Reading, meters: &MeterIndex, verdicts: &mut [Verdict]) -> Draft {
    let Reading { tenant, builder, positions } = reading;
    let batch = builder.finish();
    let sights = Sights::new(meters.all(), &batch);
    let identity = Identity::new(tenant.id);
    let layouts = tenant.layouts.clone();
    let mut lanes = Lanes::new(tenant.id, &tenant.time_zone, &layouts);
    let mut seen: HashMap<(Lane, EventKey), (usize, u64)> = HashMap::with_capacity(positions.len());
    let mut accepted = Vec::with_capacity(positions.len());
    for (row, (event, position)) in batch.events().zip(positions).enumerate() {
        let key = identity.key(&event);
        let placed = groups_of(&sights, &event).and_then(|groups| {
            let refused = |_| Violation::new("/time", "invalid_time", "send a time before the year 2262");
            let (lane, hour) = lanes.of(&event, key).map_err(refused)?;
            let month = if groups.is_empty() { hour } else { month_start(hour, &tenant.time_zone).map_err(refused)? };
            Ok((lane, month, groups))
        });
        let (lane, month, groups) = match placed {
            Err(violation) => {
                verdicts[position] = Verdict::Rejected(violation);
                continue;
            }
            Ok(placed) => placed,
        };
        let content = identity.content(&event);
        verdicts[position] = match seen.entry((lane, key)) {
            Entry::Vacant(vacant) => {
                vacant.insert((position, content));
                Verdict::Accepted
            }
            Entry::Occupied(first) if first.get().1 == content => {
                verdicts[position] = Verdict::Duplicate { of: first.get().0 };
                continue;
            }
            // The first stands. The second goes to the log all the same, which keeps it as a conflict.
            Entry::Occupied(_) => Verdict::Rejected(conflict()),
        };
        let digest = |(meter_id, group): &(MeterId, GroupKey)| (month, group_digest(*meter_id, group));
        accepted.push(Accepted { position, row, key, groups: groups.iter().map(digest).collect() });
    }
    Draft { tenant, batch, accepted }
}

fn conflict() -> Violation {
    let message =
        "an event before in the request has this id and other content; it stands, and this one is kept beside it";
    Violation::new("/id", "conflict", message)
}

fn source<'p>(incoming: &'p Incoming<'_>) -> &'p str {
    incoming.source.as_deref().unwrap_or(SOURCE_DEFAULT)
}

/// When it happened: as it says, or as its id says, or now.
fn time(incoming: &Incoming<'_>, now: Timestamp) -> Result<(Timestamp, TimeBasis), Violation> {
    if let Some(text) = &incoming.time {
        let refused = |_| Violation::new("/time", "invalid_time", "send an RFC 3339 instant");
        return text.parse().map(|time| (time, TimeBasis::Event)).map_err(refused);
    }
    Ok(match event::time_in_id(&incoming.id) {
        Some(time) => (time, TimeBasis::Event),
        None => (now, TimeBasis::Arrival),
    })
}

impl Tenants {
    /// Whose an event with this subject is.
    fn of(&self, subject: Option<&str>) -> Result<Arc<KnownTenant>, Violation> {
        let refuse = |code, message: &str| Violation::new("/subject", code, message);
        let unknown = || refuse("unknown_tenant", "send the id or slug of a tenant");
        match (&self.default, subject) {
            (Some(default), None) => Ok(Arc::clone(default)),
            (None, None) => Err(refuse("subject_required", "name the tenant, by id or slug")),
            (Some(default), Some(subject)) if default.is_named(subject) => Ok(Arc::clone(default)),
            (Some(_), Some(_)) if self.platform => {
                Err(refuse("subject_mismatch", "the request names another tenant with ?tenant="))
            }
            (_, Some(subject)) => self.by_subject.get(subject).cloned().ok_or_else(unknown),
        }
    }
}

/// Refuses events whose groups there is no room for.
pub(super) fn refuse_groups(decided: &mut Decided, refused: &HashSet<(TenantId, Timestamp, GroupDigest)>) {
    for Draft { tenant, accepted, .. } in &mut decided.drafts {
        accepted.retain(|event| {
            let good = !event.groups.iter().any(|(month, group)| refused.contains(&(tenant.id, *month, *group)));
            if !good {
                decided.verdicts[event.position] = Verdict::Rejected(too_many_groups());
            }
            good
        });
    }
    // A repeat of what is refused is refused as well.
    for position in 0..decided.verdicts.len() {
        if let Verdict::Duplicate { of } = decided.verdicts[position]
            && let Verdict::Rejected(violation) = decided.verdicts[of].clone()
        {
            decided.verdicts[position] = Verdict::Rejected(violation);
        }
    }
}

/// Takes back the acceptance of the events at `refused`, and that of their duplicates: none of them is stored.
pub(super) fn withdraw(verdicts: &mut [Verdict], refused: impl Iterator<Item = usize>) {
    for position in refused {
        verdicts[position] = Verdict::Retry;
    }
    for position in 0..verdicts.len() {
        if let Verdict::Duplicate { of } = verdicts[position]
            && verdicts[of] == Verdict::Retry
        {
            verdicts[position] = Verdict::Retry;
        }
    }
}

#[cfg(test)]
mod tests;
