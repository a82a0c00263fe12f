//! Coupons as they are offered, and as a tenant has them.
//!
//! Invariants: the terms of a coupon never change, so that a redemption carries them and an invoice run reads nothing of
//! the catalog; a coupon is redeemed at most so often as it says. How coupons take off lines is `rating::coupon`.

use super::Percent;
use crate::{
    Violation,
    grant::CREDIT_MINOR_MAX,
    id::{CouponId, PlanId, RedemptionId, SubscriptionId, TenantId},
    invoice::NamedCoupon,
    money::Money,
    rating::coupon::{Coupon, CouponValue, Duration, Restriction},
    text::{self, Slug},
};
use jiff::Timestamp;
use std::num::NonZeroU32;

/// Most prices or plans that a coupon names.
pub const COUPON_TARGETS_MAX: usize = 50;

/// What a coupon promises; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponTerms {
    /// Who it is.
    pub id: CouponId,
    /// What a tenant redeems it by.
    pub code: Slug,
    /// Its name, as printed.
    pub name: String,
    /// By how much it reduces.
    pub off: CouponOff,
    /// What it reduces.
    pub targets: CouponTargets,
    /// For how many periods.
    pub duration: Duration,
}

/// By how much a coupon reduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponOff {
    /// A part of what is left.
    Percent(Percent),
    /// An amount: of a coupon for one period all in all, of one for several in each.
    Amount(Money),
}

/// What a coupon reduces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouponTargets {
    /// Everything.
    All,
    /// Lines of these prices.
    Prices(Vec<Slug>),
    /// Lines of these plans.
    Plans(Vec<PlanNamed>),
}

/// A plan, and what it was called when the coupon was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanNamed {
    /// Which plan.
    pub id: PlanId,
    /// Its slug.
    pub slug: Slug,
}

/// A coupon in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponOffer {
    /// What it promises.
    pub terms: CouponTerms,
    /// How often it may be redeemed; `None` for no bound.
    pub redemptions_max: Option<NonZeroU32>,
    /// How often it was.
    pub redemptions: u32,
    /// From when on it may not be redeemed any more; `None` for never.
    pub redeem_by: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when nobody new gets it.
    pub archived_at: Option<Timestamp>,
}

/// Why a coupon cannot be redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeemRefusal {
    /// It is offered no more.
    Archived,
    /// Its time is over.
    Expired,
    /// It was redeemed as often as it may be.
    UsedUp,
}

/// A coupon that a tenant was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// Who it is: derived, so that a coupon is redeemed once.
    pub id: RedemptionId,
    /// What was promised.
    pub terms: CouponTerms,
    /// The subscription that it is for; `None` for all of the tenant's.
    pub subscription_id: Option<SubscriptionId>,
    /// In how many periods it took something off; a fixed one for one period once it is used up.
    pub used_cycles: u32,
    /// What of a fixed amount for one period was used, in minor units.
    pub consumed_minor: i64,
    /// When it was given.
    pub redeemed_at: Timestamp,
    /// Since when it reduces nothing any more, because somebody ended it.
    pub ended_at: Option<Timestamp>,
}

impl CouponTerms {
    /// Checks the name, that something comes off, and that what it is restricted to is something.
    pub fn check(&self) -> Result<(), Violation> {
        text::check_name(&self.name).map_err(|violation| violation.under("/name"))?;
        match self.off {
            CouponOff::Percent(percent) if percent.value().is_zero() => {
                return Err(Violation::new("/percentOff", "zero", "send more than 0"));
            }
            CouponOff::Amount(money) if !(1..=CREDIT_MINOR_MAX).contains(&money.amount_minor) => {
                let message = format!("send 1 to {CREDIT_MINOR_MAX}");
                return Err(Violation::new("/amountOff/amountMinor", "amount_out_of_range", message));
            }
            CouponOff::Percent(_) | CouponOff::Amount(_) => {}
        }
        let (pointer, count) = match &self.targets {
            CouponTargets::All => return Ok(()),
            CouponTargets::Prices(prices) => ("/restriction/prices", prices.len()),
            CouponTargets::Plans(plans) => ("/restriction/plans", plans.len()),
        };
        if (1..=COUPON_TARGETS_MAX).contains(&count) {
            return Ok(());
        }
        Err(Violation::new(pointer, "target_count", format!("name 1 to {COUPON_TARGETS_MAX}")))
    }

