//! Civil time: half-open periods and the billing calendar, in the tenant's time zone (RATING.md, *Periods*).
//!
//! Invariants: a period is `[start, end)` and never empty; a subscription's periods follow each other without gap or
//! overlap; each is computed from the original anchor, so that a day clamped to a short month returns (31 Jan,
//! 29 Feb, 31 Mar); civil days decide, so that daylight saving never moves one. A day that a zone skipped altogether, as
//! Samoa did with 30 December 2011, is an empty day: no period starts on it, so that none is empty.

use jiff::{Span, Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// Half-open span of time `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// The period from `start` to before `end`, if that is not empty.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// First instant inside.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// First instant after.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether `instant` lies inside.
    #[must_use]
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

/// The unit of a billing interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntervalUnit {
    /// Civil days.
    Day,
    /// Weeks, starting on Monday when aligned to the calendar.
    Week,
    /// Months.
    Month,
    /// Three months.
    Quarter,
    /// Six months.
    HalfYear,
    /// Twelve months.
    Year,
}

/// Changes of a zone's offset that are looked through for days that it skipped: a zone has a few a year.
const TRANSITIONS_MAX: usize = 50_000;
/// Days that a zone may have skipped: none has skipped two.
const SKIPPED_DAYS_MAX: i64 = 8;
const DAY_SECONDS: i32 = 24 * 60 * 60;

/// Longest billing interval, in units.
pub const INTERVAL_COUNT_MAX: u8 = 24;

/// How long a billing period is: `count` times `unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    unit: IntervalUnit,
    count: u8,
}

impl Interval {
    /// One month: what most plans bill by.
    pub const MONTH: Self = Self { unit: IntervalUnit::Month, count: 1 };

    const DAY: Self = Self { unit: IntervalUnit::Day, count: 1 };

    /// The interval, if `count` is from 1 to [`INTERVAL_COUNT_MAX`].
    #[must_use]
    pub fn new(unit: IntervalUnit, count: u8) -> Option<Self> {
        (1..=INTERVAL_COUNT_MAX).contains(&count).then_some(Self { unit, count })
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> IntervalUnit {
        self.unit
    }

    /// How many units.
    #[must_use]
    pub fn count(self) -> u8 {
        self.count
    }

    fn times(self, n: u32) -> Span {
        let n = i64::from(n) * i64::from(self.count);
        match self.unit {
            IntervalUnit::Day => n.days(),
            IntervalUnit::Week => n.weeks(),
            IntervalUnit::Month => n.months(),
            IntervalUnit::Quarter => (n * 3).months(),
            IntervalUnit::HalfYear => (n * 6).months(),
            IntervalUnit::Year => (n * 12).months(),
        }
    }
}

/// Which days periods start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// On the calendar's own bounds (Monday, first of month, quarter, half-year, year): the first period may be short.
    Calendar,
    /// On the day of the subscription's start, clamped to short months.
    Anniversary,
}

/// The endless sequence of a subscription's billing periods.
#[derive(Clone, Debug, PartialEq)]
pub struct BillingCalendar {
    /// Length of a period.
    pub interval: Interval,
    /// Which days periods start on.
    pub anchor: Anchor,
    /// First billed civil day.
    pub starts_on: Date,
    /// Where civil days begin and end.
    pub time_zone: TimeZone,
}

/// One billing period in civil days and in instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingPeriod {
    /// From the first instant of the first day to the first instant after the last.
    pub period: Period,
    /// First civil day.
    pub first_day: Date,
    /// First civil day after.
    pub end_day: Date,
    /// Days from the first to the last: all of the interval, unless the period starts late or ends early.
    pub active_days: u32,
    /// Days of the whole interval.
    pub full_days: u32,
}

/// The instant that is `n` intervals after `start` on the clocks of `time_zone`, computed from `start` itself, so that a day
/// that was clamped to a short month returns.
pub fn instant_after(
    start: Timestamp,
    interval: Interval,
    n: u32,
    time_zone: &TimeZone,
) -> Result<Timestamp, CalendarError> {
    let zoned = start.to_zoned(time_zone.clone());
    Ok(zoned.checked_add(interval.times(n)).map_err(|_| CalendarError)?.timestamp())
}

