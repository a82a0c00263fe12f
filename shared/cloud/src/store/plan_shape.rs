//! The stored shapes of a plan version. Frozen: what was published must be readable for ever.
//!
//! Version 3 is written; version 2 had one offer, and version 1 prices per unit and graduated prices only.

use super::item::{self, Item, Stored};
use crate::Fault;
use domain::{
    Decimal, Timestamp, Violation,
    calendar::{Interval, IntervalUnit},
    catalog::{
        Charge, Modifiers, Offer, PlanRef, PlanVersion, Price, PriceModel, PriceShape, Tier, Tiers, Units, UsageCharge,
    },
    id::PlanId,
    money::{Money, Rate},
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Serialize, Deserialize)]
pub(super) struct PlanVersionV3 {
    plan_id: PlanId,
    version: NonZeroU32,
    name: String,
    /// One or more; the first is meant where none is named.
    offers: Vec<OfferV3>,
    created_at: Timestamp,
}

impl Stored for PlanVersionV3 {
    const VERSION: u32 = 3;
}

#[derive(Serialize, Deserialize)]
struct OfferV3 {
    interval_unit: String,
    interval_count: u8,
    currency: String,
    base_fee_minor: i64,
    prices: Vec<PriceShape>,
}

#[derive(Serialize, Deserialize)]
struct PlanVersionV2 {
    plan_id: PlanId,
    version: NonZeroU32,
    name: String,
    interval_unit: String,
    interval_count: u8,
    currency: String,
    base_fee_minor: i64,
    prices: Vec<PriceShape>,
    created_at: Timestamp,
}

impl Stored for PlanVersionV2 {
    const VERSION: u32 = 2;
}

#[derive(Serialize, Deserialize)]
struct PlanVersionV1 {
    plan_id: PlanId,
    version: NonZeroU32,
    name: String,
    interval_unit: String,
    interval_count: u8,
    currency: String,
    base_fee_minor: i64,
    prices: Vec<PriceV1>,
    created_at: Timestamp,
}

impl Stored for PlanVersionV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
struct PriceV1 {
    key: String,
    name: String,
    meter: String,
    included: Decimal,
    model: PriceModelV1,
}

#[derive(Serialize, Deserialize)]
enum PriceModelV1 {
    PerUnit { unit_price: Decimal },
    Graduated { tiers: Vec<TierV1> },
}

#[derive(Serialize, Deserialize)]
struct TierV1 {
    up_to: Option<Decimal>,
    unit_price: Decimal,
    flat_fee: Decimal,
}

/// The plan version in an item of any version.
pub(super) fn read(item: Item) -> Result<PlanVersion, Fault> {
    if item::is_of::<PlanVersionV1>(&item) {
        return item::read::<PlanVersionV1>(item)?.plan_version();
    }
    if item::is_of::<PlanVersionV2>(&item) {
        return item::read::<PlanVersionV2>(item)?.plan_version();
    }
    item::read::<PlanVersionV3>(item)?.plan_version()
}

impl From<&PlanVersion> for PlanVersionV3 {
    fn from(version: &PlanVersion) -> Self {
        Self {
            plan_id: version.reference.plan_id,
            version: version.reference.version,
            name: version.name.clone(),
            offers: version.offers().map(OfferV3::from).collect(),
            created_at: version.created_at,
        }
    }
}

impl From<&Offer> for OfferV3 {
    fn from(offer: &Offer) -> Self {
        Self {
            interval_unit: interval_word(offer.interval.unit()).to_owned(),
            interval_count: offer.interval.count(),
            currency: offer.base_fee.currency.to_string(),
            base_fee_minor: offer.base_fee.amount_minor,
            prices: offer.prices.iter().map(PriceShape::from).collect(),
        }
    }
}

