//! Whole documents, printed and read back.

use lopdf::{Object, Stream};
use proptest::prelude::*;
use rstest::rstest;

use super::document::{Colour, Document, Fact, Headings, Headline, Line, Metadata, Party, Tier, Total};
use super::image::{
    Image,
    tests::{logo, photograph},
};
use super::reader::Read;
use super::strips::Item;
use super::style::{BAND_HEIGHT, CONTENT_RIGHT, Length, MARGIN_BOTTOM, MARGIN_SIDE, MARGIN_TOP, PAGE_HEIGHT, THOUSAND};
use super::{PrintError, ROWS_MAX, TEXT_BYTES_MAX, lay_out, print};

/// An invoice with lines of one printed line each, from `Line 1` on.
fn invoice(lines: usize) -> Document {
    let text = str::to_owned;
    let party = |label: &str, name: &str| Party {
        label: text(label),
        name: text(name),
        lines: vec![text("Torstraße 140"), text("10119 Berlin")],
    };
    let line = |number: usize| Line {
        description: format!("Line {number}"),
        quantity: text("1,204"),
        unit_price: text("€0.02"),
        amount: text("€24.08"),
        ..Line::default()
    };
    Document {
        title: text("Invoice"),
        status_stamp: None,
        seller: party("From", "Northwind Cloud GmbH"),
        logo: None,
        buyer: party("Bill to", "Fjällräven Analytics AB"),
        accent: Colour { red: 79, green: 70, blue: 229 },
        facts: vec![Fact { label: text("Invoice number"), value: text("NW-2026-00042") }],
        headline: Some(Headline { amount: text("€2,375.11"), caption: text("due 15 November 2026") }),
        headings: Headings {
            description: text("Description"),
            quantity: text("Quantity"),
            unit_price: text("Unit price"),
            amount: text("Amount"),
        },
        lines: (1..=lines).map(line).collect(),
        totals: vec![
            Total { label: text("Subtotal"), amount: text("€2,375.11"), strong: false },
            Total { label: text("Amount due"), amount: text("€2,375.11"), strong: true },
        ],
        notes: vec![],
        footer: text("Northwind Cloud GmbH · NW-2026-00042"),
        page_label: text("Page {page} of {pages}"),
        metadata: Metadata {
            title: text("Invoice NW-2026-00042"),
            author: text("Northwind Cloud GmbH"),
            creator: text("Meterline"),
            language: text("en"),
            identifier: text("9f2c1e7a5b3d48d0"),
            created_at: 1_793_491_200,
        },
    }
}

fn tiers(count: usize) -> Vec<Tier> {
    let tier = |number: usize| Tier {
        description: format!("Tier {number}"),
        quantity: "1,000".to_owned(),
        unit_price: "€0.01".to_owned(),
        amount: "€10.00".to_owned(),
    };
    (1..=count).map(tier).collect()
}

fn read(document: &Document) -> Read {
    Read::new(&print(document).unwrap())
}

/// Texts that are longer than anybody hopes for, in every place.
fn stretched() -> Document {
    let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    let sentence = "Dedicated capacity with committed use and a very long explanation of what is included. ";
    let mut document = invoice(3);
    document.title = "Corrected invoice and credit note".to_owned();
    document.status_stamp = Some("Overdue".to_owned());
    for party in [&mut document.seller, &mut document.buyer] {
        party.name = word.repeat(2);
        party.lines.extend((0..80).map(|_| word.to_owned()));
    }
    for _ in 0..6 {
        document.facts.push(Fact { label: sentence.to_owned(), value: "PO-4711-".repeat(20) });
    }
    document.headline = Some(Headline { amount: "€1,234,567.00 ".repeat(5), caption: sentence.to_owned() });
    let figure = "1,234,567,890,123.456789 GB-hours".to_owned();
    document.lines.push(Line {
        description: sentence.repeat(40),
        detail: Some(word.repeat(20)),
        quantity: figure.clone(),
        unit_price: figure.clone(),
        amount: figure.clone(),
        tiers: tiers(120),
    });
    document.totals.push(Total { label: word.to_owned(), amount: figure, strong: true });
    document.notes = vec![sentence.repeat(100), word.repeat(3)];
    document.footer = word.repeat(4);
    document
}

#[test]
fn lines_fill_pages() {
    // The body of a page is 722.39 points high, a row 27, the headings 17.9, the totals 55, what stands above the
    // table 228. So the first page holds 17 rows, or 15 with the totals; a further page 26 rows, or 24 with the totals.
    let cases = [(0, 1), (1, 1), (15, 1), (16, 2), (25, 2), (40, 2), (41, 2), (42, 3), (300, 12)];
    for (lines, pages) in cases {
        assert_eq!(lay_out(&invoice(lines)).unwrap().len(), pages, "{lines} lines");
    }
}

