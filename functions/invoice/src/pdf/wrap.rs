//! Where lines end: text is filled into lines of a given width.
//!
//! Decides by the Unicode line breaking algorithm; a word that is wider than a line is broken between graphemes.
//! Invariants: nothing but the white space at a line's end is left out, and no line is wider than asked unless a
//! single grapheme is. (Pieces are measured apart: what a font kerns between two words may add a thousandth.)

use unicode_bidi::Level;
use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

use super::PrintError;
use super::stretches::{base_direction, printable};
use super::style::{Length, THOUSAND, TextStyle};
use super::text::{Shaper, TextLine};

/// Sets a text in lines no wider than `width`. An empty text has no lines.
pub(super) fn wrap(
    shaper: &mut Shaper,
    text: &str,
    style: TextStyle,
    width: Length,
) -> Result<Vec<TextLine>, PrintError> {
    let text = printable(text);
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let width_em = width * THOUSAND / style.size;
    let whole = shaper.line(text, style, None)?;
    if whole.width_em <= width_em {
        return Ok(vec![whole]);
    }
    let mut filler =
        Filler { shaper, text, style, width_em, base: base_direction(text), start: 0, filled_em: 0, lines: Vec::new() };
    filler.fill()?;
    Ok(filler.lines)
}

/// Fills one line after the other.
struct Filler<'a> {
    shaper: &'a mut Shaper,
    text: &'a str,
    style: TextStyle,
    width_em: i64,
    base: Level,
    /// Where the open line starts, in bytes.
    start: usize,
    /// The width of the open line so far, with the white space at its end.
    filled_em: i64,
    lines: Vec<TextLine>,
}

impl Filler<'_> {
    fn fill(&mut self) -> Result<(), PrintError> {
        let mut piece_start = 0;
        for (piece_end, _) in linebreaks(self.text) {
            let piece = &self.text[piece_start..piece_end];
            let seen_em = self.measure(piece.trim_end())?;
            if self.filled_em > 0 && self.filled_em + seen_em > self.width_em {
                self.close(piece_start)?;
            }
            if seen_em > self.width_em {
                self.fill_graphemes(piece_start, piece)?;
            } else {
                self.filled_em += self.measure(piece)?;
            }
            piece_start = piece_end;
        }
        self.close(self.text.len())
    }

    /// Breaks a word that no line can hold.
    fn fill_graphemes(&mut self, piece_start: usize, piece: &str) -> Result<(), PrintError> {
        for (offset, grapheme) in piece.grapheme_indices(true) {
            let grapheme_em = self.measure(grapheme)?;
            let is_seen = !grapheme.trim().is_empty();
            if is_seen && self.filled_em > 0 && self.filled_em + grapheme_em > self.width_em {
                self.close(piece_start + offset)?;
            }
            self.filled_em += grapheme_em;
        }
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), PrintError> {
        let line = self.text[self.start..end].trim();
        if !line.is_empty() {
            self.lines.push(self.shaper.line(line, self.style, Some(self.base))?);
        }
        self.start = end;
        self.filled_em = 0;
        Ok(())
    }

    fn measure(&mut self, text: &str) -> Result<i64, PrintError> {
        Ok(self.shaper.line(text, self.style, Some(self.base))?.width_em)
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::CELL;
    use super::*;

    /// Twenty ems at nine points: about forty Latin letters.
    const WIDTH: Length = 180_000;

    fn wrapped(text: &str, width: Length) -> Vec<String> {
        let lines = wrap(&mut Shaper::new(), text, CELL, width).unwrap();
        for line in &lines {
            let is_one_grapheme = line.text.graphemes(true).count() == 1;
            assert!(is_one_grapheme || line.width(CELL) <= width, "{} is too wide", line.text);
        }
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_end_where_the_text_allows_it() {
        let cases: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("   ", &[]),
            ("API requests", &["API requests"]),
            (
                "API requests above the included volume, Frankfurt region, 1–31 October",
                &["API requests above the included volume,", "Frankfurt region, 1–31 October"],
            ),
            (
                "well-known content-addressed write-through-caches",
                &["well-known content-addressed write-", "through-caches"],
            ),
            ("two\nlines", &["two lines"]),
            ("株式会社東京計量サービス研究開発部門第一課御中", &["株式会社東京計量サービス研究開発部門第一", "課御中"]),
            ("ends with  spaces          ", &["ends with  spaces"]),
        ];
        for (text, expected) in cases {
            assert_eq!(wrapped(text, WIDTH), expected, "{text}");
        }
    }

    #[test]
    fn a_word_wider_than_a_line_is_broken_between_graphemes() {
        let cases = [
            ("W".repeat(60), 60_000),
            ("ki\u{0302}".repeat(40), 40_000),
            ("กำนัน".repeat(20), 50_000),
            ("مستخدم".repeat(20), 50_000),
            (format!("id {} end", "0123456789abcdef".repeat(8)), 90_000),
            ("W".to_string(), 1),
        ];
        for (text, width) in cases {
            let lines = wrapped(&text, width);
            let spaceless = |text: &str| text.replace(' ', "");
            assert_eq!(spaceless(&lines.concat()), spaceless(&text));
            for line in &lines {
                assert_eq!(
                    line.graphemes(true).count(),
                    line.graphemes(true).filter(|part| text.contains(*part)).count()
                );
            }
        }
    }

    #[test]
    fn no_line_holds_less_than_fits() {
        let lines = wrapped(&"ab ".repeat(200), WIDTH);
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        let (last, full) = lengths.split_last().unwrap();
        assert!(full.iter().all(|length| length == &lengths[0]), "{lengths:?}");
        assert!(*last <= lengths[0]);
    }
}
