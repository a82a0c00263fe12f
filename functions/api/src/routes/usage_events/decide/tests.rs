//! Tables of events and of what becomes of them.

use super::*;
use crate::routes::usage_events::parse::{self, Form};
use domain::{
    id::MeterId,
    subscription::{RefusedSpan, RefusedUsage},
    text::Slug,
    usage::{Aggregation, Meter, Path},
};
use http::HeaderMap;
use jiff::tz::TimeZone;
use rstest::rstest;
use usage_log::Layouts;

/// 02:30 on 1 June in Berlin.
const NOW: &str = "2026-06-01T00:30:00Z";

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn tenant(slug: &str) -> Arc<KnownTenant> {
    let slug_of = Slug::parse(slug).unwrap();
    let time_zone = TimeZone::get("Europe/Berlin").unwrap();
    // Half an hour of May in which all that acme pays for was paused.
    let paused = RefusedSpan { from: instant("2026-05-20T10:00:00Z"), until: Some(instant("2026-05-20T10:30:00Z")) };
    let refused_usage = RefusedUsage::new(if slug == "acme" { vec![paused] } else { Vec::new() });
    let (id, layouts) = (TenantId::derived(&[slug]), Layouts::default());
    let canceled_at = (slug == "gone").then(|| instant("2026-05-30T00:00:00Z"));
    Arc::new(KnownTenant { id, slug: slug_of, time_zone, layouts, refused_usage, canceled_at })
}

fn meters() -> MeterIndex {
    let meter = |slug: &str, event_type: &str, aggregation| Meter {
        id: MeterId::derived(&[slug]),
        slug: Slug::parse(slug).unwrap(),
        name: slug.to_owned(),
        event_type: event_type.to_owned(),
        aggregation,
        filters: Vec::new(),
        dimensions: Vec::new(),
    };
    let bytes = || Path::parse("$.bytes").unwrap();
    let now = NOW.parse().unwrap();
    MeterIndex::new(
        vec![
            meter("requests", "request", Aggregation::Count),
            meter("bytes", "request", Aggregation::Sum(bytes())),
            meter("logins", "login", Aggregation::Count),
        ],
        now,
    )
}

fn own_key() -> Tenants {
    Tenants { platform: false, default: Some(tenant("acme")), by_subject: HashMap::new() }
}

fn platform_key(default: Option<&str>) -> Tenants {
    let by_subject = [("acme".to_owned(), tenant("acme")), ("globex".to_owned(), tenant("globex"))];
    Tenants { platform: true, default: default.map(tenant), by_subject: by_subject.into() }
}

/// One word an event: its verdict, or the pointer and code of its refusal.
fn verdicts(tenants: &Tenants, events: &[String]) -> Vec<String> {
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    let headers = HeaderMap::new();
    let parsed = parse::events(Form::Short, &headers, body.as_bytes()).unwrap();
    let decided = decide(&parsed, tenants, &meters(), NOW.parse().unwrap());
    let accepted = decided.verdicts.iter().filter(|verdict| **verdict == Verdict::Accepted).count();
    let conflict = |verdict: &&Verdict| matches!(verdict, Verdict::Rejected(violation) if violation.code == "conflict");
    let conflicts = decided.verdicts.iter().filter(conflict).count();
    // A conflict is refused and kept.
    assert_eq!(decided.drafts.iter().map(|draft| draft.accepted.len()).sum::<usize>(), accepted + conflicts);
    decided.verdicts.iter().map(word).collect()
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted => "accepted".to_owned(),
        Verdict::Duplicate { of } => format!("duplicate of {of}"),
        Verdict::Rejected(violation) => format!("{} {}", violation.pointer, violation.code),
        Verdict::Retry => "retry".to_owned(),
    }
}

