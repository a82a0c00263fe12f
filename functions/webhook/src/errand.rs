//! What one message does about one delivery: the attempt, if it is time, and then whatever must follow it.
//!
//! The order is what makes a crash harmless: settle, queue the next message, remember that it was queued. Each step
//! that was lost is done when the message comes again; each that was done twice is told by the hop.

use crate::{
    call::{Call, Caller, Outcome},
    step,
};
use cloud::{
    Fault, World,
    store::{Delivery, DeliveryStatus, Endpoint},
};
use domain::{Timestamp, webhook::Secret};
use events::{Envelope, Header, Message, WebhookDueV1};
use jiff::SignedDuration;

/// A message that drives a delivery.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub(crate) world: &'a World,
    pub(crate) caller: &'a Caller,
    /// Of the message.
    pub(crate) header: &'a Header,
    /// Which attempt it asks for.
    pub(crate) attempt: u32,
    /// Which message about the delivery it is; 0 for the event itself.
    pub(crate) hop: u32,
}

impl Errand<'_> {
    /// Drives `delivery` one step; `endpoint` is `None` if it was deleted.
    pub(crate) async fn run(&self, delivery: Delivery, endpoint: Option<&Endpoint>) -> Result<(), Fault> {
        if step::is_stale(&delivery, self.hop) {
            return Ok(());
        }
        let orphaned = endpoint.is_none() && delivery.status == DeliveryStatus::Pending;
        let delivery = if orphaned || step::is_due(&delivery, self.attempt, self.world.now()) {
            self.attempt(delivery, endpoint).await?
        } else {
            delivery
        };
        match delivery.status {
            DeliveryStatus::Delivered => Ok(()),
            DeliveryStatus::Pending => self.queue_next(&delivery).await,
            DeliveryStatus::Dead if endpoint.is_none() => Ok(()),
            DeliveryStatus::Dead => self.give_up(&delivery).await,
        }
    }

    async fn attempt(&self, delivery: Delivery, endpoint: Option<&Endpoint>) -> Result<Delivery, Fault> {
        let store = self.world.store(self.header.subject);
        let attempted_at = self.world.now();
        if !store.claim_attempt(&delivery, attempted_at).await? {
            // Another worker has it, or had it and died: this message comes again after the claim has ended.
            return Err(Fault::Conflict { operation: "claim attempt" });
        }
        let outcome = match endpoint {
            Some(endpoint) => self.call(endpoint, &delivery, attempted_at).await?,
            None => Outcome::Gone,
        };
        let settled_at = self.world.now();
        let receipt = step::receipt(&delivery, &outcome, attempted_at, settled_at);
        let settled = step::settled(delivery, &outcome, settled_at, self.world.random().number());
        store.settle_attempt(&settled, &receipt).await?;
        tracing::info!(delivery = %settled.id, attempt = receipt.number, answer = receipt.status, error = receipt.error, "called");
        self.count(&outcome, settled.status, settled_at);
        Ok(settled)
    }

    async fn call(&self, endpoint: &Endpoint, delivery: &Delivery, sent_at: Timestamp) -> Result<Outcome, Fault> {
        let malformed = || Fault::permanent("decode item", "the endpoint's secret is malformed");
        let secrets = [Secret::parse(&endpoint.secret).ok_or_else(malformed)?];
        let call = Call {
            url: &endpoint.url,
            secrets: &secrets,
            event_id: delivery.event_id,
            correlation_id: &delivery.correlation_id,
            body: &delivery.body,
            sent_at,
        };
        Ok(self.caller.call(&call).await)
    }

    /// Queues the message that makes the next attempt, or that only waits for it if SQS cannot delay for so long.
    async fn queue_next(&self, delivery: &Delivery) -> Result<(), Fault> {
        let delay = delivery.next_attempt_at.duration_since(self.world.now()).max(SignedDuration::ZERO);
        let next = self.next_message(delivery)?;
        self.world.send_to_webhook_queue(&next, delay).await?;
        self.world.store(self.header.subject).remember_hop(delivery.id, self.hop + 1).await
    }

    /// Puts the delivery into the dead-letter queue, from where an operator may move it back for one more attempt.
    async fn give_up(&self, delivery: &Delivery) -> Result<(), Fault> {
        let next = self.next_message(delivery)?;
        self.world.send_to_webhook_dead_letters(&next).await?;
        self.world.store(self.header.subject).remember_hop(delivery.id, self.hop + 1).await
    }

    fn next_message(&self, delivery: &Delivery) -> Result<Message, Fault> {
        let data = WebhookDueV1 { delivery_id: delivery.id, attempt: delivery.attempts + 1, hop: self.hop + 1 };
        let reports = [&*delivery.id.to_string(), &data.hop.to_string()];
        let (subject, correlation_id) = (self.header.subject, self.header.correlationid.clone());
        let envelope = Envelope::new("webhook", subject, self.world.now(), correlation_id, &reports, data);
        envelope.encode().map_err(|error| Fault::permanent("encode event", error))
    }

    fn count(&self, outcome: &Outcome, status: DeliveryStatus, now: Timestamp) {
        let stage = &self.world.settings().stage;
        let count = |name| self.world.metrics().count(stage, "webhook", name, 1, now);
        match outcome {
            Outcome::Taken { .. } => count("WebhooksDelivered"),
            // Its owner gave it up: no failure to wake anybody for.
            Outcome::Gone => {}
            Outcome::Failed { .. } => {
                count("WebhooksFailed");
                if status == DeliveryStatus::Dead {
                    count("WebhooksDead");
                }
            }
        }
    }
}
