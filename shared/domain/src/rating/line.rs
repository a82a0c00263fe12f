//! From a price and a quantity to an exact amount, and from a base fee and its days to one.

use super::{AmountOutOfRange, TierCharge, graduated, per_unit};
use crate::{
    calendar::BillingPeriod,
    catalog::{Price, PriceModel},
    money::Money,
};
use rust_decimal::Decimal;

/// The exact amount of a line before its one rounding, and what explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// Units that were charged: used less included.
    pub billable: Decimal,
    /// What each tier contributed; one entry for a price without tiers.
    pub tiers: Vec<TierCharge>,
    /// Major units, exact.
    pub exact: Decimal,
}

/// Rates `quantity` by `price`: included units first, then the model.
pub fn rate(price: &Price, quantity: Decimal) -> Result<Rated, AmountOutOfRange> {
    let billable = (quantity - price.included).max(Decimal::ZERO).normalize();
    let tiers = match &price.model {
        PriceModel::PerUnit { unit_price } => per_unit::charge(billable, *unit_price)?,
        PriceModel::Graduated { tiers } => graduated::charge(billable, tiers)?,
    };
    let add = |sum: Decimal, tier: &TierCharge| sum.checked_add(tier.amount).ok_or(AmountOutOfRange);
    let exact = tiers.iter().try_fold(Decimal::ZERO, add)?;
    Ok(Rated { billable, tiers, exact })
}

/// The exact base fee of a period: the whole, or its share of days if the first period starts late.
pub fn base_fee(fee: Money, period: &BillingPeriod) -> Result<Decimal, AmountOutOfRange> {
    if period.active_days == period.full_days {
        return Ok(fee.major());
    }
    // 17 of 31 days of 1.00 are 0.548387…, which the line rounds to 0.55.
    let share = fee.major().checked_mul(Decimal::from(period.active_days)).ok_or(AmountOutOfRange)?;
    share.checked_div(Decimal::from(period.full_days)).ok_or(AmountOutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calendar::{Anchor, BillingCalendar, Interval, IntervalUnit},
        money::Rate,
        text::Slug,
    };
    use jiff::tz::TimeZone;
    use rstest::rstest;

    #[rstest]
    #[case::within_the_included_units("80", "0", "0")]
    #[case::at_the_last_included_unit("100", "0", "0")]
    #[case::beyond("120.5", "20.5", "41")]
    fn included_units_come_off_before_the_model(
        #[case] quantity: Decimal,
        #[case] billable: Decimal,
        #[case] exact: Decimal,
    ) {
        let price = Price {
            key: Slug::parse("calls").unwrap(),
            name: "Calls".to_owned(),
            meter: Slug::parse("calls").unwrap(),
            included: Decimal::ONE_HUNDRED,
            model: PriceModel::PerUnit { unit_price: Rate::new(Decimal::TWO).unwrap() },
        };
        let rated = rate(&price, quantity).unwrap();
        assert_eq!((rated.billable, rated.exact), (billable, exact));
    }

    #[rstest]
    #[case::pr_l1_monthly(IntervalUnit::Month, "2022-03-15", 100, 55)]
    #[case::pr_l3_weekly(IntervalUnit::Week, "2022-03-16", 100, 71)]
    #[case::pr_l7_yearly(IntervalUnit::Year, "2022-03-15", 100, 80)]
    #[case::pr_l11_two_days(IntervalUnit::Month, "2022-03-30", 100, 6)]
    #[case::e_l1_from_the_eighth(IntervalUnit::Month, "2023-01-08", 5000, 3871)]
    #[case::a_whole_month(IntervalUnit::Month, "2022-03-01", 100, 100)]
    fn a_base_fee_prorates_by_whole_days(
        #[case] unit: IntervalUnit,
        #[case] starts_on: &str,
        #[case] fee_minor: i64,
        #[case] expect_minor: i64,
    ) {
        let calendar = BillingCalendar {
            interval: Interval::new(unit, 1).unwrap(),
            anchor: Anchor::Calendar,
            starts_on: starts_on.parse().unwrap(),
            time_zone: TimeZone::UTC,
        };
        let fee = Money { amount_minor: fee_minor, currency: "USD".parse().unwrap() };
        let exact = base_fee(fee, &calendar.period(0).unwrap()).unwrap();
        assert_eq!(Money::rounded(exact, fee.currency).unwrap().amount_minor, expect_minor);
    }
}
