//! What an invoice prints around its table, each figure by hand.

use super::*;
use domain::{
    Decimal, TimeZone,
    calendar::Period,
    catalog::Percent,
    id::{CouponId, GrantId, TenantId},
    invoice::{AppliedCredit, Discount, Draft, Line, LineDetail, Notes, Statement, Tax},
    locale::Locale,
    rating::{Basis, SubLine},
    tenant::TaxProfile,
    text::Slug,
    usage::Layouts,
};
use rstest::rstest;

pub(super) fn euros(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "EUR".parse().unwrap() }
}

fn line(amount_minor: i64) -> Line {
    let amount = euros(amount_minor);
    Line {
        key: "line".to_owned(),
        source: None,
        description: "Line".to_owned(),
        exact: amount.major(),
        amount,
        days: None,
        detail: LineDetail::OneOff { quantity: Decimal::ONE, unit_price: amount.major() },
    }
}

/// A statement of one line.
pub(super) fn plain(amount_minor: i64) -> Statement {
    let at = |second| Timestamp::from_second(second).unwrap();
    Statement {
        id: InvoiceId::derived(&["invoice"]),
        tenant_id: TenantId::derived(&["acme"]),
        subscription: None,
        period: Period::new(at(0), at(1)).unwrap(),
        days: ("2026-05-01".parse().unwrap(), "2026-05-31".parse().unwrap()),
        lines: vec![line(amount_minor)],
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: euros(0),
        notes: Notes::default(),
    }
}

fn discount(off_minor: i64) -> Vec<Discount> {
    let coupon_id = CouponId::derived(&["welcome"]);
    vec![Discount { coupon_id, name: "Welcome".to_owned(), off_lines_minor: vec![off_minor] }]
}

pub(super) fn tax(name: &str, percent: &str, inclusive: bool, net_minor: i64, tax_minor: i64) -> Tax {
    let rate = Percent::parse(percent).unwrap();
    Tax { name: name.to_owned(), rate, inclusive, net_minor, of_lines_minor: vec![tax_minor] }
}

fn vat(inclusive: bool, net_minor: i64, tax_minor: i64) -> Vec<Tax> {
    vec![tax("VAT", "19", inclusive, net_minor, tax_minor)]
}

fn credit(amounts_minor: &[i64]) -> Vec<AppliedCredit> {
    let grant_id = GrantId::derived(&["prepaid"]);
    amounts_minor.iter().map(|amount_minor| AppliedCredit { grant_id, amount_minor: *amount_minor }).collect()
}

pub(super) const ISSUED_AT: &str = "2026-06-01T00:30:00Z";

pub(super) fn parties(locale: Locale) -> (Tenant, Seller) {
    let tenant = Tenant {
        id: TenantId::derived(&["acme"]),
        slug: Slug::parse("acme").unwrap(),
        name: "Acme".to_owned(),
        email: None,
        address: Vec::new(),
        tax_id: Some("DE1".to_owned()),
        tax: TaxProfile::default(),
        locale,
        invoice_number: domain::invoice::NumberFormat::default(),
        payment_term_days: None,
        low_balance_minor: None,
        time_zone: TimeZone::UTC,
        usage_log: Layouts::default(),
        refused_usage: None,
        canceled_at: None,
        created_at: ISSUED_AT.parse().unwrap(),
    };
    let seller = Seller {
        name: "Seller".to_owned(),
        address: vec!["Road 1".to_owned()],
        email: "billing@seller.example".to_owned(),
        tax_id: String::new(),
        colour: [1, 2, 3],
        logo: None,
    };
    (tenant, seller)
}

fn printed(statement: Statement, locale: Locale) -> Document {
    let (tenant, seller) = parties(locale);
    let open = Open {
        statement: Draft::new(statement).unwrap().into_statement(),
        number: InvoiceNumber::new(&tenant.slug, 7),
        finalized_at: ISSUED_AT.parse().unwrap(),
        due_at: "2026-06-15T00:30:00Z".parse().unwrap(),
    };
    document(&Invoice::Open(open), &tenant, &seller, &Numbers::new()).unwrap()
}

