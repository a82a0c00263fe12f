//! Prepaid credits in the table `invoices`: grants, and a record of each use.
//!
//! Invariants: what an invoice uses of a grant, and the record of it, are written with the invoice, by version; there is
//! one record of an invoice and a grant, and one of giving it back. Renewals and expiry are computed by whoever looks
//! (`domain::grant`), and written with the next use, when it is taken back, or by an invoice that finds it over: always with
//! the entries of the ledger, so that the account `credits` is what is stored as left.

use super::{
    TenantStore,
    adjusters::{Used, unnoticed},
    dynamo::{self, Range, Transacted},
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
    plan_shape,
    tenants::{read_time_zone, time_zone_name},
};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::{
    TimeZone, Timestamp,
    grant::{CreditGrant, GrantKind, Noticed, Recurrence, Voided},
    id::{GrantId, InvoiceId, TenantId},
    invoice::InvoiceNumber,
    ledger::Transaction,
    money::Money,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct GrantV1 {
    id: GrantId,
    tenant_id: TenantId,
    name: String,
    kind: KindV1,
    priority: u32,
    amount_minor: i64,
    currency: String,
    balance_minor: i64,
    renewals: u32,
    recurrence: Option<RecurrenceV1>,
    time_zone: String,
    effective_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// Absent until it is taken back, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voided_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voided_minor: Option<i64>,
    version: u64,
}

impl Stored for GrantV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum KindV1 {
    Paid,
    Promotional,
}

#[derive(Serialize, Deserialize)]
struct RecurrenceV1 {
    interval_unit: String,
    interval_count: u8,
    minimum_minor: i64,
    maximum_minor: i64,
}

#[derive(Serialize, Deserialize)]
struct BurnV1 {
    invoice_id: InvoiceId,
    amount_minor: i64,
    balance_minor: i64,
    at: Timestamp,
}

impl Stored for BurnV1 {
    const VERSION: u32 = 1;
}

/// One use of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantUse {
    /// By which invoice.
    pub invoice_id: InvoiceId,
    /// How much, in minor units; negative where it was given back.
    pub amount_minor: i64,
    /// What was left, in minor units.
    pub balance_minor: i64,
    /// When.
    pub at: Timestamp,
}

