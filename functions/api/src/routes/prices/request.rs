//! What is asked of the calculator, and the way from there to usage: each model takes the fields that it needs, and
//! what is left does not belong.

use super::document::Price as PriceSchema;
use crate::{body, routes::money::currency};
use domain::{
    Violation,
    catalog::{Charge, Matrix, Price, PriceModel, PriceShape, Units, shape::Digits},
    money::{Currency, Money},
    rating::{Billed, DayShare, EventValues, GroupUsage, PeriodState, Usage},
};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most groups of one estimate.
const GROUPS_MAX: usize = 1_000;
/// Most values of events of one estimate.
const EVENT_VALUES_MAX: usize = 10_000;

/// A price, and what was used. Which field of usage is needed depends on the model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewEstimate {
    /// Any price; its meter need not exist.
    #[schema(value_type = PriceSchema)]
    price: PriceShape,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// For units and seats: how many.
    #[schema(value_type = Option<String>, example = "1203")]
    quantity: Option<Digits>,
    /// For percentages: the values of all events together, in major units.
    #[schema(value_type = Option<String>, example = "5000")]
    value: Option<Digits>,
    /// With `value`, how many events there were; 0, unless it is sent.
    events: Option<u64>,
    /// For percentages instead of `value`: the value of each event in the order of time, in major units.
    #[schema(value_type = Option<Vec<String>>)]
    event_values: Option<Vec<Digits>>,
    /// For a matrix: how many by the values of dimensions.
    groups: Option<Vec<EstimateGroup>>,
    /// For dynamic prices: the sum of the amounts that came with the events, in major units.
    #[schema(value_type = Option<String>, example = "12.5")]
    amount: Option<Digits>,
    /// Which part of the period is billed; all of it, unless it is sent. Fees and minimums are prorated by it, usage is not.
    days: Option<EstimateDays>,
    /// Whether the period is over, so that what is missing to a minimum is known; it is, unless `false` is sent.
    #[serde(default = "yes")]
    #[schema(default = true)]
    closing: bool,
    /// What earlier invoices of the period charged by this price.
    billed: Option<EstimateBilled>,
}

/// A quantity of one combination of values of dimensions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct EstimateGroup {
    /// The value of each dimension, by its name.
    values: BTreeMap<String, String>,
    /// How much.
    #[schema(value_type = String, example = "10")]
    quantity: Digits,
}

/// A part of a period.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EstimateDays {
    /// Days that are billed.
    #[schema(example = 17)]
    active: u32,
    /// Days of the whole period.
    #[schema(example = 31)]
    full: u32,
}

/// What earlier invoices of a period charged by a price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct EstimateBilled {
    /// The quantity that was billed; 0, unless it is sent.
    #[schema(value_type = Option<String>, example = "1000")]
    quantity: Option<Digits>,
    /// Their lines together, in minor units.
    #[serde(default)]
    #[schema(default = 0, example = 400)]
    amount_minor: i64,
    /// Their true-ups together, in minor units.
    #[serde(default)]
    #[schema(default = 0, example = 0)]
    true_up_minor: i64,
}

/// What is to be rated.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) price: Price,
    pub(super) usage: Usage,
    pub(super) period: PeriodState,
}

fn yes() -> bool {
    true
}

impl NewEstimate {
    pub(super) fn decide(mut self) -> Result<Question, Violation> {
        let price = Price::try_from(self.price.clone()).map_err(|violation| violation.under("/price"))?;
        let currency = currency(&self.currency)?;
        let usage = self.usage(&price)?;
        self.refuse_rest()?;
        let days = match self.days {
            None => DayShare::WHOLE,
            Some(EstimateDays { active, full }) => DayShare::new(active, full).ok_or_else(|| {
                Violation::new(
                    "/days",
                    "days_out_of_range",
                    "bill at most the days of the period, which has one at least",
                )
            })?,
        };
        let billed = self.billed.map(|billed| billed.decide(currency)).transpose()?;
        Ok(Question { price, usage, period: PeriodState { currency, days, closing: self.closing, billed } })
    }

