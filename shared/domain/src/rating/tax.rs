//! Tax on the net of each line: grouped by rate, rounded once per rate, spread over the lines (RATING.md).
//!
//! Invariants: the lines of a rate add up to its printed tax; net and tax add up to gross; a credit note of the same
//! lines mirrors its invoice. Which rule applies where is decided by [`rule_for`]; the most specific one wins.

use super::{AmountOutOfRange, split::Shares};
use crate::catalog::Percent;
use std::collections::BTreeMap;

/// Whether the amount of a line has its tax inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaxBehaviour {
    /// Tax is added to it.
    Exclusive,
    /// It is the gross.
    Inclusive,
}

/// A line as tax sees it: what is left of it after coupons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxableLine {
    /// Minor units; negative for a credit.
    pub amount_minor: i64,
    /// Its rate; `None` if it is not taxed.
    pub rate: Option<Percent>,
    /// Whether the tax is inside.
    pub behaviour: TaxBehaviour,
}

/// What a line comes to; `net + tax = gross`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxedLine {
    /// Without tax, minor units.
    pub net_minor: i64,
    /// Its tax, minor units.
    pub tax_minor: i64,
    /// With tax, minor units.
    pub gross_minor: i64,
}

/// One row of the printed tax table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxOfRate {
    /// The rate.
    pub rate: Percent,
    /// What it is charged on, minor units.
    pub net_minor: i64,
    /// The tax, minor units.
    pub tax_minor: i64,
}

/// The taxes of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taxes {
    /// In the order of the lines.
    pub lines: Vec<TaxedLine>,
    /// One row a rate, the lowest first.
    pub rates: Vec<TaxOfRate>,
    /// All tax, minor units.
    pub tax_minor: i64,
    /// All lines with their tax, minor units.
    pub gross_minor: i64,
}

/// Taxes `lines`.
///
/// Lines with the tax inside and lines without are rounded apart, even at the same rate: they are no sum that anybody
/// could check.
pub fn apply(lines: &[TaxableLine]) -> Result<Taxes, AmountOutOfRange> {
    let mut groups: BTreeMap<(Percent, bool), Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(rate) = line.rate {
            groups.entry((rate, line.behaviour == TaxBehaviour::Inclusive)).or_default().push(index);
        }
    }
    let mut taxes = vec![0; lines.len()];
    for ((rate, inclusive), members) in &groups {
        let parts = tax_of(*rate, *inclusive, members.iter().map(|&index| lines[index].amount_minor))?;
        for (&index, part) in members.iter().zip(parts) {
            taxes[index] = part;
        }
    }
    let taxed: Vec<TaxedLine> = lines.iter().zip(&taxes).map(taxed).collect::<Result<_, _>>()?;
    Ok(Taxes {
        rates: rates(lines, &taxed)?,
        tax_minor: sum(taxed.iter().map(|line| line.tax_minor))?,
        gross_minor: sum(taxed.iter().map(|line| line.gross_minor))?,
        lines: taxed,
    })
}

/// The tax of each line of one rate; together they are rounded once.
fn tax_of(rate: Percent, inclusive: bool, amounts: impl Iterator<Item = i64>) -> Result<Vec<i64>, AmountOutOfRange> {
    let (part, hundred) = rate.ratio();
    // 20 % inside of 120 is 20: 120 × 20 ÷ (100 + 20).
    let denominator = if inclusive { hundred + part } else { hundred };
    // Below 2^63 times at most 10^10: far inside the range.
    let shares = Shares::new(amounts.map(|amount| i128::from(amount) * part).collect(), denominator);
    let parts = shares.ok_or(AmountOutOfRange)?.parts()?;
    parts.into_iter().map(|part| i64::try_from(part).map_err(|_| AmountOutOfRange)).collect()
}

fn taxed((line, tax): (&TaxableLine, &i64)) -> Result<TaxedLine, AmountOutOfRange> {
    let tax_minor = *tax;
    let (net, gross) = match line.behaviour {
        TaxBehaviour::Exclusive => (Some(line.amount_minor), line.amount_minor.checked_add(tax_minor)),
        TaxBehaviour::Inclusive => (line.amount_minor.checked_sub(tax_minor), Some(line.amount_minor)),
    };
    let (net_minor, gross_minor) = net.zip(gross).ok_or(AmountOutOfRange)?;
    Ok(TaxedLine { net_minor, tax_minor, gross_minor })
}

fn rates(lines: &[TaxableLine], taxed: &[TaxedLine]) -> Result<Vec<TaxOfRate>, AmountOutOfRange> {
    let mut rates: BTreeMap<Percent, (i64, i64)> = BTreeMap::new();
    for (line, taxed) in lines.iter().zip(taxed) {
        if let Some(rate) = line.rate {
            let (net, tax) = rates.entry(rate).or_default();
            *net = sum([*net, taxed.net_minor])?;
            *tax = sum([*tax, taxed.tax_minor])?;
        }
    }
    let row = |(rate, (net_minor, tax_minor))| TaxOfRate { rate, net_minor, tax_minor };
    Ok(rates.into_iter().map(row).collect())
}

fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64, AmountOutOfRange> {
    amounts.into_iter().try_fold(0_i64, i64::checked_add).ok_or(AmountOutOfRange)
}

/// A tax rate and where it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRule {
    /// ISO 3166-1 code; `None` for everywhere.
    pub country: Option<String>,
    /// The part of the country after the hyphen of ISO 3166-2, such as `CA` of `US-CA`; `None` for all of it.
    pub region: Option<String>,
    /// The rate.
    pub rate: Percent,
}

/// The rule for a customer in `country` and `region`: the one that names most of it, of equal ones the first.
#[must_use]
pub fn rule_for<'a>(rules: &'a [TaxRule], country: &str, region: Option<&str>) -> Option<&'a TaxRule> {
    rule_position(rules, country, region).map(|position| &rules[position])
}

/// Where in `rules` the rule of [`rule_for`] is.
#[must_use]
pub fn rule_position(rules: &[TaxRule], country: &str, region: Option<&str>) -> Option<usize> {
    let rank = |rule: &TaxRule| match (rule.country.as_deref(), rule.region.as_deref()) {
        (Some(named), Some(part)) => (named == country && Some(part) == region).then_some(2),
        (Some(named), None) => (named == country).then_some(1),
        (None, None) => Some(0),
        // A region without its country could be anywhere.
        (None, Some(_)) => None,
    };
    let matching = rules.iter().enumerate().filter_map(|(position, rule)| rank(rule).map(|rank| (rank, position)));
    // The last of equal maxima wins, so the search goes backwards.
    matching.rev().max_by_key(|(rank, _)| *rank).map(|(_, position)| position)
}