/// A date beyond what the calendar can hold (the year 9999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("date out of the calendar's range")]
pub struct CalendarError;

impl BillingCalendar {
    /// The `n`-th billing period, counted from 0.
    pub fn period(&self, n: u32) -> Result<BillingPeriod, CalendarError> {
        let grid_start = self.boundary(n)?;
        let end_day = self.boundary(n.checked_add(1).ok_or(CalendarError)?)?;
        let first_day = grid_start.max(self.first_day()?);
        Ok(BillingPeriod {
            period: self.span(first_day, end_day)?,
            first_day,
            end_day,
            active_days: days(first_day, end_day)?,
            full_days: days(grid_start, end_day)?,
        })
    }

    /// `period` of this calendar, ended before `end_day`, which lies inside it; the days of its interval stay.
    pub fn cut(&self, period: &BillingPeriod, end_day: Date) -> Result<BillingPeriod, CalendarError> {
        Ok(BillingPeriod {
            period: self.span(period.first_day, end_day)?,
            first_day: period.first_day,
            end_day,
            active_days: days(period.first_day, end_day)?,
            full_days: period.full_days,
        })
    }

    /// The instants from the first of `first_day` to before the first of `end_day`.
    pub fn span(&self, first_day: Date, end_day: Date) -> Result<Period, CalendarError> {
        let at = |day| first_instant(day, &self.time_zone);
        Period::new(at(first_day)?, at(end_day)?).ok_or(CalendarError)
    }

    /// Which period, counted from 0, `day` lies in; the first one for a day before it.
    ///
    /// Found by bisection over the boundaries, because a month has no fixed number of days.
    #[must_use]
    pub fn index_on(&self, day: Date) -> u32 {
        // Where the calendar cannot count any more, every day lies before.
        let ends_after = |n: u32| self.boundary(n + 1).map_or(true, |end| end > day);
        let mut upper = 0;
        while !ends_after(upper) {
            upper = upper * 2 + 1;
        }
        let mut lower = 0;
        while lower < upper {
            let middle = lower + (upper - lower) / 2;
            if ends_after(middle) {
                upper = middle;
            } else {
                lower = middle + 1;
            }
        }
        upper
    }

    /// The `n`-th boundary day of the grid, computed from the original anchor; of single days, only those count that are.
    fn boundary(&self, n: u32) -> Result<Date, CalendarError> {
        let origin = self.origin()?;
        let mut day = origin.checked_add(self.interval.times(n)).map_err(|_| CalendarError)?;
        if self.interval == Interval::DAY {
            for skipped in skipped_days(origin, day, &self.time_zone)? {
                if skipped <= day {
                    day = day.tomorrow().map_err(|_| CalendarError)?;
                }
            }
        }
        Ok(day)
    }

    /// The first billed day that is one.
    fn first_day(&self) -> Result<Date, CalendarError> {
        let next = self.starts_on.tomorrow().map_err(|_| CalendarError)?;
        let is_skipped = first_instant(self.starts_on, &self.time_zone)? == first_instant(next, &self.time_zone)?;
        Ok(if is_skipped { next } else { self.starts_on })
    }

    fn origin(&self) -> Result<Date, CalendarError> {
        // A day of the month to return to is one even where that month skipped it.
        let is_kept = self.anchor == Anchor::Anniversary && self.interval != Interval::DAY;
        let start = if is_kept { self.starts_on } else { self.first_day()? };
        if self.anchor == Anchor::Anniversary {
            return Ok(start);
        }
        let first_of_month_block = |months: i8| start.with().month((start.month() - 1) / months * months + 1).day(1);
        match self.interval.unit {
            IntervalUnit::Day => Ok(start),
            IntervalUnit::Week => {
                let since_monday = i64::from(start.weekday().to_monday_zero_offset());
                start.checked_sub(since_monday.days()).map_err(|_| CalendarError)
            }
            IntervalUnit::Month => first_of_month_block(1).build().map_err(|_| CalendarError),
            IntervalUnit::Quarter => first_of_month_block(3).build().map_err(|_| CalendarError),
            IntervalUnit::HalfYear => first_of_month_block(6).build().map_err(|_| CalendarError),
            IntervalUnit::Year => first_of_month_block(12).build().map_err(|_| CalendarError),
        }
    }
}

