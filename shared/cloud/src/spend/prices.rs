//! AWS's list prices, as exact decimals, read from `prices.json` of this crate. They are for us-east-1, on demand,
//! without free tiers and discounts; `verify` marks what must be read again at AWS before a figure is published.

use domain::Decimal;
use serde::Deserialize;
use std::sync::LazyLock;

/// The price list of this version.
const LIST: &str = include_str!("../../prices.json");

/// A price list that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the price list cannot be read")]
pub struct PricesError(#[from] serde_json::Error);

/// The price of one unit of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Dollars for one unit.
    pub usd: Decimal,
    /// What the unit is.
    pub unit: String,
    /// Whether it must be read again at AWS before a figure is published.
    pub verify: bool,
}

/// What AWS asks for what the platform uses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// Where the list comes from.
    pub note: String,
    /// A request of an HTTP API, per 512 KiB.
    pub http_api_request: Price,
    /// A request of a REST API, for comparison.
    pub rest_api_request: Price,
    /// A Lambda invocation.
    pub lambda_request: Price,
    /// A GB-second of Lambda on arm64, which is what the template deploys.
    pub lambda_gb_second_arm64: Price,
    /// A GB-second of Lambda on x86-64.
    pub lambda_gb_second_x86: Price,
    /// A published chunk of 64 KiB.
    pub sns_publish: Price,
    /// A delivery from a topic to a queue.
    pub sns_to_sqs_delivery: Price,
    /// An SQS request, per 64 KiB.
    pub sqs_request: Price,
    /// What a request of a queue with message groups costs in addition.
    pub sqs_fair_queue_request: Price,
    /// A DynamoDB write unit on demand.
    pub dynamo_write_unit: Price,
    /// A DynamoDB read unit on demand.
    pub dynamo_read_unit: Price,
    /// A GB in DynamoDB for a month.
    pub dynamo_storage_gb_month: Price,
    /// An S3 request that writes or lists.
    pub s3_put: Price,
    /// An S3 request that reads.
    pub s3_get: Price,
    /// A GB in S3 for a month.
    pub s3_storage_gb_month: Price,
    /// A GB of log lines.
    pub logs_ingest_gb: Price,
    /// A call by the schedule.
    pub scheduler_invocation: Price,
}

impl Prices {
    /// The list that this version was built with.
    #[must_use]
    pub fn list() -> &'static Self {
        static PRICES: LazyLock<Prices> =
            LazyLock::new(|| Prices::read(LIST).expect("a test reads the list that is built in"));
        &PRICES
    }

    /// Reads a price list.
    pub fn read(json: &str) -> Result<Self, PricesError> {
        Ok(serde_json::from_str(json)?)
    }
}

/// A price as it is written down: for a million units, or for one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    usd_per_million: Option<Decimal>,
    usd: Option<Decimal>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    verify: bool,
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { usd_per_million, usd, unit, verify } = Written::deserialize(deserializer)?;
        // A millionth, six decimal places: exact.
        let usd = match (usd_per_million, usd) {
            (Some(million), None) => million * Decimal::new(1, 6),
            (None, Some(one)) => one,
            _ => return Err(serde::de::Error::custom("a price is either usdPerMillion or usd")),
        };
        Ok(Self { usd, unit, verify })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_is_built_in_is_exact() {
        let prices = Prices::list();
        let rows = [
            (&prices.http_api_request, "0.000001"),
            (&prices.lambda_gb_second_arm64, "0.0000133334"),
            (&prices.sns_publish, "0.0000005"),
            (&prices.sns_to_sqs_delivery, "0"),
            (&prices.dynamo_write_unit, "0.000000625"),
            (&prices.logs_ingest_gb, "0.5"),
        ];
        for (price, expect) in rows {
            assert_eq!(price.usd.normalize().to_string(), expect, "{}", price.unit);
        }
        assert!(prices.sqs_request.verify && !prices.dynamo_write_unit.verify);
    }

    #[test]
    fn a_price_has_exactly_one_amount() {
        for (json, good) in [
            (r#"{"usd": "0.25"}"#, true),
            (r#"{"usdPerMillion": "0.25"}"#, true),
            (r#"{"usd": "0.25", "usdPerMillion": "0.25"}"#, false),
            (r#"{"unit": "request"}"#, false),
            (r#"{"usd": "0.25", "eur": "0.2"}"#, false),
            (r#"{"usd": "a quarter"}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<Price>(json).is_ok(), good, "{json}");
        }
    }
}
