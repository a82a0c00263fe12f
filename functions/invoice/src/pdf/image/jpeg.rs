//! Reads a JPEG (ITU-T T.81): its frame for the size and the colours, then every part up to the end mark.
//!
//! Invariants: what stands behind the end mark is cut off; the compressed pixels themselves are for the PDF reader to
//! decode.

use super::{Encoding, Image, ImageError, Space, check_pixels, take, take_many};

/// What every JPEG begins with: the start mark, and the first byte of another.
pub(super) const START: &[u8] = &[MARK, 0xD8, MARK];

/// Stands before each mark.
const MARK: u8 = 0xFF;
/// Parts that a JPEG may have: one with its scans, tables and what cameras add has some dozens.
const PARTS_MAX: usize = 2_048;

struct Frame {
    width: u32,
    height: u32,
    space: Space,
}

/// Reads a whole JPEG.
pub(super) fn read(bytes: &[u8]) -> Result<Image, ImageError> {
    let cut = ImageError::Broken("it ends too early");
    let mut rest = bytes.get(2..).ok_or(cut)?;
    let mut frame = None;
    let mut has_scan = false;
    for _ in 0..PARTS_MAX {
        match mark(&mut rest)? {
            0xD9 => {
                let whole = bytes.len() - rest.len();
                let Some(Frame { width, height, space }) = frame.filter(|_| has_scan) else {
                    return Err(ImageError::Broken("it has no pixels"));
                };
                let bytes = bytes.get(..whole).unwrap_or(bytes).to_vec();
                return Ok(Image { width, height, space, encoding: Encoding::Jpeg, bytes });
            }
            // Baseline, extended and progressive, in Huffman codes.
            0xC0..=0xC2 if frame.is_none() => frame = Some(read_frame(part(&mut rest)?)?),
            0xC0..=0xC2 => return Err(ImageError::Broken("it has two frames")),
            0xC3 | 0xC5..=0xCB | 0xCD..=0xCF => {
                return Err(ImageError::Unsupported("is a lossless, hierarchical or arithmetic JPEG"));
            }
            0xDA if frame.is_none() => return Err(ImageError::Broken("its pixels come before its size")),
            0xDA => {
                part(&mut rest)?;
                rest = behind_scan(rest).ok_or(cut)?;
                has_scan = true;
            }
            // Tables, application data, comments.
            0xC4 | 0xCC | 0xDB..=0xFE => {
                part(&mut rest)?;
            }
            0x00..=0xBF | 0xD0..=0xD8 | 0xFF => return Err(ImageError::Broken("it has a mark in a wrong place")),
        }
    }
    Err(ImageError::Broken("it has too many parts"))
}

/// The next mark; any number of fill bytes may stand before it.
fn mark(rest: &mut &[u8]) -> Result<u8, ImageError> {
    let fill = rest.iter().take_while(|byte| **byte == MARK).count();
    if fill == 0 && !rest.is_empty() {
        return Err(ImageError::Broken("it has bytes between its parts"));
    }
    take_many(rest, fill)
        .and_then(|_| take::<1>(rest))
        .map(|[mark]| mark)
        .ok_or(ImageError::Broken("it ends too early"))
}

/// What a part holds behind its length, which counts itself.
fn part<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ImageError> {
    let length = take(rest).map(u16::from_be_bytes).and_then(|length| usize::from(length).checked_sub(2));
    length.and_then(|length| take_many(rest, length)).ok_or(ImageError::Broken("it ends too early"))
}

fn read_frame(mut part: &[u8]) -> Result<Frame, ImageError> {
    let Some([precision, high, low, left, right, components]) = take(&mut part) else {
        return Err(ImageError::Broken("its size is missing"));
    };
    if precision != 8 {
        return Err(ImageError::Unsupported("has more than 8 bits a colour"));
    }
    let space = match components {
        1 => Space::Grey,
        3 => Space::Rgb,
        4 => return Err(ImageError::Unsupported("is in CMYK: save it in RGB")),
        _ => return Err(ImageError::Broken("it has a wrong number of colours")),
    };
    let (height, width) = (u16::from_be_bytes([high, low]).into(), u16::from_be_bytes([left, right]).into());
    check_pixels(width, height)?;
    Ok(Frame { width, height, space })
}

/// What stands behind the pixels of a scan: a mark that is neither a quoted byte nor a restart.
fn behind_scan(rest: &[u8]) -> Option<&[u8]> {
    let ends = |pair: &[u8]| pair[0] == MARK && !matches!(pair[1], 0x00 | 0xD0..=0xD7);
    let at = rest.windows(2).position(ends)?;
    rest.get(at..)
}
