//! The languages that invoices are printed in.
//!
//! What each language says is decided where it is printed; here is only which ones there are, and their names.

use crate::Violation;

/// A language, with its way to write figures and dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Japanese.
    Ja,
    /// Chinese, in simplified characters.
    Zh,
}

impl Locale {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Fr, Self::Ja, Self::Zh];

    /// Reads a tag such as `de`.
    pub fn parse(tag: &str) -> Result<Self, Violation> {
        let found = Self::ALL.into_iter().find(|locale| locale.tag() == tag);
        found.ok_or_else(|| Violation::new("", "unknown_locale", "send en, de, fr, ja or zh"))
    }

    /// Its BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Ja => "ja",
            Self::Zh => "zh",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::default("en", Some(Locale::En))]
    #[case::another("zh", Some(Locale::Zh))]
    #[case::capitals("DE", None)]
    #[case::with_a_region("de-AT", None)]
    #[case::nothing("", None)]
    fn a_locale_is_read_by_its_tag(#[case] tag: &str, #[case] expect: Option<Locale>) {
        assert_eq!(Locale::parse(tag).ok(), expect);
    }

    #[test]
    fn every_locale_is_read_back() {
        for locale in Locale::ALL {
            assert_eq!(Locale::parse(locale.tag()), Ok(locale));
        }
    }
}
