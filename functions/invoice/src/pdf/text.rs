//! Text becomes glyphs: shaping and measuring of one line.
//!
//! Decides which glyphs a stretch of text becomes and which characters each group of glyphs stands for, so that the PDF
//! can give every character back. Invariants: no character that can be
//! seen is lost; one that no family covers is a box that still carries its text. Widths are in thousandths of an em, which is the unit
//! of a PDF. Where lines end is left to `wrap`.

use std::collections::BTreeMap;
use std::ops::Range;

use harfrust::{Buffer, BufferFlags, Direction, Feature, GlyphId, Script, ShapeOptions, ShapePlan, ShaperFont, Tag};
use unicode_bidi::Level;

use super::PrintError;
use super::fonts::{Face, TEXT_FAMILY};
use super::stretches::{Stretch, printable, stretches, visual_runs};
use super::style::{Length, THOUSAND, TextStyle};

/// What the shaper is asked for beyond a font's own defaults: digits of one width.
const TABULAR: Feature =
    Feature { tag: Tag::new(b"tnum"), value: 1, start: Feature::GLOBAL_START, end: Feature::GLOBAL_END };

/// Stands for a grapheme that no family covers.
const BOX: &str = "\u{25A1}";
/// Joiners and direction marks: shaping leaves them out, and in the faces of scripts that run from the right their
/// glyphs have neither width nor outline.
const UNSEEN: [char; 5] = ['\u{200B}', '\u{200C}', '\u{200D}', '\u{200E}', '\u{200F}'];

/// One line of glyphs, from left to right.
#[derive(Clone, Debug, Default)]
pub(super) struct TextLine {
    /// The characters in reading order; clusters point into it.
    pub(super) text: String,
    pub(super) runs: Vec<GlyphRun>,
    /// The width, in thousandths of an em.
    pub(super) width_em: i64,
}

/// Glyphs of one face.
#[derive(Clone, Debug)]
pub(super) struct GlyphRun {
    pub(super) face: Face,
    pub(super) clusters: Vec<Cluster>,
    pub(super) glyphs: Vec<Glyph>,
    pub(super) width_em: i64,
    /// In a run from right to left: the face's glyphs without width or outline, to hang characters on.
    pub(super) carriers: Vec<Glyph>,
}

/// Glyphs that stand for characters as a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Bytes of the line's text.
    pub(super) text: Range<usize>,
    /// Places in the run's glyphs.
    pub(super) glyphs: Range<usize>,
}

/// A glyph and where it goes, in thousandths of an em.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) id: u16,
    /// How far the pen moves.
    pub(super) advance: i64,
    /// How far the pen moves by the font's own width table, which is what a reader assumes.
    pub(super) nominal: i64,
    /// Where the glyph stands beside the pen.
    pub(super) right: i64,
    /// Where the glyph stands above the pen.
    pub(super) up: i64,
}

impl TextLine {
    /// The width at a style's size.
    pub(super) fn width(&self, style: TextStyle) -> Length {
        style.length(self.width_em)
    }
}

/// Shapes text; keeps what is costly to prepare for the length of one document.
pub(super) struct Shaper {
    faces: BTreeMap<Face, Prepared>,
    plans: Vec<(PlanKey, ShapePlan)>,
    buffer: Buffer,
}

type PlanKey = (Face, Option<Script>, Direction, bool);

/// A face with its layout tables read.
struct Prepared {
    /// In thousandths of an em.
    scaled: ShaperFont<'static, 'static>,
    /// In the font's own units.
    unscaled: ShaperFont<'static, 'static>,
    units_per_em: i64,
}

impl Shaper {
    pub(super) fn new() -> Self {
        Self { faces: BTreeMap::new(), plans: Vec::new(), buffer: Buffer::new() }
    }

    /// Sets a text on one line, whatever its length. `base` is the direction of the paragraph it is part of; without
    /// one the first strong character decides.
    pub(super) fn line(&mut self, text: &str, style: TextStyle, base: Option<Level>) -> Result<TextLine, PrintError> {
        let text = printable(text).into_owned();
        let mut line = TextLine::default();
        for (range, level) in visual_runs(&text, base) {
            let mut stretches = stretches(&text, range);
            if level.is_rtl() {
                stretches.reverse();
            }
            for stretch in stretches {
                let run = self.run(&text, &stretch, style, level)?;
                line.width_em += run.width_em;
                line.runs.push(run);
            }
        }
        line.text = text;
        Ok(line)
    }

