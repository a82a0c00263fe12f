//! DynamoDB: the JSON protocol over the `dynoxide-rs` engine, in memory or in one SQLite file.
//!
//! Every request is made to report its consumed capacity, which goes to the meter; the caller sees it only if it asked.
//! Differences from AWS that remain: reads are always consistent, items past their time to live stay (AWS gives no
//! promise when they go), and transactions never meet by themselves, since the engine works one request at a time
//! (the fault plan makes them meet).

mod operations;
mod tokens;
mod transaction;

use super::meter::Meter;
use super::wire::Answer;
use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use operations::{Conditional, Metered};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use tokens::Tokens;

pub(super) use transaction::conflict;

/// Where the engine's decoder marks which error class a refusal belongs to; the marks are not for the caller.
const VALIDATION_MARKS: [&str; 3] = ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"];
/// As [`VALIDATION_MARKS`], for values that are malformed.
const SERIALIZATION_MARKS: [&str; 2] = ["SERIALIZATION_AS_READ:", "SERIALIZATION:"];

/// All tables.
pub(super) struct Tables {
    database: Database,
    tokens: Tokens,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tables")
    }
}

/// Where one request is answered from.
struct Exchange<'a> {
    database: &'a Database,
    meter: &'a Meter,
    body: &'a [u8],
}

impl Tables {
    /// Tables that are gone with the process.
    pub(super) fn memory() -> Result<Self, DynoxideError> {
        Ok(Self { database: Database::memory()?, tokens: Tokens::default() })
    }

    /// Tables in one SQLite file.
    pub(super) fn file(path: &Path) -> Result<Self, DynoxideError> {
        let database = Database::new(&path.to_string_lossy())?;
        // Sets the engine's normal pragmas, of which `synchronous = NORMAL` is meant: with its write-ahead log a
        // killed process loses nothing, and the machine need not sync the disk for every write.
        database.disable_bulk_loading()?;
        Ok(Self { database, tokens: Tokens::default() })
    }

    /// Performs one request.
    pub(super) fn answer(&self, operation: &str, body: &[u8], meter: &Meter, now_ms: i64) -> Answer {
        let exchange = Exchange { database: &self.database, meter, body };
        match self.perform(operation, &exchange, now_ms) {
            Ok(body) => Answer::json(200, body),
            Err(error) => refusal(operation, error),
        }
    }

    fn perform(&self, operation: &str, exchange: &Exchange<'_>, now_ms: i64) -> Result<Bytes, DynoxideError> {
        use dynoxide::actions as act;
        let database = exchange.database;
        match operation {
            "PutItem" => exchange.conditional::<act::put_item::PutItemRequest>(),
            "UpdateItem" => exchange.conditional::<act::update_item::UpdateItemRequest>(),
            "DeleteItem" => exchange.conditional::<act::delete_item::DeleteItemRequest>(),
            "GetItem" => exchange.metered::<act::get_item::GetItemRequest>(),
            "Query" => exchange.metered::<act::query::QueryRequest>(),
            "Scan" => exchange.metered::<act::scan::ScanRequest>(),
            "BatchGetItem" => exchange.metered::<act::batch_get_item::BatchGetItemRequest>(),
            "BatchWriteItem" => exchange.metered::<act::batch_write_item::BatchWriteItemRequest>(),
            "TransactGetItems" => exchange.metered::<act::transact_get_items::TransactGetItemsRequest>(),
            "TransactWriteItems" => self.transact(exchange, now_ms),
            "CreateTable" => exchange.plain(|request| database.create_table(request)),
            "UpdateTable" => exchange.plain(|request| database.update_table(request)),
            "DeleteTable" => exchange.plain(|request| database.delete_table(request)),
            "DescribeTable" => exchange.plain(|request| database.describe_table(request)),
            "ListTables" => exchange.plain(|request| database.list_tables(request)),
            "UpdateTimeToLive" => exchange.plain(|request| database.update_time_to_live(request)),
            "DescribeTimeToLive" => exchange.plain(|request| database.describe_time_to_live(request)),
            unknown => Err(DynoxideError::ValidationException(format!(
                "the embedded AWS does not serve the DynamoDB operation {unknown}"
            ))),
        }
    }

