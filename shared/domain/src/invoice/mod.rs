//! An invoice, from draft to its end: a type per state, so that an open invoice cannot be edited nor a draft be paid.
//!
//! `Draft → Open → Paid | Void | Uncollectible`. Invariants: the total is the sum of the rounded lines; an open invoice
//! never changes, has its number, and is paid at once where nothing is due.

mod adjustment;
mod credit_note;
mod digest;
mod line;
mod number;
mod settlement;
#[cfg(test)]
mod settlement_tests;
mod statement;

pub use adjustment::{ADJUSTMENT_SUFFIX, Adjustable};
pub use credit_note::{CreditNote, CreditedLine, MEMO_LENGTH_MAX, NewCreditNote, Portion};
pub use digest::digest;
pub use line::{Evidence, Line, LineDetail, Source, TRUE_UP_SUFFIX};
pub use number::{InvoiceNumber, NumberFormat, PREFIX_LENGTH_MAX, SEQUENCE_WIDTH_MAX, TEMPLATE_LENGTH_MAX};
pub use settlement::{NewPayment, Payment, Refusal, Settled, Settlement, Standing};
pub use statement::{
    Adjusters, AppliedCredit, Discount, NamedCoupon, NamedRate, Notes, Statement, SubscriptionRun, Tax, TaxTreatment,
};

use crate::{money::MoneyError, rating::AmountOutOfRange};
use jiff::{SignedDuration, Timestamp};

/// An invoice that may still change.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft(Statement);

/// An invoice that was issued: immutable.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// What it says.
    pub statement: Statement,
    /// Its place in the tenant's gapless sequence.
    pub number: InvoiceNumber,
    /// When it was issued.
    pub finalized_at: Timestamp,
    /// When it must be paid.
    pub due_at: Timestamp,
}

/// An issued invoice that was settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Paid {
    /// The invoice as issued.
    pub open: Open,
    /// When it was settled.
    pub paid_at: Timestamp,
}

/// An issued invoice that was taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Void {
    /// The invoice as issued.
    pub open: Open,
    /// When it was taken back.
    pub voided_at: Timestamp,
}

/// An issued invoice that will not be paid.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncollectible {
    /// The invoice as issued.
    pub open: Open,
    /// When it was given up.
    pub given_up_at: Timestamp,
}

/// An invoice in any state.
#[derive(Clone, Debug, PartialEq)]
pub enum Invoice {
    /// May still change.
    Draft(Draft),
    /// Issued.
    Open(Open),
    /// Settled.
    Paid(Paid),
    /// Taken back.
    Void(Void),
    /// Given up.
    Uncollectible(Uncollectible),
}

impl Draft {
    /// A draft of what is in `statement`; its total is computed here, from the rounded lines, discounts and taxes.
    pub fn new(statement: Statement) -> Result<Self, AmountOutOfRange> {
        Ok(Self(statement.with_total()?))
    }

    /// What it says so far.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.0
    }

    /// What it says, for whoever stores or issues it.
    #[must_use]
    pub fn into_statement(self) -> Statement {
        self.0
    }

    /// Issues it under `number`; where nothing is due it is paid at once.
    pub fn finalize(
        self,
        number: InvoiceNumber,
        now: Timestamp,
        payment_term: SignedDuration,
    ) -> Result<Invoice, MoneyError> {
        let is_settled = self.0.due()?.amount_minor <= 0;
        let due_at = now.saturating_add(payment_term).unwrap_or(Timestamp::MAX);
        let open = Open { statement: self.0, number, finalized_at: now, due_at };
        Ok(if is_settled { Invoice::Paid(open.pay(now)) } else { Invoice::Open(open) })
    }
}

impl Open {
    /// Settles it.
    #[must_use]
    pub fn pay(self, now: Timestamp) -> Paid {
        Paid { open: self, paid_at: now }
    }

    /// Takes it back; its number is never used again.
    #[must_use]
    pub fn void(self, now: Timestamp) -> Void {
        Void { open: self, voided_at: now }
    }

    /// Gives it up.
    #[must_use]
    pub fn give_up(self, now: Timestamp) -> Uncollectible {
        Uncollectible { open: self, given_up_at: now }
    }
}

