//! What stands above and below the table: title, facts, parties, headline, totals, notes and the foot of each page.
//!
//! Decides where each block stands and how it is set. Every text wraps in its own column, so that no name is too long
//! and none runs into its neighbour.

use super::PrintError;
use super::document::{Colour, Document, Fact, Headline, Party, Total};
use super::image::Image;
use super::pages::Page;
use super::strips::{Column, Item, Side, Strip, loosen, pad, side_by_side, stack};
use super::style::{
    BAND_HEIGHT, CAPITALS_HEIGHT, CONTENT_RIGHT, CONTENT_WIDTH, FOOTER, HAIRLINE, HEADLINE, HEADLINE_CAPTION, INK,
    LABEL, Length, MARGIN_BOTTOM, MARGIN_SIDE, NOTE, PAGE_HEIGHT, PAGE_WIDTH, PALE, PARTY_LINE, PARTY_NAME, RULE,
    STAMP, STRONG, STRONG_FIGURES, THOUSAND, TITLE, TOTAL, TOTAL_FIGURES, TextStyle, VALUE, WORD_MARK, readable, tint,
};
use super::text::{Shaper, TextLine};
use super::wrap::wrap;

/// White space between columns of text.
const GUTTER: Length = 18_000;
/// The word mark's share of the first row.
const WORD_MARK_WIDTH: Length = 200_000;
/// The word mark repeats the seller's name: it may be cut off after this many lines.
const WORD_MARK_LINES_MAX: usize = 3;
/// The logo's share of the first row: as wide as the word mark at most, and as high as three of its lines.
const LOGO_HEIGHT_MAX: Length = 48_000;
const LOGO_WIDTH_MAX: Length = 180_000;
/// A pixel of a logo is at most a point wide: larger ones would be seen.
const PIXEL_MAX: Length = THOUSAND;
/// White space between the badge's edge and its text.
const STAMP_PADDING: Length = 7_000;
/// A party of up to this many lines stays on one page.
const PARTY_LINES_TOGETHER_MAX: usize = 16;
/// Facts stand in at most this many columns.
const FACT_COLUMNS_MAX: usize = 4;
const FACT_COLUMNS: Length = 4;
/// The totals' share of the width, unless their amounts need more.
const TOTALS_WIDTH: Length = 240_000;
/// What the totals leave to a label at the least.
const TOTAL_LABEL_WIDTH_MIN: Length = 110_000;
/// What an amount of the totals takes at the most.
const TOTAL_AMOUNT_WIDTH_MAX: Length = 200_000;
/// Notes are set narrower than the page: a line of small type is read more easily short.
const NOTE_WIDTH: Length = 400_000;
/// Notes up to this many lines stay on one page.
const NOTE_LINES_TOGETHER_MAX: usize = 8;
/// The page label's share of the foot.
const PAGE_LABEL_WIDTH: Length = 110_000;
/// The footer repeats what the document says elsewhere: it may be cut off after this many lines.
const FOOTER_LINES_MAX: usize = 3;

/// Everything above the table.
pub(super) fn head(shaper: &mut Shaper, document: &Document) -> Result<Vec<Strip>, PrintError> {
    let mut strips = title(shaper, document)?;
    for facts in document.facts.chunks(FACT_COLUMNS_MAX) {
        strips.extend(fact_row(shaper, facts)?);
    }
    strips.extend(parties(shaper, &document.seller, &document.buyer)?);
    if let Some(shown) = &document.headline {
        strips.extend(headline(shaper, shown)?);
    }
    Ok(strips)
}

