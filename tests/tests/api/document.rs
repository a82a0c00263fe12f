//! The OpenAPI document and the page that shows it.

use crate::harness::{Answer, Api, Extra};
use axum::http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

async fn open(path: &str) -> Answer {
    Api::open().await.call(Method::GET, path, None, Extra::default()).await.good()
}

#[tokio::test]
async fn every_operation_is_documented() {
    let document = open("/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let text = |name: &str| operation[name].as_str().unwrap_or_default();
            assert!(!text("summary").is_empty(), "{place}");
            assert!(ids.insert(text("operationId").to_owned()), "{place} has an id of its own");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{place}");
            assert_eq!(operation["security"].is_null(), !path.starts_with("/v1/"), "{place}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
            assert!(responses.values().all(|answer| !answer["description"].as_str().unwrap().is_empty()), "{place}");
            assert!(path == "/health" || responses.contains_key("401") && responses.contains_key("503"), "{place}");
            let placeholders = path.matches('{').count();
            let in_path = operation["parameters"].as_array().into_iter().flatten();
            assert_eq!(in_path.filter(|parameter| parameter["in"] == "path").count(), placeholders, "{place}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = open("/openapi.json").await.body;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100, "the document is made of shared shapes");
    for reference in references {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_field_of_a_shape_is_explained_and_in_camel_case() {
    let document = open("/openapi.json").await.body;
    let mut fields = Vec::new();
    fields_of(&document["components"]["schemas"], &mut fields);
    assert!(fields.len() > 150, "{} fields", fields.len());
    for (name, schema) in fields {
        // One that may be null has its words in the choice that it is otherwise; `type` of a model says itself.
        let words = [&schema["description"], &schema["oneOf"][0]["description"], &schema["enum"][0]];
        assert!(words.iter().any(|words| words.is_string()), "{name}: {schema:#}");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
    }
}

fn fields_of<'a>(value: &'a Value, fields: &mut Vec<(&'a str, &'a Value)>) {
    let Value::Object(members) = value else {
        return value.as_array().into_iter().flatten().for_each(|item| fields_of(item, fields));
    };
    if let Some(Value::Object(properties)) = members.get("properties") {
        fields.extend(properties.iter().map(|(name, schema)| (name.as_str(), schema)));
    }
    members.values().for_each(|member| fields_of(member, fields));
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let page = open("/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let html = page.body.as_str().unwrap();
    assert!(html.contains("fetch(\"/openapi.json\")"));
    for elsewhere in ["http://", "https://", "src=", "@import", "<link"] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
}

#[tokio::test]
async fn the_service_says_that_it_is_up() {
    assert_eq!(open("/health").await.body, serde_json::json!({"status": "ok"}));
}
