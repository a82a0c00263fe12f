//! What a run charges: the arrears of the period it closes, corrections of its advance, and the advance of the next.
//!
//! Invariants: the same terms, offers and usage give the same lines, also when a run is computed again after later
//! changes; no two lines of a run have the same key. The key of a price is plain in a stretch from the first day of the
//! closed period on; a later stretch has its first day behind it, as has the advance of a price that such a stretch
//! charged in arrears. The key of an add-on's line has its slug and a colon before it.

use super::{
    LinesError, Offers, Subscription, Term, advance,
    period::Slot,
    stretch::{self, Stretch},
};
use crate::{
    calendar::{BillingPeriod, CalendarError, Period},
    catalog::{Charge, Offer, OfferKey, PlanRef, Price, Timing},
    invoice::{Evidence, Line, LineDetail},
    money::Currency,
    rating::{DayShare, RatingError, Usage},
    text::Slug,
};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// What stands between the slug of an add-on and the key of its price: no slug has it.
const ADD_ON_SEPARATOR: char = ':';

/// Tells the usages of a closed period apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageKey {
    /// First day of the days in a row with one plan and offer.
    pub first_day: Date,
    /// The add-on that has the price; `None` for the plan.
    pub add_on: Option<Slug>,
    /// The price's key.
    pub price: Slug,
}

/// Usage that a run needs for its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageWanted {
    /// Which of the usages it is.
    pub key: UsageKey,
    /// The version of the plan or add-on that has the price.
    pub plan: PlanRef,
    /// The offer that has the price.
    pub offer: OfferKey,
    /// The instants that are charged, in order; together they are one usage. Never none.
    pub spans: Vec<Period>,
}

/// Usage as it was counted, and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How much, in the form that the price's model needs.
    pub usage: Usage,
    /// What of the usage log stands behind it.
    pub evidence: Option<Evidence>,
}

/// The lines of a run, by why they are charged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RunLines {
    pub(super) arrears: Vec<Line>,
    pub(super) corrections: Vec<Line>,
    pub(super) advance: Vec<Line>,
}

impl RunLines {
    pub(super) fn all(self) -> Vec<Line> {
        self.arrears.into_iter().chain(self.corrections).chain(self.advance).collect()
    }
}

impl Subscription {
    /// The offers that the lines of `run` name, each once.
    pub fn offers_wanted(&self, run: u32) -> Result<Vec<(PlanRef, OfferKey)>, LinesError> {
        let timeline = self.timeline();
        let mut terms = Vec::new();
        if let Some(closed) = self.closed(run)? {
            terms.extend(advance::opening_term(self, &closed));
            terms.extend(stretch::parts(&timeline, &closed).iter().map(|part| part.term));
        }
        if let Some(opened) = self.slot(run)? {
            terms.extend(advance::opening_term(self, &opened));
        }
        let mut wanted = Vec::new();
        for offer in terms.into_iter().flat_map(Term::offers) {
            if !wanted.contains(&offer) {
                wanted.push(offer);
            }
        }
        Ok(wanted)
    }

    /// The usage that the lines of `run` need.
    pub fn usage_wanted(&self, run: u32, offers: &Offers) -> Result<Vec<UsageWanted>, LinesError> {
        let mut wanted = Vec::new();
        let timeline = self.timeline();
        let Some(closed) = self.closed(run)? else { return Ok(wanted) };
        let Some(first) = timeline.first() else { return Ok(wanted) };
        let calendar = self.calendar_from(first);
        for stretch in stretch::stretches(&timeline, &closed) {
            for price in &offers.named(stretch.plan, stretch.offer)?.offer.prices {
                let Charge::Usage(charge) = price.charge() else { continue };
                let spans = stretch.usage_spans(charge.is_charged_in_trial(), &calendar)?;
                if !spans.is_empty() {
                    let key = stretch.usage_key(price);
                    wanted.push(UsageWanted { key, plan: stretch.plan, offer: stretch.offer, spans });
                }
            }
        }
        Ok(wanted)
    }

