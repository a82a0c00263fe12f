//! The stored shapes of an invoice. Frozen: an invoice that was issued must be readable for ever.
//!
//! Version 2 is written; its lines are in [`line`], and what version 1 was is in [`first`].

mod first;
mod line;

use super::{
    invoices::{PdfRecord, StoredInvoice},
    item::{self, Item, Stored},
};
use crate::Fault;
use domain::{
    Date, Timestamp,
    calendar::Period,
    catalog::PlanRef,
    id::{InvoiceId, PlanId, SubscriptionId, TenantId},
    invoice::{Draft, Invoice, InvoiceNumber, Open, Paid, Statement, Uncollectible, Void},
    money::{Currency, Money},
};
use first::InvoiceV1;
use line::LineV2;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Attribute of the PDF's record, the only one that is written after the invoice.
pub(super) const PDF: &str = "pdf";

#[derive(Serialize, Deserialize)]
pub(super) struct InvoiceV2 {
    id: InvoiceId,
    tenant_id: TenantId,
    subscription_id: SubscriptionId,
    plan_id: PlanId,
    plan_version: NonZeroU32,
    period_start: Timestamp,
    period_end: Timestamp,
    first_day: Date,
    last_day: Date,
    currency: String,
    lines: Vec<LineV2>,
    total_minor: i64,
    issued: Option<IssuedV2>,
    end: Option<EndV2>,
    pdf: Option<PdfRecord>,
}

impl Stored for InvoiceV2 {
    const VERSION: u32 = 2;
}

#[derive(Serialize, Deserialize)]
struct IssuedV2 {
    number: String,
    finalized_at: Timestamp,
    due_at: Timestamp,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum EndV2 {
    Paid(Timestamp),
    Void(Timestamp),
    Uncollectible(Timestamp),
}

/// The invoice in an item of any version.
pub(super) fn read(item: Item) -> Result<StoredInvoice, Fault> {
    if item::is_of::<InvoiceV1>(&item) {
        return InvoiceV2::from(item::read::<InvoiceV1>(item)?).try_into();
    }
    item::read::<InvoiceV2>(item)?.try_into()
}

impl From<&StoredInvoice> for InvoiceV2 {
    fn from(stored: &StoredInvoice) -> Self {
        let statement = stored.invoice.statement();
        let issued = stored.invoice.issued().map(|open| IssuedV2 {
            number: open.number.to_string(),
            finalized_at: open.finalized_at,
            due_at: open.due_at,
        });
        let end = match &stored.invoice {
            Invoice::Draft(_) | Invoice::Open(_) => None,
            Invoice::Paid(paid) => Some(EndV2::Paid(paid.paid_at)),
            Invoice::Void(void) => Some(EndV2::Void(void.voided_at)),
            Invoice::Uncollectible(given_up) => Some(EndV2::Uncollectible(given_up.given_up_at)),
        };
        Self {
            id: statement.id,
            tenant_id: statement.tenant_id,
            subscription_id: statement.subscription_id,
            plan_id: statement.plan.plan_id,
            plan_version: statement.plan.version,
            period_start: statement.period.start(),
            period_end: statement.period.end(),
            first_day: statement.days.0,
            last_day: statement.days.1,
            currency: statement.total.currency.to_string(),
            lines: statement.lines.iter().map(LineV2::from).collect(),
            total_minor: statement.total.amount_minor,
            issued,
            end,
            pdf: stored.pdf.clone(),
        }
    }
}

impl TryFrom<InvoiceV2> for StoredInvoice {
    type Error = Fault;

