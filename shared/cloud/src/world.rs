//! The world that a handler runs in: who answers, what time it is, and where randomness comes from.

use crate::{
    Clock, Metrics, Random, Settings, TenantStore,
    spend::{Calls, Gathered},
};
use aws_config::SdkConfig;
use domain::{Timestamp, id::TenantId};
use events::CorrelationId;
use std::sync::Arc;

/// Everything a handler may ask. Cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Parts>);

struct Parts {
    dynamo: aws_sdk_dynamodb::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    clock: Clock,
    random: Random,
    settings: Settings,
    metrics: Metrics,
    gathered: Gathered,
}

impl World {
    /// The world of a deployed function: the environment decides.
    pub async fn from_env() -> Result<Self, crate::SettingsError> {
        let settings = Settings::from_env()?;
        let config = aws_config::load_from_env().await;
        Ok(Self::new(&config, settings, Clock::System, Random::System, Metrics::Stdout))
    }

    /// A world in which `config` decides who answers.
    #[must_use]
    pub fn new(config: &SdkConfig, settings: Settings, clock: Clock, random: Random, metrics: Metrics) -> Self {
        // An emulator has no DNS name per bucket; AWS keeps its virtual-hosted style.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
        // Every call tells who pays for it.
        let dynamo = aws_sdk_dynamodb::config::Builder::from(config);
        let sns = aws_sdk_sns::config::Builder::from(config);
        let sqs = aws_sdk_sqs::config::Builder::from(config);
        Self(Arc::new(Parts {
            dynamo: aws_sdk_dynamodb::Client::from_conf(dynamo.interceptor(Calls).build()),
            sns: aws_sdk_sns::Client::from_conf(sns.interceptor(Calls).build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.interceptor(Calls).build()),
            s3: aws_sdk_s3::Client::from_conf(s3.interceptor(Calls).build()),
            clock,
            random,
            settings,
            metrics,
            gathered: Gathered::default(),
        }))
    }

    /// The data of one tenant; the only way to it.
    #[must_use]
    pub fn store(&self, tenant_id: TenantId) -> TenantStore<'_> {
        TenantStore::new(self, tenant_id)
    }

    /// The current instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The clock itself, for whoever may turn it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Where randomness comes from.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// A correlation id for work that no request caused.
    #[must_use]
    pub fn new_correlation_id(&self) -> CorrelationId {
        CorrelationId::new(&self.0.random.uuid(self.now()).to_string())
    }

    /// What was deployed and chosen.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where business metrics go.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What this process has gathered of metrics and amounts.
    pub(crate) fn gathered(&self) -> &Gathered {
        &self.0.gathered
    }

    pub(crate) fn dynamo(&self) -> &aws_sdk_dynamodb::Client {
        &self.0.dynamo
    }

    pub(crate) fn sns(&self) -> &aws_sdk_sns::Client {
        &self.0.sns
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.0.sqs
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        &self.0.s3
    }
}
