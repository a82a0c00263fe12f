//! A line of an invoice, and what explains its amount.
//!
//! A price comes to one line, and to a second one where something is missing to its floor. Invariant: no two lines of an
//! invoice have the same key: the keys of a plan's prices differ, as those of an add-on's, which stand behind its slug and a
//! colon; those of a true-up, a credit and an adjustment have a point in them, and a day stands behind an `@`. No slug has
//! any of these.

use crate::{
    catalog::{BASE_FEE_KEY, Charge, PlanRef, Price, SpendFloor},
    id::InvoiceId,
    money::{Currency, Money},
    rating::{self, AmountOutOfRange, DayShare, PeriodState, RatingError, Step, SubLine, TrueUp, Usage},
    text::Slug,
};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// What stands behind the price's key in the key of its true-up.
pub const TRUE_UP_SUFFIX: &str = ".true-up";

/// One charge, or a credit if its amount is negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Unique within the invoice: the price's key, that of its true-up, credit or adjustment, or `base`; before it the slug
    /// of its add-on and a colon; behind it, where the same price comes twice, `@` and the first day.
    pub key: String,
    /// Which price of which plan version it charges; `None` for what no plan charges.
    pub source: Option<Source>,
    /// What it is for, as printed.
    pub description: String,
    /// The amount in major units before its one rounding.
    pub exact: Decimal,
    /// The amount charged.
    pub amount: Money,
    /// First and last civil day that it is for, where they are not those of the invoice.
    pub days: Option<(Date, Date)>,
    /// How it came about.
    pub detail: LineDetail,
}

/// Where in the catalog a charge comes from: what coupons are restricted by, and what explains the price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The plan version.
    pub plan: PlanRef,
    /// Key of its price; `None` for the base fee.
    pub price: Option<Slug>,
}

/// What of the usage log stands behind a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 over the digests of the log's lanes, in their order.
    pub digest: [u8; 32],
    /// Events that were counted into them.
    pub events: u64,
}

/// How the amount of a line came about.
#[derive(Clone, Debug, PartialEq)]
pub enum LineDetail {
    /// A fee of the plan, by the days of its period.
    Fee {
        /// Days that were billed.
        active_days: u32,
        /// Days of the whole interval.
        full_days: u32,
    },
    /// Usage of one meter.
    Usage {
        /// The meter's slug.
        meter: String,
        /// What was used in the period.
        quantity: Decimal,
        /// What the model charged, part by part.
        sub_lines: Vec<SubLine>,
        /// What each modifier did, in order.
        steps: Vec<Step>,
        /// What stands behind the quantity; `None` on invoices that were written before it was kept.
        evidence: Option<Evidence>,
    },
    /// Licensed seats.
    Seats {
        /// The most at once.
        quantity: Decimal,
        /// Each stretch of days with its number of seats.
        sub_lines: Vec<SubLine>,
    },
    /// Usage of a period that an earlier invoice has closed.
    Adjustment {
        /// That invoice.
        of: InvoiceId,
        /// The key of its line.
        line: String,
        /// What was billed so far.
        quantity_before: Decimal,
        /// What is counted now.
        quantity_after: Decimal,
    },
    /// What was agreed outside of any plan.
    OneOff {
        /// How many.
        quantity: Decimal,
        /// Of each, major units.
        unit_price: Decimal,
    },
    /// What another line lacks to its floor.
    TrueUp {
        /// The key of that line.
        of: String,
        /// The floor of a whole period.
        floor: SpendFloor,
        /// Days for which it holds.
        active_days: u32,
        /// Days of the whole interval.
        full_days: u32,
    },
}

impl Line {
    /// The line of a base fee.
    pub fn base_fee(plan: PlanRef, plan_name: &str, fee: Money, days: DayShare) -> Result<Self, AmountOutOfRange> {
        let exact = rating::base_fee(fee, days)?;
        Ok(Self {
            key: BASE_FEE_KEY.to_owned(),
            source: Some(Source { plan, price: None }),
            description: plan_name.to_owned(),
            exact,
            amount: Money::rounded(exact, fee.currency)?,
            days: None,
            detail: LineDetail::Fee { active_days: days.active(), full_days: days.full() },
        })
    }

