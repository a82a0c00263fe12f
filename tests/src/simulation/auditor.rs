//! The auditor: adds everything up again from what the clients know, and holds it against what the API answers.
//!
//! It shares no code with the counting: integers of a thousandth, its own hours, its own pricing, and answers over HTTP.
//! What was acknowledged must be counted exactly once; what was sent and never acknowledged, once or not at all; what was
//! refused or voided, never; and what was amended, by its new content. Which of them were counted, and in which hour, it reads from the meter `marks`: each content has a mark
//! of its own, a power of four, so that the digits of a sum of marks tell how often each was counted. All the other
//! meters must then say the same, row by row and in all.

use super::ground::Ground;
use super::ledger::{Content, EventTime, Identity, Ledger, MARK_BASE, MARKS_A_PAGE, Outcome, Sending, Tenant};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The range that all events of a schedule are in, with local hours for its bounds in every zone: from, to.
const RANGES: [(i64, &str, &str); 2] =
    [(0, "2026-03-01T00:00:00Z", "2026-06-03T00:00:00Z"), (30, "2026-03-01T00:30:00Z", "2026-06-03T00:30:00Z")];

/// A content that was counted, and the start of the hour in which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// The content, by place.
    pub(super) content: usize,
    /// The hour.
    pub(super) hour_ms: i64,
}

/// The rows of a meter: by the start of the hour and the value of the dimension.
type Rows = BTreeMap<(i64, String), i128>;

/// Audits what every tenant used; answers what was counted, by tenant.
///
/// # Errors
/// The first difference.
pub(super) async fn usage(ground: &Ground, ledger: &Ledger) -> Result<Vec<Vec<Counted>>, String> {
    let mut counted = Vec::with_capacity(ledger.tenants.len());
    for (place, tenant) in ledger.tenants.iter().enumerate() {
        let of_tenant = tenant_usage(ground, ledger, place).await;
        counted.push(of_tenant.map_err(|difference| format!("{}: {difference}", tenant.slug))?);
    }
    Ok(counted)
}

async fn tenant_usage(ground: &Ground, ledger: &Ledger, tenant: usize) -> Result<Vec<Counted>, String> {
    let (marks, _) = read(ground, &ledger.tenants[tenant], "marks", Some("page")).await?;
    let counted = decipher(ledger, tenant, &marks)?;
    judge(ledger, tenant, &counted)?;
    for (meter, dimension) in
        [("calls", Some("region")), ("bytes", Some("region")), ("peak", None), ("users", Some("region"))]
    {
        let (rows, total) = read(ground, &ledger.tenants[tenant], meter, dimension).await?;
        let (expected_rows, expected_total) = expected(ledger, &counted, meter);
        compare(meter, &rows, &expected_rows)?;
        if total != expected_total {
            return Err(format!("meter {meter}: the total is {}, not {}", shown(total), shown(expected_total)));
        }
    }
    Ok(counted)
}

/// Asks for the hourly rows of a meter, and its total; in thousandths.
async fn read(ground: &Ground, tenant: &Tenant, meter: &str, dimension: Option<&str>) -> Result<(Rows, i128), String> {
    let (_, from, to) = RANGES[usize::from(tenant.offset_minutes % 60 != 0)];
    let group = dimension.map(|name| format!("&groupBy={name}")).unwrap_or_default();
    let path = format!("/v1/usage?tenant={}&meter={meter}&from={from}&to={to}&window=hour{group}", tenant.slug);
    let answer = ground.get(&path).await?;
    let mut rows = Rows::new();
    for row in answer["data"].as_array().into_iter().flatten() {
        let start = row["start"].as_str().unwrap_or_default();
        let start: domain::Timestamp =
            start.parse().map_err(|_| format!("meter {meter}: a row starts at {start:?}"))?;
        let group = dimension.map_or("", |name| row["group"][name].as_str().unwrap_or_default());
        let value = milli(&row["value"]).ok_or_else(|| format!("meter {meter}: a row without a value: {row}"))?;
        if rows.insert((start.as_millisecond(), group.to_owned()), value).is_some() {
            return Err(format!("meter {meter}: two rows for one hour and group: {row}"));
        }
    }
    let total = milli(&answer["total"]).ok_or_else(|| format!("meter {meter}: no total: {answer}"))?;
    Ok((rows, total))
}

