//! The operations on buckets and objects.

use super::super::hex::hex;
use super::super::wire::{Answer, Request};
use super::store::{Condition, METADATA_PREFIX, Object, Objects, Put};
use super::target::Target;
use super::{Failure, chunked, overrides};
use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use quick_xml::escape::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Largest object.
const OBJECT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most keys of one page of a listing.
const LIST_KEYS_MAX: usize = 1_000;
/// Longest key.
const KEY_BYTES_MAX: usize = 1_024;

/// Headers of a put that belong to the object.
const KEPT_HEADERS: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];
const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

/// One request and what it is answered from.
pub(super) struct Exchange<'a> {
    pub(super) objects: &'a Objects,
    pub(super) request: &'a Request<'a>,
    pub(super) target: Target,
    pub(super) now: Timestamp,
}

impl Exchange<'_> {
    pub(super) fn perform(&self, operation: &str) -> Result<Answer, Failure> {
        match operation {
            "PutObject" => self.put_object(),
            "GetObject" | "HeadObject" => self.get_object(),
            "DeleteObject" => self.delete_object(),
            "ListObjectsV2" => self.list_objects(),
            "CreateBucket" => {
                self.objects.create_bucket(self.bucket()?)?;
                Ok(Answer::empty(200))
            }
            "HeadBucket" => self.existing_bucket().map(|_| Answer::empty(200)),
            _ => Err(Failure::new(501, "NotImplemented", "the embedded AWS does not serve this operation of S3")),
        }
    }

    fn put_object(&self) -> Result<Answer, Failure> {
        let bucket = self.existing_bucket()?;
        let key = key(&self.target)?;
        if self.header("x-amz-copy-source").is_some() {
            return Err(Failure::new(501, "NotImplemented", "the embedded AWS does not copy objects"));
        }
        let object = self.object()?;
        let answer = Answer::empty(200).with("etag", &object.etag);
        let checksums = object.headers.iter().filter(|(name, _)| name.starts_with(CHECKSUM_PREFIX));
        let answer = checksums.fold(answer, |answer, (name, value)| answer.with(name, value));
        match self.objects.put(bucket, key, &object, &self.condition()?)? {
            Put::Done => Ok(answer),
            Put::ConditionFailed => Err(Failure::new(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            )),
            Put::NothingToMatch => Err(no_such_key()),
        }
    }

    /// The object that a put brings.
    fn object(&self) -> Result<Object, Failure> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.request.headers {
            let name = name.to_ascii_lowercase();
            let kept = KEPT_HEADERS.contains(&name.as_str());
            if kept || name.starts_with(METADATA_PREFIX) || is_checksum(&name) {
                headers.insert(name, value.to_owned());
            }
        }
        let encoding = headers.remove("content-encoding").unwrap_or_default();
        let mut encodings: Vec<&str> = encoding.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let framed = encodings.contains(&"aws-chunked");
        encodings.retain(|part| *part != "aws-chunked");
        if !encodings.is_empty() {
            headers.insert("content-encoding".to_owned(), encodings.join(","));
        }
        let body = if framed { self.decoded(&mut headers)? } else { Bytes::copy_from_slice(self.request.body) };
        if body.len() > OBJECT_BYTES_MAX {
            return Err(Failure::new(400, "EntityTooLarge", "the object is larger than the embedded AWS takes"));
        }
        Ok(Object { etag: etag(&body), body, headers, modified_at: self.now })
    }

    fn decoded(&self, headers: &mut BTreeMap<String, String>) -> Result<Bytes, Failure> {
        let broken = || Failure::new(400, "IncompleteBody", "the aws-chunked body is not whole");
        let chunked::Decoded { body, trailers } = chunked::decode(self.request.body).ok_or_else(broken)?;
        let announced = self.header("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
        if announced.is_some_and(|length: usize| length != body.len()) {
            return Err(broken());
        }
        headers.extend(trailers.into_iter().filter(|(name, _)| is_checksum(name)));
        Ok(body.into())
    }

    fn condition(&self) -> Result<Condition, Failure> {
        match (self.header("if-none-match"), self.header("if-match")) {
            (None, None) => Ok(Condition::Always),
            (Some("*"), None) => Ok(Condition::IfAbsent),
            (None, Some(etag)) => Ok(Condition::IfMatch(format!("\"{}\"", etag.trim_matches('"')))),
            (Some(_), _) => {
                Err(Failure::new(501, "NotImplemented", "a put takes If-None-Match: * or If-Match, and not both"))
            }
        }
    }

    fn get_object(&self) -> Result<Answer, Failure> {
        self.existing_bucket()?;
        for unserved in ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
            if self.header(unserved).is_some() {
                return Err(Failure::new(501, "NotImplemented", format!("the embedded AWS does not serve {unserved}")));
            }
        }
        let object = get(self.objects, &self.target)?;
        let checksums = self.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
        Ok(shown(&object, &overrides(&self.target), checksums))
    }

    fn delete_object(&self) -> Result<Answer, Failure> {
        self.objects.delete(self.existing_bucket()?, key(&self.target)?)?;
        Ok(Answer::empty(204))
    }

    fn list_objects(&self) -> Result<Answer, Failure> {
        let bucket = self.existing_bucket()?;
        let prefix = self.target.parameter("prefix");
        let keys_max = match self.target.parameter("max-keys") {
            "" => LIST_KEYS_MAX,
            number => number
                .parse::<usize>()
                .map_err(|_| Failure::new(400, "InvalidArgument", "max-keys is not a number"))?
                .min(LIST_KEYS_MAX),
        };
        // The token of a page is its last key.
        let after = match self.target.parameter("continuation-token") {
            "" => self.target.parameter("start-after"),
            token => token,
        };
        let mut listed = self.objects.list(bucket, prefix, after, keys_max + 1)?;
        let truncated = listed.len() > keys_max;
        listed.truncate(keys_max);
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>{bucket}</Name><Prefix>{}</Prefix>\
             <KeyCount>{}</KeyCount><MaxKeys>{keys_max}</MaxKeys><IsTruncated>{truncated}</IsTruncated>",
            escape(prefix),
            listed.len()
        );
        if let Some(last) = listed.last().filter(|_| truncated) {
            let _ = write!(body, "<NextContinuationToken>{}</NextContinuationToken>", escape(&last.key));
        }
        for object in &listed {
            let modified = Timestamp::from_millisecond(object.modified_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            let (key, etag, size) = (escape(&object.key), escape(&object.etag), object.size);
            let _ = write!(
                body,
                "<Contents><Key>{key}</Key><LastModified>{modified:.3}</LastModified><ETag>{etag}</ETag>\
                 <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        body.push_str("</ListBucketResult>");
        Ok(Answer::xml(200, body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)
    }

    fn bucket(&self) -> Result<&str, Failure> {
        self.target.bucket.as_deref().ok_or_else(|| Failure::new(400, "InvalidBucketName", "no bucket is named"))
    }

    fn existing_bucket(&self) -> Result<&str, Failure> {
        let bucket = self.bucket()?;
        if self.objects.has_bucket(bucket)? { Ok(bucket) } else { Err(no_such_bucket()) }
    }
}

/// The object that a request is about.
pub(super) fn get(objects: &Objects, target: &Target) -> Result<Object, Failure> {
    let bucket = target.bucket.as_deref().ok_or_else(no_such_bucket)?;
    objects.get(bucket, key(target)?)?.ok_or_else(no_such_key)
}

/// An object as a get answers it.
pub(super) fn shown(object: &Object, overrides: &BTreeMap<String, String>, checksums: bool) -> Answer {
    let mut headers = object.headers.clone();
    headers.retain(|name, _| checksums || !name.starts_with(CHECKSUM_PREFIX));
    headers.entry("content-type".to_owned()).or_insert_with(|| object.content_type().to_owned());
    headers.extend(overrides.clone());
    headers.insert("etag".to_owned(), object.etag.clone());
    headers.insert("content-length".to_owned(), object.body.len().to_string());
    let modified = object.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT");
    headers.insert("last-modified".to_owned(), modified.to_string());
    Answer { status: 200, headers: headers.into_iter().collect(), body: object.body.clone() }
}

fn key(target: &Target) -> Result<&str, Failure> {
    let key = target.key.as_deref().ok_or_else(no_such_key)?;
    if key.len() > KEY_BYTES_MAX {
        return Err(Failure::new(400, "KeyTooLongError", "Your key is too long"));
    }
    Ok(key)
}

fn is_checksum(name: &str) -> bool {
    name.strip_prefix(CHECKSUM_PREFIX)
        .is_some_and(|algorithm| matches!(algorithm, "crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256"))
}

fn etag(body: &[u8]) -> String {
    format!("\"{}\"", hex(&Md5::digest(body)))
}

fn no_such_key() -> Failure {
    Failure::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn no_such_bucket() -> Failure {
    Failure::new(404, "NoSuchBucket", "The specified bucket does not exist")
}