    /// What of it is used up with each invoice, and not with each period.
    fn total(&self) -> Option<Money> {
        match (self.off, self.duration) {
            (CouponOff::Amount(money), Duration::Once) => Some(money),
            (CouponOff::Amount(_), Duration::Cycles(_) | Duration::Forever) | (CouponOff::Percent(_), _) => None,
        }
    }
}

impl CouponOffer {
    /// Whether it may be redeemed at `now`.
    pub fn check_redeemable(&self, now: Timestamp) -> Result<(), RedeemRefusal> {
        if self.archived_at.is_some() {
            return Err(RedeemRefusal::Archived);
        }
        if self.redeem_by.is_some_and(|by| by <= now) {
            return Err(RedeemRefusal::Expired);
        }
        if self.redemptions_max.is_some_and(|most| self.redemptions >= most.get()) {
            return Err(RedeemRefusal::UsedUp);
        }
        Ok(())
    }
}

impl Redemption {
    /// A coupon given at `now`.
    #[must_use]
    pub fn new(terms: CouponTerms, tenant: TenantId, subscription_id: Option<SubscriptionId>, now: Timestamp) -> Self {
        let scope = subscription_id.map(|id| id.to_string()).unwrap_or_default();
        let id = RedemptionId::derived(&["redemption", &tenant.to_string(), &terms.id.to_string(), &scope]);
        Self { id, terms, subscription_id, used_cycles: 0, consumed_minor: 0, redeemed_at: now, ended_at: None }
    }

    /// Whether it is for invoices of `subscription`, `None` for one of no subscription.
    #[must_use]
    pub fn is_for(&self, subscription: Option<SubscriptionId>) -> bool {
        self.subscription_id.is_none() || self.subscription_id == subscription
    }

