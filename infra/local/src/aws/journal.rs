//! What SNS and SQS write down: one SQLite file that mirrors topics, subscriptions, queues and messages.
//!
//! All changes of one call are one transaction, committed before the call is answered. The write-ahead log with
//! `synchronous = NORMAL` survives a killed process; a power cut may lose the last calls but never tears one apart.
//! In memory the journal does nothing.

use super::sns::{Subscription, Topic};
use super::sqs::{Attributes, Message, Queue, Settings};
use rusqlite::{Connection, Params, Row, params};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS opening (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS queue (
    name TEXT PRIMARY KEY, settings TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    queue TEXT NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL,
    trace_header TEXT, dead_letter_source TEXT, sent_ms INTEGER NOT NULL, first_received_ms INTEGER,
    received_ms INTEGER, receive_count INTEGER NOT NULL, visible_ms INTEGER NOT NULL, message_group TEXT,
    PRIMARY KEY (queue, sequence)
);
CREATE TABLE IF NOT EXISTS topic (name TEXT PRIMARY KEY, attributes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscription (
    arn TEXT PRIMARY KEY, topic TEXT NOT NULL, protocol TEXT NOT NULL, endpoint TEXT NOT NULL, attributes TEXT NOT NULL
) WITHOUT ROWID;
";

const MESSAGE_PUT: &str = "INSERT OR REPLACE INTO message VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)";
const MESSAGE_STATE: &str = "UPDATE message SET first_received_ms = ?3, received_ms = ?4, receive_count = ?5,
    visible_ms = ?6 WHERE queue = ?1 AND sequence = ?2";

/// How long to wait for a program that is just closing the file.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// The file, or nothing.
#[derive(Debug)]
pub(super) struct Journal(Option<File>);

#[derive(Debug)]
struct File {
    connection: Connection,
    in_transaction: bool,
    /// The first error; from then on nothing is written.
    broken: Option<String>,
}

/// What a file holds when it is opened.
pub(super) struct Loaded {
    /// How often it was opened before.
    pub(super) epoch: u32,
    /// Name, settings, created and last modified.
    pub(super) queues: Vec<(String, Settings, i64, i64)>,
    /// Queue and message.
    pub(super) messages: Vec<(String, Message)>,
    pub(super) topics: Vec<Topic>,
    pub(super) subscriptions: Vec<Subscription>,
}

impl Journal {
    pub(super) fn memory() -> Self {
        Self(None)
    }

    pub(super) fn file(path: &Path) -> Result<(Self, Loaded), rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(LOCK_WAIT)?;
        // Held until the connection closes: what is in memory here must not change under us on the disk.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        if connection.prepare("SELECT message_group FROM message").is_err() {
            // The folder of an older program.
            connection.execute_batch("ALTER TABLE message ADD COLUMN message_group TEXT")?;
        }
        let loaded = load(&connection)?;
        Ok((Self(Some(File { connection, in_transaction: false, broken: None })), loaded))
    }

    pub(super) fn queue_put(&mut self, queue: &Queue) {
        let Some(file) = &mut self.0 else { return };
        let settings = json(&queue.settings);
        let row = params![queue.name, settings, queue.created_ms, queue.modified_ms];
        file.write("INSERT OR REPLACE INTO queue VALUES (?1, ?2, ?3, ?4)", row);
    }

    pub(super) fn queue_gone(&mut self, name: &str) {
        self.queue_purged(name);
        self.write("DELETE FROM queue WHERE name = ?1", params![name]);
    }

    pub(super) fn queue_purged(&mut self, name: &str) {
        self.write("DELETE FROM message WHERE queue = ?1", params![name]);
    }

    pub(super) fn message_put(&mut self, queue: &str, message: &Message) {
        let Some(file) = &mut self.0 else { return };
        let row = params![
            queue,
            message.sequence,
            message.id,
            message.body,
            json(&message.attributes),
            message.trace_header,
            message.dead_letter_source,
            message.sent_ms,
            message.first_received_ms,
            message.received_ms,
            message.receive_count,
            message.visible_ms,
            message.group
        ];
        file.write(MESSAGE_PUT, row);
    }

    pub(super) fn message_state(&mut self, queue: &str, message: &Message) {
        let row = params![
            queue,
            message.sequence,
            message.first_received_ms,
            message.received_ms,
            message.receive_count,
            message.visible_ms
        ];
        self.write(MESSAGE_STATE, row);
    }

    pub(super) fn message_gone(&mut self, queue: &str, sequence: u64) {
        self.write("DELETE FROM message WHERE queue = ?1 AND sequence = ?2", params![queue, sequence]);
    }

    pub(super) fn topic_put(&mut self, topic: &Topic) {
        let Some(file) = &mut self.0 else { return };
        file.write("INSERT OR REPLACE INTO topic VALUES (?1, ?2)", params![topic.name, json(&topic.attributes)]);
    }

    pub(super) fn topic_gone(&mut self, name: &str) {
        self.write("DELETE FROM topic WHERE name = ?1", params![name]);
    }

    pub(super) fn subscription_put(&mut self, subscription: &Subscription) {
        let Some(file) = &mut self.0 else { return };
        let attributes = json(&subscription.attributes);
        let row =
            params![subscription.arn, subscription.topic, subscription.protocol, subscription.endpoint, attributes];
        file.write("INSERT OR REPLACE INTO subscription VALUES (?1, ?2, ?3, ?4, ?5)", row);
    }

    pub(super) fn subscription_gone(&mut self, arn: &str) {
        self.write("DELETE FROM subscription WHERE arn = ?1", params![arn]);
    }

    /// Makes what was written since the last commit durable. The message says what is wrong with the file.
    pub(super) fn commit(&mut self) -> Result<(), String> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        if file.in_transaction {
            file.in_transaction = false;
            file.run("COMMIT", params![]);
        }
        file.broken.clone().map_or(Ok(()), Err)
    }

    fn write(&mut self, sql: &str, row: impl Params) {
        if let Some(file) = &mut self.0 {
            file.write(sql, row);
        }
    }
}

