//! Settings, from the environment that `template.yaml` gives each function.

use domain::{
    Timestamp,
    api_key::{ApiKey, KeyDigest},
};
use jiff::SignedDuration;

/// A setting that is missing or malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not in the environment.
    #[error("the environment lacks {0}")]
    Missing(&'static str),
    /// Not of the expected form.
    #[error("{0} is malformed")]
    Malformed(&'static str),
}

/// Names of what was deployed, and what the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `dev`, `staging`, `prod`, or `local`.
    pub stage: String,
    /// Table of tenants.
    pub tenants_table: String,
    /// Table of API keys.
    pub api_keys_table: String,
    /// Table of meters and plans.
    pub catalog_table: String,
    /// Table of subscriptions.
    pub subscriptions_table: String,
    /// Table of what was processed.
    pub processed_events_table: String,
    /// Table of counters.
    pub usage_table: String,
    /// Table of invoices.
    pub invoices_table: String,
    /// Table of webhook endpoints and deliveries.
    pub webhooks_table: String,
    /// The topic.
    pub topic_arn: String,
    /// Queue of usage that is accepted in even laps.
    pub usage_even_queue_url: String,
    /// Queue of usage that is accepted in odd laps.
    pub usage_odd_queue_url: String,
    /// Where usage ends that could not be counted.
    pub usage_dead_letter_queue_url: String,
    /// The webhook function's own queue, for delayed retries.
    pub webhook_queue_url: String,
    /// Where deliveries end that were given up.
    pub webhook_dead_letter_queue_url: String,
    /// Bucket of invoice PDFs.
    pub invoices_bucket: String,
    /// Bucket of the large segments of the usage log.
    pub usage_log_bucket: String,
    /// Largest segment that is kept in DynamoDB, in bytes.
    pub segment_inline_bytes_max: usize,
    /// Digest of the platform key; only `api` has it.
    pub platform_key: Option<KeyDigest>,
    /// Who writes the invoices.
    pub seller: Seller,
    /// How long after its end late usage still belongs to a period.
    pub invoice_grace: SignedDuration,
    /// From the date of an invoice to its due date.
    pub payment_term: SignedDuration,
    /// Whether webhooks may call private addresses: only on a machine of one's own.
    pub webhook_allow_private_addresses: bool,
}

/// The platform as printed on invoices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seller {
    /// Legal name.
    pub name: String,
    /// Postal address.
    pub address: Vec<String>,
    /// For questions about an invoice.
    pub email: String,
    /// VAT or tax number.
    pub tax_id: String,
    /// Its colour on invoices: red, green, blue.
    pub colour: [u8; 3],
    /// Key of its logo in the bucket of invoices, if it has one.
    pub logo: Option<String>,
}

/// What the keys of logos start with: the function `invoice` may read nothing else of the bucket.
const LOGO_FOLDER: &str = "seller/";

/// Indigo, unless the operator chose another colour: readable on white, and in grey when it is printed.
const SELLER_COLOUR: [u8; 3] = [0x3d, 0x4e, 0xd8];

/// Grace that applies unless the operator chose another.
const INVOICE_GRACE_MINUTES: i64 = 60;
/// Largest segment in DynamoDB unless the operator chose another: beyond, $5 for a million puts to S3 cost less than
/// $0.625 for a million KB.
const SEGMENT_INLINE_BYTES: i64 = 8 * 1024;
/// Payment term that applies unless the operator chose another.
const PAYMENT_TERM_DAYS: i64 = 14;

impl Settings {
    /// Reads the settings of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Reads the settings that `lookup` answers.
    pub fn from(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let text = |name: &'static str| lookup(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| text(name).ok_or(SettingsError::Missing(name));
        let number = |name: &'static str, default: i64| match text(name) {
            None => Ok(default),
            Some(value) => value.parse().ok().filter(|n| *n >= 0).ok_or(SettingsError::Malformed(name)),
        };
        let flag = |name: &'static str| match text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(SettingsError::Malformed(name)),
        };
        Ok(Self {
            stage: required("STAGE")?,
            tenants_table: required("TENANTS_TABLE")?,
            api_keys_table: required("API_KEYS_TABLE")?,
            catalog_table: required("CATALOG_TABLE")?,
            subscriptions_table: required("SUBSCRIPTIONS_TABLE")?,
            processed_events_table: required("PROCESSED_EVENTS_TABLE")?,
            usage_table: required("USAGE_TABLE")?,
            invoices_table: required("INVOICES_TABLE")?,
            webhooks_table: required("WEBHOOKS_TABLE")?,
            topic_arn: required("TOPIC_ARN")?,
            usage_even_queue_url: required("USAGE_EVEN_QUEUE_URL")?,
            usage_odd_queue_url: required("USAGE_ODD_QUEUE_URL")?,
            usage_dead_letter_queue_url: required("USAGE_DEAD_LETTER_QUEUE_URL")?,
            webhook_queue_url: required("WEBHOOK_QUEUE_URL")?,
            webhook_dead_letter_queue_url: required("WEBHOOK_DEAD_LETTER_QUEUE_URL")?,
            invoices_bucket: required("INVOICES_BUCKET")?,
            usage_log_bucket: required("USAGE_LOG_BUCKET")?,
            segment_inline_bytes_max: usize::try_from(number("SEGMENT_INLINE_BYTES", SEGMENT_INLINE_BYTES)?)
                .unwrap_or(usize::MAX),
            platform_key: platform_key(text("PLATFORM_KEY"))?,
            seller: Seller {
                name: required("SELLER_NAME")?,
                address: required("SELLER_ADDRESS")?.split('|').map(|line| line.trim().to_owned()).collect(),
                email: text("SELLER_EMAIL").unwrap_or_default(),
                tax_id: text("SELLER_TAX_ID").unwrap_or_default(),
                colour: match text("SELLER_COLOUR") {
                    None => SELLER_COLOUR,
                    Some(value) => colour(&value).ok_or(SettingsError::Malformed("SELLER_COLOUR"))?,
                },
                logo: text("SELLER_LOGO").map(logo).transpose()?,
            },
            invoice_grace: SignedDuration::from_mins(number("INVOICE_GRACE_MINUTES", INVOICE_GRACE_MINUTES)?),
            payment_term: SignedDuration::from_hours(24 * number("PAYMENT_TERM_DAYS", PAYMENT_TERM_DAYS)?),
            webhook_allow_private_addresses: flag("WEBHOOK_ALLOW_PRIVATE_ADDRESSES")?,
        })
    }
}

