//! The rating alone: lines of counted usage, without any call, and how long the processor takes for them.

use super::{BenchError, Closing, Customer, cpu, customers};
use crate::platform::PlatformError;
use cloud::{
    World,
    billing::{self, Shelf},
};
use domain::{
    invoice::Line,
    subscription::{Counted, LinesError, Offers, Subscription, UsageKey},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The run that closes the month: run 0 has charged what is paid in advance.
const RUN: u32 = 1;

/// What the month comes to.
pub(super) struct Rated {
    /// In minor units, subscription by subscription.
    pub(super) totals: Vec<i64>,
    /// Processor time; the machine's, where the system does not tell it.
    pub(super) worked: Duration,
}

/// A subscription with everything that its lines need.
struct Ready {
    subscription: Subscription,
    usage: BTreeMap<UsageKey, Counted>,
}

/// Rates the month of every customer from the usage that was sent.
pub(super) async fn rate(world: &World, customers: &[Customer], plan: &Closing) -> Result<Rated, BenchError> {
    let shelf = Shelf::default();
    let mut offers = Offers::default();
    let mut ready = Vec::with_capacity(customers.len());
    for customer in customers {
        let store = world.store(customer.tenant_id);
        let subscription = store.subscription(customer.subscription_id).await.map_err(PlatformError::from)?;
        let Some(subscription) = subscription else { continue };
        let wanted = subscription.offers_wanted(RUN)?;
        offers.extend(billing::offers(world, &shelf, &wanted).await.map_err(PlatformError::from)?);
        let counted = |key: &UsageKey| Counted {
            usage: customers::usage(customer.tenant, plan.usage_hours, key.price.as_str()),
            evidence: None,
        };
        let usage = subscription.usage_wanted(RUN, &offers)?.into_iter();
        let usage = usage.map(|wanted| (wanted.key.clone(), counted(&wanted.key))).collect();
        ready.push(Ready { subscription, usage });
    }
    let (started, worked_before) = (Instant::now(), cpu::time());
    let totals = ready.iter().map(|ready| ready.total(&offers)).collect::<Result<_, _>>()?;
    let worked = cpu::time().zip(worked_before).map(|(now, before)| now.saturating_sub(before));
    Ok(Rated { totals, worked: worked.unwrap_or_else(|| started.elapsed()) })
}

impl Ready {
    fn total(&self, offers: &Offers) -> Result<i64, LinesError> {
        let lines: Vec<Line> = self.subscription.lines(RUN, offers, &self.usage)?;
        Ok(lines.iter().map(|line| line.amount.amount_minor).sum())
    }
}
