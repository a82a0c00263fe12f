//! Pages become operators: fills first, then the logo, then text, with the fonts that they need.
//!
//! Decides how a glyph gives its characters back: by the font's ToUnicode map or, where one glyph stands for different
//! characters or several glyphs for one, by an ActualText span around them. Invariant: the same pages give the same
//! operators. Lengths turn into floats here and nowhere else. The file around the pages is left to `file`.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a PDF's numbers are floats; none is money")]

use std::collections::BTreeMap;

use printpdf::{
    Codepoint, Color, DictItem, FontId, LinePoint, Op, PaintMode, PdfFontHandle, Point, Polygon, PolygonRing, Pt, Rect,
    Rgb, TextItem, TextMatrix, WindingOrder, XObjectId, XObjectTransform,
};

use super::document::Colour;
use super::fonts::Face;
use super::pages::Page;
use super::strips::Item;
use super::style::{Length, PAGE_HEIGHT, THOUSAND, TextStyle};
use super::text::{Glyph, GlyphRun, TextLine};

/// How far a Bézier handle reaches for a quarter of a circle, in thousandths of the radius.
const CIRCLE_HANDLE: Length = 552;

/// Turns pages into operators, and remembers what each glyph means in this document.
#[derive(Default)]
pub(super) struct Artist {
    ops: Vec<Op>,
    pen: Pen,
    /// The characters that the ToUnicode map gives for a glyph: those it stood for first.
    meanings: BTreeMap<(Face, u16), String>,
}

/// What the page's text state is, so that it is only changed when it must be.
#[derive(Default)]
struct Pen {
    font: Option<(Face, Length)>,
    colour: Option<Colour>,
}

/// Glyphs that wait to be shown by one operator.
#[derive(Default)]
struct Pending {
    items: Vec<TextItem>,
    glyphs: Vec<Codepoint>,
    /// How far the pen must step back before the next glyph, in thousandths of an em.
    back: i64,
}

impl Artist {
    /// Draws one page.
    pub(super) fn page(&mut self, page: &Page) -> Vec<Op> {
        self.pen = Pen::default();
        for item in &page.items {
            if let Item::Fill { left, top, width, height, radius, colour } = item {
                self.fill([*left, *top, *width, *height], *radius, *colour);
            }
        }
        for item in &page.items {
            if let Item::Logo { left, top, width, height } = item {
                self.logo([*left, *top, *width, *height]);
            }
        }
        self.ops.push(Op::StartTextSection);
        self.pen.colour = None;
        for item in &page.items {
            if let Item::Text { left, baseline, style, line } = item {
                self.text(*left, *baseline, *style, line);
            }
        }
        self.ops.push(Op::EndTextSection);
        std::mem::take(&mut self.ops)
    }

    /// The faces that the pages drawn so far need.
    pub(super) fn faces(&self) -> Vec<Face> {
        let mut faces: Vec<Face> = self.meanings.keys().map(|(face, _)| *face).collect();
        faces.dedup();
        faces
    }

    fn fill(&mut self, [left, top, width, height]: [Length; 4], radius: Length, colour: Colour) {
        self.set_colour(colour);
        if radius == 0 {
            let (x, y, width, height) = (points(left), from_below(top + height), points(width), points(height));
            let mode = Some(PaintMode::Fill);
            let rectangle = Rect { x, y, width, height, mode, winding_order: None };
            return self.ops.push(Op::DrawRectangle { rectangle });
        }
        let ring = PolygonRing { points: round_corners([left, top, left + width, top + height], radius) };
        let polygon = Polygon { rings: vec![ring], mode: PaintMode::Fill, winding_order: WindingOrder::NonZero };
        self.ops.push(Op::DrawPolygon { polygon });
    }

    /// An image is one unit wide and high until it is scaled.
    fn logo(&mut self, [left, top, width, height]: [Length; 4]) {
        let transform = XObjectTransform {
            translate_x: Some(points(left)),
            translate_y: Some(from_below(top + height)),
            scale_x: Some(points(width).0),
            scale_y: Some(points(height).0),
            no_auto_scale: true,
            ..XObjectTransform::default()
        };
        self.ops.push(Op::UseXobject { id: logo_id(), transform });
    }

    fn text(&mut self, left: Length, baseline: Length, style: TextStyle, line: &TextLine) {
        let mut pen_at = left;
        for run in &line.runs {
            self.set_colour(style.colour);
            self.set_font(run.face, style.size);
            let matrix = TextMatrix::Translate(points(pen_at), from_below(baseline));
            self.ops.push(Op::SetTextMatrix { matrix });
            self.run(run, &line.text, style);
            pen_at += style.length(run.width_em);
        }
    }

    fn run(&mut self, run: &GlyphRun, text: &str, style: TextStyle) {
        let mut pending = Pending::default();
        for cluster in &run.clusters {
            let glyphs = run.glyphs.get(cluster.glyphs.clone()).unwrap_or_default();
            let mut characters = text.get(cluster.text.clone()).unwrap_or_default();
            // Readers give text from right to left back by reversing it character by character, and so would reverse
            // what a ligature stands for: each further character hangs on a glyph of its own, unseen.
            while let Some((last, _)) = characters.char_indices().next_back().filter(|(at, _)| *at > 0) {
                let Some(carrier) = self.carrier(run, &characters[last..]) else { break };
                self.cluster(run.face, &[carrier], &characters[last..], style, &mut pending);
                characters = &characters[..last];
            }
            self.cluster(run.face, glyphs, characters, style, &mut pending);
        }
        self.show(&mut pending);
    }

