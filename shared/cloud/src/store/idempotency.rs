//! Idempotency keys: the answer that a POST got is given again to a repeat of it (DESIGN.md §7).
//!
//! A key is claimed before the work and answered after it. If the process dies between the two, the claim lapses and
//! the work is done again with the same derived ids, so that it finds what it has made.

use super::{
    dynamo,
    item::{self, Stored},
    key::Key,
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How long an answer is kept.
const ANSWER_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long a request may take before a repeat of it may run: longer than the function's timeout.
const CLAIM_LASTS: SignedDuration = SignedDuration::from_secs(60);

/// The answer of a POST.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: String,
}

/// What a claim of a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has it: do the work, then store the answer.
    Claimed,
    /// The same request was answered so.
    Answered(StoredAnswer),
    /// The same request is being worked on.
    InProgress,
    /// Another request has used the key.
    OtherRequest,
}

#[derive(Serialize, Deserialize)]
struct IdempotencyV1 {
    request: String,
    claimed_at: Timestamp,
    answer: Option<StoredAnswer>,
    #[serde(rename = "expiresAt")]
    expires_at: i64,
}

impl Stored for IdempotencyV1 {
    const VERSION: u32 = 1;
}

impl World {
    /// Claims `key` of `principal` for the request with the digest `request`.
    pub async fn claim_idempotency_key(
        &self,
        principal: &str,
        key: &str,
        request: &str,
        now: Timestamp,
    ) -> Result<Claim, Fault> {
        let table = &self.settings().tenants_table;
        let key = Key::Idempotency { principal, key };
        let claim = item::write(&key, &record(request, None, now))?;
        let lapsed = now.saturating_sub(CLAIM_LASTS).unwrap_or(Timestamp::MIN);
        // TTL deletes hours late, so an expired record is overwritten here.
        let condition = "attribute_not_exists(pk) OR expiresAt < :now \
             OR (#request = :request AND attribute_type(answer, :null) AND claimed_at < :lapsed)";
        let put = self.dynamo().put_item().table_name(table).set_item(Some(claim));
        let put = put
            .condition_expression(condition)
            // A reserved word of DynamoDB's.
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .expression_attribute_values(":request", AttributeValue::S(request.to_owned()))
            .expression_attribute_values(":null", AttributeValue::S("NULL".to_owned()))
            .expression_attribute_values(":lapsed", AttributeValue::S(lapsed.to_string()));
        if dynamo::put_on_condition(put).await? {
            return Ok(Claim::Claimed);
        }
        let Some(item) = self.get_item(table, &key).await? else { return Ok(Claim::InProgress) };
        let found: IdempotencyV1 = item::read(item)?;
        Ok(match found.answer {
            _ if found.request != request => Claim::OtherRequest,
            Some(answer) => Claim::Answered(answer),
            None => Claim::InProgress,
        })
    }

    /// Stores the answer to a claimed request.
    pub async fn answer_idempotency_key(
        &self,
        principal: &str,
        key: &str,
        request: &str,
        answer: StoredAnswer,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let key = Key::Idempotency { principal, key };
        let item = item::write(&key, &record(request, Some(answer), now))?;
        let sent =
            self.dynamo().put_item().table_name(&self.settings().tenants_table).set_item(Some(item)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:PutItem", error))
    }

    /// Gives up a claim whose work failed for now, so that a retry need not wait.
    pub async fn release_idempotency_key(&self, principal: &str, key: &str) -> Result<(), Fault> {
        let key = Key::Idempotency { principal, key }.attributes();
        let request = self.dynamo().delete_item().table_name(&self.settings().tenants_table);
        let sent = request.set_key(Some(key)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:DeleteItem", error))
    }
}

fn record(request: &str, answer: Option<StoredAnswer>, now: Timestamp) -> IdempotencyV1 {
    let expires_at = now.saturating_add(ANSWER_KEPT).unwrap_or(Timestamp::MAX).as_second();
    IdempotencyV1 { request: request.to_owned(), claimed_at: now, answer, expires_at }
}
