//! What `template.yaml` promises: it translates and lints clean for every stage, no function may do more than its task
//! needs, and nothing that a queue holds can get lost or stuck unseen.
//!
//! The rules are read off the translated template, which is what an account would get.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cloud::{Settings, telemetry::METRIC_NAMESPACE};
use domain::usage::watermark::Parity;
use events::{
    BillingPeriodClosedV1, BillingRequestedV1, BillingRequestedV2, CreditBalanceLowV1, CreditNoteIssuedV1,
    CreditNoteReadyV1, Event, InvoiceCreatedV1, InvoiceFinalizedV1, InvoicePaidV1, InvoiceReadyV1,
    InvoiceUncollectibleV1, InvoiceVoidedV1, PaymentRecordedV1, UsageCorrectedV1, UsageRecordedV1, UsageRecordedV2,
};
use rstest::rstest;
use serde_json::{Map, Value, json};
use std::{fs, path::PathBuf, sync::OnceLock};
use tests::python::{root, run, script, target, tool};

const STAGES: [&str; 3] = ["dev", "staging", "prod"];
const FUNCTIONS: [&str; 5] = ["Api", "Usage", "Billing", "Invoice", "Webhook"];
/// Queues that functions consume, and by which function.
const QUEUES: [(&str, &str); 5] = [
    ("UsageEven", "Usage"),
    ("UsageOdd", "Usage"),
    ("Billing", "Billing"),
    ("Invoice", "Invoice"),
    ("Webhook", "Webhook"),
];
const DEAD_LETTERS: [&str; 5] = ["Usage", "Billing", "Invoice", "Webhook", "Tick"];
const TABLES: [&str; 8] =
    ["Tenants", "ApiKeys", "Catalog", "Subscriptions", "ProcessedEvents", "Usage", "Invoices", "Webhooks"];

/// The folder with `<stage>.json`, translated once.
fn translated() -> &'static PathBuf {
    static TRANSLATED: OnceLock<PathBuf> = OnceLock::new();
    TRANSLATED.get_or_init(|| {
        let folder = target().join("template");
        fs::create_dir_all(&folder).unwrap();
        run(script("translate.py").args([&root().join("template.yaml"), &root().join("samconfig.toml"), &folder]));
        folder
    })
}

fn template() -> Value {
    serde_json::from_str(&fs::read_to_string(translated().join("prod.json")).unwrap()).unwrap()
}

/// The properties of a resource.
fn properties(logical: &str) -> Map<String, Value> {
    let template = template();
    let resource = &template["Resources"][logical]["Properties"];
    resource.as_object().unwrap_or_else(|| panic!("the template has no {logical}")).clone()
}

/// The statements of a function's role.
fn statements(function: &str) -> Vec<Value> {
    let policies = &properties(&format!("{function}Role"))["Policies"];
    assert_eq!(policies.as_array().unwrap().len(), 1, "one policy says it all");
    policies[0]["PolicyDocument"]["Statement"].as_array().unwrap().clone()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

#[test]
fn every_stage_lints_clean() {
    let files = STAGES.map(|stage| translated().join(format!("{stage}.json")));
    // From the root, where a suppression would have to be written down with its reason. There is none.
    assert_eq!(run(tool("cfn-lint").current_dir(root()).arg("--").args(files)), "");
}

/// The tables that statements with one of `actions` name. Both `Fn::GetAtt: [UsageTable, Arn]` and
/// `Fn::Sub: ${SubscriptionsTable.Arn}/index/due` name theirs.
fn tables_of(function: &str, actions: &[&str]) -> Vec<&'static str> {
    let matching =
        |statement: &Value| list(&statement["Action"]).iter().any(|action| actions.iter().any(|a| action == a));
    let statements = statements(function).into_iter().filter(matching);
    let resources: String = statements.map(|statement| statement["Resource"].to_string()).collect();
    TABLES.into_iter().filter(|table| resources.contains(&format!("{table}Table"))).collect()
}

