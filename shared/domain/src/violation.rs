//! A refusal that names the field it is about, so that every front answers alike.

/// One broken rule of an input: where, which rule, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct Violation {
    /// RFC 6901 JSON pointer to the offending field, `""` for the whole document.
    pub pointer: String,
    /// Stable machine-readable code, in `snake_case`.
    pub code: &'static str,
    /// What is wrong and what to do about it, for a person.
    pub message: String,
}

impl Violation {
    /// A violation of the rule `code` at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, message: message.into() }
    }

    /// The same violation as seen from the document that holds this one at `parent`.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.pointer.insert_str(0, parent);
        self
    }
}
