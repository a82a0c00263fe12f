//! Prepaid credit as a tenant was granted it: its balance, when it starts afresh, and when it ends.
//!
//! Invariants: the balance of a grant at an instant is a function of what is stored of it, so that nobody needs to write
//! anything when it starts afresh or expires, and whoever looks sees the same; a repeat of a renewal is impossible,
//! because renewals are counted. How grants pay an invoice is `rating::credit`; what the books say of renewals and
//! expiry once somebody notices them is `notice`.

mod notice;

pub use notice::{NoticeError, Noticed};

use crate::{
    Violation,
    calendar::{self, CalendarError, Interval},
    id::{GrantId, TenantId},
    money::{Currency, Money},
    rating::credit::{Grant, rolled_over},
    text,
};
use jiff::{Timestamp, tz::TimeZone};

/// Largest amount of a grant, a bound of a rollover, or a fixed coupon, in minor units.
pub const CREDIT_MINOR_MAX: i64 = 1_000_000_000_000_000;
/// Renewals that a look at a grant catches up with: 50 years of days.
pub const RENEWALS_AT_ONCE_MAX: u32 = 18_300;

/// Credit that a tenant was granted.
#[derive(Clone, Debug, PartialEq)]
pub struct CreditGrant {
    /// Who it is.
    pub id: GrantId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: String,
    /// Whether it was paid for.
    pub kind: GrantKind,
    /// A lower number is used earlier.
    pub priority: u32,
    /// What was granted, and is granted anew at each renewal.
    pub amount: Money,
    /// What is left, in minor units, after the renewals that are counted.
    pub balance_minor: i64,
    /// Renewals that the balance has seen.
    pub renewals: u32,
    /// When it starts afresh; `None` for never.
    pub recurrence: Option<Recurrence>,
    /// On whose clocks it starts afresh.
    pub time_zone: TimeZone,
    /// From when on it may be used.
    pub effective_at: Timestamp,
    /// When what is left of it is lost; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When what was left of it was taken back.
    pub voided: Option<Voided>,
}

/// Whether credit was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// The tenant has paid for it.
    Paid,
    /// It was given away.
    Promotional,
}

/// When a grant starts afresh, and what of the balance it keeps then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// How often.
    pub interval: Interval,
    /// What is kept at least, in minor units.
    pub minimum_minor: i64,
    /// What is kept at most, in minor units.
    pub maximum_minor: i64,
}

/// What was taken back, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voided {
    /// When.
    pub at: Timestamp,
    /// How much, in minor units.
    pub taken_minor: i64,
}

/// How a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// It can be used.
    Active,
    /// Nothing is left until it starts afresh, if it ever does.
    UsedUp,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Void,
}