#[rstest]
#[case::api(
    "Api",
    &["Tenants", "ApiKeys", "Catalog", "Subscriptions", "Usage", "Invoices", "Webhooks"],
    &["Tenants", "Invoices", "Webhooks"]
)]
#[case::usage("Usage", &["ProcessedEvents", "Usage"], &[])]
#[case::billing("Billing", &["Subscriptions", "ProcessedEvents", "Usage", "Invoices"], &["Invoices"])]
#[case::invoice("Invoice", &["ProcessedEvents", "Invoices"], &["Invoices"])]
#[case::webhook("Webhook", &["ProcessedEvents", "Webhooks"], &[])]
fn a_role_changes_its_own_tables_only(#[case] function: &str, #[case] writes: &[&str], #[case] deletes: &[&str]) {
    assert_eq!(tables_of(function, &["dynamodb:PutItem", "dynamodb:UpdateItem"]), writes);
    assert_eq!(tables_of(function, &["dynamodb:DeleteItem"]), deletes);
}

#[rstest]
#[case::api("Api", &["Tenants", "ApiKeys", "Catalog", "Subscriptions", "ProcessedEvents", "Usage", "Invoices", "Webhooks"])]
#[case::usage("Usage", &["Catalog", "ProcessedEvents", "Usage"])]
#[case::billing("Billing", &["Tenants", "Catalog", "Subscriptions", "ProcessedEvents", "Usage", "Invoices"])]
#[case::invoice("Invoice", &["Tenants", "ProcessedEvents", "Invoices"])]
#[case::webhook("Webhook", &["ProcessedEvents", "Webhooks"])]
fn a_role_reads_what_its_task_needs(#[case] function: &str, #[case] reads: &[&str]) {
    assert_eq!(tables_of(function, &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]), reads);
}

#[test]
fn of_the_counters_billing_writes_the_watermark_only() {
    let names_usage = |statement: &Value| statement["Resource"].to_string().contains("UsageTable");
    let writes = |statement: &Value| list(&statement["Action"]).iter().any(|action| action == "dynamodb:PutItem");
    let statements = statements("Billing");
    let [put] = statements.iter().filter(|s| names_usage(s) && writes(s)).collect::<Vec<_>>()[..] else {
        panic!("one statement says it: {statements:#?}")
    };
    assert_eq!(put["Action"], "dynamodb:PutItem");
    assert_eq!(put["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"], json!(["WATERMARK"]));
}

#[rstest]
#[case::api("Api", &["UsageEvenQueue", "UsageOddQueue", "UsageDeadLetters"])]
#[case::usage("Usage", &["UsageEvenQueue", "UsageOddQueue"])]
#[case::billing("Billing", &["BillingQueue", "UsageEvenQueue", "UsageOddQueue", "UsageDeadLetters"])]
#[case::invoice("Invoice", &["InvoiceQueue"])]
#[case::webhook("Webhook", &["WebhookQueue"])]
fn a_role_sees_the_depth_of_these_queues(#[case] function: &str, #[case] expect: &[&str]) {
    let sees = |statement: &Value| list(&statement["Action"]).iter().any(|action| action == "sqs:GetQueueAttributes");
    let statements = statements(function).into_iter().filter(sees);
    let queues: Vec<Value> =
        statements.flat_map(|s| list(&s["Resource"])).map(|r| r["Fn::GetAtt"][0].clone()).collect();
    assert_eq!(queues, expect);
}

#[test]
fn a_role_names_no_table_by_an_action_that_no_rule_here_looks_at() {
    let known = ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"];
    for action in FUNCTIONS.iter().flat_map(|function| statements(function)).flat_map(|s| list(&s["Action"])) {
        let operation = action.as_str().unwrap().strip_prefix("dynamodb:");
        assert!(operation.is_none_or(|operation| known.contains(&operation)), "{action}");
    }
}

