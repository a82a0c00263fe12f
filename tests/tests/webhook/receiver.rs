//! A tenant's endpoint on loopback: answers what its script says, and keeps every call.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// What the receiver does with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Sends the caller to another path of itself.
    Redirect,
    /// Never answers.
    Silence,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// The receiver; its calls are answered 200 once the script has ended.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Called>>,
    count: watch::Sender<usize>,
}

impl Receiver {
    pub(crate) async fn start(script: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Shared {
            script: Mutex::new(script.iter().copied().collect()),
            calls: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let router = Router::new().fallback(called).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    pub(crate) fn calls(&self) -> Vec<Called> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Waits until there were `count` calls.
    pub(crate) async fn called(&self, count: usize) {
        self.state.count.subscribe().wait_for(|calls| *calls >= count).await.unwrap();
    }
}

async fn called(State(state): State<Arc<Shared>>, uri: axum::http::Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    state.calls.lock().unwrap().push(Called { path: uri.path().to_owned(), headers, body });
    let answer = state.script.lock().unwrap().pop_front().unwrap_or(Answer::Status(200));
    state.count.send_modify(|count| *count += 1);
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, "/elsewhere")]).into_response(),
        Answer::Silence => std::future::pending().await,
    }
}
