//! The table `usage` as it is read: what lanes have counted, hour by hour, and which groups there are.

use super::{
    TenantStore,
    dynamo::Range,
    item::Item,
    key::{self, Key},
    lanes::{self, StoredHead, StoredHour},
    recount,
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
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use usage_log::{Head, Lane};

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
    /// The log that it was counted from.
    pub log: LaneLog,
}

/// The log of a lane, as its head speaks of it.
#[derive(Clone, Debug)]
pub struct LaneLog {
    /// Which lane.
    pub lane: Lane,
    /// The head; shared, because a lane may have put many hours aside.
    pub head: Arc<Head>,
}

impl TenantStore<'_> {
    /// All hourly counters of a meter in a period.
    pub async fn counters(&self, meter: &Meter, period: Period) -> Result<Vec<HourlyCounter>, Fault> {
        self.counters_of(&self.lane_hours(period).await?, meter, period).await
    }

    /// The counters of a meter among `hours`, which are those of `period`.
    pub async fn counters_of(
        &self,
        hours: &[LaneHour],
        meter: &Meter,
        period: Period,
    ) -> Result<Vec<HourlyCounter>, Fault> {
        if matches!(meter.aggregation, Aggregation::UniqueCount(_)) {
            let epoch = |hour: &LaneHour| ((hour.hour, hour.lane.clone()), hour.stored.notes.epoch);
            return self.members(meter.id, period, &hours.iter().map(epoch).collect()).await;
        }
        let mut counters = Vec::new();
        for LaneHour { hour, stored, .. } in hours {
            for (key, tally) in stored.counters.0.iter().filter(|(key, _)| key.meter_id == meter.id) {
                let group = key.group.clone();
                counters.push(HourlyCounter { hour: *hour, group, value: CounterValue::Tally(*tally) });
            }
        }
        Ok(counters)
    }

    /// What each lane has counted in each hour of a period, by hour.
    ///
    /// An arrival lane's head is read before the hours that it has put aside: an hour that moves in between is seen twice
    /// and never missed, and of two the one of the later version counts.
    pub async fn lane_hours(&self, period: Period) -> Result<Vec<LaneHour>, Fault> {
        let mut hours: BTreeMap<(Timestamp, String), (StoredHour, LaneLog)> = BTreeMap::new();
        // By shard and month: the logs that hours which were put aside belong to.
        let mut arrivals: BTreeMap<(String, Timestamp), LaneLog> = BTreeMap::new();
        let earliest = period.start().saturating_sub(MONTH_MAX).unwrap_or(Timestamp::MIN);
        for item in self.usage_items("A", earliest, period.end()).await? {
            let lane = suffix(&item)?;
            let (hour, stored, log) = self.read_log(&item)?;
            arrivals.insert((lane.clone(), log.lane.bucket.start()), log.clone());
            if period.contains(hour) {
                newest(&mut hours, (hour, lane), stored, log);
            }
        }
        for item in self.usage_items("H", period.start(), period.end()).await? {
            let lane = suffix(&item)?;
            if lane.starts_with('A') {
                let (hour, stored) = lanes::read_hour(&item)?;
                let months = arrivals.range((lane.clone(), Timestamp::MIN)..=(lane.clone(), hour));
                let log = months.last().map(|(_, log)| log.clone());
                let log = log.ok_or_else(|| Fault::permanent("read usage", "an hour was put aside by no lane"))?;
                newest(&mut hours, (hour, lane), stored, log);
            } else {
                let (hour, stored, log) = self.read_log(&item)?;
                newest(&mut hours, (hour, lane), stored, log);
            }
        }
        let lane_hour = |((hour, lane), (stored, log))| LaneHour { hour, lane, stored, log };
        Ok(hours.into_iter().map(lane_hour).collect())
    }

    /// The hour of a head, what is counted in it, and the log.
    fn read_log(&self, item: &Item) -> Result<(Timestamp, StoredHour, LaneLog), Fault> {
        let lane = recount::lane_of_head(self.tenant_id, item)?;
        let StoredHead { mut head, notes } = lanes::read_head(item)?;
        let counters = std::mem::take(&mut head.counters);
        let (hour, version) = (head.hour, head.version);
        Ok((hour, StoredHour { version, counters, notes }, LaneLog { lane, head: Arc::new(head) }))
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

fn newest(
    hours: &mut BTreeMap<(Timestamp, String), (StoredHour, LaneLog)>,
    key: (Timestamp, String),
    stored: StoredHour,
    log: LaneLog,
) {
    match hours.get(&key) {
        Some((there, _)) if there.version >= stored.version => {}
        Some(_) | None => drop(hours.insert(key, (stored, log))),
    }
}