    /// Whether it may still reduce something.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.ended_at.is_none() && !self.coupon().is_used_up()
    }

    /// Whether the two could reduce the same invoice by the same coupon.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.terms.id == other.terms.id && (self.is_for(other.subscription_id) || other.is_for(self.subscription_id))
    }

    /// The coupon as rating knows it.
    #[must_use]
    pub fn coupon(&self) -> Coupon {
        let value = match self.terms.off {
            CouponOff::Percent(percent) => CouponValue::Percentage(percent),
            CouponOff::Amount(amount) => {
                let consumed = Money { amount_minor: self.consumed_minor, ..amount };
                CouponValue::Fixed { amount, consumed }
            }
        };
        let restriction = match &self.terms.targets {
            CouponTargets::All => Restriction::None,
            CouponTargets::Prices(prices) => Restriction::Prices(prices.clone()),
            CouponTargets::Plans(plans) => Restriction::Plans(plans.iter().map(|plan| plan.id).collect()),
        };
        Coupon { restriction, value, duration: self.terms.duration, used_cycles: self.used_cycles }
    }

    /// The coupon as an invoice names it.
    #[must_use]
    pub fn named(&self) -> NamedCoupon {
        NamedCoupon { id: self.terms.id, name: self.terms.name.clone(), coupon: self.coupon() }
    }

    /// What is left of it after an invoice of which it took `off_minor`. A period in which it takes off nothing is not
    /// counted.
    #[must_use]
    pub fn used(self, off_minor: i64) -> Self {
        let Some(total) = self.terms.total() else {
            return Self { used_cycles: self.used_cycles.saturating_add(1), ..self };
        };
        let consumed_minor = self.consumed_minor.saturating_add(off_minor);
        let used_cycles = u32::from(consumed_minor >= total.amount_minor);
        Self { consumed_minor, used_cycles, ..self }
    }

    /// As before an invoice, which was taken back, of which it took `off_minor`.
    #[must_use]
    pub fn given_back(self, off_minor: i64) -> Self {
        if self.terms.total().is_none() {
            return Self { used_cycles: self.used_cycles.saturating_sub(1), ..self };
        }
        Self { consumed_minor: self.consumed_minor.saturating_sub(off_minor).max(0), used_cycles: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn usd(amount_minor: i64) -> CouponOff {
        CouponOff::Amount(Money { amount_minor, currency: "USD".parse().unwrap() })
    }

    fn percent(text: &str) -> CouponOff {
        CouponOff::Percent(Percent::parse(text).unwrap())
    }

    fn terms(off: CouponOff, duration: Duration) -> CouponTerms {
        CouponTerms {
            id: CouponId::derived(&["welcome"]),
            code: Slug::parse("welcome").unwrap(),
            name: "Welcome".to_owned(),
            off,
            targets: CouponTargets::All,
            duration,
        }
    }

    fn redemption(off: CouponOff, duration: Duration) -> Redemption {
        Redemption::new(terms(off, duration), TenantId::derived(&["acme"]), None, Timestamp::UNIX_EPOCH)
    }

    fn cycles(n: u32) -> Duration {
        Duration::Cycles(NonZeroU32::new(n).unwrap())
    }

    fn targets(count: usize) -> CouponTargets {
        CouponTargets::Prices(vec![Slug::parse("calls").unwrap(); count])
    }

    #[rstest]
    #[case::percent(terms(percent("100"), Duration::Once), None)]
    #[case::amount(terms(usd(1), Duration::Forever), None)]
    #[case::no_percent(terms(percent("0"), Duration::Once), Some(("/percentOff", "zero")))]
    #[case::no_amount(terms(usd(0), Duration::Once), Some(("/amountOff/amountMinor", "amount_out_of_range")))]
    #[case::negative(terms(usd(-1), Duration::Once), Some(("/amountOff/amountMinor", "amount_out_of_range")))]
    #[case::name(CouponTerms { name: " ".into(), ..terms(usd(1), Duration::Once) }, Some(("/name", "invalid_name")))]
    #[case::most(CouponTerms { targets: targets(50), ..terms(usd(1), Duration::Once) }, None)]
    #[case::nothing(
        CouponTerms { targets: targets(0), ..terms(usd(1), Duration::Once) },
        Some(("/restriction/prices", "target_count"))
    )]
    #[case::no_plan(
        CouponTerms { targets: CouponTargets::Plans(Vec::new()), ..terms(usd(1), Duration::Once) },
        Some(("/restriction/plans", "target_count"))
    )]
    fn terms_are_refused_by_the_field(#[case] terms: CouponTerms, #[case] expect: Option<(&str, &str)>) {
        let violation = terms.check().err();
        assert_eq!(violation.as_ref().map(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }

    #[rstest]
    #[case::free(None, 9, None, false, Ok(()))]
    #[case::last(Some(3), 2, Some(101), false, Ok(()))]
    #[case::used_up(Some(3), 3, None, false, Err(RedeemRefusal::UsedUp))]
    #[case::at_its_end(None, 0, Some(100), false, Err(RedeemRefusal::Expired))]
    #[case::archived(Some(3), 3, Some(1), true, Err(RedeemRefusal::Archived))]
    fn a_coupon_is_redeemed_while_it_may_be(
        #[case] most: Option<u32>,
        #[case] redemptions: u32,
        #[case] by: Option<i64>,
        #[case] archived: bool,
        #[case] expect: Result<(), RedeemRefusal>,
    ) {
        let offer = CouponOffer {
            terms: terms(usd(1), Duration::Once),
            redemptions_max: most.and_then(NonZeroU32::new),
            redemptions,
            redeem_by: by.map(|second| Timestamp::from_second(second).unwrap()),
            created_at: Timestamp::UNIX_EPOCH,
            archived_at: archived.then_some(Timestamp::UNIX_EPOCH),
        };
        assert_eq!(offer.check_redeemable(Timestamp::from_second(100).unwrap()), expect);
    }

    /// What comes off one invoice after the other; then cycles, what was consumed, and whether it goes on.
    #[rstest]
    #[case::percent_once(percent("10"), Duration::Once, &[5], (1, 0, false))]
    #[case::percent_twice(percent("10"), cycles(2), &[5], (1, 0, true))]
    #[case::percent_twice_to_the_end(percent("10"), cycles(2), &[5, 9], (2, 0, false))]
    #[case::for_ever(usd(500), Duration::Forever, &[500, 500, 500], (3, 0, true))]
    // 12.00 of which 5.00 and then 4.00 were used: 3.00 stay.
    #[case::fixed_once_in_parts(usd(1_200), Duration::Once, &[500, 400], (0, 900, true))]
    #[case::fixed_once_to_the_end(usd(1_200), Duration::Once, &[500, 700], (1, 1_200, false))]
    #[case::fixed_in_each(usd(1_200), cycles(2), &[300, 1_200], (2, 0, false))]
    fn a_coupon_is_used_up(
        #[case] off: CouponOff,
        #[case] duration: Duration,
        #[case] offs: &[i64],
        #[case] expect: (u32, i64, bool),
    ) {
        let fresh = redemption(off, duration);
        let used = offs.iter().fold(fresh.clone(), |redemption, off| redemption.used(*off));
        assert_eq!((used.used_cycles, used.consumed_minor, used.is_live()), expect);
        let back = offs.iter().rev().fold(used, |redemption, off| redemption.given_back(*off));
        assert_eq!(back, fresh, "taking the invoices back gives all of it back");
    }

    #[test]
    fn what_was_ended_is_not_live() {
        let ended = Redemption { ended_at: Some(Timestamp::UNIX_EPOCH), ..redemption(usd(1), Duration::Forever) };
        assert!(!ended.is_live());
    }

    #[test]
    fn a_coupon_for_one_subscription_leaves_the_others_alone() {
        let acme = TenantId::derived(&["acme"]);
        let sub = |name: &str| Some(SubscriptionId::derived(&[name]));
        let given =
            |subscription| Redemption::new(terms(usd(1), Duration::Once), acme, subscription, Timestamp::UNIX_EPOCH);
        let (all, one, two) = (given(None), given(sub("one")), given(sub("two")));
        assert!(all.is_for(None) && all.is_for(sub("one")));
        assert!(one.is_for(sub("one")) && !one.is_for(sub("two")) && !one.is_for(None));
        assert!(all.meets(&one) && one.meets(&all) && one.meets(&one) && !one.meets(&two));
        assert!(all.id != one.id && one.id != two.id);
    }

    #[test]
    fn what_it_is_restricted_to_and_has_used_comes_along() {
        let (calls, basic) = (Slug::parse("calls").unwrap(), PlanId::derived(&["basic"]));
        let plan = PlanNamed { id: basic, slug: Slug::parse("basic").unwrap() };
        let rows = [
            (CouponTargets::All, Restriction::None),
            (CouponTargets::Prices(vec![calls.clone()]), Restriction::Prices(vec![calls])),
            (CouponTargets::Plans(vec![plan]), Restriction::Plans(vec![basic])),
        ];
        for (targets, restriction) in rows {
            let mut given = redemption(usd(500), cycles(3));
            given.terms.targets = targets;
            (given.used_cycles, given.consumed_minor) = (2, 120);
            let money = |amount_minor| Money { amount_minor, currency: "USD".parse().unwrap() };
            let value = CouponValue::Fixed { amount: money(500), consumed: money(120) };
            let coupon = Coupon { restriction, value, duration: cycles(3), used_cycles: 2 };
            assert_eq!(given.named(), NamedCoupon { id: given.terms.id, name: "Welcome".to_owned(), coupon });
        }
        let percentage = CouponValue::Percentage(Percent::parse("10").unwrap());
        assert_eq!(redemption(percent("10"), Duration::Once).coupon().value, percentage);
    }
}
