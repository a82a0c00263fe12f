//! A batch from its bytes. See [`crate::encode()`] for what they are.

use crate::{
    batch::{Batch, Id, Row, Span, rows_by_shape},
    bytes::{DecodeError, Reader},
    encode::{
        AMENDED, CONFLICT, FORMAT, IDS_MIXED, IDS_TEXT, IDS_UUID, IDS_UUID_7, LZ4, NANOSECONDS_A_MILLISECOND, PLAIN,
        SEEN_AGAIN, UNITS, VOIDED,
    },
    note::{Correction, Note, What},
    shape::{Column, Shape},
};
use domain::{Timestamp, usage::TimeBasis};
use std::{borrow::Cow, sync::Arc};

/// Most bytes that the columns of a body may have, and their texts: far above what a message or a segment holds.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The batch that was encoded as `bytes`.
pub fn decode(bytes: &[u8]) -> Result<Batch, DecodeError> {
    let columns = columns(bytes)?;
    let mut reader = Reader(&columns);
    let mut batch = Batch::default();
    // Every row takes at least one byte, that of its time.
    let rows = reader.len()?;
    take_dictionaries(&mut reader, &mut batch)?;
    let blank = Row { shape: 0, receipt: 0, occurred_ns: 0, id: Id::Uuid(0, 0), values: 0, accepted: true };
    batch.rows = vec![blank; rows];
    take_positions(&mut reader, &mut batch)?;
    take_times(&mut reader, &mut batch.rows)?;
    take_ids(&mut reader, &mut batch)?;
    take_values(&mut reader, &mut batch)?;
    take_notes(&mut reader, &mut batch)?;
    if reader.0.is_empty() { Ok(batch) } else { Err(reader.malformed()) }
}

fn columns(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    let mut reader = Reader(bytes);
    if reader.byte()? != FORMAT {
        return Err(reader.malformed());
    }
    match reader.byte()? {
        PLAIN => Ok(Cow::Borrowed(reader.0)),
        LZ4 => {
            let length = reader.index()?;
            if length > BODY_BYTES_MAX {
                return Err(reader.malformed());
            }
            let columns = lz4_flex::block::decompress(reader.0, length).map_err(|_| reader.malformed())?;
            Ok(Cow::Owned(columns))
        }
        _ => Err(reader.malformed()),
    }
}

fn take_dictionaries(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let mut before = 0_i64;
    for _ in 0..reader.len()? {
        before = before.wrapping_add(reader.i64()?);
        batch.receipts.push(before);
    }
    for _ in 0..reader.len()? {
        let time_basis = match reader.byte()? {
            0 => TimeBasis::Event,
            1 => TimeBasis::Arrival,
            _ => return Err(reader.malformed()),
        };
        let (source, event_type, skeleton) = (reader.text()?, reader.text()?, reader.text()?);
        let shape = Shape::new(source, event_type, time_basis, skeleton).ok_or_else(|| reader.malformed())?;
        batch.shapes.push(Arc::new(shape));
    }
    let mut before = Span { start: 0, end: 0 };
    for index in 0..reader.len()? {
        before = take_shared(reader, &mut batch.text, before)?;
        batch.texts.push(before);
        batch.note_escapes(u32::try_from(index).map_err(|_| reader.malformed())?);
    }
    Ok(())
}

fn take_positions(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    if batch.rows.is_empty() {
        return Ok(());
    }
    let (shapes, receipts) = (batch.shapes.len(), batch.receipts.len());
    if shapes == 0 || receipts == 0 {
        return Err(reader.malformed());
    }
    if shapes > 1 {
        for row in &mut batch.rows {
            row.shape = reader.position(shapes)?;
        }
    }
    if receipts > 1 {
        let mut rows = batch.rows.as_mut_slice();
        while !rows.is_empty() {
            let count = reader.index()?;
            let receipt = reader.position(receipts)?;
            let (run, rest) = rows.split_at_mut_checked(count.max(1)).ok_or_else(|| reader.malformed())?;
            run.iter_mut().for_each(|row| row.receipt = receipt);
            rows = rest;
        }
    }
    Ok(())
}

