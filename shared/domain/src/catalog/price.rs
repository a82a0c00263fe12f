//! A price: what is charged for, by which model, and what changes the amount before and after it.
//!
//! Invariants: a price that exists is right; there is nothing to check later. A fee has no meter and no modifiers; usage
//! has a meter, is charged in arrears, and has only modifiers that mean something for its model. The table of the pairs
//! that do not is in [`UsageCharge::new`].

use super::{
    model::PriceModel,
    number::{Factor, MajorAmount, Percent, Units},
};
use crate::{
    Violation,
    money::Rate,
    text::{self, Slug},
};
use rust_decimal::Decimal;

/// What a plan charges for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    key: Slug,
    name: String,
    charge: Charge,
}

/// What is charged for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most prices are of usage: a box would cost each of them an allocation")]
pub enum Charge {
    /// A fee, once a period.
    Flat {
        /// The fee of a whole period.
        amount: MajorAmount,
        /// When it is billed.
        timing: Timing,
    },
    /// A fee, once: with the first day that is billed, and never prorated.
    OneTime {
        /// The fee.
        amount: MajorAmount,
    },
    /// Licensed seats.
    Seats {
        /// Of one seat for a whole period, major units.
        unit_price: Rate,
        /// When they are billed.
        timing: Timing,
    },
    /// What was used, billed after the period.
    Usage(UsageCharge),
}

/// When a fee is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// With the invoice at the start of its period.
    InAdvance,
    /// With the invoice at the end of its period.
    InArrears,
}

/// A meter, the model that turns it into money, and what modifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCharge {
    meter: Slug,
    model: PriceModel,
    modifiers: Modifiers,
    charged_in_trial: bool,
}

/// What changes an amount before and after its model, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modifiers {
    /// First the quantity is turned into other units.
    pub conversion: Option<UnitConversion>,
    /// Then so many units cost nothing.
    pub included: Units,
    /// Then, after the model, a part of the amount is taken off.
    pub discount: Option<Percent>,
    /// Then nothing above this is charged.
    pub maximum: Option<MajorAmount>,
    /// Then at least something is charged.
    pub floor: Option<SpendFloor>,
}

impl Modifiers {
    /// None of them.
    pub const NONE: Self = Self { conversion: None, included: Units::ZERO, discount: None, maximum: None, floor: None };
}

/// Turns a quantity into whole other units, such as bytes into gigabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitConversion {
    /// How many of the metered units one billed unit has; more than zero.
    pub divisor: Units,
    /// What happens to the part of a unit.
    pub rounding: Rounding,
}

/// How a part of a unit is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// A started unit counts.
    Up,
    /// Only a full unit counts.
    Down,
    /// A half or more counts.
    Nearest,
}

/// What is charged at least. A minimum and a commitment never meet: a commitment is a minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendFloor {
    /// What is missing becomes a line of its own.
    Minimum(MajorAmount),
    /// The same, and what goes beyond costs a multiple.
    Commitment {
        /// What is promised for a whole period.
        amount: MajorAmount,
        /// What each unit of money beyond it is multiplied by.
        overage_factor: Factor,
    },
}

impl SpendFloor {
    /// What is charged at least for a whole period.
    #[must_use]
    pub fn amount(self) -> MajorAmount {
        match self {
            Self::Minimum(amount) | Self::Commitment { amount, .. } => amount,
        }
    }
}

impl Price {
    /// The price `key`, printed as `name`.
    pub fn new(key: Slug, name: String, charge: Charge) -> Result<Self, Violation> {
        text::check_name(&name).map_err(|violation| violation.under("/name"))?;
        Ok(Self { key, name, charge })
    }

    /// Unique within the plan version.
    #[must_use]
    pub fn key(&self) -> &Slug {
        &self.key
    }

    /// How the invoice line is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is charged for.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        &self.charge
    }

    /// The meter whose quantity is charged, unless it is a fee.
    #[must_use]
    pub fn meter(&self) -> Option<&Slug> {
        match &self.charge {
            Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Seats { .. } => None,
            Charge::Usage(usage) => Some(&usage.meter),
        }
    }

    /// Units a period that cost nothing.
    #[must_use]
    pub fn included(&self) -> Decimal {
        match &self.charge {
            Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Seats { .. } => Decimal::ZERO,
            Charge::Usage(usage) => usage.modifiers.included.value(),
        }
    }

    /// How many tiers or cells it has: what its stored size grows with.
    #[must_use]
    pub fn entries(&self) -> usize {
        match &self.charge {
            Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Seats { .. } => 0,
            Charge::Usage(usage) => usage.model.entries(),
        }
    }
}

impl UsageCharge {
    /// The charge, if the modifiers mean something for the model and do not contradict each other.
    pub fn new(meter: Slug, model: PriceModel, modifiers: Modifiers) -> Result<Self, Violation> {
        // Which models take units that can be converted, and units of one kind of which some can be included.
        let (converts, includes) = match &model {
            PriceModel::PerUnit { .. } | PriceModel::Graduated { .. } | PriceModel::Volume { .. } => (true, true),
            // A package has free units of its own; two of them would only hide each other.
            PriceModel::Package(package) => (true, package.free_units == Units::ZERO),
            // Each cell is converted by itself; nobody could say which cell's units are the included ones.
            PriceModel::Matrix(_) => (true, false),
            // Value is money already, and what of it is free is part of the model.
            PriceModel::Percentage(_) | PriceModel::GraduatedPercentage { .. } | PriceModel::Dynamic { .. } => {
                (false, false)
            }
        };
        if modifiers.conversion.is_some() && !converts {
            return Err(not_allowed("/modifiers/unitConversion"));
        }
        if modifiers.included != Units::ZERO && !includes {
            return Err(not_allowed("/included"));
        }
        check_limits(&modifiers)?;
        Ok(Self { meter, model, modifiers, charged_in_trial: false })
    }

    /// The same, charged in a trial too if `charged`: without that, what a trial uses is free.
    #[must_use]
    pub fn in_trial(self, charged: bool) -> Self {
        Self { charged_in_trial: charged, ..self }
    }

    /// Whether what a trial uses is charged.
    #[must_use]
    pub fn is_charged_in_trial(&self) -> bool {
        self.charged_in_trial
    }

    /// The meter whose quantity is charged.
    #[must_use]
    pub fn meter(&self) -> &Slug {
        &self.meter
    }

    /// How it becomes money.
    #[must_use]
    pub fn model(&self) -> &PriceModel {
        &self.model
    }

    /// What changes the amount.
    #[must_use]
    pub fn modifiers(&self) -> &Modifiers {
        &self.modifiers
    }
}

/// A maximum below what is charged at least would make one of them a lie.
fn check_limits(modifiers: &Modifiers) -> Result<(), Violation> {
    match (modifiers.maximum, modifiers.floor) {
        (Some(maximum), Some(floor)) if maximum < floor.amount() => {
            let message = "raise the maximum to what is charged at least";
            Err(Violation::new("/modifiers/spendMaximum", "maximum_below_minimum", message))
        }
        (None | Some(_), None | Some(_)) => Ok(()),
    }
}

/// The refusal of a field that this kind of price does not have.
pub(super) fn not_allowed(pointer: &str) -> Violation {
    Violation::new(pointer, "not_allowed", "this model does not have it; leave it out")
}