#[rstest]
#[case::plain(plain(100_000), &["Subtotal EUR 1,000.00", "Amount due EUR 1,000.00"])]
#[case::nothing(plain(0), &["Subtotal EUR 0.00", "Amount due EUR 0.00"])]
#[case::discount(
    Statement { discounts: discount(10_000), ..plain(100_000) },
    &["Subtotal EUR 1,000.00", "Welcome -EUR 100.00", "Amount due EUR 900.00"]
)]
#[case::in_favour(plain(-500), &["Subtotal -EUR 5.00", "Amount credited EUR 5.00"])]
// 19 % of 1,000.00 are 190.00.
#[case::exclusive(
    Statement { taxes: vat(false, 100_000, 19_000), ..plain(100_000) },
    &["Subtotal EUR 1,000.00", "VAT 19 % on EUR 1,000.00 EUR 190.00", "Amount due EUR 1,190.00"]
)]
#[case::inclusive(
    Statement { taxes: vat(true, 100_000, 19_000), ..plain(119_000) },
    &["Subtotal EUR 1,190.00", "including VAT 19 % EUR 190.00", "Amount due EUR 1,190.00"]
)]
#[case::two_taxes(
    Statement {
        taxes: vec![tax("GST", "5", false, 10_000, 500), tax("QST", "9.975", false, 10_000, 998)],
        ..plain(10_000)
    },
    &["Subtotal EUR 100.00", "GST 5 % on EUR 100.00 EUR 5.00", "QST 9.975 % on EUR 100.00 EUR 9.98", "Amount due EUR 114.98"]
)]
#[case::credits_alone(
    Statement { credits: credit(&[3_000, 2_000]), ..plain(10_000) },
    &["Subtotal EUR 100.00", "Credits applied -EUR 50.00", "Amount due EUR 50.00"]
)]
// 1,000.00 − 100.00 = 900.00; 19 % of it are 171.00: 1,071.00, of which 71.00 are prepaid.
#[case::everything(
    Statement {
        discounts: discount(10_000), taxes: vat(false, 90_000, 17_100), credits: credit(&[7_100]), ..plain(100_000)
    },
    &[
        "Subtotal EUR 1,000.00", "Welcome -EUR 100.00", "VAT 19 % on EUR 900.00 EUR 171.00", "Total EUR 1,071.00",
        "Credits applied -EUR 71.00", "Amount due EUR 1,000.00",
    ]
)]
#[case::inclusive_below_the_total(
    Statement {
        discounts: discount(11_900), taxes: vat(true, 90_000, 17_100), credits: credit(&[7_100]), ..plain(119_000)
    },
    &[
        "Subtotal EUR 1,190.00", "Welcome -EUR 119.00", "Total EUR 1,071.00", "including VAT 19 % EUR 171.00",
        "Credits applied -EUR 71.00", "Amount due EUR 1,000.00",
    ]
)]
fn totals_come_row_by_row(#[case] statement: Statement, #[case] expect: &[&str]) {
    let document = printed(statement, Locale::En);
    let rows: Vec<String> = document.totals.iter().map(|row| format!("{} {}", row.label, row.amount)).collect();
    assert_eq!(rows, expect);
    let strong: Vec<bool> = document.totals.iter().map(|row| row.strong).collect();
    assert_eq!(strong.iter().filter(|strong| **strong).count(), 1);
    assert_eq!(strong.last(), Some(&true));
}

#[rstest]
#[case::english(Locale::En, "VAT 19 % on EUR 900.00", "EUR 171.00")]
#[case::german(Locale::De, "VAT 19\u{a0}% auf 900,00\u{a0}EUR", "171,00\u{a0}EUR")]
#[case::french(Locale::Fr, "VAT 19\u{a0}% sur 900,00\u{a0}EUR", "171,00\u{a0}EUR")]
#[case::japanese(Locale::Ja, "VAT 19%（対象額 EUR 900.00）", "EUR 171.00")]
#[case::chinese(Locale::Zh, "VAT 19%（计税金额 EUR 900.00）", "EUR 171.00")]
fn a_tax_is_said_in_the_tenants_language(#[case] locale: Locale, #[case] label: &str, #[case] amount: &str) {
    let document = printed(Statement { taxes: vat(false, 90_000, 17_100), ..plain(90_000) }, locale);
    let row = &document.totals[1];
    assert_eq!((row.label.as_str(), row.amount.as_str()), (label, amount));
    assert_eq!(document.metadata.language, locale.tag());
}

