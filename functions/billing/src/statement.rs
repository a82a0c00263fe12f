//! What a period costs: the plan version and the counters become lines.

use cloud::{Fault, World};
use domain::{
    Decimal,
    calendar::Period,
    catalog::{PlanVersion, Price},
    invoice::{Draft, Line, Statement},
    money::Money,
    subscription::{self, Subscription},
    usage::window,
};

/// The draft of the invoice of period `n`.
pub(crate) async fn draft(world: &World, subscription: &Subscription, n: u32) -> Result<Draft, Fault> {
    let impossible = |error: &dyn std::fmt::Display| Fault::permanent("compute invoice", error.to_string());
    let plan = world.plan_version(subscription.plan).await?;
    let plan = plan.ok_or_else(|| impossible(&"the plan version does not exist"))?;
    let billing_period = subscription.calendar().period(n).map_err(|error| impossible(&error))?;
    let last_day = billing_period.end_day.yesterday().map_err(|error| impossible(&error))?;
    let mut lines = Vec::with_capacity(plan.prices.len() + 1);
    if plan.base_fee.amount_minor > 0 {
        lines.push(Line::base_fee(&plan.name, plan.base_fee, &billing_period).map_err(|error| impossible(&error))?);
    }
    for price in &plan.prices {
        let quantity = used(world, subscription, price, billing_period.period).await?;
        lines.push(usage_line(&plan, price, quantity).map_err(|error| impossible(&error))?);
    }
    let statement = Statement {
        id: subscription::invoice_id(subscription.id, n),
        tenant_id: subscription.tenant_id,
        subscription_id: subscription.id,
        plan: subscription.plan,
        period: billing_period.period,
        days: (billing_period.first_day, last_day),
        lines,
        total: Money::zero(plan.base_fee.currency),
    };
    Draft::new(statement).map_err(|error| impossible(&error))
}

fn usage_line(plan: &PlanVersion, price: &Price, quantity: Decimal) -> Result<Line, domain::rating::AmountOutOfRange> {
    Line::usage(price, quantity, plan.base_fee.currency)
}

async fn used(world: &World, subscription: &Subscription, price: &Price, period: Period) -> Result<Decimal, Fault> {
    let missing = || Fault::permanent("compute invoice", format!("the meter {} does not exist", price.meter));
    let meter = world.meter(&price.meter).await?.ok_or_else(missing)?;
    let counters = world.store(subscription.tenant_id).counters(&meter, period).await?;
    let total = window::total(counters, period).map_err(|error| Fault::permanent("compute invoice", error))?;
    // Changes may come to less than nothing; nobody is billed less than nothing for using.
    Ok(total.max(Decimal::ZERO))
}