#[test]
fn usage_of_whoever_is_no_customer_any_more_is_refused() {
    let gone = Tenants { platform: false, default: Some(tenant("gone")), by_subject: HashMap::new() };
    let at = |time: &str| event(&format!(r#""data":{{"bytes":1}},"time":"{time}""#));
    let events = [at("2026-05-29T23:59:59Z"), at("2026-05-30T00:00:00Z")];
    assert_eq!(verdicts(&gone, &events), ["accepted", "/time tenant_canceled"]);
}

fn event(more: &str) -> String {
    format!(r#"{{"id":"1","type":"request",{more}}}"#)
}

#[rstest]
#[case::good(r#""data":{"bytes":1}"#, "accepted")]
#[case::text_quantity(r#""data":{"bytes":"0.000000001"}"#, "accepted")]
#[case::no_time_of_its_own(r#""data":{"bytes":1},"time":null"#, "accepted")]
#[case::any_offset(r#""data":{"bytes":1},"time":"2026-06-01T02:30:00+02:00""#, "accepted")]
#[case::a_clock_ahead(r#""data":{"bytes":1},"time":"2026-06-01T00:35:00Z""#, "accepted")]
#[case::future(r#""data":{"bytes":1},"time":"2026-06-01T00:35:00.001Z""#, "/time time_in_future")]
#[case::oldest(r#""data":{"bytes":1},"time":"2025-04-27T00:30:00Z""#, "accepted")]
#[case::too_old(r#""data":{"bytes":1},"time":"2025-04-27T00:29:59Z""#, "/time time_too_old")]
#[case::before_the_pause(r#""data":{"bytes":1},"time":"2026-05-20T09:59:59Z""#, "accepted")]
#[case::in_the_pause(r#""data":{"bytes":1},"time":"2026-05-20T10:00:00Z""#, "/time subscription_paused")]
#[case::after_the_pause(r#""data":{"bytes":1},"time":"2026-05-20T10:30:00Z""#, "accepted")]
#[case::no_instant(r#""data":{"bytes":1},"time":"yesterday""#, "/time invalid_time")]
#[case::no_zone(r#""data":{"bytes":1},"time":"2026-06-01T00:30:00""#, "/time invalid_time")]
#[case::a_change_downwards(r#""data":{"bytes":-1}"#, "accepted")]
#[case::twice(r#""data":{"bytes":1,"bytes":2}"#, "/data/bytes duplicate_member")]
#[case::words(r#""data":{"bytes":"many"}"#, "/data/bytes quantity_not_a_number")]
#[case::null(r#""data":{"bytes":null}"#, "/data/bytes quantity_missing")]
#[case::not_a_number(r#""data":{"bytes":"NaN"}"#, "/data/bytes quantity_not_a_number")]
#[case::missing(r#""data":{}"#, "/data/bytes quantity_missing")]
#[case::too_fine(r#""data":{"bytes":0.0000000001}"#, "/data/bytes quantity_out_of_range")]
#[case::own_subject(r#""data":{"bytes":1},"subject":"acme""#, "accepted")]
#[case::foreign_subject(r#""data":{"bytes":1},"subject":"globex""#, "/subject unknown_tenant")]
#[case::malformed(r#""data":5"#, "/data malformed_event")]
#[case::unknown_field(r#""data":{},"colour":1"#, "/colour unknown_field")]
fn a_tenants_event_is_decided_by_the_first_rule_it_breaks(#[case] more: &str, #[case] expect: &str) {
    assert_eq!(verdicts(&own_key(), &[event(more)]), [expect]);
}

#[rstest]
#[case::unknown_type(r#"{"id":"1","type":"logout","data":{}}"#.to_owned(), "/type unknown_meter")]
#[case::no_quantity_needed(r#"{"id":"1","type":"login","data":{}}"#.to_owned(), "accepted")]
#[case::empty_id(r#"{"id":"","type":"login","data":{}}"#.to_owned(), "/id empty")]
#[case::longest_id(format!(r#"{{"id":"{}","type":"login","data":{{}}}}"#, "i".repeat(128)), "accepted")]
#[case::long_id(format!(r#"{{"id":"{}","type":"login","data":{{}}}}"#, "i".repeat(129)), "/id too_long")]
#[case::long_source(
    format!(r#"{{"id":"1","source":"{}","type":"login","data":{{}}}}"#, "s".repeat(257)),
    "/source too_long"
)]
#[case::much_data(
    format!(r#"{{"id":"1","type":"login","data":{{"x":"{}"}}}}"#, "d".repeat(16 * 1024)),
    "/data data_too_large"
)]
fn texts_and_types_have_their_rules(#[case] event: String, #[case] expect: &str) {
    assert_eq!(verdicts(&own_key(), &[event]), [expect]);
}

#[rstest]
#[case::by_slug(None, r#""subject":"globex","#, "accepted")]
#[case::nobody(None, "", "/subject subject_required")]
#[case::unknown(None, r#""subject":"initech","#, "/subject unknown_tenant")]
#[case::by_the_request(Some("acme"), "", "accepted")]
#[case::the_same_twice(Some("acme"), r#""subject":"acme","#, "accepted")]
#[case::two_tenants(Some("acme"), r#""subject":"globex","#, "/subject subject_mismatch")]
fn the_platform_names_the_tenant(#[case] default: Option<&str>, #[case] subject: &str, #[case] expect: &str) {
    let event = event(&format!(r#"{subject}"data":{{"bytes":1}}"#));
    assert_eq!(verdicts(&platform_key(default), &[event]), [expect]);
}

#[test]
fn a_bad_event_holds_back_no_good_one() {
    let bad = [
        "5".to_owned(),
        event(r#""data":{"bytes":"many"}"#),
        event(r#""data":{"bytes":1},"time":"2027-01-01T00:00:00Z""#),
        r#"{"id":"1","type":"logout","data":{}}"#.to_owned(),
        event(r#""data":{"bytes":1},"colour":1"#),
    ];
    for bad in bad {
        let events = [good("a"), bad.clone(), good("b")];
        let verdicts = verdicts(&own_key(), &events);
        assert_eq!((verdicts[0].as_str(), verdicts[2].as_str()), ("accepted", "accepted"), "{bad}");
        assert!(!["accepted", "duplicate of 0"].contains(&verdicts[1].as_str()), "{bad}");
    }
}

fn good(id: &str) -> String {
    format!(r#"{{"id":"{id}","type":"login","data":{{}}}}"#)
}

fn at(id: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","type":"login","data":{{}},{more}}}"#)
}

#[rstest]
#[case::same(at("1", r#""time":"2026-05-01T10:00:00Z""#), "duplicate of 0")]
#[case::same_hour(at("1", r#""time":"2026-05-01T10:59:59Z""#), "/id conflict")]
#[case::other_content(r#"{"id":"1","type":"request","data":{"bytes":1},"time":"2026-05-01T10:00:00Z"}"#.to_owned(), "/id conflict")]
#[case::other_hour(at("1", r#""time":"2026-05-01T11:00:00Z""#), "accepted")]
#[case::other_id(at("2", r#""time":"2026-05-01T10:00:00Z""#), "accepted")]
#[case::other_source(at("1", r#""time":"2026-05-01T10:00:00Z","source":"edge""#), "accepted")]
#[case::the_default_source(at("1", r#""time":"2026-05-01T10:00:00Z","source":"api""#), "duplicate of 0")]
#[case::no_time(good("1"), "accepted")]
fn a_duplicate_has_the_same_identity(#[case] second: String, #[case] expect: &str) {
    let first = at("1", r#""time":"2026-05-01T10:00:00Z""#);
    assert_eq!(verdicts(&own_key(), &[first, second]), ["accepted", expect]);
}

#[test]
fn a_rejected_event_is_not_the_first_of_its_identity() {
    let rejected = r#"{"id":"1","type":"request","data":{}}"#.to_owned();
    let verdicts = verdicts(&own_key(), &[rejected, good("1"), good("1")]);
    assert_eq!(verdicts, ["/data/bytes quantity_missing", "accepted", "duplicate of 1"]);
}

#[test]
fn the_same_id_with_other_content_is_refused_and_kept() {
    let event = |bytes: u32| {
        format!(r#"{{"id":"1","type":"request","time":"2026-05-01T10:00:00Z","data":{{"bytes":{bytes}}}}}"#)
    };
    let verdicts = verdicts(&own_key(), &[event(1), event(2), event(1)]);
    assert_eq!(verdicts, ["accepted", "/id conflict", "duplicate of 0"]);
}

#[test]
fn two_tenants_may_use_the_same_id() {
    let of = |subject: &str| at("1", &format!(r#""subject":"{subject}""#));
    let verdicts = verdicts(&platform_key(None), &[of("acme"), of("globex"), of("acme")]);
    assert_eq!(verdicts, ["accepted", "accepted", "duplicate of 0"]);
}

#[test]
fn the_time_inside_an_id_places_the_event() {
    // 2026-05-01T10:00:00Z is millisecond 0x19de2fb1900.
    let id = "019de2fb-1900-7000-8000-000000000000";
    let body = format!(r#"{{"events":[{}]}}"#, good(id));
    let headers = HeaderMap::new();
    let parsed = parse::events(Form::Short, &headers, body.as_bytes()).unwrap();
    let decided = decide(&parsed, &own_key(), &meters(), NOW.parse().unwrap());
    let event = decided.drafts[0].batch.event(0);
    let placed = (event.occurred_at().to_string(), event.shape().time_basis);
    assert_eq!(placed, ("2026-05-01T10:00:00Z".to_owned(), TimeBasis::Event));
}

#[test]
fn an_event_without_a_time_counts_as_of_its_arrival() {
    let headers = HeaderMap::new();
    let body = format!(r#"{{"events":[{}]}}"#, good("1"));
    let parsed = parse::events(Form::Short, &headers, body.as_bytes()).unwrap();
    let decided = decide(&parsed, &own_key(), &meters(), NOW.parse().unwrap());
    let event = decided.drafts[0].batch.event(0);
    assert_eq!((event.occurred_at().to_string(), event.shape().time_basis), (NOW.to_owned(), TimeBasis::Arrival));
}

#[test]
fn what_was_not_stored_is_withdrawn_with_its_duplicates() {
    let mut verdicts = vec![
        Verdict::Accepted,
        Verdict::Accepted,
        Verdict::Duplicate { of: 0 },
        Verdict::Duplicate { of: 1 },
        Verdict::Rejected(Violation::new("", "empty", "")),
    ];
    withdraw(&mut verdicts, [1].into_iter());
    let words: Vec<String> = verdicts.iter().map(word).collect();
    assert_eq!(words, ["accepted", "retry", "duplicate of 0", "retry", " empty"]);
}
