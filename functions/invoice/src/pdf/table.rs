//! The table of lines: its columns, its headings and its rows.
//!
//! Decides how wide the columns of figures are: as wide as the widest figure, up to a share of the page; beyond it
//! figures wrap like any text. Invariants: figures stand at the right edge of their column; a line stays on one page
//! with its first tier, and with all of its tiers while they are few.

use super::PrintError;
use super::document::{Document, Line, Tier};
use super::strips::{Column, Item, Side, Strip, loosen, pad, side_by_side, stack};
use super::style::{
    CELL, CELL_FIGURES, CONTENT_RIGHT, CONTENT_WIDTH, DETAIL, HAIRLINE, HEADING, INK, Length, MARGIN_SIDE, PALE, RULE,
    TIER, TIER_FIGURES, TextStyle,
};
use super::text::Shaper;
use super::wrap::wrap;

/// White space between a column of figures and its neighbour.
const GAP: Length = 18_000;
/// No column of figures is narrower, so that short invoices do not look cramped.
const FIGURES_WIDTH_MIN: Length = 52_000;
/// No column of figures is wider: three of them and their gaps leave a third of the page to the description.
const FIGURES_WIDTH_MAX: Length = 94_000;
/// How far tiers are indented.
const INDENT: Length = 14_000;
/// A line with up to this many tiers stays on one page with all of them.
const TIERS_TOGETHER_MAX: usize = 8;
/// A description of up to this many lines stays on one page.
const LINES_TOGETHER_MAX: usize = 10;
/// White space above and below a row's text.
const ROW_PADDING: Length = 7_000;

/// The widths of the three columns of figures, from the right edge of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    amount: Length,
    unit_price: Length,
    quantity: Length,
}

impl Columns {
    /// Measures every figure of the document.
    pub(super) fn measure(shaper: &mut Shaper, document: &Document) -> Result<Self, PrintError> {
        let headings = &document.headings;
        let mut columns = Columns { amount: 0, unit_price: 0, quantity: 0 };
        columns.widen(shaper, HEADING, [&headings.quantity, &headings.unit_price, &headings.amount])?;
        for line in &document.lines {
            columns.widen(shaper, CELL_FIGURES, [&line.quantity, &line.unit_price, &line.amount])?;
            for tier in &line.tiers {
                columns.widen(shaper, TIER_FIGURES, [&tier.quantity, &tier.unit_price, &tier.amount])?;
            }
        }
        let bounded = |width: Length| width.clamp(FIGURES_WIDTH_MIN, FIGURES_WIDTH_MAX);
        Ok(Columns {
            amount: bounded(columns.amount),
            unit_price: bounded(columns.unit_price),
            quantity: bounded(columns.quantity),
        })
    }

    fn widen(&mut self, shaper: &mut Shaper, style: TextStyle, figures: [&str; 3]) -> Result<(), PrintError> {
        let [quantity, unit_price, amount] = figures;
        for (width, text) in
            [(&mut self.quantity, quantity), (&mut self.unit_price, unit_price), (&mut self.amount, amount)]
        {
            // One over the width, so that a text that fits by less than a thousandth is not wrapped.
            *width = (*width).max(shaper.line(text.trim(), style, None)?.width(style) + 1_000);
        }
        Ok(())
    }

    fn unit_price_right(self) -> Length {
        CONTENT_RIGHT - self.amount - GAP
    }

    fn quantity_right(self) -> Length {
        self.unit_price_right() - self.unit_price - GAP
    }

    fn description_width(self) -> Length {
        self.quantity_right() - self.quantity - GAP - MARGIN_SIDE
    }

    /// Sets the four cells of a row; `description` starts at `indent`.
    fn row(
        self,
        shaper: &mut Shaper,
        indent: Length,
        description: &[(TextStyle, &str)],
        figures: (TextStyle, [&str; 3]),
    ) -> Result<Vec<Strip>, PrintError> {
        let mut left = Column::new(MARGIN_SIDE + indent, Side::Left);
        for (style, text) in description {
            left.add(*style, wrap(shaper, text, *style, self.description_width() - indent)?);
        }
        let mut columns = vec![left];
        let (style, [quantity, unit_price, amount]) = figures;
        for (edge, width, text) in [
            (self.quantity_right(), self.quantity, quantity),
            (self.unit_price_right(), self.unit_price, unit_price),
            (CONTENT_RIGHT, self.amount, amount),
        ] {
            let mut column = Column::new(edge, Side::Right);
            column.add(style, wrap(shaper, text, style, width)?);
            columns.push(column);
        }
        Ok(side_by_side(columns))
    }

    /// The headings, as one strip that is repeated on every page.
    pub(super) fn headings(self, shaper: &mut Shaper, document: &Document) -> Result<Strip, PrintError> {
        let names = &document.headings;
        let figures = (HEADING, [names.quantity.as_str(), &names.unit_price, &names.amount]);
        let mut rows = self.row(shaper, 0, &[(HEADING, &names.description)], figures)?;
        pad(&mut rows, 0, ROW_PADDING - 1_000);
        let mut headings = Strip { is_table: true, ..stack(rows) };
        headings.items.push(Item::rule(MARGIN_SIDE, headings.height, CONTENT_WIDTH, RULE, INK));
        headings.height += RULE;
        Ok(headings)
    }

    /// A line with its tiers, and a hairline below.
    pub(super) fn line(self, shaper: &mut Shaper, line: &Line) -> Result<Vec<Strip>, PrintError> {
        let detail = line.detail.as_deref().unwrap_or_default();
        let figures = (CELL_FIGURES, [line.quantity.as_str(), &line.unit_price, &line.amount]);
        let mut strips = self.row(shaper, 0, &[(CELL, &line.description), (DETAIL, detail)], figures)?;
        loosen(&mut strips, LINES_TOGETHER_MAX);
        pad(&mut strips, 0, if line.tiers.is_empty() { 0 } else { 2_000 });
        for (place, tier) in line.tiers.iter().enumerate() {
            let mut rows = self.tier(shaper, tier)?;
            // Of many tiers neither the first nor the last stands alone on a page.
            let keeps = place == 0 || place + 1 == line.tiers.len() || line.tiers.len() <= TIERS_TOGETHER_MAX;
            if let Some(first) = rows.first_mut() {
                first.keeps_with_above = keeps;
            }
            strips.extend(rows);
        }
        pad(&mut strips, ROW_PADDING, ROW_PADDING);
        if let Some(last) = strips.last_mut() {
            last.items.push(Item::rule(MARGIN_SIDE, last.height - HAIRLINE, CONTENT_WIDTH, HAIRLINE, PALE));
        }
        for (place, strip) in strips.iter_mut().enumerate() {
            strip.is_table = true;
            strip.continues_row = place > 0;
        }
        Ok(strips)
    }

    fn tier(self, shaper: &mut Shaper, tier: &Tier) -> Result<Vec<Strip>, PrintError> {
        let figures = (TIER_FIGURES, [tier.quantity.as_str(), &tier.unit_price, &tier.amount]);
        self.row(shaper, INDENT, &[(TIER, &tier.description)], figures)
    }
}
