//! What the calls would cost: counts in the units that AWS bills, by AWS's rounding.
//!
//! DynamoDB units are those that the engine reports for each request (`ReturnConsumedCapacity`), or, for a write whose
//! condition failed, what AWS charges for it. SNS and SQS requests count once per started 64 KiB of payload. Prices are
//! not known here. A call that was refused before its effect is not billed and not counted.
//!
//! Every amount is also attributed to whoever [`spend::payer`] names when the call is made: the connector runs in the
//! task of its caller. What the product counts by itself (`cloud::spend`) is thereby checked by somebody else.

use super::faults::Service;
use cloud::spend::{self, Amounts, Function, Payer};
use domain::id::TenantId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// SNS and SQS bill a request once for every started chunk of this size.
const BILLED_CHUNK_BYTES: usize = 64 * 1024;
/// An HTTP API bills a request once for every started chunk of this size.
const BILLED_REQUEST_BYTES: u64 = 512 * 1024;

/// Units that one table consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableUnits {
    /// Read units, in halves: an eventually consistent read of up to 4 KiB is one half.
    pub read_half_units: u64,
    /// Write units: 1 KiB each, transactional ones doubled.
    pub write_units: u64,
}

/// All that was counted since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests by service and operation.
    pub requests: BTreeMap<(Service, &'static str), u64>,
    /// DynamoDB units by table, indexes included.
    pub tables: BTreeMap<String, TableUnits>,
    /// Billed 64 KiB chunks of `Publish` and `PublishBatch`.
    pub sns_chunks: u64,
    /// Billed 64 KiB chunks of all SQS requests.
    pub sqs_chunks: u64,
    /// The same, and what is billed beside requests, by who pays; `None` where nobody said.
    pub payers: BTreeMap<Option<Payer>, Amounts>,
}

impl Totals {
    /// All requests.
    #[must_use]
    pub fn requests_total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests of one operation.
    #[must_use]
    pub fn requests_of(&self, service: Service, operation: &'static str) -> u64 {
        self.requests.get(&(service, operation)).copied().unwrap_or(0)
    }

    /// Everything, whoever paid.
    #[must_use]
    pub fn amounts(&self) -> Amounts {
        self.payers.values().copied().sum()
    }

    /// What `function` consumed, for all tenants and for none.
    #[must_use]
    pub fn of_function(&self, function: Function) -> Amounts {
        self.sum(|payer| payer.function == function)
    }

    /// What was consumed for one tenant, by all functions.
    #[must_use]
    pub fn of_tenant(&self, tenant_id: TenantId) -> Amounts {
        self.sum(|payer| payer.tenant_id == Some(tenant_id))
    }

    fn sum(&self, pays: impl Fn(&Payer) -> bool) -> Amounts {
        let paid = self.payers.iter().filter(|(payer, _)| payer.as_ref().is_some_and(&pays));
        paid.map(|(_, amounts)| *amounts).sum()
    }

    fn pay(&mut self, payer: Option<Payer>, amounts: &Amounts) {
        *self.payers.entry(payer).or_default() += amounts;
    }

    /// DynamoDB units of all tables.
    #[must_use]
    pub fn units(&self) -> TableUnits {
        self.tables.values().fold(TableUnits::default(), |sum, table| TableUnits {
            read_half_units: sum.read_half_units + table.read_half_units,
            write_units: sum.write_units + table.write_units,
        })
    }
}

/// Counts what is billed. Shared by all clients of an embedded AWS.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Totals>);

impl Meter {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Totals {
        self.totals().clone()
    }

    /// Starts again from nothing, and answers what was counted until now.
    pub fn reset(&self) -> Totals {
        std::mem::take(&mut *self.totals())
    }

    /// A request that is billed as such.
    pub(super) fn request(&self, service: Service, operation: &'static str) {
        let mut totals = self.totals();
        *totals.requests.entry((service, operation)).or_default() += 1;
        totals.pay(spend::payer(), &billed_request(service, operation));
    }

    /// Units of a DynamoDB request.
    pub(super) fn units(&self, table: &str, units: TableUnits) {
        let mut totals = self.totals();
        // Looked up first: this is the hot path, and the key is copied once a table.
        if let Some(sum) = totals.tables.get_mut(table) {
            sum.read_half_units += units.read_half_units;
            sum.write_units += units.write_units;
        } else {
            totals.tables.insert(table.to_owned(), units);
        }
        let TableUnits { read_half_units, write_units } = units;
        totals.pay(spend::payer(), &Amounts { read_half_units, write_units, ..Amounts::default() });
    }

    /// Payload of a `Publish` or `PublishBatch`.
    pub(super) fn published(&self, bytes: usize) {
        let (mut totals, sns_chunks) = (self.totals(), billed_chunks(bytes));
        totals.sns_chunks += sns_chunks;
        totals.pay(spend::payer(), &Amounts { sns_chunks, ..Amounts::default() });
    }

