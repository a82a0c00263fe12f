//! The table `webhooks`: endpoints, deliveries, and the receipt of every attempt.
//!
//! Invariant: an attempt is claimed before the call and settled after it, each by a conditional write, so that two
//! workers never make the same attempt and a receipt is never overwritten.

use super::{
    TenantStore,
    dynamo::{self, Range, Transacted},
    item::{self, Cursor, Page, Stored},
    key::{self, Key},
};
use crate::{Fault, settings};
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, TransactWriteItem, Update},
};
use domain::{
    Timestamp,
    id::{DeliveryId, EndpointId, EventId, TenantId},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Days that deliveries and receipts are kept.
const RECEIPT_DAYS: i64 = 90;
/// Most endpoints of one tenant; all are read for each event.
pub const ENDPOINTS_MAX: u8 = 20;
/// A claim older than this was abandoned by a worker that died: longer than the function's timeout.
const CLAIM_LASTS: SignedDuration = SignedDuration::from_secs(90);

/// Where a tenant wants to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Who it is.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The URL.
    pub url: String,
    /// Types of event that it wants; empty for all.
    pub event_types: Vec<String>,
    /// The signing secret in its text form.
    pub secret: String,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Stored for Endpoint {
    const VERSION: u32 = 1;
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryStatus {
    /// It will be attempted, for the first time or again.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// Given up: all attempts failed and it lies in the dead-letter queue, or its endpoint was deleted.
    Dead,
}

/// One event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Who it is: derived from the endpoint and the event.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// Which event.
    pub event_id: EventId,
    /// Of which type.
    pub event_type: String,
    /// The envelope, as it is sent.
    pub body: String,
    /// Which request caused it.
    pub correlation_id: String,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Attempts that were settled.
    pub attempts: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
    /// The last `webhook.due.v1` that was queued for it; 0 while the event itself is what drives it.
    pub hop: u32,
    /// Until when a worker has it to itself.
    pub claimed_until: Option<Timestamp>,
}

impl Stored for Delivery {
    const VERSION: u32 = 1;
}

/// The receipt of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which attempt, counted from 1.
    pub number: u32,
    /// When it was made.
    pub attempted_at: Timestamp,
    /// What the endpoint answered.
    pub status: Option<u16>,
    /// Why there was no answer, or no good one.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
}

impl Stored for Attempt {
    const VERSION: u32 = 1;
}

