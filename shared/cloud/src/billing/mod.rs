//! What a run of a subscription comes to: the terms, the offers that they name, and what was counted become a statement.
//!
//! The billing function makes runs of statements, the API shows what one would say, and makes one where it is asked to.
//! Invariants: the hours of a period are read once, and every price of a run is rated from that one reading; a run of which
//! the period had been billed is computed anew only to tell what to adjust.

mod counting;
mod facts;
mod issuing;
mod late;
mod offers;
mod run;

pub use issuing::{Regenerated, draft, issue, regenerate};
pub use offers::{Shelf, offers, offers_there_are};
pub use run::{Asked, Made, make};

use crate::{Fault, World};
use domain::{
    invoice::{Line, Notes, Statement, SubscriptionRun, TaxTreatment},
    money::Money,
    subscription::{self, Subscription},
};
use issuing::Issuing;
use std::fmt::Display;

/// What `run` of `subscription` charges, with what became of usage of the periods before it since they were billed, without discounts, taxes and credits; `None` if it neither closes nor opens a
/// period, or charges nothing at all.
pub async fn statement(
    world: &World,
    shelf: &Shelf,
    subscription: &Subscription,
    run: u32,
) -> Result<Option<Statement>, Fault> {
    let Some(period) = subscription.invoice_period(run).map_err(impossible)? else { return Ok(None) };
    let mut lines = lines(world, shelf, subscription, run).await?;
    lines.extend(late::adjustments(world, shelf, subscription, run, &lines).await?);
    if lines.is_empty() {
        return Ok(None);
    }
    let last_day = period.end_day.yesterday().map_err(impossible)?;
    let term = subscription.term_on(last_day).or(subscription.terms.first());
    let term = term.ok_or_else(|| impossible("a subscription has no term"))?;
    Ok(Some(Statement {
        id: subscription::run_invoice_id(subscription.id, run),
        tenant_id: subscription.tenant_id,
        subscription: Some(SubscriptionRun { id: subscription.id, plan: term.plan, run: Some(run) }),
        period: period.period,
        days: (period.first_day, last_day),
        lines,
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: Money::zero(term.offer.currency),
        notes: Notes::default(),
    }))
}

/// The lines of `run`, without adjustments of earlier ones.
async fn lines(world: &World, shelf: &Shelf, subscription: &Subscription, run: u32) -> Result<Vec<Line>, Fault> {
    let wanted = subscription.offers_wanted(run).map_err(impossible)?;
    let offers = offers(world, shelf, &wanted).await?;
    let wanted = subscription.usage_wanted(run, &offers).map_err(impossible)?;
    let usage = counting::count(world, shelf, subscription.tenant_id, &offers, wanted).await?;
    subscription.lines(run, &offers, &usage).map_err(impossible)
}

fn impossible(error: impl Display) -> Fault {
    Fault::permanent("compute invoice", error.to_string())
}
