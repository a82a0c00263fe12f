//! What a counter holds, and how the readings of many events become one value.
//!
//! Invariants: every tally can be merged with another of its kind, in any order and any grouping, and the outcome is the
//! same; that is what lets lanes, hours and rebuilds be counted apart and agree. Distinct values are no tally: they are
//! kept as a set beside it ([`super::window`]).

use super::{
    meter::{Aggregation, ValueDigest},
    quantity::Quantity,
};
use crate::calendar::Period;
use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};

/// Digits after the point to which an average is rounded, half to even: those of a quantity.
const AVERAGE_SCALE: u32 = super::quantity::QUANTITY_SCALE_MAX;

/// What one event says to one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// That it happened.
    Event,
    /// A quantity.
    Quantity(Quantity),
    /// One of the values that are counted once each.
    Member(ValueDigest),
}

/// What makes one of two events of the same instant the later one: the same for whoever looks, in whatever order.
pub type Tie = u64;

/// The value of a counter over one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// A count or a sum.
    Sum(Quantity),
    /// The smallest quantity.
    Min(Quantity),
    /// The largest quantity.
    Max(Quantity),
    /// The quantity of the last event by event time.
    Latest {
        /// When that event happened.
        at: Timestamp,
        /// Which of several at that instant it is.
        tie: Tie,
        /// Its quantity.
        value: Quantity,
    },
    /// What an average is made of.
    Average {
        /// The sum.
        sum: Quantity,
        /// Of how many.
        count: u64,
    },
    /// What a level is made of that each event raises or lowers.
    Weighted {
        /// All changes together.
        change: Quantity,
        /// Each change times the milliseconds from the start of the hour, in billionths.
        moment: Quantity,
    },
}

/// A total beyond what a counter holds, which no sender can reach by the bounds of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the total of the counters is out of range")]
pub struct TotalOutOfRange;

impl Tally {
    /// The tally of one reading, by an event of the instant `at` in the hour that starts at `hour`.
    ///
    /// `None` for a distinct value, which is no tally.
    #[must_use]
    pub fn of(aggregation: &Aggregation, reading: Reading, at: Timestamp, hour: Timestamp, tie: Tie) -> Option<Self> {
        let value = match reading {
            Reading::Event => Quantity::ONE,
            Reading::Quantity(value) => value,
            Reading::Member(_) => return None,
        };
        Some(match aggregation {
            Aggregation::Count | Aggregation::Sum(_) => Self::Sum(value),
            Aggregation::Min(_) => Self::Min(value),
            Aggregation::Max(_) => Self::Max(value),
            Aggregation::Latest(_) => Self::Latest { at, tie, value },
            Aggregation::Average(_) => Self::Average { sum: value, count: 1 },
            Aggregation::WeightedSum(_) => {
                // Below 10^24 billionths times below 10^7 milliseconds of an hour: far inside the range.
                let moment = Quantity(value.0 * i128::from(at.as_millisecond() - hour.as_millisecond()));
                Self::Weighted { change: value, moment }
            }
            Aggregation::UniqueCount(_) => return None,
        })
    }

    /// Both together. Tallies of two kinds never meet: a meter has one aggregation for ever.
    pub fn merge(self, other: Self) -> Result<Self, TotalOutOfRange> {
        let add = |a: Quantity, b: Quantity| a.checked_add(b).ok_or(TotalOutOfRange);
        Ok(match (self, other) {
            (Self::Sum(a), Self::Sum(b)) => Self::Sum(add(a, b)?),
            (Self::Min(a), Self::Min(b)) => Self::Min(a.min(b)),
            (Self::Max(a), Self::Max(b)) => Self::Max(a.max(b)),
            (Self::Latest { at, tie, value }, Self::Latest { at: other_at, tie: other_tie, value: other_value }) => {
                // The value decides last, so that even an equal tie does not depend on the order.
                if (at, tie, value) >= (other_at, other_tie, other_value) { self } else { other }
            }
            (Self::Average { sum, count }, Self::Average { sum: other_sum, count: other_count }) => Self::Average {
                sum: add(sum, other_sum)?,
                count: count.checked_add(other_count).ok_or(TotalOutOfRange)?,
            },
            (Self::Weighted { change, moment }, Self::Weighted { change: other_change, moment: other_moment }) => {
                Self::Weighted { change: add(change, other_change)?, moment: add(moment, other_moment)? }
            }
            _ => return Err(TotalOutOfRange),
        })
    }

    /// The same tally as seen from an earlier start, so that those of several hours can be merged.
    pub fn seen_from(self, hour: Timestamp, start: Timestamp) -> Result<Self, TotalOutOfRange> {
        match self {
            Self::Weighted { change, moment } => {
                let milliseconds = i128::from(hour.as_millisecond() - start.as_millisecond());
                let shift = change.0.checked_mul(milliseconds).map(Quantity).ok_or(TotalOutOfRange)?;
                Ok(Self::Weighted { change, moment: moment.checked_add(shift).ok_or(TotalOutOfRange)? })
            }
            other => Ok(other),
        }
    }

    /// The value over `period`, at whose start a level is zero.
    pub fn value(self, period: Period) -> Result<Decimal, TotalOutOfRange> {
        let decimal = |value: Quantity| value.decimal().ok_or(TotalOutOfRange);
        match self {
            Self::Sum(value) | Self::Min(value) | Self::Max(value) | Self::Latest { value, .. } => decimal(value),
            Self::Average { sum, count } => quotient(sum.0, i128::from(count)),
            Self::Weighted { change, moment } => {
                // A change at the instant t stands until the end: its weight is the time from t to there, over the whole.
                let length = i128::from(period.end().as_millisecond() - period.start().as_millisecond());
                let area = change.0.checked_mul(length).and_then(|area| area.checked_sub(moment.0));
                quotient(area.ok_or(TotalOutOfRange)?, length)
            }
        }
    }
}

