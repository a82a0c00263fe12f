//! What is sold: plans, their immutable versions, and prices; and what changes the sum: coupons and tax rates.

mod coupon;
pub mod model;
pub mod number;
mod offer;
mod plan;
mod plan_life;
mod price;
mod price_override;
pub mod shape;
mod tax_rate;
mod versions;

pub use coupon::{
    COUPON_TARGETS_MAX, CouponOff, CouponOffer, CouponTargets, CouponTerms, PlanNamed, RedeemRefusal, Redemption,
};
pub use model::{
    Cell, FREE_EVENTS_MAX, MATRIX_CELLS_MAX, Matrix, Package, Percentage, PriceModel, TIERS_MAX, Tier, Tiers,
};
pub use number::{Factor, MajorAmount, Percent, Units};
pub use offer::{Offer, OfferKey};
pub use plan::{
    BASE_FEE_KEY, PLAN_OFFERS_MAX, PLAN_PRICES_BYTES_MAX, PLAN_PRICES_MAX, PLAN_TIERS_MAX, PlanRef, PlanVersion,
};
pub use plan_life::{
    DESCRIPTION_LENGTH_MAX, METADATA_KEY_LENGTH_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_LENGTH_MAX, Plan,
    PlanAttributes, PlanKind, Visibility,
};
pub use price::{Charge, Modifiers, Price, Rounding, SpendFloor, Timing, UnitConversion, UsageCharge};
pub use price_override::OfferOverride;
pub use shape::PriceShape;
pub use tax_rate::{TaxRate, rate_for};
pub use versions::{PLAN_ARCHIVED_MAX, PLAN_DRAFTS_MAX, PLAN_OVERRIDES_MAX, VersionStatus, Versions};
