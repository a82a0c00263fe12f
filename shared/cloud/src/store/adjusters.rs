//! What turns the lines of an invoice into a total, as it is stored: coupons, the tax rate, and credits, with the versions
//! that were read.
//!
//! Invariants: what an invoice used of them is written in the transaction that issues it, on the condition that nothing of
//! what it used has changed; a race loses the whole transaction, and its loser loads again. With a grant that is written go
//! its renewals into the books, and with each invoice some grants that are over (`domain::grant::Noticed`). What else is not
//! used is not written. One query reads the coupons and grants of a tenant, and one or two the rates of its place.

use super::{
    TenantStore,
    dynamo::Range,
    grants::{self, GrantUse},
    key::{self, Key},
    redemptions,
};
use crate::Fault;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{
    Timestamp,
    catalog::{Redemption, rate_for},
    grant::{self, CreditGrant, GrantState, NoticeError, Noticed},
    id::{CouponId, GrantId, SubscriptionId},
    invoice::{Adjusters, NamedRate, Statement},
    ledger::Transaction,
    money::Currency,
    rating::credit::{self, Grant},
    tenant::Tenant,
};
use events::{CorrelationId, CreditBalanceLowV1, Envelope, Message};

/// Most coupons that reduce one invoice: the oldest ones; a tenant is not given more at a time.
pub const COUPONS_PER_INVOICE_MAX: usize = 10;
/// Most grants that pay one invoice: the first in their order; what they leave is paid by money.
pub const GRANTS_PER_INVOICE_MAX: usize = 20;
/// Most grants that an invoice finds to be over and enters into the books: the first that are; others with the next one.
const OVER_PER_INVOICE_MAX: usize = 3;
/// Most actions that [`LoadedAdjusters::settle`] leads to: each coupon; each grant with the record of its use and the entry
/// of its renewal; each grant that is over with the entries of its last renewal and its loss.
pub const ADJUSTER_ACTIONS_MAX: usize = COUPONS_PER_INVOICE_MAX + 3 * GRANTS_PER_INVOICE_MAX + 3 * OVER_PER_INVOICE_MAX;
/// Most other actions of the transaction that issues an invoice: the invoice, its number, its place in the list, the
/// subscription, three entries and the head of the ledger, a balance that is carried over, and five facts.
const ISSUING_ACTIONS_MAX: usize = 14;
/// Most actions of a transaction (a limit of DynamoDB).
const TRANSACTION_ACTIONS_MAX: usize = 100;
const _: () =
    assert!(ADJUSTER_ACTIONS_MAX + ISSUING_ACTIONS_MAX <= TRANSACTION_ACTIONS_MAX, "an invoice is one transaction");
/// Most other actions of the transaction that takes an invoice back: its end, a charge from before the ledger, the reversal
/// and the head of the ledger, and two facts.
const VOIDING_ACTIONS_MAX: usize = 8;
// Each grant is written with the record, the entry of its renewal, and that of what comes back too late.
const _: () = assert!(
    COUPONS_PER_INVOICE_MAX + 4 * GRANTS_PER_INVOICE_MAX + VOIDING_ACTIONS_MAX <= TRANSACTION_ACTIONS_MAX,
    "taking an invoice back is one transaction"
);

/// What an invoice used, or got back: what writes it, and what the books say of it.
#[derive(Debug, Default)]
pub struct Used {
    /// The actions, for the transaction of the invoice.
    pub actions: Vec<TransactWriteItem>,
    /// The transactions of the ledger, for its entries there.
    pub transactions: Vec<Transaction>,
}

/// What turns the lines of an invoice into a total, as it was read.
pub struct LoadedAdjusters<'a> {
    /// For [`Statement::assemble`].
    pub adjusters: Adjusters,
    store: TenantStore<'a>,
    redemptions: Vec<(u64, Redemption)>,
    grants: Vec<(u64, Noticed)>,
    low_balance_minor: Option<i64>,
}

