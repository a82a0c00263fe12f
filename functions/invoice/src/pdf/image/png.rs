//! Reads a PNG (ISO/IEC 15948): its head, its palette and its pixels, each against its checksum.
//!
//! Invariant: the pixels are unpacked once, and are exactly those that the head promises; what goes into the PDF is the
//! packed form, whose rows a reader filters back as PNG does.

use super::{Encoding, IMAGE_BYTES_MAX, Image, ImageError, Space, check_pixels, take, take_many};
use flate2::{Crc, read::ZlibDecoder};
use std::io::Read;

/// What every PNG begins with.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Chunks that a PNG may have: no more fit, since each has twelve bytes of its own.
const CHUNKS_MAX: usize = IMAGE_BYTES_MAX / 12;
/// Colours that a palette may have.
const PALETTE_COLOURS_MAX: usize = 256;
/// The highest number of a row's filter.
const FILTER_MAX: u8 = 4;

const CUT: ImageError = ImageError::Broken("it ends too early");

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
}

struct Head {
    width: u32,
    height: u32,
    depth: u8,
    /// Grey, RGB or palette, as PNG numbers them.
    colour: u8,
}

/// Reads a PNG behind its signature.
pub(super) fn read(mut rest: &[u8]) -> Result<Image, ImageError> {
    let first = chunk(&mut rest)?;
    if first.kind != *b"IHDR" {
        return Err(ImageError::Broken("its head is missing"));
    }
    let head = head(first.data)?;
    let (mut palette, mut packed) = (None, Vec::new());
    for _ in 0..CHUNKS_MAX {
        let Chunk { kind, data } = chunk(&mut rest)?;
        match &kind {
            b"PLTE" => palette = Some(data),
            b"tRNS" => return Err(ImageError::Unsupported("is transparent: save it on white")),
            b"IDAT" => packed.extend_from_slice(data),
            b"IEND" => return finish(&head, palette, packed),
            // A capital says that the image cannot be shown without it.
            [b'A'..=b'Z', ..] => return Err(ImageError::Unsupported("has parts that PNG does not know")),
            _ => {}
        }
    }
    Err(ImageError::Broken("it has too many parts"))
}

fn chunk<'a>(rest: &mut &'a [u8]) -> Result<Chunk<'a>, ImageError> {
    let length = take(rest).map(u32::from_be_bytes).and_then(|length| usize::try_from(length).ok()).ok_or(CUT)?;
    let kind = take(rest).ok_or(CUT)?;
    let data = take_many(rest, length).ok_or(CUT)?;
    let checksum = take(rest).map(u32::from_be_bytes).ok_or(CUT)?;
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    if crc.sum() != checksum {
        return Err(ImageError::Broken("a checksum is wrong"));
    }
    Ok(Chunk { kind, data })
}

fn head(mut data: &[u8]) -> Result<Head, ImageError> {
    let missing = ImageError::Broken("its head is too short");
    let width = take(&mut data).map(u32::from_be_bytes).ok_or(missing)?;
    let height = take(&mut data).map(u32::from_be_bytes).ok_or(missing)?;
    let [depth, colour, compression, filter, interlace] = take(&mut data).ok_or(missing)?;
    check_pixels(width, height)?;
    match (colour, depth) {
        (0, 1 | 2 | 4 | 8 | 16) | (2, 8 | 16) | (3, 1 | 2 | 4 | 8) => {}
        (4 | 6, 8 | 16) => return Err(ImageError::Unsupported("is transparent: save it on white")),
        _ => return Err(ImageError::Broken("its kind is none that PNG knows")),
    }
    match (compression, filter, interlace) {
        (0, 0, 0) => Ok(Head { width, height, depth, colour }),
        (0, 0, 1) => Err(ImageError::Unsupported("is interlaced: save it without")),
        _ => Err(ImageError::Broken("it is packed in a way that PNG does not know")),
    }
}

fn finish(head: &Head, palette: Option<&[u8]>, bytes: Vec<u8>) -> Result<Image, ImageError> {
    let space = match (head.colour, palette) {
        (0, _) => Space::Grey,
        (2, _) => Space::Rgb,
        (_, Some(palette)) if is_palette(palette) => Space::Palette(palette.to_vec()),
        _ => return Err(ImageError::Broken("its palette is missing or wrong")),
    };
    check_rows(head, &space, &bytes)?;
    let Head { width, height, depth, .. } = *head;
    Ok(Image { width, height, space, encoding: Encoding::Png(depth), bytes })
}

fn is_palette(palette: &[u8]) -> bool {
    (1..=PALETTE_COLOURS_MAX).contains(&(palette.len() / 3)) && palette.len().is_multiple_of(3)
}

/// Whether the pixels unpack to as many rows as the head says, each with a filter that there is.
fn check_rows(head: &Head, space: &Space, packed: &[u8]) -> Result<(), ImageError> {
    let bits = u64::from(head.width) * u64::from(space.channels()) * u64::from(head.depth);
    // One byte before each row says how it is filtered.
    let row = 1 + bits.div_ceil(8);
    let whole = row * u64::from(head.height);
    let mut rows = Vec::new();
    let unpacked = ZlibDecoder::new(packed).take(whole + 1).read_to_end(&mut rows);
    let is_whole = unpacked.is_ok_and(|count| u64::try_from(count) == Ok(whole));
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    if is_whole && rows.iter().step_by(row).all(|filter| *filter <= FILTER_MAX) {
        return Ok(());
    }
    Err(ImageError::Broken("its pixels are not those that its head promises"))
}
