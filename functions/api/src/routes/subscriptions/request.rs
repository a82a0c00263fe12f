//! A subscription as it is asked for, and the way from there to its first term.

use super::answer::Anchor;
use crate::{problem::Problem, routes::plans, state::Api};
use domain::{
    Date, TimeZone, Timestamp, Violation,
    catalog::{Offer, OfferKey, Plan, PlanKind, PlanRef, PlanVersion, VersionStatus, Versions},
    id::{SubscriptionId, TenantId},
    money::Currency,
    subscription::{self, AddOn, Offers, Start, Subscription, Trial},
    text::Slug,
};
use jiff::ToSpan;
use serde::Deserialize;
use std::{collections::BTreeMap, num::NonZeroU32};
use utoipa::ToSchema;

/// Furthest that a subscription may start in the past or in the future: as old as the oldest usage.
const START_DAYS_MAX: i32 = 400;

/// A subscription to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewSubscription {
    /// Slug of the plan.
    #[schema(example = "pro")]
    plan: String,
    /// Which version of it; the latest, unless it is sent.
    #[schema(value_type = Option<u32>, minimum = 1)]
    version: Option<NonZeroU32>,
    /// ISO 4217 code of one that the plan version offers; that of its first offer with the interval, unless it is sent.
    #[schema(example = "EUR")]
    currency: Option<String>,
    /// One that the plan version offers; that of its first offer in the currency, unless it is sent.
    interval: Option<plans::Interval>,
    /// First day; today in the tenant's time zone, unless it is sent. At most 400 days away.
    #[schema(example = "2026-06-01")]
    starts_on: Option<Date>,
    /// Which days its periods start on.
    #[serde(default)]
    anchor: Anchor,
    /// How many seats, by the key of each price that charges for seats; one, where nothing is sent.
    #[serde(default)]
    #[schema(example = json!({"seats": 5}))]
    seats: BTreeMap<String, u64>,
    /// What is charged beside the plan, by slug, in its currency and interval.
    #[serde(default)]
    #[schema(example = json!({"support": {}}))]
    add_ons: BTreeMap<String, NewAddOn>,
    /// How many days it can be tried before it is billed.
    #[schema(minimum = 1, maximum = 730, example = 14)]
    trial_days: Option<u32>,
    /// The same as the first day that is billed; not with `trialDays`.
    trial_ends_on: Option<Date>,
}

/// An add-on that a subscription begins with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewAddOn {
    /// Which version of it; the latest, unless it is sent.
    #[schema(value_type = Option<u32>, minimum = 1)]
    version: Option<NonZeroU32>,
    /// How many seats, by the key of each price that charges for seats; one, where nothing is sent.
    #[serde(default)]
    seats: BTreeMap<String, u64>,
}

/// What a subscription is asked for.
pub(super) struct Wanted {
    plan: PlanRef,
    offer: OfferKey,
    /// Those that it names.
    pub(super) offers: Offers,
    add_ons: BTreeMap<Slug, AddOn>,
}

/// Something of the catalog that `tenant` asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) tenant: TenantId,
    pub(super) kind: PlanKind,
    pub(super) slug: &'a str,
    /// The latest that the tenant gets, unless it is sent.
    pub(super) version: Option<NonZeroU32>,
    /// Pointer to what asks for it; nothing, where its members are those of the request.
    pub(super) under: &'a str,
}

