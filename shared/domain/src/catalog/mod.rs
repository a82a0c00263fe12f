//! What is sold: plans, their immutable versions, and prices.

mod plan;
mod price;

pub use plan::{BASE_FEE_KEY, PLAN_PRICES_MAX, PLAN_TIERS_MAX, Plan, PlanRef, PlanVersion};
pub use price::{Price, PriceModel, TIERS_MAX, Tier};
