//! The stored shapes of a subscription. Frozen: what was agreed must be readable for ever.
//!
//! Version 2 is written; version 1 had one plan for all time, and its next period instead of its next run.

use super::{
    item::{self, Item, Stored},
    plan_shape,
    tenants::{read_time_zone, time_zone_name},
};
use crate::Fault;
use domain::{
    Date, Timestamp,
    calendar::Anchor,
    catalog::{OfferKey, PlanRef},
    id::{PlanId, SubscriptionId, TenantId},
    money::Currency,
    subscription::{PausedUsage, Phase, Subscription, Term},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};

#[derive(Serialize, Deserialize)]
pub(super) struct SubscriptionV2 {
    id: SubscriptionId,
    tenant_id: TenantId,
    anchor: AnchorV2,
    starts_on: Date,
    time_zone: String,
    terms: Vec<TermV2>,
    next_run: u32,
    revision: u64,
    created_at: Timestamp,
}

impl Stored for SubscriptionV2 {
    const VERSION: u32 = 2;
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum AnchorV2 {
    Calendar,
    Anniversary,
}

#[derive(Serialize, Deserialize)]
struct TermV2 {
    from: Date,
    revision: u64,
    made_at: Timestamp,
    made_in_run: u32,
    phase: PhaseV2,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    interval_unit: String,
    interval_count: u8,
    currency: String,
    seats: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum PhaseV2 {
    Trial,
    Active,
    PausedFree,
    PausedRefused,
    Ended,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SubscriptionV1 {
    id: SubscriptionId,
    tenant_id: TenantId,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    interval_unit: String,
    interval_count: u8,
    anchor: String,
    starts_on: Date,
    time_zone: String,
    next_period: u32,
    created_at: Timestamp,
}

impl Stored for SubscriptionV1 {
    const VERSION: u32 = 1;
}

/// A subscription in an item of either version.
pub(super) enum StoredSubscription {
    /// With all that it needs.
    Second(SubscriptionV2),
    /// Its currency is that of its plan version.
    First(SubscriptionV1),
}

/// What `item` stores.
pub(super) fn read(item: Item) -> Result<StoredSubscription, Fault> {
    if item::is_of::<SubscriptionV1>(&item) {
        return item::read(item).map(StoredSubscription::First);
    }
    item::read(item).map(StoredSubscription::Second)
}

impl SubscriptionV1 {
    /// The plan version that it is for.
    pub(super) fn plan(&self) -> PlanRef {
        PlanRef { plan_id: self.plan_id, version: self.plan_version }
    }

    /// The subscription, which is paid in `currency`.
    pub(super) fn subscription(self, currency: Currency) -> Result<Subscription, Fault> {
        let interval = plan_shape::read_interval(&self.interval_unit, self.interval_count)?;
        let term = Term {
            from: self.starts_on,
            revision: 0,
            made_at: self.created_at,
            made_in_run: 0,
            phase: Phase::Active,
            plan: self.plan(),
            offer: OfferKey { interval, currency },
            seats: BTreeMap::new(),
        };
        Ok(Subscription {
            id: self.id,
            tenant_id: self.tenant_id,
            anchor: match self.anchor.as_str() {
                "calendar" => Anchor::Calendar,
                "anniversary" => Anchor::Anniversary,
                _ => return Err(malformed("anchor")),
            },
            starts_on: self.starts_on,
            time_zone: read_time_zone(&self.time_zone)?,
            terms: vec![term],
            next_run: self.next_period.checked_add(1).ok_or_else(|| malformed("period"))?,
            revision: 0,
            created_at: self.created_at,
        })
    }
}

impl From<&Subscription> for SubscriptionV2 {
    fn from(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id,
            tenant_id: subscription.tenant_id,
            anchor: match subscription.anchor {
                Anchor::Calendar => AnchorV2::Calendar,
                Anchor::Anniversary => AnchorV2::Anniversary,
            },
            starts_on: subscription.starts_on,
            time_zone: time_zone_name(&subscription.time_zone),
            terms: subscription.terms.iter().map(TermV2::from).collect(),
            next_run: subscription.next_run,
            revision: subscription.revision,
            created_at: subscription.created_at,
        }
    }
}

impl TryFrom<SubscriptionV2> for Subscription {
    type Error = Fault;