/// The days that `time_zone` skipped altogether, from `from` to some days after `to`, in order.
fn skipped_days(from: Date, to: Date, time_zone: &TimeZone) -> Result<Vec<Date>, CalendarError> {
    let last = to.checked_add(SKIPPED_DAYS_MAX.days()).map_err(|_| CalendarError)?;
    let (start, end) = (first_instant(from, time_zone)?, first_instant(last, time_zone)?);
    let mut skipped = Vec::new();
    for transition in time_zone.following(start).take(TRANSITIONS_MAX) {
        let at = transition.timestamp();
        if at > end {
            break;
        }
        let just_before = at.checked_sub(1.nanoseconds()).map_err(|_| CalendarError)?;
        let before = time_zone.to_offset(just_before);
        if transition.offset().seconds() - before.seconds() < DAY_SECONDS {
            continue;
        }
        // What the clocks would have shown: the first day that has no instant begins then or with the next midnight.
        let would_be = before.to_datetime(at);
        let is_midnight = would_be.time() == jiff::civil::Time::midnight();
        let day = would_be.date();
        skipped.push(if is_midnight { day } else { day.tomorrow().map_err(|_| CalendarError)? });
    }
    Ok(skipped)
}

/// The first instant of `day`: of one whose midnight is skipped by daylight saving, its first existing instant.
pub fn first_instant(day: Date, time_zone: &TimeZone) -> Result<Timestamp, CalendarError> {
    let zoned = day.to_zoned(time_zone.clone()).map_err(|_| CalendarError)?;
    Ok(zoned.start_of_day().map_err(|_| CalendarError)?.timestamp())
}

/// The start of the local hour that holds `instant`: the bucket of hourly counters.
///
/// Computed from the offset in force, so that the two equal-named hours of an autumn night stay two.
#[must_use]
pub fn hour_start(instant: Timestamp, time_zone: &TimeZone) -> Timestamp {
    const HOUR_SECONDS: i64 = 3600;
    let offset = i64::from(time_zone.to_offset(instant).seconds());
    let second = instant.as_second();
    let start = second - (second + offset).rem_euclid(HOUR_SECONDS);
    Timestamp::from_second(start).unwrap_or(instant)
}

/// The first instant of the local day that holds `instant`.
pub fn day_start(instant: Timestamp, time_zone: &TimeZone) -> Result<Timestamp, CalendarError> {
    let zoned = instant.to_zoned(time_zone.clone());
    Ok(zoned.start_of_day().map_err(|_| CalendarError)?.timestamp())
}

/// The first instant of the local month that holds `instant`.
pub fn month_start(instant: Timestamp, time_zone: &TimeZone) -> Result<Timestamp, CalendarError> {
    let zoned = instant.to_zoned(time_zone.clone());
    let first = zoned.date().first_of_month().to_zoned(time_zone.clone()).map_err(|_| CalendarError)?;
    Ok(first.start_of_day().map_err(|_| CalendarError)?.timestamp())
}

