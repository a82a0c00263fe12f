//! Largest remainder: whole minor units for exact shares, so that the parts always equal the whole.
//!
//! A share is a fraction of integers and never rounded. Invariants: each part is within one minor unit of its share;
//! ties go to the earlier line; taking the negative of every share and of the whole takes the negative of every part.
//! [`crate::money::Money::split`] is the special case of one amount and its weights.

use super::AmountOutOfRange;

/// What an amount is split by: the share of each line is its numerator over the one denominator, and may be negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    numerators: Vec<i128>,
    denominator: i128,
}

impl Shares {
    /// The shares; `None` if the denominator is not more than zero.
    #[must_use]
    pub fn new(numerators: Vec<i128>, denominator: i128) -> Option<Self> {
        (denominator > 0).then_some(Self { numerators, denominator })
    }

    /// The sum of the shares, rounded once, half away from zero.
    pub fn whole(&self) -> Result<i128, AmountOutOfRange> {
        let sum = self.numerators.iter().try_fold(0_i128, |sum, n| sum.checked_add(*n)).ok_or(AmountOutOfRange)?;
        let magnitude = sum.checked_abs().ok_or(AmountOutOfRange)?;
        let (full, rest) = (magnitude / self.denominator, magnitude % self.denominator);
        let rounded = full + i128::from(rest >= self.denominator - rest);
        Ok(if sum < 0 { -rounded } else { rounded })
    }

    /// A part for each share; together they equal [`Self::whole`].
    pub fn parts(&self) -> Result<Vec<i128>, AmountOutOfRange> {
        let whole = self.whole()?;
        // A negative whole is split as its positive, so that a credit note mirrors its invoice.
        let sign = if whole < 0 { -1 } else { 1 };
        let signed: Option<Vec<i128>> = self.numerators.iter().map(|n| n.checked_mul(sign)).collect();
        let signed = signed.ok_or(AmountOutOfRange)?;
        let mut parts: Vec<i128> = signed.iter().map(|n| n.div_euclid(self.denominator)).collect();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        // A stable sort keeps ties in line order.
        order.sort_by_key(|&line| std::cmp::Reverse(signed[line].rem_euclid(self.denominator)));
        // Rounding down loses less than one a line; rounding the whole moves it by at most a half.
        let left = whole * sign - parts.iter().sum::<i128>();
        for &line in order.iter().take(usize::try_from(left).unwrap_or(0)) {
            parts[line] += 1;
        }
        Ok(parts.into_iter().map(|part| part * sign).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::exact(&[10, 20], 10, &[1, 2])]
    #[case::r_o3(&[10_000, 20_000, 30_000], 6, &[1667, 3333, 5000])]
    #[case::r_o5_ten_to_five(&[5_000, 2_500], 15, &[333, 167])]
    #[case::r_o5_one_cent(&[100, 1], 101, &[1, 0])]
    #[case::ties_in_line_order(&[5, 5, 5], 10, &[1, 1, 0])]
    #[case::half_goes_up(&[5], 10, &[1])]
    #[case::half_goes_away_from_zero(&[-5], 10, &[-1])]
    #[case::below_half(&[4], 10, &[0])]
    #[case::below_half_of_an_odd_one(&[3], 7, &[0])]
    #[case::above_half_of_an_odd_one(&[4], 7, &[1])]
    #[case::negative(&[-100, -100, -100], 3, &[-34, -33, -33])]
    #[case::mixed_signs(&[15, -4], 10, &[1, 0])]
    #[case::mixed_signs_the_other_way(&[-15, 4], 10, &[-1, 0])]
    #[case::opposite_halves(&[5, -5], 10, &[1, -1])]
    #[case::none(&[], 1, &[])]
    fn parts_go_by_largest_remainder(#[case] numerators: &[i128], #[case] denominator: i128, #[case] parts: &[i128]) {
        assert_eq!(Shares::new(numerators.to_vec(), denominator).unwrap().parts().unwrap(), parts);
    }

    #[rstest]
    #[case::sum(vec![i128::MAX, 1])]
    #[case::no_positive(vec![i128::MIN])]
    fn what_does_not_fit_is_refused(#[case] numerators: Vec<i128>) {
        assert_eq!(Shares::new(numerators, 1).unwrap().parts(), Err(AmountOutOfRange));
    }

    #[test]
    fn a_share_has_a_positive_denominator() {
        assert_eq!(Shares::new(vec![1], 0), None);
        assert_eq!(Shares::new(vec![1], -1), None);
    }

    proptest! {
        #[test]
        fn parts_equal_the_whole_and_stay_within_one_of_their_share(
            numerators in prop::collection::vec(-1_000_000_000_i128..1_000_000_000, 0..60),
            denominator in 1_i128..100_000,
        ) {
            let shares = Shares::new(numerators.clone(), denominator).unwrap();
            let parts = shares.parts().unwrap();
            prop_assert_eq!(parts.iter().sum::<i128>(), shares.whole().unwrap());
            for (part, numerator) in parts.iter().zip(&numerators) {
                prop_assert!((part * denominator - numerator).abs() <= denominator);
            }
            let mirrored = Shares::new(numerators.iter().map(|n| -n).collect(), denominator).unwrap();
            if shares.whole().unwrap() != 0 {
                let negative: Vec<i128> = parts.iter().map(|part| -part).collect();
                prop_assert_eq!(mirrored.parts().unwrap(), negative);
            }
        }
    }
}
