//! What became of usage after its invoice was issued: the lines that the next invoice takes for it (RATING.md, *Late
//! usage*).
//!
//! Invariant: what was billed for a line and all of its adjustments add up to what the line comes to now, so that another
//! adjustment only ever has what is new. Fees do not follow usage and are left alone. Which invoices are meant, and
//! what is counted now, is the caller's.

use super::{Line, LineDetail};
use crate::{id::InvoiceId, money::Money, rating::AmountOutOfRange};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// What stands behind a line's key in the key of its adjustment, before the first day of the period.
pub const ADJUSTMENT_SUFFIX: &str = ".adjustment@";

/// An invoice that was issued, and what is known of its usage since.
#[derive(Clone, Copy, Debug)]
pub struct Adjustable<'a> {
    /// Who it is.
    pub of: InvoiceId,
    /// First and last civil day of its period.
    pub days: (Date, Date),
    /// What it charged.
    pub billed: &'a [Line],
    /// Every adjustment of it that other invoices have.
    pub earlier: &'a [&'a Line],
    /// What it would charge with what is counted now.
    pub now: &'a [Line],
}

/// What one line has come to.
#[derive(Clone, Copy)]
struct Sum {
    amount_minor: i64,
    exact: Decimal,
    quantity: Decimal,
}

impl Adjustable<'_> {
    /// A line for each line whose amount is another now; in their order, those that are gone last.
    pub fn lines(&self) -> Result<Vec<Line>, AmountOutOfRange> {
        let mut lines: Vec<Line> = Vec::new();
        let mut keys: Vec<&str> = Vec::new();
        let own = self.now.iter().chain(self.billed).filter(|line| follows_usage(line));
        let own = own.map(|line| (line.key.as_str(), line));
        let earlier = self.earlier.iter().filter_map(|line| Some((adjusted(line)?, *line)));
        for (key, like) in own.chain(earlier) {
            if !keys.contains(&key) {
                keys.push(key);
                lines.extend(self.line(key, like)?);
            }
        }
        Ok(lines)
    }

    fn line(&self, key: &str, like: &Line) -> Result<Option<Line>, AmountOutOfRange> {
        let of = |lines: &[Line]| lines.iter().find(|line| line.key == key && follows_usage(line)).map(sum);
        let mut before = of(self.billed).unwrap_or(NOTHING);
        for line in self.earlier.iter().filter(|line| adjusted(line) == Some(key)) {
            before = before.plus(sum(line))?;
        }
        let after = of(self.now).unwrap_or(NOTHING);
        let difference = after.plus(before.negated())?;
        if difference.amount_minor == 0 {
            return Ok(None);
        }
        Ok(Some(Line {
            key: format!("{key}{ADJUSTMENT_SUFFIX}{}", self.days.0),
            source: like.source.clone(),
            description: like.description.clone(),
            exact: difference.exact,
            amount: Money { amount_minor: difference.amount_minor, currency: like.amount.currency },
            // The days of a part of a period say more than those of the period.
            days: Some(like.days.unwrap_or(self.days)),
            detail: LineDetail::Adjustment {
                of: self.of,
                line: key.to_owned(),
                quantity_before: before.quantity,
                quantity_after: after.quantity,
            },
        }))
    }
}

const NOTHING: Sum = Sum { amount_minor: 0, exact: Decimal::ZERO, quantity: Decimal::ZERO };

impl Sum {
    fn plus(self, other: Self) -> Result<Self, AmountOutOfRange> {
        Ok(Self {
            amount_minor: self.amount_minor.checked_add(other.amount_minor).ok_or(AmountOutOfRange)?,
            exact: self.exact.checked_add(other.exact).ok_or(AmountOutOfRange)?,
            quantity: self.quantity.checked_add(other.quantity).ok_or(AmountOutOfRange)?,
        })
    }

    fn negated(self) -> Self {
        // An amount of the smallest number is none of money, which the sum then refuses.
        Self { amount_minor: self.amount_minor.saturating_neg(), exact: -self.exact, quantity: -self.quantity }
    }
}

/// What `line` charges; of an adjustment, what it adds to what was billed. A true-up has no quantity of its own.
fn sum(line: &Line) -> Sum {
    let quantity = match &line.detail {
        LineDetail::Usage { quantity, .. } => *quantity,
        LineDetail::Adjustment { quantity_before, quantity_after, .. } => quantity_after - quantity_before,
        LineDetail::Fee { .. } | LineDetail::Seats { .. } | LineDetail::OneOff { .. } | LineDetail::TrueUp { .. } => {
            Decimal::ZERO
        }
    };
    Sum { amount_minor: line.amount.amount_minor, exact: line.exact, quantity }
}