    /// A carrier that means this character, or none yet; else any.
    fn carrier(&self, run: &GlyphRun, character: &str) -> Option<Glyph> {
        let fits = |glyph: &&Glyph| self.meanings.get(&(run.face, glyph.id)).is_none_or(|known| known == character);
        run.carriers.iter().find(fits).or(run.carriers.first()).copied()
    }

    fn cluster(&mut self, face: Face, glyphs: &[Glyph], characters: &str, style: TextStyle, pending: &mut Pending) {
        let is_plain = self.learn(face, glyphs, characters);
        if !is_plain {
            self.show(pending);
            self.ops.push(actual_text(characters));
        }
        for glyph in glyphs {
            self.glyph(face, *glyph, style, pending);
        }
        if !is_plain {
            self.show(pending);
            self.ops.push(Op::EndMarkedContent);
        }
    }

    /// Notes what the glyphs of a cluster mean; says whether the ToUnicode map alone gives the characters back.
    fn learn(&mut self, face: Face, glyphs: &[Glyph], characters: &str) -> bool {
        let mut is_plain = glyphs.len() == 1;
        for (place, glyph) in glyphs.iter().enumerate() {
            let share = if place == 0 { characters } else { "" };
            let meaning = self.meanings.entry((face, glyph.id)).or_insert_with(|| share.to_owned());
            is_plain = is_plain && meaning == characters;
        }
        is_plain
    }

    fn glyph(&mut self, face: Face, glyph: Glyph, style: TextStyle, pending: &mut Pending) {
        if glyph.up != 0 {
            self.show(pending);
            self.ops.push(Op::SetLineOffset { multiplier: points(style.length(glyph.up)).0 });
        }
        pending.step_back(-glyph.right);
        let meaning = self.meanings.get(&(face, glyph.id)).cloned().unwrap_or_default();
        pending.glyphs.push(Codepoint::with_cid(glyph.id, 0.0, meaning));
        pending.back = glyph.right + glyph.nominal - glyph.advance;
        if glyph.up != 0 {
            self.show(pending);
            self.ops.push(Op::SetLineOffset { multiplier: 0.0 });
        }
    }

    fn show(&mut self, pending: &mut Pending) {
        pending.close();
        if !pending.items.is_empty() {
            self.ops.push(Op::ShowText { items: std::mem::take(&mut pending.items) });
        }
    }

    fn set_font(&mut self, face: Face, size: Length) {
        if self.pen.font != Some((face, size)) {
            self.pen.font = Some((face, size));
            self.ops.push(Op::SetFont { font: PdfFontHandle::External(font_id(face)), size: points(size) });
        }
    }

    fn set_colour(&mut self, colour: Colour) {
        if self.pen.colour != Some(colour) {
            self.pen.colour = Some(colour);
            self.ops.push(Op::SetFillColor { col: color(colour) });
        }
    }
}

impl Pending {
    fn step_back(&mut self, by: i64) {
        self.back += by;
        if self.back != 0 {
            self.close();
            self.items.push(TextItem::Offset(self.back as f32));
            self.back = 0;
        }
    }

    fn close(&mut self) {
        if !self.glyphs.is_empty() {
            self.items.push(TextItem::GlyphIds(std::mem::take(&mut self.glyphs)));
        }
    }
}

/// The name of a face in the file.
pub(super) fn font_id(face: Face) -> FontId {
    FontId(face.resource().to_owned())
}

/// The name of the logo in the file.
pub(super) fn logo_id() -> XObjectId {
    XObjectId("Logo".to_owned())
}

/// Opens a span whose glyphs stand for these characters as a whole.
fn actual_text(characters: &str) -> Op {
    let byte_order_mark = '\u{FEFF}';
    let units = std::iter::once(byte_order_mark).chain(characters.chars()).flat_map(|character| {
        let mut units = [0; 2];
        character.encode_utf16(&mut units).to_vec()
    });
    let data = units.flat_map(u16::to_be_bytes).collect();
    let map = BTreeMap::from([("ActualText".to_owned(), DictItem::String { data, literal: false })]);
    Op::BeginMarkedContentWithProperties { tag: "Span".to_owned(), properties: DictItem::Dict { map } }
}

/// The outline of a rectangle with round corners, clockwise from the upper left.
fn round_corners([left, top, right, bottom]: [Length; 4], radius: Length) -> Vec<LinePoint> {
    let handle = radius - radius * CIRCLE_HANDLE / THOUSAND;
    let on = |x, y| LinePoint { p: Point { x: points(x), y: from_below(y) }, bezier: false };
    let off = |x, y| LinePoint { p: Point { x: points(x), y: from_below(y) }, bezier: true };
    vec![
        on(left + radius, top),
        on(right - radius, top),
        off(right - handle, top),
        off(right, top + handle),
        on(right, top + radius),
        on(right, bottom - radius),
        off(right, bottom - handle),
        off(right - handle, bottom),
        on(right - radius, bottom),
        on(left + radius, bottom),
        off(left + handle, bottom),
        off(left, bottom - handle),
        on(left, bottom - radius),
        on(left, top + radius),
        off(left, top + handle),
        off(left + handle, top),
        on(left + radius, top),
    ]
}

fn color(colour: Colour) -> Color {
    let channel = |value: u8| f32::from(value) / f32::from(u8::MAX);
    let icc_profile = None;
    Color::Rgb(Rgb { r: channel(colour.red), g: channel(colour.green), b: channel(colour.blue), icc_profile })
}

fn points(length: Length) -> Pt {
    Pt(length as f32 / THOUSAND as f32)
}

/// A PDF measures from the lower edge of the page.
fn from_below(top: Length) -> Pt {
    points(PAGE_HEIGHT - top)
}