/// The title with its badge, and the seller's logo, or else the name as a word mark.
fn title(shaper: &mut Shaper, document: &Document) -> Result<Vec<Strip>, PrintError> {
    let accent = readable(document.accent);
    let stamp = document.status_stamp.as_deref().unwrap_or_default();
    let stamp = wrap(shaper, stamp, STAMP, CONTENT_WIDTH / 4)?.into_iter().next();
    let stamp_width = stamp.as_ref().map_or(0, |line| line.width(STAMP) + 2 * STAMP_PADDING);

    let mut name = Column::new(MARGIN_SIDE, Side::Left);
    let width = CONTENT_WIDTH - WORD_MARK_WIDTH - stamp_width - 2 * GUTTER;
    name.add(TITLE, wrap(shaper, &document.title, TITLE, width)?);
    let ends = MARGIN_SIDE + name.lines.first().map_or(0, |(style, line)| line.width(*style));
    let mut strips = side_by_side(vec![name]);
    if strips.is_empty() {
        strips.push(Strip { height: TITLE.line_height, ..Strip::default() });
    }

    let mark = match &document.logo {
        Some(image) => logo(image),
        None => word_mark(shaper, &document.seller.name, accent)?,
    };

    let height: Length = strips.iter().map(|strip| strip.height).sum();
    pad(&mut strips, 0, (mark.height - height).max(0) + 22_000);
    if let Some(first) = strips.first_mut() {
        first.items.extend(mark.items);
        if let Some(line) = stamp {
            first.items.extend(badge(ends + GUTTER * 2 / 3, stamp_width, accent, line));
        }
    }
    Ok(strips)
}

/// The seller's name, on the baseline of the title.
fn word_mark(shaper: &mut Shaper, name: &str, accent: Colour) -> Result<Strip, PrintError> {
    let mut mark = Column::new(CONTENT_RIGHT, Side::Right);
    let lines = wrap(shaper, name, WORD_MARK, WORD_MARK_WIDTH)?;
    mark.add(WORD_MARK.coloured(accent), lines.into_iter().take(WORD_MARK_LINES_MAX).collect());
    let mut mark = side_by_side(vec![mark]);
    // The word mark is smaller than the title: lowered, both stand on one baseline.
    pad(&mut mark, TITLE.baseline() - WORD_MARK.baseline(), 0);
    Ok(stack(mark))
}

/// The logo at the right edge, as large as its pixels and its place allow: a low one on the middle of the title's
/// capitals, a high one from the top of the page's body.
fn logo(image: &Image) -> Strip {
    let (columns, rows) = (Length::from(image.width), Length::from(image.height));
    let mut width = LOGO_WIDTH_MAX.min(columns * PIXEL_MAX);
    let mut height = width * rows / columns;
    if height > LOGO_HEIGHT_MAX {
        height = LOGO_HEIGHT_MAX;
        width = height * columns / rows;
    }
    let middle = TITLE.baseline() - TITLE.size * CAPITALS_HEIGHT / THOUSAND / 2;
    let top = (middle - height / 2).max(0);
    // A hair is drawn of what is too flat to be seen.
    let (width, height) = (width.max(1), height.max(1));
    let item = Item::Logo { left: CONTENT_RIGHT - width, top, width, height };
    Strip { height: top + height, items: vec![item], ..Strip::default() }
}

/// A pill beside the title, on the middle of its capitals.
fn badge(left: Length, width: Length, accent: Colour, line: TextLine) -> Vec<Item> {
    let height = STAMP.line_height + 4_000;
    let top = TITLE.baseline() - TITLE.size * CAPITALS_HEIGHT / THOUSAND / 2 - height / 2;
    let pill = Item::Fill { left, top, width, height, radius: height / 2, colour: tint(accent) };
    vec![pill, Item::text(left + STAMP_PADDING, Side::Left, top + 2_000, STAMP.coloured(accent), line)]
}

/// Up to four facts beside each other, each a label above its value.
fn fact_row(shaper: &mut Shaper, facts: &[Fact]) -> Result<Vec<Strip>, PrintError> {
    let mut columns = Vec::new();
    let step = CONTENT_WIDTH / FACT_COLUMNS;
    let mut edge = MARGIN_SIDE;
    for fact in facts {
        let mut column = Column::new(edge, Side::Left);
        column.add(LABEL, wrap(shaper, &fact.label, LABEL, step - GUTTER)?);
        column.add(VALUE, wrap(shaper, &fact.value, VALUE, step - GUTTER)?);
        columns.push(column);
        edge += step;
    }
    let mut strips = side_by_side(columns);
    pad(&mut strips, 0, 14_000);
    Ok(strips)
}

