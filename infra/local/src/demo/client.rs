//! The demo's side of the HTTP API: what a customer's own program would do with any HTTP client.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Tries of a request that is answered 503.
const TRIES_MAX: u32 = 10;
/// Longest time that a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer that the demo did not expect.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request failed.
    #[error("{method} {path} failed")]
    Request {
        /// Its method.
        method: Method,
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The API refused it.
    #[error("{method} {path} was answered {status}: {body}")]
    Refused {
        /// Its method.
        method: Method,
        /// Its path.
        path: String,
        /// The status.
        status: StatusCode,
        /// The answer.
        body: String,
    },
}

/// The API as one key reaches it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base_url: String,
    key: String,
}

impl Api {
    /// The API at `base_url` for the holder of `key`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(base_url: &str, key: &str) -> Result<Self, reqwest::Error> {
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { client, base_url: base_url.to_owned(), key: key.to_owned() })
    }

    /// The same API for the holder of another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Answers a GET of `path`.
    ///
    /// # Errors
    /// If it is not answered 2xx.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, path, None).await
    }

    /// Answers a POST of `body` to `path`.
    ///
    /// # Errors
    /// If it is not answered 2xx.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Answers a DELETE of `path`.
    ///
    /// # Errors
    /// If it is not answered 2xx.
    pub async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.send(Method::DELETE, path, None).await
    }

    /// The bytes behind a download link.
    ///
    /// # Errors
    /// If it is not answered 2xx.
    pub async fn download(&self, url: &str) -> Result<Vec<u8>, ClientError> {
        let failed = |source| ClientError::Request { method: Method::GET, path: url.to_owned(), source };
        let answer = self.client.get(url).send().await.map_err(failed)?;
        let bytes = answer.error_for_status().map_err(failed)?.bytes().await.map_err(failed)?;
        Ok(bytes.to_vec())
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let failed = |source| ClientError::Request { method: method.clone(), path: path.to_owned(), source };
        for attempt in 1..=TRIES_MAX {
            let request =
                self.client.request(method.clone(), format!("{}{path}", self.base_url)).bearer_auth(&self.key);
            let request = match body {
                None => request,
                Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            };
            let answer = request.send().await.map_err(failed)?;
            let status = answer.status();
            let text = answer.text().await.map_err(failed)?;
            if status.is_success() {
                return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
            }
            if status != StatusCode::SERVICE_UNAVAILABLE || attempt == TRIES_MAX {
                return Err(ClientError::Refused { method, path: path.to_owned(), status, body: text });
            }
            // The API answers 503 when its own dependencies refuse; it says to come back after a second.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        unreachable!("the last try returns")
    }
}
