//! From an invoice to what its PDF says: figures grouped, dates written out; the lines are set in [`lines`].

mod lines;

use crate::pdf::{Colour, Document, Fact, Headings, Headline, Metadata, Party, Total};
use cloud::Seller;
use domain::{
    Date, Decimal, Timestamp,
    invoice::{self, Invoice, Open},
    money::Money,
    tenant::Tenant,
};

/// Indigo: readable on white, and in grey when it is printed.
const ACCENT: Colour = Colour { red: 0x3d, green: 0x4e, blue: 0xd8 };

/// The document of an issued invoice; `None` for a draft, which has no number to print.
pub(crate) fn document(invoice: &Invoice, tenant: &Tenant, seller: &Seller) -> Option<Document> {
    let open = invoice.issued()?;
    let date = |instant: Timestamp| long_date(instant.to_zoned(tenant.time_zone.clone()).date());
    let total = money(open.statement.total);
    Some(Document {
        title: "Invoice".to_owned(),
        status_stamp: (open.statement.total.amount_minor == 0).then(|| "Paid".to_owned()),
        seller: party("From", &seller.name, &seller.address, &[&seller.email, &labelled("Tax ID", &seller.tax_id)]),
        buyer: party(
            "Bill to",
            &tenant.name,
            &tenant.address,
            &[
                tenant.email.as_deref().unwrap_or_default(),
                &labelled("Tax ID", tenant.tax_id.as_deref().unwrap_or_default()),
            ],
        ),
        accent: ACCENT,
        facts: vec![
            fact("Invoice number", open.number.to_string()),
            fact("Date of issue", date(open.finalized_at)),
            fact("Date due", date(open.due_at)),
            fact("Billing period", days(open.statement.days)),
        ],
        headline: Some(Headline { amount: total.clone(), caption: caption(open, &date(open.due_at)) }),
        headings: Headings {
            description: "Description".to_owned(),
            quantity: "Quantity".to_owned(),
            unit_price: "Unit price".to_owned(),
            amount: "Amount".to_owned(),
        },
        lines: open.statement.lines.iter().map(lines::line).collect(),
        totals: vec![
            Total { label: "Subtotal".to_owned(), amount: total.clone(), strong: false },
            Total { label: "Amount due".to_owned(), amount: total, strong: true },
        ],
        notes: notes(open, seller, &date(open.due_at)),
        footer: format!("{} · {}", seller.name, open.number),
        page_label: "Page {page} of {pages}".to_owned(),
        metadata: Metadata {
            title: format!("Invoice {}", open.number),
            author: seller.name.clone(),
            creator: "Meterline".to_owned(),
            language: "en".to_owned(),
            identifier: invoice::digest(open),
            created_at: open.finalized_at.as_second(),
        },
    })
}

fn caption(open: &Open, due: &str) -> String {
    if open.statement.total.amount_minor == 0 { "nothing to pay".to_owned() } else { format!("due {due}") }
}

fn notes(open: &Open, seller: &Seller, due: &str) -> Vec<String> {
    if open.statement.total.amount_minor == 0 {
        return vec!["Nothing is due. This invoice is for your records.".to_owned()];
    }
    let mut notes = vec![format!("Please pay by {due} and quote {}.", open.number)];
    if !seller.email.is_empty() {
        notes.push(format!("Questions about this invoice? Write to {}.", seller.email));
    }
    notes
}

fn fact(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value }
}

fn labelled(label: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{label} {value}") }
}

fn party(label: &str, name: &str, address: &[String], more: &[&str]) -> Party {
    let lines = address.iter().map(String::as_str).chain(more.iter().copied());
    Party {
        label: label.to_owned(),
        name: name.to_owned(),
        lines: lines.filter(|line| !line.is_empty()).map(str::to_owned).collect(),
    }
}

/// An amount with its currency code, such as `USD 1,234.50`: a code is never mistaken for another country's sign.
pub(crate) fn money(amount: Money) -> String {
    let sign = if amount.amount_minor < 0 { "-" } else { "" };
    format!("{sign}{} {}", amount.currency, grouped(&amount.major().abs().to_string()))
}

/// A quantity or rate with all its digits, such as `777,184,164` or `0.0004`.
pub(crate) fn decimal(value: Decimal) -> String {
    let text = grouped(&value.abs().normalize().to_string());
    if value.is_sign_negative() && !value.is_zero() { format!("-{text}") } else { text }
}

/// Groups the digits before the point by thousands.
fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// First to last day, saying month and year once where they are the same: `1 – 31 May 2026`.
fn days((first, last): (Date, Date)) -> String {
    let first_day = match (first.year() == last.year(), first.month() == last.month()) {
        (true, true) if first == last => return long_date(last),
        (true, true) => first.strftime("%-d").to_string(),
        (true, false) => first.strftime("%-d %b").to_string(),
        (false, _) => first.strftime("%-d %b %Y").to_string(),
    };
    format!("{first_day} – {}", last.strftime("%-d %b %Y"))
}

fn long_date(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::cents(123_450, "USD", "USD 1,234.50")]
    #[case::yen(1_234_567, "JPY", "JPY 1,234,567")]
    #[case::three_decimals(1_234_567, "KWD", "KWD 1,234.567")]
    #[case::small(5, "USD", "USD 0.05")]
    #[case::negative(-123_450, "USD", "-USD 1,234.50")]
    fn money_is_grouped(#[case] amount_minor: i64, #[case] currency: &str, #[case] expect: &str) {
        assert_eq!(money(Money { amount_minor, currency: currency.parse().unwrap() }), expect);
    }

    #[rstest]
    #[case::large("777184164", "777,184,164")]
    #[case::fine("0.000400", "0.0004")]
    #[case::three_digits("100", "100")]
    #[case::four_digits("1000.5", "1,000.5")]
    fn a_quantity_keeps_its_digits(#[case] value: Decimal, #[case] expect: &str) {
        assert_eq!(decimal(value), expect);
    }

    #[rstest]
    #[case::a_month("2026-05-01", "2026-05-31", "1 – 31 May 2026")]
    #[case::a_quarter("2026-04-01", "2026-06-30", "1 Apr – 30 Jun 2026")]
    #[case::over_new_year("2025-12-15", "2026-01-14", "15 Dec 2025 – 14 Jan 2026")]
    #[case::a_day("2026-05-01", "2026-05-01", "1 May 2026")]
    fn days_are_said_once(#[case] first: Date, #[case] last: Date, #[case] expect: &str) {
        assert_eq!(days((first, last)), expect);
    }
}
