//! A batch as bytes, column by column. The format is frozen: what was written must be read for ever.
//!
//! After the format number come the columns: instants of receipt, shapes, texts, then for all rows the shape, the
//! receipt, the time (as the difference to the row before, in the coarsest unit that loses nothing), the id, then
//! the values, shape by shape and column by column, and at last the notes. A text is written as the length that it shares with the one
//! before, and the rest. Where texts are what is left, the whole is compressed besides.

use crate::{
    batch::{Batch, Id, Row, rows_by_shape},
    bytes::{put_i64, put_len, put_text},
    note::{Note, What},
};
use domain::usage::TimeBasis;

/// The format that is written.
pub(crate) const FORMAT: u8 = 1;
/// How the columns follow the format number.
pub(crate) const PLAIN: u8 = 0;
/// As [`PLAIN`], compressed as one LZ4 block behind its length.
pub(crate) const LZ4: u8 = 1;
/// Smaller bodies are not worth the try to compress them.
const COMPRESS_BYTES_MIN: usize = 256;
/// The ids of a batch: all of them texts.
pub(crate) const IDS_TEXT: u8 = 0;
/// All of them UUIDs.
pub(crate) const IDS_UUID: u8 = 1;
/// All of them UUIDs of version 7, whose time is written as the difference to the event's.
pub(crate) const IDS_UUID_7: u8 = 2;
/// Each behind a byte that says which of the first two it is.
pub(crate) const IDS_MIXED: u8 = 3;
/// What a note says.
pub(crate) const SEEN_AGAIN: u8 = 0;
/// As [`SEEN_AGAIN`].
pub(crate) const CONFLICT: u8 = 1;
/// As [`SEEN_AGAIN`].
pub(crate) const VOIDED: u8 = 2;
/// As [`SEEN_AGAIN`].
pub(crate) const AMENDED: u8 = 3;
/// Nanoseconds of the units in which times are written.
pub(crate) const UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];
pub(crate) const NANOSECONDS_A_MILLISECOND: i64 = 1_000_000;

/// The bytes of `batch`.
#[must_use]
pub fn encode(batch: &Batch) -> Vec<u8> {
    let mut plain = Vec::with_capacity(batch.rows.len() * 24 + 128);
    plain.extend([FORMAT, PLAIN]);
    put_len(&mut plain, batch.rows.len());
    let text_bytes = put_dictionaries(&mut plain, batch);
    put_positions(&mut plain, batch);
    put_times(&mut plain, &batch.rows);
    let id_bytes = put_ids(&mut plain, batch);
    put_values(&mut plain, batch);
    put_notes(&mut plain, &batch.notes);
    compressed(&plain, text_bytes + id_bytes).unwrap_or(plain)
}

/// The body with its columns compressed, if there is enough text in it for that to help.
fn compressed(plain: &[u8], text_bytes: usize) -> Option<Vec<u8>> {
    if plain.len() < COMPRESS_BYTES_MIN || text_bytes * 4 < plain.len() {
        return None;
    }
    let block = lz4_flex::block::compress(&plain[2..]);
    let mut body = vec![FORMAT, LZ4];
    put_len(&mut body, plain.len() - 2);
    body.extend_from_slice(&block);
    (body.len() + plain.len() / 16 < plain.len()).then_some(body)
}

/// Answers how many bytes are texts that compression may shorten.
fn put_dictionaries(out: &mut Vec<u8>, batch: &Batch) -> usize {
    put_len(out, batch.receipts.len());
    let mut before = 0;
    for receipt in &batch.receipts {
        put_i64(out, receipt.wrapping_sub(before));
        before = *receipt;
    }
    let start = out.len();
    put_len(out, batch.shapes.len());
    for shape in &batch.shapes {
        out.push(match shape.time_basis {
            TimeBasis::Event => 0,
            TimeBasis::Arrival => 1,
        });
        put_text(out, &shape.source);
        put_text(out, &shape.event_type);
        put_text(out, shape.skeleton());
    }
    put_len(out, batch.texts.len());
    let mut before = "";
    for span in &batch.texts {
        let text = batch.span(*span);
        put_shared(out, before, text);
        before = text;
    }
    out.len() - start
}

fn put_positions(out: &mut Vec<u8>, batch: &Batch) {
    if batch.shapes.len() > 1 {
        batch.rows.iter().for_each(|row| put_len(out, row.shape as usize));
    }
    if batch.receipts.len() > 1 {
        // Events come in runs that were received together.
        for run in batch.rows.chunk_by(|a, b| a.receipt == b.receipt) {
            put_len(out, run.len());
            put_len(out, run[0].receipt as usize);
        }
    }
}

