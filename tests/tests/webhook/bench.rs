//! A bench for the webhook function alone: its world, its queue, and a pump that plays Lambda's part.

use crate::receiver::Receiver;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use cloud::{
    Clock, Metrics, Random, World,
    store::{Attempt, Delivery, Endpoint},
};
use domain::{
    Timestamp,
    id::{EndpointId, InvoiceId, TenantId},
    webhook::Secret,
};
use events::{AmountV1, CorrelationId, Envelope, InvoiceReadyV1, Message, WebhookDueV1};
use jiff::SignedDuration;
use meterline::{
    aws::{DEFAULT_ENDPOINT, EmbeddedAws, Storage},
    platform::{Options, Platform},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use webhook::Caller;

/// Longer than any call on loopback takes, unless it is silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches of one instant before a bench calls its messages endless.
const BATCHES_MAX: usize = 100;
/// Turns of the clock before a bench calls its queue restless: all retries take about 300 hops.
const TURNS_MAX: usize = 1_000;
pub(crate) const START: Timestamp = Timestamp::constant(1_780_272_000, 0);

pub(crate) struct Bench {
    pub(crate) aws: EmbeddedAws,
    pub(crate) world: World,
    pub(crate) caller: Caller,
    pub(crate) tenant_id: TenantId,
    /// How often each batch is handled before it is deleted.
    pub(crate) repeats: usize,
    metrics: Arc<Mutex<Vec<String>>>,
    sqs: aws_sdk_sqs::Client,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(true, PATIENCE).await
    }

    pub(crate) async fn with(allow_private_addresses: bool, patience: Duration) -> Self {
        let metrics = Arc::new(Mutex::new(Vec::new()));
        let options = Options {
            storage: Storage::Memory,
            clock: Clock::fixed(START),
            random: Random::seeded(7),
            metrics: Metrics::Memory(Arc::clone(&metrics)),
            platform_key: "ml_test_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned(),
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            webhook_allow_private_addresses: allow_private_addresses,
        };
        let platform = Platform::open(options).await.unwrap();
        let (aws, world) = (platform.aws().clone(), platform.world().clone());
        let caller = Caller::with_timeout(world.settings(), patience).unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
        Self { aws, world, caller, tenant_id: TenantId::derived(&["acme"]), repeats: 1, metrics, sqs }
    }

    pub(crate) async fn endpoint(&self, url: &str, event_types: &[&str]) -> Endpoint {
        let endpoint = Endpoint {
            id: EndpointId::derived(&[url]),
            tenant_id: self.tenant_id,
            url: url.to_owned(),
            event_types: event_types.iter().map(|event_type| (*event_type).to_owned()).collect(),
            secret: Secret::new([7; 32]).reveal(),
            created_at: START,
        };
        assert!(self.world.store(self.tenant_id).create_endpoint(&endpoint).await.unwrap());
        endpoint
    }

    /// An endpoint that wants everything, at `receiver`.
    pub(crate) async fn endpoint_at(&self, receiver: &Receiver) -> Endpoint {
        self.endpoint(&receiver.url(), &[]).await
    }

    /// An event of the tenant.
    pub(crate) fn event(&self) -> Message {
        let data = InvoiceReadyV1 {
            invoice_id: InvoiceId::derived(&["invoice"]),
            number: "INV-000001".to_owned(),
            total: AmountV1 { amount_minor: 1_900, currency: "USD".to_owned() },
            due_at: START,
            digest: "00".repeat(32),
            pdf_path: "/v1/invoices/1/pdf".to_owned(),
        };
        let correlation_id = CorrelationId::new("corr-1");
        Envelope::new("invoice", self.tenant_id, START, correlation_id, &["1"], data).encode().unwrap()
    }

    /// A message that the function sends to itself.
    pub(crate) fn due(&self, due: WebhookDueV1) -> Message {
        Envelope::new("webhook", self.tenant_id, START, CorrelationId::new("corr-1"), &["due"], due).encode().unwrap()
    }

    /// Puts an event into the webhook queue, as the topic does.
    pub(crate) async fn send(&self, message: &Message) {
        self.world.send_to_webhook_queue(message, SignedDuration::ZERO).await.unwrap();
    }

    /// Takes a batch from the queue: each message, and the receipt that deletes it.
    pub(crate) async fn receive(&self) -> (SqsEvent, Vec<String>) {
        let request = self.sqs.receive_message().queue_url(&self.world.settings().webhook_queue_url);
        let received = request.max_number_of_messages(10).send().await.unwrap().messages.unwrap_or_default();
        let mut event = SqsEvent::default();
        let mut receipts = Vec::new();
        for message in received {
            let mut record = SqsMessage::default();
            record.message_id = message.message_id;
            record.body = message.body;
            event.records.push(record);
            receipts.push(message.receipt_handle.unwrap());
        }
        (event, receipts)
    }

    /// Handles `event`, and answers the ids of the messages that failed.
    pub(crate) async fn handle(&self, event: SqsEvent) -> Vec<String> {
        let response = webhook::handle(&self.world, &self.caller, event).await;
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    /// Delivers until no message is visible.
    pub(crate) async fn drain(&self) {
        for _ in 0..BATCHES_MAX {
            let (event, receipts) = self.receive().await;
            if receipts.is_empty() {
                return;
            }
            let mut failed = Vec::new();
            for _ in 0..self.repeats {
                failed = self.handle(event.clone()).await;
            }
            for (record, receipt) in event.records.iter().zip(receipts) {
                if record.message_id.as_ref().is_some_and(|id| !failed.contains(id)) {
                    let request = self.sqs.delete_message().queue_url(&self.world.settings().webhook_queue_url);
                    request.receipt_handle(receipt).send().await.unwrap();
                }
            }
        }
        panic!("the messages have no end: {:?}", self.aws.queue_depths());
    }

    /// Delivers, and turns the clock to whenever the next message is visible, until the queue is empty.
    pub(crate) async fn settle(&self) {
        for _ in 0..TURNS_MAX {
            self.drain().await;
            let Some(next) = self.next_visible_at() else { return };
            self.turn_to(next);
        }
        panic!("the queue does not come to rest: {:?}", self.aws.queue_depths());
    }

    pub(crate) fn turn_to(&self, instant: Timestamp) {
        assert!(instant >= self.world.now() && self.world.clock().turn_to(instant));
    }

    /// When the webhook queue has its next message.
    pub(crate) fn next_visible_at(&self) -> Option<Timestamp> {
        let url = &self.world.settings().webhook_queue_url;
        let depths = self.aws.queue_depths();
        let depth = depths.iter().find(|depth| url.ends_with(&format!("/{}", depth.queue))).unwrap();
        if depth.visible > 0 { Some(self.world.now()) } else { depth.next_visible_at }
    }

    /// Takes everything out of the dead-letter queue.
    pub(crate) async fn dead_letters(&self) -> Vec<WebhookDueV1> {
        let url = &self.world.settings().webhook_dead_letter_queue_url;
        let mut found = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let received = request.send().await.unwrap().messages.unwrap_or_default();
            if received.is_empty() {
                return found;
            }
            for message in received {
                found.push(Envelope::<WebhookDueV1>::decode(&message.body.unwrap()).unwrap().data);
                let request = self.sqs.delete_message().queue_url(url);
                request.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
            }
        }
    }

    /// Moves everything from the dead-letter queue back to the queue.
    pub(crate) async fn move_dead_letters_back(&self) -> Vec<Message> {
        let messages: Vec<Message> = self.dead_letters().await.into_iter().map(|due| self.due(due)).collect();
        for message in &messages {
            self.send(message).await;
        }
        messages
    }

    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        self.world.store(self.tenant_id).deliveries(100, None).await.unwrap().items
    }

    /// The only delivery, and its receipts.
    pub(crate) async fn delivery(&self) -> (Delivery, Vec<Attempt>) {
        let deliveries = self.deliveries().await;
        let [delivery] = deliveries.as_slice() else { panic!("expected one delivery: {deliveries:?}") };
        let attempts = self.world.store(self.tenant_id).attempts(delivery.id).await.unwrap();
        (delivery.clone(), attempts)
    }

    /// The sum of a business metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let lines = self.metrics.lock().unwrap();
        let lines = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter_map(|line| line[name].as_u64()).sum()
    }
}

/// What the receipts say, in short.
pub(crate) fn told(attempts: &[Attempt]) -> Vec<(u32, Option<u16>, Option<&str>)> {
    attempts.iter().map(|attempt| (attempt.number, attempt.status, attempt.error.as_deref())).collect()
}
