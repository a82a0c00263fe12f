//! Credit notes of the invoice that says all: one of three lines in every language, one in full under reverse charge, and
//! one of many lines over several pages.

use crate::languages::{self, Made};
use domain::{
    catalog::Percent,
    id::CreditNoteId,
    invoice::{CreditNote, CreditedLine, InvoiceNumber, Tax, TaxTreatment},
    locale::Locale,
    money::Money,
};
use invoice::{pdf::Document, view::credit_note};

/// The documents, each with the name of its file.
pub(crate) fn documents() -> Made<Vec<(String, Document)>> {
    let mut documents = Vec::new();
    for locale in Locale::ALL {
        documents.push((format!("credit-note-{}", locale.tag()), printed(&partial()?, TaxTreatment::Taxed, locale)?));
    }
    documents
        .push(("credit-note-reverse-en".to_owned(), printed(&plain(2)?, TaxTreatment::ReverseCharge, Locale::En)?));
    documents.push(("credit-note-long-de".to_owned(), printed(&plain(60)?, TaxTreatment::Taxed, Locale::De)?));
    Ok(documents)
}

fn printed(note: &CreditNote, tax_treatment: TaxTreatment, locale: Locale) -> Made<Document> {
    let statement = domain::invoice::Statement { tax_treatment, ..languages::full()? };
    let (tenant, seller) = languages::parties(locale)?;
    Ok(credit_note(note, &languages::issued(statement, &tenant)?, &tenant, &seller)?)
}

fn credited(key: &str, description: &str, amount_minor: i64) -> CreditedLine {
    CreditedLine { key: key.to_owned(), description: description.to_owned(), amount_minor }
}

/// 119.00 and 47.60 and 23.80 are 190.40, of which 30.40 are tax.
fn partial() -> Made<CreditNote> {
    let lines = vec![
        credited("base", "Scale plan", 11_900),
        credited("calls", "API requests", 4_760),
        credited("setup", "Onboarding workshop, hours", 2_380),
    ];
    let rate = Percent::parse("19")?;
    let of_lines_minor = vec![1_900, 760, 380];
    let taxes = vec![Tax { name: "VAT".to_owned(), rate, inclusive: false, net_minor: 16_000, of_lines_minor }];
    let memo = Some("We are sorry for the interruption in June.".to_owned());
    let went = CreditNote { applied_minor: 9_040, refund_minor: 5_000, balance_minor: 5_000, ..plain(0)? };
    Ok(CreditNote { lines, taxes, memo, total: Money { amount_minor: 19_040, ..went.total }, ..went })
}

/// So many lines of 10.00, all of it set off.
fn plain(count: u16) -> Made<CreditNote> {
    let total_minor = 1_000 * i64::from(count);
    let tenant = languages::parties(Locale::En)?.0;
    Ok(CreditNote {
        id: CreditNoteId::derived(&["sample"]),
        tenant_id: tenant.id,
        invoice_id: languages::full()?.id,
        invoice_number: InvoiceNumber::new(&tenant.slug, 42),
        number: InvoiceNumber::stored("ACME-CN-0007".to_owned()),
        issued_at: "2026-07-09T09:00:00Z".parse()?,
        lines: (1..=count).map(|line| credited(&format!("line-{line}"), &format!("Region {line}"), 1_000)).collect(),
        taxes: Vec::new(),
        total: Money { amount_minor: total_minor, currency: "EUR".parse()? },
        applied_minor: total_minor,
        refund_minor: 0,
        balance_minor: 0,
        reason: "a day without service".to_owned(),
        memo: None,
    })
}