impl PlanVersionV3 {
    fn plan_version(self) -> Result<PlanVersion, Fault> {
        let mut offers = self.offers.into_iter().map(OfferV3::offer);
        Ok(PlanVersion {
            reference: PlanRef { plan_id: self.plan_id, version: self.version },
            name: self.name,
            first: offers.next().ok_or_else(|| malformed("list of offers"))??,
            more: offers.collect::<Result<_, Fault>>()?,
            created_at: self.created_at,
        })
    }
}

impl OfferV3 {
    fn offer(mut self) -> Result<Offer, Fault> {
        let prices = std::mem::take(&mut self.prices).into_iter().map(Price::try_from);
        let prices = prices.collect::<Result<_, _>>().map_err(broken)?;
        self.with(prices)
    }

    /// All but the prices, which are `prices`.
    fn with(self, prices: Vec<Price>) -> Result<Offer, Fault> {
        let currency = self.currency.parse().map_err(|_| malformed("currency"))?;
        Ok(Offer {
            interval: read_interval(&self.interval_unit, self.interval_count)?,
            base_fee: Money { amount_minor: self.base_fee_minor, currency },
            prices,
        })
    }
}

impl PlanVersionV2 {
    fn plan_version(self) -> Result<PlanVersion, Fault> {
        let offer = OfferV3 {
            interval_unit: self.interval_unit,
            interval_count: self.interval_count,
            currency: self.currency,
            base_fee_minor: self.base_fee_minor,
            prices: self.prices,
        };
        Ok(PlanVersion {
            reference: PlanRef { plan_id: self.plan_id, version: self.version },
            name: self.name,
            first: offer.offer()?,
            more: Vec::new(),
            created_at: self.created_at,
        })
    }
}

impl PlanVersionV1 {
    /// The prices do not go through the later shape, whose numbers have bounds that these never had.
    fn plan_version(self) -> Result<PlanVersion, Fault> {
        let prices = self.prices.into_iter().map(PriceV1::price).collect::<Result<_, Fault>>()?;
        let offer = OfferV3 {
            interval_unit: self.interval_unit,
            interval_count: self.interval_count,
            currency: self.currency,
            base_fee_minor: self.base_fee_minor,
            prices: Vec::new(),
        };
        Ok(PlanVersion {
            reference: PlanRef { plan_id: self.plan_id, version: self.version },
            name: self.name,
            first: offer.with(prices)?,
            more: Vec::new(),
            created_at: self.created_at,
        })
    }
}

impl PriceV1 {
    fn price(self) -> Result<Price, Fault> {
        let rate = |value: Decimal| Rate::new(value).ok_or_else(|| malformed("rate"));
        let tier = |tier: TierV1| {
            Ok(Tier { up_to: tier.up_to, unit_price: rate(tier.unit_price)?, flat_fee: rate(tier.flat_fee)? })
        };
        let model = match self.model {
            PriceModelV1::PerUnit { unit_price } => PriceModel::PerUnit { unit_price: rate(unit_price)? },
            PriceModelV1::Graduated { tiers } => {
                let tiers = tiers.into_iter().map(tier).collect::<Result<_, Fault>>()?;
                PriceModel::Graduated { tiers: Tiers::new(tiers).map_err(broken)? }
            }
        };
        let included = Units::parse(&self.included.to_string()).map_err(broken)?;
        let meter = Slug::parse(&self.meter).map_err(broken)?;
        let charge = UsageCharge::new(meter, model, Modifiers { included, ..Modifiers::NONE }).map_err(broken)?;
        Price::new(Slug::parse(&self.key).map_err(broken)?, self.name, Charge::Usage(charge)).map_err(broken)
    }
}

fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the plan version holds a malformed {what}"))
}

fn broken(violation: Violation) -> Fault {
    Fault::permanent("decode item", violation)
}

pub(super) fn interval_word(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::Day => "day",
        IntervalUnit::Week => "week",
        IntervalUnit::Month => "month",
        IntervalUnit::Quarter => "quarter",
        IntervalUnit::HalfYear => "halfYear",
        IntervalUnit::Year => "year",
    }
}

