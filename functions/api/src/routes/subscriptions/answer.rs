//! A subscription as it is answered, today.

use crate::{
    problem::Problem,
    routes::{PeriodBody, plans},
};
use domain::{
    Date, Timestamp, calendar,
    catalog::PlanRef,
    id::{PlanId, SubscriptionId, TenantId},
    subscription::{self, AddOn, Phase, Term},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};
use utoipa::ToSchema;

/// A tenant's agreement to pay for a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    /// Who it is.
    #[schema(value_type = String, example = "sub_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: SubscriptionId,
    /// Who pays.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// `upcoming`, `trial`, `active`, `paused` or `canceled`, today in the tenant's time zone.
    #[schema(example = "active")]
    status: &'static str,
    /// What for; pinned, so that a new version of the plan changes nothing here.
    plan: PlanPinned,
    /// How long a period is.
    interval: plans::Interval,
    /// ISO 4217 code of what is paid in.
    #[schema(example = "EUR")]
    currency: String,
    /// How many seats are licensed, by the key of each price that charges for seats.
    #[schema(example = json!({"seats": 5}))]
    seats: BTreeMap<String, u64>,
    /// What is charged beside the plan, by slug.
    add_ons: BTreeMap<String, AddOnPinned>,
    /// First day, of a trial or of what is billed, in the tenant's time zone.
    #[schema(example = "2026-06-01")]
    starts_on: Date,
    /// First day after its trial, if it began with one.
    trial_ends_on: Option<Date>,
    /// First day on which it is over, if it ends.
    ends_on: Option<Date>,
    /// Which days its periods start on.
    anchor: Anchor,
    /// Where its days begin.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Number of the period that is billed next, counted from 0.
    next_period: u32,
    /// The period that is billed next; `null` if there is none any more.
    current_period: Option<PeriodBody>,
    /// The change that was accepted and is not in effect; it can be undone.
    pending: Option<PendingChange>,
    /// Grows with every change and every invoice.
    revision: u64,
    /// When it was created.
    created_at: Timestamp,
}

/// A change that is not in effect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PendingChange {
    /// The first day on which it holds.
    from: Date,
    /// The status from then on.
    #[schema(example = "canceled")]
    status: &'static str,
    /// The plan version from then on.
    plan: PlanPinned,
    /// How many seats from then on.
    seats: BTreeMap<String, u64>,
    /// The add-ons from then on.
    add_ons: BTreeMap<String, AddOnPinned>,
}

/// A version of a plan.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct PlanPinned {
    /// Which plan.
    #[schema(value_type = String)]
    id: PlanId,
    /// Which version of it.
    #[schema(value_type = u32, minimum = 1)]
    version: NonZeroU32,
}

/// An add-on of a subscription.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddOnPinned {
    /// Which version of it; pinned, as that of the plan.
    #[serde(flatten)]
    plan: PlanPinned,
    /// How many seats are licensed, by the key of each price that charges for seats.
    seats: BTreeMap<String, u64>,
}

impl From<PlanRef> for PlanPinned {
    fn from(reference: PlanRef) -> Self {
        Self { id: reference.plan_id, version: reference.version }
    }
}

/// Which days periods start on.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Anchor {
    /// On the calendar's own bounds, such as the first of the month; the first period may be short.
    #[default]
    Calendar,
    /// On the day of the start, clamped to short months.
    Anniversary,
}

impl From<calendar::Anchor> for Anchor {
    fn from(anchor: calendar::Anchor) -> Self {
        match anchor {
            calendar::Anchor::Calendar => Self::Calendar,
            calendar::Anchor::Anniversary => Self::Anniversary,
        }
    }
}

impl From<Anchor> for calendar::Anchor {
    fn from(anchor: Anchor) -> Self {
        match anchor {
            Anchor::Calendar => Self::Calendar,
            Anchor::Anniversary => Self::Anniversary,
        }
    }
}

impl Subscription {
    /// `subscription` as it is at `now`.
    pub(crate) fn new(subscription: &subscription::Subscription, now: Timestamp) -> Result<Self, Problem> {
        let internal = |error: calendar::CalendarError| Problem::internal(error.to_string());
        let today = now.to_zoned(subscription.time_zone.clone()).date();
        let started = subscription.term_on(today);
        let term = started.or(subscription.terms.first()).ok_or_else(|| Problem::internal("it has no term"))?;
        let next_period = subscription.next_run.saturating_sub(1);
        let first_of = |phase: Phase| subscription.terms.iter().find(|term| term.phase == phase);
        let trial_ends_on = first_of(Phase::Trial).and_then(|_| first_of(Phase::Active)).map(|term| term.from);
        Ok(Self {
            id: subscription.id,
            tenant_id: subscription.tenant_id,
            status: started.map_or("upcoming", |term| status(term.phase)),
            plan: term.plan.into(),
            interval: term.offer.interval.into(),
            currency: term.offer.currency.to_string(),
            seats: seats(&term.seats),
            add_ons: add_ons(term),
            starts_on: subscription.starts_on,
            trial_ends_on,
            ends_on: first_of(Phase::Ended).map(|term| term.from),
            anchor: subscription.anchor.into(),
            time_zone: subscription.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            next_period,
            current_period: subscription.period(next_period).map_err(internal)?.map(|period| period.period.into()),
            pending: subscription.pending(today).map(PendingChange::from),
            revision: subscription.revision,
            created_at: subscription.created_at,
        })
    }
}

impl From<&Term> for PendingChange {
    fn from(term: &Term) -> Self {
        Self {
            from: term.from,
            status: status(term.phase),
            plan: term.plan.into(),
            seats: seats(&term.seats),
            add_ons: add_ons(term),
        }
    }
}

/// The word for a phase.
pub(super) fn status(phase: Phase) -> &'static str {
    match phase {
        Phase::Trial => "trial",
        Phase::Active => "active",
        Phase::Paused { .. } => "paused",
        Phase::Ended => "canceled",
    }
}

fn add_ons(term: &Term) -> BTreeMap<String, AddOnPinned> {
    let pinned = |add_on: &AddOn| AddOnPinned { plan: add_on.plan.into(), seats: seats(&add_on.seats) };
    term.add_ons.iter().map(|(slug, add_on)| (slug.to_string(), pinned(add_on))).collect()
}

fn seats(seats: &BTreeMap<Slug, u64>) -> BTreeMap<String, u64> {
    seats.iter().map(|(price, seats)| (price.to_string(), *seats)).collect()
}
