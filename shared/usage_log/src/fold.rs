//! What events add to counters: each is held against the meters of its type, without parsing anything.
//!
//! Where a meter's paths lead is found once for each shape; a row then costs a few look-ups. Which group a row belongs to is
//! remembered by the raw values of its dimensions.

use crate::{
    batch::{Batch, EventRef},
    counters::{CounterKey, Counters},
    identity::Identity,
    shape::{Column, Place, Shape},
};
use domain::{
    Timestamp, Violation,
    id::MeterId,
    usage::{
        Aggregation, EventKey, Field, GroupKey, Meter, Quantity, Reading, Tally, TotalOutOfRange,
        meter::{DIMENSIONS_MAX, ValueDigest},
    },
};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// One of the distinct values of a meter and group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// Of which meter.
    pub meter_id: MeterId,
    /// In which group.
    pub group: GroupKey,
    /// Which value.
    pub value: ValueDigest,
}

/// What some events of one hour add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Counters of these events alone.
    pub counters: Counters,
    /// Their distinct values.
    pub members: BTreeSet<Member>,
    /// How many times a meter could not read an event, which then counts for the others.
    pub unreadable: u64,
}

/// Where one meter looks in the events of one shape.
#[derive(Debug)]
struct Sight<'m> {
    meter: &'m Meter,
    value: Place,
    filters: Vec<Place>,
    dimensions: Vec<Place>,
    amount: Amount,
    /// The columns of the dimensions that are not the same for all events of the shape, and whether they are texts.
    differing: Vec<(usize, bool)>,
}

/// What an event adds to a sum, where that is plain to see.
#[derive(Clone, Copy, Debug)]
enum Amount {
    /// One: it is counted, and no filter leaves it out.
    One,
    /// The plain number in this column, with so many digits after the point.
    Number(usize, u8),
    /// It takes a closer look.
    Unclear,
}

impl Amount {
    fn new(meter: &Meter, value: Place, shape: &Shape) -> Self {
        match (&meter.aggregation, value) {
            _ if !meter.filters.is_empty() => Self::Unclear,
            (Aggregation::Count, _) => Self::One,
            (Aggregation::Sum(_), Place::Column(column)) => match shape.columns()[column] {
                Column::Number(scale) => Self::Number(column, scale),
                Column::Text | Column::Json => Self::Unclear,
            },
            _ => Self::Unclear,
        }
    }

    #[inline]
    fn of(self, event: &EventRef<'_>) -> Option<Quantity> {
        match self {
            Self::One => Some(Quantity::ONE),
            Self::Number(column, scale) => Quantity::new(event.raw(column), scale).ok(),
            Self::Unclear => None,
        }
    }
}

impl<'m> Sight<'m> {
    fn new(meter: &'m Meter, shape: &Shape) -> Self {
        let place = |field| meter.path(field).map_or(Place::Nowhere, |path| shape.place(path));
        let dimensions: Vec<Place> = (0..meter.dimensions.len()).map(|at| place(Field::Dimension(at))).collect();
        let differing = dimensions.iter().filter_map(|place| match place {
            Place::Column(column) => Some((*column, !matches!(shape.columns()[*column], Column::Number(_)))),
            Place::Boolean(_) | Place::Nowhere => None,
        });
        let value = place(Field::Value);
        Self {
            meter,
            value,
            amount: Amount::new(meter, value, shape),
            filters: (0..meter.filters.len()).map(|at| place(Field::Filter(at))).collect(),
            differing: differing.collect(),
            dimensions,
        }
    }

    /// The raw values of the dimensions that differ: the same for the same group of events of this shape.
    fn raw(&self, event: &EventRef<'_>) -> [i64; DIMENSIONS_MAX] {
        let mut values = [0; DIMENSIONS_MAX];
        for (value, (column, _)) in values.iter_mut().zip(&self.differing) {
            *value = event.raw(*column);
        }
        values
    }

    fn place(&self, field: Field) -> Place {
        match field {
            Field::Value => self.value,
            Field::Filter(at) => self.filters[at],
            Field::Dimension(at) => self.dimensions[at],
        }
    }

