//! What a million events would cost: `meterline cost` with the workloads that the targets are for.

use super::{BenchError, Row, report::grouped};
use crate::{
    cost::{self, Logged, Report},
    workload::Workload,
};
use domain::Decimal;
use jiff::Timestamp;
use std::time::Duration;

/// When the workloads begin: 2026-06-01T00:00:00Z.
const START_SECOND: i64 = 1_780_272_000;
/// Pollers that Lambda has for each queue; it starts with five.
const POLLERS: u64 = 5;
/// What a function is assumed to wait for each of its calls of AWS.
const CALL_WAIT: Duration = Duration::from_millis(10);
/// Decimal places of a figure.
const PLACES: u32 = 4;

/// A workload, and what is to come out.
struct Case {
    events: u64,
    per_request: u64,
    tenants: usize,
    skewed: bool,
    rate: u64,
    usd: &'static str,
    write_units: &'static str,
    requests: &'static str,
    stored: &'static str,
}

/// The same workloads as in docs/PERFORMANCE.md.
const CASES: [Case; 4] = [
    Case {
        events: 3_000,
        per_request: 1,
        tenants: 10,
        skewed: false,
        rate: 1_000,
        usd: "<= 2.1",
        write_units: "",
        requests: "",
        stored: "",
    },
    Case {
        events: 50_000,
        per_request: 100,
        tenants: 10,
        skewed: false,
        rate: 10_000,
        usd: "<= 0.05",
        write_units: "<= 0.07",
        requests: "<= 42,000",
        stored: "<= 22",
    },
    Case {
        events: 100_000,
        per_request: 1_000,
        tenants: 10,
        skewed: false,
        rate: 1_000,
        usd: "<= 0.027, with S3 bodies <= 0.006",
        write_units: "<= 0.027",
        requests: "",
        stored: "<= 22",
    },
    Case {
        events: 10_000,
        per_request: 1,
        tenants: 1_000,
        skewed: true,
        rate: 1_000,
        usd: "",
        write_units: "<= 0.40",
        requests: "",
        stored: "",
    },
];

/// Models the workloads and hands out each figure once it is there. `logged` collects what the functions log.
///
/// # Errors
/// If the platform fails or refuses an event.
pub async fn spend(logged: Option<&Logged>, mut each: impl FnMut(&Row)) -> Result<(), BenchError> {
    for case in &CASES {
        let plan = case.plan(POLLERS, logged.cloned());
        let report = cost::measure(&plan).await?;
        for row in case.rows(&report) {
            each(&row);
        }
    }
    each(&Row {
        figure: "memory of a warm lane, bytes an event".to_owned(),
        measured: "see cargo bench -p usage_log".to_owned(),
        target: String::new(),
    });
    Ok(())
}

impl Case {
    fn plan(&self, pollers: u64, logged: Option<Logged>) -> cost::Plan {
        cost::Plan { workload: self.workload(), pollers, window: None, call_wait: CALL_WAIT, logged }
    }

    fn workload(&self) -> Workload {
        let &Self { events, per_request, tenants, skewed, rate, .. } = self;
        let start = Timestamp::from_second(START_SECOND).unwrap_or(Timestamp::UNIX_EPOCH);
        Workload { events, per_request, tenants, skewed, rate, start, seed: 1 }
    }

    fn name(&self) -> String {
        let tail = if self.skewed { format!(", Zipf of {}", grouped(self.tenants as u64)) } else { String::new() };
        format!("{} a request{tail}", grouped(self.per_request))
    }

    fn rows(&self, report: &Report) -> Vec<Row> {
        let requests = u64::try_from(report.requests_per_million().round()).unwrap_or(u64::MAX);
        let figures = [
            ("$ per million", fixed(report.usd_per_million()), self.usd),
            ("write units per event", fixed(report.write_units_per_event()), self.write_units),
            ("AWS requests per million", grouped(requests), self.requests),
            ("bytes stored per event", fixed(report.bytes_per_event()), self.stored),
        ];
        // Dollars and write units are shown for every workload, the others where they have a target.
        let shown = figures.into_iter().enumerate().filter(|(place, (.., target))| *place < 2 || !target.is_empty());
        shown
            .map(|(_, (name, measured, target))| Row {
                figure: format!("{name}, {}", self.name()),
                measured,
                target: target.to_owned(),
            })
            .collect()
    }
}

fn fixed(number: Decimal) -> String {
    format!("{:.4}", number.round_dp(PLACES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_named_by_what_sets_them_apart() {
        let names: Vec<String> = CASES.iter().map(Case::name).collect();
        assert_eq!(names, ["1 a request", "100 a request", "1,000 a request", "1 a request, Zipf of 1,000"]);
        assert_eq!(CASES[0].workload().start.to_string(), "2026-06-01T00:00:00Z");
    }

    #[tokio::test]
    async fn figures_stand_beside_their_targets() {
        let small = Case { events: 200, tenants: 2, ..CASES[1] };
        let plan = small.plan(1, None);
        let rows = small.rows(&cost::measure(&plan).await.unwrap());
        let named: Vec<_> = rows.iter().map(|row| (row.figure.as_str(), row.target.as_str())).collect();
        let expect = [
            ("$ per million, 100 a request", "<= 0.05"),
            ("write units per event, 100 a request", "<= 0.07"),
            ("AWS requests per million, 100 a request", "<= 42,000"),
            ("bytes stored per event, 100 a request", "<= 22"),
        ];
        assert_eq!(named, expect);
        assert!(rows.iter().all(|row| row.measured.starts_with(|first: char| first.is_ascii_digit())), "{rows:?}");
    }
}
