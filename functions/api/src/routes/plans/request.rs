//! Plans as they are sent, and the way from there to the catalog.

use super::{Interval, answer::PriceModel};
use crate::body::Exact;
use domain::{
    Decimal, Timestamp, Violation,
    catalog::{self, PlanRef, PlanVersion},
    money::{Currency, Money, Rate},
    text::Slug,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// A plan to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPlan {
    /// How subscriptions name it.
    #[schema(example = "pro")]
    pub(super) slug: String,
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// How long a billing period is; a month, unless it is sent.
    #[serde(default = "Interval::month")]
    interval: Interval,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// Charged once a period, in arrears, in minor units.
    #[serde(default)]
    #[schema(default = 0, minimum = 0, example = 1900)]
    base_fee_minor: i64,
    /// What usage costs.
    prices: Vec<NewPrice>,
}

/// A plan's next version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPlanVersion {
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// How long a billing period is; a month, unless it is sent.
    #[serde(default = "Interval::month")]
    interval: Interval,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// Charged once a period, in arrears, in minor units.
    #[serde(default)]
    #[schema(default = 0, minimum = 0, example = 1900)]
    base_fee_minor: i64,
    /// What usage costs.
    prices: Vec<NewPrice>,
}

/// A price of a plan to be published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPrice {
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
    #[serde(default = "zero")]
    #[schema(value_type = String, default = "0", example = "1000000")]
    included: Exact,
    /// What the rest costs.
    #[schema(value_type = PriceModel)]
    model: NewPriceModel,
}