    fn read(&self, event: &EventRef<'_>) -> Result<Option<Reading>, Violation> {
        self.meter.read(|field| event.scalar(self.place(field)))
    }

    fn group(&self, event: &EventRef<'_>) -> Result<GroupKey, Violation> {
        self.meter.group_of(|field| event.scalar(self.place(field)))
    }
}

/// The meters as the events of one batch meet them.
#[derive(Debug)]
pub struct Sights<'m> {
    /// By shape.
    shapes: Vec<Vec<Sight<'m>>>,
}

impl<'m> Sights<'m> {
    /// How `meters` see the events of `batch`.
    #[must_use]
    pub fn new(meters: &'m [Meter], batch: &Batch) -> Self {
        let picking = |shape: &Shape| {
            let meters = meters.iter().filter(|meter| *meter.event_type == *shape.event_type);
            meters.map(|meter| Sight::new(meter, shape)).collect()
        };
        Self { shapes: batch.shapes().iter().map(|shape| picking(shape)).collect() }
    }

    /// Refuses an event that a meter of its type cannot read; answers the groups that it belongs to.
    pub fn check(&self, event: &EventRef<'_>) -> Result<Vec<(MeterId, GroupKey)>, Violation> {
        let mut groups = Vec::new();
        for sight in &self.shapes[event.row.shape as usize] {
            if sight.read(event)?.is_some() && !sight.dimensions.is_empty() {
                groups.push((sight.meter.id, sight.group(event)?));
            }
        }
        Ok(groups)
    }
}

/// Adds up events of one hour.
#[derive(Debug)]
pub struct Fold<'b, 'm> {
    sights: &'b Sights<'m>,
    hour: Timestamp,
    slots: Vec<(CounterKey, Option<Tally>)>,
    by_key: HashMap<CounterKey, usize>,
    /// By shape and meter.
    groups: Vec<Vec<Groups>>,
    members: BTreeSet<Member>,
    unreadable: u64,
}

/// Which slots the groups of one meter have, as it sees events of one shape.
#[derive(Debug)]
enum Groups {
    /// All events are of one group.
    One(Option<usize>),
    /// By the raw value of the one dimension that differs, which is a text: slots by its position.
    Texts(usize, Vec<Option<usize>>),
    /// By the raw values of the dimensions that differ, and zeros.
    Values(HashMap<[i64; DIMENSIONS_MAX], usize>),
}

impl Groups {
    fn new(sight: &Sight<'_>) -> Self {
        match sight.differing.as_slice() {
            [] => Self::One(None),
            [(column, true)] => Self::Texts(*column, Vec::new()),
            _ => Self::Values(HashMap::new()),
        }
    }

    /// Where the slot of the group of `event` is remembered; `None` if it is known to be none yet.
    #[inline]
    fn known(&self, sight: &Sight<'_>, event: &EventRef<'_>) -> Option<usize> {
        match self {
            Self::One(slot) => *slot,
            Self::Texts(column, slots) => {
                usize::try_from(event.raw(*column)).ok().and_then(|text| slots.get(text).copied().flatten())
            }
            Self::Values(slots) => slots.get(&sight.raw(event)).copied(),
        }
    }

    fn remember(&mut self, sight: &Sight<'_>, event: &EventRef<'_>, slot: usize) {
        match self {
            Self::One(known) => *known = Some(slot),
            Self::Texts(column, slots) => {
                slots.resize(event.batch.texts.len(), None);
                if let Ok(text) = usize::try_from(event.raw(*column)) {
                    slots[text] = Some(slot);
                }
            }
            Self::Values(slots) => drop(slots.insert(sight.raw(event), slot)),
        }
    }
}

impl<'b, 'm> Fold<'b, 'm> {
    /// Of events that `sights` sees, in the hour that starts at `hour`.
    #[must_use]
    pub fn new(sights: &'b Sights<'m>, hour: Timestamp) -> Self {
        Self {
            sights,
            hour,
            slots: Vec::new(),
            by_key: HashMap::new(),
            groups: sights.shapes.iter().map(|sights| sights.iter().map(Groups::new).collect()).collect(),
            members: BTreeSet::new(),
            unreadable: 0,
        }
    }

