//! The HTTP client that the SDK is given: it answers in process, and is where everything goes wrong on purpose.
//!
//! A call waits at the turnstile if there is one, is counted, its fault picked, its effect made (or not), its answer given
//! (or lost), in this order. Nothing here knows what a service does.

use super::faults::{Fault, Service};
use super::tampering::{self, Tampering};
use super::turnstile::Turnstile;
use super::wire::{Answer, Request, route};
use super::{Shared, dynamo, s3, sns, sqs};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use cloud::Clock;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a waiting `ReceiveMessage` looks again: the clock may have been turned, which nobody announces.
const RECHECK: Duration = Duration::from_millis(20);

/// What the SDK asks for a connector.
#[derive(Debug)]
pub(super) struct Client(SharedHttpConnector);

impl Client {
    pub(super) fn new(connector: Connector) -> Self {
        Self(SharedHttpConnector::new(connector))
    }
}

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// Where the calls of some clients go.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) shared: Arc<Shared>,
    pub(super) mount: Arc<str>,
    pub(super) turnstile: Option<Arc<Turnstile>>,
    pub(super) tamperings: Arc<[Tampering]>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move { connector.exchange(request).await })
    }
}

/// What came of making the effect of a call.
struct Performed {
    answer: Answer,
    /// The caller would rather wait this long than take this empty answer.
    wait: Option<Duration>,
    /// What SQS bills, once the answer is given.
    queued_bytes: Option<usize>,
}

impl From<Answer> for Performed {
    fn from(answer: Answer) -> Self {
        Self { answer, wait: None, queued_bytes: None }
    }
}

impl Connector {
    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.take_body();
        if let Some(bytes) = body.bytes() {
            return self.exchange_whole(&request, bytes).await;
        }
        let body = ByteStream::new(body).collect().await.map_err(|error| ConnectorError::user(error.into()))?;
        self.exchange_whole(&request, &body.into_bytes()).await
    }

    async fn exchange_whole(&self, request: &HttpRequest, body: &[u8]) -> Result<HttpResponse, ConnectorError> {
        let request = Request {
            method: request.method(),
            uri: request.uri(),
            mount: &self.mount,
            headers: request.headers(),
            body,
        };
        let (service, operation) = route(&request);
        if let Some(turnstile) = &self.turnstile {
            turnstile.wait(service, operation, body).await;
        }
        let fault = self.shared.faults.on_call(service, operation);
        match fault {
            Some(Fault::Refuse) => return response(throttled(service)),
            Some(Fault::CrashBefore) => return Err(crash("before")),
            Some(Fault::TransactionConflict) => return response(dynamo::conflict(operation, body)),
            Some(
                Fault::LoseAnswer
                | Fault::CrashAfter
                | Fault::DuplicateDelivery
                | Fault::ReorderDelivery
                | Fault::RefuseEntries(_),
            )
            | None => {}
        }
        self.shared.meter.request(service, operation);
        let answer = self.perform_waiting(&request, service, operation, fault).await;
        match fault {
            Some(Fault::LoseAnswer) => Err(ConnectorError::timeout("the answer was lost on purpose".into())),
            Some(Fault::CrashAfter) => Err(crash("after")),
            Some(
                Fault::Refuse
                | Fault::CrashBefore
                | Fault::TransactionConflict
                | Fault::DuplicateDelivery
                | Fault::ReorderDelivery
                | Fault::RefuseEntries(_),
            )
            | None => response(answer),
        }
    }

    /// Makes the effect of a call; a `ReceiveMessage` that finds nothing waits as long as it said it would.
    async fn perform_waiting(
        &self,
        request: &Request<'_>,
        service: Service,
        operation: &'static str,
        fault: Option<Fault>,
    ) -> Answer {
        let started = Instant::now();
        loop {
            let mut arrival = pin!(self.shared.arrivals.notified());
            // Listening before looking: what arrives in between is not missed.
            arrival.as_mut().enable();
            let Performed { answer, wait, queued_bytes } = self.perform(request, service, operation, fault);
            let left = wait.and_then(|wait| wait.checked_sub(started.elapsed())).filter(|left| !left.is_zero());
            // Under a clock that stands still the end of the wait never comes: it is answered at once.
            let Some(left) = left.filter(|_| !matches!(self.shared.clock, Clock::Fixed(_))) else {
                if let Some(bytes) = queued_bytes {
                    self.shared.meter.queued(bytes);
                }
                return answer;
            };
            // Whichever comes first, the next look tells what there is.
            let _ = tokio::time::timeout(left.min(RECHECK), arrival).await;
        }
    }

    fn perform(
        &self,
        request: &Request<'_>,
        service: Service,
        operation: &'static str,
        fault: Option<Fault>,
    ) -> Performed {
        let shared = &*self.shared;
        let now = shared.clock.now();
        match service {
            Service::DynamoDb => self.table(request.body, operation, now.as_millisecond()).into(),
            Service::S3 => s3::perform(&shared.objects, operation, request, now).into(),
            Service::Sns => self.publish(request.body, operation, now.as_millisecond(), fault).into(),
            Service::Sqs => self.queue(request.body, operation, now.as_millisecond(), fault),
        }
    }

    fn table(&self, body: &[u8], operation: &str, now_ms: i64) -> Answer {
        let shared = &*self.shared;
        let body = tampering::request(&self.tamperings, operation, body);
        let answer = shared.tables.answer(operation, &body, &shared.meter, now_ms);
        tampering::answer(&self.tamperings, operation, &body, answer)
    }

    fn publish(&self, body: &[u8], operation: &str, now_ms: i64, fault: Option<Fault>) -> Answer {
        let shared = &*self.shared;
        let mut messaging = shared.messaging.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = sns::perform(&mut messaging, operation, body, now_ms, fault);
        if let Err(broken) = messaging.journal.commit() {
            return sns::broken(&broken);
        }
        let arrived = std::mem::take(&mut messaging.arrived);
        drop(messaging);
        if arrived {
            shared.arrivals.notify_waiters();
        }
        sns::bill(&shared.meter, &outcome);
        outcome.answer
    }

    fn queue(&self, body: &[u8], operation: &str, now_ms: i64, fault: Option<Fault>) -> Performed {
        let shared = &*self.shared;
        let mut messaging = shared.messaging.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = sqs::perform(&mut messaging, operation, body, now_ms, fault);
        if let Err(broken) = messaging.journal.commit() {
            return sqs::broken(&broken).into();
        }
        let arrived = std::mem::take(&mut messaging.arrived);
        drop(messaging);
        if arrived {
            shared.arrivals.notify_waiters();
        }
        Performed { answer: outcome.answer, wait: outcome.wait, queued_bytes: outcome.billed_bytes }
    }
}

fn throttled(service: Service) -> Answer {
    match service {
        Service::DynamoDb => dynamo::throttled(),
        Service::S3 => s3::throttled(),
        Service::Sns => sns::throttled(),
        Service::Sqs => sqs::throttled(),
    }
}

/// An error that no retry strategy takes for a passing one.
fn crash(when: &str) -> ConnectorError {
    ConnectorError::other(format!("the caller was stopped {when} the call on purpose").into(), None)
}

fn response(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let failed = |error| ConnectorError::other(error, None);
    let status = StatusCode::try_from(answer.status).map_err(|error| failed(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in answer.headers {
        response.headers_mut().try_insert(name, value).map_err(|error| failed(error.into()))?;
    }
    Ok(response)
}
