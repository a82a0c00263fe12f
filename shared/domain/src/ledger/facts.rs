//! One constructor for each business fact, with the accounts that it moves.
//!
//! | fact | debit | credit |
//! |---|---|---|
//! | an invoice is issued | receivable | revenue, tax |
//! | granted credit pays a part of it | credits | receivable |
//! | a negative one is carried over | receivable | credits |
//! | a payment | cash | receivable |
//! | a void | revenue, tax | receivable, and credits for what credit had paid |
//! | a write-off | bad debt | receivable |
//! | one is paid after all | receivable | bad debt |
//! | a credit note | revenue, tax | receivable for what was unpaid, else credits |
//! | a refund | credits | cash |
//! | a paid grant, a promotional one | cash, revenue | credits |
//! | a grant starts afresh | cash or revenue as if granted anew; credits for what was not kept | credits; revenue |
//! | what is left of a grant is lost: taken back, expired, or given back too late | credits | revenue |
//!
//! Ids are derived from what is reported, so that the same fact is the same transaction.

use super::{
    Account::{BadDebt, Cash, Credits, Receivable, Revenue, Tax},
    Heading, LedgerError, Subject, Transaction, TransactionKind,
};
use crate::{
    grant::GrantKind,
    id::{GrantId, InvoiceId, PaymentId, TransactionId},
    invoice::{CreditNote, Open, Settlement, digest},
    money::Money,
};
use jiff::Timestamp;

/// The transactions of an invoice that is issued: the charge, then the credits that paid a part, then what is carried over
/// where more is given back than charged. None for one that charges nothing.
pub fn of_finalized(open: &Open) -> Result<Vec<Transaction>, LedgerError> {
    let due_minor = open.statement.due().map_err(|_| LedgerError::OutOfRange)?.amount_minor;
    let credited_minor = open.statement.credited().map_err(|_| LedgerError::OutOfRange)?.amount_minor;
    let mut transactions = Vec::new();
    if open.statement.total.amount_minor != 0 {
        transactions.push(Transaction::charge(open)?);
    }
    if credited_minor != 0 {
        transactions.push(Transaction::credit_applied(open, credited_minor)?);
    }
    if due_minor < 0 {
        transactions.push(Transaction::carried_over(open, negated(due_minor)?)?);
    }
    Ok(transactions)
}

impl Transaction {
    /// An invoice is issued: its total is owed, of which the tax is not ours.
    pub fn charge(open: &Open) -> Result<Self, LedgerError> {
        let total_minor = open.statement.total.amount_minor;
        let tax_minor = minor(open.statement.tax_minor())?;
        let net_minor = total_minor.checked_sub(tax_minor).ok_or(LedgerError::OutOfRange)?;
        // With its digest the invoice itself enters the chain: another one under that number would not have it.
        let memo = format!("{} {}", open.number, digest(open));
        let heading = Heading { memo, ..of_invoice(open, "charge", TransactionKind::Charge, open.finalized_at) };
        let postings = [(Receivable, total_minor), (Revenue, negated(net_minor)?), (Tax, negated(tax_minor)?)];
        Self::new(heading, &postings)
    }

    /// Credit that was granted before pays a part of an invoice.
    pub fn credit_applied(open: &Open, amount_minor: i64) -> Result<Self, LedgerError> {
        let heading = of_invoice(open, "credit-applied", TransactionKind::Credit, open.finalized_at);
        moved(heading, Credits, Receivable, amount_minor)
    }

    /// A negative invoice leaves a balance in the tenant's favour.
    pub fn carried_over(open: &Open, amount_minor: i64) -> Result<Self, LedgerError> {
        let heading = of_invoice(open, "carried-over", TransactionKind::Adjustment, open.finalized_at);
        moved(heading, Receivable, Credits, amount_minor)
    }