fn take_times(reader: &mut Reader<'_>, rows: &mut [Row]) -> Result<(), DecodeError> {
    let unit = *UNITS.get(usize::from(reader.byte()?)).ok_or_else(|| reader.malformed())?;
    let mut time = 0_i64;
    for row in rows {
        time = time.wrapping_add(reader.i64()?);
        row.occurred_ns = time.checked_mul(unit).ok_or_else(|| reader.malformed())?;
    }
    Ok(())
}

fn take_ids(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let kind = reader.byte()?;
    let mut before = Span { start: 0, end: 0 };
    for row in &mut batch.rows {
        let kind = if kind == IDS_MIXED { reader.byte()? } else { kind };
        row.id = match kind {
            IDS_UUID => Id::Uuid(reader.u64_whole()?, reader.u64_whole()?),
            IDS_UUID_7 => {
                let ms = row.occurred_ns.div_euclid(NANOSECONDS_A_MILLISECOND).wrapping_add(reader.i64()?);
                let rest = u16::from_be_bytes([reader.byte()?, reader.byte()?]);
                Id::Uuid(ms.cast_unsigned() << 16 | u64::from(rest), reader.u64_whole()?)
            }
            IDS_TEXT => {
                before = take_shared(reader, &mut batch.text, before)?;
                Id::Text(before)
            }
            _ => return Err(reader.malformed()),
        };
    }
    Ok(())
}

fn take_values(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let mut count = 0_usize;
    for row in &mut batch.rows {
        row.values = u32::try_from(count).map_err(|_| reader.malformed())?;
        count += batch.shapes[row.shape as usize].columns().len();
    }
    // Every value takes at least one byte.
    if count > reader.0.len() {
        return Err(reader.malformed());
    }
    batch.values = vec![0; count];
    let rows_by_shape = rows_by_shape(&batch.rows, batch.shapes.len());
    for (shape, rows) in batch.shapes.iter().zip(rows_by_shape) {
        for (position, column) in shape.columns().iter().enumerate() {
            let text = !matches!(column, Column::Number(_));
            for row in &rows {
                let value = reader.i64()?;
                if text && usize::try_from(value).map_or(true, |index| index >= batch.texts.len()) {
                    return Err(reader.malformed());
                }
                batch.values[batch.rows[*row].values as usize + position] = value;
            }
        }
    }
    Ok(())
}

fn take_notes(reader: &mut Reader<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    for _ in 0..reader.len()? {
        let ordinal = u32::try_from(reader.index()?).map_err(|_| reader.malformed())?;
        let at = Timestamp::from_millisecond(reader.i64()?).map_err(|_| reader.malformed())?;
        let what = match reader.byte()? {
            SEEN_AGAIN => What::SeenAgain,
            CONFLICT => What::Conflict { row: reader.position(batch.rows.len())? },
            VOIDED => What::Voided(take_correction(reader)?),
            AMENDED => What::Amended { row: reader.position(batch.rows.len())?, correction: take_correction(reader)? },
            _ => return Err(reader.malformed()),
        };
        if let Some(row) = what.row() {
            batch.rows[row as usize].accepted = false;
        }
        batch.notes.push(Note { ordinal, at, what });
    }
    Ok(())
}

fn take_correction(reader: &mut Reader<'_>) -> Result<Correction, DecodeError> {
    Ok(Correction { id: reader.sixteen()?, reason: reader.text()?.into() })
}

/// The next text, which shares its start with that at `before`.
fn take_shared(reader: &mut Reader<'_>, text: &mut String, before: Span) -> Result<Span, DecodeError> {
    let shared = u32::try_from(reader.index()?).map_err(|_| reader.malformed())?;
    let rest = reader.text()?;
    let end = before.start.checked_add(shared).filter(|end| *end <= before.end);
    let end = end.filter(|end| text.is_char_boundary(*end as usize)).ok_or_else(|| reader.malformed())?;
    if text.len() + (end - before.start) as usize + rest.len() > BODY_BYTES_MAX {
        return Err(reader.malformed());
    }
    let start = u32::try_from(text.len()).map_err(|_| reader.malformed())?;
    text.extend_from_within(before.start as usize..end as usize);
    text.push_str(rest);
    let end = u32::try_from(text.len()).map_err(|_| reader.malformed())?;
    Ok(Span { start, end })
}
