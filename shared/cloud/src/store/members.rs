//! The distinct values of a unique count: pages of a meter and hour, only ever added to.
//!
//! A page is written after the events that it is of were committed, and before their messages are acknowledged. Its key is a
//! function of what is in it, so that writing it again changes nothing, and the values of an hour are the union of its
//! pages. A recount, after an event was voided or amended, writes all pages of its lane and hour anew under another epoch,
//! which the lane's head puts in force; pages of an epoch that is over, whoever wrote them and when, say nothing.

use super::{
    TenantStore,
    dynamo::Range,
    item::{self, Item},
    key::{self, Key},
};
use crate::Fault;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    Timestamp,
    calendar::Period,
    id::MeterId,
    usage::{
        GroupKey,
        meter::ValueDigest,
        window::{CounterValue, HourlyCounter},
    },
};
use std::collections::{BTreeMap, HashMap};
use usage_log::{Lane, Member};

/// Values of one page: 16 KB.
const PAGE_VALUES_MAX: usize = 1_000;
const VALUE_BYTES: usize = 16;

/// A page of distinct values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPage {
    /// Of which meter.
    pub meter_id: MeterId,
    /// In which hour.
    pub hour: Timestamp,
    /// In which epoch of its lane and hour.
    pub epoch: u64,
    /// In which group.
    pub group: GroupKey,
    /// The values, in order.
    pub values: Vec<ValueDigest>,
}

/// The pages of `members` of one lane and hour, which are in order.
pub fn pages<'m>(members: impl IntoIterator<Item = &'m Member>, hour: Timestamp, epoch: u64) -> Vec<MemberPage> {
    let mut by_group: BTreeMap<(MeterId, &GroupKey), Vec<ValueDigest>> = BTreeMap::new();
    for member in members {
        by_group.entry((member.meter_id, &member.group)).or_default().push(member.value);
    }
    let mut pages = Vec::new();
    for ((meter_id, group), values) in by_group {
        for values in values.chunks(PAGE_VALUES_MAX) {
            pages.push(MemberPage { meter_id, hour, epoch, group: group.clone(), values: values.to_vec() });
        }
    }
    pages
}

impl MemberPage {
    /// Its name: what is in it.
    #[must_use]
    pub fn name(&self) -> String {
        let group = serde_json::Value::from(self.group.0.clone()).to_string();
        let values: String = self.values.iter().map(ToString::to_string).collect();
        domain::text::Hex(&domain::usage::event::digest(&[&group, &values])).to_string()
    }
}

impl TenantStore<'_> {
    /// Stores a page of `lane`.
    pub async fn put_members(&self, lane: &Lane, page: &MemberPage) -> Result<(), Fault> {
        let (name, MemberPage { meter_id, hour, epoch, group, values }) = (page.name(), page);
        let key = Key::Members { lane, meter_id: *meter_id, hour: *hour, epoch: *epoch, page: &name };
        let mut item: Item = key.attributes();
        let group = group.0.iter().map(|value| AttributeValue::S(value.clone())).collect();
        let values: Vec<u8> = values.iter().flat_map(|value| value.0).collect();
        item.extend([
            ("v".to_owned(), AttributeValue::N("1".to_owned())),
            ("hour".to_owned(), AttributeValue::S(hour.to_string())),
            ("group".to_owned(), AttributeValue::L(group)),
            ("values".to_owned(), AttributeValue::B(Blob::new(values))),
        ]);
        self.world.put_item(&self.world.settings().usage_table, item).await
    }

    /// The distinct values of a meter in a period, of the epochs that are in force, by hour and lane.
    pub(super) async fn members(
        &self,
        meter_id: MeterId,
        period: Period,
        epochs: &HashMap<(Timestamp, String), u64>,
    ) -> Result<Vec<HourlyCounter>, Fault> {
        let prefix = format!("V#{meter_id}#");
        let from = format!("{prefix}{}", key::sortable(period.start()));
        let to = format!("{prefix}{}", key::sortable(period.end()));
        let partition = key::tenant_partition(self.tenant_id);
        let table = &self.world.settings().usage_table;
        let items = self.world.query_all(table, &partition, Range::Between(from, to)).await?;
        let mut counters = Vec::new();
        for item in &items {
            let (lane, page) = read_page(meter_id, item)?;
            if epochs.get(&(page.hour, lane)) != Some(&page.epoch) {
                continue;
            }
            let MemberPage { hour, group, values, .. } = page;
            let counter = |value| HourlyCounter { hour, group: group.clone(), value: CounterValue::Member(value) };
            counters.extend(values.into_iter().map(counter));
        }
        Ok(counters)
    }
}

/// A page, and the tag of its lane.
pub(super) fn read_page(meter_id: MeterId, item: &Item) -> Result<(String, MemberPage), Fault> {
    let malformed = || Fault::permanent("decode item", "the item holds a malformed page of values");
    let mut parts = item::text(item, "sk")?.rsplit('#').skip(1);
    let (epoch, lane) = (parts.next().ok_or_else(malformed)?, parts.next().ok_or_else(malformed)?);
    let group = item.get("group").and_then(|group| group.as_l().ok()).ok_or_else(malformed)?;
    let group: Option<Vec<String>> = group.iter().map(|value| value.as_s().ok().cloned()).collect();
    let values = item.get("values").and_then(|values| values.as_b().ok()).ok_or_else(malformed)?;
    let values = values.as_ref().chunks_exact(VALUE_BYTES);
    if !values.remainder().is_empty() {
        return Err(malformed());
    }
    let digest = |bytes: &[u8]| bytes.try_into().map(ValueDigest).map_err(|_| malformed());
    let page = MemberPage {
        meter_id,
        hour: item::parse(item::text(item, "hour")?)?,
        epoch: u64::from_str_radix(epoch, 16).map_err(|_| malformed())?,
        group: GroupKey(group.ok_or_else(malformed)?),
        values: values.map(digest).collect::<Result<_, Fault>>()?,
    };
    Ok((lane.to_owned(), page))
}
