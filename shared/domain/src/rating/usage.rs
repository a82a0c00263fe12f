//! What is charged for in a period, in the form that a model needs.
//!
//! Invariant: two parts of a period join into the same whole however they were cut, as long as the parts are joined in
//! the order of time. The values of events are kept one by one only as far as a free allowance can reach; of the others
//! it is enough to know how many there are of each value, because a bound of an event does not depend on its place.

use super::{AmountOutOfRange, RatingError, arithmetic};
use crate::catalog::FREE_EVENTS_MAX;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What was used, or is licensed, in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Nothing is counted: a flat fee.
    Nothing,
    /// A quantity of one meter.
    Quantity(Decimal),
    /// The value of events together, and how many there were.
    Value {
        /// All values together, major units.
        value: Decimal,
        /// How many events.
        events: u64,
    },
    /// The values of events, for a percentage that treats each of them.
    Events(EventValues),
    /// Quantities by the values of dimensions.
    Groups(Vec<GroupUsage>),
    /// The sum of the amounts that came with the events, major units.
    Amount(Decimal),
    /// Licensed seats, for stretches of days of the period.
    Seats(Vec<SeatSpan>),
}

/// A quantity of one combination of values of dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupUsage {
    /// The value of each dimension, by its name.
    pub values: BTreeMap<String, String>,
    /// How much.
    pub quantity: Decimal,
}

/// Some seats for some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatSpan {
    /// How many seats.
    pub seats: u64,
    /// For how many days of the period.
    pub days: u32,
}

/// The values of the events of a period: the first ones in the order of time, the later ones counted by value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventValues {
    first: Vec<Decimal>,
    later: BTreeMap<Decimal, u64>,
}

impl EventValues {
    /// Takes the next event by time. A negative value, such as a refund, counts as an event of no value.
    pub fn push(&mut self, value: Decimal) -> Result<(), AmountOutOfRange> {
        self.push_many(value, 1)
    }

    /// Joins the events of a later part of the period.
    pub fn append(&mut self, later: &Self) -> Result<(), AmountOutOfRange> {
        for value in &later.first {
            self.push_many(*value, 1)?;
        }
        // If there are any, the first ones have filled every place that is kept in order.
        for (value, count) in &later.later {
            self.push_many(*value, *count)?;
        }
        Ok(())
    }

    fn push_many(&mut self, value: Decimal, count: u64) -> Result<(), AmountOutOfRange> {
        let value = value.max(Decimal::ZERO).normalize();
        if count == 1 && self.first.len() < FREE_EVENTS_MAX {
            self.first.push(value);
            return Ok(());
        }
        let known = self.later.entry(value).or_default();
        *known = known.checked_add(count).ok_or(AmountOutOfRange)?;
        Ok(())
    }

    /// The first events, in order; at most [`FREE_EVENTS_MAX`].
    #[must_use]
    pub fn first(&self) -> &[Decimal] {
        &self.first
    }

    /// How many of the events after those have each value.
    #[must_use]
    pub fn later(&self) -> &BTreeMap<Decimal, u64> {
        &self.later
    }

    /// How many events there are.
    pub fn count(&self) -> Result<u64, AmountOutOfRange> {
        let first = u64::try_from(self.first.len()).map_err(|_| AmountOutOfRange)?;
        self.later.values().try_fold(first, |sum, count| sum.checked_add(*count)).ok_or(AmountOutOfRange)
    }

    /// Their value together.
    pub fn value(&self) -> Result<Decimal, AmountOutOfRange> {
        let first = arithmetic::sum(self.first.iter().copied())?;
        self.later.iter().try_fold(first, |sum, (value, count)| {
            arithmetic::plus(sum, arithmetic::times(*value, Decimal::from(*count))?)
        })
    }
}

impl Usage {
    /// The quantity, never below zero: nobody is billed less than nothing for using.
    pub(super) fn quantity(&self, model: &'static str) -> Result<Decimal, RatingError> {
        match self {
            Self::Quantity(quantity) => Ok((*quantity).max(Decimal::ZERO)),
            Self::Nothing
            | Self::Value { .. }
            | Self::Events(_)
            | Self::Groups(_)
            | Self::Amount(_)
            | Self::Seats(_) => Err(RatingError::WrongUsage { model, needs: "a quantity" }),
        }
    }

