//! The end of an invoice's life: what was paid of it, what credit notes took back, and which end it came to.
//!
//! The invoice as issued never changes; its [`Settlement`] lies beside it. Invariants: every decision answers the
//! transactions that record it, so that the books and the state are written at once; what remains is never below zero; an
//! invoice is paid exactly when nothing remains. Refusals, in order: what is no issued invoice, what its state forbids,
//! what is wrong with the amount.

use super::{Invoice, Open, Uncollectible};
use crate::{
    Violation,
    id::{InvoiceId, PaymentId},
    ledger::{LedgerError, Transaction},
    money::{Money, MoneyError},
    rating::AmountOutOfRange,
};
use jiff::Timestamp;

/// What became of an issued invoice, beside its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What was paid in money.
    pub paid_minor: i64,
    /// What credit notes took back, with tax.
    pub credited_minor: i64,
    /// What of that is tax.
    pub credited_tax_minor: i64,
    /// What was paid back in money.
    pub refunded_minor: i64,
}

/// An invoice with what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The invoice.
    pub invoice: &'a Invoice,
    /// What became of it.
    pub settlement: Settlement,
}

/// What a decision leads to, to be written at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The invoice in its new state.
    pub invoice: Invoice,
    /// What has become of it.
    pub settlement: Settlement,
    /// What the ledger records, in order.
    pub transactions: Vec<Transaction>,
}

/// A payment to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// Who it is.
    pub id: PaymentId,
    /// How much; all that remains, unless it is said.
    pub amount_minor: Option<i64>,
    /// What the payer or the bank calls it.
    pub reference: Option<String>,
    /// When the money came; now, unless it is said.
    pub received_at: Option<Timestamp>,
}

/// Money that came in for an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Who it is.
    pub id: PaymentId,
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// How much.
    pub amount: Money,
    /// What the payer or the bank calls it.
    pub reference: Option<String>,
    /// When the money came.
    pub received_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Why an invoice cannot be settled so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A draft is nothing that can be settled.
    #[error("the invoice is a draft: finalize it first")]
    NotIssued,
    /// Nothing can be paid any more.
    #[error("the invoice is {0}: nothing of it can be paid")]
    NotPayable(&'static str),
    /// More than what remains.
    #[error("{0} remain to be paid: send at most that")]
    Overpaid(Money),
    /// It was paid, in whole or in part, or there was nothing to pay.
    #[error("something was paid, or nothing was due: issue a credit note instead")]
    PaidInvoice,
    /// It was taken back before.
    #[error("the invoice is void already")]
    AlreadyVoid,
    /// It was given up before.
    #[error("the invoice is uncollectible already")]
    AlreadyUncollectible,
    /// Only an open invoice can come to this end.
    #[error("the invoice is {0}, and not open")]
    NotOpen(&'static str),
    /// Its state forbids credit notes.
    #[error("the invoice is {0}: it takes no credit note")]
    NotCreditable(&'static str),
    /// More than it charged, less earlier notes.
    #[error("{0} are left to be credited: send at most that")]
    OverCredited(Money),
    /// More of one line than it charged, less earlier notes.
    #[error("{left} of line {key} are left to be credited: send at most that")]
    OverCreditedLine {
        /// Where in the request.
        index: usize,
        /// Which line.
        key: String,
        /// What is left of it.
        left: Money,
    },
    /// More than was paid in money, or than the note leaves.
    #[error("{0} can be refunded: send at most that")]
    RefundTooLarge(Money),
    /// Too many payments or credit notes of one invoice.
    #[error("the invoice has {0} of them, which is the most")]
    TooMany(usize),
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Violation),
    /// An amount does not fit.
    #[error("an amount is out of range")]
    OutOfRange,
}

impl Refusal {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotIssued => "not_issued",
            Self::NotPayable(_) => "not_payable",
            Self::Overpaid(_) => "overpaid",
            Self::PaidInvoice => "paid_invoice",
            Self::AlreadyVoid => "already_void",
            Self::AlreadyUncollectible => "already_uncollectible",
            Self::NotOpen(_) => "not_open",
            Self::NotCreditable(_) => "not_creditable",
            Self::OverCredited(_) | Self::OverCreditedLine { .. } => "over_credited",
            Self::RefundTooLarge(_) => "refund_too_large",
            Self::TooMany(_) => "too_many",
            Self::Invalid(violation) => violation.code,
            Self::OutOfRange => "amount_out_of_range",
        }
    }

    /// The field that it is about, if it is about one.
    #[must_use]
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::Overpaid(_) | Self::OverCredited(_) => Some("/amountMinor".to_owned()),
            Self::OverCreditedLine { index, .. } => Some(format!("/lines/{index}/amountMinor")),
            Self::RefundTooLarge(_) => Some("/refundMinor".to_owned()),
            Self::Invalid(violation) => Some(violation.pointer.clone()),
            Self::NotIssued
            | Self::NotPayable(_)
            | Self::PaidInvoice
            | Self::AlreadyVoid
            | Self::AlreadyUncollectible
            | Self::NotOpen(_)
            | Self::NotCreditable(_)
            | Self::TooMany(_)
            | Self::OutOfRange => None,
        }
    }
}

impl From<LedgerError> for Refusal {
    fn from(_: LedgerError) -> Self {
        Self::OutOfRange
    }
}

impl From<MoneyError> for Refusal {
    fn from(_: MoneyError) -> Self {
        Self::OutOfRange
    }
}

impl From<AmountOutOfRange> for Refusal {
    fn from(_: AmountOutOfRange) -> Self {
        Self::OutOfRange
    }
}

