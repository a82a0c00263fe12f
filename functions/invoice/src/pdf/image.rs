//! The seller's logo: a JPEG or PNG whose compressed pixels go into the file as they are.
//!
//! Decides which images every PDF reader shows without a pixel being written anew: JPEG in grey or RGB, baseline or
//! progressive; PNG in grey, RGB or with a palette, neither transparent nor interlaced. Invariants: what is accepted is
//! whole, since each of its parts was followed to the last; it has at most [`IMAGE_BYTES_MAX`] and [`IMAGE_PIXELS_MAX`];
//! the same bytes give the same image. Where it stands and how large is left to `blocks`.

mod jpeg;
mod png;
#[cfg(test)]
pub(super) mod tests;

/// Bytes that a logo may have: each PDF holds a copy.
pub const IMAGE_BYTES_MAX: usize = 256 * 1024;
/// Pixels that a logo may have: more than a printer can show of it.
pub const IMAGE_PIXELS_MAX: u64 = 1_000_000;

/// Why an image is not printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It has too many bytes.
    #[error("the image has {0} bytes: at most {IMAGE_BYTES_MAX} are printed")]
    Bytes(usize),
    /// It has no pixels, or too many.
    #[error("the image has {width} by {height} pixels: it must have some, and at most {IMAGE_PIXELS_MAX}")]
    Pixels {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
    },
    /// It is no image that can be printed at all.
    #[error("the image is neither a JPEG nor a PNG")]
    Format,
    /// It is of a kind that cannot be printed as it is.
    #[error("the image {0}")]
    Unsupported(&'static str),
    /// A part of it is missing or wrong.
    #[error("the image is broken: {0}")]
    Broken(&'static str),
}

/// An image that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) space: Space,
    pub(super) encoding: Encoding,
    /// The compressed pixels.
    pub(super) bytes: Vec<u8>,
}

/// What the numbers of a pixel mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Grey,
    Rgb,
    /// Three bytes for each colour.
    Palette(Vec<u8>),
}

/// How the pixels are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Jpeg,
    /// With the bits of each number.
    Png(u8),
}

impl Space {
    /// How many numbers a pixel has.
    pub(super) fn channels(&self) -> u8 {
        match self {
            Space::Grey | Space::Palette(_) => 1,
            Space::Rgb => 3,
        }
    }
}

impl Image {
    /// Reads a JPEG or a PNG.
    ///
    /// # Errors
    ///
    /// Refuses what is too large, broken, or of a kind that not every reader shows.
    pub fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        if bytes.len() > IMAGE_BYTES_MAX {
            return Err(ImageError::Bytes(bytes.len()));
        }
        if let Some(rest) = bytes.strip_prefix(png::SIGNATURE) {
            return png::read(rest);
        }
        match bytes.strip_prefix(jpeg::START) {
            Some(_) => jpeg::read(bytes),
            None => Err(ImageError::Format),
        }
    }
}

fn check_pixels(width: u32, height: u32) -> Result<(), ImageError> {
    match u64::from(width) * u64::from(height) {
        1..=IMAGE_PIXELS_MAX => Ok(()),
        _ => Err(ImageError::Pixels { width, height }),
    }
}

/// Takes the first `N` bytes off `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// Takes the first `count` bytes off `rest`.
fn take_many<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(first)
}