impl TenantStore<'_> {
    /// Grants credit and enters it into the ledger, with `more` in the same transaction; answers `false` if its id is taken.
    pub async fn create_grant(&self, grant: &CreditGrant, more: Used) -> Result<bool, Fault> {
        let mut actions = vec![self.put_grant(grant)?];
        let (at, name) = (grant.effective_at, grant.name.as_str());
        let entry = match grant.kind {
            GrantKind::Paid => Transaction::paid_grant(grant.id, grant.amount, at, name),
            GrantKind::Promotional => Transaction::promotional_grant(grant.id, grant.amount, at, name),
        };
        let entry = entry.map_err(|error| Fault::permanent("grant credit", error))?;
        let entries: Vec<Transaction> = [entry].into_iter().chain(more.transactions).collect();
        self.append_now(&entries, &mut actions).await?;
        actions.extend(more.actions);
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(true),
            Transacted::Refused(refused) if refused.contains(&0) => Ok(false),
            Transacted::Refused(_) => Err(Fault::Conflict { operation: "grant credit" }),
        }
    }

    /// The version and the grant `id`, as it is stored.
    pub async fn grant(&self, id: GrantId) -> Result<Option<(u64, CreditGrant)>, Fault> {
        let table = &self.world.settings().invoices_table;
        self.world.get_item(table, &Key::Grant(self.tenant_id, id)).await?.map(read).transpose()
    }

    /// A page of the tenant's grants as they are stored, oldest first.
    pub async fn grants(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<CreditGrant>, Fault> {
        let table = &self.world.settings().invoices_table;
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix(key::GRANTS.to_owned());
        let page = self.world.query_page(table, &partition, range, false, limit, after).await?;
        page.try_map(|item| Ok(read(item)?.1))
    }

    /// All of the tenant's grants as they are stored.
    pub async fn all_grants(&self) -> Result<Vec<CreditGrant>, Fault> {
        let table = &self.world.settings().invoices_table;
        let range = Range::Prefix(key::GRANTS.to_owned());
        let items = self.world.query_all(table, &key::tenant_partition(self.tenant_id), range).await?;
        items.into_iter().map(|item| Ok(read(item)?.1)).collect()
    }

    /// Every use of a grant, oldest first.
    pub async fn grant_uses(&self, id: GrantId) -> Result<Vec<GrantUse>, Fault> {
        let table = &self.world.settings().invoices_table;
        let range = Range::Prefix(key::burns_of(id));
        let items = self.world.query_all(table, &key::tenant_partition(self.tenant_id), range).await?;
        let mut uses = items.into_iter().map(read_use).collect::<Result<Vec<_>, Fault>>()?;
        // What was given back at the very instant of its use comes after it.
        uses.sort_by_key(|used| (used.at, used.invoice_id, used.amount_minor < 0));
        Ok(uses)
    }

    /// The action that grants a balance which the ledger knows of: what a credit note or a negative invoice left.
    pub(super) fn put_balance(
        &self,
        id: GrantId,
        number: &InvoiceNumber,
        amount: Money,
        at: Timestamp,
    ) -> Result<TransactWriteItem, Fault> {
        self.put_grant(&CreditGrant {
            id,
            tenant_id: self.tenant_id,
            name: number.to_string(),
            kind: GrantKind::Paid,
            priority: 0,
            amount,
            balance_minor: amount.amount_minor,
            renewals: 0,
            recurrence: None,
            time_zone: TimeZone::UTC,
            effective_at: at,
            expires_at: None,
            voided: None,
        })
    }

    fn put_grant(&self, grant: &CreditGrant) -> Result<TransactWriteItem, Fault> {
        let item = item::write(&Key::Grant(self.tenant_id, grant.id), &shape(grant, 1))?;
        dynamo::put(&self.world.settings().invoices_table, item, true)
    }

    /// Takes back what is left of `grant`, which is as it was read with the version `before`, and enters what is lost into
    /// the ledger; answers the grant as it is then.
    pub async fn void_grant(&self, before: u64, grant: CreditGrant, now: Timestamp) -> Result<CreditGrant, Fault> {
        let Noticed { grant, transactions } = grant.taken_back(now).map_err(unnoticed)?;
        let mut actions = vec![self.write_balance(before, &grant)?];
        self.append_now(&transactions, &mut actions).await?;
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(grant),
            Transacted::Refused(_) => Err(Fault::Conflict { operation: "void grant" }),
        }
    }

    /// The actions that write `grant`, which had the version `before`, and the record of `used`.
    pub(super) fn write_use(
        &self,
        before: u64,
        grant: &CreditGrant,
        used: &GrantUse,
    ) -> Result<[TransactWriteItem; 2], Fault> {
        let GrantUse { invoice_id, amount_minor, balance_minor, at } = *used;
        let (tenant_id, given_back) = (self.tenant_id, amount_minor < 0);
        let key = Key::Burn { tenant_id, grant_id: grant.id, invoice_id, given_back };
        let record = item::write(&key, &BurnV1 { invoice_id, amount_minor, balance_minor, at })?;
        let record = dynamo::put(&self.world.settings().invoices_table, record, true)?;
        Ok([self.write_balance(before, grant)?, record])
    }

    /// The action that writes what is left of `grant`, which had the version `before`.
    pub(super) fn write_balance(&self, before: u64, grant: &CreditGrant) -> Result<TransactWriteItem, Fault> {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let mut set = vec![("balance_minor", number(grant.balance_minor)), ("renewals", number(grant.renewals.into()))];
        if let Some(Voided { at, taken_minor }) = grant.voided {
            set.push(("voided_at", AttributeValue::S(at.to_string())));
            set.push(("voided_minor", number(taken_minor)));
        }
        let key = Key::Grant(self.tenant_id, grant.id);
        dynamo::change_version(&self.world.settings().invoices_table, &key, before, set)
    }
}

