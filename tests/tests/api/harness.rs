//! An API in memory with two tenants, `acme` and `globex`, and a client that calls it without a socket.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use cloud::{Clock, Metrics, Random};
use domain::{
    Timestamp,
    id::{EventId, TenantId},
    usage::TimeBasis,
};
use events::{CorrelationId, Envelope, Event, Header, UsageRecordedV2};
use meterline::{
    aws::Storage,
    platform::{Options, Platform},
};
use serde_json::{Value, json};
use std::sync::Once;
use tower::ServiceExt;
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt};
use usage_log::Layouts;

pub(crate) const PLATFORM_KEY: &str = "ml_live_platform_test";
/// 02:30 on 1 June in Berlin, where acme is; globex is in UTC.
pub(crate) const NOW: &str = "2026-06-01T00:30:00Z";
/// Largest answer that a test reads.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Receives that find nothing before a queue is called empty.
const EMPTY_RECEIVES: usize = 2;

/// A tenant and its key.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) key: String,
}

/// An API and who uses it.
pub(crate) struct Api {
    pub(crate) platform: Platform,
    pub(crate) acme: Tenant,
    pub(crate) globex: Tenant,
    router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// JSON, or a text where it is none.
    pub(crate) body: Value,
}

/// What is sent, beside method, path and key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra<'a> {
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a str>,
}

impl Answer {
    /// The status and the code of a refusal, or `-`.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or("-"))
    }

    /// The header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The text member `name`.
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("{name} in {self:#?}")).to_owned()
    }

    /// The answer itself, if it is of success.
    pub(crate) fn good(self) -> Self {
        assert!(self.status.is_success(), "{self:#?}");
        self
    }
}

impl Api {
    pub(crate) async fn open() -> Self {
        Self::open_with(false).await
    }

    /// An API whose webhooks may call private addresses, if `private`.
    pub(crate) async fn open_with(private: bool) -> Self {
        listen();
        let platform = Platform::open(Options {
            storage: Storage::Memory,
            clock: Clock::fixed(NOW.parse().unwrap()),
            random: Random::seeded(1),
            metrics: Metrics::Memory(std::sync::Arc::default()),
            platform_key: PLATFORM_KEY.to_owned(),
            endpoint: "http://127.0.0.1:3000/downloads".to_owned(),
            webhook_allow_private_addresses: private,
        })
        .await
        .unwrap();
        let nobody = Tenant { id: String::new(), key: String::new() };
        let router = platform.router();
        let mut api = Self { platform, acme: nobody.clone(), globex: nobody, router };
        api.acme = api.tenant("acme", "Europe/Berlin").await;
        api.globex = api.tenant("globex", "UTC").await;
        api
    }

    async fn tenant(&self, slug: &str, time_zone: &str) -> Tenant {
        let new = json!({"slug": slug, "name": slug, "timeZone": time_zone});
        let id = self.post("/v1/tenants", PLATFORM_KEY, &new).await.good().text("id");
        let path = format!("/v1/api-keys?tenant={id}");
        let key = self.post(&path, PLATFORM_KEY, &json!({"name": "test"})).await.good().text("key");
        Tenant { id, key }
    }

    /// Meters that count `call` events and add up their `$.bytes`.
    pub(crate) async fn with_meters(self) -> Self {
        let calls = json!({"slug": "calls", "name": "Calls", "eventType": "call", "aggregation": "count"});
        let bytes = json!({
            "slug": "bytes", "name": "Bytes", "eventType": "call", "aggregation": "sum", "valuePath": "$.bytes",
            "dimensions": [{"name": "region", "path": "$.region"}, {"name": "verb", "path": "$.verb"}],
        });
        for meter in [calls, bytes] {
            self.post("/v1/meters", PLATFORM_KEY, &meter).await.good();
        }
        self
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.call(Method::GET, path, Some(key), Extra::default()).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.post_text(path, key, &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, key: &str, body: &str) -> Answer {
        let extra = Extra { headers: &[("content-type", "application/json")], body: Some(body) };
        self.call(Method::POST, path, Some(key), extra).await
    }

    /// A POST with an `Idempotency-Key`.
    pub(crate) async fn post_once(&self, path: &str, key: &str, idempotency_key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", idempotency_key)];
        let extra = Extra { headers: &headers, body: Some(&body.to_string()) };
        self.call(Method::POST, path, Some(key), extra).await
    }

    /// A PATCH by the platform.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let extra = Extra { headers: &[("content-type", "application/json")], body: Some(&body.to_string()) };
        self.call(Method::PATCH, path, Some(PLATFORM_KEY), extra).await
    }

