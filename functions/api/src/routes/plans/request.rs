//! Plans as they are sent, and the way from there to the catalog.
//!
//! A version with one offer may be sent without a list: its members then stand at the top, and so do the pointers to them.

use super::Interval;
use crate::{
    body,
    routes::{money::currency, prices::Price},
};
use domain::{
    Timestamp, Violation,
    catalog::{self, Offer, PlanAttributes, PlanRef, PlanVersion, PriceShape},
    money::Money,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A plan to be created. What it charges is either `currency` and `prices`, with `interval` and `baseFeeMinor`, or `offers`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPlan {
    /// How subscriptions name it.
    #[schema(example = "pro")]
    pub(super) slug: String,
    /// What it is subscribed to as; a plan, unless it is sent. It stays that.
    #[serde(default)]
    pub(super) kind: PlanKind,
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// A draft can be replaced, and nobody can subscribe to it until it is published.
    #[serde(default)]
    status: NewStatus,
    /// How long a billing period is; a month, unless it is sent.
    interval: Option<Interval>,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: Option<String>,
    /// Charged once a period, in arrears, in minor units; nothing, unless it is sent.
    #[schema(minimum = 0, example = 1900)]
    base_fee_minor: Option<i64>,
    /// What is charged for.
    #[schema(value_type = Option<Vec<Price>>)]
    prices: Option<Vec<PriceShape>>,
    /// The same for several currencies or intervals, 1 to 50.
    offers: Option<Vec<NewOffer>>,
    /// Who sees it; everybody, unless it is sent.
    #[serde(default)]
    visibility: Visibility,
    /// Where it stands among others on a page that shows them.
    display_order: Option<i32>,
    /// What it is, up to 1000 characters.
    description: Option<String>,
    /// Up to 20 pairs of the platform's own; keys of 40, values of 200 characters.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// A plan's next version. What it charges is either `currency` and `prices`, with `interval` and `baseFeeMinor`, or `offers`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewPlanVersion {
    /// What customers call it.
    #[schema(example = "Pro")]
    name: String,
    /// A draft can be replaced, and nobody can subscribe to it until it is published.
    pub(super) status: Option<NewStatus>,
    /// How long a billing period is; a month, unless it is sent.
    interval: Option<Interval>,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: Option<String>,
    /// Charged once a period, in arrears, in minor units; nothing, unless it is sent.
    #[schema(minimum = 0, example = 1900)]
    base_fee_minor: Option<i64>,
    /// What is charged for.
    #[schema(value_type = Option<Vec<Price>>)]
    prices: Option<Vec<PriceShape>>,
    /// The same for several currencies or intervals, 1 to 50.
    offers: Option<Vec<NewOffer>>,
}

/// What a plan version costs in one currency, for one billing interval.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewOffer {
    /// How long a billing period is; a month, unless it is sent.
    interval: Option<Interval>,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// Charged once a period, in arrears, in minor units; nothing, unless it is sent.
    #[schema(minimum = 0, example = 1900)]
    base_fee_minor: Option<i64>,
    /// What is charged for.
    #[schema(value_type = Vec<Price>)]
    prices: Vec<PriceShape>,
}

/// What a version begins as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum NewStatus {
    /// It can be subscribed to at once, and never changes.
    #[default]
    Active,
    /// It can be replaced until it is published.
    Draft,
}

/// What a plan is subscribed to as.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PlanKind {
    /// A subscription has one at a time.
    #[default]
    Plan,
    /// A subscription has it beside its plan, or several: it offers what they charge in the same currency and interval.
    AddOn,
}

/// Who sees a plan.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Visibility {
    /// Everybody with a key.
    #[default]
    Public,
    /// The platform, which may subscribe a tenant to it.
    Hidden,
}

/// What is to change of a plan; the rest stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PlanChange {
    /// Who sees it.
    visibility: Option<Visibility>,
    /// Where it stands among others; `null` for nowhere.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<i32>)]
    display_order: Option<Option<i32>>,
    /// What it is, up to 1000 characters; `null` for nothing.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// All pairs that it has from now on.
    metadata: Option<BTreeMap<String, String>>,
}

impl NewPlan {
    /// The plan's attributes, if they keep the rules, and its first version.
    pub(super) fn split(self) -> Result<(PlanAttributes, NewPlanVersion), Violation> {
        let Self { name, status, interval, currency, base_fee_minor, prices, offers, .. } = self;
        let attributes = PlanAttributes {
            visibility: self.visibility.into(),
            display_order: self.display_order,
            description: self.description,
            metadata: self.metadata,
        };
        attributes.check()?;
        let status = Some(status);
        Ok((attributes, NewPlanVersion { name, status, interval, currency, base_fee_minor, prices, offers }))
    }
}

