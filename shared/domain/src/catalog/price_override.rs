//! What one tenant pays instead: a version of a plan with some of its prices replaced.
//!
//! Invariant: an override changes what was there, and adds or takes away nothing, so that whoever knows the plan knows what
//! is charged for; it is a version like any other, which never changes.

use super::{OfferKey, PlanRef, PlanVersion, Price};
use crate::{Violation, money::Money};
use jiff::Timestamp;
use std::num::NonZeroU32;

/// What is other about one offer of a plan version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferOverride {
    /// Which offer.
    pub offer: OfferKey,
    /// Its base fee, if that is another.
    pub base_fee: Option<Money>,
    /// Prices that take the place of those with the same keys.
    pub prices: Vec<Price>,
}

impl PlanVersion {
    /// This version with `overrides`, as version `number` of the plan; names the first broken field.
    pub fn overridden(
        &self,
        number: NonZeroU32,
        overrides: Vec<OfferOverride>,
        now: Timestamp,
    ) -> Result<Self, Violation> {
        if overrides.is_empty() {
            return Err(Violation::new("/offers", "required", "send at least one offer with what is other about it"));
        }
        let reference = PlanRef { version: number, ..self.reference };
        let mut version = Self { reference, created_at: now, ..self.clone() };
        let mut changed: Vec<OfferKey> = Vec::new();
        for (index, change) in overrides.into_iter().enumerate() {
            let here = format!("/offers/{index}");
            if changed.contains(&change.offer) {
                return Err(Violation::new(here, "duplicate_offer", "send each offer once"));
            }
            changed.push(change.offer);
            version.replace(change).map_err(|violation| violation.under(&here))?;
        }
        version.check()?;
        Ok(version)
    }

    fn replace(&mut self, change: OfferOverride) -> Result<(), Violation> {
        let mut offers = std::iter::once(&mut self.first).chain(&mut self.more);
        let offer = offers.find(|offer| offer.key() == change.offer).ok_or_else(|| {
            Violation::new("", "unknown_offer", "name a currency and an interval that the plan version offers")
        })?;
        if let Some(fee) = change.base_fee {
            if fee.amount_minor < 0 {
                return Err(Violation::new("/baseFee", "base_fee_negative", "charge zero or more"));
            }
            offer.base_fee = fee;
        }
        for (place, price) in change.prices.into_iter().enumerate() {
            let known = offer.prices.iter_mut().find(|known| known.key() == price.key()).ok_or_else(|| {
                let message = "name a price that the offer has; an override adds none";
                Violation::new(format!("/prices/{place}/key"), "unknown_price", message)
            })?;
            *known = price;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calendar::Interval,
        catalog::{Offer, PriceShape},
        id::PlanId,
    };
    use rstest::rstest;

    fn price(key: &str, amount: &str) -> Price {
        let shape = format!(r#"{{"key":"{key}","name":"K","model":{{"type":"flat","amount":"{amount}"}}}}"#);
        Price::try_from(serde_json::from_str::<PriceShape>(&shape).unwrap()).unwrap()
    }

    fn offer(currency: &str) -> Offer {
        let base_fee = Money { amount_minor: 1_900, currency: currency.parse().unwrap() };
        Offer { interval: Interval::MONTH, base_fee, prices: vec![price("a", "1"), price("b", "2")] }
    }

    fn version() -> PlanVersion {
        PlanVersion {
            reference: PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN },
            name: "Pro".to_owned(),
            first: offer("USD"),
            more: vec![offer("EUR")],
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The currency, the base fee in minor units, and prices.
    type Other<'a> = (&'a str, Option<i64>, &'a [(&'a str, &'a str)]);

    fn overridden(others: &[Other<'_>]) -> Result<PlanVersion, Violation> {
        let changes = others.iter().map(|(currency, fee, prices)| {
            let offer = OfferKey { interval: Interval::MONTH, currency: currency.parse().unwrap() };
            let base_fee = fee.map(|amount_minor| Money { amount_minor, currency: offer.currency });
            OfferOverride { offer, base_fee, prices: prices.iter().map(|(key, amount)| price(key, amount)).collect() }
        });
        version().overridden(NonZeroU32::new(7).unwrap(), changes.collect(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_not_sent_stays() {
        let other = overridden(&[("EUR", Some(0), &[("b", "1.5")])]).unwrap();
        assert_eq!((other.reference.version.get(), other.reference.plan_id), (7, version().reference.plan_id));
        assert_eq!((&other.first, other.name.as_str()), (&offer("USD"), "Pro"));
        let euro = &other.more[0];
        assert_eq!((euro.base_fee.amount_minor, &euro.prices), (0, &vec![price("a", "1"), price("b", "1.5")]));
        let both = overridden(&[("USD", None, &[("a", "9")]), ("EUR", Some(1), &[])]).unwrap();
        assert_eq!((both.first.base_fee.amount_minor, &both.first.prices[0]), (1_900, &price("a", "9")));
        assert_eq!((both.more[0].base_fee.amount_minor, &both.more[0].prices), (1, &offer("EUR").prices));
    }

    fn other<'a>(currency: &'a str, fee: Option<i64>, prices: &'a [(&'a str, &'a str)]) -> Other<'a> {
        (currency, fee, prices)
    }

    #[rstest]
    #[case::nothing(&[], ("/offers", "required"))]
    #[case::other_currency(&[other("JPY", None, &[])], ("/offers/0", "unknown_offer"))]
    #[case::twice(&[other("USD", None, &[]), other("USD", Some(1), &[])], ("/offers/1", "duplicate_offer"))]
    #[case::more(&[other("USD", None, &[("a", "1"), ("c", "1")])], ("/offers/0/prices/1/key", "unknown_price"))]
    #[case::credit(&[other("USD", None, &[]), other("EUR", Some(-1), &[])], ("/offers/1/baseFee", "base_fee_negative"))]
    fn an_override_is_refused_by_the_field(#[case] others: &[Other<'_>], #[case] expect: (&str, &str)) {
        let violation = overridden(others).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), expect);
    }
}
