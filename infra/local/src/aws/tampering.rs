//! Tampering: a DynamoDB that breaks its promises, to prove that a test which relies on them would notice.
//!
//! It is given to single clients by [`super::EmbeddedAws::with_tampering`] and never fires by itself. A fault
//! ([`super::Fault`]) is what AWS may do to anybody; a tampering is what AWS never does.

use super::wire::Answer;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A promise that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tampering {
    /// Writes to the table happen whatever their condition says.
    IgnoreConditions {
        /// The table by its name at AWS.
        table: String,
    },
    /// `GetItem` shows another value of an attribute than the item has.
    ReplaceAttribute {
        /// The table by its name at AWS.
        table: String,
        /// The attribute.
        attribute: String,
        /// What it shows, as DynamoDB writes it: `{"S": "text"}`.
        value: Value,
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
            Tampering::ReplaceAttribute { .. } => None,
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

/// The answer as the tampered DynamoDB gives it.
pub(super) fn answer(tamperings: &[Tampering], operation: &str, request: &[u8], mut answer: Answer) -> Answer {
    if operation != "GetItem" {
        return answer;
    }
    for tampering in tamperings {
        if let Tampering::ReplaceAttribute { table, attribute, value } = tampering
            && let Some(replaced) = replaced(table, attribute, value, request, &answer.body)
        {
            answer.body = replaced.into();
        }
    }
    answer
}

/// The body with the attribute replaced, if it shows an item of the table that has one.
fn replaced(table: &str, attribute: &str, value: &Value, request: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let there = body.get_mut("Item")?.get_mut(attribute).filter(|_| request["TableName"] == table)?;
    *there = value.clone();
    Some(body.to_string().into_bytes())
}
