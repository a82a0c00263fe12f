//! API keys: `ml_live_` or `ml_test_` and 256 random bits, shown once and kept only as SHA-256 (DESIGN.md §8).
//!
//! A plain SHA-256 suffices, because the secret is uniform: there is nothing to guess faster than 2^255 tries.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// Bytes of randomness in a key.
pub const KEY_RANDOM_BYTES: usize = 32;
/// Longest text that is looked up as a key; longer ones are refused unread.
pub const KEY_LENGTH_MAX: usize = 256;
/// Characters of a key that are kept in clear, so that its owner recognises it in a list.
const PREVIEW_CHARACTERS: usize = 12;

/// What a key is for; both kinds work alike, the name keeps them from being mixed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// Real money.
    Live,
    /// Trials.
    Test,
}

/// A key in clear. It is never stored, logged or printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key around `random`, which the caller drew from a cryptographic source.
    #[must_use]
    pub fn new(mode: KeyMode, random: [u8; KEY_RANDOM_BYTES]) -> Self {
        let prefix = match mode {
            KeyMode::Live => "ml_live_",
            KeyMode::Test => "ml_test_",
        };
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// A key as a client presented it, if it can be one at all.
    #[must_use]
    pub fn presented(text: &str) -> Option<Self> {
        let plausible = (1..=KEY_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        plausible.then(|| Self(text.to_owned()))
    }

    /// What is stored in its place.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The first characters, for lists: `ml_live_a1b2`.
    #[must_use]
    pub fn preview(&self) -> String {
        self.0.chars().take(PREVIEW_CHARACTERS).collect()
    }

    /// The secret itself, for the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// SHA-256 of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

/// A text that is not 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the 64 hex digits of a SHA-256")]
pub struct KeyDigestError;

impl FromStr for KeyDigest {
    type Err = KeyDigestError;

    fn from_str(text: &str) -> Result<Self, KeyDigestError> {
        crate::text::Hex::parse_32(text).map(Self).ok_or(KeyDigestError)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::Hex(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_key_is_its_prefix_and_256_bits() {
        let key = ApiKey::new(KeyMode::Live, [0; KEY_RANDOM_BYTES]);
        assert_eq!(key.reveal(), "ml_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(key.preview(), "ml_live_AAAA");
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
    }

    #[test]
    fn the_digest_is_sha_256() {
        let key = ApiKey::presented("abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expect = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(key.digest().to_string(), expect);
        assert_eq!(expect.parse(), Ok(key.digest()));
        assert_eq!("ba78".parse::<KeyDigest>(), Err(KeyDigestError));
    }

    #[rstest]
    #[case::empty("")]
    #[case::blank("a b")]
    #[case::not_ascii("schlüssel")]
    fn what_cannot_be_a_key_is_not_looked_up(#[case] text: &str) {
        assert_eq!(ApiKey::presented(text), None);
    }
}
