//! `meterline rebuild`: counts a tenant's hours anew on a running server, local or deployed, part by part.
//!
//! It says what each part came to, and of the differences the first, and the first that was not repaired.

use crate::{
    demo::ClientError,
    session::{self, SessionError},
};
use domain::{Date, Timestamp};
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

/// Parts of one range: far more than its hours, of which each part does at least one.
const PARTS_MAX: usize = 100_000;

/// What to rebuild, and where.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// Whose hours: id or slug.
    pub tenant: String,
    /// The first instant, or the first local day.
    pub from: String,
    /// The first instant after, or the first local day after.
    pub to: String,
    /// Whether what differs is counted anew.
    pub repair: bool,
    /// Where the API answers.
    pub url: String,
    /// The platform key; asked of a local server unless it is sent.
    pub key: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Hours that were checked.
    pub hours: u64,
    /// Events that they hold.
    pub events: u64,
    /// Lanes and hours that differed.
    pub differences: u64,
    /// Those of them that were repaired.
    pub repaired: u64,
    /// One value for the logs of the whole range.
    pub digest: String,
}

impl Outcome {
    /// Whether all is as the log has it, or was made so.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.differences == self.repaired
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// There is no key.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A request failed.
    #[error("the server did not do it")]
    Api(#[from] ClientError),
    /// A bound of the range is neither an instant nor a day.
    #[error("{0:?} is neither a day, such as 2026-05-01, nor an instant, such as 2026-05-01T00:00:00Z")]
    Bound(String),
    /// The server answers something else than it documents.
    #[error("the server answered in another form than documented")]
    Answer(#[from] serde_json::Error),
    /// It goes on and on.
    #[error("the range has more than {PARTS_MAX} parts")]
    Endless,
}

/// What is read of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    checked_hours: u64,
    checked_events: u64,
    digest: String,
    differences: u64,
    repaired: u64,
    difference: Option<Difference>,
    next: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Difference {
    lane: String,
    hour: Timestamp,
    group: Vec<String>,
    detail: String,
    repaired: bool,
}

/// Rebuilds the whole range; `say` gets a line for each part.
///
/// # Errors
/// If the server cannot be reached or refuses.
pub async fn run(options: &Rebuild, mut say: impl FnMut(String)) -> Result<Outcome, RebuildError> {
    let url = options.url.trim_end_matches('/');
    let api = session::open(url, options.key.as_deref()).await?;
    let tenant = utf8_percent_encode(&options.tenant, NON_ALPHANUMERIC);
    let tenant = api.get(&format!("/v1/tenants/{tenant}")).await?;
    let time_zone = TimeZone::get(tenant["timeZone"].as_str().unwrap_or_default()).unwrap_or(TimeZone::UTC);
    let (mut from, to) = (bound(&options.from, &time_zone)?, bound(&options.to, &time_zone)?);
    let mut outcome = Outcome::default();
    let mut digest: Option<String> = None;
    // Whether a difference was told, and whether one that was not repaired was.
    let (mut told, mut told_open) = (false, false);
    for _ in 0..PARTS_MAX {
        let order = json!({
            "tenant": options.tenant, "from": from, "to": to, "repair": options.repair, "digest": digest,
        });
        let part: Part = serde_json::from_value(api.post("/v1/admin/rebuilds", &order).await?)?;
        outcome.add(&part);
        say(progress(from, part.next.unwrap_or(to), &part));
        if let Some(difference) = &part.difference
            && (!told || !difference.repaired && !told_open)
        {
            say(difference.to_string());
            told = true;
            told_open |= !difference.repaired;
        }
        let Some(next) = part.next else {
            say(format!("log digest {}", outcome.digest));
            return Ok(outcome);
        };
        (from, digest) = (next, Some(part.digest));
    }
    Err(RebuildError::Endless)
}

/// An instant, or the start of a day in the tenant's zone.
fn bound(text: &str, time_zone: &TimeZone) -> Result<Timestamp, RebuildError> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day: Option<Date> = text.parse().ok();
    let start = day.and_then(|day| day.to_zoned(time_zone.clone()).ok()?.start_of_day().ok());
    start.map(|start| start.timestamp()).ok_or_else(|| RebuildError::Bound(text.to_owned()))
}

impl Outcome {
    fn add(&mut self, part: &Part) {
        self.hours += part.checked_hours;
        self.events += part.checked_events;
        self.differences += part.differences;
        self.repaired += part.repaired;
        self.digest.clone_from(&part.digest);
    }
}

fn progress(from: Timestamp, to: Timestamp, part: &Part) -> String {
    let verdict = match (part.differences, part.repaired) {
        (0, _) => "as counted".to_owned(),
        (differences, repaired) => format!("{differences} differences, {repaired} of them repaired"),
    };
    format!("{from} to {to}: {} hours, {} events, {verdict}", part.checked_hours, part.checked_events)
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lane, hour, group, detail, repaired } = self;
        let group = if group.is_empty() { String::new() } else { format!(", group {}", Value::from(group.clone())) };
        let state = if *repaired { "repaired" } else { "not repaired" };
        write!(f, "first difference ({state}): {detail}; hour {hour}{group}, lane {lane}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_an_instant_or_a_local_day() {
        let table = [
            ("2026-05-01", "UTC", Some("2026-05-01T00:00:00Z")),
            ("2026-05-01", "Europe/Berlin", Some("2026-04-30T22:00:00Z")),
            ("2026-05-01T10:00:00Z", "Europe/Berlin", Some("2026-05-01T10:00:00Z")),
            ("2026-05-01T10:00:00+02:00", "UTC", Some("2026-05-01T08:00:00Z")),
            ("May", "UTC", None),
            ("2026-02-30", "UTC", None),
        ];
        for (text, zone, expect) in table {
            let bound = bound(text, &TimeZone::get(zone).unwrap()).ok().map(|instant| instant.to_string());
            assert_eq!(bound.as_deref(), expect, "{text} in {zone}");
        }
    }
}
