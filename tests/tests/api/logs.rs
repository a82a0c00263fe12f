//! What is logged of a request, and what never is.

use crate::harness::{Api, Extra};
use axum::http::Method;
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Everything that is logged by this thread while the guard lives.
    fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let json = tracing_subscriber::fmt().json().with_current_span(true).with_span_list(false).flatten_event(true);
        tracing::subscriber::set_default(json.with_writer(move || lines.clone()).finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_request_is_one_line_without_secrets() {
    let api = Api::open().await.with_meters().await;
    let lines = Lines::default();
    let guard = lines.collect();
    let body = r#"{"events":[{"id":"private-1","type":"call","data":{"bytes":-1,"user":"someone"}}],"more":1}"#;
    let headers = [("content-type", "application/json"), ("x-correlation-id", "req-9")];
    let extra = Extra { headers: &headers, body: Some(body) };
    api.call(Method::POST, "/v1/usage/events?tenant=acme", Some(&api.acme.key), extra).await;
    drop(guard);
    let text = lines.text();
    let answered: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == "answered")
        .collect();
    let [line] = answered.as_slice() else { panic!("one line: {text}") };
    assert_eq!((&line["level"], &line["status"], &line["duration_ms"]), (&json!("INFO"), &json!(400), &json!(0)));
    let span = json!({
        "name": "request", "method": "POST", "route": "/v1/usage/events", "correlation_id": "req-9", "tenant": api.acme.id,
    });
    assert_eq!(line["span"], span);
    for secret in [api.acme.key.as_str(), "ml_live", "private-1", "someone", "?tenant"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn usage_that_is_taken_costs_no_line() {
    let api = Api::open().await.with_meters().await;
    let lines = Lines::default();
    let guard = lines.collect();
    let event = json!({"events": [{"id": "1", "type": "call", "data": {"bytes": 1}}]});
    api.post("/v1/usage/events", &api.acme.key, &event).await.good();
    assert_eq!(lines.text(), "");
    api.get("/v1/meters", &api.acme.key).await.good();
    drop(guard);
    assert_eq!(lines.text().lines().count(), 1, "{}", lines.text());
}

#[tokio::test]
async fn a_fault_is_logged_with_its_cause_and_not_answered_with_it() {
    let api = Api::open().await;
    let lines = Lines::default();
    let guard = lines.collect();
    api.platform.aws().faults().fail_next(meterline::aws::Service::DynamoDb, "GetItem", meterline::aws::Fault::Refuse);
    let answer = api.get("/v1/meters", &api.acme.key).await;
    drop(guard);
    assert_eq!(answer.outcome(), (503, "unavailable"));
    let text = lines.text();
    assert_eq!(text.matches("dynamodb:GetItem failed for now").count(), 1, "logged once: {text}");
    assert!(!answer.body.to_string().contains("dynamodb"), "{answer:#?}");
    assert!(!text.contains(&api.acme.key), "{text}");
}
