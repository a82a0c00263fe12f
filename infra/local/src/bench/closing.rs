//! What closing a month takes: every subscription's draft and invoice, from the tick through the queue to the issue.
//!
//! *Measured* are the ticks and runs of the real billing function over the embedded AWS in memory, on a clock that
//! stands still between two ticks of the template's schedule; *modelled* is what AWS would bill for that, with an assumed
//! wait for each call; and the processor time of nothing but the rating is measured beside them. What prints invoices and
//! calls webhooks is left out. Invariant: no figure but that of the rating is given unless every subscription has its
//! invoice of the month, over the very total that was rated.

mod customers;
mod rating;

use super::{BenchError, Row, cpu, report};
use crate::{
    aws::{Storage, Totals},
    cost::Logged,
    platform::{Options, Platform, PlatformError},
    server::DOWNLOADS,
    stack::EventSource,
};
use cloud::{
    Clock, Metrics, Random,
    spend::{Amounts, Function, Prices, bill::Bill},
};
use customers::Customer;
use domain::{Decimal, subscription};
use jiff::{SignedDuration, Timestamp};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// The key of the platform, which lives in memory for as long as the bench takes.
const PLATFORM_KEY: &str = "ml_live_closing";
/// When the subscriptions begin: 2026-06-01T09:00:00Z.
const START_SECOND: i64 = 1_780_304_400;
/// The first tick after their month: 2026-07-01T00:03:00Z.
const FIRST_TICK_SECOND: i64 = 1_782_864_180;
/// From one tick to the next, as the template has it.
const TICK: SignedDuration = SignedDuration::from_mins(15);
/// Longer than the watermark needs to be sure of an instant.
const COUNTED: SignedDuration = SignedDuration::from_mins(3);
/// Ticks before the month is called stuck: six close it, unless there is more than one tick asks for.
const TICKS_MAX: u32 = 48;
/// Deliveries of a queue at a time: one for each core that the targets are for.
const PUMPS: usize = 2;
/// Requests on their way at a time while everything is made.
const SENDERS: usize = 4;
/// What a function is assumed to wait for each of its calls of AWS.
const CALL_WAIT_MS: u64 = 10;
/// Processor time that the rating of 10,000 subscriptions with 10 prices may take.
const RATING_TARGET: &str = "< 1 s for 10,000 x 10";
/// Decimal places of dollars.
const PLACES: u32 = 7;

/// How much there is to close.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// Subscriptions, all of one plan with ten prices.
    pub subscriptions: u64,
    /// How many of them one tenant has.
    pub per_tenant: u64,
    /// Hours of the month in which each tenant has usage.
    pub usage_hours: u32,
}

/// A platform on the eve of a month's end.
struct Month {
    platform: Arc<Platform>,
    customers: Vec<Customer>,
    billing: EventSource,
}

/// What the drafts, or the invoices, of all subscriptions took.
#[derive(Default)]
struct Pass {
    /// The longest tick that asked for runs.
    tick: Duration,
    took: Duration,
    worked: Option<Duration>,
    runs: u64,
    spent: Amounts,
    calls: u64,
}

/// Closes a month of `plan` and hands out each figure. `logged` collects what the functions log.
///
/// # Errors
/// If the platform fails, or an invoice is missing or over another total than was rated.
pub async fn closing(plan: &Closing, logged: Option<&Logged>, mut each: impl FnMut(&Row)) -> Result<(), BenchError> {
    let month = Month::open(plan).await?;
    let rated = rating::rate(month.platform.world(), &month.customers, plan).await?;
    let prices = customers::PRICES;
    each(&Row {
        figure: format!("rating of {} x {prices} prices, CPU", report::grouped(plan.subscriptions)),
        measured: report::milliseconds(rated.worked),
        target: RATING_TARGET.to_owned(),
    });
    let passes = month.close(logged).await?;
    for ((customer, total), place) in month.customers.iter().zip(&rated.totals).zip(1..) {
        month.check(customer, *total, place).await?;
    }
    let mut usd = Decimal::ZERO;
    for (what, pass) in ["draft", "issue"].into_iter().zip(&passes) {
        let bill = Bill::of(&pass.modelled(month.memory_mib()), Prices::list()).total_usd;
        usd += bill;
        for row in pass.rows(what, bill) {
            each(&row);
        }
    }
    let (each_usd, all) = (usd / Decimal::from(plan.subscriptions.max(1)), report::grouped(plan.subscriptions));
    each(&Row::of("$ to close a subscription's month", each_usd.round_dp(PLACES).to_string()));
    each(&Row::of(&format!("$ to close {all} subscriptions"), usd.round_dp(2).to_string()));
    Ok(())
}