/// Seller and buyer beside each other.
fn parties(shaper: &mut Shaper, seller: &Party, buyer: &Party) -> Result<Vec<Strip>, PrintError> {
    let half = CONTENT_WIDTH / 2;
    let columns = vec![party(shaper, seller, MARGIN_SIDE)?, party(shaper, buyer, MARGIN_SIDE + half)?];
    let mut strips = side_by_side(columns);
    loosen(&mut strips, PARTY_LINES_TOGETHER_MAX);
    pad(&mut strips, 10_000, 24_000);
    Ok(strips)
}

fn party(shaper: &mut Shaper, party: &Party, edge: Length) -> Result<Column, PrintError> {
    let width = CONTENT_WIDTH / 2 - GUTTER;
    let mut column = Column::new(edge, Side::Left);
    column.add(LABEL, wrap(shaper, &party.label, LABEL, width)?);
    column.add(PARTY_NAME, wrap(shaper, &party.name, PARTY_NAME, width)?);
    for line in &party.lines {
        column.add(PARTY_LINE, wrap(shaper, line, PARTY_LINE, width)?);
    }
    Ok(column)
}

/// The large amount, with its caption on the same baseline where there is room, else below it.
fn headline(shaper: &mut Shaper, headline: &Headline) -> Result<Vec<Strip>, PrintError> {
    let mut amount = Column::new(MARGIN_SIDE, Side::Left);
    amount.add(HEADLINE, wrap(shaper, &headline.amount, HEADLINE, CONTENT_WIDTH)?);
    let ends = amount.lines.last().map_or(0, |(style, line)| line.width(*style));
    let gap = GUTTER / 2;
    let beside = wrap(shaper, &headline.caption, HEADLINE_CAPTION, (CONTENT_WIDTH - ends - gap).max(1))?;
    let is_beside = amount.lines.len() == 1 && beside.len() <= 1;
    let mut strips = side_by_side(vec![amount]);
    match (is_beside, strips.first_mut()) {
        (true, Some(strip)) => {
            let top = HEADLINE.baseline() - HEADLINE_CAPTION.baseline();
            for line in beside {
                strip.items.push(Item::text(MARGIN_SIDE + ends + gap, Side::Left, top, HEADLINE_CAPTION, line));
            }
        }
        _ => {
            let mut caption = Column::new(MARGIN_SIDE, Side::Left);
            caption.add(HEADLINE_CAPTION, wrap(shaper, &headline.caption, HEADLINE_CAPTION, CONTENT_WIDTH)?);
            strips.extend(side_by_side(vec![caption]));
        }
    }
    pad(&mut strips, 0, 20_000);
    Ok(strips)
}

/// The totals: one block that keeps with what is above it.
pub(super) fn totals(shaper: &mut Shaper, totals: &[Total]) -> Result<Vec<Strip>, PrintError> {
    let mut amount_width = 0;
    for total in totals {
        let line = shaper.line(total.amount.trim(), figures_of(total), None)?;
        amount_width = amount_width.max(line.width(figures_of(total)) + 1_000);
    }
    let amount_width = amount_width.min(TOTAL_AMOUNT_WIDTH_MAX);
    let label_width = (TOTALS_WIDTH - GUTTER - amount_width).max(TOTAL_LABEL_WIDTH_MIN);
    let width = label_width + GUTTER + amount_width;

    let mut strips = Vec::new();
    for (place, total) in totals.iter().enumerate() {
        let label = if total.strong { STRONG } else { TOTAL };
        let mut name = Column::new(CONTENT_RIGHT - width, Side::Left);
        name.add(label, wrap(shaper, &total.label, label, label_width)?);
        let mut amount = Column::new(CONTENT_RIGHT, Side::Right);
        amount.add(figures_of(total), wrap(shaper, &total.amount, figures_of(total), amount_width)?);
        let mut rows = side_by_side(vec![name, amount]);
        pad(&mut rows, 4_500, 4_500);
        if let (Some(first), true) = (rows.first_mut(), place > 0) {
            let (thickness, colour) = if total.strong { (RULE, INK) } else { (HAIRLINE, PALE) };
            first.items.push(Item::rule(CONTENT_RIGHT - width, 0, width, thickness, colour));
        }
        strips.extend(rows);
    }
    pad(&mut strips, 8_000, 0);
    for strip in &mut strips {
        strip.keeps_with_above = true;
    }
    Ok(strips)
}

