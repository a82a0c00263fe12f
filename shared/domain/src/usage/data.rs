//! The payload of a usage event, kept as the JSON text that was sent, so that a number loses no digit to a float.

use super::quantity::{QUANTITY_LIMIT, QUANTITY_SCALE_MAX, QuantityError};
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap, fmt};

/// Largest payload of one event, in bytes.
pub const DATA_BYTES_MAX: usize = 16 * 1024;
/// Deepest member that a path may reach.
pub const PATH_DEPTH_MAX: usize = 8;

/// The `data` of an event: a JSON object, as text.
#[derive(Clone, Debug)]
pub struct EventData(Box<RawValue>);

impl EventData {
    /// The payload, if it is a JSON object.
    #[must_use]
    pub fn new(raw: Box<RawValue>) -> Option<Self> {
        raw.get().starts_with('{').then_some(Self(raw))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The raw JSON value, for embedding in a message without parsing it again.
    #[must_use]
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// The raw JSON value itself.
    #[must_use]
    pub fn into_raw(self) -> Box<RawValue> {
        self.0
    }

    /// The member at `path`, or `None` where any step is missing or is no object.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<Cow<'_, RawValue>> {
        let mut here: &RawValue = &self.0;
        for step in &path.0 {
            let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(here.get()).ok()?;
            here = members.get(step.as_str())?;
        }
        Some(Cow::Borrowed(here))
    }
}

impl PartialEq for EventData {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

/// The exact decimal in a JSON number, or in a JSON string that holds one.
pub fn quantity(raw: &RawValue) -> Result<Decimal, QuantityError> {
    let text = match raw.get().as_bytes().first() {
        Some(b'"') => Cow::Owned(serde_json::from_str::<String>(raw.get()).map_err(|_| QuantityError::NotANumber)?),
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(raw.get()),
        _ => return Err(QuantityError::NotANumber),
    };
    let value = exact(&text)?.normalize();
    let in_range = value.abs() < Decimal::from(QUANTITY_LIMIT) && value.scale() <= QUANTITY_SCALE_MAX;
    if in_range { Ok(value) } else { Err(QuantityError::OutOfRange) }
}

fn exact(text: &str) -> Result<Decimal, QuantityError> {
    let is_number =
        !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    if !is_number {
        return Err(QuantityError::NotANumber);
    }
    let scientific = text.contains(['e', 'E']);
    let parsed = if scientific { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
    parsed.map_err(|error| match error {
        rust_decimal::Error::ErrorString(_) | rust_decimal::Error::ConversionTo(_) => QuantityError::NotANumber,
        _ => QuantityError::OutOfRange,
    })
}

/// The text of a JSON string, or the JSON text of a number or boolean; `None` for null, objects and arrays.
#[must_use]
pub fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok().map(Cow::<str>::Owned),
        b'-' | b'0'..=b'9' | b't' | b'f' => Some(Cow::Borrowed(raw.get())),
        _ => None,
    }
}

/// A path into the payload: member names after `$`, such as `$.bytes` or `$.request.tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads `$.a.b`; names are letters, digits, `_` and `-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let steps: Vec<String> = text.strip_prefix("$.")?.split('.').map(str::to_owned).collect();
        let plain = |step: &String| {
            !step.is_empty() && step.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        (steps.len() <= PATH_DEPTH_MAX && steps.iter().all(plain)).then_some(Self(steps))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$.{}", self.0.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[rstest]
    #[case::integer("12", Ok("12"))]
    #[case::more_digits_than_a_float_has("9007199254740993.5", Err(QuantityError::OutOfRange))]
    #[case::exact_where_a_float_is_not("900719925474099.123456789", Ok("900719925474099.123456789"))]
    #[case::a_tenth("0.1", Ok("0.1"))]
    #[case::in_a_string("\"0.25\"", Ok("0.25"))]
    #[case::scientific("1e3", Ok("1000"))]
    #[case::negative("-3", Ok("-3"))]
    #[case::trailing_zeros("1.50", Ok("1.5"))]
    #[case::too_fine("0.0000000001", Err(QuantityError::OutOfRange))]
    #[case::too_large("1e15", Err(QuantityError::OutOfRange))]
    #[case::far_too_large("1e400", Err(QuantityError::OutOfRange))]
    #[case::words("\"many\"", Err(QuantityError::NotANumber))]
    #[case::empty("\"\"", Err(QuantityError::NotANumber))]
    #[case::not_a_number("\"NaN\"", Err(QuantityError::NotANumber))]
    #[case::null("null", Err(QuantityError::NotANumber))]
    #[case::boolean("true", Err(QuantityError::NotANumber))]
    #[case::array("[1]", Err(QuantityError::NotANumber))]
    fn a_quantity_is_exact(#[case] json: &str, #[case] expect: Result<&str, QuantityError>) {
        let got = quantity(&raw(json)).map(|value| value.to_string());
        assert_eq!(got, expect.map(str::to_owned));
    }

    #[rstest]
    #[case::top("$.bytes", Some("7"))]
    #[case::nested("$.request.method", Some("\"GET\""))]
    #[case::escaped_name("$.bytes2", Some("8"))]
    #[case::missing("$.nothing", None)]
    #[case::through_a_number("$.bytes.more", None)]
    fn a_path_finds_its_member(#[case] path: &str, #[case] expect: Option<&str>) {
        let data = EventData::new(raw(r#"{"bytes":7,"request":{"method":"GET"},"\u0062ytes2":8}"#)).unwrap();
        let found = data.at(&Path::parse(path).unwrap()).map(|member| member.get().to_owned());
        assert_eq!(found.as_deref(), expect);
    }

    #[rstest]
    #[case::no_dollar("bytes")]
    #[case::empty_step("$.a..b")]
    #[case::nothing("$.")]
    #[case::index("$.a[0]")]
    #[case::too_deep("$.a.b.c.d.e.f.g.h.i")]
    fn a_path_is_plain_member_names(#[case] text: &str) {
        assert_eq!(Path::parse(text), None);
    }

    #[test]
    fn a_payload_is_an_object() {
        assert!(EventData::new(raw("[]")).is_none());
        assert!(EventData::new(raw("{}")).is_some());
    }
}
