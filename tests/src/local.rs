//! A platform in memory whose clock stands still, asked through its real router without a socket.

use axum::{body::Body, http::Request};
use cloud::{Clock, Metrics, Random};
use domain::{Timestamp, usage::watermark::CONFIRMATION};
use jiff::SignedDuration;
use meterline::{
    aws::Storage,
    platform::{Options, Platform},
};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The platform key.
pub const PLATFORM_KEY: &str = "ml_live_local";
/// From one tick of the schedule to the next.
const TICK: SignedDuration = SignedDuration::from_mins(15);
/// Longer than the watermark needs to be sure of an instant.
const COUNTED: SignedDuration = SignedDuration::from_mins(3);
/// Ticks in which what is due leads to nothing more that is due.
const SETTLING_ROUNDS: usize = 4;

/// The platform, and how to ask it.
pub struct Local {
    /// The platform itself.
    pub platform: Platform,
}

impl Local {
    /// A platform with nothing in it, at `now`.
    pub async fn open(now: Timestamp) -> Self {
        Self::open_at(Clock::fixed(now)).await
    }

    /// A platform with nothing in it, by another clock.
    pub async fn open_at(clock: Clock) -> Self {
        let options = Options {
            storage: Storage::Memory,
            clock,
            random: Random::seeded(1),
            metrics: Metrics::Off,
            platform_key: PLATFORM_KEY.to_owned(),
            endpoint: "http://127.0.0.1:3000/downloads".to_owned(),
            webhook_allow_private_addresses: true,
        };
        Self { platform: Platform::open(options).await.expect("a platform in memory opens") }
    }

    /// Creates the meters `calls`, `bytes`, `peak` and `users` of the event type `call`, and the plan `pro` that charges
    /// ten cents for each unit of each.
    pub async fn create_catalog(&self) {
        let meters = [
            ("calls", "count", None),
            ("bytes", "sum", Some("$.bytes")),
            ("peak", "max", Some("$.bytes")),
            ("users", "uniqueCount", Some("$.user")),
        ];
        for (slug, aggregation, path) in meters {
            let mut meter = json!({"slug": slug, "name": slug, "eventType": "call", "aggregation": aggregation});
            if let Some(path) = path {
                meter["valuePath"] = path.into();
            }
            self.create("/v1/meters", meter).await;
        }
        let price = |(meter, ..): (&str, &str, Option<&str>)| json!({"key": meter, "name": meter, "meter": meter, "model": {"type": "perUnit", "unitPrice": "0.10"}});
        let prices = meters.map(price);
        self.create("/v1/plans", json!({"slug": "pro", "name": "Pro", "currency": "EUR", "prices": prices})).await;
    }

    /// Turns the clock to `instant`.
    pub fn turn_to(&self, instant: Timestamp) {
        self.platform.world().clock().turn_to(instant);
    }

    /// Turns the clock and makes whatever is due by then, a message at a time.
    pub async fn run_to(&self, instant: &str) {
        let instant: Timestamp = instant.parse().expect("an instant");
        self.platform.settle(instant).await.expect("no call fails");
        for at in [instant.saturating_sub(COUNTED).expect("a length of time"), instant] {
            self.turn_to(at);
            self.platform.tick().await.expect("no call fails");
        }
        for _ in 0..SETTLING_ROUNDS {
            self.platform.settle(instant).await.expect("no call fails");
            self.platform.tick().await.expect("no call fails");
        }
    }

    /// Turns the clock on by a quarter of an hour, and runs billing as the schedule does.
    pub async fn tick_later(&self) {
        self.turn_to(self.platform.world().now() + TICK);
        self.platform.tick().await.expect("no call fails");
    }

    /// Lets the watermark rise as two ticks do, without their billing; the clock goes on a minute.
    pub async fn raise_watermark(&self) {
        let world = self.platform.world();
        world.raise_watermark().await.expect("no call fails");
        self.turn_to(world.now() + CONFIRMATION);
        world.raise_watermark().await.expect("no call fails");
    }

    /// Creates what `body` says; panics where that is refused.
    pub async fn create(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send("POST", path, Some(&body)).await;
        assert_eq!(status, 201, "{path}: {answer:#}");
        answer
    }

    /// Answers a GET; panics where that is refused.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer:#}");
        answer
    }

    /// Asks as the platform; answers status and body.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {PLATFORM_KEY}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("the test writes a good request");
        let Ok(response) = self.platform.router().oneshot(request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("the body is in memory");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}
