//! Filling a batch: from events as they are sent, or from the columns of other batches.
//!
//! Invariant: what goes in comes out, byte for byte. An event of the same shape as the one before is only compared with
//! it; shapes and texts that were met before are found by their hash.

use crate::{
    batch::{Batch, EventRef, Id, Row, Span},
    decode::BODY_BYTES_MAX,
    note::{Note, What},
    shape::{Column, Shape},
    split::{self, Piece},
};
use domain::{
    Timestamp,
    usage::{TimeBasis, UsageEvent},
};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use std::{hash::BuildHasher, sync::Arc};

/// An event that cannot be put into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Its data is no JSON object.
    #[error("the data is no JSON object")]
    NoObject,
    /// Its time is not between the years 1678 and 2261.
    #[error("the time is out of range")]
    Time,
    /// The batch is full.
    #[error("the batch is full")]
    Full,
}

/// Bytes that a row takes beside its id and its values, at most: a time, marks, and lengths.
const ROW_BYTES_MAX: usize = 24;
/// Bytes that a value takes at most.
const VALUE_BYTES_MAX: usize = 10;
/// Bytes that a note takes beside its reason, at most.
const NOTE_BYTES_MAX: usize = 48;
/// Bytes that a shape takes beside its texts, at most.
const SHAPE_BYTES_MAX: usize = 32;
/// Bytes that an instant of receipt takes at most.
const RECEIPT_BYTES_MAX: usize = 10;
/// Bytes that the lengths of a text take at most.
const TEXT_LENGTH_BYTES_MAX: usize = 10;
/// Bytes that a batch takes beside all these, at most.
const BATCH_BYTES_MAX: usize = 64;

/// Fills a batch, event by event.
#[derive(Debug, Default)]
pub struct Builder {
    batch: Batch,
    /// Positions of shapes and texts, by what these hash to.
    shapes: HashTable<u32>,
    texts: HashTable<u32>,
    hashes: DefaultHashBuilder,
    receipts: HashMap<i64, u32>,
    skeleton: String,
    pieces: Vec<Piece>,
    size: usize,
}

impl Builder {
    /// What the batch so far may take when it is encoded, at most.
    #[must_use]
    pub fn size_max(&self) -> usize {
        self.size + BATCH_BYTES_MAX
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The batch.
    #[must_use]
    pub fn finish(self) -> Batch {
        self.batch
    }

    /// The event that was added last.
    #[must_use]
    pub fn last(&self) -> Option<EventRef<'_>> {
        self.batch.rows.last().map(|row| EventRef { batch: &self.batch, row })
    }

    /// Makes room for so many more events.
    pub(crate) fn reserve(&mut self, events: usize, values: usize) {
        self.batch.rows.reserve(events);
        self.batch.values.reserve(values);
    }

    /// Adds an event that the API took at `received_at`.
    pub fn push(&mut self, event: &UsageEvent<'_>, received_at: Timestamp) -> Result<(), PushError> {
        let occurred_ns = i64::try_from(event.occurred_at.as_nanosecond()).map_err(|_| PushError::Time)?;
        let mut pieces = std::mem::take(&mut self.pieces);
        let shape = self.shape_of(event, &mut pieces);
        let values = position(self.batch.values.len())?;
        let filled = shape.and_then(|shape| self.fill(event.data, &pieces).map(|()| shape));
        self.pieces = pieces;
        let shape = filled?;
        let receipt = self.receipt(received_at.as_millisecond());
        let id = match canonical_uuid(event.id) {
            Some((first, last)) => Id::Uuid(first, last),
            None => Id::Text(self.append(event.id)?),
        };
        self.add(Row { shape, receipt, occurred_ns, id, values, accepted: true });
        Ok(())
    }

    /// Notes what happened to an event that was accepted before. A row that it speaks of is the one added last.
    pub fn note(&mut self, note: Note) {
        if note.what.row().is_some()
            && let Some(last) = self.batch.rows.last_mut()
        {
            last.accepted = false;
        }
        self.add_note(note);
    }

    /// Adds all of another batch, in its order.
    pub fn copy_all(&mut self, other: &Batch) -> Result<(), PushError> {
        let (first, others) = (position(self.batch.rows.len())?, self.adopt(other)?);
        let values = position(self.batch.values.len())?;
        position(self.batch.values.len() + other.values.len())?;
        self.reserve(other.rows.len(), other.values.len());
        for row in &other.rows {
            let id = match row.id {
                Id::Uuid(first, last) => Id::Uuid(first, last),
                Id::Text(span) => Id::Text(self.append(other.span(span))?),
            };
            let shape = others.shapes[row.shape as usize];
            let receipt = others.receipts[row.receipt as usize];
            self.size += ROW_BYTES_MAX + id_bytes(&id);
            self.batch.rows.push(Row { shape, receipt, id, values: values + row.values, ..*row });
        }
        self.size += other.values.len() * VALUE_BYTES_MAX;
        self.batch.values.extend_from_slice(&other.values);
        self.renumber(first, &others.texts)?;
        for note in &other.notes {
            let mut note = note.clone();
            match &mut note.what {
                What::Conflict { row } | What::Amended { row, .. } => *row += first,
                What::SeenAgain | What::Voided(_) => {}
            }
            self.add_note(note);
        }
        Ok(())
    }

