//! The stored shapes of a subscription. Frozen: what was agreed must be readable for ever.
//!
//! Version 3 is written; version 2 knew no add-ons, version 1 had one plan for all time, and its next period instead of its
//! next run.

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
    subscription::{AddOn, PausedUsage, Phase, Subscription, Term},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};

#[derive(Serialize, Deserialize)]
pub(super) struct SubscriptionV3 {
    id: SubscriptionId,
    tenant_id: TenantId,
    anchor: AnchorV3,
    starts_on: Date,
    time_zone: String,
    terms: Vec<TermV3>,
    next_run: u32,
    revision: u64,
    created_at: Timestamp,
}

impl Stored for SubscriptionV3 {
    const VERSION: u32 = 3;
    const READ_SINCE: u32 = 2;
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum AnchorV3 {
    Calendar,
    Anniversary,
}

#[derive(Serialize, Deserialize)]
struct TermV3 {
    from: Date,
    revision: u64,
    made_at: Timestamp,
    made_in_run: u32,
    phase: PhaseV3,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    interval_unit: String,
    interval_count: u8,
    currency: String,
    seats: BTreeMap<String, u64>,
    #[serde(default)]
    add_ons: BTreeMap<String, AddOnV3>,
}

#[derive(Serialize, Deserialize)]
struct AddOnV3 {
    plan_id: PlanId,
    plan_version: NonZeroU32,
    seats: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum PhaseV3 {
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
    Whole(SubscriptionV3),
    /// Its currency is that of its plan version.
    First(SubscriptionV1),
}

/// What `item` stores.
pub(super) fn read(item: Item) -> Result<StoredSubscription, Fault> {
    if item::is_of::<SubscriptionV1>(&item) {
        return item::read(item).map(StoredSubscription::First);
    }
    item::read(item).map(StoredSubscription::Whole)
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
            add_ons: BTreeMap::new(),
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

impl From<&Subscription> for SubscriptionV3 {
    fn from(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id,
            tenant_id: subscription.tenant_id,
            anchor: match subscription.anchor {
                Anchor::Calendar => AnchorV3::Calendar,
                Anchor::Anniversary => AnchorV3::Anniversary,
            },
            starts_on: subscription.starts_on,
            time_zone: time_zone_name(&subscription.time_zone),
            terms: subscription.terms.iter().map(TermV3::from).collect(),
            next_run: subscription.next_run,
            revision: subscription.revision,
            created_at: subscription.created_at,
        }
    }
}

impl TryFrom<SubscriptionV3> for Subscription {
    type Error = Fault;

