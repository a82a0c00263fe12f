//! The identity of an issued invoice: one SHA-256 over everything that it charges. That of a credit note is beside it.
//!
//! A PDF is not byte-identical each time it is printed; this digest, kept beside it, tells whether two say the same.
//! Invariant: the texts under the digest are frozen. Version 1 is that of an invoice whose lines it can say: fees, and
//! usage in tiers after included units, which is all there was once. Version 2 knows every model and modifier; version 3
//! seats, adjustments, and what stands between the lines and the total. An invoice has the first version that says all of
//! it, so that what it says decides alone, however it was stored.

mod credit_note;
mod third;

use super::{Line, LineDetail, Open, Statement};
use crate::{
    catalog::{Rounding, SpendFloor},
    rating::{Basis, Modifier, Step, SubLine},
};
use rust_decimal::Decimal;
use std::fmt::{Display, Write};

/// Hex SHA-256 of the invoice as issued; its later states do not change it.
#[must_use]
pub fn digest(open: &Open) -> String {
    let statement = &open.statement;
    let version = version(statement);
    let mut text = format!("meterline-invoice-v{version}\n");
    let mut say = |name: &str, value: &dyn Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={value}");
    };
    say("id", &statement.id);
    say("tenant", &statement.tenant_id);
    if let Some(subscription) = &statement.subscription {
        say("subscription", &subscription.id);
        say("plan", &subscription.plan.plan_id);
        say("planVersion", &subscription.plan.version);
    }
    say("start", &statement.period.start());
    say("end", &statement.period.end());
    say("number", &open.number);
    say("finalizedAt", &open.finalized_at);
    say("dueAt", &open.due_at);
    for line in &statement.lines {
        say("line", &line.key);
        say("description", &quoted(&line.description));
        say("exact", &line.exact.normalize());
        say("amount", &line.amount);
        match version {
            1 => say_detail_1(&line.detail, &mut say),
            2 => say_detail_2(&line.detail, &mut say),
            _ => third::say_line(line, &mut say),
        }
    }
    if version > 2 {
        third::say_adjustments(statement, &mut say);
    }
    say("total", &statement.total);
    crate::text::Hex(&crate::id::digest(&[&text])).to_string()
}

/// The first version that says all of `statement`.
fn version(statement: &Statement) -> u8 {
    if third::is_needed(statement) {
        return 3;
    }
    if statement.lines.iter().all(is_said_by_version_1) { 1 } else { 2 }
}

/// JSON quoting keeps a line break in a text from looking like a field.
fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

fn is_said_by_version_1(line: &Line) -> bool {
    match &line.detail {
        LineDetail::Fee { .. } => true,
        LineDetail::Usage { sub_lines, steps, .. } => {
            sub_lines.iter().all(|part| part.basis.bounds().is_some())
                && steps.iter().all(|step| matches!(step.modifier, Modifier::Included(_)))
        }
        LineDetail::TrueUp { .. }
        | LineDetail::Seats { .. }
        | LineDetail::Adjustment { .. }
        | LineDetail::OneOff { .. } => false,
    }
}

fn say_detail_1(detail: &LineDetail, say: &mut impl FnMut(&str, &dyn Display)) {
    match detail {
        LineDetail::Fee { active_days, full_days } => say_days(*active_days, *full_days, say),
        LineDetail::Usage { meter, quantity, sub_lines, steps, evidence: _ } => {
            let included = steps.iter().find_map(|step| match step.modifier {
                Modifier::Included(units) => Some(units),
                Modifier::UnitConversion(_)
                | Modifier::UsageDiscount(_)
                | Modifier::SpendMaximum(_)
                | Modifier::SpendFloor(_) => None,
            });
            say("meter", meter);
            say("quantity", &quantity.normalize());
            say("included", &included.unwrap_or(Decimal::ZERO).normalize());
            for part in sub_lines {
                say("tierQuantity", &part.quantity.normalize());
                say("tierAmount", &part.amount.normalize());
            }
        }
        // No invoice of version 1 has one.
        LineDetail::TrueUp { .. }
        | LineDetail::Seats { .. }
        | LineDetail::Adjustment { .. }
        | LineDetail::OneOff { .. } => {}
    }
}