    /// Adds `event`, which is known as `key`.
    pub fn add(&mut self, event: &EventRef<'_>, key: EventKey) -> Result<(), TotalOutOfRange> {
        self.add_known_as(event, || key)
    }

    /// Adds `event`, which is known as `key` says, if that matters.
    fn add_known_as(&mut self, event: &EventRef<'_>, key: impl Fn() -> EventKey) -> Result<(), TotalOutOfRange> {
        let sights = self.sights;
        for (position, sight) in sights.shapes[event.row.shape as usize].iter().enumerate() {
            // Most meters count or add up, and most events fall into a group that has a total: no more than an addition.
            if let Some(amount) = sight.amount.of(event)
                && let Some(slot) = self.groups[event.row.shape as usize][position].known(sight, event)
                && let Some(Tally::Sum(total)) = &mut self.slots[slot].1
            {
                *total = total.checked_add(amount).ok_or(TotalOutOfRange)?;
                continue;
            }
            self.add_reading(event, position, sight, &key)?;
        }
        Ok(())
    }

    fn add_reading(
        &mut self,
        event: &EventRef<'_>,
        position: usize,
        sight: &Sight<'_>,
        key: impl Fn() -> EventKey,
    ) -> Result<(), TotalOutOfRange> {
        let reading = match sight.read(event) {
            Ok(Some(reading)) => reading,
            Ok(None) => return Ok(()),
            Err(_) => {
                self.unreadable += 1;
                return Ok(());
            }
        };
        let Some(slot) = self.slot(event, position, sight) else { return Ok(()) };
        let (counter, total) = &mut self.slots[slot];
        if let Reading::Member(value) = reading {
            self.members.insert(Member { meter_id: counter.meter_id, group: counter.group.clone(), value });
            return Ok(());
        }
        let tie = if matches!(sight.meter.aggregation, Aggregation::Latest(_)) { tie(key()) } else { 0 };
        let tally = Tally::of(&sight.meter.aggregation, reading, event.occurred_at(), self.hour, tie);
        *total = match (*total, tally) {
            (Some(total), Some(tally)) => Some(total.merge(tally)?),
            (total, tally) => total.or(tally),
        };
        Ok(())
    }

    /// What was added.
    #[must_use]
    pub fn finish(self) -> Contribution {
        let mut counters = Counters::default();
        for (key, tally) in self.slots {
            if let Some(tally) = tally {
                counters.0.insert(key, tally);
            }
        }
        Contribution { counters, members: self.members, unreadable: self.unreadable }
    }

    /// The slot of the group that `event` belongs to; `None` if that cannot be read.
    fn slot(&mut self, event: &EventRef<'_>, position: usize, sight: &Sight<'_>) -> Option<usize> {
        let groups = &mut self.groups[event.row.shape as usize][position];
        if let Some(slot) = groups.known(sight, event) {
            return Some(slot);
        }
        let Ok(group) = sight.group(event) else {
            self.unreadable += 1;
            return None;
        };
        let key = CounterKey { meter_id: sight.meter.id, group };
        let slots = &mut self.slots;
        let slot = *self.by_key.entry(key.clone()).or_insert_with(|| {
            slots.push((key, None));
            slots.len() - 1
        });
        groups.remember(sight, event, slot);
        Some(slot)
    }
}

/// Which of two events of one instant is the later one: by what they are known by, for want of anything better.
fn tie(key: EventKey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// What some events of one hour add, each known by its identity.
pub fn fold<'e>(
    meters: &[Meter],
    batch: &'e Batch,
    events: impl Iterator<Item = EventRef<'e>>,
    identity: &Identity,
    hour: Timestamp,
) -> Result<Contribution, TotalOutOfRange> {
    let sights = Sights::new(meters, batch);
    let mut fold = Fold::new(&sights, hour);
    for event in events {
        fold.add_known_as(&event, || identity.key(&event))?;
    }
    Ok(fold.finish())
}

#[cfg(test)]
mod tests;