impl CreditGrant {
    /// Checks the name, the amount, the end, and the bounds of the rollover.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        if !(1..=CREDIT_MINOR_MAX).contains(&self.amount.amount_minor) {
            let message = format!("send 1 to {CREDIT_MINOR_MAX}");
            return Err(Violation::new("/amountMinor", "amount_out_of_range", message));
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= self.effective_at) {
            return Err(Violation::new("/expiresAt", "expires_in_past", "send an instant to come"));
        }
        let Some(Recurrence { minimum_minor, maximum_minor, .. }) = self.recurrence else { return Ok(()) };
        for (name, bound) in [("minimumMinor", minimum_minor), ("maximumMinor", maximum_minor)] {
            if !(0..=CREDIT_MINOR_MAX).contains(&bound) {
                let message = format!("send 0 to {CREDIT_MINOR_MAX}");
                let pointer = format!("/recurrence/rollover/{name}");
                return Err(Violation::new(pointer, "amount_out_of_range", message));
            }
        }
        if minimum_minor > maximum_minor {
            let message = "send a maximum that is not below the minimum";
            return Err(Violation::new("/recurrence/rollover/maximumMinor", "maximum_below_minimum", message));
        }
        Ok(())
    }

    /// The grant as it is at `now`: with the renewals until then. One that is over, or was taken back, has none.
    pub fn as_of(mut self, now: Timestamp) -> Result<Self, CalendarError> {
        let Some(Recurrence { minimum_minor, maximum_minor, .. }) = self.recurrence else { return Ok(self) };
        for _ in 0..RENEWALS_AT_ONCE_MAX {
            if self.next_renewal_at()?.is_none_or(|at| now < at) {
                break;
            }
            let kept = rolled_over(self.balance(), minimum_minor, maximum_minor);
            // At most twice the largest amount: far inside the range.
            self.balance_minor = kept.amount_minor.saturating_add(self.amount.amount_minor);
            self.renewals += 1;
        }
        Ok(self)
    }

    /// When it starts afresh next, after the renewals that are counted; `None` if it does not.
    pub fn next_renewal_at(&self) -> Result<Option<Timestamp>, CalendarError> {
        let (Some(recurrence), None) = (self.recurrence, self.voided) else { return Ok(None) };
        let n = self.renewals.checked_add(1).ok_or(CalendarError)?;
        let at = calendar::instant_after(self.effective_at, recurrence.interval, n, &self.time_zone)?;
        Ok(Some(at).filter(|at| self.expires_at.is_none_or(|expires_at| *at < expires_at)))
    }

    /// How it stands at `now`, of which it must be.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> GrantState {
        if self.voided.is_some() {
            return GrantState::Void;
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return GrantState::Expired;
        }
        if self.balance_minor > 0 { GrantState::Active } else { GrantState::UsedUp }
    }

    /// What can be used of it at `now`, of which it must be.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> Money {
        match self.state(now) {
            GrantState::Active => self.balance(),
            GrantState::UsedUp | GrantState::Expired | GrantState::Void => Money::zero(self.amount.currency),
        }
    }

    /// The grant as an invoice uses it at `now`, of which it must be.
    #[must_use]
    pub fn to_burn(&self, now: Timestamp) -> Grant<GrantId> {
        Grant {
            id: self.id,
            priority: self.priority,
            effective_at: self.effective_at,
            expires_at: self.expires_at,
            balance: self.usable(now),
        }
    }

    /// What is left after `used_minor` of it were; `None` if that is more than there is.
    #[must_use]
    pub fn burned(self, used_minor: i64) -> Option<Self> {
        let left = self.balance_minor.checked_sub(used_minor).filter(|left| *left >= 0 && used_minor >= 0)?;
        Some(Self { balance_minor: left, ..self })
    }

    /// What is left is taken back; a second time changes nothing.
    #[must_use]
    pub fn void(self, now: Timestamp) -> Self {
        match self.voided {
            Some(_) => self,
            None => {
                let taken_minor = self.usable(now).amount_minor;
                Self { voided: Some(Voided { at: now, taken_minor }), balance_minor: 0, ..self }
            }
        }
    }

    fn balance(&self) -> Money {
        Money { amount_minor: self.balance_minor, ..self.amount }
    }
}

