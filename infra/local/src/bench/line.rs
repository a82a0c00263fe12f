//! The whole line under load: tasks that send through the router, tasks that deliver to `usage`, what must come out.
//!
//! Invariants: the time of a round begins with its first request and ends when `usage` has committed its last, both
//! going on at once; [`Line::close`] lets no figure out before the API has answered every total that was sent.

use super::{BenchError, cpu};
use crate::{
    aws::Storage,
    platform::{Options, Platform, PlatformError},
    server::{self, DOWNLOADS},
    stack::EventSource,
    workload::{self, METERS, Request, Workload},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
};
use cloud::{Clock, Metrics, Random, spend::Function};
use http::{Method, StatusCode};
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
    vec::IntoIter,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tower::ServiceExt as _;

/// Deliveries of each usage queue at a time: one for each core that the targets are for. They share their warm lanes,
/// as the local program's do.
pub(super) const PUMPS: usize = 2;
/// Requests on their way at a time.
const SENDERS: usize = 4;
/// Seconds that a delivery waits for messages.
const RECEIVE_WAIT_SECONDS: i32 = 1;
/// How long nothing may be counted before the line is called stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The key of the platform, which lives in memory for as long as the bench takes.
const PLATFORM_KEY: &str = "ml_live_bench";
/// What stands before the quantity of an event in a request.
const BYTES_MEMBER: &str = r#""bytes":"#;

/// A platform in memory with its tenants, and what they have sent.
pub(super) struct Line {
    pub(super) platform: Arc<Platform>,
    pub(super) router: Router,
    pub(super) keys: Vec<String>,
    started_at: Timestamp,
    /// Requests and, for each tenant, events and bytes.
    requests: u64,
    sent: Vec<[u64; METERS.len()]>,
    rounds: u64,
    delivered: watch::Receiver<u64>,
    /// When messages were counted, and how many.
    deliveries: Arc<Mutex<Vec<(Instant, usize)>>>,
    pumps: JoinSet<PlatformError>,
}

/// What a round took.
pub(super) struct Played {
    pub(super) took: Duration,
    /// Processor time of the process, where the system tells it.
    pub(super) worked: Option<Duration>,
}

/// What is read of the answer to a request with events.
#[derive(Deserialize)]
struct Results {
    accepted: u64,
}

/// What is read of the answer to a question for usage.
#[derive(Deserialize)]
struct Usage {
    total: String,
}

impl Line {
    /// Opens a platform with so many tenants, and so many deliveries at a time of each queue of `usage`.
    pub(super) async fn open(tenants: usize, pumps: usize) -> Result<Self, BenchError> {
        let platform = Arc::new(Platform::open(options()).await?);
        let router = platform.router();
        let keys = workload::set_up(&router, PLATFORM_KEY, tenants).await?;
        let (counted, delivered) = watch::channel(0);
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let sources = platform.stack().event_sources.iter();
        for source in sources.filter(|source| source.function == Function::Usage.name()) {
            for _ in 0..pumps {
                let (platform, deliveries) = (Arc::clone(&platform), Arc::clone(&deliveries));
                tasks.spawn(pump(platform, source.clone(), counted.clone(), deliveries));
            }
        }
        let started_at = platform.world().now();
        let sent = vec![[0; METERS.len()]; keys.len()];
        Ok(Self {
            platform,
            router,
            keys,
            started_at,
            requests: 0,
            sent,
            rounds: 0,
            delivered,
            deliveries,
            pumps: tasks,
        })
    }

    /// New requests with so many events, all of this second.
    pub(super) fn requests(&mut self, events: u64, per_request: u64) -> Vec<Request> {
        self.rounds += 1;
        let workload = Workload {
            events,
            per_request,
            tenants: self.keys.len(),
            skewed: false,
            rate: events,
            start: self.platform.world().now(),
            seed: self.rounds,
        };
        workload.requests().collect()
    }

