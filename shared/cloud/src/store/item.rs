//! Items: a frozen, versioned shape under a key, and pages of them.

use super::key::Key;
use crate::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Most items of one page.
pub const PAGE_ITEMS_MAX: u8 = 100;

/// A stored shape. It never changes; another shape is another version.
pub(crate) trait Stored: Serialize + DeserializeOwned {
    /// Written as `v`; an item of another version is refused, not guessed at.
    const VERSION: u32;
    /// The oldest version that the shape reads as well, because all that came since has a default.
    const READ_SINCE: u32 = Self::VERSION;
}

/// The item that stores `shape` under `key`.
pub(crate) fn write<T: Stored>(key: &Key<'_>, shape: &T) -> Result<Item, Fault> {
    let mut item: Item = serde_dynamo::to_item(shape).map_err(|error| Fault::permanent("encode item", error))?;
    item.extend(key.attributes());
    item.insert("v".to_owned(), AttributeValue::N(T::VERSION.to_string()));
    Ok(item)
}

/// Whether `item` stores the version of `T`.
pub(crate) fn is_of<T: Stored>(item: &Item) -> bool {
    item.get("v").and_then(|v| v.as_n().ok()).is_some_and(|version| *version == T::VERSION.to_string())
}

/// The shape stored in `item`.
pub(crate) fn read<T: Stored>(mut item: Item) -> Result<T, Fault> {
    let version = item.get("v").and_then(|v| v.as_n().ok().cloned()).unwrap_or_default();
    if !version.parse().is_ok_and(|version: u32| (T::READ_SINCE..=T::VERSION).contains(&version)) {
        let cause = format!("expected version {} of the item, found {version:?}", T::VERSION);
        return Err(Fault::permanent("decode item", cause));
    }
    item.remove("v");
    serde_dynamo::from_item(item).map_err(|error| Fault::permanent("decode item", error))
}

/// The text attribute `name`.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, Fault> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| Fault::permanent("decode item", format!("the item lacks {name}")))
}

/// The number attribute `name`.
pub(crate) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, Fault> {
    let value = item.get(name).and_then(|value| value.as_n().ok()).and_then(|value| value.parse().ok());
    value.ok_or_else(|| Fault::permanent("decode item", format!("the item lacks the number {name}")))
}

/// Parses what a stored text must hold.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.parse()
        .map_err(|_| Fault::permanent("decode item", format!("cannot read {} in the item", std::any::type_name::<T>())))
}

/// Where the next page begins; opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

impl Cursor {
    /// The text form: hex, so that it survives any URL.
    #[must_use]
    pub fn encode(&self) -> String {
        domain::text::Hex(self.0.as_bytes()).to_string()
    }

    /// Reads the text form.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.is_empty() || !digits.len().is_multiple_of(2) || !text.is_ascii() {
            return None;
        }
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
        String::from_utf8(bytes?).ok().map(Self)
    }
}

/// Some items, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page with each item changed by `change`, which may fail.
    pub fn try_map<U, E>(self, change: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page { items: self.items.into_iter().map(change).collect::<Result<_, _>>()?, next: self.next })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::Value;

    /// The item of a golden file, which has the version as `v` and the other attributes as `item`.
    pub(in crate::store) fn golden(text: &str) -> Item {
        let golden: Value = serde_json::from_str(text).unwrap();
        let mut item: Item = serde_dynamo::to_item(&golden["item"]).unwrap();
        item.insert("v".to_owned(), AttributeValue::N(golden["v"].to_string()));
        item
    }

    /// A shape as an item would have it, to be held against a golden file.
    pub(in crate::store) fn json<T: Stored>(shape: &T) -> Value {
        let item: Item = serde_dynamo::to_item(shape).unwrap();
        serde_dynamo::from_item(item).unwrap()
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct NoteV2 {
        text: String,
    }

    impl Stored for NoteV2 {
        const VERSION: u32 = 2;
    }

    #[test]
    fn an_item_of_another_version_is_refused() {
        let key = Key::Processed("test", domain::id::EventId::derived(&["1"]));
        let mut item = write(&key, &NoteV2 { text: "hello".to_owned() }).unwrap();
        assert_eq!(read::<NoteV2>(item.clone()).unwrap(), NoteV2 { text: "hello".to_owned() });
        item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
        assert!(matches!(read::<NoteV2>(item), Err(Fault::Permanent { .. })));
    }

    #[test]
    fn a_cursor_survives_its_text_form() {
        let cursor = Cursor("LIST#2026-06-01T00:00:00.000Z#inv_1".to_owned());
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for text in ["", "a", "zz", "ü", "ff"] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
