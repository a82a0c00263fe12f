//! What the events of the demo took of AWS, from the first request to the last counter: requests and DynamoDB units, as
//! the embedded AWS meters them with AWS's rounding.

use crate::aws::{Service, Totals};

/// The figures for `events` events, and per million of them, for people.
pub(super) fn render(totals: &Totals, events: u64) -> String {
    let of = |service: Service| {
        totals.requests.iter().filter(move |((of, _), _)| *of == service).map(|(_, count)| count).sum()
    };
    // An idle pump polls its queues here far more often than Lambda does; a receive that finds nothing says nothing.
    let dynamo: u64 = of(Service::DynamoDb);
    let sns: u64 = of(Service::Sns);
    let units = totals.units();
    let row = |name: &str, count: u64| format!("{name:<24}{count:>10}{:>16}", per_million(count, events));
    [
        format!("{:<24}{:>10}{:>16}", "AWS, metered", "demo", "per million"),
        row("DynamoDB requests", dynamo),
        row("DynamoDB write units", units.write_units),
        row("DynamoDB read units", units.read_half_units.div_ceil(2)),
        row("SNS requests", sns),
        row("SNS 64 KiB chunks", totals.sns_chunks),
    ]
    .join("\n")
}

fn per_million(count: u64, events: u64) -> u64 {
    (count * 1_000_000).div_ceil(events.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_scale_to_a_million_events() {
        assert_eq!(per_million(3, 6_000), 500);
        assert_eq!(per_million(0, 0), 0);
        let mut totals = Totals::default();
        totals.requests.insert((Service::DynamoDb, "Query"), 12);
        assert!(render(&totals, 6_000).contains("DynamoDB requests               12            2000"));
    }
}
