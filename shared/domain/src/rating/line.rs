//! From a price and usage to a line: the amount, rounded once, what is missing to a floor, and what is due of both.
//!
//! Invariants: `due = amount − what was billed`, for the line and for its true-up, so that the invoices of a period add
//! up to what one invoice would have said, however often and late they are written. The line and its true-up add up to
//! the rounded floor.

use super::{
    AmountOutOfRange, DayShare, EventValues, RatingError, Step, SubLine, Usage, arithmetic, flat,
    modifiers::{self, Exact},
    parts, proration, seats,
};
use crate::{
    catalog::{Charge, Price, PriceModel, SpendFloor},
    money::{Currency, Money},
};
use rust_decimal::Decimal;

/// Most windows of one line: the hours of a month, and some.
pub const WINDOWS_MAX: usize = 1_000;

/// How the period stands that usage is rated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodState {
    /// What is paid in.
    pub currency: Currency,
    /// Which part of the period is billed; usage is not prorated by it, fees and floors are.
    pub days: DayShare,
    /// Whether the period is over: only then is it known what is missing to a floor.
    pub closing: bool,
    /// What earlier invoices of the period charged by this price.
    pub billed: Option<Billed>,
}

/// What earlier invoices of a period charged by a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The quantity that was billed, in the units of the meter.
    pub quantity: Decimal,
    /// The lines together.
    pub amount: Money,
    /// Their true-ups together.
    pub true_up: Money,
}

impl PeriodState {
    /// A whole period that is over and of which nothing was billed.
    #[must_use]
    pub fn whole(currency: Currency) -> Self {
        Self { currency, days: DayShare::WHOLE, closing: true, billed: None }
    }
}

/// A rated line, and what explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// What was used in the period, in the units of the meter: units, value, amounts, or seats.
    pub quantity: Decimal,
    /// What of it was billed before.
    pub billed_quantity: Decimal,
    /// Units that were charged: converted, less the included ones.
    pub billable: Decimal,
    /// What the model charged, part by part.
    pub sub_lines: Vec<SubLine>,
    /// What each modifier did, in order.
    pub steps: Vec<Step>,
    /// The amount of the line in major units, exact.
    pub exact: Decimal,
    /// The same, rounded once.
    pub amount: Money,
    /// What of the line is to be paid now: the amount less what was billed; negative if usage was taken back.
    pub due: Money,
    /// What is missing to the floor, as a line of its own.
    pub true_up: Option<TrueUp>,
}

/// What is missing to a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrueUp {
    /// The floor, as the price says it for a whole period.
    pub floor: SpendFloor,
    /// What is missing, in major units, exact.
    pub exact: Decimal,
    /// What the line lacks to the rounded floor.
    pub amount: Money,
    /// What of it is to be paid now; negative if late usage has made up for it.
    pub due: Money,
}

impl Rated {
    /// All that is to be paid now.
    pub fn total_due(&self) -> Result<Money, RatingError> {
        match &self.true_up {
            Some(true_up) => Ok(self.due.checked_add(true_up.due)?),
            None => Ok(self.due),
        }
    }
}

/// Rates `usage` by `price`.
pub fn rate(price: &Price, usage: &Usage, period: &PeriodState) -> Result<Rated, RatingError> {
    close(price, exact(price, usage, period)?, period)
}

/// Rates each of `windows` by `price` afresh, with its own tiers, packages and modifiers, as one line.
///
/// For meters of which a maximum or a commitment counts by the hour or the day. A window without usage is one that the
/// caller sends; no window at all is rated as one without usage.
pub fn rate_windows(price: &Price, windows: &[Usage], period: &PeriodState) -> Result<Rated, RatingError> {
    if windows.len() > WINDOWS_MAX {
        return Err(RatingError::TooManyWindows);
    }
    let Some((first, rest)) = windows.split_first() else { return rate(price, &nothing_of(price), period) };
    let mut all = exact(price, first, period)?;
    for window in rest {
        join(&mut all, exact(price, window, period)?)?;
    }
    close(price, all, period)
}

