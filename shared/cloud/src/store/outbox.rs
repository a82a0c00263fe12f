//! The outbox: facts that were written with the state they report, and are not known to be published yet.
//!
//! Rows lie in the table of the state, sharded by what they are about. They are published at once and deleted; if
//! either is lost, the next delivery of the cause or the next tick does it again, and consumers drop the repeat.

use super::{
    dynamo::{self, Range},
    item::{self, Stored},
    key::{self, Key},
};
use crate::{Fault, World};
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{
    Timestamp,
    id::{EventId, TenantId, digest},
};
use events::Message;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Shards of the outbox: the tick reads each, and busy ones never share a partition.
const OUTBOX_SHARDS: u8 = 8;
/// A row younger than this is probably being published by whoever wrote it.
const SWEEP_AGE: SignedDuration = SignedDuration::from_secs(60);
/// Rows that one tick publishes of each shard; the rest waits for the next tick.
const SWEEP_ROWS_MAX: u8 = item::PAGE_ITEMS_MAX;

#[derive(Serialize, Deserialize)]
struct OutboxRowV1 {
    event_id: EventId,
    event_type: String,
    tenant_id: TenantId,
    about: String,
    body: String,
    written_at: Timestamp,
}

impl Stored for OutboxRowV1 {
    const VERSION: u32 = 1;
}

/// The action that writes `message`, a fact about `about`, into the outbox in `table`.
pub(crate) fn row(table: &str, about: &str, message: &Message, now: Timestamp) -> Result<TransactWriteItem, Fault> {
    let row = OutboxRowV1 {
        event_id: message.id,
        event_type: message.event_type.clone(),
        tenant_id: message.tenant_id,
        about: about.to_owned(),
        body: message.body.clone(),
        written_at: now,
    };
    dynamo::put(table, item::write(&row_key(about, message.id), &row)?, false)
}

impl World {
    /// Publishes what the outbox of invoices still holds about `about`.
    pub async fn relay_invoice_facts(&self, about: &str) -> Result<(), Fault> {
        let table = &self.settings().invoices_table;
        let prefix = Range::Prefix(format!("{about}#"));
        let rows = self.query_all(table, &key::outbox_partition(shard(about)), prefix).await?;
        self.relay(rows.into_iter().map(item::read).collect::<Result<_, _>>()?).await
    }

    /// Publishes what was left behind in the outbox of invoices; answers how many facts that were.
    pub async fn sweep_invoice_facts(&self, now: Timestamp) -> Result<usize, Fault> {
        let table = &self.settings().invoices_table;
        let mut swept = 0;
        for shard in 0..OUTBOX_SHARDS {
            let partition = key::outbox_partition(shard);
            let page = self.query_page(table, &partition, Range::All, false, SWEEP_ROWS_MAX, None).await?;
            let rows: Vec<OutboxRowV1> = page.try_map(item::read)?.items;
            let old: Vec<_> = rows.into_iter().filter(|row| now.duration_since(row.written_at) >= SWEEP_AGE).collect();
            swept += old.len();
            self.relay(old).await?;
        }
        Ok(swept)
    }

    async fn relay(&self, rows: Vec<OutboxRowV1>) -> Result<(), Fault> {
        let messages: Vec<Message> = rows
            .iter()
            .map(|row| Message {
                id: row.event_id,
                event_type: row.event_type.clone(),
                tenant_id: row.tenant_id,
                time: row.written_at,
                body: row.body.clone(),
            })
            .collect();
        self.publish(&messages).await.map_err(|failed| failed.cause)?;
        for row in &rows {
            let key = row_key(&row.about, row.event_id).attributes();
            let request = self.dynamo().delete_item().table_name(&self.settings().invoices_table);
            let sent = request.set_key(Some(key)).send().await;
            sent.map_err(|error| Fault::of_call("dynamodb:DeleteItem", error))?;
        }
        Ok(())
    }
}

fn row_key(about: &str, event_id: EventId) -> Key<'_> {
    Key::Outbox { shard: shard(about), about, event_id }
}

fn shard(about: &str) -> u8 {
    digest(&["outbox", about])[0] % OUTBOX_SHARDS
}
