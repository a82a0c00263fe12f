//! `meterline cost`: what a workload would cost on AWS, modelled from metered requests.
//!
//! The workload goes through the real router and the real handlers over an embedded AWS in memory, on a clock that moves
//! with the workload. Metered are all requests, units and chunks, and the lines that the functions log. Modelled are:
//! - Lambda's pollers: each batching window, each queue of `usage` is emptied by so many pollers at once, which take equal
//!   shares in batches of up to the template's size; receives of up to ten messages, and deletes of up to ten. Each poller
//!   invokes a process of its own that stays warm. They work one after the other: a race lost to another poller shows as
//!   a lane that is read again, not as a write that was refused.
//! - Lambda's time: what the functions took on this machine, and an assumed wait for each of their calls of AWS, as if
//!   they were made one after the other, which is more than is made.
//! - The lines that Lambda and the HTTP door write themselves, by the template's settings and AWS's published forms.
//!
//! Left out: what idle queues cost, storage over time, free tiers, retries of the SDK, and cold starts.

mod logs;
mod report;

pub use logs::Logged;
pub use report::Report;

use crate::{
    aws::{EmbeddedAws, Storage, Totals},
    platform::{Options, Platform, PlatformError},
    server::DOWNLOADS,
    stack::EventSource,
    workload::{self, Refused, Workload},
};
use cloud::{
    Clock, Metrics, Random,
    spend::{Amounts, Function},
};
use jiff::{SignedDuration, Timestamp};
use report::Stored;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The key of the platform, which lives in memory for as long as the measurement takes.
const PLATFORM_KEY: &str = "ml_live_cost";
/// What DynamoDB adds to the size of an item when it bills storage.
const ITEM_OVERHEAD_BYTES: u64 = 100;
/// Deliveries after the last event before the queues are called restless.
const DELIVERIES_MAX: usize = 100_000;
/// Objects that are added up.
const OBJECT_PAGES_MAX: usize = 10_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is sent.
    pub workload: Workload,
    /// Pollers that Lambda has for each queue; it starts with five.
    pub pollers: u64,
    /// How long messages gather before a poller takes them, if not as long as the template says.
    pub window: Option<Duration>,
    /// How long a function is assumed to wait for each of its calls.
    pub call_wait: Duration,
    /// Lines that the functions log, if somebody collects them.
    pub logged: Option<Logged>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum CostError {
    /// The platform failed.
    #[error("the platform failed")]
    Platform(#[from] PlatformError),
    /// The API refused what was sent.
    #[error("the workload was refused")]
    Refused(#[from] Refused),
    /// The embedded AWS does not tell what it holds.
    #[error("what is stored cannot be read: {0}")]
    Stored(String),
    /// A window must be a time.
    #[error("the clock does not move")]
    Clock,
}

/// Runs the workload and measures it.
///
/// # Errors
/// If the platform does not open, refuses an event, or does not come to rest.
pub async fn measure(plan: &Plan) -> Result<Report, CostError> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let platform = open(plan, Metrics::Memory(Arc::clone(&lines))).await?;
    let router = platform.router();
    let keys = workload::set_up(&router, PLATFORM_KEY, plan.workload.tenants).await?;
    platform.world().write_gathered();
    logs::take(&lines);
    if let Some(logged) = &plan.logged {
        logged.take();
    }
    platform.aws().meter().reset();
    let before = stored(&platform).await?;
    platform.aws().meter().reset();
    play(plan, &platform, &router, &keys).await?;
    platform.world().write_gathered();
    let measured = platform.aws().meter().snapshot();
    let written = logs::take(&lines);
    let mut log_bytes = logs::of_metrics(&written);
    if let Some(logged) = &plan.logged {
        logs::add(&mut log_bytes, &logged.take());
    }
    let mut amounts = measured.amounts();
    amounts.log_bytes = log_bytes.values().sum();
    let after = stored(&platform).await?;
    Ok(Report {
        workload: plan.workload.clone(),
        pollers: plan.pollers,
        call_wait: plan.call_wait,
        amounts: Amounts { events: plan.workload.events, ..amounts },
        waiting_mib_ms: waiting(plan, &platform, &measured),
        service_log_bytes: logs::of_services(&amounts),
        requests_total: measured.requests_total() + amounts.http_requests + amounts.invocations,
        stored: after.since(before),
        tenants: logs::by_tenant(&written),
    })
}

async fn open(plan: &Plan, metrics: Metrics) -> Result<Platform, CostError> {
    let options = Options {
        storage: Storage::Memory,
        clock: Clock::fixed(plan.workload.start),
        random: Random::seeded(plan.workload.seed),
        metrics,
        platform_key: PLATFORM_KEY.to_owned(),
        endpoint: format!("http://127.0.0.1:3000{DOWNLOADS}"),
        webhook_allow_private_addresses: false,
    };
    Ok(Platform::open(options).await?)
}

/// Sends every request at its time, and delivers at the end of each batching window.
async fn play(plan: &Plan, platform: &Platform, router: &axum::Router, keys: &[String]) -> Result<(), CostError> {
    let sources = sources(platform);
    let workers: Vec<usage::Lanes> = (0..plan.pollers.max(1)).map(|_| usage::Lanes::default()).collect();
    let window = plan.window.or_else(|| sources.iter().map(|source| source.maximum_batching_window).max());
    let window = window.unwrap_or_default();
    let window = SignedDuration::try_from(window.max(Duration::from_millis(1))).map_err(|_| CostError::Clock)?;
    let mut window_end: Option<Timestamp> = None;
    for request in plan.workload.requests() {
        // A window opens with the first message after the last one.
        while let Some(end) = window_end.filter(|end| *end <= request.at) {
            platform.world().clock().turn_to(end);
            deliver(platform, &sources, &workers).await?;
            window_end = None;
        }
        platform.world().clock().turn_to(request.at);
        window_end.get_or_insert(request.at.saturating_add(window).map_err(|_| CostError::Clock)?);
        workload::send(router, &keys[request.tenant], request).await?;
    }
    if let Some(end) = window_end {
        platform.world().clock().turn_to(end);
    }
    deliver(platform, &sources, &workers).await
}

/// The queues that usage comes by.
fn sources(platform: &Platform) -> Vec<EventSource> {
    let sources = platform.stack().event_sources.iter();
    sources.filter(|source| source.function == Function::Usage.name()).cloned().collect()
}

/// One round of Lambda's pollers on each queue: equal shares of what is there, until nothing is.
async fn deliver(platform: &Platform, sources: &[EventSource], workers: &[usage::Lanes]) -> Result<(), CostError> {
    for source in sources {
        let waiting = visible(platform.aws(), source);
        let share = u32::try_from(waiting.div_ceil(workers.len() as u64)).unwrap_or(u32::MAX);
        let poller = EventSource { batch_size: share.clamp(1, source.batch_size), ..source.clone() };
        let mut left = waiting;
        for worker in workers.iter().cycle().take(DELIVERIES_MAX) {
            if left == 0 {
                break;
            }
            platform.deliver_to(&poller, 0, worker).await?;
            left = visible(platform.aws(), source);
        }
        if left > 0 {
            return Err(PlatformError::Restless(format!("{left} messages are left in {}", source.queue_url)).into());
        }
    }
    Ok(())
}

fn visible(aws: &EmbeddedAws, source: &EventSource) -> u64 {
    let depths = aws.queue_depths();
    let own = depths.iter().find(|depth| source.queue_url.ends_with(&format!("/{}", depth.queue)));
    own.map_or(0, |depth| depth.visible as u64)
}

/// Lambda's memory times the time that functions are assumed to wait for AWS.
fn waiting(plan: &Plan, platform: &Platform, measured: &Totals) -> u64 {
    let wait_ms = u64::try_from(plan.call_wait.as_millis()).unwrap_or(u64::MAX);
    let of = |function: Function| {
        let spent = measured.of_function(function);
        let calls = spent.dynamo_requests + spent.sns_requests + spent.s3_puts + spent.s3_gets;
        let memory = platform.stack().functions.get(function.name()).map_or(0, |function| function.memory_mib);
        calls.saturating_mul(wait_ms).saturating_mul(u64::from(memory))
    };
    Function::ALL.into_iter().map(of).fold(0, u64::saturating_add)
}

/// What the tables and the bucket of the log hold of usage.
async fn stored(platform: &Platform) -> Result<Stored, CostError> {
    let config = platform.aws().sdk_config();
    let settings = platform.world().settings();
    let failed = |error: &dyn std::error::Error| CostError::Stored(cloud::fault::chain(error));
    let dynamo = aws_sdk_dynamodb::Client::new(&config);
    let mut stored = Stored::default();
    for table in [&settings.usage_table, &settings.processed_events_table] {
        let described = dynamo.describe_table().table_name(table).send().await.map_err(|error| failed(&error))?;
        let table = described.table.unwrap_or_else(|| aws_sdk_dynamodb::types::TableDescription::builder().build());
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
        let (items, bytes) = (number(table.item_count), number(table.table_size_bytes));
        stored.items += items;
        stored.item_bytes += bytes + items * ITEM_OVERHEAD_BYTES;
    }
    let s3 = aws_sdk_s3::Client::new(&config);
    let mut after = None;
    for _ in 0..OBJECT_PAGES_MAX {
        let request = s3.list_objects_v2().bucket(&settings.usage_log_bucket).set_continuation_token(after);
        let page = request.send().await.map_err(|error| failed(&error))?;
        for object in page.contents.unwrap_or_default() {
            stored.objects += 1;
            stored.object_bytes += object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        }
        after = page.next_continuation_token;
        if after.is_none() {
            break;
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests;
