//! Packing: one tenant's events in as few `usage.recorded.v1` messages as the topic's limit allows.
//!
//! Invariants: no message is larger than the topic takes with its attributes; the id of a message is a function of the
//! events in it, so that sending the same events again is the same message.

use super::decide::Accepted;
use crate::state::KnownTenant;
use cloud::{BATCH_BYTES_MAX, MESSAGE_OVERHEAD_BYTES_MAX};
use domain::{Timestamp, id::TenantId};
use events::{CorrelationId, Envelope, Message, UsageEventV1, UsageRecordedV1};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

/// Largest body of one message, in bytes.
const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX - MESSAGE_OVERHEAD_BYTES_MAX;

/// A message and which events of the request are in it.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) message: Message,
    pub(super) positions: Vec<usize>,
}

/// Packs events of any tenants, each tenant's in their order.
pub(super) fn pack(
    accepted: Vec<Accepted>,
    correlation_id: &CorrelationId,
    now: Timestamp,
) -> Result<Vec<Packed>, serde_json::Error> {
    let mut packed = Vec::new();
    let mut open: Vec<Parcel<'_>> = Vec::new();
    let mut by_tenant: HashMap<TenantId, usize> = HashMap::new();
    let mut buffer = Vec::new();
    for Accepted { position, tenant, event } in accepted {
        buffer.clear();
        serde_json::to_writer(&mut buffer, &event)?;
        let at = *by_tenant.entry(tenant.id).or_insert(open.len());
        if at == open.len() {
            open.push(Parcel::new(tenant, correlation_id, now)?);
        }
        let parcel = &mut open[at];
        if !parcel.fits(buffer.len()) {
            packed.push(parcel.close()?);
        }
        parcel.add(position, event, &buffer);
    }
    for mut parcel in open {
        packed.push(parcel.close()?);
    }
    Ok(packed)
}

/// A message that is being filled.
struct Parcel<'a> {
    tenant: Arc<KnownTenant>,
    correlation_id: &'a CorrelationId,
    now: Timestamp,
    /// Bytes of the envelope around no events.
    empty_bytes: usize,
    events_bytes: usize,
    digest: Sha256,
    events: Vec<UsageEventV1>,
    positions: Vec<usize>,
}

impl<'a> Parcel<'a> {
    fn new(
        tenant: Arc<KnownTenant>,
        correlation_id: &'a CorrelationId,
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let empty = envelope(&tenant, correlation_id, now, "", Vec::new()).encode()?;
        Ok(Self {
            tenant,
            correlation_id,
            now,
            empty_bytes: empty.body.len(),
            events_bytes: 0,
            digest: Sha256::new(),
            events: Vec::new(),
            positions: Vec::new(),
        })
    }

    /// Whether an event of so many bytes still fits. The first one always does: its parts are bounded.
    fn fits(&self, bytes: usize) -> bool {
        self.events.is_empty() || self.empty_bytes + self.events_bytes + bytes <= MESSAGE_BYTES_MAX
    }

    fn add(&mut self, position: usize, event: UsageEventV1, json: &[u8]) {
        self.digest.update((json.len() as u64).to_be_bytes());
        self.digest.update(json);
        self.events_bytes += json.len() + 1;
        self.events.push(event);
        self.positions.push(position);
    }

    /// The message of what was added, after which the parcel is empty again.
    fn close(&mut self) -> Result<Packed, serde_json::Error> {
        let digest = self.digest.finalize_reset();
        let digest = domain::text::Hex(&digest).to_string();
        let events = std::mem::take(&mut self.events);
        let message = envelope(&self.tenant, self.correlation_id, self.now, &digest, events).encode()?;
        self.events_bytes = 0;
        Ok(Packed { message, positions: std::mem::take(&mut self.positions) })
    }
}