impl<'a> TenantStore<'a> {
    /// What applies at `now` to an invoice in `currency` of `tenant`, whose store this is, for `subscription_id` or for no
    /// subscription.
    pub async fn adjusters(
        &self,
        tenant: &Tenant,
        subscription_id: Option<SubscriptionId>,
        currency: Currency,
        now: Timestamp,
    ) -> Result<LoadedAdjusters<'a>, Fault> {
        let (given, granted) = self.read_adjusters(now).await?;
        let redemptions = applicable(given, subscription_id);
        let grants: Vec<Grant<GrantId>> = granted.iter().map(|(_, noticed)| noticed.grant.to_burn(now)).collect();
        let usable = credit::usable(&grants, currency, now).into_iter().take(GRANTS_PER_INVOICE_MAX);
        let rates = self.world.tax_rates_of(&tenant.tax.place).await?;
        let rate = rate_for(&rates, &tenant.tax.place);
        let adjusters = Adjusters {
            coupons: redemptions.iter().map(|(_, redemption)| redemption.named()).collect(),
            rate: rate.map(|rate| NamedRate { name: rate.name.clone(), rate: rate.percent, inclusive: rate.inclusive }),
            treatment: tenant.tax.treatment,
            grants: usable.copied().collect(),
        };
        let low_balance_minor = tenant.low_balance_minor;
        Ok(LoadedAdjusters { adjusters, store: *self, redemptions, grants: granted, low_balance_minor })
    }

    /// What gives back, once, what the issued `statement` used: credits to their grants, and the period to its coupons.
    /// It belongs into the transaction that takes the invoice back.
    pub async fn give_back(&self, statement: &Statement, now: Timestamp) -> Result<Used, Fault> {
        let mut given_back = Used::default();
        let keys: Vec<Key<'_>> =
            statement.credits.iter().map(|credit| Key::Grant(self.tenant_id, credit.grant_id)).collect();
        let items = self.world.get_items(&self.world.settings().invoices_table, &keys).await?;
        let granted = items.into_iter().map(grants::read).collect::<Result<Vec<_>, Fault>>()?;
        for credit in &statement.credits {
            let (version, grant) = find_grant(&granted, |grant| grant, credit.grant_id)?;
            let noticed = grant.clone().given_back(credit.amount_minor, statement.id, now).map_err(unnoticed)?;
            let used = GrantUse {
                invoice_id: statement.id,
                amount_minor: -credit.amount_minor,
                balance_minor: noticed.grant.usable(now).amount_minor,
                at: now,
            };
            given_back.actions.extend(self.write_use(version, &noticed.grant, &used)?);
            given_back.transactions.extend(noticed.transactions);
        }
        if !statement.discounts.is_empty() {
            let subscription_id = statement.subscription.map(|run| run.id);
            let (given, _) = self.read_adjusters(now).await?;
            let given: Vec<_> = given.into_iter().filter(|(_, given)| given.is_for(subscription_id)).collect();
            given_back.actions.extend(self.write_discounts(&given, statement, Redemption::given_back)?);
        }
        Ok(given_back)
    }

    /// All redemptions in the order in which they were given, and all grants as they are at `now`.
    async fn read_adjusters(&self, now: Timestamp) -> Result<(Vec<(u64, Redemption)>, Vec<(u64, Noticed)>), Fault> {
        let table = &self.world.settings().invoices_table;
        let range = Range::Prefix(key::ADJUSTERS.to_owned());
        let items = self.world.query_all(table, &key::tenant_partition(self.tenant_id), range).await?;
        let (mut given, mut granted) = (Vec::new(), Vec::new());
        for item in items {
            if redemptions::is_redemption(&item)? {
                given.push(redemptions::read(item)?);
            } else {
                let (version, grant) = grants::read(item)?;
                granted.push((version, grant.noticed(now).map_err(unnoticed)?));
            }
        }
        given.sort_by_key(|(_, redemption)| redemptions::given(redemption));
        Ok((given, granted))
    }

    /// The actions that write what each discount of `statement` makes of its redemption by `change`.
    fn write_discounts(
        &self,
        given: &[(u64, Redemption)],
        statement: &Statement,
        change: impl Fn(Redemption, i64) -> Redemption,
    ) -> Result<Vec<TransactWriteItem>, Fault> {
        let write = |(coupon_id, off): (CouponId, i128)| {
            let found = given.iter().find(|(_, redemption)| redemption.terms.id == coupon_id);
            let (version, redemption) = found.ok_or_else(|| missing("coupon"))?;
            let off = i64::try_from(off).map_err(|_| missing("discount"))?;
            self.write_used(*version, &change(redemption.clone(), off))
        };
        let discounts = statement.discounts.iter();
        discounts.map(|discount| write((discount.coupon_id, discount.amount_minor()))).collect()
    }
}

