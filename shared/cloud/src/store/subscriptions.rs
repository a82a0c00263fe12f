//! The table `subscriptions`, and its sparse index `due`: which of them are to be billed by when.
//!
//! The index is sharded, so that no partition of it is hot when every tenant's month ends at once.

use super::{
    TenantStore,
    dynamo::Range,
    item::{self, Cursor, Item, Page, Stored},
    key::{self, Key},
    plan_shape,
    tenants::{read_time_zone, time_zone_name},
};
use crate::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Date, Timestamp,
    calendar::Anchor,
    catalog::PlanRef,
    id::{PlanId, SubscriptionId, TenantId, digest},
    subscription::Subscription,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Shards of the index `due`.
pub(crate) const DUE_SHARDS: u8 = 8;
pub(crate) const DUE_SHARD: &str = "dueShard";
pub(crate) const DUE_AT: &str = "dueAt";
pub(crate) const NEXT_PERIOD: &str = "next_period";

#[derive(Serialize, Deserialize)]
struct SubscriptionV1 {
    id: SubscriptionId,
    tenant_id: TenantId,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    interval_unit: String,
    interval_count: u8,
    anchor: String,
    starts_on: Date,
    time_zone: String,
    next_period: u32,
    created_at: Timestamp,
}

impl Stored for SubscriptionV1 {
    const VERSION: u32 = 1;
}

impl TenantStore<'_> {
    /// Creates `subscription`, due at `closes_at`; answers `false` if its id is taken.
    pub async fn create_subscription(&self, subscription: &Subscription, closes_at: Timestamp) -> Result<bool, Fault> {
        let key = Key::Subscription(self.tenant_id, subscription.id);
        let mut item = item::write(&key, &shape(subscription))?;
        item.insert(DUE_SHARD.to_owned(), AttributeValue::S(due_shard(subscription.id).to_string()));
        item.insert(DUE_AT.to_owned(), AttributeValue::S(key::sortable(closes_at)));
        self.world.put_if_absent(&self.world.settings().subscriptions_table, item).await
    }

    /// The subscription `id`.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, Fault> {
        let table = &self.world.settings().subscriptions_table;
        self.world.get_item(table, &Key::Subscription(self.tenant_id, id)).await?.map(read).transpose()
    }

    /// A page of the tenant's subscriptions.
    pub async fn subscriptions(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Subscription>, Fault> {
        let table = &self.world.settings().subscriptions_table;
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix("SUBSCRIPTION#".to_owned());
        self.world.query_page(table, &partition, range, false, limit, after).await?.try_map(read)
    }
}

/// The shard of the index that `id` is in.
pub(crate) fn due_shard(id: SubscriptionId) -> u8 {
    digest(&["due", &id.to_string()])[0] % DUE_SHARDS
}

fn shape(subscription: &Subscription) -> SubscriptionV1 {
    SubscriptionV1 {
        id: subscription.id,
        tenant_id: subscription.tenant_id,
        plan_id: subscription.plan.plan_id,
        plan_version: subscription.plan.version,
        interval_unit: plan_shape::interval_word(subscription.interval.unit()).to_owned(),
        interval_count: subscription.interval.count(),
        anchor: match subscription.anchor {
            Anchor::Calendar => "calendar",
            Anchor::Anniversary => "anniversary",
        }
        .to_owned(),
        starts_on: subscription.starts_on,
        time_zone: time_zone_name(&subscription.time_zone),
        next_period: subscription.next_period,
        created_at: subscription.created_at,
    }
}

fn read(item: Item) -> Result<Subscription, Fault> {
    let stored: SubscriptionV1 = item::read(item)?;
    Ok(Subscription {
        id: stored.id,
        tenant_id: stored.tenant_id,
        plan: PlanRef { plan_id: stored.plan_id, version: stored.plan_version },
        interval: plan_shape::read_interval(&stored.interval_unit, stored.interval_count)?,
        anchor: match stored.anchor.as_str() {
            "calendar" => Anchor::Calendar,
            "anniversary" => Anchor::Anniversary,
            _ => return Err(Fault::permanent("decode item", "the item holds a malformed anchor")),
        },
        starts_on: stored.starts_on,
        time_zone: read_time_zone(&stored.time_zone)?,
        next_period: stored.next_period,
        created_at: stored.created_at,
    })
}
