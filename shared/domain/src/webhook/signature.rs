//! Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, timestamp and body, base64, after `v1,`.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt;

/// Bytes of randomness in a secret (Standard Webhooks asks for 24 to 64).
pub const SECRET_RANDOM_BYTES: usize = 32;

/// What a tenant and Meterline share to sign calls with; its text form is `whsec_` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret around `random`, which the caller drew from a cryptographic source.
    #[must_use]
    pub fn new(random: [u8; SECRET_RANDOM_BYTES]) -> Self {
        Self(random.to_vec())
    }

    /// A secret as it was stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix("whsec_")?).ok().filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// The text form, to be shown to its owner and stored, and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The `webhook-signature` header of a call; one signature for each live secret, separated by blanks.
#[must_use]
pub fn sign(secrets: &[Secret], message_id: &str, sent_at: Timestamp, body: &str) -> String {
    let content = format!("{message_id}.{}.{body}", sent_at.as_second());
    let signatures: Vec<String> = secrets.iter().map(|secret| format!("v1,{}", mac(secret, &content))).collect();
    signatures.join(" ")
}

fn mac(secret: &Secret, content: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
    mac.update(content.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The worked example of standardwebhooks.com and of its reference libraries.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let sent_at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_live_secrets_sign_both() {
        let secrets = [Secret::new([1; 32]), Secret::new([2; 32])];
        let header = sign(&secrets, "evt_1", Timestamp::UNIX_EPOCH, "{}");
        let alone: Vec<String> =
            secrets.iter().map(|s| sign(std::slice::from_ref(s), "evt_1", Timestamp::UNIX_EPOCH, "{}")).collect();
        assert_eq!(header, alone.join(" "));
    }

    #[test]
    fn a_secret_survives_its_text_form_and_hides_in_debug() {
        let secret = Secret::new([7; 32]);
        assert_eq!(Secret::parse(&secret.reveal()), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(Secret::parse("whsec_"), None);
    }
}
