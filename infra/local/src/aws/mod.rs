//! The embedded AWS: DynamoDB, S3, SNS and SQS answered in process, behind the real SDK (DESIGN, section 3).
//!
//! The SDK is given an HTTP client that never opens a socket. Every store, bus and handler runs the code that runs on
//! AWS; what changes is who answers. State is in memory or in one folder, time is the [`Clock`]'s, everything is
//! metered with AWS's rounding, and a [`FaultPlan`] breaks calls on purpose. What is not served is refused by name,
//! never answered by guess. Credentials are not checked, except in signed links, where a forged one must be refused.

mod connector;
mod dynamo;
mod faults;
mod hex;
mod journal;
mod messaging;
mod meter;
mod s3;
mod sns;
mod sqs;
mod tampering;
mod turnstile;
mod wire;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use cloud::Clock;
use connector::{Client, Connector};
use http::Uri;
use jiff::Timestamp;
use messaging::Messaging;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

pub use faults::{Call, Chances, Fault, FaultPlan, Fired, Service, SplitMix};
pub use meter::{Meter, TableUnits, Totals};
pub use s3::{Object, Refusal};
pub use tampering::Tampering;
pub use turnstile::{Turnstile, WaitingCall};

/// The region that the embedded AWS is in.
pub const REGION: &str = "us-east-1";
/// The account that owns everything.
pub const ACCOUNT: &str = "000000000000";
/// Where the embedded AWS pretends to be, unless [`EmbeddedAws::with_endpoint`] says otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";

const ACCESS_KEY_ID: &str = "EMBEDDEDACCESSKEY";
const SECRET_ACCESS_KEY: &str = "embedded-secret-access-key";

/// Where the state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory: tests, simulation, benches.
    Memory,
    /// In three SQLite files of a folder, which is made if it is not there: the local program.
    Folder(PathBuf),
}

/// Why the embedded AWS does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made.
    #[error("the data folder {folder} cannot be made")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Tables cannot be opened.
    #[error("the tables cannot be opened")]
    Tables(#[source] dynoxide::DynoxideError),
    /// Queues or objects cannot be opened.
    #[error("the {what} cannot be opened; is the folder in use by another program?")]
    Database {
        /// `queues` or `objects`.
        what: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The endpoint is no URL of an IP address.
    #[error(
        "the endpoint {0} must be a URL with an IP address for a host, or else the SDK puts the bucket into the host"
    )]
    Endpoint(String),
}

/// How full a queue is, as of the clock's now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// The queue's name.
    pub queue: String,
    /// Messages that may be received.
    pub visible: usize,
    /// Messages that a consumer holds.
    pub in_flight: usize,
    /// Messages that were sent with a delay that is not over.
    pub delayed: usize,
    /// When the next message that is held or delayed becomes visible by itself.
    pub next_visible_at: Option<Timestamp>,
}

/// What all clients of one embedded AWS share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    tables: dynamo::Tables,
    objects: s3::Objects,
    messaging: Mutex<Messaging>,
    /// Rung when a message may have become visible.
    arrivals: Notify,
    faults: FaultPlan,
    meter: Meter,
}

/// An endpoint in its parts.
#[derive(Debug)]
struct Endpoint {
    url: String,
    authority: String,
    /// The path below which buckets are, without a slash at its end.
    mount: String,
}

/// The embedded AWS. Cheap to clone: clones share everything but the settings made with `with_...`.
#[derive(Clone, Debug)]
pub struct EmbeddedAws {
    shared: Arc<Shared>,
    endpoint: Arc<Endpoint>,
    retries: RetryConfig,
    turnstile: Option<Arc<Turnstile>>,
    tamperings: Arc<[Tampering]>,
}

impl EmbeddedAws {
    /// Opens it over what the storage holds. Retries of the SDK are off.
    ///
    /// # Errors
    /// If the folder or a file in it cannot be opened, for example because another program has it open.
    pub fn open(storage: Storage, clock: Clock) -> Result<Self, OpenError> {
        let queues = |source| OpenError::Database { what: "queues", source };
        let objects = |source| OpenError::Database { what: "objects", source };
        let (tables, objects, messaging) = match storage {
            Storage::Memory => (
                dynamo::Tables::memory().map_err(OpenError::Tables)?,
                s3::Objects::memory().map_err(objects)?,
                Messaging::memory(),
            ),
            Storage::Folder(folder) => {
                if let Err(source) = std::fs::create_dir_all(&folder) {
                    return Err(OpenError::Folder { folder, source });
                }
                // The queues come first: their file is locked, so that no two programs share a folder.
                let messaging = Messaging::file(&folder.join("queues.sqlite")).map_err(queues)?;
                let tables = dynamo::Tables::file(&folder.join("tables.sqlite")).map_err(OpenError::Tables)?;
                (tables, s3::Objects::file(&folder.join("objects.sqlite")).map_err(objects)?, messaging)
            }
        };
        let shared = Shared {
            clock,
            tables,
            objects,
            messaging: Mutex::new(messaging),
            arrivals: Notify::new(),
            faults: FaultPlan::default(),
            meter: Meter::default(),
        };
        let endpoint = Endpoint::read(DEFAULT_ENDPOINT)?;
        Ok(Self {
            shared: Arc::new(shared),
            endpoint: Arc::new(endpoint),
            retries: RetryConfig::disabled(),
            turnstile: None,
            tamperings: Arc::from([]),
        })
    }