fn figures_of(total: &Total) -> TextStyle {
    if total.strong { STRONG_FIGURES } else { TOTAL_FIGURES }
}

/// The paragraphs below the totals.
pub(super) fn notes(shaper: &mut Shaper, notes: &[String]) -> Result<Vec<Strip>, PrintError> {
    let mut strips = Vec::new();
    for note in notes {
        let mut column = Column::new(MARGIN_SIDE, Side::Left);
        column.add(NOTE, wrap(shaper, note, NOTE, NOTE_WIDTH)?);
        let mut paragraph = side_by_side(vec![column]);
        loosen(&mut paragraph, NOTE_LINES_TOGETHER_MAX);
        let above = if strips.is_empty() { 26_000 } else { 6_000 };
        pad(&mut paragraph, above, 0);
        strips.extend(paragraph);
    }
    Ok(strips)
}

/// The foot of every page, and the band at its head.
pub(super) struct Frame {
    document_footer: Column,
    label: String,
    accent: Colour,
}

impl Frame {
    pub(super) fn new(shaper: &mut Shaper, document: &Document) -> Result<Self, PrintError> {
        let mut document_footer = Column::new(MARGIN_SIDE, Side::Left);
        let mut lines = wrap(shaper, &document.footer, FOOTER, CONTENT_WIDTH - PAGE_LABEL_WIDTH - GUTTER)?;
        lines.truncate(FOOTER_LINES_MAX);
        document_footer.add(FOOTER, lines);
        Ok(Self { document_footer, label: document.page_label.clone(), accent: document.accent })
    }

    /// Where the body of a page ends.
    pub(super) fn body_bottom(&self) -> Length {
        self.top() - 14_000
    }

    /// Adds head and foot to a page. Both numbers count from one.
    pub(super) fn add_to(
        &self,
        page: &mut Page,
        shaper: &mut Shaper,
        number: usize,
        pages: usize,
    ) -> Result<(), PrintError> {
        let label = self.label.replace("{page}", &number.to_string()).replace("{pages}", &pages.to_string());
        let mut numbering = Column::new(CONTENT_RIGHT, Side::Right);
        numbering.add(FOOTER, wrap(shaper, &label, FOOTER, PAGE_LABEL_WIDTH)?.into_iter().take(1).collect());

        page.items.push(Item::rule(0, 0, PAGE_WIDTH, BAND_HEIGHT, self.accent));
        let top = self.top();
        page.items.push(Item::rule(MARGIN_SIDE, top, CONTENT_WIDTH, HAIRLINE, PALE));
        let mut down = top + 9_000;
        for strip in side_by_side(vec![self.document_footer.clone(), numbering]) {
            page.items.extend(strip.items.into_iter().map(|item| item.lowered(down)));
            down += strip.height;
        }
        Ok(())
    }

    fn top(&self) -> Length {
        let lines = self.document_footer.lines.len().max(1);
        let text: Length = (0..lines).map(|_| FOOTER.line_height).sum();
        PAGE_HEIGHT - MARGIN_BOTTOM - text - 9_000
    }
}

/// What stands beside the title leaves it the same room.
const _: () = assert!(LOGO_WIDTH_MAX <= WORD_MARK_WIDTH);
/// The widest totals still leave white space at their left.
const _: () = assert!(TOTAL_LABEL_WIDTH_MIN + GUTTER + TOTAL_AMOUNT_WIDTH_MAX < CONTENT_WIDTH);
