//! The stored shapes of a ledger: its entries, and its head. Frozen: an entry is never written again.

use super::{
    item::{self, Item, Stored},
    ledger::LedgerHead,
    settlement_shape::currency,
};
use crate::Fault;
use domain::{
    Timestamp,
    id::{InvoiceId, TransactionId},
    ledger::{Account, Balances, Entry, Head, Heading, Transaction},
    money::Money,
    text::Hex,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct EntryV1 {
    sequence: u64,
    transaction_id: TransactionId,
    kind: String,
    about: String,
    invoice_id: Option<InvoiceId>,
    at: Timestamp,
    currency: String,
    memo: String,
    postings: Vec<(String, i64)>,
    previous: String,
    hash: String,
}

impl Stored for EntryV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
pub(super) struct LedgerHeadV1 {
    sequence: u64,
    hash: String,
    balances: Vec<(String, String, i64)>,
}

impl Stored for LedgerHeadV1 {
    const VERSION: u32 = 1;
}

/// The entry in an item.
pub(super) fn read_entry(item: Item) -> Result<Entry, Fault> {
    let stored: EntryV1 = item::read(item)?;
    let heading = Heading {
        id: stored.transaction_id,
        kind: item::parse(&stored.kind)?,
        about: item::parse(&stored.about)?,
        invoice_id: stored.invoice_id,
        at: stored.at,
        currency: currency(&stored.currency)?,
        memo: stored.memo,
    };
    let postings = stored.postings.iter().map(|(account, amount_minor)| Ok((item::parse(account)?, *amount_minor)));
    let postings = postings.collect::<Result<Vec<(Account, i64)>, Fault>>()?;
    let transaction = Transaction::new(heading, &postings).map_err(|error| Fault::permanent("decode item", error))?;
    Ok(Entry { sequence: stored.sequence, transaction, previous: hash(&stored.previous)?, hash: hash(&stored.hash)? })
}

/// The head in an item.
pub(super) fn read_head(item: Item) -> Result<LedgerHead, Fault> {
    let stored: LedgerHeadV1 = item::read(item)?;
    let balance = |(code, account, amount_minor): &(String, String, i64)| {
        Ok((item::parse(account)?, Money { amount_minor: *amount_minor, currency: currency(code)? }))
    };
    let balances = stored.balances.iter().map(balance).collect::<Result<Vec<_>, Fault>>()?;
    let head = Head { sequence: stored.sequence, hash: hash(&stored.hash)? };
    Ok(LedgerHead { head, balances: Balances::new(balances) })
}

impl From<&Entry> for EntryV1 {
    fn from(entry: &Entry) -> Self {
        let heading = entry.transaction.heading();
        let postings = entry.transaction.postings().iter();
        Self {
            sequence: entry.sequence,
            transaction_id: heading.id,
            kind: heading.kind.as_str().to_owned(),
            about: heading.about.to_string(),
            invoice_id: heading.invoice_id,
            at: heading.at,
            currency: heading.currency.to_string(),
            memo: heading.memo.clone(),
            postings: postings.map(|posting| (posting.account.as_str().to_owned(), posting.amount_minor)).collect(),
            previous: Hex(&entry.previous).to_string(),
            hash: Hex(&entry.hash).to_string(),
        }
    }
}

impl From<&LedgerHead> for LedgerHeadV1 {
    fn from(LedgerHead { head, balances }: &LedgerHead) -> Self {
        let balance = |(account, money): (Account, Money)| {
            (money.currency.to_string(), account.as_str().to_owned(), money.amount_minor)
        };
        Self {
            sequence: head.sequence,
            hash: Hex(&head.hash).to_string(),
            balances: balances.iter().map(balance).collect(),
        }
    }
}

fn hash(text: &str) -> Result<[u8; 32], Fault> {
    Hex::parse_32(text).ok_or_else(|| Fault::permanent("decode item", "a hash of the ledger is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};
    use domain::ledger::verify;
    use serde_json::Value;

    const ENTRY: &str = include_str!("../../golden/ledger_entry.1.json");
    const HEAD: &str = include_str!("../../golden/ledger_head.1.json");

    #[test]
    fn an_entry_is_written_as_it_is_read_and_still_verifies() {
        let entry = read_entry(golden(ENTRY)).unwrap();
        let head = verify([&entry]).unwrap();
        assert_eq!(json(&EntryV1::from(&entry)), serde_json::from_str::<Value>(ENTRY).unwrap()["item"]);
        assert_eq!(read_head(golden(HEAD)).unwrap().head, head, "the golden head is that of the golden entry");
    }

    #[test]
    fn a_head_is_written_as_it_is_read() {
        let head = read_head(golden(HEAD)).unwrap();
        assert_eq!(json(&LedgerHeadV1::from(&head)), serde_json::from_str::<Value>(HEAD).unwrap()["item"]);
        assert_eq!(head.balances.minor("USD".parse().unwrap(), Account::Receivable), 1_900);
    }

    #[test]
    fn an_entry_that_is_not_balanced_is_not_read() {
        assert!(read_entry(golden(&ENTRY.replace("-1900", "-1899"))).is_err());
    }
}
