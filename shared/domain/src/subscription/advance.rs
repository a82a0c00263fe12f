//! Fees in advance and fees that are charged once: as the first day of a period has them, and corrected when the period
//! closes.
//!
//! Invariants: a period is opened with the fees of its whole interval by the term on its first day, whatever is known
//! of the days behind it: only that day is sure, because a change that has not taken effect can be taken back. Each
//! later change is a credit for the rest of the old fee and a charge for the rest of the new one, each rounded once, so
//! that advance and corrections together are what each day costs by its own term. What is charged once is in `beginning`.

use super::{
    LinesError, Offered, Offers, Phase, Subscription, Term,
    beginning::{beginnings, opening_beginnings},
    charges::{add_day, name_add_on, share},
    period::Slot,
    stretch,
    term::{Item, term_on},
};
use crate::{
    calendar::{self, CalendarError},
    catalog::{Charge, PlanRef, Price, Timing},
    invoice::{Line, LineDetail},
    money::Currency,
    rating::{SeatSpan, Usage},
    text::Slug,
};
use jiff::civil::Date;

/// What stands behind the price's key in the key of a credit.
const CREDIT_SUFFIX: &str = ".credit";

/// One fee that a term charges in advance.
#[derive(Clone, Debug, PartialEq)]
struct Fee<'a> {
    plan: PlanRef,
    price: &'a Price,
    add_on: Option<&'a Slug>,
    plan_name: &'a str,
    /// Of seats, how many.
    seats: Option<u64>,
    currency: Currency,
}

/// The lines that open a period; none where its first day is not billed.
pub(super) fn advance(subscription: &Subscription, opened: &Slot, offers: &Offers) -> Result<Vec<Line>, LinesError> {
    let first_day = opened.period.first_day;
    let mut lines = Vec::new();
    let opening = opening_term(subscription, opened);
    for fee in fees(opening, offers)? {
        lines.extend(fee.line(first_day, opened)?);
    }
    for beginning in opening_beginnings(subscription, opened) {
        lines.extend(beginning.lines(offers)?);
    }
    Ok(lines)
}

/// The term on the first day of `opened`, as the run that opens it knows it: what is made later is a correction.
pub(super) fn opening_term<'a>(subscription: &'a Subscription, opened: &Slot) -> Option<&'a Term> {
    term_on(&subscription.timeline_of_run(opened.n), opened.period.first_day)
}

/// The lines that make good what was charged in advance for a period that closes.
pub(super) fn corrections(
    subscription: &Subscription,
    closed: &Slot,
    offers: &Offers,
) -> Result<Vec<Line>, LinesError> {
    let mut old = fees(opening_term(subscription, closed), offers)?;
    let mut lines = Vec::new();
    for part in stretch::parts(&subscription.timeline(), closed) {
        let new = fees(Some(part.term), offers)?;
        lines.extend(exchange(&old, &new, part.first_day, closed)?);
        old = new;
    }
    let charged = opening_beginnings(subscription, closed);
    for beginning in beginnings(&subscription.timeline()) {
        let within = closed.period.first_day <= beginning.day && beginning.day < closed.period.end_day;
        if within && !charged.iter().any(|known| known.is_that_of(&beginning)) {
            for mut line in beginning.lines(offers)? {
                add_day(&mut line, beginning.day);
                lines.push(line);
            }
        }
    }
    if closed.period.end_day < closed.whole.end_day {
        lines.extend(exchange(&old, &[], closed.period.end_day, closed)?);
    }
    Ok(lines)
}

/// Credits the rest of the old fees from `day` on, and charges the rest of the new ones.
fn exchange(old: &[Fee<'_>], new: &[Fee<'_>], day: Date, closed: &Slot) -> Result<Vec<Line>, LinesError> {
    let mut lines = Vec::new();
    for fee in old.iter().filter(|fee| !new.iter().any(|other| fee.costs_the_same(other))) {
        if let Some(mut line) = fee.line(day, closed)? {
            credit(&mut line);
            lines.push(line);
        }
    }
    for fee in new.iter().filter(|fee| !old.iter().any(|other| fee.costs_the_same(other))) {
        lines.extend(fee.line(day, closed)?);
    }
    // Said even where they are those of the invoice: a later cut of the period must not change the line.
    let last_day = closed.whole.end_day.yesterday().map_err(|_| CalendarError)?;
    for line in &mut lines {
        add_day(line, day);
        line.days = Some((day, last_day));
    }
    Ok(lines)
}

/// What `term` charges in advance.
fn fees<'a>(term: Option<&'a Term>, offers: &'a Offers) -> Result<Vec<Fee<'a>>, LinesError> {
    let Some(term) = term else { return Ok(Vec::new()) };
    match term.phase {
        Phase::Active => {}
        Phase::Trial | Phase::Paused { .. } | Phase::Ended => return Ok(Vec::new()),
    }
    let mut fees = Vec::new();
    for item in term.items() {
        let Item { add_on, plan, .. } = item;
        let Offered { plan_name, offer } = offers.named(plan, term.offer)?;
        for price in &offer.prices {
            let seats = match price.charge() {
                Charge::Flat { timing: Timing::InAdvance, .. } => None,
                Charge::Seats { timing: Timing::InAdvance, .. } => Some(item.seats_of(price.key())),
                Charge::Flat { timing: Timing::InArrears, .. }
                | Charge::Seats { timing: Timing::InArrears, .. }
                | Charge::OneTime { .. }
                | Charge::Usage(_) => continue,
            };
            fees.push(Fee { plan, price, add_on, plan_name, seats, currency: term.offer.currency });
        }
    }
    Ok(fees)
}

impl Fee<'_> {
    /// Whether the other is the same price, of whichever plan or of the same add-on, at the same amount and quantity.
    fn costs_the_same(&self, other: &Self) -> bool {
        (self.add_on, self.price.key()) == (other.add_on, other.price.key())
            && self.price.charge() == other.price.charge()
            && self.seats == other.seats
    }

    /// The fee from `day` to the end of the interval of `slot`; `None` if that is nothing.
    fn line(&self, day: Date, slot: &Slot) -> Result<Option<Line>, LinesError> {
        let days = calendar::days(day, slot.whole.end_day)?;
        let usage = match self.seats {
            None => Usage::Nothing,
            Some(seats) => Usage::Seats(vec![SeatSpan { seats, days }]),
        };
        let share = share(days, slot.period.full_days)?;
        let lines = Line::of_price(self.plan, self.price, &usage, share, self.currency)?;
        // A fee has no floor, so that it comes to one line.
        let mut lines = lines.into_iter().filter(|line| !line.exact.is_zero());
        Ok(lines.next().map(|mut line| {
            name_add_on(&mut line, self.add_on, self.plan_name);
            line
        }))
    }
}

/// Turns a charge into its credit: rounding is symmetric, so that it takes off what the charge would have put on.
fn credit(line: &mut Line) {
    line.key.push_str(CREDIT_SUFFIX);
    line.exact = -line.exact;
    line.amount.amount_minor = -line.amount.amount_minor;
    match &mut line.detail {
        LineDetail::Seats { sub_lines, .. } => {
            for part in sub_lines {
                part.unit_price = -part.unit_price;
                part.amount = -part.amount;
            }
        }
        LineDetail::Fee { .. }
        | LineDetail::Usage { .. }
        | LineDetail::Adjustment { .. }
        | LineDetail::OneOff { .. }
        | LineDetail::TrueUp { .. } => {}
    }
}
