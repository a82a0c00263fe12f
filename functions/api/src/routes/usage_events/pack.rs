//! Packing: one tenant's events in as few `usage.recorded.v2` messages as the topic's limit allows.
//!
//! Invariants: no message is larger than the topic takes with its attributes; the id of a message is a function of the
//! events in it, so that sending the same events again is the same message.

use super::decide::{Accepted, Draft};
use crate::problem::Problem;
use cloud::{BATCH_BYTES_MAX, MESSAGE_OVERHEAD_BYTES_MAX};
use domain::Timestamp;
use events::{CorrelationId, Envelope, Message, UsageRecordedV2};
use sha2::{Digest, Sha256};
use std::fmt::Display;
use usage_log::{Batch, Builder, Identity, Remap};

/// Largest body of one message, in bytes.
const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX - MESSAGE_OVERHEAD_BYTES_MAX;
/// A message and which events of the request are in it.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) message: Message,
    pub(super) positions: Vec<usize>,
}

/// Packs events of any tenants, each tenant's in their order.
///
/// What is too large for a message is halved: SNS bills by chunk, so that a message more costs nothing more.
pub(super) fn pack(drafts: &[Draft], correlation_id: &CorrelationId, now: Timestamp) -> Result<Vec<Packed>, Problem> {
    let mut packed = Vec::new();
    for draft in drafts {
        let mut parts: Vec<&[Accepted]> = vec![&draft.accepted];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let whole = message(draft, part, correlation_id, now)?;
            if whole.message.body.len() <= MESSAGE_BYTES_MAX || part.len() == 1 {
                packed.push(whole);
                continue;
            }
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        }
    }
    Ok(packed)
}

fn message(
    draft: &Draft,
    part: &[Accepted],
    correlation_id: &CorrelationId,
    now: Timestamp,
) -> Result<Packed, Problem> {
    let internal = |error: &dyn Display| Problem::internal(error.to_string());
    let tenant = &draft.tenant;
    let digest = domain::text::Hex(&digest(draft, part)).to_string();
    let data = if part.len() == draft.batch.len() {
        UsageRecordedV2::new(tenant.time_zone_name(), &tenant.layouts, &draft.batch)
    } else {
        let batch = copied(draft, part).map_err(|error| internal(&error))?;
        UsageRecordedV2::new(tenant.time_zone_name(), &tenant.layouts, &batch)
    };
    let envelope = Envelope::new("api", tenant.id, now, correlation_id.clone(), &[&digest], data);
    let message = envelope.encode().map_err(|error| internal(&error))?;
    Ok(Packed { message, positions: part.iter().map(|accepted| accepted.position).collect() })
}

fn copied(draft: &Draft, part: &[Accepted]) -> Result<Batch, usage_log::PushError> {
    let (mut builder, mut remap) = (Builder::default(), Remap::default());
    for accepted in part {
        builder.copy(&draft.batch.event(accepted.row), &mut remap)?;
    }
    Ok(builder.finish())
}

