//! The console page: its files, embedded in the program, and how they are served.

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// The page needs nothing from elsewhere, nothing from elsewhere may run in it, and nobody may frame it.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";

macro_rules! files {
    ($($kind:ident $name:literal),* $(,)?) => {
        const FILES: &[(&str, &str, &str)] =
            &[$((concat!("/console/", $name), $kind, include_str!(concat!("console/", $name)))),*];
    };
}

files![
    STYLE "console.css", STYLE "parts.css",
    SCRIPT "api.js", SCRIPT "chart.js", SCRIPT "console.js", SCRIPT "dom.js", SCRIPT "format.js", SCRIPT "invoices.js",
    SCRIPT "keys.js", SCRIPT "overview.js", SCRIPT "sample.js", SCRIPT "send.js", SCRIPT "tenants.js", SCRIPT "time.js",
    SCRIPT "usage.js", SCRIPT "webhooks.js",
];

/// The page at `/` and its files below `/console/`.
pub(crate) fn router() -> Router {
    let page = get(|| async { file(HTML, include_str!("console/index.html")) });
    FILES.iter().copied().fold(Router::new().route("/", page), |router, (path, kind, text)| {
        router.route(path, get(move || async move { file(kind, text) }))
    })
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}
