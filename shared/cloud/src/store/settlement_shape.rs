//! The stored shapes of what becomes of an invoice: the record beside it, payments, and credit notes. Frozen.

use super::{
    invoice_shape::PDF,
    item::{self, Item, Stored},
    settlement::{Ending, StoredCreditNote},
};
use crate::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    catalog::Percent,
    id::{CreditNoteId, InvoiceId, PaymentId, TenantId},
    invoice::{CreditNote, CreditedLine, InvoiceNumber, Payment, Settlement, Tax},
    money::{Currency, Money},
};
use serde::{Deserialize, Serialize};

/// Attribute of an invoice's item that holds what became of it; absent until the ledger knows the invoice.
pub(super) const SETTLEMENT: &str = "settlement";
/// Member of it by which a change is conditional.
pub(super) const REVISION: &str = "revision";

/// What lies beside an invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    pub(super) revision: u64,
    pub(super) settlement: Settlement,
    pub(super) ending: Option<Ending>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SettlementV1 {
    revision: u64,
    paid_minor: i64,
    credited_minor: i64,
    credited_tax_minor: i64,
    refunded_minor: i64,
    ending: Option<EndingV1>,
}

#[derive(Serialize, Deserialize)]
struct EndingV1 {
    request: String,
    reason: String,
}

impl Stored for SettlementV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
pub(super) struct PaymentV1 {
    id: PaymentId,
    invoice_id: InvoiceId,
    amount_minor: i64,
    currency: String,
    reference: Option<String>,
    received_at: Timestamp,
    recorded_at: Timestamp,
}

impl Stored for PaymentV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
pub(super) struct CreditNoteV1 {
    id: CreditNoteId,
    tenant_id: TenantId,
    invoice_id: InvoiceId,
    invoice_number: String,
    number: String,
    issued_at: Timestamp,
    currency: String,
    lines: Vec<CreditedLineV1>,
    taxes: Vec<CreditedTaxV1>,
    total_minor: i64,
    applied_minor: i64,
    refund_minor: i64,
    balance_minor: i64,
    reason: String,
    memo: Option<String>,
}

impl Stored for CreditNoteV1 {
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
struct CreditedLineV1 {
    key: String,
    description: String,
    amount_minor: i64,
}

#[derive(Serialize, Deserialize)]
struct CreditedTaxV1 {
    name: String,
    rate: String,
    inclusive: bool,
    net_minor: i64,
    of_lines_minor: Vec<i64>,
}

/// Takes what became of an invoice out of its item.
pub(super) fn take(item: &mut Item) -> Result<Beside, Fault> {
    let Some(attribute) = item.remove(SETTLEMENT) else { return Ok(Beside::default()) };
    let stored: SettlementV1 =
        serde_dynamo::from_attribute_value(attribute).map_err(|error| Fault::permanent("decode item", error))?;
    Ok(stored.into())
}

/// The credit note in an item; the record of its PDF, which is written later, lies beside its frozen shape.
pub(super) fn read_note(mut item: Item) -> Result<StoredCreditNote, Fault> {
    let pdf = item.remove(PDF).map(serde_dynamo::from_attribute_value).transpose();
    let pdf = pdf.map_err(|error| Fault::permanent("decode item", error))?;
    Ok(StoredCreditNote { note: item::read::<CreditNoteV1>(item)?.try_into()?, pdf })
}

impl Beside {
    /// The attribute [`SETTLEMENT`].
    pub(super) fn attribute(&self) -> Result<AttributeValue, Fault> {
        serde_dynamo::to_attribute_value(SettlementV1::from(self))
            .map_err(|error| Fault::permanent("encode item", error))
    }
}

impl From<&Beside> for SettlementV1 {
    fn from(beside: &Beside) -> Self {
        let Settlement { paid_minor, credited_minor, credited_tax_minor, refunded_minor } = beside.settlement;
        let ending = beside.ending.clone().map(|Ending { request, reason }| EndingV1 { request, reason });
        Self { revision: beside.revision, paid_minor, credited_minor, credited_tax_minor, refunded_minor, ending }
    }
}

impl From<SettlementV1> for Beside {
    fn from(stored: SettlementV1) -> Self {
        let SettlementV1 { revision, paid_minor, credited_minor, credited_tax_minor, refunded_minor, ending } = stored;
        Self {
            revision,
            settlement: Settlement { paid_minor, credited_minor, credited_tax_minor, refunded_minor },
            ending: ending.map(|EndingV1 { request, reason }| Ending { request, reason }),
        }
    }
}

impl From<&Payment> for PaymentV1 {
    fn from(payment: &Payment) -> Self {
        Self {
            id: payment.id,
            invoice_id: payment.invoice_id,
            amount_minor: payment.amount.amount_minor,
            currency: payment.amount.currency.to_string(),
            reference: payment.reference.clone(),
            received_at: payment.received_at,
            recorded_at: payment.recorded_at,
        }
    }
}

impl TryFrom<PaymentV1> for Payment {
    type Error = Fault;

