//! A message, read: whose it is, and which entries it brings to which lane and hour. Pure.

use cloud::{
    Fault,
    batch::{self, Record},
};
use domain::{TimeZone, Timestamp, id::TenantId, usage::EventKey};
use events::{Envelope, Event, UnpackError, UsageCorrectedV1, UsageRecordedV1, UsageRecordedV2};
use std::collections::BTreeMap;
use usage_log::{Batch, Correction, Identity, Lane, Lanes, Layouts};

/// Where an entry goes: its lane, and the local hour in which it counts.
pub(crate) type Place = (Lane, Timestamp);

/// A message and its entries.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Whose it is.
    pub(crate) tenant_id: TenantId,
    /// Where the tenant's hours begin.
    pub(crate) time_zone: TimeZone,
    /// What the tenant's events are known by.
    pub(crate) identity: Identity,
    /// How many bytes it took on the wire.
    pub(crate) bytes: usize,
    /// The events, or the one that is corrected.
    pub(crate) batch: Batch,
    /// Positions of events in the batch with what they are known by, by where they go.
    pub(crate) places: BTreeMap<Place, Vec<(usize, EventKey)>>,
    /// What is corrected, if that is what it is about.
    pub(crate) request: Option<Requested>,
}

/// A correction that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Requested {
    pub(crate) correction: Correction,
    pub(crate) at: Timestamp,
    pub(crate) void: bool,
}

impl Parcel {
    /// Reads `record`.
    pub(crate) fn read(record: &Record) -> Result<Self, Fault> {
        match record.header.event_type.as_str() {
            UsageCorrectedV1::TYPE => Self::corrected(&decode(&record.body)?, record),
            UsageRecordedV1::TYPE => {
                let data = decode::<UsageRecordedV1>(&record.body)?.data;
                Self::recorded(&UsageRecordedV2::try_from(data).map_err(malformed)?, record)
            }
            _ => Self::recorded(&decode::<UsageRecordedV2>(&record.body)?.data, record),
        }
    }

    fn recorded(data: &UsageRecordedV2, record: &Record) -> Result<Self, Fault> {
        let batch = data.batch().map_err(malformed)?;
        Self::placed(batch, &data.time_zone, &data.layouts(), record)
    }

    fn corrected(envelope: &Envelope<UsageCorrectedV1>, record: &Record) -> Result<Self, Fault> {
        let data = &envelope.data;
        let batch = data.batch().map_err(malformed)?;
        if batch.len() != 1 {
            return Err(Fault::permanent("decode event", "a correction is of one event"));
        }
        let correction = Correction { id: *data.correction_id.as_bytes(), reason: data.reason.as_str().into() };
        let parcel = Self::placed(batch, &data.time_zone, &data.layouts(), record)?;
        Ok(Self { request: Some(Requested { correction, at: data.requested_at, void: data.void }), ..parcel })
    }

    fn placed(batch: Batch, time_zone: &str, layouts: &Layouts, record: &Record) -> Result<Self, Fault> {
        let time_zone = TimeZone::get(time_zone).map_err(|error| Fault::permanent("decode event", error))?;
        let tenant_id = record.header.subject;
        let identity = Identity::new(tenant_id);
        let mut lanes = Lanes::new(tenant_id, &time_zone, layouts);
        let mut places: BTreeMap<Place, Vec<(usize, EventKey)>> = BTreeMap::new();
        let mut last: Option<Place> = None;
        let mut run = Vec::new();
        for (position, event) in batch.events().enumerate() {
            let key = identity.key(&event);
            let place = lanes.of(&event, key).map_err(|error| Fault::permanent("place event", error))?;
            // Most events go where the one before went: the map is asked once a run.
            if let Some(before) = last.filter(|before| *before != place) {
                places.entry(before).or_default().append(&mut run);
            }
            last = Some(place);
            run.push((position, key));
        }
        if let Some(place) = last {
            places.entry(place).or_default().append(&mut run);
        }
        Ok(Self { tenant_id, time_zone, identity, bytes: record.body.len(), batch, places, request: None })
    }
}

fn decode<T: Event>(body: &str) -> Result<Envelope<T>, Fault> {
    Envelope::decode(body).map_err(batch::malformed)
}

fn malformed(error: UnpackError) -> Fault {
    Fault::permanent("decode event", error)
}
