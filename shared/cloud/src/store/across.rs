//! The few walks across tenants: whoever calls these is the platform itself or a scheduled tick.

use super::{
    dynamo::Range,
    item::{self, Cursor, Page},
    key::{self, Key},
    subscriptions, tenants,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, Select},
};
use domain::{
    Timestamp,
    id::{SubscriptionId, TenantId},
    subscription::Subscription,
    tenant::Tenant,
    text::Slug,
};
use futures::future::try_join_all;
use uuid::Uuid;

/// Pages that one tick reads of each shard of the index `due`; the rest waits for the next tick.
const DUE_PAGES_MAX: usize = 20;

/// Pages that a count of what is due reads of each shard: one has some 5,000 keys.
const BACKLOG_PAGES_MAX: usize = 20;

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

/// How many subscriptions have a run that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// How many were counted.
    pub subscriptions: u64,
    /// Whether that are all.
    pub is_whole: bool,
    /// Since when the oldest is due.
    pub oldest_due_at: Option<Timestamp>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { subscriptions: 0, is_whole: true, oldest_due_at: None }
    }
}

impl Due {
    /// Since when it waits for its run: not before it was created, as one that starts in the past is due from its start.
    /// An id that a client's key chose does not say when that was.
    #[must_use]
    pub fn waits_since(&self) -> Timestamp {
        let created = Uuid::from_bytes(*self.subscription_id.as_bytes());
        let created = Some(created).filter(|uuid| uuid.get_version_num() == 7).and_then(|uuid| uuid.get_timestamp());
        let created = created.and_then(|at| i64::try_from(at.to_unix().0).ok());
        let created = created.and_then(|second| Timestamp::from_second(second).ok());
        created.map_or(self.due_at, |created| created.max(self.due_at))
    }
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
            let request = self.query_due(shard, now).set_exclusive_start_key(from);
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

    /// How many subscriptions have a run that is due at `until`, without reading them.
    pub async fn due_backlog(&self, until: Timestamp) -> Result<Backlog, Fault> {
        let shards = (0..subscriptions::DUE_SHARDS).map(|shard| self.backlog_of_shard(shard, until));
        let shards = try_join_all(shards).await?;
        let count = |all: Backlog, one: Backlog| Backlog {
            subscriptions: all.subscriptions.saturating_add(one.subscriptions),
            is_whole: all.is_whole && one.is_whole,
            oldest_due_at: all.oldest_due_at.into_iter().chain(one.oldest_due_at).min(),
        };
        Ok(shards.into_iter().fold(Backlog::default(), count))
    }

    async fn backlog_of_shard(&self, shard: u8, until: Timestamp) -> Result<Backlog, Fault> {
        let fault = |error| Fault::of_call("dynamodb:Query", error);
        let first = self.query_due(shard, until).limit(1).send().await.map_err(fault)?;
        let Some(oldest) = first.items.unwrap_or_default().first().map(read_due).transpose()? else {
            return Ok(Backlog::default());
        };
        let mut backlog = Backlog { oldest_due_at: Some(oldest.due_at), ..Backlog::default() };
        let mut from = None;
        for _ in 0..BACKLOG_PAGES_MAX {
            let request = self.query_due(shard, until).select(Select::Count).set_exclusive_start_key(from);
            let answer = request.send().await.map_err(fault)?;
            backlog.subscriptions = backlog.subscriptions.saturating_add(u64::try_from(answer.count).unwrap_or(0));
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(backlog);
            }
        }
        Ok(Backlog { is_whole: false, ..backlog })
    }

    /// What of a shard is due at `until`, the oldest first.
    fn query_due(&self, shard: u8, until: Timestamp) -> QueryFluentBuilder {
        let request = self.dynamo().query().table_name(&self.settings().subscriptions_table).index_name("due");
        request
            .key_condition_expression("dueShard = :shard AND dueAt <= :until")
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_string()))
            .expression_attribute_values(":until", AttributeValue::S(key::sortable(until)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Made at 2026-06-01T00:00:00Z, which is 0x019e807aec00 milliseconds after the epoch.
    const TIMED: &str = "sub_019e807aec007000800000000000000a";

    #[rstest]
    #[case::due_after_its_creation(TIMED, "2026-06-02T00:00:00Z", "2026-06-02T00:00:00Z")]
    #[case::due_before_its_creation(TIMED, "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")]
    #[case::nobody_knows_when("sub_019e807aec008000800000000000000a", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z")]
    fn a_run_waits_since_it_is_due_and_its_subscription_there(
        #[case] id: &str,
        #[case] due_at: Timestamp,
        #[case] expect: Timestamp,
    ) {
        let due = Due { tenant_id: TenantId::derived(&["acme"]), subscription_id: id.parse().unwrap(), due_at };
        assert_eq!(due.waits_since(), expect);
    }
}
