//! What the calls would cost: counts in the units that AWS bills, by AWS's rounding.
//!
//! DynamoDB units are those that the engine reports for each request (`ReturnConsumedCapacity`), or, for a write whose
//! condition failed, what AWS charges for it. SNS and SQS requests count once per started 64 KiB of payload. Prices are
//! not known here. A call that was refused before its effect is not billed and not counted.

use super::faults::Service;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// SNS and SQS bill a request once for every started chunk of this size.
const BILLED_CHUNK_BYTES: usize = 64 * 1024;

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
        *self.totals().requests.entry((service, operation)).or_default() += 1;
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
    }

    /// Payload of a `Publish` or `PublishBatch`.
    pub(super) fn published(&self, bytes: usize) {
        self.totals().sns_chunks += billed_chunks(bytes);
    }

    /// Payload of an SQS request: what is sent, or what is received.
    pub(super) fn queued(&self, bytes: usize) {
        self.totals().sqs_chunks += billed_chunks(bytes);
    }
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
