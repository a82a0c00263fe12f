//! Invoice numbers: the tenant's slug in capitals and its own gapless sequence, such as `ACME-0001`.

use crate::text::Slug;
use std::fmt;

/// A number as printed. Slugs are unique, hence so are numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvoiceNumber(String);

impl InvoiceNumber {
    /// The `sequence`-th number of a tenant, counted from 1.
    #[must_use]
    pub fn new(slug: &Slug, sequence: u64) -> Self {
        Self(format!("{}-{sequence:04}", slug.as_str().to_ascii_uppercase()))
    }

    /// A number as it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::first(1, "ACME-EU-0001")]
    #[case::beyond_four_digits(12_345, "ACME-EU-12345")]
    fn a_number_is_the_slug_and_the_sequence(#[case] sequence: u64, #[case] expect: &str) {
        assert_eq!(InvoiceNumber::new(&Slug::parse("acme-eu").unwrap(), sequence).as_str(), expect);
    }
}
