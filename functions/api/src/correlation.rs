//! The outermost layer: one correlation id, one log line and one set of headers for each request.
//!
//! A client's `x-correlation-id` is kept if it is valid, else one is made; it is answered, it is in every log line of
//! the request, and it travels in every event that the request publishes. Problems are written out here. Logged are
//! method, route, status, duration and tenant; never a key, a body or a query. Usage that was taken is logged at debug
//! only: at one event a request its line would cost nearly as much as Lambda's request, and the metrics say how much it was.

use crate::{problem::Problem, state::Api};
use axum::{
    body::HttpBody,
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cloud::spend::{self, Amounts, Function};
use events::CorrelationId;
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::any::Any;
use tracing::Instrument;

/// Where the id comes and goes.
pub(crate) const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// An HTTP API counts a request once for every started chunk of this size.
const BILLED_REQUEST_BYTES: u64 = 512 * 1024;
/// Where usage comes in.
const USAGE_ROUTE: &str = "/v1/usage/events";

/// The correlation id of the request being handled.
#[derive(Clone, Debug)]
pub(crate) struct Correlation(pub(crate) CorrelationId);

impl FromRequestParts<Api> for Correlation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let there = parts.extensions.get::<Self>().cloned();
        Ok(there.unwrap_or_else(|| Self(api.world().new_correlation_id())))
    }
}

/// Runs the rest of the request under its correlation id, as one invocation of this function.
pub(crate) async fn correlate(State(api): State<Api>, request: Request, next: Next) -> Response {
    spend::invocation(api.world(), Function::Api, answer(&api, request, next)).await
}

async fn answer(api: &Api, mut request: Request, next: Next) -> Response {
    let billed = request.body().size_hint().lower().div_ceil(BILLED_REQUEST_BYTES).max(1);
    spend::add(&Amounts { http_requests: billed, ..Amounts::default() });
    let correlation_id = correlation_id(api, &request);
    request.extensions_mut().insert(Correlation(correlation_id.clone()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        correlation_id = %correlation_id,
        tenant = tracing::field::Empty,
    );
    let head = request.method() == Method::HEAD;
    let started_at = api.world().now();
    let response = next.run(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let response = finish(response, &correlation_id, head);
    // A clock that was turned back meanwhile makes no negative duration.
    let duration_ms = u64::try_from(api.world().now().duration_since(started_at).as_millis()).unwrap_or(0);
    let status = response.status();
    if route == USAGE_ROUTE && status == StatusCode::ACCEPTED {
        tracing::debug!(status = status.as_u16(), duration_ms, "answered");
    } else {
        tracing::info!(status = status.as_u16(), duration_ms, "answered");
    }
    response
}

fn correlation_id(api: &Api, request: &Request) -> CorrelationId {
    let sent = request.headers().get(CORRELATION_HEADER).and_then(|value| value.to_str().ok());
    sent.and_then(CorrelationId::parse).unwrap_or_else(|| api.world().new_correlation_id())
}

/// Writes out a problem, logs its cause, and adds the headers that every answer has.
fn finish(mut response: Response, correlation_id: &CorrelationId, head: bool) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        log(&problem);
        let written = problem.write(correlation_id.as_str());
        let (parts, body) = written.into_parts();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().extend(parts.headers);
        if !head {
            *response.body_mut() = body;
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(correlation_id.as_str()) {
        headers.insert(CORRELATION_HEADER, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn log(problem: &Problem) {
    let Some(cause) = &problem.cause else { return };
    if problem.retry {
        tracing::warn!(code = problem.code, fault = cause.as_str(), "the request failed for now");
    } else {
        tracing::error!(code = problem.code, fault = cause.as_str(), "the request cannot succeed");
    }
}

/// The answer to a request whose handler panicked: our bug, and no reason to drop the connection.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has printed the message and the place.
    Problem::internal("the handler panicked").into_response()
}
