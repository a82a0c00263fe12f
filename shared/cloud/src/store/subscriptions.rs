//! The table `subscriptions`, and its sparse index `due`: which of them have a run to be made by when.
//!
//! The index is sharded, so that no partition of it is hot when every tenant's month ends at once. Invariant: a
//! subscription is replaced on the condition that it has the revision that the writer read, whoever writes: a change,
//! or the run whose invoice is in the same transaction.

use super::{
    TenantStore,
    dynamo::{self, Range, Transacted},
    item::{self, Cursor, Item, PAGE_ITEMS_MAX, Page},
    key::{self, Key},
    subscription_shape::{self, StoredSubscription, SubscriptionV3},
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::{
    Timestamp,
    id::{SubscriptionId, digest},
    subscription::Subscription,
};

/// Shards of the index `due`.
pub(crate) const DUE_SHARDS: u8 = 8;
pub(crate) const DUE_SHARD: &str = "dueShard";
pub(crate) const DUE_AT: &str = "dueAt";
const REVISION: &str = "revision";

impl TenantStore<'_> {
    /// Creates `subscription`, whose next run is due at `due_at`; answers `false` if its id is taken. A conflict if another
    /// subscription of the tenant was changed meanwhile.
    pub async fn create_subscription(
        &self,
        subscription: &Subscription,
        due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let actions = vec![
            dynamo::put(table, item_of(subscription, due_at)?, true)?,
            self.keep_refused_usage(subscription, now).await?,
        ];
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(true),
            Transacted::Refused(refused) if refused.contains(&0) => Ok(false),
            Transacted::Refused(_) => Err(Fault::Conflict { operation: "create subscription" }),
        }
    }

    /// Stores `after`, which has the same terms, in place of what has the revision `before`; answers whether it did.
    pub async fn change_subscription(
        &self,
        before: u64,
        after: &Subscription,
        due_at: Option<Timestamp>,
    ) -> Result<bool, Fault> {
        let action = self.replace_subscription(before, after, due_at)?;
        Ok(self.world.transact(vec![action]).await? == Transacted::Committed)
    }

    /// The action of [`Self::change_subscription`].
    pub(super) fn replace_subscription(
        &self,
        before: u64,
        after: &Subscription,
        due_at: Option<Timestamp>,
    ) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.world.settings().subscriptions_table)
            .set_item(Some(item_of(after, due_at)?))
            .condition_expression(is_of_revision(before))
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":before", AttributeValue::N(before.to_string()));
        let put = put.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The action that leaves the subscription as it is and asks for its run again at `due_at`.
    pub(super) fn due_again(&self, subscription: &Subscription, due_at: Timestamp) -> Result<TransactWriteItem, Fault> {
        let update = Update::builder()
            .table_name(&self.world.settings().subscriptions_table)
            .set_key(Some(Key::Subscription(self.tenant_id, subscription.id).attributes()))
            .update_expression("SET #due = :due")
            .condition_expression(is_of_revision(subscription.revision))
            .expression_attribute_names("#due", DUE_AT)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":before", AttributeValue::N(subscription.revision.to_string()))
            .expression_attribute_values(":due", AttributeValue::S(key::sortable(due_at)));
        let update = update.build().map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The subscription `id`.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let item = self.world.get_item(table, &Key::Subscription(self.tenant_id, id)).await?;
        match item {
            Some(item) => read(self.world, item).await.map(Some),
            None => Ok(None),
        }
    }

    /// A page of the tenant's subscriptions.
    pub async fn subscriptions(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Subscription>, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix("SUBSCRIPTION#".to_owned());
        let Page { items, next } = self.world.query_page(table, &partition, range, false, limit, after).await?;
        let mut subscriptions = Vec::with_capacity(items.len());
        for item in items {
            subscriptions.push(read(self.world, item).await?);
        }
        Ok(Page { items: subscriptions, next })
    }

    /// Visits the tenant's subscriptions until `visit` answers `false`; answers whether it saw all of them, which it does not
    /// if there are more than fill `pages_max` pages.
    pub async fn visit_subscriptions(
        &self,
        pages_max: usize,
        mut visit: impl FnMut(Subscription) -> bool,
    ) -> Result<bool, Fault> {
        let mut after: Option<Cursor> = None;
        for _ in 0..pages_max {
            let page = self.subscriptions(PAGE_ITEMS_MAX, after.as_ref()).await?;
            if !page.items.into_iter().all(&mut visit) {
                return Ok(false);
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The condition that an item has a revision; one of version 1 has none, which counts as 0.
fn is_of_revision(before: u64) -> &'static str {
    if before == 0 {
        "attribute_exists(pk) AND (attribute_not_exists(#revision) OR #revision = :before)"
    } else {
        "#revision = :before"
    }
}

fn item_of(subscription: &Subscription, due_at: Option<Timestamp>) -> Result<Item, Fault> {
    let key = Key::Subscription(subscription.tenant_id, subscription.id);
    let mut item = item::write(&key, &SubscriptionV3::from(subscription))?;
    if let Some(due_at) = due_at {
        item.insert(DUE_SHARD.to_owned(), AttributeValue::S(due_shard(subscription.id).to_string()));
        item.insert(DUE_AT.to_owned(), AttributeValue::S(key::sortable(due_at)));
    }
    Ok(item)
}

/// The shard of the index that `id` is in.
pub(crate) fn due_shard(id: SubscriptionId) -> u8 {
    digest(&["due", &id.to_string()])[0] % DUE_SHARDS
}

async fn read(world: &World, item: Item) -> Result<Subscription, Fault> {
    match subscription_shape::read(item)? {
        StoredSubscription::Whole(whole) => whole.try_into(),
        StoredSubscription::First(first) => {
            let version = world.plan_version(first.plan()).await?;
            let version = version.ok_or_else(|| Fault::permanent("decode item", "the plan version does not exist"))?;
            first.subscription(version.first_offer().base_fee.currency)
        }
    }
}