    fn try_from(stored: PaymentV1) -> Result<Self, Fault> {
        Ok(Self {
            id: stored.id,
            invoice_id: stored.invoice_id,
            amount: Money { amount_minor: stored.amount_minor, currency: currency(&stored.currency)? },
            reference: stored.reference,
            received_at: stored.received_at,
            recorded_at: stored.recorded_at,
        })
    }
}

impl From<&CreditNote> for CreditNoteV1 {
    fn from(note: &CreditNote) -> Self {
        let line = |line: &CreditedLine| {
            let CreditedLine { key, description, amount_minor } = line.clone();
            CreditedLineV1 { key, description, amount_minor }
        };
        Self {
            id: note.id,
            tenant_id: note.tenant_id,
            invoice_id: note.invoice_id,
            invoice_number: note.invoice_number.to_string(),
            number: note.number.to_string(),
            issued_at: note.issued_at,
            currency: note.total.currency.to_string(),
            lines: note.lines.iter().map(line).collect(),
            taxes: note.taxes.iter().map(CreditedTaxV1::from).collect(),
            total_minor: note.total.amount_minor,
            applied_minor: note.applied_minor,
            refund_minor: note.refund_minor,
            balance_minor: note.balance_minor,
            reason: note.reason.clone(),
            memo: note.memo.clone(),
        }
    }
}

impl TryFrom<CreditNoteV1> for CreditNote {
    type Error = Fault;

    fn try_from(stored: CreditNoteV1) -> Result<Self, Fault> {
        let line = |line: CreditedLineV1| {
            let CreditedLineV1 { key, description, amount_minor } = line;
            CreditedLine { key, description, amount_minor }
        };
        Ok(Self {
            id: stored.id,
            tenant_id: stored.tenant_id,
            invoice_id: stored.invoice_id,
            invoice_number: InvoiceNumber::stored(stored.invoice_number),
            number: InvoiceNumber::stored(stored.number),
            issued_at: stored.issued_at,
            lines: stored.lines.into_iter().map(line).collect(),
            taxes: stored.taxes.into_iter().map(Tax::try_from).collect::<Result<_, Fault>>()?,
            total: Money { amount_minor: stored.total_minor, currency: currency(&stored.currency)? },
            applied_minor: stored.applied_minor,
            refund_minor: stored.refund_minor,
            balance_minor: stored.balance_minor,
            reason: stored.reason,
            memo: stored.memo,
        })
    }
}

impl From<&Tax> for CreditedTaxV1 {
    fn from(tax: &Tax) -> Self {
        Self {
            name: tax.name.clone(),
            rate: tax.rate.value().to_string(),
            inclusive: tax.inclusive,
            net_minor: tax.net_minor,
            of_lines_minor: tax.of_lines_minor.clone(),
        }
    }
}

impl TryFrom<CreditedTaxV1> for Tax {
    type Error = Fault;

    fn try_from(stored: CreditedTaxV1) -> Result<Self, Fault> {
        let rate = Percent::parse(&stored.rate);
        Ok(Self {
            name: stored.name,
            rate: rate.map_err(|_| Fault::permanent("decode item", "the credit note's tax rate is malformed"))?,
            inclusive: stored.inclusive,
            net_minor: stored.net_minor,
            of_lines_minor: stored.of_lines_minor,
        })
    }
}

pub(super) fn currency(text: &str) -> Result<Currency, Fault> {
    text.parse().map_err(|_| Fault::permanent("decode item", "the currency is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        invoices::PdfRecord,
        item::tests::{golden, json},
    };
    use serde_json::Value;

    const SETTLED: &str = include_str!("../../golden/settlement.1.json");
    const PAYMENT: &str = include_str!("../../golden/payment.1.json");
    const NOTE: &str = include_str!("../../golden/credit_note.1.json");

    fn item_of(golden: &str) -> Value {
        serde_json::from_str::<Value>(golden).unwrap()["item"].clone()
    }

    #[test]
    fn a_settlement_is_written_as_it_is_read() {
        let beside = Beside::from(item::read::<SettlementV1>(golden(SETTLED)).unwrap());
        let ending = Ending { request: "r-1".to_owned(), reason: "insolvent".to_owned() };
        let settlement = Settlement { paid_minor: 600, credited_minor: 119, credited_tax_minor: 19, refunded_minor: 5 };
        assert_eq!(beside, Beside { revision: 3, settlement, ending: Some(ending) });
        assert_eq!(json(&SettlementV1::from(&beside)), item_of(SETTLED));
    }

    #[test]
    fn a_payment_is_written_as_it_is_read() {
        let payment = Payment::try_from(item::read::<PaymentV1>(golden(PAYMENT)).unwrap()).unwrap();
        assert_eq!((payment.amount.to_string().as_str(), payment.reference.as_deref()), ("6.00 USD", Some("tr-1")));
        assert_eq!(json(&PaymentV1::from(&payment)), item_of(PAYMENT));
    }

    #[test]
    fn a_credit_note_is_written_as_it_is_read() {
        let note = CreditNote::try_from(item::read::<CreditNoteV1>(golden(NOTE)).unwrap()).unwrap();
        assert_eq!((note.total.to_string().as_str(), note.tax_minor(), note.lines.len()), ("1.19 USD", 19, 1));
        assert_eq!(json(&CreditNoteV1::from(&note)), item_of(NOTE));
    }
    #[test]
    fn the_pdf_of_a_credit_note_lies_beside_it() {
        let ready_at = "2026-06-10T08:00:05Z".parse().unwrap();
        let record = PdfRecord { key: "ten_1/cn_1.pdf".to_owned(), ready_at };
        let mut item = golden(NOTE);
        assert_eq!(read_note(item.clone()).unwrap().pdf, None);
        item.insert(PDF.to_owned(), serde_dynamo::to_attribute_value(&record).unwrap());
        let stored = read_note(item).unwrap();
        assert_eq!((stored.note.number.as_str(), stored.pdf), ("ACME-CN-0001", Some(record)));
    }
}
