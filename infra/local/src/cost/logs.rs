//! Bytes of log lines, as CloudWatch takes them in: each line with the overhead that it adds to an event.

use crate::stack::TEMPLATE;
use cloud::spend::{self, Amounts, Function};
use domain::id::TenantId;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing_subscriber::fmt::MakeWriter;

/// What CloudWatch adds to each line.
const LINE_OVERHEAD_BYTES: u64 = 26;
/// The two lines that Lambda writes for an invocation at its own level INFO, in the form that AWS documents.
const LAMBDA_LINES: [&str; 2] = [
    r#"{"time":"2026-06-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"6f747d15-2c4e-4f8a-9d3b-7a1b5c0e9f21","version":"$LATEST"}}"#,
    r#"{"time":"2026-06-01T00:00:00.000Z","type":"platform.report","record":{"requestId":"6f747d15-2c4e-4f8a-9d3b-7a1b5c0e9f21","metrics":{"durationMs":12.34,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":32},"status":"success"}}"#,
];
/// What the template says where Lambda writes those lines only for failures.
const LAMBDA_LINES_OFF: &str = "SystemLogLevel: WARN";
/// A line of the HTTP door, in the form that the template gives it.
const DOOR_LINE: &str = r#"{"requestId":"JKJaXmPLvHcESHA=","time":"1780272000000","ip":"203.0.113.178","method":"POST","path":"/v1/usage/events","status":"202","bytes":"120","latencyMs":"21","error":"-"}"#;
/// What the template says where the HTTP door writes lines unless told otherwise.
const DOOR_LINES_ON: &str = "HttpAccessLog: {Type: String, Default: 'true'";

/// Bytes by function; `None` is what no function wrote.
pub(super) type Bytes = BTreeMap<Option<Function>, u64>;

/// Counts what is logged, for the function that logs it: a writer for `tracing`.
#[derive(Clone, Debug, Default)]
pub struct Logged(Arc<Mutex<Bytes>>);

impl Logged {
    /// What was logged since the last time.
    pub(super) fn take(&self) -> Bytes {
        std::mem::take(&mut *lock(&self.0))
    }

    /// Bytes that `function` has logged since the last time.
    pub(crate) fn take_of(&self, function: Function) -> u64 {
        self.take().remove(&Some(function)).unwrap_or(0)
    }
}

/// One line that is being written.
#[derive(Debug)]
pub struct Line(Logged);

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let function = spend::payer().map(|payer| payer.function);
        *lock(&self.0.0).entry(function).or_default() += bytes.len() as u64 + LINE_OVERHEAD_BYTES * lines as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds up bytes by function.
pub(super) fn add(sum: &mut Bytes, more: &Bytes) {
    for (function, bytes) in more {
        *sum.entry(*function).or_default() += bytes;
    }
}

/// The lines that were written since the last time.
pub(super) fn take(lines: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *lock(lines))
}

/// Bytes of the lines of metrics and amounts.
pub(super) fn of_metrics(lines: &[String]) -> Bytes {
    let mut bytes = Bytes::new();
    for line in lines {
        let read: Value = serde_json::from_str(line).unwrap_or_default();
        let function = read["function"].as_str().and_then(Function::named);
        *bytes.entry(function).or_default() += line_bytes(line);
    }
    bytes
}

/// Bytes of the lines that Lambda and the HTTP door write themselves, as the template has them written.
pub(super) fn of_services(amounts: &Amounts) -> u64 {
    let lambda: u64 = LAMBDA_LINES.iter().map(|line| line_bytes(line)).sum();
    let lambda = if TEMPLATE.contains(LAMBDA_LINES_OFF) { 0 } else { lambda };
    let door = if TEMPLATE.contains(DOOR_LINES_ON) { line_bytes(DOOR_LINE) } else { 0 };
    lambda * amounts.invocations + door * amounts.http_requests
}

/// What the product says that each tenant consumed.
pub(super) fn by_tenant(lines: &[String]) -> BTreeMap<TenantId, Amounts> {
    let mut tenants: BTreeMap<TenantId, Amounts> = BTreeMap::new();
    for line in lines {
        let read: Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(tenant_id) = read["tenant"].as_str().and_then(|id| id.parse().ok()) {
            *tenants.entry(tenant_id).or_default() += &Amounts::named(|name| read["spend"][name].as_u64());
        }
    }
    tenants
}

fn line_bytes(line: &str) -> u64 {
    // The line and its end.
    line.len() as u64 + 1 + LINE_OVERHEAD_BYTES
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_line_is_counted_with_its_overhead() {
        let logged = Logged::default();
        logged.make_writer().write_all(b"{\"a\":1}\n").unwrap();
        logged.make_writer().write_all(b"{}\n").unwrap();
        // 8 and 3 bytes with their ends, and 26 each.
        assert_eq!(logged.take(), Bytes::from([(None, 63)]));
        assert_eq!(logged.take(), Bytes::new());
        let lines = [r#"{"function":"api"}"#.to_owned(), r#"{"function":"usage"}"#.to_owned()];
        assert_eq!(of_metrics(&lines), Bytes::from([(Some(Function::Api), 45), (Some(Function::Usage), 47)]));
    }

    #[test]
    fn the_template_speaks_of_both_kinds_of_lines() {
        let door_lines_off = DOOR_LINES_ON.replace("'true'", "'false'");
        assert!(TEMPLATE.contains(DOOR_LINES_ON) != TEMPLATE.contains(&door_lines_off));
        assert!(TEMPLATE.contains("SystemLogLevel: "));
    }

    #[test]
    fn tenants_are_read_out_of_the_lines() {
        let acme = TenantId::derived(&["acme"]);
        let line = |units: u64| format!(r#"{{"function":"usage","tenant":"{acme}","spend":{{"writeUnits":{units}}}}}"#);
        let tenants = by_tenant(&[line(2), line(3), r#"{"function":"usage","spend":{"writeUnits":9}}"#.to_owned()]);
        assert_eq!(tenants, BTreeMap::from([(acme, Amounts { write_units: 5, ..Amounts::default() })]));
    }
}
