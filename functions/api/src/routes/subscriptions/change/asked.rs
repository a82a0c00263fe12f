//! A change as it is asked for, and the way from there to the domain's.

use super::super::request::{self, Asked};
use crate::{problem::Problem, routes::plans, state::Api};
use cloud::{
    billing::{self, Shelf},
    store::REFUSING_SUBSCRIPTIONS_MAX,
};
use domain::{
    Date, Violation,
    catalog::{OfferKey, PlanKind, PlanRef},
    subscription::{self, CancelWhen, Change, Offers, PausedUsage, When},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU32};
use utoipa::ToSchema;

/// A change. Fields that its type does not have are refused.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum NewChange {
    /// Another plan, version, currency or interval.
    Plan {
        /// Slug of the plan.
        #[schema(example = "enterprise")]
        plan: String,
        /// Which version of it; the latest, unless it is sent.
        #[schema(value_type = Option<u32>, minimum = 1)]
        version: Option<NonZeroU32>,
        /// How long a period is from then on; that of the first offer in the currency, unless it is sent.
        interval: Option<plans::Interval>,
        /// How many seats, by the key of the price; as many as before, or one, where nothing is sent.
        #[serde(default)]
        seats: BTreeMap<String, u64>,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// Another number of seats.
    Seats {
        /// Slug of the add-on that has the price; the plan, unless it is sent.
        #[serde(default, rename = "addOn", skip_serializing_if = "Option::is_none")]
        add_on: Option<String>,
        /// Key of the price that charges for them.
        #[schema(example = "seats")]
        price: String,
        /// How many from then on.
        #[schema(example = 7)]
        quantity: u64,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// An add-on beside the plan, or another version of one that is there.
    AddOn {
        /// Slug of the add-on, which has to offer the currency and interval of the subscription.
        #[serde(rename = "addOn")]
        #[schema(example = "support")]
        add_on: String,
        /// Which version of it; the latest, unless it is sent.
        #[schema(value_type = Option<u32>, minimum = 1)]
        version: Option<NonZeroU32>,
        /// How many seats, by the key of the price; as many as before, or one, where nothing is sent.
        #[serde(default)]
        seats: BTreeMap<String, u64>,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// An add-on less.
    RemoveAddOn {
        /// Slug of the add-on.
        #[serde(rename = "addOn")]
        #[schema(example = "support")]
        add_on: String,
        /// From when on.
        #[serde(default)]
        when: ChangeWhen,
    },
    /// Nothing is charged from today on.
    Pause {
        /// What becomes of usage.
        #[serde(default)]
        usage: UsageInPause,
    },
    /// Everything is charged again from today on.
    Resume {},
    /// It ends.
    Cancel {
        /// When.
        #[serde(default)]
        when: CancelAt,
        /// The last day that is billed; needed with `when` `date`, and only there.
        on: Option<Date>,
    },
    /// Takes back the change that is not in effect.
    Undo {},
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChangeWhen {
    /// With the next period.
    #[default]
    NextPeriod,
    /// Today: the rest of the old is credited, the rest of the new is charged.
    Immediate,
}

/// What becomes of usage in a pause.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UsageInPause {
    /// It is taken and costs nothing.
    #[default]
    Free,
    /// It is not taken, unless another subscription of the tenant is in force.
    Refused,
}

/// When a subscription ends.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CancelAt {
    /// Today is the last day that is billed.
    Now,
    /// The last day of the period that holds today is.
    #[default]
    PeriodEnd,
    /// A day that is sent is.
    Date,
}

/// The change that `new` asks for; `offers` gets what it names.
pub(super) async fn change(
    api: &Api,
    shelf: &Shelf,
    before: &subscription::Subscription,
    new: &NewChange,
    offers: &mut Offers,
) -> Result<Change, Problem> {
    Ok(match new {
        NewChange::Plan { plan, version, interval, seats, when } => {
            let currency = before.terms.first().map(|term| term.offer.currency.to_string());
            let asked =
                Asked { tenant: before.tenant_id, kind: PlanKind::Plan, slug: plan, version: *version, under: "" };
            let (to, offer, found) = request::offered(api, asked, currency.as_deref(), *interval).await?;
            offers.extend(found);
            // The add-ons go along, if they are sold for the interval.
            let add_ons = before.terms.iter().flat_map(|term| term.add_ons.values());
            let add_ons: Vec<(PlanRef, OfferKey)> = add_ons.map(|add_on| (add_on.plan, offer)).collect();
            offers.extend(billing::offers_there_are(api.world(), shelf, &add_ons).await?);
            Change::Plan { to, offer, seats: request::seats(seats)?, when: (*when).into() }
        }
        NewChange::Seats { add_on, price, quantity, when } => {
            let unknown = |_| Violation::new("/price", "unknown_seats", "name a price that charges for seats");
            let price = Slug::parse(price).map_err(unknown)?;
            let add_on = add_on.as_deref().map(add_on_slug).transpose()?;
            Change::Seats { add_on, price, quantity: *quantity, when: (*when).into() }
        }
        NewChange::AddOn { add_on, version, seats, when } => {
            let asked =
                Asked { tenant: before.tenant_id, kind: PlanKind::AddOn, slug: add_on, version: *version, under: "" };
            let version = asked.version(api).await?;
            let to = version.reference;
            for term in &before.terms {
                offers.insert_of(&version, term.offer);
            }
            Change::AddOn { add_on: add_on_slug(add_on)?, to, seats: request::seats(seats)?, when: (*when).into() }
        }
        NewChange::RemoveAddOn { add_on, when } => {
            Change::RemoveAddOn { add_on: add_on_slug(add_on)?, when: (*when).into() }
        }
        NewChange::Pause { usage } => Change::Pause { usage: in_pause(api, before, *usage).await? },
        NewChange::Resume {} => Change::Resume,
        NewChange::Cancel { when, on } => Change::Cancel { when: cancel_when(*when, *on)? },
        NewChange::Undo {} => Change::Undo,
    })
}

fn add_on_slug(slug: &str) -> Result<Slug, Violation> {
    Slug::parse(slug).map_err(|_| Violation::new("/addOn", "unknown_add_on", "name an add-on"))
}

/// What becomes of usage; it can only be refused where what is in force can be looked through.
async fn in_pause(api: &Api, before: &subscription::Subscription, usage: UsageInPause) -> Result<PausedUsage, Problem> {
    match usage {
        UsageInPause::Free => Ok(PausedUsage::Free),
        UsageInPause::Refused if api.world().store(before.tenant_id).may_refuse_usage().await? => {
            Ok(PausedUsage::Refused)
        }
        UsageInPause::Refused => {
            let message =
                format!("a tenant with more than {REFUSING_SUBSCRIPTIONS_MAX} subscriptions has no usage refused");
            Err(Problem::conflict("too_many_subscriptions", message))
        }
    }
}

impl From<ChangeWhen> for When {
    fn from(when: ChangeWhen) -> Self {
        match when {
            ChangeWhen::NextPeriod => Self::NextPeriod,
            ChangeWhen::Immediate => Self::Immediate,
        }
    }
}

fn cancel_when(when: CancelAt, on: Option<Date>) -> Result<CancelWhen, Violation> {
    match (when, on) {
        (CancelAt::Now, None) => Ok(CancelWhen::Now),
        (CancelAt::PeriodEnd, None) => Ok(CancelWhen::PeriodEnd),
        (CancelAt::Date, Some(day)) => Ok(CancelWhen::On(day)),
        (CancelAt::Date, None) => Err(Violation::new("/on", "required", "send the last day that is billed")),
        (CancelAt::Now | CancelAt::PeriodEnd, Some(_)) => {
            Err(Violation::new("/on", "not_allowed", "send it with when set to date, or leave it out"))
        }
    }
}

/// What is wrong with the subscription's state is a conflict; what is wrong with the request names its field.
pub(super) fn refused(violation: Violation) -> Problem {
    let pointer = match violation.code {
        "unknown_seats" if violation.pointer.is_empty() => "/price",
        "seats_out_of_range" if violation.pointer.is_empty() => "/quantity",
        "date_in_past" | "date_out_of_range" => "/on",
        "unknown_offer" | "currency_mismatch" => "/plan",
        "unknown_add_on" => "/addOn",
        "unknown_seats" | "seats_out_of_range" => return violation.into(),
        code => return Problem::conflict(code, violation.message),
    };
    violation.under(pointer).into()
}
