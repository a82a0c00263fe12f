//! The deployed stack: the real binaries and the real `template.yaml`, created through CloudFormation on an endpoint that
//! answers for AWS without an account.
//!
//! The endpoint enforces IAM, so a function that needs more than its role grants fails here as it would in an account.
//! What the template is given before it is created stands in `tests/python/deploy.py`; what the endpoint is, in `endpoint`.
//! Here is how tests talk to the stack. Which journeys they go is left to them.

mod endpoint;

use crate::python::{root, run, script, target};
use endpoint::{Endpoint, REGION};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

/// Longer than the slowest function may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(150);
/// How long messages may be under way before a test calls the stack stuck.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Pause between two looks at the queues.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);
/// Looks in a row that must find every queue empty: between two hops a message is in none for a moment.
const SETTLED_LOOKS: u32 = 5;
/// Lines of a function's log that a failure shows.
const LOG_LINES_MAX: usize = 40;
/// Queues that functions consume. The others hold dead letters.
const CONSUMED: &str = "Queue";

/// The stack, up and answering. It is taken down when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Deployed {
    /// Where the HTTP API answers: `{base_url}/v1/...`. It names the API in its path, so no special `Host` is needed.
    pub base_url: String,
    /// The key with which the platform calls it.
    pub platform_key: String,
    name: String,
    stack: Value,
    client: Client,
    endpoint: Endpoint,
}

