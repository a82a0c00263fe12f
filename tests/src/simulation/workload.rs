//! The workload: what clients send. Batches that are made up anew for every request, so that a retry travels with other
//! events than the first try did; late events and early ones, repeats, conflicts, and events without a time.
//!
//! Two contents of one event never travel in one request: the API would drop the second of them without a word about
//! which. Now and then an event that was acknowledged is voided, or amended by a content of its own.

use super::chance::Chance;
use super::ledger::{Content, EventTime, Identity, Ledger, Outcome, Sending, Tenant};
use super::profile::Profile;
use domain::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The zones of the tenants, and what their clocks are ahead of UTC in May and June 2026, in minutes.
const ZONES: [(&str, i64); 4] = [("UTC", 0), ("America/New_York", -240), ("Europe/Berlin", 120), ("Asia/Kolkata", 330)];
/// The systems that report.
const SOURCES: [&str; 2] = ["edge", "app"];
/// The values of the dimension `region`; some events have none.
const REGIONS: [Option<&str>; 4] = [Some("eu"), Some("us"), Some("ap"), None];
/// Users that a unique count may find.
const USERS: u64 = 7;
/// The purpose for which the workload draws.
const PURPOSE: u64 = 2;
/// How often the tenants send: the load is skewed.
const WEIGHTS: [u64; 4] = [12, 4, 2, 1];

/// A request corrects an event once in so many times.
const CORRECTED_ONE_IN: u64 = 6;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A request that a client is about to send.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its number.
    pub(super) number: u64,
    /// What it asks for.
    pub(super) asks: Asks,
    /// The contents in it, by place and in order.
    pub(super) lines: Vec<usize>,
    /// Path and query.
    pub(super) path: String,
    /// The key that it is sent with; `None` for the platform's.
    pub(super) key: Option<String>,
    /// The form that the body has.
    pub(super) content_type: &'static str,
    /// The body.
    pub(super) body: String,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// To count events.
    Count,
    /// To count an event by its one content from now on.
    Amend,
    /// Not to count an event any more: which, by place.
    Void(usize),
}

/// What clients are yet to send.
#[derive(Debug)]
pub(super) struct Workload {
    chance: Chance,
    identities_left: usize,
    requests_left: usize,
    batch_max: u64,
    requests: u64,
    /// Identities taken, in words: no two events share one by accident.
    taken: BTreeSet<String>,
    /// In which stage each identity was made.
    stages: Vec<u8>,
    stage: u8,
}

/// The tenants of a schedule, without their keys.
#[must_use]
pub(super) fn tenants(seed: u64, profile: &Profile) -> Vec<Tenant> {
    let mut chance = Chance::new(seed, PURPOSE + 1);
    let tenant = |place: usize| {
        let (zone, offset_minutes) = chance.pick(&ZONES);
        let weight = WEIGHTS[place.min(WEIGHTS.len() - 1)];
        Tenant { slug: format!("tenant-{place}"), zone, offset_minutes, weight, key: String::new() }
    };
    (0..profile.tenants).map(tenant).collect()
}

impl Workload {
    /// The workload of a schedule.
    #[must_use]
    pub(super) fn new(seed: u64, profile: &Profile) -> Self {
        Self {
            chance: Chance::new(seed, PURPOSE),
            identities_left: profile.identities,
            requests_left: profile.requests,
            batch_max: profile.batch_max,
            requests: 0,
            taken: BTreeSet::new(),
            stages: Vec::new(),
            stage: 0,
        }
    }

    /// Whether there is nothing more to send.
    #[must_use]
    pub(super) fn is_done(&self) -> bool {
        self.requests_left == 0
    }

    /// The month has ended: from now on clients send so many requests more, with events of before and after. An event
    /// without a time is not sent again, for in another month it is another event; and nothing is corrected any more, for an
    /// invoice may have been issued.
    pub(super) fn go_on(&mut self, requests: usize, identities: usize) {
        self.stage += 1;
        self.requests_left += requests;
        self.identities_left += identities;
    }

    /// The next request, as of `now`; `None` if there is nothing more to send.
    pub(super) fn next(&mut self, ledger: &mut Ledger, now_ms: i64) -> Option<Request> {
        if self.requests_left == 0 {
            return None;
        }
        self.requests_left -= 1;
        self.requests += 1;
        if self.stage == 0
            && self.chance.one_in(CORRECTED_ONE_IN)
            && let Some(correction) = self.correction(ledger)
        {
            return Some(correction);
        }
        let own = !self.chance.one_in(4);
        let weights: Vec<u64> = ledger.tenants.iter().map(|tenant| tenant.weight).collect();
        let tenant = self.chance.weighted(&weights).unwrap_or(0);
        let mut lines: Vec<usize> = Vec::new();
        for _ in 0..self.chance.between(1, self.batch_max) {
            let of = if own { tenant } else { self.chance.weighted(&weights).unwrap_or(0) };
            if let Some(line) = self.line(ledger, of, now_ms, &lines) {
                lines.push(line);
            }
        }
        if let Some(&again) = lines.first().filter(|_| self.chance.one_in(12)) {
            lines.push(again);
        }
        if lines.is_empty() {
            // Nothing may be sent again, so that something new must be.
            lines.push(self.new_event(ledger, tenant, now_ms));
        }
        Some(self.request(ledger, own.then_some(tenant), lines))
    }

