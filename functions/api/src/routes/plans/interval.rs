//! The interval of a plan on the wire.

use domain::{
    Violation,
    calendar::{self, INTERVAL_COUNT_MAX},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a billing period is: `count` times `unit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Interval {
    /// The unit.
    unit: IntervalUnit,
    /// How many of it, from 1 to 24.
    #[schema(minimum = 1, maximum = 24)]
    count: u8,
}

/// The unit of a billing interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum IntervalUnit {
    /// Civil days.
    Day,
    /// Weeks.
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

impl Interval {
    /// One month.
    pub(super) fn month() -> Self {
        Self { unit: IntervalUnit::Month, count: 1 }
    }

    /// The interval, if it is not too long.
    pub(crate) fn decide(self) -> Result<calendar::Interval, Violation> {
        let unit = match self.unit {
            IntervalUnit::Day => calendar::IntervalUnit::Day,
            IntervalUnit::Week => calendar::IntervalUnit::Week,
            IntervalUnit::Month => calendar::IntervalUnit::Month,
            IntervalUnit::Quarter => calendar::IntervalUnit::Quarter,
            IntervalUnit::HalfYear => calendar::IntervalUnit::HalfYear,
            IntervalUnit::Year => calendar::IntervalUnit::Year,
        };
        calendar::Interval::new(unit, self.count).ok_or_else(|| {
            let message = format!("send a count from 1 to {INTERVAL_COUNT_MAX}");
            Violation::new("/interval/count", "interval_out_of_range", message)
        })
    }
}

impl From<calendar::Interval> for Interval {
    fn from(interval: calendar::Interval) -> Self {
        let unit = match interval.unit() {
            calendar::IntervalUnit::Day => IntervalUnit::Day,
            calendar::IntervalUnit::Week => IntervalUnit::Week,
            calendar::IntervalUnit::Month => IntervalUnit::Month,
            calendar::IntervalUnit::Quarter => IntervalUnit::Quarter,
            calendar::IntervalUnit::HalfYear => IntervalUnit::HalfYear,
            calendar::IntervalUnit::Year => IntervalUnit::Year,
        };
        Self { unit, count: interval.count() }
    }
}