impl File {
    fn write(&mut self, sql: &str, row: impl Params) {
        if !self.in_transaction {
            self.in_transaction = true;
            self.run("BEGIN IMMEDIATE", params![]);
        }
        self.run(sql, row);
    }

    fn run(&mut self, sql: &str, row: impl Params) {
        if self.broken.is_some() {
            return;
        }
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(row));
        if let Err(error) = done {
            self.broken = Some(format!("the journal of SNS and SQS cannot be written: {error}"));
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("maps of strings to plain structures are always JSON")
}

fn load(connection: &Connection) -> Result<Loaded, rusqlite::Error> {
    connection.execute("INSERT INTO opening DEFAULT VALUES", params![])?;
    let epoch = u32::try_from(connection.last_insert_rowid()).unwrap_or(u32::MAX);
    Ok(Loaded {
        epoch,
        queues: rows(connection, "SELECT name, settings, created_ms, modified_ms FROM queue", |row| {
            Ok((row.get(0)?, parsed(row, 1)?, row.get(2)?, row.get(3)?))
        })?,
        messages: rows(connection, "SELECT * FROM message ORDER BY queue, sequence", message)?,
        topics: rows(connection, "SELECT name, attributes FROM topic", |row| {
            Ok(Topic { name: row.get(0)?, attributes: parsed(row, 1)? })
        })?,
        subscriptions: rows(
            connection,
            "SELECT arn, topic, protocol, endpoint, attributes FROM subscription",
            |row| {
                let attributes: BTreeMap<String, String> = parsed(row, 4)?;
                Ok(Subscription {
                    arn: row.get(0)?,
                    topic: row.get(1)?,
                    protocol: row.get(2)?,
                    endpoint: row.get(3)?,
                    attributes,
                })
            },
        )?,
    })
}

fn message(row: &Row<'_>) -> Result<(String, Message), rusqlite::Error> {
    let attributes: Attributes = parsed(row, 4)?;
    let message = Message {
        sequence: row.get(1)?,
        id: row.get(2)?,
        body: row.get(3)?,
        attributes,
        trace_header: row.get(5)?,
        dead_letter_source: row.get(6)?,
        sent_ms: row.get(7)?,
        first_received_ms: row.get(8)?,
        received_ms: row.get(9)?,
        receive_count: row.get(10)?,
        visible_ms: row.get(11)?,
        group: row.get(12)?,
    };
    Ok((row.get(0)?, message))
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, rusqlite::Error> {
    connection.prepare(sql)?.query_map(params![], read)?.collect()
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
