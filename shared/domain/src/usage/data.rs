//! The payload of a usage event, which stays the JSON text that was sent, and paths into it.

use std::fmt;

/// Largest payload of one event, in bytes.
pub const DATA_BYTES_MAX: usize = 16 * 1024;
/// Deepest member that a path may reach.
pub const PATH_DEPTH_MAX: usize = 8;

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

impl Path {
    /// Whether these are the steps of the path.
    #[must_use]
    pub fn is<T: AsRef<str>>(&self, steps: &[T]) -> bool {
        self.0.len() == steps.len() && self.0.iter().zip(steps).all(|(own, step)| own == step.as_ref())
    }
}

/// The text in the inside of a JSON string, whose escapes are undone; `None` if they are malformed.
#[must_use]
pub fn unescaped(inside: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{inside}\"")).ok()
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

    #[test]
    fn a_path_is_its_steps() {
        let path = Path::parse("$.request.bytes-out").unwrap();
        assert_eq!(path.to_string(), "$.request.bytes-out");
        assert!(path.is(&["request", "bytes-out"]));
        assert!(!path.is(&["request"]) && !path.is(&["request", "bytes"]));
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

    #[rstest]
    #[case(r"\u0062ytes", Some("bytes"))]
    #[case(r#"say \"x\""#, Some("say \"x\""))]
    #[case(r"\x", None)]
    fn escapes_are_undone(#[case] inside: &str, #[case] expect: Option<&str>) {
        assert_eq!(unescaped(inside).as_deref(), expect);
    }
}
