//! From the shape to the price: each field is taken by its model, and what nobody took does not belong.

use super::{CellShape, CommitmentShape, Digits, ModelShape, ModelType, ModifiersShape, Price, PriceShape, TierShape};
use super::{RoundingShape, TimingShape, UnitConversionShape};
use crate::{
    Violation,
    catalog::{
        model::{Cell, MATRIX_CELLS_MAX, Matrix, Package, Percentage, PriceModel, TIERS_MAX, Tier, Tiers},
        number::{Factor, MajorAmount, Percent, Units, parse_rate},
        price::{Charge, Modifiers, Rounding, SpendFloor, Timing, UnitConversion, UsageCharge, not_allowed},
    },
    money::Rate,
    text::Slug,
    usage::meter::DIMENSIONS_MAX,
};

impl TryFrom<PriceShape> for Price {
    type Error = Violation;

    fn try_from(mut shape: PriceShape) -> Result<Self, Violation> {
        let key = Slug::parse(&shape.key).map_err(|violation| violation.under("/key"))?;
        let name = std::mem::take(&mut shape.name);
        let charge = match shape.model.model_type {
            ModelType::Flat | ModelType::Seats => fee(shape)?,
            ModelType::PerUnit
            | ModelType::Graduated
            | ModelType::Volume
            | ModelType::Package
            | ModelType::Percentage
            | ModelType::GraduatedPercentage
            | ModelType::Matrix
            | ModelType::Dynamic => Charge::Usage(usage(shape)?),
        };
        Self::new(key, name, charge)
    }
}

fn fee(shape: PriceShape) -> Result<Charge, Violation> {
    let PriceShape { key: _, name: _, meter, timing, charged_in_trial, included, mut model, modifiers } = shape;
    for (pointer, sent) in [
        ("/meter", meter.is_some()),
        ("/chargedInTrial", charged_in_trial.is_some()),
        ("/included", included.is_some()),
        ("/modifiers", modifiers.is_some()),
    ] {
        if sent {
            return Err(not_allowed(pointer));
        }
    }
    let recurring = match timing {
        Some(TimingShape::InAdvance) => Some(Timing::InAdvance),
        Some(TimingShape::InArrears) | None => Some(Timing::InArrears),
        Some(TimingShape::Once) => None,
    };
    let charge = if model.model_type == ModelType::Seats {
        let once = || Violation::new("/timing", "seats_once", "seats are licensed for a period; use a flat fee");
        let timing = recurring.ok_or_else(once)?;
        Charge::Seats { unit_price: required(&mut model.unit_price, "/model/unitPrice", parse_rate)?, timing }
    } else {
        let amount = required(&mut model.amount, "/model/amount", MajorAmount::parse)?;
        recurring.map_or(Charge::OneTime { amount }, |timing| Charge::Flat { amount, timing })
    };
    refuse_rest(&model)?;
    Ok(charge)
}

fn usage(shape: PriceShape) -> Result<UsageCharge, Violation> {
    let PriceShape { key: _, name: _, meter, timing, charged_in_trial, included, model: mut fields, modifiers } = shape;
    let meter = meter.ok_or_else(|| missing("/meter"))?;
    let meter = Slug::parse(&meter).map_err(|violation| violation.under("/meter"))?;
    match timing {
        None | Some(TimingShape::InArrears) => {}
        Some(TimingShape::InAdvance | TimingShape::Once) => {
            let message = "usage is charged after it happened; leave it out";
            return Err(Violation::new("/timing", "usage_in_advance", message));
        }
    }
    let included = included.as_ref().map(|Digits(text)| Units::parse(text)).transpose();
    let included = included.map_err(|violation| included_code(violation).under("/included"))?;
    let model = model(&mut fields)?;
    refuse_rest(&fields)?;
    let modifiers = modifiers.unwrap_or_default().decide(included.unwrap_or(Units::ZERO))?;
    Ok(UsageCharge::new(meter, model, modifiers)?.in_trial(charged_in_trial.unwrap_or(false)))
}

/// This field had its code before the others had theirs.
fn included_code(violation: Violation) -> Violation {
    let code = if violation.code == "negative" { "included_negative" } else { violation.code };
    Violation { code, ..violation }
}

