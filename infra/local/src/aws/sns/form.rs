//! The AWS Query protocol: requests as forms, answers as XML.

use super::super::sqs::{Attribute, Attributes};
use super::super::wire::Answer;
use quick_xml::escape::escape;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// Most members of a list or map in one request.
const MEMBERS_MAX: usize = 1_000;

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// A parameter; one that is absent or empty is `None`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::invalid(format!("{name} is missing")))
    }

    /// The prefixes of the members of a list: `Name.member.1.`, `Name.member.2.` and so on.
    pub(super) fn members(&self, name: &str) -> Vec<String> {
        (1..=MEMBERS_MAX)
            .map(|number| format!("{name}.member.{number}."))
            .take_while(|prefix| self.has(prefix))
            .collect()
    }

    /// A map of strings, as attributes of topics and subscriptions are written.
    pub(super) fn map(&self, name: &str) -> BTreeMap<String, String> {
        let entry = |number: usize| {
            let key = self.0.get(&format!("{name}.entry.{number}.key"))?.clone();
            let value = self.0.get(&format!("{name}.entry.{number}.value")).cloned().unwrap_or_default();
            Some((key, value))
        };
        (1..=MEMBERS_MAX).map_while(entry).collect()
    }

    /// Message attributes below a prefix.
    pub(super) fn message_attributes(&self, prefix: &str) -> Attributes {
        let entry = |number: usize| {
            let at = |part: &str| self.0.get(&format!("{prefix}MessageAttributes.entry.{number}.{part}")).cloned();
            let attribute = Attribute {
                data_type: at("Value.DataType").unwrap_or_default(),
                string_value: at("Value.StringValue"),
                binary_value: at("Value.BinaryValue"),
            };
            Some((at("Name")?, attribute))
        };
        (1..=MEMBERS_MAX).map_while(entry).collect()
    }

    fn has(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }
}

/// Why SNS does not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(400, "InvalidParameter", format!("Invalid parameter: {}", message.as_ref()))
    }

    pub(super) fn no(what: &str) -> Self {
        Self::new(404, "NotFound", format!("{what} does not exist"))
    }

    pub(super) fn answer(&self) -> Answer {
        let fault = if self.status < 500 { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
            self.code,
            escape(&self.message)
        );
        Answer::xml(self.status, body)
    }
}

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Wraps what an operation answers.
pub(super) fn answer(operation: &str, result: &str) -> Answer {
    let body = format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{operation}Response>"
    );
    Answer::xml(200, body)
}

/// One element with text.
pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// A map of strings.
pub(super) fn entries<'a>(name: &str, map: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let entries: String =
        map.map(|(key, value)| format!("<entry>{}{}</entry>", element("key", key), element("value", value))).collect();
    format!("<{name}>{entries}</{name}>")
}
