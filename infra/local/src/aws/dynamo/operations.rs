//! What the metered requests of DynamoDB have in common, written down once for each of the engine's request types.

use super::super::meter::TableUnits;
use dynoxide::actions as act;
use dynoxide::types::{ConsumedCapacity, item_size};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether a request's units are read or write units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// A request whose answer tells what it consumed.
pub(super) trait Metered: DeserializeOwned {
    type Response: Serialize;
    const DIRECTION: Direction;
    fn capacity_mode(&mut self) -> &mut Option<String>;
    fn run(self, database: &Database) -> Result<Self::Response, DynoxideError>;
    fn consumed(response: &Self::Response) -> &[ConsumedCapacity];
    fn forget_consumed(response: &mut Self::Response);
}

/// A write of one item that may carry a condition.
pub(super) trait Conditional: Metered {
    fn table(&self) -> &str;
    /// The size of the item as it would be, where the request alone tells.
    fn new_size(&self) -> Option<usize>;
    fn on_failure(&mut self) -> &mut Option<String>;
}

macro_rules! metered {
    ($direction:ident, $module:ident, $request:ident, $response:ident, $method:ident, $slice:ident) => {
        impl Metered for act::$module::$request {
            type Response = act::$module::$response;
            const DIRECTION: Direction = Direction::$direction;
            fn capacity_mode(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }
            fn run(self, database: &Database) -> Result<Self::Response, DynoxideError> {
                database.$method(self)
            }
            fn consumed(response: &Self::Response) -> &[ConsumedCapacity] {
                $slice(&response.consumed_capacity)
            }
            fn forget_consumed(response: &mut Self::Response) {
                response.consumed_capacity = None;
            }
        }
    };
}

macro_rules! conditional {
    ($module:ident, $request:ident, $size:expr) => {
        impl Conditional for act::$module::$request {
            fn table(&self) -> &str {
                &self.table_name
            }
            fn new_size(&self) -> Option<usize> {
                ($size)(self)
            }
            fn on_failure(&mut self) -> &mut Option<String> {
                &mut self.return_values_on_condition_check_failure
            }
        }
    };
}

metered!(Read, get_item, GetItemRequest, GetItemResponse, get_item, one);
metered!(Read, query, QueryRequest, QueryResponse, query, one);
metered!(Read, scan, ScanRequest, ScanResponse, scan, one);
metered!(Read, batch_get_item, BatchGetItemRequest, BatchGetItemResponse, batch_get_item, many);
metered!(Read, transact_get_items, TransactGetItemsRequest, TransactGetItemsResponse, transact_get_items, many);
metered!(Write, put_item, PutItemRequest, PutItemResponse, put_item, one);
metered!(Write, update_item, UpdateItemRequest, UpdateItemResponse, update_item, one);
metered!(Write, delete_item, DeleteItemRequest, DeleteItemResponse, delete_item, one);
metered!(Write, batch_write_item, BatchWriteItemRequest, BatchWriteItemResponse, batch_write_item, many);
metered!(
    Write,
    transact_write_items,
    TransactWriteItemsRequest,
    TransactWriteItemsResponse,
    transact_write_items,
    many
);
conditional!(put_item, PutItemRequest, |request: &Self| Some(item_size(&request.item)));
conditional!(update_item, UpdateItemRequest, |_| None);
conditional!(delete_item, DeleteItemRequest, |_| None);

fn one(consumed: &Option<ConsumedCapacity>) -> &[ConsumedCapacity] {
    consumed.as_slice()
}

fn many(consumed: &Option<Vec<ConsumedCapacity>>) -> &[ConsumedCapacity] {
    consumed.as_deref().unwrap_or_default()
}

/// Makes the request report what it consumes. Answers whether the caller asked for that itself.
pub(super) fn force_capacity(mode: &mut Option<String>) -> bool {
    let asked = matches!(mode.as_deref(), Some("TOTAL" | "INDEXES"));
    // An unknown mode is left for the engine to refuse.
    if matches!(mode.as_deref(), None | Some("NONE")) {
        *mode = Some("TOTAL".to_owned());
    }
    asked
}

/// Makes a failed condition report the item it met. Answers whether the caller asked for that itself.
pub(super) fn force_old_item(mode: &mut Option<String>) -> bool {
    let asked = mode.as_deref() == Some("ALL_OLD");
    if matches!(mode.as_deref(), None | Some("NONE")) {
        *mode = Some("ALL_OLD".to_owned());
    }
    asked
}

/// Units as the meter counts them. DynamoDB writes them as a decimal, but they are always whole halves.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic,
    reason = "the engine speaks DynamoDB's floats; a request consumes far less than 2^52 half units, never less than 0"
)]
pub(super) fn units(direction: Direction, units: f64) -> TableUnits {
    let halves = (units * 2.0).round() as u64;
    match direction {
        Direction::Read => TableUnits { read_half_units: halves, write_units: 0 },
        Direction::Write => TableUnits { read_half_units: 0, write_units: halves.div_ceil(2) },
    }
}
