//! The models by which usage becomes money, as values that cannot be wrong (RATING.md, *Price models*).
//!
//! Invariants: tiers ascend without gap or overlap to one open end; a size is never zero; a free allowance of value
//! that spares fees has one of events beside it, so that a bounded number of events explains it; two cells of a matrix
//! that match the same usage differ in which dimensions they name.

use super::number::{Factor, Percent, Units};
use crate::{
    Violation,
    money::Rate,
    text::Slug,
    usage::meter::{DIMENSION_VALUE_BYTES_MAX, DIMENSIONS_MAX},
};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Most tiers of one price.
pub const TIERS_MAX: usize = 50;
/// Most cells of one matrix.
pub const MATRIX_CELLS_MAX: usize = 200;
/// Most events that are free at the start of a period: their values are kept one by one, in order.
pub const FREE_EVENTS_MAX: usize = 1_000;

/// One tier of a graduated or a volume price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Last quantity inside, inclusive; `None` for the last tier, which has no end.
    pub up_to: Option<Decimal>,
    /// Price of each unit in the tier, major units; of a percentage, the part of each unit of value.
    pub unit_price: Rate,
    /// Charged once when the tier is entered, major units; the first tier counts as entered at quantity 0.
    pub flat_fee: Rate,
}

/// Tiers in ascending order, the last one unbounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers(Vec<Tier>);

impl Tiers {
    /// The tiers, if they ascend to an open end; the pointer of a refusal is relative to the list.
    pub fn new(tiers: Vec<Tier>) -> Result<Self, Violation> {
        if tiers.is_empty() || tiers.len() > TIERS_MAX {
            return Err(Violation::new("", "tier_count", format!("send 1 to {TIERS_MAX} tiers")));
        }
        let mut before = Decimal::ZERO;
        for (index, tier) in tiers.iter().enumerate() {
            let last = index + 1 == tiers.len();
            let refuse = |code, message| Err(Violation::new(format!("/{index}/upTo"), code, message));
            match tier.up_to {
                None if last => {}
                None => return refuse("tier_unbounded", "only the last tier has no upper bound"),
                Some(_) if last => return refuse("tier_bounded", "the last tier must have no upper bound"),
                Some(bound) if index > 0 && bound == before => {
                    return refuse("tier_order", "this tier holds nothing: raise its bound or leave it out");
                }
                Some(bound) if bound <= before => {
                    return refuse("tier_order", "sort the tiers by an ascending upper bound above zero");
                }
                Some(bound) => before = bound,
            }
        }
        Ok(Self(tiers))
    }

    /// The tiers, in order; never none.
    #[must_use]
    pub fn as_slice(&self) -> &[Tier] {
        &self.0
    }
}

/// A price for each started package of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// Units of a package; more than zero.
    pub size: Units,
    /// Price of a package, major units.
    pub price: Rate,
    /// Units a period that cost nothing.
    pub free_units: Units,
}

/// A part of the value of events and a fee for each, with free allowances and bounds an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentage {
    percent: Percent,
    fixed_fee: Rate,
    free_events: Option<u64>,
    free_value: Option<Units>,
    minimum: Option<Rate>,
    maximum: Option<Rate>,
}

impl Percentage {
    /// `percent` of the value and `fixed_fee` an event; nothing is free.
    #[must_use]
    pub fn new(percent: Percent, fixed_fee: Rate) -> Self {
        Self { percent, fixed_fee, free_events: None, free_value: None, minimum: None, maximum: None }
    }

    /// The same, with each event charged at least and at most so much.
    pub fn bounded(self, minimum: Option<Rate>, maximum: Option<Rate>) -> Result<Self, Violation> {
        Self { minimum, maximum, ..self }.checked()
    }

    /// The same, with the first events of a period free while every allowance that is given lasts.
    pub fn with_free(self, events: Option<u64>, value: Option<Units>) -> Result<Self, Violation> {
        Self { free_events: events, free_value: value, ..self }.checked()
    }

    fn checked(self) -> Result<Self, Violation> {
        if let (Some(least), Some(most)) = (self.minimum, self.maximum)
            && most < least
        {
            return Err(Violation::new("/maximumPerEvent", "maximum_below_minimum", "raise the maximum"));
        }
        if self.free_events.is_some_and(|events| events == 0 || events > FREE_EVENTS_MAX as u64) {
            let message = format!("let 1 to {FREE_EVENTS_MAX} events be free, or leave it out");
            return Err(Violation::new("/freeEvents", "free_events_out_of_range", message));
        }
        if self.free_value == Some(Units::ZERO) {
            return Err(Violation::new("/freeValue", "zero", "send more than zero, or leave it out"));
        }
        let each_counts = self.fixed_fee != Rate::ZERO || self.is_bounded();
        if self.free_value.is_some() && self.free_events.is_none() && each_counts {
            let message = "say how many events are free at most, because each event has a fee or a bound of its own";
            return Err(Violation::new("/freeEvents", "required", message));
        }
        Ok(self)
    }

    /// The part of the value.
    #[must_use]
    pub fn percent(&self) -> Percent {
        self.percent
    }

    /// Charged for each event that is not free, major units.
    #[must_use]
    pub fn fixed_fee(&self) -> Rate {
        self.fixed_fee
    }

    /// Events of a period that may be free; `None` if only the value counts, or nothing is free.
    #[must_use]
    pub fn free_events(&self) -> Option<u64> {
        self.free_events
    }

