//! Tampering: a DynamoDB that breaks its promises, to prove that a test which relies on them would notice.
//!
//! It is given to single clients by [`super::EmbeddedAws::with_tampering`] and never fires by itself. A fault
//! ([`super::Fault`]) is what AWS may do to anybody; a tampering is what AWS never does.

use super::wire::Answer;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A promise that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// Writes to the table happen whatever their condition says.
    IgnoreConditions {
        /// The table by its name at AWS.
        table: String,
    },
    /// Reads of the table by `GetItem`, `BatchGetItem` and `Query` find nothing.
    ForgetItems {
        /// The table by its name at AWS.
        table: String,
    },
}

/// The actions of a transaction that may carry a condition.
const CONDITIONAL_ACTIONS: [&str; 3] = ["Put", "Update", "Delete"];

/// The request as the tampered DynamoDB takes it.
pub(super) fn request<'b>(tamperings: &[Tampering], operation: &str, body: &'b [u8]) -> Cow<'b, [u8]> {
    let tables: Vec<&str> = tamperings
        .iter()
        .filter_map(|tampering| match tampering {
            Tampering::IgnoreConditions { table } => Some(table.as_str()),
            Tampering::ForgetItems { .. } => None,
        })
        .collect();
    if tables.is_empty() {
        return Cow::Borrowed(body);
    }
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else { return Cow::Borrowed(body) };
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            if let Some(write) = request.as_object_mut() {
                ignore_condition(write, &tables);
            }
        }
        "TransactWriteItems" => {
            for item in request["TransactItems"].as_array_mut().into_iter().flatten() {
                for action in CONDITIONAL_ACTIONS {
                    if let Some(write) = item.get_mut(action).and_then(Value::as_object_mut) {
                        ignore_condition(write, &tables);
                    }
                }
            }
        }
        _ => return Cow::Borrowed(body),
    }
    Cow::Owned(request.to_string().into_bytes())
}

/// Makes the condition one that always holds, and that names what it named before: unused names are refused.
fn ignore_condition(write: &mut Map<String, Value>, tables: &[&str]) {
    if !write.get("TableName").and_then(Value::as_str).is_some_and(|table| tables.contains(&table)) {
        return;
    }
    if let Some(Value::String(condition)) = write.get_mut("ConditionExpression") {
        *condition = format!("({condition}) OR NOT ({condition})");
    }
}

/// The answer that the tampered DynamoDB gives without looking, if it does.
pub(super) fn answer(tamperings: &[Tampering], operation: &str, body: &[u8]) -> Option<Answer> {
    let reads = matches!(operation, "GetItem" | "BatchGetItem" | "Query");
    let forgets = |tampering: &Tampering| matches!(tampering, Tampering::ForgetItems { .. });
    if !reads || !tamperings.iter().any(forgets) {
        return None;
    }
    let request: Value = serde_json::from_slice(body).ok()?;
    let forgotten = |name: &str| {
        tamperings.iter().any(|tampering| matches!(tampering, Tampering::ForgetItems { table } if table == name))
    };
    let named = || request["TableName"].as_str().is_some_and(forgotten);
    let empty = match operation {
        "GetItem" if named() => json!({}),
        "Query" if named() => json!({"Count": 0, "Items": [], "ScannedCount": 0}),
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object()?;
            if !tables.keys().all(|table| forgotten(table)) {
                return None;
            }
            let responses: Map<String, Value> = tables.keys().map(|table| (table.clone(), json!([]))).collect();
            json!({"Responses": responses, "UnprocessedKeys": {}})
        }
        _ => return None,
    };
    Some(Answer::json(200, empty.to_string()))
}
