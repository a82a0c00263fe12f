//! The stored shapes against their golden files, and the size of the largest invoice.

use super::*;
use crate::store::item::tests::{golden, json};
use domain::{
    catalog::{PLAN_PRICES_BYTES_MAX, PLAN_TIERS_MAX, Price, PriceShape},
    invoice::{Line, digest},
    rating::{DayShare, GroupUsage, Usage},
    text::Slug,
};
use serde_json::json as literal;

/// Most bytes of an item in DynamoDB. The JSON form of one is larger than what DynamoDB counts.
const ITEM_BYTES_MAX: usize = 400 * 1024;

const V1: &str = include_str!("../../../golden/invoice.1.json");
const V2: &str = include_str!("../../../golden/invoice.2.json");
const V3: &str = include_str!("../../../golden/invoice.3.json");

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
    let again: StoredInvoice = InvoiceV3::from(&stored).try_into().unwrap();
    assert_eq!(again, stored, "nothing is lost by the way through version 3");
}

#[test]
fn version_2_is_read_for_ever() {
    let stored = read(golden(V2)).unwrap();
    let statement = stored.invoice.statement();
    assert_eq!((stored.invoice.status(), statement.total.amount_minor, statement.lines.len()), ("open", 6_925, 4));
    let sources: Vec<Option<&str>> = statement
        .lines
        .iter()
        .map(|line| line.source.as_ref().and_then(|source| source.price.as_ref()).map(Slug::as_str))
        .collect();
    assert_eq!(sources, [None, Some("all"), Some("all"), Some("min")]);
    let again: StoredInvoice = InvoiceV3::from(&stored).try_into().unwrap();
    assert_eq!(
        (digest_of(&again), &again),
        (digest_of(&stored), &stored),
        "nothing is lost by the way through version 3"
    );
}

#[test]
fn version_3_is_written_as_it_is_read() {
    let stored = read(golden(V3)).unwrap();
    assert_eq!(json(&InvoiceV3::from(&stored)), serde_json::from_str::<serde_json::Value>(V3).unwrap()["item"]);
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
        let plan = statement.subscription.unwrap().plan;
        let lines = Line::of_price(plan, &price, usage, DayShare::WHOLE, statement.total.currency).unwrap();
        assert_eq!(lines.len(), 2, "each price has a true-up");
        statement.lines.extend(lines);
    }
    let stored = StoredInvoice::new(Invoice::Draft(Draft::new(statement).unwrap()));
    (json(&InvoiceV3::from(&stored)).to_string().len(), bytes)
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

/// The bytes of a value as DynamoDB counts them: names and values, three for a list or map, and one for each of its members.
fn dynamo_bytes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Null | serde_json::Value::Bool(_) => 1,
        serde_json::Value::Number(number) => number.to_string().len() / 2 + 2,
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(values) => 3 + values.iter().map(|value| 1 + dynamo_bytes(value)).sum::<usize>(),
        serde_json::Value::Object(members) => {
            3 + members.iter().map(|(name, value)| 1 + name.len() + dynamo_bytes(value)).sum::<usize>()
        }
    }
}

/// The largest adjustment that there is: everything in it is as long as it may be.
fn largest_adjustment(day: Date) -> Line {
    let slug = "s".repeat(domain::text::SLUG_LENGTH_MAX);
    let figure: domain::Decimal = "-7922816251426433759354395033.5".parse().unwrap();
    let key = format!("{slug}.true-up@2026-05-01");
    Line {
        key: format!("{key}.adjustment@{day}"),
        source: Some(domain::invoice::Source {
            plan: PlanRef { plan_id: PlanId::derived(&["plan"]), version: NonZeroU32::MAX },
            price: Some(Slug::parse(&slug).unwrap()),
        }),
        description: "\u{1f600}".repeat(domain::text::NAME_LENGTH_MAX),
        exact: figure,
        amount: Money { amount_minor: i64::MIN, currency: "EUR".parse().unwrap() },
        days: Some((day, day)),
        detail: domain::invoice::LineDetail::Adjustment {
            of: InvoiceId::derived(&["invoice"]),
            line: key,
            quantity_before: figure,
            quantity_after: figure,
        },
    }
}

#[test]
fn an_invoice_that_is_full_of_lines_fits_into_an_item_with_all_else() {
    let mut statement = read(golden(V3)).unwrap().invoice.statement().clone();
    statement.lines.clear();
    let mut bytes = 0;
    let mut day = "2020-01-01".parse::<Date>().unwrap();
    loop {
        let line = largest_adjustment(day);
        assert!(line_bytes(&line) <= ADJUSTMENT_BYTES_MAX, "{} bytes", line_bytes(&line));
        bytes += line_bytes(&line);
        if bytes > LINES_BYTES_MAX {
            break;
        }
        statement.lines.push(line);
        day = day.tomorrow().unwrap();
    }
    let name = || "\u{1f600}".repeat(domain::text::NAME_LENGTH_MAX);
    let of_lines_minor = vec![i64::MIN; statement.lines.len()];
    let discount = |index: usize| Discount {
        coupon_id: CouponId::derived(&[&index.to_string()]),
        name: name(),
        off_lines_minor: of_lines_minor.clone(),
    };
    statement.discounts = (0..COUPONS_PER_INVOICE_MAX).map(discount).collect();
    let rate = Percent::parse("19").unwrap();
    let tax = Tax { name: name(), rate, inclusive: true, net_minor: i64::MIN, of_lines_minor: of_lines_minor.clone() };
    statement.taxes = vec![tax];
    let credit =
        |index: usize| AppliedCredit { grant_id: GrantId::derived(&[&index.to_string()]), amount_minor: i64::MIN };
    statement.credits = (0..crate::store::GRANTS_PER_INVOICE_MAX).map(credit).collect();
    let note = Some("\u{1f600}".repeat(domain::invoice::MEMO_LENGTH_MAX));
    statement.notes = Notes { memo: note.clone(), purchase_order: note };
    // Only its shape is of interest: what all this adds up to is no amount.
    let lines: Vec<LineV3> = statement.lines.iter().map(LineV3::from).collect();
    let mut item = json(&InvoiceV3::from(&read(golden(V3)).unwrap()));
    item["lines"] = serde_json::to_value(lines).unwrap();
    let discounts: Vec<DiscountV3> = statement.discounts.iter().map(DiscountV3::from).collect();
    let taxes: Vec<TaxV3> = statement.taxes.iter().map(TaxV3::from).collect();
    let credits: Vec<CreditV3> = statement.credits.iter().map(CreditV3::from).collect();
    item["discounts"] = serde_json::to_value(discounts).unwrap();
    item["taxes"] = serde_json::to_value(taxes).unwrap();
    item["credits"] = serde_json::to_value(credits).unwrap();
    item["memo"] = serde_json::to_value(&statement.notes.memo).unwrap();
    item["purchase_order"] = serde_json::to_value(&statement.notes.purchase_order).unwrap();
    // Beside it: the record of its PDF, and what became of it, with a reason.
    let beside = 8 * 1024;
    assert!(dynamo_bytes(&item) + beside < ITEM_BYTES_MAX, "{} bytes", dynamo_bytes(&item));
}
