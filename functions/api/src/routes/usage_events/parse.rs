//! Reading events out of a request, without a tree of values: texts are borrowed from the body, and `data` stays the
//! JSON text that it is, so that no digit of a quantity passes through a float.
//!
//! What is wrong with the request as a whole is a problem; what is wrong with one event is that event's own refusal.

use super::EVENTS_MAX;
use crate::{
    body::{self, escape, unsupported_media_type},
    problem::Problem,
};
use domain::Violation;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// An event as it was sent; nothing about it is checked but its form.
#[derive(Clone, Debug)]
pub(super) struct Incoming<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) event_type: Cow<'a, str>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) data: &'a RawValue,
}

/// An event that is none.
#[derive(Clone, Debug)]
pub(super) struct Malformed<'a> {
    /// Its id, if that much could be read.
    pub(super) id: Option<Cow<'a, str>>,
    /// What is wrong.
    pub(super) violation: Violation,
}

pub(super) type Parsed<'a> = Result<Incoming<'a>, Malformed<'a>>;

/// How events are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `{"events": [..]}`, with the fields that we document and no others.
    Short,
    /// One CloudEvent as JSON.
    Structured,
    /// An array of CloudEvents as JSON.
    Batch,
    /// One CloudEvent whose attributes are headers and whose data is the body.
    Binary,
}

/// The form that the headers announce.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    match body::media_type(headers).as_deref() {
        Some("application/json") if headers.contains_key("ce-specversion") => Ok(Form::Binary),
        Some("application/json") => Ok(Form::Short),
        Some("application/cloudevents+json") => Ok(Form::Structured),
        Some("application/cloudevents-batch+json") => Ok(Form::Batch),
        _ => Err(unsupported_media_type(
            "application/json, application/cloudevents+json or application/cloudevents-batch+json",
        )),
    }
}

/// The events of a request, each by itself.
pub(super) fn events<'a>(form: Form, headers: &'a HeaderMap, body: &'a [u8]) -> Result<Vec<Parsed<'a>>, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Short<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let raw: Vec<&RawValue> = match form {
        Form::Short => body::decode::<Short<'_>>(body)?.events,
        Form::Batch => body::decode(body)?,
        Form::Structured => vec![body::decode(body)?],
        Form::Binary => return Ok(vec![binary(headers, body::decode(body)?)]),
    };
    if raw.is_empty() {
        return Err(Violation::new("/events", "empty_batch", "send at least one event").into());
    }
    if raw.len() > EVENTS_MAX {
        return Err(Problem::too_large("too_many_events", format!("send at most {EVENTS_MAX} events at once")));
    }
    Ok(raw.into_iter().map(|raw| read(form, raw)).collect())
}

/// What has been read of an event so far.
#[derive(Debug, Default)]
struct Draft<'a> {
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    event_type: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
    specversion: Option<Cow<'a, str>>,
    /// The member that is being read, for the refusal of a value of another type.
    at: Cow<'a, str>,
    /// The first thing that is wrong.
    violation: Option<Violation>,
}

fn malformed(pointer: impl Into<String>, message: impl Into<String>) -> Violation {
    Violation::new(pointer, "malformed_event", message)
}

/// Reads one event of a JSON form.
fn read(form: Form, raw: &RawValue) -> Parsed<'_> {
    let mut draft = Draft::default();
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let outcome = Reader { cloud_event: form != Form::Short, draft: &mut draft }.deserialize(&mut deserializer);
    if outcome.is_err() {
        let pointer = if draft.at.is_empty() { String::new() } else { format!("/{}", escape(&draft.at)) };
        let message = if draft.at.is_empty() { "send an object" } else { "send a value of the documented type" };
        draft.violation.get_or_insert_with(|| malformed(pointer, message));
    }
    if form != Form::Short && draft.specversion.as_deref() != Some("1.0") {
        draft.violation.get_or_insert_with(|| malformed("/specversion", "send specversion 1.0"));
    }
    draft.finish(form != Form::Short)
}