    fn run(&mut self, text: &str, stretch: &Stretch, style: TextStyle, level: Level) -> Result<GlyphRun, PrintError> {
        let direction = if level.is_rtl() { Direction::RightToLeft } else { Direction::LeftToRight };
        let face = stretch.family.unwrap_or(TEXT_FAMILY).face(style.weight);
        let shown = if stretch.family.is_some() { &text[stretch.range.clone()] } else { BOX };
        let mut run = self.shape(shown, face, direction, style.tabular)?;
        if level.is_rtl() {
            run.carriers = self.carriers(face)?;
        }
        for cluster in &mut run.clusters {
            cluster.text = match stretch.family {
                Some(_) => stretch.range.start + cluster.text.start..stretch.range.start + cluster.text.end,
                None => stretch.range.clone(),
            };
        }
        Ok(run)
    }

    /// Glyphs to hang characters on that no visible glyph can carry; `draw` says why.
    fn carriers(&mut self, face: Face) -> Result<Vec<Glyph>, PrintError> {
        let prepared = prepared(&mut self.faces, face)?;
        let font = &prepared.unscaled;
        let glyphs = UNSEEN.iter().filter_map(|unseen| font.nominal_glyph(u32::from(*unseen)));
        let blank = glyphs.filter(|glyph| {
            let has_outline =
                font.glyph_extents(*glyph).is_some_and(|extents| extents.width != 0 || extents.height != 0);
            glyph.to_u32() != 0 && !has_outline && font.glyph_h_advance(*glyph) == 0
        });
        let ids = blank.filter_map(|glyph| u16::try_from(glyph.to_u32()).ok());
        Ok(ids.map(|id| Glyph { id, advance: 0, nominal: 0, right: 0, up: 0 }).collect())
    }

    fn shape(&mut self, text: &str, face: Face, direction: Direction, tabular: bool) -> Result<GlyphRun, PrintError> {
        let prepared = prepared(&mut self.faces, face)?;
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.set_flags(BufferFlags::REMOVE_DEFAULT_IGNORABLES);
        buffer.push_str(text);
        buffer.set_direction(direction);
        buffer.guess_segment_properties();

        let features: &[Feature] = if tabular { &[TABULAR] } else { &[] };
        let key = (face, buffer.script(), direction, tabular);
        let known = self.plans.iter().position(|(known, _)| *known == key);
        let place = known.unwrap_or_else(|| {
            self.plans.push((key, ShapePlan::new(&prepared.scaled, direction, buffer.script(), None, features)));
            self.plans.len() - 1
        });
        let options = ShapeOptions::new().plan(self.plans.get(place).map(|(_, plan)| plan)).features(features);
        harfrust::shape(&prepared.scaled, buffer, options).map_err(|_| PrintError::Font(face.resource()))?;
        Ok(collect(buffer, prepared, face, text.len()))
    }
}

fn prepared(faces: &mut BTreeMap<Face, Prepared>, face: Face) -> Result<&Prepared, PrintError> {
    use std::collections::btree_map::Entry;
    match faces.entry(face) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(place) => {
            let opened = face.opened().ok_or(PrintError::Font(face.resource()))?;
            let unscaled = ShaperFont::new(&opened.font);
            let thousandths = 1_000;
            let scaled = ShaperFont::new(&opened.font).with_scale(thousandths);
            Ok(place.insert(Prepared { scaled, unscaled, units_per_em: i64::from(opened.font.units_per_em()) }))
        }
    }
}

/// Reads the shaped glyphs out of the buffer, in visual order.
fn collect(buffer: &Buffer, prepared: &Prepared, face: Face, text_bytes: usize) -> GlyphRun {
    let infos = buffer.glyph_infos();
    let mut starts: Vec<usize> = infos.iter().map(|info| info.cluster as usize).collect();
    starts.sort_unstable();
    starts.dedup();

    let mut run = GlyphRun { face, clusters: Vec::new(), glyphs: Vec::new(), width_em: 0, carriers: Vec::new() };
    let mut open_cluster = None;
    for (info, position) in infos.iter().zip(buffer.glyph_positions()) {
        if open_cluster != Some(info.cluster) {
            open_cluster = Some(info.cluster);
            let place = starts.partition_point(|start| *start < info.cluster as usize);
            // What precedes the first glyph is never seen, but it is text: the first cluster carries it.
            let start = if place == 0 { 0 } else { info.cluster as usize };
            let end = starts.get(place + 1).copied().unwrap_or(text_bytes);
            let glyphs = run.glyphs.len()..run.glyphs.len();
            run.clusters.push(Cluster { text: start..end, glyphs });
        }
        let advance = i64::from(position.x_advance);
        run.width_em += advance;
        run.glyphs.push(Glyph {
            // The committed fonts have fewer than 65,536 glyphs, as every TrueType font.
            id: u16::try_from(info.glyph_id).unwrap_or(0),
            advance,
            nominal: nominal(prepared, info.glyph_id),
            right: i64::from(position.x_offset),
            up: i64::from(position.y_offset),
        });
        if let Some(cluster) = run.clusters.last_mut() {
            cluster.glyphs.end = run.glyphs.len();
        }
    }
    run
}

