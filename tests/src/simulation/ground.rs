//! The ground of a schedule: an embedded AWS with the stack of the template, a world for the functions, and the tenants.
//!
//! Everything in it is fresh and comes from the seed, so that one seed alone replays what it did among a hundred thousand.
//! All clients wait at the turnstile; it stands open while the ground is prepared and while it is audited.

use super::chance::Chance;
use super::hooks::Hooks;
use super::ledger::Tenant;
use super::pricing;
use super::profile::{Profile, Sabotage};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use cloud::{Clock, Metrics, Random, Settings, World};
use domain::Timestamp;
use meterline::aws::{EmbeddedAws, QueueDepth, Storage, Turnstile};
use meterline::stack::{Blueprint, EventSource};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tower::ServiceExt;

/// The platform's key.
pub(super) const PLATFORM_KEY: &str = "ml_live_simulation";
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// When schedules start, give or take: the last day of a month, long before it ends in any zone of the workload.
const START_MS: i64 = 1_780_221_600_000; // 2026-05-31T10:00:00Z
/// What is given or taken.
const START_SPREAD_MS: i64 = 2 * 60 * 60 * 1_000;
/// The purpose for which the ground draws.
const PURPOSE: u64 = 4;

/// The meters, by slug, aggregation, path and dimension. The first one counts the marks, by which the auditor finds out
/// which events were counted; the others are then known.
pub(super) const METERS: [(&str, &str, Option<&str>, Option<&str>); 5] = [
    ("marks", "sum", Some("$.mark"), Some("page")),
    ("calls", "count", None, Some("region")),
    ("bytes", "sum", Some("$.bytes"), Some("region")),
    ("peak", "max", Some("$.bytes"), None),
    ("users", "uniqueCount", Some("$.user"), Some("region")),
];

/// What a schedule runs on.
pub(super) struct Ground {
    /// Who answers.
    pub(super) aws: EmbeddedAws,
    /// Where calls wait.
    pub(super) turnstile: Arc<Turnstile>,
    /// The world of every function.
    pub(super) world: World,
    /// The world of the usage function: another one if somebody tampers with it.
    pub(super) usage_world: World,
    /// What feeds functions from queues.
    pub(super) sources: Vec<EventSource>,
    /// For whoever plays Lambda's part.
    pub(super) queues: aws_sdk_sqs::Client,
    /// Who gets the webhooks.
    pub(super) hooks: Arc<Hooks>,
    /// A process of the API that everybody may ask.
    pub(super) router: axum::Router,
}

impl Ground {
    /// Prepares the ground and gives the tenants their keys.
    pub(super) async fn prepare(
        seed: u64,
        profile: &Profile,
        sabotage: &Sabotage,
        excerpts: bool,
        tenants: &mut [Tenant],
    ) -> Result<Self, String> {
        let chance = &mut Chance::new(seed, PURPOSE);
        let start_ms = START_MS + chance.between_signed(0, START_SPREAD_MS);
        let start = Timestamp::from_millisecond(start_ms).map_err(|error| error.to_string())?;
        let turnstile = if excerpts { Turnstile::default().with_excerpts() } else { Turnstile::default() };
        let turnstile = Arc::new(turnstile);
        turnstile.stand_open(true);
        let clock = Clock::fixed(start);
        let aws = EmbeddedAws::open(Storage::Memory, clock.clone()).map_err(|error| error.to_string())?;
        let stack = blueprint()?.create(&aws).await.map_err(|error| error.to_string())?;
        let aws = aws.with_turnstile(Arc::clone(&turnstile));
        let environment = stack.functions.get("api").map(|function| &function.environment);
        let setting = |name: &str| environment.and_then(|environment| environment.get(name)).cloned();
        let mut settings = Settings::from(setting).map_err(|error| error.to_string())?;
        settings.segment_inline_bytes_max = profile.segment_inline_bytes_max;
        let random = Random::seeded(chance.draw());
        let config = aws.sdk_config();
        let world = World::new(&config, settings.clone(), clock.clone(), random.clone(), Metrics::Off);
        let usage_world = match sabotage.usage {
            None => world.clone(),
            Some(tamperings) => {
                let config = aws.clone().with_tampering(&tamperings(&settings)).sdk_config();
                World::new(&config, settings, clock, random, Metrics::Off)
            }
        };
        let ground = Self {
            turnstile,
            usage_world,
            sources: stack.event_sources,
            queues: aws_sdk_sqs::Client::new(&config),
            hooks: Arc::new(Hooks::new(chance.draw(), profile.hook_refused_one_in)),
            router: api::router(world.clone()),
            world,
            aws,
        };
        ground.furnish(profile, tenants).await?;
        ground.turnstile.stand_open(false);
        Ok(ground)
    }

