//! In which lane an event lies: the tenant's, the bucket's, and one of the bucket's shards.
//!
//! Invariant: the lane is a function of the event and of settings that change only from a bucket in the future on, so
//! that a repeat, however late, comes to the lane of the first.

use crate::batch::EventRef;
use domain::{
    TimeZone, Timestamp,
    calendar::{self, CalendarError},
    id::TenantId,
    usage::{
        Bucket, EventKey, TimeBasis,
        layout::{Layout, Layouts, SHARDS_MAX},
        window::Window,
    },
};
use std::fmt;

/// What spreads keys over shards: 2^64 divided by the golden ratio. Frozen, as an event must not change its lane.
const SHARD_MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const HOUR_SECONDS: i64 = 3_600;

/// A lane: the events among which an id is unique, and which are committed one batch after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Which stretch of time it holds.
    pub bucket: Bucket,
    /// Which of the bucket's shards it is.
    pub shard: u16,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant_id, self.bucket, self.shard)
    }
}

/// Finds lanes and hours for one tenant's events, and remembers those of the event before.
#[derive(Debug)]
pub struct Lanes<'a> {
    tenant_id: TenantId,
    time_zone: &'a TimeZone,
    layouts: &'a Layouts,
    hour: Option<Stretch>,
    month: Option<Stretch>,
}

/// A stretch of time, `[start, end)`.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: Timestamp,
    end: Timestamp,
    layout: Layout,
}

impl Stretch {
    fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl<'a> Lanes<'a> {
    /// For the events of `tenant_id`.
    #[must_use]
    pub fn new(tenant_id: TenantId, time_zone: &'a TimeZone, layouts: &'a Layouts) -> Self {
        Self { tenant_id, time_zone, layouts, hour: None, month: None }
    }

    /// The lane of `event`, and the local hour in which it counts.
    #[inline]
    pub fn of(&mut self, event: &EventRef<'_>, key: EventKey) -> Result<(Lane, Timestamp), CalendarError> {
        let at = event.occurred_at();
        let hour = self.hour(at)?;
        let (bucket, layout) = match event.shape().time_basis {
            TimeBasis::Event => (Bucket::Timed(slot(hour.start, at, hour.layout)), hour.layout),
            TimeBasis::Arrival => {
                let month = self.month(at)?;
                (Bucket::Arrival(month.start), month.layout)
            }
        };
        let shard = shard(key, layout.shards);
        Ok((Lane { tenant_id: self.tenant_id, bucket, shard }, hour.start))
    }

    #[inline]
    fn hour(&mut self, at: Timestamp) -> Result<Stretch, CalendarError> {
        match self.hour.filter(|hour| hour.holds(at)) {
            Some(hour) => Ok(hour),
            None => self.find_hour(at),
        }
    }

    fn find_hour(&mut self, at: Timestamp) -> Result<Stretch, CalendarError> {
        let start = calendar::hour_start(at, self.time_zone);
        let end = Window::Hour.end(at, self.time_zone)?;
        let hour = Stretch { start, end, layout: self.layouts.at(start) };
        // Where clocks change by half an hour, two local hours overlap: such an hour is no stretch to remember.
        let whole = calendar::hour_start(start, self.time_zone) == start
            && last_second(end).is_some_and(|last| calendar::hour_start(last, self.time_zone) == start);
        self.hour = whole.then_some(hour);
        Ok(hour)
    }

    fn month(&mut self, at: Timestamp) -> Result<Stretch, CalendarError> {
        if let Some(month) = self.month.filter(|month| month.holds(at)) {
            return Ok(month);
        }
        let start = calendar::month_start(at, self.time_zone)?;
        let end = Window::Month.end(at, self.time_zone)?;
        let month = Stretch { start, end, layout: self.layouts.at(start) };
        self.month = Some(month);
        Ok(month)
    }
}

/// The start of the bucket that holds `at`, in the hour that starts at `hour`.
fn slot(hour: Timestamp, at: Timestamp, layout: Layout) -> Timestamp {
    let width = i64::from(layout.bucket_minutes.clamp(1, 60)) * 60;
    if width == HOUR_SECONDS {
        return hour;
    }
    let into = at.as_second() - hour.as_second();
    Timestamp::from_second(at.as_second() - into.rem_euclid(width)).unwrap_or(hour)
}

fn last_second(end: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(end.as_second() - 1).ok()
}

/// The shard of what is known as `key`. A UUID is its own key, and may be as regular as it likes: all of it is mixed.
fn shard(key: EventKey, shards: u16) -> u16 {
    if shards <= 1 {
        return 0;
    }
    let key = u128::from_le_bytes(key.0);
    let [low, high] = [key & u128::from(u64::MAX), key >> 64].map(|half| u64::try_from(half).unwrap_or(0));
    let mixed = (low.wrapping_mul(SHARD_MIX) ^ high.rotate_left(32)).wrapping_mul(SHARD_MIX) >> 32;
    // Of 2^32 values, an equal share to each shard.
    u16::try_from((mixed * u64::from(shards.min(SHARDS_MAX))) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests;