impl PlanChange {
    /// The attributes as they are after the change.
    pub(super) fn apply(&self, before: &PlanAttributes) -> Result<PlanAttributes, Violation> {
        let after = PlanAttributes {
            visibility: self.visibility.map_or(before.visibility, Into::into),
            display_order: self.display_order.unwrap_or(before.display_order),
            description: self.description.clone().unwrap_or_else(|| before.description.clone()),
            metadata: self.metadata.clone().unwrap_or_else(|| before.metadata.clone()),
        };
        after.check()?;
        Ok(after)
    }
}

impl NewPlanVersion {
    /// Whether it is to begin as a draft.
    pub(super) fn is_draft(&self) -> bool {
        self.status == Some(NewStatus::Draft)
    }

    /// The version `reference`, if it keeps the rules of the catalog and `billable` refuses none of its prices.
    pub(super) fn decide(
        self,
        reference: PlanRef,
        now: Timestamp,
        billable: impl Fn(&catalog::Price) -> Result<(), Violation>,
    ) -> Result<PlanVersion, Violation> {
        let Self { name, status: _, interval, currency, base_fee_minor, prices, offers } = self;
        let (offers, as_sent): (_, fn(Violation) -> Violation) = match offers {
            Some(offers) => {
                let others = [
                    ("/interval", interval.is_some()),
                    ("/currency", currency.is_some()),
                    ("/baseFeeMinor", base_fee_minor.is_some()),
                    ("/prices", prices.is_some()),
                ];
                if let Some((pointer, _)) = others.into_iter().find(|(_, is_sent)| *is_sent) {
                    return Err(Violation::new(pointer, "not_allowed", "send it in the offers, or send no offers"));
                }
                (offers, as_sent)
            }
            None => {
                let required = |pointer| Violation::new(pointer, "required", "send it, or send offers");
                let currency = currency.ok_or_else(|| required("/currency"))?;
                let prices = prices.ok_or_else(|| required("/prices"))?;
                (vec![NewOffer { interval, currency, base_fee_minor, prices }], as_sent_alone)
            }
        };
        version(reference, name, offers, now, billable).map_err(as_sent)
    }
}

fn version(
    reference: PlanRef,
    name: String,
    offers: Vec<NewOffer>,
    now: Timestamp,
    billable: impl Fn(&catalog::Price) -> Result<(), Violation>,
) -> Result<PlanVersion, Violation> {
    let under = |index: usize| move |violation: Violation| violation.under(&format!("/offers/{index}"));
    let offers = offers.into_iter().enumerate();
    let mut offers = offers.map(|(index, offer)| offer.decide().map_err(under(index)));
    let empty = || Violation::new("/offers", "required", "send at least one offer");
    let first = offers.next().ok_or_else(empty)??;
    let more = offers.collect::<Result<_, _>>()?;
    let version = PlanVersion { reference, name, first, more, created_at: now };
    version.check()?;
    for (index, offer) in version.offers().enumerate() {
        for (place, price) in offer.prices.iter().enumerate() {
            let violation = |violation: Violation| violation.under(&format!("/prices/{place}"));
            billable(price).map_err(violation).map_err(under(index))?;
        }
    }
    Ok(version)
}

impl NewOffer {
    fn decide(self) -> Result<Offer, Violation> {
        let currency = currency(&self.currency)?;
        let price = |(index, price): (usize, PriceShape)| {
            catalog::Price::try_from(price).map_err(|violation| violation.under(&format!("/prices/{index}")))
        };
        Ok(Offer {
            interval: self.interval.unwrap_or_else(Interval::month).decide()?,
            base_fee: Money { amount_minor: self.base_fee_minor.unwrap_or_default(), currency },
            prices: self.prices.into_iter().enumerate().map(price).collect::<Result<_, _>>()?,
        })
    }
}

/// A violation of the catalog's rules, with the pointer as the field is called here.
pub(super) fn as_sent(mut violation: Violation) -> Violation {
    if violation.pointer.ends_with("/baseFee") {
        violation.pointer.push_str("Minor");
    }
    violation
}

/// The same, where the one offer was sent without a list.
fn as_sent_alone(violation: Violation) -> Violation {
    let mut violation = as_sent(violation);
    if let Some(field) = violation.pointer.strip_prefix("/offers/0") {
        violation.pointer = field.to_owned();
    }
    violation
}

impl From<PlanKind> for catalog::PlanKind {
    fn from(kind: PlanKind) -> Self {
        match kind {
            PlanKind::Plan => Self::Plan,
            PlanKind::AddOn => Self::AddOn,
        }
    }
}

impl From<catalog::PlanKind> for PlanKind {
    fn from(kind: catalog::PlanKind) -> Self {
        match kind {
            catalog::PlanKind::Plan => Self::Plan,
            catalog::PlanKind::AddOn => Self::AddOn,
        }
    }
}

impl From<Visibility> for catalog::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Hidden => Self::Hidden,
        }
    }
}