    fn usage(&mut self, price: &Price) -> Result<Usage, Violation> {
        let charge = match price.charge() {
            Charge::Flat { .. } | Charge::OneTime { .. } => return Ok(Usage::Nothing),
            Charge::Seats { .. } => return units(&mut self.quantity, "/quantity").map(Usage::Quantity),
            Charge::Usage(charge) => charge,
        };
        match charge.model() {
            PriceModel::PerUnit { .. }
            | PriceModel::Graduated { .. }
            | PriceModel::Volume { .. }
            | PriceModel::Package(_) => units(&mut self.quantity, "/quantity").map(Usage::Quantity),
            PriceModel::Percentage(_) | PriceModel::GraduatedPercentage { .. } => self.values(),
            PriceModel::Matrix(matrix) => self.groups(matrix).map(Usage::Groups),
            PriceModel::Dynamic { .. } => units(&mut self.amount, "/amount").map(Usage::Amount),
        }
    }

    /// The values of events, one by one or together.
    fn values(&mut self) -> Result<Usage, Violation> {
        let Some(values) = self.event_values.take() else {
            let value = units(&mut self.value, "/value")?;
            return Ok(Usage::Value { value, events: self.events.take().unwrap_or(0) });
        };
        if values.len() > EVENT_VALUES_MAX {
            let message = format!("send at most {EVENT_VALUES_MAX} values, or their sum");
            return Err(Violation::new("/eventValues", "too_many_values", message));
        }
        let mut events = EventValues::default();
        for (index, Digits(text)) in values.iter().enumerate() {
            let pointer = format!("/eventValues/{index}");
            let value = Units::parse(text).map_err(|violation| violation.under(&pointer))?;
            events.push(value.value()).map_err(|_| out_of_range(&pointer))?;
        }
        Ok(Usage::Events(events))
    }

    fn groups(&mut self, matrix: &Matrix) -> Result<Vec<GroupUsage>, Violation> {
        let groups = self.groups.take().ok_or_else(|| missing("/groups"))?;
        if groups.len() > GROUPS_MAX {
            let message = format!("send at most {GROUPS_MAX} groups");
            return Err(Violation::new("/groups", "too_many_groups", message));
        }
        let group = |(index, group): (usize, EstimateGroup)| {
            group.decide(matrix).map_err(|violation| violation.under(&format!("/groups/{index}")))
        };
        groups.into_iter().enumerate().map(group).collect()
    }

    /// Refuses the first field of usage that the model did not take.
    fn refuse_rest(&self) -> Result<(), Violation> {
        let left = [
            ("/quantity", self.quantity.is_some()),
            ("/value", self.value.is_some()),
            ("/events", self.events.is_some()),
            ("/eventValues", self.event_values.is_some()),
            ("/groups", self.groups.is_some()),
            ("/amount", self.amount.is_some()),
        ];
        match left.iter().find(|(_, is_sent)| *is_sent) {
            Some((pointer, _)) => {
                Err(Violation::new(*pointer, "not_allowed", "this price is not rated by it; leave it out"))
            }
            None => Ok(()),
        }
    }
}

impl EstimateGroup {
    fn decide(self, matrix: &Matrix) -> Result<GroupUsage, Violation> {
        for name in self.values.keys() {
            if !matrix.dimensions().iter().any(|dimension| dimension.as_str() == name) {
                let pointer = format!("/values/{}", body::escape(name));
                return Err(Violation::new(pointer, "unknown_dimension", "name one of the matrix's dimensions"));
            }
        }
        let quantity = units(&mut Some(self.quantity), "/quantity")?;
        Ok(GroupUsage { values: self.values, quantity })
    }
}

impl EstimateBilled {
    fn decide(self, currency: Currency) -> Result<Billed, Violation> {
        let mut quantity = Some(self.quantity.unwrap_or_else(|| Digits("0".to_owned())));
        Ok(Billed {
            quantity: units(&mut quantity, "/billed/quantity")?,
            amount: Money { amount_minor: self.amount_minor, currency },
            true_up: Money { amount_minor: self.true_up_minor, currency },
        })
    }
}

/// Takes a number of zero or more.
fn units(field: &mut Option<Digits>, pointer: &str) -> Result<domain::Decimal, Violation> {
    let Digits(text) = field.take().ok_or_else(|| missing(pointer))?;
    Units::parse(&text).map(Units::value).map_err(|violation| violation.under(pointer))
}

fn missing(pointer: &str) -> Violation {
    Violation::new(pointer, "required", "this price is rated by it")
}

fn out_of_range(pointer: &str) -> Violation {
    Violation::new(pointer, "amount_out_of_range", "send less")
}
