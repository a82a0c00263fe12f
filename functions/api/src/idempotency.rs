//! `Idempotency-Key`: a POST that is sent again is answered as it was the first time, and done once.
//!
//! Only an answer of success is kept. A refusal made nothing, so its key is given back and the corrected request may
//! use it; a fault may have made something, but the ids of what a request creates are derived from the caller, the key
//! and the request, so that doing it again finds it. Secrets are shown once: a handler that answers one leaves an
//! [`AnswerToKeep`] without it.

use crate::{auth::Caller, body, problem::Problem, state::Api};
use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cloud::store::{Claim, StoredAnswer};
use domain::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Longest key, in bytes.
const KEY_LENGTH_MAX: usize = 255;
/// Longest answer that is kept: an item of DynamoDB holds 400 KB.
const ANSWER_BYTES_MAX: usize = 350 * 1024;
/// Longest answer of our own that is read at all; a page of a hundred plans or invoices is far below it.
const ANSWER_READ_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Where the key comes from.
const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What is kept of an answer that shows a secret: the same body without it.
#[derive(Clone, Debug)]
pub(crate) struct AnswerToKeep(pub(crate) String);

/// A request that carries a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keyed {
    principal: String,
    key: String,
    request: String,
}

/// Where the ids of what a request creates come from.
#[derive(Clone, Debug)]
pub(crate) struct Creation(Option<Keyed>);

impl FromRequestParts<Api> for Creation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.get::<Keyed>().cloned()))
    }
}

impl Creation {
    /// The id of what the request creates: a function of the request if it has a key, else a new one.
    pub(crate) fn uuid(&self, api: &Api, now: Timestamp) -> Uuid {
        match &self.0 {
            Some(keyed) => domain::id::derived_uuid(&["created", &keyed.principal, &keyed.key, &keyed.request]),
            None => api.world().random().uuid(now),
        }
    }
}

