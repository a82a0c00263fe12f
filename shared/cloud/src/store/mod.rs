//! The tables: one module each, and the one enum of all keys.
//!
//! Invariants: only the module of a table names its attributes; an item carries the version `v` of its shape, and a
//! stored shape is frozen like an event; state and the facts that report it are written in one transaction.

pub mod across;
mod adjusters;
mod api_keys;
mod catalog;
mod changes;
mod coupon_shape;
mod coupons;
mod dynamo;
mod grants;
mod idempotency;
mod invoice_shape;
mod invoices;
mod item;
mod key;
mod lanes;
mod late_days;
mod ledger;
mod ledger_shape;
mod members;
mod outbox;
mod plan_item;
mod plan_shape;
mod plans;
mod processed;
mod recount;
mod redemptions;
mod refused_usage;
mod segments;
mod settlement;
mod settlement_shape;
mod subscription_shape;
mod subscriptions;
mod tax_rates;
mod tenants;
mod usage;
mod watermark;
mod webhooks;

pub use adjusters::{ADJUSTER_ACTIONS_MAX, COUPONS_PER_INVOICE_MAX, GRANTS_PER_INVOICE_MAX, LoadedAdjusters, Used};
pub use api_keys::StoredApiKey;
pub use changes::{ChangeOutcome, ChangeRecord};
pub use grants::GrantUse;
pub use idempotency::{Claim, StoredAnswer};
pub(crate) use invoice_shape::{ADJUSTMENT_BYTES_MAX, LINES_BYTES_MAX, line_bytes};
pub use invoices::{BillOutcome, PdfRecord, RunMade, StoredInvoice};
pub use item::{Cursor, PAGE_ITEMS_MAX, Page};
pub use lanes::{HourNotes, LOG_DAYS, LaneWrite, StoredHead, StoredHour};
pub use late_days::{LATE_MARK_KEPT, LATE_MARK_MARGIN, LateDay};
pub use ledger::{LedgerFilter, LedgerHead, VERIFY_ENTRIES_MAX, Verified};
pub use members::{MemberPage, pages};
pub use plans::PublishOutcome;
pub use processed::Consumer;
pub use recount::CountedLane;
pub use redemptions::RedeemOutcome;
pub use refused_usage::REFUSING_SUBSCRIPTIONS_MAX;
pub use segments::{Break, Unread};
pub use settlement::{Ending, Record, SettleOutcome, Settling, StoredCreditNote};
pub use tenants::CreateOutcome;
pub use usage::{GROUPS_MAX, GroupDigest, LaneHour, LaneLog, group_digest};
pub use webhooks::{Attempt, Delivery, DeliveryStatus, ENDPOINTS_MAX, Endpoint};

use crate::World;
use domain::id::TenantId;

/// The data of one tenant: no method of it can reach another's.
#[derive(Clone, Copy)]
pub struct TenantStore<'a> {
    world: &'a World,
    tenant_id: TenantId,
}

impl<'a> TenantStore<'a> {
    pub(crate) fn new(world: &'a World, tenant_id: TenantId) -> Self {
        Self { world, tenant_id }
    }

    /// Whose data it is.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }
}
