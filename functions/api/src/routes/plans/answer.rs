//! Plans as they are answered.

use super::Interval;
use crate::routes::prices::Price;
use domain::{
    Timestamp,
    catalog::{self, PlanVersion, PriceShape},
    id::PlanId,
    text::Slug,
};
use serde::Serialize;
use std::num::NonZeroU32;
use utoipa::ToSchema;

/// One version of a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// Which plan.
    #[schema(value_type = String, example = "plan_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: PlanId,
    /// How subscriptions name it.
    #[schema(example = "pro")]
    slug: String,
    /// Which version of it, counted from 1.
    #[schema(value_type = u32, minimum = 1, example = 1)]
    version: NonZeroU32,
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// How long a billing period is.
    interval: Interval,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// Charged once a period, in arrears, in minor units.
    #[schema(example = 1900)]
    base_fee_minor: i64,
    /// What is charged for.
    #[schema(value_type = Vec<Price>)]
    prices: Vec<PriceShape>,
    /// When this version was published.
    created_at: Timestamp,
}

/// A plan in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanListed {
    /// Which plan.
    #[schema(value_type = String)]
    id: PlanId,
    /// How subscriptions name it.
    slug: String,
    /// What customers call it.
    name: String,
    /// The version that new subscriptions get.
    #[schema(value_type = u32, minimum = 1)]
    latest_version: NonZeroU32,
    /// When it was first published.
    created_at: Timestamp,
}

impl Plan {
    pub(super) fn new(slug: &Slug, version: PlanVersion) -> Self {
        Self {
            id: version.reference.plan_id,
            slug: slug.to_string(),
            version: version.reference.version,
            name: version.name,
            interval: version.interval.into(),
            currency: version.base_fee.currency.to_string(),
            base_fee_minor: version.base_fee.amount_minor,
            prices: version.prices.iter().map(PriceShape::from).collect(),
            created_at: version.created_at,
        }
    }
}

impl From<catalog::Plan> for PlanListed {
    fn from(plan: catalog::Plan) -> Self {
        Self {
            id: plan.id,
            slug: plan.slug.to_string(),
            name: plan.name,
            latest_version: plan.latest_version,
            created_at: plan.created_at,
        }
    }
}
