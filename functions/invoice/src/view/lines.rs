//! A line of an invoice as its PDF says it: what was used, what each part of it cost, and what the modifiers did.
//!
//! Invariant: the rows below a line add up to its exact amount: the sub-lines, then what each modifier took off or put
//! on. Modifiers of the quantity come before the price, and stand beside the line instead.

use super::{Numbers, language::Language};
use crate::pdf::{Line, Tier};
use domain::{
    Decimal,
    catalog::{BASE_FEE_KEY, Rounding, SpendFloor},
    invoice::{self, LineDetail},
    rating::{Basis, Modifier, Step, SubLine},
};

/// Between what is said in the quiet line below a description.
const BETWEEN_DETAILS: &str = " · ";
/// White space at which no line ends.
const NO_BREAK_SPACE: &str = "\u{a0}";
/// What a line's key has behind the price's, where the price comes twice.
const DAY_MARK: char = '@';

/// The line as printed.
pub(super) fn line(line: &invoice::Line, language: &Language, numbers: &Numbers) -> Line {
    let printed = explained(line, language, numbers);
    // What is said about days wraps as a whole.
    let days = line.days.map(|days| language.dates.days(days).replace(' ', NO_BREAK_SPACE));
    let details: Vec<String> = printed.detail.into_iter().chain(days).collect();
    let detail = (!details.is_empty()).then(|| details.join(BETWEEN_DETAILS));
    Line { detail, ..printed }
}

/// The line with what explains its amount.
fn explained(line: &invoice::Line, language: &Language, numbers: &Numbers) -> Line {
    let (texts, figures) = (&language.texts.line, language.figures);
    let amount = figures.money(line.amount);
    let printed = Line { description: line.description.clone(), amount, ..Line::default() };
    let rows = |sub_lines: &[SubLine]| sub_lines.iter().map(|part| row(part, language)).collect();
    match &line.detail {
        LineDetail::Fee { active_days, full_days } => Line {
            quantity: "1".to_owned(),
            unit_price: figures.money(line.amount),
            detail: Some(in_days(fee_name(line, language), (*active_days, *full_days), language)),
            ..printed
        },
        LineDetail::Usage { quantity, sub_lines, steps, .. } => {
            let amounts: Vec<Tier> = steps.iter().filter_map(|step| amount_row(step, language)).collect();
            let detail = quantity_words(steps, language);
            let line = Line { quantity: figures.decimal(*quantity), detail, ..printed };
            match sub_lines.as_slice() {
                [only] if is_plain(only) && amounts.is_empty() => {
                    Line { unit_price: figures.decimal(only.unit_price), ..line }
                }
                _ => Line { tiers: sub_lines.iter().map(|part| row(part, language)).chain(amounts).collect(), ..line },
            }
        }
        LineDetail::Seats { quantity, sub_lines } => {
            Line { quantity: figures.decimal(*quantity), tiers: rows(sub_lines), ..printed }
        }
        LineDetail::Adjustment { of, line: _, quantity_before, quantity_after } => {
            let number = numbers.get(of).map_or_else(|| of.to_string(), ToString::to_string);
            let more = *quantity_after - *quantity_before;
            // What is missing to a minimum has no quantity, and neither has what changed of it.
            let has_none = quantity_before.is_zero() && more.is_zero();
            let before = (!has_none).then(|| (texts.billed_so_far)(&figures.decimal(*quantity_before)));
            let detail: Vec<String> = [(texts.adjusts)(&number)].into_iter().chain(before).collect();
            Line {
                quantity: if more.is_zero() { String::new() } else { figures.decimal(more) },
                detail: Some(detail.join(BETWEEN_DETAILS)),
                ..printed
            }
        }
        LineDetail::OneOff { quantity, unit_price } => {
            Line { quantity: figures.decimal(*quantity), unit_price: figures.decimal(*unit_price), ..printed }
        }
        LineDetail::TrueUp { floor, active_days, full_days, .. } => {
            let amount = figures.decimal(floor.amount().value());
            let floor = match floor {
                SpendFloor::Minimum(_) => (texts.missing_to_minimum)(&amount),
                SpendFloor::Commitment { .. } => (texts.missing_to_commitment)(&amount),
            };
            Line { detail: Some(in_days(&floor, (*active_days, *full_days), language)), ..printed }
        }
    }
}

fn fee_name(line: &invoice::Line, language: &Language) -> &'static str {
    let texts = &language.texts.line;
    let key = line.key.split(DAY_MARK).next().unwrap_or_default();
    match line.amount.amount_minor {
        ..0 => texts.credit,
        _ if key == BASE_FEE_KEY => texts.base_fee,
        _ => texts.fee,
    }
}

fn in_days(text: &str, (active, full): (u32, u32), language: &Language) -> String {
    if active == full {
        return text.to_owned();
    }
    (language.texts.line.some_days)(text, &active.to_string(), &full.to_string())
}

/// Whether the one unit price beside the line says all of it.
fn is_plain(part: &SubLine) -> bool {
    let is_whole = part.basis.bounds().is_some_and(|(from, up_to)| from.is_zero() && up_to.is_none());
    is_whole && part.flat_fee.is_zero()
}