    /// Money came in for an invoice.
    pub fn payment(
        open: &Open,
        payment_id: PaymentId,
        amount_minor: i64,
        received_at: Timestamp,
        reference: &str,
    ) -> Result<Self, LedgerError> {
        let heading = Heading {
            id: derived("payment", Subject::Payment(payment_id)),
            about: Subject::Payment(payment_id),
            memo: reference.to_owned(),
            ..of_invoice(open, "payment", TransactionKind::Payment, received_at)
        };
        moved(heading, Cash, Receivable, amount_minor)
    }

    /// What was given up is owed again, as far as `payment_id` pays it.
    pub fn recovered(
        open: &Open,
        payment_id: PaymentId,
        amount_minor: i64,
        at: Timestamp,
    ) -> Result<Self, LedgerError> {
        let heading = Heading {
            id: derived("recovered", Subject::Payment(payment_id)),
            about: Subject::Payment(payment_id),
            ..of_invoice(open, "recovered", TransactionKind::Adjustment, at)
        };
        moved(heading, Receivable, BadDebt, amount_minor)
    }

    /// An invoice is taken back: the exact reversal of its charge and of the credits that paid a part of it, as far as
    /// credit notes have not reversed them before. Nothing of it was paid in money.
    pub fn void(open: &Open, settlement: &Settlement, at: Timestamp, reason: &str) -> Result<Self, LedgerError> {
        let statement = &open.statement;
        let left = i128::from(statement.total.amount_minor) - i128::from(settlement.credited_minor);
        let tax = statement.tax_minor() - i128::from(settlement.credited_tax_minor);
        let credits = i128::from(statement.credited().map_err(|_| LedgerError::OutOfRange)?.amount_minor);
        let postings = [
            (Revenue, minor(left - tax)?),
            (Tax, minor(tax)?),
            (Receivable, minor(credits - left)?),
            (Credits, minor(-credits)?),
        ];
        let heading = of_invoice(open, "void", TransactionKind::Adjustment, at);
        Self::new(Heading { memo: reason.to_owned(), ..heading }, &postings)
    }

    /// What remains of an invoice will not be paid.
    pub fn write_off(open: &Open, remaining_minor: i64, at: Timestamp, reason: &str) -> Result<Self, LedgerError> {
        let heading = of_invoice(open, "write-off", TransactionKind::Adjustment, at);
        moved(Heading { memo: reason.to_owned(), ..heading }, BadDebt, Receivable, remaining_minor)
    }

    /// A credit note takes back a part of an invoice: first of what is unpaid, the rest is a balance in the tenant's favour.
    pub fn credit_note(note: &CreditNote) -> Result<Self, LedgerError> {
        let total_minor = note.total.amount_minor;
        let tax_minor = minor(note.tax_minor())?;
        let net_minor = total_minor.checked_sub(tax_minor).ok_or(LedgerError::OutOfRange)?;
        let rest_minor = total_minor.checked_sub(note.applied_minor).ok_or(LedgerError::OutOfRange)?;
        let postings = [
            (Revenue, net_minor),
            (Tax, tax_minor),
            (Receivable, negated(note.applied_minor)?),
            (Credits, negated(rest_minor)?),
        ];
        Self::new(of_note(note, "credit-note", TransactionKind::Credit), &postings)
    }

    /// Money goes back for a credit note, out of the balance that it left.
    pub fn refund(note: &CreditNote) -> Result<Self, LedgerError> {
        moved(of_note(note, "refund", TransactionKind::Refund), Credits, Cash, note.refund_minor)
    }

    /// A tenant has paid for credit in advance.
    pub fn paid_grant(grant_id: GrantId, amount: Money, at: Timestamp, memo: &str) -> Result<Self, LedgerError> {
        moved(
            of_grant(grant_id, "paid-grant", TransactionKind::Credit, amount, at, memo),
            Cash,
            Credits,
            amount.amount_minor,
        )
    }

    /// A tenant is given credit: revenue that will not be earned.
    pub fn promotional_grant(grant_id: GrantId, amount: Money, at: Timestamp, memo: &str) -> Result<Self, LedgerError> {
        let heading = of_grant(grant_id, "promotional-grant", TransactionKind::Credit, amount, at, memo);
        moved(heading, Revenue, Credits, amount.amount_minor)
    }

