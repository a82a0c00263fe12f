//! The committed fonts, and which of them sets a character.
//!
//! Decides the order of fallback: the text face first, then one family per script, then emoji, Hangul and Han. The
//! blocks of a family say where it is worth asking; its own character map has the last word. Invariants: a file is
//! opened when the first character needs it, and once per process, so that a Latin invoice opens the text family and no
//! other; the large East Asian files are stored compressed. What a face draws is left to `text` and `draw`.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use harfrust::Font;

/// How heavy text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Running text.
    Regular,
    /// Names and totals.
    SemiBold,
}

/// The fonts that set one group of scripts: a place in the table of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family(usize);

/// One font file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Face {
    family: Family,
    weight: Weight,
}

/// A face in memory.
pub(super) struct Opened {
    /// The file, for embedding.
    pub(super) bytes: &'static [u8],
    /// The same file, for shaping.
    pub(super) font: Font,
}

/// The family of Latin, Greek and Cyrillic text, of figures, and of the box that stands for what no family covers.
pub(super) const TEXT_FAMILY: Family = Family(0);

/// Room for the largest compressed file: 3.9 MB today. The test of coverage fails where one is cut off.
const INFLATED_BYTES_MAX: u64 = 8 * 1024 * 1024;

impl Family {
    /// The first family that has a glyph for every one of these characters; those that are never seen (joiners,
    /// variation selectors) need none.
    pub(super) fn covering(characters: &str) -> Option<Self> {
        (0..FAMILIES.len()).map(Family).find(|family| family.covers(characters))
    }

    /// The family's face of a weight. Without one the regular face stands in: outlining it to look bold would clot
    /// dense characters, because readers draw an outline at least one pixel wide.
    pub(super) fn face(self, weight: Weight) -> Face {
        let weight = if FAMILIES[self.0].semibold.is_some() { weight } else { Weight::Regular };
        Face { family: self, weight }
    }

    fn covers(self, characters: &str) -> bool {
        let seen = || characters.chars().filter(|character| !is_ignorable(*character));
        let Some(first) = seen().next() else { return true };
        let blocks = FAMILIES[self.0].blocks;
        if !blocks.iter().any(|(low, high)| (*low..=*high).contains(&u32::from(first))) {
            return false;
        }
        let Some(opened) = self.face(Weight::Regular).opened() else { return false };
        let charmap = opened.font.charmap();
        seen().all(|character| charmap.map_unicode(character).is_some_and(|glyph| glyph.to_u32() != 0))
    }
}

impl Face {
    /// The face in memory; read on first use. `None` where the committed file is no font, which the tests rule out.
    pub(super) fn opened(self) -> Option<&'static Opened> {
        let file = self.file();
        file.opened.get_or_init(|| open(&file.stored)).as_ref()
    }

    /// The name of the font inside the PDF.
    pub(super) fn resource(self) -> &'static str {
        self.file().resource
    }

    fn file(self) -> &'static File {
        let entry = &FAMILIES[self.family.0];
        match (self.weight, &entry.semibold) {
            (Weight::SemiBold, Some(semibold)) => semibold,
            (Weight::Regular | Weight::SemiBold, _) => &entry.regular,
        }
    }
}

/// Whether a character is never seen by itself (Unicode: default ignorable), so that no glyph is asked for it.
fn is_ignorable(character: char) -> bool {
    matches!(
        u32::from(character),
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xE_0000..=0xE_0FFF
    )
}

/// A committed font file and, once opened, what is in it.
struct File {
    /// The name of the font in the PDF: six capitals, because printpdf makes the subset's tag of them.
    resource: &'static str,
    stored: Stored,
    opened: OnceLock<Option<Opened>>,
}

