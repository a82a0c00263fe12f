//! The tick: raises the watermark, asks for every run to be made that is due and of which everything is counted, and
//! publishes what a crash left behind.

use cloud::{Fault, World, store::across::Due};
use events::{BillingRequestedV2, Envelope, Message};

/// Runs that one tick asks for; the rest waits for the next tick. docs/PERFORMANCE.md has the arithmetic.
pub const TICK_REQUESTS_MAX: usize = 100_000;
/// Requests that are written before they are published: about 7 MB of the function's memory.
const REQUESTS_AT_ONCE: usize = 10_000;

/// Runs one tick. A repeat asks for the same runs under the same event ids, which bills nothing twice.
pub async fn tick(world: &World) -> Result<(), Fault> {
    let now = world.now();
    let swept = world.sweep_invoice_facts(now).await?;
    let complete_through = world.raise_watermark().await?.complete_through();
    let is_counted = |due: &Due| complete_through.is_some_and(|through| due.due_at <= through);
    let all = world.due_subscriptions(now).await?;
    let oldest = all.iter().map(Due::waits_since).min();
    let (mut due, waiting): (Vec<Due>, Vec<Due>) = all.into_iter().partition(is_counted);
    due.truncate(TICK_REQUESTS_MAX);
    let through = complete_through.map(tracing::field::display);
    tracing::info!(due = due.len(), waiting = waiting.len(), swept, complete_through = through, "tick");
    for (name, periods) in [("PeriodsDue", due.len()), ("PeriodsWaiting", waiting.len())] {
        world.metrics().count(&world.settings().stage, "billing", name, periods as u64, now);
    }
    if let Some(oldest) = oldest {
        let age = u64::try_from(now.duration_since(oldest).as_secs()).unwrap_or(0);
        world.metrics().count(&world.settings().stage, "billing", "OldestDueSeconds", age, now);
    }
    let mut outcome = Ok(());
    for some in due.chunks(REQUESTS_AT_ONCE) {
        let requests = some.iter().map(|due| request(world, due)).collect::<Result<Vec<Message>, Fault>>()?;
        // What could not be published holds back nothing else: the next tick asks for it again.
        outcome = outcome.and(world.publish_many(&requests).await);
    }
    outcome
}

fn request(world: &World, due: &Due) -> Result<Message, Fault> {
    let data = BillingRequestedV2 { subscription_id: due.subscription_id, due_at: due.due_at };
    let (subscription, due_at) = (due.subscription_id.to_string(), due.due_at.to_string());
    let reports = [subscription.as_str(), due_at.as_str()];
    Envelope::new("billing", due.tenant_id, world.now(), world.new_correlation_id(), &reports, data)
        .encode()
        .map_err(|error| Fault::permanent("encode event", error))
}
