//! Where somebody is taxed: a country, and perhaps a region of it, by the codes of ISO 3166.
//!
//! Decides which codes are well-formed. Which of them exist changes with the world, and a rate for a place that does not
//! exist taxes nobody.

use crate::Violation;

/// Longest code of a region: the part of ISO 3166-2 behind the hyphen.
pub const REGION_LENGTH_MAX: usize = 3;

/// A country or a region of it; nothing of both for everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// ISO 3166-1 code, such as `US`.
    pub country: Option<String>,
    /// The part of the country behind the hyphen of ISO 3166-2, such as `CA` of `US-CA`.
    pub region: Option<String>,
}

impl Place {
    /// Checks the codes, and that a region comes with its country: `CA` alone could be anywhere.
    pub fn check(&self) -> Result<(), Violation> {
        let (country, region) = (self.country.as_deref(), self.region.as_deref());
        if country.is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            return Err(Violation::new(
                "/country",
                "invalid_country",
                "send two capital letters of ISO 3166, such as DE",
            ));
        }
        if region.is_some() && country.is_none() {
            return Err(Violation::new("/country", "country_required", "name the country of the region"));
        }
        if region.is_some_and(|code| !is_region(code)) {
            let message = format!("send 1 to {REGION_LENGTH_MAX} capital letters or digits of ISO 3166-2, such as CA");
            return Err(Violation::new("/region", "invalid_region", message));
        }
        Ok(())
    }
}

fn is_region(code: &str) -> bool {
    let plain = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (1..=REGION_LENGTH_MAX).contains(&code.len()) && plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::everywhere(None, None, None)]
    #[case::country(Some("DE"), None, None)]
    #[case::region(Some("US"), Some("CA"), None)]
    #[case::digits(Some("FR"), Some("75"), None)]
    #[case::three(Some("GB"), Some("ENG"), None)]
    #[case::small(Some("de"), None, Some("/country"))]
    #[case::three_letters(Some("DEU"), None, Some("/country"))]
    #[case::empty(Some(""), None, Some("/country"))]
    #[case::no_country(None, Some("CA"), Some("/country"))]
    #[case::whole_code(Some("US"), Some("US-CA"), Some("/region"))]
    #[case::small_region(Some("US"), Some("ca"), Some("/region"))]
    #[case::empty_region(Some("US"), Some(""), Some("/region"))]
    fn a_place_has_codes(#[case] country: Option<&str>, #[case] region: Option<&str>, #[case] expect: Option<&str>) {
        let place = Place { country: country.map(str::to_owned), region: region.map(str::to_owned) };
        assert_eq!(place.check().err().map(|violation| violation.pointer).as_deref(), expect);
    }
}
