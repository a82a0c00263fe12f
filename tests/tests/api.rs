//! The HTTP API, driven in process over the embedded AWS: through the real router, and up to the topic and its queues.
//!
//! One folder, one area a file: who may do what, what is refused, what a repeat gets, how lists are paged, and what
//! becomes of usage events. The tables of routes are held against the OpenAPI document, so that no route is forgotten.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]

#[path = "api/harness.rs"]
mod harness;

#[path = "api/access.rs"]
mod access;
#[path = "api/add_ons.rs"]
mod add_ons;
#[path = "api/adjusted.rs"]
mod adjusted;
#[path = "api/billing_progress.rs"]
mod billing_progress;
#[path = "api/canceled.rs"]
mod canceled;
#[path = "api/coupons.rs"]
mod coupons;
#[path = "api/credit_books.rs"]
mod credit_books;
#[path = "api/credits.rs"]
mod credits;
#[path = "api/document.rs"]
mod document;
#[path = "api/idempotency.rs"]
mod idempotency;
#[path = "api/ledger.rs"]
mod ledger;
#[path = "api/lists.rs"]
mod lists;
#[path = "api/logs.rs"]
mod logs;
#[path = "api/plans.rs"]
mod plans;
#[path = "api/prices.rs"]
mod prices;
#[path = "api/printing.rs"]
mod printing;
#[path = "api/refusals.rs"]
mod refusals;
#[path = "api/refused_usage.rs"]
mod refused_usage;
#[path = "api/resources.rs"]
mod resources;
#[path = "api/routes.rs"]
mod routes;
#[path = "api/settlement.rs"]
mod settlement;
#[path = "api/tax_rates.rs"]
mod tax_rates;
#[path = "api/usage_corrections.rs"]
mod usage_corrections;
#[path = "api/usage_costs.rs"]
mod usage_costs;
#[path = "api/usage_events.rs"]
mod usage_events;
#[path = "api/usage_layout.rs"]
mod usage_layout;
#[path = "api/usage_pressure.rs"]
mod usage_pressure;
#[path = "api/usage_query.rs"]
mod usage_query;
#[path = "api/usage_story.rs"]
mod usage_story;
