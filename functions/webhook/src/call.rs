//! One HTTP call to an endpoint, and what came of it: a 2xx in time is taken, everything else has failed.
//!
//! Invariants: no redirect is followed, no proxy is used, the answer's body is not read, and no connection is kept: a
//! function is frozen between batches, and a kept socket would be stale. What an error says holds no secret and no URL.

use crate::target::{Refused, Targets};
use cloud::Settings;
use domain::{
    Timestamp,
    id::EventId,
    webhook::{Secret, sign},
};
use reqwest::{
    Client, ClientBuilder,
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
    redirect,
};
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// From the start of a call to the head of its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// For the connection alone, its TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest error text of a receipt, in characters.
const ERROR_CHARACTERS_MAX: usize = 200;
const CALLED_BY: &str = concat!("Meterline/", env!("CARGO_PKG_VERSION"));

/// Calls endpoints. Built once; cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    transport: Transport,
    targets: Targets,
}

/// How a call leaves the process, if it does.
#[derive(Clone)]
enum Transport {
    Http(Client),
    InProcess(Arc<dyn Fn(&Hook<'_>) -> u16 + Send + Sync>),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            Self::InProcess(_) => "InProcess",
        })
    }
}

/// A webhook as an endpoint gets it.
#[derive(Clone, Copy, Debug)]
pub struct Hook<'a> {
    /// Where to.
    pub url: &'a str,
    /// The header `webhook-id`, by which an endpoint tells a repeat.
    pub id: EventId,
    /// The header `webhook-timestamp`.
    pub sent_at: Timestamp,
    /// The header `webhook-signature`.
    pub signature: &'a str,
    /// The signed text: the whole event.
    pub body: &'a str,
}

/// The HTTP client cannot be built: this machine has no CA certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built")]
pub struct CallerError(#[from] reqwest::Error);

/// What is called, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) url: &'a str,
    pub(crate) secrets: &'a [Secret],
    pub(crate) event_id: EventId,
    pub(crate) correlation_id: &'a str,
    pub(crate) body: &'a str,
    pub(crate) sent_at: Timestamp,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The endpoint answered 2xx.
    Taken { status: u16 },
    /// It answered something else, or not at all.
    Failed { status: Option<u16>, error: String },
    /// It was deleted, and not called.
    Gone,
}

impl Caller {
    /// The caller that `settings` ask for.
    pub fn new(settings: &Settings) -> Result<Self, CallerError> {
        Self::with_timeout(settings, CALL_TIMEOUT)
    }

    /// A caller that waits as long as `timeout`, for a test of slow endpoints.
    pub fn with_timeout(settings: &Settings, timeout: Duration) -> Result<Self, CallerError> {
        let targets = if settings.webhook_allow_private_addresses { Targets::Any } else { Targets::Public };
        let client = match (client(targets, timeout).build(), targets) {
            (Ok(client), _) => client,
            // A machine of one's own may have no CA certificates and call nothing but http. Deployed, that is a fault.
            (Err(_), Targets::Any) => client(targets, timeout).tls_certs_only([]).build()?,
            (Err(error), Targets::Public) => return Err(error.into()),
        };
        Ok(Self { transport: Transport::Http(client), targets })
    }

