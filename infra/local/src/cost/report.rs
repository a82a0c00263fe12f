//! The measurement as a table for people: dollars per million events by line, and by tenant.

use crate::workload::Workload;
use cloud::spend::{
    Amounts, Prices,
    bill::{Bill, Line, per_million},
};
use domain::{Decimal, id::TenantId};
use std::{collections::BTreeMap, fmt, time::Duration};

/// Tenants that the table shows.
const TENANTS_SHOWN: usize = 5;
/// Decimal places of dollars, and of amounts per event.
const PLACES: u32 = 4;

/// What is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Items of the tables of usage.
    pub items: u64,
    /// Their bytes, as DynamoDB bills them.
    pub item_bytes: u64,
    /// Objects in the bucket.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
}

impl Stored {
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            items: self.items.saturating_sub(earlier.items),
            item_bytes: self.item_bytes.saturating_sub(earlier.item_bytes),
            objects: self.objects.saturating_sub(earlier.objects),
            object_bytes: self.object_bytes.saturating_sub(earlier.object_bytes),
        }
    }
}

/// What a workload would cost, modelled from metered requests.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was sent.
    pub workload: Workload,
    /// Pollers of each queue.
    pub pollers: u64,
    /// The assumed wait for each call.
    pub call_wait: Duration,
    /// What was metered.
    pub amounts: Amounts,
    /// Lambda's assumed waiting, memory times milliseconds.
    pub waiting_mib_ms: u64,
    /// Lines that Lambda and the HTTP door write themselves.
    pub service_log_bytes: u64,
    /// All requests of all services, HTTP requests and invocations among them.
    pub requests_total: u64,
    /// What is stored of it.
    pub stored: Stored,
    /// What the product attributes to each tenant.
    pub tenants: BTreeMap<TenantId, Amounts>,
}

impl Report {
    /// The bill for everything, assumptions included.
    #[must_use]
    pub fn bill(&self) -> Bill {
        let mut bill = Bill::of(&self.amounts, Prices::list());
        let waiting = Amounts { lambda_mib_ms: self.waiting_mib_ms, ..Amounts::default() };
        let services = Amounts { log_bytes: self.service_log_bytes, ..Amounts::default() };
        for (amounts, after, what) in
            [(waiting, "Lambda time", "Lambda waiting (assumed)"), (services, "Logs", "Logs of Lambda, HTTP API")]
        {
            let part = Bill::of(&amounts, Prices::list());
            let line = part.lines.into_iter().find(|line| line.what == after);
            let place = bill.lines.iter().position(|line| line.what == after);
            if let (Some(line), Some(place)) = (line, place) {
                bill.lines.insert(place + 1, Line { what, ..line });
                bill.total_usd += part.total_usd;
            }
        }
        bill
    }

    /// Dollars per million events, all of it.
    #[must_use]
    pub fn usd_per_million(&self) -> Decimal {
        per_million(self.bill().total_usd, self.workload.events)
    }

    /// Dollars per million events of the lines whose name starts so.
    #[must_use]
    pub fn usd_per_million_of(&self, what: &str) -> Decimal {
        let lines = self.bill().lines;
        let part = lines.iter().filter(|line| line.what.starts_with(what)).map(|line| line.usd).sum();
        per_million(part, self.workload.events)
    }

    /// Write units per event.
    #[must_use]
    pub fn write_units_per_event(&self) -> Decimal {
        self.per_event(self.amounts.write_units)
    }

    /// Bytes stored per event, in tables and bucket.
    #[must_use]
    pub fn bytes_per_event(&self) -> Decimal {
        self.per_event(self.stored.item_bytes + self.stored.object_bytes)
    }

    /// Requests of AWS per million events.
    #[must_use]
    pub fn requests_per_million(&self) -> Decimal {
        per_million(Decimal::from(self.requests_total), self.workload.events)
    }

    fn per_event(&self, count: u64) -> Decimal {
        Decimal::from(count) / Decimal::from(self.workload.events.max(1))
    }

    fn lines(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.workload.events;
        let bill = self.bill();
        writeln!(formatter, "{:<26}{:>18} {:<16}{:>14}", "", "metered", "", "$ per million")?;
        for line in &bill.lines {
            let (count, usd) = (line.count.round_dp(PLACES).normalize(), per_million(line.usd, events));
            writeln!(formatter, "{:<26}{count:>18} {:<16}{:>14}", line.what, line.unit, fixed(usd))?;
        }
        writeln!(formatter, "{:<26}{:>18} {:<16}{:>14}", "Total", "", "", fixed(per_million(bill.total_usd, events)))
    }

    fn figures(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figure) in [
            ("write units per event", fixed(self.write_units_per_event())),
            ("AWS requests per million events", self.requests_per_million().round().to_string()),
            ("bytes stored per event", fixed(self.bytes_per_event())),
        ] {
            writeln!(formatter, "{name:<44}{figure:>30}")?;
        }
        let Stored { items, objects, .. } = self.stored;
        writeln!(formatter, "{:<44}{:>30}", "items, objects", format!("{items}, {objects}"))
    }

    fn tenants(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let billed = |(tenant_id, amounts): (&TenantId, &Amounts)| {
            (Bill::of(amounts, Prices::list()).total_usd, *tenant_id, amounts.events)
        };
        let mut tenants: Vec<_> = self.tenants.iter().map(billed).collect();
        tenants.sort_by(|a, b| b.cmp(a));
        writeln!(formatter, "{:<44}{:>14}{:>16}", "tenants that cost most", "events", "$")?;
        for (usd, tenant_id, events) in tenants.iter().take(TENANTS_SHOWN) {
            writeln!(formatter, "{:<44}{events:>14}{:>16}", tenant_id.to_string(), usd.round_dp(6).to_string())?;
        }
        let attributed: Decimal = tenants.iter().map(|(usd, ..)| usd).sum();
        let all = self.bill().total_usd;
        let both = format!("{} of {}", attributed.round_dp(6), all.round_dp(6));
        writeln!(formatter, "{:<44}{both:>30}", format!("all {} tenants, of everything", tenants.len()))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workload { events, per_request, tenants, skewed, rate, .. } = &self.workload;
        let skew = if *skewed { "Zipf" } else { "even" };
        writeln!(
            formatter,
            "{events} events, {per_request} a request, {tenants} tenants ({skew}), {rate} a second, {} pollers a queue",
            self.pollers
        )?;
        writeln!(formatter, "Modelled from metered requests at list prices of us-east-1, without free tiers.\n")?;
        self.lines(formatter)?;
        writeln!(formatter)?;
        self.figures(formatter)?;
        writeln!(formatter)?;
        self.tenants(formatter)?;
        let profile = if cfg!(debug_assertions) { "debug: far slower than what is deployed" } else { "optimised" };
        writeln!(
            formatter,
            "\nLambda time is this machine's ({profile}), in which the embedded AWS answers at once; waiting assumes {} ms a \
             call, one after the other.",
            self.call_wait.as_millis()
        )
    }
}

fn fixed(number: Decimal) -> String {
    format!("{:.4}", number.round_dp(PLACES))
}
