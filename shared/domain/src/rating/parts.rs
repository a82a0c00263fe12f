//! The parts of a rated line: sub-lines for the reader, and what each modifier did.

use super::{AmountOutOfRange, arithmetic};
use crate::catalog::{SpendFloor, UnitConversion};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A part of a usage line: what cost how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubLine {
    /// What the quantity is of.
    pub basis: Basis,
    /// How many.
    pub quantity: Decimal,
    /// Of each, major units.
    pub unit_price: Decimal,
    /// Charged once, major units.
    pub flat_fee: Decimal,
    /// Exact: `quantity × unit_price + flat_fee`, except for seats, where it is the share of their days.
    pub amount: Decimal,
}

/// What the quantity of a sub-line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// All units.
    Units,
    /// Units of one tier.
    Tier {
        /// The tier begins after this quantity.
        from: Decimal,
        /// Last quantity inside; `None` for the open end.
        up_to: Option<Decimal>,
    },
    /// Started packages of so many units.
    Packages {
        /// Units of each.
        size: Decimal,
    },
    /// Units of one cell of a matrix; no values for the default price.
    Cell {
        /// What the cell names.
        values: BTreeMap<String, String>,
    },
    /// The value of events.
    Value,
    /// Events that are not free.
    Events,
    /// Events that cost the minimum.
    EventsAtMinimum,
    /// Events that cost the maximum.
    EventsAtMaximum,
    /// Amounts that came with the events.
    Amounts,
    /// The fee of a period.
    Fee {
        /// Days that are billed.
        active_days: u32,
        /// Days of the whole period.
        full_days: u32,
    },
    /// Seats for some days of the period.
    Seats {
        /// Days that are billed.
        active_days: u32,
        /// Days of the whole period.
        full_days: u32,
    },
}

impl Basis {
    /// After which quantity a tier begins and with which it ends, which all units do as well; nothing for what is no tier.
    #[must_use]
    pub fn bounds(&self) -> Option<(Decimal, Option<Decimal>)> {
        match self {
            Self::Units => Some((Decimal::ZERO, None)),
            Self::Tier { from, up_to } => Some((*from, *up_to)),
            Self::Packages { .. }
            | Self::Cell { .. }
            | Self::Value
            | Self::Events
            | Self::EventsAtMinimum
            | Self::EventsAtMaximum
            | Self::Amounts
            | Self::Fee { .. }
            | Self::Seats { .. } => None,
        }
    }
}

impl SubLine {
    /// `quantity` at `unit_price`, and `flat_fee` once.
    pub(super) fn priced(
        basis: Basis,
        quantity: Decimal,
        unit_price: Decimal,
        flat_fee: Decimal,
    ) -> Result<Self, AmountOutOfRange> {
        let amount = arithmetic::plus(arithmetic::times(quantity, unit_price)?, flat_fee)?;
        Ok(Self::normal(basis, quantity, unit_price, flat_fee, amount))
    }

    /// `quantity` at `unit_price`, of which only the share `amount` is charged.
    pub(super) fn share(basis: Basis, quantity: Decimal, unit_price: Decimal, amount: Decimal) -> Self {
        Self::normal(basis, quantity, unit_price, Decimal::ZERO, amount)
    }

    /// Without needless zeros, so that the same inputs give the same bytes.
    fn normal(basis: Basis, quantity: Decimal, unit_price: Decimal, flat_fee: Decimal, amount: Decimal) -> Self {
        Self {
            basis,
            quantity: quantity.normalize(),
            unit_price: unit_price.normalize(),
            flat_fee: flat_fee.normalize(),
            amount: amount.normalize(),
        }
    }

    /// Whether both are of one basis and price.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.basis == other.basis && self.unit_price == other.unit_price
    }

    /// Both together, where one [`is like`](Self::is_like) the other.
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), AmountOutOfRange> {
        self.quantity = arithmetic::plus(self.quantity, other.quantity)?.normalize();
        self.flat_fee = arithmetic::plus(self.flat_fee, other.flat_fee)?.normalize();
        self.amount = arithmetic::plus(self.amount, other.amount)?.normalize();
        Ok(())
    }
}

/// The exact sum of sub-lines.
pub(super) fn total(sub_lines: &[SubLine]) -> Result<Decimal, AmountOutOfRange> {
    arithmetic::sum(sub_lines.iter().map(|part| part.amount))
}

/// What one modifier did: units before the model, major units after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which modifier, with what it says.
    pub modifier: Modifier,
    /// What went in.
    pub before: Decimal,
    /// What came out.
    pub after: Decimal,
}

impl Step {
    pub(super) fn new(modifier: Modifier, before: Decimal, after: Decimal) -> Self {
        Self { modifier, before: before.normalize(), after: after.normalize() }
    }
}

/// One stage of the pipeline, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// The quantity was turned into other units.
    UnitConversion(UnitConversion),
    /// So many units cost nothing.
    Included(Decimal),
    /// A part of the amount was taken off, in percent.
    UsageDiscount(Decimal),
    /// The amount was cut to this.
    SpendMaximum(Decimal),
    /// What is missing became a line of its own; what went beyond a commitment cost its multiple.
    SpendFloor(SpendFloor),
}
