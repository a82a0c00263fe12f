//! One file a resource: its routes, and the shapes of its requests and answers.
//!
//! Each handler decodes, loads, decides and commits. Shapes of requests refuse unknown fields; shapes of answers only
//! ever grow. Rules are in `domain`, keys and conditions in `cloud`.

pub(crate) mod api_keys;
pub(crate) mod billing;
pub(crate) mod costs;
pub(crate) mod coupons;
pub(crate) mod credits;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod invoices;
pub(crate) mod ledger;
pub(crate) mod lines;
pub(crate) mod meters;
pub(crate) mod money;
pub(crate) mod plans;
pub(crate) mod prices;
pub(crate) mod rebuilds;
pub(crate) mod redemptions;
pub(crate) mod subscriptions;
pub(crate) mod tax_rates;
pub(crate) mod tenants;
pub(crate) mod usage_event;
pub(crate) mod usage_events;
pub(crate) mod usage_query;
pub(crate) mod webhooks;

use crate::problem::Problem;
use domain::{Timestamp, calendar::Period};
use serde::Serialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// Half-open span of time `[start, end)`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Period)]
pub(crate) struct PeriodBody {
    /// First instant inside.
    start: Timestamp,
    /// First instant after.
    end: Timestamp,
}

impl From<Period> for PeriodBody {
    fn from(period: Period) -> Self {
        Self { start: period.start(), end: period.end() }
    }
}

/// The id in a path. What is no id of this kind names nothing.
fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}
