//! S3: buckets and objects by path-style requests, and links signed in advance.
//!
//! Served are whole objects: put (with `If-None-Match: *` and `If-Match`), get, head, delete, list, and making and
//! finding buckets. Everything else of S3 is refused by name (`NotImplemented`): ranges, versions, multipart uploads,
//! copies, access control. A checksum that was put with an object is given back with it, so that the SDK checks the
//! whole way there and back.

mod chunked;
mod objects;
mod presign;
mod store;
mod target;

use super::wire::{Answer, Request, UNKNOWN_OPERATION};
use bytes::Bytes;
use http::Uri;
use jiff::Timestamp;
use quick_xml::escape::escape;
use std::collections::BTreeMap;
use target::{Target, path_and_query};

pub use presign::Refusal;
pub use store::Object;
pub(super) use store::Objects;

/// Parameters that change nothing about which operation a request is.
const PLAIN_PARAMETERS: [&str; 8] =
    ["x-id", "list-type", "prefix", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner"];

/// Why S3 does not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    status: u16,
    code: &'static str,
    message: String,
}

impl Failure {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn answer(&self) -> Answer {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
            self.code,
            escape(&self.message)
        );
        Answer::xml(self.status, body)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(500, "InternalError", format!("the object store failed: {error}"))
    }
}

/// How S3 throttles.
pub(super) fn throttled() -> Answer {
    Failure::new(503, "SlowDown", "Please reduce your request rate.").answer()
}

/// The operation that a request is.
pub(super) fn operation(request: &Request<'_>) -> &'static str {
    let target = Target::read(path_and_query(request.uri), request.mount);
    let plain = |name: &String| PLAIN_PARAMETERS.contains(&name.as_str()) || name.starts_with("X-Amz-");
    if !target.query.keys().all(|name| plain(name) || name.starts_with("response-")) {
        return UNKNOWN_OPERATION;
    }
    match (request.method, target.bucket.is_some(), target.key.is_some()) {
        ("PUT", true, true) => "PutObject",
        ("GET", true, true) => "GetObject",
        ("HEAD", true, true) => "HeadObject",
        ("DELETE", true, true) => "DeleteObject",
        ("PUT", true, false) => "CreateBucket",
        ("HEAD", true, false) => "HeadBucket",
        ("GET", true, false) if target.parameter("list-type") == "2" => "ListObjectsV2",
        _ => UNKNOWN_OPERATION,
    }
}

/// Performs one request.
pub(super) fn perform(objects: &Objects, operation: &str, request: &Request<'_>, now: Timestamp) -> Answer {
    let target = Target::read(path_and_query(request.uri), request.mount);
    let exchange = objects::Exchange { objects, request, target, now };
    let mut answer = exchange.perform(operation).unwrap_or_else(|failure| failure.answer());
    if request.method == "HEAD" {
        // The headers say how long the body would be.
        if answer.status >= 400 {
            answer = Answer::empty(answer.status);
        }
        answer.body = Bytes::new();
    }
    answer
}

/// Checks a signed link for GET, and answers the bucket and key that it points to.
pub(super) fn verify(uri: &Uri, authority: &str, mount: &str, now: Timestamp) -> Result<(String, String), Refusal> {
    let target = presign::verify(uri, authority, mount, now)?;
    target.bucket.zip(target.key).ok_or(Refusal::Unsigned)
}

/// Follows a signed link: the object with its headers, or the refusal as S3 would write it.
pub(super) fn follow(objects: &Objects, uri: &Uri, authority: &str, mount: &str, now: Timestamp) -> Answer {
    let target = match presign::verify(uri, authority, mount, now) {
        Ok(target) => target,
        Err(refusal) => return Failure::new(403, refusal.code(), refusal.to_string()).answer(),
    };
    objects::get(objects, &target)
        .map_or_else(|failure| failure.answer(), |object| objects::shown(&object, &overrides(&target), false))
}

/// Headers that the caller of a get wants instead of those of the object: `response-content-type=...`.
fn overrides(target: &Target) -> BTreeMap<String, String> {
    let chosen = target.query.iter().filter_map(|(name, value)| Some((name.strip_prefix("response-")?, value)));
    chosen.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}
