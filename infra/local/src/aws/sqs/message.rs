//! A message, its attributes, and the digests that AWS answers for both.

use super::super::hex::hex;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest message group, in characters.
const GROUP_CHARACTERS_MAX: usize = 128;
/// Most attributes that a message in a queue may have.
pub(in super::super) const ATTRIBUTES_MAX: usize = 10;

/// How the attribute digest marks a value that is a string or a number.
const TRANSPORT_STRING: u8 = 1;
/// How the attribute digest marks a binary value.
const TRANSPORT_BINARY: u8 = 2;

/// Attributes by name, as the API writes them.
pub(in super::super) type Attributes = BTreeMap<String, Attribute>;

/// The value of a message attribute. Exactly one of the two values is set, which [`check`] holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Attribute {
    /// `String`, `Number` or `Binary`, with an optional custom label after a full stop.
    pub(in super::super) data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) string_value: Option<String>,
    /// Base64, as it travels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) binary_value: Option<String>,
}

impl Attribute {
    /// An attribute of type `String`.
    #[cfg(test)]
    pub(in super::super) fn text(value: &str) -> Self {
        Self { data_type: "String".to_owned(), string_value: Some(value.to_owned()), binary_value: None }
    }

    fn bytes(&self) -> usize {
        let value = match (&self.string_value, &self.binary_value) {
            (Some(text), _) => text.len(),
            (None, Some(binary)) => decoded(binary).len(),
            (None, None) => 0,
        };
        self.data_type.len() + value
    }
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Message {
    /// Place in the queue, given once and never again.
    pub(in super::super) sequence: u64,
    /// `MessageId`.
    pub(in super::super) id: String,
    pub(in super::super) body: String,
    pub(in super::super) attributes: Attributes,
    /// `MessageGroupId`, if the sender gave one: a standard queue only deals fairly by it.
    pub(in super::super) group: Option<String>,
    /// `AWSTraceHeader`, if the sender gave one.
    pub(in super::super) trace_header: Option<String>,
    /// Of the queue that gave the message up, in a dead-letter queue.
    pub(in super::super) dead_letter_source: Option<String>,
    pub(in super::super) sent_ms: i64,
    pub(in super::super) first_received_ms: Option<i64>,
    /// When it was handed out last.
    pub(in super::super) received_ms: Option<i64>,
    pub(in super::super) receive_count: u32,
    /// From when on it may be handed out.
    pub(in super::super) visible_ms: i64,
}

impl Message {
    /// What AWS bills and limits: body and attributes.
    pub(in super::super) fn bytes(&self) -> usize {
        self.body.len() + attributes_bytes(&self.attributes)
    }
}

pub(in super::super) fn attributes_bytes(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, attribute)| name.len() + attribute.bytes()).sum()
}

/// Whether every attribute is one that AWS takes; the message says what is wrong.
pub(in super::super) fn check(attributes: &Attributes) -> Result<(), String> {
    for (name, attribute) in attributes {
        let kind = attribute.data_type.split('.').next().unwrap_or_default();
        let fits = match kind {
            "String" | "Number" => attribute.string_value.as_deref().is_some_and(|value| !value.is_empty()),
            "Binary" => attribute.binary_value.as_deref().is_some_and(|value| !decoded(value).is_empty()),
            _ => return Err(format!("The message attribute '{name}' has an invalid message attribute type.")),
        };
        if !fits {
            return Err(format!("The message attribute '{name}' must contain a non-empty value of its type."));
        }
    }
    Ok(())
}

/// Whether a message group is one that AWS takes: letters, digits and punctuation of ASCII.
pub(in super::super) fn is_group(group: &str) -> bool {
    (1..=GROUP_CHARACTERS_MAX).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `MD5OfMessageBody`.
pub(in super::super) fn body_digest(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// `MD5OfMessageAttributes`: over the attributes in the order of their names, each part with its length in front.
/// See "Calculating the MD5 message digest for message attributes" in the SQS developer guide.
pub(in super::super) fn attributes_digest(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        update(&mut digest, name.as_bytes());
        update(&mut digest, attribute.data_type.as_bytes());
        if let Some(text) = &attribute.string_value {
            digest.update([TRANSPORT_STRING]);
            update(&mut digest, text.as_bytes());
        } else if let Some(binary) = &attribute.binary_value {
            digest.update([TRANSPORT_BINARY]);
            update(&mut digest, &decoded(binary));
        }
    }
    Some(hex(&digest.finalize()))
}

fn update(digest: &mut Md5, part: &[u8]) {
    digest.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(part);
}

fn decoded(base64: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(base64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(bytes: &[u8]) -> Attribute {
        Attribute {
            data_type: "Binary".to_owned(),
            string_value: None,
            binary_value: Some(BASE64_STANDARD.encode(bytes)),
        }
    }

    // The expected digests were computed with a separate program from the text of the SQS developer guide.
    #[test]
    fn digests_are_those_of_the_developer_guide() {
        assert_eq!(body_digest("This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        assert_eq!(attributes_digest(&Attributes::new()), None);
        let attributes = Attributes::from([
            ("type".to_owned(), Attribute::text("usage.recorded.v1")),
            ("blob".to_owned(), binary(&[0, 255, 7])),
        ]);
        assert_eq!(attributes_digest(&attributes).as_deref(), Some("312e4b661766aa6c14f50e52bc2f1699"));
    }

    #[test]
    fn attributes_are_billed_by_name_type_and_value() {
        // 4 + 6 + 3 and 1 + 6 + 2.
        let attributes =
            Attributes::from([("type".to_owned(), Attribute::text("abc")), ("b".to_owned(), binary(&[1, 2]))]);
        assert_eq!(attributes_bytes(&attributes), 22);
    }

    #[test]
    fn an_attribute_needs_a_known_type_and_a_value() {
        let unknown = Attribute { data_type: "Text".to_owned(), ..Attribute::text("x") };
        let rows = [
            (Attribute::text("x"), true),
            (Attribute { data_type: "Number.cents".to_owned(), ..Attribute::text("17") }, true),
            (binary(&[1]), true),
            (Attribute::text(""), false),
            (binary(&[]), false),
            (unknown, false),
        ];
        for (attribute, fits) in rows {
            let attributes = Attributes::from([("name".to_owned(), attribute.clone())]);
            assert_eq!(check(&attributes).is_ok(), fits, "{attribute:?}");
        }
    }
}
