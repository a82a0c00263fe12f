//! What the events of the demo took of AWS, from the first request to the last counter: requests and DynamoDB units, as
//! the embedded AWS meters them with AWS's rounding, and what that would cost at list prices.

use crate::aws::{Service, Totals};
use cloud::spend::{
    Amounts, Prices,
    bill::{Bill, per_million},
};
use domain::Decimal;

/// Decimal places of dollars.
const PLACES: u32 = 4;

/// The figures for `events` events, and per million of them, for people.
pub(super) fn render(totals: &Totals, events: u64) -> String {
    let of = |service: Service| {
        totals.requests.iter().filter(move |((of, _), _)| *of == service).map(|(_, count)| count).sum()
    };
    let dynamo: u64 = of(Service::DynamoDb);
    let sns: u64 = of(Service::Sns);
    let units = totals.units();
    let row = |name: &str, count: u64| {
        format!("{name:<24}{count:>10}{:>16}", per_million(count.into(), events).ceil().to_string())
    };
    // Without what depends on this machine or on its pumps: an idle pump polls its queues here far more often than
    // Lambda does, and a receive that finds nothing says nothing.
    let amounts = Amounts { sqs_chunks: 0, lambda_mib_ms: 0, invocations: 0, ..totals.amounts() };
    let usd = Bill::of(&amounts, Prices::list()).total_usd;
    let dollars = |usd: Decimal| format!("{:.4}", usd.round_dp(PLACES));
    [
        format!("{:<24}{:>10}{:>16}", "AWS, metered", "demo", "per million"),
        row("HTTP requests", totals.amounts().http_requests),
        row("DynamoDB requests", dynamo),
        row("DynamoDB write units", units.write_units),
        row("DynamoDB read units", units.read_half_units.div_ceil(2)),
        row("SNS requests", sns),
        row("SNS 64 KiB chunks", totals.sns_chunks),
        format!("{:<24}{:>10}{:>16}", "$, modelled from these", dollars(usd), dollars(per_million(usd, events))),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_scale_to_a_million_events() {
        let mut totals = Totals::default();
        totals.requests.insert((Service::DynamoDb, "Query"), 12);
        // 1,200 units at $0.625 a million; the time of Lambda is left out.
        let amounts = Amounts { write_units: 1_200, lambda_mib_ms: 1 << 40, ..Amounts::default() };
        totals.payers.insert(None, amounts);
        let text = render(&totals, 6_000);
        for line in
            ["DynamoDB requests               12            2000", "$, modelled from these      0.0008          0.1250"]
        {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
