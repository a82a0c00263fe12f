//! The books of a tenant: double entry, append only (RATING.md, *Invoice*).
//!
//! A positive posting is a debit, a negative one a credit. Invariants: a [`Transaction`] sums to zero, or it cannot be
//! made; nothing is ever edited, a mistake is corrected by the transaction that reverses it; balances are a fold over the
//! entries. Which transactions a business fact has is in `facts`; how entries are chained is in `chain`. Where entries are
//! kept, and that each is appended once, is left to the store.

mod balances;
mod chain;
mod facts;
#[cfg(test)]
mod tests;

pub use balances::Balances;
pub use chain::{Break, BreakReason, Entry, Head, verify};
pub use facts::of_finalized;

use crate::{
    id::{CreditNoteId, GrantId, InvoiceId, PaymentId, TransactionId},
    money::Currency,
};
use jiff::Timestamp;
use std::{fmt, str::FromStr};

/// Where an amount lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What the tenant owes.
    Receivable,
    /// What was earned, without tax.
    Revenue,
    /// What is owed to the tax office.
    Tax,
    /// What was paid in money.
    Cash,
    /// What the tenant has in its favour: grants, and the balances of credit notes.
    Credits,
    /// What will not be paid.
    BadDebt,
}

/// What kind of fact a transaction records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionKind {
    /// An invoice was issued.
    Charge,
    /// Money came in.
    Payment,
    /// Something was credited, or a credit was used.
    Credit,
    /// Money went back.
    Refund,
    /// Something was taken back, given up, or carried over.
    Adjustment,
}

/// What a transaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An invoice.
    Invoice(InvoiceId),
    /// A credit note.
    CreditNote(CreditNoteId),
    /// A payment.
    Payment(PaymentId),
    /// A grant.
    Grant(GrantId),
}

/// One amount on one account; a debit if it is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// How much, in minor units; never zero.
    pub amount_minor: i64,
}

/// Everything of a transaction but its postings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Who it is: derived from the fact, so that a fact has it once.
    pub id: TransactionId,
    /// What kind of fact.
    pub kind: TransactionKind,
    /// What it is about.
    pub about: Subject,
    /// The invoice that it belongs to, if there is one.
    pub invoice_id: Option<InvoiceId>,
    /// When it happened.
    pub at: Timestamp,
    /// What its amounts are of.
    pub currency: Currency,
    /// What a person should know of it; may be empty.
    pub memo: String,
}

/// A group of postings that sums to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    heading: Heading,
    postings: Vec<Posting>,
}

/// Why a transaction cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Its postings do not sum to zero.
    #[error("the postings of a transaction do not sum to zero")]
    Unbalanced,
    /// It has none.
    #[error("a transaction moves nothing")]
    Empty,
    /// An amount does not fit; no real one gets near this.
    #[error("an amount of the ledger is out of range")]
    OutOfRange,
    /// An amount that must be above zero is not.
    #[error("a transaction moves less than nothing")]
    Negative,
}

impl Transaction {
    /// The transaction with those of `postings` that move something; refused unless they sum to zero.
    pub fn new(heading: Heading, postings: &[(Account, i64)]) -> Result<Self, LedgerError> {
        let sum: i128 = postings.iter().map(|(_, amount_minor)| i128::from(*amount_minor)).sum();
        if sum != 0 {
            return Err(LedgerError::Unbalanced);
        }
        let moved = postings.iter().filter(|(_, amount_minor)| *amount_minor != 0);
        let postings: Vec<Posting> = moved.map(|&(account, amount_minor)| Posting { account, amount_minor }).collect();
        if postings.is_empty() {
            return Err(LedgerError::Empty);
        }
        Ok(Self { heading, postings })
    }

    /// Everything but its postings.
    #[must_use]
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Its postings, in the order of the fact; none is zero, and they sum to zero.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// Whether it is about `subject`, or belongs to the invoice that `subject` is.
    #[must_use]
    pub fn concerns(&self, subject: Subject) -> bool {
        self.heading.about == subject || self.heading.invoice_id.map(Subject::Invoice) == Some(subject)
    }
}

impl Account {
    /// Every account.
    pub const ALL: [Self; 6] = [Self::Receivable, Self::Revenue, Self::Tax, Self::Cash, Self::Credits, Self::BadDebt];

    /// Its word in the frozen text of an entry, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::Revenue => "revenue",
            Self::Tax => "tax",
            Self::Cash => "cash",
            Self::Credits => "credits",
            Self::BadDebt => "badDebt",
        }
    }
}

impl TransactionKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Charge, Self::Payment, Self::Credit, Self::Refund, Self::Adjustment];

    /// Its word in the frozen text of an entry, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Payment => "payment",
            Self::Credit => "credit",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
        }
    }
}

/// A text that is no word of the ledger's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no word of the ledger's")]
pub struct UnknownWord;

impl FromStr for Account {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|account| account.as_str() == text).ok_or(UnknownWord)
    }
}

impl FromStr for TransactionKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownWord)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(id) => id.fmt(f),
            Self::CreditNote(id) => id.fmt(f),
            Self::Payment(id) => id.fmt(f),
            Self::Grant(id) => id.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = UnknownWord;

    /// The prefix of an id says what it is of.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        (text.parse().map(Self::Invoice))
            .or_else(|_| text.parse().map(Self::CreditNote))
            .or_else(|_| text.parse().map(Self::Payment))
            .or_else(|_| text.parse().map(Self::Grant))
            .map_err(|_| UnknownWord)
    }
}
