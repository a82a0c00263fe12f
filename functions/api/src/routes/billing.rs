//! How far the billing runs are, for the operator: what is due, since when, and whether usage holds it up.
//!
//! It reads the sparse index that the tick reads, and counts without reading what is there. How many drafts wait for their
//! grace is not told: they are not due, and an index of them there is not.

use crate::{auth::Platform, openapi::ReadRefusals, problem::Problem, state::Api};
use axum::extract::State;
use cloud::store::across::Backlog;
use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How far the billing runs are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BillingProgress {
    /// The instant of all figures.
    as_of: Timestamp,
    /// The instant before which everything that was accepted has been counted; `null` before anything is known.
    complete_through: Option<Timestamp>,
    /// Subscriptions with a run that is due: its period is over, or the grace of its draft is.
    due: DueRuns,
    /// Those of them of which all usage is counted: the next tick asks for their runs. The others wait for usage.
    billable: DueRuns,
}

/// Runs that are due.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DueRuns {
    /// How many subscriptions.
    #[schema(example = 1200)]
    subscriptions: u64,
    /// Whether there are more than were counted.
    at_least: bool,
    /// Since when the oldest is due; `null` if none is.
    oldest_due_at: Option<Timestamp>,
}

impl From<Backlog> for DueRuns {
    fn from(Backlog { subscriptions, is_whole, oldest_due_at }: Backlog) -> Self {
        Self { subscriptions, at_least: !is_whole, oldest_due_at }
    }
}

/// Read how far the billing runs are
#[utoipa::path(
    get, path = "/v1/admin/billing", operation_id = "readBillingProgress", tag = "Invoices", security(("platformKey" = [])),
    responses((status = 200, body = BillingProgress, description = "What is due as of now."), ReadRefusals)
)]
pub(crate) async fn read(State(api): State<Api>, _: Platform) -> Result<axum::Json<BillingProgress>, Problem> {
    let (world, now) = (api.world(), api.world().now());
    let complete_through = api.complete_through().await?;
    let due = world.due_backlog(now).await?;
    let billable = match complete_through {
        Some(through) => world.due_backlog(through.min(now)).await?,
        None => Backlog::default(),
    };
    Ok(axum::Json(BillingProgress { as_of: now, complete_through, due: due.into(), billable: billable.into() }))
}
