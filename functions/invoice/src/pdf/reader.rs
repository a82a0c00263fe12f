//! Reads a printed file back as a PDF reader does, for the tests: text by ToUnicode maps and ActualText spans.

use std::collections::BTreeMap;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId};

/// What a file says.
pub(super) struct Read {
    /// Per page the text of each line, from the upper edge down; within a line as it stands from left to right.
    pub(super) pages: Vec<Vec<String>>,
    /// The names of the embedded fonts.
    pub(super) fonts: Vec<String>,
    pub(super) document: Document,
}

impl Read {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let document = Document::load_mem(bytes).unwrap();
        let mut fonts = Vec::new();
        let pages = document.get_pages().into_values().map(|page| lines(&document, page, &mut fonts)).collect();
        fonts.sort_unstable();
        fonts.dedup();
        Self { pages, fonts, document }
    }

    /// The numbers of the pages, from one, that have exactly this line.
    pub(super) fn pages_with(&self, line: &str) -> Vec<usize> {
        let has = |page: &Vec<String>| page.iter().any(|known| known.contains(line));
        self.pages.iter().enumerate().filter(|(_, page)| has(page)).map(|(place, _)| place + 1).collect()
    }

    pub(super) fn text(&self) -> String {
        self.pages.concat().concat()
    }

    /// An entry of the information dictionary, which is UTF-16 behind a byte order mark.
    pub(super) fn info(&self, key: &str) -> String {
        let info = self.document.trailer.get(b"Info").and_then(Object::as_reference).unwrap();
        let info = self.document.get_object(info).and_then(Object::as_dict).unwrap();
        let bytes = info.get(key.as_bytes()).and_then(Object::as_str).unwrap();
        if bytes.starts_with(&[0xFE, 0xFF]) { utf16(&bytes[2..]) } else { String::from_utf8(bytes.to_vec()).unwrap() }
    }
}

/// A font's codes and the text that each stands for.
type ToUnicode = BTreeMap<u16, String>;

/// What has been read of a page.
#[derive(Default)]
struct Reading {
    font: Vec<u8>,
    /// Distance from the lower edge, in thousandths of a point, and the text there.
    lines: BTreeMap<i64, String>,
    at: i64,
    /// How deep in marked content, and whether its text was given in place of its glyphs.
    spans: Vec<bool>,
}

fn lines(document: &Document, page: ObjectId, fonts: &mut Vec<String>) -> Vec<String> {
    let mut maps: BTreeMap<Vec<u8>, ToUnicode> = BTreeMap::new();
    for (name, font) in document.get_page_fonts(page).unwrap() {
        fonts.push(String::from_utf8(font.get(b"BaseFont").and_then(Object::as_name).unwrap().to_vec()).unwrap());
        maps.insert(name, to_unicode(document, font));
    }
    let content = Content::decode(&document.get_page_content(page)).unwrap();
    let mut reading = Reading::default();
    for operation in &content.operations {
        reading.follow(operation, &maps);
    }
    reading.lines.into_values().rev().collect()
}

impl Reading {
    fn follow(&mut self, operation: &Operation, maps: &BTreeMap<Vec<u8>, ToUnicode>) {
        let operands = &operation.operands;
        match operation.operator.as_str() {
            "Tf" => self.font = operands[0].as_name().unwrap().to_vec(),
            "Tm" => {
                self.at = thousandths(&operands[5]);
                self.separate();
            }
            "TJ" => self.show(operands[0].as_array().unwrap(), &maps[&self.font]),
            "BDC" => {
                let span = operands[1].as_dict().unwrap().get(b"ActualText").and_then(Object::as_str).unwrap();
                self.line().push_str(&utf16(&span[2..]));
                self.spans.push(true);
            }
            "EMC" => assert!(self.spans.pop().unwrap()),
            "BT" | "ET" | "Ts" | "rg" | "re" | "f" | "m" | "l" | "c" | "h" | "q" | "cm" | "Do" | "Q" => {}
            other => panic!("the operator {other} is not known to print text"),
        }
    }

    fn show(&mut self, items: &[Object], map: &ToUnicode) {
        for item in items {
            match item {
                Object::String(codes, _) if self.spans.is_empty() => {
                    for code in codes.chunks(2) {
                        let code = u16::from_be_bytes([code[0], code[1]]);
                        let text = map.get(&code).unwrap_or_else(|| panic!("code {code} means nothing"));
                        self.line().push_str(text);
                    }
                }
                Object::String(..) => {}
                // A step to the right by more than an em is white space between columns.
                number if thousandths(number) < -1_000_000 => self.separate(),
                _ => {}
            }
        }
    }

    /// A column ends where text starts anew.
    fn separate(&mut self) {
        let line = self.line();
        if !line.is_empty() {
            line.push('\t');
        }
    }

    fn line(&mut self) -> &mut String {
        self.lines.entry(self.at).or_default()
    }
}

fn to_unicode(document: &Document, font: &Dictionary) -> ToUnicode {
    let stream = font.get(b"ToUnicode").and_then(Object::as_reference).unwrap();
    let stream = document.get_object(stream).and_then(Object::as_stream).unwrap();
    let text = String::from_utf8(stream.decompressed_content().unwrap_or_else(|_| stream.content.clone())).unwrap();
    let mut map = ToUnicode::new();
    for line in text.lines() {
        let Some((code, target)) = line.strip_prefix('<').and_then(|line| line.split_once("> <")) else { continue };
        let bytes: Vec<u8> = (0..target.len() / 2)
            .map(|place| u8::from_str_radix(&target[2 * place..2 * place + 2], 16).unwrap())
            .collect();
        map.insert(u16::from_str_radix(code, 16).unwrap(), utf16(&bytes));
    }
    map
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
    String::from_utf16(&units).unwrap()
}

#[expect(clippy::float_arithmetic, clippy::cast_possible_truncation, reason = "a PDF's numbers are floats")]
fn thousandths(number: &Object) -> i64 {
    (number.as_float().unwrap() * 1_000.0).round() as i64
}
