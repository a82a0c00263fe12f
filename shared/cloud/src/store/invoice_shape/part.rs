//! The parts of a stored line: sub-lines, steps and floors, as versions 2 and 3 have them.

use crate::Fault;
use domain::{
    Decimal, Violation,
    catalog::{Factor, MajorAmount, Rounding, SpendFloor, UnitConversion, Units},
    rating::{Basis, Modifier, Step, SubLine},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct SubLineV2 {
    pub(super) basis: BasisV2,
    pub(super) quantity: Decimal,
    pub(super) unit_price: Decimal,
    pub(super) flat_fee: Decimal,
    pub(super) amount: Decimal,
}

#[derive(Serialize, Deserialize)]
pub(super) enum BasisV2 {
    Units,
    Tier { from: Decimal, up_to: Option<Decimal> },
    Packages { size: Decimal },
    Cell { values: BTreeMap<String, String> },
    Value,
    Events,
    EventsAtMinimum,
    EventsAtMaximum,
    Amounts,
    Fee { active_days: u32, full_days: u32 },
    Seats { active_days: u32, full_days: u32 },
}

#[derive(Serialize, Deserialize)]
pub(super) struct StepV2 {
    pub(super) modifier: ModifierV2,
    pub(super) before: Decimal,
    pub(super) after: Decimal,
}

#[derive(Serialize, Deserialize)]
pub(super) enum ModifierV2 {
    UnitConversion { divisor: Decimal, rounding: RoundingV2 },
    Included(Decimal),
    UsageDiscount(Decimal),
    SpendMaximum(Decimal),
    SpendFloor(FloorV2),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum RoundingV2 {
    Up,
    Down,
    Nearest,
}

#[derive(Serialize, Deserialize)]
pub(super) enum FloorV2 {
    Minimum(Decimal),
    Commitment { amount: Decimal, overage_factor: Decimal },
}

impl From<&SubLine> for SubLineV2 {
    fn from(part: &SubLine) -> Self {
        let basis = match &part.basis {
            Basis::Units => BasisV2::Units,
            Basis::Tier { from, up_to } => BasisV2::Tier { from: *from, up_to: *up_to },
            Basis::Packages { size } => BasisV2::Packages { size: *size },
            Basis::Cell { values } => BasisV2::Cell { values: values.clone() },
            Basis::Value => BasisV2::Value,
            Basis::Events => BasisV2::Events,
            Basis::EventsAtMinimum => BasisV2::EventsAtMinimum,
            Basis::EventsAtMaximum => BasisV2::EventsAtMaximum,
            Basis::Amounts => BasisV2::Amounts,
            Basis::Fee { active_days, full_days } => BasisV2::Fee { active_days: *active_days, full_days: *full_days },
            Basis::Seats { active_days, full_days } => {
                BasisV2::Seats { active_days: *active_days, full_days: *full_days }
            }
        };
        let SubLine { basis: _, quantity, unit_price, flat_fee, amount } = *part;
        Self { basis, quantity, unit_price, flat_fee, amount }
    }
}

impl From<SubLineV2> for SubLine {
    fn from(part: SubLineV2) -> Self {
        let SubLineV2 { basis, quantity, unit_price, flat_fee, amount } = part;
        let basis = match basis {
            BasisV2::Units => Basis::Units,
            BasisV2::Tier { from, up_to } => Basis::Tier { from, up_to },
            BasisV2::Packages { size } => Basis::Packages { size },
            BasisV2::Cell { values } => Basis::Cell { values },
            BasisV2::Value => Basis::Value,
            BasisV2::Events => Basis::Events,
            BasisV2::EventsAtMinimum => Basis::EventsAtMinimum,
            BasisV2::EventsAtMaximum => Basis::EventsAtMaximum,
            BasisV2::Amounts => Basis::Amounts,
            BasisV2::Fee { active_days, full_days } => Basis::Fee { active_days, full_days },
            BasisV2::Seats { active_days, full_days } => Basis::Seats { active_days, full_days },
        };
        Self { basis, quantity, unit_price, flat_fee, amount }
    }
}

impl From<&Step> for StepV2 {
    fn from(step: &Step) -> Self {
        let modifier = match step.modifier {
            Modifier::UnitConversion(UnitConversion { divisor, rounding }) => {
                let rounding = match rounding {
                    Rounding::Up => RoundingV2::Up,
                    Rounding::Down => RoundingV2::Down,
                    Rounding::Nearest => RoundingV2::Nearest,
                };
                ModifierV2::UnitConversion { divisor: divisor.value(), rounding }
            }
            Modifier::Included(units) => ModifierV2::Included(units),
            Modifier::UsageDiscount(percent) => ModifierV2::UsageDiscount(percent),
            Modifier::SpendMaximum(amount) => ModifierV2::SpendMaximum(amount),
            Modifier::SpendFloor(floor) => ModifierV2::SpendFloor(FloorV2::from(floor)),
        };
        Self { modifier, before: step.before, after: step.after }
    }
}

impl StepV2 {
    pub(super) fn step(self) -> Result<Step, Fault> {
        let modifier = match self.modifier {
            ModifierV2::UnitConversion { divisor, rounding } => {
                let rounding = match rounding {
                    RoundingV2::Up => Rounding::Up,
                    RoundingV2::Down => Rounding::Down,
                    RoundingV2::Nearest => Rounding::Nearest,
                };
                let divisor = Units::parse_positive(&divisor.to_string()).map_err(broken)?;
                Modifier::UnitConversion(UnitConversion { divisor, rounding })
            }
            ModifierV2::Included(units) => Modifier::Included(units),
            ModifierV2::UsageDiscount(percent) => Modifier::UsageDiscount(percent),
            ModifierV2::SpendMaximum(amount) => Modifier::SpendMaximum(amount),
            ModifierV2::SpendFloor(floor) => Modifier::SpendFloor(floor.floor()?),
        };
        Ok(Step { modifier, before: self.before, after: self.after })
    }
}

impl From<SpendFloor> for FloorV2 {
    fn from(floor: SpendFloor) -> Self {
        match floor {
            SpendFloor::Minimum(amount) => Self::Minimum(amount.value()),
            SpendFloor::Commitment { amount, overage_factor } => {
                Self::Commitment { amount: amount.value(), overage_factor: overage_factor.value() }
            }
        }
    }
}

impl FloorV2 {
    pub(super) fn floor(self) -> Result<SpendFloor, Fault> {
        let major = |amount: Decimal| MajorAmount::parse(&amount.to_string()).map_err(broken);
        Ok(match self {
            Self::Minimum(amount) => SpendFloor::Minimum(major(amount)?),
            Self::Commitment { amount, overage_factor } => SpendFloor::Commitment {
                amount: major(amount)?,
                overage_factor: Factor::parse(&overage_factor.to_string()).map_err(broken)?,
            },
        })
    }
}

fn broken(violation: Violation) -> Fault {
    Fault::permanent("decode item", violation)
}
