//! The table `usage`: hourly counters, and the transaction that counts events exactly once.
//!
//! One transaction holds a marker for each event (in `processedEvents`) and what they add to the counters, so that an
//! event is either marked and counted or neither. A counter is a number that DynamoDB adds to, or raises; a distinct
//! value is an item of its own, whose second writing changes nothing.

use super::{
    TenantStore,
    dynamo::{Range, Transacted},
    item::{self, Item},
    key::{self, Key},
};
use crate::{Fault, settings};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::{
    Decimal, Timestamp,
    calendar::Period,
    id::MeterId,
    usage::{
        EventKey, GroupKey,
        event::EVENT_AGE_DAYS_MAX,
        meter::ValueDigest,
        window::{CounterValue, HourlyCounter},
    },
};
use std::collections::BTreeMap;

/// Actions of one transaction (AWS limit).
pub const TRANSACTION_ACTIONS_MAX: usize = 100;
/// Days that an event's marker is kept: as long as the event would still be taken, and a month for what is queued.
const EVENT_MARKER_DAYS: i64 = EVENT_AGE_DAYS_MAX + 31;

/// An event to be counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedEvent {
    /// What makes it the same event when it comes again.
    pub key: EventKey,
    /// What it says, to tell a repeat from a conflict.
    pub content: EventKey,
}

/// Which counter changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeltaKey {
    /// Of which meter.
    pub meter_id: MeterId,
    /// In which local hour.
    pub hour: Timestamp,
    /// In which group.
    pub group: GroupKey,
    /// Which distinct value, for a unique count.
    pub member: Option<ValueDigest>,
}

/// How a counter changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    /// By adding.
    Add(Decimal),
    /// By raising it from the value that was read, `None` if there was none, to a greater one.
    Raise(Option<Decimal>, Decimal),
    /// By having one more member, unless it is one already.
    Member,
}

/// What became of a transaction of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountOutcome {
    /// All were counted.
    Counted,
    /// None was: these, by position, had been counted before. Leave them out and try again.
    Seen(Vec<usize>),
    /// None was: a maximum has moved since it was read. Read it again and try again.
    Moved,
}

