//! What a service of the embedded AWS sees of a request, and what it answers: plain data, no SDK types.
//!
//! Routing is decided here, once, because every protocol names its operation in another place: DynamoDB and SQS in
//! the `x-amz-target` header, SNS in the form body, S3 in method and path. What is routed is a [`Call`] name that the
//! fault plan and the meter share.

use super::faults::Service;
use super::{s3, sns};
use aws_smithy_runtime_api::http::Headers;
use bytes::Bytes;

/// Prefix of `x-amz-target` for DynamoDB.
const DYNAMODB_TARGET: &str = "DynamoDB_20120810.";
/// Prefix of `x-amz-target` for SQS.
const SQS_TARGET: &str = "AmazonSQS.";
/// The name under which a call is counted that the embedded AWS does not know.
pub(super) const UNKNOWN_OPERATION: &str = "Unknown";

/// Operations of DynamoDB that are served.
pub(super) const DYNAMODB_OPERATIONS: [&str; 17] = [
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "ListTables",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
];

/// Operations of SQS that are served.
const SQS_OPERATIONS: [&str; 14] = [
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
];

/// One request of the SDK, its body whole.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// HTTP method, upper case.
    pub(super) method: &'a str,
    /// Absolute URI as the SDK wrote it, percent-encoded.
    pub(super) uri: &'a str,
    /// The path below which the endpoint has its buckets.
    pub(super) mount: &'a str,
    /// Headers as the SDK wrote them.
    pub(super) headers: &'a Headers,
    /// The body, still framed if it came in `aws-chunked`.
    pub(super) body: &'a [u8],
}

/// One answer to the SDK.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// Headers, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Bytes,
}

impl Answer {
    /// An answer of the AWS JSON protocol.
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/x-amz-json-1.0", body)
    }

    /// An XML answer: SNS, and the errors and listings of S3.
    pub(super) fn xml(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/xml", body)
    }

    /// An answer without content.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// For a server that passes it on.
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        for (name, value) in self.headers {
            // What is no header cannot have come in as one.
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// The same answer with one more header.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Who a request is for, and what it asks.
pub(super) fn route(request: &Request<'_>) -> (Service, &'static str) {
    if let Some(target) = request.headers.get("x-amz-target") {
        if let Some(operation) = target.strip_prefix(DYNAMODB_TARGET) {
            return (Service::DynamoDb, known(&DYNAMODB_OPERATIONS, operation));
        }
        if let Some(operation) = target.strip_prefix(SQS_TARGET) {
            return (Service::Sqs, known(&SQS_OPERATIONS, operation));
        }
    }
    let content_type = request.headers.get("content-type").unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return (Service::Sns, known(&sns::OPERATIONS, sns::action(request.body)));
    }
    (Service::S3, s3::operation(request))
}

/// The constant for a name out of a request, so that names are compared and counted without a copy.
fn known(operations: &[&'static str], name: &str) -> &'static str {
    operations.iter().copied().find(|known| *known == name).unwrap_or(UNKNOWN_OPERATION)
}
