//! Tax rates of the catalog, and which of them applies to a place.
//!
//! Invariant: a rate never changes. A new percentage is a new rate, and the old one is archived: what was issued keeps
//! the rate that it names.

use super::Percent;
use crate::{
    Violation,
    id::TaxRateId,
    place::Place,
    rating::tax::{TaxRule, rule_position},
    text,
};
use jiff::Timestamp;

/// A tax rate, and where it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRate {
    /// Who it is.
    pub id: TaxRateId,
    /// Its name, as printed, such as `VAT`.
    pub name: String,
    /// The rate.
    pub percent: Percent,
    /// Where it applies; everywhere without a country.
    pub place: Place,
    /// Whether prices have it inside.
    pub inclusive: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it applies to no new invoice.
    pub archived_at: Option<Timestamp>,
}

impl TaxRate {
    /// Checks the name and the place.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        self.place.check()
    }
}

/// The rate for a tenant in `place`: the one that names most of it; of equal ones the first, which in a list by id is the
/// oldest. Whoever is nowhere pays what is due everywhere.
#[must_use]
pub fn rate_for<'a>(rates: &'a [TaxRate], place: &Place) -> Option<&'a TaxRate> {
    let live: Vec<&TaxRate> = rates.iter().filter(|rate| rate.archived_at.is_none()).collect();
    let rule = |rate: &&TaxRate| TaxRule {
        country: rate.place.country.clone(),
        region: rate.place.region.clone(),
        rate: rate.percent,
    };
    let rules: Vec<TaxRule> = live.iter().map(rule).collect();
    let country = place.country.as_deref().unwrap_or_default();
    rule_position(&rules, country, place.region.as_deref()).map(|position| live[position])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Reads `US-CA 7.25`, `US 5` or `* 1`; with `x` behind it, it is archived.
    fn rate(text: &str) -> TaxRate {
        let mut words = text.split(' ');
        let place = place(words.next().unwrap());
        let percent = Percent::parse(words.next().unwrap()).unwrap();
        let archived_at = words.next().map(|_| Timestamp::UNIX_EPOCH);
        let id = TaxRateId::derived(&[text]);
        let name = text.to_owned();
        TaxRate { id, name, percent, place, inclusive: false, created_at: Timestamp::UNIX_EPOCH, archived_at }
    }

    fn place(text: &str) -> Place {
        let (country, region) = text.split_once('-').map_or((text, None), |(country, region)| (country, Some(region)));
        let country = Some(country.to_owned()).filter(|country| country != "*");
        Place { country, region: region.map(str::to_owned) }
    }

    #[rstest]
    #[case::region("US-CA", Some("US-CA 7.25"))]
    #[case::country("US-TX", Some("US 5"))]
    #[case::an_archived_one_is_passed_over("US-NY", Some("US 5"))]
    #[case::everywhere("DE", Some("* 1"))]
    #[case::nowhere("*", Some("* 1"))]
    fn the_most_specific_live_rate_wins(#[case] at: &str, #[case] expect: Option<&str>) {
        let rates = ["* 1", "US 5", "US-CA 7.25", "US-CA 9", "US-NY 8 x"].map(rate);
        assert_eq!(rate_for(&rates, &place(at)).map(|rate| rate.name.as_str()), expect);
    }

    #[test]
    fn without_a_rate_there_is_no_tax() {
        assert_eq!(rate_for(&[rate("US 5")], &place("DE")), None);
        assert_eq!(rate_for(&[], &place("US")), None);
        assert_eq!(rate_for(&[rate("US 5")], &Place::default()), None);
    }

    #[rstest]
    #[case::good("US-CA 7.25", None)]
    #[case::place("us 5", Some("/country"))]
    fn a_rate_is_refused_by_the_field(#[case] text: &str, #[case] pointer: Option<&str>) {
        assert_eq!(rate(text).check().err().map(|violation| violation.pointer).as_deref(), pointer);
        let nameless = TaxRate { name: String::new(), ..rate(text) };
        assert_eq!(nameless.check().unwrap_err().pointer, "/name");
    }
}
