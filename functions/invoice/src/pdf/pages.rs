//! Which page a strip is on.
//!
//! Invariants: strips keep their order and none is lost; what keeps together is on one page wherever one page can hold
//! it; every page that shows a part of the table shows the table's headings above it.

use super::strips::{Item, Strip};
use super::style::Length;

/// White space between the headings and the rest of a row that began on the page before.
const CONTINUATION_SPACE: Length = 5_000;

/// What stands on one page, placed from the page's upper edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
}

/// The part of a page that strips may fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    pub(super) top: Length,
    pub(super) bottom: Length,
}

/// Fills pages with strips; there is always one page.
pub(super) fn paginate(strips: Vec<Strip>, headings: &Strip, body: Body) -> Vec<Page> {
    let mut filler = Filler { headings, body, pages: vec![Page::default()], down: body.top, shows_headings: false };
    let mut strips = strips.into_iter().peekable();
    while let Some(first) = strips.next() {
        let mut unit = vec![first];
        while let Some(next) = strips.next_if(|next| next.keeps_with_above) {
            unit.push(next);
        }
        filler.place(unit);
    }
    filler.pages
}

struct Filler<'a> {
    headings: &'a Strip,
    body: Body,
    pages: Vec<Page>,
    /// Where the next strip starts on the last page.
    down: Length,
    /// Whether the last page already shows the table's headings.
    shows_headings: bool,
}

impl Filler<'_> {
    /// Places strips that keep together. Where no page can hold them all, they break between any two.
    fn place(&mut self, unit: Vec<Strip>) {
        let height: Length = unit.iter().map(|strip| strip.height).sum();
        let is_table = unit.first().is_some_and(|strip| strip.is_table);
        if !self.fits(height, is_table) && self.down > self.body.top {
            self.turn();
        }
        for strip in unit {
            if !self.fits(strip.height, strip.is_table) && self.down > self.body.top {
                self.turn();
            }
            if strip.is_table && !self.shows_headings {
                self.put(self.headings.clone());
                self.shows_headings = true;
                // The start of a row brings its own white space.
                self.down += if strip.continues_row { CONTINUATION_SPACE } else { 0 };
            }
            self.put(strip);
        }
    }

    fn fits(&self, height: Length, is_table: bool) -> bool {
        let headings = if is_table && !self.shows_headings { self.headings.height } else { 0 };
        self.down + headings + height <= self.body.bottom
    }

    fn turn(&mut self) {
        self.pages.push(Page::default());
        self.down = self.body.top;
        self.shows_headings = false;
    }

    fn put(&mut self, strip: Strip) {
        let down = self.down;
        if let Some(page) = self.pages.last_mut() {
            page.items.extend(strip.items.into_iter().map(|item| item.lowered(down)));
        }
        self.down += strip.height;
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::INK;
    use super::*;

    const BODY: Body = Body { top: 100, bottom: 200 };

    /// A strip that is known by its width.
    fn strip(name: Length, height: Length, keeps_with_above: bool, is_table: bool) -> Strip {
        Strip { height, items: vec![Item::rule(0, 0, name, 1, INK)], keeps_with_above, is_table, continues_row: false }
    }

    /// Per page the names of its strips and how far down they start.
    fn placed(strips: Vec<Strip>) -> Vec<Vec<(Length, Length)>> {
        let headings = strip(99, 10, false, true);
        let pages = paginate(strips, &headings, BODY);
        let fill = |item: &Item| match item {
            Item::Fill { width, top, .. } => (*width, *top),
            Item::Text { .. } | Item::Logo { .. } => unreachable!("only fills are placed here"),
        };
        pages.iter().map(|page| page.items.iter().map(fill).collect()).collect()
    }

    #[test]
    fn strips_fill_pages_in_order() {
        assert_eq!(placed(vec![]), vec![vec![]]);
        let full = vec![strip(1, 60, false, false), strip(2, 40, false, false), strip(3, 1, false, false)];
        assert_eq!(placed(full), vec![vec![(1, 100), (2, 160)], vec![(3, 100)]]);
    }

    #[test]
    fn what_keeps_together_moves_together() {
        let strips = vec![strip(1, 60, false, false), strip(2, 30, false, false), strip(3, 30, true, false)];
        assert_eq!(placed(strips), vec![vec![(1, 100)], vec![(2, 100), (3, 130)]]);
    }

    #[test]
    fn what_no_page_can_hold_breaks_anywhere() {
        let strips = vec![strip(1, 20, false, false), strip(2, 70, false, false), strip(3, 70, true, false)];
        assert_eq!(placed(strips), vec![vec![(1, 100)], vec![(2, 100)], vec![(3, 100)]]);
        let taller = vec![strip(1, 10, false, false), strip(2, 150, false, false)];
        assert_eq!(placed(taller), vec![vec![(1, 100)], vec![(2, 100)]]);
    }

    #[test]
    fn headings_stand_above_the_table_on_every_page() {
        let strips = vec![
            strip(1, 50, false, false),
            strip(2, 40, false, true),
            strip(3, 40, false, true),
            strip(4, 40, false, true),
            strip(5, 40, false, false),
        ];
        let expected = vec![vec![(1, 100), (99, 150), (2, 160)], vec![(99, 100), (3, 110), (4, 150)], vec![(5, 100)]];
        assert_eq!(placed(strips), expected);
    }

    #[test]
    fn headings_are_not_left_alone_at_the_foot_of_a_page() {
        let strips = vec![strip(1, 50, false, false), strip(2, 45, false, true)];
        assert_eq!(placed(strips), vec![vec![(1, 100)], vec![(99, 100), (2, 110)]]);
    }
}