/// The thousandths in a decimal text; `None` for anything else, finer ones included.
pub(super) fn milli(value: &Value) -> Option<i128> {
    let text = value.as_str()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole * 1_000 + fraction)
}

fn shown(milli: i128) -> String {
    format!("{}.{:03}", milli / 1_000, milli % 1_000)
}

/// Which contents the marks speak of. A content that was counted twice in an hour is there twice.
fn decipher(ledger: &Ledger, tenant: usize, marks: &Rows) -> Result<Vec<Counted>, String> {
    let by_place: BTreeMap<usize, usize> = ledger
        .contents
        .iter()
        .enumerate()
        .filter(|(_, content)| ledger.identities[content.identity].tenant == tenant)
        .map(|(place, content)| (content.place, place))
        .collect();
    let mut counted = Vec::new();
    for ((hour_ms, page), sum) in marks {
        let page: usize = page.parse().map_err(|_| format!("marks: nobody sent the page {page:?}"))?;
        if sum % 1_000 != 0 {
            return Err(format!("marks: a sum of whole numbers is {}", shown(*sum)));
        }
        let mut rest = sum / 1_000;
        for digit in 0..MARKS_A_PAGE {
            for _ in 0..rest % MARK_BASE {
                let content = by_place.get(&(page * MARKS_A_PAGE + digit));
                let content = *content.ok_or_else(|| format!("marks: nobody sent mark {digit} of page {page}"))?;
                counted.push(Counted { content, hour_ms: *hour_ms });
            }
            rest /= MARK_BASE;
        }
        if rest > 0 {
            return Err(format!("marks: page {page} has more than was sent"));
        }
    }
    Ok(counted)
}

/// Whether what was counted is what may and must be.
fn judge(ledger: &Ledger, tenant: usize, counted: &[Counted]) -> Result<(), String> {
    let mut hours: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for Counted { content, hour_ms } in counted {
        hours.entry(ledger.contents[*content].identity).or_default().push(*hour_ms);
        judge_content(ledger, *content)?;
        judge_hour(ledger, &ledger.tenants[tenant], *content, *hour_ms)?;
    }
    for (place, identity) in ledger.identities.iter().enumerate().filter(|(_, identity)| identity.tenant == tenant) {
        let times = hours.get(&place).map_or(0, Vec::len);
        // What could be corrected had been counted: a correction that was acknowledged is as good as the event itself.
        let acknowledged = identity.contents.iter().any(|&content| ledger.contents[content].is_acknowledged());
        let voided = |outcome| identity.voids.iter().any(|void| void.outcome == outcome);
        let told = || in_words(ledger, identity);
        match (times, acknowledged) {
            (0, true) if voided(Outcome::Accepted) || voided(Outcome::Unknown) => {}
            (0, true) => return Err(format!("acknowledged and not counted: {}", told())),
            (1, _) if voided(Outcome::Accepted) => return Err(format!("voided and counted: {}", told())),
            (1, _) | (0, false) => {}
            (times, _) => return Err(format!("counted {times} times: {}", told())),
        }
    }
    Ok(())
}

/// Whether a content may be the one that counts for its event.
fn judge_content(ledger: &Ledger, content: usize) -> Result<(), String> {
    let content = &ledger.contents[content];
    let identity = &ledger.identities[content.identity];
    if !content.may_count() {
        return Err(format!("refused and counted: {}", in_words(ledger, identity)));
    }
    let mut all = identity.contents.iter().map(|&content| &ledger.contents[content]);
    if !content.amends && all.any(|content| content.amends && content.is_acknowledged()) {
        return Err(format!("amended and counted as it was before: {}", in_words(ledger, identity)));
    }
    Ok(())
}

/// Whether a content may be counted in that hour: the hour of the event, or else of an arrival.
fn judge_hour(ledger: &Ledger, tenant: &Tenant, content: usize, hour_ms: i64) -> Result<(), String> {
    let content = &ledger.contents[content];
    let identity = &ledger.identities[content.identity];
    // An amendment moves no event: its hour stays that of an arrival of the event itself.
    let originals =
        identity.contents.iter().map(|&content| &ledger.contents[content]).filter(|content| !content.amends);
    let mut arrivals = originals.flat_map(|content| &content.sendings).filter(|sending| sending.may_count());
    let fits = match identity.time {
        EventTime::Said(at_ms) | EventTime::InId(at_ms) => tenant.hour(at_ms) == hour_ms,
        EventTime::Arrival => {
            arrivals.any(|sending| (tenant.hour(sending.from_ms)..=tenant.hour(sending.until_ms)).contains(&hour_ms))
        }
    };
    if fits {
        return Ok(());
    }
    let hour = domain::Timestamp::from_millisecond(hour_ms).unwrap_or_default();
    Err(format!("counted in the hour of {hour}, which is not its own: {}", in_words(ledger, identity)))
}