    /// The same embedded AWS, pretending to be at another URL: where a local server follows signed links with
    /// [`EmbeddedAws::follow_link`]. A path is kept, for example `http://127.0.0.1:8080/downloads`.
    ///
    /// # Errors
    /// If it is no `http` URL of an IP address.
    pub fn with_endpoint(self, endpoint: &str) -> Result<Self, OpenError> {
        Ok(Self { endpoint: Arc::new(Endpoint::read(endpoint)?), ..self })
    }

    /// The same embedded AWS, for clients that retry. Throttles and lost answers of the [`FaultPlan`] are then tried
    /// again by the SDK, after its back-off; crashes and transaction conflicts are not.
    #[must_use]
    pub fn with_retries(self, retries: RetryConfig) -> Self {
        Self { retries, ..self }
    }

    /// The same embedded AWS, for clients whose calls wait at `turnstile` until they are let go.
    #[must_use]
    pub fn with_turnstile(self, turnstile: Arc<Turnstile>) -> Self {
        Self { turnstile: Some(turnstile), ..self }
    }

    /// The same embedded AWS, for clients to whom it breaks its promises.
    #[must_use]
    pub fn with_tampering(self, tamperings: &[Tampering]) -> Self {
        Self { tamperings: tamperings.into(), ..self }
    }

    /// The configuration from which all clients are made: `aws_sdk_s3::Client::new(&aws.sdk_config())`. The S3 client
    /// writes its requests in path style, because the endpoint is an IP address.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "embedded");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            // The SDK writes a bucket right behind the path of an endpoint.
            .endpoint_url(format!("{}/", self.endpoint.url))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::no_cache())
            .http_client(Client::new(self.connector()))
            .retry_config(self.retries.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    fn connector(&self) -> Connector {
        Connector {
            shared: Arc::clone(&self.shared),
            mount: self.endpoint.mount.as_str().into(),
            turnstile: self.turnstile.clone(),
            tamperings: Arc::clone(&self.tamperings),
        }
    }

    /// An object, whoever may see it. `None` also if the store fails.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Object> {
        self.shared.objects.get(bucket, key).ok().flatten()
    }

    /// Checks a signed link for GET, and answers the bucket and key that it points to. Whether there is such an
    /// object is another question. The URI may be the absolute one, or path and query as a server sees them
    /// (the original ones, if a router took a part off); it then counts as asked of the endpoint.
    ///
    /// # Errors
    /// If the link is not signed by this embedded AWS, was changed, or is too old at `now`.
    pub fn verify_presigned(&self, uri: &Uri, now: Timestamp) -> Result<(String, String), Refusal> {
        s3::verify(uri, &self.endpoint.authority, &self.endpoint.mount, now)
    }

    /// Answers a GET of a signed link like S3: the object with its headers, 403 for a bad link, 404 for no object.
    #[must_use]
    pub fn follow_link(&self, uri: &Uri, now: Timestamp) -> http::Response<Bytes> {
        let Endpoint { authority, mount, .. } = &*self.endpoint;
        s3::follow(&self.shared.objects, uri, authority, mount, now).into_http()
    }

    /// How full the queues are, by name: for a pump that wants to know whether there is work, and until when to turn
    /// the clock. Not metered, since nobody pays for it.
    #[must_use]
    pub fn queue_depths(&self) -> Vec<QueueDepth> {
        let now_ms = self.shared.clock.now().as_millisecond();
        let mut messaging = self.shared.messaging.lock().unwrap_or_else(PoisonError::into_inner);
        let depths = messaging.depths(now_ms);
        // What got too old was deleted on the way. A journal that cannot be written says so on the next call.
        let _ = messaging.journal.commit();
        depths
    }

    /// The plan of what goes wrong.
    #[must_use]
    pub fn faults(&self) -> &FaultPlan {
        &self.shared.faults
    }

    /// What was counted.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// The clock that everything here goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }
}

impl Endpoint {
    fn read(url: &str) -> Result<Self, OpenError> {
        let invalid = || OpenError::Endpoint(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let host = authority.host().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_err() || uri.scheme().is_none() || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            authority: authority.to_string(),
            mount: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