fn shape(grant: &CreditGrant, version: u64) -> GrantV1 {
    let recurrence = |recurrence: Recurrence| RecurrenceV1 {
        interval_unit: plan_shape::interval_word(recurrence.interval.unit()).to_owned(),
        interval_count: recurrence.interval.count(),
        minimum_minor: recurrence.minimum_minor,
        maximum_minor: recurrence.maximum_minor,
    };
    GrantV1 {
        id: grant.id,
        tenant_id: grant.tenant_id,
        name: grant.name.clone(),
        kind: match grant.kind {
            GrantKind::Paid => KindV1::Paid,
            GrantKind::Promotional => KindV1::Promotional,
        },
        priority: grant.priority,
        amount_minor: grant.amount.amount_minor,
        currency: grant.amount.currency.to_string(),
        balance_minor: grant.balance_minor,
        renewals: grant.renewals,
        recurrence: grant.recurrence.map(recurrence),
        time_zone: time_zone_name(&grant.time_zone),
        effective_at: grant.effective_at,
        expires_at: grant.expires_at,
        voided_at: grant.voided.map(|voided| voided.at),
        voided_minor: grant.voided.map(|voided| voided.taken_minor),
        version,
    }
}

/// The version and the grant in `item`.
pub(super) fn read(item: Item) -> Result<(u64, CreditGrant), Fault> {
    let stored: GrantV1 = item::read(item)?;
    let recurrence = |recurrence: RecurrenceV1| {
        let interval = plan_shape::read_interval(&recurrence.interval_unit, recurrence.interval_count)?;
        let RecurrenceV1 { minimum_minor, maximum_minor, .. } = recurrence;
        Ok::<_, Fault>(Recurrence { interval, minimum_minor, maximum_minor })
    };
    let currency = item::parse(&stored.currency)?;
    let voided = stored.voided_at.zip(stored.voided_minor).map(|(at, taken_minor)| Voided { at, taken_minor });
    let grant = CreditGrant {
        id: stored.id,
        tenant_id: stored.tenant_id,
        name: stored.name,
        kind: match stored.kind {
            KindV1::Paid => GrantKind::Paid,
            KindV1::Promotional => GrantKind::Promotional,
        },
        priority: stored.priority,
        amount: Money { amount_minor: stored.amount_minor, currency },
        balance_minor: stored.balance_minor,
        renewals: stored.renewals,
        recurrence: stored.recurrence.map(recurrence).transpose()?,
        time_zone: read_time_zone(&stored.time_zone)?,
        effective_at: stored.effective_at,
        expires_at: stored.expires_at,
        voided,
    };
    Ok((stored.version, grant))
}

fn read_use(item: Item) -> Result<GrantUse, Fault> {
    let BurnV1 { invoice_id, amount_minor, balance_minor, at } = item::read(item)?;
    Ok(GrantUse { invoice_id, amount_minor, balance_minor, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};
    use serde_json::Value;

    const V1: &str = include_str!("../../golden/grant.1.json");
    const BURN_V1: &str = include_str!("../../golden/burn.1.json");

    #[test]
    fn a_grant_is_written_as_it_is_read() {
        let (version, grant) = read(golden(V1)).unwrap();
        assert_eq!((version, grant.balance_minor, grant.renewals), (7, 4_200, 2));
        assert!(grant.recurrence.is_some() && grant.voided.is_some());
        assert_eq!(json(&shape(&grant, version)), serde_json::from_str::<Value>(V1).unwrap()["item"]);
    }

    #[test]
    fn a_use_is_written_as_it_is_read() {
        let GrantUse { invoice_id, amount_minor, balance_minor, at } = read_use(golden(BURN_V1)).unwrap();
        let written = json(&BurnV1 { invoice_id, amount_minor, balance_minor, at });
        assert_eq!(written, serde_json::from_str::<Value>(BURN_V1).unwrap()["item"]);
        assert_eq!((amount_minor, balance_minor), (800, 4_200));
    }
}