    /// The lines of `run`, in printed order; none if it neither closes nor opens a period.
    pub fn lines(
        &self,
        run: u32,
        offers: &Offers,
        usage: &BTreeMap<UsageKey, Counted>,
    ) -> Result<Vec<Line>, LinesError> {
        Ok(self.run_lines(run, offers, Some(usage))?.all())
    }

    /// The same, by why they are charged; without `usage`, those of fees.
    pub(super) fn run_lines(
        &self,
        run: u32,
        offers: &Offers,
        usage: Option<&BTreeMap<UsageKey, Counted>>,
    ) -> Result<RunLines, LinesError> {
        let mut lines = RunLines::default();
        let timeline = self.timeline();
        let closed = self.closed(run)?;
        let mut plain_keys = BTreeSet::new();
        if let Some(closed) = &closed {
            for stretch in stretch::stretches(&timeline, closed) {
                if stretch.first_day == closed.period.first_day {
                    let offer = &offers.named(stretch.plan, stretch.offer)?.offer;
                    plain_keys.extend(keys_in_arrears(offer).map(|key| line_key(stretch.add_on, key.as_str())));
                }
                lines.arrears.extend(arrears(&stretch, closed, offers, usage)?);
            }
            lines.corrections = advance::corrections(self, closed, offers)?;
        }
        if let Some(opened) = self.slot(run)? {
            // Of run 0 it is the whole interval that the invoice says.
            let invoiced = closed.map_or(opened.whole, |closed| closed.period);
            let first_day = opened.period.first_day;
            for mut line in advance::advance(self, &opened, offers)? {
                if plain_keys.contains(&line.key) {
                    add_day(&mut line, first_day);
                }
                if line.days.is_none() {
                    line.days = days_unless_invoiced(first_day, opened.whole.end_day, &invoiced)?;
                }
                lines.advance.push(line);
            }
        }
        Ok(lines)
    }

    fn closed(&self, run: u32) -> Result<Option<Slot>, LinesError> {
        match run.checked_sub(1) {
            Some(n) => Ok(self.slot(n)?),
            None => Ok(None),
        }
    }
}

/// What a stretch of the closed period costs after it.
fn arrears(
    stretch: &Stretch<'_>,
    closed: &Slot,
    offers: &Offers,
    usage: Option<&BTreeMap<UsageKey, Counted>>,
) -> Result<Vec<Line>, LinesError> {
    let offered = offers.named(stretch.plan, stretch.offer)?;
    let full_days = closed.period.full_days;
    let active = share(stretch.active_days()?, full_days)?;
    let fee = offered.offer.base_fee;
    let mut lines = Vec::new();
    if active.active() > 0 && fee.amount_minor > 0 {
        lines.push(Line::base_fee(stretch.plan, &offered.plan_name, fee, active)?);
    }
    for price in &offered.offer.prices {
        let (days, counted) = match price.charge() {
            Charge::OneTime { .. }
            | Charge::Flat { timing: Timing::InAdvance, .. }
            | Charge::Seats { timing: Timing::InAdvance, .. } => continue,
            Charge::Flat { timing: Timing::InArrears, .. } => (active, plain(Usage::Nothing)),
            Charge::Seats { timing: Timing::InArrears, .. } => {
                (active, plain(Usage::Seats(stretch.seat_spans(price.key())?)))
            }
            Charge::Usage(charge) => {
                let Some(usage) = usage else { continue };
                let days = share(stretch.usage_days(charge.is_charged_in_trial())?, full_days)?;
                if days.active() == 0 {
                    continue;
                }
                (days, counted(usage, &stretch.usage_key(price))?)
            }
        };
        if days.active() > 0 {
            lines.extend(of_price(stretch.plan, price, &counted, days, fee.currency)?);
        }
    }
    for line in &mut lines {
        name_add_on(line, stretch.add_on, &offered.plan_name);
        if stretch.first_day != closed.period.first_day {
            add_day(line, stretch.first_day);
        }
        line.days = days_unless_invoiced(stretch.first_day, stretch.end_day, &closed.period)?;
    }
    Ok(lines)
}