impl LoadedAdjusters<'_> {
    /// What writes what `statement`, assembled with these adjusters, has used of them; each action is refused if that was
    /// changed since it was read.
    pub fn settle(&self, statement: &Statement, now: Timestamp) -> Result<Used, Fault> {
        let actions = self.store.write_discounts(&self.redemptions, statement, Redemption::used)?;
        let mut settled = Used { actions, transactions: Vec::new() };
        for credit in &statement.credits {
            let (version, noticed) = find_grant(&self.grants, |noticed| &noticed.grant, credit.grant_id)?;
            let burned = noticed.grant.clone().burned(credit.amount_minor).ok_or_else(|| missing("credit"))?;
            let used = GrantUse {
                invoice_id: statement.id,
                amount_minor: credit.amount_minor,
                balance_minor: burned.balance_minor,
                at: now,
            };
            settled.actions.extend(self.store.write_use(version, &burned, &used)?);
            settled.transactions.extend(noticed.transactions.iter().cloned());
        }
        let is_over = |(_, noticed): &&(u64, Noticed)| {
            noticed.grant.state(now) == GrantState::Expired && !noticed.transactions.is_empty()
        };
        for (version, noticed) in self.grants.iter().filter(is_over).take(OVER_PER_INVOICE_MAX) {
            settled.actions.push(self.store.write_balance(*version, &noticed.grant)?);
            settled.transactions.extend(noticed.transactions.iter().cloned());
        }
        Ok(settled)
    }

    /// What is to be told of `statement`, which `source` issues: that the balance of its currency fell below the tenant's
    /// threshold.
    pub fn facts(
        &self,
        source: &str,
        statement: &Statement,
        correlation_id: &CorrelationId,
        now: Timestamp,
    ) -> Result<Vec<Message>, Fault> {
        let out_of_range = |_| missing("balance");
        let currency = statement.total.currency;
        let grants: Vec<CreditGrant> = self.grants.iter().map(|(_, noticed)| noticed.grant.clone()).collect();
        let before = grant::balance(&grants, currency, now);
        let used: i128 = statement.credits.iter().map(|credit| i128::from(credit.amount_minor)).sum();
        let threshold = self.low_balance_minor.filter(|least| crosses(before, before - used, i128::from(*least)));
        let Some(threshold_minor) = threshold else { return Ok(Vec::new()) };
        let low = CreditBalanceLowV1 {
            invoice_id: statement.id,
            currency: currency.to_string(),
            balance_minor: i64::try_from(before - used).map_err(out_of_range)?,
            threshold_minor,
        };
        let reports = statement.id.to_string();
        let fact = Envelope::new(source, statement.tenant_id, now, correlation_id.clone(), &[&reports], low).encode();
        Ok(vec![fact.map_err(|error| Fault::permanent("encode event", error))?])
    }
}

/// Those that may reduce an invoice of `subscription`, each coupon once: what was given for the subscription itself goes
/// before what was given for all.
fn applicable(given: Vec<(u64, Redemption)>, subscription: Option<SubscriptionId>) -> Vec<(u64, Redemption)> {
    let live: Vec<_> = given.into_iter().filter(|(_, given)| given.is_live() && given.is_for(subscription)).collect();
    let own: Vec<CouponId> =
        live.iter().filter(|(_, given)| given.subscription_id.is_some()).map(|(_, given)| given.terms.id).collect();
    let is_hidden = |given: &Redemption| given.subscription_id.is_none() && own.contains(&given.terms.id);
    live.into_iter().filter(|(_, given)| !is_hidden(given)).take(COUPONS_PER_INVOICE_MAX).collect()
}

/// Whether a balance falls below what it was not to fall below.
fn crosses(before: i128, after: i128, least: i128) -> bool {
    before >= least && after < least
}

/// The version of the grant `id`, and what was read of it.
fn find_grant<T>(read: &[(u64, T)], grant: impl Fn(&T) -> &CreditGrant, id: GrantId) -> Result<(u64, &T), Fault> {
    let found = read.iter().find(|(_, read)| grant(read).id == id).map(|(version, read)| (*version, read));
    found.ok_or_else(|| missing("grant"))
}

fn missing(what: &'static str) -> Fault {
    Fault::permanent("settle invoice", format!("the statement names a {what} that there is not"))
}

pub(super) fn unnoticed(error: NoticeError) -> Fault {
    Fault::permanent("renew grant", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::falls(1_000, 999, 1_000, true)]
    #[case::falls_far(1_500, 0, 1_000, true)]
    #[case::stays(1_500, 1_000, 1_000, false)]
    #[case::was_low_before(999, 0, 1_000, false)]
    #[case::nothing_can_be_below_zero(5, 0, 0, false)]
    fn a_balance_is_low_once(#[case] before: i128, #[case] after: i128, #[case] least: i128, #[case] expect: bool) {
        assert_eq!(crosses(before, after, least), expect);
    }
}
