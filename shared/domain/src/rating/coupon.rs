//! Coupons over the lines of an invoice, before tax (RATING.md, *From lines to total*).
//!
//! Restricted to prices first, then to plans, then unrestricted; percentage before fixed inside a class; in the order
//! they were given inside that. Each takes off what is left, never below zero, spread over its lines by largest remainder. A
//! line that credits something is no base for a discount. How many cycles a coupon lasts is counted by the
//! subscription; [`Coupon::is_used_up`] says what that means.

use super::{AmountOutOfRange, split::Shares};
use crate::{
    catalog::Percent,
    id::PlanId,
    money::{Currency, Money},
    text::Slug,
};
use std::num::NonZeroU32;

/// A reduction that was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Which lines it reduces.
    pub restriction: Restriction,
    /// By how much.
    pub value: CouponValue,
    /// For how many periods.
    pub duration: Duration,
    /// In how many periods it was used.
    pub used_cycles: u32,
}

/// Which lines a coupon reduces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// Those of some prices.
    Prices(Vec<Slug>),
    /// Those of some plans.
    Plans(Vec<PlanId>),
    /// All.
    None,
}

/// By how much a coupon reduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponValue {
    /// A part of what is left.
    Percentage(Percent),
    /// An amount.
    Fixed {
        /// All of it.
        amount: Money,
        /// What of it was used before: of a coupon for one cycle, on earlier invoices; of one for several, in this one.
        consumed: Money,
    },
}

/// For how many periods a coupon lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// One period.
    Once,
    /// So many.
    Cycles(NonZeroU32),
    /// All.
    Forever,
}

/// A line as coupons see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscountableLine {
    /// The price that it charges; `None` for the base fee of a plan and for one-off charges.
    pub price: Option<Slug>,
    /// The plan that it belongs to, if it does.
    pub plan: Option<PlanId>,
    /// What it charges.
    pub amount_minor: i64,
}

/// What the coupons took off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discounts {
    /// By coupon, in the order they were given, then by line, in order.
    pub by_coupon: Vec<Vec<i64>>,
    /// By line, in order.
    pub by_line: Vec<i64>,
}

impl Coupon {
    /// Whether it reduces nothing any more.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        match self.duration {
            Duration::Once => self.used_cycles >= 1,
            Duration::Cycles(cycles) => self.used_cycles >= cycles.get(),
            Duration::Forever => false,
        }
    }

    fn covers(&self, line: &DiscountableLine) -> bool {
        match &self.restriction {
            Restriction::Prices(prices) => line.price.as_ref().is_some_and(|price| prices.contains(price)),
            Restriction::Plans(plans) => line.plan.as_ref().is_some_and(|plan| plans.contains(plan)),
            Restriction::None => true,
        }
    }

    /// The narrower comes first, and a percentage before an amount.
    fn rank(&self) -> (u8, u8) {
        let class = match &self.restriction {
            Restriction::Prices(_) => 0,
            Restriction::Plans(_) => 1,
            Restriction::None => 2,
        };
        let kind = match &self.value {
            CouponValue::Percentage(_) => 0,
            CouponValue::Fixed { .. } => 1,
        };
        (class, kind)
    }

    /// What it takes off `base` minor units of `currency`; an amount of another currency takes off nothing.
    fn discount(&self, base: i128, currency: Currency) -> Result<i128, AmountOutOfRange> {
        match &self.value {
            CouponValue::Percentage(percent) => {
                let (numerator, denominator) = percent.ratio();
                let exact = base.checked_mul(numerator).ok_or(AmountOutOfRange)?;
                Shares::new(vec![exact], denominator).ok_or(AmountOutOfRange)?.whole()
            }
            CouponValue::Fixed { amount, consumed } => {
                let fits = amount.currency == currency && consumed.currency == currency;
                let left = i128::from(amount.amount_minor) - i128::from(consumed.amount_minor);
                Ok(if fits { left.clamp(0, base) } else { 0 })
            }
        }
    }
}

/// Applies `coupons` to `lines`, which are in `currency`.
pub fn apply(
    coupons: &[Coupon],
    lines: &[DiscountableLine],
    currency: Currency,
) -> Result<Discounts, AmountOutOfRange> {
    let mut left: Vec<i64> = lines.iter().map(|line| line.amount_minor).collect();
    let mut by_coupon = vec![vec![0; lines.len()]; coupons.len()];
    let mut order: Vec<usize> = (0..coupons.len()).collect();
    order.sort_by_key(|&index| coupons[index].rank());
    for index in order {
        let coupon = &coupons[index];
        if coupon.is_used_up() {
            continue;
        }
        // A line that is below zero credits something, and lends a coupon nothing.
        let base = |(line, left): (&DiscountableLine, &i64)| if coupon.covers(line) { (*left).max(0) } else { 0 };
        let bases: Vec<i64> = lines.iter().zip(&left).map(base).collect();
        let parts = spread(coupon, &bases, currency)?;
        for (left, part) in left.iter_mut().zip(&parts) {
            *left -= part;
        }
        by_coupon[index] = parts;
    }
    let by_line = lines.iter().zip(&left).map(|(line, left)| line.amount_minor - left).collect();
    Ok(Discounts { by_coupon, by_line })
}

fn spread(coupon: &Coupon, bases: &[i64], currency: Currency) -> Result<Vec<i64>, AmountOutOfRange> {
    let base: i128 = bases.iter().map(|base| i128::from(*base)).sum();
    if base == 0 {
        return Ok(vec![0; bases.len()]);
    }
    let discount = coupon.discount(base, currency)?;
    let numerators = bases.iter().map(|base| i128::from(*base).checked_mul(discount));
    let numerators: Option<Vec<i128>> = numerators.collect();
    let shares = Shares::new(numerators.ok_or(AmountOutOfRange)?, base).ok_or(AmountOutOfRange)?;
    shares.parts()?.into_iter().map(|part| i64::try_from(part).map_err(|_| AmountOutOfRange)).collect()
}
