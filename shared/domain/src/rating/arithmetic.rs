//! Checked arithmetic on exact decimals.
//!
//! Invariant: a result is exact as long as it has at most 28 significant digits, which a decimal holds; a longer one is
//! rounded at the 28th, the same way everywhere. Money that fits an invoice is off by less than a billionth of a minor
//! unit then. Whole parts are computed on integers and always exact.

use super::AmountOutOfRange;
use rust_decimal::Decimal;

/// `a × b`.
pub(super) fn times(a: Decimal, b: Decimal) -> Result<Decimal, AmountOutOfRange> {
    a.checked_mul(b).ok_or(AmountOutOfRange)
}

/// `a + b`.
pub(super) fn plus(a: Decimal, b: Decimal) -> Result<Decimal, AmountOutOfRange> {
    a.checked_add(b).ok_or(AmountOutOfRange)
}

/// `a − b`.
pub(super) fn minus(a: Decimal, b: Decimal) -> Result<Decimal, AmountOutOfRange> {
    a.checked_sub(b).ok_or(AmountOutOfRange)
}

/// `a ÷ b`.
pub(super) fn over(a: Decimal, b: Decimal) -> Result<Decimal, AmountOutOfRange> {
    a.checked_div(b).ok_or(AmountOutOfRange)
}

/// The sum of `amounts`.
pub(super) fn sum(amounts: impl IntoIterator<Item = Decimal>) -> Result<Decimal, AmountOutOfRange> {
    amounts.into_iter().try_fold(Decimal::ZERO, plus)
}

/// What dividing into whole parts gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Full parts.
    pub(super) full: i128,
    /// Whether something is left over.
    pub(super) started: bool,
    /// Whether at least half a part is left over.
    pub(super) half: bool,
}

impl Parts {
    /// How often `size`, which is more than zero, goes into `quantity`, which is not negative.
    pub(super) fn of(quantity: Decimal, size: Decimal) -> Result<Self, AmountOutOfRange> {
        let (quantity, size) = (quantity.normalize(), size.normalize());
        let scale = quantity.scale().max(size.scale());
        let at_scale = |value: Decimal| {
            let factor = 10_i128.checked_pow(scale - value.scale());
            factor.and_then(|factor| value.mantissa().checked_mul(factor)).ok_or(AmountOutOfRange)
        };
        let (quantity, size) = (at_scale(quantity)?, at_scale(size)?);
        let full = quantity.checked_div_euclid(size).ok_or(AmountOutOfRange)?;
        let rest = quantity.checked_rem_euclid(size).ok_or(AmountOutOfRange)?;
        Ok(Self { full, started: rest > 0, half: rest >= size - rest })
    }

    /// The full parts, and one more if `up`.
    pub(super) fn count(self, up: bool) -> Result<Decimal, AmountOutOfRange> {
        let count = self.full.checked_add(i128::from(up)).ok_or(AmountOutOfRange)?;
        Decimal::try_from_i128_with_scale(count, 0).map_err(|_| AmountOutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing("0", "10", (0, false, false))]
    #[case::exactly("20", "10", (2, false, false))]
    #[case::just_started("20.000000001", "10", (2, true, false))]
    #[case::just_below_half("24.999999999", "10", (2, true, false))]
    #[case::half("25", "10", (2, true, true))]
    #[case::fractional_size("1", "0.3", (3, true, false))]
    #[case::a_third("1", "3", (0, true, false))]
    #[case::two_thirds("2", "3", (0, true, true))]
    #[case::large("999999999999999999.999999999", "0.000000001", (999_999_999_999_999_999_999_999_999, false, false))]
    fn parts_are_whole(#[case] quantity: Decimal, #[case] size: Decimal, #[case] expect: (i128, bool, bool)) {
        let parts = Parts::of(quantity, size).unwrap();
        assert_eq!((parts.full, parts.started, parts.half), expect);
    }

    #[rstest]
    #[case::no_size(Parts::of(Decimal::ONE, Decimal::ZERO))]
    #[case::scales_too_far_apart(Parts::of(Decimal::MAX, Decimal::new(1, 28)))]
    fn what_does_not_fit_is_refused(#[case] got: Result<Parts, AmountOutOfRange>) {
        assert_eq!(got, Err(AmountOutOfRange));
    }

    #[test]
    fn a_count_beyond_a_decimal_is_refused() {
        let parts = |full| Parts { full, started: true, half: false };
        assert_eq!(parts(i128::MAX).count(true), Err(AmountOutOfRange));
        assert_eq!(parts(i128::MAX).count(false), Err(AmountOutOfRange));
        assert_eq!(parts(7).count(true), Ok(Decimal::from(8)));
        assert_eq!(parts(7).count(false), Ok(Decimal::from(7)));
    }

    #[rstest]
    #[case(times(Decimal::MAX, Decimal::TWO))]
    #[case(plus(Decimal::MAX, Decimal::ONE))]
    #[case(minus(Decimal::MIN, Decimal::ONE))]
    #[case(over(Decimal::ONE, Decimal::ZERO))]
    #[case(sum([Decimal::MAX, Decimal::ONE]))]
    fn an_overflow_is_an_error(#[case] got: Result<Decimal, AmountOutOfRange>) {
        assert_eq!(got, Err(AmountOutOfRange));
    }
}
