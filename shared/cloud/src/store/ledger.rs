//! The ledger of a tenant, in the table `invoices`: its entries, and one head with the balances.
//!
//! Invariants: entries are appended only, inside the transaction that writes what they record, on the condition that the
//! head is still the one that was loaded; so the chain has no fork, and a fact has its entries exactly once. An entry is
//! never written again.

use super::{
    TenantStore,
    dynamo::{self, Range},
    item::{self, Cursor, Item, PAGE_ITEMS_MAX, Page},
    key::{self, Key},
    ledger_shape::{self, EntryV1, LedgerHeadV1},
};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    Timestamp,
    invoice::Open,
    ledger::{self, Account, Balances, Break, BreakReason, Entry, Head, Subject, Transaction, TransactionKind},
};

/// Entries that one call verifies; the next one goes on from there.
pub const VERIFY_ENTRIES_MAX: u64 = 5_000;
/// Pages that one call looks through for entries that a filter lets pass; what it did not reach is on its next page.
const FILTER_PAGES_MAX: usize = 10;

/// Where a ledger ends, and what lies on its accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerHead {
    /// The last entry.
    pub head: Head,
    /// The sum of all entries.
    pub balances: Balances,
}

/// Which entries are asked for; all that are not ruled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Of this kind.
    pub kind: Option<TransactionKind>,
    /// With a posting on this account.
    pub account: Option<Account>,
    /// About this, or belonging to this invoice.
    pub subject: Option<Subject>,
    /// That happened then or later.
    pub from: Option<Timestamp>,
    /// That happened before.
    pub to: Option<Timestamp>,
}

/// How far a ledger was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last entry that was found good.
    pub reached: Head,
    /// Whether that is the end of the ledger.
    pub is_whole: bool,
    /// Where it is broken.
    pub broken: Option<Break>,
}

impl LedgerHead {
    /// The end of a ledger without entries.
    fn empty() -> Self {
        Self { head: Head::EMPTY, balances: Balances::default() }
    }
}

impl LedgerFilter {
    fn lets_pass(&self, entry: &Entry) -> bool {
        let (transaction, heading) = (&entry.transaction, entry.transaction.heading());
        self.kind.is_none_or(|kind| heading.kind == kind)
            && self.account.is_none_or(|account| transaction.postings().iter().any(|p| p.account == account))
            && self.subject.is_none_or(|subject| transaction.concerns(subject))
            && self.from.is_none_or(|from| heading.at >= from)
            && self.to.is_none_or(|to| heading.at < to)
    }
}