#[test]
fn every_page_has_the_headings_its_number_and_the_footer() {
    let read = read(&invoice(100));
    let all: Vec<usize> = (1..=5).collect();
    assert_eq!(read.pages.len(), all.len());
    assert_eq!(read.pages_with("Description\tQuantity\tUnit price\tAmount"), all);
    assert_eq!(read.pages_with("Northwind Cloud GmbH · NW-2026-00042\tPage"), all);
    for page in all {
        assert_eq!(read.pages_with(&format!("Page {page} of 5")), [page]);
    }
}

#[test]
fn every_line_is_printed_once_and_in_order() {
    let read = read(&invoice(300));
    let lines: Vec<&String> = read.pages.iter().flatten().filter(|line| line.starts_with("Line ")).collect();
    let expected: Vec<String> = (1..=300).map(|number| format!("Line {number}\t1,204\t€0.02\t€24.08")).collect();
    assert_eq!(lines, expected.iter().collect::<Vec<_>>());
}

#[test]
fn totals_stay_together_and_below_a_line() {
    for lines in (1..=50).chain([300]) {
        let read = read(&invoice(lines));
        let last = read.pages.len();
        assert_eq!(read.pages_with("Subtotal"), [last], "{lines} lines");
        assert_eq!(read.pages_with("Amount due"), [last], "{lines} lines");
        assert!(read.pages_with(&format!("Line {lines}\t")).contains(&last), "{lines} lines");
    }
}

#[test]
fn a_line_stays_with_its_tiers_while_they_are_few() {
    for lines in 10..24 {
        let mut document = invoice(lines);
        document.lines.push(Line { description: "Tiered".to_owned(), tiers: tiers(8), ..Line::default() });
        let read = read(&document);
        assert_eq!(read.pages_with("Tiered"), read.pages_with("Tier 8"), "{lines} lines before");
    }
    let mut document = invoice(16);
    document.lines.push(Line { description: "Tiered".to_owned(), tiers: tiers(40), ..Line::default() });
    let read = read(&document);
    assert_eq!(read.pages_with("Tiered"), read.pages_with("Tier 1\t"));
    assert_eq!(read.pages_with("Tier 39"), read.pages_with("Tier 40"));
    // Sixteen rows leave 44.5 points on the first page: enough for the line and its first tier, 34.5 points.
    assert_eq!((read.pages_with("Tiered"), read.pages_with("Tier 40")), (vec![1], vec![2]));
}

#[test]
fn names_of_every_script_come_back() {
    // Text from right to left stands mirrored in a file; a reader turns it round.
    let cases = [
        ("Žluťoučký kůň s.r.o. Łódź İstanbul Þór", false),
        ("Δοκιμαστική Εταιρεία Α.Ε.", false),
        ("ООО «Проверка» Київ Ђорђе", false),
        ("Công ty Trách nhiệm Hữu hạn", false),
        ("e\u{0301}\u{0323} o\u{0308}", false),
        ("شركة الاختبار المحدودة", true),
        ("می‌خواهم لا إلا", true),
        ("מוּצָר שָׁלוֹם בע״מ", true),
        ("परीक्षण क्षत्रिय लिमिटेड", false),
        ("บริษัท น้ำดื่ม จำกัด", false),
        ("上海测试科技有限公司", false),
        ("台灣測試股份有限公司", false),
        ("株式会社テスト「ラーメン」", false),
        ("주식회사 테스트 서울", false),
        ("পরীক্ষা লিমিটেড", false),
        ("ਪਰੀਖਿਆ ਲਿਮਿਟਡ", false),
        ("પરીક્ષણ લિમિટેડ", false),
        ("ପରୀକ୍ଷା ଲିମିଟେଡ", false),
        ("சோதனை நிறுவனம்", false),
        ("పరీక్ష సంస్థ", false),
        ("ಪರೀಕ್ಷೆ ಸಂಸ್ಥೆ", false),
        ("പരീക്ഷണ കമ്പനി", false),
        ("පරීක්ෂණ සමාගම", false),
        ("ບໍລິສັດ ທົດສອບ", false),
        ("စမ်းသပ်ကုမ္ပဏီ", false),
        ("შპს ტესტი", false),
        ("Փորձարկում ՍՊԸ", false),
        ("የሙከራ ኩባንያ", false),
        ("ក្រុមហ៊ុនសាកល្បង", false),
        ("Rocket 🚀 ❤️ 👩‍💻 ☎ 🇩🇪", false),
        ("Uncovered 𓀀𓂀", false),
    ];
    for (name, is_mirrored) in cases {
        let mut document = invoice(1);
        document.buyer.name = name.to_owned();
        document.lines[0].description = name.to_owned();
        let seen: String = if is_mirrored { name.chars().rev().collect() } else { name.to_owned() };
        let read = read(&document);
        let found = read.pages[0].iter().map(|line| line.replace('\t', "")).filter(|line| line.contains(&seen));
        assert_eq!(found.count(), 2, "{name}: {:?}", read.pages[0]);
    }
}