/// Reads one event whose attributes are headers.
fn binary<'a>(headers: &'a HeaderMap, data: &'a RawValue) -> Parsed<'a> {
    let mut draft = Draft { data: Some(data), ..Draft::default() };
    let mut attribute = |name: &str| {
        // CloudEvents percent-encodes what a header cannot hold.
        let value = headers.get(format!("ce-{name}"))?;
        let decoded = value.to_str().ok().and_then(|value| percent_decode_str(value).decode_utf8().ok());
        if decoded.is_none() {
            draft.violation.get_or_insert_with(|| malformed(format!("/{name}"), "send percent-encoded UTF-8"));
        }
        decoded
    };
    let (specversion, id, source) = (attribute("specversion"), attribute("id"), attribute("source"));
    let (event_type, time, subject) = (attribute("type"), attribute("time"), attribute("subject"));
    if specversion.as_deref() != Some("1.0") {
        draft.violation.get_or_insert_with(|| malformed("/specversion", "send specversion 1.0"));
    }
    Draft { id, source, event_type, time, subject, ..draft }.finish(true)
}

impl<'a> Draft<'a> {
    /// The event, if nothing is wrong and nothing is missing.
    fn finish(self, cloud_event: bool) -> Parsed<'a> {
        let missing = |name: &str| malformed(format!("/{name}"), format!("send {name}"));
        let violation = self.violation.or_else(|| match (&self.id, &self.source, &self.event_type, self.data) {
            (None, ..) => Some(missing("id")),
            (_, None, ..) if cloud_event => Some(missing("source")),
            (_, _, None, _) => Some(missing("type")),
            (.., None) => Some(missing("data")),
            (.., Some(data)) if !data.get().starts_with('{') => Some(malformed("/data", "send an object")),
            _ => None,
        });
        match (violation, self.id, self.event_type, self.data) {
            (None, Some(id), Some(event_type), Some(data)) => {
                Ok(Incoming { id, source: self.source, event_type, time: self.time, subject: self.subject, data })
            }
            (violation, id, ..) => {
                Err(Malformed { id, violation: violation.unwrap_or_else(|| malformed("", "send an event")) })
            }
        }
    }
}

/// Reads an object into a draft, member by member.
struct Reader<'d, 'a> {
    cloud_event: bool,
    draft: &'d mut Draft<'a>,
}

impl<'a> DeserializeSeed<'a> for Reader<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> de::Visitor<'a> for Reader<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            self.draft.at = name;
            self.member(&mut map)?;
        }
        Ok(())
    }
}

impl<'a> Reader<'_, 'a> {
    fn member<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let cloud_event = self.cloud_event;
        let draft = &mut *self.draft;
        let slot = match draft.at.as_ref() {
            "id" => &mut draft.id,
            "source" => &mut draft.source,
            "type" => &mut draft.event_type,
            "time" => &mut draft.time,
            "subject" => &mut draft.subject,
            "specversion" if cloud_event => &mut draft.specversion,
            "data" => {
                let data = map.next_value::<&RawValue>()?;
                let twice = draft.data.replace(data).is_some();
                self.refuse_twice(twice);
                return Ok(());
            }
            _ if cloud_event => return self.extension(map),
            name => {
                let violation = Violation::new(
                    format!("/{}", escape(name)),
                    "unknown_field",
                    "an event has id, source, type, time, subject and data",
                );
                draft.violation.get_or_insert(violation);
                return map.next_value::<IgnoredAny>().map(drop);
            }
        };
        let twice = slot.is_some();
        *slot = map.next_value::<Option<Text<'a>>>()?.map(|Text(text)| text);
        self.refuse_twice(twice);
        Ok(())
    }

    fn refuse_twice(&mut self, twice: bool) {
        if twice {
            let pointer = format!("/{}", self.draft.at);
            self.draft.violation.get_or_insert_with(|| malformed(pointer, "send it once"));
        }
    }

    /// A CloudEvents attribute that no meter reads: an optional one, or an extension.
    fn extension<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let value = map.next_value::<&RawValue>()?.get();
        let name = self.draft.at.as_ref();
        let scalar = !value.starts_with(['{', '[']);
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let message = match name {
            "data_base64" => "send data as JSON",
            "datacontenttype" if !is_json(value) => "send data as application/json",
            "dataschema" | "datacontenttype" => return Ok(()),
            _ if !plain => "an attribute's name is made of lower-case letters and digits",
            _ if !scalar => "an attribute's value is a text, a number or a boolean",
            _ => return Ok(()),
        };
        let pointer = format!("/{}", escape(name));
        self.draft.violation.get_or_insert_with(|| malformed(pointer, message));
        Ok(())
    }
}

/// Whether the JSON text `value` names a JSON media type, or none.
fn is_json(value: &str) -> bool {
    let media_type = value.trim_matches('"').split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    value == "null" || media_type == "application/json" || media_type.ends_with("+json")
}

/// A text, borrowed from the body unless it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests;