    /// Notes what is about to be sent.
    pub(super) fn expect(&mut self, request: &Request) {
        self.requests += 1;
        let [events, bytes] = &mut self.sent[request.tenant];
        *events += request.events;
        *bytes += bytes_of(&request.body);
    }

    /// Sends so many events, and waits until they are counted; answers what that took.
    pub(super) async fn play(&mut self, events: u64, per_request: u64) -> Result<Played, BenchError> {
        let requests = self.requests(events, per_request);
        for request in &requests {
            self.expect(request);
        }
        let queue = Arc::new(Mutex::new(requests.into_iter()));
        let keys: Arc<[String]> = self.keys.clone().into();
        let (started, worked_before) = (Instant::now(), cpu::time());
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            senders.spawn(send_all(self.router.clone(), Arc::clone(&keys), Arc::clone(&queue)));
        }
        while let Some(sent) = senders.join_next().await {
            sent??;
        }
        self.counted().await?;
        let worked = cpu::time().zip(worked_before).map(|(now, before)| now.saturating_sub(before));
        Ok(Played { took: started.elapsed(), worked })
    }

    /// Waits until all messages are counted.
    pub(super) async fn counted(&mut self) -> Result<(), BenchError> {
        while *self.delivered.borrow_and_update() < self.requests {
            let stuck = || PlatformError::Restless(format!("{:?}", self.platform.aws().queue_depths()));
            tokio::select! {
                changed = timeout(STUCK_AFTER, self.delivered.changed()) => {
                    // The pumps hold the other end until they fail, which the other branch tells.
                    let _ = changed.map_err(|_| stuck())?;
                }
                Some(failed) = self.pumps.join_next() => return Err(failed?.into()),
            }
        }
        Ok(())
    }

    /// When messages were counted, one for each.
    pub(super) fn counted_at(&self) -> Vec<Instant> {
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted: Vec<Instant> =
            deliveries.iter().flat_map(|(at, messages)| std::iter::repeat_n(*at, *messages)).collect();
        counted.sort_unstable();
        counted
    }

    /// Holds what is counted against what was sent.
    pub(super) async fn close(&mut self) -> Result<(), BenchError> {
        server::quiet(&self.platform).await?;
        let delivered = *self.delivered.borrow();
        if delivered != self.requests {
            return Err(BenchError::Deliveries { sent: self.requests, delivered });
        }
        let from = self.started_at.as_second().div_euclid(3_600) * 3_600;
        let from = Timestamp::from_second(from).unwrap_or(self.started_at);
        let to = self.platform.world().now().saturating_add(2.hours()).unwrap_or(Timestamp::MAX);
        let to = Timestamp::from_second(to.as_second().div_euclid(3_600) * 3_600).unwrap_or(to);
        for (tenant, (key, sent)) in self.keys.iter().zip(&self.sent).enumerate() {
            for (meter, sent) in METERS.into_iter().zip(*sent) {
                let path = format!("/v1/usage?meter={meter}&from={from}&to={to}");
                let answer = call(&self.router, Method::GET, key, &path, Body::empty(), StatusCode::OK).await?;
                let usage: Usage = read(&path, StatusCode::OK, &answer)?;
                if usage.total != sent.to_string() {
                    let (tenant, counted) = (format!("tenant-{}", tenant + 1), usage.total);
                    return Err(BenchError::Total { tenant, meter, sent, counted });
                }
            }
        }
        Ok(())
    }
}

fn options() -> Options {
    Options {
        storage: Storage::Memory,
        clock: Clock::System,
        random: Random::System,
        metrics: Metrics::Off,
        platform_key: PLATFORM_KEY.to_owned(),
        endpoint: format!("http://127.0.0.1:3000{DOWNLOADS}"),
        webhook_allow_private_addresses: false,
    }
}

