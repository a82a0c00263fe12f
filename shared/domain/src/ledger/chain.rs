//! The chain: each entry carries the SHA-256 of itself and of all before it, so that none can be changed, taken out or
//! moved unseen.
//!
//! Invariant: the text under the hash is frozen; another one is another first line.

use super::{Account, Transaction};
use std::fmt::{Display, Write};

/// A transaction at its place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, counted from 1.
    pub sequence: u64,
    /// What was recorded.
    pub transaction: Transaction,
    /// The hash of the entry before; zeros for the first.
    pub previous: [u8; 32],
    /// The hash of this entry, over the one before.
    pub hash: [u8; 32],
}

/// Where a ledger ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Place of the last entry; 0 while there is none.
    pub sequence: u64,
    /// Its hash; zeros while there is none.
    pub hash: [u8; 32],
}

/// Where a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is broken at entry {sequence}: {why}")]
pub struct Break {
    /// The place at which it was noticed.
    pub sequence: u64,
    /// What was noticed.
    pub why: BreakReason,
}

/// What tells that a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakReason {
    /// Another entry stands where this one should.
    #[error("an entry is missing")]
    Missing,
    /// It does not follow the entry before.
    #[error("it does not follow the entry before")]
    Previous,
    /// It says something else than when it was written.
    #[error("it was changed")]
    Changed,
    /// It is no entry at all.
    #[error("it cannot be read")]
    Unreadable,
    /// The ledger ends elsewhere than its head says.
    #[error("the head says another end")]
    Head,
    /// The head's balances are not those of the entries.
    #[error("the balances are not the sum of the entries")]
    Balances,
}

impl BreakReason {
    /// Its word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Previous => "previous",
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
            Self::Head => "head",
            Self::Balances => "balances",
        }
    }
}

impl Head {
    /// The end of a ledger that has no entry.
    pub const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// The entry that `transaction` is after this end.
    #[must_use]
    pub fn entry(&self, transaction: Transaction) -> Entry {
        let (sequence, previous) = (self.sequence.saturating_add(1), self.hash);
        let hash = hash(sequence, &previous, &transaction);
        Entry { sequence, transaction, previous, hash }
    }

    /// The end after `entry`, if it is the very next one.
    pub fn follow(&self, entry: &Entry) -> Result<Self, Break> {
        let sequence = self.sequence.saturating_add(1);
        let broken = |why| Err(Break { sequence, why });
        if entry.sequence != sequence {
            return broken(BreakReason::Missing);
        }
        if entry.previous != self.hash {
            return broken(BreakReason::Previous);
        }
        if entry.hash != hash(sequence, &entry.previous, &entry.transaction) {
            return broken(BreakReason::Changed);
        }
        Ok(Self { sequence, hash: entry.hash })
    }
}

/// The end of a ledger that has these entries from its beginning, or where it is broken.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Head, Break> {
    entries.into_iter().try_fold(Head::EMPTY, |head, entry| head.follow(entry))
}

fn hash(sequence: u64, previous: &[u8; 32], transaction: &Transaction) -> [u8; 32] {
    let heading = transaction.heading();
    let mut text = "meterline-ledger-v1\n".to_owned();
    let mut say = |name: &str, value: &dyn Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={value}");
    };
    say("sequence", &sequence);
    say("previous", &crate::text::Hex(previous));
    say("transaction", &heading.id);
    say("kind", &heading.kind.as_str());
    say("about", &heading.about);
    if let Some(invoice_id) = heading.invoice_id {
        say("invoice", &invoice_id);
    }
    say("at", &heading.at);
    say("currency", &heading.currency);
    for posting in transaction.postings() {
        say(Account::as_str(posting.account), &posting.amount_minor);
    }
    // JSON quoting keeps a line break in a text from looking like a field.
    say("memo", &serde_json::Value::from(heading.memo.as_str()));
    crate::id::digest(&[&text])
}