#[test]
fn no_role_holds_a_wildcard_or_a_managed_policy() {
    for function in FUNCTIONS {
        assert!(!properties(&format!("{function}Role")).contains_key("ManagedPolicyArns"), "{function}");
        for statement in statements(function) {
            for action in list(&statement["Action"]) {
                assert!(!action.as_str().unwrap().contains('*'), "{function}: {action}");
            }
            for resource in list(&statement["Resource"]) {
                assert_ne!(resource, "*", "{function}: {statement}");
            }
        }
    }
}

#[test]
fn of_the_bucket_the_printer_reads_the_logo_only() {
    let reads = |statement: &Value| list(&statement["Action"]).iter().any(|action| action == "s3:GetObject");
    let read: Vec<Value> = statements("Invoice").into_iter().filter(reads).map(|s| s["Resource"].clone()).collect();
    assert_eq!(read, [json!({"Fn::Sub": "${InvoicesBucket.Arn}/seller/*"})]);
}

/// What the usage function counts.
const USAGE_TYPES: &[&str] = &[UsageRecordedV1::TYPE, UsageRecordedV2::TYPE, UsageCorrectedV1::TYPE];

/// What tenants are told.
const TOLD_TYPES: &[&str] = &[
    BillingPeriodClosedV1::TYPE,
    CreditBalanceLowV1::TYPE,
    InvoiceCreatedV1::TYPE,
    InvoiceFinalizedV1::TYPE,
    InvoiceReadyV1::TYPE,
    InvoicePaidV1::TYPE,
    InvoiceVoidedV1::TYPE,
    InvoiceUncollectibleV1::TYPE,
    PaymentRecordedV1::TYPE,
    CreditNoteIssuedV1::TYPE,
    CreditNoteReadyV1::TYPE,
];

#[rstest]
#[case::usage_of_even_laps("UsageEven", USAGE_TYPES)]
#[case::usage_of_odd_laps("UsageOdd", USAGE_TYPES)]
#[case::billing("Billing", &[BillingRequestedV1::TYPE, BillingRequestedV2::TYPE])]
#[case::invoice("Invoice", &[InvoiceFinalizedV1::TYPE, CreditNoteIssuedV1::TYPE])]
#[case::webhook("Webhook", TOLD_TYPES)]
fn a_consumer_gets_its_types_as_they_are(#[case] consumer: &str, #[case] types: &[&str]) {
    let subscription = properties(&format!("{consumer}Subscription"));
    assert_eq!(subscription["FilterPolicy"]["type"], Value::from(types.to_vec()));
    assert_eq!(subscription["RawMessageDelivery"], true);
    assert_eq!(subscription["Endpoint"]["Fn::GetAtt"][0], format!("{consumer}Queue"));
}

#[rstest]
#[case::even("UsageEven", Parity::Even)]
#[case::odd("UsageOdd", Parity::Odd)]
fn usage_goes_to_the_queue_of_its_lap(#[case] queue: &str, #[case] parity: Parity) {
    assert_eq!(properties(&format!("{queue}Subscription"))["FilterPolicy"]["lap"], json!([parity.as_str()]));
}

#[test]
fn a_message_is_kept_until_it_is_done_or_a_person_looks() {
    for (name, consumer) in QUEUES {
        let queue = properties(&format!("{name}Queue"));
        let timeout = properties(&format!("{consumer}Function"))["Timeout"].as_u64().unwrap();
        assert_eq!(queue["VisibilityTimeout"], 6 * timeout, "{name}");
        assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 5, "{name}");
        let dead_letters = &queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0];
        assert_eq!(*dead_letters, format!("{consumer}DeadLetters"));
        let source = properties(&format!("{consumer}Function{}Queue", name.trim_start_matches(consumer)));
        assert_eq!(source["EventSourceArn"]["Fn::GetAtt"][0], format!("{name}Queue"));
        assert_eq!(source["FunctionResponseTypes"][0], "ReportBatchItemFailures", "{name}");
        assert!(source["ScalingConfig"]["MaximumConcurrency"].is_u64(), "{name} is bounded");
    }
}

