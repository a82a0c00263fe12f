//! Prints sample invoices into a folder, to be looked at: a short one, one of 300 lines with tiers, one in many
//! scripts, one with texts that are longer than anybody hopes for; and invoices and credit notes of every kind in every
//! language. A second argument is a file with the seller's logo.
//!
//! ```text
//! cargo run -p invoice --example sample_invoice -- out logo.png
//! ```

mod credit_notes;
mod languages;

use std::error::Error;
use std::path::PathBuf;

use invoice::pdf::{Colour, Document, Fact, Headings, Headline, Image, Line, Metadata, Party, Tier, Total, print};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    std::fs::create_dir_all(&folder)?;
    let logo = match std::env::args().nth(2) {
        Some(file) => Some(Image::read(&std::fs::read(file)?)?),
        None => None,
    };
    let mut documents = languages::documents()?;
    documents.extend(credit_notes::documents()?);
    let plain = [("short", short()), ("long", long(300)), ("scripts", scripts()), ("stretched", stretched())];
    documents.extend(plain.map(|(name, document)| (name.to_owned(), document)));
    for (name, document) in documents {
        let bytes = print(&Document { logo: logo.clone(), ..document })?;
        let path = folder.join(format!("{name}.pdf"));
        std::fs::write(&path, &bytes)?;
        println!("{}: {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn fact(label: &str, value: &str) -> Fact {
    Fact { label: label.to_owned(), value: value.to_owned() }
}

fn total(label: &str, amount: &str, strong: bool) -> Total {
    Total { label: label.to_owned(), amount: amount.to_owned(), strong }
}

fn tier(description: &str, quantity: &str, unit_price: &str, amount: &str) -> Tier {
    Tier {
        description: description.to_owned(),
        quantity: quantity.to_owned(),
        unit_price: unit_price.to_owned(),
        amount: amount.to_owned(),
    }
}

fn line(description: &str, detail: Option<&str>, figures: [&str; 3], tiers: Vec<Tier>) -> Line {
    let [quantity, unit_price, amount] = figures.map(str::to_owned);
    let detail = detail.map(str::to_owned);
    Line { description: description.to_owned(), detail, quantity, unit_price, amount, tiers }
}

/// An ordinary month of an ordinary customer.
fn short() -> Document {
    Document {
        title: "Invoice".to_owned(),
        status_stamp: None,
        seller: Party {
            label: "From".to_owned(),
            name: "Northwind Cloud GmbH".to_owned(),
            lines: owned(&[
                "Torstraße 140",
                "10119 Berlin",
                "Germany",
                "VAT DE 301 887 412",
                "billing@northwind.example",
            ]),
        },
        logo: None,
        buyer: Party {
            label: "Bill to".to_owned(),
            name: "Fjällräven Analytics AB".to_owned(),
            lines: owned(&[
                "Attn: Accounts Payable",
                "Sveavägen 44",
                "111 34 Stockholm",
                "Sweden",
                "VAT SE 556 123 456 701",
            ]),
        },
        accent: Colour { red: 79, green: 70, blue: 229 },
        facts: vec![
            fact("Invoice number", "NW-2026-00042"),
            fact("Date of issue", "1 November 2026"),
            fact("Due date", "15 November 2026"),
            fact("Billing period", "1 – 31 October 2026"),
        ],
        headline: Some(Headline { amount: "€2,375.11".to_owned(), caption: "due 15 November 2026".to_owned() }),
        headings: Headings {
            description: "Description".to_owned(),
            quantity: "Quantity".to_owned(),
            unit_price: "Unit price".to_owned(),
            amount: "Amount".to_owned(),
        },
        lines: short_lines(),
        totals: vec![
            total("Subtotal", "€2,247.99", false),
            total("VAT 19 % on €2,247.99", "€427.12", false),
            total("Total", "€2,675.11", false),
            total("Applied balance", "−€300.00", false),
            total("Amount due", "€2,375.11", true),
        ],
        notes: owned(&[
            "Please pay by bank transfer to IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX, with the invoice number \
             as the reference.",
            "Usage is metered in UTC and billed by calendar month in the time zone Europe/Stockholm.",
        ]),
        footer: "Northwind Cloud GmbH · Invoice NW-2026-00042".to_owned(),
        page_label: "Page {page} of {pages}".to_owned(),
        metadata: Metadata {
            title: "Invoice NW-2026-00042".to_owned(),
            author: "Northwind Cloud GmbH".to_owned(),
            creator: "Meterline".to_owned(),
            language: "en".to_owned(),
            identifier: "9f2c1e7a5b3d48d0".to_owned(),
            created_at: 1_793_491_200,
        },
    }
}

/// What an ordinary customer is charged for.
fn short_lines() -> Vec<Line> {
    let period = Some("1 – 31 October 2026");
    vec![
        line("Scale plan", Some("1 – 30 November 2026, in advance"), ["1", "€499.00", "€499.00"], vec![]),
        line(
            "API requests",
            period,
            ["12,480,211", "", "€1,347.86"],
            vec![
                tier("First 1,000,000", "1,000,000", "€0.00", "€0.00"),
                tier("Next 9,000,000", "9,000,000", "€0.00012", "€1,080.00"),
                tier("Above 10,000,000", "2,480,211", "€0.000108", "€267.86"),
            ],
        ),
        line("Data transfer", period, ["842.7 GB", "€0.08", "€67.42"], vec![]),
        line("Seats", period, ["17", "€20.00", "€340.00"], vec![]),
        line(
            "Credit: 13 days of Growth plan not used",
            Some("Plan change on 18 October 2026, 13 of 31 days of €15.00"),
            ["", "", "−€6.29"],
            vec![],
        ),
    ]
}

/// Many lines, every third with tiers.
fn long(count: usize) -> Document {
    let regions = ["Frankfurt", "Dublin", "Virginia", "São Paulo", "Mumbai", "Tokyo", "Sydney"];
    let meters = ["Requests", "Compute", "Storage", "Data transfer", "Messages"];
    let mut document = short();
    document.status_stamp = Some("Paid".to_owned());
    document.lines = (0..count)
        .map(|place| {
            let description = format!("{}, {}", meters[place % meters.len()], regions[place % regions.len()]);
            let tiers = match place % 3 {
                0 => vec![
                    tier("First 10,000", "10,000", "€0.00", "€0.00"),
                    tier("Next 90,000", "90,000", "€0.0004", "€36.00"),
                    tier("Above 100,000", "18,250", "€0.0003", "€5.48"),
                ],
                _ => vec![],
            };
            let detail = (place % 4 == 1).then_some("1 – 31 October 2026");
            let figures = if tiers.is_empty() { ["1,204", "€0.02", "€24.08"] } else { ["118,250", "", "€41.48"] };
            line(&description, detail, figures, tiers)
        })
        .collect();
    document
}

/// One name in each script, as a customer may have it.
fn scripts() -> Document {
    let mut document = short();
    document.status_stamp = Some("Void".to_owned());
    document.accent = Colour { red: 13, green: 148, blue: 136 };
    document.seller.name = "株式会社東京計量サービス".to_owned();
    document.buyer = Party {
        label: "Bill to".to_owned(),
        name: "شركة الاختبار المحدودة".to_owned(),
        lines: owned(&[
            "شارع الملك فهد 12، الرياض",
            "חברת הבדיקות בע״מ, תל אביב 6100",
            "Công ty Trách nhiệm Hữu hạn Thử Nghiệm",
            "ООО «Проверка», Київ · Δοκιμή Α.Ε.",
        ]),
    };
    let names = [
        ("Latin", "Žluťoučký kůň s.r.o., Łódź, İstanbul, Þór"),
        ("Greek", "Δοκιμαστική Εταιρεία Α.Ε., Αθήνα"),
        ("Cyrillic", "ООО «Проверка», Київ, Ђорђе"),
        ("Vietnamese", "Công ty Trách nhiệm Hữu hạn Thử Nghiệm"),
        ("Arabic", "شركة الاختبار المحدودة (فرع 2) – الإسكندرية"),
        ("Persian", "می‌خواهم پرداخت کنم ۱۲۳"),
        ("Hebrew", "חברת הבדיקות בע״מ 42"),
        ("Hindi", "परीक्षण प्राइवेट लिमिटेड, क्षत्रिय मार्ग"),
        ("Thai", "บริษัท ทดสอบน้ำดื่ม จำกัด (มหาชน)"),
        ("Chinese", "上海测试科技有限公司 / 台灣測試股份有限公司"),
        ("Japanese", "株式会社テスト・ラーメン「東京」"),
        ("Korean", "주식회사 테스트 서울특별시"),
        ("Bengali", "পরীক্ষা লিমিটেড"),
        ("Tamil", "சோதனை நிறுவனம்"),
        ("Telugu", "పరీక్ష సంస్థ"),
        ("Georgian", "შპს ტესტი"),
        ("Armenian", "Փորձարկում ՍՊԸ"),
        ("Ethiopic", "የሙከራ ኩባንያ"),
        ("Khmer", "ក្រុមហ៊ុនសាកល្បង"),
        ("Burmese", "စမ်းသပ်ကုမ္ပဏီ"),
        ("Emoji", "Rocket 🚀 Labs ❤️ 👩‍💻 ☎ ✓"),
        ("Not covered", "𓀀𓂀 Hieroglyph Ltd"),
    ];
    document.lines =
        names.iter().map(|(script, name)| line(name, Some(script), ["1", "€10.00", "€10.00"], vec![])).collect();
    document
}

/// Texts that test every wrap.
fn stretched() -> Document {
    let mut document = short();
    let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    document.title = "Corrected invoice and credit note".to_owned();
    document.status_stamp = Some("Overdue".to_owned());
    document.accent = Colour { red: 250, green: 204, blue: 21 };
    document.seller.name = format!("{word} mbH & Co. KG");
    document.buyer.name =
        "The International Consortium for the Advancement of Extremely Long Company Names, Holding and \
                           Participation Limited"
            .to_owned();
    document.buyer.lines.push(word.repeat(2));
    document.facts.push(fact("Purchase order", &"PO-4711-0815-".repeat(4)));
    document.facts.push(fact("Reference of the customer", "Cost centre 4711, project Northern Lights, phase 2"));
    document.headline =
        Some(Headline { amount: "IDR 1,234,567,890,123.45".to_owned(), caption: "due 15 November 2026".to_owned() });
    let sentence = "Dedicated capacity with committed use, priority support around the clock, quarterly reviews and a \
                    very long explanation of what else is included.";
    document.lines.push(line(
        sentence,
        Some(sentence),
        ["1,234,567,890.123456 GB-hours", "€0.000000000123 per million", "€1,234,567,890.12"],
        vec![tier(sentence, "1,234,567,890.123456", "€0.000000000123", "€1,234,567,890.12")],
    ));
    document.lines.push(line(&word.repeat(3), None, ["1", "€1.00", "€1.00"], vec![]));
    let many = (1..=40).map(|step| tier(&format!("Tier {step}"), "1,000", "€0.01", "€10.00")).collect();
    document.lines.push(line("Forty tiers", None, ["40,000", "", "€400.00"], many));
    document.lines.push(line(&sentence.repeat(30), None, ["1", "€1.00", "€1.00"], vec![]));
    document.totals.insert(1, total(&format!("{word} levy"), "IDR 1,234,567,890,123.45", false));
    document.notes.push(sentence.repeat(6));
    document.footer = format!("{} · Invoice NW-2026-00042", document.seller.name);
    document
}
