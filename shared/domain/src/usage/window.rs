//! How hourly counters become the value of a window: an hour, a day, a month, or a billing period.
//!
//! Invariant: counting over a window equals counting over its parts: sums add, maxima take the largest, and distinct
//! values are united, never added.

use super::{GroupKey, Quantity, Tally, TotalOutOfRange, meter::ValueDigest};
use crate::calendar::{self, CalendarError, Period};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// The width of a bar in a usage answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// One local hour.
    Hour,
    /// One local day.
    Day,
    /// One local month.
    Month,
}

impl Window {
    /// The first instant of the window that holds `instant`.
    pub fn start(self, instant: Timestamp, time_zone: &TimeZone) -> Result<Timestamp, CalendarError> {
        match self {
            Self::Hour => Ok(calendar::hour_start(instant, time_zone)),
            Self::Day => calendar::day_start(instant, time_zone),
            Self::Month => calendar::month_start(instant, time_zone),
        }
    }

    /// The first instant after the window that holds `instant`, which is the start of the next one.
    pub fn end(self, instant: Timestamp, time_zone: &TimeZone) -> Result<Timestamp, CalendarError> {
        let first_day = |day: Date| {
            let zoned = day.to_zoned(time_zone.clone()).map_err(|_| CalendarError)?;
            Ok(zoned.start_of_day().map_err(|_| CalendarError)?.timestamp())
        };
        let day = instant.to_zoned(time_zone.clone()).date();
        match self {
            Self::Hour => {
                let next = calendar::hour_start(instant, time_zone).checked_add(1.hour());
                next.map_err(|_| CalendarError)
            }
            Self::Day => first_day(day.tomorrow().map_err(|_| CalendarError)?),
            Self::Month => first_day(day.last_of_month().tomorrow().map_err(|_| CalendarError)?),
        }
    }
}

/// What one stored counter says: the value of one meter for one group in one local hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlyCounter {
    /// First instant of the hour.
    pub hour: Timestamp,
    /// Values of the meter's dimensions.
    pub group: GroupKey,
    /// The value.
    pub value: CounterValue,
}

/// The value of a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterValue {
    /// What can be added up.
    Tally(Tally),
    /// One member of a set of distinct values.
    Member(ValueDigest),
}

/// Combines counters under `label`, which names the window and group that each belongs to; `span` is that window.
pub fn combine<L: Ord>(
    counters: impl IntoIterator<Item = HourlyCounter>,
    label: impl Fn(&HourlyCounter) -> L,
    span: impl Fn(&L) -> Period,
) -> Result<BTreeMap<L, Decimal>, TotalOutOfRange> {
    let mut totals: BTreeMap<L, Total> = BTreeMap::new();
    for counter in counters {
        let label = label(&counter);
        let start = span(&label).start();
        let total = totals.entry(label).or_default();
        match counter.value {
            CounterValue::Member(member) => {
                total.members.insert(member);
            }
            CounterValue::Tally(tally) => {
                let tally = tally.seen_from(counter.hour, start)?;
                total.tally = Some(match total.tally {
                    Some(so_far) => so_far.merge(tally)?,
                    None => tally,
                });
            }
        }
    }
    let value = |(label, total): (L, Total)| total.value(span(&label)).map(|value| (label, value));
    totals.into_iter().map(value).collect()
}

/// The value of all `counters` together, over `period`.
pub fn total(counters: impl IntoIterator<Item = HourlyCounter>, period: Period) -> Result<Decimal, TotalOutOfRange> {
    Ok(combine(counters, |_| (), |()| period)?.remove(&()).unwrap_or(Decimal::ZERO))
}

/// The sum and the number of what an average is made of.
pub fn sum_and_count(counters: impl IntoIterator<Item = HourlyCounter>) -> Result<(Decimal, u64), TotalOutOfRange> {
    let mut total = Tally::Average { sum: Quantity::ZERO, count: 0 };
    for counter in counters {
        let CounterValue::Tally(tally) = counter.value else { return Err(TotalOutOfRange) };
        total = total.merge(tally)?;
    }
    match total {
        Tally::Average { sum, count } => Ok((sum.decimal().ok_or(TotalOutOfRange)?, count)),
        Tally::Sum(_) | Tally::Min(_) | Tally::Max(_) | Tally::Latest { .. } | Tally::Weighted { .. } => {
            Err(TotalOutOfRange)
        }
    }
}

#[derive(Default)]
struct Total {
    tally: Option<Tally>,
    members: BTreeSet<ValueDigest>,
}