/// Reads `#rrggbb`.
fn colour(text: &str) -> Option<[u8; 3]> {
    // A sign is no digit, though the parser of numbers would take one.
    let is_colour = |digits: &&str| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.strip_prefix('#').filter(is_colour)?;
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

/// A file in the folder of logos.
fn logo(key: String) -> Result<String, SettingsError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let file = key.strip_prefix(LOGO_FOLDER).unwrap_or_default();
    let is_file = !file.is_empty() && file.chars().all(is_plain);
    if is_file { Ok(key) } else { Err(SettingsError::Malformed("SELLER_LOGO")) }
}

/// The operator's key is digested at once: from here on nothing can print it.
fn platform_key(value: Option<String>) -> Result<Option<KeyDigest>, SettingsError> {
    let malformed = SettingsError::Malformed("PLATFORM_KEY");
    value.map(|value| ApiKey::presented(&value).map(|key| key.digest()).ok_or(malformed)).transpose()
}

/// Seconds since the epoch, as DynamoDB's time to live wants them.
pub(crate) fn expires_at(from: Timestamp, days: i64) -> String {
    expiry(from, days).as_second().to_string()
}

/// The same instant.
pub(crate) fn expiry(from: Timestamp, days: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn lookup(changes: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let changed = changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| *value);
            let default = if name.ends_with("MINUTES")
                || name.ends_with("DAYS")
                || name.ends_with("BYTES")
                || name.ends_with("ADDRESSES")
                || name.ends_with("COLOUR")
                || name.ends_with("LOGO")
            {
                ""
            } else {
                "value"
            };
            Some(changed.unwrap_or(default).to_owned())
        }
    }

    #[test]
    fn what_is_not_chosen_has_its_default() {
        let settings = Settings::from(lookup(&[("SELLER_ADDRESS", "1 Road | Town")])).unwrap();
        assert_eq!(settings.invoice_grace, SignedDuration::from_mins(60));
        assert_eq!(settings.payment_term, SignedDuration::from_hours(14 * 24));
        assert!(!settings.webhook_allow_private_addresses);
        assert_eq!(settings.seller.address, ["1 Road", "Town"]);
        assert_eq!(settings.seller.colour, [61, 78, 216]);
        assert_eq!(settings.seller.logo, None);
    }

    #[test]
    fn a_colour_is_read_by_its_channels() {
        let settings = Settings::from(lookup(&[("SELLER_COLOUR", "#0d94F0")])).unwrap();
        assert_eq!(settings.seller.colour, [13, 148, 240]);
    }

    #[test]
    fn a_logo_is_a_file_in_its_folder() {
        let settings = Settings::from(lookup(&[("SELLER_LOGO", "seller/Logo_2.jpg")])).unwrap();
        assert_eq!(settings.seller.logo.as_deref(), Some("seller/Logo_2.jpg"));
    }

    #[rstest]
    #[case::missing(&[("TOPIC_ARN", "")], SettingsError::Missing("TOPIC_ARN"))]
    #[case::negative(&[("PAYMENT_TERM_DAYS", "-1")], SettingsError::Malformed("PAYMENT_TERM_DAYS"))]
    #[case::no_flag(&[("WEBHOOK_ALLOW_PRIVATE_ADDRESSES", "yes")], SettingsError::Malformed("WEBHOOK_ALLOW_PRIVATE_ADDRESSES"))]
    #[case::no_colour(&[("SELLER_COLOUR", "indigo")], SettingsError::Malformed("SELLER_COLOUR"))]
    #[case::short_colour(&[("SELLER_COLOUR", "#fff")], SettingsError::Malformed("SELLER_COLOUR"))]
    #[case::colour_without_sign(&[("SELLER_COLOUR", "0d9488")], SettingsError::Malformed("SELLER_COLOUR"))]
    #[case::logo_elsewhere(&[("SELLER_LOGO", "logo.png")], SettingsError::Malformed("SELLER_LOGO"))]
    #[case::logo_without_a_name(&[("SELLER_LOGO", "seller/")], SettingsError::Malformed("SELLER_LOGO"))]
    #[case::logo_further_down(&[("SELLER_LOGO", "seller/a/b.png")], SettingsError::Malformed("SELLER_LOGO"))]
    #[case::no_key(&[("PLATFORM_KEY", "two words")], SettingsError::Malformed("PLATFORM_KEY"))]
    fn a_bad_setting_is_named(#[case] changes: &'static [(&'static str, &'static str)], #[case] expect: SettingsError) {
        assert_eq!(Settings::from(lookup(changes)).unwrap_err(), expect);
    }
}
