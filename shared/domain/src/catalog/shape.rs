//! The shape of a price in requests, answers and storage: camelCase, decimals as strings, unknown fields refused.
//!
//! One shape holds every model, with its fields optional, so that a refusal can name the field that is missing or that
//! does not belong. Invariant: what [`PriceShape::from`] writes, [`Price::try_from`] reads as the same price.

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::Price;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{collections::BTreeMap, fmt};

/// A price as it is sent and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PriceShape {
    /// Unique within the plan; names the invoice line.
    pub key: String,
    /// How the invoice line is called.
    pub name: String,
    /// Slug of the meter whose quantity is charged; not for a fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// When a fee is billed: in arrears, unless it is sent; or that it is billed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<TimingShape>,
    /// Whether usage of a trial is charged: not, unless it is sent; not for a fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_in_trial: Option<bool>,
    /// Units a period that cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included: Option<Digits>,
    /// What the rest costs.
    pub model: ModelShape,
    /// What changes the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifiers: Option<ModifiersShape>,
}

/// An exact decimal as text; an integer is taken as well, a float never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Digits(pub String);

/// When a fee is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimingShape {
    /// At the start of the period.
    InAdvance,
    /// At its end.
    InArrears,
    /// Once, with the first day that is billed; of a flat fee.
    Once,
}

/// Which model it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ModelType {
    /// A fee: `amount`.
    Flat,
    /// `unitPrice`.
    #[default]
    PerUnit,
    /// `tiers`.
    Graduated,
    /// `tiers`.
    Volume,
    /// `size`, `packagePrice`, perhaps `freeUnits`.
    Package,
    /// `percent`, perhaps `fixedFee`, `freeEvents`, `freeValue`, `minimumPerEvent`, `maximumPerEvent`.
    Percentage,
    /// `tiers` with a percent each.
    GraduatedPercentage,
    /// `dimensions`, `cells`, `defaultUnitPrice`.
    Matrix,
    /// Perhaps `multiplier`.
    Dynamic,
    /// Licensed seats: `unitPrice`.
    Seats,
}

/// A model and the fields of all models, of which each has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelShape {
    /// Which model it is.
    #[serde(rename = "type")]
    pub model_type: ModelType,
    /// Of a flat fee, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Digits>,
    /// Of one unit or one seat, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Digits>,
    /// In ascending order; the last one has no upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<TierShape>>,
    /// Units of a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Digits>,
    /// Of a package, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_price: Option<Digits>,
    /// Units that cost nothing before the first package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_units: Option<Digits>,
    /// The part of the value, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Digits>,
    /// Of each event, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_fee: Option<Digits>,
    /// How many events are free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_events: Option<u64>,
    /// How much value is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_value: Option<Digits>,
    /// What each event costs at least, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_per_event: Option<Digits>,
    /// What each event costs at most, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_per_event: Option<Digits>,
    /// The dimensions of a matrix, the most significant one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Vec<String>>,
    /// The prices of a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<Vec<CellShape>>,
    /// Of a unit that no cell matches, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_unit_price: Option<Digits>,
    /// What the amounts of events are multiplied by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<Digits>,
}

/// A tier: a unit price, or a percent for a graduated percentage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TierShape {
    /// Last quantity inside; `null` for the last tier.
    #[serde(default)]
    pub up_to: Option<Digits>,
    /// Of each unit in it, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Digits>,
    /// Of each unit of value in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Digits>,
    /// Charged once when the tier is entered, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat_fee: Option<Digits>,
}

/// A price of a matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CellShape {
    /// The values that usage must have, by dimension.
    pub values: BTreeMap<String, String>,
    /// Of each unit, major units.
    pub unit_price: Digits,
}

/// What changes the amount; each of them may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModifiersShape {
    /// Turns the quantity into whole other units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_conversion: Option<UnitConversionShape>,
    /// The part of the amount that is taken off, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_discount: Option<Digits>,
    /// Nothing above this is charged, major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_maximum: Option<Digits>,
    /// At least this is charged, major units; not with a commitment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_minimum: Option<Digits>,
    /// At least this is charged, and more beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<CommitmentShape>,
}

/// How a quantity becomes other units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitConversionShape {
    /// How many metered units one billed unit has.
    pub divisor: Digits,
    /// What happens to the part of a unit.
    pub rounding: RoundingShape,
}

/// How a part of a unit is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RoundingShape {
    /// A started unit counts.
    Up,
    /// Only a full unit counts.
    Down,
    /// A half or more counts.
    Nearest,
}

/// A promise to spend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CommitmentShape {
    /// What is promised for a whole period, major units.
    pub amount: Digits,
    /// What goes beyond is multiplied by this; 1, unless it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overage_factor: Option<Digits>,
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Digits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an exact decimal as a string, such as \"0.0004\", or an integer")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digits, E> {
                Ok(Digits(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Digits, E> {
                Ok(Digits(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Digits, E> {
                Ok(Digits(value.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