/// No usage, in the form that the price needs.
fn nothing_of(price: &Price) -> Usage {
    match price.charge() {
        Charge::Flat { .. } | Charge::OneTime { .. } => Usage::Nothing,
        Charge::Seats { .. } => Usage::Seats(Vec::new()),
        Charge::Usage(usage) => match usage.model() {
            PriceModel::PerUnit { .. }
            | PriceModel::Graduated { .. }
            | PriceModel::Volume { .. }
            | PriceModel::Package(_) => Usage::Quantity(Decimal::ZERO),
            PriceModel::Percentage(_) | PriceModel::GraduatedPercentage { .. } => Usage::Events(EventValues::default()),
            PriceModel::Matrix(_) => Usage::Groups(Vec::new()),
            PriceModel::Dynamic { .. } => Usage::Amount(Decimal::ZERO),
        },
    }
}

fn exact(price: &Price, usage: &Usage, period: &PeriodState) -> Result<Exact, RatingError> {
    let sub_lines = match price.charge() {
        Charge::Usage(charge) => return modifiers::run(charge, usage, period),
        Charge::Seats { unit_price, .. } => seats::charge(*unit_price, usage, period.days)?,
        Charge::Flat { .. } | Charge::OneTime { .. } if *usage != Usage::Nothing => {
            return Err(RatingError::WrongUsage { model: "flat", needs: "no usage" });
        }
        Charge::Flat { amount, .. } => flat::charge(*amount, period.days)?,
        // One-time fees never prorate.
        Charge::OneTime { amount } => flat::charge(*amount, DayShare::WHOLE)?,
    };
    // The most seats at once; a fee is one.
    let quantity = sub_lines.iter().map(|part| part.quantity).max().unwrap_or(Decimal::ZERO);
    let amount = parts::total(&sub_lines)?.normalize();
    Ok(Exact { quantity, billable: quantity, sub_lines, steps: Vec::new(), amount, shortfall: Decimal::ZERO })
}

fn add(sum: &mut Decimal, more: Decimal) -> Result<(), AmountOutOfRange> {
    *sum = arithmetic::plus(*sum, more)?.normalize();
    Ok(())
}

/// Adds what another window of the same price came to.
fn join(all: &mut Exact, window: Exact) -> Result<(), AmountOutOfRange> {
    add(&mut all.quantity, window.quantity)?;
    add(&mut all.billable, window.billable)?;
    add(&mut all.amount, window.amount)?;
    add(&mut all.shortfall, window.shortfall)?;
    // Each window runs through the same stages.
    for (step, more) in all.steps.iter_mut().zip(&window.steps) {
        add(&mut step.before, more.before)?;
        add(&mut step.after, more.after)?;
    }
    for part in window.sub_lines {
        match all.sub_lines.iter_mut().find(|known| known.is_like(&part)) {
            Some(known) => known.merge(&part)?,
            None => all.sub_lines.push(part),
        }
    }
    Ok(())
}

/// Rounds once, and takes off what was billed.
fn close(price: &Price, exact: Exact, period: &PeriodState) -> Result<Rated, RatingError> {
    let zero = Money::zero(period.currency);
    let billed = period.billed.unwrap_or(Billed { quantity: Decimal::ZERO, amount: zero, true_up: zero });
    let amount = Money::rounded(exact.amount, period.currency)?;
    let less = |amount: Money, billed: Money| amount.checked_add(proration::negated(billed)?);
    Ok(Rated {
        due: less(amount, billed.amount)?,
        true_up: true_up(price, &exact, amount, billed.true_up)?,
        quantity: exact.quantity,
        billed_quantity: billed.quantity.normalize(),
        billable: exact.billable,
        sub_lines: exact.sub_lines,
        steps: exact.steps,
        exact: exact.amount,
        amount,
    })
}

/// The difference of two rounded amounts, so that the line and its true-up add up to the floor.
fn true_up(price: &Price, exact: &Exact, amount: Money, billed: Money) -> Result<Option<TrueUp>, RatingError> {
    let Charge::Usage(charge) = price.charge() else { return Ok(None) };
    let Some(floor) = charge.modifiers().floor else { return Ok(None) };
    let least = Money::rounded(arithmetic::plus(exact.amount, exact.shortfall)?, amount.currency)?;
    let missing = least.checked_add(proration::negated(amount)?)?;
    let due = missing.checked_add(proration::negated(billed)?)?;
    let nothing = missing.amount_minor == 0 && due.amount_minor == 0;
    Ok((!nothing).then_some(TrueUp { floor, exact: exact.shortfall, amount: missing, due }))
}
