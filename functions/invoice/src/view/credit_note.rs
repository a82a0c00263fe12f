//! What the PDF of a credit note says: what is taken back of which line of which invoice, the tax in it, and what became
//! of the money.
//!
//! Invariants: lines stand as the invoice has them, after discounts, and less the tax that comes on top of them, so that
//! they and the taxes add up to what is credited; the rows below it say of all of it where it went.

#[cfg(test)]
mod tests;

use super::{ViewError, buyer_party, fact, language::Language, seller_party, tax_note, totals};
use crate::pdf::{Colour, Document, Fact, Headings, Headline, Line, Metadata, Total};
use cloud::Seller;
use domain::{
    Timestamp,
    invoice::{CreditNote, CreditedLine, Invoice, Open},
    money::{Money, MoneyError},
    tenant::Tenant,
};

/// The document of a credit note of `invoice`.
pub fn credit_note(
    note: &CreditNote,
    invoice: &Invoice,
    tenant: &Tenant,
    seller: &Seller,
) -> Result<Document, ViewError> {
    let open = invoice.issued().ok_or(ViewError::Draft)?;
    let language = Language::of(tenant.locale);
    let texts = &language.texts.credit_note;
    let date = |instant: Timestamp| language.dates.long(instant.to_zoned(tenant.time_zone.clone()).date());
    let [red, green, blue] = seller.colour;
    Ok(Document {
        title: texts.title.to_owned(),
        status_stamp: None,
        seller: seller_party(seller, &language),
        logo: None,
        buyer: buyer_party(tenant, &language),
        accent: Colour { red, green, blue },
        facts: facts(note, open, &language, date),
        headline: Some(Headline { amount: language.figures.money(note.total), caption: texts.credited.to_owned() }),
        headings: Headings {
            description: language.texts.description.to_owned(),
            quantity: String::new(),
            unit_price: String::new(),
            amount: language.texts.amount.to_owned(),
        },
        lines: (0..note.lines.len()).map(|place| line(note, place, open, &language)).collect::<Result<_, _>>()?,
        totals: rows(note, &language)?,
        notes: notes(note, open, seller, &language),
        footer: format!("{} · {}", seller.name, note.number),
        page_label: language.texts.page.to_owned(),
        metadata: Metadata {
            title: format!("{} {}", texts.title, note.number),
            author: seller.name.clone(),
            creator: "Meterline".to_owned(),
            language: tenant.locale.tag().to_owned(),
            identifier: note.digest(),
            created_at: note.issued_at.as_second(),
        },
    })
}

/// Which note it is, and of which invoice.
fn facts(note: &CreditNote, open: &Open, language: &Language, date: impl Fn(Timestamp) -> String) -> Vec<Fact> {
    let texts = &language.texts.credit_note;
    let mut facts = vec![
        fact(texts.number, note.number.to_string()),
        fact(texts.date, date(note.issued_at)),
        fact(texts.invoice, note.invoice_number.to_string()),
        fact(texts.invoice_date, date(open.finalized_at)),
    ];
    let order = &open.statement.notes.purchase_order;
    facts.extend(order.iter().map(|order| fact(language.texts.purchase_order, order.clone())));
    facts
}

/// What is taken back of a line, with the days that the invoice has for it.
fn line(note: &CreditNote, place: usize, open: &Open, language: &Language) -> Result<Line, MoneyError> {
    let Some(CreditedLine { key, description, .. }) = note.lines.get(place) else { return Ok(Line::default()) };
    let of = open.statement.lines.iter().find(|line| line.key == *key);
    let amount = money(net_of(note, place), note)?;
    Ok(Line {
        description: description.clone(),
        detail: of.and_then(|line| line.days).map(|days| language.dates.days(days)),
        amount: language.figures.money(amount),
        ..Line::default()
    })
}

/// What is taken back of a line without the tax that comes on top of it.
fn net_of(note: &CreditNote, place: usize) -> i128 {
    let on_top = note.taxes.iter().filter(|tax| !tax.inclusive);
    let tax: i128 = on_top.map(|tax| i128::from(tax.of_lines_minor.get(place).copied().unwrap_or_default())).sum();
    note.lines.get(place).map_or(0, |line| i128::from(line.amount_minor)) - tax
}

/// From the lines to what is credited, and from there to where it went.
fn rows(note: &CreditNote, language: &Language) -> Result<Vec<Total>, MoneyError> {
    let texts = &language.texts.credit_note;
    let row = |label: &str, minor: i128| -> Result<Total, MoneyError> {
        Ok(Total { label: label.to_owned(), amount: language.figures.money(money(minor, note)?), strong: false })
    };
    let mut rows = vec![row(language.texts.subtotal, (0..note.lines.len()).map(|place| net_of(note, place)).sum())?];
    for tax in &note.taxes {
        let percent = totals::percent(tax, language);
        let net = language.figures.money(money(tax.net_minor.into(), note)?);
        let label = match tax.inclusive {
            true => (language.texts.tax_included)(&tax.name, &percent),
            false => (language.texts.tax)(&tax.name, &percent, &net),
        };
        rows.push(row(&label, tax.amount_minor())?);
    }
    rows.push(Total { strong: true, ..row(texts.total, note.total.amount_minor.into())? });
    let went = [
        ((texts.applied)(note.invoice_number.as_str()), note.applied_minor),
        (texts.refunded.to_owned(), note.refund_minor),
        (texts.kept.to_owned(), note.balance_minor),
    ];
    for (label, amount_minor) in went.into_iter().filter(|(_, amount_minor)| *amount_minor != 0) {
        rows.push(row(&label, amount_minor.into())?);
    }
    Ok(rows)
}

/// What must be said about tax, why the note was issued, and what a person wrote.
fn notes(note: &CreditNote, open: &Open, seller: &Seller, language: &Language) -> Vec<String> {
    let texts = &language.texts.credit_note;
    let mut notes = Vec::from_iter(tax_note(open, language));
    notes.push((texts.reason)(&note.reason));
    notes.extend(note.memo.clone());
    if !seller.email.is_empty() {
        notes.push((texts.questions)(&seller.email));
    }
    notes
}

fn money(minor: i128, note: &CreditNote) -> Result<Money, MoneyError> {
    let amount_minor = i64::try_from(minor).map_err(|_| MoneyError::OutOfRange)?;
    Ok(Money { amount_minor, ..note.total })
}
