//! What a credit note prints, each figure by hand.

use super::{super::tests::*, *};
use domain::{
    id::{CreditNoteId, InvoiceId, TenantId},
    invoice::{Draft, InvoiceNumber, Notes, Statement, Tax, TaxTreatment},
    locale::Locale,
};
use rstest::rstest;

fn number(text: &str) -> InvoiceNumber {
    InvoiceNumber::stored(text.to_owned())
}

/// A note of `total_minor`, of one line, that was all set off.
fn note(total_minor: i64) -> CreditNote {
    CreditNote {
        id: CreditNoteId::derived(&["note"]),
        tenant_id: TenantId::derived(&["acme"]),
        invoice_id: InvoiceId::derived(&["invoice"]),
        invoice_number: number("ACME-0007"),
        number: number("ACME-CN-0001"),
        issued_at: "2026-06-10T08:00:00Z".parse().unwrap(),
        lines: vec![credited("line", total_minor)],
        taxes: Vec::new(),
        total: euros(total_minor),
        applied_minor: total_minor,
        refund_minor: 0,
        balance_minor: 0,
        reason: "a day without service".to_owned(),
        memo: None,
    }
}

fn credited(key: &str, amount_minor: i64) -> CreditedLine {
    CreditedLine { key: key.to_owned(), description: "Line".to_owned(), amount_minor }
}

/// Two lines with 19 % on top: 119.00 and 59.50.
fn taxed() -> CreditNote {
    let taxes = vec![Tax { of_lines_minor: vec![1_900, 950], ..tax("VAT", "19", false, 15_000, 2_850) }];
    let lines = vec![credited("line", 11_900), credited("other", 5_950)];
    CreditNote { lines, taxes, applied_minor: 850, refund_minor: 7_000, balance_minor: 10_000, ..note(17_850) }
}

fn inclusive() -> CreditNote {
    CreditNote { taxes: vec![tax("VAT", "19", true, 10_000, 1_900)], ..note(11_900) }
}

fn issued(statement: Statement) -> Invoice {
    Invoice::Open(Open {
        statement: Draft::new(statement).unwrap().into_statement(),
        number: number("ACME-0007"),
        finalized_at: ISSUED_AT.parse().unwrap(),
        due_at: "2026-06-15T00:30:00Z".parse().unwrap(),
    })
}

fn printed_of(note: &CreditNote, statement: Statement, locale: Locale) -> Document {
    let (tenant, seller) = parties(locale);
    credit_note(note, &issued(statement), &tenant, &seller).unwrap()
}

fn printed(note: &CreditNote, locale: Locale) -> Document {
    printed_of(note, plain(100_000), locale)
}

#[rstest]
#[case::set_off(
    note(500), &["Subtotal EUR 5.00", "Amount credited EUR 5.00", "Of which set off against ACME-0007 EUR 5.00"]
)]
#[case::taxed(
    taxed(),
    &[
        "Subtotal EUR 150.00", "VAT 19 % on EUR 150.00 EUR 28.50", "Amount credited EUR 178.50",
        "Of which set off against ACME-0007 EUR 8.50", "Of which paid back EUR 70.00",
        "Of which credit for later invoices EUR 100.00",
    ]
)]
#[case::inclusive(
    inclusive(),
    &[
        "Subtotal EUR 119.00", "including VAT 19 % EUR 19.00", "Amount credited EUR 119.00",
        "Of which set off against ACME-0007 EUR 119.00",
    ]
)]
fn rows_lead_to_what_is_credited_and_where_it_went(#[case] note: CreditNote, #[case] expect: &[&str]) {
    let document = printed(&note, Locale::En);
    let rows: Vec<String> = document.totals.iter().map(|row| format!("{} {}", row.label, row.amount)).collect();
    assert_eq!(rows, expect);
    let strong: Vec<&str> = document.totals.iter().filter(|row| row.strong).map(|row| row.label.as_str()).collect();
    assert_eq!(strong, ["Amount credited"]);
}

