//! Quantities: exact decimals with nine digits after the point, kept as integers of a billionth.
//!
//! A sender's quantity is below 10^15 in size, so that a sum of 10^14 of them still fits; arithmetic is checked all the
//! same. Integers make sums independent of their order, which is what lets shards and rebuilds agree to the last digit.

use rust_decimal::Decimal;
use std::fmt;

/// Digits after the decimal point that a quantity may have.
pub const QUANTITY_SCALE_MAX: u32 = 9;
/// A sender's quantities are below this in size.
pub const QUANTITY_LIMIT: i64 = 1_000_000_000_000_000;

const ONE: i128 = 1_000_000_000;
const LIMIT: i128 = QUANTITY_LIMIT as i128 * ONE;

/// A quantity in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub i128);

/// Why a scalar is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// Neither a number nor a text that holds one.
    NotANumber,
    /// More digits than [`QUANTITY_LIMIT`] and [`QUANTITY_SCALE_MAX`] allow.
    OutOfRange,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(ONE);

    /// `mantissa` times ten to the power of minus `scale`, if it is one that a sender may send.
    pub fn new(mantissa: i64, scale: u8) -> Result<Self, QuantityError> {
        // Trailing zeros say nothing: 1.5000000000 is a good quantity.
        let (mut mantissa, mut scale) = (mantissa, u32::from(scale));
        while scale > QUANTITY_SCALE_MAX {
            if mantissa % 10 != 0 {
                return Err(QuantityError::OutOfRange);
            }
            mantissa /= 10;
            scale -= 1;
        }
        let value = i128::from(mantissa) * POWERS[(QUANTITY_SCALE_MAX - scale) as usize];
        if value.abs() < LIMIT { Ok(Self(value)) } else { Err(QuantityError::OutOfRange) }
    }

    /// The exact quantity in the text of a number, in plain or in scientific notation.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let is_number =
            !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        if !is_number {
            return Err(QuantityError::NotANumber);
        }
        let scientific = text.contains(['e', 'E']);
        let parsed = if scientific { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
        let value = parsed.map_err(|error| match error {
            rust_decimal::Error::ErrorString(_) | rust_decimal::Error::ConversionTo(_) => QuantityError::NotANumber,
            _ => QuantityError::OutOfRange,
        })?;
        let value = value.normalize();
        let in_range = value.abs() < Decimal::from(QUANTITY_LIMIT) && value.scale() <= QUANTITY_SCALE_MAX;
        if !in_range {
            return Err(QuantityError::OutOfRange);
        }
        Ok(Self(value.mantissa() * POWERS[(QUANTITY_SCALE_MAX - value.scale()) as usize]))
    }

    /// A whole number of things.
    #[must_use]
    pub fn whole(count: u64) -> Self {
        Self(i128::from(count) * ONE)
    }

    /// The sum, unless it overflows.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The quantity as a decimal without trailing zeros, unless it has more digits than a decimal holds.
    #[must_use]
    pub fn decimal(self) -> Option<Decimal> {
        Decimal::try_from_i128_with_scale(self.0, QUANTITY_SCALE_MAX).ok().map(|value| value.normalize())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{}", format!("{part:09}").trim_end_matches('0'))
    }
}

/// Powers of ten up to [`QUANTITY_SCALE_MAX`].
const POWERS: [i128; 10] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::integer("12", Ok("12"))]
    #[case::more_digits_than_a_float_has("9007199254740993.5", Err(QuantityError::OutOfRange))]
    #[case::exact_where_a_float_is_not("900719925474099.123456789", Ok("900719925474099.123456789"))]
    #[case::a_tenth("0.1", Ok("0.1"))]
    #[case::scientific("1e3", Ok("1000"))]
    #[case::negative("-3.25", Ok("-3.25"))]
    #[case::trailing_zeros("1.50", Ok("1.5"))]
    #[case::many_trailing_zeros("1.5000000000000", Ok("1.5"))]
    #[case::minus_nothing("-0", Ok("0"))]
    #[case::too_fine("0.0000000001", Err(QuantityError::OutOfRange))]
    #[case::too_large("1e15", Err(QuantityError::OutOfRange))]
    #[case::far_too_large("1e400", Err(QuantityError::OutOfRange))]
    #[case::words("many", Err(QuantityError::NotANumber))]
    #[case::empty("", Err(QuantityError::NotANumber))]
    #[case::not_a_number("NaN", Err(QuantityError::NotANumber))]
    fn a_quantity_is_exact(#[case] text: &str, #[case] expect: Result<&str, QuantityError>) {
        assert_eq!(Quantity::parse(text).map(|value| value.to_string()), expect.map(str::to_owned));
    }

    #[rstest]
    #[case(20_302_350, 2, Ok("203023.5"))]
    #[case(-5, 0, Ok("-5"))]
    #[case(15_000_000_000, 10, Ok("1.5"))]
    #[case(1, 10, Err(QuantityError::OutOfRange))]
    #[case(QUANTITY_LIMIT, 0, Err(QuantityError::OutOfRange))]
    #[case(QUANTITY_LIMIT - 1, 0, Ok("999999999999999"))]
    fn a_mantissa_and_its_scale_are_a_quantity(
        #[case] mantissa: i64,
        #[case] scale: u8,
        #[case] expect: Result<&str, QuantityError>,
    ) {
        assert_eq!(Quantity::new(mantissa, scale).map(|value| value.to_string()), expect.map(str::to_owned));
    }

    #[test]
    fn a_decimal_has_the_same_digits() {
        for text in ["0", "-3.25", "999999999999999.999999999", "0.000000001"] {
            assert_eq!(Quantity::parse(text).unwrap().decimal().unwrap().to_string(), text);
        }
        assert_eq!(Quantity(i128::MAX).decimal(), None);
    }
}
