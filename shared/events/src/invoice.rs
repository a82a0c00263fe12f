//! The life of an invoice as others hear of it: created, finalized, and ready as a PDF.

use crate::{Event, PeriodV1};
use domain::{
    Timestamp,
    id::{InvoiceId, SubscriptionId},
    money::Money,
};
use serde::{Deserialize, Serialize};

/// An amount on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AmountV1 {
    /// Integer minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

impl From<Money> for AmountV1 {
    fn from(money: Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency.to_string() }
    }
}

/// An invoice was computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoiceCreatedV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// What for.
    pub subscription_id: SubscriptionId,
    /// The billed period.
    pub period: PeriodV1,
    /// The sum of its lines.
    pub total: AmountV1,
}

impl Event for InvoiceCreatedV1 {
    const TYPE: &'static str = "invoice.created.v1";
}

/// An invoice was issued and will never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoiceFinalizedV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number as printed.
    pub number: String,
    /// The billed period.
    pub period: PeriodV1,
    /// The sum of its lines.
    pub total: AmountV1,
    /// When it must be paid.
    pub due_at: Timestamp,
    /// SHA-256 of what it charges, in hex.
    pub digest: String,
}

impl Event for InvoiceFinalizedV1 {
    const TYPE: &'static str = "invoice.finalized.v1";
}

/// The PDF of an invoice can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvoiceReadyV1 {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number as printed.
    pub number: String,
    /// The sum of its lines.
    pub total: AmountV1,
    /// When it must be paid.
    pub due_at: Timestamp,
    /// SHA-256 of what it charges, in hex; stored with the PDF as well.
    pub digest: String,
    /// Where the API answers a link to the PDF.
    pub pdf_path: String,
}

impl Event for InvoiceReadyV1 {
    const TYPE: &'static str = "invoice.ready.v1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::check_golden;

    fn period() -> PeriodV1 {
        PeriodV1 { start: "2026-05-01T00:00:00Z".parse().unwrap(), end: "2026-06-01T00:00:00Z".parse().unwrap() }
    }

    fn total() -> AmountV1 {
        AmountV1 { amount_minor: 123_450, currency: "USD".to_owned() }
    }

    #[test]
    fn invoice_created_v1_is_frozen() {
        let data = InvoiceCreatedV1 {
            invoice_id: InvoiceId::derived(&["inv"]),
            subscription_id: SubscriptionId::derived(&["sub"]),
            period: period(),
            total: total(),
        };
        check_golden(include_str!("../golden/invoice.created.v1.json"), &["inv"], data);
    }

    #[test]
    fn invoice_finalized_v1_is_frozen() {
        let data = InvoiceFinalizedV1 {
            invoice_id: InvoiceId::derived(&["inv"]),
            number: "ACME-0001".to_owned(),
            period: period(),
            total: total(),
            due_at: "2026-06-15T01:00:00Z".parse().unwrap(),
            digest: "00ff".to_owned(),
        };
        check_golden(include_str!("../golden/invoice.finalized.v1.json"), &["inv"], data);
    }

    #[test]
    fn invoice_ready_v1_is_frozen() {
        let data = InvoiceReadyV1 {
            invoice_id: InvoiceId::derived(&["inv"]),
            number: "ACME-0001".to_owned(),
            total: total(),
            due_at: "2026-06-15T01:00:00Z".parse().unwrap(),
            digest: "00ff".to_owned(),
            pdf_path: "/v1/invoices/inv_1/pdf".to_owned(),
        };
        check_golden(include_str!("../golden/invoice.ready.v1.json"), &["inv"], data);
    }
}
