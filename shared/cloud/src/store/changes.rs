//! The changes of subscriptions, as they were asked for: one record each, written with the change and never again.
//!
//! Invariant: a record's key is the id that its request chose, so that a change is made once however often it is sent.

use super::{
    TenantStore,
    dynamo::{self, Range, Transacted},
    item::{self, Stored},
    key::{self, Key},
};
use crate::Fault;
use domain::{Date, Timestamp, id::SubscriptionId, subscription::Subscription};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A change as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// The request, as JSON.
    pub asked: String,
    /// The day on which it takes effect.
    pub from: Date,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It was made.
    Changed,
    /// It had been made before.
    Repeated,
    /// The subscription has another revision: load again.
    Raced,
}

#[derive(Serialize, Deserialize)]
struct SubscriptionChangeV1 {
    revision: u64,
    asked: String,
    from: Date,
    by: String,
    at: Timestamp,
}

impl Stored for SubscriptionChangeV1 {
    const VERSION: u32 = 1;
}

impl TenantStore<'_> {
    /// Stores `after` in place of what has the revision `before`, with the record of why under `uuid`, which its request chose.
    /// A conflict if another subscription of the tenant was changed meanwhile.
    pub async fn change_with_record(
        &self,
        before: u64,
        after: &Subscription,
        due_at: Option<Timestamp>,
        uuid: Uuid,
        record: &ChangeRecord,
    ) -> Result<ChangeOutcome, Fault> {
        let ChangeRecord { asked, from, by, at } = record.clone();
        let shape = SubscriptionChangeV1 { revision: after.revision, asked, from, by, at };
        let key = Key::SubscriptionChange(self.tenant_id, after.id, uuid);
        let table = &self.world.settings().subscriptions_table;
        let actions = vec![
            self.replace_subscription(before, after, due_at)?,
            dynamo::put(table, item::write(&key, &shape)?, true)?,
            self.keep_refused_usage(after, record.at).await?,
        ];
        Ok(match self.world.transact(actions).await? {
            Transacted::Committed => ChangeOutcome::Changed,
            Transacted::Refused(refused) if refused.contains(&1) => ChangeOutcome::Repeated,
            Transacted::Refused(refused) if refused == [2] => {
                return Err(Fault::Conflict { operation: "change a subscription" });
            }
            Transacted::Refused(_) => ChangeOutcome::Raced,
        })
    }

    /// Whether the change with the id `uuid` was made.
    pub async fn has_changed(&self, id: SubscriptionId, uuid: Uuid) -> Result<bool, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let key = Key::SubscriptionChange(self.tenant_id, id, uuid);
        Ok(self.world.get_item(table, &key).await?.is_some())
    }

    /// All changes of a subscription with the revision that each made, in their order; a subscription has few.
    pub async fn subscription_changes(&self, id: SubscriptionId) -> Result<Vec<(u64, ChangeRecord)>, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let prefix = Range::Prefix(format!("CHANGE#{id}#"));
        let items = self.world.query_all(table, &key::tenant_partition(self.tenant_id), prefix).await?;
        let mut changes = Vec::with_capacity(items.len());
        for item in items {
            let SubscriptionChangeV1 { revision, asked, from, by, at } = item::read(item)?;
            changes.push((revision, ChangeRecord { asked, from, by, at }));
        }
        changes.sort_by_key(|(revision, _)| *revision);
        Ok(changes)
    }
}