/// What can be used of `grants` in `currency` at `now`, of which they must be, in minor units.
#[must_use]
pub fn balance(grants: &[CreditGrant], currency: Currency, now: Timestamp) -> i128 {
    let of_currency = grants.iter().filter(|grant| grant.amount.currency == currency);
    of_currency.map(|grant| i128::from(grant.usable(now).amount_minor)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::IntervalUnit;
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// 1.00 a month from the end of January on, of which `left` are left.
    fn monthly(left: i64, minimum_minor: i64, maximum_minor: i64) -> CreditGrant {
        CreditGrant {
            id: GrantId::derived(&["grant"]),
            tenant_id: TenantId::derived(&["acme"]),
            name: "Monthly".to_owned(),
            kind: GrantKind::Promotional,
            priority: 0,
            amount: Money { amount_minor: 100, currency: "USD".parse().unwrap() },
            balance_minor: left,
            renewals: 0,
            recurrence: Some(Recurrence { interval: Interval::MONTH, minimum_minor, maximum_minor }),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            effective_at: at("2026-01-31T11:00:00Z"),
            expires_at: None,
            voided: None,
        }
    }

    #[rstest]
    #[case::before(90, (0, 50), "2026-02-28T10:59:59Z", (90, 0))]
    // gr_o5: 50 of 90 are kept, and 100 are granted anew.
    #[case::at_the_renewal(90, (0, 50), "2026-02-28T11:00:00Z", (150, 1))]
    #[case::nothing_is_kept(90, (0, 0), "2026-02-28T11:00:00Z", (100, 1))]
    #[case::little_is_left(30, (0, 50), "2026-02-28T11:00:00Z", (130, 1))]
    #[case::something_is_kept_at_least(5, (10, 50), "2026-02-28T11:00:00Z", (110, 1))]
    // The clamped day returns, and summer time in Berlin has begun: noon there is 10:00.
    #[case::not_yet_twice(90, (0, 50), "2026-03-31T09:59:59Z", (150, 1))]
    #[case::twice(90, (0, 50), "2026-03-31T10:00:00Z", (150, 2))]
    #[case::all_is_kept(90, (0, 1_000), "2026-04-30T10:00:00Z", (390, 3))]
    fn a_grant_starts_afresh(
        #[case] left: i64,
        #[case] (least, most): (i64, i64),
        #[case] now: &str,
        #[case] expect: (i64, u32),
    ) {
        let grant = monthly(left, least, most).as_of(at(now)).unwrap();
        assert_eq!((grant.balance_minor, grant.renewals), expect);
    }

    #[test]
    fn a_grant_that_is_over_does_not_start_afresh() {
        let now = at("2026-06-01T00:00:00Z");
        let over = CreditGrant { expires_at: Some(at("2026-03-31T10:00:00Z")), ..monthly(90, 0, 50) };
        let over = over.as_of(now).unwrap();
        assert_eq!((over.balance_minor, over.renewals, over.state(now)), (150, 1, GrantState::Expired));
        assert_eq!(over.usable(now).amount_minor, 0);
        let void = monthly(90, 0, 50).void(at("2026-02-01T00:00:00Z")).as_of(now).unwrap();
        assert_eq!((void.balance_minor, void.renewals, void.state(now)), (0, 0, GrantState::Void));
    }

    #[test]
    fn what_is_left_is_taken_back_once() {
        let now = at("2026-02-01T00:00:00Z");
        let void = monthly(90, 0, 50).void(now);
        assert_eq!(void.voided, Some(Voided { at: now, taken_minor: 90 }));
        assert_eq!(void.clone().void(at("2026-02-02T00:00:00Z")), void);
    }

    #[rstest]
    #[case::some(40, Some((60, GrantState::Active)))]
    #[case::all(100, Some((0, GrantState::UsedUp)))]
    #[case::too_much(101, None)]
    #[case::less_than_nothing(-1, None)]
    fn a_grant_burns_down(#[case] used: i64, #[case] expect: Option<(i64, GrantState)>) {
        let now = at("2026-02-01T00:00:00Z");
        let burned = monthly(100, 0, 0).burned(used);
        assert_eq!(burned.as_ref().map(|grant| (grant.balance_minor, grant.state(now))), expect);
    }

    #[rstest]
    #[case::good(monthly(100, 0, 50), None)]
    #[case::name(CreditGrant { name: String::new(), ..monthly(100, 0, 50) }, Some(("/name", "invalid_name")))]
    #[case::no_amount(
        CreditGrant { amount: Money { amount_minor: 0, ..monthly(0, 0, 0).amount }, ..monthly(0, 0, 0) },
        Some(("/amountMinor", "amount_out_of_range"))
    )]
    #[case::over_at_once(
        CreditGrant { expires_at: Some(at("2026-01-31T11:00:00Z")), ..monthly(100, 0, 50) },
        Some(("/expiresAt", "expires_in_past"))
    )]
    #[case::below_zero(monthly(100, -1, 50), Some(("/recurrence/rollover/minimumMinor", "amount_out_of_range")))]
    #[case::contradiction(monthly(100, 51, 50), Some(("/recurrence/rollover/maximumMinor", "maximum_below_minimum")))]
    fn a_grant_is_refused_by_the_field(#[case] grant: CreditGrant, #[case] expect: Option<(&str, &str)>) {
        let violation = grant.check().err();
        assert_eq!(violation.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }

    #[test]
    fn a_balance_is_of_one_currency_and_of_what_can_be_used() {
        let now = at("2026-02-01T00:00:00Z");
        let over = CreditGrant { expires_at: Some(now), ..monthly(100, 0, 0) };
        let yen = Money { amount_minor: 7, currency: "JPY".parse().unwrap() };
        let yen = CreditGrant { amount: yen, balance_minor: 7, ..monthly(100, 0, 0) };
        let grants = [monthly(100, 0, 0), monthly(30, 0, 0), over, yen];
        assert_eq!(balance(&grants, "USD".parse().unwrap(), now), 130);
        assert_eq!(balance(&grants, "JPY".parse().unwrap(), now), 7);
    }

    proptest! {
        /// Looking in between, and writing down what is seen, changes nothing: renewals need no tick.
        #[test]
        fn a_grant_is_the_same_however_often_somebody_looks(
            left in 0_i64..1_000, least in 0_i64..200, more in 0_i64..200, days in prop::collection::vec(1_i64..90, 1..8),
            unit in prop::sample::select(vec![IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month]),
        ) {
            let mut fresh = monthly(left, least, least + more);
            fresh.recurrence = fresh.recurrence.map(|recurrence| Recurrence {
                interval: Interval::new(unit, 1).unwrap(), ..recurrence
            });
            let (mut looked, mut now) = (fresh.clone(), fresh.effective_at);
            for days in days {
                now += jiff::SignedDuration::from_hours(24 * days);
                looked = looked.as_of(now).unwrap();
            }
            prop_assert_eq!(looked, fresh.as_of(now).unwrap());
        }
    }
}