    /// A caller that reaches no network: `endpoint` answers every call with a status, here and now. For the simulation,
    /// whose every step must replay.
    pub fn in_process(endpoint: impl Fn(&Hook<'_>) -> u16 + Send + Sync + 'static) -> Self {
        Self { transport: Transport::InProcess(Arc::new(endpoint)), targets: Targets::Any }
    }

    pub(crate) async fn call(&self, call: &Call<'_>) -> Outcome {
        let failed = |error| Outcome::Failed { status: None, error };
        let url = match self.targets.check(call.url) {
            Ok(url) => url,
            Err(refused) => return failed(refused.to_string()),
        };
        let signature = sign(call.secrets, &call.event_id.to_string(), call.sent_at, call.body);
        let client = match &self.transport {
            Transport::Http(client) => client,
            Transport::InProcess(endpoint) => {
                let Call { event_id: id, sent_at, body, .. } = *call;
                return judged(endpoint(&Hook { url: url.as_str(), id, sent_at, signature: &signature, body }));
            }
        };
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header(USER_AGENT, CALLED_BY)
            .header("webhook-id", call.event_id.to_string())
            .header("webhook-timestamp", call.sent_at.as_second())
            .header("webhook-signature", signature);
        if let Ok(correlation_id) = HeaderValue::from_str(call.correlation_id) {
            request = request.header("x-correlation-id", correlation_id);
        }
        match request.body(call.body.to_owned()).send().await {
            Ok(response) => judged(response.status().as_u16()),
            Err(error) => failed(reason(&error)),
        }
    }
}

fn client(targets: Targets, timeout: Duration) -> ClientBuilder {
    Client::builder()
        .dns_resolver(targets)
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
}

fn judged(status: u16) -> Outcome {
    let error = match status {
        200..300 => return Outcome::Taken { status },
        300..400 => format!("answered {status}; redirects are not followed"),
        _ => format!("answered {status}"),
    };
    Outcome::Failed { status: Some(status), error }
}

/// Why there was no answer, for the tenant: the deepest cause of a failed connection says what to repair.
fn reason(error: &reqwest::Error) -> String {
    let mut root: &(dyn Error + 'static) = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let text = match root.downcast_ref::<Refused>() {
        Some(refused) => refused.to_string(),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None if error.is_connect() => format!("cannot connect: {root}"),
        None => "the connection broke before an answer came".to_owned(),
    };
    text.chars().take(ERROR_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    fn failed(status: Option<u16>, error: &str) -> Outcome {
        Outcome::Failed { status, error: error.to_owned() }
    }

    #[rstest]
    #[case::ok(200, Outcome::Taken { status: 200 })]
    #[case::no_content(204, Outcome::Taken { status: 204 })]
    #[case::last_of_2xx(299, Outcome::Taken { status: 299 })]
    #[case::moved(301, failed(Some(301), "answered 301; redirects are not followed"))]
    #[case::gone(410, failed(Some(410), "answered 410"))]
    #[case::too_many(429, failed(Some(429), "answered 429"))]
    #[case::unavailable(503, failed(Some(503), "answered 503"))]
    fn only_2xx_is_taken(#[case] status: u16, #[case] expect: Outcome) {
        assert_eq!(judged(status), expect);
    }

    fn caller(targets: Targets, timeout: Duration) -> Caller {
        let client = client(targets, timeout).tls_certs_only([]).build().unwrap();
        Caller { transport: Transport::Http(client), targets }
    }

    async fn call(caller: &Caller, url: &str) -> Outcome {
        let call = Call {
            url,
            secrets: &[Secret::new([7; 32])],
            event_id: EventId::derived(&["event"]),
            correlation_id: "corr-1",
            body: "{}",
            sent_at: Timestamp::UNIX_EPOCH,
        };
        caller.call(&call).await
    }

    /// A port of loopback where each connection is read once, answered with `answer`, and closed.
    async fn listen(answer: &'static str) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_before_anything_is_connected() {
        let port = listen("").await;
        let outcome = call(&caller(Targets::Public, CALL_TIMEOUT), &format!("https://localhost:{port}/")).await;
        assert_eq!(outcome, failed(None, "private addresses are not called"));
    }

    #[tokio::test]
    async fn what_went_wrong_is_said_without_the_url() {
        let caller = caller(Targets::Any, CALL_TIMEOUT);
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
        let refused = call(&caller, &format!("http://127.0.0.1:{closed}/hooks?token=secret")).await;
        assert_eq!(refused, failed(None, "cannot connect: Connection refused (os error 111)"));

        let port = listen("not http").await;
        let broken = call(&caller, &format!("http://127.0.0.1:{port}/hooks?token=secret")).await;
        assert_eq!(broken, failed(None, "the connection broke before an answer came"));

        // The port speaks no TLS.
        let no_tls = call(&caller, &format!("https://127.0.0.1:{port}/hooks?token=secret")).await;
        assert_eq!(no_tls, failed(None, "cannot connect: received corrupt message of type InvalidContentType"));
    }

    #[tokio::test]
    async fn an_unresolvable_host_is_said_so() {
        // A label has 63 characters at most, so that no name server is asked.
        let url = format!("http://{}.example/", "x".repeat(64));
        let outcome = call(&caller(Targets::Any, CALL_TIMEOUT), &url).await;
        assert_eq!(outcome, failed(None, "the host does not resolve"));
    }
}