fn put_times(out: &mut Vec<u8>, rows: &[Row]) {
    // The compiler divides by a constant without dividing, which is most of the work.
    let written = put_times_in::<{ UNITS[0] }>(out, rows, 0)
        || put_times_in::<{ UNITS[1] }>(out, rows, 1)
        || put_times_in::<{ UNITS[2] }>(out, rows, 2)
        || put_times_in::<{ UNITS[3] }>(out, rows, 3);
    debug_assert!(written, "any time is a number of nanoseconds");
}

/// Writes the times in a unit of so many nanoseconds, if that loses nothing; answers whether it does not.
fn put_times_in<const UNIT: i64>(out: &mut Vec<u8>, rows: &[Row], unit: u8) -> bool {
    if rows.iter().any(|row| row.occurred_ns % UNIT != 0) {
        return false;
    }
    out.push(unit);
    let mut before = 0_i64;
    for row in rows {
        let time = row.occurred_ns / UNIT;
        put_i64(out, time.wrapping_sub(before));
        before = time;
    }
    true
}

/// Answers how many bytes are texts that compression may shorten.
fn put_ids(out: &mut Vec<u8>, batch: &Batch) -> usize {
    let uuids = batch.rows.iter().filter(|row| matches!(row.id, Id::Uuid(..))).count();
    let time_ordered = |row: &Row| matches!(row.id, Id::Uuid(first, _) if first >> 12 & 0xf == 7);
    let kind = match uuids {
        0 => IDS_TEXT,
        all if all < batch.rows.len() => IDS_MIXED,
        _ if batch.rows.iter().all(time_ordered) => IDS_UUID_7,
        _ => IDS_UUID,
    };
    out.push(kind);
    let start = out.len();
    let mut before = "";
    for row in &batch.rows {
        match row.id {
            Id::Uuid(first, last) if kind == IDS_UUID_7 => {
                put_i64(out, uuid_ms(first).wrapping_sub(row.occurred_ns.div_euclid(NANOSECONDS_A_MILLISECOND)));
                let [.., version, rest] = first.to_be_bytes();
                let [a, b, c, d, e, f, g, h] = last.to_be_bytes();
                out.extend_from_slice(&[version, rest, a, b, c, d, e, f, g, h]);
            }
            Id::Uuid(first, last) => {
                if kind == IDS_MIXED {
                    out.push(IDS_UUID);
                }
                out.extend_from_slice(&first.to_be_bytes());
                out.extend_from_slice(&last.to_be_bytes());
            }
            Id::Text(span) => {
                if kind == IDS_MIXED {
                    out.push(IDS_TEXT);
                }
                let text = batch.span(span);
                put_shared(out, before, text);
                before = text;
            }
        }
    }
    if uuids == 0 { out.len() - start } else { 0 }
}

/// The first 48 bits of a UUID with this first half: the milliseconds of one of version 7.
fn uuid_ms(first: u64) -> i64 {
    (first >> 16).cast_signed()
}

fn put_values(out: &mut Vec<u8>, batch: &Batch) {
    let rows_by_shape = rows_by_shape(&batch.rows, batch.shapes.len());
    for (shape, rows) in batch.shapes.iter().zip(rows_by_shape) {
        for column in 0..shape.columns().len() {
            for row in &rows {
                put_i64(out, batch.values[batch.rows[*row].values as usize + column]);
            }
        }
    }
}

fn put_notes(out: &mut Vec<u8>, notes: &[Note]) {
    put_len(out, notes.len());
    for note in notes {
        put_len(out, note.ordinal as usize);
        put_i64(out, note.at.as_millisecond());
        out.push(match note.what {
            What::SeenAgain => SEEN_AGAIN,
            What::Conflict { .. } => CONFLICT,
            What::Voided(_) => VOIDED,
            What::Amended { .. } => AMENDED,
        });
        if let Some(row) = note.what.row() {
            put_len(out, row as usize);
        }
        if let Some(correction) = note.what.correction() {
            out.extend_from_slice(&correction.id);
            put_text(out, &correction.reason);
        }
    }
}

/// Writes `text` as what it shares with `before`, and the rest.
fn put_shared(out: &mut Vec<u8>, before: &str, text: &str) {
    let mut shared = before.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    while !text.is_char_boundary(shared) {
        shared -= 1;
    }
    put_len(out, shared);
    put_text(out, &text[shared..]);
}

#[cfg(test)]
mod tests;