    async fn furnish(&self, profile: &Profile, tenants: &mut [Tenant]) -> Result<(), String> {
        for (slug, aggregation, path, dimension) in METERS {
            let mut meter = json!({"slug": slug, "name": slug, "eventType": "call", "aggregation": aggregation});
            if let Some(path) = path {
                meter["valuePath"] = path.into();
            }
            if let Some(name) = dimension {
                meter["dimensions"] = json!([{"name": name, "path": format!("$.{name}")}]);
            }
            self.create("/v1/meters", &meter).await?;
        }
        if profile.closes {
            self.create("/v1/plans", &pricing::plan()).await?;
            self.create("/v1/plans", &pricing::add_on()).await?;
            self.create("/v1/coupons", &pricing::coupon()).await?;
            self.create("/v1/tax-rates", &pricing::tax_rate()).await?;
        }
        for (place, tenant) in tenants.iter_mut().enumerate() {
            let profile_body = json!({"slug": tenant.slug, "name": tenant.slug, "timeZone": tenant.zone});
            self.create("/v1/tenants", &profile_body).await?;
            let key = self.create(&format!("/v1/api-keys?tenant={}", tenant.slug), &json!({"name": "sim"})).await?;
            tenant.key = key["key"].as_str().unwrap_or_default().to_owned();
            if profile.closes {
                let coupon = json!({"coupon": "tenth"});
                self.create(&format!("/v1/tenants/{}/coupons", tenant.slug), &coupon).await?;
                self.create("/v1/credits/grants", &pricing::grant(&tenant.slug)).await?;
                if place == pricing::OVERRIDDEN_TENANT {
                    let path = format!("/v1/plans/plan/overrides?tenant={}", tenant.slug);
                    self.create(&path, &pricing::price_override()).await?;
                }
                let subscription = json!({"plan": "plan", "startsOn": "2026-05-01", "addOns": {"extra": {}}});
                self.create(&format!("/v1/subscriptions?tenant={}", tenant.slug), &subscription).await?;
                let endpoint = json!({"url": format!("https://hooks.example/{}", tenant.slug)});
                self.create(&format!("/v1/webhooks/endpoints?tenant={}", tenant.slug), &endpoint).await?;
            }
        }
        Ok(())
    }

    /// What time it is.
    #[must_use]
    pub(super) fn now_ms(&self) -> i64 {
        self.world.now().as_millisecond()
    }

    /// Turns the clock.
    pub(super) fn turn_to(&self, at_ms: i64) {
        if let Ok(at) = Timestamp::from_millisecond(at_ms) {
            self.world.clock().turn_to(at);
        }
    }

    /// A new process of the API: it remembers nothing.
    pub(super) fn new_router(&self) -> axum::Router {
        api::router(self.world.clone())
    }

    /// Asks the API as the platform does; the answer to anything but 200 is an error.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        match ask(self.router.clone(), "GET", path, None, "", String::new()).await {
            (200, answer) => Ok(answer),
            (status, answer) => Err(format!("GET {path} answered {status}: {answer}")),
        }
    }

    async fn create(&self, path: &str, body: &Value) -> Result<Value, String> {
        match ask(self.router.clone(), "POST", path, None, "application/json", body.to_string()).await {
            (201, answer) => Ok(answer),
            (status, answer) => Err(format!("POST {path} answered {status}: {answer}")),
        }
    }
}

/// Sends one request to a process of the API, with a tenant's key or else the platform's.
pub(super) async fn ask(
    router: axum::Router,
    method: &str,
    path: &str,
    key: Option<&str>,
    content_type: &str,
    body: String,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("authorization", format!("Bearer {}", key.unwrap_or(PLATFORM_KEY)));
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let request = request.body(Body::from(body)).expect("the simulation writes good requests");
    let Ok(response) = router.oneshot(request).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The template, read once for all schedules.
fn blueprint() -> Result<&'static Blueprint, String> {
    static BLUEPRINT: OnceLock<Result<Blueprint, String>> = OnceLock::new();
    let read = || Blueprint::read(&parameters()).map_err(|error| error.to_string());
    BLUEPRINT.get_or_init(read).as_ref().map_err(Clone::clone)
}

fn parameters() -> BTreeMap<String, String> {
    let parameters = [
        ("PlatformKey", PLATFORM_KEY),
        ("SellerName", "Simulation Ltd"),
        ("SellerAddress", "1 Sample Street"),
        ("SellerEmail", "billing@cloud.example"),
        ("SellerTaxId", "none"),
        ("WebhookAllowPrivateAddresses", "true"),
    ];
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Whether the depth is that of the queue with this URL.
pub(super) fn is_of(depth: &QueueDepth, queue_url: &str) -> bool {
    queue_url.rsplit('/').next() == Some(depth.queue.as_str())
}
