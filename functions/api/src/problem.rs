//! Refusals and faults as `application/problem+json` (RFC 9457).
//!
//! A handler answers a [`Problem`]; [`crate::correlation`] writes it out, because only there the correlation id is
//! known, and logs what caused it, once. Invariant: a code is stable, and tells a client what to do by itself.

use axum::response::{IntoResponse, Response};
use cloud::Fault;
use domain::Violation;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of every refusal.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";
/// What `Retry-After` says when the same request may succeed later.
pub(crate) const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request was not done.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Stable code.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) detail: String,
    /// Which fields.
    pub(crate) errors: Vec<FieldError>,
    /// Whether the same request may succeed later.
    pub(crate) retry: bool,
    /// What failed, for the log and never for the client.
    pub(crate) cause: Option<String>,
}

/// One field that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// RFC 6901 JSON pointer to the field, empty for the whole document.
    #[schema(example = "/prices/0/meter")]
    pub(crate) pointer: String,
    /// Stable code of the broken rule.
    #[schema(example = "unknown_meter")]
    pub(crate) code: String,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
}

/// Every refusal, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:meterline:problem:invalid_request")]
    pub(crate) problem_type: String,
    /// The kind of problem in words.
    #[schema(example = "Invalid request")]
    pub(crate) title: String,
    /// The HTTP status, repeated.
    #[schema(example = 422)]
    pub(crate) status: u16,
    /// Stable code to decide by.
    #[schema(example = "invalid_request")]
    pub(crate) code: &'a str,
    /// What happened this time and what to do about it.
    pub(crate) detail: &'a str,
    /// To be quoted to support; the same is in `x-correlation-id`.
    pub(crate) correlation_id: &'a str,
    /// The fields that were refused, if it is about fields.
    pub(crate) errors: &'a [FieldError],
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry: false, cause: None }
    }

    /// 400: the request is not of the documented form.
    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: no key, or one that does not work.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send a live API key as \"Authorization: Bearer <key>\"";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// 403: a tenant's key where only the platform may go.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "only the platform key may do this")
    }

    /// 404: unknown, or someone else's; the answer does not tell which.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing of that name or id here")
    }

    /// 409: a rule about what is already there.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413: more than is taken at once.
    pub(crate) fn too_large(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, detail)
    }

    /// 500: our bug, or an operator's mistake.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the error was recorded");
        problem.cause = Some(cause.into());
        problem
    }

    /// The same problem, which may be gone on the next try.
    pub(crate) fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }

    /// The same problem, which is about the field at `pointer`.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), code: self.code.to_owned(), message: self.detail.clone() };
        self.errors.push(error);
        self
    }

    /// The answer, written out for the request `correlation_id`.
    pub(crate) fn write(&self, correlation_id: &str) -> Response {
        let body = ProblemBody {
            problem_type: format!("urn:meterline:problem:{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            correlation_id,
            errors: &self.errors,
        };
        // A body of texts and numbers always serialises.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if self.retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The code as a sentence: `slug_taken` is `Slug taken`.
fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

impl IntoResponse for Problem {
    /// A response that carries the problem, for [`crate::correlation`] to write out.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Self {
        let detail = format!("{}: {}", violation.pointer, violation.message);
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail);
        problem.errors.push(FieldError {
            pointer: violation.pointer,
            code: violation.code.to_owned(),
            message: violation.message,
        });
        problem
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let cause = fault.chain();
        match fault {
            Fault::Transient { .. } => Self {
                cause: Some(cause),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try the same request again").retryable()
            },
            Fault::Conflict { .. } => Self {
                cause: Some(cause),
                ..Self::conflict("conflict", "another request got there first; try again").retryable()
            },
            Fault::Permanent { .. } => Self::internal(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn transient() -> Fault {
        Fault::Transient { operation: "dynamodb:GetItem", cause: "throttled".into() }
    }

    #[rstest]
    #[case::violation(Violation::new("/slug", "invalid_slug", "use letters").into(), 422, "invalid_request", None)]
    #[case::transient(transient().into(), 503, "unavailable", Some("1"))]
    #[case::conflict(Fault::Conflict { operation: "dynamodb:TransactWriteItems" }.into(), 409, "conflict", Some("1"))]
    #[case::permanent(Fault::permanent("decode item", "bad").into(), 500, "internal", None)]
    #[case::no_key(Problem::unauthenticated(), 401, "unauthenticated", None)]
    #[case::tenant_key(Problem::forbidden(), 403, "forbidden", None)]
    fn a_problem_has_a_status_a_code_and_when_to_retry(
        #[case] problem: Problem,
        #[case] status: u16,
        #[case] code: &str,
        #[case] retry_after: Option<&str>,
    ) {
        let response = problem.write("corr-1");
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        assert_eq!((response.status().as_u16(), problem.code), (status, code));
        assert_eq!(header(header::CONTENT_TYPE), Some("application/problem+json"));
        assert_eq!(header(header::RETRY_AFTER), retry_after);
        assert_eq!(header(header::WWW_AUTHENTICATE), (status == 401).then_some("Bearer"));
    }

    #[test]
    fn a_fault_keeps_its_cause_for_the_log_only() {
        let problem = Problem::from(transient());
        assert_eq!(problem.cause.as_deref(), Some("dynamodb:GetItem failed for now: throttled"));
        assert_eq!(problem.detail, "try the same request again");
    }

    #[test]
    fn a_title_is_the_code_in_words() {
        assert_eq!(title("slug_taken"), "Slug taken");
        assert_eq!(title(""), "");
    }
}