#[rstest]
#[case::due(plain(100_000), None, "EUR 1,000.00", "due 15 June 2026")]
#[case::free(plain(0), Some("Paid"), "EUR 0.00", "nothing to pay")]
#[case::paid_by_credit(
    Statement { credits: credit(&[10_000]), ..plain(10_000) }, Some("Paid"), "EUR 0.00", "nothing to pay"
)]
#[case::in_favour(plain(-500), None, "EUR 5.00", "credited")]
fn the_headline_goes_by_what_is_due(
    #[case] statement: Statement,
    #[case] stamp: Option<&str>,
    #[case] amount: &str,
    #[case] caption: &str,
) {
    let document = printed(statement, Locale::En);
    let headline = document.headline.unwrap();
    assert_eq!((headline.amount.as_str(), headline.caption.as_str()), (amount, caption));
    assert_eq!(document.status_stamp.as_deref(), stamp);
}

const PAY: [&str; 2] = [
    "Please pay by 15 June 2026 and quote ACME-0007.",
    "Questions about this invoice? Write to billing@seller.example.",
];

#[rstest]
#[case::plain(plain(1), &PAY)]
#[case::exempt(
    Statement { tax_treatment: TaxTreatment::Exempt, ..plain(1) }, &["Exempt from tax.", PAY[0], PAY[1]]
)]
#[case::reverse_charge_and_memo(
    Statement {
        tax_treatment: TaxTreatment::ReverseCharge,
        notes: Notes { memo: Some("Thank you.".to_owned()), purchase_order: None },
        ..plain(1)
    },
    &["Reverse charge: the recipient owes the VAT.", "Thank you.", PAY[0], PAY[1]]
)]
#[case::nothing_due(plain(0), &["Nothing is due. This invoice is for your records."])]
#[case::in_favour(plain(-1), &["This invoice is in your favour: there is nothing to pay."])]
fn notes_stand_in_order(#[case] statement: Statement, #[case] expect: &[&str]) {
    assert_eq!(printed(statement, Locale::En).notes, expect);
}

#[test]
fn a_purchase_order_is_a_fact() {
    let facts = |purchase_order: Option<&str>| -> Vec<String> {
        let notes = Notes { memo: None, purchase_order: purchase_order.map(str::to_owned) };
        let document = printed(Statement { notes, ..plain(1) }, Locale::En);
        document.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect()
    };
    let four = [
        "Invoice number: ACME-0007",
        "Date of issue: 1 June 2026",
        "Date due: 15 June 2026",
        "Billing period: 1 – 31 May 2026",
    ];
    assert_eq!(facts(None), four);
    assert_eq!(facts(Some("PO-4711"))[4..], ["Purchase order: PO-4711"]);
}

#[test]
fn the_sellers_colour_is_the_accent() {
    assert_eq!(printed(plain(1), Locale::En).accent, Colour { red: 1, green: 2, blue: 3 });
}

#[test]
fn a_draft_is_not_printed() {
    let (tenant, seller) = parties(Locale::En);
    let draft = Invoice::Draft(Draft::new(plain(1)).unwrap());
    assert!(matches!(document(&draft, &tenant, &seller, &Numbers::new()), Err(ViewError::Draft)));
}

fn seats(active_days: u32, quantity: i64, amount: &str) -> SubLine {
    SubLine {
        basis: Basis::Seats { active_days, full_days: 30 },
        quantity: quantity.into(),
        unit_price: Decimal::TEN,
        flat_fee: Decimal::ZERO,
        amount: amount.parse().unwrap(),
    }
}

