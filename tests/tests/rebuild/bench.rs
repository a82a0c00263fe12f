//! A platform with the tenant `acme`, meters of all aggregations, and hands that reach into its tables.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use cloud::{Clock, Settings};
use domain::{
    text::Slug,
    usage::{GroupKey, Quantity, Tally},
};
use serde_json::{Value, json};
use std::collections::HashMap;
use tests::local::Local;
use usage_log::{CounterKey, Counters};

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) const NOW: &str = "2026-05-20T12:30:00Z";
/// The day of most tests.
pub(crate) const DAY: (&str, &str) = ("2026-05-20T00:00:00Z", "2026-05-21T00:00:00Z");
/// Every aggregation; all but a count read `$.bytes`, and a unique count `$.user`.
pub(crate) const AGGREGATIONS: [&str; 8] =
    ["count", "sum", "min", "max", "latest", "average", "weightedSum", "uniqueCount"];

/// A platform and who uses it.
pub(crate) struct Bench {
    pub(crate) local: Local,
    /// Acme's id.
    pub(crate) acme: String,
}

/// An event; without a time it is of whenever it is sent.
pub(crate) fn event(id: &str, time: Option<&str>, bytes: u32, user: &str, region: &str) -> Value {
    let mut event = json!({"id": id, "type": "call", "data": {"bytes": bytes, "user": user, "region": region}});
    if let Some(time) = time {
        event["time"] = format!("2026-05-20T{time}:00Z").into();
    }
    event
}

impl Bench {
    /// With the meters `old-…`, while the clock stands still.
    pub(crate) async fn open() -> Self {
        Self::open_at(Clock::fixed(NOW.parse().unwrap())).await
    }

    /// The same by another clock.
    pub(crate) async fn open_at(clock: Clock) -> Self {
        let local = Local::open_at(clock).await;
        let tenant = local.create("/v1/tenants", json!({"slug": "acme", "name": "Acme"})).await;
        let bench = Self { local, acme: tenant["id"].as_str().unwrap().to_owned() };
        bench.create_meters("old").await;
        bench
    }

    /// With four calls: two at 10, one at 11, and one without a time, at 12. 85 bytes by three users.
    pub(crate) async fn with_calls() -> Self {
        let bench = Self::open().await;
        bench
            .count(&[
                event("1", Some("10:00"), 10, "ann", "eu"),
                event("2", Some("10:15"), 50, "bob", "eu"),
                event("3", Some("11:30"), 20, "ann", "us"),
                event("4", None, 5, "cat", "eu"),
            ])
            .await;
        bench
    }

    /// A meter of each aggregation, by region.
    pub(crate) async fn create_meters(&self, prefix: &str) {
        for aggregation in AGGREGATIONS {
            let slug = format!("{prefix}-{}", aggregation.to_lowercase());
            let mut meter = json!({
                "slug": slug, "name": slug, "eventType": "call", "aggregation": aggregation,
                "dimensions": [{"name": "region", "path": "$.region"}],
            });
            match aggregation {
                "count" => {}
                "uniqueCount" => meter["valuePath"] = "$.user".into(),
                _ => meter["valuePath"] = "$.bytes".into(),
            }
            self.local.create("/v1/meters", meter).await;
        }
    }

    /// Sends events, all of which are taken.
    pub(crate) async fn send(&self, events: &[Value]) {
        let path = "/v1/usage/events?tenant=acme";
        let (status, answer) = self.local.send("POST", path, Some(&json!({"events": events}))).await;
        assert_eq!((status, &answer["accepted"]), (202, &json!(events.len())), "{answer:#}");
    }

    pub(crate) async fn count(&self, events: &[Value]) {
        self.send(events).await;
        self.local.platform.drain().await.unwrap();
    }

