//! Keeps on the tenant's item when its usage is refused, as its subscriptions say (`domain::subscription::RefusedUsage`),
//! so that taking usage reads no subscription.
//!
//! Invariant: every write that changes the terms of a subscription, or adds one, replaces the tenant's item as well, on the
//! condition that nobody did since the subscriptions were read. Of two at once one is refused, and reads again what the
//! other wrote. One that was canceled has its subscriptions neither changed nor added to. A tenant of whom no subscription ever refuses usage has its subscriptions not read at all. A run changes
//! no terms.

use super::{TenantStore, invoices::action, item::PAGE_ITEMS_MAX, key::Key};
use crate::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{
    Timestamp,
    subscription::{RefusedSpan, RefusedUsage, Subscription},
    usage::event::EVENT_AGE_DAYS_MAX,
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Most subscriptions of a tenant that refuses usage; of one that has more, all usage is taken.
pub const REFUSING_SUBSCRIPTIONS_MAX: usize = 1_000;
const PAGES_MAX: usize = REFUSING_SUBSCRIPTIONS_MAX / PAGE_ITEMS_MAX as usize;
/// The attribute of the tenant's item.
const ATTRIBUTE: &str = "refused_usage";

/// A span in which usage is refused.
#[derive(Serialize, Deserialize)]
pub(super) struct RefusedSpanV1 {
    from: Timestamp,
    until: Option<Timestamp>,
}

pub(super) fn read(stored: Vec<RefusedSpanV1>) -> RefusedUsage {
    let span = |RefusedSpanV1 { from, until }| RefusedSpan { from, until };
    RefusedUsage::new(stored.into_iter().map(span).collect())
}

pub(super) fn shape(refused: &RefusedUsage) -> Vec<RefusedSpanV1> {
    refused.spans().iter().map(|&RefusedSpan { from, until }| RefusedSpanV1 { from, until }).collect()
}

impl TenantStore<'_> {
    /// Whether the tenant has so few subscriptions that its usage may be refused.
    pub async fn may_refuse_usage(&self) -> Result<bool, Fault> {
        Ok(self.few_subscriptions().await?.is_some())
    }

    /// The action that keeps what follows when `after` takes the place of the subscription of its id, or is added, on
    /// the condition that no other subscription was changed since this read them.
    pub(super) async fn keep_refused_usage(
        &self,
        after: &Subscription,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Fault> {
        let tenant = self.stored_tenant().await?;
        let (revision, tenant) = tenant.ok_or_else(|| Fault::permanent("keep refused usage", "no such tenant"))?;
        if tenant.canceled_at.is_some() {
            // Whoever asks again is told so.
            return Err(Fault::Conflict { operation: "change the subscriptions of a tenant that was canceled" });
        }
        let concerned = tenant.refused_usage.is_some() || after.ever_refuses_usage();
        let refused = if concerned { self.refused_usage(after, now).await? } else { None };
        let number = |n: u64| AttributeValue::N(n.to_string());
        let update = Update::builder()
            .table_name(&self.world.settings().tenants_table)
            .set_key(Some(Key::Tenant(self.tenant_id).attributes()))
            .expression_attribute_names("#refused", ATTRIBUTE)
            .expression_attribute_values(":next", number(revision + 1));
        let update = match refused {
            None => update.update_expression("SET revision = :next REMOVE #refused"),
            Some(refused) => {
                let spans = serde_dynamo::to_attribute_value(shape(&refused));
                let spans = spans.map_err(|error| Fault::permanent("encode item", error))?;
                update
                    .update_expression("SET revision = :next, #refused = :refused")
                    .expression_attribute_values(":refused", spans)
            }
        };
        action(match revision {
            0 => update.condition_expression("attribute_exists(pk) AND attribute_not_exists(revision)"),
            _ => update
                .condition_expression("revision = :revision")
                .expression_attribute_values(":revision", number(revision)),
        })
    }

    /// What follows from the tenant's subscriptions with `after` among them; `None` if none ever refuses usage.
    async fn refused_usage(&self, after: &Subscription, now: Timestamp) -> Result<Option<RefusedUsage>, Fault> {
        // Of too many nothing is refused, but it is remembered that some would be.
        let Some(mut all) = self.few_subscriptions().await? else { return Ok(Some(RefusedUsage::default())) };
        all.retain(|known| known.id != after.id);
        all.push(after.clone());
        if !all.iter().any(Subscription::ever_refuses_usage) {
            return Ok(None);
        }
        let oldest = SignedDuration::from_hours(24 * EVENT_AGE_DAYS_MAX);
        let since = now.checked_sub(oldest).unwrap_or(Timestamp::MIN);
        let refused = RefusedUsage::of(&all, since).map_err(|error| Fault::permanent("keep refused usage", error))?;
        Ok(Some(refused))
    }

    /// The tenant's subscriptions; `None` if there are more than [`REFUSING_SUBSCRIPTIONS_MAX`].
    async fn few_subscriptions(&self) -> Result<Option<Vec<Subscription>>, Fault> {
        let mut all = Vec::new();
        let collect = |subscription| {
            all.push(subscription);
            true
        };
        let is_whole = self.visit_subscriptions(PAGES_MAX, collect).await?;
        Ok(is_whole.then_some(all))
    }
}