    /// Takes over all that the events of `other` refer to; answers where each of it is here.
    fn adopt(&mut self, other: &Batch) -> Result<Adopted, PushError> {
        let mut remap = Remap::default();
        let shapes = (0..position(other.shapes.len())?).map(|index| self.shape_there(other, index, &mut remap));
        let shapes = shapes.collect::<Result<Vec<u32>, PushError>>()?;
        let texts = other.texts.iter().map(|span| self.text(other.span(*span)));
        let texts = texts.collect::<Result<Vec<u32>, PushError>>()?;
        let receipts = other.receipts.iter().map(|receipt| self.receipt_at(*receipt)).collect();
        Ok(Adopted { shapes, texts, receipts })
    }

    /// Gives the texts among the values of the rows from `first` on their positions here.
    fn renumber(&mut self, first: u32, texts: &[u32]) -> Result<(), PushError> {
        if (0..).zip(texts).all(|(there, here)| there == *here) {
            return Ok(());
        }
        let Batch { rows, values, shapes, .. } = &mut self.batch;
        for row in &rows[first as usize..] {
            let columns = shapes[row.shape as usize].columns();
            for (column, value) in columns.iter().zip(&mut values[row.values as usize..]) {
                if !matches!(column, Column::Number(_)) {
                    let there = usize::try_from(*value).map_err(|_| PushError::Full)?;
                    *value = texts[there].into();
                }
            }
        }
        Ok(())
    }

    /// Adds an event of another batch. `others` remembers which texts of that batch are which of this one.
    #[inline]
    pub fn copy(&mut self, event: &EventRef<'_>, others: &mut Remap) -> Result<(), PushError> {
        let (there, row) = (event.batch, event.row);
        let shape = self.shape_there(there, row.shape, others)?;
        let receipt = self.receipt(event.received_ms());
        let id = match row.id {
            Id::Uuid(first, last) => Id::Uuid(first, last),
            Id::Text(span) => Id::Text(self.append(there.span(span))?),
        };
        let values = position(self.batch.values.len())?;
        let columns = event.shape().columns();
        for (column, raw) in columns.iter().zip(&there.values[row.values as usize..]) {
            let value = match column {
                Column::Number(_) => *raw,
                Column::Text | Column::Json => self.text_there(there, *raw, others)?,
            };
            self.batch.values.push(value);
        }
        self.add(Row { shape, receipt, occurred_ns: row.occurred_ns, id, values, accepted: true });
        Ok(())
    }

    fn add(&mut self, row: Row) {
        let values = self.batch.values.len() - row.values as usize;
        self.size += ROW_BYTES_MAX + id_bytes(&row.id) + values * VALUE_BYTES_MAX;
        self.batch.rows.push(row);
    }

    fn add_note(&mut self, note: Note) {
        self.size += NOTE_BYTES_MAX + note.what.correction().map_or(0, |correction| correction.reason.len());
        self.batch.notes.push(note);
    }

    /// Adds the values of an event.
    fn fill(&mut self, data: &str, pieces: &[Piece]) -> Result<(), PushError> {
        for piece in pieces {
            let value = match piece {
                Piece::Number(digits) => *digits,
                Piece::Text(range) => self.text(&data[range.clone()])?.into(),
            };
            self.batch.values.push(value);
        }
        Ok(())
    }

    /// The shape of an event, and the values of its columns.
    fn shape_of(&mut self, event: &UsageEvent<'_>, pieces: &mut Vec<Piece>) -> Result<u32, PushError> {
        // Most events look like the one before.
        if let Some(last) = self.batch.rows.last() {
            let shape = &self.batch.shapes[last.shape as usize];
            let same = *shape.event_type == *event.event_type
                && *shape.source == *event.source
                && shape.time_basis == event.time_basis;
            if same && split::split_as(shape, event.data, pieces).is_some() {
                return Ok(last.shape);
            }
        }
        let mut skeleton = std::mem::take(&mut self.skeleton);
        let split = split::split(event.data, &mut skeleton, pieces);
        let shape = match split {
            Some(()) => self.shape(event.source, event.event_type, event.time_basis, &skeleton),
            None => Err(PushError::NoObject),
        };
        self.skeleton = skeleton;
        shape
    }

    fn shape(
        &mut self,
        source: &str,
        event_type: &str,
        time_basis: TimeBasis,
        skeleton: &str,
    ) -> Result<u32, PushError> {
        let hash = self.hashes.hash_one((source, event_type, time_basis, skeleton));
        let shapes = &self.batch.shapes;
        let known = self.shapes.find(hash, |index| {
            let shape = &shapes[*index as usize];
            *shape.skeleton() == *skeleton
                && *shape.event_type == *event_type
                && *shape.source == *source
                && shape.time_basis == time_basis
        });
        if let Some(known) = known {
            return Ok(*known);
        }
        let shape = Shape::new(source, event_type, time_basis, skeleton).ok_or(PushError::NoObject)?;
        self.insert_shape(hash, Arc::new(shape))
    }

