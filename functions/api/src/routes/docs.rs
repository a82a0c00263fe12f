//! The OpenAPI document, and a page that shows it. The page is one file that loads nothing from elsewhere.

use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use utoipa::openapi::OpenApi;

const PAGE: &str = include_str!("../docs.html");
/// The page runs its own script and talks to its own host, and nothing else.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Both change with a deployment only.
const FOR_FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// `document` as it is answered.
pub(crate) fn document(document: &OpenApi) -> Bytes {
    // The document is made of texts, numbers and lists, which always serialise.
    Bytes::from(serde_json::to_vec(document).unwrap_or_default())
}

/// Answers the OpenAPI document.
pub(crate) fn openapi(document: Bytes) -> Response {
    answer("application/json", document.into_response(), &[])
}

/// Answers the page that shows it.
pub(crate) async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE.into_response(), &[(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)])
}

fn answer(content_type: &'static str, mut response: Response, more: &[(HeaderName, HeaderValue)]) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, FOR_FIVE_MINUTES);
    headers.extend(more.iter().cloned());
    response
}