enum Stored {
    Plain(&'static [u8]),
    Gzip(&'static [u8]),
}

/// The faces of a group of scripts and the blocks of characters for which it is asked.
struct Entry {
    regular: File,
    semibold: Option<File>,
    /// First and last code points.
    blocks: &'static [(u32, u32)],
}

fn open(stored: &Stored) -> Option<Opened> {
    let bytes = match stored {
        Stored::Plain(bytes) => *bytes,
        Stored::Gzip(packed) => inflate(packed)?,
    };
    Some(Opened { bytes, font: Font::new(bytes, 0)? })
}

/// Unpacks a file for the rest of the process: a face is opened once, so this is the memory that a cache would hold.
fn inflate(packed: &[u8]) -> Option<&'static [u8]> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(INFLATED_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes.leak())
}

macro_rules! file {
    ($resource:literal, $variant:ident, $name:literal) => {
        File {
            resource: $resource,
            stored: Stored::$variant(include_bytes!(concat!("../../fonts/", $name))),
            opened: OnceLock::new(),
        }
    };
}

macro_rules! family {
    ($resource:literal $variant:ident $name:literal, $($blocks:tt),+) => {
        Entry { regular: file!($resource, $variant, $name), semibold: None, blocks: &[$($blocks),+] }
    };
    ($resource:literal $name:literal, bold $bold:literal $bold_name:literal, $($blocks:tt),+) => {
        Entry {
            regular: file!($resource, Plain, $name),
            semibold: Some(file!($bold, Plain, $bold_name)),
            blocks: &[$($blocks),+],
        }
    };
}

/// In the order in which they are asked.
#[rustfmt::skip]
static FAMILIES: [Entry; 23] = [
    family!("INTERR" "Inter-Regular.ttf", bold "INTERS" "Inter-SemiBold.ttf", (0x0000, 0x10_FFFF)),
    family!("HEBREW" "NotoSansHebrew-Regular.ttf", bold "HEBREB" "NotoSansHebrew-Bold.ttf",
        (0x0590, 0x05FF), (0xFB1D, 0xFB4F)),
    family!("ARABIC" "NotoSansArabic-Regular.ttf", bold "ARABIB" "NotoSansArabic-Bold.ttf",
        (0x0600, 0x06FF), (0x0750, 0x077F), (0x0870, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    family!("DEVANA" "NotoSansDevanagari-Regular.ttf", bold "DEVANB" "NotoSansDevanagari-Bold.ttf",
        (0x0900, 0x097F), (0x1CD0, 0x1CFF), (0xA8E0, 0xA8FF)),
    family!("THAIRE" "NotoSansThai-Regular.ttf", bold "THAIBO" "NotoSansThai-Bold.ttf", (0x0E00, 0x0E7F)),
    family!("ARMENI" Plain "NotoSansArmenian-Regular.ttf", (0x0530, 0x058F), (0xFB13, 0xFB17)),
    family!("BENGAL" Plain "NotoSansBengali-Regular.ttf", (0x0980, 0x09FF)),
    family!("GURMUK" Plain "NotoSansGurmukhi-Regular.ttf", (0x0A00, 0x0A7F)),
    family!("GUJARA" Plain "NotoSansGujarati-Regular.ttf", (0x0A80, 0x0AFF)),
    family!("ORIYAR" Plain "NotoSansOriya-Regular.ttf", (0x0B00, 0x0B7F)),
    family!("TAMILR" Plain "NotoSansTamil-Regular.ttf", (0x0B80, 0x0BFF)),
    family!("TELUGU" Plain "NotoSansTelugu-Regular.ttf", (0x0C00, 0x0C7F)),
    family!("KANNAD" Plain "NotoSansKannada-Regular.ttf", (0x0C80, 0x0CFF)),
    family!("MALAYA" Plain "NotoSansMalayalam-Regular.ttf", (0x0D00, 0x0D7F)),
    family!("SINHAL" Plain "NotoSansSinhala-Regular.ttf", (0x0D80, 0x0DFF)),
    family!("LAOREG" Plain "NotoSansLao-Regular.ttf", (0x0E80, 0x0EFF)),
    family!("MYANMA" Plain "NotoSansMyanmar-Regular.ttf", (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    family!("GEORGI" Plain "NotoSansGeorgian-Regular.ttf", (0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    family!("ETHIOP" Plain "NotoSansEthiopic-Regular.ttf", (0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F)),
    family!("KHMERR" Plain "NotoSansKhmer-Regular.ttf", (0x1780, 0x17FF), (0x19E0, 0x19FF)),
    family!("EMOJIR" Plain "NotoEmoji-Regular.ttf", (0x2000, 0x2BFF), (0x1_F000, 0x1_FBFF)),
    family!("HANGUL" Gzip "NotoSansKR-Hangul-Regular.ttf.gz",
        (0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    family!("HANREG" Gzip "DroidSansFallbackFull.ttf.gz",
        (0x2000, 0x2BFF), (0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFE10, 0xFE6F), (0xFF00, 0xFFEF)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_file_is_a_font_with_a_name_of_its_own() {
        let mut resources = Vec::new();
        for family in (0..FAMILIES.len()).map(Family) {
            for weight in [Weight::Regular, Weight::SemiBold] {
                let face = family.face(weight);
                assert!(face.opened().is_some_and(|opened| opened.font.num_glyphs() > 50), "{}", face.resource());
                resources.push(face.resource());
            }
        }
        resources.dedup();
        let count = resources.len();
        resources.sort_unstable();
        resources.dedup();
        assert_eq!(resources.len(), count);
        assert!(resources.iter().all(|name| name.len() == 6 && name.bytes().all(|byte| byte.is_ascii_uppercase())));
    }

    #[test]
    fn each_script_is_set_by_its_family() {
        let cases = [
            ("Żółć", Some("INTERR")),
            ("Ελλάδα", Some("INTERR")),
            ("Київ", Some("INTERR")),
            ("Nguyễn", Some("INTERR")),
            ("€₹₺₩", Some("INTERR")),
            ("ישראל", Some("HEBREW")),
            ("العربية", Some("ARABIC")),
            ("हिन्दी", Some("DEVANA")),
            ("ไทย", Some("THAIRE")),
            ("বাংলা", Some("BENGAL")),
            ("ქართული", Some("GEORGI")),
            ("🚀", Some("EMOJIR")),
            ("한국", Some("HANGUL")),
            ("株式会社", Some("HANREG")),
            ("カタカナ", Some("HANREG")),
            ("龍", Some("HANREG")),
            ("𓀀", None),
        ];
        for (text, expected) in cases {
            let found = Family::covering(text).map(|family| family.face(Weight::Regular).resource());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_family_without_a_heavy_face_is_set_in_its_regular_one() {
        let cases = [("A", "INTERS"), ("א", "HEBREB"), ("가", "HANGUL"), ("中", "HANREG")];
        for (text, resource) in cases {
            let face = Family::covering(text).unwrap().face(Weight::SemiBold);
            assert_eq!(face.resource(), resource, "{text}");
        }
    }
}