    /// Totals of all meters of a prefix over the day, and what they are by hour and region.
    pub(crate) async fn usage(&self, prefix: &str) -> Vec<(Value, Value)> {
        let mut usage = Vec::new();
        for aggregation in AGGREGATIONS {
            let slug = format!("{prefix}-{}", aggregation.to_lowercase());
            let query = format!("tenant=acme&meter={slug}&from={}&to={}&window=hour&groupBy=region", DAY.0, DAY.1);
            let answer = self.local.get(&format!("/v1/usage?{query}")).await;
            usage.push((answer["total"].clone(), answer["data"].clone()));
        }
        usage
    }

    pub(crate) async fn totals(&self, prefix: &str) -> Vec<String> {
        self.usage(prefix).await.iter().map(|(total, _)| total.as_str().unwrap().to_owned()).collect()
    }

    /// The total of one meter over the day.
    pub(crate) async fn total(&self, slug: &str) -> String {
        let path = format!("/v1/usage?tenant=acme&meter={slug}&from={}&to={}", DAY.0, DAY.1);
        self.local.get(&path).await["total"].as_str().unwrap().to_owned()
    }

    /// What one request answers.
    pub(crate) async fn ask(&self, order: &Value) -> Value {
        let (status, answer) = self.local.send("POST", "/v1/admin/rebuilds", Some(order)).await;
        assert_eq!(status, 200, "{answer:#}");
        answer
    }

    /// The day, checked.
    pub(crate) async fn check(&self) -> Value {
        self.ask(&json!({"tenant": "acme", "from": DAY.0, "to": DAY.1})).await
    }

    /// The day, repaired.
    pub(crate) async fn repair(&self) -> Value {
        self.ask(&json!({"tenant": "acme", "from": DAY.0, "to": DAY.1, "repair": true})).await
    }

    /// Asserts that the day is as the log has it.
    pub(crate) async fn assert_sound(&self) {
        let answer = self.check().await;
        assert_eq!((&answer["differences"], &answer["difference"]), (&json!(0), &Value::Null), "{answer:#}");
    }

    pub(crate) fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.local.platform.aws().sdk_config())
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = self.local.platform.aws().sdk_config();
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build())
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.local.platform.world().settings()
    }

    /// Acme's items of the table `usage` whose sort key starts so.
    pub(crate) async fn usage_items(&self, prefix: &str) -> Vec<Item> {
        let query = self.dynamo().query().table_name(&self.settings().usage_table);
        let query = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", AttributeValue::S(format!("TENANT#{}", self.acme)))
            .expression_attribute_values(":sk", AttributeValue::S(prefix.to_owned()));
        query.send().await.unwrap().items.unwrap_or_default()
    }

    /// The segments of all lanes, by their keys.
    pub(crate) async fn segments(&self) -> Vec<Item> {
        let scan = self.dynamo().scan().table_name(&self.settings().processed_events_table);
        let items = scan.send().await.unwrap().items.unwrap_or_default();
        let mut items: Vec<Item> =
            items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with("LANE#")).collect();
        items.sort_by_key(|item| item["sk"].as_s().unwrap().clone());
        items
    }

    pub(crate) async fn put(&self, table: &str, item: Item) {
        self.dynamo().put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    pub(crate) async fn delete(&self, table: &str, item: &Item) {
        let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
        self.dynamo().delete_item().table_name(table).set_key(Some(key.into())).send().await.unwrap();
    }

    /// Writes counters of an item as nobody should.
    pub(crate) async fn tamper(&self, mut item: Item, change: impl FnOnce(&mut Counters)) {
        let mut counters = Counters::decode(item["counters"].as_b().unwrap().as_ref()).unwrap();
        change(&mut counters);
        item.insert("counters".to_owned(), AttributeValue::B(Blob::new(counters.encode())));
        self.put(&self.settings().usage_table, item).await;
    }

    /// The key of a counter.
    pub(crate) async fn counter(&self, slug: &str, region: &str) -> CounterKey {
        let meter = self.local.platform.world().meter(&Slug::parse(slug).unwrap()).await.unwrap().unwrap();
        CounterKey { meter_id: meter.id, group: GroupKey(vec![region.to_owned()]) }
    }
}

pub(crate) fn sum(whole: u64) -> Tally {
    Tally::Sum(Quantity::whole(whole))
}