    /// The lines of a price for a period that is over and of which nothing was billed before: what was used, and what
    /// is missing to a floor.
    pub fn of_price(
        plan: PlanRef,
        price: &Price,
        usage: &Usage,
        days: DayShare,
        currency: Currency,
    ) -> Result<Vec<Self>, RatingError> {
        let rated = rating::rate(price, usage, &PeriodState { days, ..PeriodState::whole(currency) })?;
        let detail = match price.charge() {
            Charge::Flat { .. } | Charge::OneTime { .. } => {
                LineDetail::Fee { active_days: days.active(), full_days: days.full() }
            }
            Charge::Seats { .. } => LineDetail::Seats { quantity: rated.quantity, sub_lines: rated.sub_lines },
            Charge::Usage(usage) => LineDetail::Usage {
                meter: usage.meter().to_string(),
                quantity: rated.quantity,
                sub_lines: rated.sub_lines,
                steps: rated.steps,
                evidence: None,
            },
        };
        let line = Self {
            key: price.key().to_string(),
            source: Some(Source { plan, price: Some(price.key().clone()) }),
            description: price.name().to_owned(),
            exact: rated.exact,
            amount: rated.amount,
            days: None,
            detail,
        };
        let true_up = rated.true_up.map(|true_up| line.true_up(true_up, days));
        Ok(std::iter::once(line).chain(true_up).collect())
    }

    fn true_up(&self, true_up: TrueUp, days: DayShare) -> Self {
        Self {
            key: format!("{}{TRUE_UP_SUFFIX}", self.key),
            source: self.source.clone(),
            days: self.days,
            description: self.description.clone(),
            exact: true_up.exact,
            amount: true_up.amount,
            detail: LineDetail::TrueUp {
                of: self.key.clone(),
                floor: true_up.floor,
                active_days: days.active(),
                full_days: days.full(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::PriceShape, rating::Modifier};
    use rstest::rstest;

    fn lines(rest: &str, usage: &Usage, days: DayShare) -> Result<Vec<Line>, RatingError> {
        let shape: PriceShape = serde_json::from_str(&format!(r#"{{"key":"k","name":"K",{rest}}}"#)).unwrap();
        let plan = PlanRef { plan_id: crate::id::PlanId::derived(&["pro"]), version: std::num::NonZeroU32::MIN };
        Line::of_price(plan, &Price::try_from(shape).unwrap(), usage, days, "USD".parse().unwrap())
    }

    fn quantity(quantity: i64) -> Usage {
        Usage::Quantity(Decimal::from(quantity))
    }

    const MINIMUM: &str = r#""meter":"m","model":{"type":"perUnit","unitPrice":"1"},"modifiers":{"spendMinimum":"10"}"#;

    #[test]
    fn a_usage_line_says_its_quantity_its_parts_and_its_steps() {
        let price = r#""meter":"m","included":"2","model":{"type":"perUnit","unitPrice":"1.5"}"#;
        let lines = lines(price, &quantity(5), DayShare::WHOLE).unwrap();
        let [line] = lines.as_slice() else { panic!("one line") };
        assert_eq!((line.key.as_str(), line.description.as_str(), line.amount.amount_minor), ("k", "K", 450));
        let LineDetail::Usage { meter, quantity, sub_lines, steps, .. } = &line.detail else { panic!("not usage") };
        assert_eq!((meter.as_str(), *quantity), ("m", Decimal::from(5)));
        assert_eq!((sub_lines.len(), sub_lines[0].quantity, sub_lines[0].amount), (1, 3.into(), Decimal::new(45, 1)));
        let step = Step { modifier: Modifier::Included(Decimal::TWO), before: 5.into(), after: 3.into() };
        assert_eq!(steps.as_slice(), [step]);
    }

    #[rstest]
    // 10 − 9 is missing; of 17 of 31 days 5.483870…, which is 5.48, and 2 are used: 3.48 is missing.
    #[case::floor_missed(MINIMUM, quantity(9), 1, 1, &[("k", 900), ("k.true-up", 100)])]
    #[case::floor_of_some_days(MINIMUM, quantity(2), 17, 31, &[("k", 200), ("k.true-up", 348)])]
    #[case::floor_reached(MINIMUM, quantity(10), 1, 1, &[("k", 1_000)])]
    #[case::fee(r#""model":{"type":"flat","amount":"30"}"#, Usage::Nothing, 17, 30, &[("k", 1_700)])]
    fn a_price_comes_to_its_lines(
        #[case] rest: &str,
        #[case] usage: Usage,
        #[case] active: u32,
        #[case] full: u32,
        #[case] expect: &[(&str, i64)],
    ) {
        let lines = lines(rest, &usage, DayShare::new(active, full).unwrap()).unwrap();
        let got: Vec<(&str, i64)> = lines.iter().map(|line| (line.key.as_str(), line.amount.amount_minor)).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn a_true_up_names_its_line_and_its_floor() {
        let days = DayShare::new(17, 31).unwrap();
        let lines = lines(MINIMUM, &quantity(2), days).unwrap();
        let LineDetail::TrueUp { of, floor, active_days, full_days } = &lines[1].detail else { panic!("no true-up") };
        assert_eq!((of.as_str(), floor.amount().value(), *active_days, *full_days), ("k", 10.into(), 17, 31));
    }
}
