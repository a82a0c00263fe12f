//! Faults: the world failed. (A refusal is an answer and has its own types; a panic is our bug.)
//!
//! Callers only need to know whether trying again may help, so that is all that the variants say.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use std::error::Error;

type Cause = Box<dyn Error + Send + Sync>;

/// A failure of what we depend on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Throttled, timed out, or unreachable: the same call may succeed later. Its effect may have happened.
    #[error("{operation} failed for now")]
    Transient {
        /// What was asked.
        operation: &'static str,
        /// Why it failed.
        #[source]
        cause: Cause,
    },
    /// Another writer got there first; nothing happened. Load again and decide again.
    #[error("{operation} lost a race")]
    Conflict {
        /// What was asked.
        operation: &'static str,
    },
    /// Trying again cannot help: bad data, a missing resource or permission, or a bug.
    #[error("{operation} cannot succeed")]
    Permanent {
        /// What was asked.
        operation: &'static str,
        /// Why it failed.
        #[source]
        cause: Cause,
    },
}

impl Fault {
    /// A fault that trying again cannot help, of `cause`.
    pub fn permanent(operation: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Permanent { operation, cause: cause.into() }
    }

    /// The fault in the failed SDK call `operation`.
    pub fn of_call<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + Send + Sync + 'static,
    {
        let permanent = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => false,
            SdkError::ServiceError(service) => is_refusal(service.raw().status().as_u16(), &service_code(&error)),
            _ => false,
        };
        if permanent {
            return Self::permanent(operation, error);
        }
        Self::Transient { operation, cause: Box::new(error) }
    }

    /// The fault and its causes on one line, for the one place that logs it.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The error code in a service's answer, by which throttles are told from refusals of the same status.
fn service_code<E: Error>(error: &SdkError<E, HttpResponse>) -> String {
    let SdkError::ServiceError(service) = error else { return String::new() };
    let header = service.raw().headers().get("x-amzn-errortype").unwrap_or_default();
    let body = service.raw().body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    format!("{header} {body}")
}

fn is_refusal(status: u16, code: &str) -> bool {
    const TRANSIENT: [&str; 6] =
        ["Throttl", "ThroughputExceeded", "RequestLimitExceeded", "TransactionConflict", "InProgress", "SlowDown"];
    (400..500).contains(&status) && status != 429 && !TRANSIENT.iter().any(|transient| code.contains(transient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::server_error(500, "InternalServerError", false)]
    #[case::too_many_requests(429, "", false)]
    #[case::throttle(400, "com.amazonaws.dynamodb.v20120810#ThrottlingException", false)]
    #[case::throughput(400, "ProvisionedThroughputExceededException", false)]
    #[case::validation(400, "com.amazon.coral.validate#ValidationException", true)]
    #[case::denied(403, "AccessDenied", true)]
    #[case::missing(404, "ResourceNotFoundException", true)]
    fn a_throttle_is_no_refusal(#[case] status: u16, #[case] code: &str, #[case] refusal: bool) {
        assert_eq!(is_refusal(status, code), refusal);
    }
}
