//! What the tests of rating share: prices in a short notation, and one way to rate them.
//!
//! The names of cases such as `g_l1` are rows of the worked numbers that RATING.md was checked against.

mod laws;
mod levels;
mod models;
mod modifiers;
mod percentage;
mod periods;
mod totals;

use super::{Billed, EventValues, GroupUsage, PeriodState, Rated, RatingError, Usage, rate};
use crate::{
    catalog::{Price, PriceShape},
    money::{Currency, Money},
};
use rust_decimal::Decimal;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn cents(amount_minor: i64) -> Money {
    Money { amount_minor, currency: usd() }
}

/// A price of usage; `rest` are the fields of the model and, after a `}`, of the price.
fn usage_price(rest: &str) -> Price {
    fee(&format!(r#""meter":"m",{rest}"#))
}

/// A price with the fields `rest`.
fn fee(rest: &str) -> Price {
    let shape: PriceShape = serde_json::from_str(&format!(r#"{{"key":"k","name":"K",{rest}}}"#)).unwrap();
    Price::try_from(shape).unwrap()
}

/// Reads `10:10+2 20:5+3 *:5+3` as tiers ≤10 at 10 a unit plus a flat 2, and so on.
fn tiered(model: &str, tiers: &str) -> String {
    let price = if model == "graduatedPercentage" { "percent" } else { "unitPrice" };
    let tier = |text: &str| {
        let (bound, prices) = text.split_once(':').unwrap();
        let (unit, flat) = prices.split_once('+').unwrap_or((prices, "0"));
        let up_to = if bound == "*" { "null".to_owned() } else { format!(r#""{bound}""#) };
        format!(r#"{{"upTo":{up_to},"{price}":"{unit}","flatFee":"{flat}"}}"#)
    };
    let tiers: Vec<String> = tiers.split(' ').map(tier).collect();
    format!(r#""model":{{"type":"{model}","tiers":[{}]}}"#, tiers.join(","))
}

fn per_unit(unit_price: &str) -> String {
    format!(r#""model":{{"type":"perUnit","unitPrice":"{unit_price}"}}"#)
}

fn package(size: &str, price: &str, free: &str) -> String {
    format!(r#""model":{{"type":"package","size":"{size}","packagePrice":"{price}","freeUnits":"{free}"}}"#)
}

/// `price` and the modifiers `modifiers`, which are the inside of a JSON object.
fn modified(price: &str, modifiers: &str) -> String {
    format!(r#"{price},"modifiers":{{{modifiers}}}"#)
}

fn quantity(text: &str) -> Usage {
    Usage::Quantity(dec(text))
}

fn events(values: &[&str]) -> Usage {
    let mut events = EventValues::default();
    for value in values {
        events.push(dec(value)).unwrap();
    }
    Usage::Events(events)
}

/// Reads `region=eu,size=l:5` as five of that group.
fn groups(texts: &[&str]) -> Usage {
    let group = |text: &&str| {
        let (values, quantity) = text.split_once(':').unwrap();
        let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        GroupUsage { values: values.split(',').filter_map(pair).collect(), quantity: dec(quantity) }
    };
    Usage::Groups(texts.iter().map(group).collect())
}

fn whole(price: &str, usage: &Usage) -> Result<Rated, RatingError> {
    rate(&usage_price(price), usage, &PeriodState::whole(usd()))
}

/// The exact amount of a whole period.
fn exact(price: &str, usage: &Usage) -> String {
    whole(price, usage).unwrap().exact.to_string()
}

/// What is due at the end of a period of which something was billed.
fn after(billed_quantity: &str, billed_minor: i64) -> PeriodState {
    let billed = Billed { quantity: dec(billed_quantity), amount: cents(billed_minor), true_up: cents(0) };
    PeriodState { billed: Some(billed), ..PeriodState::whole(usd()) }
}
