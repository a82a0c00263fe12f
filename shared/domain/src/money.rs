//! Money: integer minor units of one currency; rates: exact decimals; and the two ways an amount may lose digits,
//! rounding a line and splitting an amount (RATING.md, *Numbers*).
//!
//! Invariants: no floats; all arithmetic is checked; money of two currencies never adds.

use rust_decimal::{Decimal, RoundingStrategy};
use std::{fmt, str::FromStr};

/// An ISO 4217 currency that has a minor unit (so not gold, `XAU`, or test codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// Why an amount could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is no ISO 4217 code of a currency with a minor unit.
    #[error("unknown currency")]
    UnknownCurrency,
    /// Two currencies met in one sum.
    #[error("cannot add {0} to {1}")]
    MixedCurrencies(Currency, Currency),
    /// The result does not fit; no real invoice gets near this.
    #[error("amount out of range")]
    OutOfRange,
}

impl Currency {
    /// The three-letter code, such as `USD`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: USD 2, JPY 0, KWD 3.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

/// An amount of money in minor units (cents, yen, fils).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Integer count of the currency's smallest unit; negative for a credit.
    pub amount_minor: i64,
    /// What the amount is of.
    pub currency: Currency,
}

impl Money {
    /// Nothing of `currency`.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount_minor: 0, currency }
    }

    /// `exact` major units rounded **once**, half away from zero, to the currency's exponent.
    pub fn rounded(exact: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let rounded = exact.round_dp_with_strategy(currency.exponent(), RoundingStrategy::MidpointAwayFromZero);
        let minor = rounded.checked_mul(scale(currency)).ok_or(MoneyError::OutOfRange)?;
        let amount_minor = i64::try_from(minor).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { amount_minor, currency })
    }

    /// The amount in major units, exactly: 1050 cents are 10.50.
    #[must_use]
    pub fn major(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.amount_minor), self.currency.exponent())
    }

    /// The sum, if both are of one currency and it fits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies(other.currency, self.currency));
        }
        let amount_minor = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount_minor, ..self })
    }

    /// The sum of `parts`, zero if there are none.
    pub fn sum(currency: Currency, parts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        parts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Splits the amount by `weights`, by largest remainder, ties in order; the parts always equal the whole.
    ///
    /// Answers `None` if no weight is positive.
    #[must_use]
    pub fn split(self, weights: &[u64]) -> Option<Vec<Self>> {
        let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if whole == 0 {
            return None;
        }
        let magnitude = i128::from(self.amount_minor).abs();
        let mut parts: Vec<i128> = weights.iter().map(|weight| magnitude * i128::from(*weight) / whole).collect();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        // A stable sort keeps ties in line order.
        order.sort_by_key(|&line| -(magnitude * i128::from(weights[line]) % whole));
        let left = magnitude - parts.iter().sum::<i128>();
        for &line in order.iter().take(usize::try_from(left).unwrap_or(0)) {
            parts[line] += 1;
        }
        let sign = if self.amount_minor < 0 { -1 } else { 1 };
        // Each part is at most the whole, which is an i64.
        let part_of = |part: i128| i64::try_from(part * sign).ok().map(|amount_minor| Self { amount_minor, ..self });
        parts.into_iter().map(part_of).collect()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.major(), self.currency)
    }
}

/// A price of one unit in major units of a currency, exact: 0.0004 stays 0.0004 until a line is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(Decimal);

/// Most digits after the decimal point that a rate may have.
pub const RATE_SCALE_MAX: u32 = 12;
/// A rate is below this many major units.
pub const RATE_LIMIT: i64 = 1_000_000_000;

impl Rate {
    /// Free.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The rate `value`, if it is from zero to below [`RATE_LIMIT`] and has at most [`RATE_SCALE_MAX`] decimals.
    #[must_use]
    pub fn new(value: Decimal) -> Option<Self> {
        let value = value.normalize();
        let in_range = !value.is_sign_negative() && value < Decimal::from(RATE_LIMIT);
        (in_range && value.scale() <= RATE_SCALE_MAX).then_some(Self(value))
    }

    /// The exact value, in major units.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }

