//! Grants and balances as they are answered.

use super::request::{GrantKind, GrantRecurrence};
use crate::problem::Problem;
use cloud::store::GrantUse;
use domain::{
    Timestamp,
    grant::{self, CreditGrant, GrantState},
    id::{GrantId, InvoiceId, TenantId},
    money::Currency,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Credit that a tenant was granted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grant {
    /// Who it is.
    #[schema(value_type = String, example = "grt_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: GrantId,
    /// Whose it is.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// What it is called.
    #[schema(example = "Prepaid 2026")]
    name: String,
    /// Whether it was paid for.
    kind: GrantKind,
    /// `active`, `usedUp`, `expired` or `void`.
    #[schema(example = "active")]
    status: &'static str,
    /// A lower number is used earlier.
    priority: u32,
    /// What was granted, and is granted anew when it starts afresh, in minor units.
    #[schema(example = 50000)]
    amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// What can be used of it now, in minor units.
    #[schema(example = 42000)]
    balance_minor: i64,
    /// When it starts afresh; `null` for never.
    recurrence: Option<GrantRecurrence>,
    /// How often it has.
    renewals: u32,
    /// When it does next; `null` for never.
    next_renewal_at: Option<Timestamp>,
    /// From when on it may be used.
    effective_at: Timestamp,
    /// When what is left of it is lost; `null` for never.
    expires_at: Option<Timestamp>,
    /// When what was left of it was taken back.
    voided_at: Option<Timestamp>,
    /// How much that was, in minor units.
    voided_minor: Option<i64>,
}

/// Credit that a tenant was granted, and every use of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantWithHistory {
    #[serde(flatten)]
    grant: Grant,
    /// Every use, oldest first.
    history: Vec<GrantUsed>,
}

/// One use of a grant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GrantUsed {
    /// By which invoice.
    #[schema(value_type = String)]
    invoice_id: InvoiceId,
    /// How much, in minor units; negative where a void invoice gave it back.
    #[schema(example = 8000)]
    amount_minor: i64,
    /// What was left, in minor units.
    #[schema(example = 42000)]
    balance_minor: i64,
    /// When.
    at: Timestamp,
}

/// What credits of a currency are left.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditBalance {
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// All of it, in minor units.
    #[schema(example = 42000)]
    balance_minor: i64,
    /// What of it was paid for, in minor units.
    #[schema(example = 40000)]
    paid_minor: i64,
    /// What of it was given away, in minor units.
    #[schema(example = 2000)]
    promotional_minor: i64,
}

impl Grant {
    /// `grant`, which is as of `now`.
    pub(super) fn at(now: Timestamp, grant: CreditGrant) -> Result<Self, Problem> {
        let next_renewal_at = grant.next_renewal_at().map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Self {
            status: match grant.state(now) {
                GrantState::Active => "active",
                GrantState::UsedUp => "usedUp",
                GrantState::Expired => "expired",
                GrantState::Void => "void",
            },
            balance_minor: grant.usable(now).amount_minor,
            id: grant.id,
            tenant_id: grant.tenant_id,
            name: grant.name,
            kind: grant.kind.into(),
            priority: grant.priority,
            amount_minor: grant.amount.amount_minor,
            currency: grant.amount.currency.to_string(),
            recurrence: grant.recurrence.map(GrantRecurrence::from),
            renewals: grant.renewals,
            next_renewal_at,
            effective_at: grant.effective_at,
            expires_at: grant.expires_at,
            voided_at: grant.voided.map(|voided| voided.at),
            voided_minor: grant.voided.map(|voided| voided.taken_minor),
        })
    }
}

impl GrantWithHistory {
    pub(super) fn new(grant: Grant, uses: Vec<GrantUse>) -> Self {
        let used = |GrantUse { invoice_id, amount_minor, balance_minor, at }| GrantUsed {
            invoice_id,
            amount_minor,
            balance_minor,
            at,
        };
        Self { grant, history: uses.into_iter().map(used).collect() }
    }
}

impl CreditBalance {
    /// One for each currency of `grants`, which are as of `now`, by its code.
    pub(super) fn of(grants: &[CreditGrant], now: Timestamp) -> Result<Vec<Self>, Problem> {
        let currencies: BTreeMap<&'static str, Currency> =
            grants.iter().map(|grant| (grant.amount.currency.code(), grant.amount.currency)).collect();
        let of_kind = |kind: grant::GrantKind, currency: Currency| {
            let grants: Vec<CreditGrant> = grants.iter().filter(|grant| grant.kind == kind).cloned().collect();
            let balance = grant::balance(&grants, currency, now);
            i64::try_from(balance).map_err(|error| Problem::internal(error.to_string()))
        };
        let balance = |(code, currency): (&str, Currency)| {
            let paid_minor = of_kind(grant::GrantKind::Paid, currency)?;
            let promotional_minor = of_kind(grant::GrantKind::Promotional, currency)?;
            let sum = paid_minor.checked_add(promotional_minor);
            let balance_minor = sum.ok_or_else(|| Problem::internal("the balance is out of range"))?;
            Ok(Self { currency: code.to_owned(), balance_minor, paid_minor, promotional_minor })
        };
        currencies.into_iter().map(balance).collect()
    }
}