/// A glyph's width as printpdf writes it into the PDF: cut off, not rounded, to thousandths of an em.
fn nominal(prepared: &Prepared, glyph: u32) -> i64 {
    i64::from(prepared.unscaled.glyph_h_advance(GlyphId::new(glyph))) * THOUSAND / prepared.units_per_em
}

#[cfg(test)]
mod tests {
    use super::super::style::{CELL, CELL_FIGURES};
    use super::*;

    fn line(text: &str) -> TextLine {
        Shaper::new().line(text, CELL, None).unwrap()
    }

    /// The characters of a line from left to right, cluster by cluster.
    fn seen(line: &TextLine) -> Vec<&str> {
        let clusters = line.runs.iter().flat_map(|run| run.clusters.iter());
        clusters.map(|cluster| &line.text[cluster.text.clone()]).collect()
    }

    #[test]
    fn every_character_belongs_to_a_cluster() {
        let cases = [
            "Overage, requests",
            "Tiếng Việt",
            "شركة الاختبار",
            "می‌خواهم",
            "חברה בע״מ",
            "क्षत्रिय",
            "บริษัท น้ำ",
            "株式会社テスト",
            "주식회사",
            "👩‍🚀 ok",
            "𓀀𓀁",
            "e\u{0301}\u{20DD}",
        ];
        for text in cases {
            let line = line(text);
            let mut covered = vec![false; text.len()];
            for cluster in line.runs.iter().flat_map(|run| run.clusters.iter()) {
                for byte in cluster.text.clone() {
                    assert!(!covered[byte], "{text}: byte {byte} twice");
                    covered[byte] = true;
                }
            }
            assert!(covered.iter().all(|byte| *byte), "{text}: {covered:?}");
        }
    }

    #[test]
    fn right_to_left_text_runs_from_the_right_and_its_figures_do_not() {
        assert_eq!(seen(&line("ab")), ["a", "b"]);
        assert_eq!(seen(&line("אב")), ["ב", "א"]);
        assert_eq!(seen(&line("אב 12")), ["1", "2", " ", "ב", "א"]);
        assert_eq!(seen(&line("Co אב")), ["C", "o", " ", "ב", "א"]);
    }

    #[test]
    fn letters_join_where_the_script_joins_them() {
        // Lam and alef become one glyph; heh at the end of a word is not the glyph of heh alone.
        assert_eq!(seen(&line("لا")), ["لا"]);
        let joined = line("به").runs[0].glyphs[0].id;
        let alone = line("ه").runs[0].glyphs[0].id;
        assert_ne!(joined, alone);
    }

    #[test]
    fn uncovered_characters_are_one_box_each() {
        let shaped = line("𓀀𓀁");
        assert_eq!(seen(&shaped), ["𓀀", "𓀁"]);
        let boxes = line("□");
        for run in &shaped.runs {
            assert_eq!(run.glyphs[0].id, boxes.runs[0].glyphs[0].id);
        }
    }

    #[test]
    fn figures_have_one_width_where_they_stand_in_columns() {
        let mut shaper = Shaper::new();
        let narrow = shaper.line("11,111.11", CELL_FIGURES, None).unwrap().width_em;
        let wide = shaper.line("88,888.88", CELL_FIGURES, None).unwrap().width_em;
        assert_eq!(narrow, wide);
        assert!(shaper.line("11,111.11", CELL, None).unwrap().width_em < narrow);
    }

    #[test]
    fn faces_that_run_from_the_right_have_unseen_glyphs_to_hang_characters_on() {
        for (text, count) in [("לא", 4), ("لا", 5), ("la", 0)] {
            let line = line(text);
            assert_eq!(line.runs[0].carriers.len(), count, "{text}");
        }
    }
}