impl Deployed {
    /// Builds the five binaries, starts the endpoint unless something listens there, and creates the stack.
    ///
    /// `METERLINE_DEPLOY_PROFILE=release` deploys the binaries of that profile instead of `dev`.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(Self::deploy).await.expect("the stack is created")
    }

    fn deploy() -> Self {
        let binaries = build();
        let endpoint = Endpoint::start();
        let name = format!("meterline-test-{}", std::process::id());
        let platform_key = "ml_live_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let created = run(script("deploy.py")
            .args(["--endpoint", endpoint.url(), "--region", REGION, "--stack", &name])
            .arg("--template")
            .arg(root().join("template.yaml"))
            .arg("--binaries")
            .arg(binaries)
            .arg(format!("Architecture={architecture}"))
            .arg(format!("PlatformKey={platform_key}"))
            .args(["SellerName=Example Seller", "SellerAddress=1 Example Street|12345 Example Town|Germany"])
            // The journey ticks when it wants to, needs no grace to wait for, and receives webhooks on loopback.
            .args(["TickSchedule=rate(1 day)", "InvoiceGraceMinutes=0", "WebhookAllowPrivateAddresses=true"]));
        let stack: Value = serde_json::from_str(&created).expect("the script prints JSON");
        let api = stack["api"].as_str().expect("the script names the API");
        let base_url = format!("{}/_aws/execute-api/{api}/$default", endpoint.url());
        let client = Client::builder().timeout(ANSWER_TIMEOUT).build().expect("a client without special wishes");
        Self { base_url, platform_key, name, stack, client, endpoint }
    }

    /// Calls a function directly, as EventBridge does with its schedule, and returns what it answered.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Value {
        let physical = self.physical("functions", function);
        let url = format!("{}/2015-03-31/functions/{physical}/invocations", self.endpoint.url());
        let request = signed(self.client.post(url), "lambda").body(payload.to_string());
        let response = request.send().await.expect("the endpoint answers");
        let failed = response.headers().contains_key("x-amz-function-error");
        let body = response.text().await.expect("an answer has a body");
        assert!(!failed, "{function} failed: {body}\n{}", self.logs(function).await.join("\n"));
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Puts a message on a queue as it is, past the topic.
    pub async fn send(&self, queue: &str, body: &str) {
        let url = self.physical("queues", queue);
        self.call("sqs", "AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
    }

    /// Sets how long a queue waits before it delivers again what a function refused. The template's six timeouts are
    /// minutes, a test of dead letters has seconds.
    pub async fn set_visibility_timeout(&self, queue: &str, seconds: u32) {
        let (url, timeout) = (self.physical("queues", queue), seconds.to_string());
        let request = json!({"QueueUrl": url, "Attributes": {"VisibilityTimeout": timeout}});
        self.call("sqs", "AmazonSQS.SetQueueAttributes", &request).await;
    }

    /// How many messages each queue holds: waiting, in work, or delayed. Dead letters are under `…DeadLetters`.
    pub async fn depths(&self) -> BTreeMap<String, u64> {
        let counts = ["", "NotVisible", "Delayed"].map(|state| format!("ApproximateNumberOfMessages{state}"));
        let mut depths = BTreeMap::new();
        for (queue, url) in self.stack["queues"].as_object().expect("the script names the queues") {
            let request = json!({"QueueUrl": url, "AttributeNames": counts});
            let answer = self.call("sqs", "AmazonSQS.GetQueueAttributes", &request).await;
            let count = |name: &String| answer["Attributes"][name].as_str().and_then(|count| count.parse::<u64>().ok());
            let depth = counts.iter().map(|name| count(name).expect("a queue tells its depth")).sum();
            depths.insert(queue.clone(), depth);
        }
        depths
    }

    /// The dead-letter queues and how many messages each holds.
    pub async fn dead_letters(&self) -> BTreeMap<String, u64> {
        self.depths().await.into_iter().filter(|(queue, _)| !queue.ends_with(CONSUMED)).collect()
    }

    /// Waits until every message is consumed. Delayed ones count: a webhook's retry is work under way.
    pub async fn settle(&self) {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        let mut looks = 0;
        while looks < SETTLED_LOOKS {
            let mut busy = self.depths().await;
            busy.retain(|queue, depth| queue.ends_with(CONSUMED) && *depth > 0);
            looks = if busy.is_empty() { looks + 1 } else { 0 };
            if Instant::now() > deadline {
                panic!("messages are still under way: {busy:?}\n{}", self.explain().await);
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    /// The last lines that a function logged.
    pub async fn logs(&self, function: &str) -> Vec<String> {
        let request = json!({"logGroupName": format!("/{}/{function}", self.name)});
        let answer = self.call("logs", "Logs_20140328.FilterLogEvents", &request).await;
        let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let lines = events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned);
        lines.skip(events.len().saturating_sub(LOG_LINES_MAX)).collect()
    }

    /// What a person wants to see when a journey failed: queue depths and every function's last lines.
    pub async fn explain(&self) -> String {
        let mut text = format!("{:?}\n", self.depths().await);
        for function in self.stack["functions"].as_object().expect("the script names the functions").keys() {
            text += &format!("--- {function}\n{}\n", self.logs(function).await.join("\n"));
        }
        text
    }

    fn physical(&self, kind: &str, logical: &str) -> &str {
        self.stack[kind][logical].as_str().unwrap_or_else(|| panic!("{logical} is none of the {kind}"))
    }

    /// One request of AWS's JSON protocols.
    async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = signed(self.client.post(self.endpoint.url()), service).header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let response = request.send().await.expect("the endpoint answers");
        let status = response.status();
        let text = response.text().await.expect("an answer has a body");
        assert!(status.is_success(), "{target}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        // An endpoint of our own ends with everything in it. A foreign one is left as it was found.
        if !self.endpoint.is_ours() {
            let arguments = ["--endpoint", self.endpoint.url(), "--region", REGION, "--stack", &self.name, "--delete"];
            script("deploy.py").args(arguments).status().ok();
        }
    }
}

/// The endpoint reads service and region out of the signature and does not verify it.
fn signed(request: RequestBuilder, service: &str) -> RequestBuilder {
    let scope = format!("test/20260101/{REGION}/{service}/aws4_request");
    request.header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
}

/// Builds every binary of the workspace, which shares features and thus all libraries with the tests, and says where.
fn build() -> std::path::PathBuf {
    let profile = std::env::var("METERLINE_DEPLOY_PROFILE").unwrap_or_else(|_| "dev".to_owned());
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["build", "--quiet", "--workspace", "--bins", "--profile", &profile];
    run(Command::new(cargo).current_dir(root()).args(arguments));
    target().join(if profile == "dev" { "debug" } else { &profile })
}
