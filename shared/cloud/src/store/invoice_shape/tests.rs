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
