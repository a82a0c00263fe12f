//! The usage log in its tables: heads with their counters in `usage`, segments in `processedEvents` or, when they are
//! large, in S3.
//!
//! A head is replaced on the condition that it has the version that the writer read; whatever it speaks of is stored
//! before. A segment's key holds its digest, so that the loser of a race leaves an item that nobody refers to, and that
//! expires with the others. An hour of an arrival lane is put aside in the same transaction that opens the next.

use super::{
    TenantStore,
    dynamo::{self, Transacted},
    item::{self, Item},
    key::Key,
};
use crate::{Fault, settings};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{Timestamp, usage::event::EVENT_AGE_DAYS_MAX};
use usage_log::{Counters, Head, Lane, Log, Segment};

/// Days that a segment is kept: as long as its events would still be taken, and a month for what is queued.
pub const LOG_DAYS: i64 = EVENT_AGE_DAYS_MAX + 31;
/// The version of the shape of a head and of an hour.
const SHAPE: &str = "1";

/// What a lane keeps of an hour beside its counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourNotes {
    /// Which pages of distinct values are in force: a recount begins another epoch.
    pub epoch: u64,
    /// What counting has cost, as the spender writes it.
    pub spent: Vec<u8>,
}

/// What a commit writes.
#[derive(Clone, Copy, Debug)]
pub struct LaneWrite<'a> {
    /// The head.
    pub head: &'a Head,
    /// What goes with the counters of its hour.
    pub notes: &'a HourNotes,
    /// The segment that it speaks of, if that is new.
    pub segment: Option<&'a Segment>,
    /// The hour that it leaves, as it was.
    pub closed: Option<(Timestamp, &'a StoredHour)>,
}

/// A head as it is stored.
#[derive(Clone, Debug, Default)]
pub struct StoredHead {
    /// The head.
    pub head: Head,
    /// What goes with the counters of its hour.
    pub notes: HourNotes,
}

/// An hour of an arrival lane, put aside.
#[derive(Clone, Debug, Default)]
pub struct StoredHour {
    /// The version of the head that put it aside.
    pub version: u64,
    /// The counters.
    pub counters: Counters,
    /// What goes with them.
    pub notes: HourNotes,
}

impl TenantStore<'_> {
    /// The head of `lane`, if it has one.
    pub async fn lane_head(&self, lane: &Lane) -> Result<Option<StoredHead>, Fault> {
        let item = self.world.get_item(&self.world.settings().usage_table, &Key::LaneHead(lane)).await?;
        item.map(|item| read_head(&item)).transpose()
    }

    /// The counters of an hour that `lane` has put aside, if it has.
    pub async fn lane_hour(&self, lane: &Lane, hour: Timestamp) -> Result<Option<StoredHour>, Fault> {
        let key = Key::LaneHour { lane, hour };
        let item = self.world.get_item(&self.world.settings().usage_table, &key).await?;
        item.map(|item| Ok(read_hour(&item)?.1)).transpose()
    }

    /// The whole log of `lane` with the head that it leads to, if it has one.
    ///
    /// A segment is kept for [`LOG_DAYS`]; a lane whose bucket began longer ago may miss some, which is a fault.
    pub async fn lane_log(&self, lane: &Lane) -> Result<Option<(StoredHead, Log)>, Fault> {
        let Some(stored) = self.lane_head(lane).await? else { return Ok(None) };
        let log = self.log_of(lane, &stored.head).await?;
        Ok(Some((stored, log)))
    }

    /// Writes a commit if the head is still of the version before; answers whether it was.
    pub async fn write_lane(&self, lane: &Lane, write: LaneWrite<'_>, now: Timestamp) -> Result<bool, Fault> {
        if let Some(segment) = write.segment {
            self.put_segment(lane, segment, now).await?;
        }
        let table = &self.world.settings().usage_table;
        let before = write.head.version.saturating_sub(1);
        let head = head_item(lane, write.head, write.notes);
        let Some((hour, stored)) = write.closed else {
            return self.world.put_if_version(table, head, before).await;
        };
        let actions = vec![
            dynamo::put_version(table, head, before)?,
            dynamo::put(table, hour_item(lane, hour, write.head.version, stored), false)?,
        ];
        Ok(self.world.transact(actions).await? == Transacted::Committed)
    }

    async fn put_segment(&self, lane: &Lane, segment: &Segment, now: Timestamp) -> Result<(), Fault> {
        let key = Key::Segment { lane, number: segment.number, chain: &segment.chain };
        let mut item: Item = key.attributes();
        item.insert("v".to_owned(), AttributeValue::N(SHAPE.to_owned()));
        item.insert("before".to_owned(), blob(&segment.before));
        item.insert("expiresAt".to_owned(), AttributeValue::N(settings::expires_at(now, LOG_DAYS)));
        if segment.body.len() <= self.world.settings().segment_inline_bytes_max {
            item.insert("body".to_owned(), blob(&segment.body));
        } else {
            let (partition, sort) = key.parts();
            let object = format!("{}/{}", partition.replace('#', "/"), sort.replace('#', "-"));
            self.world.put_log_object(&object, segment.body.clone()).await?;
            item.insert("object".to_owned(), AttributeValue::S(object));
        }
        self.world.put_item(&self.world.settings().processed_events_table, item).await
    }
}