impl Asked<'_> {
    /// The version that is asked for, if it can be subscribed to.
    pub(super) async fn version(self, api: &Api) -> Result<PlanVersion, Problem> {
        let plan = self.plan(api).await?;
        let reference = PlanRef { plan_id: plan.id, version: self.open_version(&plan.versions)? };
        Ok(api.world().plan_version(reference).await?.ok_or_else(|| self.unknown(&self.version_pointer()))?)
    }

    async fn plan(self, api: &Api) -> Result<Plan, Problem> {
        let pointer = self.pointer();
        let slug = Slug::parse(self.slug).map_err(|_| self.unknown(&pointer))?;
        let plan = api.world().plan(&slug).await?.ok_or_else(|| self.unknown(&pointer))?;
        if plan.kind != self.kind {
            let message = match plan.kind {
                PlanKind::AddOn => "an add-on is charged beside a plan: name a plan here",
                PlanKind::Plan => "a plan is not charged beside another: name an add-on here",
            };
            return Err(Violation::new(pointer, "wrong_kind", message).into());
        }
        Ok(plan)
    }

    fn open_version(self, versions: &Versions) -> Result<NonZeroU32, Violation> {
        let pointer = if self.version.is_some() { self.version_pointer() } else { self.pointer() };
        let latest = || versions.latest_for(self.tenant).unwrap_or_else(|| versions.shown());
        let number = self.version.unwrap_or_else(latest);
        match versions.status(number) {
            Some(_) if !versions.is_for(number, self.tenant) => Err(self.unknown(&pointer)),
            None => Err(self.unknown(&pointer)),
            Some(VersionStatus::Draft) => Err(Violation::new(pointer, "not_published", "publish the draft first")),
            Some(VersionStatus::Archived) => Err(Violation::new(pointer, "archived", "name a version that is active")),
            Some(VersionStatus::Active) => Ok(number),
        }
    }

    fn pointer(self) -> String {
        if !self.under.is_empty() {
            return self.under.to_owned();
        }
        match self.kind {
            PlanKind::Plan => "/plan".to_owned(),
            PlanKind::AddOn => "/addOn".to_owned(),
        }
    }

    fn version_pointer(self) -> String {
        format!("{}/version", self.under)
    }

    fn unknown(self, pointer: &str) -> Violation {
        match self.kind {
            PlanKind::Plan => Violation::new(pointer, "unknown_plan", "name a published version of a plan"),
            PlanKind::AddOn => Violation::new(pointer, "unknown_add_on", "name a published version of an add-on"),
        }
    }
}

/// The plan version that is asked for, and which of its offers is, by currency and interval.
pub(super) async fn offered(
    api: &Api,
    asked: Asked<'_>,
    currency: Option<&str>,
    interval: Option<plans::Interval>,
) -> Result<(PlanRef, OfferKey, Offers), Problem> {
    let version = asked.version(api).await?;
    let key = offer(&version, currency, interval)?.key();
    let mut offers = Offers::default();
    offers.insert_of(&version, key);
    Ok((version.reference, key, offers))
}

/// The first offer that has the currency and the interval, of those that are sent.
fn offer<'a>(
    version: &'a PlanVersion,
    currency: Option<&str>,
    interval: Option<plans::Interval>,
) -> Result<&'a Offer, Violation> {
    let currency = currency.map(str::parse::<Currency>).transpose().map_err(|_| not_offered("/currency"))?;
    let interval = interval.map(plans::Interval::decide).transpose()?;
    let in_currency = |offer: &&Offer| currency.is_none_or(|currency| offer.base_fee.currency == currency);
    let mut offers = version.offers().filter(in_currency).peekable();
    // Where nothing has the currency the interval is not to blame.
    let pointer = if offers.peek().is_none() || interval.is_none() { "/currency" } else { "/interval" };
    let found = offers.find(|offer| interval.is_none_or(|interval| offer.interval == interval));
    found.ok_or_else(|| not_offered(pointer))
}

fn not_offered(pointer: &str) -> Violation {
    Violation::new(pointer, "unknown_offer", "name a currency and an interval that the plan version offers")
}

impl NewSubscription {
    /// The offer that is asked for, and the add-ons beside it.
    pub(super) async fn offered(&self, api: &Api, tenant: TenantId) -> Result<Wanted, Problem> {
        let asked = Asked { tenant, kind: PlanKind::Plan, slug: &self.plan, version: self.version, under: "" };
        let (plan, offer, mut offers) = offered(api, asked, self.currency.as_deref(), self.interval).await?;
        let mut add_ons = BTreeMap::new();
        // Before any of them is looked up.
        subscription::check_add_ons(self.add_ons.len()).map_err(|violation| violation.under("/addOns"))?;
        for (slug, new) in &self.add_ons {
            let here = format!("/addOns/{slug}");
            let asked = Asked { tenant, kind: PlanKind::AddOn, slug, version: new.version, under: &here };
            let version = asked.version(api).await?;
            let seats = seats(&new.seats).map_err(|violation| violation.under(&here))?;
            // A version has the slug that it was found by.
            let slug = Slug::parse(slug).map_err(|violation| violation.under(&here))?;
            add_ons.insert(slug, AddOn { plan: version.reference, seats });
            offers.insert_of(&version, offer);
        }
        Ok(Wanted { plan, offer, offers, add_ons })
    }