/// Delivers until it fails.
async fn pump(
    platform: Arc<Platform>,
    source: EventSource,
    counted: watch::Sender<u64>,
    deliveries: Arc<Mutex<Vec<(Instant, usize)>>>,
) -> PlatformError {
    loop {
        let messages = match platform.deliver(&source, RECEIVE_WAIT_SECONDS).await {
            Ok(0) => continue,
            Ok(messages) => messages,
            Err(error) => return error,
        };
        deliveries.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), messages));
        counted.send_modify(|counted| *counted += messages as u64);
    }
}

/// Sends what is left in `queue`, one after the other.
async fn send_all(router: Router, keys: Arc<[String]>, queue: Arc<Mutex<IntoIter<Request>>>) -> Result<(), BenchError> {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(request) = next else { return Ok(()) };
        send(&router, &keys[request.tenant], request).await?;
    }
}

/// Sends one request; all of its events must be accepted.
pub(super) async fn send(router: &Router, key: &str, request: Request) -> Result<(), BenchError> {
    let (path, status) = ("/v1/usage/events", StatusCode::ACCEPTED);
    let answer = call(router, Method::POST, key, path, request.body.into(), status).await?;
    let results: Results = read(path, status, &answer)?;
    if results.accepted == request.events { Ok(()) } else { Err(unexpected(path, status, &answer)) }
}

async fn call(
    router: &Router,
    method: Method,
    key: &str,
    path: &str,
    body: Body,
    expect: StatusCode,
) -> Result<Bytes, BenchError> {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(body);
    let request = request.map_err(|error| unexpected(path, StatusCode::BAD_REQUEST, error.to_string().as_bytes()))?;
    let Ok(response) = router.clone().oneshot(request).await;
    let status = response.status();
    let answer = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|error| unexpected(path, status, error.to_string().as_bytes()))?;
    if status == expect { Ok(answer) } else { Err(unexpected(path, status, &answer)) }
}

fn read<'a, Answer: Deserialize<'a>>(path: &str, status: StatusCode, answer: &'a [u8]) -> Result<Answer, BenchError> {
    serde_json::from_slice(answer).map_err(|_| unexpected(path, status, answer))
}

pub(super) fn unexpected(path: &str, status: StatusCode, answer: &[u8]) -> BenchError {
    BenchError::Answer { path: path.to_owned(), status, answer: String::from_utf8_lossy(answer).into_owned() }
}

/// The sum of the quantities in a request, read without what reads them in the product.
fn bytes_of(body: &str) -> u64 {
    let quantities = body.match_indices(BYTES_MEMBER).filter_map(|(at, member)| {
        let rest = &body[at + member.len()..];
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        rest[..end].parse::<u64>().ok()
    });
    quantities.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_added_up() {
        for (body, expect) in [
            ("", 0),
            (r#"{"events":[{"data":{"bytes":17,"region":"a"}},{"data":{"bytes":25}}]}"#, 42),
            (r#"{"data":{"bytes":"17"}}"#, 0),
        ] {
            assert_eq!(bytes_of(body), expect, "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_counted() {
        let mut line = Line::open(2, PUMPS).await.unwrap();
        line.play(50, 10).await.unwrap();
        line.play(3, 1).await.unwrap();
        line.close().await.unwrap();
        assert_eq!(line.counted_at().len(), 8);
        assert_eq!(line.sent.iter().map(|[events, _]| events).sum::<u64>(), 53);
    }

    #[tokio::test]
    async fn a_total_that_is_wrong_fails() {
        let mut line = Line::open(1, PUMPS).await.unwrap();
        line.play(5, 5).await.unwrap();
        line.sent[0][0] += 1;
        let error = line.close().await.unwrap_err();
        assert_eq!(error.to_string(), "tenant-1 has sent 6 of requests, and 5 are counted");
    }

    #[tokio::test]
    async fn what_is_delivered_again_is_no_measurement() {
        let mut line = Line::open(1, PUMPS).await.unwrap();
        line.play(2, 1).await.unwrap();
        line.requests = 1;
        let error = line.close().await.unwrap_err();
        assert_eq!(error.to_string(), "1 requests came as 2 messages");
    }
}
