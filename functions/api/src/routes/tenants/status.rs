//! Whether a tenant is a customer, and what it takes to be none any more.
//!
//! Invariant: a tenant that was canceled has no subscription that goes on: the profile is replaced on the condition that no
//! subscription was made or changed since they were looked at.

use crate::problem::Problem;
use cloud::{Fault, TenantStore};
use domain::{
    Timestamp,
    subscription::{Phase, Subscription},
    tenant::Tenant,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Pages of a tenant's subscriptions that are looked at.
const PAGES_MAX: usize = 100;

/// Whether a tenant is a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TenantStatus {
    /// It is.
    Active,
    /// It is none any more: what it owes stays, and nothing new is charged to it.
    Canceled,
}

impl TenantStatus {
    /// That of `tenant`.
    pub(super) fn of(tenant: &Tenant) -> Self {
        if tenant.canceled_at.is_some() { Self::Canceled } else { Self::Active }
    }
}

/// Since when `tenant` is canceled once it has the status that is asked for; refused while a subscription of it goes on.
pub(super) async fn canceled_at(
    store: &TenantStore<'_>,
    tenant: &Tenant,
    asked: Option<TenantStatus>,
    now: Timestamp,
) -> Result<Result<Option<Timestamp>, Problem>, Fault> {
    match asked.unwrap_or_else(|| TenantStatus::of(tenant)) {
        TenantStatus::Active => Ok(Ok(None)),
        TenantStatus::Canceled if tenant.canceled_at.is_some() => Ok(Ok(tenant.canceled_at)),
        TenantStatus::Canceled if all_end(store).await? => Ok(Ok(Some(now))),
        TenantStatus::Canceled => {
            Ok(Err(Problem::conflict("subscriptions_running", "cancel each of its subscriptions first").at("/status")))
        }
    }
}

/// Whether every subscription has an end.
async fn all_end(store: &TenantStore<'_>) -> Result<bool, Fault> {
    let has_end = |subscription: Subscription| subscription.terms.iter().any(|term| term.phase == Phase::Ended);
    store.visit_subscriptions(PAGES_MAX, has_end).await
}
