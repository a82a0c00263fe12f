//! How a tenant's usage log is laid out in lanes, and how that changes (docs/USAGE_LOG.md, *Lanes*).
//!
//! Invariant: which layout holds follows from the start of an event's hour or month alone, and a change holds only for
//! hours that start [`LAYOUT_LEAD`] after it or later. By then whoever places events knows it, and before then nobody has
//! placed one by it: an event has one lane for ever. For the same reason a change that is nearer than that stands.

use crate::{Violation, calendar};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Most shards of a lane.
pub const SHARDS_MAX: u16 = 64;
/// The widths that a bucket may have, in minutes.
pub const BUCKET_MINUTES: [u8; 4] = [60, 30, 15, 5];
/// From a change to the first hour for which it holds, at least: as long as a process of the API may remember what was
/// before, and an hour for events whose time is ahead, requests that are under way, and clocks that differ.
pub const LAYOUT_LEAD: SignedDuration = SignedDuration::from_mins(65);
/// Most changes that are kept: every message carries them.
pub const CHANGES_MAX: usize = 32;
/// Days that a change is kept after the next one has begun to hold: longer than any lane is read or written by its events.
const CHANGES_KEPT_DAYS: i64 = 500;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How the lanes of a tenant are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many lanes a bucket has.
    pub shards: u16,
    /// How wide a bucket is; one of [`BUCKET_MINUTES`].
    pub bucket_minutes: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self { shards: 1, bucket_minutes: 60 }
    }
}

impl Layout {
    /// The layout of so many shards and minutes, if there may be such a one.
    pub fn new(shards: u32, bucket_minutes: u32) -> Result<Self, Violation> {
        let refuse_shards = || {
            let message = format!("send a number from 1 to {SHARDS_MAX}");
            Violation::new("/usageShards", "invalid_shards", message)
        };
        let shards = u16::try_from(shards).ok().filter(|shards| (1..=SHARDS_MAX).contains(shards));
        let shards = shards.ok_or_else(refuse_shards)?;
        let refuse_width = || Violation::new("/usageBucketMinutes", "invalid_bucket", "send 60, 30, 15 or 5");
        let width = BUCKET_MINUTES.into_iter().find(|width| u32::from(*width) == bucket_minutes);
        Ok(Self { shards, bucket_minutes: width.ok_or_else(refuse_width)? })
    }
}

/// The layouts of a tenant over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layouts(Vec<(Timestamp, Layout)>);

impl Layouts {
    /// The default layout, and others that apply to buckets of hours and months that start at an instant or later.
    #[must_use]
    pub fn new(mut changes: Vec<(Timestamp, Layout)>) -> Self {
        changes.sort_by_key(|(from, _)| *from);
        Self(changes)
    }

    /// The changes, by time.
    #[must_use]
    pub fn changes(&self) -> &[(Timestamp, Layout)] {
        &self.0
    }

    /// The layout of the buckets of an hour or month that starts at `start`.
    #[must_use]
    pub fn at(&self, start: Timestamp) -> Layout {
        let before = self.0.iter().rev().find(|(from, _)| *from <= start);
        before.map_or_else(Layout::default, |(_, layout)| *layout)
    }

    /// The layout that holds when all changes do.
    #[must_use]
    pub fn latest(&self) -> Layout {
        self.0.last().map_or_else(Layout::default, |(_, layout)| *layout)
    }

    /// The layout that holds at `now`, and behind it those that will, with the instant of each; `None` for what always held.
    #[must_use]
    pub fn current_and_coming(&self, now: Timestamp) -> Vec<(Option<Timestamp>, Layout)> {
        let begun = self.0.partition_point(|(from, _)| *from <= now);
        let (past, coming) = self.0.split_at(begun);
        let changed = |(from, layout): &(Timestamp, Layout)| (Some(*from), *layout);
        let current = past.last().map_or((None, Layout::default()), changed);
        std::iter::once(current).chain(coming.iter().map(changed)).collect()
    }

    /// These layouts, and `layout` from the first hour in `time_zone` on for which it may hold if it is asked for at `now`.
    ///
    /// It replaces a change that is still to come, unless that is nearer than [`LAYOUT_LEAD`]: then it comes after it.
    /// Asking for what is in force takes back what is to come.
    pub fn changed(&self, layout: Layout, now: Timestamp, time_zone: &TimeZone) -> Result<Self, Violation> {
        let from = first_hour(now, time_zone);
        let mut changes = self.0.clone();
        changes.retain(|(begins, _)| *begins < from);
        let settled = changes.last().map_or_else(Layout::default, |(_, layout)| *layout);
        if settled != layout {
            changes.push((from, layout));
        }
        let kept_from = now.saturating_sub(SignedDuration::from_hours(24 * CHANGES_KEPT_DAYS));
        let kept_from = kept_from.unwrap_or(Timestamp::MIN);
        // The last change before that still holds for what is kept.
        let forgotten = changes.partition_point(|(begins, _)| *begins <= kept_from).saturating_sub(1);
        changes.drain(..forgotten);
        if changes.len() > CHANGES_MAX {
            let message =
                format!("the layout has changed {CHANGES_MAX} times in {CHANGES_KEPT_DAYS} days; leave it as it is");
            return Err(Violation::new("", "too_many_changes", message));
        }
        Ok(Self(changes))
    }
}

/// The start of the first local hour that begins [`LAYOUT_LEAD`] after `now` or later.
fn first_hour(now: Timestamp, time_zone: &TimeZone) -> Timestamp {
    let earliest = now.saturating_add(LAYOUT_LEAD).unwrap_or(Timestamp::MAX);
    let start = calendar::hour_start(earliest, time_zone);
    if start == earliest { start } else { start.saturating_add(HOUR).unwrap_or(Timestamp::MAX) }
}

#[cfg(test)]
mod tests;
