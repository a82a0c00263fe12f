//! What the demo's table must say, counted from the log by other means than Meterline's: one pass over the lines, sets
//! and integers, and a price formula of its own.

use super::log::{Request, TENANTS};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use std::collections::HashSet;

/// The figures of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests.
    pub requests: u64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// Distinct addresses of clients.
    pub distinct_addresses: u64,
    /// What they cost, in cents.
    pub amount_minor: i64,
}

/// What the log that comes with the repository holds; counted with awk, as tests/data/README.md says, and priced by hand.
pub const SAMPLE: [(u64, u64, u64, i64); 7] = [
    (186, 3_267_008, 116, 2_230),
    (1_309, 19_014_948, 296, 3_301),
    (346, 689_428_713, 83, 2_655),
    (720, 38_842_188, 373, 3_588),
    (1_207, 166_952_112, 229, 3_093),
    (407, 8_974_510, 218, 2_740),
    (1_825, 777_184_164, 709, 6_094),
];

/// What a log holds.
#[derive(Debug)]
pub struct Expected {
    /// By tenant.
    pub figures: Vec<Figures>,
    /// First civil day (UTC) of the log's first month.
    pub first_day: Date,
    /// Months from the first to the last, both inclusive.
    pub months: u8,
    /// The last instant in the log.
    pub last: jiff::Timestamp,
    /// Lines that are no requests.
    pub skipped: u64,
}

/// Counts the requests of a log; `None` if it has none, or spans more months than a billing period may have.
pub fn count<E>(requests: impl Iterator<Item = Result<Option<Request>, E>>) -> Result<Option<Expected>, E> {
    let mut figures = vec![Figures::default(); TENANTS.len()];
    let mut addresses = vec![HashSet::new(); TENANTS.len()];
    let mut span: Option<(jiff::Timestamp, jiff::Timestamp)> = None;
    let mut skipped = 0;
    for request in requests {
        let Some(request) = request? else {
            skipped += 1;
            continue;
        };
        let tenant = &mut figures[request.tenant];
        tenant.requests += 1;
        tenant.bytes += request.bytes;
        addresses[request.tenant].insert(request.address);
        span =
            Some(span.map_or((request.at, request.at), |(first, last)| (first.min(request.at), last.max(request.at))));
    }
    for (tenant, addresses) in figures.iter_mut().zip(addresses) {
        tenant.distinct_addresses = addresses.len() as u64;
        tenant.amount_minor = amount_minor(tenant);
    }
    Ok(span.and_then(|(first, last)| {
        let first_day = first.to_zoned(TimeZone::UTC).date().first_of_month();
        let months = (1..=24_u8).find(|n| {
            let end = first_day.checked_add(i32::from(*n).months());
            end.is_ok_and(|end| last.to_zoned(TimeZone::UTC).date() < end)
        })?;
        Some(Expected { figures, first_day, months, last, skipped })
    }))
}

/// The demo's plan in integers of a billionth of a dollar; each line rounds to cents on its own, half up.
fn amount_minor(figures: &Figures) -> i64 {
    const CENT: u128 = 10_000_000;
    let cents = |billionths: u128| (billionths + CENT / 2) / CENT;
    // 500 requests are included, then 0.002 dollars each.
    let requests = u128::from(figures.requests.saturating_sub(500)) * 2_000_000;
    // 10 million bytes are included; of the rest 500 million at 10 dollars a billion, then at 5.
    let bytes = u128::from(figures.bytes.saturating_sub(10_000_000));
    let bytes = bytes.min(500_000_000) * 10 + bytes.saturating_sub(500_000_000) * 5;
    // 50 addresses are included, then 5 cents each.
    let addresses = u128::from(figures.distinct_addresses.saturating_sub(50)) * 50_000_000;
    let total = 1_900 + cents(requests) + cents(bytes) + cents(addresses);
    i64::try_from(total).unwrap_or(i64::MAX)
}