impl TenantStore<'_> {
    /// Where the ledger ends now.
    pub async fn ledger_head(&self) -> Result<LedgerHead, Fault> {
        let table = &self.world.settings().invoices_table;
        let item = self.world.get_item(table, &Key::LedgerHead(self.tenant_id)).await?;
        item.map_or_else(|| Ok(LedgerHead::empty()), ledger_shape::read_head)
    }

    /// Adds to `actions` what appends `transactions` after `head`, which must still be the end when they are carried out;
    /// answers the end after them. Nothing is added if there are none.
    pub fn append(
        &self,
        head: &LedgerHead,
        transactions: &[Transaction],
        actions: &mut Vec<TransactWriteItem>,
    ) -> Result<LedgerHead, Fault> {
        let table = &self.world.settings().invoices_table;
        let mut after = head.clone();
        for transaction in transactions {
            let entry = after.head.entry(transaction.clone());
            let key = Key::LedgerEntry(self.tenant_id, entry.sequence);
            actions.push(dynamo::put(table, item::write(&key, &EntryV1::from(&entry))?, true)?);
            let balances = after.balances.after(transaction);
            let balances = balances.map_err(|error| Fault::permanent("append to ledger", error))?;
            after = LedgerHead { head: Head { sequence: entry.sequence, hash: entry.hash }, balances };
        }
        if !transactions.is_empty() {
            let item = item::write(&Key::LedgerHead(self.tenant_id), &LedgerHeadV1::from(&after))?;
            actions.push(put_head(table, item, head.head.sequence)?);
        }
        Ok(after)
    }

    /// As [`Self::append`], after the end of the ledger as it is now.
    pub(super) async fn append_now(
        &self,
        transactions: &[Transaction],
        actions: &mut Vec<TransactWriteItem>,
    ) -> Result<(), Fault> {
        if !transactions.is_empty() {
            self.append(&self.ledger_head().await?, transactions, actions)?;
        }
        Ok(())
    }

    /// A page of the entries that `filter` lets pass, newest first. It may hold fewer than `limit` and not be the last.
    pub async fn ledger_page(
        &self,
        limit: u8,
        after: Option<&Cursor>,
        filter: &LedgerFilter,
    ) -> Result<Page<Entry>, Fault> {
        let table = &self.world.settings().invoices_table;
        let partition = key::tenant_partition(self.tenant_id);
        let (mut entries, mut from) = (Vec::new(), after.cloned());
        for _ in 0..FILTER_PAGES_MAX {
            let range = Range::Prefix(key::LEDGER.to_owned());
            let page = self.world.query_page(table, &partition, range, true, PAGE_ITEMS_MAX, from.as_ref()).await?;
            let count = page.items.len();
            for (place, item) in page.items.into_iter().enumerate() {
                let sort_key = item::text(&item, "sk")?.to_owned();
                let entry = ledger_shape::read_entry(item)?;
                if filter.lets_pass(&entry) {
                    entries.push(entry);
                }
                if entries.len() >= usize::from(limit) {
                    let is_last = place + 1 == count && page.next.is_none();
                    return Ok(Page { items: entries, next: (!is_last).then_some(Cursor(sort_key)) });
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(Page { items: entries, next: from })
    }

    /// Verifies at most [`VERIFY_ENTRIES_MAX`] entries after `from`, up to the end that the ledger has now. The balances
    /// are held against the entries where one call sees all of them.
    pub async fn verify_ledger(&self, from: Head) -> Result<Verified, Fault> {
        let end = self.ledger_head().await?;
        let mut walk = Walk { reached: from, balances: Balances::default() };
        let last = end.head.sequence.min(from.sequence.saturating_add(VERIFY_ENTRIES_MAX));
        let broken = self.walk(&mut walk, last).await?.or_else(|| walk.check_end(from, &end));
        let is_whole = broken.is_none() && walk.reached == end.head;
        Ok(Verified { reached: walk.reached, is_whole, broken })
    }

    /// Follows the entries up to the one at `last`; answers where they are broken.
    async fn walk(&self, walk: &mut Walk, last: u64) -> Result<Option<Break>, Fault> {
        let table = &self.world.settings().invoices_table;
        let partition = key::tenant_partition(self.tenant_id);
        let sort_key = |sequence| Key::LedgerEntry(self.tenant_id, sequence).parts().1;
        let pages = VERIFY_ENTRIES_MAX / u64::from(PAGE_ITEMS_MAX) + 1;
        for _ in 0..pages {
            if walk.reached.sequence >= last {
                return Ok(None);
            }
            let range = Range::Between(sort_key(walk.reached.sequence + 1), sort_key(last));
            let page = self.world.query_page(table, &partition, range, false, PAGE_ITEMS_MAX, None).await?;
            if page.items.is_empty() {
                return Ok(Some(walk.broken(BreakReason::Missing)));
            }
            for item in page.items {
                if let Err(broken) = walk.follow(item) {
                    return Ok(Some(broken));
                }
            }
        }
        Ok(None)
    }
}

/// What recording that `open` was issued appends.
pub(super) fn finalized(open: &Open) -> Result<Vec<Transaction>, Fault> {
    ledger::of_finalized(open).map_err(|error| Fault::permanent("append to ledger", error))
}

/// A walk along the chain.
struct Walk {
    reached: Head,
    balances: Balances,
}

impl Walk {
    fn broken(&self, why: BreakReason) -> Break {
        Break { sequence: self.reached.sequence.saturating_add(1), why }
    }

    fn follow(&mut self, item: Item) -> Result<(), Break> {
        let entry = ledger_shape::read_entry(item).map_err(|_| self.broken(BreakReason::Unreadable))?;
        let after = self.balances.clone().after(&entry.transaction);
        self.reached = self.reached.follow(&entry)?;
        self.balances = after.map_err(|_| Break { sequence: entry.sequence, why: BreakReason::Balances })?;
        Ok(())
    }

    /// Holds what was reached against the end, if it is that.
    fn check_end(&self, from: Head, end: &LedgerHead) -> Option<Break> {
        if self.reached.sequence < end.head.sequence {
            return None;
        }
        let broken = |why| Some(Break { sequence: end.head.sequence, why });
        if self.reached != end.head {
            return broken(BreakReason::Head);
        }
        let sees_all = from == Head::EMPTY;
        if sees_all && self.balances != end.balances { broken(BreakReason::Balances) } else { None }
    }
}

/// Puts the head, if the ledger still ends at `before`.
fn put_head(table: &str, item: Item, before: u64) -> Result<TransactWriteItem, Fault> {
    if before == 0 {
        return dynamo::put(table, item, true);
    }
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("#sequence = :before")
        .expression_attribute_names("#sequence", "sequence")
        .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
        .build()
        .map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}
