//! A line of an invoice as its PDF says it: what was used, what each part of it cost, and what the modifiers did.
//!
//! Invariant: the rows below a line add up to its exact amount: the sub-lines, then what each modifier took off or put
//! on. Modifiers of the quantity come before the price, and stand beside the line instead.

use super::{decimal, money};
use crate::pdf::{Line, Tier};
use domain::{
    Decimal,
    catalog::{BASE_FEE_KEY, Rounding, SpendFloor},
    invoice::{self, LineDetail},
    rating::{Basis, Modifier, Step, SubLine},
};

/// The line as printed.
pub(super) fn line(line: &invoice::Line) -> Line {
    let printed = Line { description: line.description.clone(), amount: money(line.amount), ..Line::default() };
    match &line.detail {
        LineDetail::Fee { active_days, full_days } => Line {
            quantity: "1".to_owned(),
            unit_price: money(line.amount),
            detail: Some(in_days(fee_name(&line.key), *active_days, *full_days)),
            ..printed
        },
        LineDetail::Usage { quantity, sub_lines, steps, .. } => {
            let amounts: Vec<Tier> = steps.iter().filter_map(amount_row).collect();
            let line = Line { quantity: decimal(*quantity), detail: quantity_words(steps), ..printed };
            match sub_lines.as_slice() {
                [only] if is_plain(only) && amounts.is_empty() => Line { unit_price: decimal(only.unit_price), ..line },
                _ => Line { tiers: sub_lines.iter().map(row).chain(amounts).collect(), ..line },
            }
        }
        LineDetail::Seats { quantity, sub_lines } => {
            Line { quantity: decimal(*quantity), tiers: sub_lines.iter().map(row).collect(), ..printed }
        }
        LineDetail::Adjustment { of: _, line: _, quantity_before, quantity_after } => Line {
            quantity: decimal(*quantity_after - *quantity_before),
            detail: Some(format!("Billed so far: {}", decimal(*quantity_before))),
            ..printed
        },
        LineDetail::OneOff { quantity, unit_price } => {
            Line { quantity: decimal(*quantity), unit_price: decimal(*unit_price), ..printed }
        }
        LineDetail::TrueUp { floor, active_days, full_days, .. } => {
            let floor = match floor {
                SpendFloor::Minimum(amount) => format!("Missing to the minimum of {}", decimal(amount.value())),
                SpendFloor::Commitment { amount, .. } => {
                    format!("Missing to the commitment of {}", decimal(amount.value()))
                }
            };
            Line { detail: Some(in_days(&floor, *active_days, *full_days)), ..printed }
        }
    }
}

fn fee_name(key: &str) -> &'static str {
    if key == BASE_FEE_KEY { "Base fee" } else { "Fee" }
}

fn in_days(text: &str, active: u32, full: u32) -> String {
    if active == full { text.to_owned() } else { format!("{text}, {active} of {full} days") }
}

/// Whether the one unit price beside the line says all of it.
fn is_plain(part: &SubLine) -> bool {
    let is_whole = part.basis.bounds().is_some_and(|(from, up_to)| from.is_zero() && up_to.is_none());
    is_whole && part.flat_fee.is_zero()
}

fn row(part: &SubLine) -> Tier {
    let description = match &part.basis {
        Basis::Units => "All units".to_owned(),
        Basis::Tier { from, up_to } => bounds(*from, *up_to),
        Basis::Packages { size } => format!("Packages of {}", decimal(*size)),
        Basis::Cell { values } if values.is_empty() => "All other units".to_owned(),
        Basis::Cell { values } => {
            let named: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            named.join(", ")
        }
        Basis::Value => "Part of the value".to_owned(),
        Basis::Events => "For each event".to_owned(),
        Basis::EventsAtMinimum => "Events at the minimum".to_owned(),
        Basis::EventsAtMaximum => "Events at the maximum".to_owned(),
        Basis::Amounts => "Amounts of the events".to_owned(),
        Basis::Fee { active_days, full_days } => in_days("Fee", *active_days, *full_days),
        Basis::Seats { active_days, full_days } => in_days("Seats", *active_days, *full_days),
    };
    let flat_fee =
        if part.flat_fee.is_zero() { String::new() } else { format!(", plus {} flat", decimal(part.flat_fee)) };
    Tier {
        description: description + &flat_fee,
        quantity: decimal(part.quantity),
        unit_price: match &part.basis {
            Basis::Value => percent(part.unit_price),
            Basis::Units
            | Basis::Tier { .. }
            | Basis::Packages { .. }
            | Basis::Cell { .. }
            | Basis::Events
            | Basis::EventsAtMinimum
            | Basis::EventsAtMaximum
            | Basis::Amounts
            | Basis::Fee { .. }
            | Basis::Seats { .. } => decimal(part.unit_price),
        },
        amount: decimal(part.amount),
    }
}

