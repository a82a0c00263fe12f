//! What becomes of each event: pure rules, in the documented order.
//!
//! An event is rejected for its form, its tenant, its time, its texts, or what a meter that picks it says; else it is a
//! duplicate if the same request holds it before; else it is accepted.

use super::{
    Tenants,
    parse::{Incoming, Parsed},
};
use crate::state::{KnownTenant, MeterIndex};
use domain::{
    Timestamp, Violation,
    id::TenantId,
    usage::{Bucket, EventData, TimeBasis, UsageEvent, event},
};
use events::UsageEventV1;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

/// The source of an event that names none.
const SOURCE_DEFAULT: &str = "api";

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

/// An event that is good, on its way to the topic.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Its place in the request.
    pub(super) position: usize,
    /// Whose usage it is.
    pub(super) tenant: Arc<KnownTenant>,
    /// The event.
    pub(super) event: UsageEventV1,
}

/// What becomes of all events of a request.
#[derive(Debug)]
pub(super) struct Decided {
    /// One for each event.
    pub(super) verdicts: Vec<Verdict>,
    /// Those that are accepted.
    pub(super) accepted: Vec<Accepted>,
}

/// What makes two events of one request the same: the parts of [`domain::usage::EventKey`], which is a digest of them.
type Identity<'a> = (TenantId, &'a str, &'a str, Bucket);

/// Decides on every event of a request.
pub(super) fn decide(parsed: &[Parsed<'_>], tenants: &Tenants, meters: &MeterIndex, now: Timestamp) -> Decided {
    let mut seen: HashMap<Identity<'_>, usize> = HashMap::with_capacity(parsed.len());
    let mut decided =
        Decided { verdicts: Vec::with_capacity(parsed.len()), accepted: Vec::with_capacity(parsed.len()) };
    for (position, parsed) in parsed.iter().enumerate() {
        let verdict = match check(parsed, tenants, meters, now) {
            Err(violation) => Verdict::Rejected(violation),
            Ok((incoming, tenant, event, bucket)) => {
                match seen.entry((tenant.id, source(incoming), &incoming.id, bucket)) {
                    Entry::Occupied(first) => Verdict::Duplicate { of: *first.get() },
                    Entry::Vacant(vacant) => {
                        vacant.insert(position);
                        decided.accepted.push(Accepted { position, tenant, event: event.into() });
                        Verdict::Accepted
                    }
                }
            }
        };
        decided.verdicts.push(verdict);
    }
    decided
}

type Good<'p, 'a> = (&'p Incoming<'a>, Arc<KnownTenant>, UsageEvent, Bucket);

fn check<'p, 'a>(
    parsed: &'p Parsed<'a>,
    tenants: &Tenants,
    meters: &MeterIndex,
    now: Timestamp,
) -> Result<Good<'p, 'a>, Violation> {
    let incoming = parsed.as_ref().map_err(|malformed| malformed.violation.clone())?;
    let tenant = tenants.of(incoming.subject.as_deref())?;
    let (occurred_at, time_basis) = time(incoming, now)?;
    let data = EventData::new(incoming.data.to_owned());
    let event = UsageEvent {
        id: incoming.id.to_string(),
        source: source(incoming).to_owned(),
        event_type: incoming.event_type.to_string(),
        occurred_at,
        time_basis,
        data: data.ok_or_else(|| Violation::new("/data", "malformed_event", "send an object"))?,
    };
    event.check(now)?;
    let picking = meters.picking(&event.event_type);
    if picking.is_empty() {
        return Err(Violation::new("/type", "unknown_meter", "no meter picks this type; create one first"));
    }
    for meter in picking {
        meter.measure(&event)?;
    }
    let bucket = event.bucket(&tenant.time_zone);
    let bucket = bucket.map_err(|_| Violation::new("/time", "invalid_time", "send a time before the year 9999"))?;
    Ok((incoming, tenant, event, bucket))
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
