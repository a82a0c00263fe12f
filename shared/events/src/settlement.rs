//! The end of an invoice's life as others hear of it: paid, void or uncollectible; each payment, each credit note and its PDF.

use crate::{AmountV1, Event};
use domain::{
    Timestamp,
    id::{CreditNoteId, InvoiceId, PaymentId},
};
use serde::{Deserialize, Serialize};

/// Nothing remains to be paid of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoicePaidV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number as printed.
    pub number: String,
    /// What it charged.
    pub total: AmountV1,
    /// What was paid in money.
    pub paid: AmountV1,
    /// What credit notes took back.
    pub credited_by_notes: AmountV1,
    /// When that was so.
    pub paid_at: Timestamp,
}

impl Event for InvoicePaidV1 {
    const TYPE: &'static str = "invoice.paid.v1";
}

/// An invoice was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoiceVoidedV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number as printed.
    pub number: String,
    /// What it charged.
    pub total: AmountV1,
    /// When it was taken back.
    pub voided_at: Timestamp,
    /// Why.
    pub reason: String,
}

impl Event for InvoiceVoidedV1 {
    const TYPE: &'static str = "invoice.voided.v1";
}

/// An invoice was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoiceUncollectibleV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number as printed.
    pub number: String,
    /// What it charged.
    pub total: AmountV1,
    /// What was not paid.
    pub remaining: AmountV1,
    /// When it was given up.
    pub given_up_at: Timestamp,
    /// Why.
    pub reason: String,
}

impl Event for InvoiceUncollectibleV1 {
    const TYPE: &'static str = "invoice.uncollectible.v1";
}

/// Money came in for an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PaymentRecordedV1 {
    /// Which payment.
    pub payment_id: PaymentId,
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// That invoice's number as printed.
    pub number: String,
    /// How much.
    pub amount: AmountV1,
    /// What remains to be paid.
    pub remaining: AmountV1,
    /// What the payer or the bank calls it.
    pub reference: Option<String>,
    /// When the money came.
    pub received_at: Timestamp,
}

impl Event for PaymentRecordedV1 {
    const TYPE: &'static str = "payment.recorded.v1";
}

/// A part of an invoice was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreditNoteIssuedV1 {
    /// Which credit note.
    pub credit_note_id: CreditNoteId,
    /// Its number as printed.
    pub number: String,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// That invoice's number as printed.
    pub invoice_number: String,
    /// What it takes back, with tax.
    pub total: AmountV1,
    /// What of it went to the unpaid part of the invoice.
    pub applied: AmountV1,
    /// What of it is paid back in money.
    pub refund: AmountV1,
    /// What of it stays as a balance in the tenant's favour.
    pub balance: AmountV1,
    /// Why.
    pub reason: String,
}

impl Event for CreditNoteIssuedV1 {
    const TYPE: &'static str = "creditnote.issued.v1";
}

/// The PDF of a credit note can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CreditNoteReadyV1 {
    /// Which credit note.
    pub credit_note_id: CreditNoteId,
    /// Its number as printed.
    pub number: String,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// That invoice's number as printed.
    pub invoice_number: String,
    /// What it takes back, with tax.
    pub total: AmountV1,
    /// SHA-256 of what it says, in hex; stored with the PDF as well.
    pub digest: String,
    /// Where the API answers a link to the PDF.
    pub pdf_path: String,
}

impl Event for CreditNoteReadyV1 {
    const TYPE: &'static str = "creditnote.ready.v1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::check_golden;

    fn usd(amount_minor: i64) -> AmountV1 {
        AmountV1 { amount_minor, currency: "USD".to_owned() }
    }

    fn at() -> Timestamp {
        "2026-06-10T08:00:00Z".parse().unwrap()
    }

    fn invoice_id() -> InvoiceId {
        InvoiceId::derived(&["inv"])
    }

    fn number() -> String {
        "ACME-0001".to_owned()
    }

    #[test]
    fn invoice_paid_v1_is_frozen() {
        let data = InvoicePaidV1 {
            invoice_id: invoice_id(),
            number: number(),
            total: usd(1_666),
            paid: usd(1_600),
            credited_by_notes: usd(66),
            paid_at: at(),
        };
        check_golden(include_str!("../golden/invoice.paid.v1.json"), &["inv"], data);
    }

    #[test]
    fn invoice_voided_v1_is_frozen() {
        let data = InvoiceVoidedV1 {
            invoice_id: invoice_id(),
            number: number(),
            total: usd(1_666),
            voided_at: at(),
            reason: "sent to the wrong payer".to_owned(),
        };
        check_golden(include_str!("../golden/invoice.voided.v1.json"), &["inv"], data);
    }

    #[test]
    fn invoice_uncollectible_v1_is_frozen() {
        let data = InvoiceUncollectibleV1 {
            invoice_id: invoice_id(),
            number: number(),
            total: usd(1_666),
            remaining: usd(1_066),
            given_up_at: at(),
            reason: "insolvent".to_owned(),
        };
        check_golden(include_str!("../golden/invoice.uncollectible.v1.json"), &["inv"], data);
    }

    #[test]
    fn payment_recorded_v1_is_frozen() {
        let data = PaymentRecordedV1 {
            payment_id: PaymentId::derived(&["pay"]),
            invoice_id: invoice_id(),
            number: number(),
            amount: usd(600),
            remaining: usd(1_066),
            reference: Some("tr-1".to_owned()),
            received_at: at(),
        };
        check_golden(include_str!("../golden/payment.recorded.v1.json"), &["pay"], data);
    }

    #[test]
    fn creditnote_issued_v1_is_frozen() {
        let data = CreditNoteIssuedV1 {
            credit_note_id: CreditNoteId::derived(&["cn"]),
            number: "ACME-CN-0001".to_owned(),
            invoice_id: invoice_id(),
            invoice_number: number(),
            total: usd(119),
            applied: usd(0),
            refund: usd(19),
            balance: usd(100),
            reason: "a day without service".to_owned(),
        };
        check_golden(include_str!("../golden/creditnote.issued.v1.json"), &["cn"], data);
    }
    #[test]
    fn creditnote_ready_v1_is_frozen() {
        let data = CreditNoteReadyV1 {
            credit_note_id: CreditNoteId::derived(&["cn"]),
            number: "ACME-CN-0001".to_owned(),
            invoice_id: invoice_id(),
            invoice_number: number(),
            total: usd(119),
            digest: "00ff".to_owned(),
            pdf_path: "/v1/credit-notes/cn_1/pdf".to_owned(),
        };
        check_golden(include_str!("../golden/creditnote.ready.v1.json"), &["cn"], data);
    }
}
