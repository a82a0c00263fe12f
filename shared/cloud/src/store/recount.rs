//! What a recount reads and writes beside the logs: which lanes have counted, their distinct values, and counters anew.

use super::{
    Cursor, PAGE_ITEMS_MAX, Page, TenantStore,
    dynamo::{self, Range, Transacted},
    item::{self, Item},
    key::{self, Key},
    lanes::{self, StoredHead, StoredHour},
    members,
};
use crate::Fault;
use domain::{
    Timestamp,
    calendar::Period,
    id::{MeterId, TenantId},
    usage::Bucket,
};
use std::collections::BTreeSet;
use usage_log::{Lane, Member};

/// Where a lane has counted.
#[derive(Clone, Debug)]
pub enum CountedLane {
    /// In the hour of its head.
    Head(Lane, Box<StoredHead>),
    /// In an hour that the arrival lane of this shard has put aside.
    PutAside {
        /// The shard.
        shard: u16,
        /// The hour.
        hour: Timestamp,
    },
}

impl TenantStore<'_> {
    /// A page of where lanes have counted in a period, by time; heads of arrival lanes are elsewhere.
    pub async fn counted_lanes(&self, period: Period, after: Option<&Cursor>) -> Result<Page<CountedLane>, Fault> {
        let range = Range::Between(
            format!("H#{}", key::sortable(period.start())),
            format!("H#{}", key::sortable(period.end())),
        );
        let (table, partition) = (&self.world.settings().usage_table, key::tenant_partition(self.tenant_id));
        let page = self.world.query_page(table, &partition, range, false, PAGE_ITEMS_MAX, after).await?;
        page.try_map(|item| read_counted(self.tenant_id, &item))
    }

    /// The heads of the arrival lanes of the local month that starts at `month`.
    pub async fn arrival_heads(&self, month: Timestamp) -> Result<Vec<(Lane, StoredHead)>, Fault> {
        let range = Range::Prefix(format!("A#{}#", key::sortable(month)));
        let (table, partition) = (&self.world.settings().usage_table, key::tenant_partition(self.tenant_id));
        let items = self.world.query_all(table, &partition, range).await?;
        let read = |item: &Item| {
            let (_, shard) = tag(item)?;
            let lane = Lane { tenant_id: self.tenant_id, bucket: Bucket::Arrival(month), shard };
            Ok((lane, lanes::read_head(item)?))
        };
        items.iter().map(read).collect()
    }

    /// The distinct values that `lane` keeps of a meter and hour in an epoch.
    pub async fn lane_members(
        &self,
        lane: &Lane,
        meter_id: MeterId,
        hour: Timestamp,
        epoch: u64,
    ) -> Result<BTreeSet<Member>, Fault> {
        let (partition, prefix) = Key::Members { lane, meter_id, hour, epoch, page: "" }.parts();
        let table = &self.world.settings().usage_table;
        let items = self.world.query_all(table, &partition, Range::Prefix(prefix)).await?;
        let mut found = BTreeSet::new();
        for item in &items {
            let (_, page) = members::read_page(meter_id, item)?;
            found.extend(page.values.iter().map(|value| Member { meter_id, group: page.group.clone(), value: *value }));
        }
        Ok(found)
    }

    /// Writes counters anew if the head is still of the version before: those of the head, and those of hours that the
    /// lane has put aside. The log stays as it is. Answers whether the head was of that version.
    pub async fn write_recount(
        &self,
        lane: &Lane,
        stored: &StoredHead,
        hours: &[(Timestamp, StoredHour)],
    ) -> Result<bool, Fault> {
        let table = &self.world.settings().usage_table;
        let before = stored.head.version.saturating_sub(1);
        let head = lanes::head_item(lane, &stored.head, &stored.notes);
        if hours.is_empty() {
            return self.world.put_if_version(table, head, before).await;
        }
        let mut actions = vec![dynamo::put_version(table, head, before)?];
        for (hour, counted) in hours {
            actions.push(dynamo::put(table, lanes::hour_item(lane, *hour, stored.head.version, counted), false)?);
        }
        Ok(self.world.transact(actions).await? == Transacted::Committed)
    }
}

/// The kind of a lane and its shard, as its tag has them.
fn tag(item: &Item) -> Result<(char, u16), Fault> {
    let malformed = || Fault::permanent("decode item", "the item holds a malformed lane");
    let (_, tag) = item::text(item, "sk")?.rsplit_once('#').ok_or_else(malformed)?;
    let kind = tag.chars().next().filter(char::is_ascii_uppercase).ok_or_else(malformed)?;
    let shard = tag[1..].split('.').next().unwrap_or_default();
    Ok((kind, item::parse(shard)?))
}

/// The instant in the sort key: where the bucket of a head starts, or the hour that was put aside.
fn start(item: &Item) -> Result<Timestamp, Fault> {
    item::parse(item::text(item, "sk")?.split('#').nth(1).unwrap_or_default())
}

/// The lane whose head `item` is.
pub(super) fn lane_of_head(tenant_id: TenantId, item: &Item) -> Result<Lane, Fault> {
    let ((kind, shard), start) = (tag(item)?, start(item)?);
    let bucket = if kind == 'A' { Bucket::Arrival(start) } else { Bucket::Timed(start) };
    Ok(Lane { tenant_id, bucket, shard })
}

fn read_counted(tenant_id: TenantId, item: &Item) -> Result<CountedLane, Fault> {
    let (kind, shard) = tag(item)?;
    if kind == 'A' {
        return Ok(CountedLane::PutAside { shard, hour: start(item)? });
    }
    Ok(CountedLane::Head(lane_of_head(tenant_id, item)?, Box::new(lanes::read_head(item)?)))
}
