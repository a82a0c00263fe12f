//! Proration by whole civil days: amount × active days ÷ days of the period (RATING.md, *Periods and proration*).
//!
//! The first day is counted, the day of a plan change belongs to the new plan. Usage is never prorated, nor are
//! one-time fees; which days are active is decided by `calendar` and the subscription.

use super::{AmountOutOfRange, arithmetic};
use crate::money::{Money, MoneyError};
use rust_decimal::Decimal;
use std::num::NonZeroU32;

/// Some days of a period; never more than it has, and a period has at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayShare {
    active: u32,
    full: NonZeroU32,
}

impl DayShare {
    /// A whole period, however long it is.
    pub const WHOLE: Self = Self { active: 1, full: NonZeroU32::MIN };

    /// `active` of `full` days, if that is a share.
    #[must_use]
    pub fn new(active: u32, full: u32) -> Option<Self> {
        let full = NonZeroU32::new(full)?;
        (active <= full.get()).then_some(Self { active, full })
    }

    /// Days that are billed.
    #[must_use]
    pub fn active(self) -> u32 {
        self.active
    }

    /// Days of the whole period.
    #[must_use]
    pub fn full(self) -> u32 {
        self.full.get()
    }

    /// The days that are left of the period: what is credited when the active ones were used.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { active: self.full.get() - self.active, full: self.full }
    }
}

/// The exact share of `amount`.
pub fn share(amount: Decimal, days: DayShare) -> Result<Decimal, AmountOutOfRange> {
    if days.active == days.full.get() {
        return Ok(amount);
    }
    // Multiplied first: 100 × 3 ÷ 30 is 10, 100 ÷ 30 × 3 is not.
    arithmetic::over(arithmetic::times(amount, Decimal::from(days.active))?, Decimal::from(days.full.get()))
}

/// The exact base fee of some days of a period.
pub fn base_fee(fee: Money, days: DayShare) -> Result<Decimal, AmountOutOfRange> {
    // 17 of 31 days of 1.00 are 0.548387…, which the line rounds to 0.55.
    share(fee.major(), days)
}

/// What is missing to a minimum of the plan that was prorated by `days`, if `charged` was charged for the period.
pub fn true_up(minimum: Money, days: DayShare, charged: Money) -> Result<Money, MoneyError> {
    let exact = share(minimum.major(), days).map_err(|AmountOutOfRange| MoneyError::OutOfRange)?;
    let least = Money::rounded(exact, minimum.currency)?;
    let missing = least.checked_add(negated(charged)?)?;
    Ok(Money { amount_minor: missing.amount_minor.max(0), ..missing })
}

/// What a credit note may give back at most: what was paid, less what other credit notes gave back.
pub fn refundable(credit: Money, paid: Money, issued: Money) -> Result<Money, MoneyError> {
    let left = paid.checked_add(negated(issued)?)?;
    // The sum only asks whether the currencies are one.
    credit.checked_add(Money::zero(left.currency))?;
    Ok(Money { amount_minor: credit.amount_minor.min(left.amount_minor).max(0), ..credit })
}

pub(super) fn negated(money: Money) -> Result<Money, MoneyError> {
    let amount_minor = money.amount_minor.checked_neg().ok_or(MoneyError::OutOfRange)?;
    Ok(Money { amount_minor, ..money })
}
