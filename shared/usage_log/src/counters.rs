//! The counters of one lane and hour, and how they are written: by meter and group, in their order, so that equal
//! counters are equal bytes. The format is frozen.

use crate::bytes::{DecodeError, Reader, put_i64, put_i128, put_len, put_text, put_u64};
use domain::{
    Timestamp,
    id::MeterId,
    usage::{GroupKey, Quantity, Tally, TotalOutOfRange},
};
use std::collections::BTreeMap;

/// The format that is written.
const FORMAT: u8 = 1;
const SUM: u8 = 0;
const MIN: u8 = 1;
const MAX: u8 = 2;
const LATEST: u8 = 3;
const AVERAGE: u8 = 4;
const WEIGHTED: u8 = 5;

/// Which counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// Of which meter.
    pub meter_id: MeterId,
    /// In which group.
    pub group: GroupKey,
}

/// Counters of one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<CounterKey, Tally>);

impl Counters {
    /// Both together.
    pub fn merge(&mut self, other: Self) -> Result<(), TotalOutOfRange> {
        for (key, tally) in other.0 {
            let total = match self.0.get(&key) {
                Some(total) => total.merge(tally)?,
                None => tally,
            };
            self.0.insert(key, total);
        }
        Ok(())
    }

    /// The bytes of the counters.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        let mut meters: Vec<(MeterId, Vec<(&GroupKey, &Tally)>)> = Vec::new();
        for (key, tally) in &self.0 {
            match meters.last_mut() {
                Some((meter_id, groups)) if *meter_id == key.meter_id => groups.push((&key.group, tally)),
                _ => meters.push((key.meter_id, vec![(&key.group, tally)])),
            }
        }
        put_len(&mut out, meters.len());
        for (meter_id, groups) in meters {
            out.extend_from_slice(meter_id.as_bytes());
            put_len(&mut out, groups.len());
            for (group, tally) in groups {
                put_len(&mut out, group.0.len());
                group.0.iter().for_each(|value| put_text(&mut out, value));
                put_tally(&mut out, tally);
            }
        }
        out
    }

    /// How many bytes that is.
    pub(crate) fn encoded_len(&self) -> usize {
        // Counters are written once more for the head: that is cheaper than a second way to measure them is to trust.
        self.encode().len()
    }

    /// The counters in `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(bytes);
        if reader.byte()? != FORMAT {
            return Err(reader.malformed());
        }
        let mut counters = BTreeMap::new();
        for _ in 0..reader.len()? {
            let meter_id = MeterId::from_bytes(reader.sixteen()?);
            for _ in 0..reader.len()? {
                let mut group = Vec::new();
                for _ in 0..reader.len()? {
                    group.push(reader.text()?.to_owned());
                }
                counters.insert(CounterKey { meter_id, group: GroupKey(group) }, take_tally(&mut reader)?);
            }
        }
        if reader.0.is_empty() { Ok(Self(counters)) } else { Err(reader.malformed()) }
    }
}

fn put_tally(out: &mut Vec<u8>, tally: &Tally) {
    match tally {
        Tally::Sum(value) => put(out, SUM, &[*value]),
        Tally::Min(value) => put(out, MIN, &[*value]),
        Tally::Max(value) => put(out, MAX, &[*value]),
        Tally::Latest { at, tie, value } => {
            put(out, LATEST, &[*value]);
            put_i128(out, at.as_nanosecond());
            out.extend_from_slice(&tie.to_be_bytes());
        }
        Tally::Average { sum, count } => {
            put(out, AVERAGE, &[*sum]);
            put_u64(out, *count);
        }
        Tally::Weighted { change, moment } => put(out, WEIGHTED, &[*change, *moment]),
    }
}

fn put(out: &mut Vec<u8>, kind: u8, quantities: &[Quantity]) {
    out.push(kind);
    for quantity in quantities {
        let (digits, zeros) = without_zeros(quantity.0);
        put_i64(out, zeros);
        put_i128(out, digits);
    }
}

/// The digits without the zeros at their end, and how many these were: most quantities are whole, or nearly so.
fn without_zeros(mut digits: i128) -> (i128, i64) {
    let mut zeros = 0;
    // Division of 128 bits is slow, and nearly no quantity needs them.
    while i64::try_from(digits).is_err() && digits % 10 == 0 {
        digits /= 10;
        zeros += 1;
    }
    let Ok(mut short) = i64::try_from(digits) else { return (digits, zeros) };
    while short != 0 && short % 10 == 0 {
        short /= 10;
        zeros += 1;
    }
    (short.into(), zeros)
}

fn take_tally(reader: &mut Reader<'_>) -> Result<Tally, DecodeError> {
    Ok(match reader.byte()? {
        SUM => Tally::Sum(take(reader)?),
        MIN => Tally::Min(take(reader)?),
        MAX => Tally::Max(take(reader)?),
        LATEST => {
            let value = take(reader)?;
            let at = Timestamp::from_nanosecond(reader.i128()?).map_err(|_| reader.malformed())?;
            let tie: [u8; 8] = reader.take(8)?.try_into().map_err(|_| reader.malformed())?;
            Tally::Latest { at, tie: u64::from_be_bytes(tie), value }
        }
        AVERAGE => Tally::Average { sum: take(reader)?, count: reader.u64()? },
        WEIGHTED => Tally::Weighted { change: take(reader)?, moment: take(reader)? },
        _ => return Err(reader.malformed()),
    })
}

fn take(reader: &mut Reader<'_>) -> Result<Quantity, DecodeError> {
    let zeros = u32::try_from(reader.i64()?).map_err(|_| reader.malformed())?;
    let power = 10_i128.checked_pow(zeros).ok_or_else(|| reader.malformed())?;
    reader.i128()?.checked_mul(power).map(Quantity).ok_or_else(|| reader.malformed())
}

#[cfg(test)]
mod tests;
