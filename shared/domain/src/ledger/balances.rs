//! Balances: what lies on each account, in each currency, as the sum of all postings.

use super::{Account, LedgerError, Transaction};
use crate::money::{Currency, Money};
use std::collections::BTreeMap;

/// The balance of each account and currency that ever had a posting; a debit if it is positive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balances(BTreeMap<(&'static str, Account), Money>);

impl Balances {
    /// The balances that are `amounts`.
    #[must_use]
    pub fn new(amounts: impl IntoIterator<Item = (Account, Money)>) -> Self {
        Self(amounts.into_iter().map(|(account, money)| ((money.currency.code(), account), money)).collect())
    }

    /// The balances after all of `transactions`.
    pub fn of<'a>(transactions: impl IntoIterator<Item = &'a Transaction>) -> Result<Self, LedgerError> {
        transactions.into_iter().try_fold(Self::default(), Self::after)
    }

    /// The balances after `transaction`.
    pub fn after(mut self, transaction: &Transaction) -> Result<Self, LedgerError> {
        let currency = transaction.heading().currency;
        for posting in transaction.postings() {
            let balance = self.0.entry((currency.code(), posting.account)).or_insert(Money::zero(currency));
            let sum = balance.amount_minor.checked_add(posting.amount_minor);
            balance.amount_minor = sum.ok_or(LedgerError::OutOfRange)?;
        }
        Ok(self)
    }

    /// What lies on `account` in `currency`, in minor units.
    #[must_use]
    pub fn minor(&self, currency: Currency, account: Account) -> i64 {
        self.0.get(&(currency.code(), account)).map_or(0, |balance| balance.amount_minor)
    }

    /// All of them, by currency and then by account.
    pub fn iter(&self) -> impl Iterator<Item = (Account, Money)> {
        self.0.iter().map(|((_, account), money)| (*account, *money))
    }
}
