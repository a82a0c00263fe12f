//! Amounts times prices, line by line, as exact decimals: what AWS would ask, modelled from metered requests.

use super::{Amounts, Prices};
use domain::Decimal;

/// Lambda counts memory in steps of MiB and time in milliseconds, and bills GB-seconds: `1 / 1024`, exactly.
const MIB_IN_GB: Decimal = Decimal::from_parts(9_765_625, 0, 0, false, 10);
/// `1 / 1000`.
const MILLISECOND_IN_SECONDS: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
/// CloudWatch bills log lines by the GB; 10^9 bytes are taken for one, the dearer reading.
const BYTE_IN_GB: Decimal = Decimal::from_parts(1, 0, 0, false, 9);
/// Read units are counted in halves.
const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);
/// What figures are usually given for.
const MILLION: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was consumed.
    pub what: &'static str,
    /// How much of it.
    pub count: Decimal,
    /// In which unit.
    pub unit: &'static str,
    /// Dollars for it.
    pub usd: Decimal,
}

/// A bill, modelled from metered requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Everything that AWS bills by request, whether it was consumed or not, always in the same order.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total_usd: Decimal,
}

impl Bill {
    /// The bill for `amounts`.
    ///
    /// A count is below 2^64 and no price above ten dollars, so that no product leaves a decimal's 96 bits; it is exact
    /// up to 10^9 dollars.
    #[must_use]
    pub fn of(amounts: &Amounts, prices: &Prices) -> Self {
        let whole = Decimal::from;
        let gb_seconds = whole(amounts.lambda_mib_ms) * MIB_IN_GB * MILLISECOND_IN_SECONDS;
        let rows = [
            ("HTTP API", whole(amounts.http_requests), "requests", &prices.http_api_request),
            ("Lambda requests", whole(amounts.invocations), "invocations", &prices.lambda_request),
            ("Lambda time", gb_seconds, "GB-seconds", &prices.lambda_gb_second_arm64),
            ("SNS", whole(amounts.sns_chunks), "64 KiB chunks", &prices.sns_publish),
            ("SQS", whole(amounts.sqs_chunks), "64 KiB requests", &prices.sqs_request),
            // Usage has message groups; the few messages of the other queues have none and are charged here all the same.
            ("SQS fair queues", whole(amounts.sqs_chunks), "64 KiB requests", &prices.sqs_fair_queue_request),
            ("DynamoDB writes", whole(amounts.write_units), "write units", &prices.dynamo_write_unit),
            ("DynamoDB reads", whole(amounts.read_half_units) * HALF, "read units", &prices.dynamo_read_unit),
            ("S3 writes", whole(amounts.s3_puts), "requests", &prices.s3_put),
            ("S3 reads", whole(amounts.s3_gets), "requests", &prices.s3_get),
            ("Logs", whole(amounts.log_bytes) * BYTE_IN_GB, "GB", &prices.logs_ingest_gb),
        ];
        let lines: Vec<Line> = rows
            .into_iter()
            .map(|(what, count, unit, price)| {
                let count = count.normalize();
                Line { what, count, unit, usd: (count * price.usd).normalize() }
            })
            .collect();
        let total_usd = lines.iter().map(|line| line.usd).sum();
        Self { lines, total_usd }
    }
}

/// What `part`, of `events` events, is for a million of them; nothing where there were none.
#[must_use]
pub fn per_million(part: Decimal, events: u64) -> Decimal {
    if events == 0 { Decimal::ZERO } else { part * MILLION / Decimal::from(events) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    // Each by hand: count times list price.
    #[rstest]
    #[case::http(Amounts { http_requests: 3, ..Amounts::default() }, "HTTP API", "3", "0.000003")]
    #[case::invocations(Amounts { invocations: 7, ..Amounts::default() }, "Lambda requests", "7", "0.0000014")]
    // 256 MiB for 4,000 ms is one GB-second.
    #[case::a_gb_second(Amounts { lambda_mib_ms: 1_024_000, ..Amounts::default() }, "Lambda time", "1", "0.0000133334")]
    // 256 MiB for 1 ms is 0.00025 GB-seconds.
    #[case::a_millisecond(Amounts { lambda_mib_ms: 256, ..Amounts::default() }, "Lambda time", "0.00025", "0.00000000333335")]
    #[case::sns(Amounts { sns_chunks: 2, ..Amounts::default() }, "SNS", "2", "0.000001")]
    #[case::sqs(Amounts { sqs_chunks: 5, ..Amounts::default() }, "SQS", "5", "0.000002")]
    #[case::writes(Amounts { write_units: 1_000_000, ..Amounts::default() }, "DynamoDB writes", "1000000", "0.625")]
    #[case::half_a_read(Amounts { read_half_units: 1, ..Amounts::default() }, "DynamoDB reads", "0.5", "0.0000000625")]
    #[case::puts(Amounts { s3_puts: 4, ..Amounts::default() }, "S3 writes", "4", "0.00002")]
    #[case::gets(Amounts { s3_gets: 4, ..Amounts::default() }, "S3 reads", "4", "0.0000016")]
    #[case::logs(Amounts { log_bytes: 300, ..Amounts::default() }, "Logs", "0.0000003", "0.00000015")]
    fn a_line_is_count_times_price(
        #[case] amounts: Amounts,
        #[case] what: &str,
        #[case] count: &str,
        #[case] usd: &str,
    ) {
        let bill = Bill::of(&amounts, Prices::list());
        let line = bill.lines.iter().find(|line| line.what == what).unwrap();
        assert_eq!((line.count.to_string(), line.usd.to_string()), (count.to_owned(), usd.to_owned()));
        assert_eq!(bill.total_usd, bill.lines.iter().map(|line| line.usd).sum());
        let consumed: Vec<_> = bill.lines.iter().filter(|line| !line.usd.is_zero()).map(|line| line.what).collect();
        assert!(consumed.iter().all(|line| line.starts_with(what)), "{consumed:?}");
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines() {
        // One event of one request: 1.00 + 0.20 + 0.50 + 2 x (0.40 + 0.10) + 0.625 + 0.125 dollars a million.
        let amounts = Amounts {
            http_requests: 1,
            invocations: 1,
            sns_chunks: 1,
            sqs_chunks: 2,
            write_units: 1,
            read_half_units: 2,
            ..Amounts::default()
        };
        let total = Bill::of(&amounts, Prices::list()).total_usd;
        assert_eq!(per_million(total, 1).normalize().to_string(), "3.45");
        assert_eq!(per_million(total, 100).normalize().to_string(), "0.0345");
        assert_eq!(per_million(total, 0), Decimal::ZERO);
    }

    #[test]
    fn what_is_not_billed_costs_nothing() {
        let amounts = Amounts { events: 5, messages: 5, dynamo_requests: 5, sns_requests: 5, ..Amounts::default() };
        assert_eq!(Bill::of(&amounts, Prices::list()).total_usd, Decimal::ZERO);
    }
}
