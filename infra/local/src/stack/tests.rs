//! The real template, and small ones for the rules.

use super::{EventSource, Schedule, Stack, StackError};
use crate::aws::{EmbeddedAws, Storage};
use aws_sdk_dynamodb::types::KeySchemaElement;
use aws_sdk_sns::types::MessageAttributeValue;
use cloud::Clock;
use domain::usage::watermark::{LAP, SETTLING};
use std::collections::BTreeMap;
use std::time::Duration;

const TABLES: [&str; 8] = [
    "API_KEYS_TABLE",
    "CATALOG_TABLE",
    "INVOICES_TABLE",
    "PROCESSED_EVENTS_TABLE",
    "SUBSCRIPTIONS_TABLE",
    "TENANTS_TABLE",
    "USAGE_TABLE",
    "WEBHOOKS_TABLE",
];

const NAMES: [&str; 8] = [
    "TOPIC_ARN",
    "USAGE_EVEN_QUEUE_URL",
    "USAGE_ODD_QUEUE_URL",
    "USAGE_DEAD_LETTER_QUEUE_URL",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_DEAD_LETTER_QUEUE_URL",
    "INVOICES_BUCKET",
    "USAGE_LOG_BUCKET",
];

fn parameters() -> BTreeMap<String, String> {
    let given = [("SellerName", "Seller"), ("SellerAddress", "1 Street|Town"), ("PlatformKey", "ml_live_key")];
    given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn aws() -> EmbeddedAws {
    EmbeddedAws::open(Storage::Memory, Clock::System).unwrap()
}

async fn real(aws: &EmbeddedAws) -> Stack {
    Stack::create(aws, &parameters()).await.unwrap()
}

#[tokio::test]
async fn the_real_template_gives_every_function_its_environment() {
    let stack = real(&aws()).await;
    let names: Vec<&str> = stack.functions.keys().map(String::as_str).collect();
    assert_eq!(names, ["api", "billing", "invoice", "usage", "webhook"]);
    let settings = [
        ("STAGE", "dev"),
        ("SELLER_NAME", "Seller"),
        ("SELLER_ADDRESS", "1 Street|Town"),
        ("SELLER_COLOUR", "#3d4ed8"),
        ("INVOICE_GRACE_MINUTES", "60"),
        ("PAYMENT_TERM_DAYS", "14"),
        ("WEBHOOK_ALLOW_PRIVATE_ADDRESSES", "false"),
        ("PLATFORM_KEY", "ml_live_key"),
    ];
    for (name, value) in settings {
        assert_eq!(stack.environment.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in TABLES.into_iter().chain(NAMES) {
        assert!(stack.environment.contains_key(name), "{name}");
    }
    assert!(!stack.functions["usage"].environment.contains_key("PLATFORM_KEY"), "the key is for the api only");
    let timeouts = stack.functions.iter().map(|(name, function)| (name.as_str(), function.timeout.as_secs()));
    let expected = [("api", 29), ("billing", 120), ("invoice", 60), ("usage", 60), ("webhook", 60)];
    assert_eq!(timeouts.collect::<Vec<_>>(), expected);
    assert_eq!((stack.functions["invoice"].memory_mib, stack.functions["api"].memory_mib), (512, 256));
}

#[tokio::test]
async fn the_real_template_makes_the_tables_and_the_bucket() {
    let aws = aws();
    let stack = real(&aws).await;
    let dynamo = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    for variable in TABLES {
        let name = &stack.environment[variable];
        let table = dynamo.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        let keys: Vec<&str> = table.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
        assert_eq!(keys, ["pk", "sk"], "{name}");
    }
    let due = dynamo.describe_table().table_name(&stack.environment["SUBSCRIPTIONS_TABLE"]).send().await.unwrap();
    assert_eq!(due.table().unwrap().global_secondary_indexes()[0].index_name(), Some("due"));
    for variable in ["TENANTS_TABLE", "PROCESSED_EVENTS_TABLE", "WEBHOOKS_TABLE"] {
        let ttl = dynamo.describe_time_to_live().table_name(&stack.environment[variable]).send().await.unwrap();
        assert_eq!(ttl.time_to_live_description().unwrap().attribute_name(), Some("expiresAt"), "{variable}");
    }
    let s3 = aws_sdk_s3::Client::new(&aws.sdk_config());
    s3.head_bucket().bucket(&stack.environment["INVOICES_BUCKET"]).send().await.unwrap();
}

#[tokio::test]
async fn the_real_template_feeds_four_functions_and_ticks_one() {
    let stack = real(&aws()).await;
    let expected = |lap: &str| EventSource {
        function: "usage".to_owned(),
        queue_url: format!("https://sqs.us-east-1.amazonaws.com/000000000000/meterline-Usage{lap}Queue"),
        batch_size: 1_000,
        maximum_batching_window: Duration::from_secs(1),
        reports_batch_item_failures: true,
        maximum_concurrency: Some(50),
    };
    let usage: Vec<EventSource> =
        stack.event_sources.iter().filter(|source| source.function == "usage").cloned().collect();
    assert_eq!(usage, [expected("Even"), expected("Odd")]);
    let mut fed: Vec<&str> = stack.event_sources.iter().map(|source| source.function.as_str()).collect();
    fed.sort_unstable();
    assert_eq!(fed, ["billing", "invoice", "usage", "usage", "webhook"]);
    assert!(stack.event_sources.iter().all(|source| source.reports_batch_item_failures));
    let (rate, offset) = (Duration::from_secs(15 * 60), Duration::from_secs(3 * 60));
    assert_eq!(stack.schedules, [Schedule { function: "billing".to_owned(), rate, offset }]);
    // Each tick finds the other usage queue at rest: it is late enough in its lap, and the laps of ticks take turns.
    let (lap, settling) = (LAP.unsigned_abs(), SETTLING.unsigned_abs());
    assert!(settling <= offset && offset + Duration::from_secs(60) < lap && rate.as_secs() / lap.as_secs() % 2 == 1);
}

/// Which queues hold an event of this type, accepted in this lap.
async fn receivers(kind: &str, lap: &str) -> Vec<String> {
    let aws = aws();
    let stack = real(&aws).await;
    let text = |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
    let sns = aws_sdk_sns::Client::new(&aws.sdk_config());
    let request = sns.publish().topic_arn(&stack.environment["TOPIC_ARN"]).message("{}");
    request.message_attributes("type", text(kind)).message_attributes("lap", text(lap)).send().await.unwrap();
    let full = aws.queue_depths().into_iter().filter(|depth| depth.visible == 1);
    full.map(|depth| depth.queue.replace("meterline-", "")).collect()
}

#[tokio::test]
async fn the_real_filter_policies_route_each_event_to_its_consumers() {
    let rows: [(&str, &str, &[&str]); 19] = [
        ("usage.recorded.v1", "even", &["UsageEvenQueue"]),
        ("usage.recorded.v1", "odd", &["UsageOddQueue"]),
        ("usage.recorded.v2", "even", &["UsageEvenQueue"]),
        ("usage.recorded.v2", "odd", &["UsageOddQueue"]),
        ("usage.corrected.v1", "even", &["UsageEvenQueue"]),
        ("usage.corrected.v1", "odd", &["UsageOddQueue"]),
        ("billing.requested.v1", "even", &["BillingQueue"]),
        ("billing.requested.v1", "odd", &["BillingQueue"]),
        ("billing.period.closed.v1", "even", &["WebhookQueue"]),
        ("invoice.created.v1", "even", &["WebhookQueue"]),
        ("invoice.finalized.v1", "even", &["InvoiceQueue", "WebhookQueue"]),
        ("invoice.ready.v1", "even", &["WebhookQueue"]),
        ("invoice.paid.v1", "even", &["WebhookQueue"]),
        ("invoice.voided.v1", "even", &["WebhookQueue"]),
        ("invoice.uncollectible.v1", "even", &["WebhookQueue"]),
        ("payment.recorded.v1", "even", &["WebhookQueue"]),
        ("creditnote.issued.v1", "even", &["InvoiceQueue", "WebhookQueue"]),
        ("creditnote.ready.v1", "even", &["WebhookQueue"]),
        ("nobody.listens.v1", "even", &[]),
    ];
    for (kind, lap, expected) in rows {
        assert_eq!(receivers(kind, lap).await, expected, "{kind} of an {lap} lap");
    }
}

#[tokio::test]
async fn creating_the_stack_again_changes_nothing() {
    let aws = aws();
    let first = real(&aws).await;
    let sns = aws_sdk_sns::Client::new(&aws.sdk_config());
    let subscriptions = || async {
        let listed = sns.list_subscriptions_by_topic().topic_arn(&first.environment["TOPIC_ARN"]).send().await.unwrap();
        listed.subscriptions.unwrap()
    };
    let before = subscriptions().await;
    assert_eq!(real(&aws).await, first);
    assert_eq!(subscriptions().await, before);
}

const SMALL: &str = "
Parameters: {Name: {Type: String}, Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}}
Conditions: {Production: !Equals [!Ref Stage, prod]}
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${Name}-work', DelaySeconds: !If [Production, 5, !Ref AWS::NoValue]}}
  Link:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Work.Arn, FilterPolicy: {type: [FILTER]}}
  Extra: {Type: AWS::SQS::Queue, Condition: Production}
  Role: {Type: AWS::IAM::Role, Properties: {Whatever: !Cidr [a, b]}}
";

async fn small(aws: &EmbeddedAws, template: &str, stage: &str) -> Result<Stack, StackError> {
    let parameters = [("Name", "n"), ("Stage", stage)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Stack::create_from(template, aws, &BTreeMap::from(parameters)).await
}

#[tokio::test]
async fn conditions_decide_what_there_is_and_how() {
    for (stage, queues, delay) in [("dev", &["n-work"][..], "0"), ("prod", &["meterline-Extra", "n-work"], "5")] {
        let aws = aws();
        small(&aws, SMALL, stage).await.unwrap();
        let names: Vec<String> = aws.queue_depths().into_iter().map(|depth| depth.queue).collect();
        assert_eq!(names, queues, "{stage}");
        let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
        let request = sqs.get_queue_attributes().queue_url("n-work").attribute_names("DelaySeconds".into());
        assert_eq!(request.send().await.unwrap().attributes.unwrap()[&"DelaySeconds".into()], delay, "{stage}");
    }
}

#[tokio::test]
async fn a_changed_template_changes_the_subscriptions_of_an_old_folder() {
    let aws = aws();
    small(&aws, SMALL, "dev").await.unwrap();
    small(&aws, &SMALL.replace("FILTER", "CHANGED"), "dev").await.unwrap();
    let sns = aws_sdk_sns::Client::new(&aws.sdk_config());
    let topic = "arn:aws:sns:us-east-1:000000000000:meterline-Topic";
    let listed = sns.list_subscriptions_by_topic().topic_arn(topic).send().await.unwrap();
    let [only] = listed.subscriptions() else { panic!("one subscription, not {listed:?}") };
    let request = sns.get_subscription_attributes().subscription_arn(only.subscription_arn().unwrap());
    assert_eq!(request.send().await.unwrap().attributes.unwrap()["FilterPolicy"], r#"{"type":["CHANGED"]}"#);
}

#[tokio::test]
async fn what_cannot_be_made_is_an_error_that_names_its_place() {
    let rows = [
        ("[", "the template is not YAML"),
        ("Resources: {}", "Resources of the template: there are none"),
        ("Resources: {A: {Type: AWS::SQS::Other}}", "A of the template: the local stack does not know AWS::SQS::Other"),
        (
            "Resources: {A: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref B}}}",
            "B of the template: there is no such",
        ),
        ("Resources: {A: {Type: AWS::SQS::Queue, Properties: {Colour: blue}}}", "meterline-A cannot be made"),
        (
            "Resources: {A: {Type: AWS::DynamoDB::Table, Properties: {Streams: 1}}}",
            "A of the template: unknown field `Streams`",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: {E: {Type: Kinesis}}}}}",
            "F of the template: the local stack does not know the event Kinesis",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: {E: {Type: Schedule, Properties: {Schedule: cron(0)}}}}}}",
            "F of the template: \"cron(0)\" is no rate(...) and no cron(3/15 * * * ? *)",
        ),
    ];
    for (template, expected) in rows {
        let error = Stack::create_from(template, &aws(), &BTreeMap::new()).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{template}: {error}");
    }
}

#[tokio::test]
async fn parameters_are_held_to_the_template() {
    let rows = [
        ("SellerName", None, "parameter SellerName of the template: it has no default and must be given"),
        ("SellerName", Some(""), "parameter SellerName of the template: the value is too short"),
        ("Stage", Some("test"), "parameter Stage of the template: the value is not one of those allowed"),
        ("PaymentTermDays", Some("-1"), "parameter PaymentTermDays of the template: the value is not a number"),
        ("Colour", Some("blue"), "parameter Colour of the template: there is no such parameter"),
        ("PlatformKey", None, "PlatformKeySecret of the template: AWS would generate it"),
    ];
    for (name, value, expected) in rows {
        let mut parameters = parameters();
        match value {
            Some(value) => parameters.insert(name.to_owned(), value.to_owned()),
            None => parameters.remove(name),
        };
        let error = Stack::create(&aws(), &parameters).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
