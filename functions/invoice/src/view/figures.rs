//! How a language writes figures: where it groups, what its decimal sign is, and where the currency stands.
//!
//! Invariants: every digit of a quantity or rate is printed, and where those of an amount are not, it says so; no line can
//! end inside of a figure.

use domain::{Decimal, money::Money};

/// Digits of a group.
const GROUP_DIGITS: usize = 3;
/// Digits of an exact amount behind its decimal sign: more than any currency has, and as many as a column can hold.
const AMOUNT_DECIMALS_MAX: u32 = 8;

/// The signs of a language's figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Between groups of digits before the decimal sign.
    pub(super) group: char,
    /// The decimal sign.
    pub(super) point: char,
    /// Whether the currency code stands before the amount.
    pub(super) code_first: bool,
    /// What stands behind a percent: its sign, with white space before it where the language wants some.
    pub(super) percent: &'static str,
}

impl Figures {
    /// An amount with its currency code, such as `USD 1,234.50`: a code is never mistaken for another country's sign.
    pub(super) fn money(self, amount: Money) -> String {
        let sign = if amount.amount_minor < 0 { "-" } else { "" };
        let (code, figure) = (amount.currency, self.grouped(&amount.major().abs().to_string()));
        if self.code_first { format!("{sign}{code} {figure}") } else { format!("{sign}{figure}\u{a0}{code}") }
    }

    /// A quantity or rate with all its digits, such as `777,184,164` or `0.0004`.
    pub(super) fn decimal(self, value: Decimal) -> String {
        let text = self.grouped(&value.abs().normalize().to_string());
        if value.is_sign_negative() && !value.is_zero() { format!("-{text}") } else { text }
    }

    /// An exact amount, cut off behind [`AMOUNT_DECIMALS_MAX`] digits where a share of days goes on for ever:
    /// `113.33333333…`.
    pub(super) fn exact(self, amount: Decimal) -> String {
        let amount = amount.normalize();
        if amount.scale() <= AMOUNT_DECIMALS_MAX {
            return self.decimal(amount);
        }
        let cut = amount.trunc_with_scale(AMOUNT_DECIMALS_MAX);
        let sign = if amount.is_sign_negative() { "-" } else { "" };
        format!("{sign}{}…", self.grouped(&cut.abs().to_string()))
    }

    /// Parts of a hundred, such as `2.9 %`, with all their digits.
    pub(super) fn percent(self, value: Decimal) -> String {
        self.decimal(value) + self.percent
    }

    /// Groups the digits before the decimal sign by thousands.
    fn grouped(self, text: &str) -> String {
        let (whole, rest) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let mut out = String::with_capacity(2 * text.len());
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(GROUP_DIGITS) {
                out.push(self.group);
            }
            out.push(digit);
        }
        if let Some(rest) = rest {
            out.push(self.point);
            out.push_str(rest);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::view::language::Language;
    use domain::{Decimal, locale::Locale, money::Money};
    use rstest::rstest;

    #[rstest]
    #[case::cents(Locale::En, 123_450, "USD", "USD 1,234.50")]
    #[case::yen(Locale::En, 1_234_567, "JPY", "JPY 1,234,567")]
    #[case::three_decimals(Locale::En, 1_234_567, "KWD", "KWD 1,234.567")]
    #[case::small(Locale::En, 5, "USD", "USD 0.05")]
    #[case::negative(Locale::En, -123_450, "USD", "-USD 1,234.50")]
    #[case::german(Locale::De, 123_450, "EUR", "1.234,50\u{a0}EUR")]
    #[case::german_negative(Locale::De, -123_450, "EUR", "-1.234,50\u{a0}EUR")]
    #[case::french(Locale::Fr, 123_456_789, "EUR", "1\u{202f}234\u{202f}567,89\u{a0}EUR")]
    #[case::japanese(Locale::Ja, 1_234_567, "JPY", "JPY 1,234,567")]
    #[case::chinese(Locale::Zh, 123_450, "CNY", "CNY 1,234.50")]
    fn money_is_grouped(
        #[case] locale: Locale,
        #[case] amount_minor: i64,
        #[case] currency: &str,
        #[case] expect: &str,
    ) {
        let amount = Money { amount_minor, currency: currency.parse().unwrap() };
        assert_eq!(Language::of(locale).figures.money(amount), expect);
    }

    #[rstest]
    #[case::large(Locale::En, "777184164", "777,184,164")]
    #[case::fine(Locale::En, "0.000400", "0.0004")]
    #[case::three_digits(Locale::En, "100", "100")]
    #[case::four_digits(Locale::En, "1000.5", "1,000.5")]
    #[case::german(Locale::De, "-1000.5", "-1.000,5")]
    #[case::french(Locale::Fr, "1000.5", "1\u{202f}000,5")]
    #[case::japanese(Locale::Ja, "1000.5", "1,000.5")]
    #[case::chinese(Locale::Zh, "1000.5", "1,000.5")]
    fn a_quantity_keeps_its_digits(#[case] locale: Locale, #[case] value: Decimal, #[case] expect: &str) {
        assert_eq!(Language::of(locale).figures.decimal(value), expect);
    }

    #[rstest]
    #[case::as_it_is(Locale::En, "1267.862788", "1,267.862788")]
    #[case::as_many_as_are_printed(Locale::En, "0.00000001", "0.00000001")]
    #[case::for_ever(Locale::En, "113.3333333333333333333333333", "113.33333333…")]
    #[case::not_rounded(Locale::De, "-1166.6666666666666666666666667", "-1.166,66666666…")]
    #[case::below_what_is_printed(Locale::En, "-0.000000001", "-0.00000000…")]
    fn an_exact_amount_says_where_it_is_cut_off(#[case] locale: Locale, #[case] amount: Decimal, #[case] expect: &str) {
        assert_eq!(Language::of(locale).figures.exact(amount), expect);
    }

    #[rstest]
    #[case::english(Locale::En, "2.9 %")]
    #[case::german(Locale::De, "2,9\u{a0}%")]
    #[case::french(Locale::Fr, "2,9\u{a0}%")]
    #[case::japanese(Locale::Ja, "2.9%")]
    #[case::chinese(Locale::Zh, "2.9%")]
    fn a_percent_has_the_white_space_of_its_language(#[case] locale: Locale, #[case] expect: &str) {
        assert_eq!(Language::of(locale).figures.percent(Decimal::new(29, 1)), expect);
    }
}