/// `billionths / parts`, rounded half to even to [`AVERAGE_SCALE`] digits.
fn quotient(billionths: i128, parts: i128) -> Result<Decimal, TotalOutOfRange> {
    if parts == 0 {
        return Ok(Decimal::ZERO);
    }
    let (whole, rest) = (billionths.div_euclid(parts), billionths.rem_euclid(parts));
    // The quotient in billionths is whole + rest / parts with a rest from 0 to parts: half to even, in integers.
    let up = match (rest * 2).cmp(&parts.abs()) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => whole.rem_euclid(2),
        std::cmp::Ordering::Greater => 1,
    };
    let value = Quantity(whole + up).decimal().ok_or(TotalOutOfRange)?;
    Ok(value.round_dp_with_strategy(AVERAGE_SCALE, RoundingStrategy::MidpointNearestEven).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Path;
    use proptest::prelude::*;
    use rstest::rstest;

    fn path() -> Path {
        Path::parse("$.n").unwrap()
    }

    fn aggregation(name: &str) -> Aggregation {
        match name {
            "count" => Aggregation::Count,
            "sum" => Aggregation::Sum(path()),
            "min" => Aggregation::Min(path()),
            "max" => Aggregation::Max(path()),
            "latest" => Aggregation::Latest(path()),
            "average" => Aggregation::Average(path()),
            _ => Aggregation::WeightedSum(path()),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The value over `hours` hours from the epoch on, of readings at seconds.
    fn value(aggregation: &Aggregation, readings: &[(i64, &str)], hours: i64) -> String {
        let start = at(0);
        let mut total: Option<Tally> = None;
        for (tie, (second, text)) in readings.iter().enumerate() {
            let hour = at(second - second % 3_600);
            let reading = match aggregation {
                Aggregation::Count => Reading::Event,
                _ => Reading::Quantity(Quantity::parse(text).unwrap()),
            };
            let tally = Tally::of(aggregation, reading, at(*second), hour, tie as u64).unwrap();
            let tally = tally.seen_from(hour, start).unwrap();
            total = Some(total.map_or(tally, |total| total.merge(tally).unwrap()));
        }
        total.unwrap().value(Period::new(start, at(hours * 3_600)).unwrap()).unwrap().to_string()
    }

    #[rstest]
    #[case("count", "3")]
    #[case("sum", "6.5")]
    #[case("min", "1.5")]
    #[case("max", "3")]
    #[case("latest", "2")]
    // 6.5 / 3 = 2.1666…
    #[case("average", "2.166666667")]
    fn readings_become_a_value(#[case] name: &str, #[case] expect: &str) {
        assert_eq!(value(&aggregation(name), &[(10, "1.5"), (5_000, "2"), (4_000, "3")], 2), expect);
    }

    // WS-L1 and WS-L3 of the pricing vectors: 16.5 level-hours and 746 level-hours in the 744 hours of August.
    #[rstest]
    #[case(&[(0, "2"), (3_600, "3"), (5_400, "1"), (7_200, "-4"), (14_400, "-2"), (18_000, "10"), (19_800, "-10")], "0.022177419")]
    #[case(&[(0, "2"), (7_200, "-1")], "1.002688172")]
    #[case(&[(7_200, "-1"), (0, "2")], "1.002688172")]
    fn a_level_is_weighted_by_how_long_it_stood(#[case] changes: &[(i64, &str)], #[case] expect: &str) {
        assert_eq!(value(&aggregation("weightedSum"), changes, 744), expect);
    }

    #[rstest]
    #[case(5, 2, "0.000000002")]
    #[case(7, 2, "0.000000004")]
    #[case(-5, 2, "-0.000000002")]
    #[case(-7, 2, "-0.000000004")]
    #[case(10, 3, "0.000000003")]
    #[case(-10, 3, "-0.000000003")]
    #[case(1, 0, "0")]
    fn a_quotient_rounds_half_to_even(#[case] billionths: i128, #[case] parts: i128, #[case] expect: &str) {
        assert_eq!(quotient(billionths, parts).unwrap().to_string(), expect);
    }

    proptest! {
        #[test]
        fn any_order_and_grouping_gives_the_same(
            readings in prop::collection::vec((0_i64..3_600, -1_000_i64..1_000, 0_u64..3), 2..20),
            split in 1_usize..19,
            name in prop::sample::select(vec!["sum", "min", "max", "latest", "average", "weightedSum"]),
        ) {
            let aggregation = aggregation(name);
            let tally = |(second, n, tie): &(i64, i64, u64)| {
                let reading = Reading::Quantity(Quantity::new(*n, 0).unwrap());
                Tally::of(&aggregation, reading, at(*second), at(0), *tie).unwrap()
            };
            let merge = |part: &[(i64, i64, u64)]| part.iter().map(tally).reduce(|a, b| a.merge(b).unwrap());
            let whole = merge(&readings);
            let mut reversed = readings.clone();
            reversed.reverse();
            prop_assert_eq!(whole, merge(&reversed));
            let (left, right) = readings.split_at(split.min(readings.len() - 1));
            prop_assert_eq!(whole, Some(merge(left).unwrap().merge(merge(right).unwrap()).unwrap()));
        }
    }
}
