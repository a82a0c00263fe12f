//! Events in columns: rows of fixed size over texts that are kept once.
//!
//! A batch is what travels in a message, what lies in a segment, and what a worker counts from. It is filled by a
//! [`crate::Builder`] or decoded; either way a row knows its shape, and a value is read without parsing.

use crate::{
    note::Note,
    shape::{self, Column, Found, Place, Shape},
};
use domain::{Timestamp, usage::Scalar};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

const NANOSECONDS_A_SECOND: i64 = 1_000_000_000;

/// A stretch of the text of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// An event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// A UUID in its usual form, 32 lower-case digits in five groups: its first eight bytes and its last. As two numbers
    /// it is copied in two moves, which bytes behind a tag are not.
    Uuid(u64, u64),
    /// Any text.
    Text(Span),
}

/// One event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) shape: u32,
    /// Index of the instant at which the API took it.
    pub(crate) receipt: u32,
    /// Nanoseconds since the epoch.
    pub(crate) occurred_ns: i64,
    pub(crate) id: Id,
    /// Where its values start.
    pub(crate) values: u32,
    /// Whether it counts by itself; the content of a conflict or an amendment does not.
    pub(crate) accepted: bool,
}

/// Events in columns.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) text: String,
    pub(crate) shapes: Vec<Arc<Shape>>,
    /// Values that are texts, each once.
    pub(crate) texts: Vec<Span>,
    /// Those of them that are JSON texts with escapes, without these.
    pub(crate) unescaped: HashMap<u32, Box<str>>,
    /// Instants at which events were taken, in milliseconds since the epoch.
    pub(crate) receipts: Vec<i64>,
    pub(crate) rows: Vec<Row>,
    /// The digits of a number, or the index of a text.
    pub(crate) values: Vec<i64>,
    /// What happened to events that were accepted before.
    pub(crate) notes: Vec<Note>,
}

impl Batch {
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.notes.is_empty()
    }

    /// The events that count by themselves, in order.
    pub fn accepted(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.events().filter(|event| event.row.accepted)
    }

    /// What happened to events that were accepted before.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The event at `row`.
    #[must_use]
    pub fn event(&self, row: usize) -> EventRef<'_> {
        EventRef { batch: self, row: &self.rows[row] }
    }

    /// All events.
    pub fn events(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.rows.iter().map(|row| EventRef { batch: self, row })
    }

    /// The shapes of its events.
    #[must_use]
    pub fn shapes(&self) -> &[Arc<Shape>] {
        &self.shapes
    }

    pub(crate) fn span(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    pub(crate) fn text_at(&self, index: i64) -> &str {
        usize::try_from(index).ok().and_then(|index| self.texts.get(index)).map_or("", |span| self.span(*span))
    }

    /// Remembers the text at `index` without its escapes, if it is a JSON text that has some: a meter reads it so.
    pub(crate) fn note_escapes(&mut self, index: u32) {
        // A text that is kept without its quotes has no quote in it: what begins with one is JSON.
        let json = self.text_at(index.into());
        let inside = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
        if let Some(plain) = inside.and_then(domain::usage::data::unescaped) {
            self.unescaped.insert(index, plain.into());
        }
    }
}

/// The positions of rows by their shape, in order: values are written and read shape by shape.
pub(crate) fn rows_by_shape(rows: &[Row], shapes: usize) -> Vec<Vec<usize>> {
    if shapes == 1 {
        return vec![(0..rows.len()).collect()];
    }
    let mut positions = vec![Vec::new(); shapes];
    for (position, row) in rows.iter().enumerate() {
        positions[row.shape as usize].push(position);
    }
    positions
}

/// An event of a batch.
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) row: &'a Row,
}

impl<'a> EventRef<'a> {
    /// The batch that it is of.
    #[must_use]
    pub fn batch(&self) -> &'a Batch {
        self.batch
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &'a Shape {
        &self.batch.shapes[self.row.shape as usize]
    }

    /// When it happened.
    #[inline]
    #[must_use]
    pub fn occurred_at(&self) -> Timestamp {
        let (second, rest) = (self.row.occurred_ns / NANOSECONDS_A_SECOND, self.row.occurred_ns % NANOSECONDS_A_SECOND);
        // Any number of nanoseconds that fits into 64 bits is an instant, and a rest of a second fits into 32.
        i32::try_from(rest).ok().and_then(|rest| Timestamp::new(second, rest).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// When the API took it, in whole milliseconds.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.received_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The same in milliseconds since the epoch.
    #[inline]
    pub(crate) fn received_ms(&self) -> i64 {
        self.batch.receipts.get(self.row.receipt as usize).copied().unwrap_or_default()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Cow<'a, str> {
        match self.row.id {
            Id::Text(span) => self.batch.span(span).into(),
            Id::Uuid(first, last) => uuid::Uuid::from_u64_pair(first, last).hyphenated().to_string().into(),
        }
    }

    /// Its data, just as it was sent.
    #[must_use]
    pub fn data(&self) -> String {
        let shape = self.shape();
        let mut data = String::with_capacity(shape.skeleton().len() + 16);
        shape.write(&mut data, self.found());
        data
    }

    /// The values of its columns.
    pub(crate) fn found(&self) -> impl Iterator<Item = Found<'a>> {
        let (batch, start) = (self.batch, self.row.values as usize);
        self.shape().columns().iter().zip(&batch.values[start..]).map(move |(column, value)| match column {
            Column::Number(_) => Found::Number(*value),
            Column::Text | Column::Json => Found::Text(batch.text_at(*value)),
        })
    }

    /// The raw value of a column: the same for the same value within a batch.
    #[inline]
    pub(crate) fn raw(&self, column: usize) -> i64 {
        self.batch.values[self.row.values as usize + column]
    }

    /// What a meter reads at `place`.
    #[inline]
    pub(crate) fn scalar(&self, place: Place) -> Option<Scalar<'a>> {
        let column = match place {
            Place::Nowhere => return None,
            Place::Boolean(value) => return Some(Scalar::Boolean(value)),
            Place::Column(column) => column,
        };
        let value = self.raw(column);
        match self.shape().columns()[column] {
            Column::Number(scale) => Some(Scalar::Number { mantissa: value, scale }),
            Column::Text => Some(Scalar::Text(self.batch.text_at(value))),
            Column::Json => {
                let unescaped = u32::try_from(value).ok().and_then(|index| self.batch.unescaped.get(&index));
                match unescaped {
                    Some(text) => Some(Scalar::Text(text)),
                    None => shape::scalar_of_json(self.batch.text_at(value)),
                }
            }
        }
    }
}
