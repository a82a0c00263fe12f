//! What lies in S3: PDFs of invoices and credit notes, of which the first stands, since a put refuses to replace it; the
//! seller's logo, which the operator puts beside them; and large segments of the usage log, whose keys hold their digests, so
//! that writing one again changes nothing.

use crate::{Fault, World};
use aws_sdk_s3::{
    config::timeout::TimeoutConfig, error::ProvideErrorMetadata, presigning::PresigningConfig, primitives::ByteStream,
};
use std::time::Duration;

/// How long a download link works.
pub const LINK_SECONDS: u64 = 300;

/// Largest object that is read as a logo, in bytes.
const LOGO_BYTES_MAX: i64 = 1024 * 1024;
/// How long S3 may take to answer with the logo, all tries together: an invoice does not wait for it.
const LOGO_WAIT: Duration = Duration::from_secs(5);

/// An object to keep.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its key in the bucket.
    pub key: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What kind of file it is.
    pub content_type: &'static str,
    /// Digest of the data that it prints, kept beside it as metadata.
    pub digest: String,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was stored.
    Stored,
    /// One was there before, and stands.
    AlreadyThere,
}

impl World {
    /// Stores `blob` unless its key is taken.
    pub async fn put_blob(&self, blob: Blob) -> Result<PutOutcome, Fault> {
        let request = self.s3().put_object().bucket(&self.settings().invoices_bucket).key(blob.key);
        let request = request.content_type(blob.content_type).metadata("digest", blob.digest).if_none_match("*");
        match request.body(ByteStream::from(blob.bytes)).send().await {
            Ok(_) => Ok(PutOutcome::Stored),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(PutOutcome::AlreadyThere),
            // Two conditional puts at once: S3 answers 409 to one of them, which may then try again.
            Err(error) if error.code() == Some("ConditionalRequestConflict") => {
                Err(Fault::Conflict { operation: "s3:PutObject" })
            }
            Err(error) => Err(Fault::of_call("s3:PutObject", error)),
        }
    }

    /// A link that downloads the object at `key` as `file_name` for [`LINK_SECONDS`] from the world's now on.
    pub async fn download_link(&self, key: &str, file_name: &str) -> Result<String, Fault> {
        // Signed by the world's clock, which may have been turned, and not by the machine's.
        let expires = PresigningConfig::builder().start_time(self.now().into());
        let expires = expires.expires_in(Duration::from_secs(LINK_SECONDS)).build();
        let expires = expires.map_err(|error| Fault::permanent("s3:presign", error))?;
        let request = self.s3().get_object().bucket(&self.settings().invoices_bucket).key(key);
        let request = request.response_content_disposition(format!("inline; filename=\"{file_name}\""));
        let presigned = request.presigned(expires).await.map_err(|error| Fault::of_call("s3:presign", error))?;
        Ok(presigned.uri().to_owned())
    }

    /// The file that the operator named as the seller's logo, as it is; `None` if there is no such setting.
    pub async fn seller_logo(&self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(key) = &self.settings().seller.logo else { return Ok(None) };
        let request = self.s3().get_object().bucket(&self.settings().invoices_bucket).key(key);
        let hurried = TimeoutConfig::builder().operation_timeout(LOGO_WAIT).build();
        let request = request.customize().config_override(aws_sdk_s3::Config::builder().timeout_config(hurried));
        let answer = request.send().await.map_err(|error| Fault::of_call("s3:GetObject", error))?;
        if answer.content_length().is_none_or(|length| length > LOGO_BYTES_MAX) {
            return Err(Fault::permanent("s3:GetObject", "the logo is too large"));
        }
        let body = answer.body.collect().await;
        let body = body.map_err(|error| Fault::Transient { operation: "s3:GetObject", cause: error.into() })?;
        Ok(Some(body.to_vec()))
    }

    /// Stores a segment of the usage log.
    pub(crate) async fn put_log_object(&self, key: &str, body: Vec<u8>) -> Result<(), Fault> {
        let request = self.s3().put_object().bucket(&self.settings().usage_log_bucket).key(key);
        let sent = request.content_type("application/octet-stream").body(ByteStream::from(body)).send().await;
        sent.map(drop).map_err(|error| Fault::of_call("s3:PutObject", error))
    }

    /// A segment of the usage log, if it is there.
    pub(crate) async fn log_object(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let request = self.s3().get_object().bucket(&self.settings().usage_log_bucket).key(key);
        let answer = match request.send().await {
            Ok(answer) => answer,
            // S3 does not tell a key that is not there from one that is forbidden to whoever may not list the bucket.
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "AccessDenied")) => return Ok(None),
            Err(error) => return Err(Fault::of_call("s3:GetObject", error)),
        };
        let body = answer.body.collect().await;
        // A connection that breaks within a body is no refusal: the next try reads it whole.
        let body = body.map_err(|error| Fault::Transient { operation: "s3:GetObject", cause: error.into() })?;
        Ok(Some(body.to_vec()))
    }
}