/// A digest of which events these are and what they say, whenever they were sent.
fn digest(draft: &Draft, part: &[Accepted]) -> [u8; 32] {
    let identity = Identity::new(draft.tenant.id);
    let mut digest = Sha256::new();
    for accepted in part {
        digest.update(accepted.key.0);
        digest.update(identity.content(&draft.batch.event(accepted.row)).to_be_bytes());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::KnownTenant;
    use domain::{
        id::TenantId,
        text::Slug,
        usage::{TimeBasis, UsageEvent},
    };
    use jiff::tz::TimeZone;
    use rstest::rstest;
    use std::sync::Arc;
    use usage_log::Layouts;

    /// Text that no compression shortens.
    fn noise(bytes: usize, seed: usize) -> String {
        let block = |n: usize| domain::text::Hex(&domain::id::digest(&[&seed.to_string(), &n.to_string()])).to_string();
        let text: String = (0..=bytes / 64).map(block).collect();
        text[..bytes].to_owned()
    }

    fn draft(slug: &str, count: usize, data_bytes: usize) -> Draft {
        let slug_of = Slug::parse(slug).unwrap();
        let id = TenantId::derived(&[slug]);
        let (time_zone, layouts) = (TimeZone::UTC, Layouts::default());
        let refused_usage = domain::subscription::RefusedUsage::default();
        let tenant = Arc::new(KnownTenant { id, slug: slug_of, time_zone, layouts, refused_usage, canceled_at: None });
        let mut builder = Builder::default();
        for position in 0..count {
            // {"x":"…"} is eight bytes around the text.
            let data = format!(r#"{{"x":"{}"}}"#, noise(data_bytes - 8, position));
            let (id, occurred_at) = (format!("{position:06}"), Timestamp::UNIX_EPOCH);
            let event = UsageEvent {
                id: &id,
                source: "edge",
                event_type: "request",
                occurred_at,
                time_basis: TimeBasis::Event,
                data: &data,
            };
            builder.push(&event, Timestamp::UNIX_EPOCH).unwrap();
        }
        let batch = builder.finish();
        let identity = Identity::new(id);
        let accepted = batch.events().enumerate();
        let accepted =
            accepted.map(|(row, event)| Accepted { position: row, row, key: identity.key(&event), groups: vec![] });
        Draft { accepted: accepted.collect(), tenant, batch }
    }

    fn packed(drafts: &[Draft]) -> Vec<Packed> {
        pack(drafts, &CorrelationId::new("corr-1"), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[rstest]
    #[case::none(0, 100, 0)]
    #[case::one(1, 100, 1)]
    #[case::a_thousand_small(1_000, 100, 1)]
    #[case::the_largest(31, 16 * 1024, 4)]
    fn events_fill_messages(#[case] count: usize, #[case] data_bytes: usize, #[case] messages: usize) {
        let packed = packed(&[draft("acme", count, data_bytes)]);
        assert_eq!(packed.len(), messages);
        assert!(packed.iter().all(|packed| packed.message.body.len() <= MESSAGE_BYTES_MAX));
        let positions: Vec<usize> = packed.iter().flat_map(|packed| packed.positions.clone()).collect();
        assert_eq!(positions, (0..count).collect::<Vec<_>>());
        let events: usize = packed.iter().map(|packed| unpacked(packed).len()).sum();
        assert_eq!(events, count);
    }

    fn unpacked(packed: &Packed) -> Batch {
        Envelope::<UsageRecordedV2>::decode(&packed.message.body).unwrap().data.batch().unwrap()
    }

    #[test]
    fn only_what_is_accepted_is_packed() {
        let mut draft = draft("acme", 3, 10);
        draft.accepted.remove(1);
        let packed = packed(&[draft]);
        assert_eq!(packed[0].positions, [0, 2]);
        let ids: Vec<String> = unpacked(&packed[0]).events().map(|event| event.id().into_owned()).collect();
        assert_eq!(ids, ["000000", "000002"]);
    }

    #[test]
    fn each_tenant_has_its_own_messages() {
        let packed = packed(&[draft("acme", 2, 10), draft("globex", 1, 10)]);
        let of: Vec<_> = packed.iter().map(|packed| packed.message.tenant_id).collect();
        assert_eq!(of, [TenantId::derived(&["acme"]), TenantId::derived(&["globex"])]);
    }

    #[test]
    fn the_same_events_are_the_same_message() {
        let id = |draft: &Draft, at: i64| {
            let now = Timestamp::from_second(at).unwrap();
            pack(std::slice::from_ref(draft), &CorrelationId::new("corr"), now).unwrap()[0].message.id
        };
        assert_eq!(id(&draft("acme", 2, 10), 0), id(&draft("acme", 2, 10), 60));
        assert_ne!(id(&draft("acme", 2, 10), 0), id(&draft("acme", 1, 10), 0));
        assert_ne!(id(&draft("acme", 2, 10), 0), id(&draft("globex", 2, 10), 0));
    }
}