/// Reads the fields of the model, taking them out of the shape.
fn model(shape: &mut ModelShape) -> Result<PriceModel, Violation> {
    Ok(match shape.model_type {
        ModelType::Graduated => PriceModel::Graduated { tiers: tiers(shape, unit_price)? },
        ModelType::Volume => PriceModel::Volume { tiers: tiers(shape, unit_price)? },
        ModelType::GraduatedPercentage => PriceModel::GraduatedPercentage { tiers: tiers(shape, percent)? },
        ModelType::Package => PriceModel::Package(Package {
            size: required(&mut shape.size, "/model/size", Units::parse_positive)?,
            price: required(&mut shape.package_price, "/model/packagePrice", parse_rate)?,
            free_units: optional(&mut shape.free_units, "/model/freeUnits", Units::parse)?.unwrap_or(Units::ZERO),
        }),
        ModelType::Percentage => PriceModel::Percentage(percentage(shape)?),
        ModelType::Matrix => PriceModel::Matrix(matrix(shape)?),
        ModelType::Dynamic => {
            PriceModel::Dynamic { multiplier: optional(&mut shape.multiplier, "/model/multiplier", Factor::parse)? }
        }
        // Fees are read elsewhere; what is left has a price for each unit.
        ModelType::PerUnit | ModelType::Flat | ModelType::Seats => {
            PriceModel::PerUnit { unit_price: required(&mut shape.unit_price, "/model/unitPrice", parse_rate)? }
        }
    })
}

fn percentage(shape: &mut ModelShape) -> Result<Percentage, Violation> {
    let part = required(&mut shape.percent, "/model/percent", Percent::parse)?;
    let fixed_fee = optional(&mut shape.fixed_fee, "/model/fixedFee", parse_rate)?.unwrap_or(Rate::ZERO);
    let minimum = optional(&mut shape.minimum_per_event, "/model/minimumPerEvent", parse_rate)?;
    let maximum = optional(&mut shape.maximum_per_event, "/model/maximumPerEvent", parse_rate)?;
    let free_value = optional(&mut shape.free_value, "/model/freeValue", Units::parse)?;
    let free_events = shape.free_events.take();
    let bounded = Percentage::new(part, fixed_fee).bounded(minimum, maximum);
    bounded
        .and_then(|percentage| percentage.with_free(free_events, free_value))
        .map_err(|violation| violation.under("/model"))
}

fn matrix(shape: &mut ModelShape) -> Result<Matrix, Violation> {
    let names = shape.dimensions.take().ok_or_else(|| missing("/model/dimensions"))?;
    let cells = shape.cells.take().ok_or_else(|| missing("/model/cells"))?;
    let default_unit_price = required(&mut shape.default_unit_price, "/model/defaultUnitPrice", parse_rate)?;
    let slug = |(index, name): (usize, &String)| {
        Slug::parse(name).map_err(|violation| violation.under(&format!("/model/dimensions/{index}")))
    };
    // One beyond the limit is enough for the refusal; reading the rest would be work for nothing.
    let dimensions = names.iter().take(DIMENSIONS_MAX + 1).enumerate().map(slug).collect::<Result<_, _>>()?;
    let cell = |(index, cell): (usize, CellShape)| {
        let unit_price = parse_rate(&cell.unit_price.0)
            .map_err(|violation| violation.under(&format!("/model/cells/{index}/unitPrice")))?;
        Ok(Cell { values: cell.values, unit_price })
    };
    let cells = cells.into_iter().take(MATRIX_CELLS_MAX + 1).enumerate().map(cell).collect::<Result<_, Violation>>()?;
    Matrix::new(dimensions, cells, default_unit_price).map_err(|violation| violation.under("/model"))
}

fn tiers(shape: &mut ModelShape, price: fn(&mut TierShape) -> Result<Rate, Violation>) -> Result<Tiers, Violation> {
    let shapes = shape.tiers.take().ok_or_else(|| missing("/model/tiers"))?;
    let tier = |(index, mut shape): (usize, TierShape)| {
        tier(&mut shape, price).map_err(|violation| violation.under(&format!("/model/tiers/{index}")))
    };
    let tiers = shapes.into_iter().take(TIERS_MAX + 1).enumerate().map(tier).collect::<Result<_, _>>()?;
    Tiers::new(tiers).map_err(|violation| violation.under("/model/tiers"))
}

fn tier(shape: &mut TierShape, price: fn(&mut TierShape) -> Result<Rate, Violation>) -> Result<Tier, Violation> {
    let up_to = optional(&mut shape.up_to, "/upTo", tier_bound)?;
    let unit_price = price(shape)?;
    let flat_fee = optional(&mut shape.flat_fee, "/flatFee", parse_rate)?.unwrap_or(Rate::ZERO);
    for (pointer, sent) in [("/unitPrice", shape.unit_price.is_some()), ("/percent", shape.percent.is_some())] {
        if sent {
            return Err(not_allowed(pointer));
        }
    }
    Ok(Tier { up_to: up_to.map(Units::value), unit_price, flat_fee })
}

/// A bound of zero or below is out of order: the first tier begins at zero.
fn tier_bound(text: &str) -> Result<Units, Violation> {
    Units::parse_positive(text).map_err(|violation| match violation.code {
        "negative" | "zero" => Violation::new("", "tier_order", "send a bound above zero"),
        _ => violation,
    })
}