#[test]
fn no_text_is_lost_however_long() {
    let document = stretched();
    let text = read(&document).text().replace(char::is_whitespace, "");
    let spaceless = |text: &str| text.replace(char::is_whitespace, "");
    for party in [&document.seller, &document.buyer] {
        // Both parties stand side by side, so that their lines alternate; the last line has no neighbour's rest.
        assert!(text.contains(&spaceless(&party.lines[1])));
    }
    let line = document.lines.last().unwrap();
    assert!(text.contains(&spaceless(&line.description[200..])));
    assert!(text.contains(&spaceless(line.detail.as_ref().unwrap())));
    for note in &document.notes {
        let found = note.split(". ").filter(|sentence| text.contains(&spaceless(sentence))).count();
        assert!(found > 0, "{note}");
    }
    assert!(text.contains("Tier119") && text.contains("Tier120"));
}

#[test]
fn nothing_overlaps_and_nothing_leaves_the_page() {
    for document in [invoice(60), stretched(), Document { logo: Some(logo(600, 160)), ..stretched() }] {
        for (number, page) in lay_out(&document).unwrap().iter().enumerate() {
            let mut boxes: Vec<([Length; 4], &str)> = Vec::new();
            for item in &page.items {
                if let Item::Logo { left, top, width, height } = item {
                    boxes.push(([*left, *top, left + width, top + height], "the logo"));
                }
                let Item::Text { left, baseline, style, line } = item else { continue };
                // From the top of capitals to the baseline: what would be unreadable if it were overprinted.
                let top = baseline - style.size * 728 / THOUSAND;
                let edges = [*left, top, left + line.width(*style), *baseline];
                assert!(edges[0] >= MARGIN_SIDE && edges[2] <= CONTENT_RIGHT + 100, "page {number}: {}", line.text);
                assert!(top > BAND_HEIGHT && *baseline <= PAGE_HEIGHT - MARGIN_BOTTOM, "page {number}: {}", line.text);
                for (other, text) in &boxes {
                    let is_apart =
                        edges[2] <= other[0] || other[2] <= edges[0] || edges[3] <= other[1] || other[3] <= edges[1];
                    assert!(is_apart, "page {number}: {} over {text}", line.text);
                }
                boxes.push((edges, &line.text));
            }
        }
    }
}

#[test]
fn a_latin_invoice_is_small_and_embeds_the_text_face_only() {
    let bytes = print(&invoice(25)).unwrap();
    assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
    assert_eq!(Read::new(&bytes).fonts, ["INTERR+Inter-Regular", "INTERS+Inter-SemiBold"]);
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let mut other = invoice(2);
    other.buyer.name = "株式会社テスト".to_owned();
    let first = print(&invoice(30)).unwrap();
    let between = print(&other).unwrap();
    assert_eq!(print(&invoice(30)).unwrap(), first);
    assert_eq!(print(&other).unwrap(), between);
    assert_ne!(first, between);
}

#[test]
fn the_file_says_what_it_is() {
    let read = read(&invoice(1));
    let cases = [
        ("Title", "Invoice NW-2026-00042"),
        ("Author", "Northwind Cloud GmbH"),
        ("Creator", "Meterline"),
        ("CreationDate", "D:20261101000000+00'00'"),
    ];
    for (key, expected) in cases {
        assert_eq!(read.info(key), expected, "{key}");
    }
    let catalog = read.document.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").and_then(lopdf::Object::as_str).unwrap(), b"en");
    let identifiers = read.document.trailer.get(b"ID").and_then(lopdf::Object::as_array).unwrap();
    assert_eq!(identifiers[0].as_str().unwrap(), b"9f2c1e7a5b3d48d0");
}

fn with_logo(image: Image) -> Document {
    Document { logo: Some(image), ..invoice(30) }
}

/// The only image of a file.
fn image_of(read: &Read) -> Stream {
    let is_image =
        |stream: &&Stream| stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image");
    let streams = read.document.objects.values().filter_map(|object| object.as_stream().ok());
    let images: Vec<&Stream> = streams.filter(is_image).collect();
    assert_eq!(images.len(), 1);
    images[0].clone()
}