fn say_detail_2(detail: &LineDetail, say: &mut impl FnMut(&str, &dyn Display)) {
    match detail {
        LineDetail::Fee { active_days, full_days } => say_days(*active_days, *full_days, say),
        LineDetail::Usage { meter, quantity, sub_lines, steps, evidence: _ } => {
            say("meter", meter);
            say("quantity", &quantity.normalize());
            for step in steps {
                say_step(step, say);
            }
            for part in sub_lines {
                say_part(part, say);
            }
        }
        LineDetail::TrueUp { of, floor, active_days, full_days } => {
            say("of", of);
            say_floor(*floor, say);
            say_days(*active_days, *full_days, say);
        }
        // Only version 3 knows them.
        LineDetail::Seats { .. } | LineDetail::Adjustment { .. } | LineDetail::OneOff { .. } => {}
    }
}

fn say_days(active_days: u32, full_days: u32, say: &mut impl FnMut(&str, &dyn Display)) {
    say("activeDays", &active_days);
    say("fullDays", &full_days);
}

fn say_step(step: &Step, say: &mut impl FnMut(&str, &dyn Display)) {
    match step.modifier {
        Modifier::UnitConversion(conversion) => {
            say("divisor", &conversion.divisor.value().normalize());
            let rounding = match conversion.rounding {
                Rounding::Up => "up",
                Rounding::Down => "down",
                Rounding::Nearest => "nearest",
            };
            say("rounding", &rounding);
        }
        Modifier::Included(units) => say("included", &units.normalize()),
        Modifier::UsageDiscount(percent) => say("discount", &percent.normalize()),
        Modifier::SpendMaximum(amount) => say("maximum", &amount.normalize()),
        Modifier::SpendFloor(floor) => say_floor(floor, say),
    }
    say("before", &step.before.normalize());
    say("after", &step.after.normalize());
}

fn say_floor(floor: SpendFloor, say: &mut impl FnMut(&str, &dyn Display)) {
    match floor {
        SpendFloor::Minimum(amount) => say("minimum", &amount.value().normalize()),
        SpendFloor::Commitment { amount, overage_factor } => {
            say("commitment", &amount.value().normalize());
            say("overageFactor", &overage_factor.value().normalize());
        }
    }
}

fn say_part(part: &SubLine, say: &mut impl FnMut(&str, &dyn Display)) {
    match &part.basis {
        Basis::Units => say("part", &"units"),
        Basis::Tier { from, up_to } => {
            say("part", &"tier");
            say("from", &from.normalize());
            if let Some(up_to) = up_to {
                say("upTo", &up_to.normalize());
            }
        }
        Basis::Packages { size } => {
            say("part", &"packages");
            say("size", &size.normalize());
        }
        Basis::Cell { values } => {
            say("part", &"cell");
            for (name, value) in values {
                say("dimension", &quoted(name));
                say("value", &quoted(value));
            }
        }
        Basis::Value => say("part", &"value"),
        Basis::Events => say("part", &"events"),
        Basis::EventsAtMinimum => say("part", &"eventsAtMinimum"),
        Basis::EventsAtMaximum => say("part", &"eventsAtMaximum"),
        Basis::Amounts => say("part", &"amounts"),
        Basis::Fee { active_days, full_days } => {
            say("part", &"fee");
            say_days(*active_days, *full_days, say);
        }
        Basis::Seats { active_days, full_days } => {
            say("part", &"seats");
            say_days(*active_days, *full_days, say);
        }
    }
    say("partQuantity", &part.quantity.normalize());
    say("partPrice", &part.unit_price.normalize());
    say("partFee", &part.flat_fee.normalize());
    say("partAmount", &part.amount.normalize());
}

#[cfg(test)]
mod tests {
    use super::super::{Invoice, tests};
    use super::*;
    use crate::{
        catalog::{Price, PriceShape},
        rating::{DayShare, Usage},
    };
    use jiff::SignedDuration;
    use rstest::rstest;

