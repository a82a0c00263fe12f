//! What one tenant pays instead of a plan's own prices: a version of the plan that this tenant alone can subscribe to.
//!
//! It is the tenant's until it is archived, as any other version is; then the one before holds for new subscriptions, or
//! the plan's own.

use super::{
    Interval,
    answer::{Plan, VersionStatus},
    by_slug, check_billable, load_version, named,
    request::as_sent,
    versions::added,
};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List},
    problem::Problem,
    routes::{money::currency, prices::Price},
    state::Api,
};
use axum::extract::{Path, State};
use domain::{
    Violation,
    catalog::{self, OfferKey, OfferOverride, PlanRef, PlanVersion, PriceShape, Versions},
    id::TenantId,
    money::Money,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use utoipa::ToSchema;

/// What is to be other for one tenant; the rest is as in the version it is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewOverride {
    /// The version of the plan that it is made of; the latest that is for all, unless it is sent.
    #[schema(value_type = Option<u32>, minimum = 1)]
    based_on: Option<NonZeroU32>,
    /// The offers of which something is other.
    offers: Vec<NewOfferOverride>,
}

/// What is other about one offer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewOfferOverride {
    /// Its ISO 4217 code; that of the first offer, unless it is sent.
    #[schema(example = "USD")]
    currency: Option<String>,
    /// Its billing interval; that of the first offer in the currency, unless it is sent.
    interval: Option<Interval>,
    /// The base fee, in minor units; as it was, unless it is sent.
    #[schema(minimum = 0, example = 1500)]
    base_fee_minor: Option<i64>,
    /// Prices that take the place of those with the same keys.
    #[serde(default)]
    #[schema(value_type = Vec<Price>)]
    prices: Vec<PriceShape>,
}

/// A version that is one tenant's own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverrideListed {
    /// Which version of the plan.
    #[schema(value_type = u32, minimum = 1)]
    version: NonZeroU32,
    /// Whose.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// What became of it.
    status: VersionStatus,
}

/// Override a plan's prices for a tenant
///
/// As a version of the plan, active at once, that this tenant alone sees and can subscribe to; its new subscriptions get it
/// where they name no version. Existing ones go on until they change or are migrated.
#[utoipa::path(
    post, path = "/v1/plans/{slug}/overrides", operation_id = "overridePlan", tag = "Plans", security(("platformKey" = [])),
    params(
        ("slug" = String, Path, description = "Which plan, or which add-on."),
        ("tenant" = String, Query, description = "Id or slug of who pays."),
    ),
    request_body = NewOverride,
    responses((status = 201, body = Plan, description = "The version."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    creation: Creation,
    Path(slug): Path<String>,
    Json(new): Json<NewOverride>,
) -> Result<(StatusCode, axum::Json<Plan>), Problem> {
    let now = api.world().now();
    tenant.check_customer()?;
    let plan = named(&api, &slug).await?;
    let nothing = || Violation::new("/basedOn", "unknown_plan", "name a published version of the plan");
    let based_on = new.based_on.or_else(|| plan.versions.latest()).ok_or_else(nothing)?;
    let is_there = match plan.versions.status(based_on) {
        Some(catalog::VersionStatus::Active | catalog::VersionStatus::Archived) => true,
        Some(catalog::VersionStatus::Draft) | None => false,
    };
    if !is_there || !plan.versions.is_for(based_on, tenant.id) {
        return Err(nothing().into());
    }
    let base = load_version(&api, PlanRef { plan_id: plan.id, version: based_on }).await?;
    let meters = api.world().all_meters().await?;
    let meters = by_slug(&meters);
    let changes = new.offers.into_iter().enumerate().map(|(index, offer)| {
        let billable = |price: &catalog::Price| check_billable(price, &meters);
        offer.decide(&base, billable).map_err(|violation| violation.under(&format!("/offers/{index}")))
    });
    let changes: Vec<OfferOverride> = changes.collect::<Result<_, _>>()?;
    // Its number is given with the plan as it is when it is added.
    let version = base.overridden(based_on, changes, now).map_err(as_sent)?;
    let owner = tenant.id;
    let add = |versions: &mut Versions| versions.add_override(owner);
    added(&api, &slug, creation.uuid(&api, now), version, false, add).await
}

/// List the overrides of a plan, oldest first
#[utoipa::path(
    get, path = "/v1/plans/{slug}/overrides", operation_id = "listPlanOverrides", tag = "Plans", security(("platformKey" = [])),
    params(("slug" = String, Path, description = "Which plan, or which add-on.")),
    responses((status = 200, body = List<OverrideListed>, description = "All of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Platform,
    Path(slug): Path<String>,
) -> Result<axum::Json<List<OverrideListed>>, Problem> {
    let plan = named(&api, &slug).await?;
    let mut listed = Vec::new();
    for (version, tenant_id) in plan.versions.overrides() {
        let status = plan.versions.status(*version).ok_or_else(Problem::not_found)?;
        listed.push(OverrideListed { version: *version, tenant_id: *tenant_id, status: status.into() });
    }
    Ok(page::whole(listed))
}

impl NewOfferOverride {
    /// What is other about an offer of `base`, if each price can be billed.
    fn decide(
        self,
        base: &PlanVersion,
        billable: impl Fn(&catalog::Price) -> Result<(), Violation>,
    ) -> Result<OfferOverride, Violation> {
        let first = base.first_offer().key();
        let currency = self.currency.as_deref().map(currency).transpose()?.unwrap_or(first.currency);
        let in_currency = base.offers().map(catalog::Offer::key).find(|offer| offer.currency == currency);
        let interval = match self.interval {
            Some(interval) => interval.decide()?,
            None => in_currency.unwrap_or(first).interval,
        };
        let mut prices = Vec::with_capacity(self.prices.len());
        for (place, shape) in self.prices.into_iter().enumerate() {
            let under = |violation: Violation| violation.under(&format!("/prices/{place}"));
            let price = catalog::Price::try_from(shape).map_err(under)?;
            billable(&price).map_err(under)?;
            prices.push(price);
        }
        let base_fee = self.base_fee_minor.map(|amount_minor| Money { amount_minor, currency });
        Ok(OfferOverride { offer: OfferKey { interval, currency }, base_fee, prices })
    }
}
