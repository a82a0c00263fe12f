//! Package: each started package of units, after the free ones.

use super::{
    AmountOutOfRange, Basis, SubLine,
    arithmetic::{self, Parts},
};
use crate::catalog::Package;
use rust_decimal::Decimal;

pub(super) fn charge(quantity: Decimal, package: &Package) -> Result<Vec<SubLine>, AmountOutOfRange> {
    let charged = arithmetic::minus(quantity, package.free_units.value())?.max(Decimal::ZERO);
    let size = package.size.value();
    let parts = Parts::of(charged, size)?;
    let packages = parts.count(parts.started)?;
    Ok(vec![SubLine::priced(Basis::Packages { size }, packages, package.price.value(), Decimal::ZERO)?])
}