fn bounds(from: Decimal, up_to: Option<Decimal>) -> String {
    match up_to {
        Some(up_to) if from.is_zero() => format!("First {}", decimal(up_to)),
        Some(up_to) => format!("Over {} up to {}", decimal(from), decimal(up_to)),
        None if from.is_zero() => "All units".to_owned(),
        None => format!("Over {}", decimal(from)),
    }
}

/// A part of one, such as `2.9 %` for 0.029, with all its digits.
fn percent(part: Decimal) -> String {
    format!("{} %", decimal(part * Decimal::ONE_HUNDRED))
}

/// What was done to the quantity before the price: `1,203 converted to 2, 1 included`.
fn quantity_words(steps: &[Step]) -> Option<String> {
    let words: Vec<String> = steps.iter().filter_map(quantity_step).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn quantity_step(step: &Step) -> Option<String> {
    match step.modifier {
        Modifier::UnitConversion(conversion) => {
            let rounding = match conversion.rounding {
                Rounding::Up => "up",
                Rounding::Down => "down",
                Rounding::Nearest => "to the nearest",
            };
            let (divisor, units) = (decimal(conversion.divisor.value()), decimal(step.after));
            Some(format!("{units} units of {divisor}, rounded {rounding}"))
        }
        Modifier::Included(units) => Some(format!("{} included", decimal(units))),
        Modifier::UsageDiscount(_) | Modifier::SpendMaximum(_) | Modifier::SpendFloor(_) => None,
    }
}

/// What was done to the amount after the price, if it did anything.
fn amount_row(step: &Step) -> Option<Tier> {
    let description = match step.modifier {
        Modifier::UnitConversion(_) | Modifier::Included(_) => return None,
        Modifier::UsageDiscount(percent) => format!("Discount of {} %", decimal(percent)),
        Modifier::SpendMaximum(amount) => format!("At most {}", decimal(amount)),
        Modifier::SpendFloor(SpendFloor::Minimum(_)) => return None,
        Modifier::SpendFloor(SpendFloor::Commitment { amount, overage_factor }) => {
            format!("Beyond the commitment of {}, times {}", decimal(amount.value()), decimal(overage_factor.value()))
        }
    };
    let change = step.after - step.before;
    (!change.is_zero()).then(|| Tier { description, amount: decimal(change), ..Tier::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{catalog::PlanRef, id::PlanId};
    use domain::{
        catalog::{Price, PriceShape},
        rating::{DayShare, GroupUsage, Usage},
    };
    use rstest::rstest;
    use std::num::NonZeroU32;

    /// A line as one text: `quantity @ unit price | detail`, and a text for each row below.
    fn printed(rest: &str, usage: &Usage) -> Vec<String> {
        let shape: PriceShape =
            serde_json::from_str(&format!(r#"{{"key":"k","name":"K","meter":"m",{rest}}}"#)).unwrap();
        let price = Price::try_from(shape).unwrap();
        let days = DayShare::new(17, 31).unwrap();
        let plan = PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN };
        let lines = domain::invoice::Line::of_price(plan, &price, usage, days, "USD".parse().unwrap()).unwrap();
        let mut texts = Vec::new();
        for of in &lines {
            let Line { quantity, unit_price, detail, amount, tiers, .. } = line(of);
            texts.push(format!("{quantity} @ {unit_price} | {} | {amount}", detail.unwrap_or_default()));
            let of_row =
                |row: &Tier| format!("{}: {} @ {} = {}", row.description, row.quantity, row.unit_price, row.amount);
            texts.extend(tiers.iter().map(of_row));
        }
        texts
    }

    fn units(quantity: i64) -> Usage {
        Usage::Quantity(Decimal::from(quantity))
    }

    #[rstest]
    #[case::per_unit(r#""included":"3","model":{"type":"perUnit","unitPrice":"2"}"#, units(1_005), &["1,005 @ 2 | 3 included | USD 2,004.00"])]
    #[case::tiers(
        r#""model":{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1"},{"upTo":"1000","unitPrice":"0.5","flatFee":"2"},{"unitPrice":"0.1"}]}"#,
        units(1_001),
        &["1,001 @  |  | USD 507.10", "First 10: 10 @ 1 = 10", "Over 10 up to 1,000, plus 2 flat: 990 @ 0.5 = 497", "Over 1,000: 1 @ 0.1 = 0.1"]
    )]
    #[case::package(
        r#""model":{"type":"package","size":"100","packagePrice":"5"}"#, units(101), &["101 @  |  | USD 10.00", "Packages of 100: 2 @ 5 = 10"]
    )]
    #[case::percentage(
        r#""model":{"type":"percentage","percent":"2.9","fixedFee":"0.3"}"#, Usage::Value { value: 100.into(), events: 4 },
        &["100 @  |  | USD 4.10", "Part of the value: 100 @ 2.9 % = 2.9", "For each event: 4 @ 0.3 = 1.2"]
    )]
    #[case::dynamic(r#""model":{"type":"dynamic"}"#, Usage::Amount(Decimal::new(125, 1)), &["12.5 @  |  | USD 12.50", "Amounts of the events: 12.5 @ 1 = 12.5"])]
    // 100 − 10 % = 90, of which 80 are charged at most; the commitment of 17 of 31 days of 31 is 17, and 63 beyond it at 1.5.
    #[case::modifiers(
        r#""model":{"type":"perUnit","unitPrice":"1"},"modifiers":{"unitConversion":{"divisor":"10","rounding":"up"},"usageDiscount":"10","spendMaximum":"80","commitment":{"amount":"31","overageFactor":"1.5"}}"#,
        units(991),
        &[
            "991 @  | 100 units of 10, rounded up | USD 111.50", "All units: 100 @ 1 = 100", "Discount of 10 %:  @  = -10",
            "At most 80:  @  = -10", "Beyond the commitment of 31, times 1.5:  @  = 31.5",
        ]
    )]
    #[case::true_up(
        r#""model":{"type":"perUnit","unitPrice":"1"},"modifiers":{"spendMinimum":"31"}"#, units(7),
        &["7 @ 1 |  | USD 7.00", " @  | Missing to the minimum of 31, 17 of 31 days | USD 10.00"]
    )]
    fn a_line_is_explained(#[case] rest: &str, #[case] usage: Usage, #[case] expect: &[&str]) {
        assert_eq!(printed(rest, &usage), expect);
    }

    #[test]
    fn a_matrix_names_its_cells() {
        let group = |region: &str, quantity: i64| GroupUsage {
            values: [("region".to_owned(), region.to_owned())].into(),
            quantity: quantity.into(),
        };
        let usage = Usage::Groups(vec![group("eu", 2), group("us", 3)]);
        let model = r#""model":{"type":"matrix","dimensions":["region"],"cells":[{"values":{"region":"eu"},"unitPrice":"3"}],"defaultUnitPrice":"1"}"#;
        assert_eq!(
            printed(model, &usage),
            ["5 @  |  | USD 9.00", "region eu: 2 @ 3 = 6", "All other units: 3 @ 1 = 3"]
        );
    }

    #[rstest]
    #[case::base("base", 31, "Base fee")]
    #[case::some_days("base", 17, "Base fee, 17 of 31 days")]
    #[case::another("setup", 31, "Fee")]
    fn a_fee_says_its_days(#[case] key: &str, #[case] active_days: u32, #[case] expect: &str) {
        let amount = domain::money::Money { amount_minor: 1_900, currency: "USD".parse().unwrap() };
        let fee = invoice::Line {
            key: key.to_owned(),
            source: None,
            days: None,
            description: "Pro".to_owned(),
            exact: amount.major(),
            amount,
            detail: LineDetail::Fee { active_days, full_days: 31 },
        };
        let printed = line(&fee);
        assert_eq!(printed.detail.as_deref(), Some(expect));
        assert_eq!((printed.quantity.as_str(), printed.unit_price.as_str()), ("1", "USD 19.00"));
    }
}
