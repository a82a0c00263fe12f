//! The table `usage` as it is read: what lanes have counted, hour by hour, and which groups there are.

use super::{
    TenantStore,
    dynamo::Range,
    item::Item,
    key::{self, Key},
    lanes::{self, StoredHead, StoredHour},
};
use crate::{Fault, settings};
use aws_sdk_dynamodb::{error::ProvideErrorMetadata, primitives::Blob, types::AttributeValue};
use domain::{
    Timestamp,
    calendar::Period,
    usage::{
        Aggregation, GroupKey, Meter,
        window::{CounterValue, HourlyCounter},
    },
};
use jiff::SignedDuration;
use std::collections::{BTreeMap, HashSet};

/// Groups that a tenant's meters may have together in a month: what keeps the counters of an hour one small item.
pub const GROUPS_MAX: usize = 1_000;
/// The longest month, and an hour for a change of clocks: an arrival lane may hold hours this long after its start.
const MONTH_MAX: SignedDuration = SignedDuration::from_hours(31 * 24 + 1);
/// Days that the groups of a month are remembered for after its start.
const GROUPS_DAYS: i64 = 500;

/// 128 bits that stand for a meter and one of its groups.
pub type GroupDigest = [u8; 16];

/// What one lane has counted in one hour.
#[derive(Clone, Debug)]
pub struct LaneHour {
    /// The hour.
    pub hour: Timestamp,
    /// What tells its lane from the others of the hour.
    pub lane: String,
    /// What it has counted.
    pub stored: StoredHour,
}

impl TenantStore<'_> {
    /// All hourly counters of a meter in a period.
    pub async fn counters(&self, meter: &Meter, period: Period) -> Result<Vec<HourlyCounter>, Fault> {
        let hours = self.lane_hours(period).await?;
        if matches!(meter.aggregation, Aggregation::UniqueCount(_)) {
            let epochs = hours.into_iter().map(|hour| ((hour.hour, hour.lane), hour.stored.notes.epoch)).collect();
            return self.members(meter.id, period, &epochs).await;
        }
        let mut counters = Vec::new();
        for LaneHour { hour, stored, .. } in hours {
            for (key, tally) in stored.counters.0.into_iter().filter(|(key, _)| key.meter_id == meter.id) {
                counters.push(HourlyCounter { hour, group: key.group, value: CounterValue::Tally(tally) });
            }
        }
        Ok(counters)
    }

    /// What each lane has counted in each hour of a period, by hour.
    ///
    /// An arrival lane's head is read before the hours that it has put aside: an hour that moves in between is seen twice
    /// and never missed, and of two the one of the later version counts.
    pub async fn lane_hours(&self, period: Period) -> Result<Vec<LaneHour>, Fault> {
        let mut hours: BTreeMap<(Timestamp, String), StoredHour> = BTreeMap::new();
        let earliest = period.start().saturating_sub(MONTH_MAX).unwrap_or(Timestamp::MIN);
        for item in self.usage_items("A", earliest, period.end()).await? {
            let (hour, stored) = as_hour(lanes::read_head(&item)?);
            if period.contains(hour) {
                newest(&mut hours, (hour, suffix(&item)?), stored);
            }
        }
        for item in self.usage_items("H", period.start(), period.end()).await? {
            let lane = suffix(&item)?;
            let (hour, stored) =
                if lane.starts_with('A') { lanes::read_hour(&item)? } else { as_hour(lanes::read_head(&item)?) };
            newest(&mut hours, (hour, lane), stored);
        }
        Ok(hours.into_iter().map(|((hour, lane), stored)| LaneHour { hour, lane, stored }).collect())
    }

    pub(super) async fn usage_items(&self, kind: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Item>, Fault> {
        // The end is exclusive: a sort key of the end itself goes on behind the bare bound.
        let range = Range::Between(format!("{kind}#{}", key::sortable(from)), format!("{kind}#{}", key::sortable(to)));
        let partition = key::tenant_partition(self.tenant_id);
        self.world.query_all(&self.world.settings().usage_table, &partition, range).await
    }

    /// The groups that the tenant's meters have had in the local month that starts at `month`.
    pub async fn groups(&self, month: Timestamp) -> Result<HashSet<GroupDigest>, Fault> {
        let key = Key::Groups { tenant_id: self.tenant_id, month };
        let item = self.world.get_item(&self.world.settings().usage_table, &key).await?;
        let groups = item.as_ref().and_then(|item| item.get("groups")).and_then(|groups| groups.as_bs().ok());
        let groups = groups.into_iter().flatten();
        Ok(groups.filter_map(|digest| digest.as_ref().try_into().ok()).collect())
    }

    /// Adds groups to a month, unless it has no room for them; answers whether it had.
    pub async fn add_groups(&self, month: Timestamp, groups: &[GroupDigest]) -> Result<bool, Fault> {
        let room = GROUPS_MAX.saturating_sub(groups.len());
        let digests = groups.iter().map(|digest| Blob::new(digest.as_slice())).collect();
        let update = self.world.dynamo().update_item().table_name(&self.world.settings().usage_table);
        let update = update
            .set_key(Some(Key::Groups { tenant_id: self.tenant_id, month }.attributes()))
            .update_expression("SET expiresAt = :expires ADD #groups :groups")
            .condition_expression("attribute_not_exists(#groups) OR size(#groups) <= :room")
            .expression_attribute_names("#groups", "groups")
            .expression_attribute_values(":groups", AttributeValue::Bs(digests))
            .expression_attribute_values(":room", AttributeValue::N(room.to_string()))
            .expression_attribute_values(":expires", AttributeValue::N(settings::expires_at(month, GROUPS_DAYS)));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(Fault::of_call("dynamodb:UpdateItem", error)),
        }
    }
}

fn as_hour(StoredHead { head, notes }: StoredHead) -> (Timestamp, StoredHour) {
    (head.hour, StoredHour { version: head.version, counters: head.counters, notes })
}

/// What stands for `group` of the meter `meter_id`.
#[must_use]
pub fn group_digest(meter_id: domain::id::MeterId, group: &GroupKey) -> GroupDigest {
    let meter_id = meter_id.to_string();
    let parts: Vec<&str> = std::iter::once(meter_id.as_str()).chain(group.0.iter().map(String::as_str)).collect();
    domain::usage::event::digest(&parts)
}

/// What stands behind the last separator of the sort key.
fn suffix(item: &Item) -> Result<String, Fault> {
    let (_, suffix) = super::item::text(item, "sk")?.rsplit_once('#').unwrap_or_default();
    Ok(suffix.to_owned())
}

fn newest(hours: &mut BTreeMap<(Timestamp, String), StoredHour>, key: (Timestamp, String), stored: StoredHour) {
    match hours.get(&key) {
        Some(there) if there.version >= stored.version => {}
        _ => drop(hours.insert(key, stored)),
    }
}