/// The key of the line that `line` adjusts.
fn adjusted(line: &Line) -> Option<&str> {
    match &line.detail {
        LineDetail::Adjustment { line, .. } => Some(line),
        LineDetail::Fee { .. }
        | LineDetail::Usage { .. }
        | LineDetail::Seats { .. }
        | LineDetail::OneOff { .. }
        | LineDetail::TrueUp { .. } => None,
    }
}

fn follows_usage(line: &Line) -> bool {
    match &line.detail {
        LineDetail::Usage { .. } | LineDetail::TrueUp { .. } => true,
        LineDetail::Fee { .. }
        | LineDetail::Seats { .. }
        | LineDetail::Adjustment { .. }
        | LineDetail::OneOff { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{PlanRef, Price, PriceShape},
        id::PlanId,
        rating::{DayShare, Usage},
    };
    use proptest::prelude::*;
    use rstest::rstest;

    const PER_UNIT: &str = r#""model":{"type":"perUnit","unitPrice":"0.5"}"#;
    /// 2.00 each up to ten, 1.00 each beyond.
    const TIERS: &str = r#""model":{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"2"},{"unitPrice":"1"}]}"#;
    /// All at 2.00 up to ten, all at 1.00 beyond.
    const VOLUME: &str = r#""model":{"type":"volume","tiers":[{"upTo":"10","unitPrice":"2"},{"unitPrice":"1"}]}"#;
    const MINIMUM: &str = r#""model":{"type":"perUnit","unitPrice":"1"},"modifiers":{"spendMinimum":"10"}"#;
    const TINY: &str = r#""model":{"type":"perUnit","unitPrice":"0.004"}"#;

    fn days() -> (Date, Date) {
        (Date::constant(2026, 5, 1), Date::constant(2026, 5, 31))
    }

    fn may() -> InvoiceId {
        InvoiceId::derived(&["may"])
    }

    /// A base fee, and what `quantity` costs.
    fn charged(rest: &str, quantity: Decimal) -> Vec<Line> {
        let shape: PriceShape =
            serde_json::from_str(&format!(r#"{{"key":"calls","name":"Calls","meter":"m",{rest}}}"#)).unwrap();
        let plan = PlanRef { plan_id: PlanId::derived(&["pro"]), version: std::num::NonZeroU32::MIN };
        let usd = "USD".parse().unwrap();
        let fee = Money { amount_minor: 3_000, currency: usd };
        let price = Price::try_from(shape).unwrap();
        let mut lines = vec![Line::base_fee(plan, "Pro", fee, DayShare::WHOLE).unwrap()];
        lines.extend(Line::of_price(plan, &price, &Usage::Quantity(quantity), DayShare::WHOLE, usd).unwrap());
        lines
    }

    /// The adjustments of one invoice after the other: the first total is billed, each other is found by the next one.
    fn adjusted_by(rest: &str, totals: &[Decimal]) -> Vec<Vec<Line>> {
        let billed = charged(rest, totals[0]);
        let mut invoices: Vec<Vec<Line>> = Vec::new();
        for total in &totals[1..] {
            let earlier: Vec<&Line> = invoices.iter().flatten().collect();
            let now = charged(rest, *total);
            let adjustable = Adjustable { of: may(), days: days(), billed: &billed, earlier: &earlier, now: &now };
            let lines = adjustable.lines().unwrap();
            invoices.push(lines);
        }
        invoices
    }

    fn said(line: &Line) -> String {
        let LineDetail::Adjustment { quantity_before, quantity_after, .. } = &line.detail else { panic!("{line:?}") };
        let key = line.key.strip_suffix(".adjustment@2026-05-01").unwrap();
        format!("{key} {} {quantity_before}-{quantity_after}", line.amount.amount_minor)
    }

    #[rstest]
    // 12 × 0.50 less 10 × 0.50.
    #[case::late(PER_UNIT, &[10, 12], &["calls 100 10-12"])]
    #[case::void(PER_UNIT, &[10, 7], &["calls -150 10-7"])]
    #[case::nothing_was_billed(PER_UNIT, &[0, 1], &["calls 50 0-1"])]
    #[case::nothing_changed(PER_UNIT, &[10, 10], &[""])]
    #[case::only_what_is_new(PER_UNIT, &[10, 12, 12, 13], &["calls 100 10-12", "", "calls 50 12-13"])]
    #[case::back_to_what_was_billed(PER_UNIT, &[10, 12, 10], &["calls 100 10-12", "calls -100 12-10"])]
    // The tenth at 2.00, the eleventh at 1.00.
    #[case::another_tier(TIERS, &[9, 11], &["calls 300 9-11"])]
    // 11 × 1.00 less 10 × 2.00: more usage that costs less.
    #[case::a_cheaper_total(VOLUME, &[10, 11], &["calls -900 10-11"])]
    // 4.00 and 6.00 to the minimum become 7.00 and 3.00: nothing more is owed, and both lines say why.
    #[case::a_true_up_shrinks(MINIMUM, &[4, 7], &["calls 300 4-7, calls.true-up -300 0-0"])]
    #[case::a_true_up_goes(MINIMUM, &[4, 12], &["calls 800 4-12, calls.true-up -600 0-0"])]
    #[case::a_true_up_comes_and_goes(MINIMUM, &[12, 9, 12], &[
        "calls -300 12-9, calls.true-up 100 0-0", "calls 300 9-12, calls.true-up -100 0-0",
    ])]
    // 0.004 and 0.004 are 0.00 and, together, 0.01; the first alone is no line, and its quantity is not lost.
    #[case::less_than_a_cent(TINY, &[0, 1, 2], &["", "calls 1 0-2"])]
    fn an_invoice_is_adjusted(#[case] rest: &str, #[case] totals: &[i64], #[case] expect: &[&str]) {
        let totals: Vec<Decimal> = totals.iter().copied().map(Decimal::from).collect();
        let in_words = |lines: &Vec<Line>| lines.iter().map(said).collect::<Vec<_>>().join(", ");
        let got: Vec<String> = adjusted_by(rest, &totals).iter().map(in_words).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn an_adjustment_says_what_it_is_of() {
        let lines = adjusted_by(TIERS, &[Decimal::from(9), Decimal::from(11)]);
        let [line] = lines[0].as_slice() else { panic!("one line") };
        assert_eq!((line.description.as_str(), line.days, line.exact), ("Calls", Some(days()), Decimal::from(3)));
        assert_eq!(line.source.as_ref().and_then(|source| source.price.as_ref()).unwrap().as_str(), "calls");
        let LineDetail::Adjustment { of, line, .. } = &line.detail else { panic!("no adjustment") };
        assert_eq!((*of, line.as_str()), (may(), "calls"));
    }

    #[test]
    fn fees_are_not_adjusted() {
        let billed = charged(PER_UNIT, Decimal::TEN);
        let mut now = charged(PER_UNIT, Decimal::TEN);
        now[0].amount.amount_minor += 1_000;
        let adjustable = Adjustable { of: may(), days: days(), billed: &billed, earlier: &[], now: &now };
        assert_eq!(adjustable.lines(), Ok(Vec::new()));
    }

    #[test]
    fn a_part_of_a_period_keeps_its_days() {
        let part = Some((Date::constant(2026, 5, 11), Date::constant(2026, 5, 20)));
        let of = |quantity| {
            let mut lines = charged(PER_UNIT, quantity);
            lines.iter_mut().for_each(|line| line.days = part);
            lines
        };
        let (billed, now) = (of(Decimal::ONE), of(Decimal::TWO));
        let adjustable = Adjustable { of: may(), days: days(), billed: &billed, earlier: &[], now: &now };
        assert_eq!(adjustable.lines().unwrap()[0].days, part);
    }

    proptest! {
        #[test]
        fn what_was_billed_and_all_adjustments_are_the_last_total(
            rest in prop::sample::select(vec![PER_UNIT, TIERS, VOLUME, MINIMUM, TINY]),
            totals in prop::collection::vec(0_i64..30_000, 1..8),
        ) {
            let totals: Vec<Decimal> = totals.into_iter().map(|thousandths| Decimal::new(thousandths, 3)).collect();
            let sum = |lines: &[Line]| lines.iter().map(|line| line.amount.amount_minor).sum::<i64>();
            let adjusted: i64 = adjusted_by(rest, &totals).iter().map(|lines| sum(lines)).sum();
            let last = totals[totals.len() - 1];
            prop_assert_eq!(sum(&charged(rest, totals[0])) + adjusted, sum(&charged(rest, last)));
        }
    }
}
