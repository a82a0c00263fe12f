//! From the lines to what is due, row by row: subtotal, discounts, taxes, total, credits.
//!
//! Invariants: each row is what takes the row above to the row below, so that a reader can add them up; a tax that the
//! lines have inside stands below what it is in, and adds nothing; a row that would repeat another is left out; the last
//! row says in words whether it is paid or given back, not by a sign.

use super::language::Language;
use crate::pdf::Total;
use domain::{
    invoice::{Statement, Tax},
    money::{Money, MoneyError},
};

/// The rows of a statement's totals.
pub(super) fn totals(statement: &Statement, language: &Language) -> Result<Vec<Total>, MoneyError> {
    let (texts, currency) = (language.texts, statement.total.currency);
    let money = |minor: i128| {
        let amount_minor = i64::try_from(minor).map_err(|_| MoneyError::OutOfRange)?;
        Ok(language.figures.money(Money { amount_minor, currency }))
    };
    let row = |label: &str, minor: i128| -> Result<Total, MoneyError> {
        Ok(Total { label: label.to_owned(), amount: money(minor)?, strong: false })
    };
    let mut rows = vec![row(texts.subtotal, statement.subtotal_minor())?];
    for discount in &statement.discounts {
        rows.push(row(&discount.name, -discount.amount_minor())?);
    }
    for tax in statement.taxes.iter().filter(|tax| !tax.inclusive) {
        let net = money(tax.net_minor.into())?;
        let label = (texts.tax)(&tax.name, &percent(tax, language), &net);
        rows.push(row(&label, tax.amount_minor())?);
    }
    let credited = statement.credited()?;
    // Without credits the amount due is the total; with nothing but the subtotal above, the subtotal is.
    if credited.amount_minor != 0 && rows.len() > 1 {
        rows.push(row(texts.total, statement.total.amount_minor.into())?);
    }
    for tax in statement.taxes.iter().filter(|tax| tax.inclusive) {
        let label = (texts.tax_included)(&tax.name, &percent(tax, language));
        rows.push(row(&label, tax.amount_minor())?);
    }
    if credited.amount_minor != 0 {
        rows.push(row(texts.credits_applied, -i128::from(credited.amount_minor))?);
    }
    let due_minor = i128::from(statement.due()?.amount_minor);
    let label = if due_minor < 0 { texts.amount_credited } else { texts.amount_due };
    rows.push(Total { strong: true, ..row(label, due_minor.abs())? });
    Ok(rows)
}

pub(super) fn percent(tax: &Tax, language: &Language) -> String {
    language.figures.percent(tax.rate.value())
}
