//! What a request to S3 is about: bucket, key and parameters, read from a path-style URI.

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// Bucket, key and parameters, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    pub(super) query: BTreeMap<String, String>,
}

impl Target {
    /// Reads path and query. `mount` is the path below which the buckets are.
    pub(super) fn read(path_and_query: &str, mount: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let path = path.strip_prefix(mount).unwrap_or(path).trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decoded =
            |part: &str| (!part.is_empty()).then(|| percent_decode_str(part).decode_utf8_lossy().into_owned());
        let query = form_urlencoded::parse(query.as_bytes());
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Self { bucket: decoded(bucket), key: decoded(key), query }
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// The part of an absolute URI after scheme and authority.
pub(super) fn path_and_query(uri: &str) -> &str {
    let Some((_, rest)) = uri.split_once("://") else { return uri };
    rest.find(['/', '?']).map_or("/", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_and_key_are_read_below_the_mount() {
        let rows = [
            ("http://127.0.0.1:1/", "", None, None),
            ("http://127.0.0.1:1/bucket?list-type=2", "", Some("bucket"), None),
            ("http://127.0.0.1:1/bucket/a/b%20c.pdf?x-id=GetObject", "", Some("bucket"), Some("a/b c.pdf")),
            ("http://127.0.0.1:1/s3/bucket/a+b", "/s3", Some("bucket"), Some("a+b")),
            ("/s3/bucket/%2E%2E/x", "/s3", Some("bucket"), Some("../x")),
        ];
        for (uri, mount, bucket, key) in rows {
            let target = Target::read(path_and_query(uri), mount);
            assert_eq!((target.bucket.as_deref(), target.key.as_deref()), (bucket, key), "{uri}");
        }
    }
}