/// A price model as it is sent: one shape for all, so that a refusal can name the field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewPriceModel {
    #[serde(rename = "type")]
    model_type: ModelType,
    unit_price: Option<Exact>,
    tiers: Option<Vec<NewTier>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ModelType {
    PerUnit,
    Graduated,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewTier {
    up_to: Option<Exact>,
    unit_price: Exact,
    #[serde(default = "zero")]
    flat_fee: Exact,
}

fn zero() -> Exact {
    Exact(Decimal::ZERO)
}

impl NewPlan {
    /// All but the slug.
    pub(super) fn version(self) -> NewPlanVersion {
        let Self { slug: _, name, interval, currency, base_fee_minor, prices } = self;
        NewPlanVersion { name, interval, currency, base_fee_minor, prices }
    }
}

impl NewPlanVersion {
    /// The version `reference`, if it keeps the rules of the catalog.
    pub(super) fn decide(self, reference: PlanRef, now: Timestamp) -> Result<PlanVersion, Violation> {
        let currency: Currency = self.currency.parse().map_err(|_| {
            Violation::new("/currency", "unknown_currency", "send the ISO 4217 code of a currency with a minor unit")
        })?;
        let price = |(index, price): (usize, NewPrice)| {
            price.decide().map_err(|violation| violation.under(&format!("/prices/{index}")))
        };
        let version = PlanVersion {
            reference,
            name: self.name,
            interval: self.interval.decide()?,
            base_fee: Money { amount_minor: self.base_fee_minor, currency },
            prices: self.prices.into_iter().enumerate().map(price).collect::<Result<_, _>>()?,
            created_at: now,
        };
        version.check().map_err(as_sent)?;
        Ok(version)
    }
}

impl NewPrice {
    fn decide(self) -> Result<catalog::Price, Violation> {
        Ok(catalog::Price {
            key: Slug::parse(&self.key).map_err(|violation| violation.under("/key"))?,
            name: self.name,
            meter: Slug::parse(&self.meter).map_err(|violation| violation.under("/meter"))?,
            included: self.included.0,
            model: self.model.decide().map_err(|violation| violation.under("/model"))?,
        })
    }
}

impl NewPriceModel {
    fn decide(self) -> Result<catalog::PriceModel, Violation> {
        let required = |pointer| Violation::new(pointer, "required", "this model needs it");
        let not_allowed = |pointer| Violation::new(pointer, "not_allowed", "this model does not have it");
        match (self.model_type, self.unit_price, self.tiers) {
            (ModelType::PerUnit, None, _) => Err(required("/unitPrice")),
            (ModelType::PerUnit, Some(_), Some(_)) => Err(not_allowed("/tiers")),
            (ModelType::PerUnit, Some(price), None) => {
                Ok(catalog::PriceModel::PerUnit { unit_price: rate("/unitPrice", price)? })
            }
            (ModelType::Graduated, _, None) => Err(required("/tiers")),
            (ModelType::Graduated, Some(_), Some(_)) => Err(not_allowed("/unitPrice")),
            (ModelType::Graduated, None, Some(tiers)) => {
                let tiers = tiers.into_iter().enumerate().map(|(index, tier)| tier.decide(index));
                Ok(catalog::PriceModel::Graduated { tiers: tiers.collect::<Result<_, _>>()? })
            }
        }
    }
}

impl NewTier {
    fn decide(self, index: usize) -> Result<catalog::Tier, Violation> {
        Ok(catalog::Tier {
            up_to: self.up_to.map(|Exact(bound)| bound),
            unit_price: rate(&format!("/tiers/{index}/unitPrice"), self.unit_price)?,
            flat_fee: rate(&format!("/tiers/{index}/flatFee"), self.flat_fee)?,
        })
    }
}

fn rate(pointer: &str, Exact(value): Exact) -> Result<Rate, Violation> {
    let message = "send zero or more, below a billion, with at most 12 decimals";
    Rate::new(value).ok_or_else(|| Violation::new(pointer, "rate_out_of_range", message))
}

/// A violation of the catalog's rules, with the pointer as the field is called here.
fn as_sent(mut violation: Violation) -> Violation {
    violation.pointer = violation.pointer.replace("/baseFee", "/baseFeeMinor").replace("/tiers", "/model/tiers");
    violation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::plans::answer::Plan;
    use domain::id::PlanId;
    use rstest::rstest;
    use std::num::NonZeroU32;

    fn decide(more: &str) -> Result<PlanVersion, Violation> {
        let new = format!(r#"{{"name":"Pro",{more}}}"#);
        let reference = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        serde_json::from_str::<NewPlanVersion>(&new).unwrap().decide(reference, Timestamp::UNIX_EPOCH)
    }

    fn with_model(model: &str) -> String {
        format!(r#""currency":"USD","prices":[{{"key":"k","name":"K","meter":"m","model":{model}}}]"#)
    }

    const MODEL: &str = "/prices/0/model";

    #[rstest]
    #[case(r#"{"type":"perUnit","unitPrice":"0.0004"}"#, None)]
    #[case(r#"{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1"},{"unitPrice":"0.5"}]}"#, None)]
    #[case(r#"{"type":"perUnit"}"#, Some(("/unitPrice", "required")))]
    #[case(r#"{"type":"perUnit","unitPrice":"1","tiers":[]}"#, Some(("/tiers", "not_allowed")))]
    #[case(r#"{"type":"perUnit","unitPrice":"-1"}"#, Some(("/unitPrice", "rate_out_of_range")))]
    #[case(r#"{"type":"graduated"}"#, Some(("/tiers", "required")))]
    #[case(r#"{"type":"graduated","tiers":[]}"#, Some(("/tiers", "tier_count")))]
    #[case(r#"{"type":"graduated","unitPrice":"1","tiers":[]}"#, Some(("/unitPrice", "not_allowed")))]
    #[case(r#"{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1"}]}"#, Some(("/tiers/0/upTo", "tier_bounded")))]
    #[case(
        r#"{"type":"graduated","tiers":[{"unitPrice":"1","flatFee":"1000000000"}]}"#,
        Some(("/tiers/0/flatFee", "rate_out_of_range"))
    )]
    fn a_model_is_refused_by_the_field(#[case] model: &str, #[case] expect: Option<(&str, &str)>) {
        let refusal = decide(&with_model(model)).err().map(|violation| (violation.pointer, violation.code));
        assert_eq!(refusal, expect.map(|(field, code)| (format!("{MODEL}{field}"), code)));
    }

    #[rstest]
    #[case::gold(r#""currency":"XAU","prices":[]"#, ("/currency", "unknown_currency"))]
    #[case::long(r#""currency":"USD","prices":[],"interval":{"unit":"day","count":25}"#, ("/interval/count", "interval_out_of_range"))]
    #[case::credit(r#""currency":"USD","prices":[],"baseFeeMinor":-1"#, ("/baseFeeMinor", "base_fee_negative"))]
    fn a_version_is_refused_by_the_field(#[case] more: &str, #[case] expect: (&str, &str)) {
        let violation = decide(more).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), expect);
    }

    #[test]
    fn a_plan_is_answered_as_it_was_sent() {
        let model = r#"{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1.50"},{"unitPrice":"0.5"}]}"#;
        let plan = Plan::new(&Slug::parse("pro").unwrap(), decide(&with_model(model)).unwrap());
        let answer = serde_json::to_value(&plan).unwrap();
        assert_eq!(answer["interval"], serde_json::json!({"unit": "month", "count": 1}));
        assert_eq!(
            answer["prices"][0]["model"],
            serde_json::json!({"type": "graduated", "tiers": [
                {"upTo": "10", "unitPrice": "1.5", "flatFee": "0"},
                {"upTo": null, "unitPrice": "0.5", "flatFee": "0"},
            ]})
        );
    }
}
