//! Every key of every table, on one screen: the whole data model.
//!
//! All tables have the partition key `pk` and the sort key `sk`. Parts are separated by `#`, which no id or slug
//! holds; a free text stands last or is JSON. A list is an index of its own: time-ordered entries that hold an id.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    api_key::KeyDigest,
    id::{ApiKeyId, DeliveryId, EndpointId, EventId, InvoiceId, MeterId, PlanId, SubscriptionId, TenantId},
    text::Slug,
    usage::{EventKey, GroupKey, meter::ValueDigest},
};
use std::{collections::HashMap, num::NonZeroU32};
use uuid::Uuid;

/// Partition and sort key of an item.
#[derive(Clone, Debug)]
pub(crate) enum Key<'a> {
    // tenants
    Tenant(TenantId),
    TenantSlug(&'a Slug),
    TenantListed(TenantId),
    Idempotency { principal: &'a str, key: &'a str },
    // apiKeys
    ApiKeyDigest(KeyDigest),
    ApiKeyListed(TenantId, ApiKeyId),
    // catalog
    Meter(&'a Slug),
    Plan(&'a Slug),
    PlanVersion(PlanId, NonZeroU32),
    PlanPublication(PlanId, Uuid),
    // subscriptions
    Subscription(TenantId, SubscriptionId),
    // processedEvents
    CountedEvent(TenantId, EventKey),
    Processed(&'static str, EventId),
    // usage
    Counter { tenant_id: TenantId, meter_id: MeterId, hour: Timestamp, group: &'a GroupKey },
    Member { tenant_id: TenantId, meter_id: MeterId, hour: Timestamp, group: &'a GroupKey, value: ValueDigest },
    // invoices
    Invoice(TenantId, InvoiceId),
    InvoiceListed(TenantId, Timestamp, InvoiceId),
    InvoiceSequence(TenantId),
    Outbox { shard: u8, about: &'a str, event_id: EventId },
    // webhooks
    Endpoint(TenantId, EndpointId),
    Delivery(TenantId, DeliveryId),
    DeliveryListed(TenantId, Timestamp, DeliveryId),
    Attempt(TenantId, DeliveryId, u32),
}

pub(crate) const TENANTS_LISTED: &str = "TENANTS";
pub(crate) const METERS: &str = "METERS";
pub(crate) const PLANS: &str = "PLANS";

/// Partition of everything that one tenant owns in a table.
pub(crate) fn tenant_partition(tenant_id: TenantId) -> String {
    format!("TENANT#{tenant_id}")
}

/// Partition of one shard of the outbox.
pub(crate) fn outbox_partition(shard: u8) -> String {
    format!("OUTBOX#{shard}")
}

/// Sort keys of a meter's numbers and members, up to the hour.
pub(crate) fn counter_prefixes(meter_id: MeterId) -> [String; 2] {
    [format!("C#{meter_id}#"), format!("M#{meter_id}#")]
}

/// An instant as a fixed-width text that sorts by time.
pub(crate) fn sortable(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

/// A group as text; JSON, so that no value can be mistaken for two.
pub(crate) fn group_text(group: &GroupKey) -> String {
    serde_json::Value::from(group.0.clone()).to_string()
}

impl Key<'_> {
    /// The two key attributes.
    pub(crate) fn parts(&self) -> (String, String) {
        match self {
            Self::Tenant(id) => (tenant_partition(*id), "PROFILE".to_owned()),
            Self::TenantSlug(slug) => (format!("SLUG#{slug}"), "TENANT".to_owned()),
            Self::TenantListed(id) => (TENANTS_LISTED.to_owned(), id.to_string()),
            Self::Idempotency { principal, key } => (format!("IDEMPOTENCY#{principal}#{key}"), "ANSWER".to_owned()),
            Self::ApiKeyDigest(digest) => (format!("KEY#{digest}"), "KEY".to_owned()),
            Self::ApiKeyListed(id, key_id) => (tenant_partition(*id), format!("KEY#{key_id}")),
            Self::Meter(slug) => (METERS.to_owned(), slug.to_string()),
            Self::Plan(slug) => (PLANS.to_owned(), slug.to_string()),
            Self::PlanVersion(id, version) => (format!("PLAN#{id}"), format!("VERSION#{version:06}")),
            Self::PlanPublication(id, uuid) => (format!("PLAN#{id}"), format!("PUBLICATION#{uuid}")),
            Self::Subscription(id, sub) => (tenant_partition(*id), format!("SUBSCRIPTION#{sub}")),
            Self::CountedEvent(id, key) => (format!("EVENT#{id}#{key}"), "COUNTED".to_owned()),
            Self::Processed(consumer, id) => (format!("MESSAGE#{id}"), format!("BY#{consumer}")),
            Self::Counter { tenant_id, meter_id, hour, group } => {
                (tenant_partition(*tenant_id), format!("C#{meter_id}#{}#{}", sortable(*hour), group_text(group)))
            }
            Self::Member { tenant_id, meter_id, hour, group, value } => (
                tenant_partition(*tenant_id),
                format!("M#{meter_id}#{}#{value}#{}", sortable(*hour), group_text(group)),
            ),
            Self::Invoice(id, invoice) => (tenant_partition(*id), format!("INVOICE#{invoice}")),
            Self::InvoiceListed(id, at, invoice) => {
                (tenant_partition(*id), format!("LIST#{}#{invoice}", sortable(*at)))
            }
            Self::InvoiceSequence(id) => (tenant_partition(*id), "SEQUENCE".to_owned()),
            Self::Outbox { shard, about, event_id } => (outbox_partition(*shard), format!("{about}#{event_id}")),
            Self::Endpoint(id, endpoint) => (tenant_partition(*id), format!("ENDPOINT#{endpoint}")),
            Self::Delivery(id, delivery) => (tenant_partition(*id), format!("DELIVERY#{delivery}")),
            Self::DeliveryListed(id, at, delivery) => {
                (tenant_partition(*id), format!("LIST#{}#{delivery}", sortable(*at)))
            }
            Self::Attempt(id, delivery, n) => (tenant_partition(*id), format!("ATTEMPT#{delivery}#{n:03}")),
        }
    }

    /// The two key attributes, as the SDK takes them.
    pub(crate) fn attributes(&self) -> HashMap<String, AttributeValue> {
        let (pk, sk) = self.parts();
        HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
    }
}
