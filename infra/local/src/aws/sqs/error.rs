//! How SQS refuses: a shape name for the JSON protocol, and the older code of the query protocol in a header, by which
//! the SDK tells errors apart.

use super::super::wire::Answer;
use super::queue::Stale;
use super::settings::Refused;
use serde_json::json;

/// Why a request is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InternalError,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidMessageContents,
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
    OverLimit,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    RequestThrottled,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl Code {
    /// The name of the error's shape.
    pub(super) const fn shape(self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct => "BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "BatchRequestTooLong",
            Self::EmptyBatchRequest => "EmptyBatchRequest",
            Self::InternalError => "InternalError",
            Self::InvalidAttributeName => "InvalidAttributeName",
            Self::InvalidAttributeValue => "InvalidAttributeValue",
            Self::InvalidBatchEntryId => "InvalidBatchEntryId",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::MessageNotInflight => "MessageNotInflight",
            Self::MissingParameter => "MissingParameter",
            Self::OverLimit => "OverLimit",
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists => "QueueNameExists",
            Self::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            Self::RequestThrottled => "RequestThrottled",
            Self::TooManyEntriesInBatchRequest => "TooManyEntriesInBatchRequest",
            Self::UnsupportedOperation => "UnsupportedOperation",
        }
    }

    /// The code of the query protocol, where it has another name.
    const fn query(self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::EmptyBatchRequest => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::MessageNotInflight => "AWS.SimpleQueueService.MessageNotInflight",
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueNameExists => "QueueAlreadyExists",
            Self::TooManyEntriesInBatchRequest => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            Self::UnsupportedOperation => "AWS.SimpleQueueService.UnsupportedOperation",
            Self::InternalError
            | Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::InvalidMessageContents
            | Self::InvalidParameterValue
            | Self::MissingParameter
            | Self::OverLimit
            | Self::ReceiptHandleIsInvalid
            | Self::RequestThrottled => self.shape(),
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::InternalError => 500,
            Self::BatchEntryIdsNotDistinct
            | Self::BatchRequestTooLong
            | Self::EmptyBatchRequest
            | Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::InvalidBatchEntryId
            | Self::InvalidMessageContents
            | Self::InvalidParameterValue
            | Self::MessageNotInflight
            | Self::MissingParameter
            | Self::OverLimit
            | Self::QueueDoesNotExist
            | Self::QueueNameExists
            | Self::ReceiptHandleIsInvalid
            | Self::RequestThrottled
            | Self::TooManyEntriesInBatchRequest
            | Self::UnsupportedOperation => 400,
        }
    }
}

/// A refused request, or a refused entry of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn no_queue() -> Self {
        Self::new(Code::QueueDoesNotExist, "The specified queue does not exist.")
    }

    pub(super) fn answer(&self) -> Answer {
        let fault = if self.code.status() == 500 { "Receiver" } else { "Sender" };
        let body = json!({"__type": format!("com.amazonaws.sqs#{}", self.code.shape()), "message": self.message});
        Answer::json(self.code.status(), body.to_string())
            .with("x-amzn-query-error", format!("{};{fault}", self.code.query()))
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Name(message) => Self::new(Code::InvalidAttributeName, message),
            Refused::Value(message) => Self::new(Code::InvalidAttributeValue, message),
        }
    }
}

impl From<Stale> for Refusal {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Superseded => Self::new(
                Code::InvalidParameterValue,
                "The receipt handle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
            ),
            Stale::NotInFlight => Self::new(Code::MessageNotInflight, "The message referred to isn't in flight."),
            Stale::TooLong => Self::new(
                Code::InvalidParameterValue,
                "VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            ),
        }
    }
}
