//! Text is cut into stretches that are shaped alike.
//!
//! Decides the visual order (Unicode bidirectional algorithm) and the family of each grapheme. Invariants: stretches
//! cover the text without overlap; graphemes are only cut where no family has all of one.

use std::borrow::Cow;
use std::ops::Range;

use unicode_bidi::{Level, ParagraphBidiInfo};
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::{Family, TEXT_FAMILY};

/// A stretch of text in one direction that one family sets, or none does.
pub(super) struct Stretch {
    pub(super) range: Range<usize>,
    pub(super) family: Option<Family>,
}

/// The text with every control character and separator as a space: a field is one paragraph.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    if text.contains(breaks) { Cow::Owned(text.replace(breaks, " ")) } else { Cow::Borrowed(text) }
}

/// The direction of a paragraph by its first strong character.
pub(super) fn base_direction(text: &str) -> Level {
    if text.is_ascii() { Level::ltr() } else { ParagraphBidiInfo::new(text, None).paragraph_level }
}

/// Stretches of one direction, from left to right.
pub(super) fn visual_runs(text: &str, base: Option<Level>) -> Vec<(Range<usize>, Level)> {
    if text.is_empty() {
        return Vec::new();
    }
    if text.is_ascii() && base.is_none_or(|level| level.is_ltr()) {
        return vec![(0..text.len(), Level::ltr())];
    }
    let paragraph = ParagraphBidiInfo::new(text, base);
    let (levels, runs) = paragraph.visual_runs(0..text.len());
    runs.into_iter().map(|run| (run.clone(), levels.get(run.start).copied().unwrap_or(Level::ltr()))).collect()
}

/// Splits a stretch of one direction by family, in reading order.
pub(super) fn stretches(text: &str, range: Range<usize>) -> Vec<Stretch> {
    if text[range.clone()].is_ascii() {
        return vec![Stretch { range, family: Some(TEXT_FAMILY) }];
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    for (offset, grapheme) in text[range.clone()].grapheme_indices(true) {
        let start = range.start + offset;
        match Family::covering(grapheme) {
            Some(family) => extend(&mut stretches, start, grapheme, Some(family)),
            // No family has all of it: a base with a mark from elsewhere. Better apart than not at all.
            None => {
                for (inner, character) in grapheme.char_indices() {
                    let part = &grapheme[inner..inner + character.len_utf8()];
                    extend(&mut stretches, start + inner, part, Family::covering(part));
                }
            }
        }
    }
    stretches
}

fn extend(stretches: &mut Vec<Stretch>, start: usize, part: &str, family: Option<Family>) {
    let range = start..start + part.len();
    match stretches.last_mut() {
        // One box for each part that no family covers: they do not join.
        Some(last) if last.family == family && family.is_some() => last.range.end = range.end,
        _ => stretches.push(Stretch { range, family }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spaces() {
        assert_eq!(printable("a\tb\r\nc\u{2028}d"), "a b  c d");
    }

    #[test]
    fn stretches_end_where_another_family_begins() {
        let cases: [(&str, &[&str]); 6] = [
            ("API requests", &["API requests"]),
            ("Żółć ОК", &["Żółć ОК"]),
            ("東京 Ltd", &["東京", " Ltd"]),
            ("กข🚀", &["กข", "🚀"]),
            ("𓀀𓂀", &["𓀀", "𓂀"]),
            // Neither family has both: the letter and the mark are set apart.
            ("க\u{0302}", &["க", "\u{0302}"]),
        ];
        for (text, expected) in cases {
            let found: Vec<&str> =
                stretches(text, 0..text.len()).into_iter().map(|stretch| &text[stretch.range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
