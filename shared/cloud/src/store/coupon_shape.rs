//! The stored shape of a coupon's terms, which lies in the catalog and in each redemption. Frozen.

use crate::Fault;
use domain::{
    catalog::{CouponOff, CouponTargets, CouponTerms, Percent, PlanNamed},
    id::{CouponId, PlanId},
    money::Money,
    rating::coupon::Duration,
    text::Slug,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

#[derive(Serialize, Deserialize)]
pub(super) struct TermsV1 {
    id: CouponId,
    code: String,
    name: String,
    off: OffV1,
    targets: TargetsV1,
    duration: DurationV1,
}

#[derive(Serialize, Deserialize)]
enum OffV1 {
    Percent(String),
    Amount { amount_minor: i64, currency: String },
}

#[derive(Serialize, Deserialize)]
enum TargetsV1 {
    All,
    Prices(Vec<String>),
    Plans(Vec<PlanNamedV1>),
}

#[derive(Serialize, Deserialize)]
struct PlanNamedV1 {
    id: PlanId,
    slug: String,
}

#[derive(Serialize, Deserialize)]
enum DurationV1 {
    Once,
    Cycles(NonZeroU32),
    Forever,
}

impl From<&CouponTerms> for TermsV1 {
    fn from(terms: &CouponTerms) -> Self {
        let off = match terms.off {
            CouponOff::Percent(percent) => OffV1::Percent(percent.value().to_string()),
            CouponOff::Amount(Money { amount_minor, currency }) => {
                OffV1::Amount { amount_minor, currency: currency.to_string() }
            }
        };
        let plan = |plan: &PlanNamed| PlanNamedV1 { id: plan.id, slug: plan.slug.to_string() };
        let targets = match &terms.targets {
            CouponTargets::All => TargetsV1::All,
            CouponTargets::Prices(prices) => TargetsV1::Prices(prices.iter().map(Slug::to_string).collect()),
            CouponTargets::Plans(plans) => TargetsV1::Plans(plans.iter().map(plan).collect()),
        };
        let duration = match terms.duration {
            Duration::Once => DurationV1::Once,
            Duration::Cycles(cycles) => DurationV1::Cycles(cycles),
            Duration::Forever => DurationV1::Forever,
        };
        Self { id: terms.id, code: terms.code.to_string(), name: terms.name.clone(), off, targets, duration }
    }
}

impl TryFrom<TermsV1> for CouponTerms {
    type Error = Fault;

    fn try_from(stored: TermsV1) -> Result<Self, Fault> {
        let off = match stored.off {
            OffV1::Percent(percent) => {
                CouponOff::Percent(Percent::parse(&percent).map_err(|_| malformed("percentage"))?)
            }
            OffV1::Amount { amount_minor, currency } => {
                let currency = currency.parse().map_err(|_| malformed("currency"))?;
                CouponOff::Amount(Money { amount_minor, currency })
            }
        };
        let plan = |plan: PlanNamedV1| Ok(PlanNamed { id: plan.id, slug: slug(&plan.slug)? });
        let targets = match stored.targets {
            TargetsV1::All => CouponTargets::All,
            TargetsV1::Prices(prices) => {
                CouponTargets::Prices(prices.iter().map(|price| slug(price)).collect::<Result<_, Fault>>()?)
            }
            TargetsV1::Plans(plans) => CouponTargets::Plans(plans.into_iter().map(plan).collect::<Result<_, Fault>>()?),
        };
        let duration = match stored.duration {
            DurationV1::Once => Duration::Once,
            DurationV1::Cycles(cycles) => Duration::Cycles(cycles),
            DurationV1::Forever => Duration::Forever,
        };
        Ok(Self { id: stored.id, code: slug(&stored.code)?, name: stored.name, off, targets, duration })
    }
}

fn slug(text: &str) -> Result<Slug, Fault> {
    Slug::parse(text).map_err(|_| malformed("slug"))
}

fn malformed(what: &'static str) -> Fault {
    Fault::permanent("decode item", format!("the coupon's {what} is malformed"))
}