fn envelope(
    tenant: &KnownTenant,
    correlation_id: &CorrelationId,
    now: Timestamp,
    digest: &str,
    events: Vec<UsageEventV1>,
) -> Envelope<UsageRecordedV1> {
    let time_zone = tenant.time_zone_name().to_owned();
    let data = UsageRecordedV1 { time_zone, received_at: now, events };
    Envelope::new("api", tenant.id, now, correlation_id.clone(), &[digest], data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::text::Slug;
    use jiff::tz::TimeZone;
    use rstest::rstest;
    use serde_json::value::RawValue;

    fn tenant(slug: &str) -> Arc<KnownTenant> {
        let slug_of = Slug::parse(slug).unwrap();
        Arc::new(KnownTenant { id: TenantId::derived(&[slug]), slug: slug_of, time_zone: TimeZone::UTC })
    }

    fn event(position: usize, tenant: &Arc<KnownTenant>, data_bytes: usize) -> Accepted {
        // {"x":"…"} is eight bytes around the text.
        let data = format!(r#"{{"x":"{}"}}"#, "d".repeat(data_bytes - 8));
        Accepted {
            position,
            tenant: Arc::clone(tenant),
            event: UsageEventV1 {
                id: format!("{position:06}"),
                source: "edge".to_owned(),
                event_type: "request".to_owned(),
                time: Timestamp::UNIX_EPOCH,
                time_is_arrival: false,
                data: RawValue::from_string(data).unwrap(),
            },
        }
    }

    fn packed(accepted: Vec<Accepted>) -> Vec<Packed> {
        pack(accepted, &CorrelationId::new("corr-1"), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[rstest]
    #[case::none(0, 100, &[])]
    #[case::one(1, 100, &[1])]
    #[case::a_thousand_small(1_000, 100, &[1_000])]
    // 15 events of 16 KiB and their attributes are 247 KB, a 16th is too many.
    #[case::the_largest(31, 16 * 1024, &[15, 15, 1])]
    fn events_fill_messages(#[case] count: usize, #[case] data_bytes: usize, #[case] expect: &[usize]) {
        let acme = tenant("acme");
        let packed = packed((0..count).map(|position| event(position, &acme, data_bytes)).collect());
        assert_eq!(packed.iter().map(|packed| packed.positions.len()).collect::<Vec<_>>(), expect);
        assert!(packed.iter().all(|packed| packed.message.body.len() <= MESSAGE_BYTES_MAX));
        let positions: Vec<usize> = packed.iter().flat_map(|packed| packed.positions.clone()).collect();
        assert_eq!(positions, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn a_message_is_filled_to_the_last_byte() {
        let acme = tenant("acme");
        let sizes = |last: usize| {
            let mut events: Vec<_> = (0..15).map(|position| event(position, &acme, 16 * 1024)).collect();
            events.push(event(15, &acme, last));
            let packed = packed(events);
            (packed.len(), packed[0].message.body.len())
        };
        let (_, fifteen) = sizes(16 * 1024);
        // The sixteenth event is its data, its attributes, and the comma before it.
        let attributes = serde_json::to_string(&event(15, &acme, 8).event).unwrap().len() - 8 + 1;
        let room = MESSAGE_BYTES_MAX - fifteen - attributes;
        assert_eq!(sizes(room), (1, MESSAGE_BYTES_MAX));
        assert_eq!(sizes(room + 1), (2, fifteen));
    }

    #[test]
    fn each_tenant_has_its_own_messages() {
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let packed = packed(vec![event(0, &acme, 10), event(1, &globex, 10), event(2, &acme, 10)]);
        let of: Vec<_> = packed.iter().map(|packed| (packed.message.tenant_id, packed.positions.clone())).collect();
        assert_eq!(of, [(acme.id, vec![0, 2]), (globex.id, vec![1])]);
    }

    #[test]
    fn the_same_events_are_the_same_message() {
        let acme = tenant("acme");
        let id = |events, at: i64| {
            let now = Timestamp::from_second(at).unwrap();
            pack(events, &CorrelationId::new("corr"), now).unwrap()[0].message.id
        };
        let both = || vec![event(0, &acme, 10), event(1, &acme, 10)];
        assert_eq!(id(both(), 0), id(both(), 60));
        assert_ne!(id(both(), 0), id(vec![event(0, &acme, 10)], 0));
        assert_ne!(id(both(), 0), id(vec![event(0, &tenant("globex"), 10), event(1, &tenant("globex"), 10)], 0));
    }
}
