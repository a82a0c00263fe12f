//! A tenant's webhook receiver on this machine: takes real calls and checks each signature with the reference
//! implementation of Standard Webhooks, which shares no code with the sender.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A call whose signature was right.
#[derive(Clone, Debug)]
pub struct Call {
    /// The envelope that it carried.
    pub event: serde_json::Value,
}

#[derive(Default)]
struct Received {
    secrets: HashMap<String, String>,
    calls: HashMap<String, Vec<Call>>,
    refused: usize,
}

/// The receiver; it stops when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Listens on a free port of this machine.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let received = Arc::new(Mutex::new(Received::default()));
        let app = Router::new().route("/{tenant}", post(receive)).with_state(Arc::clone(&received));
        let server = tokio::spawn(async move {
            // It serves until it is aborted; there is nobody to tell of an error but the missing calls.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, received, server })
    }

    /// Where the calls of `tenant` go.
    #[must_use]
    pub fn url(&self, tenant: &str) -> String {
        format!("http://{}/{tenant}", self.address)
    }

    /// Gives the receiver the secret that was shown when the endpoint was created.
    pub fn share_secret(&self, tenant: &str, secret: &str) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.secrets.insert(tenant.to_owned(), secret.to_owned());
    }

    /// The well-signed calls of `tenant` so far.
    #[must_use]
    pub fn calls(&self, tenant: &str) -> Vec<Call> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.calls.get(tenant).cloned().unwrap_or_default()
    }

    /// Calls whose signature was wrong.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).refused
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(received): State<Arc<Mutex<Received>>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    let verified = received.secrets.get(&tenant).is_some_and(|secret| verify(secret, &headers, &body));
    let event = serde_json::from_slice(&body);
    match event {
        Ok(event) if verified => {
            received.calls.entry(tenant).or_default().push(Call { event });
            StatusCode::NO_CONTENT
        }
        _ => {
            received.refused += 1;
            StatusCode::UNAUTHORIZED
        }
    }
}

/// The age of the call is not checked: the demo's clock stands in the month of its log.
fn verify(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (Ok(webhook), Ok(sent_at)) = (standardwebhooks::Webhook::new(secret), header("webhook-timestamp").parse())
    else {
        return false;
    };
    let expect = webhook.sign(header("webhook-id"), sent_at, body);
    expect.is_ok_and(|expect| header("webhook-signature").split(' ').any(|signature| signature == expect))
}
