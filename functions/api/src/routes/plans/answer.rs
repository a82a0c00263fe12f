//! Plans as they are answered.

use super::Interval;
use crate::body::exact_text;
use domain::{
    Timestamp,
    catalog::{self, PlanVersion},
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
    /// What usage costs.
    prices: Vec<Price>,
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

/// What a plan charges for one meter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Price {
    /// Unique within the plan; names the invoice line.
    #[schema(example = "traffic")]
    key: String,
    /// How the invoice line is called.
    #[schema(example = "Traffic, per byte")]
    name: String,
    /// Slug of the meter whose quantity is charged.
    #[schema(example = "bytes-out")]
    meter: String,
    /// Units a period that cost nothing.
    #[schema(example = "1000000")]
    included: String,
    /// What the rest costs.
    model: PriceModel,
}

/// How a quantity becomes money.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum PriceModel {
    /// Quantity × unit price.
    PerUnit {
        /// Major units of the currency for one unit.
        #[serde(rename = "unitPrice")]
        #[schema(example = "0.0004")]
        unit_price: String,
    },
    /// Each unit at the price of its tier.
    Graduated {
        /// In ascending order; the last one has no upper bound.
        tiers: Vec<Tier>,
    },
}

/// One tier of a graduated price.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tier {
    /// Last quantity inside; `null` for the last tier.
    #[schema(example = "1000")]
    up_to: Option<String>,
    /// Price of each unit in it, in major units.
    #[schema(example = "0.02")]
    unit_price: String,
    /// Charged once when the tier is entered, in major units.
    #[schema(required = false, default = "0", example = "0")]
    flat_fee: String,
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
            prices: version.prices.into_iter().map(Price::from).collect(),
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

impl From<catalog::Price> for Price {
    fn from(price: catalog::Price) -> Self {
        let tier = |tier: catalog::Tier| Tier {
            up_to: tier.up_to.map(exact_text),
            unit_price: exact_text(tier.unit_price.value()),
            flat_fee: exact_text(tier.flat_fee.value()),
        };
        Self {
            key: price.key.to_string(),
            name: price.name,
            meter: price.meter.to_string(),
            included: exact_text(price.included),
            model: match price.model {
                catalog::PriceModel::PerUnit { unit_price } => {
                    PriceModel::PerUnit { unit_price: exact_text(unit_price.value()) }
                }
                catalog::PriceModel::Graduated { tiers } => {
                    PriceModel::Graduated { tiers: tiers.into_iter().map(tier).collect() }
                }
            },
        }
    }
}