    /// The value of events together, never below zero.
    pub(super) fn value(&self, model: &'static str) -> Result<Decimal, RatingError> {
        match self {
            Self::Quantity(value) | Self::Value { value, .. } => Ok((*value).max(Decimal::ZERO)),
            Self::Events(events) => Ok(events.value()?),
            Self::Nothing | Self::Groups(_) | Self::Amount(_) | Self::Seats(_) => {
                Err(RatingError::WrongUsage { model, needs: "a value" })
            }
        }
    }

    /// The sum of amounts, never below zero.
    pub(super) fn amount(&self, model: &'static str) -> Result<Decimal, RatingError> {
        match self {
            Self::Amount(amount) => Ok((*amount).max(Decimal::ZERO)),
            Self::Nothing
            | Self::Quantity(_)
            | Self::Value { .. }
            | Self::Events(_)
            | Self::Groups(_)
            | Self::Seats(_) => Err(RatingError::WrongUsage { model, needs: "the amounts of the events" }),
        }
    }

    /// Quantities by dimension.
    pub(super) fn groups(&self, model: &'static str) -> Result<&[GroupUsage], RatingError> {
        match self {
            Self::Groups(groups) => Ok(groups),
            Self::Nothing
            | Self::Quantity(_)
            | Self::Value { .. }
            | Self::Events(_)
            | Self::Amount(_)
            | Self::Seats(_) => Err(RatingError::WrongUsage { model, needs: "quantities by dimension" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(values: impl IntoIterator<Item = i64>) -> EventValues {
        let mut events = EventValues::default();
        for value in values {
            events.push(Decimal::new(value, 2)).unwrap();
        }
        events
    }

    #[test]
    fn the_first_events_keep_their_order_and_the_later_ones_are_counted() {
        let most = i64::try_from(FREE_EVENTS_MAX).unwrap();
        let all = events((0..most).chain([7, 700, 7, -5]));
        assert_eq!(all.first().len(), FREE_EVENTS_MAX);
        assert_eq!(all.first()[2], Decimal::new(2, 2));
        let later: Vec<(String, u64)> = all.later().iter().map(|(value, count)| (value.to_string(), *count)).collect();
        assert_eq!(later, [("0".to_owned(), 1), ("0.07".to_owned(), 2), ("7".to_owned(), 1)]);
        assert_eq!(all.count(), Ok(1_004));
        // 0 + 1 + … + 999 cents are 4995.00.
        assert_eq!(all.value(), Ok(Decimal::new(499_500 + 714, 2)));
    }

    #[test]
    fn a_count_that_does_not_fit_is_refused() {
        let full = || EventValues {
            first: vec![Decimal::ONE; FREE_EVENTS_MAX],
            later: BTreeMap::from([(Decimal::ONE, u64::MAX - 1)]),
        };
        let mut all = full();
        assert_eq!(all.push(Decimal::ONE), Ok(()));
        assert_eq!(all.push(Decimal::ONE), Err(AmountOutOfRange));
        assert_eq!(all.append(&full()), Err(AmountOutOfRange));
        assert_eq!(all.count(), Err(AmountOutOfRange));
        let huge = EventValues { first: vec![Decimal::MAX; 2], later: BTreeMap::new() };
        assert_eq!(huge.value(), Err(AmountOutOfRange));
    }

    proptest! {
        #[test]
        fn parts_join_into_the_same_whole(
            values in prop::collection::vec(0_i64..50, 0..2_600), cuts in prop::array::uniform2(0_usize..2_600),
        ) {
            let (low, high) = (cuts[0].min(cuts[1]).min(values.len()), cuts[0].max(cuts[1]).min(values.len()));
            let part = |part: &[i64]| events(part.iter().copied());
            let (one, two, three) = (part(&values[..low]), part(&values[low..high]), part(&values[high..]));
            let whole = events(values.iter().copied());
            let mut left = one.clone();
            left.append(&two).unwrap();
            left.append(&three).unwrap();
            let mut right = two.clone();
            right.append(&three).unwrap();
            let mut joined = one.clone();
            joined.append(&right).unwrap();
            prop_assert_eq!(&left, &whole);
            prop_assert_eq!(&joined, &whole);
            prop_assert_eq!(whole.count().unwrap(), values.len() as u64);
            prop_assert_eq!(whole.value().unwrap(), Decimal::new(values.iter().sum(), 2));
        }
    }
}
