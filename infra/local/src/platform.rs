//! The whole platform in one process: the five functions over the embedded AWS, with Lambda's part played by
//! [`Platform::deliver`] and the schedule's by [`Platform::tick`].
//!
//! Invariant: a function is only ever called through its `handle` or `router`, with what Lambda would have given it.

use crate::{
    aws::{EmbeddedAws, OpenError, Storage},
    lambda,
    stack::{self, EventSource, Stack},
};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use cloud::{Clock, Fault, Metrics, Random, Settings, SettingsError, World};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};

/// Messages of one `ReceiveMessage` and one `DeleteMessageBatch` (AWS limit).
const MESSAGES_A_REQUEST: usize = 10;
/// Bytes of the messages of one invocation (Lambda limit: a payload of 6 MB).
const INVOCATION_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes that one `ReceiveMessage` may bring.
const RECEIVED_BYTES_MAX: usize = MESSAGES_A_REQUEST * cloud::BATCH_BYTES_MAX;
/// Rounds of delivery before [`Platform::drain`] calls the queues restless.
const ROUNDS_MAX: usize = 10_000;
/// Turns of the clock before [`Platform::settle`] gives up: more than all retries of a webhook take.
const TURNS_MAX: usize = 2_000;

/// How a platform is set up.
#[derive(Debug)]
pub struct Options {
    /// Where its state is kept.
    pub storage: Storage,
    /// What time it is there.
    pub clock: Clock,
    /// Where its randomness comes from.
    pub random: Random,
    /// Where its business metrics go.
    pub metrics: Metrics,
    /// The platform key in clear.
    pub platform_key: String,
    /// Where its server answers, which download links name.
    pub endpoint: String,
    /// Whether webhooks may call private addresses, such as a receiver on this machine.
    pub webhook_allow_private_addresses: bool,
}

