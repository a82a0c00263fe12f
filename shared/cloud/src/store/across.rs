//! The few walks across tenants: whoever calls these is the platform itself or a scheduled tick.

use super::{
    dynamo::Range,
    item::{self, Cursor, Page},
    key::{self, Key},
    subscriptions, tenants,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    id::{SubscriptionId, TenantId},
    subscription::Subscription,
    tenant::Tenant,
    text::Slug,
};

/// Pages that one tick reads of each shard of the index `due`; the rest waits for the next tick.
const DUE_PAGES_MAX: usize = 20;

/// A subscription whose next run is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Which it is.
    pub subscription_id: SubscriptionId,
    /// Since when.
    pub due_at: Timestamp,
}

impl World {
    /// A page of all tenants, oldest first.
    pub async fn tenants(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Tenant>, Fault> {
        let table = &self.settings().tenants_table;
        let listed = self.query_page(table, key::TENANTS_LISTED, Range::All, false, limit, after).await?;
        let ids = listed.items.iter().map(|item| item::parse(item::text(item, "tenantId")?));
        let keys = ids.map(|id| id.map(Key::Tenant)).collect::<Result<Vec<_>, Fault>>()?;
        let items = self.get_items(table, &keys).await?;
        Page { items, next: listed.next }.try_map(tenants::read)
    }

    /// The tenant called `slug`.
    pub async fn tenant_by_slug(&self, slug: &Slug) -> Result<Option<TenantId>, Fault> {
        let item = self.get_item(&self.settings().tenants_table, &Key::TenantSlug(slug)).await?;
        item.map(|item| item::parse(item::text(&item, "tenantId")?)).transpose()
    }

    /// A page of all subscriptions, tenant by tenant, the oldest tenant first. It may be short, or empty, and not the last.
    pub async fn all_subscriptions(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Subscription>, Fault> {
        // The place is the last tenant that was read; behind a `#`, if that tenant has more, its last subscription's key.
        let mut done = after.cloned();
        let mut items = Vec::new();
        if let Some((tenant, within)) = after.and_then(|Cursor(place)| place.split_once('#')) {
            let page = self.store(item::parse(tenant)?).subscriptions(limit, Some(&Cursor(within.to_owned()))).await?;
            items.extend(page.items);
            if let Some(Cursor(next)) = page.next {
                return Ok(Page { items, next: Some(Cursor(format!("{tenant}#{next}"))) });
            }
            done = Some(Cursor(tenant.to_owned()));
        }
        let tenants = self.tenants(limit, done.as_ref()).await?;
        for tenant in &tenants.items {
            let room = usize::from(limit).saturating_sub(items.len());
            let Some(room) = u8::try_from(room).ok().filter(|room| *room > 0) else {
                return Ok(Page { items, next: done });
            };
            let page = self.store(tenant.id).subscriptions(room, None).await?;
            items.extend(page.items);
            if let Some(Cursor(next)) = page.next {
                return Ok(Page { items, next: Some(Cursor(format!("{}#{next}", tenant.id))) });
            }
            done = Some(Cursor(tenant.id.to_string()));
        }
        Ok(Page { items, next: tenants.next })
    }

    /// What is due at `now`, of all tenants, through the sparse index: nobody else is read.
    pub async fn due_subscriptions(&self, now: Timestamp) -> Result<Vec<Due>, Fault> {
        let mut due = Vec::new();
        for shard in 0..subscriptions::DUE_SHARDS {
            self.due_in_shard(shard, now, &mut due).await?;
        }
        Ok(due)
    }

    async fn due_in_shard(&self, shard: u8, now: Timestamp, due: &mut Vec<Due>) -> Result<(), Fault> {
        let mut from = None;
        for _ in 0..DUE_PAGES_MAX {
            let request = self.dynamo().query().table_name(&self.settings().subscriptions_table).index_name("due");
            let request = request
                .key_condition_expression("dueShard = :shard AND dueAt <= :now")
                .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
                .expression_attribute_values(":now", AttributeValue::S(key::sortable(now)))
                .set_exclusive_start_key(from);
            let answer = request.send().await.map_err(|error| Fault::of_call("dynamodb:Query", error))?;
            for item in answer.items.unwrap_or_default() {
                due.push(read_due(&item)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(())
    }
}

fn read_due(item: &item::Item) -> Result<Due, Fault> {
    let malformed = || Fault::permanent("decode item", "the index holds a malformed key");
    let (pk, sk) = (item::text(item, "pk")?, item::text(item, "sk")?);
    Ok(Due {
        tenant_id: item::parse(pk.strip_prefix("TENANT#").ok_or_else(malformed)?)?,
        subscription_id: item::parse(sk.strip_prefix("SUBSCRIPTION#").ok_or_else(malformed)?)?,
        due_at: item::parse(item::text(item, subscriptions::DUE_AT)?)?,
    })
}
