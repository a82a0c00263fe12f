//! What Meterline relies on in AWS, as one suite over SDK clients.
//!
//! It runs against the embedded AWS, or against any AWS-compatible endpoint that `AWS_ENDPOINT_URL` names (LocalStack,
//! MiniStack), so that the embedded one is held to what others do. No case here turns a clock or sleeps; what needs
//! that stands beside the code of the embedded AWS.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic like the tests themselves")]

#[path = "conformance/dynamo.rs"]
mod dynamo;
#[path = "conformance/s3.rs"]
mod s3;
#[path = "conformance/sns.rs"]
mod sns;
#[path = "conformance/sqs.rs"]
mod sqs;
#[path = "conformance/support.rs"]
mod support;