impl TenantStore<'_> {
    /// Creates an endpoint; answers `false` if its id is taken.
    pub async fn create_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Fault> {
        let item = item::write(&Key::Endpoint(self.tenant_id, endpoint.id), endpoint)?;
        self.world.put_if_absent(self.table(), item).await
    }

    /// The endpoint `id`.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, Fault> {
        let item = self.world.get_item(self.table(), &Key::Endpoint(self.tenant_id, id)).await?;
        item.map(item::read).transpose()
    }

    /// The tenant's endpoints: at most [`ENDPOINTS_MAX`].
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, Fault> {
        let range = Range::Prefix("ENDPOINT#".to_owned());
        let partition = key::tenant_partition(self.tenant_id);
        let page = self.world.query_page(self.table(), &partition, range, false, ENDPOINTS_MAX, None).await?;
        Ok(page.try_map(item::read)?.items)
    }

    /// Deletes the endpoint `id`; what is on its way to it is not attempted again.
    pub async fn delete_endpoint(&self, id: EndpointId) -> Result<(), Fault> {
        let key = Key::Endpoint(self.tenant_id, id).attributes();
        let request = self.world.dynamo().delete_item().table_name(self.table());
        let sent = request.set_key(Some(key)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:DeleteItem", error))
    }

    /// Creates a delivery; answers `false` if there is one of that id.
    pub async fn create_delivery(&self, delivery: &Delivery) -> Result<bool, Fault> {
        let expires_at = AttributeValue::N(settings::expires_at(delivery.created_at, RECEIPT_DAYS));
        let mut item = item::write(&Key::Delivery(self.tenant_id, delivery.id), delivery)?;
        item.insert("expiresAt".to_owned(), expires_at.clone());
        let mut listed = Key::DeliveryListed(self.tenant_id, delivery.created_at, delivery.id).attributes();
        listed.insert("deliveryId".to_owned(), AttributeValue::S(delivery.id.to_string()));
        listed.insert("expiresAt".to_owned(), expires_at);
        let actions = vec![dynamo::put(self.table(), item, true)?, dynamo::put(self.table(), listed, false)?];
        Ok(self.world.transact(actions).await? == Transacted::Committed)
    }

    /// The delivery `id`.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
        let item = self.world.get_item(self.table(), &Key::Delivery(self.tenant_id, id)).await?;
        item.map(item::read).transpose()
    }

    /// A page of the tenant's deliveries, newest first.
    pub async fn deliveries(&self, limit: u8, after: Option<&Cursor>) -> Result<Page<Delivery>, Fault> {
        let partition = key::tenant_partition(self.tenant_id);
        let range = Range::Prefix("LIST#".to_owned());
        let listed = self.world.query_page(self.table(), &partition, range, true, limit, after).await?;
        let ids = listed.items.iter().map(|item| item::parse(item::text(item, "deliveryId")?));
        let keys = ids.map(|id| id.map(|id| Key::Delivery(self.tenant_id, id))).collect::<Result<Vec<_>, Fault>>()?;
        let items = self.world.get_items(self.table(), &keys).await?;
        Page { items, next: listed.next }.try_map(item::read)
    }

    /// The receipts of a delivery, in order.
    pub async fn attempts(&self, id: DeliveryId) -> Result<Vec<Attempt>, Fault> {
        let range = Range::Prefix(format!("ATTEMPT#{id}#"));
        let items = self.world.query_all(self.table(), &key::tenant_partition(self.tenant_id), range).await?;
        items.into_iter().map(item::read).collect()
    }

    /// Claims the next attempt of a delivery as it was read; answers whether this worker has it.
    pub async fn claim_attempt(&self, delivery: &Delivery, now: Timestamp) -> Result<bool, Fault> {
        let claimed_until = now.saturating_add(CLAIM_LASTS).unwrap_or(Timestamp::MAX);
        let text = |value: String| AttributeValue::S(value);
        let sent = self
            .world
            .dynamo()
            .update_item()
            .table_name(self.table())
            .set_key(Some(Key::Delivery(self.tenant_id, delivery.id).attributes()))
            .update_expression("SET claimed_until = :until")
            .condition_expression(
                "#status = :status AND attempts = :attempts \
                 AND (attribute_type(claimed_until, :null) OR claimed_until < :now)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":until", text(key::sortable(claimed_until)))
            .expression_attribute_values(":now", text(key::sortable(now)))
            .expression_attribute_values(":status", status(delivery)?)
            .expression_attribute_values(":null", text("NULL".to_owned()))
            .expression_attribute_values(":attempts", AttributeValue::N(delivery.attempts.to_string()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(Fault::of_call("dynamodb:UpdateItem", error)),
        }
    }

    /// Settles a claimed attempt: keeps its receipt and how the delivery stands after it.
    pub async fn settle_attempt(&self, delivery: &Delivery, receipt: &Attempt) -> Result<(), Fault> {
        let key = Key::Attempt(self.tenant_id, delivery.id, receipt.number);
        let mut item = item::write(&key, receipt)?;
        let expires_at = AttributeValue::N(settings::expires_at(delivery.created_at, RECEIPT_DAYS));
        item.insert("expiresAt".to_owned(), expires_at);
        let next_attempt_at = AttributeValue::S(delivery.next_attempt_at.to_string());
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(Key::Delivery(self.tenant_id, delivery.id).attributes()))
            .update_expression("SET #status = :status, attempts = :n, next_attempt_at = :next, claimed_until = :none")
            .condition_expression("attempts = :before")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", status(delivery)?)
            .expression_attribute_values(":next", next_attempt_at)
            .expression_attribute_values(":none", AttributeValue::Null(true))
            .expression_attribute_values(":n", AttributeValue::N(receipt.number.to_string()))
            .expression_attribute_values(":before", AttributeValue::N((receipt.number - 1).to_string()))
            .build()
            .map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        let actions = vec![TransactWriteItem::builder().update(update).build(), dynamo::put(self.table(), item, true)?];
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(()),
            // This very attempt was settled before, by a try whose answer was lost: what is stored stands.
            Transacted::Refused(_) => Err(Fault::Conflict { operation: "dynamodb:TransactWriteItems" }),
        }
    }

    /// Remembers that the message `hop` about a delivery was queued, unless a later one was.
    pub async fn remember_hop(&self, id: DeliveryId, hop: u32) -> Result<(), Fault> {
        let request = self.world.dynamo().update_item().table_name(self.table());
        let sent = request
            .set_key(Some(Key::Delivery(self.tenant_id, id).attributes()))
            .update_expression("SET hop = :hop")
            .condition_expression("hop < :hop")
            .expression_attribute_values(":hop", AttributeValue::N(hop.to_string()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(Fault::of_call("dynamodb:UpdateItem", error)),
        }
    }

    fn table(&self) -> &str {
        &self.world.settings().webhooks_table
    }
}

fn status(delivery: &Delivery) -> Result<AttributeValue, Fault> {
    serde_dynamo::to_attribute_value(delivery.status).map_err(|error| Fault::permanent("encode item", error))
}