fn plain(usage: Usage) -> Counted {
    Counted { usage, evidence: None }
}

impl Stretch<'_> {
    fn usage_key(&self, price: &Price) -> UsageKey {
        UsageKey { first_day: self.first_day, add_on: self.add_on.cloned(), price: price.key().clone() }
    }
}

fn counted(usage: &BTreeMap<UsageKey, Counted>, key: &UsageKey) -> Result<Counted, LinesError> {
    usage.get(key).cloned().ok_or_else(|| LinesError::MissingUsage(line_key(key.add_on.as_ref(), key.price.as_str())))
}

fn of_price(
    plan: PlanRef,
    price: &Price,
    counted: &Counted,
    days: DayShare,
    currency: Currency,
) -> Result<Vec<Line>, RatingError> {
    let mut lines = Line::of_price(plan, price, &counted.usage, days, currency)?;
    for line in &mut lines {
        match &mut line.detail {
            LineDetail::Usage { evidence, .. } => *evidence = counted.evidence,
            LineDetail::Fee { .. }
            | LineDetail::Seats { .. }
            | LineDetail::Adjustment { .. }
            | LineDetail::OneOff { .. }
            | LineDetail::TrueUp { .. } => {}
        }
    }
    Ok(lines)
}

/// The keys of what `offer` charges after its period.
fn keys_in_arrears(offer: &Offer) -> impl Iterator<Item = &Slug> {
    let in_arrears = |price: &&Price| match price.charge() {
        Charge::Flat { timing, .. } | Charge::Seats { timing, .. } => *timing == Timing::InArrears,
        Charge::OneTime { .. } => false,
        Charge::Usage(_) => true,
    };
    offer.prices.iter().filter(in_arrears).map(Price::key)
}

/// `active` of `full` days; a period that is cut has fewer than its interval, and none has more.
pub(super) fn share(active: u32, full: u32) -> Result<DayShare, LinesError> {
    Ok(DayShare::new(active, full).ok_or(RatingError::TooManyDays)?)
}

/// The key of a line of the plan or of an add-on, where the price alone has `key`.
fn line_key(add_on: Option<&Slug>, key: &str) -> String {
    match add_on {
        None => key.to_owned(),
        Some(slug) => format!("{slug}{ADD_ON_SEPARATOR}{key}"),
    }
}

/// Puts the add-on before the key and, unless it is what is charged, before the price's name: its prices may be called as
/// those of the plan are.
pub(super) fn name_add_on(line: &mut Line, add_on: Option<&Slug>, name: &str) {
    if add_on.is_some() {
        rename(line, |key| line_key(add_on, key));
        if line.source.as_ref().is_some_and(|source| source.price.is_some()) {
            line.description = format!("{name} – {}", line.description);
        }
    }
}

/// Puts the first day behind the key, where the plain key may come twice.
pub(super) fn add_day(line: &mut Line, day: Date) {
    rename(line, |key| format!("{key}@{day}"));
}

fn rename(line: &mut Line, new: impl Fn(&str) -> String) {
    line.key = new(&line.key);
    match &mut line.detail {
        LineDetail::TrueUp { of, .. } => *of = new(of),
        LineDetail::Fee { .. }
        | LineDetail::Usage { .. }
        | LineDetail::Seats { .. }
        | LineDetail::Adjustment { .. }
        | LineDetail::OneOff { .. } => {}
    }
}

/// The first and the last day, unless they are those that the invoice says.
pub(super) fn days_unless_invoiced(
    first_day: Date,
    end_day: Date,
    invoiced: &BillingPeriod,
) -> Result<Option<(Date, Date)>, LinesError> {
    if (first_day, end_day) == (invoiced.first_day, invoiced.end_day) {
        return Ok(None);
    }
    let last_day = end_day.yesterday().map_err(|_| CalendarError)?;
    Ok(Some((first_day, last_day)))
}