/// A line as `quantity @ unit price | detail`, with `description: quantity @ unit price = amount` for each row below.
fn texts_of(line: &Line, numbers: &Numbers, locale: Locale) -> Vec<String> {
    let printed = lines::line(line, &Language::of(locale), numbers);
    let detail = printed.detail.unwrap_or_default();
    let mut texts = vec![format!("{} @ {} | {detail}", printed.quantity, printed.unit_price)];
    let row =
        |row: &crate::pdf::Tier| format!("{}: {} @ {} = {}", row.description, row.quantity, row.unit_price, row.amount);
    texts.extend(printed.tiers.iter().map(row));
    texts
}

fn adjustment() -> LineDetail {
    adjustment_of(1_200, 1_150)
}

fn adjustment_of(before: i64, after: i64) -> LineDetail {
    let (quantity_before, quantity_after) = (before.into(), after.into());
    LineDetail::Adjustment {
        of: InvoiceId::derived(&["before"]),
        line: "calls".to_owned(),
        quantity_before,
        quantity_after,
    }
}

fn june() -> Option<(domain::Date, domain::Date)> {
    Some(("2026-06-01".parse().unwrap(), "2026-06-30".parse().unwrap()))
}

#[rstest]
#[case::own_days(
    Line { days: june(), ..line(500) }, Locale::En, &["1 @ 5 | 1\u{a0}–\u{a0}30\u{a0}Jun\u{a0}2026"]
)]
#[case::fee_with_days(
    Line { key: "base@2026-06-01".to_owned(), days: june(), detail: LineDetail::Fee { active_days: 10, full_days: 30 }, ..line(500) },
    Locale::En,
    &["1 @ EUR 5.00 | Base fee, 10 of 30 days · 1\u{a0}–\u{a0}30\u{a0}Jun\u{a0}2026"]
)]
#[case::credit(
    Line { key: "base.credit@2026-06-01".to_owned(), detail: LineDetail::Fee { active_days: 10, full_days: 30 }, ..line(-500) },
    Locale::De,
    &["1 @ -5,00\u{a0}EUR | Gutschrift, 10 von 30 Tagen"]
)]
#[case::seats(
    Line {
        detail: LineDetail::Seats { quantity: 8.into(), sub_lines: vec![seats(10, 5, "16.666"), seats(20, 8, "53.333")] },
        ..line(7_000)
    },
    Locale::En,
    &["8 @  | ", "Seats, 10 of 30 days: 5 @ 10 = 16.666", "Seats, 20 of 30 days: 8 @ 10 = 53.333"]
)]
#[case::adjustment(
    Line { days: june(), detail: adjustment(), ..line(-500) },
    Locale::En,
    &["-50 @  | Adjusts ACME-0003 · Billed so far: 1,200 · 1\u{a0}–\u{a0}30\u{a0}Jun\u{a0}2026"]
)]
#[case::adjustment_of_a_true_up(
    Line { detail: adjustment_of(0, 0), ..line(-500) }, Locale::En, &[" @  | Adjusts ACME-0003"]
)]
#[case::adjustment_of_the_price_alone(
    Line { detail: adjustment_of(7, 7), ..line(-500) }, Locale::En, &[" @  | Adjusts ACME-0003 · Billed so far: 7"]
)]
#[case::adjustment_of_nothing_billed(
    Line { detail: adjustment_of(0, 7), ..line(500) }, Locale::En, &["7 @  | Adjusts ACME-0003 · Billed so far: 0"]
)]
#[case::adjustment_in_french(
    Line { detail: adjustment(), ..line(-500) },
    Locale::Fr,
    &["-50 @  | Rectifie ACME-0003 · Déjà facturé\u{a0}: 1\u{202f}200"]
)]
fn a_line_says_its_days_and_references(#[case] line: Line, #[case] locale: Locale, #[case] expect: &[&str]) {
    let numbers = [(InvoiceId::derived(&["before"]), InvoiceNumber::stored("ACME-0003".to_owned()))].into();
    assert_eq!(texts_of(&line, &numbers, locale), expect);
}

#[test]
fn an_invoice_without_a_known_number_is_named_by_its_id() {
    let texts = texts_of(&Line { detail: adjustment(), ..line(-500) }, &Numbers::new(), Locale::En);
    let id = InvoiceId::derived(&["before"]);
    assert_eq!(texts, [format!("-50 @  | Adjusts {id} · Billed so far: 1,200")]);
}