/// 119.00 less 19.00 on top; 59.50 less 9.50. Tax that the line has inside stays in it.
#[rstest]
#[case::on_top(taxed(), &["EUR 100.00", "EUR 50.00"])]
#[case::inside(inclusive(), &["EUR 119.00"])]
fn lines_stand_as_the_invoice_has_them(#[case] note: CreditNote, #[case] expect: &[&str]) {
    let document = printed(&note, Locale::En);
    let amounts: Vec<&str> = document.lines.iter().map(|line| line.amount.as_str()).collect();
    assert_eq!(amounts, expect);
    assert!(document.lines.iter().all(|line| line.quantity.is_empty() && line.unit_price.is_empty()));
}

#[test]
fn a_line_has_the_days_that_the_invoice_has_for_it() {
    let mut statement = plain(100_000);
    statement.lines[0].days = Some(("2026-05-01".parse().unwrap(), "2026-05-31".parse().unwrap()));
    let details: Vec<Option<String>> =
        printed_of(&taxed(), statement, Locale::En).lines.into_iter().map(|line| line.detail).collect();
    assert_eq!(details, [Some("1 – 31 May 2026".to_owned()), None]);
}

#[rstest]
#[case::english(
    Locale::En,
    &["Credit note number: ACME-CN-0001", "Date of issue: 10 June 2026", "For invoice: ACME-0007", "Date of the invoice: 1 June 2026"],
    "EUR 5.00 credited"
)]
#[case::german(
    Locale::De,
    &["Korrekturnummer: ACME-CN-0001", "Datum der Korrektur: 10. Juni 2026", "Zu Rechnung: ACME-0007", "Datum der Rechnung: 1. Juni 2026"],
    "5,00\u{a0}EUR gutgeschrieben"
)]
#[case::french(
    Locale::Fr,
    &["Numéro d’avoir: ACME-CN-0001", "Date d’émission: 10 juin 2026", "Facture d’origine: ACME-0007", "Date de la facture: 1er juin 2026"],
    "5,00\u{a0}EUR à votre crédit"
)]
#[case::japanese(
    Locale::Ja,
    &["クレジットノート番号: ACME-CN-0001", "発行日: 2026年6月10日", "対象の請求書: ACME-0007", "請求書の発行日: 2026年6月1日"],
    "EUR 5.00 減額分"
)]
#[case::chinese(
    Locale::Zh,
    &["通知单编号: ACME-CN-0001", "开具日期: 2026年6月10日", "原账单: ACME-0007", "原账单日期: 2026年6月1日"],
    "EUR 5.00 已贷记"
)]
fn the_head_names_note_and_invoice(#[case] locale: Locale, #[case] expect: &[&str], #[case] headline: &str) {
    let document = printed(&note(500), locale);
    let facts: Vec<String> = document.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    assert_eq!(facts, expect);
    let shown = document.headline.unwrap();
    assert_eq!(format!("{} {}", shown.amount, shown.caption), headline);
    assert_eq!((document.metadata.identifier, document.metadata.language.as_str()), (note(500).digest(), locale.tag()));
}

#[test]
fn notes_say_tax_reason_and_memo() {
    let notes = Notes { memo: Some("Of the invoice.".to_owned()), purchase_order: Some("PO-1".to_owned()) };
    let statement = Statement { tax_treatment: TaxTreatment::ReverseCharge, notes, ..plain(100_000) };
    let note = CreditNote { memo: Some("Sorry.".to_owned()), ..note(500) };
    let document = printed_of(&note, statement, Locale::En);
    let expect = [
        "Reverse charge: the recipient owes the VAT.",
        "Reason: a day without service",
        "Sorry.",
        "Questions about this credit note? Write to billing@seller.example.",
    ];
    assert_eq!(document.notes, expect);
    let order = document.facts.last().unwrap();
    assert_eq!((order.label.as_str(), order.value.as_str()), ("Purchase order", "PO-1"));
}

#[test]
fn a_draft_has_no_credit_note() {
    let (tenant, seller) = parties(Locale::En);
    let draft = Invoice::Draft(Draft::new(plain(1)).unwrap());
    assert!(matches!(credit_note(&note(1), &draft, &tenant, &seller), Err(ViewError::Draft)));
}
