//! The table `processedEvents`, as its consumers share it: one marker for each consumed event.
//!
//! A marker makes a replay cheap; it is not what makes it safe. A handler may die between its effect and its marker,
//! so each effect is conditional on its own.

use super::{item::Item, key::Key};
use crate::{Fault, World, settings};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Timestamp, id::EventId};

/// Days that a marker is kept: longer than SQS keeps a message (14) plus a replay from the dead-letter queue (14).
const MARKER_DAYS: i64 = 35;

/// Who consumes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// Writes invoices.
    Billing,
    /// Prints them.
    Invoice,
    /// Calls tenants.
    Webhook,
}

impl Consumer {
    fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Invoice => "invoice",
            Self::Webhook => "webhook",
        }
    }
}

impl World {
    /// Whether `consumer` has finished with the event `id`.
    pub async fn is_processed(&self, consumer: Consumer, id: EventId) -> Result<bool, Fault> {
        let table = &self.settings().processed_events_table;
        Ok(self.get_item(table, &Key::Processed(consumer.name(), id)).await?.is_some())
    }

    /// Remembers that `consumer` has finished with the event `id`.
    pub async fn mark_processed(&self, consumer: Consumer, id: EventId, now: Timestamp) -> Result<(), Fault> {
        let mut item: Item = Key::Processed(consumer.name(), id).attributes();
        item.insert("processedAt".to_owned(), AttributeValue::S(now.to_string()));
        item.insert("expiresAt".to_owned(), AttributeValue::N(settings::expires_at(now, MARKER_DAYS)));
        let table = &self.settings().processed_events_table;
        let sent = self.dynamo().put_item().table_name(table).set_item(Some(item)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("dynamodb:PutItem", error))
    }
}
