//! Subscriptions: which tenant pays by which plan version, from when on.

use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    routes::{self, PeriodBody, plans},
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use domain::{
    Date, Timestamp, Violation, calendar,
    catalog::{PlanRef, PlanVersion},
    id::{PlanId, SubscriptionId, TenantId},
    subscription,
};
use http::StatusCode;
use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use utoipa::ToSchema;

/// Furthest that a subscription may start in the past or in the future: as old as the oldest usage.
const START_DAYS_MAX: i32 = 400;

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
    /// What for; pinned, so that a new version of the plan changes nothing here.
    plan: PlanPinned,
    /// First billed day, in the tenant's time zone.
    #[schema(example = "2026-06-01")]
    starts_on: Date,
    /// Which days its periods start on.
    anchor: Anchor,
    /// How long a period is.
    interval: plans::Interval,
    /// Where its days begin.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// Number of the period that is billed next, counted from 0.
    next_period: u32,
    /// The period that is billed next.
    current_period: PeriodBody,
    /// When it was created.
    created_at: Timestamp,
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
    fn new(subscription: &subscription::Subscription) -> Result<Self, Problem> {
        let period = subscription.next_billing_period().map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Self {
            id: subscription.id,
            tenant_id: subscription.tenant_id,
            plan: subscription.plan.into(),
            starts_on: subscription.starts_on,
            anchor: subscription.anchor.into(),
            interval: subscription.interval.into(),
            time_zone: subscription.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            next_period: subscription.next_period,
            current_period: period.period.into(),
            created_at: subscription.created_at,
        })
    }
}

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
    /// First billed day; today in the tenant's time zone, unless it is sent. At most 400 days away.
    #[schema(example = "2026-06-01")]
    starts_on: Option<Date>,
    /// Which days its periods start on.
    #[serde(default)]
    anchor: Anchor,
}

/// Subscribe a tenant to a plan
#[utoipa::path(
    post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "Subscriptions", security(("platformKey" = [])),
    params(("tenant" = String, Query, description = "Id or slug of who pays.")),
    request_body = NewSubscription,
    responses((status = 201, body = Subscription, description = "The subscription."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    creation: Creation,
    Json(new): Json<NewSubscription>,
) -> Result<(StatusCode, axum::Json<Subscription>), Problem> {
    let now = api.world().now();
    let version = pinned(&api, &new).await?;
    let id = SubscriptionId::new(creation.uuid(&api, now));
    let made = decide(&new, &version, &tenant, id, now)?;
    let grace = api.world().settings().invoice_grace;
    let closes_at = made.closes_at(0, grace).map_err(|_| starts_on("send a date before the year 9999"))?;
    let store = api.store(&tenant);
    let made = match store.create_subscription(&made, closes_at).await? {
        true => made,
        false => store.subscription(id).await?.ok_or_else(Problem::not_found)?,
    };
    Ok((StatusCode::CREATED, axum::Json(Subscription::new(&made)?)))
}

/// The plan version that is asked for.
async fn pinned(api: &Api, new: &NewSubscription) -> Result<PlanVersion, Problem> {
    let unknown = |pointer: &str| Problem::from(Violation::new(pointer, "unknown_plan", "name a published plan"));
    let slug = domain::text::Slug::parse(&new.plan).map_err(|_| unknown("/plan"))?;
    let plan = api.world().plan(&slug).await?.ok_or_else(|| unknown("/plan"))?;
    let reference = PlanRef { plan_id: plan.id, version: new.version.unwrap_or(plan.latest_version) };
    api.world().plan_version(reference).await?.ok_or_else(|| unknown("/version"))
}

fn decide(
    new: &NewSubscription,
    version: &PlanVersion,
    tenant: &KnownTenant,
    id: SubscriptionId,
    now: Timestamp,
) -> Result<subscription::Subscription, Violation> {
    let today = now.to_zoned(tenant.time_zone.clone()).date();
    let first_day = new.starts_on.unwrap_or(today);
    let days = |days: i32| today.saturating_add(days.days());
    if first_day < days(-START_DAYS_MAX) || first_day > days(START_DAYS_MAX) {
        return Err(starts_on(&format!("send a date at most {START_DAYS_MAX} days away")));
    }
    Ok(subscription::Subscription {
        id,
        tenant_id: tenant.id,
        plan: version.reference,
        interval: version.interval,
        anchor: new.anchor.into(),
        starts_on: first_day,
        time_zone: tenant.time_zone.clone(),
        next_period: 0,
        created_at: now,
    })
}

fn starts_on(message: &str) -> Violation {
    Violation::new("/startsOn", "date_out_of_range", message)
}

/// List subscriptions
#[utoipa::path(
    get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<Subscription>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<Subscription>>, Problem> {
    let page = api.store(&tenant).subscriptions(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page.try_map(|subscription| Subscription::new(&subscription))?, |subscription| subscription))
}

/// Get a subscription
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}", operation_id = "getSubscription", tag = "Subscriptions", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which subscription."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = Subscription, description = "The subscription."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<Subscription>, Problem> {
    let found = api.store(&tenant).subscription(routes::id(&id)?).await?;
    Ok(axum::Json(Subscription::new(&found.ok_or_else(Problem::not_found)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{TimeZone, calendar::Interval, money::Money, text::Slug};
    use rstest::rstest;

    fn decided(new: &str) -> Result<subscription::Subscription, Violation> {
        let version = PlanVersion {
            reference: PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN },
            name: "Pro".to_owned(),
            interval: Interval::MONTH,
            base_fee: Money::zero("USD".parse().unwrap()),
            prices: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        let tenant = KnownTenant {
            id: TenantId::derived(&["acme"]),
            slug: Slug::parse("acme").unwrap(),
            time_zone: TimeZone::get("America/New_York").unwrap(),
            layouts: usage_log::Layouts::default(),
        };
        // Still 31 May in New York.
        let now = "2026-06-01T00:30:00Z".parse().unwrap();
        let id = SubscriptionId::derived(&["sub"]);
        decide(&serde_json::from_str(new).unwrap(), &version, &tenant, id, now)
    }

    #[rstest]
    #[case::today_where_the_tenant_is(r#"{"plan":"pro"}"#, Some("2026-05-31"))]
    #[case::earliest(r#"{"plan":"pro","startsOn":"2025-04-26"}"#, Some("2025-04-26"))]
    #[case::too_early(r#"{"plan":"pro","startsOn":"2025-04-25"}"#, None)]
    #[case::latest(r#"{"plan":"pro","startsOn":"2027-07-05"}"#, Some("2027-07-05"))]
    #[case::too_late(r#"{"plan":"pro","startsOn":"2027-07-06"}"#, None)]
    fn a_start_is_at_most_400_days_away(#[case] new: &str, #[case] expect: Option<&str>) {
        match (decided(new), expect) {
            (Ok(made), Some(day)) => assert_eq!(made.starts_on.to_string(), day),
            (Err(violation), None) => assert_eq!(violation.code, "date_out_of_range"),
            (outcome, _) => panic!("{new}: {outcome:?}"),
        }
    }
}