fn unit_price(tier: &mut TierShape) -> Result<Rate, Violation> {
    required(&mut tier.unit_price, "/unitPrice", parse_rate)
}

fn percent(tier: &mut TierShape) -> Result<Rate, Violation> {
    let part = required(&mut tier.percent, "/percent", Percent::parse)?;
    Ok(Rate::new(part.fraction()).expect("a percent has at most ten decimals as a fraction and is at most one"))
}

impl ModifiersShape {
    fn decide(self, included: Units) -> Result<Modifiers, Violation> {
        let Self { unit_conversion, mut usage_discount, mut spend_maximum, mut spend_minimum, commitment } = self;
        let minimum = optional(&mut spend_minimum, "/modifiers/spendMinimum", MajorAmount::parse_positive)?;
        let floor = match (minimum, commitment) {
            (Some(_), Some(_)) => {
                let message = "a commitment is a minimum already; leave one of them out";
                return Err(Violation::new("/modifiers/spendMinimum", "minimum_and_commitment", message));
            }
            (Some(minimum), None) => Some(SpendFloor::Minimum(minimum)),
            (None, Some(commitment)) => Some(commitment.decide()?),
            (None, None) => None,
        };
        Ok(Modifiers {
            conversion: unit_conversion.map(UnitConversionShape::decide).transpose()?,
            included,
            discount: optional(&mut usage_discount, "/modifiers/usageDiscount", Percent::parse)?,
            maximum: optional(&mut spend_maximum, "/modifiers/spendMaximum", MajorAmount::parse_positive)?,
            floor,
        })
    }
}

impl CommitmentShape {
    fn decide(self) -> Result<SpendFloor, Violation> {
        let amount = MajorAmount::parse_positive(&self.amount.0)
            .map_err(|violation| violation.under("/modifiers/commitment/amount"))?;
        let factor = self.overage_factor.as_ref().map_or("1", |Digits(text)| text);
        let overage_factor =
            Factor::parse(factor).map_err(|violation| violation.under("/modifiers/commitment/overageFactor"))?;
        Ok(SpendFloor::Commitment { amount, overage_factor })
    }
}

impl UnitConversionShape {
    fn decide(self) -> Result<UnitConversion, Violation> {
        let divisor = Units::parse_positive(&self.divisor.0)
            .map_err(|violation| violation.under("/modifiers/unitConversion/divisor"))?;
        let rounding = match self.rounding {
            RoundingShape::Up => Rounding::Up,
            RoundingShape::Down => Rounding::Down,
            RoundingShape::Nearest => Rounding::Nearest,
        };
        Ok(UnitConversion { divisor, rounding })
    }
}

/// Refuses the first field that the model did not take.
fn refuse_rest(shape: &ModelShape) -> Result<(), Violation> {
    let left = [
        ("/model/amount", shape.amount.is_some()),
        ("/model/unitPrice", shape.unit_price.is_some()),
        ("/model/tiers", shape.tiers.is_some()),
        ("/model/size", shape.size.is_some()),
        ("/model/packagePrice", shape.package_price.is_some()),
        ("/model/freeUnits", shape.free_units.is_some()),
        ("/model/percent", shape.percent.is_some()),
        ("/model/fixedFee", shape.fixed_fee.is_some()),
        ("/model/freeEvents", shape.free_events.is_some()),
        ("/model/freeValue", shape.free_value.is_some()),
        ("/model/minimumPerEvent", shape.minimum_per_event.is_some()),
        ("/model/maximumPerEvent", shape.maximum_per_event.is_some()),
        ("/model/dimensions", shape.dimensions.is_some()),
        ("/model/cells", shape.cells.is_some()),
        ("/model/defaultUnitPrice", shape.default_unit_price.is_some()),
        ("/model/multiplier", shape.multiplier.is_some()),
    ];
    match left.iter().find(|(_, sent)| *sent) {
        Some((pointer, _)) => Err(not_allowed(pointer)),
        None => Ok(()),
    }
}

fn missing(pointer: &str) -> Violation {
    Violation::new(pointer, "required", "this model needs it")
}

fn required<T>(
    field: &mut Option<Digits>,
    pointer: &str,
    parse: impl Fn(&str) -> Result<T, Violation>,
) -> Result<T, Violation> {
    optional(field, pointer, parse)?.ok_or_else(|| missing(pointer))
}

fn optional<T>(
    field: &mut Option<Digits>,
    pointer: &str,
    parse: impl Fn(&str) -> Result<T, Violation>,
) -> Result<Option<T>, Violation> {
    field.take().map(|Digits(text)| parse(&text).map_err(|violation| violation.under(pointer))).transpose()
}