    pub(crate) async fn delete(&self, path: &str, key: &str) -> Answer {
        self.call(Method::DELETE, path, Some(key), Extra::default()).await
    }

    /// The process that serves all other calls.
    pub(crate) fn process(&self) -> &Router {
        &self.router
    }

    /// Another process that serves the same tables.
    pub(crate) fn other_process(&self) -> Router {
        self.platform.router()
    }

    pub(crate) async fn call(&self, method: Method, path: &str, key: Option<&str>, extra: Extra<'_>) -> Answer {
        Self::call_process(&self.router, method, path, key, extra).await
    }

    /// As [`Self::call`], by the process of [`Self::other_process`].
    pub(crate) async fn call_process(
        router: &Router,
        method: Method,
        path: &str,
        key: Option<&str>,
        extra: Extra<'_>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in extra.headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Body::from(extra.body.unwrap_or_default().to_owned())).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap();
        let text = || Value::from(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Counts everything that lies in the queues of the function `usage`.
    pub(crate) async fn count_usage(&self) {
        let mut delivered = 1;
        while delivered > 0 {
            delivered = 0;
            for source in self.platform.stack().event_sources.iter().filter(|source| source.function == "usage") {
                delivered += self.platform.deliver(source, 0).await.unwrap();
            }
        }
    }

    /// Takes what lies in the queues of the function `usage`: the recordings that the topic passed on.
    pub(crate) async fn published(&self) -> Vec<Published> {
        let mut published = Vec::new();
        for source in self.platform.stack().event_sources.iter().filter(|source| source.function == "usage") {
            let bodies = self.received(&source.queue_url).await;
            let recorded = |body: &&String| Header::decode(body).unwrap().event_type == UsageRecordedV2::TYPE;
            published.extend(bodies.iter().filter(recorded).map(|body| Published::read(body)));
        }
        published
    }

    pub(crate) async fn received(&self, queue_url: &str) -> Vec<String> {
        let queues = aws_sdk_sqs::Client::new(&self.platform.aws().sdk_config());
        let (mut bodies, mut empty) = (Vec::new(), 0);
        while empty < EMPTY_RECEIVES {
            let request = queues.receive_message().queue_url(queue_url).max_number_of_messages(10);
            let messages = request.send().await.unwrap().messages.unwrap_or_default();
            empty = if messages.is_empty() { empty + 1 } else { 0 };
            for message in messages {
                bodies.push(message.body().unwrap().to_owned());
                let delete = queues.delete_message().queue_url(queue_url);
                delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
        }
        bodies
    }

    /// The usage events that the topic passed on, with the tenant of each.
    pub(crate) async fn published_events(&self) -> Vec<(String, PublishedEvent)> {
        let of = |Published { tenant_id, events, .. }: Published| {
            events.into_iter().map(move |event| (tenant_id.to_string(), event))
        };
        self.published().await.into_iter().flat_map(of).collect()
    }
}

/// Lets somebody listen to whatever is logged. A line that nobody could want when it was met first, in one thread, may be
/// remembered as unwanted although a test begins to collect lines in another at that moment.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let nobody = tracing_subscriber::registry().with(LevelFilter::INFO);
        tracing::subscriber::set_global_default(nobody).unwrap();
    });
}

/// One tenant's usage events, as the topic passed them on.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) id: EventId,
    pub(crate) tenant_id: TenantId,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) source: String,
    pub(crate) time_zone: String,
    pub(crate) layouts: Layouts,
    pub(crate) events: Vec<PublishedEvent>,
}

/// A usage event, unpacked.
#[derive(Debug)]
pub(crate) struct PublishedEvent {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) event_type: String,
    pub(crate) time: Timestamp,
    pub(crate) time_is_arrival: bool,
    pub(crate) data: String,
}

impl Published {
    fn read(body: &str) -> Self {
        let envelope: Envelope<UsageRecordedV2> = Envelope::decode(body).unwrap();
        let batch = envelope.data.batch().unwrap();
        let event = |event: usage_log::EventRef<'_>| PublishedEvent {
            id: event.id().into_owned(),
            source: event.shape().source.to_string(),
            event_type: event.shape().event_type.to_string(),
            time: event.occurred_at(),
            time_is_arrival: event.shape().time_basis == TimeBasis::Arrival,
            data: event.data(),
        };
        Self {
            id: envelope.id,
            tenant_id: envelope.subject,
            correlation_id: envelope.correlationid,
            source: envelope.source,
            layouts: envelope.data.layouts(),
            time_zone: envelope.data.time_zone,
            events: batch.events().map(event).collect(),
        }
    }
}