    /// The exact price of `quantity` units.
    pub fn times(self, quantity: Decimal) -> Result<Decimal, MoneyError> {
        self.0.checked_mul(quantity).ok_or(MoneyError::OutOfRange)
    }
}

fn scale(currency: Currency) -> Decimal {
    Decimal::from(10_u64.pow(currency.exponent()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn usd(amount_minor: i64) -> Money {
        Money { amount_minor, currency: "USD".parse().unwrap() }
    }

    #[rstest]
    #[case::r_o1_half_goes_up("1.225", "USD", 123)]
    #[case::r_o1_half_goes_away_from_zero("-1.225", "USD", -123)]
    #[case::r_o1_no_decimals("2.5", "JPY", 3)]
    #[case::three_decimals("1.0005", "KWD", 1001)]
    #[case::never_round_a_rate_first("4000.000", "USD", 400_000)]
    #[case::below_half("0.0049999999", "USD", 0)]
    fn a_line_rounds_half_away_from_zero(#[case] exact: Decimal, #[case] currency: Currency, #[case] minor: i64) {
        assert_eq!(Money::rounded(exact, currency).unwrap().amount_minor, minor);
    }

    #[rstest]
    #[case::r_o3(10_000, &[1, 2, 3], &[1667, 3333, 5000])]
    #[case::r_o5_ten_to_five(500, &[10, 5], &[333, 167])]
    #[case::r_o5_one_cent(1, &[100, 1], &[1, 0])]
    #[case::c_m7_thirds(100, &[333, 333, 334], &[33, 33, 34])]
    #[case::ties_in_line_order(1, &[1, 1], &[1, 0])]
    #[case::negative(-100, &[1, 1, 1], &[-34, -33, -33])]
    #[case::a_zero_weight_gets_nothing(7, &[0, 1], &[0, 7])]
    fn an_amount_splits_by_largest_remainder(#[case] whole: i64, #[case] weights: &[u64], #[case] parts: &[i64]) {
        let split = usd(whole).split(weights).unwrap();
        assert_eq!(split.iter().map(|part| part.amount_minor).collect::<Vec<_>>(), parts);
    }

    #[test]
    fn nothing_to_split_by_is_no_split() {
        assert_eq!(usd(100).split(&[0, 0]), None);
    }

    #[test]
    fn two_currencies_do_not_add() {
        let yen = Money { amount_minor: 1, currency: "JPY".parse().unwrap() };
        assert_eq!(usd(1).checked_add(yen), Err(MoneyError::MixedCurrencies(yen.currency, usd(1).currency)));
    }

    #[rstest]
    #[case::a_metal("XAU")]
    #[case::lower_case("usd")]
    #[case::unknown("ZZZ")]
    fn what_has_no_minor_unit_is_no_currency(#[case] code: &str) {
        assert_eq!(code.parse::<Currency>(), Err(MoneyError::UnknownCurrency));
    }

    #[rstest]
    #[case::smallest("0.000000000001", true)]
    #[case::too_fine("0.0000000000001", false)]
    #[case::negative("-1", false)]
    #[case::too_large("1000000000", false)]
    #[case::trailing_zeros_do_not_count("1.00000000000000", true)]
    fn a_rate_has_bounds(#[case] value: Decimal, #[case] good: bool) {
        assert_eq!(Rate::new(value).is_some(), good);
    }

    proptest! {
        #[test]
        fn parts_equal_the_whole(whole in any::<i64>(), weights in prop::collection::vec(0..u64::MAX / 64, 1..50)) {
            if let Some(parts) = usd(whole).split(&weights) {
                prop_assert_eq!(Money::sum(usd(0).currency, parts).unwrap(), usd(whole));
            } else {
                prop_assert!(weights.iter().all(|weight| *weight == 0));
            }
        }

        #[test]
        fn rounding_moves_by_at_most_half_a_minor_unit(mantissa in -1_000_000_000_i64..1_000_000_000, scale in 0_u32..9) {
            let exact = Decimal::new(mantissa, scale);
            let rounded = Money::rounded(exact, "USD".parse().unwrap()).unwrap().major();
            prop_assert!((rounded - exact).abs() <= Decimal::new(5, 3));
        }
    }
}