    /// Value of a period that may be free; `None` if only the events count, or nothing is free.
    #[must_use]
    pub fn free_value(&self) -> Option<Units> {
        self.free_value
    }

    /// What each event costs at least.
    #[must_use]
    pub fn minimum(&self) -> Option<Rate> {
        self.minimum
    }

    /// What each event costs at most.
    #[must_use]
    pub fn maximum(&self) -> Option<Rate> {
        self.maximum
    }

    /// Whether each event has a minimum or a maximum.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.minimum.is_some() || self.maximum.is_some()
    }
}

/// A unit price by the values of dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    dimensions: Vec<Slug>,
    cells: Vec<Cell>,
    default_unit_price: Rate,
}

/// One price of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The values that usage must have, by dimension; a dimension that is not named may have any.
    pub values: BTreeMap<String, String>,
    /// Price of each unit, major units.
    pub unit_price: Rate,
}

impl Matrix {
    /// The matrix, if its cells name its dimensions, at least one each, and no two the same values.
    pub fn new(dimensions: Vec<Slug>, cells: Vec<Cell>, default_unit_price: Rate) -> Result<Self, Violation> {
        if dimensions.is_empty() || dimensions.len() > DIMENSIONS_MAX {
            let message = format!("name 1 to {DIMENSIONS_MAX} dimensions");
            return Err(Violation::new("/dimensions", "dimension_count", message));
        }
        for (index, dimension) in dimensions.iter().enumerate() {
            if dimensions[..index].contains(dimension) {
                let pointer = format!("/dimensions/{index}");
                return Err(Violation::new(pointer, "duplicate_dimension", "name each dimension once"));
            }
        }
        if cells.is_empty() || cells.len() > MATRIX_CELLS_MAX {
            let message = format!("send 1 to {MATRIX_CELLS_MAX} cells");
            return Err(Violation::new("/cells", "cell_count", message));
        }
        for (index, cell) in cells.iter().enumerate() {
            check_cell(cell, &dimensions, &cells[..index])
                .map_err(|violation| violation.under(&format!("/cells/{index}/values")))?;
        }
        Ok(Self { dimensions, cells, default_unit_price })
    }

    /// The dimensions, the most significant one first.
    #[must_use]
    pub fn dimensions(&self) -> &[Slug] {
        &self.dimensions
    }

    /// The cells, as they were sent.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Price of each unit that no cell matches, major units.
    #[must_use]
    pub fn default_unit_price(&self) -> Rate {
        self.default_unit_price
    }
}

fn check_cell(cell: &Cell, dimensions: &[Slug], earlier: &[Cell]) -> Result<(), Violation> {
    if cell.values.is_empty() {
        return Err(Violation::new("", "empty_cell", "name a value, or use defaultUnitPrice"));
    }
    for (name, value) in &cell.values {
        // RFC 6901: a tilde or a slash of a name is escaped.
        let pointer = || format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        if !dimensions.iter().any(|dimension| dimension.as_str() == name) {
            return Err(Violation::new(pointer(), "unknown_dimension", "name one of the matrix's dimensions"));
        }
        if value.len() > DIMENSION_VALUE_BYTES_MAX {
            let message = format!("no event has a value of more than {DIMENSION_VALUE_BYTES_MAX} bytes");
            return Err(Violation::new(pointer(), "too_long", message));
        }
    }
    if earlier.iter().any(|other| other.values == cell.values) {
        return Err(Violation::new("", "duplicate_cell", "send each combination of values once"));
    }
    Ok(())
}

/// How usage becomes money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceModel {
    /// Quantity × unit price.
    PerUnit {
        /// Major units for one unit.
        unit_price: Rate,
    },
    /// Each unit at the price of its tier.
    Graduated {
        /// Which units cost what.
        tiers: Tiers,
    },
    /// All units at the price of the tier that holds the total.
    Volume {
        /// Which totals cost what.
        tiers: Tiers,
    },
    /// Each started package.
    Package(Package),
    /// A part of the value and a fee an event.
    Percentage(Percentage),
    /// Each unit of value by the percentage of its tier.
    GraduatedPercentage {
        /// The unit price is the part of each unit of value: 0.01 for 1 %.
        tiers: Tiers,
    },
    /// A unit price by the values of dimensions.
    Matrix(Matrix),
    /// The price arrives with the event.
    Dynamic {
        /// What the amounts are multiplied by.
        multiplier: Option<Factor>,
    },
}

impl PriceModel {
    /// Its name, as it is sent.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PerUnit { .. } => "perUnit",
            Self::Graduated { .. } => "graduated",
            Self::Volume { .. } => "volume",
            Self::Package(_) => "package",
            Self::Percentage(_) => "percentage",
            Self::GraduatedPercentage { .. } => "graduatedPercentage",
            Self::Matrix(_) => "matrix",
            Self::Dynamic { .. } => "dynamic",
        }
    }

    /// How many tiers or cells it has: what its stored size grows with.
    #[must_use]
    pub fn entries(&self) -> usize {
        match self {
            Self::Graduated { tiers } | Self::Volume { tiers } | Self::GraduatedPercentage { tiers } => {
                tiers.as_slice().len()
            }
            Self::Matrix(matrix) => matrix.cells.len(),
            Self::PerUnit { .. } | Self::Package(_) | Self::Percentage(_) | Self::Dynamic { .. } => 0,
        }
    }
}