    /// The position here of a shape of another batch.
    fn shape_there(&mut self, there: &Batch, index: u32, others: &mut Remap) -> Result<u32, PushError> {
        if let Some(known) = others.shapes.get(index as usize).copied().flatten() {
            return Ok(known);
        }
        let shape = &there.shapes[index as usize];
        let hash = hash_of(&self.hashes, shape);
        let shapes = &self.batch.shapes;
        let known = self.shapes.find(hash, |index| shapes[*index as usize] == *shape).copied();
        let known = match known {
            Some(known) => known,
            None => self.insert_shape(hash, Arc::clone(shape))?,
        };
        remember(&mut others.shapes, index, known, there.shapes.len());
        Ok(known)
    }

    fn insert_shape(&mut self, hash: u64, shape: Arc<Shape>) -> Result<u32, PushError> {
        let index = position(self.batch.shapes.len())?;
        self.size += shape.skeleton().len() + shape.source.len() + shape.event_type.len() + SHAPE_BYTES_MAX;
        self.batch.shapes.push(shape);
        let (shapes, hashes) = (&self.batch.shapes, &self.hashes);
        self.shapes.insert_unique(hash, index, |index| hash_of(hashes, &shapes[*index as usize]));
        Ok(index)
    }

    fn receipt(&mut self, received_ms: i64) -> u32 {
        let last = self.batch.rows.last().map(|row| row.receipt);
        last.filter(|last| self.batch.receipts[*last as usize] == received_ms)
            .unwrap_or_else(|| self.receipt_at(received_ms))
    }

    fn receipt_at(&mut self, received_ms: i64) -> u32 {
        let (receipts, size) = (&mut self.batch.receipts, &mut self.size);
        *self.receipts.entry(received_ms).or_insert_with(|| {
            *size += RECEIPT_BYTES_MAX;
            receipts.push(received_ms);
            u32::try_from(receipts.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// The position here of a text of another batch, as a value.
    fn text_there(&mut self, there: &Batch, raw: i64, others: &mut Remap) -> Result<i64, PushError> {
        let index = u32::try_from(raw).map_err(|_| PushError::Full)?;
        if let Some(known) = others.texts.get(index as usize).copied().flatten() {
            return Ok(known.into());
        }
        let known = self.text(there.text_at(raw))?;
        remember(&mut others.texts, index, known, there.texts.len());
        Ok(known.into())
    }

    /// The position of a value that is a text.
    fn text(&mut self, text: &str) -> Result<u32, PushError> {
        let hash = self.hashes.hash_one(text);
        let batch = &self.batch;
        if let Some(known) = self.texts.find(hash, |index| batch.span(batch.texts[*index as usize]) == text) {
            return Ok(*known);
        }
        let span = self.append(text)?;
        let index = position(self.batch.texts.len())?;
        self.size += text.len() + TEXT_LENGTH_BYTES_MAX;
        self.batch.texts.push(span);
        let (batch, hashes) = (&self.batch, &self.hashes);
        self.texts.insert_unique(hash, index, |index| hashes.hash_one(batch.span(batch.texts[*index as usize])));
        self.batch.note_escapes(index);
        Ok(index)
    }

    fn append(&mut self, text: &str) -> Result<Span, PushError> {
        if self.batch.text.len() + text.len() > BODY_BYTES_MAX {
            return Err(PushError::Full);
        }
        let start = position(self.batch.text.len())?;
        self.batch.text.push_str(text);
        let end = position(self.batch.text.len())?;
        Ok(Span { start, end })
    }
}

/// Which texts and shapes of one batch are which of another.
#[derive(Clone, Debug, Default)]
pub struct Remap {
    shapes: Vec<Option<u32>>,
    texts: Vec<Option<u32>>,
}

/// Where here is what all events of another batch refer to.
#[derive(Debug)]
struct Adopted {
    shapes: Vec<u32>,
    texts: Vec<u32>,
    receipts: Vec<u32>,
}

/// Remembers `value` for the `index`th of `count`.
fn remember(known: &mut Vec<Option<u32>>, index: u32, value: u32, count: usize) {
    if known.len() < count {
        known.resize(count, None);
    }
    known[index as usize] = Some(value);
}

fn position(length: usize) -> Result<u32, PushError> {
    u32::try_from(length).map_err(|_| PushError::Full)
}

/// Bytes that an id takes, at most.
fn id_bytes(id: &Id) -> usize {
    match id {
        // Sixteen, and what its time differs by from the event's.
        Id::Uuid(..) => 20,
        Id::Text(span) => (span.end - span.start) as usize,
    }
}

fn hash_of(hashes: &DefaultHashBuilder, shape: &Shape) -> u64 {
    hashes.hash_one((&*shape.source, &*shape.event_type, shape.time_basis, shape.skeleton()))
}

/// The halves of the UUID that `text` is, if it is written just as one is from its bytes.
fn canonical_uuid(text: &str) -> Option<(u64, u64)> {
    if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    uuid::Uuid::try_parse(text).ok().map(|uuid| uuid.as_u64_pair())
}

#[cfg(test)]
mod tests;
