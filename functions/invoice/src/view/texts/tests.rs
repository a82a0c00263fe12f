//! No language lacks a text, nor prints one that is not its own.

use super::{CreditNoteTexts, LineTexts, Texts};
use crate::view::language::Language;
use domain::locale::Locale;
use rstest::rstest;
use std::collections::BTreeSet;

/// What functions are given; the figures must come back out of them.
const GIVEN: [&str; 3] = ["⟨1⟩", "⟨2⟩", "⟨3⟩"];

/// Every text, by struct patterns without a rest, so that a new one cannot be forgotten.
#[rustfmt::skip]
fn all(texts: &Texts) -> Vec<String> {
    let [a, b, c] = GIVEN;
    let Texts {
        title, paid, from, bill_to, tax_id, invoice_number, date_of_issue, date_due, billing_period, purchase_order,
        due, nothing_to_pay, credited, description, quantity, unit_price, amount, subtotal, tax, tax_included, total,
        credits_applied, amount_due, amount_credited, exempt, reverse_charge, nothing_is_due, in_your_favour, pay_by,
        questions, page, line, credit_note,
    } = texts;
    let mut out: Vec<String> = [
        title, paid, from, bill_to, invoice_number, date_of_issue, date_due, billing_period, purchase_order,
        nothing_to_pay, credited, description, quantity, unit_price, amount, subtotal, total, credits_applied,
        amount_due, amount_credited, exempt, reverse_charge, nothing_is_due, in_your_favour, page,
    ]
    .map(|text| (*text).to_owned())
    .into();
    out.extend([tax_id(a), due(a), questions(a), tax_included(a, b), pay_by(a, b), tax(a, b, c)]);
    out.extend(all_of_line(line));
    out.extend(all_of_credit_note(credit_note));
    out
}

#[rustfmt::skip]
fn all_of_credit_note(texts: &CreditNoteTexts) -> Vec<String> {
    let [a, ..] = GIVEN;
    let CreditNoteTexts {
        title, number, date, invoice, invoice_date, credited, total, applied, refunded, kept, reason, questions,
    } = texts;
    let mut out: Vec<String> = [title, number, date, invoice, invoice_date, credited, total, refunded, kept]
        .map(|text| (*text).to_owned())
        .into();
    out.extend([applied, reason, questions].map(|text| text(a)));
    out
}

#[rustfmt::skip]
fn all_of_line(texts: &LineTexts) -> Vec<String> {
    let [a, b, c] = GIVEN;
    let LineTexts {
        base_fee, fee, credit, seats, some_days, missing_to_minimum, missing_to_commitment, billed_so_far, adjusts,
        all_units, first_units, units_between, units_over, packages, all_other_units, value, events,
        events_at_minimum, events_at_maximum, amounts, plus_flat, rounded_up, rounded_down, rounded_nearest, included,
        discount, at_most, beyond_commitment,
    } = texts;
    let mut out: Vec<String> = [
        base_fee, fee, credit, seats, all_units, all_other_units, value, events, events_at_minimum, events_at_maximum,
        amounts,
    ]
    .map(|text| (*text).to_owned())
    .into();
    let around = [
        missing_to_minimum, missing_to_commitment, billed_so_far, adjusts, first_units, units_over, packages, included,
        discount, at_most,
    ];
    out.extend(around.map(|text| text(a)));
    let around_two = [units_between, plus_flat, rounded_up, rounded_down, rounded_nearest, beyond_commitment];
    out.extend(around_two.map(|text| text(a, b)));
    out.push(some_days(a, b, c));
    out
}

#[rstest]
#[case::en(Locale::En)]
#[case::de(Locale::De)]
#[case::fr(Locale::Fr)]
#[case::ja(Locale::Ja)]
#[case::zh(Locale::Zh)]
fn a_language_has_every_text(#[case] locale: Locale) {
    let texts = all(Language::of(locale).texts);
    for text in &texts {
        assert!(!text.trim().is_empty() && text.trim() == text, "{text:?}");
        let bare = GIVEN.iter().fold(text.clone(), |text, given| text.replace(given, ""));
        assert!(bare.chars().any(char::is_alphabetic), "{text:?} says nothing of its own");
    }
    assert!(["{page}", "{pages}"].iter().all(|place| Language::of(locale).texts.page.contains(place)));
}

#[test]
fn no_figure_gets_lost() {
    let figures = |locale: Locale| -> Vec<usize> {
        let texts = all(Language::of(locale).texts);
        texts.iter().map(|text| GIVEN.iter().filter(|given| text.contains(**given)).count()).collect()
    };
    // 10 + 3 + 3 texts have one, 6 + 2 have two, 2 have three.
    let english = figures(Locale::En);
    let with = |count: usize| english.iter().filter(|found| **found == count).count();
    assert_eq!((with(1), with(2), with(3)), (16, 8, 2));
    for locale in Locale::ALL {
        assert_eq!(figures(locale), english, "{locale:?}");
    }
}

/// A text that was copied from another language and never translated would be in both.
#[test]
fn the_languages_share_no_sentence() {
    let of = |locale: Locale| -> BTreeSet<String> { all(Language::of(locale).texts).into_iter().collect() };
    // Spelled alike in both.
    let alike: BTreeSet<String> = ["Total", "数量"].map(str::to_owned).into();
    for (place, one) in Locale::ALL.into_iter().enumerate() {
        for other in &Locale::ALL[place + 1..] {
            let shared: Vec<String> = of(one).intersection(&of(*other)).cloned().collect();
            assert!(shared.iter().all(|text| alike.contains(text)), "{one:?} and {other:?} share {shared:?}");
        }
    }
}
