//! `TransactWriteItems`, and what a cancelled one costs.
//!
//! AWS charges a cancelled transaction like one that went through. The engine reports no units for it, so they are
//! derived here from what the request and the failed conditions show: two units for every started KiB of the larger
//! image of each item, at least two an action.

use super::super::wire::Answer;
use super::{Exchange, operations};
use bytes::Bytes;
use dynoxide::DynoxideError;
use dynoxide::actions::transact_write_items::{TransactWriteItem, TransactWriteItemsRequest};
use dynoxide::errors::CancellationReason;
use dynoxide::types::{TRANSACTIONAL_CAPACITY_FACTOR, item_size, table_write_capacity_units};

/// What is needed of an action after the engine has swallowed it.
struct Action {
    table: String,
    new_size: Option<usize>,
    /// Whether the caller wants to see the item that its condition met.
    wants_item: bool,
}

pub(super) fn run(exchange: &Exchange<'_>, mut request: TransactWriteItemsRequest) -> Result<Bytes, DynoxideError> {
    let actions: Vec<Action> = request.transact_items.iter_mut().filter_map(prepare).collect();
    let mut result = exchange.run_metered(request);
    if let Err(DynoxideError::TransactionCanceledException(_, reasons)) = &mut result {
        for (action, reason) in actions.iter().zip(reasons) {
            charge(exchange, action, reason);
            if !action.wants_item {
                reason.item = None;
            }
        }
    }
    result
}

fn prepare(item: &mut TransactWriteItem) -> Option<Action> {
    let (table, new_size, on_failure) = if let Some(put) = &mut item.put {
        (&put.table_name, Some(item_size(&put.item)), &mut put.return_values_on_condition_check_failure)
    } else if let Some(update) = &mut item.update {
        (&update.table_name, None, &mut update.return_values_on_condition_check_failure)
    } else if let Some(delete) = &mut item.delete {
        (&delete.table_name, None, &mut delete.return_values_on_condition_check_failure)
    } else if let Some(check) = &mut item.condition_check {
        (&check.table_name, None, &mut check.return_values_on_condition_check_failure)
    } else {
        return None;
    };
    Some(Action { table: table.clone(), new_size, wants_item: operations::force_old_item(on_failure) })
}

#[expect(clippy::float_arithmetic, reason = "the engine speaks DynamoDB's floats")]
fn charge(exchange: &Exchange<'_>, action: &Action, reason: &CancellationReason) {
    let old_size = reason.item.as_ref().map(item_size);
    let units = TRANSACTIONAL_CAPACITY_FACTOR * table_write_capacity_units(old_size, action.new_size);
    exchange.meter.units(&action.table, operations::units(operations::Direction::Write, units));
}

/// How DynamoDB answers a write that meets another transaction: the first item of it is the one they both want.
pub(in super::super) fn conflict(operation: &str, body: &[u8]) -> Answer {
    let message = "Transaction is ongoing for the item";
    let error = if operation == "TransactWriteItems" {
        let items = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        let count =
            items.get("TransactItems").and_then(serde_json::Value::as_array).map_or(1, |items| items.len().max(1));
        let none = CancellationReason { code: "None".to_owned(), ..CancellationReason::default() };
        let mut reasons = vec![none; count];
        reasons[0] = CancellationReason {
            code: "TransactionConflict".to_owned(),
            message: Some(message.to_owned()),
            item: None,
        };
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        DynoxideError::TransactionCanceledException(message, reasons).to_json()
    } else {
        let message = serde_json::Value::from(message);
        format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":{message}}}"#)
    };
    Answer::json(400, error)
}
