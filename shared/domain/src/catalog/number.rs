//! The numbers that a price is made of, each with its bounds: percents, factors, units and amounts of money.
//!
//! Invariants: exact decimals, never negative, few enough digits that a product of two of them is exact. A text becomes
//! one of them or a [`Violation`] that says which bound it broke.

use crate::{
    Violation,
    money::{MoneyError, RATE_LIMIT, RATE_SCALE_MAX, Rate},
    usage::quantity::QUANTITY_SCALE_MAX,
};
use rust_decimal::Decimal;

/// Most digits after the decimal point of a percent.
pub const PERCENT_SCALE_MAX: u32 = 8;
/// Most digits after the decimal point of a factor.
pub const FACTOR_SCALE_MAX: u32 = 12;
/// A factor is below this.
pub const FACTOR_LIMIT: i64 = 1_000;
/// Most digits after the decimal point of an amount: the most that a currency has (`CLF`, `UYW`).
pub const AMOUNT_SCALE_MAX: u32 = 4;
/// Units and amounts of a price are below this.
pub const PRICE_NUMBER_LIMIT: i64 = 1_000_000_000_000_000;

/// A part of a hundred, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(Decimal);

/// What an amount is multiplied by: more than zero, below [`FACTOR_LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(Decimal);

/// A number of units of usage, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(Decimal);

/// Money that a price names, in major units: a price is said before its currency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MajorAmount(Decimal);

impl Percent {
    const BOUNDS: Bounds = Bounds { scale_max: PERCENT_SCALE_MAX, largest: Decimal::ONE_HUNDRED, may_be_zero: true };

    /// The percent `value`, if it is from 0 to 100 and has at most [`PERCENT_SCALE_MAX`] decimals.
    #[must_use]
    pub fn new(value: Decimal) -> Option<Self> {
        Self::BOUNDS.check(value).ok().map(Self)
    }

    /// Reads a percent such as `7.25`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Self::BOUNDS.parse(text).map(Self)
    }

    /// Such as 7.25 for 7.25 %.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }

    /// Such as 0.0725 for 7.25 %, exactly.
    #[must_use]
    pub fn fraction(self) -> Decimal {
        // At most eight digits after the point and two more: far inside what a decimal holds.
        Decimal::from_i128_with_scale(self.0.mantissa(), self.0.scale() + 2).normalize()
    }

    /// The numerator and the denominator of the fraction.
    #[must_use]
    pub fn ratio(self) -> (i128, i128) {
        (self.0.mantissa(), 10_i128.pow(self.0.scale() + 2))
    }

    /// The exact part of `amount`.
    pub fn of(self, amount: Decimal) -> Result<Decimal, MoneyError> {
        self.fraction().checked_mul(amount).ok_or(MoneyError::OutOfRange)
    }
}

impl Factor {
    /// Reads a factor such as `1.5`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Bounds { scale_max: FACTOR_SCALE_MAX, largest: below(FACTOR_LIMIT, FACTOR_SCALE_MAX), may_be_zero: false }
            .parse(text)
            .map(Self)
    }

    /// The exact value.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }
}

impl Units {
    /// None.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads a number of units, which may be zero.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Self::bounds(true).parse(text).map(Self)
    }

    /// Reads a number of units that may not be zero: a size, a divisor, the upper bound of a tier.
    pub fn parse_positive(text: &str) -> Result<Self, Violation> {
        Self::bounds(false).parse(text).map(Self)
    }

    fn bounds(may_be_zero: bool) -> Bounds {
        Bounds { scale_max: QUANTITY_SCALE_MAX, largest: below(PRICE_NUMBER_LIMIT, QUANTITY_SCALE_MAX), may_be_zero }
    }

    /// The exact value.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }
}

impl MajorAmount {
    /// Reads an amount, which may be zero.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        Self::bounds(true).parse(text).map(Self)
    }

    /// Reads an amount that may not be zero: a limit or a promise of nothing says nothing.
    pub fn parse_positive(text: &str) -> Result<Self, Violation> {
        Self::bounds(false).parse(text).map(Self)
    }

    fn bounds(may_be_zero: bool) -> Bounds {
        Bounds { scale_max: AMOUNT_SCALE_MAX, largest: below(PRICE_NUMBER_LIMIT, AMOUNT_SCALE_MAX), may_be_zero }
    }

    /// The exact value, in major units.
    #[must_use]
    pub fn value(self) -> Decimal {
        self.0
    }
}

/// Reads the price of a unit, or another rate.
pub fn parse_rate(text: &str) -> Result<Rate, Violation> {
    Rate::new(plain(text)?).ok_or_else(|| {
        let message = format!("send zero or more, below {RATE_LIMIT}, with at most {RATE_SCALE_MAX} decimals");
        Violation::new("", "rate_out_of_range", message)
    })
}

/// What a number must keep.
struct Bounds {
    scale_max: u32,
    largest: Decimal,
    may_be_zero: bool,
}

/// The largest number below `limit` with `scale` digits after the point.
fn below(limit: i64, scale: u32) -> Decimal {
    Decimal::from(limit) - Decimal::new(1, scale)
}

