//! The platform key of a server: a local one gives its own page the key, a deployed one gives it to nobody.

use crate::demo::{Api, ClientError};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
    /// The server is none that gives its key away.
    #[error("{url} gives no platform key: send it with --key or METERLINE_KEY")]
    Key {
        /// Where it was asked.
        url: String,
        /// What it answered.
        #[source]
        source: ClientError,
    },
}

/// The API at `url` for the holder of the platform key: as sent, or as a local server gives it to its own page.
pub(crate) async fn open(url: &str, sent: Option<&str>) -> Result<Api, SessionError> {
    if let Some(key) = sent {
        return Ok(Api::new(url, key)?);
    }
    let nobody = Api::new(url, "")?;
    let session = nobody.get("/local/session").await;
    let session = session.map_err(|source| SessionError::Key { url: url.to_owned(), source })?;
    Ok(nobody.with_key(session["platformKey"].as_str().unwrap_or_default()))
}
