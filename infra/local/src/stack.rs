//! The deployed shape, made locally: the repository's own `template.yaml`, created at the embedded AWS.
//!
//! The template is the only list of tables, queues, subscriptions, filter policies and schedules. What is deployed is
//! what the tests exercise; a queue that is missing there is missing here. Of the template everything is made that
//! holds or moves data; roles, policies, alarms, logs and the HTTP door are for AWS alone. What is neither known nor
//! known to be for AWS alone is an error, so that the two do not drift apart. Creating it again changes nothing.

mod create;
mod resolve;
mod resources;
mod template;
mod yaml;

use crate::aws::EmbeddedAws;
use std::collections::BTreeMap;
use std::time::Duration;

/// The template of this repository, as it was when the program was built.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// What a function needs to run where it was made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Variables that are the same in every function that has them: names of tables, queues, topic, bucket, settings.
    pub environment: BTreeMap<String, String>,
    /// What feeds functions from queues.
    pub event_sources: Vec<EventSource>,
    /// What calls functions by the clock.
    pub schedules: Vec<Schedule>,
    /// Every function by name, for what is its own.
    pub functions: BTreeMap<String, Function>,
}

/// A function of the template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// All its variables.
    pub environment: BTreeMap<String, String>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Its memory in MiB.
    pub memory_mib: u32,
}

/// A queue that feeds a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSource {
    /// The function by name: `usage`, `billing`, ...
    pub function: String,
    /// The queue.
    pub queue_url: String,
    /// Most messages of one call.
    pub batch_size: u32,
    /// How long to gather messages for one call.
    pub maximum_batching_window: Duration,
    /// Whether the function reports which messages of a batch failed.
    pub reports_batch_item_failures: bool,
    /// Most calls at once.
    pub maximum_concurrency: Option<u32>,
}

/// A function that is called by the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function by name.
    pub function: String,
    /// How long from one call to the next.
    pub rate: Duration,
    /// How long after a full hour the first call is, if the clock decides; calls of a mere rate may begin at any time.
    pub offset: Duration,
}

/// Why the stack cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The template is no YAML.
    #[error("the template is not YAML that can be read: {0}")]
    Yaml(String),
    /// The template says something that cannot be made locally.
    #[error("{place} of the template: {problem}")]
    Template {
        /// Where: `BillingQueue.RedrivePolicy`.
        place: String,
        /// What.
        problem: String,
    },
    /// A parameter is missing, unknown or not allowed.
    #[error("parameter {name} of the template: {problem}")]
    Parameter {
        /// Which.
        name: String,
        /// What.
        problem: String,
    },
    /// The embedded AWS refuses.
    #[error("{place} cannot be made")]
    Aws {
        /// Which resource.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StackError {
    fn template(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Template { place: place.into(), problem: problem.into() }
    }

    fn parameter(name: &str, problem: &str) -> Self {
        Self::Parameter { name: name.to_owned(), problem: problem.to_owned() }
    }
}

/// A template that has been read: what is to be made, once or many times over.
#[derive(Debug)]
pub struct Blueprint(resources::Plan);

impl Blueprint {
    /// Reads [`TEMPLATE`]. `parameters` are those of the template by name; what has a default may be left out.
    ///
    /// # Errors
    /// If a parameter is wrong, or the template holds what cannot be made locally.
    pub fn read(parameters: &BTreeMap<String, String>) -> Result<Self, StackError> {
        Self::read_from(TEMPLATE, parameters)
    }

    fn read_from(template: &str, parameters: &BTreeMap<String, String>) -> Result<Self, StackError> {
        let template = template::Template::read(template)?;
        let resolver = resolve::Resolver::new(&template, parameters)?;
        resources::Plan::read(&resolver).map(Self)
    }

    /// Makes the stack, or finds it made.
    ///
    /// # Errors
    /// If the embedded AWS fails.
    pub async fn create(&self, aws: &EmbeddedAws) -> Result<Stack, StackError> {
        create::create(&self.0, &aws.sdk_config()).await?;
        Ok(self.0.stack.clone())
    }
}

impl Stack {
    /// Makes the stack of [`TEMPLATE`], or finds it made. `parameters` are those of the template by name; what has a
    /// default may be left out.
    ///
    /// # Errors
    /// If a parameter is wrong, the template holds what cannot be made locally, or the embedded AWS fails.
    pub async fn create(aws: &EmbeddedAws, parameters: &BTreeMap<String, String>) -> Result<Self, StackError> {
        Self::create_from(TEMPLATE, aws, parameters).await
    }

    /// As [`Stack::create`], from another template.
    ///
    /// # Errors
    /// As [`Stack::create`].
    pub async fn create_from(
        template: &str,
        aws: &EmbeddedAws,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, StackError> {
        Blueprint::read_from(template, parameters)?.create(aws).await
    }
}

#[cfg(test)]
mod tests;
