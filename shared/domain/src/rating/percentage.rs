//! Percentage: a part of the value of events and a fee for each.
//!
//! An event is free only while every allowance that the price gives lasts (RATING.md). The event that exhausts the
//! allowance of value is charged for the rest of its value like any other event, with its fee and its bounds. An
//! allowance that the price does not give never ends the other one.

use super::{AmountOutOfRange, Basis, RatingError, SubLine, arithmetic, usage::EventValues, usage::Usage};
use crate::catalog::{Percentage, Units};
use rust_decimal::Decimal;

/// The model's name.
const NAME: &str = "percentage";

pub(super) fn charge(usage: &Usage, price: &Percentage) -> Result<Vec<SubLine>, RatingError> {
    let tally = match usage {
        Usage::Value { value, events } => of_totals(*value, *events, price)?,
        Usage::Events(events) => of_events(events, price)?,
        Usage::Nothing | Usage::Quantity(_) | Usage::Groups(_) | Usage::Amount(_) | Usage::Seats(_) => {
            return Err(RatingError::WrongUsage { model: NAME, needs: "a value and a number of events" });
        }
    };
    Ok(tally.sub_lines(price)?)
}

/// What is charged for, by how it is charged.
#[derive(Default)]
struct Tally {
    /// Value and events that are charged by the part of the value and the fee.
    value: Decimal,
    events: u64,
    at_minimum: u64,
    at_maximum: u64,
}

/// Totals are enough where nothing depends on a single event.
fn of_totals(value: Decimal, events: u64, price: &Percentage) -> Result<Tally, RatingError> {
    if price.is_bounded() || price.free_events().is_some() {
        return Err(RatingError::WrongUsage { model: NAME, needs: "the value of each event" });
    }
    let free = price.free_value().map_or(Decimal::ZERO, Units::value);
    let value = arithmetic::minus(value, free)?.max(Decimal::ZERO);
    Ok(Tally { value, events, ..Tally::default() })
}

fn of_events(events: &EventValues, price: &Percentage) -> Result<Tally, RatingError> {
    if price.free_events().is_none() && !price.is_bounded() {
        return of_totals(events.value()?, events.count()?, price);
    }
    let mut tally = Tally::default();
    let mut events_left = price.free_events().unwrap_or(0);
    let mut value_left = price.free_value().map(Units::value);
    for value in events.first() {
        let mut charged = *value;
        if events_left > 0 && value_left.is_none_or(|left| left > Decimal::ZERO) {
            events_left -= 1;
            let free = value_left.map_or(charged, |left| left.min(charged));
            value_left = value_left.map(|left| left - free);
            charged = arithmetic::minus(charged, free)?;
            if charged.is_zero() {
                continue;
            }
        }
        tally.add(charged, 1, price)?;
    }
    // The first events are as many as can be free.
    for (value, count) in events.later() {
        tally.add(*value, *count, price)?;
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, value: Decimal, count: u64, price: &Percentage) -> Result<(), AmountOutOfRange> {
        let cost = arithmetic::plus(price.percent().of(value)?, price.fixed_fee().value())?;
        let events = if price.minimum().is_some_and(|minimum| cost < minimum.value()) {
            &mut self.at_minimum
        } else if price.maximum().is_some_and(|maximum| cost > maximum.value()) {
            &mut self.at_maximum
        } else {
            self.value = arithmetic::plus(self.value, arithmetic::times(value, Decimal::from(count))?)?;
            &mut self.events
        };
        *events = events.checked_add(count).ok_or(AmountOutOfRange)?;
        Ok(())
    }

    /// The value always, so that a line without usage still says its part; what else is there.
    fn sub_lines(&self, price: &Percentage) -> Result<Vec<SubLine>, AmountOutOfRange> {
        let mut parts = vec![SubLine::priced(Basis::Value, self.value, price.percent().fraction(), Decimal::ZERO)?];
        for (basis, events, fee) in [
            (Basis::Events, self.events, Some(price.fixed_fee())),
            (Basis::EventsAtMinimum, self.at_minimum, price.minimum()),
            (Basis::EventsAtMaximum, self.at_maximum, price.maximum()),
        ] {
            if let Some(fee) = fee.filter(|fee| events > 0 && !fee.value().is_zero()) {
                parts.push(SubLine::priced(basis, Decimal::from(events), fee.value(), Decimal::ZERO)?);
            }
        }
        Ok(parts)
    }
}