/// What a meter must say, given what was counted: its rows and its total.
fn expected(ledger: &Ledger, counted: &[Counted], meter: &str) -> (Rows, i128) {
    let mut groups: BTreeMap<(i64, String), Vec<&Content>> = BTreeMap::new();
    for Counted { content, hour_ms } in counted {
        let content = &ledger.contents[*content];
        let region = if meter == "peak" { "" } else { content.region.unwrap_or_default() };
        groups.entry((*hour_ms, region.to_owned())).or_default().push(content);
    }
    let all: Vec<&Content> = groups.values().flatten().copied().collect();
    let rows = groups.iter().map(|(key, contents)| (key.clone(), value(meter, contents))).collect();
    (rows, value(meter, &all))
}

/// What some contents come to, in thousandths.
fn value(meter: &str, contents: &[&Content]) -> i128 {
    let bytes = contents.iter().map(|content| i128::from(content.bytes_milli));
    match meter {
        "calls" => contents.len() as i128 * 1_000,
        "bytes" => bytes.sum(),
        "peak" => bytes.max().unwrap_or(0),
        _ => contents.iter().map(|content| content.user).collect::<BTreeSet<_>>().len() as i128 * 1_000,
    }
}

fn compare(meter: &str, rows: &Rows, expected: &Rows) -> Result<(), String> {
    for key in rows.keys().chain(expected.keys()) {
        let (there, wanted) = (rows.get(key).copied(), expected.get(key).copied());
        if there != wanted {
            let (hour_ms, group) = key;
            let hour = domain::Timestamp::from_millisecond(*hour_ms).unwrap_or_default();
            let said = |value: Option<i128>| value.map_or_else(|| "nothing".to_owned(), shown);
            let (there, wanted) = (said(there), said(wanted));
            return Err(format!("meter {meter}, hour of {hour}, group {group:?}: {there}, not {wanted}"));
        }
    }
    Ok(())
}

