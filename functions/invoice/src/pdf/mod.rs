//! The invoice or credit note as a PDF: A4, any number of pages, any script.
//!
//! [`print()`] takes a [`Document`] of preformatted text and gives the bytes of a file. It reads no clock, draws no lots
//! and does no I/O; the same document gives the same bytes. From the outside in:
//!
//! | module | decides |
//! |---|---|
//! | `document` | what can be said |
//! | `style` | geometry, type sizes, colours |
//! | `fonts` | which font sets a character |
//! | `stretches`, `text`, `wrap` | order, glyphs, and where lines end |
//! | `strips`, `blocks`, `table` | what stands beside and below what |
//! | `pages` | what is on which page |
//! | `image` | which logos can be printed |
//! | `draw`, `file` | operators, fonts and the file |
//!
//! Amounts, dates and translations are left to the caller.

mod blocks;
mod document;
mod draw;
mod file;
mod fonts;
mod image;
mod pages;
#[cfg(test)]
mod reader;
mod stretches;
mod strips;
mod style;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod wrap;

pub use document::{Colour, Document, Fact, Headings, Headline, Line, Metadata, Party, Tier, Total};
pub use image::{IMAGE_BYTES_MAX, IMAGE_PIXELS_MAX, Image, ImageError};

use blocks::Frame;
use pages::{Body, Page, paginate};
use style::MARGIN_TOP;
use table::Columns;
use text::Shaper;

/// Lines and tiers that one document may have: about 400 pages.
pub const ROWS_MAX: usize = 10_000;
/// Bytes of text that one document may have: the file is built in memory, at some 300 bytes for each of them.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;

/// Why a document could not be printed. Each but the first two is a fault of this program.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The document is too large; print it as a summary.
    #[error(
        "the document has {rows} rows and {bytes} bytes of text: at most {ROWS_MAX} and {TEXT_BYTES_MAX} are printed"
    )]
    TooLarge {
        /// Lines and tiers.
        rows: usize,
        /// Bytes of text in rows, parties, totals and notes.
        bytes: usize,
    },
    /// The time of issue is outside the years that a PDF can name.
    #[error("the time of issue {0} is outside the years that a file can name")]
    CreatedAt(i64),
    /// A committed font cannot be read.
    #[error("the font {0} cannot be read")]
    Font(&'static str),
    /// The PDF library refused what it was given.
    #[error("the file cannot be written: {0}")]
    Write(String),
}

/// Prints a document.
///
/// # Errors
///
/// Refuses a document beyond [`ROWS_MAX`] or [`TEXT_BYTES_MAX`], and a time of issue that no date can name.
pub fn print(document: &Document) -> Result<Vec<u8>, PrintError> {
    check_size(document)?;
    file::write(&lay_out(document)?, document.logo.as_ref(), &document.metadata)
}

/// Places everything that the document says.
fn lay_out(document: &Document) -> Result<Vec<Page>, PrintError> {
    let mut shaper = Shaper::new();
    let columns = Columns::measure(&mut shaper, document)?;
    let headings = columns.headings(&mut shaper, document)?;
    let frame = Frame::new(&mut shaper, document)?;

    let mut strips = blocks::head(&mut shaper, document)?;
    for line in &document.lines {
        strips.extend(columns.line(&mut shaper, line)?);
    }
    strips.extend(blocks::totals(&mut shaper, &document.totals)?);
    strips.extend(blocks::notes(&mut shaper, &document.notes)?);

    let body = Body { top: MARGIN_TOP, bottom: frame.body_bottom() };
    let mut pages = paginate(strips, &headings, body);
    let count = pages.len();
    for (place, page) in pages.iter_mut().enumerate() {
        frame.add_to(page, &mut shaper, place + 1, count)?;
    }
    Ok(pages)
}

fn check_size(document: &Document) -> Result<(), PrintError> {
    let mut rows = 0;
    let mut bytes = 0;
    for party in [&document.seller, &document.buyer] {
        bytes += party.name.len() + party.lines.iter().map(String::len).sum::<usize>();
    }
    for line in &document.lines {
        rows += 1 + line.tiers.len();
        bytes += line.description.len() + line.detail.as_ref().map_or(0, String::len);
        bytes += line.quantity.len() + line.unit_price.len() + line.amount.len();
        for tier in &line.tiers {
            bytes += tier.description.len() + tier.quantity.len() + tier.unit_price.len() + tier.amount.len();
        }
    }
    bytes += document.facts.iter().map(|fact| fact.label.len() + fact.value.len()).sum::<usize>();
    bytes += document.totals.iter().map(|total| total.label.len() + total.amount.len()).sum::<usize>();
    bytes += document.notes.iter().map(String::len).sum::<usize>();
    if rows > ROWS_MAX || bytes > TEXT_BYTES_MAX {
        return Err(PrintError::TooLarge { rows, bytes });
    }
    Ok(())
}
