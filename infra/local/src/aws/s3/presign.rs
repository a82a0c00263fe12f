//! Links to objects that were signed in advance: whether one is ours, unchanged and not too old.
//!
//! AWS Signature Version 4 in query parameters, over method GET, the host and all other parameters. Written from the
//! specification and not with the SDK's signer, so that each checks the other.

use super::super::hex::hex;
use super::super::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use super::target::Target;
use hmac::{Hmac, KeyInit, Mac};
use http::Uri;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Longest life of a link: seven days.
const EXPIRES_SECONDS_MAX: i64 = 604_800;

/// Why a link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no signed link at all, or one of another kind than the embedded AWS signs.
    #[error("the link lacks a signature of the embedded AWS")]
    Unsigned,
    /// The signature is not that of this link: it was made by somebody else, or changed.
    #[error("the signature does not match the link")]
    Forged,
    /// It was good once.
    #[error("the link has expired")]
    Expired,
}

impl Refusal {
    /// The code by which S3 names it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsigned | Self::Expired => "AccessDenied",
            Self::Forged => "SignatureDoesNotMatch",
        }
    }
}

/// Checks a link for GET, and answers what it points to. `authority` is that of the endpoint, for a URI without one.
pub(super) fn verify(uri: &Uri, authority: &str, mount: &str, now: Timestamp) -> Result<Target, Refusal> {
    let target = Target::read(uri.path_and_query().map_or("/", |path| path.as_str()), mount);
    let signed_at = Signed::read(&target)?;
    let host = uri.authority().map_or(authority, http::uri::Authority::as_str);
    let expected = signature(&canonical_request(uri, host), &signed_at);
    let given = target.parameter("X-Amz-Signature");
    if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        return Err(Refusal::Forged);
    }
    if now.as_second() >= signed_at.at.as_second().saturating_add(signed_at.expires_seconds) {
        return Err(Refusal::Expired);
    }
    Ok(target)
}

/// What a link says of its own signature.
struct Signed {
    at: Timestamp,
    /// As it is written in the link.
    at_text: String,
    expires_seconds: i64,
}

impl Signed {
    fn read(target: &Target) -> Result<Self, Refusal> {
        let at_text = target.parameter("X-Amz-Date").to_owned();
        let at = DateTime::strptime("%Y%m%dT%H%M%SZ", &at_text)
            .and_then(|date_time| date_time.to_zoned(TimeZone::UTC))
            .map_err(|_| Refusal::Unsigned)?
            .timestamp();
        let expires_seconds = target.parameter("X-Amz-Expires").parse().map_err(|_| Refusal::Unsigned)?;
        let signed = Self { at, at_text, expires_seconds };
        let credential = format!("{ACCESS_KEY_ID}/{}", signed.scope());
        let ours = target.parameter("X-Amz-Algorithm") == ALGORITHM
            && target.parameter("X-Amz-SignedHeaders") == "host"
            && target.parameter("X-Amz-Credential") == credential
            && (1..=EXPIRES_SECONDS_MAX).contains(&expires_seconds);
        if ours { Ok(signed) } else { Err(Refusal::Unsigned) }
    }

    fn date(&self) -> &str {
        self.at_text.split('T').next().unwrap_or_default()
    }

    fn scope(&self) -> String {
        format!("{}/{REGION}/s3/aws4_request", self.date())
    }
}

fn canonical_request(uri: &Uri, host: &str) -> String {
    // Parameters are sorted as they are encoded; the link has them encoded as the signer wrote them.
    let mut parameters: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    parameters.retain(|parameter| !parameter.starts_with("X-Amz-Signature="));
    parameters.sort_unstable();
    format!("GET\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", uri.path(), parameters.join("&"))
}

fn signature(canonical_request: &str, signed: &Signed) -> String {
    let digest = hex(&Sha256::digest(canonical_request.as_bytes()));
    let text = format!("{ALGORITHM}\n{}\n{}\n{digest}", signed.at_text, signed.scope());
    let mut key = hmac(format!("AWS4{SECRET_ACCESS_KEY}").as_bytes(), signed.date());
    for part in [REGION, "s3", "aws4_request"] {
        key = hmac(&key, part);
    }
    hex(&hmac(&key, &text))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
