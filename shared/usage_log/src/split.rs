//! Taking the JSON text of an event apart: into a skeleton, which many events share, and the values of one.
//!
//! Invariant: whatever is split is given back byte by byte by its shape and its values. What is valid JSON is always
//! split; of what is not, some is, and is given back all the same: whoever takes events in has parsed them.

use crate::shape::{Column, JSON, NUMBER, Shape, TEXT};
use domain::usage::{Scalar, data::PATH_DEPTH_MAX};
use std::ops::Range;

/// The value of one column, as it stands in the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The digits of a plain number.
    Number(i64),
    /// Where a text or a JSON text stands.
    Text(Range<usize>),
}

/// Splits `data`, which is a JSON object, into a skeleton and the values of its columns; `None` where it is no object.
pub(crate) fn split(data: &str, skeleton: &mut String, pieces: &mut Vec<Piece>) -> Option<()> {
    skeleton.clear();
    pieces.clear();
    let mut splitter = Splitter { scan: Scan { data, at: 0 }, copied: 0, skeleton, pieces };
    splitter.scan.blank();
    splitter.object(0)?;
    splitter.scan.blank();
    let end = splitter.scan.at;
    splitter.skeleton.push_str(&data[splitter.copied..]);
    (end == data.len()).then_some(())
}

/// Splits `data` just as [`split`] would, if that gave the skeleton of `shape`; `None` if it is another one, or may be.
pub(crate) fn split_as(shape: &Shape, data: &str, pieces: &mut Vec<Piece>) -> Option<()> {
    pieces.clear();
    let mut scan = Scan { data, at: 0 };
    for (before, column) in shape.stretches() {
        scan.literal(before)?;
        let start = scan.at;
        match column {
            Column::Number(scale) => match scan.number()? {
                Scalar::Number { mantissa, scale: found } if found == scale => pieces.push(Piece::Number(mantissa)),
                _ => return None,
            },
            Column::Text => {
                if scan.text()? {
                    return None;
                }
                pieces.push(Piece::Text(start + 1..scan.at - 1));
            }
            // What is kept as JSON is rare and has many forms.
            Column::Json => return None,
        }
    }
    (data.as_bytes()[scan.at..] == *shape.last_stretch().as_bytes()).then_some(())
}

/// A place in a JSON text.
#[derive(Clone, Copy, Debug)]
struct Scan<'a> {
    data: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.data.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes exactly `text`.
    #[inline]
    fn literal(&mut self, text: &str) -> Option<()> {
        let rest = &self.data.as_bytes()[self.at..];
        rest.starts_with(text.as_bytes()).then(|| self.at += text.len())
    }

    /// Passes a text; whether it has escapes.
    #[inline]
    fn text(&mut self) -> Option<bool> {
        self.expect(b'"')?;
        let bytes = self.data.as_bytes();
        let mut escapes = false;
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    escapes = true;
                    self.at += 2;
                }
                // A control character is no part of JSON, and would be taken for a mark.
                0..b' ' => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(escapes)
    }

    /// Passes a number.
    #[inline]
    fn number(&mut self) -> Option<Scalar<'a>> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = &self.data[start..self.at];
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        match digits {
            [] => None,
            // Not the way in which JSON writes a number: `007`, `.5` and `5.` are not given back from their digits.
            [b'0', b'0'..=b'9', ..] | [b'.', ..] | [.., b'.'] => Some(Scalar::OddNumber(text)),
            _ => Some(Scalar::number(text)),
        }
    }

    /// Passes an array or an object whose inside is not looked at.
    fn nested(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                b'"' => {
                    self.text()?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(());
            }
        }
    }
}

struct Splitter<'a, 'o> {
    scan: Scan<'a>,
    /// Up to where the data is in the skeleton.
    copied: usize,
    skeleton: &'o mut String,
    pieces: &'o mut Vec<Piece>,
}

impl Splitter<'_, '_> {
    fn object(&mut self, depth: usize) -> Option<()> {
        self.scan.expect(b'{')?;
        self.scan.blank();
        if self.scan.peek()? == b'}' {
            self.scan.at += 1;
            return Some(());
        }
        loop {
            self.scan.text()?;
            self.scan.blank();
            self.scan.expect(b':')?;
            self.scan.blank();
            self.value(depth)?;
            self.scan.blank();
            match self.scan.peek()? {
                b',' => self.scan.at += 1,
                b'}' => {
                    self.scan.at += 1;
                    return Some(());
                }
                _ => return None,
            }
            self.scan.blank();
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let start = self.scan.at;
        match self.scan.peek()? {
            b'{' if depth + 1 < PATH_DEPTH_MAX => self.object(depth + 1)?,
            b'{' | b'[' => {
                self.scan.nested()?;
                self.mark(start, JSON, Piece::Text(start..self.scan.at));
            }
            b'"' => {
                if self.scan.text()? {
                    self.mark(start, JSON, Piece::Text(start..self.scan.at));
                } else {
                    self.mark(start, TEXT, Piece::Text(start + 1..self.scan.at - 1));
                }
            }
            b't' | b'f' | b'n' => {
                let words = ["true", "false", "null"];
                words.iter().find_map(|word| self.scan.literal(word))?;
            }
            _ => match self.scan.number()? {
                Scalar::Number { mantissa, scale } => {
                    self.mark(start, NUMBER, Piece::Number(mantissa));
                    self.skeleton.push(char::from(b'0' + scale));
                }
                Scalar::OddNumber(_) | Scalar::Text(_) | Scalar::Boolean(_) => {
                    self.mark(start, JSON, Piece::Text(start..self.scan.at));
                }
            },
        }
        Some(())
    }

    fn mark(&mut self, start: usize, mark: u8, piece: Piece) {
        self.skeleton.push_str(&self.scan.data[self.copied..start]);
        self.skeleton.push(char::from(mark));
        self.copied = self.scan.at;
        self.pieces.push(piece);
    }
}

#[cfg(test)]
mod tests;
