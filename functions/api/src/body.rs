//! Request bodies: bounded, JSON, and strict.
//!
//! Refused are, in this order: another content type (415), more than [`BODY_BYTES_MAX`] (413), what is no JSON
//! (`malformed_json`), a field that is not documented (`unknown_field`, by name), and a field of another type or a
//! missing one (`invalid_body`). Each names the field by its JSON pointer.

use crate::{problem::Problem, state::Api};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, StatusCode, header};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// Largest request body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A JSON body of the documented form.
#[derive(Clone, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/json") {
            return Err(unsupported_media_type("application/json"));
        }
        let body = read(request.into_body()).await?;
        decode(&body).map(Self)
    }
}

/// The whole body, unless it is too large.
pub(crate) async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_large = |_| Problem::too_large("body_too_large", format!("send at most {BODY_BYTES_MAX} bytes"));
    axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(too_large)
}

/// The media type of the body in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// 415: a body of another kind.
pub(crate) fn unsupported_media_type(expected: &str) -> Problem {
    let detail = format!("send the body as {expected}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

/// The `T` in a JSON text.
pub(crate) fn decode<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    // Keeping track of the path costs, so it is done for a refusal only.
    serde_json::from_slice(json).or_else(|_| decode_with_path(json))
}

fn decode_with_path<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refusal(&pointer(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| refusal("", &error))?;
    Ok(value)
}

fn refusal(pointer: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => {
            let place = format!("line {} column {}", error.line(), error.column());
            Problem::bad_request("malformed_json", format!("the body is no JSON text at {place}"))
        }
        Category::Data => {
            let message = without_place(error);
            match unknown_field(&message) {
                Some(name) => {
                    let pointer = pointer_to_member(pointer, name);
                    Problem::bad_request("unknown_field", format!("there is no field {name:?} here")).at(pointer)
                }
                None => Problem::bad_request("invalid_body", message).at(pointer),
            }
        }
    }
}

/// The message without the line and column, which a pointer says better.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

/// The name in serde's own wording of `deny_unknown_fields`, which carries it nowhere else.
fn unknown_field(message: &str) -> Option<&str> {
    Some(message.strip_prefix("unknown field `")?.split_once('`')?.0)
}

fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", escape(key)),
        // Neither a variant nor an unknown step is a step in the document.
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

/// The pointer to the member `name` of what `pointer` points to, which may be that member already.
fn pointer_to_member(pointer: &str, name: &str) -> String {
    let step = format!("/{}", escape(name));
    if pointer.ends_with(&step) { pointer.to_owned() } else { format!("{pointer}{step}") }
}

/// A member name as a step of an RFC 6901 pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A decimal in an answer: a string without needless zeros.
pub(crate) fn exact_text(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Tells a field that was sent as `null` (clear it) from one that was not sent (leave it).
pub(crate) fn sent<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::catalog::shape::Digits;
    use rstest::rstest;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Order {
        #[expect(dead_code, reason = "only whether it can be read is tested")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only whether it can be read is tested")]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Line {
        #[expect(dead_code, reason = "only whether it can be read is tested")]
        unit_price: Digits,
    }

    #[rstest]
    #[case::good(r#"{"name":"a","lines":[{"unitPrice":"0.1"},{"unitPrice":2}]}"#, None)]
    #[case::empty("", Some(("malformed_json", "")))]
    #[case::cut_off(r#"{"name":"#, Some(("malformed_json", "")))]
    #[case::two_documents(r#"{"name":"a"} {}"#, Some(("malformed_json", "")))]
    #[case::not_utf8("{\"name\":\"\u{1}\"}", Some(("malformed_json", "")))]
    #[case::missing(r#"{}"#, Some(("invalid_body", "")))]
    #[case::other_type(r#"{"name":1}"#, Some(("invalid_body", "/name")))]
    #[case::twice(r#"{"name":"a","name":"b"}"#, Some(("invalid_body", "")))]
    #[case::unknown(r#"{"name":"a","colour":1}"#, Some(("unknown_field", "/colour")))]
    #[case::unknown_deep(r#"{"name":"a","lines":[{"unitPrice":"1","a/b":1}]}"#, Some(("unknown_field", "/lines/0/a~1b")))]
    #[case::float(r#"{"name":"a","lines":[{"unitPrice":0.1}]}"#, Some(("invalid_body", "/lines/0/unitPrice")))]
    fn a_body_is_refused_by_the_field(#[case] json: &str, #[case] expect: Option<(&str, &str)>) {
        let refusal = decode::<Order>(json.as_bytes()).err();
        let pointer = |problem: &Problem| problem.errors.first().map(|e| e.pointer.clone()).unwrap_or_default();
        let got = refusal.map(|problem| (problem.code, pointer(&problem)));
        assert_eq!(got, expect.map(|(code, pointer)| (code, pointer.to_owned())));
    }

    #[rstest]
    #[case("application/json", Some("application/json"))]
    #[case("Application/JSON; charset=utf-8", Some("application/json"))]
    #[case("", Some(""))]
    fn a_media_type_is_read_without_parameters(#[case] value: &str, #[case] expect: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
        assert_eq!(media_type(&headers).as_deref(), expect);
    }
}
