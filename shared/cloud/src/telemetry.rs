//! JSON logs, and business metrics in CloudWatch's embedded metric format (EMF): a log line that becomes a metric,
//! so that counting costs no request.

use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::{EnvFilter, fmt::time::SystemTime};

/// The namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "Meterline";

/// Starts JSON logs for a deployed function, filtered by `RUST_LOG`.
///
/// Lambda reads `timestamp` and `level` of each line; without both it takes every line for INFO.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let json = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_current_span(true)
        .with_span_list(false)
        .flatten_event(true);
    // A second call, as in tests, keeps the first subscriber.
    let _ = json.try_init();
}

/// Where metrics go.
#[derive(Clone, Debug)]
pub enum Metrics {
    /// To standard output, where CloudWatch finds them.
    Stdout,
    /// To memory, for the local program and tests.
    Memory(Arc<Mutex<Vec<String>>>),
    /// Nowhere.
    Off,
}

impl Metrics {
    /// Counts `value` under `name` for `function` in `stage`.
    pub fn count(&self, stage: &str, function: &str, name: &str, value: u64, now: domain::Timestamp) {
        if matches!(self, Self::Off) {
            return;
        }
        let line = emf(stage, function, name, value, now);
        match self {
            Self::Off => {}
            Self::Stdout => println!("{line}"),
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
        }
    }
}

fn emf(stage: &str, function: &str, name: &str, value: u64, now: domain::Timestamp) -> String {
    serde_json::json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": METRIC_NAMESPACE,
                "Dimensions": [["stage", "function"]],
                "Metrics": [{"Name": name, "Unit": "Count"}],
            }],
        },
        "stage": stage,
        "function": function,
        name: value,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_line_of_the_embedded_format() {
        let metrics = Metrics::Memory(Arc::default());
        metrics.count("dev", "api", "EventsAccepted", 3, domain::Timestamp::UNIX_EPOCH);
        let Metrics::Memory(lines) = metrics else { unreachable!("made above") };
        let line: serde_json::Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        assert_eq!(line["EventsAccepted"], 3);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "EventsAccepted");
        assert_eq!(line["_aws"]["Timestamp"], 0);
    }
}
