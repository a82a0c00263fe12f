//! The file around the pages: embedded fonts, the logo, what the document says about itself, and compression.
//!
//! Invariants: only glyphs that are used are embedded; nothing in the file depends on the clock, on chance or on what
//! was printed before, so that the same document gives the same bytes.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Object, StringFormat};
use printpdf::{
    DictItem, ExternalStream, ExternalXObject, Mm, OffsetDateTime, ParsedFont, PdfDocument, PdfFont, PdfPage,
    PdfParseErrorSeverity, PdfSaveOptions, PdfWarnMsg, XObject,
};

use super::PrintError;
use super::document::Metadata;
use super::draw::{Artist, font_id, logo_id};
use super::fonts::Face;
use super::image::{Encoding, Image, Space};
use super::pages::Page;

/// A4 in millimetres.
const PAGE_SIZE: (Mm, Mm) = (Mm(210.0), Mm(297.0));
/// The first version with everything that is written here: object streams (1.5), the document's language (1.4).
const PDF_VERSION: &str = "1.5";

/// The predictor by which each row says how PNG filtered it.
const PNG_ROWS: i64 = 15;

/// Writes the pages into a file.
pub(super) fn write(pages: &[Page], logo: Option<&Image>, metadata: &Metadata) -> Result<Vec<u8>, PrintError> {
    let mut pdf = PdfDocument::new(&metadata.title);
    describe(&mut pdf, metadata)?;
    let mut artist = Artist::default();
    for page in pages {
        let (width, height) = PAGE_SIZE;
        pdf.pages.push(PdfPage::new(width, height, artist.page(page)));
    }
    for face in artist.faces() {
        pdf.resources.fonts.map.insert(font_id(face), PdfFont::new(embeddable(face)?));
    }

    if let Some(logo) = logo {
        pdf.resources.xobjects.map.insert(logo_id(), XObject::External(embedded(logo)));
    }

    let mut warnings = Vec::new();
    let mut file = pdf.to_lopdf_document(&PdfSaveOptions::default(), &mut warnings);
    if let Some(warning) = warnings.into_iter().find(is_error) {
        return Err(PrintError::Write(warning.msg));
    }
    finish(&mut file, metadata).map_err(|error| PrintError::Write(error.to_string()))?;
    let mut bytes = Vec::new();
    file.save_modern(&mut bytes).map_err(|error| PrintError::Write(error.to_string()))?;
    Ok(bytes)
}

fn is_error(warning: &PdfWarnMsg) -> bool {
    warning.severity == PdfParseErrorSeverity::Error
}

fn embeddable(face: Face) -> Result<ParsedFont, PrintError> {
    let opened = face.opened().ok_or(PrintError::Font(face.resource()))?;
    ParsedFont::from_bytes(opened.bytes, 0, &mut Vec::new()).ok_or(PrintError::Font(face.resource()))
}

/// The image with its pixels as they are: the dictionary tells a reader how to unpack them.
fn embedded(image: &Image) -> ExternalXObject {
    let name = |name: &str| DictItem::Name(name.as_bytes().to_vec());
    let (filter, depth) = match image.encoding {
        Encoding::Jpeg => ("DCTDecode", 8),
        Encoding::Png(depth) => ("FlateDecode", depth),
    };
    let space = match &image.space {
        Space::Grey => name("DeviceGray"),
        Space::Rgb => name("DeviceRGB"),
        Space::Palette(colours) => {
            let last = i64::try_from(colours.len() / 3).unwrap_or(1) - 1;
            let base = [name("Indexed"), name("DeviceRGB"), DictItem::Int(last), DictItem::Bytes(colours.clone())];
            DictItem::Array(base.into())
        }
    };
    let columns = DictItem::Int(image.width.into());
    let mut dict = BTreeMap::from([
        ("Type", name("XObject")),
        ("Subtype", name("Image")),
        ("Width", columns.clone()),
        ("Height", DictItem::Int(image.height.into())),
        ("ColorSpace", space),
        ("BitsPerComponent", DictItem::Int(depth.into())),
        ("Filter", name(filter)),
    ]);
    if let Encoding::Png(_) = image.encoding {
        let rows = [
            ("Predictor", DictItem::Int(PNG_ROWS)),
            ("Colors", DictItem::Int(image.space.channels().into())),
            ("BitsPerComponent", DictItem::Int(depth.into())),
            ("Columns", columns),
        ];
        let map = rows.map(|(key, value)| (key.to_owned(), value)).into();
        dict.insert("DecodeParms", DictItem::Dict { map });
    }
    let dict = dict.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let stream = ExternalStream { dict, content: image.bytes.clone(), compress: false };
    ExternalXObject { stream, width: None, height: None, dpi: None }
}

fn describe(pdf: &mut PdfDocument, metadata: &Metadata) -> Result<(), PrintError> {
    let date = OffsetDateTime::from_unix_timestamp(metadata.created_at)
        .map_err(|_| PrintError::CreatedAt(metadata.created_at))?;
    let info = &mut pdf.metadata.info;
    info.document_title.clone_from(&metadata.title);
    info.author.clone_from(&metadata.author);
    info.creator.clone_from(&metadata.creator);
    info.producer.clone_from(&metadata.creator);
    info.identifier.clone_from(&metadata.identifier);
    info.creation_date = date;
    info.modification_date = date;
    info.metadata_date = date;
    Ok(())
}

/// Adds what printpdf leaves out, and replaces what it draws by chance.
fn finish(file: &mut lopdf::Document, metadata: &Metadata) -> lopdf::Result<()> {
    file.version = PDF_VERSION.to_owned();
    let string = |text: &str| Object::String(text.as_bytes().to_vec(), StringFormat::Literal);
    // The identifiers of a fresh printpdf document come from a counter of the process.
    file.trailer.set("ID", vec![string(&metadata.identifier), string(&metadata.identifier)]);
    let mut preferences = Dictionary::new();
    preferences.set("DisplayDocTitle", true);
    let catalog = file.catalog_mut()?;
    catalog.set("Lang", string(&metadata.language));
    catalog.set("ViewerPreferences", preferences);
    // printpdf says that every file follows a standard for printing presses; this one does not.
    let info = file.trailer.get(b"Info").and_then(Object::as_reference)?;
    let info = file.get_object_mut(info).and_then(Object::as_dict_mut)?;
    for claim in [b"GTS_PDFXVersion".as_slice(), b"Trapped"] {
        info.remove(claim);
    }
    file.compress();
    Ok(())
}
