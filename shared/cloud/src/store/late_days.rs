//! Late days in the table `usage`: local days of which usage was taken or corrected when they were over.
//!
//! A mark only says where a billing run has to look again; what changed is found by counting. Invariant: the mark is
//! written before the usage is published, so that no usage of a day that is over is without one. A day may be marked
//! for nothing.

use super::{
    TenantStore,
    dynamo::Range,
    item::{self, Stored},
    key::{self, Key},
};
use crate::{Fault, settings};
use domain::Timestamp;
use jiff::{SignedDuration, civil::Date};
use serde::{Deserialize, Serialize};

/// How long a process that marked a day need not mark it again.
pub const LATE_MARK_KEPT: SignedDuration = SignedDuration::from_secs(600);
/// How much older than usage its mark may be: that, and as long again for what is on its way and for clocks that differ.
pub const LATE_MARK_MARGIN: SignedDuration = SignedDuration::from_secs(1_200);
/// Days that a mark is kept: longer than the log of the usage.
const MARK_DAYS: i64 = 500;

/// A local day of which usage came, or was corrected, when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateDay {
    /// Which day.
    pub day: Date,
    /// When it was marked last.
    pub marked_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LateDayV1 {
    marked_at: Timestamp,
    /// Seconds since the epoch: what DynamoDB forgets it by.
    expires_at: i64,
}

impl Stored for LateDayV1 {
    const VERSION: u32 = 1;
}

impl TenantStore<'_> {
    /// Marks a local day, which is over, because usage of it is about to be published.
    pub async fn mark_late_day(&self, day: Date, now: Timestamp) -> Result<(), Fault> {
        let key = Key::LateDay { tenant_id: self.tenant_id, day };
        let item = item::write(&key, &shape(now))?;
        self.world.put_item(&self.world.settings().usage_table, item).await
    }

    /// The late days before `day`, by day.
    pub async fn late_days(&self, before: Date) -> Result<Vec<LateDay>, Fault> {
        // The end is inclusive, and a prefix sorts before what it begins.
        let range = Range::Between(key::LATE_DAYS.to_owned(), key::late_day(before));
        let partition = key::tenant_partition(self.tenant_id);
        let items = self.world.query_all(&self.world.settings().usage_table, &partition, range).await?;
        let mut days = Vec::with_capacity(items.len());
        for found in items {
            let sort_key = item::text(&found, "sk")?;
            let day: Date = item::parse(sort_key.strip_prefix(key::LATE_DAYS).unwrap_or_default())?;
            let LateDayV1 { marked_at, .. } = item::read(found)?;
            if day < before {
                days.push(LateDay { day, marked_at });
            }
        }
        Ok(days)
    }
}

fn shape(marked_at: Timestamp) -> LateDayV1 {
    LateDayV1 { marked_at, expires_at: settings::expiry(marked_at, MARK_DAYS).as_second() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};

    const V1: &str = include_str!("../../golden/late_day.1.json");

    #[test]
    fn late_day_v1_is_frozen() {
        // 2 June 2026, 08:00, and 500 days: 15 October 2027.
        let at: Timestamp = "2026-06-02T08:00:00Z".parse().unwrap();
        let read: LateDayV1 = item::read(golden(V1)).unwrap();
        assert_eq!(read.marked_at, at);
        let golden: serde_json::Value = serde_json::from_str(V1).unwrap();
        assert_eq!(json(&shape(at)), golden["item"]);
    }
}