    fn try_from(stored: InvoiceV2) -> Result<Self, Fault> {
        let malformed =
            |what: &'static str| Fault::permanent("decode item", format!("the invoice's {what} is malformed"));
        let currency: Currency = stored.currency.parse().map_err(|_| malformed("currency"))?;
        let statement = Statement {
            id: stored.id,
            tenant_id: stored.tenant_id,
            subscription_id: stored.subscription_id,
            plan: PlanRef { plan_id: stored.plan_id, version: stored.plan_version },
            period: Period::new(stored.period_start, stored.period_end).ok_or_else(|| malformed("period"))?,
            days: (stored.first_day, stored.last_day),
            lines: stored.lines.into_iter().map(|line| line.line(currency)).collect::<Result<_, Fault>>()?,
            total: Money { amount_minor: stored.total_minor, currency },
        };
        let draft = Draft::new(statement).map_err(|_| malformed("lines"))?;
        if draft.statement().total.amount_minor != stored.total_minor {
            return Err(malformed("total"));
        }
        let invoice = match (stored.issued, stored.end) {
            (None, None) => Invoice::Draft(draft),
            (None, Some(_)) => return Err(malformed("state")),
            (Some(issued), end) => issued.invoice(draft, end),
        };
        Ok(Self { invoice, pdf: stored.pdf })
    }
}

impl IssuedV2 {
    fn invoice(self, draft: Draft, end: Option<EndV2>) -> Invoice {
        let open = Open {
            statement: draft.into_statement(),
            number: InvoiceNumber::stored(self.number),
            finalized_at: self.finalized_at,
            due_at: self.due_at,
        };
        match end {
            None => Invoice::Open(open),
            Some(EndV2::Paid(paid_at)) => Invoice::Paid(Paid { open, paid_at }),
            Some(EndV2::Void(voided_at)) => Invoice::Void(Void { open, voided_at }),
            Some(EndV2::Uncollectible(given_up_at)) => Invoice::Uncollectible(Uncollectible { open, given_up_at }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::item::tests::{golden, json};
    use domain::{
        catalog::{PLAN_PRICES_BYTES_MAX, PLAN_TIERS_MAX, Price, PriceShape},
        invoice::{Line, digest},
        rating::{DayShare, GroupUsage, Usage},
    };
    use serde_json::json as literal;

    /// Most bytes of an item in DynamoDB. The JSON form of one is larger than what DynamoDB counts.
    const ITEM_BYTES_MAX: usize = 400 * 1024;

    const V1: &str = include_str!("../../golden/invoice.1.json");
    const V2: &str = include_str!("../../golden/invoice.2.json");

    fn digest_of(stored: &StoredInvoice) -> String {
        digest(stored.invoice.issued().unwrap())
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let stored = read(golden(V1)).unwrap();
        let statement = stored.invoice.statement();
        assert_eq!((stored.invoice.status(), statement.total.amount_minor, statement.lines.len()), ("paid", 3_311, 3));
        // Computed once, by another program from the frozen text of version 1.
        assert_eq!(digest_of(&stored), "c80a5c1de079d6a573c0f2f3ed804ffbf118e71b07c86e3319275c03f8124228");
        let again: StoredInvoice = InvoiceV2::from(&stored).try_into().unwrap();
        assert_eq!(again, stored, "nothing is lost by the way through version 2");
    }

    #[test]
    fn version_2_is_written_as_it_is_read() {
        let stored = read(golden(V2)).unwrap();
        assert_eq!(json(&InvoiceV2::from(&stored)), serde_json::from_str::<serde_json::Value>(V2).unwrap()["item"]);
    }

    #[test]
    fn a_total_that_is_not_that_of_the_lines_is_malformed() {
        assert!(read(golden(&V2.replace("\"total_minor\": 6925", "\"total_minor\": 6924"))).is_err());
    }

    /// The bytes of an invoice that charges `model` as often as a plan may, and of the prices of that plan.
    fn largest(model: &serde_json::Value, entries: usize, usage: &Usage) -> (usize, usize) {
        let price = |index: usize| {
            let modifiers = literal!({"usageDiscount": "1", "spendMinimum": "99999999999999"});
            let name = "字".repeat(200);
            let key = format!("k{index}");
            let price = literal!({"key": key, "name": name, "meter": "m", "model": model, "modifiers": modifiers});
            serde_json::from_value::<PriceShape>(price).unwrap()
        };
        let shapes: Vec<PriceShape> = (0..PLAN_TIERS_MAX / entries).map(price).collect();
        let bytes = shapes.iter().map(|shape| serde_json::to_string(shape).unwrap().len()).sum();
        let mut statement = read(golden(V2)).unwrap().invoice.statement().clone();
        statement.lines.clear();
        for shape in shapes {
            let price = Price::try_from(shape).unwrap();
            let lines = Line::of_price(&price, usage, DayShare::WHOLE, statement.total.currency).unwrap();
            assert_eq!(lines.len(), 2, "each price has a true-up");
            statement.lines.extend(lines);
        }
        let stored = StoredInvoice { invoice: Invoice::Draft(Draft::new(statement).unwrap()), pdf: None };
        (json(&InvoiceV2::from(&stored)).to_string().len(), bytes)
    }

    #[test]
    fn the_largest_invoice_fits_into_an_item() {
        let fee = "0.123456789012";
        let tier = |index: u64| {
            let up_to = (index < 50).then(|| format!("{index}000000000.123456789"));
            literal!({"upTo": up_to, "unitPrice": fee, "flatFee": fee})
        };
        let tiers: Vec<serde_json::Value> = (1..=50).map(tier).collect();
        let tiers = literal!({"type": "graduated", "tiers": tiers});
        let region = |index: usize| format!("{index:0>40}");
        let cell = |index| literal!({"values": {"region": region(index)}, "unitPrice": fee});
        let cells: Vec<serde_json::Value> = (0..200).map(cell).collect();
        let matrix = literal!({"type": "matrix", "dimensions": ["region"], "cells": cells, "defaultUnitPrice": fee});
        let group = |index| GroupUsage {
            values: [("region".to_owned(), region(index))].into(),
            quantity: "123456789.123456789".parse().unwrap(),
        };
        let groups = Usage::Groups((0..200).map(group).collect());
        let units = Usage::Quantity("99000000000.123456789".parse().unwrap());
        for (model, entries, usage) in [(tiers, 50, units), (matrix, 200, groups)] {
            let (bytes, plan_bytes) = largest(&model, entries, &usage);
            assert!(plan_bytes > PLAN_PRICES_BYTES_MAX / 2, "{plan_bytes} are nearly as many as a plan may have");
            // What the prices may grow by to their limit, an invoice may grow by as well, in each of two lines.
            let room = 2 * PLAN_PRICES_BYTES_MAX.saturating_sub(plan_bytes);
            assert!(bytes + room < ITEM_BYTES_MAX, "{bytes} bytes, and {room} more");
        }
    }
}