impl From<catalog::Visibility> for Visibility {
    fn from(visibility: catalog::Visibility) -> Self {
        match visibility {
            catalog::Visibility::Public => Self::Public,
            catalog::Visibility::Hidden => Self::Hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::PlanId;
    use rstest::rstest;
    use std::num::NonZeroU32;

    fn decide(more: &str) -> Result<PlanVersion, Violation> {
        let new = format!(r#"{{"name":"Pro",{more}}}"#);
        let reference = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        serde_json::from_str::<NewPlanVersion>(&new).unwrap().decide(reference, Timestamp::UNIX_EPOCH, |_| Ok(()))
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

    #[rstest]
    #[case::two(r#""offers":[{"currency":"USD","prices":[]},{"currency":"EUR","prices":[]}]"#, None)]
    #[case::none_at_all(r#""offers":[]"#, Some(("/offers", "required")))]
    #[case::both_forms(r#""currency":"USD","offers":[{"currency":"USD","prices":[]}]"#, Some(("/currency", "not_allowed")))]
    #[case::both_forms_by_prices(r#""prices":[],"offers":[{"currency":"USD","prices":[]}]"#, Some(("/prices", "not_allowed")))]
    #[case::neither_form("\"baseFeeMinor\":1", Some(("/currency", "required")))]
    #[case::half_a_form(r#""currency":"USD""#, Some(("/prices", "required")))]
    #[case::second_currency(
        r#""offers":[{"currency":"USD","prices":[]},{"currency":"XAU","prices":[]}]"#,
        Some(("/offers/1/currency", "unknown_currency"))
    )]
    #[case::second_fee(
        r#""offers":[{"currency":"USD","prices":[]},{"currency":"EUR","prices":[],"baseFeeMinor":-1}]"#,
        Some(("/offers/1/baseFeeMinor", "base_fee_negative"))
    )]
    #[case::second_interval(
        r#""offers":[{"currency":"USD","prices":[]},{"currency":"USD","prices":[],"interval":{"unit":"year","count":0}}]"#,
        Some(("/offers/1/interval/count", "interval_out_of_range"))
    )]
    #[case::same(
        r#""offers":[{"currency":"USD","prices":[]},{"currency":"USD","interval":{"unit":"month","count":1},"prices":[]}]"#,
        Some(("/offers/1", "duplicate_offer"))
    )]
    #[case::price_of_the_second(
        r#""offers":[{"currency":"USD","prices":[]},{"currency":"EUR","prices":[{"key":"k","name":"K","meter":"m","model":{"type":"perUnit"}}]}]"#,
        Some(("/offers/1/prices/0/model/unitPrice", "required"))
    )]
    fn offers_are_refused_by_the_field(#[case] more: &str, #[case] expect: Option<(&str, &str)>) {
        let refusal = decide(more).err();
        assert_eq!(refusal.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }

    #[rstest]
    #[case::alone(r#""currency":"USD","prices":[PRICE]"#, "/prices/0/meter")]
    #[case::listed(r#""offers":[{"currency":"USD","prices":[PRICE]}]"#, "/offers/0/prices/0/meter")]
    fn a_price_that_cannot_be_billed_is_named_as_it_was_sent(#[case] more: &str, #[case] pointer: &str) {
        let price = r#"{"key":"k","name":"K","meter":"m","model":{"type":"perUnit","unitPrice":"1"}}"#;
        let new = format!(r#"{{"name":"Pro",{}}}"#, more.replace("PRICE", price));
        let reference = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        let unknown = |_: &catalog::Price| Err(Violation::new("/meter", "unknown_meter", ""));
        let new: NewPlanVersion = serde_json::from_str(&new).unwrap();
        let violation = new.decide(reference, Timestamp::UNIX_EPOCH, unknown).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), (pointer, "unknown_meter"));
    }

    #[rstest]
    #[case::nothing("{}", ("hidden", Some(3), Some("For teams."), 1))]
    #[case::seen(r#"{"visibility":"public"}"#, ("public", Some(3), Some("For teams."), 1))]
    #[case::taken_away(r#"{"displayOrder":null,"description":null,"metadata":{}}"#, ("hidden", None, None, 0))]
    #[case::replaced(r#"{"displayOrder":-1,"description":"For all.","metadata":{"a":"1","b":"2"}}"#, ("hidden", Some(-1), Some("For all."), 2))]
    fn a_change_leaves_what_is_not_sent(#[case] sent: &str, #[case] expect: (&str, Option<i32>, Option<&str>, usize)) {
        let before = PlanAttributes {
            visibility: catalog::Visibility::Hidden,
            display_order: Some(3),
            description: Some("For teams.".to_owned()),
            metadata: [("crm".to_owned(), "A-17".to_owned())].into(),
        };
        let after = serde_json::from_str::<PlanChange>(sent).unwrap().apply(&before).unwrap();
        let seen = match after.visibility {
            catalog::Visibility::Public => "public",
            catalog::Visibility::Hidden => "hidden",
        };
        assert_eq!((seen, after.display_order, after.description.as_deref(), after.metadata.len()), expect);
    }
}