    fn try_from(stored: SubscriptionV3) -> Result<Self, Fault> {
        if stored.terms.is_empty() {
            return Err(malformed("terms"));
        }
        Ok(Self {
            id: stored.id,
            tenant_id: stored.tenant_id,
            anchor: match stored.anchor {
                AnchorV3::Calendar => Anchor::Calendar,
                AnchorV3::Anniversary => Anchor::Anniversary,
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

impl From<&Term> for TermV3 {
    fn from(term: &Term) -> Self {
        let OfferKey { interval, currency } = term.offer;
        Self {
            from: term.from,
            revision: term.revision,
            made_at: term.made_at,
            made_in_run: term.made_in_run,
            phase: match term.phase {
                Phase::Trial => PhaseV3::Trial,
                Phase::Active => PhaseV3::Active,
                Phase::Paused { usage: PausedUsage::Free } => PhaseV3::PausedFree,
                Phase::Paused { usage: PausedUsage::Refused } => PhaseV3::PausedRefused,
                Phase::Ended => PhaseV3::Ended,
            },
            plan_id: term.plan.plan_id,
            plan_version: term.plan.version,
            interval_unit: plan_shape::interval_word(interval.unit()).to_owned(),
            interval_count: interval.count(),
            currency: currency.to_string(),
            seats: write_seats(&term.seats),
            add_ons: term.add_ons.iter().map(|(slug, add_on)| (slug.to_string(), AddOnV3::from(add_on))).collect(),
        }
    }
}

impl TryFrom<TermV3> for Term {
    type Error = Fault;

    fn try_from(stored: TermV3) -> Result<Self, Fault> {
        let add_on = |(slug, add_on): (String, AddOnV3)| Ok((read_slug(&slug)?, AddOn::try_from(add_on)?));
        Ok(Self {
            from: stored.from,
            revision: stored.revision,
            made_at: stored.made_at,
            made_in_run: stored.made_in_run,
            phase: match stored.phase {
                PhaseV3::Trial => Phase::Trial,
                PhaseV3::Active => Phase::Active,
                PhaseV3::PausedFree => Phase::Paused { usage: PausedUsage::Free },
                PhaseV3::PausedRefused => Phase::Paused { usage: PausedUsage::Refused },
                PhaseV3::Ended => Phase::Ended,
            },
            plan: PlanRef { plan_id: stored.plan_id, version: stored.plan_version },
            offer: OfferKey {
                interval: plan_shape::read_interval(&stored.interval_unit, stored.interval_count)?,
                currency: stored.currency.parse().map_err(|_| malformed("currency"))?,
            },
            seats: read_seats(stored.seats)?,
            add_ons: stored.add_ons.into_iter().map(add_on).collect::<Result<_, Fault>>()?,
        })
    }
}

impl From<&AddOn> for AddOnV3 {
    fn from(add_on: &AddOn) -> Self {
        let PlanRef { plan_id, version } = add_on.plan;
        Self { plan_id, plan_version: version, seats: write_seats(&add_on.seats) }
    }
}

impl TryFrom<AddOnV3> for AddOn {
    type Error = Fault;

    fn try_from(stored: AddOnV3) -> Result<Self, Fault> {
        let plan = PlanRef { plan_id: stored.plan_id, version: stored.plan_version };
        Ok(Self { plan, seats: read_seats(stored.seats)? })
    }
}

fn write_seats(seats: &BTreeMap<Slug, u64>) -> BTreeMap<String, u64> {
    seats.iter().map(|(price, seats)| (price.to_string(), *seats)).collect()
}

fn read_seats(stored: BTreeMap<String, u64>) -> Result<BTreeMap<Slug, u64>, Fault> {
    stored.into_iter().map(|(price, seats)| Ok((read_slug(&price)?, seats))).collect()
}

fn read_slug(text: &str) -> Result<Slug, Fault> {
    Slug::parse(text).map_err(|_| malformed("slug"))
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
    const V3: &str = include_str!("../../golden/subscription.3.json");

    fn whole(golden_file: &str) -> Subscription {
        let StoredSubscription::Whole(whole) = read(golden(golden_file)).unwrap() else { panic!("version 1") };
        Subscription::try_from(whole).unwrap()
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let StoredSubscription::First(first) = read(golden(V1)).unwrap() else { panic!("not version 1") };
        let read = first.subscription("USD".parse().unwrap()).unwrap();
        assert_eq!((read.next_run, read.revision, read.terms.len()), (4, 0, 1), "period 3 is closed by run 4");
        let term = &read.terms[0];
        assert_eq!((term.from, term.phase, term.offer.interval.count()), (read.starts_on, Phase::Active, 2));
        let again = Subscription::try_from(SubscriptionV3::from(&read)).unwrap();
        assert_eq!(again, read, "nothing is lost by the way through version 3");
    }

    #[test]
    fn version_2_is_read_for_ever() {
        let read = whole(V2);
        assert_eq!((read.next_run, read.revision, read.terms.len()), (3, 3, 5));
        assert!(read.terms.iter().all(|term| term.add_ons.is_empty() && term.seats.len() == 1));
        assert_eq!(Subscription::try_from(SubscriptionV3::from(&read)).unwrap(), read);
    }

    #[test]
    fn version_3_is_written_as_it_is_read() {
        let read = whole(V3);
        let support = &read.terms[0].add_ons[&Slug::parse("support").unwrap()];
        assert_eq!((support.plan.version.get(), support.seats.len()), (2, 1));
        assert_eq!(json(&SubscriptionV3::from(&read)), serde_json::from_str::<serde_json::Value>(V3).unwrap()["item"]);
    }
}
