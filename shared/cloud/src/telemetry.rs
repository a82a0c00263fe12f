//! JSON logs, and business metrics in CloudWatch's embedded metric format (EMF): a log line that becomes metrics, so
//! that counting costs no request.
//!
//! Inside of an invocation ([`crate::spend::invocation`]) metrics are gathered, and one line has all of them; outside of
//! one each is a line of its own. What a function and its tenants consumed stands in the same kind of line as
//! properties, never as dimensions or metrics.

use crate::{
    spend::{self, Amounts, Function},
    world::World,
};
use domain::{Timestamp, id::TenantId};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, time::SystemTime},
};

/// The namespace of all metrics.
pub const METRIC_NAMESPACE: &str = "Meterline";

/// Starts JSON logs for a deployed function, filtered by `RUST_LOG`.
///
/// Lambda reads `timestamp` and `level` of each line; without both it takes every line for INFO.
pub fn init() {
    init_to(std::io::stdout);
}

/// As [`init`], with the lines going to `writer`.
pub fn init_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let json = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_current_span(true)
        .with_span_list(false)
        .flatten_event(true)
        .with_writer(writer);
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
    /// Counts `value` under `name` for `function` in `stage`: gathered in an invocation, written at once outside of one.
    pub fn count(&self, stage: &str, function: &str, name: &'static str, value: u64, now: Timestamp) {
        if !matches!(self, Self::Off) && !spend::count(name, value) {
            self.write(line(stage, function, &BTreeMap::from([(name, value)]), &Amounts::default(), now));
        }
    }

    fn write(&self, line: String) {
        match self {
            Self::Off => {}
            Self::Stdout => println!("{line}"),
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
        }
    }
}

impl World {
    /// Gathers what an invocation spent and counted, and writes what is due.
    pub(crate) fn settle(&self, function: Function, spent: &spend::Spent) {
        if matches!(self.metrics(), Metrics::Off) {
            return;
        }
        let now = self.now();
        if let Some(due) = self.gathered().settle(function, spent, now) {
            self.write_spent(function, &due, now);
        }
    }

    /// Writes what is gathered and not written yet: at the end of a process that is told of its end.
    pub fn write_gathered(&self) {
        for (function, spent) in self.gathered().take() {
            self.write_spent(function, &spent, self.now());
        }
    }

    fn write_spent(&self, function: Function, spent: &spend::Spent, now: Timestamp) {
        let stage = &self.settings().stage;
        let own = spent.amounts.get(&None).copied().unwrap_or_default();
        if !own.is_zero() || !spent.counted.is_empty() {
            self.metrics().write(line(stage, function.name(), &spent.counted, &own, now));
        }
        for (tenant_id, amounts) in &spent.amounts {
            if let Some(tenant_id) = tenant_id.filter(|_| !amounts.is_zero()) {
                self.metrics().write(tenant_line(stage, function, tenant_id, amounts));
            }
        }
    }
}

/// All metrics of a function, and what it spent for nobody in particular.
fn line(
    stage: &str,
    function: &str,
    counted: &BTreeMap<&'static str, u64>,
    amounts: &Amounts,
    now: Timestamp,
) -> String {
    let mut line = Map::new();
    if !counted.is_empty() {
        let metrics: Vec<Value> = counted.keys().map(|name| json!({"Name": name, "Unit": "Count"})).collect();
        let directive = json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": METRIC_NAMESPACE,
                "Dimensions": [["stage", "function"]],
                "Metrics": metrics,
            }],
        });
        line.insert("_aws".to_owned(), directive);
    }
    line.insert("stage".to_owned(), stage.into());
    line.insert("function".to_owned(), function.into());
    line.extend(counted.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    if !amounts.is_zero() {
        line.insert("spend".to_owned(), written(amounts));
    }
    Value::Object(line).to_string()
}

/// What a function spent for one tenant.
fn tenant_line(stage: &str, function: Function, tenant_id: TenantId, amounts: &Amounts) -> String {
    json!({"stage": stage, "function": function.name(), "tenant": tenant_id.to_string(), "spend": written(amounts)})
        .to_string()
}

/// The amounts that are not zero.
fn written(amounts: &Amounts) -> Value {
    let amounts = amounts.fields().into_iter().filter(|(_, amount)| *amount > 0);
    amounts.map(|(name, amount)| (name.to_owned(), Value::from(amount))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_outside_of_an_invocation_is_a_line_of_the_embedded_format() {
        let metrics = Metrics::Memory(Arc::default());
        metrics.count("dev", "api", "EventsAccepted", 3, Timestamp::UNIX_EPOCH);
        let Metrics::Memory(lines) = metrics else { unreachable!("made above") };
        let line: Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        assert_eq!(line["EventsAccepted"], 3);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "EventsAccepted");
        assert_eq!(line["_aws"]["Timestamp"], 0);
    }

    #[test]
    fn one_line_has_all_metrics_and_the_spend_as_a_property() {
        let amounts = Amounts { write_units: 5, ..Amounts::default() };
        let counted = BTreeMap::from([("EventsCounted", 7), ("EventsSeen", 2)]);
        let line: Value =
            serde_json::from_str(&line("dev", "usage", &counted, &amounts, Timestamp::UNIX_EPOCH)).unwrap();
        let expect = json!({
            "_aws": {
                "Timestamp": 0,
                "CloudWatchMetrics": [{
                    "Namespace": "Meterline",
                    "Dimensions": [["stage", "function"]],
                    "Metrics": [
                        {"Name": "EventsCounted", "Unit": "Count"},
                        {"Name": "EventsSeen", "Unit": "Count"},
                    ],
                }],
            },
            "stage": "dev", "function": "usage", "EventsCounted": 7, "EventsSeen": 2, "spend": {"writeUnits": 5},
        });
        assert_eq!(line, expect);
    }

    #[test]
    fn what_a_tenant_spent_is_no_metric_and_a_short_line() {
        let tenant_id = TenantId::derived(&["acme"]);
        let amounts = Amounts { http_requests: 60, sns_chunks: 60, read_half_units: 120, ..Amounts::default() };
        let text = tenant_line("dev", Function::Api, tenant_id, &amounts);
        let line: Value = serde_json::from_str(&text).unwrap();
        let spend = json!({"httpRequests": 60, "snsChunks": 60, "readHalfUnits": 120});
        assert_eq!(line, json!({"stage": "dev", "function": "api", "tenant": tenant_id.to_string(), "spend": spend}));
        assert!(text.len() < 200, "{} bytes", text.len());
    }
}
