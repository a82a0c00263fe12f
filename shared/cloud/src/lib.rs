//! What Meterline asks of AWS: the [`World`] that every handler runs in, one store module per table, the bus, blobs,
//! queues, and telemetry.
//!
//! Invariants: there is one implementation of each, and it calls the AWS SDK; who answers is decided by the
//! configuration alone (in process, an emulator, or AWS). A tenant's data is reached only through [`World::store`];
//! the few walks across tenants live in [`store::across`].

pub mod batch;
pub mod billing;
mod blobs;
mod bus;
mod clock;
pub mod fault;
mod random;
pub mod rebuild;
mod settings;
pub mod spend;
pub mod store;
pub mod telemetry;
mod watermark;
mod world;

pub use blobs::{Blob, LINK_SECONDS, PutOutcome};
pub use bus::{BATCH_BYTES_MAX, MESSAGE_OVERHEAD_BYTES_MAX, PublishError};
pub use clock::Clock;
pub use fault::Fault;
pub use random::Random;
pub use settings::{Seller, Settings, SettingsError};
pub use store::TenantStore;
pub use telemetry::Metrics;
pub use world::World;