    /// What it begins with, for the tenant `tenant_id` whose days begin in `time_zone`.
    pub(super) fn start(
        &self,
        id: SubscriptionId,
        tenant_id: TenantId,
        time_zone: &TimeZone,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Start, Violation> {
        let today = now.to_zoned(time_zone.clone()).date();
        let starts_on = self.starts_on.unwrap_or(today);
        let days = |days: i32| today.saturating_add(days.days());
        if starts_on < days(-START_DAYS_MAX) || starts_on > days(START_DAYS_MAX) {
            let message = format!("send a date at most {START_DAYS_MAX} days away");
            return Err(Violation::new("/startsOn", "date_out_of_range", message));
        }
        let trial = match (self.trial_days, self.trial_ends_on) {
            (None, None) => None,
            (Some(days), None) => Some(Trial::Days(days)),
            (None, Some(day)) => Some(Trial::Until(day)),
            (Some(_), Some(_)) => {
                return Err(Violation::new("/trialEndsOn", "not_allowed", "send either this or trialDays"));
            }
        };
        Ok(Start {
            id,
            tenant_id,
            anchor: self.anchor.into(),
            starts_on,
            time_zone: time_zone.clone(),
            plan: wanted.plan,
            offer: wanted.offer,
            seats: seats(&self.seats)?,
            add_ons: wanted.add_ons.clone(),
            trial,
        })
    }
}

/// Numbers of seats by the key of their price.
pub(super) fn seats(sent: &BTreeMap<String, u64>) -> Result<BTreeMap<Slug, u64>, Violation> {
    let unknown = |key: &str| {
        Violation::new(format!("/seats/{key}"), "unknown_seats", "name a price of the plan that charges for seats")
    };
    sent.iter().map(|(key, seats)| Ok((Slug::parse(key).map_err(|_| unknown(key))?, *seats))).collect()
}

/// The subscription past a first run that would charge nothing: most plans charge nothing in advance.
pub(super) fn opened(made: Subscription, offers: &Offers) -> Result<Subscription, Problem> {
    // It closes no period, so that no usage is charged.
    let lines = made.lines(0, offers, &BTreeMap::new());
    if !lines.map_err(|error| Problem::internal(error.to_string()))?.is_empty() {
        return Ok(made);
    }
    let opened = made.after_run().map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Subscription { revision: made.revision, ..opened })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::PlanId;
    use rstest::rstest;

    fn started(new: &str) -> Result<Start, Violation> {
        let new: NewSubscription = serde_json::from_str(new).unwrap();
        let plan = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        let offer = OfferKey { interval: domain::calendar::Interval::MONTH, currency: "USD".parse().unwrap() };
        // Still 31 May in New York.
        let now = "2026-06-01T00:30:00Z".parse().unwrap();
        let zone = TimeZone::get("America/New_York").unwrap();
        let wanted = Wanted { plan, offer, offers: Offers::default(), add_ons: BTreeMap::new() };
        new.start(SubscriptionId::derived(&["sub"]), TenantId::derived(&["acme"]), &zone, &wanted, now)
    }

    #[rstest]
    #[case::today_where_the_tenant_is(r#"{"plan":"pro"}"#, Ok("2026-05-31"))]
    #[case::earliest(r#"{"plan":"pro","startsOn":"2025-04-26"}"#, Ok("2025-04-26"))]
    #[case::too_early(r#"{"plan":"pro","startsOn":"2025-04-25"}"#, Err("date_out_of_range"))]
    #[case::latest(r#"{"plan":"pro","startsOn":"2027-07-05"}"#, Ok("2027-07-05"))]
    #[case::too_late(r#"{"plan":"pro","startsOn":"2027-07-06"}"#, Err("date_out_of_range"))]
    #[case::two_trials(r#"{"plan":"pro","trialDays":7,"trialEndsOn":"2026-06-07"}"#, Err("not_allowed"))]
    #[case::no_seats_price(r#"{"plan":"pro","seats":{"No Slug":7}}"#, Err("unknown_seats"))]
    fn a_start_is_at_most_400_days_away(#[case] new: &str, #[case] expect: Result<&str, &str>) {
        let day = started(new).map(|start| start.starts_on.to_string());
        assert_eq!(day.as_deref().map_err(|violation| violation.code), expect);
    }
}