/// An event and how it went with it.
fn in_words(ledger: &Ledger, identity: &Identity) -> String {
    let Identity { id, source, time, contents, .. } = identity;
    let mut text = format!("event {id} of {source}, {time:?}, {} contents", contents.len());
    let mut tell = |verb: &str, sending: &Sending| {
        let told = match sending.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Unknown => "no answer",
        };
        text.push_str(&format!("; {verb} by request {}: {told}", sending.request));
    };
    for content in contents.iter().map(|&content| &ledger.contents[content]) {
        let verb = if content.amends { "amended" } else { "sent" };
        content.sendings.iter().for_each(|sending| tell(verb, sending));
    }
    identity.voids.iter().for_each(|sending| tell("voided", sending));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// A tenant with three events: acknowledged, unheard of, and refused; and a second content of the first.
    fn ledger() -> Ledger {
        let tenant = Tenant { slug: "t".to_owned(), zone: "UTC", offset_minutes: 0, weight: 1, key: String::new() };
        let mut ledger = Ledger { tenants: vec![tenant], places: vec![0], ..Ledger::default() };
        for outcome in [Outcome::Accepted, Outcome::Unknown, Outcome::Rejected] {
            let id = ledger.identities.len().to_string();
            let time = EventTime::Said(10);
            let (contents, voids) = (Vec::new(), Vec::new());
            let identity = ledger.add_identity(Identity { tenant: 0, id, source: "s", time, contents, voids });
            ledger.add_content(content(identity, 1_500, Some("eu"), 1, outcome));
        }
        ledger.add_content(content(0, 2_500, None, 2, Outcome::Accepted));
        ledger
    }

    fn sending(outcome: Outcome) -> Sending {
        Sending { request: 1, from_ms: 0, until_ms: 0, outcome }
    }

    fn content(
        identity: usize,
        bytes_milli: i64,
        region: Option<&'static str>,
        user: u64,
        outcome: Outcome,
    ) -> Content {
        let sendings = vec![sending(outcome)];
        Content { identity, amends: false, place: 0, bytes_milli, region, user, sendings }
    }

    /// Judges a sum of marks in one hour; "" if it may be.
    fn judged(ledger: &Ledger, marks: i128, hour_ms: i64) -> String {
        let rows = Rows::from([((hour_ms, "0".to_owned()), marks * 1_000)]);
        let verdict = decipher(ledger, 0, &rows).and_then(|counted| judge(ledger, 0, &counted));
        let verdict = verdict.err().unwrap_or_default();
        verdict.split(':').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn marks_tell_what_was_counted_and_how_often() {
        // Marks 1, 4, 16 and 64 stand for: acknowledged, unheard of, refused, conflict with the first.
        let rows = [
            (1, ""),
            (1 + 4, ""),
            (64, ""),
            (0, "acknowledged and not counted"),
            (4, "acknowledged and not counted"),
            (2, "counted 2 times"),
            (1 + 8, "counted 2 times"),
            (1 + 64, "counted 2 times"),
            (1 + 16, "refused and counted"),
            (1 + 256, "marks"),
        ];
        for (marks, verdict) in rows {
            assert_eq!(judged(&ledger(), marks, 0), verdict, "{marks}");
        }
        assert!(judged(&ledger(), 1, HOUR_MS).starts_with("counted in the hour of"));
    }

    #[test]
    fn a_void_takes_an_event_away_and_an_amend_changes_it() {
        let voided = |outcome| {
            let mut ledger = ledger();
            ledger.identities[0].voids.push(sending(outcome));
            ledger
        };
        // Of the first event, with mark 1: counted or not.
        let rows = [
            (Outcome::Accepted, "voided and counted", ""),
            (Outcome::Unknown, "", ""),
            (Outcome::Rejected, "", "acknowledged and not counted"),
        ];
        for (outcome, counted, not_counted) in rows {
            assert_eq!(judged(&voided(outcome), 1, 0), counted, "{outcome:?}");
            assert_eq!(judged(&voided(outcome), 0, 0), not_counted, "{outcome:?}");
        }
        let amended = |outcome| {
            let mut ledger = ledger();
            ledger.add_content(Content { amends: true, ..content(0, 1, None, 1, outcome) });
            ledger
        };
        // Counted as it was before, with mark 1, or by its amendment, with mark 256.
        let rows = [
            (Outcome::Accepted, "amended and counted as it was before", ""),
            (Outcome::Unknown, "", ""),
            (Outcome::Rejected, "", "refused and counted"),
        ];
        for (outcome, before, after) in rows {
            assert_eq!(judged(&amended(outcome), 1, 0), before, "{outcome:?}");
            assert_eq!(judged(&amended(outcome), 256, 0), after, "{outcome:?}");
        }
    }

    #[test]
    fn meters_are_added_up_from_what_was_counted() {
        let ledger = ledger();
        let counted = [Counted { content: 1, hour_ms: 0 }, Counted { content: 3, hour_ms: 0 }];
        let rows = |meter| {
            let (rows, total) = expected(&ledger, &counted, meter);
            (rows.into_iter().map(|((_, group), value)| (group, value)).collect::<Vec<_>>(), total)
        };
        let row = |group: &str, value| (group.to_owned(), value);
        assert_eq!(rows("calls"), (vec![row("", 1_000), row("eu", 1_000)], 2_000));
        assert_eq!(rows("bytes"), (vec![row("", 2_500), row("eu", 1_500)], 4_000));
        assert_eq!(rows("peak"), (vec![row("", 2_500)], 2_500));
        assert_eq!(rows("users"), (vec![row("", 1_000), row("eu", 1_000)], 2_000));
    }

    #[test]
    fn decimals_are_read_in_thousandths() {
        let rows = [("12", Some(12_000)), ("0.5", Some(500)), ("7.125", Some(7_125)), ("0.0001", None), ("x", None)];
        for (text, expect) in rows {
            assert_eq!(milli(&Value::from(text)), expect, "{text}");
        }
    }

    #[test]
    fn hours_are_local() {
        let mut tenant = ledger().tenants.remove(0);
        assert_eq!(tenant.hour(HOUR_MS + 1), HOUR_MS);
        // 00:00 UTC is 05:30 in India, whose hour began half an hour before.
        tenant.offset_minutes = 330;
        assert_eq!(tenant.hour(0), -HOUR_MS / 2);
    }
}
