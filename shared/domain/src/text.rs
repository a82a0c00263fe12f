//! Short texts with a rule: slugs, and names that fit a line of an invoice.

use crate::Violation;
use std::fmt;

/// Longest slug, in bytes.
pub const SLUG_LENGTH_MAX: usize = 63;
/// Longest name of a tenant, meter, plan or price, in characters.
pub const NAME_LENGTH_MAX: usize = 200;

/// A name for machines: lower-case letters, digits and inner `-` or `_`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    /// Checks `text` and answers the slug.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let ends_well = text.bytes().next_back().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let all_well = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if starts_well && ends_well && all_well && text.len() <= SLUG_LENGTH_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(Violation::new(
            "",
            "invalid_slug",
            format!(
                "use 1 to {SLUG_LENGTH_MAX} lower-case letters, digits, hyphens or underscores, starting with a letter"
            ),
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes as lower-case hex digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Hex<'_> {
    /// The 32 bytes that `text` says in 64 hex digits of either case.
    #[must_use]
    pub fn parse_32(text: &str) -> Option<[u8; 32]> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(bytes)
    }
}

/// Checks a name for people: any script, 1 to [`NAME_LENGTH_MAX`] characters, no control characters, no blank ends.
pub fn check_name(text: &str) -> Result<(), Violation> {
    let length = text.chars().count();
    let well_formed = text.trim() == text && !text.chars().any(char::is_control);
    if (1..=NAME_LENGTH_MAX).contains(&length) && well_formed {
        return Ok(());
    }
    Err(Violation::new(
        "",
        "invalid_name",
        format!("use 1 to {NAME_LENGTH_MAX} characters without control characters or blank ends"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("acme", true)]
    #[case::digits_and_hyphens("acme-2_eu", true)]
    #[case::empty("", false)]
    #[case::upper_case("Acme", false)]
    #[case::starts_with_a_digit("2acme", false)]
    #[case::ends_with_a_hyphen("acme-", false)]
    #[case::the_separator_of_keys("acme#1", false)]
    #[case::longest("a23456789012345678901234567890123456789012345678901234567890123", true)]
    #[case::one_too_long("a234567890123456789012345678901234567890123456789012345678901234", false)]
    fn a_slug_is_plain(#[case] text: &str, #[case] good: bool) {
        assert_eq!(Slug::parse(text).is_ok(), good);
    }

    #[rstest]
    #[case::any_script("株式会社メーター", true)]
    #[case::blank(" ", false)]
    #[case::line_break("Acme\nInc", false)]
    fn a_name_fits_on_a_line(#[case] text: &str, #[case] good: bool) {
        assert_eq!(check_name(text).is_ok(), good);
    }

    #[test]
    fn a_digest_survives_its_text_form() {
        let bytes = crate::id::digest(&["a"]);
        let text = Hex(&bytes).to_string();
        assert_eq!(Hex::parse_32(&text), Some(bytes));
        assert_eq!(Hex::parse_32(&text.to_uppercase()), Some(bytes));
        for other in [text[1..].to_owned(), format!("g{}", &text[1..]), format!("+{}", &text[1..])] {
            assert_eq!(Hex::parse_32(&other), None, "{other}");
        }
    }
}