/// Answers a repeat without running the handler, and keeps the answer of a first request.
pub(crate) async fn replay(State(api): State<Api>, caller: Caller, request: Request, next: Next) -> Response {
    match run(&api, caller, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn run(api: &Api, caller: Caller, request: Request, next: Next) -> Result<Response, Problem> {
    let key = match key(request.headers())? {
        Some(key) if request.method() == Method::POST => key,
        _ => return Ok(next.run(request).await),
    };
    let (mut parts, body) = request.into_parts();
    let body = body::read(body).await?;
    let digest = request_digest(&parts.method, &parts.uri, &parts.headers, &body);
    let keyed = Keyed { principal: caller.principal(), key, request: digest };
    let now = api.world().now();
    match api.world().claim_idempotency_key(&keyed.principal, &keyed.key, &keyed.request, now).await? {
        Claim::Answered(answer) => return Ok(replayed(answer)),
        Claim::InProgress => return Err(in_progress()),
        Claim::OtherRequest => return Err(reused()),
        Claim::Claimed => {}
    }
    parts.extensions.insert(keyed.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    settle(api, &keyed, response).await
}

/// Keeps a good answer, and gives the key back after any other.
async fn settle(api: &Api, keyed: &Keyed, response: Response) -> Result<Response, Problem> {
    if !response.status().is_success() {
        release(api, keyed).await;
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let read = axum::body::to_bytes(body, ANSWER_READ_BYTES_MAX).await;
    let body = read.map_err(|error| Problem::internal(error.to_string()))?;
    let text = match parts.extensions.remove::<AnswerToKeep>() {
        Some(AnswerToKeep(text)) => text,
        None => String::from_utf8_lossy(&body).into_owned(),
    };
    if text.len() > ANSWER_BYTES_MAX {
        release(api, keyed).await;
    } else {
        let answer = StoredAnswer { status: parts.status.as_u16(), body: text };
        let now = api.world().now();
        let kept = api.world().answer_idempotency_key(&keyed.principal, &keyed.key, &keyed.request, answer, now).await;
        if let Err(fault) = kept {
            // The work is done and must be answered; a repeat finds it by its derived ids once the claim lapses.
            tracing::warn!(fault = fault.chain(), "the answer to an idempotent request was not kept");
        }
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

async fn release(api: &Api, keyed: &Keyed) {
    if let Err(fault) = api.world().release_idempotency_key(&keyed.principal, &keyed.key).await {
        tracing::warn!(fault = fault.chain(), "an idempotency key stays claimed until its claim lapses");
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    let bytes = value.as_bytes();
    if (1..=KEY_LENGTH_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
        return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    let detail = format!("Idempotency-Key: send 1 to {KEY_LENGTH_MAX} visible ASCII characters");
    Err(Problem::bad_request("invalid_idempotency_key", detail))
}

/// What makes two requests the same: method, target, headers that change what the body means, and body.
fn request_digest(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    let mut say = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    say(method.as_str().as_bytes());
    say(uri.path_and_query().map_or("", |target| target.as_str()).as_bytes());
    let mut meant: Vec<_> = headers.iter().filter(|(name, _)| shapes_the_body(name)).collect();
    meant.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in meant {
        say(name.as_str().as_bytes());
        say(value.as_bytes());
    }
    say(body);
    domain::text::Hex(&digest.finalize()).to_string()
}

fn shapes_the_body(name: &HeaderName) -> bool {
    *name == header::CONTENT_TYPE || name.as_str().starts_with("ce-")
}

fn replayed(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (REPLAYED_HEADER, HeaderValue::from_static("true")),
    ];
    (status, headers, answer.body).into_response()
}

fn in_progress() -> Problem {
    Problem::conflict("idempotency_in_progress", "the first request with this Idempotency-Key is still running")
        .retryable()
}

fn reused() -> Problem {
    let detail = "this Idempotency-Key was used for another request; use a new one";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::none(None, Ok(None))]
    #[case::plain(Some("a-1"), Ok(Some("a-1".to_owned())))]
    #[case::empty(Some(""), Err("invalid_idempotency_key"))]
    #[case::blank(Some("a b"), Err("invalid_idempotency_key"))]
    fn a_key_is_visible_ascii(#[case] value: Option<&str>, #[case] expect: Result<Option<String>, &'static str>) {
        let headers = value.map(|value| (KEY_HEADER, value.parse().unwrap())).into_iter().collect();
        assert_eq!(key(&headers).map_err(|problem| problem.code), expect);
    }

    #[test]
    fn a_key_has_a_longest_length() {
        let headers = |length: usize| HeaderMap::from_iter([(KEY_HEADER, "k".repeat(length).parse().unwrap())]);
        assert!(key(&headers(255)).is_ok());
        assert!(key(&headers(256)).is_err());
    }

    #[rstest]
    #[case::same("/v1/meters", "application/json", "{}", true)]
    #[case::other_body("/v1/meters", "application/json", "{ }", false)]
    #[case::other_path("/v1/plans", "application/json", "{}", false)]
    #[case::other_query("/v1/meters?tenant=a", "application/json", "{}", false)]
    #[case::other_kind("/v1/meters", "text/plain", "{}", false)]
    fn the_same_request_has_the_same_digest(
        #[case] uri: Uri,
        #[case] kind: &str,
        #[case] body: &str,
        #[case] same: bool,
    ) {
        let digest = |uri: &Uri, kind: &str, body: &str| {
            let headers = HeaderMap::from_iter([
                (header::CONTENT_TYPE, kind.parse().unwrap()),
                // Another key does not matter.
                (header::AUTHORIZATION, format!("Bearer {kind}{body}").parse().unwrap()),
            ]);
            request_digest(&Method::POST, uri, &headers, body.as_bytes())
        };
        let first = digest(&Uri::from_static("/v1/meters"), "application/json", "{}");
        assert_eq!(first == digest(&uri, kind, body), same);
    }
}
