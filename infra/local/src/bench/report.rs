//! Figures as lines of a table, and the few numbers that are made of times.

use std::{fmt, time::Duration};

/// Width of the column of figures.
const FIGURE_WIDTH: usize = 52;
/// Width of the column of measured values.
const MEASURED_WIDTH: usize = 36;
/// Microseconds in a tenth of a millisecond, which is as exact as delays are shown.
const TENTH_MICROS: u128 = 100;

/// A line of the table: what was measured beside what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of what.
    pub figure: String,
    /// What it is.
    pub measured: String,
    /// What it should be; empty where nobody has said.
    pub target: String,
}

impl Row {
    /// A figure without a target.
    pub(super) fn of(figure: &str, measured: String) -> Self {
        Self { figure: figure.to_owned(), measured, target: String::new() }
    }

    /// The line above the figures.
    #[must_use]
    pub fn header() -> Self {
        Self { figure: "figure".to_owned(), measured: "measured".to_owned(), target: "target".to_owned() }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, measured, target } = self;
        let line = format!("{figure:<FIGURE_WIDTH$}  {measured:<MEASURED_WIDTH$}  {target}");
        formatter.write_str(line.trim_end())
    }
}

/// Events a second, rounded down.
pub(super) fn per_second(events: u64, took: Duration) -> u64 {
    let rate = u128::from(events) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A rate, and the processor time for each event where it is known.
pub(super) fn rate(events: u64, took: Duration, worked: Option<Duration>) -> String {
    let rate = format!("{} events/s", grouped(per_second(events, took)));
    let Some(worked) = worked else { return rate };
    let nanoseconds = worked.as_nanos() / u128::from(events.max(1));
    format!("{rate}, {}.{:02} us CPU each", nanoseconds / 1_000, nanoseconds % 1_000 / 10)
}

/// How long `runs` took, and the processor time for each of them where it is known.
pub(super) fn taken(runs: u64, took: Duration, worked: Option<Duration>) -> String {
    let tenths = took.as_millis() / 100;
    let took = format!("{}.{} s", tenths / 10, tenths % 10);
    let Some(worked) = worked else { return took };
    format!("{took}, {} us CPU each", worked.as_micros() / u128::from(runs.max(1)))
}

/// The smallest of `sorted` that at least so many of a hundred do not exceed (nearest rank).
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Milliseconds with one decimal place, rounded half up.
pub(super) fn milliseconds(time: Duration) -> String {
    let tenths = (time.as_micros() + TENTH_MICROS / 2) / TENTH_MICROS;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_one_line() {
        let rows = [
            (
                ["HTTP to counted, 1 a request", "9,876 events/s", ">= 25,000"],
                "HTTP to counted, 1 a request                          9,876 events/s                        >= 25,000",
            ),
            (["delay", "1.0 ms", ""], "delay                                                 1.0 ms"),
        ];
        for ([figure, measured, target], expect) in rows {
            let [figure, measured, target] = [figure, measured, target].map(str::to_owned);
            assert_eq!(Row { figure, measured, target }.to_string(), expect);
        }
        let header =
            "figure                                                measured                              target";
        assert_eq!(Row::header().to_string(), header);
    }

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let rows: [(&[u64], usize, Option<u64>); 7] = [
            (&[], 50, None),
            (&[7], 99, Some(7)),
            // The middle of an even number is the lower one.
            (&[1, 2, 3, 4], 50, Some(2)),
            (&[1, 2, 3], 50, Some(2)),
            // 99 of 100 of four is 3.96, hence the fourth.
            (&[1, 2, 3, 4], 99, Some(4)),
            (&[1, 2], 0, Some(1)),
            (&[1, 2], 100, Some(2)),
        ];
        for (millis, percent, expect) in rows {
            let sorted: Vec<Duration> = millis.iter().copied().map(Duration::from_millis).collect();
            let found = percentile(&sorted, percent);
            assert_eq!(found, expect.map(Duration::from_millis), "{percent} of {millis:?}");
        }
    }

    #[test]
    fn the_99th_of_a_thousand_leaves_ten_above() {
        let sorted: Vec<Duration> = (1..=1_000).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 99), Some(Duration::from_millis(990)));
    }

    #[test]
    fn a_rate_is_whole_events_a_second() {
        for (events, micros, expect) in
            [(1_000, 1_000_000, 1_000), (2, 3_000_000, 0), (500, 1_000, 500_000), (3, 0, 3_000_000)]
        {
            assert_eq!(per_second(events, Duration::from_micros(micros)), expect, "{events} in {micros}");
        }
    }

    #[test]
    fn a_rate_stands_before_its_processor_time() {
        let second = Duration::from_secs(1);
        for (events, worked, expect) in [
            (250_000, Some(2 * second), "250,000 events/s, 8.00 us CPU each"),
            (3, Some(Duration::from_nanos(3_070)), "3 events/s, 1.02 us CPU each"),
            (1_000, None, "1,000 events/s"),
            (0, Some(second), "0 events/s, 1000000.00 us CPU each"),
        ] {
            assert_eq!(rate(events, second, worked), expect);
        }
    }

    #[test]
    fn a_time_stands_before_what_each_run_has_of_it() {
        for (millis, runs, worked, expect) in [
            (12_349, 10, Some(Duration::from_millis(25)), "12.3 s, 2500 us CPU each"),
            (49, 0, Some(Duration::from_millis(1)), "0.0 s, 1000 us CPU each"),
            (1_000, 1, None, "1.0 s"),
        ] {
            assert_eq!(taken(runs, Duration::from_millis(millis), worked), expect);
        }
    }

    #[test]
    fn delays_have_one_place_rounded_half_up() {
        for (micros, expect) in
            [(0, "0.0 ms"), (49, "0.0 ms"), (50, "0.1 ms"), (1_960, "2.0 ms"), (12_345_678, "12345.7 ms")]
        {
            assert_eq!(milliseconds(Duration::from_micros(micros)), expect, "{micros}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, expect) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expect);
        }
    }
}
