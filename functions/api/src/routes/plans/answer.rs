//! Plans as they are answered.

use super::{
    Interval,
    request::{PlanKind, Visibility},
};
use crate::routes::prices::Price;
use domain::{
    Timestamp,
    catalog::{self, PlanVersion, PriceShape},
    id::{PlanId, TenantId},
};
use serde::Serialize;
use std::{collections::BTreeMap, num::NonZeroU32};
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
    /// What it is subscribed to as.
    kind: PlanKind,
    /// Which version of it, counted from 1.
    #[schema(value_type = u32, minimum = 1, example = 1)]
    version: NonZeroU32,
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// What became of this version.
    status: VersionStatus,
    /// The tenant that alone can subscribe to this version, which overrides the plan's prices; `null` where all can.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// The first offer: what is meant where a subscription names none.
    #[serde(flatten)]
    first: Offer,
    /// All offers, the first one first.
    offers: Vec<Offer>,
    /// Who sees the plan.
    visibility: Visibility,
    /// Where the plan stands among others on a page that shows them.
    display_order: Option<i32>,
    /// What the plan is.
    description: Option<String>,
    /// What the platform keeps with the plan.
    metadata: BTreeMap<String, String>,
    /// When this version was published; of a draft, when it was written.
    created_at: Timestamp,
}

/// What a plan version costs in one currency, for one billing interval.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offer {
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
}

/// What became of a plan version.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum VersionStatus {
    /// It can be replaced, and nobody can subscribe to it.
    Draft,
    /// It can be subscribed to, and never changes.
    Active,
    /// Nobody new can subscribe to it; existing subscriptions go on.
    Archived,
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
    /// What it is subscribed to as.
    kind: PlanKind,
    /// What customers call it.
    name: String,
    /// The version that new subscriptions get: the newest active one; `null` if there is none.
    #[schema(value_type = Option<u32>, minimum = 1)]
    latest_version: Option<NonZeroU32>,
    /// Who sees the plan.
    visibility: Visibility,
    /// Where the plan stands among others on a page that shows them.
    display_order: Option<i32>,
    /// What the plan is.
    description: Option<String>,
    /// What the platform keeps with the plan.
    metadata: BTreeMap<String, String>,
    /// When it was created.
    created_at: Timestamp,
}

impl Plan {
    /// A version of `plan`; `None` if the plan has no such version.
    pub(super) fn new(plan: &catalog::Plan, version: &PlanVersion) -> Option<Self> {
        let attributes = plan.attributes.clone();
        Some(Self {
            id: plan.id,
            slug: plan.slug.to_string(),
            kind: plan.kind.into(),
            version: version.reference.version,
            name: version.name.clone(),
            status: plan.versions.status(version.reference.version)?.into(),
            tenant_id: plan.versions.overrides().get(&version.reference.version).copied(),
            first: version.first_offer().into(),
            offers: version.offers().map(Offer::from).collect(),
            visibility: attributes.visibility.into(),
            display_order: attributes.display_order,
            description: attributes.description,
            metadata: attributes.metadata,
            created_at: version.created_at,
        })
    }
}

impl From<&catalog::Offer> for Offer {
    fn from(offer: &catalog::Offer) -> Self {
        Self {
            interval: offer.interval.into(),
            currency: offer.base_fee.currency.to_string(),
            base_fee_minor: offer.base_fee.amount_minor,
            prices: offer.prices.iter().map(PriceShape::from).collect(),
        }
    }
}

impl From<catalog::VersionStatus> for VersionStatus {
    fn from(status: catalog::VersionStatus) -> Self {
        match status {
            catalog::VersionStatus::Draft => Self::Draft,
            catalog::VersionStatus::Active => Self::Active,
            catalog::VersionStatus::Archived => Self::Archived,
        }
    }
}

impl From<catalog::Plan> for PlanListed {
    fn from(plan: catalog::Plan) -> Self {
        let catalog::PlanAttributes { visibility, display_order, description, metadata } = plan.attributes;
        Self {
            id: plan.id,
            slug: plan.slug.to_string(),
            kind: plan.kind.into(),
            name: plan.name,
            latest_version: plan.versions.latest(),
            visibility: visibility.into(),
            display_order,
            description,
            metadata,
            created_at: plan.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::plans::request::NewPlanVersion;
    use domain::{
        catalog::{PlanAttributes, PlanRef, Versions},
        text::Slug,
    };
    use serde_json::json;

    #[test]
    fn a_plan_is_answered_as_it_was_sent() {
        let price = json!({"key": "k", "name": "K", "meter": "m", "model": {"type": "graduated", "tiers": [
            {"upTo": "10", "unitPrice": "1.50"}, {"unitPrice": "0.5"},
        ]}});
        let offers = json!([
            {"currency": "USD", "baseFeeMinor": 1900, "prices": [price]},
            {"currency": "JPY", "interval": {"unit": "year", "count": 1}, "prices": []},
        ]);
        let new: NewPlanVersion = serde_json::from_value(json!({"name": "Pro", "offers": offers})).unwrap();
        let reference = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        let version = new.decide(reference, Timestamp::UNIX_EPOCH, |_| Ok(())).unwrap();
        let plan = catalog::Plan {
            id: reference.plan_id,
            slug: Slug::parse("pro").unwrap(),
            kind: catalog::PlanKind::Plan,
            name: "Pro".to_owned(),
            versions: Versions::first(true),
            attributes: PlanAttributes { metadata: [("a".to_owned(), "1".to_owned())].into(), ..Default::default() },
            created_at: Timestamp::UNIX_EPOCH,
            revision: 1,
        };
        let answer = serde_json::to_value(Plan::new(&plan, &version)).unwrap();
        let model = json!({"type": "graduated", "tiers": [
            {"upTo": "10", "unitPrice": "1.5", "flatFee": "0"}, {"upTo": null, "unitPrice": "0.5", "flatFee": "0"},
        ]});
        assert_eq!(answer["prices"][0]["model"], model);
        assert_eq!((&answer["currency"], &answer["baseFeeMinor"]), (&json!("USD"), &json!(1900)));
        assert_eq!((&answer["interval"], &answer["status"]), (&json!({"unit": "month", "count": 1}), &json!("draft")));
        assert_eq!(answer["offers"][0]["prices"], answer["prices"]);
        assert_eq!(
            answer["offers"][1],
            json!({"interval": {"unit": "year", "count": 1}, "currency": "JPY", "baseFeeMinor": 0, "prices": []})
        );
        assert_eq!(answer["metadata"], json!({"a": "1"}));
    }
}
