//! From an invoice to what its PDF says, in the tenant's language: what stands around the table is decided here, its
//! lines in `lines`, what they come to in `totals`. A credit note is in `credit_note`. The logo is left to who prints.
//!
//! Invariant: an invoice is paid, or in the payer's favour, by what is due after credits, never by its total.

mod credit_note;
mod dates;
mod figures;
mod language;
mod lines;
#[cfg(test)]
mod tests;
mod texts;
mod totals;

pub use credit_note::credit_note;

use crate::pdf::{Colour, Document, Fact, Headings, Headline, Metadata, Party};
use cloud::Seller;
use domain::{
    Timestamp,
    id::InvoiceId,
    invoice::{self, Invoice, InvoiceNumber, Open, TaxTreatment},
    money::{Money, MoneyError},
    tenant::Tenant,
};
use language::Language;
use std::{cmp::Ordering, collections::BTreeMap};

/// The numbers of other invoices that an invoice refers to.
pub type Numbers = BTreeMap<InvoiceId, InvoiceNumber>;

/// Why an invoice has no document.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// It was not issued.
    #[error("the invoice is still a draft, which has no number to print")]
    Draft,
    /// Its figures are beyond what money can be.
    #[error("the amounts of the invoice are out of range")]
    Amounts(#[from] MoneyError),
}

/// The document of an issued invoice. An invoice that is referred to and not in `numbers` is named by its id.
pub fn document(invoice: &Invoice, tenant: &Tenant, seller: &Seller, numbers: &Numbers) -> Result<Document, ViewError> {
    let open = invoice.issued().ok_or(ViewError::Draft)?;
    let language = Language::of(tenant.locale);
    let texts = language.texts;
    let date = |instant: Timestamp| language.dates.long(instant.to_zoned(tenant.time_zone.clone()).date());
    let due = open.statement.due()?;
    let [red, green, blue] = seller.colour;
    Ok(Document {
        title: texts.title.to_owned(),
        status_stamp: (due.amount_minor == 0).then(|| texts.paid.to_owned()),
        seller: seller_party(seller, &language),
        logo: None,
        buyer: buyer_party(tenant, &language),
        accent: Colour { red, green, blue },
        facts: facts(open, &language, date),
        headline: Some(headline(due, &date(open.due_at), &language)),
        headings: Headings {
            description: texts.description.to_owned(),
            quantity: texts.quantity.to_owned(),
            unit_price: texts.unit_price.to_owned(),
            amount: texts.amount.to_owned(),
        },
        lines: open.statement.lines.iter().map(|line| lines::line(line, &language, numbers)).collect(),
        totals: totals::totals(&open.statement, &language)?,
        notes: notes(open, due, seller, (&date(open.due_at), &language)),
        footer: format!("{} · {}", seller.name, open.number),
        page_label: texts.page.to_owned(),
        metadata: Metadata {
            title: format!("{} {}", texts.title, open.number),
            author: seller.name.clone(),
            creator: "Meterline".to_owned(),
            language: tenant.locale.tag().to_owned(),
            identifier: invoice::digest(open),
            created_at: open.finalized_at.as_second(),
        },
    })
}

/// The four facts of every invoice, and the payer's own order number.
fn facts(open: &Open, language: &Language, date: impl Fn(Timestamp) -> String) -> Vec<Fact> {
    let texts = language.texts;
    let mut facts = vec![
        fact(texts.invoice_number, open.number.to_string()),
        fact(texts.date_of_issue, date(open.finalized_at)),
        fact(texts.date_due, date(open.due_at)),
        fact(texts.billing_period, language.dates.days(open.statement.days)),
    ];
    let order = &open.statement.notes.purchase_order;
    facts.extend(order.iter().map(|order| fact(texts.purchase_order, order.clone())));
    facts
}

fn headline(due: Money, date: &str, language: &Language) -> Headline {
    let texts = language.texts;
    // The caption says that it is given back: a sign as well would say it twice.
    let amount = language.figures.money(Money { amount_minor: due.amount_minor.saturating_abs(), ..due });
    let caption = match due.amount_minor.cmp(&0) {
        Ordering::Greater => (texts.due)(date),
        Ordering::Equal => texts.nothing_to_pay.to_owned(),
        Ordering::Less => texts.credited.to_owned(),
    };
    Headline { amount, caption }
}

/// What must be said about tax, what a person wrote, and how to pay.
fn notes(open: &Open, due: Money, seller: &Seller, (date, language): (&str, &Language)) -> Vec<String> {
    let texts = language.texts;
    let mut notes = Vec::new();
    notes.extend(tax_note(open, language));
    notes.extend(open.statement.notes.memo.clone());
    match due.amount_minor.cmp(&0) {
        Ordering::Greater => notes.push((texts.pay_by)(date, open.number.as_str())),
        Ordering::Equal => notes.push(texts.nothing_is_due.to_owned()),
        Ordering::Less => notes.push(texts.in_your_favour.to_owned()),
    }
    if due.amount_minor > 0 && !seller.email.is_empty() {
        notes.push((texts.questions)(&seller.email));
    }
    notes
}

/// What must be said about tax that is not charged.
fn tax_note(open: &Open, language: &Language) -> Option<String> {
    match open.statement.tax_treatment {
        TaxTreatment::Taxed => None,
        TaxTreatment::Exempt => Some(language.texts.exempt.to_owned()),
        TaxTreatment::ReverseCharge => Some(language.texts.reverse_charge.to_owned()),
    }
}

fn seller_party(seller: &Seller, language: &Language) -> Party {
    let more = [seller.email.clone(), tax_id(&seller.tax_id, language)];
    party(language.texts.from, &seller.name, &seller.address, more)
}

fn buyer_party(tenant: &Tenant, language: &Language) -> Party {
    let number = tax_id(tenant.tax_id.as_deref().unwrap_or_default(), language);
    let more = [tenant.email.clone().unwrap_or_default(), number];
    party(language.texts.bill_to, &tenant.name, &tenant.address, more)
}

fn tax_id(number: &str, language: &Language) -> String {
    if number.is_empty() { String::new() } else { (language.texts.tax_id)(number) }
}

fn party(label: &str, name: &str, address: &[String], more: [String; 2]) -> Party {
    let lines = address.iter().cloned().chain(more);
    Party { label: label.to_owned(), name: name.to_owned(), lines: lines.filter(|line| !line.is_empty()).collect() }
}

fn fact(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value }
}
