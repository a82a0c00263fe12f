//! Credits that were granted before and pay an invoice after tax: lower priority number first, then sooner expiry, then
//! older (RATING.md). Never more than is due.
//!
//! Invariants: what was used and what stays to be paid add up to the total; the order depends on nothing but the
//! grants, so that any reader of them finds the same.

use crate::money::{Currency, Money};
use jiff::Timestamp;
use std::cmp::Ordering;

/// Credit that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<Id> {
    /// Which.
    pub id: Id,
    /// A lower number is used earlier.
    pub priority: u32,
    /// From when on it may be used, and how old it is.
    pub effective_at: Timestamp,
    /// When what is left of it is lost; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// What is left of it.
    pub balance: Money,
}

/// How an amount was paid by grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnDown<Id> {
    /// What was used of which, in order; only what was more than nothing.
    pub used: Vec<(Id, Money)>,
    /// What stays to be paid.
    pub left: Money,
}

impl<Id> Grant<Id> {
    /// Whether it may pay in `currency` at `now`.
    fn is_usable(&self, currency: Currency, now: Timestamp) -> bool {
        let in_time = self.effective_at <= now && self.expires_at.is_none_or(|expires_at| now < expires_at);
        in_time && self.balance.currency == currency && self.balance.amount_minor > 0
    }
}

/// The order in which grants are used; an id settles what is equal in everything else.
fn order<Id: Ord>(a: &Grant<Id>, b: &Grant<Id>) -> Ordering {
    // What never expires comes after whatever does.
    let expiry = |grant: &Grant<Id>| (grant.expires_at.is_none(), grant.expires_at);
    (a.priority.cmp(&b.priority))
        .then_with(|| expiry(a).cmp(&expiry(b)))
        .then_with(|| a.effective_at.cmp(&b.effective_at))
        .then_with(|| a.id.cmp(&b.id))
}

/// Those of `grants` that may pay in `currency` at `now`, in the order in which they do.
#[must_use]
pub fn usable<Id: Ord>(grants: &[Grant<Id>], currency: Currency, now: Timestamp) -> Vec<&Grant<Id>> {
    let mut usable: Vec<&Grant<Id>> = grants.iter().filter(|grant| grant.is_usable(currency, now)).collect();
    usable.sort_by(|a, b| order(a, b));
    usable
}

/// Pays `total` with `grants` as far as they go.
#[must_use]
pub fn burn_down<Id: Ord + Clone>(total: Money, grants: &[Grant<Id>], now: Timestamp) -> BurnDown<Id> {
    let mut left = total.amount_minor;
    let mut used = Vec::new();
    for grant in usable(grants, total.currency, now) {
        let part = grant.balance.amount_minor.min(left);
        if part <= 0 {
            break;
        }
        left -= part;
        used.push((grant.id.clone(), Money { amount_minor: part, ..total }));
    }
    BurnDown { used, left: Money { amount_minor: left, ..total } }
}

/// What of a balance is kept when a grant starts afresh: at least `least_minor`, at most `most_minor`.
#[must_use]
pub fn rolled_over(balance: Money, least_minor: i64, most_minor: i64) -> Money {
    // The maximum has the last word, should somebody ask for a minimum above it.
    Money { amount_minor: balance.amount_minor.max(least_minor).min(most_minor), ..balance }
}
