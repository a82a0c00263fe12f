//! Matrix: a unit price by the values of dimensions; the most specific match, else the default price.
//!
//! The more dimensions a cell names, the more specific it is; of two that name as many, the one that names an earlier
//! dimension of the matrix. All groups of one cell are added up before their quantity is converted, so that what a part
//! of a unit costs does not depend on how many groups it was spread over.

use super::{AmountOutOfRange, Basis, Step, SubLine, arithmetic, modifiers::conversion, usage::GroupUsage};
use crate::catalog::{Cell, Matrix, UnitConversion};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Charges every cell that was used, in the order of the price, the default price last; records the conversion.
pub(super) fn charge(
    groups: &[GroupUsage],
    matrix: &Matrix,
    conversion: Option<&UnitConversion>,
    steps: &mut Vec<Step>,
) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let mut quantities = vec![Decimal::ZERO; matrix.cells().len() + 1];
    for group in groups {
        let known = &mut quantities[cell_of(group, matrix)];
        *known = arithmetic::plus(*known, group.quantity)?;
    }
    let mut parts = Vec::new();
    let mut raw = Decimal::ZERO;
    for (index, quantity) in quantities.iter().enumerate().filter(|(_, quantity)| **quantity > Decimal::ZERO) {
        let (values, unit_price) = match matrix.cells().get(index) {
            Some(cell) => (cell.values.clone(), cell.unit_price),
            None => (BTreeMap::new(), matrix.default_unit_price()),
        };
        let billed = conversion.map_or(Ok(*quantity), |conversion| conversion::converted(*quantity, conversion))?;
        raw = arithmetic::plus(raw, *quantity)?;
        parts.push(SubLine::priced(Basis::Cell { values }, billed, unit_price.value(), Decimal::ZERO)?);
    }
    if let Some(conversion) = conversion {
        steps.push(conversion::step(*conversion, raw, arithmetic::sum(parts.iter().map(|part| part.quantity))?));
    }
    Ok(parts)
}

/// The position of the most specific cell that matches, or the one after the last.
fn cell_of(group: &GroupUsage, matrix: &Matrix) -> usize {
    let matches = |cell: &Cell| cell.values.iter().all(|(name, value)| group.values.get(name) == Some(value));
    let rank = |cell: &Cell| {
        let named: Vec<bool> = matrix.dimensions().iter().map(|name| cell.values.contains_key(name.as_str())).collect();
        (cell.values.len(), named)
    };
    let found = matrix.cells().iter().enumerate().filter(|(_, cell)| matches(cell));
    found.max_by_key(|(_, cell)| rank(cell)).map_or(matrix.cells().len(), |(index, _)| index)
}