    /// A void or an amend of an event that was acknowledged, if there is any.
    fn correction(&mut self, ledger: &mut Ledger) -> Option<Request> {
        let acknowledged = |place: &usize| {
            let contents = &ledger.identities[*place].contents;
            contents.iter().any(|&content| ledger.contents[content].is_acknowledged())
        };
        let corrigible: Vec<usize> = (0..ledger.identities.len()).filter(acknowledged).collect();
        if corrigible.is_empty() {
            return None;
        }
        let place = self.chance.pick(&corrigible);
        let (asks, verb, lines, body) = if self.chance.one_in(3) {
            (Asks::Void(place), "void", Vec::new(), r#"{"reason":"simulated"}"#.to_owned())
        } else {
            let line = self.new_content(ledger, place, true);
            let body = format!(r#"{{"reason":"simulated","data":{}}}"#, data(&ledger.contents[line]));
            (Asks::Amend, "amend", vec![line], body)
        };
        let Identity { tenant, id, source, time, .. } = &ledger.identities[place];
        let slug = &ledger.tenants[*tenant].slug;
        let mut path = format!("/v1/usage/events/{id}/{verb}?tenant={slug}&source={source}");
        if let EventTime::Said(at_ms) = time {
            let at = Timestamp::from_millisecond(*at_ms).unwrap_or(Timestamp::MIN);
            append(&mut path, format_args!("&time={at}"));
        }
        Some(Request { number: self.requests, asks, lines, path, key: None, content_type: "application/json", body })
    }

    /// One more event for a request that holds `lines` already.
    fn line(&mut self, ledger: &mut Ledger, tenant: usize, now_ms: i64, lines: &[usize]) -> Option<usize> {
        if self.identities_left > 0 && !self.chance.one_in(3) {
            return Some(self.new_event(ledger, tenant, now_ms));
        }
        let sent: Vec<usize> = (0..ledger.contents.len())
            .filter(|&place| self.may_be_sent_again(ledger, &ledger.contents[place], tenant, lines))
            .collect();
        let unheard: Vec<usize> =
            sent.iter().copied().filter(|&place| !ledger.contents[place].is_acknowledged()).collect();
        let again = if unheard.is_empty() || self.chance.one_in(3) { &sent } else { &unheard };
        if again.is_empty() {
            return None;
        }
        let place = self.chance.pick(again);
        if self.chance.one_in(10) {
            let identity = ledger.contents[place].identity;
            return Some(self.new_content(ledger, identity, false));
        }
        Some(place)
    }

    fn may_be_sent_again(&self, ledger: &Ledger, content: &Content, tenant: usize, lines: &[usize]) -> bool {
        let identity = &ledger.identities[content.identity];
        let there = || lines.iter().any(|&line| ledger.contents[line].identity == content.identity);
        let timeless = identity.time == EventTime::Arrival && self.stages[content.identity] != self.stage;
        identity.tenant == tenant && !content.amends && !timeless && !there()
    }

    fn new_event(&mut self, ledger: &mut Ledger, tenant: usize, now_ms: i64) -> usize {
        self.identities_left = self.identities_left.saturating_sub(1);
        let mut identity = self.identity(ledger, tenant, now_ms);
        while !self.taken.insert(in_words(&ledger.tenants[tenant], &identity)) {
            identity.id.push('x');
        }
        self.stages.push(self.stage);
        let identity = ledger.add_identity(identity);
        self.new_content(ledger, identity, false)
    }

    fn identity(&mut self, ledger: &Ledger, tenant: usize, now_ms: i64) -> Identity {
        let at_ms = self.time(now_ms);
        let source = self.chance.pick(&SOURCES);
        let (id, time) = match self.chance.below(8) {
            0 => (self.uuid(at_ms), EventTime::InId(at_ms)),
            1 => (format!("e{}", ledger.identities.len()), EventTime::Arrival),
            // The id of another event: another source or another hour makes it another event all the same. (From an event
            // without a time it could not be told by whoever corrects it.)
            2 if !ledger.identities.is_empty() => {
                let other = &ledger.identities[self.chance.place(ledger.identities.len())];
                let timed = matches!(other.time, EventTime::Said(_));
                let id = if timed { other.id.clone() } else { format!("e{}", ledger.identities.len()) };
                (id, EventTime::Said(at_ms))
            }
            _ => (format!("e{}", ledger.identities.len()), EventTime::Said(at_ms)),
        };
        Identity { tenant, id, source, time, contents: Vec::new(), voids: Vec::new() }
    }

    /// When an event happened: just now most often, so that workers meet in the same lanes; or late, or in the future.
    fn time(&mut self, now_ms: i64) -> i64 {
        let ago_ms = match self.chance.below(20) {
            0..=13 => self.chance.between_signed(0, 50 * MINUTE_MS),
            14..=16 => self.chance.between_signed(0, 2 * DAY_MS),
            17 => self.chance.between_signed(30 * DAY_MS, 60 * DAY_MS),
            18 => -self.chance.between_signed(0, 4 * MINUTE_MS),
            _ => -self.chance.between_signed(6 * MINUTE_MS, 20 * MINUTE_MS),
        };
        now_ms - ago_ms
    }

    fn uuid(&mut self, at_ms: i64) -> String {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.chance.draw().to_be_bytes());
        let at_ms = u64::try_from(at_ms).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(at_ms, &random).into_uuid().to_string()
    }

    fn new_content(&mut self, ledger: &mut Ledger, identity: usize, amends: bool) -> usize {
        let bytes_milli = self.chance.between_signed(0, 9_999_999);
        let region = self.chance.pick(&REGIONS);
        let user = self.chance.below(USERS);
        ledger.add_content(Content { identity, amends, place: 0, bytes_milli, region, user, sendings: Vec::new() })
    }

    fn request(&mut self, ledger: &Ledger, tenant: Option<usize>, lines: Vec<usize>) -> Request {
        let cloud_events = self.chance.one_in(4);
        // A tenant with its own key says nothing of itself; the platform names it once for all, or event by event.
        let (key, path) = match tenant.map(|tenant| &ledger.tenants[tenant]) {
            Some(tenant) if self.chance.one_in(2) => (Some(tenant.key.clone()), "/v1/usage/events".to_owned()),
            Some(tenant) => (None, format!("/v1/usage/events?tenant={}", tenant.slug)),
            None => (None, "/v1/usage/events".to_owned()),
        };
        let events: Vec<String> =
            lines.iter().map(|&line| event(ledger, line, cloud_events, tenant.is_none())).collect();
        let events = events.join(",");
        let (content_type, body) = if cloud_events {
            ("application/cloudevents-batch+json", format!("[{events}]"))
        } else {
            ("application/json", format!(r#"{{"events":[{events}]}}"#))
        };
        Request { number: self.requests, asks: Asks::Count, lines, path, key, content_type, body }
    }
}

/// What makes an event another one than those before it.
fn in_words(tenant: &Tenant, identity: &Identity) -> String {
    let bucket = match identity.time {
        EventTime::Said(at_ms) | EventTime::InId(at_ms) => tenant.hour(at_ms).to_string(),
        EventTime::Arrival => "month".to_owned(),
    };
    format!("{} {} {} {bucket}", identity.tenant, identity.source, identity.id)
}

/// The text of an event, the same whenever it is sent.
fn event(ledger: &Ledger, line: usize, cloud_event: bool, with_subject: bool) -> String {
    let content = &ledger.contents[line];
    let identity = &ledger.identities[content.identity];
    let mut text = format!(r#"{{"id":"{}","source":"{}","type":"call""#, identity.id, identity.source);
    if cloud_event {
        text.push_str(r#","specversion":"1.0""#);
    }
    if let EventTime::Said(at_ms) = identity.time {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MIN);
        append(&mut text, format_args!(r#","time":"{at}""#));
    }
    if with_subject {
        append(&mut text, format_args!(r#","subject":"{}""#, ledger.tenant_of(content).slug));
    }
    append(&mut text, format_args!(r#","data":{}}}"#, data(content)));
    text
}

fn data(content: &Content) -> String {
    let bytes = format!("{}.{:03}", content.bytes_milli / 1_000, content.bytes_milli % 1_000);
    // A quantity may be a number or a text that holds one.
    let quote = if content.place.is_multiple_of(2) { "" } else { "\"" };
    let mut text = format!(r#"{{"bytes":{quote}{bytes}{quote},"user":"u{}""#, content.user);
    if let Some(region) = content.region {
        append(&mut text, format_args!(r#","region":"{region}""#));
    }
    append(&mut text, format_args!(r#","page":"{}","mark":{}}}"#, content.page(), content.mark()));
    text
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes every text");
}

/// Notes what a client was told about each line of its request.
pub(super) fn note(ledger: &mut Ledger, request: &Request, from_ms: i64, until_ms: i64, told: &[Option<Outcome>]) {
    let sending = |outcome| Sending { request: request.number, from_ms, until_ms, outcome };
    if let Asks::Void(identity) = request.asks {
        let outcome = told.first().copied().flatten().unwrap_or(Outcome::Unknown);
        ledger.identities[identity].voids.push(sending(outcome));
    }
    for (position, &line) in request.lines.iter().enumerate() {
        // A duplicate within the request was not sent on its own: its first line speaks for it.
        if let Some(outcome) = told.get(position).copied().unwrap_or(Some(Outcome::Unknown)) {
            ledger.contents[line].sendings.push(sending(outcome));
        }
    }
}