#[test]
fn a_logo_stands_in_the_place_of_the_name() {
    let read = read(&with_logo(logo(300, 100)));
    // The seller's name is among the parties still, and on the foot of each of the two pages.
    assert_eq!(read.text().matches("Northwind Cloud GmbH").count(), 3);
    let image = image_of(&read);
    let number = |name: &str| image.dict.get(name.as_bytes()).and_then(Object::as_i64).unwrap();
    assert_eq!((number("Width"), number("Height"), number("BitsPerComponent")), (300, 100, 8));
    assert_eq!(image.decompressed_content().unwrap(), vec![128; 300 * 100]);
}

#[test]
fn a_photograph_is_passed_on_as_it_is() {
    let image = image_of(&read(&with_logo(photograph())));
    assert_eq!(image.dict.get(b"Filter").and_then(Object::as_name).unwrap(), b"DCTDecode");
    assert_eq!(image.content, photograph().bytes);
}

/// A pixel is at most a point wide; the place is 180 by 48 points, and its right edge that of the page's text. Of the first
/// line's 30 points, the middle of the capitals is 15 points down.
#[rstest]
#[case::wide(720, 36, (180_000, 9_000), 10_500)]
#[case::high(100, 400, (12_000, 48_000), 0)]
#[case::both(600, 160, (180_000, 48_000), 0)]
#[case::few_pixels(20, 10, (20_000, 10_000), 10_000)]
#[case::flat(10_000, 1, (180_000, 18), 14_991)]
fn a_logo_is_as_large_as_its_place_and_its_pixels_allow(
    #[case] columns: u32,
    #[case] rows: u32,
    #[case] size: (Length, Length),
    #[case] down: Length,
) {
    let pages = lay_out(&with_logo(logo(columns, rows))).unwrap();
    let placed = |item: &Item| match item {
        Item::Logo { left, top, width, height } => Some((*left, *top, *width, *height)),
        Item::Text { .. } | Item::Fill { .. } => None,
    };
    let logos: Vec<_> = pages.iter().flat_map(|page| page.items.iter().filter_map(placed)).collect();
    assert_eq!(logos, [(CONTENT_RIGHT - size.0, MARGIN_TOP + down, size.0, size.1)]);
}

#[test]
fn a_file_with_a_logo_has_the_same_bytes_each_time() {
    let first = print(&with_logo(logo(300, 100))).unwrap();
    assert_eq!(print(&with_logo(logo(300, 100))).unwrap(), first);
    assert_ne!(print(&with_logo(logo(300, 99))).unwrap(), first);
}

#[test]
fn an_empty_document_is_one_page() {
    let mut document = invoice(0);
    document.title = String::new();
    document.status_stamp = Some(String::new());
    document.seller = Party::default();
    document.buyer = Party::default();
    document.facts.clear();
    document.headline = None;
    document.totals.clear();
    document.footer = String::new();
    assert_eq!(read(&document).pages, [["Page 1 of 1"]]);
}

#[test]
fn documents_beyond_the_limits_are_refused() {
    let mut rows = invoice(1);
    rows.lines[0].tiers = tiers(ROWS_MAX);
    let mut bytes = invoice(1);
    bytes.notes.push("x".repeat(TEXT_BYTES_MAX));
    for document in [rows, bytes] {
        assert!(matches!(print(&document), Err(PrintError::TooLarge { .. })));
    }
    let mut undated = invoice(1);
    undated.metadata.created_at = i64::MAX;
    assert!(matches!(print(&undated), Err(PrintError::CreatedAt(i64::MAX))));
}

/// Characters that are seen: not white space, not controls, not the marks that only steer others.
fn seen(text: &str) -> Vec<char> {
    let steering = |character: &char| matches!(u32::from(*character), 0xAD | 0x200B..=0x200F | 0x202A..=0x206F | 0xFE00..=0xFE0F | 0xFEFF);
    let mut seen: Vec<char> = text
        .chars()
        .filter(|character| !character.is_whitespace() && !character.is_control() && !steering(character))
        .collect();
    seen.sort_unstable();
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_name_comes_back(name in "[a-zé€ Ω Ж ạ א-ת ا-ي ך-״ ก-๙ क-ह ा-् 一-丠 가-각 ア-ン 🚀☎]{1,60}") {
        let mut document = invoice(1);
        let before = seen(&read(&document).text());
        document.lines[0].description = format!("Line 1{name}");
        let after = seen(&read(&document).text());
        let mut expected = before;
        expected.extend(seen(&name));
        expected.sort_unstable();
        prop_assert_eq!(after, expected);
    }
}
