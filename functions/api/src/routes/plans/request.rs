//! Plans as they are sent, and the way from there to the catalog.

use super::Interval;
use crate::routes::prices::Price;
use domain::{
    Timestamp, Violation,
    catalog::{self, PlanRef, PlanVersion, PriceShape},
    money::{Currency, Money},
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
    /// What is charged for.
    #[schema(value_type = Vec<Price>)]
    prices: Vec<PriceShape>,
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
    /// What is charged for.
    #[schema(value_type = Vec<Price>)]
    prices: Vec<PriceShape>,
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
        let price = |(index, price): (usize, PriceShape)| {
            catalog::Price::try_from(price).map_err(|violation| violation.under(&format!("/prices/{index}")))
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

/// A violation of the catalog's rules, with the pointer as the field is called here.
fn as_sent(mut violation: Violation) -> Violation {
    violation.pointer = violation.pointer.replace("/baseFee", "/baseFeeMinor");
    violation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::plans::answer::Plan;
    use domain::{id::PlanId, text::Slug};
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
    #[case(r#"{"type":"graduated","unitPrice":"1","tiers":[{"unitPrice":"1"}]}"#, Some(("/unitPrice", "not_allowed")))]
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
