//! What events add to which counters, and how many of them fit into one transaction. Pure.

use cloud::{
    Fault,
    store::{CountedEvent, Delta, DeltaKey, TRANSACTION_ACTIONS_MAX},
};
use domain::{
    Decimal, TimeZone, calendar,
    id::TenantId,
    usage::{Measurement, Meter, UsageEvent},
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// An event, its identity, and what it adds.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// What is marked, so that it never counts again.
    pub(crate) event: CountedEvent,
    /// What it adds.
    pub(crate) additions: Vec<(DeltaKey, Measurement)>,
}

/// Holds `event` against every meter.
///
/// The API has done so before and refused what does not measure. A meter that was created in between may still refuse
/// the event: then it counts for the others, because to fail would hold it up for ever.
pub(crate) fn measure(
    event: &UsageEvent,
    tenant_id: TenantId,
    time_zone: &TimeZone,
    meters: &[Meter],
) -> Result<Measured, Fault> {
    let key = event.key(tenant_id, time_zone).map_err(|error| Fault::permanent("identify event", error))?;
    let hour = calendar::hour_start(event.occurred_at, time_zone);
    let mut additions = Vec::new();
    for meter in meters {
        match meter.measure(event) {
            Ok(None) => {}
            Ok(Some((group, measurement))) => {
                let member = match &measurement {
                    Measurement::Member(member) => Some(*member),
                    Measurement::Add(_) | Measurement::Max(_) => None,
                };
                additions.push((DeltaKey { meter_id: meter.id, hour, group, member }, measurement));
            }
            Err(violation) => tracing::warn!(meter = %meter.slug, code = violation.code, "the event does not measure"),
        }
    }
    if additions.len() >= TRANSACTION_ACTIONS_MAX {
        return Err(Fault::permanent("count event", "more meters pick the event than fit into a transaction"));
    }
    Ok(Measured { event: CountedEvent { key, content: event.content_digest() }, additions })
}