    /// Payload of an SQS request: what is sent, or what is received.
    pub(super) fn queued(&self, bytes: usize) {
        let (mut totals, sqs_chunks) = (self.totals(), billed_chunks(bytes));
        totals.sqs_chunks += sqs_chunks;
        totals.pay(spend::payer(), &Amounts { sqs_chunks, ..Amounts::default() });
    }

    /// One invocation of a function that has `memory_mib` of memory and took so long: Lambda bills each started
    /// millisecond.
    pub fn invoked(&self, function: Function, memory_mib: u32, took: Duration) {
        let billed_ms = u64::try_from(took.as_micros().div_ceil(1_000).max(1)).unwrap_or(u64::MAX);
        let lambda_mib_ms = u64::from(memory_mib).saturating_mul(billed_ms);
        let amounts = Amounts { invocations: 1, lambda_mib_ms, ..Amounts::default() };
        self.totals().pay(Some(Payer { function, tenant_id: None }), &amounts);
    }

    /// One request through the HTTP door, with a body of so many bytes.
    pub fn requested(&self, body_bytes: u64) {
        let amounts = Amounts { http_requests: billed_http_requests(body_bytes), ..Amounts::default() };
        self.totals().pay(Some(Payer { function: Function::Api, tenant_id: None }), &amounts);
    }

    /// Log lines of a function.
    pub fn logged(&self, function: Function, log_bytes: u64) {
        let amounts = Amounts { log_bytes, ..Amounts::default() };
        self.totals().pay(Some(Payer { function, tenant_id: None }), &amounts);
    }
}

/// A request as it is counted for its payer; units and chunks come beside it.
fn billed_request(service: Service, operation: &str) -> Amounts {
    match (service, operation) {
        (Service::DynamoDb, _) => Amounts { dynamo_requests: 1, ..Amounts::default() },
        (Service::Sns, _) => Amounts { sns_requests: 1, ..Amounts::default() },
        (Service::Sqs, _) | (Service::S3, "DeleteObject" | "DeleteObjects") => Amounts::default(),
        (Service::S3, "GetObject" | "HeadObject") => Amounts { s3_gets: 1, ..Amounts::default() },
        (Service::S3, _) => Amounts { s3_puts: 1, ..Amounts::default() },
    }
}

fn billed_http_requests(body_bytes: u64) -> u64 {
    body_bytes.div_ceil(BILLED_REQUEST_BYTES).max(1)
}

fn billed_chunks(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BILLED_CHUNK_BYTES).max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_billed_once_per_started_chunk() {
        for (bytes, chunks) in [(0, 1), (1, 1), (65_536, 1), (65_537, 2), (262_144, 4)] {
            assert_eq!(billed_chunks(bytes), chunks, "{bytes} bytes");
        }
    }

    #[test]
    fn an_http_request_is_billed_once_per_started_half_mebibyte() {
        for (bytes, requests) in [(0, 1), (524_288, 1), (524_289, 2), (1_048_576, 2)] {
            assert_eq!(billed_http_requests(bytes), requests, "{bytes} bytes");
        }
    }

    #[test]
    fn an_invocation_is_billed_by_the_started_millisecond_and_its_memory() {
        for (micros, billed) in [(0, 256), (1_000, 256), (1_001, 512), (250_000, 64_000)] {
            let meter = Meter::default();
            meter.invoked(Function::Usage, 256, Duration::from_micros(micros));
            let of_usage = meter.snapshot().of_function(Function::Usage);
            assert_eq!((of_usage.invocations, of_usage.lambda_mib_ms), (1, billed), "{micros} microseconds");
        }
    }

    #[test]
    fn what_is_billed_is_also_counted_for_nobody() {
        let meter = Meter::default();
        for (service, operation) in [
            (Service::S3, "PutObject"),
            (Service::S3, "GetObject"),
            (Service::S3, "DeleteObject"),
            (Service::Sns, "Publish"),
        ] {
            meter.request(service, operation);
        }
        meter.published(65_537);
        let expect = Amounts { s3_puts: 1, s3_gets: 1, sns_requests: 1, sns_chunks: 2, ..Amounts::default() };
        let totals = meter.snapshot();
        assert_eq!((totals.payers.get(&None), totals.amounts()), (Some(&expect), expect));
        assert_eq!(totals.of_function(Function::Api), Amounts::default());
    }

    #[test]
    fn a_reset_answers_what_was_counted_and_starts_again() {
        let meter = Meter::default();
        meter.request(Service::Sqs, "SendMessage");
        meter.queued(70_000);
        meter.units("usage", TableUnits { read_half_units: 1, write_units: 2 });
        meter.units("usage", TableUnits { read_half_units: 0, write_units: 4 });
        let counted = meter.reset();
        assert_eq!(counted.requests_of(Service::Sqs, "SendMessage"), 1);
        assert_eq!(counted.sqs_chunks, 2);
        assert_eq!(counted.units(), TableUnits { read_half_units: 1, write_units: 6 });
        assert_eq!(meter.snapshot(), Totals::default());
    }
}