    fn open(amounts: &[i64]) -> Open {
        let now = "2026-06-01T01:00:00Z".parse().unwrap();
        match tests::draft(amounts).finalize(tests::number(), now, SignedDuration::ZERO).unwrap() {
            Invoice::Open(open) => open,
            other => panic!("not open: {}", other.status()),
        }
    }

    #[test]
    fn the_digest_says_what_is_charged() {
        assert_eq!(digest(&open(&[100, 2])), digest(&open(&[100, 2])));
        assert_ne!(digest(&open(&[100, 2])), digest(&open(&[2, 100])));
        let mut other = open(&[100, 2]);
        other.statement.lines[0].description = "Base fee\namount=0".to_owned();
        assert_ne!(digest(&other), digest(&open(&[100, 2])));
    }

    #[test]
    fn the_digest_is_frozen() {
        // Computed once; it may never change for invoices that were issued.
        assert_eq!(digest(&open(&[1050])), "7593f23f7c879faa2d5e7685848a0e5cdeaa847b09f042b60b2a0470c1c03d0b");
    }

    /// The invoice of one price.
    fn of_price(rest: &str, usage: &Usage) -> Open {
        let shape: PriceShape = serde_json::from_str(&format!(r#"{{"key":"k","name":"K",{rest}}}"#)).unwrap();
        let price = Price::try_from(shape).unwrap();
        let mut open = open(&[1]);
        let plan = open.statement.subscription.unwrap().plan;
        let currency = open.statement.total.currency;
        open.statement.lines = Line::of_price(plan, &price, usage, DayShare::WHOLE, currency).unwrap();
        open.statement.total = open.statement.lines[0].amount;
        open
    }

    const TIERS: &str = r#""meter":"m","included":"2","model":{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1"},{"unitPrice":"0.5"}]}"#;
    const EVERYTHING: &str = r#""meter":"m","model":{"type":"package","size":"5","packagePrice":"2"},"modifiers":{"unitConversion":{"divisor":"10","rounding":"up"},"usageDiscount":"10","spendMaximum":"99","commitment":{"amount":"50","overageFactor":"1.5"}}"#;

    // Computed once, by another program from the frozen texts; they may never change.
    #[rstest]
    #[case::version_1(TIERS, "8f2ea4cb7dff0484db1e177b07b1e5e3e18489c34ce95bff35da54a5c39640cc")]
    #[case::version_2(EVERYTHING, "347864e2368ff0b17fc0caf47b4a824dbc695d522b458796584a9e092bf25582")]
    fn the_digest_of_usage_is_frozen(#[case] price: &str, #[case] expect: &str) {
        assert_eq!(digest(&of_price(price, &Usage::Quantity(Decimal::from(20)))), expect);
    }

    #[test]
    fn whatever_explains_an_amount_is_under_the_digest() {
        let open = of_price(EVERYTHING, &Usage::Quantity(Decimal::from(20)));
        let change = |change: &dyn Fn(&mut LineDetail)| {
            let mut other = open.clone();
            other.statement.lines.iter_mut().for_each(|line| change(&mut line.detail));
            digest(&other)
        };
        let of_usage = |edit: fn(&mut Vec<SubLine>, &mut Vec<Step>)| {
            change(&|detail| {
                if let LineDetail::Usage { sub_lines, steps, .. } = detail {
                    edit(sub_lines, steps);
                }
            })
        };
        let of_true_up = |edit: fn(&mut String, &mut u32)| {
            change(&|detail| {
                if let LineDetail::TrueUp { of, active_days, .. } = detail {
                    edit(of, active_days);
                }
            })
        };
        let changed = [
            change(&|_| {}),
            of_usage(|sub_lines, _| sub_lines[0].unit_price += Decimal::ONE),
            of_usage(|sub_lines, _| sub_lines[0].basis = Basis::Value),
            of_usage(|_, steps| steps[0].after += Decimal::ONE),
            of_usage(|_, steps| steps.truncate(1)),
            of_true_up(|of, _| of.push('x')),
            of_true_up(|_, active_days| *active_days += 1),
        ];
        assert_eq!(changed[0], digest(&open));
        for (index, other) in changed.iter().enumerate() {
            assert!(!changed[..index].contains(other), "change {index}");
        }
    }
}