    fn transact(&self, exchange: &Exchange<'_>, now_ms: i64) -> Result<Bytes, DynoxideError> {
        let mut request: dynoxide::actions::transact_write_items::TransactWriteItemsRequest = read(exchange.body)?;
        // The engine's own token memory looks at every entry on every call, and at the machine's clock.
        let token = request.client_request_token.take();
        let run = || transaction::run(exchange, request);
        match token {
            Some(token) => self.tokens.once(&token, exchange.body, now_ms, run),
            None => run(),
        }
    }
}

impl Exchange<'_> {
    /// A request that no condition can fail.
    fn metered<Request: Metered>(&self) -> Result<Bytes, DynoxideError> {
        self.run_metered::<Request>(read(self.body)?)
    }

    fn run_metered<Request: Metered>(&self, mut request: Request) -> Result<Bytes, DynoxideError> {
        let asked = operations::force_capacity(request.capacity_mode());
        let mut response = request.run(self.database)?;
        for capacity in Request::consumed(&response) {
            self.meter.units(&capacity.table_name, operations::units(Request::DIRECTION, capacity.capacity_units));
        }
        if !asked {
            Request::forget_consumed(&mut response);
        }
        write(&response)
    }

    /// A write that a condition may fail, which AWS charges for as well.
    fn conditional<Request: Conditional>(&self) -> Result<Bytes, DynoxideError> {
        let mut request: Request = read(self.body)?;
        let wanted = operations::force_old_item(request.on_failure());
        let table = request.table().to_owned();
        let new_size = request.new_size();
        let mut result = self.run_metered(request);
        if let Err(DynoxideError::ConditionalCheckFailedException(_, item)) = &mut result {
            let old_size = item.as_ref().map(dynoxide::types::item_size);
            let units = dynoxide::types::table_write_capacity_units(old_size, new_size);
            self.meter.units(&table, operations::units(operations::Direction::Write, units));
            if !wanted {
                *item = None;
            }
        }
        result
    }

    /// A request that consumes nothing.
    fn plain<Request: DeserializeOwned, Response: Serialize>(
        &self,
        run: impl FnOnce(Request) -> Result<Response, DynoxideError>,
    ) -> Result<Bytes, DynoxideError> {
        write(&run(read(self.body)?)?)
    }
}

/// Decodes a request, with the engine's own words for what is wrong with it.
fn read<Request: DeserializeOwned>(body: &[u8]) -> Result<Request, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        let marked = |marks: &[&str]| marks.iter().find_map(|mark| message.strip_prefix(mark)).map(str::to_owned);
        match (marked(&SERIALIZATION_MARKS), marked(&VALIDATION_MARKS)) {
            (Some(message), _) => DynoxideError::SerializationException(message),
            (None, Some(message)) => DynoxideError::ValidationException(message),
            (None, None) => DynoxideError::ValidationException(message.to_owned()),
        }
    })
}

fn write(response: &impl Serialize) -> Result<Bytes, DynoxideError> {
    serde_json::to_vec(response).map(Bytes::from).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// How DynamoDB throttles.
pub(super) fn throttled() -> Answer {
    let error = DynoxideError::ProvisionedThroughputExceededException(
        "The level of configured provisioned throughput for the table was exceeded.".to_owned(),
    );
    refusal("", error)
}

fn refusal(operation: &str, error: DynoxideError) -> Answer {
    // This class says in words that it is the first of possibly several, on these operations only.
    let error = match error {
        DynoxideError::EnvelopedValidation(message) if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            DynoxideError::ValidationException(format!("1 validation error detected: {message}"))
        }
        other => other,
    };
    Answer::json(error.status_code(), error.to_json())
}
