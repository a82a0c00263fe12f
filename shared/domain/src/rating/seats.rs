//! Seats: licensed quantity × unit price, prorated by days where the quantity changed within the period.

use super::{
    Basis, RatingError, SubLine, arithmetic,
    proration::{self, DayShare},
    usage::{SeatSpan, Usage},
};
use crate::money::Rate;
use rust_decimal::Decimal;

/// The model's name.
const NAME: &str = "seats";

pub(super) fn charge(unit_price: Rate, usage: &Usage, days: DayShare) -> Result<Vec<SubLine>, RatingError> {
    let span = |seats: Decimal, days: DayShare| {
        let basis = Basis::Seats { active_days: days.active(), full_days: days.full() };
        let whole = arithmetic::times(seats, unit_price.value())?;
        Ok(SubLine::share(basis, seats, unit_price.value(), proration::share(whole, days)?))
    };
    match usage {
        Usage::Quantity(seats) => Ok(vec![span((*seats).max(Decimal::ZERO), days)?]),
        Usage::Seats(spans) => {
            check_days(spans, days)?;
            let part = |of: &SeatSpan| {
                span(Decimal::from(of.seats), DayShare::new(of.days, days.full()).ok_or(RatingError::TooManyDays)?)
            };
            spans.iter().map(part).collect()
        }
        Usage::Nothing | Usage::Value { .. } | Usage::Events(_) | Usage::Groups(_) | Usage::Amount(_) => {
            Err(RatingError::WrongUsage { model: NAME, needs: "seats" })
        }
    }
}

/// All stretches together are no longer than the days that are billed.
fn check_days(spans: &[SeatSpan], days: DayShare) -> Result<(), RatingError> {
    let sum = spans.iter().try_fold(0_u32, |sum, span| sum.checked_add(span.days));
    if sum.is_some_and(|sum| sum <= days.active()) { Ok(()) } else { Err(RatingError::TooManyDays) }
}