/// Why a platform does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The embedded AWS does not open.
    #[error("the embedded AWS does not open")]
    Open(#[from] OpenError),
    /// The template does not say what is needed, or cannot be built.
    #[error("the stack cannot be created")]
    Stack(#[from] stack::StackError),
    /// A setting is missing.
    #[error("the settings are incomplete")]
    Settings(#[from] SettingsError),
    /// The webhook caller cannot be built.
    #[error("the webhook caller cannot be built")]
    Caller(#[from] webhook::CallerError),
    /// The embedded AWS refused something.
    #[error("the embedded AWS failed: {0}")]
    Aws(String),
    /// A function failed.
    #[error("a function failed")]
    Function(#[from] Fault),
    /// Messages go round and round.
    #[error("the queues do not come to rest: {0}")]
    Restless(String),
}

/// The five functions over the embedded AWS.
pub struct Platform {
    aws: EmbeddedAws,
    world: World,
    stack: Stack,
    caller: webhook::Caller,
    /// The warm lanes of the usage function, of which there is one process unless somebody says otherwise.
    lanes: usage::Lanes,
    queues: aws_sdk_sqs::Client,
}

impl Platform {
    /// Opens the embedded AWS, creates what the template says, and gives the functions their world.
    ///
    /// # Errors
    /// If the storage is in use, or the template and the functions disagree.
    pub async fn open(options: Options) -> Result<Self, PlatformError> {
        let aws = EmbeddedAws::open(options.storage, options.clock.clone())?.with_endpoint(&options.endpoint)?;
        let parameters = parameters(&options.platform_key, options.webhook_allow_private_addresses);
        let stack = Stack::create(&aws, &parameters).await?;
        // The functions share one process here, hence one environment: that of `api` is the others' and the platform key.
        let environment = stack.functions.get("api").map(|function| &function.environment);
        let settings = Settings::from(|name| environment.and_then(|environment| environment.get(name)).cloned())?;
        let caller = webhook::Caller::new(&settings)?;
        let config = aws.sdk_config();
        let world = World::new(&config, settings, options.clock, options.random, options.metrics);
        Ok(Self {
            queues: aws_sdk_sqs::Client::new(&config),
            aws,
            world,
            stack,
            caller,
            lanes: usage::Lanes::default(),
        })
    }

    /// The embedded AWS.
    #[must_use]
    pub fn aws(&self) -> &EmbeddedAws {
        &self.aws
    }

    /// The world of the functions.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What the template says.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The API, as API Gateway reaches it.
    pub fn router(&self) -> axum::Router {
        lambda::http_door(api::router(self.world.clone()), &self.aws, &self.stack)
    }

    /// Runs billing as the schedule does.
    ///
    /// # Errors
    /// If the function fails; the next tick makes up for it.
    pub async fn tick(&self) -> Result<(), PlatformError> {
        let tick = billing::handle(&self.world, billing::Cause::Tick);
        lambda::invocation(&self.aws, &self.stack, "billing", tick).await?;
        Ok(())
    }

    /// Invokes a function once with what its queue holds, as Lambda does; answers how many messages those were.
    ///
    /// # Errors
    /// If the queue cannot be read. A function's failures only leave their messages to be delivered again.
    pub async fn deliver(&self, source: &EventSource, wait_seconds: i32) -> Result<usize, PlatformError> {
        self.deliver_to(source, wait_seconds, &self.lanes).await
    }

    /// As [`Platform::deliver`], to one of several processes of the usage function: the one that remembers `lanes`.
    ///
    /// # Errors
    /// As [`Platform::deliver`].
    pub async fn deliver_to(
        &self,
        source: &EventSource,
        wait_seconds: i32,
        lanes: &usage::Lanes,
    ) -> Result<usize, PlatformError> {
        let messages = lambda::poller(&source.function, self.receive(source, wait_seconds)).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let invoked = self.invoke(&source.function, batch(&messages), lanes);
        let response = lambda::invocation(&self.aws, &self.stack, &source.function, invoked).await?;
        let failed: HashSet<String> =
            response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
        lambda::poller(&source.function, self.delete(source, &messages, &failed)).await?;
        Ok(messages.len())
    }

    /// Delivers until no queue has a visible message.
    ///
    /// # Errors
    /// If the queues do not come to rest.
    pub async fn drain(&self) -> Result<(), PlatformError> {
        for _ in 0..ROUNDS_MAX {
            let mut delivered = 0;
            for source in &self.stack.event_sources {
                delivered += self.deliver(source, 0).await?;
            }
            if delivered == 0 {
                return Ok(());
            }
        }
        Err(PlatformError::Restless(format!("{:?}", self.aws.queue_depths())))
    }

    /// Drains, and turns the clock to whenever the next message becomes visible, until nothing is waiting before
    /// `until`: every retry, redelivery and dead letter up to then has happened.
    ///
    /// # Errors
    /// If the queues do not come to rest.
    pub async fn settle(&self, until: Timestamp) -> Result<(), PlatformError> {
        for _ in 0..TURNS_MAX {
            self.drain().await?;
            let consumed = |depth: &crate::aws::QueueDepth| {
                self.stack.event_sources.iter().any(|source| source.queue_url.ends_with(&format!("/{}", depth.queue)))
            };
            let depths = self.aws.queue_depths();
            let next = depths.iter().filter(|depth| consumed(depth)).filter_map(|depth| depth.next_visible_at).min();
            match next {
                Some(next) if next <= until => {
                    self.world.clock().turn_to(next.max(self.world.now()));
                }
                _ => return Ok(()),
            }
        }
        Err(PlatformError::Restless(format!("{:?}", self.aws.queue_depths())))
    }

    async fn invoke(
        &self,
        function: &str,
        event: SqsEvent,
        lanes: &usage::Lanes,
    ) -> Result<SqsBatchResponse, PlatformError> {
        Ok(match function {
            "usage" => usage::handle(&self.world, lanes, event).await,
            "billing" => billing::handle(&self.world, billing::Cause::Messages(event)).await?,
            "invoice" => invoice::handle(&self.world, event).await,
            "webhook" => webhook::handle(&self.world, &self.caller, event).await,
            other => return Err(PlatformError::Aws(format!("the template names the function {other}, which is none"))),
        })
    }

    async fn receive(&self, source: &EventSource, wait_seconds: i32) -> Result<Vec<Message>, PlatformError> {
        let mut messages = Vec::new();
        let mut wait_seconds = wait_seconds;
        let batch_size = usize::try_from(source.batch_size).unwrap_or(usize::MAX);
        let mut bytes = 0;
        while messages.len() < batch_size && bytes + RECEIVED_BYTES_MAX <= INVOCATION_BYTES_MAX {
            let most = MESSAGES_A_REQUEST.min(batch_size - messages.len());
            let request = self.queues.receive_message().queue_url(&source.queue_url);
            let request = request
                .max_number_of_messages(i32::try_from(most).unwrap_or(1))
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .wait_time_seconds(wait_seconds);
            let answer = request.send().await.map_err(|error| failed(&error))?;
            let received = answer.messages.unwrap_or_default();
            if received.is_empty() {
                break;
            }
            bytes += received.iter().map(|message| message.body().map_or(0, str::len)).sum::<usize>();
            messages.extend(received);
            wait_seconds = 0;
        }
        Ok(messages)
    }

    async fn delete(
        &self,
        source: &EventSource,
        messages: &[Message],
        failed_ids: &HashSet<String>,
    ) -> Result<(), PlatformError> {
        let done = |message: &&Message| message.message_id.as_ref().is_none_or(|id| !failed_ids.contains(id));
        let done: Vec<&Message> = messages.iter().filter(done).collect();
        for some in done.chunks(MESSAGES_A_REQUEST) {
            let entry = |(position, message): (usize, &&Message)| {
                let receipt_handle = message.receipt_handle.clone().unwrap_or_default();
                DeleteMessageBatchRequestEntry::builder()
                    .id(position.to_string())
                    .receipt_handle(receipt_handle)
                    .build()
            };
            let entries: Result<Vec<_>, _> = some.iter().enumerate().map(entry).collect();
            let entries = entries.map_err(|error| failed(&error))?;
            let request = self.queues.delete_message_batch().queue_url(&source.queue_url);
            request.set_entries(Some(entries)).send().await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// What an operator would tell the template.
fn parameters(platform_key: &str, webhook_allow_private_addresses: bool) -> BTreeMap<String, String> {
    let parameters = [
        ("PlatformKey", platform_key),
        ("SellerName", "Example Cloud Ltd"),
        ("SellerAddress", "1 Sample Street|London EC1A 1AA|United Kingdom"),
        ("SellerEmail", "billing@cloud.example"),
        ("SellerTaxId", "GB 000 0000 00"),
        ("WebhookAllowPrivateAddresses", if webhook_allow_private_addresses { "true" } else { "false" }),
    ];
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn batch(messages: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    for message in messages {
        let mut record = SqsMessage::default();
        record.message_id.clone_from(&message.message_id);
        record.receipt_handle.clone_from(&message.receipt_handle);
        record.body.clone_from(&message.body);
        event.records.push(record);
    }
    event
}

fn failed(error: &dyn std::error::Error) -> PlatformError {
    PlatformError::Aws(cloud::fault::chain(error))
}