impl Bounds {
    fn parse(&self, text: &str) -> Result<Decimal, Violation> {
        self.check(plain(text)?)
    }

    fn check(&self, value: Decimal) -> Result<Decimal, Violation> {
        let value = value.normalize();
        if value.is_sign_negative() {
            return Err(Violation::new("", "negative", "send zero or more"));
        }
        if value.is_zero() && !self.may_be_zero {
            return Err(Violation::new("", "zero", "send more than zero"));
        }
        if value.scale() > self.scale_max {
            return Err(Violation::new("", "too_many_digits", format!("use at most {} decimals", self.scale_max)));
        }
        if value > self.largest {
            return Err(Violation::new("", "too_large", format!("send at most {}", self.largest)));
        }
        Ok(value)
    }
}

/// The exact decimal in a text of digits, perhaps with a point between them and a minus before them.
fn plain(text: &str) -> Result<Decimal, Violation> {
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) {
        return Err(Violation::new("", "not_a_number", "send an exact decimal such as \"0.0004\""));
    }
    Decimal::from_str_exact(text).map_err(|_| Violation::new("", "too_many_digits", "send at most 28 digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0.0004", Ok("0.0004"))]
    #[case("1.50", Ok("1.5"))]
    #[case("0", Ok("0"))]
    #[case("-0", Ok("0"))]
    #[case("999999999999999.999999999", Ok("999999999999999.999999999"))]
    #[case("1000000000000000", Err("too_large"))]
    #[case("-1", Err("negative"))]
    #[case("0.0000000001", Err("too_many_digits"))]
    #[case("0.00000000000000000000000000001", Err("too_many_digits"))]
    #[case("99999999999999999999999999999999", Err("too_many_digits"))]
    #[case("0.000000000000000000000000000000000000000000", Err("too_many_digits"))]
    #[case("1e3", Err("not_a_number"))]
    #[case("1_000", Err("not_a_number"))]
    #[case("1.2.3", Err("not_a_number"))]
    #[case("+1", Err("not_a_number"))]
    #[case(".5", Err("not_a_number"))]
    #[case("5.", Err("not_a_number"))]
    #[case("--5", Err("not_a_number"))]
    #[case("", Err("not_a_number"))]
    #[case("-", Err("not_a_number"))]
    fn units_are_exact_and_bounded(#[case] text: &str, #[case] expect: Result<&str, &str>) {
        let got = Units::parse(text).map(|units| units.value().to_string()).map_err(|violation| violation.code);
        assert_eq!(got, expect.map(str::to_owned));
    }

    #[rstest]
    #[case::size(Units::parse_positive("0").err(), "zero")]
    #[case::promise(MajorAmount::parse_positive("0.00").err(), "zero")]
    #[case::finer_than_any_currency(MajorAmount::parse("0.00001").err(), "too_many_digits")]
    #[case::huge(MajorAmount::parse("1000000000000000").err(), "too_large")]
    #[case::no_factor(Factor::parse("0").err(), "zero")]
    #[case::large_factor(Factor::parse("1000").err(), "too_large")]
    #[case::more_than_all(Percent::parse("100.00000001").err(), "too_large")]
    #[case::fine_percent(Percent::parse("0.000000001").err(), "too_many_digits")]
    #[case::negative_rate(parse_rate("-1").err(), "rate_out_of_range")]
    #[case::words(parse_rate("ten").err(), "not_a_number")]
    fn each_kind_has_its_bounds(#[case] refusal: Option<Violation>, #[case] code: &str) {
        assert_eq!(refusal.unwrap().code, code);
    }

    #[rstest]
    #[case::half_a_factor(Factor::parse("0.5").unwrap().value(), "0.5")]
    #[case::largest_factor(Factor::parse("999.999999999999").unwrap().value(), "999.999999999999")]
    #[case::amount(MajorAmount::parse_positive("12.3450").unwrap().value(), "12.345")]
    #[case::no_amount(MajorAmount::parse("0").unwrap().value(), "0")]
    #[case::a_fraction(Percent::parse("7.25").unwrap().fraction(), "0.0725")]
    #[case::all(Percent::new(Decimal::ONE_HUNDRED).unwrap().fraction(), "1")]
    #[case::a_part(Percent::parse("7.25").unwrap().of(Decimal::from(10_000)).unwrap(), "725")]
    #[case::a_rate(parse_rate("0.000000000001").unwrap().value(), "0.000000000001")]
    fn a_number_keeps_its_value(#[case] value: Decimal, #[case] expect: &str) {
        assert_eq!(value.normalize().to_string(), expect);
    }

    #[test]
    fn a_percent_is_a_ratio_of_integers() {
        assert_eq!(Percent::parse("7.25").unwrap().ratio(), (725, 10_000));
        assert_eq!(Percent::new(Decimal::NEGATIVE_ONE), None);
    }

    #[test]
    fn a_part_of_too_much_is_out_of_range() {
        let all = Percent::new(Decimal::ONE_HUNDRED).unwrap();
        assert_eq!(all.of(Decimal::MAX), Ok(Decimal::MAX));
        assert!(Percent::parse("99.5").unwrap().value() < all.value());
    }
}