#[test]
fn every_dead_letter_queue_has_an_alarm_and_two_weeks() {
    for queue in DEAD_LETTERS {
        let alarm = properties(&format!("{queue}DeadLettersAlarm"));
        assert_eq!(alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0], format!("{queue}DeadLetters"));
        assert_eq!(alarm["AlarmActions"][0]["Ref"], "AlarmTopic", "{queue}");
        assert_eq!(properties(&format!("{queue}DeadLetters"))["MessageRetentionPeriod"], 14 * 24 * 3600, "{queue}");
    }
    let queues =
        template()["Resources"].as_object().unwrap().values().filter(|r| r["Type"] == "AWS::SQS::Queue").count();
    assert_eq!(queues, QUEUES.len() + DEAD_LETTERS.len(), "a queue that this file does not know");
}

#[test]
fn every_function_has_an_alarm_and_its_own_log() {
    for function in FUNCTIONS {
        let alarm = properties(&format!("{function}ErrorsAlarm"));
        assert_eq!(alarm["Dimensions"][0]["Value"]["Ref"], format!("{function}Function"));
        let lambda = properties(&format!("{function}Function"));
        assert_eq!(lambda["LoggingConfig"]["LogGroup"]["Ref"], format!("{function}Logs"));
        assert_eq!(lambda["Role"]["Fn::GetAtt"][0], format!("{function}Role"));
        assert!(properties(&format!("{function}Logs")).contains_key("RetentionInDays"), "{function}");
    }
    assert!(properties("HttpErrorsAlarm").contains_key("AlarmActions"));
}

#[test]
fn billing_that_falls_behind_has_an_alarm() {
    let alarm = properties("BillingBehindAlarm");
    assert_eq!(alarm["AlarmActions"][0]["Ref"], "AlarmTopic");
    // As the tick writes it (`billing::tick`).
    assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!(METRIC_NAMESPACE), &json!("OldestDueSeconds")));
    let dimensions = json!([{"Name": "stage", "Value": {"Ref": "Stage"}}, {"Name": "function", "Value": "billing"}]);
    assert_eq!(alarm["Dimensions"], dimensions);
}

#[test]
fn data_is_encrypted_restorable_and_outlives_the_stack() {
    let template = template();
    for name in TABLES.map(|table| format!("{table}Table")) {
        let resource = &template["Resources"][&name];
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
        let table = &resource["Properties"];
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{name}");
        assert_eq!(table["SSESpecification"]["SSEEnabled"], true, "{name}");
    }
    let bucket = &template["Resources"]["InvoicesBucket"];
    assert_eq!(bucket["DeletionPolicy"], "RetainExceptOnCreate");
    let refusals = bucket["Properties"]["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert!(refusals.len() == 4 && refusals.values().all(|refused| *refused == true), "the bucket is private");
}

#[test]
fn every_function_finds_its_settings() {
    for function in FUNCTIONS {
        let variables = &properties(&format!("{function}Function"))["Environment"]["Variables"];
        // What stands there are references; one word in the place of each shows whether the name is there.
        let value = |name: &str| match name {
            name if variables[name].is_null() => None,
            "INVOICE_GRACE_MINUTES" | "PAYMENT_TERM_DAYS" | "SEGMENT_INLINE_BYTES" => Some("1".to_owned()),
            "WEBHOOK_ALLOW_PRIVATE_ADDRESSES" => Some("false".to_owned()),
            "SELLER_COLOUR" => Some("#3d4ed8".to_owned()),
            "SELLER_LOGO" => Some(String::new()),
            _ => Some("value".to_owned()),
        };
        let settings = Settings::from(value).unwrap_or_else(|error| panic!("{function}: {error}"));
        assert_eq!(settings.platform_key.is_some(), function == "Api", "{function}");
    }
}