    fn try_from(stored: SubscriptionV2) -> Result<Self, Fault> {
        if stored.terms.is_empty() {
            return Err(malformed("terms"));
        }
        Ok(Self {
            id: stored.id,
            tenant_id: stored.tenant_id,
            anchor: match stored.anchor {
                AnchorV2::Calendar => Anchor::Calendar,
                AnchorV2::Anniversary => Anchor::Anniversary,
            },
            starts_on: stored.starts_on,
            time_zone: read_time_zone(&stored.time_zone)?,
            terms: stored.terms.into_iter().map(Term::try_from).collect::<Result<_, Fault>>()?,
            next_run: stored.next_run,
            revision: stored.revision,
            created_at: stored.created_at,
        })
    }
}

impl From<&Term> for TermV2 {
    fn from(term: &Term) -> Self {
        let OfferKey { interval, currency } = term.offer;
        Self {
            from: term.from,
            revision: term.revision,
            made_at: term.made_at,
            made_in_run: term.made_in_run,
            phase: match term.phase {
                Phase::Trial => PhaseV2::Trial,
                Phase::Active => PhaseV2::Active,
                Phase::Paused { usage: PausedUsage::Free } => PhaseV2::PausedFree,
                Phase::Paused { usage: PausedUsage::Refused } => PhaseV2::PausedRefused,
                Phase::Ended => PhaseV2::Ended,
            },
            plan_id: term.plan.plan_id,
            plan_version: term.plan.version,
            interval_unit: plan_shape::interval_word(interval.unit()).to_owned(),
            interval_count: interval.count(),
            currency: currency.to_string(),
            seats: term.seats.iter().map(|(price, seats)| (price.to_string(), *seats)).collect(),
        }
    }
}

impl TryFrom<TermV2> for Term {
    type Error = Fault;

    fn try_from(stored: TermV2) -> Result<Self, Fault> {
        let seats = |(price, seats): (String, u64)| Ok((Slug::parse(&price).map_err(|_| malformed("seats"))?, seats));
        Ok(Self {
            from: stored.from,
            revision: stored.revision,
            made_at: stored.made_at,
            made_in_run: stored.made_in_run,
            phase: match stored.phase {
                PhaseV2::Trial => Phase::Trial,
                PhaseV2::Active => Phase::Active,
                PhaseV2::PausedFree => Phase::Paused { usage: PausedUsage::Free },
                PhaseV2::PausedRefused => Phase::Paused { usage: PausedUsage::Refused },
                PhaseV2::Ended => Phase::Ended,
            },
            plan: PlanRef { plan_id: stored.plan_id, version: stored.plan_version },
            offer: OfferKey {
                interval: plan_shape::read_interval(&stored.interval_unit, stored.interval_count)?,
                currency: stored.currency.parse().map_err(|_| malformed("currency"))?,
            },
            seats: stored.seats.into_iter().map(seats).collect::<Result<_, Fault>>()?,
        })
    }
}

fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the subscription's {what} is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/subscription.1.json");
    const V2: &str = include_str!("../../golden/subscription.2.json");

    #[test]
    fn version_1_is_read_for_ever() {
        let StoredSubscription::First(first) = read(golden(V1)).unwrap() else { panic!("not version 1") };
        let read = first.subscription("USD".parse().unwrap()).unwrap();
        assert_eq!((read.next_run, read.revision, read.terms.len()), (4, 0, 1), "period 3 is closed by run 4");
        let term = &read.terms[0];
        assert_eq!((term.from, term.phase, term.offer.interval.count()), (read.starts_on, Phase::Active, 2));
        let again = Subscription::try_from(SubscriptionV2::from(&read)).unwrap();
        assert_eq!(again, read, "nothing is lost by the way through version 2");
    }

    #[test]
    fn version_2_is_written_as_it_is_read() {
        let StoredSubscription::Second(second) = read(golden(V2)).unwrap() else { panic!("not version 2") };
        let read = Subscription::try_from(second).unwrap();
        assert_eq!(json(&SubscriptionV2::from(&read)), serde_json::from_str::<serde_json::Value>(V2).unwrap()["item"]);
    }
}
