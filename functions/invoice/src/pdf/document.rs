//! What an invoice PDF says: a plain view model of preformatted text.
//!
//! Decides nothing about money, dates or languages: every figure arrives formatted, every label arrives translated.
//! Invariant: the printer shows each text that is present here, and nothing else. An empty text takes no space where
//! it stands alone (a fact without a value, a party without a name).

use super::image::Image;

/// One printable document: an invoice, a credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The large title, for example `Invoice`.
    pub title: String,
    /// A badge beside the title, for example `Paid` or `Void`.
    pub status_stamp: Option<String>,
    /// Who sells. The name is also set as a word mark at the top, unless there is a logo.
    pub seller: Party,
    /// The seller's logo, in the place of the word mark.
    pub logo: Option<Image>,
    /// Who is billed.
    pub buyer: Party,
    /// The seller's colour. Where text takes it, a light colour is darkened until it can be read.
    pub accent: Colour,
    /// Number, date of issue, due date, period: in reading order.
    pub facts: Vec<Fact>,
    /// The one amount that the reader looks for, set large above the table.
    pub headline: Option<Headline>,
    /// The names of the table's columns.
    pub headings: Headings,
    /// What is billed, in order.
    pub lines: Vec<Line>,
    /// Subtotal, tax, total, amount due: in order. They stay together on one page.
    pub totals: Vec<Total>,
    /// Paragraphs below the totals: payment terms, tax notes.
    pub notes: Vec<String>,
    /// Stands at the foot of every page, for example the seller's name and the invoice number.
    pub footer: String,
    /// Page numbering with the places `{page}` and `{pages}`, for example `Page {page} of {pages}`.
    pub page_label: String,
    /// What the file says about itself.
    pub metadata: Metadata,
}

/// A side of the sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// What the side is, for example `From` or `Bill to`.
    pub label: String,
    /// The legal name, in any script.
    pub name: String,
    /// Address, tax number, e-mail: one entry per printed line.
    pub lines: Vec<String>,
}

/// A labelled value, for example `Due date` and `15 November 2026`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What the value is.
    pub label: String,
    /// The value, preformatted.
    pub value: String,
}

/// The amount due, said once and large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// For example `€2,318.40`.
    pub amount: String,
    /// What follows it in smaller type, for example `due 15 November 2026`.
    pub caption: String,
}

/// Column names of the table of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headings {
    /// Over what was sold.
    pub description: String,
    /// Over how much of it.
    pub quantity: String,
    /// Over the price of one unit.
    pub unit_price: String,
    /// Over the line's amount.
    pub amount: String,
}

/// One billed line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What was sold.
    pub description: String,
    /// A second, quieter line below it, for example the service period.
    pub detail: Option<String>,
    /// The quantity, or empty.
    pub quantity: String,
    /// The unit price, or empty where tiers say it.
    pub unit_price: String,
    /// The line's amount.
    pub amount: String,
    /// How the amount came about; printed indented below the line.
    pub tiers: Vec<Tier>,
}

/// One tier of a graduated or volume price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// For example `First 10,000`.
    pub description: String,
    /// The quantity that fell into the tier.
    pub quantity: String,
    /// The tier's unit price.
    pub unit_price: String,
    /// The tier's share of the line's amount.
    pub amount: String,
}

/// One row of the totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// For example `Subtotal` or `VAT 19 %`.
    pub label: String,
    /// The amount, preformatted.
    pub amount: String,
    /// Whether the row stands out: the total, the amount due.
    pub strong: bool,
}

/// A colour as a screen shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

/// What the file says about itself to readers, archives and screen readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Shown in a reader's title bar, for example `Invoice INV-0042`.
    pub title: String,
    /// Who issued it.
    pub author: String,
    /// The program that wrote it.
    pub creator: String,
    /// The document's language as a BCP 47 tag, for example `en`.
    pub language: String,
    /// What makes the file unique, for example the digest of the invoice data: the same identifier on a second print
    /// is what makes both files equal.
    pub identifier: String,
    /// When the document was issued, in seconds since 1970-01-01T00:00:00Z. Never the time of printing.
    pub created_at: i64,
}
