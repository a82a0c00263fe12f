//! Segments as they are read: the chain from a head back to the first, and every body held against its digest.
//!
//! What lost a race lies among them and is left out. A segment that is missing or was changed is never read over: it
//! breaks the chain, which is a fault to whoever counts and a finding to whoever checks.

use super::{
    TenantStore,
    dynamo::Range,
    item::{self, Item},
    key,
    lanes::{self, LOG_DAYS},
};
use crate::Fault;
use domain::text::Hex;
use futures::{StreamExt, TryStreamExt, stream};
use usage_log::{Batch, Head, Lane, Log};

/// Bodies that are read from S3 at once.
const BODIES_AT_ONCE: usize = 16;

/// Where the chain of a lane's segments does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The segment of this number is not there.
    #[error("segment {0} of the log is missing; segments are kept for {LOG_DAYS} days")]
    Missing(u32),
    /// The segment of this number is another than was written.
    #[error("segment {0} of the log is not what its digest says")]
    Changed(u32),
}

/// Why a log was not read.
#[derive(Debug)]
pub enum Unread {
    /// The world failed.
    Fault(Fault),
    /// It was read, and does not hold.
    Broken(Break),
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Fault(fault) => fault,
            Unread::Broken(cause) => Self::permanent("read lane", cause),
        }
    }
}

/// A segment that the chain leads to.
struct Link {
    number: u32,
    chain: [u8; 32],
    before: [u8; 32],
    item: Item,
}

impl TenantStore<'_> {
    /// The segments of `lane` after the first `after`, up to those that `head` speaks of.
    pub async fn lane_segments(&self, lane: &Lane, head: &Head, after: u32) -> Result<Vec<Batch>, Fault> {
        Ok(self.segments(lane, head, after).await?)
    }

    /// The whole log of `lane` as of `head`.
    pub async fn log_of(&self, lane: &Lane, head: &Head) -> Result<Log, Unread> {
        let mut batches = self.segments(lane, head, 0).await?;
        batches.push(head.tail.clone());
        Ok(Log(batches))
    }

    async fn segments(&self, lane: &Lane, head: &Head, after: u32) -> Result<Vec<Batch>, Unread> {
        if head.segments <= after {
            return Ok(Vec::new());
        }
        let range = Range::Between(format!("{:08}", after + 1), format!("{:08}~", head.segments));
        let table = &self.world.settings().processed_events_table;
        let items = self.world.query_all(table, &key::lane_partition(lane), range).await?;
        let bodies = stream::iter(chained(items, head, after)?).map(|link| self.body(link));
        bodies.buffered(BODIES_AT_ONCE).try_collect().await
    }

    async fn body(&self, Link { number, chain, before, item }: Link) -> Result<Batch, Unread> {
        let body = match item.get("object").and_then(|object| object.as_s().ok()) {
            Some(object) => self.world.log_object(object).await?.ok_or(Unread::Broken(Break::Missing(number)))?,
            None => lanes::bytes(&item, "body").map_err(|_| Unread::Broken(Break::Changed(number)))?.to_vec(),
        };
        if usage_log::chain(&before, &body) != chain {
            return Err(Unread::Broken(Break::Changed(number)));
        }
        usage_log::decode(&body).map_err(|error| Fault::permanent("decode segment", error).into())
    }
}

/// Those of `items` that lead from `head` back to the segment `after`.
fn chained(items: Vec<Item>, head: &Head, after: u32) -> Result<Vec<Link>, Unread> {
    let mut wanted = (head.segments, head.chain);
    let mut links = Vec::new();
    for item in items.into_iter().rev() {
        let name = format!("{:08}#{}", wanted.0, Hex(&wanted.1[..key::SEGMENT_DIGEST_BYTES]));
        if wanted.0 == after || item::text(&item, "sk")? != name {
            continue;
        }
        let changed = Unread::Broken(Break::Changed(wanted.0));
        let Some(before) = lanes::bytes(&item, "before").ok().and_then(|before| before.try_into().ok()) else {
            return Err(changed);
        };
        links.push(Link { number: wanted.0, chain: wanted.1, before, item });
        wanted = (wanted.0 - 1, before);
    }
    if wanted.0 != after {
        return Err(Unread::Broken(Break::Missing(wanted.0)));
    }
    links.reverse();
    Ok(links)
}
