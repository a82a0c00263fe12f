//! What is sold: plans, their immutable versions, and prices.

pub mod model;
pub mod number;
mod offer;
mod plan;
mod price;
pub mod shape;

pub use model::{
    Cell, FREE_EVENTS_MAX, MATRIX_CELLS_MAX, Matrix, Package, Percentage, PriceModel, TIERS_MAX, Tier, Tiers,
};
pub use number::{Factor, MajorAmount, Percent, Units};
pub use offer::{Offer, OfferKey};
pub use plan::{BASE_FEE_KEY, PLAN_PRICES_BYTES_MAX, PLAN_PRICES_MAX, PLAN_TIERS_MAX, Plan, PlanRef, PlanVersion};
pub use price::{Charge, Modifiers, Price, Rounding, SpendFloor, Timing, UnitConversion, UsageCharge};
pub use shape::PriceShape;
