//! What was counted of a run's usage, and what of the log stands behind it.
//!
//! Invariant: the digest of a usage is the one that a rebuild of the same hours answers, so that anybody can hold an
//! invoice against the log.

use super::{Shelf, impossible};
use crate::{Fault, World, rebuild, store::LaneHour};
use domain::{
    Timestamp,
    calendar::Period,
    catalog::{Charge, Price},
    id::TenantId,
    invoice::Evidence,
    rating::Feed,
    subscription::{Counted, Offers, UsageKey, UsageWanted},
};
use std::collections::{BTreeMap, HashMap};
use usage_log::Lane;

/// The usage of each of `wanted`.
pub(super) async fn count(
    world: &World,
    shelf: &Shelf,
    tenant_id: TenantId,
    offers: &Offers,
    wanted: Vec<UsageWanted>,
) -> Result<BTreeMap<UsageKey, Counted>, Fault> {
    let mut counted = BTreeMap::new();
    let Some(hull) = hull(&wanted) else { return Ok(counted) };
    let store = world.store(tenant_id);
    let hours = store.lane_hours(hull).await?;
    // The prices of a stretch are charged for the same hours, which are hashed once.
    let mut evidences: HashMap<Vec<Period>, Evidence> = HashMap::new();
    for UsageWanted { key, plan, offer, spans } in wanted {
        let offered = offers.get(plan, offer).ok_or_else(|| impossible("an offer was not loaded"))?;
        let price = offered.offer.prices.iter().find(|price| *price.key() == key.price);
        let Some(Charge::Usage(charge)) = price.map(Price::charge) else {
            return Err(impossible("a price of usage is wanted that the offer has not"));
        };
        let meter = shelf.meter(world, charge.meter()).await?;
        let feed = Feed::of(charge, &meter).map_err(impossible)?;
        let within = |hour: Timestamp| spans.iter().any(|span| span.contains(hour));
        let mut counters = store.counters_of(&hours, &meter, hull).await?;
        counters.retain(|counter| within(counter.hour));
        let usage = feed.usage(&meter, counters, &spans).map_err(impossible)?;
        let within_spans = || hours.iter().filter(|hour| within(hour.hour));
        let evidence = *evidences.entry(spans.clone()).or_insert_with(|| evidence(within_spans()));
        counted.insert(key, Counted { usage, evidence: Some(evidence) });
    }
    Ok(counted)
}

/// From the first instant that is wanted to the last.
fn hull(wanted: &[UsageWanted]) -> Option<Period> {
    let spans = || wanted.iter().flat_map(|wanted| &wanted.spans);
    let (start, end) = (spans().map(|span| span.start()).min()?, spans().map(|span| span.end()).max()?);
    Period::new(start, end)
}

fn evidence<'h>(hours: impl Iterator<Item = &'h LaneHour>) -> Evidence {
    let mut logs: BTreeMap<(Timestamp, Lane), [u8; 32]> = BTreeMap::new();
    // A lane may have put many hours aside, all of which have its one digest.
    let mut lanes: BTreeMap<Lane, (u64, [u8; 32])> = BTreeMap::new();
    for LaneHour { hour, log, .. } in hours {
        let of_lane = lanes.entry(log.lane);
        let (_, digest) = of_lane.or_insert_with(|| (u64::from(log.head.accepted), log.head.digest()));
        logs.insert((*hour, log.lane), *digest);
    }
    let events = lanes.values().map(|(accepted, _)| accepted).sum();
    Evidence { digest: rebuild::chained([0; 32], &logs), events }
}
