//! The processes: what an instance of each function does with one invocation, and Lambda's part around it.
//!
//! An instance handles one invocation at a time and keeps what it remembers from one to the next, until it dies.

use super::ground::{Ground, ask};
use super::hooks::Hooks;
use super::workload::Request;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use cloud::World;
use meterline::stack::EventSource;
use serde_json::Value;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use webhook::Caller;

/// Messages of one `ReceiveMessage` and one `DeleteMessageBatch` (AWS limit).
const MESSAGES_A_REQUEST: usize = 10;

/// What came of an invocation.
#[derive(Debug)]
pub(super) enum Done {
    /// The API answered.
    Answered(u16, Value),
    /// A worker is through with what it had received.
    Worked,
}

/// An invocation under way.
pub(super) type Work = Pin<Box<dyn Future<Output = Done>>>;

/// An instance of a function.
pub(super) enum Instance {
    /// Of `api`: a router that remembers tenants and meters.
    Api(axum::Router),
    /// Of `usage`: it remembers lanes.
    Usage(Arc<usage::Lanes>),
    /// Of a function that remembers nothing.
    Plain(&'static str),
    /// Of `billing`, called by the schedule.
    Tick,
}

impl Instance {
    /// A cold instance of `usage`.
    #[must_use]
    pub(super) fn cold_usage() -> Self {
        Self::Usage(Arc::new(usage::Lanes::default()))
    }

    /// A fresh one of the same function: cold.
    #[must_use]
    pub(super) fn restarted(&self, ground: &Ground) -> Self {
        match self {
            Self::Api(_) => Self::Api(ground.new_router()),
            Self::Usage(_) => Self::cold_usage(),
            Self::Plain(function) => Self::Plain(function),
            Self::Tick => Self::Tick,
        }
    }

    /// The function whose queues it reads.
    #[must_use]
    pub(super) fn function(&self) -> Option<&'static str> {
        match self {
            Self::Api(_) | Self::Tick => None,
            Self::Usage(_) => Some("usage"),
            Self::Plain(function) => Some(function),
        }
    }

    /// Answers a request; only the API does.
    #[must_use]
    pub(super) fn answer(&self, request: &Request) -> Option<Work> {
        let Self::Api(router) = self else { return None };
        let (router, request) = (router.clone(), request.clone());
        Some(Box::pin(async move {
            let Request { path, key, content_type, body, .. } = request;
            let (status, answer) = ask(router, "POST", &path, key.as_deref(), content_type, body).await;
            Done::Answered(status, answer)
        }))
    }

    /// Runs the schedule's tick. What fails is made up for by the next one.
    #[must_use]
    pub(super) fn tick(&self, ground: &Ground) -> Work {
        let world = ground.world.clone();
        Box::pin(async move {
            drop(billing::handle(&world, billing::Cause::Tick).await);
            Done::Worked
        })
    }

    /// Receives from a queue, runs the function, and deletes what it is through with.
    #[must_use]
    pub(super) fn work(&self, ground: &Ground, source: &EventSource, receives: u64, acknowledges_first: bool) -> Work {
        let handler = match self {
            Self::Usage(lanes) => Handler::Usage(ground.usage_world.clone(), Arc::clone(lanes)),
            Self::Api(_) | Self::Tick | Self::Plain(_) => {
                Handler::Plain(ground.world.clone(), Arc::clone(&ground.hooks), source.function.clone())
            }
        };
        let poller = Poller { queues: ground.queues.clone(), queue_url: source.queue_url.clone() };
        Box::pin(async move {
            // A failed receive or delete leaves its messages to be delivered again.
            let _ = invoke(&poller, &handler, receives, acknowledges_first).await;
            Done::Worked
        })
    }
}

async fn invoke(poller: &Poller, handler: &Handler, receives: u64, acknowledges_first: bool) -> Result<(), ()> {
    let mut messages = Vec::new();
    for _ in 0..receives {
        let received = poller.receive().await?;
        if received.is_empty() {
            break;
        }
        messages.extend(received);
    }
    if messages.is_empty() {
        return Ok(());
    }
    if acknowledges_first {
        poller.delete(&messages, &HashSet::new()).await?;
    }
    let response = handler.call(batch(&messages)).await.ok_or(())?;
    let failed: HashSet<String> = response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
    poller.delete(&messages, &failed).await
}

/// How a function is called: the one place that knows what each of them takes.
enum Handler {
    Usage(World, Arc<usage::Lanes>),
    Plain(World, Arc<Hooks>, String),
}

impl Handler {
    /// `None` if the invocation failed as a whole.
    async fn call(&self, event: SqsEvent) -> Option<SqsBatchResponse> {
        match self {
            Self::Usage(world, lanes) => Some(usage::handle(world, lanes, event).await),
            Self::Plain(world, hooks, function) => match function.as_str() {
                "billing" => billing::handle(world, billing::Cause::Messages(event)).await.ok(),
                "invoice" => Some(invoice::handle(world, event).await),
                "webhook" => {
                    let hooks = Arc::clone(hooks);
                    let caller = Caller::in_process(move |hook| hooks.take(hook));
                    Some(webhook::handle(world, &caller, event).await)
                }
                _ => None,
            },
        }
    }
}

/// Lambda's part: it polls a queue.
struct Poller {
    queues: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Poller {
    async fn receive(&self) -> Result<Vec<Message>, ()> {
        let most = i32::try_from(MESSAGES_A_REQUEST).unwrap_or(1);
        let request = self.queues.receive_message().queue_url(&self.queue_url).max_number_of_messages(most);
        Ok(request.send().await.map_err(drop)?.messages.unwrap_or_default())
    }

    async fn delete(&self, messages: &[Message], failed: &HashSet<String>) -> Result<(), ()> {
        let done = |message: &&Message| message.message_id.as_ref().is_none_or(|id| !failed.contains(id));
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
            let request = self.queues.delete_message_batch().queue_url(&self.queue_url);
            request.set_entries(Some(entries.map_err(drop)?)).send().await.map_err(drop)?;
        }
        Ok(())
    }
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