pub(super) fn read_interval(unit: &str, count: u8) -> Result<Interval, Fault> {
    let unit = match unit {
        "day" => IntervalUnit::Day,
        "week" => IntervalUnit::Week,
        "month" => IntervalUnit::Month,
        "quarter" => IntervalUnit::Quarter,
        "halfYear" => IntervalUnit::HalfYear,
        "year" => IntervalUnit::Year,
        _ => return Err(malformed("interval")),
    };
    Interval::new(unit, count).ok_or_else(|| malformed("interval"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/plan_version.1.json");
    const V2: &str = include_str!("../../golden/plan_version.2.json");
    const V3: &str = include_str!("../../golden/plan_version.3.json");

    #[test]
    fn version_1_is_read_for_ever() {
        let version = read(golden(V1)).unwrap();
        assert_eq!(
            (version.name.as_str(), version.first.interval.count(), version.first.base_fee.amount_minor),
            ("Pro", 2, 1_900)
        );
        assert!(version.more.is_empty());
        let prices: Vec<String> =
            version.first.prices.iter().map(|price| serde_json::to_string(&PriceShape::from(price)).unwrap()).collect();
        let per_unit = r#"{"key":"calls","name":"Calls","meter":"calls","included":"100","model":{"type":"perUnit","unitPrice":"0.0004"}}"#;
        let graduated = r#"{"key":"bytes","name":"Bytes","meter":"bytes","model":{"type":"graduated","tiers":[{"upTo":"10.5","unitPrice":"1.5","flatFee":"2"},{"upTo":null,"unitPrice":"0.5","flatFee":"0"}]}}"#;
        assert_eq!(prices, [per_unit, graduated]);
    }

    #[test]
    fn a_bound_of_version_1_may_be_finer_than_any_quantity() {
        let version = read(golden(&V1.replace("10.5", "10.5000000000001"))).unwrap();
        let Charge::Usage(charge) = version.first.prices[1].charge() else { panic!("not usage") };
        let PriceModel::Graduated { tiers } = charge.model() else { panic!("not graduated") };
        assert_eq!(tiers.as_slice()[0].up_to, Some("10.5000000000001".parse().unwrap()));
    }

    #[test]
    fn version_2_is_read_for_ever() {
        let version = read(golden(V2)).unwrap();
        let first = &version.first;
        assert_eq!(first.prices.len(), 11, "one of each model, and one with every modifier");
        assert_eq!((first.interval.count(), first.base_fee.amount_minor, version.more.len()), (2, 1_900, 0));
        let prices: Vec<PriceShape> = first.prices.iter().map(PriceShape::from).collect();
        let stored = serde_json::from_str::<serde_json::Value>(V2).unwrap();
        assert_eq!(serde_json::to_value(prices).unwrap(), stored["item"]["prices"]);
    }

    #[test]
    fn version_3_is_written_as_it_is_read() {
        let version = read(golden(V3)).unwrap();
        assert_eq!(version.offers().map(|offer| offer.prices.len()).collect::<Vec<_>>(), [11, 1, 0]);
        assert_eq!(
            json(&PlanVersionV3::from(&version)),
            serde_json::from_str::<serde_json::Value>(V3).unwrap()["item"]
        );
    }

    #[test]
    fn what_breaks_a_rule_is_no_plan() {
        assert!(read(golden(&V1.replace("0.0004", "-1"))).is_err());
        assert!(read(golden(&V2.replace("\"perUnit\"", "\"flat\""))).is_err());
        assert!(
            read(golden(
                r#"{"v": 3, "item": {"plan_id": "plan_0197263d8c007d3f8e6b1f0a2c4d5e6f", "version": 1,
            "name": "Pro", "offers": [], "created_at": "2026-05-01T00:00:00Z"}}"#
            ))
            .is_err()
        );
    }
}
