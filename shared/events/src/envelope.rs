//! The envelope: CloudEvents 1.0 attributes around the data of one event.
//!
//! Invariants: `id` is derived from what is reported, so that a repeat has the same id; `subject` is the tenant;
//! `correlationid` is that of the request that caused it, through every hop.

use domain::{
    Timestamp,
    id::{EventId, TenantId},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// The shape of an event's data, and the type that names it, version included.
pub trait Event: Serialize + DeserializeOwned {
    /// Such as `invoice.ready.v1`.
    const TYPE: &'static str;
}

/// What ties the steps of one request together, over every queue, in logs and in webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CorrelationId(String);

/// Longest correlation id that a client may send, in bytes.
pub const CORRELATION_ID_LENGTH_MAX: usize = 128;

impl CorrelationId {
    /// The id in `text`, if it is 1 to [`CORRELATION_ID_LENGTH_MAX`] visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        ((1..=CORRELATION_ID_LENGTH_MAX).contains(&text.len()) && plain).then(|| Self(text.to_owned()))
    }

    /// The id around a UUID that the caller made.
    #[must_use]
    pub fn new(uuid: &str) -> Self {
        Self(uuid.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event with its envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope<T> {
    /// Always `1.0`.
    pub specversion: String,
    /// Derived from what is reported.
    pub id: EventId,
    /// The function that says it, such as `meterline/billing`.
    pub source: String,
    /// The type with its version.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened.
    pub time: Timestamp,
    /// Whom it is about.
    pub subject: TenantId,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Names the shape of `data`; docs/EVENTS.md documents it.
    pub dataschema: String,
    /// The request that caused it.
    pub correlationid: CorrelationId,
    /// What happened.
    pub data: T,
}

/// The attributes that decide where a message goes, read without its data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Derived from what is reported.
    pub id: EventId,
    /// The type with its version.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Whom it is about.
    pub subject: TenantId,
    /// The request that caused it.
    pub correlationid: CorrelationId,
}

/// A text that is not the event that was expected.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not an envelope, or not the shape of its type.
    #[error("the message is no event of the expected shape")]
    Malformed(#[from] serde_json::Error),
    /// An envelope of another type.
    #[error("expected {expected}, got {got}")]
    OtherType {
        /// What was expected.
        expected: &'static str,
        /// What came.
        got: String,
    },
}

impl Header {
    /// Reads the attributes of the envelope in `body`.
    pub fn decode(body: &str) -> Result<Self, DecodeError> {
        Ok(serde_json::from_str(body)?)
    }
}

/// An encoded envelope, ready to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The envelope's id.
    pub id: EventId,
    /// The message attribute `type`, by which queues filter.
    pub event_type: String,
    /// The message attribute `tenant`.
    pub tenant_id: TenantId,
    /// The envelope's time. Of usage it is the instant at which it was accepted, just before it is published: the
    /// message attribute `lap`, by which usage queues filter, is the lap of that instant.
    pub time: Timestamp,
    /// The envelope as JSON.
    pub body: String,
}

impl<T: Event> Envelope<T> {
    /// The envelope around `data`; `reports` are the parts that make a repeat the same event.
    pub fn new(
        source: &str,
        subject: TenantId,
        time: Timestamp,
        correlationid: CorrelationId,
        reports: &[&str],
        data: T,
    ) -> Self {
        let subject_text = subject.to_string();
        let parts: Vec<&str> = [T::TYPE, &subject_text].into_iter().chain(reports.iter().copied()).collect();
        Self {
            specversion: "1.0".to_owned(),
            id: EventId::derived(&parts),
            source: format!("meterline/{source}"),
            event_type: T::TYPE.to_owned(),
            time,
            subject,
            datacontenttype: "application/json".to_owned(),
            dataschema: format!("urn:meterline:event:{}", T::TYPE),
            correlationid,
            data,
        }
    }

    /// Reads an envelope of this type.
    pub fn decode(body: &str) -> Result<Self, DecodeError> {
        let header = Header::decode(body)?;
        if header.event_type != T::TYPE {
            return Err(DecodeError::OtherType { expected: T::TYPE, got: header.event_type });
        }
        Ok(serde_json::from_str(body)?)
    }

    /// The message to publish.
    pub fn encode(&self) -> Result<Message, serde_json::Error> {
        Ok(Message {
            id: self.id,
            event_type: self.event_type.clone(),
            tenant_id: self.subject,
            time: self.time,
            body: serde_json::to_string(self)?,
        })
    }
}

/// Checks an event against its golden file, both ways; used by the tests beside each shape.
#[cfg(test)]
pub(crate) fn check_golden<T: Event + PartialEq + fmt::Debug>(golden: &str, reports: &[&str], data: T) {
    let envelope = Envelope::new(
        "test",
        TenantId::derived(&["acme"]),
        "2026-06-01T01:00:00Z".parse().unwrap(),
        CorrelationId::new("corr-1"),
        reports,
        data,
    );
    let written = serde_json::to_string_pretty(&envelope).unwrap();
    assert_eq!(written, golden.trim_end(), "the shape of {} is frozen: add a version instead", T::TYPE);
    assert_eq!(Envelope::<T>::decode(golden).unwrap(), envelope);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BillingRequestedV1;
    use domain::id::SubscriptionId;

    fn envelope(reports: &[&str]) -> Envelope<BillingRequestedV1> {
        let data = BillingRequestedV1 { subscription_id: SubscriptionId::derived(&["sub"]), period: 0 };
        let at = "2026-06-01T01:00:00Z".parse().unwrap();
        Envelope::new("billing", TenantId::derived(&["acme"]), at, CorrelationId::new("corr-1"), reports, data)
    }

    #[test]
    fn a_repeat_has_the_same_id_and_another_report_another() {
        assert_eq!(envelope(&["sub", "0"]).id, envelope(&["sub", "0"]).id);
        assert_ne!(envelope(&["sub", "0"]).id, envelope(&["sub", "1"]).id);
    }

    #[test]
    fn another_type_is_refused() {
        let message = envelope(&[]).encode().unwrap();
        let refusal = Envelope::<crate::InvoiceReadyV1>::decode(&message.body).unwrap_err();
        assert_eq!(refusal.to_string(), "expected invoice.ready.v1, got billing.requested.v1");
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for body in ["", "null", "{}", "[1]", r#"{"type":"billing.requested.v1"}"#] {
            assert!(matches!(Header::decode(body), Err(DecodeError::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn a_correlation_id_is_visible_ascii() {
        assert!(CorrelationId::parse("req-1").is_some());
        for text in ["", "a b", "ü", &"x".repeat(CORRELATION_ID_LENGTH_MAX + 1)] {
            assert_eq!(CorrelationId::parse(text), None, "{text}");
        }
    }
}