impl Settlement {
    /// What of `open` is neither paid nor taken back. What a credit note leaves beyond that is a balance elsewhere.
    pub fn remaining_of(&self, open: &Open) -> Result<Money, MoneyError> {
        let due = open.statement.due()?;
        let settled = self.paid_minor.checked_add(self.credited_minor).ok_or(MoneyError::OutOfRange)?;
        let left = due.amount_minor.checked_sub(settled).ok_or(MoneyError::OutOfRange)?;
        Ok(Money { amount_minor: left.max(0), ..due })
    }
}

impl Standing<'_> {
    /// What remains to be paid: nothing of a void invoice; all that will be due of a draft.
    pub fn remaining(&self) -> Result<Money, MoneyError> {
        match self.invoice {
            Invoice::Draft(draft) => draft.statement().due(),
            Invoice::Void(void) => Ok(Money::zero(void.open.statement.total.currency)),
            Invoice::Open(open) => self.settlement.remaining_of(open),
            Invoice::Paid(paid) => self.settlement.remaining_of(&paid.open),
            Invoice::Uncollectible(given_up) => self.settlement.remaining_of(&given_up.open),
        }
    }

    /// Records a payment. One that was given up may be paid after all: then as much of it is owed again before.
    pub fn pay(&self, new: &NewPayment, now: Timestamp) -> Result<(Payment, Settled), Refusal> {
        let open = match self.invoice {
            Invoice::Draft(_) => return Err(Refusal::NotIssued),
            Invoice::Paid(_) | Invoice::Void(_) => return Err(Refusal::NotPayable(self.invoice.status())),
            Invoice::Open(open) | Invoice::Uncollectible(Uncollectible { open, .. }) => open,
        };
        let remaining = self.settlement.remaining_of(open)?;
        let amount_minor = new.amount_minor.unwrap_or(remaining.amount_minor);
        let received_at = new.received_at.unwrap_or(now);
        check_payment(new, amount_minor, received_at, now)?;
        if amount_minor > remaining.amount_minor {
            return Err(Refusal::Overpaid(remaining));
        }
        let reference = new.reference.as_deref().unwrap_or_default();
        let mut transactions = Vec::new();
        if matches!(self.invoice, Invoice::Uncollectible(_)) {
            transactions.push(Transaction::recovered(open, new.id, amount_minor, received_at)?);
        }
        transactions.push(Transaction::payment(open, new.id, amount_minor, received_at, reference)?);
        let paid_minor = self.settlement.paid_minor.checked_add(amount_minor).ok_or(Refusal::OutOfRange)?;
        let settlement = Settlement { paid_minor, ..self.settlement };
        let payment = Payment {
            id: new.id,
            invoice_id: open.statement.id,
            amount: Money { amount_minor, ..remaining },
            reference: new.reference.clone(),
            received_at,
            recorded_at: now,
        };
        let invoice = self.after(open, &settlement, now)?;
        Ok((payment, Settled { invoice, settlement, transactions }))
    }

    /// Takes an invoice back of which nothing was paid.
    pub fn void(&self, reason: &str, now: Timestamp) -> Result<Settled, Refusal> {
        let open = match self.invoice {
            Invoice::Draft(_) => return Err(Refusal::NotIssued),
            Invoice::Void(_) => return Err(Refusal::AlreadyVoid),
            Invoice::Paid(_) => return Err(Refusal::PaidInvoice),
            Invoice::Uncollectible(_) => return Err(Refusal::NotOpen(self.invoice.status())),
            Invoice::Open(open) => open,
        };
        if self.settlement.paid_minor != 0 {
            return Err(Refusal::PaidInvoice);
        }
        let transactions = vec![Transaction::void(open, &self.settlement, now, reason)?];
        Ok(Settled { invoice: Invoice::Void(open.clone().void(now)), settlement: self.settlement, transactions })
    }

    /// Gives an open invoice up: what remains of it will not be paid.
    pub fn give_up(&self, reason: &str, now: Timestamp) -> Result<Settled, Refusal> {
        let open = match self.invoice {
            Invoice::Draft(_) => return Err(Refusal::NotIssued),
            Invoice::Uncollectible(_) => return Err(Refusal::AlreadyUncollectible),
            Invoice::Paid(_) | Invoice::Void(_) => return Err(Refusal::NotOpen(self.invoice.status())),
            Invoice::Open(open) => open,
        };
        let remaining_minor = self.settlement.remaining_of(open)?.amount_minor;
        let transactions = vec![Transaction::write_off(open, remaining_minor, now, reason)?];
        let invoice = Invoice::Uncollectible(open.clone().give_up(now));
        Ok(Settled { invoice, settlement: self.settlement, transactions })
    }

    /// The invoice once `settlement` holds: paid if nothing remains, else as it is.
    pub(super) fn after(&self, open: &Open, settlement: &Settlement, now: Timestamp) -> Result<Invoice, Refusal> {
        let is_paid = settlement.remaining_of(open)?.amount_minor == 0;
        Ok(match self.invoice {
            Invoice::Open(_) | Invoice::Uncollectible(_) if is_paid => Invoice::Paid(open.clone().pay(now)),
            Invoice::Draft(_) | Invoice::Open(_) | Invoice::Paid(_) | Invoice::Void(_) | Invoice::Uncollectible(_) => {
                self.invoice.clone()
            }
        })
    }
}

fn check_payment(new: &NewPayment, amount_minor: i64, received_at: Timestamp, now: Timestamp) -> Result<(), Violation> {
    if amount_minor <= 0 {
        return Err(Violation::new("/amountMinor", "not_positive", "send an amount above zero"));
    }
    if received_at > now {
        return Err(Violation::new("/receivedAt", "in_future", "send when the money came, which is not after now"));
    }
    let reference = new.reference.as_deref().map_or(Ok(()), crate::text::check_name);
    reference.map_err(|violation| violation.under("/reference"))
}
