//! What a period costs: the plan version and the counters become lines. What coupons, taxes and credits make of them is
//! `Statement::assemble`.

use cloud::{Fault, World};
use domain::{
    calendar::Period,
    catalog::{Charge, Price, UsageCharge},
    invoice::{Line, Notes, Statement, SubscriptionRun, TaxTreatment},
    money::Money,
    rating::{DayShare, Feed, Usage},
    subscription::{self, Subscription},
};
use std::fmt::Display;

/// The lines of the invoice of period `n`, and who and what they are for.
pub(crate) async fn of_period(world: &World, subscription: &Subscription, n: u32) -> Result<Statement, Fault> {
    let plan = world.plan_version(subscription.plan).await?;
    let plan = plan.ok_or_else(|| impossible("the plan version does not exist"))?;
    let billing_period = subscription.calendar().period(n).map_err(impossible)?;
    let last_day = billing_period.end_day.yesterday().map_err(impossible)?;
    let days = DayShare::new(billing_period.active_days, billing_period.full_days);
    let days = days.ok_or_else(|| impossible("the period has more days than its interval"))?;
    let currency = plan.base_fee.currency;
    let mut lines = Vec::with_capacity(plan.prices.len() + 1);
    if plan.base_fee.amount_minor > 0 {
        lines.push(Line::base_fee(subscription.plan, &plan.name, plan.base_fee, &billing_period).map_err(impossible)?);
    }
    for price in &plan.prices {
        let usage = usage(world, subscription, price, billing_period.period).await?;
        lines.extend(Line::of_price(subscription.plan, price, &usage, days, currency).map_err(impossible)?);
    }
    Ok(Statement {
        id: subscription::invoice_id(subscription.id, n),
        tenant_id: subscription.tenant_id,
        subscription: Some(SubscriptionRun { id: subscription.id, plan: subscription.plan, run: Some(n + 1) }),
        period: billing_period.period,
        days: (billing_period.first_day, last_day),
        lines,
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: Money::zero(currency),
        notes: Notes::default(),
    })
}

/// What `price` is rated for.
async fn usage(world: &World, subscription: &Subscription, price: &Price, period: Period) -> Result<Usage, Fault> {
    match price.charge() {
        Charge::Flat { .. } => Ok(Usage::Nothing),
        // No subscription has seats; publishing refuses a plan that charges for them.
        Charge::Seats { .. } => Ok(Usage::Seats(Vec::new())),
        Charge::Usage(charge) => counted(world, subscription, charge, period).await,
    }
}

/// What the charge's meter has counted in the period, as the charge needs it.
async fn counted(
    world: &World,
    subscription: &Subscription,
    charge: &UsageCharge,
    period: Period,
) -> Result<Usage, Fault> {
    let meter = world.meter(charge.meter()).await?;
    let meter = meter.ok_or_else(|| impossible(format!("the meter {} does not exist", charge.meter())))?;
    let feed = Feed::of(charge, &meter).map_err(impossible)?;
    let counters = world.store(subscription.tenant_id).counters(&meter, period).await?;
    feed.usage(&meter, counters, period).map_err(impossible)
}

fn impossible(error: impl Display) -> Fault {
    Fault::permanent("compute invoice", error.to_string())
}
