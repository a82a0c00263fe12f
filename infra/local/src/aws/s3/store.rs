//! Buckets and objects, in one SQLite database: a file, or memory.
//!
//! One object is one row, so that a put is whole or not there, and `If-None-Match` is decided by the same lock that
//! writes. Keys are data, never paths.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, headers TEXT NOT NULL, etag TEXT NOT NULL,
    modified_ms INTEGER NOT NULL, PRIMARY KEY (bucket, key)
);
";

/// An object as it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Bytes,
    /// The headers that were put with it, names in lower case: `content-type`, `content-disposition`,
    /// `x-amz-meta-...`, checksums.
    pub headers: BTreeMap<String, String>,
    /// MD5 of the bytes, in quotes, as S3 answers it.
    pub etag: String,
    /// When it was put.
    pub modified_at: Timestamp,
}

impl Object {
    /// Its content type.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.headers.get("content-type").map_or("application/octet-stream", String::as_str)
    }

    /// Its own metadata, names without the prefix `x-amz-meta-`.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.strip_prefix(METADATA_PREFIX)?, value.as_str())))
    }
}

/// Prefix of the headers that carry metadata of one's own.
pub(super) const METADATA_PREFIX: &str = "x-amz-meta-";

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_ms: i64,
}

/// On which condition an object is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    IfAbsent,
    IfMatch(String),
}

/// What came of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    ConditionFailed,
    NothingToMatch,
}

/// All buckets.
#[derive(Debug)]
pub(in super::super) struct Objects(Mutex<Connection>);

impl Objects {
    /// Gone with the process.
    pub(in super::super) fn memory() -> Result<Self, rusqlite::Error> {
        Self::open(Connection::open_in_memory()?)
    }

    /// In one file.
    pub(in super::super) fn file(path: &Path) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // As in the journal of SNS and SQS: a killed process loses nothing.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Self::open(connection)
    }

    fn open(connection: Connection) -> Result<Self, rusqlite::Error> {
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> Result<(), rusqlite::Error> {
        self.connection().execute("INSERT OR IGNORE INTO bucket VALUES (?1)", params![bucket]).map(|_| ())
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> Result<bool, rusqlite::Error> {
        self.connection().prepare_cached("SELECT 1 FROM bucket WHERE name = ?1")?.exists(params![bucket])
    }

    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Put, rusqlite::Error> {
        let connection = self.connection();
        let found: Option<String> = connection
            .prepare_cached("SELECT etag FROM object WHERE bucket = ?1 AND key = ?2")?
            .query_row(params![bucket, key], |row| row.get(0))
            .optional()?;
        match (condition, found) {
            (Condition::IfAbsent, Some(_)) => return Ok(Put::ConditionFailed),
            (Condition::IfMatch(_), None) => return Ok(Put::NothingToMatch),
            (Condition::IfMatch(wanted), Some(found)) if *wanted != found => return Ok(Put::ConditionFailed),
            (Condition::Always | Condition::IfAbsent | Condition::IfMatch(_), _) => {}
        }
        let headers = serde_json::to_string(&object.headers).unwrap_or_default();
        let modified_ms = object.modified_at.as_millisecond();
        connection
            .prepare_cached("INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![bucket, key, object.body.as_ref(), headers, object.etag, modified_ms])?;
        Ok(Put::Done)
    }

    pub(in super::super) fn get(&self, bucket: &str, key: &str) -> Result<Option<Object>, rusqlite::Error> {
        self.connection()
            .prepare_cached("SELECT body, headers, etag, modified_ms FROM object WHERE bucket = ?1 AND key = ?2")?
            .query_row(params![bucket, key], object)
            .optional()
    }

    pub(super) fn delete(&self, bucket: &str, key: &str) -> Result<(), rusqlite::Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("DELETE FROM object WHERE bucket = ?1 AND key = ?2")?;
        statement.execute(params![bucket, key]).map(|_| ())
    }

    /// Up to `limit` keys with a prefix, after a key, in the order of their bytes.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Listed>, rusqlite::Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT key, length(body), etag, modified_ms FROM object
             WHERE bucket = ?1 AND key > ?2 AND substr(key, 1, length(?3)) = ?3 ORDER BY key LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        statement
            .query_map(params![bucket, after, prefix, limit], |row| {
                Ok(Listed { key: row.get(0)?, size: row.get(1)?, etag: row.get(2)?, modified_ms: row.get(3)? })
            })?
            .collect()
    }
}

fn object(row: &Row<'_>) -> Result<Object, rusqlite::Error> {
    let (body, headers): (Vec<u8>, String) = (row.get(0)?, row.get(1)?);
    Ok(Object {
        body: body.into(),
        headers: serde_json::from_str(&headers).unwrap_or_default(),
        etag: row.get(2)?,
        modified_at: Timestamp::from_millisecond(row.get(3)?).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}
