//! Numbers of invoices and credit notes: a tenant's own gapless sequence, printed by the tenant's own template, such as
//! `ACME-0001`.
//!
//! Invariant: no two invoices of a tenant have the same number, whatever the template was changed to in between. The
//! sequence goes on, and it is what a number ends with: its last digits, read as a whole number, are its place. So
//! `{seq}` stands last in a template, and what stands before it ends with no digit.

use crate::{Violation, text::Slug};
use jiff::civil::Date;
use std::fmt;

/// Longest template, in bytes.
pub const TEMPLATE_LENGTH_MAX: usize = 60;
/// Most digits that a sequence is filled up to.
pub const SEQUENCE_WIDTH_MAX: usize = 12;
/// Longest prefix, in bytes.
pub const PREFIX_LENGTH_MAX: usize = 20;
/// What a tenant has unless it chose another.
const TEMPLATE_DEFAULT: &str = "{prefix}-{seq:4}";

/// A number as printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvoiceNumber(String);

/// How a tenant's numbers are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    template: NumberTemplate,
    prefix: Option<String>,
}

/// A template such as `{prefix}-{year}-{seq:6}`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NumberTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Prefix,
    Year,
    Month,
    Sequence { width: usize },
}

impl InvoiceNumber {
    /// The `sequence`-th number of a tenant that chose nothing, counted from 1.
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

impl Default for NumberFormat {
    fn default() -> Self {
        let pieces = vec![Piece::Prefix, Piece::Literal("-".to_owned()), Piece::Sequence { width: 4 }];
        Self { template: NumberTemplate { text: TEMPLATE_DEFAULT.to_owned(), pieces }, prefix: None }
    }
}

impl NumberFormat {
    /// The format of these texts; `prefix` stands for the tenant's slug in capitals if there is none.
    pub fn parse(template: &str, prefix: Option<&str>) -> Result<Self, Violation> {
        let template = NumberTemplate::parse(template).map_err(|violation| violation.under("/template"))?;
        if prefix.is_some_and(|prefix| !is_prefix(prefix)) {
            let message = format!("use 1 to {PREFIX_LENGTH_MAX} letters, digits, hyphens, dots or underscores");
            return Err(Violation::new("/prefix", "invalid_prefix", message));
        }
        Ok(Self { template, prefix: prefix.map(str::to_owned) })
    }

    /// The template as it was given.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template.text
    }

    /// The prefix, if one was chosen.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The number of the `sequence`-th invoice, counted from 1, that is issued on `day` where the tenant is.
    #[must_use]
    pub fn invoice(&self, slug: &Slug, day: Date, sequence: u64) -> InvoiceNumber {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Prefix => self.prefix_of(slug),
            Piece::Year => format!("{:04}", day.year()),
            Piece::Month => format!("{:02}", day.month()),
            Piece::Sequence { width } => format!("{sequence:0width$}"),
        };
        InvoiceNumber(self.template.pieces.iter().map(piece).collect())
    }

    /// The number of the `sequence`-th credit note, counted from 1: they have a sequence of their own.
    #[must_use]
    pub fn credit_note(&self, slug: &Slug, sequence: u64) -> InvoiceNumber {
        InvoiceNumber(format!("{}-CN-{sequence:04}", self.prefix_of(slug)))
    }

    fn prefix_of(&self, slug: &Slug) -> String {
        self.prefix.clone().unwrap_or_else(|| slug.as_str().to_ascii_uppercase())
    }
}