fn row(part: &SubLine, language: &Language) -> Tier {
    let figures = language.figures;
    let description = basis(&part.basis, language);
    let description = match part.flat_fee.is_zero() {
        true => description,
        false => (language.texts.line.plus_flat)(&description, &figures.decimal(part.flat_fee)),
    };
    Tier {
        description,
        quantity: figures.decimal(part.quantity),
        unit_price: match &part.basis {
            Basis::Value => figures.percent(part.unit_price * Decimal::ONE_HUNDRED),
            Basis::Units
            | Basis::Tier { .. }
            | Basis::Packages { .. }
            | Basis::Cell { .. }
            | Basis::Events
            | Basis::EventsAtMinimum
            | Basis::EventsAtMaximum
            | Basis::Amounts
            | Basis::Fee { .. }
            | Basis::Seats { .. } => figures.decimal(part.unit_price),
        },
        amount: figures.exact(part.amount),
    }
}

fn basis(basis: &Basis, language: &Language) -> String {
    let texts = &language.texts.line;
    match basis {
        Basis::Units => texts.all_units.to_owned(),
        Basis::Tier { from, up_to } => bounds(*from, *up_to, language),
        Basis::Packages { size } => (texts.packages)(&language.figures.decimal(*size)),
        Basis::Cell { values } if values.is_empty() => texts.all_other_units.to_owned(),
        Basis::Cell { values } => {
            let named: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            named.join(", ")
        }
        Basis::Value => texts.value.to_owned(),
        Basis::Events => texts.events.to_owned(),
        Basis::EventsAtMinimum => texts.events_at_minimum.to_owned(),
        Basis::EventsAtMaximum => texts.events_at_maximum.to_owned(),
        Basis::Amounts => texts.amounts.to_owned(),
        Basis::Fee { active_days, full_days } => in_days(texts.fee, (*active_days, *full_days), language),
        Basis::Seats { active_days, full_days } => in_days(texts.seats, (*active_days, *full_days), language),
    }
}

fn bounds(from: Decimal, up_to: Option<Decimal>, language: &Language) -> String {
    let (texts, figures) = (&language.texts.line, language.figures);
    match up_to {
        Some(up_to) if from.is_zero() => (texts.first_units)(&figures.decimal(up_to)),
        Some(up_to) => (texts.units_between)(&figures.decimal(from), &figures.decimal(up_to)),
        None if from.is_zero() => texts.all_units.to_owned(),
        None => (texts.units_over)(&figures.decimal(from)),
    }
}

/// What was done to the quantity before the price: `121 units of 10, rounded up · 1 included`.
fn quantity_words(steps: &[Step], language: &Language) -> Option<String> {
    let words: Vec<String> = steps.iter().filter_map(|step| quantity_step(step, language)).collect();
    (!words.is_empty()).then(|| words.join(BETWEEN_DETAILS))
}

fn quantity_step(step: &Step, language: &Language) -> Option<String> {
    let (texts, figures) = (&language.texts.line, language.figures);
    match step.modifier {
        Modifier::UnitConversion(conversion) => {
            let rounded = match conversion.rounding {
                Rounding::Up => texts.rounded_up,
                Rounding::Down => texts.rounded_down,
                Rounding::Nearest => texts.rounded_nearest,
            };
            Some(rounded(&figures.decimal(step.after), &figures.decimal(conversion.divisor.value())))
        }
        Modifier::Included(units) => Some((texts.included)(&figures.decimal(units))),
        Modifier::UsageDiscount(_) | Modifier::SpendMaximum(_) | Modifier::SpendFloor(_) => None,
    }
}

/// What was done to the amount after the price, if it did anything.
fn amount_row(step: &Step, language: &Language) -> Option<Tier> {
    let (texts, figures) = (&language.texts.line, language.figures);
    let description = match step.modifier {
        Modifier::UnitConversion(_) | Modifier::Included(_) => return None,
        Modifier::UsageDiscount(percent) => (texts.discount)(&figures.percent(percent)),
        Modifier::SpendMaximum(amount) => (texts.at_most)(&figures.decimal(amount)),
        Modifier::SpendFloor(SpendFloor::Minimum(_)) => return None,
        Modifier::SpendFloor(SpendFloor::Commitment { amount, overage_factor }) => {
            let (amount, factor) = (figures.decimal(amount.value()), figures.decimal(overage_factor.value()));
            (texts.beyond_commitment)(&amount, &factor)
        }
    };
    let change = step.after - step.before;
    (!change.is_zero()).then(|| Tier { description, amount: figures.exact(change), ..Tier::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        catalog::{PlanRef, Price, PriceShape},
        id::PlanId,
        locale::Locale,
        rating::{DayShare, GroupUsage, Usage},
    };
    use rstest::rstest;
    use std::num::NonZeroU32;

    const EN: Language = Language::of(Locale::En);

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
            let Line { quantity, unit_price, detail, amount, tiers, .. } = line(of, &EN, &Numbers::new());
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
        let printed = line(&fee, &EN, &Numbers::new());
        assert_eq!(printed.detail.as_deref(), Some(expect));
        assert_eq!((printed.quantity.as_str(), printed.unit_price.as_str()), ("1", "USD 19.00"));
    }
}
