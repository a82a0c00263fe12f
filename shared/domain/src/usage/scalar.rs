//! A scalar of an event's data, as a meter reads it: parsed once where it came in, and never through a float.

use super::quantity::{Quantity, QuantityError};
use std::borrow::Cow;

/// Most digits of a number that is kept as an integer and a scale; longer ones are kept as text.
pub const MANTISSA_DIGITS_MAX: usize = 18;

/// A JSON scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A number that is written plainly: `mantissa` with `scale` digits after the point.
    Number {
        /// All its digits.
        mantissa: i64,
        /// How many of them stand after the point.
        scale: u8,
    },
    /// Any other number, as it was written, such as `1e3`.
    OddNumber(&'a str),
    /// A string, without its quotes and escapes.
    Text(&'a str),
    /// `true` or `false`.
    Boolean(bool),
}

impl<'a> Scalar<'a> {
    /// The number written as `text`, which is one by the grammar of JSON.
    #[must_use]
    pub fn number(text: &'a str) -> Self {
        plain(text.as_bytes()).map_or(Self::OddNumber(text), |(mantissa, scale)| Self::Number { mantissa, scale })
    }

    /// The quantity in a number, or in a text that holds one.
    pub fn quantity(self) -> Result<Quantity, QuantityError> {
        match self {
            Self::Number { mantissa, scale } => Quantity::new(mantissa, scale),
            Self::OddNumber(text) | Self::Text(text) => Quantity::parse(text),
            Self::Boolean(_) => Err(QuantityError::NotANumber),
        }
    }

    /// The scalar as text: a string itself, and anything else as it was written.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::OddNumber(text) => Cow::Borrowed(text),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Number { mantissa, scale } => {
                let mut text = String::new();
                write_number(&mut text, mantissa, scale);
                Cow::Owned(text)
            }
        }
    }
}

/// Writes a plain number just as it was read.
pub fn write_number(out: &mut String, mantissa: i64, scale: u8) {
    use std::fmt::Write;
    let digits = mantissa.unsigned_abs();
    let sign = if mantissa < 0 { "-" } else { "" };
    let written = match scale {
        0 => write!(out, "{sign}{digits}"),
        scale => {
            let one = 10_u64.pow(u32::from(scale));
            write!(out, "{sign}{}.{:0width$}", digits / one, digits % one, width = usize::from(scale))
        }
    };
    written.expect("a string takes whatever is written to it");
}

/// The digits and the scale of a number in plain notation, if writing them gives the same text again.
fn plain(text: &[u8]) -> Option<(i64, u8)> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits.len() > MANTISSA_DIGITS_MAX || digits.is_empty() {
        return None;
    }
    let (mut mantissa, mut scale, mut point) = (0_i64, 0_u8, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                scale += u8::from(point);
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    // Minus zero has no integer that is written so.
    if negative && mantissa == 0 {
        return None;
    }
    Some((if negative { -mantissa } else { mantissa }, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("0", Scalar::Number { mantissa: 0, scale: 0 })]
    #[case("203023.50", Scalar::Number { mantissa: 20_302_350, scale: 2 })]
    #[case("-0.001", Scalar::Number { mantissa: -1, scale: 3 })]
    #[case("0.00", Scalar::Number { mantissa: 0, scale: 2 })]
    #[case("-0", Scalar::OddNumber("-0"))]
    #[case("1e3", Scalar::OddNumber("1e3"))]
    #[case("1234567890123456789", Scalar::OddNumber("1234567890123456789"))]
    fn a_number_is_read(#[case] text: &str, #[case] expect: Scalar<'_>) {
        assert_eq!(Scalar::number(text), expect);
        assert_eq!(expect.text(), text);
    }

    #[rstest]
    #[case(Scalar::Text("0.25"), Ok("0.25"))]
    #[case(Scalar::Text("many"), Err(QuantityError::NotANumber))]
    #[case(Scalar::Boolean(true), Err(QuantityError::NotANumber))]
    #[case(Scalar::OddNumber("1e15"), Err(QuantityError::OutOfRange))]
    #[case(Scalar::Number { mantissa: -150, scale: 2 }, Ok("-1.5"))]
    fn a_quantity_may_be_a_text(#[case] scalar: Scalar<'_>, #[case] expect: Result<&str, QuantityError>) {
        assert_eq!(scalar.quantity().map(|value| value.to_string()), expect.map(str::to_owned));
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_it_was_read(text in "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,6})?") {
            prop_assert_eq!(Scalar::number(&text).text().into_owned(), text.clone());
        }
    }
}
