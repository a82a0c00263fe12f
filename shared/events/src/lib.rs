//! What Meterline says: the CloudEvents envelope and one frozen struct per event version.
//!
//! Invariant: a published shape never changes. A new field or meaning is a new version with its own golden file under
//! `golden/`, and the old struct stays as long as a message of it can lie in a queue.

mod billing;
mod credit;
mod envelope;
mod invoice;
mod settlement;
mod usage;
mod webhook;

pub use billing::{BillingPeriodClosedV1, BillingRequestedV1, BillingRequestedV2, PeriodV1};
pub use credit::CreditBalanceLowV1;
pub use envelope::{CORRELATION_ID_LENGTH_MAX, CorrelationId, DecodeError, Envelope, Event, Header, Message};
pub use invoice::{AmountV1, InvoiceCreatedV1, InvoiceFinalizedV1, InvoiceReadyV1};
pub use settlement::{
    CreditNoteIssuedV1, CreditNoteReadyV1, InvoicePaidV1, InvoiceUncollectibleV1, InvoiceVoidedV1, PaymentRecordedV1,
};
pub use usage::{LayoutV1, UnpackError, UsageCorrectedV1, UsageEventV1, UsageRecordedV1, UsageRecordedV2, layouts_v1};
pub use webhook::WebhookDueV1;