impl TenantStore<'_> {
    /// Counts `events`, none of which may have been counted before, in one transaction.
    pub async fn count_events(
        &self,
        events: &[CountedEvent],
        deltas: &BTreeMap<DeltaKey, Delta>,
        now: Timestamp,
    ) -> Result<CountOutcome, Fault> {
        let markers = events.iter().map(|event| self.marker(event, now));
        let counters = deltas.iter().map(|(key, delta)| self.counter(key, *delta));
        let actions = markers.chain(counters).collect::<Result<Vec<_>, _>>();
        let actions = actions.map_err(|error| Fault::permanent("dynamodb:TransactWriteItems", error))?;
        match self.world.transact(actions).await? {
            Transacted::Committed => Ok(CountOutcome::Counted),
            Transacted::Refused(refused) => {
                let seen: Vec<usize> = refused.into_iter().filter(|at| *at < events.len()).collect();
                Ok(if seen.is_empty() { CountOutcome::Moved } else { CountOutcome::Seen(seen) })
            }
        }
    }

    /// The content digest of an event that was counted, if it was.
    pub async fn counted_content(&self, key: EventKey) -> Result<Option<String>, Fault> {
        let table = &self.world.settings().processed_events_table;
        let item = self.world.get_item(table, &Key::CountedEvent(self.tenant_id, key)).await?;
        item.map(|item| item::text(&item, "content").map(str::to_owned)).transpose()
    }

    /// The number under one counter, to raise it from.
    pub async fn counter_number(&self, key: &DeltaKey) -> Result<Option<Decimal>, Fault> {
        let table = &self.world.settings().usage_table;
        let item = self.world.get_item(table, &self.counter_key(key)).await?;
        item.map(|item| item::number(&item, "value")).transpose()
    }

    /// All hourly counters of a meter in a period.
    pub async fn counters(&self, meter_id: MeterId, period: Period) -> Result<Vec<HourlyCounter>, Fault> {
        let table = &self.world.settings().usage_table;
        let partition = key::tenant_partition(self.tenant_id);
        let mut counters = Vec::new();
        for prefix in key::counter_prefixes(meter_id) {
            // A period ends before its end: a sort key of the end's own hour is longer than the bare bound.
            let from = format!("{prefix}{}", key::sortable(period.start()));
            let to = format!("{prefix}{}", key::sortable(period.end()));
            let items = self.world.query_all(table, &partition, Range::Between(from, to)).await?;
            for item in items {
                counters.push(read_counter(&item)?);
            }
        }
        Ok(counters)
    }

    fn marker(&self, event: &CountedEvent, now: Timestamp) -> Result<TransactWriteItem, BuildError> {
        let mut item: Item = Key::CountedEvent(self.tenant_id, event.key).attributes();
        item.insert("content".to_owned(), AttributeValue::S(event.content.to_string()));
        item.insert("expiresAt".to_owned(), AttributeValue::N(settings::expires_at(now, EVENT_MARKER_DAYS)));
        let table = &self.world.settings().processed_events_table;
        let put = Put::builder().table_name(table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn counter(&self, key: &DeltaKey, delta: Delta) -> Result<TransactWriteItem, BuildError> {
        let number = |value: Decimal| AttributeValue::N(value.normalize().to_string());
        let group = AttributeValue::S(key::group_text(&key.group));
        let update = Update::builder()
            .table_name(&self.world.settings().usage_table)
            .set_key(Some(self.counter_key(key).attributes()))
            .expression_attribute_names("#hour", "hour")
            .expression_attribute_names("#group", "group")
            .expression_attribute_values(":hour", AttributeValue::S(key.hour.to_string()))
            .expression_attribute_values(":group", group);
        let labels = "SET #hour = :hour, #group = :group";
        let update = match (delta, key.member) {
            (Delta::Add(value), _) => update
                .update_expression(format!("{labels} ADD #value :value"))
                .expression_attribute_names("#value", "value")
                .expression_attribute_values(":value", number(value)),
            (Delta::Raise(from, to), _) => {
                let update = update
                    .update_expression(format!("{labels}, #value = :value"))
                    .expression_attribute_names("#value", "value")
                    .expression_attribute_values(":value", number(to));
                match from {
                    None => update.condition_expression("attribute_not_exists(#value)"),
                    Some(from) => {
                        update.condition_expression("#value = :from").expression_attribute_values(":from", number(from))
                    }
                }
            }
            (Delta::Member, member) => update
                .update_expression(format!("{labels}, #member = :member"))
                .expression_attribute_names("#member", "member")
                .expression_attribute_values(
                    ":member",
                    AttributeValue::S(member.map(|member| member.to_string()).unwrap_or_default()),
                ),
        };
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    fn counter_key<'k>(&self, key: &'k DeltaKey) -> Key<'k> {
        let DeltaKey { meter_id, hour, group, member } = key;
        let (tenant_id, meter_id, hour) = (self.tenant_id, *meter_id, *hour);
        match member {
            None => Key::Counter { tenant_id, meter_id, hour, group },
            Some(value) => Key::Member { tenant_id, meter_id, hour, group, value: *value },
        }
    }
}

type BuildError = aws_sdk_dynamodb::error::BuildError;

fn read_counter(item: &Item) -> Result<HourlyCounter, Fault> {
    let malformed = |_| Fault::permanent("decode item", "the item holds a malformed group");
    let group: Vec<String> = serde_json::from_str(item::text(item, "group")?).map_err(malformed)?;
    let value = match item.get("member") {
        Some(_) => CounterValue::Member(read_member(item::text(item, "member")?)?),
        None => CounterValue::Number(item::number(item, "value")?),
    };
    Ok(HourlyCounter { hour: item::parse(item::text(item, "hour")?)?, group: GroupKey(group), value })
}

fn read_member(hex: &str) -> Result<ValueDigest, Fault> {
    let number = u128::from_str_radix(hex, 16);
    number.map(|number| ValueDigest(number.to_be_bytes())).map_err(|error| Fault::permanent("decode item", error))
}