impl Invoice {
    /// What it says.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        match self {
            Self::Draft(draft) => &draft.0,
            Self::Open(open)
            | Self::Paid(Paid { open, .. })
            | Self::Void(Void { open, .. })
            | Self::Uncollectible(Uncollectible { open, .. }) => &open.statement,
        }
    }

    /// The invoice as issued, unless it is still a draft.
    #[must_use]
    pub fn issued(&self) -> Option<&Open> {
        match self {
            Self::Draft(_) => None,
            Self::Open(open)
            | Self::Paid(Paid { open, .. })
            | Self::Void(Void { open, .. })
            | Self::Uncollectible(Uncollectible { open, .. }) => Some(open),
        }
    }

    /// The word for its state.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            Self::Draft(_) => "draft",
            Self::Open(_) => "open",
            Self::Paid(_) => "paid",
            Self::Void(_) => "void",
            Self::Uncollectible(_) => "uncollectible",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        calendar::Period,
        catalog::PlanRef,
        id::{PlanId, SubscriptionId, TenantId},
        money::Money,
    };
    use rstest::rstest;
    use rust_decimal::Decimal;
    use std::num::NonZeroU32;

    pub(crate) fn draft(amounts_minor: &[i64]) -> Draft {
        let currency = "USD".parse().unwrap();
        let line = |(index, amount_minor): (usize, &i64)| {
            let amount = Money { amount_minor: *amount_minor, currency };
            Line {
                key: format!("line-{index}"),
                source: None,
                days: None,
                description: "Base fee".to_owned(),
                exact: amount.major(),
                amount,
                detail: LineDetail::Fee { active_days: 31, full_days: 31 },
            }
        };
        let subscription_id = SubscriptionId::derived(&["sub"]);
        let day = |text: &str| text.parse().unwrap();
        Draft::new(Statement {
            id: crate::subscription::invoice_id(subscription_id, 0),
            tenant_id: TenantId::derived(&["acme"]),
            subscription: Some(SubscriptionRun {
                id: subscription_id,
                plan: PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN },
                run: None,
            }),
            period: Period::new("2026-05-01T00:00:00Z".parse().unwrap(), "2026-06-01T00:00:00Z".parse().unwrap())
                .unwrap(),
            days: (day("2026-05-01"), day("2026-05-31")),
            lines: amounts_minor.iter().enumerate().map(line).collect(),
            discounts: Vec::new(),
            tax_treatment: TaxTreatment::Taxed,
            taxes: Vec::new(),
            credits: Vec::new(),
            total: Money::zero(currency),
            notes: Notes::default(),
        })
        .unwrap()
    }

    pub(crate) fn number() -> InvoiceNumber {
        InvoiceNumber::new(&crate::text::Slug::parse("acme").unwrap(), 1)
    }

    #[rstest]
    #[case::something_due(&[1000, 50], 1050, "open")]
    #[case::nothing_due_is_paid_at_once(&[0], 0, "paid")]
    #[case::no_lines(&[], 0, "paid")]
    fn the_total_is_the_sum_of_the_lines(#[case] lines: &[i64], #[case] total_minor: i64, #[case] status: &str) {
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        let invoice = draft(lines).finalize(number(), now, SignedDuration::from_hours(14 * 24)).unwrap();
        assert_eq!(invoice.statement().total.major(), Decimal::new(total_minor, 2));
        assert_eq!(invoice.status(), status);
        assert_eq!(invoice.issued().unwrap().due_at.to_string(), "2026-06-15T01:00:00Z");
    }

    #[test]
    fn each_end_keeps_the_invoice_as_issued() {
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        let invoice = draft(&[1]).finalize(number(), now, SignedDuration::ZERO).unwrap();
        let Invoice::Open(open) = invoice else { panic!("not open") };
        for end in [
            Invoice::Paid(open.clone().pay(now)),
            Invoice::Void(open.clone().void(now)),
            Invoice::Uncollectible(open.clone().give_up(now)),
        ] {
            assert_eq!((end.issued(), end.statement()), (Some(&open), &open.statement), "{}", end.status());
        }
    }

    #[test]
    fn a_draft_is_not_issued() {
        let draft = Invoice::Draft(draft(&[1]));
        assert_eq!((draft.status(), draft.issued(), draft.statement().lines.len()), ("draft", None, 1));
    }
}
