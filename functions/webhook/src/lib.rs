//! Calls tenants' endpoints: each event to each endpoint that wants it, signed, and again until it is taken or given up.
//!
//! A delivery is driven by one message at a time, its hop: first the event itself (hop 0), then `webhook.due.v1`
//! messages that this function sends to its own queue. Invariants:
//! - A message is done with only after its successor was queued and remembered, or none is needed: whatever dies in
//!   between, the message comes again. So a pending delivery always has a message, unless its endpoint is gone.
//! - An earlier hop than the one remembered does nothing: a message that arrives twice has one successor.
//! - An attempt is claimed before the call and settled with its receipt after it. A worker that dies during the call
//!   leaves no receipt, and the call is made again: endpoints tell a repeat by its `webhook-id`.
//! - A delivery that is given up is in the dead-letter queue at least once. Moved back, it is attempted once more.
//!
//! Signing, delays and addresses are decided in `domain::webhook`; that one bad message holds up no other, in `cloud`.

mod call;
mod errand;
mod step;
mod target;

pub use call::{Caller, CallerError, Hook};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use cloud::{
    Fault, World,
    batch::{self, Record},
    spend::{self, Function},
    store::{Consumer, Delivery, DeliveryStatus, Endpoint},
};
use domain::id::{DeliveryId, EventId};
use errand::Errand;
use events::{Envelope, Event, WebhookDueV1};
use futures::future::join_all;

/// Messages that are worked on at a time. An event calls all endpoints of its tenant at once (at most
/// [`cloud::store::ENDPOINTS_MAX`]), so that a batch takes about as long as its slowest call.
const MESSAGES_AT_ONCE_MAX: usize = 10;

/// Handles a batch of events and due attempts, and answers which of them to deliver again.
pub async fn handle(world: &World, caller: &Caller, event: SqsEvent) -> SqsBatchResponse {
    let batch = batch::each(event, MESSAGES_AT_ONCE_MAX, |record| on_message(world, caller, record));
    spend::invocation(world, Function::Webhook, batch).await
}

async fn on_message(world: &World, caller: &Caller, record: Record) -> Result<(), Fault> {
    match record.header.event_type.as_str() {
        WebhookDueV1::TYPE => on_due(world, caller, &record).await,
        _ => on_event(world, caller, &record).await,
    }
}

/// An event: makes a delivery for each endpoint that wants it, and the first attempt of each.
async fn on_event(world: &World, caller: &Caller, record: &Record) -> Result<(), Fault> {
    let event_id = record.header.id;
    if world.is_processed(Consumer::Webhook, event_id).await? {
        return Ok(());
    }
    let endpoints = world.store(record.header.subject).endpoints().await?;
    let wanting = endpoints.iter().filter(|endpoint| wants(endpoint, &record.header.event_type));
    let errand = Errand { world, caller, header: &record.header, attempt: 1, hop: 0 };
    // All of them run to their end: one endpoint's fault keeps the event, and holds up no other endpoint.
    let done = join_all(wanting.map(|endpoint| deliver(&errand, &record.body, endpoint))).await;
    done.into_iter().collect::<Result<(), Fault>>()?;
    world.mark_processed(Consumer::Webhook, event_id, world.now()).await
}

async fn deliver(errand: &Errand<'_>, body: &str, endpoint: &Endpoint) -> Result<(), Fault> {
    let store = errand.world.store(errand.header.subject);
    let now = errand.world.now();
    let delivery = Delivery {
        id: delivery_id(endpoint, errand.header.id),
        endpoint_id: endpoint.id,
        event_id: errand.header.id,
        event_type: errand.header.event_type.clone(),
        body: body.to_owned(),
        correlation_id: errand.header.correlationid.to_string(),
        status: DeliveryStatus::Pending,
        attempts: 0,
        created_at: now,
        next_attempt_at: now,
        hop: 0,
        claimed_until: None,
    };
    if store.create_delivery(&delivery).await? {
        return errand.run(delivery, Some(endpoint)).await;
    }
    let existing = store.delivery(delivery.id).await?;
    errand.run(existing.ok_or(Fault::Conflict { operation: "create delivery" })?, Some(endpoint)).await
}

/// A due attempt, which this function sent to itself.
async fn on_due(world: &World, caller: &Caller, record: &Record) -> Result<(), Fault> {
    let due = Envelope::<WebhookDueV1>::decode(&record.body).map_err(batch::malformed)?.data;
    let store = world.store(record.header.subject);
    let Some(delivery) = store.delivery(due.delivery_id).await? else {
        // Only time to live removes a delivery, long after its last attempt.
        tracing::warn!(delivery = %due.delivery_id, "the delivery is gone");
        return Ok(());
    };
    let errand = Errand { world, caller, header: &record.header, attempt: due.attempt, hop: due.hop };
    let endpoint = store.endpoint(delivery.endpoint_id).await?;
    errand.run(delivery, endpoint.as_ref()).await
}

/// Derived, so that the same event makes the same delivery however often it comes.
fn delivery_id(endpoint: &Endpoint, event_id: EventId) -> DeliveryId {
    DeliveryId::derived(&[&endpoint.id.to_string(), &event_id.to_string()])
}

/// Whether `endpoint` wants events of `event_type`: it named the type, or none at all.
fn wants(endpoint: &Endpoint, event_type: &str) -> bool {
    endpoint.event_types.is_empty() || endpoint.event_types.iter().any(|wanted| wanted == event_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Timestamp,
        id::{EndpointId, TenantId},
    };
    use rstest::rstest;

    #[rstest]
    #[case::all(&[], true)]
    #[case::this_one(&["invoice.created.v1", "invoice.ready.v1"], true)]
    #[case::others(&["invoice.created.v1"], false)]
    #[case::another_version(&["invoice.ready.v2"], false)]
    #[case::a_prefix(&["invoice.ready"], false)]
    fn an_endpoint_gets_the_types_that_it_named(#[case] event_types: &[&str], #[case] expect: bool) {
        let endpoint = Endpoint {
            id: EndpointId::derived(&["endpoint"]),
            tenant_id: TenantId::derived(&["acme"]),
            url: "https://example.com/".to_owned(),
            event_types: event_types.iter().map(|event_type| (*event_type).to_owned()).collect(),
            secret: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(wants(&endpoint, "invoice.ready.v1"), expect);
    }
}
