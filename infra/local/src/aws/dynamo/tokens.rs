//! Idempotency of `TransactWriteItems` by `ClientRequestToken`: the same token with the same items within ten minutes
//! answers as before and writes nothing.
//!
//! The SDK gives every call a token of its own, so that its retries are safe. Time is the embedded clock's.

use bytes::Bytes;
use dynoxide::DynoxideError;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// How long DynamoDB remembers a token.
const REMEMBERED_MS: i64 = 10 * 60 * 1_000;
/// How many tokens are remembered at most: under a clock that stands still none grows old.
const TOKENS_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Tokens(Mutex<State>);

#[derive(Default)]
struct State {
    seen: HashMap<String, Seen>,
    /// Tokens with the instant they were first seen, oldest first.
    order: VecDeque<(i64, String)>,
}

struct Seen {
    items: u64,
    answer: Bytes,
}

impl Tokens {
    /// Runs a transaction, unless its token has run it before. A transaction that fails may be tried again.
    pub(super) fn once(
        &self,
        token: &str,
        body: &[u8],
        now_ms: i64,
        run: impl FnOnce() -> Result<Bytes, DynoxideError>,
    ) -> Result<Bytes, DynoxideError> {
        let items = fingerprint(body);
        // Held over the run, so that of two calls with one token the second waits for the first one's answer.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now_ms);
        if let Some(seen) = state.seen.get(token) {
            return if seen.items == items {
                Ok(seen.answer.clone())
            } else {
                Err(DynoxideError::IdempotentParameterMismatchException(
                    "the token was used with other items within the last ten minutes".to_owned(),
                ))
            };
        }
        let answer = run()?;
        state.seen.insert(token.to_owned(), Seen { items, answer: answer.clone() });
        state.order.push_back((now_ms, token.to_owned()));
        Ok(answer)
    }
}

impl State {
    fn forget(&mut self, now_ms: i64) {
        while let Some((seen_ms, _)) = self.order.front() {
            if now_ms.saturating_sub(*seen_ms) < REMEMBERED_MS && self.order.len() < TOKENS_MAX {
                break;
            }
            if let Some((_, token)) = self.order.pop_front() {
                self.seen.remove(&token);
            }
        }
    }
}

/// A hash of the items that does not depend on the order in which the SDK wrote the members of its maps.
fn fingerprint(body: &[u8]) -> u64 {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    hash_of(request.get("TransactItems").unwrap_or(&Value::Null))
}

fn hash_of(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => 0_u8.hash(&mut hasher),
        Value::Bool(flag) => (1_u8, flag).hash(&mut hasher),
        Value::Number(number) => (2_u8, number.to_string()).hash(&mut hasher),
        Value::String(text) => (3_u8, text).hash(&mut hasher),
        Value::Array(values) => {
            4_u8.hash(&mut hasher);
            for value in values {
                hash_of(value).hash(&mut hasher);
            }
        }
        Value::Object(members) => {
            let sum = members.iter().fold(0_u64, |sum, (name, value)| {
                let mut member = DefaultHasher::new();
                (name, hash_of(value)).hash(&mut member);
                sum.wrapping_add(member.finish())
            });
            (5_u8, sum).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tokens: &Tokens, body: &str, now_ms: i64, answer: &'static str) -> Result<Bytes, DynoxideError> {
        tokens.once("token", body.as_bytes(), now_ms, || Ok(Bytes::from_static(answer.as_bytes())))
    }

    #[test]
    fn a_token_runs_its_items_once_in_ten_minutes() {
        let tokens = Tokens::default();
        let first = r#"{"TransactItems":[{"a":1,"b":[2]}],"ClientRequestToken":"token"}"#;
        let reordered = r#"{"ClientRequestToken":"token","TransactItems":[{"b":[2],"a":1}]}"#;
        let other = r#"{"TransactItems":[{"a":2,"b":[1]}]}"#;
        assert_eq!(run(&tokens, first, 0, "first").unwrap(), "first");
        assert_eq!(run(&tokens, reordered, 599_999, "second").unwrap(), "first");
        let mismatch = run(&tokens, other, 599_999, "third").unwrap_err();
        assert!(matches!(mismatch, DynoxideError::IdempotentParameterMismatchException(_)), "{mismatch}");
        assert_eq!(run(&tokens, other, 600_000, "third").unwrap(), "third");
    }

    #[test]
    fn a_failed_transaction_may_be_tried_again() {
        let tokens = Tokens::default();
        let failed = tokens.once("token", b"{}", 0, || Err(DynoxideError::ValidationException(String::new())));
        assert!(failed.is_err());
        assert_eq!(run(&tokens, "{}", 0, "second").unwrap(), "second");
    }
}