impl Month {
    /// Makes the customers, bills what they pay in advance, and lets them use what they pay for afterwards.
    async fn open(plan: &Closing) -> Result<Self, BenchError> {
        let start = instant(START_SECOND);
        let platform = Arc::new(Platform::open(options(start)).await?);
        let customers = customers::set_up(&platform.router(), PLATFORM_KEY, plan).await?;
        let sources = &platform.stack().event_sources;
        let billing = sources.iter().find(|source| source.function == Function::Billing.name()).cloned();
        let billing = billing.ok_or_else(|| PlatformError::Restless("billing has no queue".to_owned()))?;
        let month = Self { platform, customers, billing };
        for ticks in 0..TICKS_MAX {
            month.turn_to(later(start, COUNTED, ticks));
            month.platform.tick().await?;
            if month.drain(&month.billing).await? == 0 && ticks > 1 {
                break;
            }
        }
        for hour in 1..=plan.usage_hours {
            // The 2nd of June and the days after it, at nine.
            let at = later(start, SignedDuration::from_hours(24), hour);
            month.turn_to(at);
            customers::send_usage(&month.platform.router(), PLATFORM_KEY, plan, hour, at).await?;
            for source in &month.platform.stack().event_sources {
                if source.function == Function::Usage.name() {
                    month.drain(source).await?;
                }
            }
        }
        Ok(month)
    }

    /// Ticks as the schedule does until every subscription has its draft, and then its invoice; answers both passes.
    async fn close(&self, logged: Option<&Logged>) -> Result<[Pass; 2], BenchError> {
        let all = self.customers.len() as u64;
        let mut passes = [Pass::default(), Pass::default()];
        self.platform.aws().meter().reset();
        if let Some(logged) = logged {
            logged.take_of(Function::Billing);
        }
        let mut made = 0;
        for ticks in 0..TICKS_MAX {
            if made >= 2 * all {
                return Ok(passes);
            }
            self.turn_to(later(instant(FIRST_TICK_SECOND), TICK, ticks));
            let (started, worked_before) = (Instant::now(), cpu::time());
            self.platform.tick().await?;
            let tick = started.elapsed();
            let runs = self.drain(&self.billing).await?;
            let worked = cpu::time().zip(worked_before).map(|(now, before)| now.saturating_sub(before));
            let totals = self.platform.aws().meter().reset();
            let log_bytes = logged.map_or(0, |logged| logged.take_of(Function::Billing));
            passes[usize::from(made >= all)].add(&totals, (tick, started.elapsed(), worked), runs, log_bytes);
            made += runs;
        }
        Err(PlatformError::Restless(format!("{made} runs were made of {} in {TICKS_MAX} ticks", 2 * all)).into())
    }

    /// Delivers a queue to its function until it is empty; answers how many messages that were.
    async fn drain(&self, source: &EventSource) -> Result<u64, BenchError> {
        let mut pumps = JoinSet::new();
        for _ in 0..PUMPS {
            let (platform, source) = (Arc::clone(&self.platform), source.clone());
            pumps.spawn(async move {
                let mut delivered = 0;
                loop {
                    match platform.deliver(&source, 0).await? {
                        0 => return Ok::<u64, PlatformError>(delivered),
                        messages => delivered += messages as u64,
                    }
                }
            });
        }
        let mut delivered = 0;
        while let Some(pump) = pumps.join_next().await {
            delivered += pump??;
        }
        Ok(delivered)
    }

    /// Holds the invoice of `customer`, the one at `place`, against what was rated.
    async fn check(&self, customer: &Customer, rated_minor: i64, place: usize) -> Result<(), BenchError> {
        let store = self.platform.world().store(customer.tenant_id);
        let id = subscription::run_invoice_id(customer.subscription_id, 1);
        let stored = store.invoice(id).await.map_err(PlatformError::from)?;
        let open = stored.as_ref().and_then(|stored| stored.invoice.issued());
        let invoiced_minor = open.map(|open| open.statement.total.amount_minor);
        if invoiced_minor == Some(rated_minor) {
            return Ok(());
        }
        Err(BenchError::Invoice { place, rated_minor, invoiced_minor })
    }

    fn turn_to(&self, at: Timestamp) {
        self.platform.world().clock().turn_to(at);
    }