impl Total {
    fn value(&self, period: Period) -> Result<Decimal, TotalOutOfRange> {
        match self.tally {
            Some(tally) => tally.value(period),
            None => Ok(Decimal::from(self.members.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(hour: &str, value: CounterValue) -> HourlyCounter {
        HourlyCounter { hour: format!("2026-05-{hour}:00:00Z").parse().unwrap(), group: GroupKey::default(), value }
    }

    fn tally(hour: &str, tally: Tally) -> HourlyCounter {
        at(hour, CounterValue::Tally(tally))
    }

    fn number(hour: &str, value: i64) -> HourlyCounter {
        tally(hour, Tally::Sum(Quantity::new(value, 0).unwrap()))
    }

    fn may() -> Period {
        Period::new("2026-05-01T00:00:00Z".parse().unwrap(), "2026-06-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    fn member(hour: &str, value: u8) -> HourlyCounter {
        at(hour, CounterValue::Member(ValueDigest([value; 16])))
    }

    // Berlin put its clocks forward on 29 March 2026 and back on 26 October 2025; Sydney is ahead of UTC by 10 hours.
    #[rstest]
    #[case(Window::Hour, "UTC", "2026-05-01T10:30:00Z", "2026-05-01T11:00:00Z")]
    #[case(Window::Hour, "Asia/Kolkata", "2026-05-01T10:35:00Z", "2026-05-01T11:30:00Z")]
    #[case(Window::Day, "UTC", "2026-05-01T10:30:00Z", "2026-05-02T00:00:00Z")]
    #[case(Window::Day, "Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-29T22:00:00Z")]
    #[case(Window::Day, "Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z")]
    #[case(Window::Month, "UTC", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")]
    #[case(Window::Month, "Australia/Sydney", "2026-05-31T15:00:00Z", "2026-06-30T14:00:00Z")]
    fn a_window_ends_where_the_next_starts(
        #[case] window: Window,
        #[case] zone: &str,
        #[case] instant: Timestamp,
        #[case] expect: Timestamp,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let end = window.end(instant, &zone).unwrap();
        assert_eq!(end, expect);
        assert_eq!(window.start(end, &zone).unwrap(), end);
    }

    #[rstest]
    #[case::sum(vec![number("01T00", 2), number("02T00", 3)], 5)]
    #[case::max(vec![tally("01T00", Tally::Max(Quantity::whole(2))), tally("02T00", Tally::Max(Quantity::ONE))], 2)]
    #[case::unique(vec![member("01T00", 1), member("02T00", 1), member("02T00", 2)], 2)]
    #[case::nothing(vec![], 0)]
    fn counters_combine(#[case] counters: Vec<HourlyCounter>, #[case] expect: i64) {
        assert_eq!(total(counters, may()), Ok(Decimal::from(expect)));
    }

    #[rstest]
    #[case::nothing(vec![], Ok(("0", 0)))]
    #[case::two_hours(
        vec![
            tally("01T00", Tally::Average { sum: Quantity::whole(5), count: 2 }),
            tally("02T00", Tally::Average { sum: Quantity::new(25, 1).unwrap(), count: 1 }),
        ],
        Ok(("7.5", 3))
    )]
    #[case::a_sum(vec![number("01T00", 2)], Err(TotalOutOfRange))]
    #[case::a_distinct_value(vec![member("01T00", 1)], Err(TotalOutOfRange))]
    fn an_average_is_taken_apart(
        #[case] counters: Vec<HourlyCounter>,
        #[case] expect: Result<(&str, u64), TotalOutOfRange>,
    ) {
        let expect = expect.map(|(sum, count)| (sum.parse().unwrap(), count));
        assert_eq!(sum_and_count(counters), expect);
    }

    #[test]
    fn a_level_goes_on_through_the_hours_of_its_window() {
        // Two seats from the start of 1 May on, and one less from the start of the 16th: 2 x 15 + 1 x 16 days of 31.
        let change = |hour, seats: i64| {
            let change = Quantity::new(seats, 0).unwrap();
            tally(hour, Tally::Weighted { change, moment: Quantity::ZERO })
        };
        let value = total(vec![change("01T00", 2), change("16T00", -1)], may()).unwrap();
        assert_eq!(value.to_string(), "1.483870968");
    }

    #[test]
    fn a_day_is_the_tenants_own() {
        let new_york = TimeZone::get("America/New_York").unwrap();
        let counters = vec![number("02T03", 1), number("02T04", 10)];
        let label = |counter: &HourlyCounter| Window::Day.start(counter.hour, &new_york).unwrap().to_string();
        let days = combine(counters, label, |_| may()).unwrap();
        let expect = [("2026-05-01T04:00:00Z", 1), ("2026-05-02T04:00:00Z", 10)];
        assert_eq!(days, expect.map(|(day, n)| (day.to_owned(), Decimal::from(n))).into());
    }

    proptest! {
        #[test]
        fn the_distinct_values_of_a_window_never_exceed_those_of_its_hours(
            values in prop::collection::vec((0_u8..24, 0_u8..10), 0..60),
        ) {
            let counters = || values.iter().map(|(hour, value)| member(&format!("01T{hour:02}"), *value));
            let hours = combine(counters(), |counter| counter.hour, |_| may()).unwrap();
            let whole = total(counters(), may()).unwrap();
            let distinct: BTreeSet<u8> = values.iter().map(|(_, value)| *value).collect();
            prop_assert_eq!(whole, Decimal::from(distinct.len()));
            prop_assert!(whole <= hours.values().sum());
        }
    }
}