/// How many days there are from `from` to before `to`.
pub(crate) fn days(from: Date, to: Date) -> Result<u32, CalendarError> {
    let span = from.until(to).map_err(|_| CalendarError)?;
    u32::try_from(span.get_days()).map_err(|_| CalendarError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn calendar(unit: IntervalUnit, anchor: Anchor, starts_on: &str, zone: &str) -> BillingCalendar {
        BillingCalendar {
            interval: Interval::new(unit, 1).unwrap(),
            anchor,
            starts_on: starts_on.parse().unwrap(),
            time_zone: TimeZone::get(zone).unwrap(),
        }
    }

    #[rstest]
    #[case::b_m1_monthly(IntervalUnit::Month, Anchor::Calendar, "2021-01-10", 0, "2021-01-10/2021-02-01")]
    #[case::b_m3_quarterly(IntervalUnit::Quarter, Anchor::Calendar, "2021-01-10", 0, "2021-01-10/2021-04-01")]
    #[case::half_year(IntervalUnit::HalfYear, Anchor::Calendar, "2021-08-10", 1, "2022-01-01/2022-07-01")]
    #[case::year(IntervalUnit::Year, Anchor::Calendar, "2021-08-10", 0, "2021-08-10/2022-01-01")]
    #[case::week_from_wednesday(IntervalUnit::Week, Anchor::Calendar, "2026-11-18", 0, "2026-11-18/2026-11-23")]
    #[case::day(IntervalUnit::Day, Anchor::Calendar, "2026-11-18", 2, "2026-11-20/2026-11-21")]
    #[case::b_m5_clamps(IntervalUnit::Month, Anchor::Anniversary, "2024-01-31", 0, "2024-01-31/2024-02-29")]
    #[case::b_m5_returns(IntervalUnit::Month, Anchor::Anniversary, "2024-01-31", 1, "2024-02-29/2024-03-31")]
    #[case::leap_day(IntervalUnit::Year, Anchor::Anniversary, "2024-02-29", 4, "2028-02-29/2029-02-28")]
    fn periods_follow_the_anchor(
        #[case] unit: IntervalUnit,
        #[case] anchor: Anchor,
        #[case] starts_on: &str,
        #[case] n: u32,
        #[case] expect: &str,
    ) {
        let period = calendar(unit, anchor, starts_on, "UTC").period(n).unwrap();
        assert_eq!(format!("{}/{}", period.first_day, period.end_day), expect);
    }

    #[rstest]
    #[case::pr_l1_monthly(IntervalUnit::Month, "2022-03-15", 17, 31)]
    #[case::pr_l3_weekly(IntervalUnit::Week, "2022-03-16", 5, 7)]
    #[case::pr_l7_yearly(IntervalUnit::Year, "2022-03-15", 292, 365)]
    fn a_late_start_bills_its_days(
        #[case] unit: IntervalUnit,
        #[case] day: &str,
        #[case] active: u32,
        #[case] full: u32,
    ) {
        let period = calendar(unit, Anchor::Calendar, day, "UTC").period(0).unwrap();
        assert_eq!((period.active_days, period.full_days), (active, full));
    }

    #[rstest]
    #[case::before_summer_time("2026-03-01", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")]
    #[case::after_summer_time("2026-10-01", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")]
    fn civil_months_survive_daylight_saving(#[case] day: &str, #[case] start: &str, #[case] end: &str) {
        let period = calendar(IntervalUnit::Month, Anchor::Calendar, day, "Europe/Berlin").period(0).unwrap().period;
        assert_eq!((period.start().to_string(), period.end().to_string()), (start.to_owned(), end.to_owned()));
    }

    #[rstest]
    #[case::half_hour_zone("2026-05-01T10:15:00Z", "Asia/Kolkata", "2026-05-01T09:30:00Z")]
    #[case::first_two_oclock_of_autumn("2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-25T00:00:00Z")]
    #[case::second_two_oclock_of_autumn("2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T01:00:00Z")]
    #[case::before_1970("1969-12-31T23:59:59Z", "UTC", "1969-12-31T23:00:00Z")]
    fn hours_are_local(#[case] instant: Timestamp, #[case] zone: &str, #[case] start: Timestamp) {
        assert_eq!(hour_start(instant, &TimeZone::get(zone).unwrap()), start);
    }

    // Samoa went from 29 to 31 December 2011, Kiritimati from 30 December 1994 to 1 January 1995.
    #[rstest]
    #[case::before(IntervalUnit::Day, Anchor::Anniversary, ("2011-12-28", "Pacific/Apia"), 0, "2011-12-28/2011-12-29 1/1")]
    #[case::the_day_before_has_it(
        IntervalUnit::Day, Anchor::Anniversary, ("2011-12-28", "Pacific/Apia"), 1, "2011-12-29/2011-12-31 2/2"
    )]
    #[case::after(IntervalUnit::Day, Anchor::Anniversary, ("2011-12-28", "Pacific/Apia"), 2, "2011-12-31/2012-01-01 1/1")]
    #[case::long_after(IntervalUnit::Day, Anchor::Calendar, ("2011-12-28", "Pacific/Apia"), 33, "2012-01-31/2012-02-01 1/1")]
    #[case::starts_on_it(IntervalUnit::Day, Anchor::Calendar, ("2011-12-30", "Pacific/Apia"), 0, "2011-12-31/2012-01-01 1/1")]
    #[case::a_month_starts_on_it(
        IntervalUnit::Month, Anchor::Anniversary, ("2011-12-30", "Pacific/Apia"), 0, "2011-12-31/2012-01-30 30/31"
    )]
    #[case::the_last_of_its_month(
        IntervalUnit::Month, Anchor::Calendar, ("1994-12-31", "Pacific/Kiritimati"), 0, "1995-01-01/1995-02-01 31/31"
    )]
    fn a_day_that_was_skipped_is_empty(
        #[case] unit: IntervalUnit,
        #[case] anchor: Anchor,
        #[case] (starts_on, zone): (&str, &str),
        #[case] n: u32,
        #[case] expect: &str,
    ) {
        let BillingPeriod { first_day, end_day, active_days, full_days, .. } =
            calendar(unit, anchor, starts_on, zone).period(n).unwrap();
        assert_eq!(format!("{first_day}/{end_day} {active_days}/{full_days}"), expect);
    }

    #[test]
    fn an_empty_period_cannot_be_said() {
        let instant = Timestamp::UNIX_EPOCH;
        assert_eq!(Period::new(instant, instant), None);
    }

    proptest! {
        #[test]
        fn periods_touch_where_a_day_was_skipped(
            day in 0_i64..120, n in 0_u32..60, count in 1_u8..=3, unit in 0_usize..3, anniversary: bool,
        ) {
            let calendar = BillingCalendar {
                interval: Interval::new([IntervalUnit::Day, IntervalUnit::Week, IntervalUnit::Month][unit], count).unwrap(),
                anchor: if anniversary { Anchor::Anniversary } else { Anchor::Calendar },
                starts_on: jiff::civil::date(2011, 10, 1).checked_add(day.days()).unwrap(),
                time_zone: TimeZone::get("Pacific/Apia").unwrap(),
            };
            let (this, next) = (calendar.period(n).unwrap(), calendar.period(n + 1).unwrap());
            prop_assert_eq!((this.period.end(), this.end_day), (next.period.start(), next.first_day));
            prop_assert!(this.period.start() < this.period.end());
            prop_assert!(this.active_days <= this.full_days && this.active_days > 0);
            prop_assert_eq!(calendar.index_on(this.first_day), n);
            prop_assert_eq!(calendar.index_on(this.end_day), n + 1);
        }

        #[test]
        fn periods_touch_and_never_overlap(
            day in 0_i64..20_000, n in 0_u32..60, count in 1_u8..=12, unit in 0_usize..6, anniversary: bool,
        ) {
            use IntervalUnit::{Day, HalfYear, Month, Quarter, Week, Year};
            let calendar = BillingCalendar {
                interval: Interval::new([Day, Week, Month, Quarter, HalfYear, Year][unit], count).unwrap(),
                anchor: if anniversary { Anchor::Anniversary } else { Anchor::Calendar },
                starts_on: jiff::civil::date(1990, 1, 1).checked_add(day.days()).unwrap(),
                time_zone: TimeZone::get("America/New_York").unwrap(),
            };
            let (this, next) = (calendar.period(n).unwrap(), calendar.period(n + 1).unwrap());
            prop_assert_eq!(this.period.end(), next.period.start());
            prop_assert!(this.active_days <= this.full_days && this.active_days > 0);
            prop_assert!(n > 0 || this.first_day == calendar.starts_on);
            prop_assert_eq!(calendar.index_on(this.first_day), n);
            prop_assert_eq!(calendar.index_on(this.end_day), n + 1);
        }
    }
}
