//! From the price to its shape: decimals without needless zeros, fields that say nothing left out.

use super::{CellShape, CommitmentShape, Digits, ModelShape, ModelType, ModifiersShape, Price, PriceShape, TierShape};
use super::{RoundingShape, TimingShape, UnitConversionShape};
use crate::{
    catalog::{
        model::{Cell, Matrix, Percentage, PriceModel, Tier, Tiers},
        number::Units,
        price::{Charge, Modifiers, Rounding, SpendFloor, Timing, UnitConversion},
    },
    money::Rate,
};
use rust_decimal::Decimal;

impl From<&Price> for PriceShape {
    fn from(price: &Price) -> Self {
        let charged_in_trial = match price.charge() {
            Charge::Flat { .. } | Charge::OneTime { .. } | Charge::Seats { .. } => None,
            Charge::Usage(usage) => usage.is_charged_in_trial().then_some(true),
        };
        let (timing, model, included, modifiers) = match price.charge() {
            Charge::Flat { amount, timing } => {
                let model = ModelShape { amount: Some(digits(amount.value())), ..of(ModelType::Flat) };
                (Some(TimingShape::from(*timing)), model, None, None)
            }
            Charge::OneTime { amount } => {
                let model = ModelShape { amount: Some(digits(amount.value())), ..of(ModelType::Flat) };
                (Some(TimingShape::Once), model, None, None)
            }
            Charge::Seats { unit_price, timing } => {
                let model = ModelShape { unit_price: Some(rate(*unit_price)), ..of(ModelType::Seats) };
                (Some(TimingShape::from(*timing)), model, None, None)
            }
            Charge::Usage(usage) => {
                (None, model(usage.model()), units(usage.modifiers().included), modifiers(usage.modifiers()))
            }
        };
        Self {
            key: price.key().to_string(),
            name: price.name().to_owned(),
            meter: price.meter().map(ToString::to_string),
            timing,
            charged_in_trial,
            included,
            model,
            modifiers,
        }
    }
}

impl From<Timing> for TimingShape {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::InAdvance => Self::InAdvance,
            Timing::InArrears => Self::InArrears,
        }
    }
}

fn of(model_type: ModelType) -> ModelShape {
    ModelShape { model_type, ..ModelShape::default() }
}

fn model(model: &PriceModel) -> ModelShape {
    match model {
        PriceModel::PerUnit { unit_price } => {
            ModelShape { unit_price: Some(rate(*unit_price)), ..of(ModelType::PerUnit) }
        }
        PriceModel::Graduated { tiers } => tiered(ModelType::Graduated, tiers, priced_tier),
        PriceModel::Volume { tiers } => tiered(ModelType::Volume, tiers, priced_tier),
        PriceModel::GraduatedPercentage { tiers } => tiered(ModelType::GraduatedPercentage, tiers, percent_tier),
        PriceModel::Package(package) => ModelShape {
            size: Some(digits(package.size.value())),
            package_price: Some(rate(package.price)),
            free_units: units(package.free_units),
            ..of(ModelType::Package)
        },
        PriceModel::Percentage(percentage) => percentage_shape(percentage),
        PriceModel::Matrix(matrix) => matrix_shape(matrix),
        PriceModel::Dynamic { multiplier } => {
            ModelShape { multiplier: multiplier.map(|factor| digits(factor.value())), ..of(ModelType::Dynamic) }
        }
    }
}

fn tiered(model_type: ModelType, tiers: &Tiers, shape: fn(&Tier) -> TierShape) -> ModelShape {
    ModelShape { tiers: Some(tiers.as_slice().iter().map(shape).collect()), ..of(model_type) }
}

fn priced_tier(tier: &Tier) -> TierShape {
    TierShape {
        up_to: tier.up_to.map(digits),
        unit_price: Some(rate(tier.unit_price)),
        percent: None,
        flat_fee: Some(rate(tier.flat_fee)),
    }
}

fn percent_tier(tier: &Tier) -> TierShape {
    // A fraction of at most ten decimals times a hundred is exact.
    let percent = Some(digits(tier.unit_price.value() * Decimal::ONE_HUNDRED));
    TierShape { unit_price: None, percent, ..priced_tier(tier) }
}

fn percentage_shape(percentage: &Percentage) -> ModelShape {
    ModelShape {
        percent: Some(digits(percentage.percent().value())),
        fixed_fee: Some(rate(percentage.fixed_fee())),
        free_events: percentage.free_events(),
        free_value: percentage.free_value().map(|value| digits(value.value())),
        minimum_per_event: percentage.minimum().map(rate),
        maximum_per_event: percentage.maximum().map(rate),
        ..of(ModelType::Percentage)
    }
}

fn matrix_shape(matrix: &Matrix) -> ModelShape {
    let cell = |cell: &Cell| CellShape { values: cell.values.clone(), unit_price: rate(cell.unit_price) };
    ModelShape {
        dimensions: Some(matrix.dimensions().iter().map(ToString::to_string).collect()),
        cells: Some(matrix.cells().iter().map(cell).collect()),
        default_unit_price: Some(rate(matrix.default_unit_price())),
        ..of(ModelType::Matrix)
    }
}

fn modifiers(modifiers: &Modifiers) -> Option<ModifiersShape> {
    let (spend_minimum, commitment) = match modifiers.floor {
        None => (None, None),
        Some(SpendFloor::Minimum(amount)) => (Some(digits(amount.value())), None),
        Some(SpendFloor::Commitment { amount, overage_factor }) => {
            let overage_factor = Some(digits(overage_factor.value()));
            (None, Some(CommitmentShape { amount: digits(amount.value()), overage_factor }))
        }
    };
    let shape = ModifiersShape {
        unit_conversion: modifiers.conversion.map(conversion),
        usage_discount: modifiers.discount.map(|percent| digits(percent.value())),
        spend_maximum: modifiers.maximum.map(|amount| digits(amount.value())),
        spend_minimum,
        commitment,
    };
    (shape != ModifiersShape::default()).then_some(shape)
}

fn conversion(conversion: UnitConversion) -> UnitConversionShape {
    let rounding = match conversion.rounding {
        Rounding::Up => RoundingShape::Up,
        Rounding::Down => RoundingShape::Down,
        Rounding::Nearest => RoundingShape::Nearest,
    };
    UnitConversionShape { divisor: digits(conversion.divisor.value()), rounding }
}

fn units(units: Units) -> Option<Digits> {
    (units != Units::ZERO).then(|| digits(units.value()))
}

fn rate(rate: Rate) -> Digits {
    digits(rate.value())
}

fn digits(value: Decimal) -> Digits {
    Digits(value.normalize().to_string())
}