    /// A grant has started afresh for the `renewals`-th time: `granted` was granted anew, once or more often, and `lost_minor`
    /// of what was left was not kept; where that is negative, more is kept than was left.
    pub fn grant_renewed(
        (grant_id, kind): (GrantId, GrantKind),
        renewals: u32,
        granted: Money,
        lost_minor: i64,
        at: Timestamp,
        memo: &str,
    ) -> Result<Self, LedgerError> {
        let from = match kind {
            GrantKind::Paid => Cash,
            GrantKind::Promotional => Revenue,
        };
        let fact = format!("grant-renewed.{renewals}");
        let heading = of_grant(grant_id, &fact, TransactionKind::Credit, granted, at, memo);
        let postings = [
            (from, granted.amount_minor),
            (Credits, negated(granted.amount_minor)?),
            (Credits, lost_minor),
            (Revenue, negated(lost_minor)?),
        ];
        Self::new(heading, &postings)
    }

    /// What is left of a grant is lost because its time is over; `fact` tells one such loss of a grant from another.
    pub fn grant_over(
        grant_id: GrantId,
        fact: &str,
        amount: Money,
        at: Timestamp,
        memo: &str,
    ) -> Result<Self, LedgerError> {
        let heading = of_grant(grant_id, &format!("grant-{fact}"), TransactionKind::Adjustment, amount, at, memo);
        moved(heading, Credits, Revenue, amount.amount_minor)
    }

    /// What is left of a grant is lost because it was taken back.
    pub fn grant_lost(grant_id: GrantId, amount: Money, at: Timestamp, memo: &str) -> Result<Self, LedgerError> {
        let heading = of_grant(grant_id, "grant-lost", TransactionKind::Adjustment, amount, at, memo);
        moved(heading, Credits, Revenue, amount.amount_minor)
    }
}

/// Moves `amount_minor`, which must be more than nothing.
fn moved(
    heading: Heading,
    debit: super::Account,
    credit: super::Account,
    amount_minor: i64,
) -> Result<Transaction, LedgerError> {
    if amount_minor < 0 {
        return Err(LedgerError::Negative);
    }
    Transaction::new(heading, &[(debit, amount_minor), (credit, -amount_minor)])
}

fn of_invoice(open: &Open, fact: &str, kind: TransactionKind, at: Timestamp) -> Heading {
    let invoice_id: InvoiceId = open.statement.id;
    let about = Subject::Invoice(invoice_id);
    let currency = open.statement.total.currency;
    let memo = open.number.to_string();
    Heading { id: derived(fact, about), kind, about, invoice_id: Some(invoice_id), at, currency, memo }
}

fn of_note(note: &CreditNote, fact: &str, kind: TransactionKind) -> Heading {
    let about = Subject::CreditNote(note.id);
    Heading {
        id: derived(fact, about),
        kind,
        about,
        invoice_id: Some(note.invoice_id),
        at: note.issued_at,
        currency: note.total.currency,
        memo: note.number.to_string(),
    }
}

fn of_grant(grant_id: GrantId, fact: &str, kind: TransactionKind, amount: Money, at: Timestamp, memo: &str) -> Heading {
    let about = Subject::Grant(grant_id);
    let (id, memo) = (derived(fact, about), memo.to_owned());
    Heading { id, kind, about, invoice_id: None, at, currency: amount.currency, memo }
}

fn derived(fact: &str, about: Subject) -> TransactionId {
    TransactionId::derived(&[fact, &about.to_string()])
}

fn negated(amount_minor: i64) -> Result<i64, LedgerError> {
    amount_minor.checked_neg().ok_or(LedgerError::OutOfRange)
}

fn minor(amount: i128) -> Result<i64, LedgerError> {
    i64::try_from(amount).map_err(|_| LedgerError::OutOfRange)
}