/// Splits `events` into chunks of at most [`TRANSACTION_ACTIONS_MAX`] actions: a marker for each event, and each counter
/// once. A repeat of an event in the same message is dropped here: no two actions may name the same item.
pub(crate) fn chunks(events: Vec<Measured>) -> Vec<Vec<Measured>> {
    let mut chunks = Vec::new();
    let mut chunk: Vec<Measured> = Vec::new();
    let mut counters: BTreeSet<DeltaKey> = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for event in events {
        if !seen.insert(event.event.key) {
            continue;
        }
        let new = event.additions.iter().filter(|(key, _)| !counters.contains(key)).count();
        if !chunk.is_empty() && chunk.len() + 1 + counters.len() + new > TRANSACTION_ACTIONS_MAX {
            chunks.push(std::mem::take(&mut chunk));
            counters.clear();
        }
        counters.extend(event.additions.iter().map(|(key, _)| key.clone()));
        chunk.push(event);
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

/// The counters that hold a maximum, which must be read before they can be raised.
pub(crate) fn maxima(chunk: &[Measured]) -> BTreeSet<DeltaKey> {
    let all = chunk.iter().flat_map(|event| &event.additions);
    all.filter(|(_, measurement)| matches!(measurement, Measurement::Max(_))).map(|(key, _)| key.clone()).collect()
}

/// How the counters change by `chunk`, given the maxima as they were read.
pub(crate) fn deltas(
    chunk: &[Measured],
    maxima: &BTreeMap<DeltaKey, Option<Decimal>>,
) -> Result<BTreeMap<DeltaKey, Delta>, Fault> {
    let mut deltas: BTreeMap<DeltaKey, Delta> = BTreeMap::new();
    for (key, measurement) in chunk.iter().flat_map(|event| &event.additions) {
        match measurement {
            Measurement::Member(_) => {
                deltas.insert(key.clone(), Delta::Member);
            }
            Measurement::Add(value) => add(&mut deltas, key, *value)?,
            Measurement::Max(value) => raise(&mut deltas, key, maxima.get(key).copied().flatten(), *value),
        }
    }
    Ok(deltas)
}

fn add(deltas: &mut BTreeMap<DeltaKey, Delta>, key: &DeltaKey, value: Decimal) -> Result<(), Fault> {
    let sum = match deltas.get(key) {
        Some(Delta::Add(sum)) => sum.checked_add(value),
        _ => Some(value),
    };
    let sum = sum.ok_or_else(|| Fault::permanent("count event", "the sum of a chunk is out of range"))?;
    deltas.insert(key.clone(), Delta::Add(sum));
    Ok(())
}

fn raise(deltas: &mut BTreeMap<DeltaKey, Delta>, key: &DeltaKey, from: Option<Decimal>, value: Decimal) {
    if from.is_some_and(|from| value <= from) {
        return;
    }
    match deltas.entry(key.clone()) {
        Entry::Occupied(mut there) => {
            if matches!(there.get(), Delta::Raise(_, to) if *to < value) {
                there.insert(Delta::Raise(from, value));
            }
        }
        Entry::Vacant(place) => {
            place.insert(Delta::Raise(from, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Timestamp,
        id::MeterId,
        usage::{EventKey, GroupKey},
    };

    fn key(counter: u8) -> DeltaKey {
        DeltaKey {
            meter_id: MeterId::derived(&[&counter.to_string()]),
            hour: Timestamp::UNIX_EPOCH,
            group: GroupKey::default(),
            member: None,
        }
    }

    fn event(id: u16, additions: Vec<(DeltaKey, Measurement)>) -> Measured {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        Measured { event: CountedEvent { key: EventKey(bytes), content: EventKey([0; 16]) }, additions }
    }

    fn adds(id: u16, counter: u8, value: i64) -> Measured {
        event(id, vec![(key(counter), Measurement::Add(Decimal::from(value)))])
    }

    fn max(id: u16, value: i64) -> Measured {
        event(id, vec![(key(0), Measurement::Max(Decimal::from(value)))])
    }

    #[test]
    fn a_chunk_fits_into_a_transaction() {
        // 99 markers and the one counter that they share make 100 actions.
        let shared: Vec<_> = (0..100).map(|id| adds(id, 0, 1)).collect();
        assert_eq!(chunks(shared).iter().map(Vec::len).collect::<Vec<_>>(), [99, 1]);
        // 50 markers and 50 counters of their own make 100 actions.
        let apart: Vec<_> = (0..60).map(|id| adds(id, u8::try_from(id).unwrap(), 1)).collect();
        assert_eq!(chunks(apart).iter().map(Vec::len).collect::<Vec<_>>(), [50, 10]);
    }

    #[test]
    fn a_repeat_in_the_same_message_is_dropped() {
        let chunked = chunks(vec![adds(1, 0, 5), adds(1, 0, 5), adds(2, 0, 7)]);
        let deltas = deltas(&chunked[0], &BTreeMap::new()).unwrap();
        assert_eq!(deltas, BTreeMap::from([(key(0), Delta::Add(Decimal::from(12)))]));
    }

    #[test]
    fn a_maximum_is_raised_from_what_was_read_or_not_at_all() {
        let read = |value: Option<i64>| BTreeMap::from([(key(0), value.map(Decimal::from))]);
        let chunk = [max(1, 3), max(2, 9), max(3, 4)];
        let raised =
            |from: Option<i64>| BTreeMap::from([(key(0), Delta::Raise(from.map(Decimal::from), Decimal::from(9)))]);
        assert_eq!(deltas(&chunk, &read(None)).unwrap(), raised(None));
        assert_eq!(deltas(&chunk, &read(Some(5))).unwrap(), raised(Some(5)));
        assert_eq!(deltas(&chunk, &read(Some(9))).unwrap(), BTreeMap::new());
    }
}
