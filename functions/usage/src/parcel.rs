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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::usage::{TimeBasis, UsageEvent};
    use events::{CorrelationId, Header, LayoutV1};
    use rstest::rstest;
    use usage_log::Builder;

    fn batch(events: &[(&str, &str, TimeBasis)]) -> Batch {
        let mut builder = Builder::default();
        for (id, at, time_basis) in events {
            let (occurred_at, time_basis) = (at.parse().unwrap(), *time_basis);
            let event =
                UsageEvent { id, source: "edge", event_type: "call", occurred_at, time_basis, data: r#"{"bytes":1}"# };
            builder.push(&event, occurred_at).unwrap();
        }
        builder.finish()
    }

    fn record<T: Event>(data: T) -> Record {
        let (tenant, at) = (TenantId::derived(&["acme"]), Timestamp::UNIX_EPOCH);
        let envelope = Envelope::new("api", tenant, at, CorrelationId::new("c"), &["1"], data);
        let body = envelope.encode().unwrap().body;
        Record { message_id: "1".to_owned(), header: Header::decode(&body).unwrap(), body }
    }

    /// Bucket, shard, hour and positions of each place that a message goes to.
    fn places(record: &Record) -> Vec<String> {
        let parcel = Parcel::read(record).unwrap();
        let place = |((lane, hour), events): (&Place, &Vec<(usize, EventKey)>)| {
            let positions: Vec<usize> = events.iter().map(|(position, _)| *position).collect();
            format!("{} {hour} {positions:?}", lane.bucket)
        };
        parcel.places.iter().map(place).collect()
    }

    const EVENT: TimeBasis = TimeBasis::Event;

    #[rstest]
    #[case::one_hour(
        &[("1", "2026-05-20T10:00:00Z", EVENT), ("2", "2026-05-20T10:59:59Z", EVENT)],
        &["hour/2026-05-20T10:00:00Z 2026-05-20T10:00:00Z [0, 1]"],
    )]
    #[case::there_and_back(
        &[("1", "2026-05-20T10:00:00Z", EVENT), ("2", "2026-05-20T11:00:00Z", EVENT), ("3", "2026-05-20T10:30:00Z", EVENT)],
        &["hour/2026-05-20T10:00:00Z 2026-05-20T10:00:00Z [0, 2]", "hour/2026-05-20T11:00:00Z 2026-05-20T11:00:00Z [1]"],
    )]
    #[case::without_a_time(
        &[("1", "2026-05-20T10:00:00Z", TimeBasis::Arrival)],
        &["month/2026-04-30T22:00:00Z 2026-05-20T10:00:00Z [0]"],
    )]
    fn events_go_to_the_lane_of_their_time(#[case] events: &[(&str, &str, TimeBasis)], #[case] expect: &[&str]) {
        let data = UsageRecordedV2::new("Europe/Berlin", &Layouts::default(), &batch(events));
        assert_eq!(places(&record(data)), expect);
    }

    #[test]
    fn a_layout_that_came_with_the_message_decides() {
        let events = [("1", "2026-05-20T10:07:00Z", EVENT), ("2", "2026-05-20T09:07:00Z", EVENT)];
        let mut data = UsageRecordedV2::new("UTC", &Layouts::default(), &batch(&events));
        data.layouts = vec![LayoutV1 { from: "2026-05-20T10:00:00Z".parse().unwrap(), shards: 1, bucket_minutes: 5 }];
        let expect = [
            "hour/2026-05-20T09:00:00Z 2026-05-20T09:00:00Z [1]",
            "hour/2026-05-20T10:05:00Z 2026-05-20T10:00:00Z [0]",
        ];
        assert_eq!(places(&record(data)), expect);
    }

    #[rstest]
    #[case::two_events(&[("1", "2026-05-20T10:00:00Z", EVENT), ("2", "2026-05-20T10:00:00Z", EVENT)], false)]
    #[case::one_event(&[("1", "2026-05-20T10:00:00Z", EVENT)], true)]
    fn a_correction_is_of_one_event(#[case] events: &[(&str, &str, TimeBasis)], #[case] good: bool) {
        let data = UsageCorrectedV1 {
            correction_id: domain::id::CorrectionId::derived(&["1"]),
            time_zone: "UTC".to_owned(),
            layouts: Vec::new(),
            requested_at: Timestamp::UNIX_EPOCH,
            reason: "a test".to_owned(),
            packed: UsageCorrectedV1::pack(&batch(events)),
            void: true,
        };
        let parcel = Parcel::read(&record(data));
        assert_eq!(parcel.is_ok(), good);
        assert!(parcel.is_err() || parcel.unwrap().request.is_some_and(|request| request.void));
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        let data = UsageRecordedV2::new("Mars/Olympus", &Layouts::default(), &Batch::default());
        assert!(matches!(Parcel::read(&record(data)), Err(Fault::Permanent { .. })));
    }
}
