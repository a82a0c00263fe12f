//! What is measured, on small workloads.

use super::*;
use std::collections::BTreeMap;

fn plan(per_request: u64, tenants: usize) -> Plan {
    let start = "2026-06-01T00:00:00Z".parse().unwrap();
    let workload = Workload { events: 200, per_request, tenants, skewed: true, rate: 100, start, seed: 1 };
    Plan { workload, pollers: 5, window: None, call_wait: Duration::from_millis(10), logged: None }
}

#[tokio::test]
async fn what_the_product_counts_is_what_the_embedded_aws_metered() {
    let plan = plan(10, 2);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let platform = open(&plan, Metrics::Memory(Arc::clone(&lines))).await.unwrap();
    let router = platform.router();
    let keys = workload::set_up(&router, PLATFORM_KEY, 2).await.unwrap();
    platform.world().write_gathered();
    logs::take(&lines);
    platform.aws().meter().reset();
    play(&plan, &platform, &router, &keys).await.unwrap();
    platform.world().write_gathered();
    let metered = platform.aws().meter().snapshot();
    let mut counted: BTreeMap<String, Amounts> = BTreeMap::new();
    for line in logs::take(&lines) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let sum = counted.entry(line["function"].as_str().unwrap().to_owned()).or_default();
        *sum += &Amounts::named(|name| line["spend"][name].as_u64());
    }
    for function in [Function::Api, Function::Usage] {
        // What only one of the two sees: the product counts events and messages, the platform polls and takes the time.
        let (counted, metered) = (counted[function.name()], metered.of_function(function));
        let compared =
            |amounts: Amounts| Amounts { events: 0, messages: 0, sqs_chunks: 0, lambda_mib_ms: 0, ..amounts };
        assert_eq!(compared(counted), compared(metered), "{function}");
        assert!(metered.dynamo_requests > 0 && metered.invocations > 0, "{function}: {metered:?}");
    }
    assert_eq!((counted["usage"].events, counted["api"].http_requests, counted["api"].sns_requests), (200, 20, 20));
}

#[tokio::test]
async fn a_report_has_the_whole_line_and_its_tenants() {
    let report = measure(&plan(1, 3)).await.unwrap();
    // 200 requests, each an invocation and a publication of one chunk.
    assert_eq!((report.amounts.http_requests, report.amounts.sns_chunks), (200, 200));
    assert_eq!(report.tenants.len(), 3);
    assert_eq!(report.tenants.values().map(|amounts| amounts.events).sum::<u64>(), 200);
    assert_eq!(report.tenants.values().map(|amounts| amounts.http_requests).sum::<u64>(), 200);
    assert!(report.amounts.log_bytes > 0 && report.stored.items > 0, "{report:?}");
    let bill = report.bill();
    assert_eq!(bill.total_usd, bill.lines.iter().map(|line| line.usd).sum());
    // A dollar for a million requests.
    assert_eq!(report.usd_per_million_of("HTTP API").normalize().to_string(), "1");
    let text = report.to_string();
    for part in ["Modelled from metered requests", "Lambda waiting (assumed)", "DynamoDB writes", "Total"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn pollers_share_what_a_window_gathers() {
    // Two seconds of 100 messages each, in windows of one second.
    let mut invocations = Vec::new();
    for pollers in [1, 5] {
        let report = measure(&Plan { pollers, ..plan(1, 1) }).await.unwrap();
        invocations.push(report.amounts.invocations - report.amounts.http_requests);
    }
    assert_eq!(invocations, [2, 10]);
    let longer = Plan { window: Some(Duration::from_secs(2)), ..plan(1, 1) };
    let report = measure(&longer).await.unwrap();
    assert_eq!(report.amounts.invocations - report.amounts.http_requests, 5, "one window for both seconds");
}

#[tokio::test]
async fn what_lies_in_the_bucket_is_stored_as_well() {
    let mut large = plan(1_000, 1);
    large.workload.events = 2_000;
    let report = measure(&large).await.unwrap();
    assert!(report.amounts.s3_puts > 0, "{report:?}");
    assert_eq!(report.stored.objects, report.amounts.s3_puts);
    assert!(report.stored.object_bytes > report.stored.item_bytes, "{:?}", report.stored);
}
