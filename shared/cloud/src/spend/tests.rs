//! Who pays: two functions, two tenants, and what is for nobody.

use super::*;
use crate::{Clock, Metrics, Random, Settings};
use domain::Timestamp;
use serde_json::{Value, json};

fn world() -> World {
    let settings = Settings::from(|name| {
        let optional = name.ends_with("MINUTES")
            || name.ends_with("DAYS")
            || name.ends_with("BYTES")
            || name.ends_with("ADDRESSES")
            || name.ends_with("COLOUR")
            || name.ends_with("LOGO");
        (!optional).then(|| "value".to_owned())
    });
    let config = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    World::new(&config, settings.unwrap(), clock, Random::seeded(1), Metrics::Memory(Arc::default()))
}

fn lines(world: &World) -> Vec<Value> {
    world.write_gathered();
    let Metrics::Memory(lines) = world.metrics() else { unreachable!("made above") };
    lock(lines).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn writes(write_units: u64) -> Amounts {
    Amounts { write_units, ..Amounts::default() }
}

fn tenant(name: &str) -> TenantId {
    TenantId::derived(&[name])
}

/// Function, tenant and write units of every line that has some.
fn written(world: &World) -> Vec<(String, Option<String>, u64)> {
    let row = |line: Value| {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        Some((text("function")?, text("tenant"), line["spend"]["writeUnits"].as_u64()?))
    };
    lines(world).into_iter().filter_map(row).collect()
}

#[tokio::test]
async fn an_amount_has_exactly_one_payer() {
    let world = world();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    for function in [Function::Usage, Function::Webhook] {
        let factor = if function == Function::Usage { 1 } else { 1_000 };
        invocation(&world, function, async {
            add(&writes(factor));
            of_tenant(acme, async {
                add(&writes(10 * factor));
                // A tenant inside a tenant is still one payer.
                of_tenant(globex, async { add(&writes(100 * factor)) }).await;
                add(&writes(20 * factor));
            })
            .await;
            add(&writes(2 * factor));
        })
        .await;
    }
    add(&writes(7));
    let mut expect = Vec::new();
    for (function, factor) in [("usage", 1), ("webhook", 1_000)] {
        let mut tenants = [(acme, 30 * factor), (globex, 100 * factor)];
        tenants.sort_unstable();
        expect.push((function.to_owned(), None, 3 * factor));
        expect.extend(tenants.map(|(id, units)| (function.to_owned(), Some(id.to_string()), units)));
    }
    assert_eq!(written(&world), expect);
}

#[tokio::test]
async fn a_tenant_that_is_named_late_pays_for_the_whole_invocation() {
    let world = world();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    invocation(&world, Function::Api, async {
        add(&writes(1));
        assert_eq!(payer(), Some(Payer { function: Function::Api, tenant_id: None }));
        of_tenant(globex, async { add(&writes(10)) }).await;
        name_tenant(acme);
        assert_eq!(payer(), Some(Payer { function: Function::Api, tenant_id: Some(acme) }));
        add(&writes(2));
    })
    .await;
    let mut expect = [(acme, 3), (globex, 10)];
    expect.sort_unstable();
    let expect = expect.map(|(id, units)| ("api".to_owned(), Some(id.to_string()), units));
    assert_eq!(written(&world), expect);
}

#[tokio::test]
async fn a_payer_without_an_invocation_is_only_a_name() {
    assert_eq!(payer(), None);
    let world = world();
    on_behalf_of(Function::Usage, async {
        assert_eq!(payer(), Some(Payer { function: Function::Usage, tenant_id: None }));
        add(&writes(1));
        assert!(!count("EventsCounted", 1), "nobody gathers it");
    })
    .await;
    assert_eq!(lines(&world), [Value::Null; 0]);
}

#[tokio::test]
async fn a_piece_of_work_can_be_measured_and_is_paid_for_once() {
    let world = world();
    let acme = tenant("acme");
    let work = of_tenant(acme, async {
        add(&writes(1));
        let (inner, spent) = measured(async {
            add(&writes(10));
            measured(async { add(&writes(100)) }).await.1
        })
        .await;
        add(&writes(1_000));
        (inner, spent)
    });
    let spent = invocation(&world, Function::Usage, work).await;
    assert_eq!(spent, (writes(100), writes(110)));
    assert_eq!(written(&world), [("usage".to_owned(), Some(acme.to_string()), 1_111)]);
    assert_eq!(measured(async { add(&writes(5)) }).await.1, writes(0));
}

#[tokio::test]
async fn an_invocation_is_one_line_with_all_its_metrics() {
    let world = world();
    invocation(&world, Function::Invoice, async {
        let count = |name, value| world.metrics().count("dev", "invoice", name, value, world.now());
        count("InvoicesPrinted", 1);
        count("InvoicesPrinted", 2);
        count("PagesPrinted", 5);
    })
    .await;
    let lines = lines(&world);
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!((&line["InvoicesPrinted"], &line["PagesPrinted"]), (&json!(3), &json!(5)));
    assert_eq!(line["spend"], json!({"invocations": 1}));
}
