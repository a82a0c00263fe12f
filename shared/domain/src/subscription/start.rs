//! How a subscription begins: with a trial or without, with a number of seats for each seats price.
//!
//! Invariants: what begins has a first day, an offer that its plan version has, and a quantity for every seats price.
//! Which plan version a slug means, and whether the tenant may subscribe, is decided by the caller.

use super::{ADD_ONS_MAX, AddOn, Offers, Phase, SEATS_MAX, Subscription, Term};
use crate::{
    Violation,
    calendar::{Anchor, CalendarError},
    catalog::{Charge, Offer, OfferKey, PlanRef},
    id::{SubscriptionId, TenantId},
    text::Slug,
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use std::collections::BTreeMap;

/// Longest trial, in days.
pub const TRIAL_DAYS_MAX: u32 = 730;
/// Seats of a price for which no number was sent.
const SEATS_DEFAULT: u64 = 1;

/// What a subscription begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Who it is.
    pub id: SubscriptionId,
    /// Who pays.
    pub tenant_id: TenantId,
    /// Which days its periods start on.
    pub anchor: Anchor,
    /// Its first day.
    pub starts_on: Date,
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// What for.
    pub plan: PlanRef,
    /// Which of the plan version's offers.
    pub offer: OfferKey,
    /// How many seats, by the key of the price; one where nothing is sent.
    pub seats: BTreeMap<Slug, u64>,
    /// What is charged beside the plan; one seat of each price where nothing is sent.
    pub add_ons: BTreeMap<Slug, AddOn>,
    /// How it can be tried first.
    pub trial: Option<Trial>,
}

/// How long a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// So many days, the first one counted.
    Days(u32),
    /// To before this day, which is the first one that is billed.
    Until(Date),
}

impl Subscription {
    /// The subscription that `start` describes.
    pub fn start(start: Start, now: Timestamp, offers: &Offers) -> Result<Self, Violation> {
        let offered = offers.get(start.plan, start.offer).ok_or_else(unknown_offer)?;
        let term = Term {
            from: start.starts_on,
            revision: 0,
            made_at: now,
            made_in_run: 0,
            phase: Phase::Active,
            plan: start.plan,
            offer: start.offer,
            seats: seats(&offered.offer, &start.seats, &BTreeMap::new())?,
            add_ons: add_ons(&start, offers)?,
        };
        let terms = match start.trial {
            None => vec![term],
            Some(trial) => {
                let end = trial.end(start.starts_on)?;
                vec![Term { phase: Phase::Trial, ..term.clone() }, Term { from: end, ..term }]
            }
        };
        let Start { id, tenant_id, anchor, starts_on, time_zone, .. } = start;
        Ok(Self { id, tenant_id, anchor, starts_on, time_zone, terms, next_run: 0, revision: 0, created_at: now })
    }
}

impl Trial {
    /// The first day after it.
    fn end(self, starts_on: Date) -> Result<Date, Violation> {
        let refuse = |pointer| {
            Violation::new(pointer, "trial_out_of_range", format!("let a trial last 1 to {TRIAL_DAYS_MAX} days"))
        };
        let after = |days: u32| starts_on.checked_add(i64::from(days).days()).map_err(|_| out_of_range(CalendarError));
        match self {
            Self::Days(days) if (1..=TRIAL_DAYS_MAX).contains(&days) => after(days),
            Self::Days(_) => Err(refuse("/trialDays")),
            Self::Until(day) if starts_on < day && day <= after(TRIAL_DAYS_MAX)? => Ok(day),
            Self::Until(_) => Err(refuse("/trialEndsOn")),
        }
    }
}

/// The add-ons that a subscription begins with, each with a number for every seats price.
fn add_ons(start: &Start, offers: &Offers) -> Result<BTreeMap<Slug, AddOn>, Violation> {
    check_add_ons(start.add_ons.len()).map_err(|violation| violation.under("/addOns"))?;
    let mut add_ons = BTreeMap::new();
    for (slug, AddOn { plan, seats: sent }) in &start.add_ons {
        let under = |violation: Violation| violation.under(&format!("/addOns/{slug}"));
        let offered = offers.get(*plan, start.offer).ok_or_else(|| under(add_on_not_offered()))?;
        let seats = seats(&offered.offer, sent, &BTreeMap::new()).map_err(under)?;
        add_ons.insert(slug.clone(), AddOn { plan: *plan, seats });
    }
    Ok(add_ons)
}

/// A number for each seats price of `offer`: what is sent, else what was there before, else one.
pub(super) fn seats(
    offer: &Offer,
    sent: &BTreeMap<Slug, u64>,
    before: &BTreeMap<Slug, u64>,
) -> Result<BTreeMap<Slug, u64>, Violation> {
    for (key, quantity) in sent {
        check_seats(offer, key, *quantity).map_err(|violation| violation.under(&format!("/seats/{key}")))?;
    }
    let mut seats = BTreeMap::new();
    for price in &offer.prices {
        match price.charge() {
            Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Usage(_) => {}
            Charge::Seats { .. } => {
                let known = sent.get(price.key()).or_else(|| before.get(price.key()));
                seats.insert(price.key().clone(), known.copied().unwrap_or(SEATS_DEFAULT));
            }
        }
    }
    Ok(seats)
}

/// Whether `offer` has the seats price `key`, and it can have so many.
pub(super) fn check_seats(offer: &Offer, key: &Slug, quantity: u64) -> Result<(), Violation> {
    let is_seats = |charge: &Charge| match charge {
        Charge::Seats { .. } => true,
        Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Usage(_) => false,
    };
    if !offer.prices.iter().any(|price| price.key() == key && is_seats(price.charge())) {
        return Err(Violation::new("", "unknown_seats", "name a price of the plan that charges for seats"));
    }
    if quantity > SEATS_MAX {
        return Err(Violation::new("", "seats_out_of_range", format!("license at most {SEATS_MAX} seats")));
    }
    Ok(())
}

/// Whether a subscription can have so many add-ons.
pub fn check_add_ons(count: usize) -> Result<(), Violation> {
    if count > ADD_ONS_MAX {
        return Err(Violation::new("", "too_many_add_ons", format!("use at most {ADD_ONS_MAX} add-ons")));
    }
    Ok(())
}

pub(super) fn add_on_not_offered() -> Violation {
    let message = "the add-on has no offer in the currency and interval of the subscription";
    Violation::new("", "add_on_not_offered", message)
}

pub(super) fn unknown_offer() -> Violation {
    Violation::new("", "unknown_offer", "name an interval and a currency that the plan version offers")
}

pub(super) fn out_of_range(_: CalendarError) -> Violation {
    Violation::new("", "date_out_of_range", "send a date before the year 9999")
}
