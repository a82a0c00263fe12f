//! Every key of every table, on one screen: the whole data model.
//!
//! All tables have the partition key `pk` and the sort key `sk`. Parts are separated by `#`, which no id or slug
//! holds; a free text stands last or is JSON. A list is an index of its own: time-ordered entries that hold an id.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    api_key::KeyDigest,
    id::{
        ApiKeyId, CreditNoteId, DeliveryId, EndpointId, EventId, GrantId, InvoiceId, MeterId, PaymentId, PlanId,
        RedemptionId, SubscriptionId, TaxRateId, TenantId,
    },
    text::{Hex, Slug},
    usage::Bucket,
};
use jiff::civil::Date;
use std::{collections::HashMap, num::NonZeroU32};
use usage_log::Lane;
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
    Coupon(&'a Slug),
    TaxRate { country: Option<&'a str>, id: TaxRateId },
    // subscriptions
    Subscription(TenantId, SubscriptionId),
    SubscriptionChange(TenantId, SubscriptionId, Uuid),
    // processedEvents
    Segment { lane: &'a Lane, number: u32, chain: &'a [u8; 32] },
    Processed(&'static str, EventId),
    // usage
    LaneHead(&'a Lane),
    LaneHour { lane: &'a Lane, hour: Timestamp },
    Members { lane: &'a Lane, meter_id: MeterId, hour: Timestamp, epoch: u64, page: &'a str },
    Groups { tenant_id: TenantId, month: Timestamp },
    LateDay { tenant_id: TenantId, day: Date },
    Watermark,
    // invoices
    Invoice(TenantId, InvoiceId),
    InvoiceListed(TenantId, Timestamp, InvoiceId),
    InvoiceSequence(TenantId),
    Redemption(TenantId, RedemptionId),
    Grant(TenantId, GrantId),
    Burn { tenant_id: TenantId, grant_id: GrantId, invoice_id: InvoiceId, given_back: bool },
    Payment(TenantId, InvoiceId, PaymentId),
    CreditNote(TenantId, InvoiceId, CreditNoteId),
    CreditNoteOf(TenantId, CreditNoteId),
    CreditNoteSequence(TenantId),
    LedgerEntry(TenantId, u64),
    LedgerHead(TenantId),
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
pub(crate) const COUPONS: &str = "COUPONS";
pub(crate) const TAX_RATES: &str = "TAXRATES";
/// What an invoice run reads of a tenant at once starts so: coupons, then grants.
pub(crate) const ADJUSTERS: &str = "ADJUSTER#";
pub(crate) const REDEMPTIONS: &str = "ADJUSTER#COUPON#";
pub(crate) const GRANTS: &str = "ADJUSTER#GRANT#";

/// What the sort keys of late days start with.
pub(crate) const LATE_DAYS: &str = "LATE#";

/// What the sort keys of a ledger's entries start with.
pub(crate) const LEDGER: &str = "LEDGER#";

/// What the sort keys of an invoice's payments start with.
pub(crate) fn payments(invoice: InvoiceId) -> String {
    format!("PAYMENT#{invoice}#")
}

/// What the sort keys of an invoice's credit notes start with.
pub(crate) fn credit_notes(invoice: InvoiceId) -> String {
    format!("CREDITNOTE#{invoice}#")
}

/// Partition of everything that one tenant owns in a table.
pub(crate) fn tenant_partition(tenant_id: TenantId) -> String {
    format!("TENANT#{tenant_id}")
}

/// Partition of one shard of the outbox.
pub(crate) fn outbox_partition(shard: u8) -> String {
    format!("OUTBOX#{shard}")
}

/// What the tax rates of a country, or those of everywhere, start with: a run reads no others.
pub(crate) fn tax_rates_of(country: Option<&str>) -> String {
    format!("{}#", country.unwrap_or("*"))
}

/// What the uses of a grant start with.
pub(crate) fn burns_of(grant_id: GrantId) -> String {
    format!("BURN#{grant_id}#")
}

/// Sort key of a late day; sorts by day.
pub(crate) fn late_day(day: Date) -> String {
    format!("{LATE_DAYS}{day}")
}

/// Digits of a segment's digest that its key holds: enough to tell the segments of one number apart.
pub(crate) const SEGMENT_DIGEST_BYTES: usize = 16;

/// Partition of the segments of one lane.
pub(crate) fn lane_partition(lane: &Lane) -> String {
    let Lane { tenant_id, bucket, shard } = lane;
    let kind = if matches!(bucket, Bucket::Timed(_)) { 'T' } else { 'A' };
    format!("LANE#{tenant_id}#{kind}#{}#{shard:02}", sortable(bucket.start()))
}

/// Heads of timed lanes lie among the hours; those of arrival lanes, which hold any hour of a month, before them.
fn head_sort_key(lane: &Lane) -> String {
    let kind = if matches!(lane.bucket, Bucket::Timed(_)) { 'H' } else { 'A' };
    format!("{kind}#{}#{}", sortable(lane.bucket.start()), lane_tag(lane))
}

/// What tells the lanes of one hour apart.
pub(crate) fn lane_tag(lane: &Lane) -> String {
    match lane.bucket {
        Bucket::Timed(start) => format!("T{:02}.{}", lane.shard, start.as_second()),
        Bucket::Arrival(_) => format!("A{:02}", lane.shard),
    }
}

/// An instant as a fixed-width text that sorts by time.
pub(crate) fn sortable(instant: Timestamp) -> String {
    format!("{instant:.3}")
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
            Self::Coupon(code) => (COUPONS.to_owned(), code.to_string()),
            Self::TaxRate { country, id } => (TAX_RATES.to_owned(), format!("{}{id}", tax_rates_of(*country))),
            Self::Subscription(id, sub) => (tenant_partition(*id), format!("SUBSCRIPTION#{sub}")),
            Self::SubscriptionChange(id, sub, uuid) => (tenant_partition(*id), format!("CHANGE#{sub}#{uuid}")),
            Self::Segment { lane, number, chain } => {
                (lane_partition(lane), format!("{number:08}#{}", Hex(&chain[..SEGMENT_DIGEST_BYTES])))
            }
            Self::Processed(consumer, id) => (format!("MESSAGE#{id}"), format!("BY#{consumer}")),
            Self::LaneHead(lane) => (tenant_partition(lane.tenant_id), head_sort_key(lane)),
            Self::LaneHour { lane, hour } => {
                (tenant_partition(lane.tenant_id), format!("H#{}#{}", sortable(*hour), lane_tag(lane)))
            }
            Self::Members { lane, meter_id, hour, epoch, page } => (
                tenant_partition(lane.tenant_id),
                format!("V#{meter_id}#{}#{}#{epoch:016x}#{page}", sortable(*hour), lane_tag(lane)),
            ),
            Self::Groups { tenant_id, month } => (tenant_partition(*tenant_id), format!("GROUPS#{}", sortable(*month))),
            Self::LateDay { tenant_id, day } => (tenant_partition(*tenant_id), late_day(*day)),
            Self::Watermark => ("WATERMARK".to_owned(), "USAGE".to_owned()),
            Self::Invoice(id, invoice) => (tenant_partition(*id), format!("INVOICE#{invoice}")),
            Self::InvoiceListed(id, at, invoice) => {
                (tenant_partition(*id), format!("LIST#{}#{invoice}", sortable(*at)))
            }
            Self::InvoiceSequence(id) => (tenant_partition(*id), "SEQUENCE".to_owned()),
            Self::Redemption(id, redemption) => (tenant_partition(*id), format!("{REDEMPTIONS}{redemption}")),
            Self::Grant(id, grant) => (tenant_partition(*id), format!("{GRANTS}{grant}")),
            Self::Burn { tenant_id, grant_id, invoice_id, given_back } => {
                let back = if *given_back { "#BACK" } else { "" };
                (tenant_partition(*tenant_id), format!("{}{invoice_id}{back}", burns_of(*grant_id)))
            }
            Self::Payment(id, invoice, payment) => (tenant_partition(*id), format!("{}{payment}", payments(*invoice))),
            Self::CreditNote(id, invoice, note) => (tenant_partition(*id), format!("{}{note}", credit_notes(*invoice))),
            Self::CreditNoteOf(id, note) => (tenant_partition(*id), format!("CREDITNOTEOF#{note}")),
            Self::CreditNoteSequence(id) => (tenant_partition(*id), "CREDITNOTESEQUENCE".to_owned()),
            Self::LedgerEntry(id, sequence) => (tenant_partition(*id), format!("{LEDGER}{sequence:012}")),
            Self::LedgerHead(id) => (tenant_partition(*id), "LEDGERHEAD".to_owned()),
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