fn broken() -> Fault {
    Fault::permanent("decode item", "the item holds a malformed lane")
}

fn blob(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(super) fn bytes<'i>(item: &'i Item, name: &'static str) -> Result<&'i [u8], Fault> {
    let value = item.get(name).and_then(|value| value.as_b().ok());
    value.map(AsRef::as_ref).ok_or_else(|| Fault::permanent("decode item", format!("the item lacks {name}")))
}

pub(super) fn head_item(lane: &Lane, head: &Head, notes: &HourNotes) -> Item {
    let mut item = Key::LaneHead(lane).attributes();
    let number = |value: u64| AttributeValue::N(value.to_string());
    item.extend([
        ("v".to_owned(), AttributeValue::N(SHAPE.to_owned())),
        ("version".to_owned(), number(head.version)),
        ("hour".to_owned(), AttributeValue::S(head.hour.to_string())),
        ("counters".to_owned(), blob(&head.counters.encode())),
        ("accepted".to_owned(), number(u64::from(head.accepted))),
        ("segments".to_owned(), number(u64::from(head.segments))),
        ("chain".to_owned(), blob(&head.chain)),
        ("tail".to_owned(), blob(&usage_log::encode(&head.tail))),
    ]);
    item.extend(notes_attributes(notes));
    item
}

fn notes_attributes(notes: &HourNotes) -> [(String, AttributeValue); 2] {
    [("epoch".to_owned(), AttributeValue::N(notes.epoch.to_string())), ("spent".to_owned(), blob(&notes.spent))]
}

fn read_notes(item: &Item) -> Result<HourNotes, Fault> {
    Ok(HourNotes { epoch: item::number(item, "epoch")?, spent: bytes(item, "spent")?.to_vec() })
}

pub(crate) fn read_head(item: &Item) -> Result<StoredHead, Fault> {
    let decode = |error: usage_log::DecodeError| Fault::permanent("decode item", error);
    let head = Head {
        version: item::number(item, "version")?,
        hour: item::parse(item::text(item, "hour")?)?,
        counters: Counters::decode(bytes(item, "counters")?).map_err(decode)?,
        accepted: item::number(item, "accepted")?,
        segments: item::number(item, "segments")?,
        chain: bytes(item, "chain")?.try_into().map_err(|_| broken())?,
        tail: usage_log::decode(bytes(item, "tail")?).map_err(decode)?,
    };
    Ok(StoredHead { head, notes: read_notes(item)? })
}

pub(super) fn hour_item(lane: &Lane, hour: Timestamp, version: u64, stored: &StoredHour) -> Item {
    let mut item = Key::LaneHour { lane, hour }.attributes();
    item.extend([
        ("v".to_owned(), AttributeValue::N(SHAPE.to_owned())),
        ("version".to_owned(), AttributeValue::N(version.to_string())),
        ("hour".to_owned(), AttributeValue::S(hour.to_string())),
        ("counters".to_owned(), blob(&stored.counters.encode())),
    ]);
    item.extend(notes_attributes(&stored.notes));
    item
}

pub(crate) fn read_hour(item: &Item) -> Result<(Timestamp, StoredHour), Fault> {
    let counters = Counters::decode(bytes(item, "counters")?);
    let counters = counters.map_err(|error| Fault::permanent("decode item", error))?;
    let hour = item::parse(item::text(item, "hour")?)?;
    Ok((hour, StoredHour { version: item::number(item, "version")?, counters, notes: read_notes(item)? }))
}
