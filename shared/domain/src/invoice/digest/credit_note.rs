//! The identity of a credit note: one SHA-256 over everything that it takes back, and what became of it.
//!
//! Invariant: the text under the digest is frozen, as that of an invoice is.

use super::{super::CreditNote, quoted};
use std::fmt::{Display, Write};

impl CreditNote {
    /// Hex SHA-256 of all that it says; kept beside its PDF.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut text = "meterline-credit-note-v1\n".to_owned();
        let mut say = |name: &str, value: &dyn Display| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}={value}");
        };
        say("id", &self.id);
        say("tenant", &self.tenant_id);
        say("number", &self.number);
        say("invoice", &self.invoice_id);
        say("invoiceNumber", &self.invoice_number);
        say("issuedAt", &self.issued_at);
        for line in &self.lines {
            say("line", &line.key);
            say("description", &quoted(&line.description));
            say("amountMinor", &line.amount_minor);
        }
        for tax in &self.taxes {
            say("tax", &quoted(&tax.name));
            say("percent", &tax.rate.value().normalize());
            say("inclusive", &tax.inclusive);
            say("netMinor", &tax.net_minor);
            for amount_minor in &tax.of_lines_minor {
                say("ofLineMinor", amount_minor);
            }
        }
        say("appliedMinor", &self.applied_minor);
        say("refundMinor", &self.refund_minor);
        say("balanceMinor", &self.balance_minor);
        say("reason", &quoted(&self.reason));
        if let Some(memo) = &self.memo {
            say("memo", &quoted(memo));
        }
        say("total", &self.total);
        crate::text::Hex(&crate::id::digest(&[&text])).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Percent,
        id::{CreditNoteId, InvoiceId, TenantId},
        invoice::{CreditedLine, InvoiceNumber, Tax},
        money::Money,
    };
    use rstest::rstest;

    fn note() -> CreditNote {
        let line = |key: &str, amount_minor| CreditedLine {
            key: key.to_owned(),
            description: "Pro\n\"x\"".to_owned(),
            amount_minor,
        };
        let tax = Tax {
            name: "VAT".to_owned(),
            rate: Percent::parse("19.0").unwrap(),
            inclusive: false,
            net_minor: 150,
            of_lines_minor: vec![19, 9],
        };
        CreditNote {
            id: CreditNoteId::derived(&["cn"]),
            tenant_id: TenantId::derived(&["acme"]),
            invoice_id: InvoiceId::derived(&["inv"]),
            invoice_number: InvoiceNumber::stored("ACME-0001".to_owned()),
            number: InvoiceNumber::stored("ACME-CN-0001".to_owned()),
            issued_at: "2026-06-10T08:00:00Z".parse().unwrap(),
            lines: vec![line("base", 119), line("calls", 59)],
            taxes: vec![tax],
            total: Money { amount_minor: 178, currency: "USD".parse().unwrap() },
            applied_minor: 8,
            refund_minor: 70,
            balance_minor: 100,
            reason: "a day".to_owned(),
            memo: None,
        }
    }

    #[test]
    fn the_text_is_frozen() {
        assert_eq!(note().digest(), "14d607f6b3a2d874d24874607fb4964da72ae4c4ae78ebd331f117578928d802");
    }

    #[rstest]
    #[case::line(|note: &mut CreditNote| note.lines[0].amount_minor += 1)]
    #[case::description(|note: &mut CreditNote| note.lines[1].description.push('.'))]
    #[case::tax(|note: &mut CreditNote| note.taxes[0].of_lines_minor[1] += 1)]
    #[case::inclusive(|note: &mut CreditNote| note.taxes[0].inclusive = true)]
    #[case::applied(|note: &mut CreditNote| note.applied_minor += 1)]
    #[case::refund(|note: &mut CreditNote| note.refund_minor += 1)]
    #[case::balance(|note: &mut CreditNote| note.balance_minor += 1)]
    #[case::memo(|note: &mut CreditNote| note.memo = Some(String::new()))]
    fn whatever_it_says_changes_it(#[case] change: fn(&mut CreditNote)) {
        let mut changed = note();
        change(&mut changed);
        assert_ne!(changed.digest(), note().digest());
    }
}