impl NumberTemplate {
    fn parse(text: &str) -> Result<Self, Violation> {
        if text.len() > TEMPLATE_LENGTH_MAX {
            return Err(refused("too_long", &format!("use at most {TEMPLATE_LENGTH_MAX} characters")));
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        // Each round takes at least one of at most TEMPLATE_LENGTH_MAX bytes.
        while !rest.is_empty() {
            let (piece, after) = next_piece(rest)?;
            pieces.push(piece);
            rest = after;
        }
        let sequences = pieces.iter().filter(|piece| matches!(piece, Piece::Sequence { .. })).count();
        if sequences == 0 {
            return Err(refused("template_without_seq", "end the template with {seq}, which tells numbers apart"));
        }
        if sequences > 1 || !matches!(pieces.last(), Some(Piece::Sequence { .. })) {
            return Err(refused("seq_not_last", "name {seq} once, at the end, so that no number comes twice"));
        }
        let before = pieces.len().checked_sub(2).and_then(|at| pieces.get(at));
        let is_apart = match before {
            None => true,
            Some(Piece::Literal(text)) => !text.ends_with(|last: char| last.is_ascii_digit()),
            Some(Piece::Prefix | Piece::Year | Piece::Month | Piece::Sequence { .. }) => false,
        };
        if !is_apart {
            return Err(refused("seq_after_digit", "put a hyphen or another sign before {seq}"));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

/// The first piece of a text that is not empty, and what follows it.
fn next_piece(text: &str) -> Result<(Piece, &str), Violation> {
    let Some(inside) = text.strip_prefix('{') else {
        let end = text.find('{').unwrap_or(text.len());
        let (literal, rest) = text.split_at(end);
        if !literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
            return Err(refused("invalid_template", "use letters, digits, -, _, ., / and names in braces"));
        }
        return Ok((Piece::Literal(literal.to_owned()), rest));
    };
    let unknown =
        || refused("invalid_template", "the names are {prefix}, {year}, {month}, {seq} and {seq:1} to {seq:12}");
    let (name, rest) = inside.split_once('}').ok_or_else(unknown)?;
    let piece = match name {
        "prefix" => Piece::Prefix,
        "year" => Piece::Year,
        "month" => Piece::Month,
        "seq" => Piece::Sequence { width: 1 },
        _ => {
            let width = name.strip_prefix("seq:").and_then(|width| width.parse().ok()).ok_or_else(unknown)?;
            if !(1..=SEQUENCE_WIDTH_MAX).contains(&width) {
                return Err(unknown());
            }
            Piece::Sequence { width }
        }
    };
    Ok((piece, rest))
}

fn is_prefix(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (1..=PREFIX_LENGTH_MAX).contains(&text.len()) && plain
}

fn refused(code: &'static str, message: &str) -> Violation {
    Violation::new("", code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use std::collections::BTreeSet;

    fn slug() -> Slug {
        Slug::parse("acme-eu").unwrap()
    }

    fn day() -> Date {
        "2026-06-01".parse().unwrap()
    }

    #[rstest]
    #[case::first(1, "ACME-EU-0001")]
    #[case::beyond_four_digits(12_345, "ACME-EU-12345")]
    fn a_number_is_the_slug_and_the_sequence(#[case] sequence: u64, #[case] expect: &str) {
        assert_eq!(InvoiceNumber::new(&slug(), sequence).as_str(), expect);
        assert_eq!(NumberFormat::default().invoice(&slug(), day(), sequence).as_str(), expect);
    }

    #[rstest]
    #[case::default_again(TEMPLATE_DEFAULT, None, "ACME-EU-0007")]
    #[case::year("{prefix}-{year}-{seq:6}", None, "ACME-EU-2026-000007")]
    #[case::month("{year}/{month}/{seq}", None, "2026/06/7")]
    #[case::prefix("{prefix}.{seq:3}", Some("Rg"), "Rg.007")]
    #[case::only_the_sequence("{seq:12}", None, "000000000007")]
    fn a_template_prints(#[case] template: &str, #[case] prefix: Option<&str>, #[case] expect: &str) {
        let format = NumberFormat::parse(template, prefix).unwrap();
        assert_eq!(format.invoice(&slug(), day(), 7).as_str(), expect);
        assert_eq!((format.template(), format.prefix()), (template, prefix));
    }

    #[rstest]
    #[case::empty("", "template_without_seq")]
    #[case::no_sequence("{prefix}-{year}", "template_without_seq")]
    #[case::twice("{seq}-{seq}", "seq_not_last")]
    #[case::in_the_middle("{seq}-{year}", "seq_not_last")]
    #[case::after_a_year("{year}{seq}", "seq_after_digit")]
    #[case::after_a_prefix("{prefix}{seq}", "seq_after_digit")]
    #[case::after_a_digit("A1{seq}", "seq_after_digit")]
    #[case::unknown_name("{day}-{seq}", "invalid_template")]
    #[case::no_width("A-{seq:}", "invalid_template")]
    #[case::width_zero("A-{seq:0}", "invalid_template")]
    #[case::too_wide("A-{seq:13}", "invalid_template")]
    #[case::not_closed("A-{seq", "invalid_template")]
    #[case::blank("A {seq}", "invalid_template")]
    #[case::other_script("Ä-{seq}", "invalid_template")]
    #[case::too_long("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-{seq}", "too_long")]
    fn a_template_is_refused(#[case] template: &str, #[case] code: &str) {
        let violation = NumberFormat::parse(template, None).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), ("/template", code));
    }

    #[rstest]
    #[case::empty("")]
    #[case::blank("A B")]
    #[case::too_long("AAAAAAAAAAAAAAAAAAAAA")]
    fn a_prefix_is_refused(#[case] prefix: &str) {
        let violation = NumberFormat::parse(TEMPLATE_DEFAULT, Some(prefix)).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), ("/prefix", "invalid_prefix"));
    }

    #[test]
    fn credit_notes_count_for_themselves() {
        assert_eq!(NumberFormat::default().credit_note(&slug(), 1).as_str(), "ACME-EU-CN-0001");
        let format = NumberFormat::parse("{seq}", Some("Rg")).unwrap();
        assert_eq!(format.credit_note(&slug(), 2).as_str(), "Rg-CN-0002");
    }

    proptest! {
        #[test]
        fn no_number_comes_twice_whatever_the_template_becomes(
            templates in prop::collection::vec((0..6_usize, prop::sample::select(vec!["A", "A-1", "7", "2026-", "B9"])), 1..60),
        ) {
            let texts = ["{prefix}-{seq:4}", "{year}-{seq}", "{seq:6}", "{prefix}{year}/{month}/{seq:2}", "1-{seq}", "A.{seq:12}"];
            let mut printed = BTreeSet::new();
            for (place, (template, prefix)) in templates.iter().enumerate() {
                let format = NumberFormat::parse(texts[*template], Some(prefix)).unwrap();
                let number = format.invoice(&slug(), day(), place as u64 + 1).to_string();
                prop_assert!(printed.insert(number.clone()), "{} comes twice", number);
            }
        }
    }

    #[test]
    fn a_template_may_have_sixty_characters() {
        let template = |letters| format!("{}-{{seq}}", "A".repeat(letters));
        assert!(NumberTemplate::parse(&template(54)).is_ok());
        assert_eq!(NumberTemplate::parse(&template(55)).unwrap_err().code, "too_long");
    }
}
