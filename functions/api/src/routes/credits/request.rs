//! Grants as they are asked for.

use crate::{
    routes::{money::currency, plans::Interval},
    state::KnownTenant,
};
use domain::{
    Timestamp, Violation,
    grant::{self, CreditGrant},
    id::GrantId,
    money::Money,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Credit to be granted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewGrant {
    /// Id or slug of who gets it.
    #[schema(example = "acme")]
    pub(super) tenant: String,
    /// What it is called.
    #[schema(example = "Prepaid 2026")]
    name: String,
    /// Whether it was paid for.
    kind: GrantKind,
    /// How much, in minor units.
    #[schema(minimum = 1, example = 50000)]
    amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// A lower number is used earlier; 0, unless it is sent.
    #[serde(default)]
    #[schema(default = 0)]
    priority: u32,
    /// When what is left of it is lost; never, unless it is sent.
    expires_at: Option<Timestamp>,
    /// When it starts afresh; never, unless it is sent.
    recurrence: Option<GrantRecurrence>,
}

/// Whether credit was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum GrantKind {
    /// The tenant has paid for it.
    Paid,
    /// It was given away.
    Promotional,
}

/// When a grant starts afresh: the amount is granted anew, beside what is kept of the balance.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GrantRecurrence {
    /// How often, counted from when it was granted, on the clocks of the tenant.
    interval: Interval,
    /// What is kept of the balance; nothing, unless it is sent.
    #[serde(default)]
    rollover: GrantRollover,
}

/// What a grant that starts afresh keeps of its balance.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GrantRollover {
    /// At least, in minor units; 0, unless it is sent.
    #[serde(default)]
    minimum_minor: i64,
    /// At most, in minor units.
    maximum_minor: i64,
}

impl From<grant::GrantKind> for GrantKind {
    fn from(kind: grant::GrantKind) -> Self {
        match kind {
            grant::GrantKind::Paid => Self::Paid,
            grant::GrantKind::Promotional => Self::Promotional,
        }
    }
}

impl From<GrantKind> for grant::GrantKind {
    fn from(kind: GrantKind) -> Self {
        match kind {
            GrantKind::Paid => Self::Paid,
            GrantKind::Promotional => Self::Promotional,
        }
    }
}

impl From<grant::Recurrence> for GrantRecurrence {
    fn from(recurrence: grant::Recurrence) -> Self {
        let grant::Recurrence { interval, minimum_minor, maximum_minor } = recurrence;
        Self { interval: interval.into(), rollover: GrantRollover { minimum_minor, maximum_minor } }
    }
}

impl GrantRecurrence {
    fn decide(self) -> Result<grant::Recurrence, Violation> {
        let interval = self.interval.decide().map_err(|violation| violation.under("/recurrence"))?;
        let GrantRollover { minimum_minor, maximum_minor } = self.rollover;
        Ok(grant::Recurrence { interval, minimum_minor, maximum_minor })
    }
}

impl NewGrant {
    /// The grant `id` to `tenant` at `now`, if it keeps the rules.
    pub(super) fn decide(self, id: GrantId, tenant: &KnownTenant, now: Timestamp) -> Result<CreditGrant, Violation> {
        let grant = CreditGrant {
            id,
            tenant_id: tenant.id,
            name: self.name,
            kind: self.kind.into(),
            priority: self.priority,
            amount: Money { amount_minor: self.amount_minor, currency: currency(&self.currency)? },
            balance_minor: self.amount_minor,
            renewals: 0,
            recurrence: self.recurrence.map(GrantRecurrence::decide).transpose()?,
            time_zone: tenant.time_zone.clone(),
            effective_at: now,
            expires_at: self.expires_at,
            voided: None,
        };
        grant.check()?;
        Ok(grant)
    }
}
