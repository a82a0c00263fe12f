//! The local server: the API, downloads and the console page on one port, with the queues pumped behind it.

use crate::{
    console,
    platform::{Platform, PlatformError},
    stack::Schedule,
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::HOST},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::usage::watermark::CONFIRMATION;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout_at},
};

/// Where download links lead; the embedded S3 is mounted there.
pub const DOWNLOADS: &str = "/downloads";
/// How long the pump of a queue waits for a message before it asks again.
const RECEIVE_WAIT_SECONDS: i32 = 1;
/// A pump that fails waits this long.
const PUMP_BACK_OFF: Duration = Duration::from_millis(500);
/// How often the local clock is compared with the schedule.
const SCHEDULE_CHECK: Duration = Duration::from_secs(1);
/// Longest time that turning the clock waits for everything to be processed.
const QUIET_WAIT: Duration = Duration::from_secs(60);
/// How often the depths of the queues are looked at while waiting.
const QUIET_CHECK: Duration = Duration::from_millis(20);
/// A tick so long before the instant that the clock is turned to, as the schedule would have had one: the watermark
/// rises by two readings, and between these two ticks the clock runs on.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(2 * CONFIRMATION.as_secs());
/// Ticks after one turn of the clock: a subscription closes one period a tick.
const TICKS_MAX: usize = 120;

/// A platform that listens.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves.
    pub platform: Arc<Platform>,
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Local {
    platform: Arc<Platform>,
    platform_key: Arc<str>,
}

impl Server {
    /// Serves `platform` on `listener` and pumps its queues, until it is dropped.
    #[must_use]
    pub fn start(platform: Platform, platform_key: &str, listener: TcpListener, address: SocketAddr) -> Self {
        let platform = Arc::new(platform);
        let mut tasks = JoinSet::new();
        for (index, _) in platform.stack().event_sources.iter().enumerate() {
            tasks.spawn(pump(Arc::clone(&platform), index));
        }
        tasks.spawn(schedule(Arc::clone(&platform)));
        let app = app(Local { platform: Arc::clone(&platform), platform_key: platform_key.into() });
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the server stopped");
            }
        });
        Self { address, platform, tasks }
    }

    /// Serves until the process is stopped.
    pub async fn run(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Turns the clock forward and runs billing until every period is billed of which all usage is counted, and every queue
/// is quiet. A period that closed a few minutes before `now` may wait for a later turn, as it would for the schedule.
///
/// # Errors
/// If the clock would go back, or the queues do not come to rest.
pub async fn turn_clock(platform: &Platform, now: Timestamp) -> Result<(), PlatformError> {
    let world = platform.world();
    let backward = || PlatformError::Restless("the clock only turns forward".to_owned());
    if now < world.now() {
        return Err(backward());
    }
    for instant in [now.saturating_sub(ON_THE_WAY).unwrap_or(now), now] {
        if !world.clock().turn_to(instant.max(world.now())) {
            return Err(backward());
        }
        quiet(platform).await?;
        platform.tick().await?;
    }
    for _ in 0..TICKS_MAX {
        quiet(platform).await?;
        let counted = world.complete_through().await?.unwrap_or(Timestamp::MIN);
        if world.due_subscriptions(counted.min(now)).await?.is_empty() {
            return Ok(());
        }
        platform.tick().await?;
    }
    Err(PlatformError::Restless(format!("periods are still due after {TICKS_MAX} ticks; turn the clock again")))
}

/// Waits until no queue of a function holds a visible message or one that is being worked on.
///
/// # Errors
/// If that takes longer than a minute.
pub async fn quiet(platform: &Platform) -> Result<(), PlatformError> {
    let sources = &platform.stack().event_sources;
    let deadline = Instant::now() + QUIET_WAIT;
    let waiting = async {
        loop {
            let busy = platform.aws().queue_depths().into_iter().any(|depth| {
                let consumed = sources.iter().any(|source| source.queue_url.ends_with(&format!("/{}", depth.queue)));
                consumed && depth.visible + depth.in_flight > 0
            });
            if !busy {
                return;
            }
            sleep(QUIET_CHECK).await;
        }
    };
    let late = || PlatformError::Restless(format!("{:?}", platform.aws().queue_depths()));
    timeout_at(deadline, waiting).await.map_err(|_| late())
}

async fn pump(platform: Arc<Platform>, index: usize) {
    let source = &platform.stack().event_sources[index];
    loop {
        if let Err(error) = platform.deliver(source, RECEIVE_WAIT_SECONDS).await {
            tracing::warn!(%error, queue = %source.queue_url, "the queue could not be pumped");
            sleep(PUMP_BACK_OFF).await;
        }
    }
}

async fn schedule(platform: Arc<Platform>) {
    let Some(schedule) = platform.stack().schedules.first() else { return };
    let mut check = interval(SCHEDULE_CHECK);
    let mut last: Option<i64> = None;
    loop {
        check.tick().await;
        let turn = turn(schedule, platform.world().now());
        if last == Some(turn) {
            continue;
        }
        last = Some(turn);
        if let Err(error) = platform.tick().await {
            tracing::warn!(%error, "the tick failed; the next one makes up for it");
        }
    }
}

/// Which call of the schedule was the last one due at `now`, by its number since the epoch.
fn turn(schedule: &Schedule, now: Timestamp) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    now.as_second().saturating_sub(seconds(schedule.offset)).div_euclid(seconds(schedule.rate).max(1))
}

fn app(local: Local) -> Router {
    let api = local.platform.router();
    let own = Router::new()
        .route("/local/session", get(session))
        .route("/local/clock", post(clock))
        .route(&format!("{DOWNLOADS}/{{*key}}"), get(download))
        .with_state(local);
    api.merge(console::router()).merge(own)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    platform_key: String,
    now: Timestamp,
    clock: &'static str,
}

/// Gives the page the platform key: only where the server listens on loopback, which is all it does.
async fn session(State(local): State<Local>, request: Request) -> Response {
    if !is_own_page(&request) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let now = local.platform.world().now();
    Json(Session { platform_key: local.platform_key.to_string(), now, clock: "turnable" }).into_response()
}

/// A page of another origin, or a name that was rebound to loopback, must not get the key.
fn is_own_page(request: &Request) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let foreign = request.headers().get("sec-fetch-site").is_some_and(|site| {
        site != HeaderValue::from_static("same-origin") && site != HeaderValue::from_static("none")
    });
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && !foreign
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    now: Timestamp,
}

async fn clock(State(local): State<Local>, Json(turn): Json<Turn>) -> Response {
    match turn_clock(&local.platform, turn.now).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::CONFLICT, error.to_string()).into_response(),
    }
}

async fn download(State(local): State<Local>, request: Request) -> Response {
    let answer = local.platform.aws().follow_link(request.uri(), local.platform.world().now());
    answer.map(axum::body::Body::from).into_response()
}
