//! Late usage: the local days that are over, of which a request brings usage, are marked before it is published, so that
//! the next invoice adjusts what theirs has charged.
//!
//! Every day that is over is marked, and not only what is later than the grace: an invoice can be asked for earlier. A
//! process marks a day once in [`LATE_MARK_KEPT`], however many events it has.

use super::decide::Draft;
use crate::state::{Api, KnownTenant};
use cloud::{Fault, store::LATE_MARK_KEPT};
use domain::{
    Timestamp,
    calendar::{self, CalendarError},
};
use futures::{StreamExt, stream};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Days that are marked at once.
const MARKS_AT_ONCE: usize = 16;

/// Marks the days that are over. Takes the events out of `drafts` that lie on a day which could not be marked, and
/// answers where they were in the request.
pub(super) async fn mark_drafts(api: &Api, drafts: &mut [Draft], now: Timestamp) -> Result<Vec<usize>, CalendarError> {
    let mut unmarked = Vec::new();
    for Draft { tenant, batch, accepted } in drafts {
        let today = calendar::day_start(now, &tenant.time_zone)?;
        let mut late: BTreeMap<usize, Date> = BTreeMap::new();
        for event in accepted.iter() {
            let occurred_at = batch.event(event.row).occurred_at();
            if occurred_at < today {
                late.insert(event.position, day_of(tenant, occurred_at));
            }
        }
        let days: BTreeSet<Date> = late.values().copied().collect();
        let tenant = &**tenant;
        let marks = days.into_iter().map(|day| async move { (day, mark(api, tenant, day, now).await) });
        let marked: Vec<(Date, Result<(), Fault>)> =
            stream::iter(marks).buffer_unordered(MARKS_AT_ONCE).collect().await;
        let mut refused = BTreeSet::new();
        for (day, fault) in marked.into_iter().filter_map(|(day, marked)| Some((day, marked.err()?))) {
            tracing::warn!(fault = fault.chain(), "a late day was not marked");
            refused.insert(day);
        }
        if !refused.is_empty() {
            let is_refused = |position: &usize| late.get(position).is_some_and(|day| refused.contains(day));
            unmarked.extend(accepted.iter().map(|event| event.position).filter(is_refused));
            accepted.retain(|event| !is_refused(&event.position));
        }
    }
    Ok(unmarked)
}

/// Marks the local day of `occurred_at`, if it is over.
pub(in crate::routes) async fn mark_instant(
    api: &Api,
    tenant: &KnownTenant,
    occurred_at: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    let (day, today) = (day_of(tenant, occurred_at), day_of(tenant, now));
    if day < today { mark(api, tenant, day, now).await } else { Ok(()) }
}

async fn mark(api: &Api, tenant: &KnownTenant, day: Date, now: Timestamp) -> Result<(), Fault> {
    if api.knows_late_day(tenant.id, day, now, LATE_MARK_KEPT) {
        return Ok(());
    }
    api.store(tenant).mark_late_day(day, now).await?;
    api.remember_late_day(tenant.id, day, now);
    Ok(())
}

fn day_of(tenant: &KnownTenant, instant: Timestamp) -> Date {
    instant.to_zoned(tenant.time_zone.clone()).date()
}
