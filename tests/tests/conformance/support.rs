//! Clients for one case, and names that no other case has.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use cloud::Clock;
use meterline::aws::{EmbeddedAws, Storage};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static CASES: AtomicU32 = AtomicU32::new(0);

/// Clients for one case.
pub(crate) struct Aws {
    pub(crate) dynamo: aws_sdk_dynamodb::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    prefix: String,
}

impl Aws {
    /// Connects to the endpoint under test.
    pub(crate) async fn connect() -> Self {
        let config = match std::env::var("AWS_ENDPOINT_URL") {
            Ok(endpoint) => at(&endpoint).await,
            Err(_) => embedded(),
        };
        // An endpoint may have cases of an earlier run: names carry the time and the number of the case.
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            dynamo: aws_sdk_dynamodb::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            prefix: format!("c{seconds}-{case}"),
        }
    }

    /// A name for something of this case.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }
}

fn embedded() -> SdkConfig {
    EmbeddedAws::open(Storage::Memory, Clock::System).expect("memory opens").sdk_config()
}

async fn at(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "conformance");
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1"));
    let loader = loader.endpoint_url(endpoint).credentials_provider(credentials);
    loader.retry_config(RetryConfig::disabled()).load().await
}
