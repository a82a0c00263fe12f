//! The material of which pages are built: strips as wide as the page and as high as one line of text.
//!
//! Decides how columns of lines become strips. Invariants: a strip is never cut; a strip that keeps with the one above
//! stays on its page as long as a page can hold both. What the strips say is left to `blocks` and `table`, which page
//! they are on to `pages`.

use super::document::Colour;
use super::style::{Length, TextStyle};
use super::text::TextLine;

/// Something with a place: from the left edge of the page, and from the top of its strip or page.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A line of text by the left end of its baseline.
    Text { left: Length, baseline: Length, style: TextStyle, line: TextLine },
    /// A filled rectangle: a rule, the band, or with round corners a badge.
    Fill { left: Length, top: Length, width: Length, height: Length, radius: Length, colour: Colour },
    /// The document's logo.
    Logo { left: Length, top: Length, width: Length, height: Length },
}

/// One line's height of the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Strip {
    pub(super) height: Length,
    pub(super) items: Vec<Item>,
    /// Whether it stays with the strip above.
    pub(super) keeps_with_above: bool,
    /// Whether the table's headings stand above it on every page.
    pub(super) is_table: bool,
    /// Whether it goes on with a row that began further up.
    pub(super) continues_row: bool,
}

/// At which side of its column a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Lines of text below each other, at one side of a column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The x of the side at which the text stands.
    pub(super) edge: Length,
    pub(super) side: Side,
    pub(super) lines: Vec<(TextStyle, TextLine)>,
}

impl Column {
    pub(super) fn new(edge: Length, side: Side) -> Self {
        Self { edge, side, lines: Vec::new() }
    }

    pub(super) fn add(&mut self, style: TextStyle, lines: Vec<TextLine>) {
        self.lines.extend(lines.into_iter().map(|line| (style, line)));
    }
}

impl Item {
    /// The same thing further down.
    pub(super) fn lowered(self, by: Length) -> Self {
        match self {
            Item::Text { left, baseline, style, line } => Item::Text { left, baseline: baseline + by, style, line },
            Item::Fill { left, top, width, height, radius, colour } => {
                Item::Fill { left, top: top + by, width, height, radius, colour }
            }
            Item::Logo { left, top, width, height } => Item::Logo { left, top: top + by, width, height },
        }
    }

    /// A horizontal rule with its upper edge at `top`.
    pub(super) fn rule(left: Length, top: Length, width: Length, height: Length, colour: Colour) -> Self {
        Item::Fill { left, top, width, height, radius: 0, colour }
    }

    /// A line of text in a line whose upper edge is at `top`.
    pub(super) fn text(edge: Length, side: Side, top: Length, style: TextStyle, line: TextLine) -> Self {
        let left = match side {
            Side::Left => edge,
            Side::Right => edge - line.width(style),
        };
        Item::Text { left, baseline: top + style.baseline(), style, line }
    }
}

/// Sets columns beside each other: the n-th strip holds the n-th line of each. All but the first keep with the above.
pub(super) fn side_by_side(columns: Vec<Column>) -> Vec<Strip> {
    let mut strips: Vec<Strip> = Vec::new();
    for column in columns {
        for (place, (style, line)) in column.lines.into_iter().enumerate() {
            if strips.len() <= place {
                strips.push(Strip { keeps_with_above: place > 0, ..Strip::default() });
            }
            if let Some(strip) = strips.get_mut(place) {
                strip.height = strip.height.max(style.line_height);
                strip.items.push(Item::text(column.edge, column.side, 0, style, line));
            }
        }
    }
    strips
}

/// Adds white space above the first strip and below the last.
pub(super) fn pad(strips: &mut [Strip], above: Length, below: Length) {
    if let Some(first) = strips.first_mut() {
        first.height += above;
        first.items = std::mem::take(&mut first.items).into_iter().map(|item| item.lowered(above)).collect();
    }
    if let Some(last) = strips.last_mut() {
        last.height += below;
    }
}

/// Lets strips break over pages where there are more than `together_max`, but leaves no single one behind or ahead.
pub(super) fn loosen(strips: &mut [Strip], together_max: usize) {
    let count = strips.len();
    if count > together_max {
        for strip in strips.iter_mut().take(count - 1).skip(2) {
            strip.keeps_with_above = false;
        }
    }
}

/// Makes one strip of several.
pub(super) fn stack(strips: Vec<Strip>) -> Strip {
    let mut whole = Strip::default();
    for strip in strips {
        whole.items.extend(strip.items.into_iter().map(|item| item.lowered(whole.height)));
        whole.height += strip.height;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strips(heights: &[Length]) -> Vec<Strip> {
        heights.iter().map(|height| Strip { height: *height, keeps_with_above: true, ..Strip::default() }).collect()
    }

    #[test]
    fn long_paragraphs_break_but_never_after_the_first_or_before_the_last_line() {
        let cases: [(usize, usize, &[bool]); 4] = [
            (3, 3, &[true, true, true]),
            (4, 3, &[true, true, false, true]),
            (6, 3, &[true, true, false, false, false, true]),
            (0, 3, &[]),
        ];
        for (count, together_max, expected) in cases {
            let mut strips = strips(&vec![10; count]);
            loosen(&mut strips, together_max);
            let keeps: Vec<bool> = strips.iter().map(|strip| strip.keeps_with_above).collect();
            assert_eq!(keeps, expected, "{count} strips");
        }
    }

    #[test]
    fn padding_lowers_what_it_stands_above() {
        let mut padded = strips(&[10, 10]);
        for strip in &mut padded {
            strip.items.push(Item::rule(0, 3, 1, 1, super::super::style::INK));
        }
        pad(&mut padded, 5, 7);
        let tops = padded.iter().map(|strip| match strip.items[0] {
            Item::Fill { top, .. } => (strip.height, top),
            Item::Text { .. } | Item::Logo { .. } => unreachable!("only fills are placed here"),
        });
        assert_eq!(tops.collect::<Vec<_>>(), [(15, 8), (17, 3)]);
        assert_eq!(stack(padded).height, 32);
    }
}