    fn memory_mib(&self) -> u32 {
        self.platform.stack().functions.get(Function::Billing.name()).map_or(0, |function| function.memory_mib)
    }
}

impl Pass {
    /// Adds what a tick and its runs took: the tick alone, both, and the processor time of both.
    fn add(
        &mut self,
        totals: &Totals,
        (tick, took, worked): (Duration, Duration, Option<Duration>),
        runs: u64,
        log_bytes: u64,
    ) {
        if runs > 0 {
            self.tick = self.tick.max(tick);
        }
        self.took += took;
        self.worked = Some(self.worked.unwrap_or_default()).zip(worked).map(|(sum, more)| sum + more);
        self.runs += runs;
        self.spent += totals.of_function(Function::Billing);
        self.spent.log_bytes += log_bytes;
        self.calls += totals.requests_total();
    }

    /// What AWS would bill, with the assumed wait for each call, as if they were made one after the other.
    fn modelled(&self, memory_mib: u32) -> Amounts {
        let waited_ms = (self.spent.dynamo_requests + self.spent.sns_requests).saturating_mul(CALL_WAIT_MS);
        let waited = Amounts { lambda_mib_ms: waited_ms.saturating_mul(u64::from(memory_mib)), ..Amounts::default() };
        let mut modelled = self.spent;
        modelled += &waited;
        modelled
    }

    fn rows(&self, what: &str, usd: Decimal) -> [Row; 4] {
        let runs = self.runs.max(1);
        let (write_units, read_units) = (self.spent.write_units, self.spent.read_half_units / 2);
        let per_run = |amount: u64| (Decimal::from(amount) / Decimal::from(runs)).round_dp(1);
        let usd = (usd / Decimal::from(runs)).round_dp(PLACES);
        let (took, units) = (report::taken(self.runs, self.took, self.worked), "calls, write, read units");
        [
            Row::of(&format!("{what}: {} runs", report::grouped(self.runs)), took),
            Row::of(&format!("{what}: longest tick"), report::milliseconds(self.tick)),
            Row::of(
                &format!("{what}: {units} a run"),
                format!("{}, {}, {}", per_run(self.calls), per_run(write_units), per_run(read_units)),
            ),
            Row::of(&format!("{what}: $ a run"), usd.to_string()),
        ]
    }
}

fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// So many steps after `start`.
fn later(start: Timestamp, step: SignedDuration, steps: u32) -> Timestamp {
    let since = SignedDuration::from_secs(step.as_secs().saturating_mul(i64::from(steps)));
    start.saturating_add(since).unwrap_or(Timestamp::MAX)
}

fn options(start: Timestamp) -> Options {
    Options {
        storage: Storage::Memory,
        clock: Clock::fixed(start),
        random: Random::seeded(1),
        metrics: Metrics::Off,
        platform_key: PLATFORM_KEY.to_owned(),
        endpoint: format!("http://127.0.0.1:3000{DOWNLOADS}"),
        webhook_allow_private_addresses: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_month_is_closed_over_what_was_rated() {
        let mut rows = Vec::new();
        let plan = Closing { subscriptions: 6, per_tenant: 2, usage_hours: 2 };
        closing(&plan, None, |row| rows.push(row.clone())).await.unwrap();
        let figures: Vec<&str> = rows.iter().map(|row| row.figure.as_str()).collect();
        let expect = [
            "rating of 6 x 10 prices, CPU",
            "draft: 6 runs",
            "draft: longest tick",
            "draft: calls, write, read units a run",
            "draft: $ a run",
            "issue: 6 runs",
            "issue: longest tick",
            "issue: calls, write, read units a run",
            "issue: $ a run",
            "$ to close a subscription's month",
            "$ to close 6 subscriptions",
        ];
        assert_eq!(figures, expect);
    }

    #[tokio::test]
    async fn an_invoice_over_another_total_fails() {
        let plan = Closing { subscriptions: 1, per_tenant: 1, usage_hours: 1 };
        let month = Month::open(&plan).await.unwrap();
        let rated = rating::rate(month.platform.world(), &month.customers, &plan).await.unwrap();
        month.close(None).await.unwrap();
        month.check(&month.customers[0], rated.totals[0], 1).await.unwrap();
        let error = month.check(&month.customers[0], rated.totals[0] + 1, 1).await.unwrap_err();
        let (rated, invoiced) = (rated.totals[0] + 1, rated.totals[0]);
        assert_eq!(error.to_string(), format!("subscription 1 was rated {rated} and is invoiced Some({invoiced})"));
    }
}
