//! Typed, prefixed identifiers, such as `ten_0190f3c2…`: one type per kind of thing, so that they cannot be mixed up.
//!
//! Invariant: the text form is the prefix of the kind, an underscore, and the 32 lower-case hex digits of a UUID, and
//! nothing else parses. New ids are UUIDv7 made by the caller; an id that reports something is derived from it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A text that is not the identifier that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier of the form {prefix}_ and 32 hex digits")]
pub struct IdError {
    prefix: &'static str,
}

/// SHA-256 over `parts`, each behind its length: ("ab", "c") and ("a", "bc") differ.
#[must_use]
pub fn digest(parts: &[&str]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// A UUID (version 8, RFC 9562) that is a function of `parts`, so that reporting the same thing again has the same id.
#[must_use]
pub fn derived_uuid(parts: &[&str]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(parts)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier around a UUID that the caller made.
            #[must_use]
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The identifier in its sixteen bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// Its sixteen bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The identifier that is a function of `parts`: the same parts, the same id.
            #[must_use]
            pub fn derived(parts: &[&str]) -> Self {
                Self(derived_uuid(parts))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// A tenant: a customer of the platform, the billed party.
    TenantId = "ten";
    /// An API key; never the secret itself.
    ApiKeyId = "key";
    /// A meter of the catalog.
    MeterId = "mtr";
    /// A plan of the catalog.
    PlanId = "plan";
    /// A tenant's subscription to a plan version.
    SubscriptionId = "sub";
    /// An invoice.
    InvoiceId = "inv";
    /// A credit note.
    CreditNoteId = "cn";
    /// A coupon of the catalog.
    CouponId = "cpn";
    /// A coupon that a tenant was given.
    RedemptionId = "red";
    /// A tax rate of the catalog.
    TaxRateId = "tax";
    /// Credit that a tenant was granted.
    GrantId = "grt";
    /// A payment of an invoice.
    PaymentId = "pay";
    /// A transaction of a tenant's ledger.
    TransactionId = "ltx";
    /// A tenant's webhook endpoint.
    EndpointId = "whe";
    /// One event on its way to one endpoint.
    DeliveryId = "whd";
    /// A correction of a usage event.
    CorrectionId = "cor";
    /// A published event.
    EventId = "evt";
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    match digits {
        Some(digits) if digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
            Uuid::try_parse(digits).map_err(|_| IdError { prefix })
        }
        _ => Err(IdError { prefix }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::its_own_text("ten_0190f3c2a1b27c3d8e4f5a6b7c8d9e0f", true)]
    #[case::another_prefix("inv_0190f3c2a1b27c3d8e4f5a6b7c8d9e0f", false)]
    #[case::no_prefix("0190f3c2a1b27c3d8e4f5a6b7c8d9e0f", false)]
    #[case::upper_case("ten_0190F3C2A1B27C3D8E4F5A6B7C8D9E0F", false)]
    #[case::hyphens("ten_0190f3c2-a1b2-7c3d-8e4f-5a6b7c8d9e0f", false)]
    #[case::too_short("ten_0190f3c2", false)]
    #[case::empty("", false)]
    fn only_the_exact_text_form_parses(#[case] text: &str, #[case] parses: bool) {
        let parsed = text.parse::<TenantId>();
        assert_eq!(parsed.is_ok(), parses);
        if let Ok(id) = parsed {
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_derived_id_depends_on_every_part_and_its_bounds() {
        let id = InvoiceId::derived(&["sub", "1"]);
        assert_eq!(id, InvoiceId::derived(&["sub", "1"]));
        assert_ne!(id, InvoiceId::derived(&["su", "b1"]));
        assert_ne!(id, InvoiceId::derived(&["sub", "2"]));
    }
}
