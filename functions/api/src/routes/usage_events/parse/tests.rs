//! Tables of requests and of what is read from them.

use super::*;
use http::{HeaderName, HeaderValue};
use rstest::rstest;

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let header =
        |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    list.iter().map(header).collect()
}

/// What is read, one line an event: its attributes and data, or the pointer and code of its refusal.
fn lines(form: Form, headers: &HeaderMap, body: &str) -> Result<Vec<String>, &'static str> {
    let line = |parsed: &Parsed<'_>| match parsed {
        Ok(event) => {
            let attributes = [&event.source, &event.time, &event.subject];
            let optional = attributes.map(|text| text.as_deref().unwrap_or("-"));
            format!("{} {} {} {}", event.id, event.event_type, optional.join(" "), event.data)
        }
        Err(Malformed { id, violation }) => {
            format!("{} {:?} {}", id.as_deref().unwrap_or("-"), violation.pointer, violation.code)
        }
    };
    match events(form, headers, body.as_bytes()) {
        Ok(parsed) => Ok(parsed.iter().map(line).collect()),
        Err(problem) => Err(problem.code),
    }
}

fn check(form: Form, body: &str, expect: Result<&[&str], &'static str>) {
    let expect = expect.map(|lines| lines.iter().map(ToString::to_string).collect());
    assert_eq!(lines(form, &HeaderMap::new(), body), expect, "{body}");
}

#[rstest]
#[case(&[("content-type", "application/json")], Ok(Form::Short))]
#[case(&[("content-type", "application/json; charset=utf-8")], Ok(Form::Short))]
#[case(&[("content-type", "application/json"), ("ce-specversion", "1.0")], Ok(Form::Binary))]
#[case(&[("content-type", "application/cloudevents+json")], Ok(Form::Structured))]
#[case(&[("content-type", "application/cloudevents-batch+json; charset=utf-8")], Ok(Form::Batch))]
#[case(&[("content-type", "text/plain")], Err("unsupported_media_type"))]
#[case(&[("ce-specversion", "1.0")], Err("unsupported_media_type"))]
#[case(&[], Err("unsupported_media_type"))]
fn the_headers_announce_the_form(#[case] list: &[(&'static str, &str)], #[case] expect: Result<Form, &'static str>) {
    assert_eq!(form(&headers(list)).map_err(|problem| problem.code), expect);
}

#[rstest]
#[case::bare(r#"{"id":"1","type":"t","data":{}}"#, "1 t - - - {}")]
#[case::full(
    r#"{"data":{"n": 1.50},"subject":"acme","time":"2026-06-01T00:00:00Z","type":"t","source":"s","id":"1"}"#,
    r#"1 t s 2026-06-01T00:00:00Z acme {"n": 1.50}"#
)]
#[case::nulls(r#"{"id":"1","type":"t","time":null,"subject":null,"source":null,"data":{}}"#, "1 t - - - {}")]
#[case::escapes(r#"{"id":"\u0041\"","type":"t","data":{}}"#, r#"A" t - - - {}"#)]
#[case::every_digit(
    r#"{"id":"1","type":"t","data":{"n":0.10000000000000000000001}}"#,
    r#"1 t - - - {"n":0.10000000000000000000001}"#
)]
#[case::unknown(r#"{"id":"1","type":"t","data":{},"colour":[1]}"#, r#"1 "/colour" unknown_field"#)]
#[case::cloud_event(r#"{"specversion":"1.0","id":"1","type":"t","data":{}}"#, r#"1 "/specversion" unknown_field"#)]
#[case::no_id(r#"{"type":"t","data":{}}"#, r#"- "/id" malformed_event"#)]
#[case::null_id(r#"{"id":null,"type":"t","data":{}}"#, r#"- "/id" malformed_event"#)]
#[case::no_type(r#"{"id":"1","data":{}}"#, r#"1 "/type" malformed_event"#)]
#[case::no_data(r#"{"id":"1","type":"t"}"#, r#"1 "/data" malformed_event"#)]
#[case::number_as_id(r#"{"id":1,"type":"t","data":{}}"#, r#"- "/id" malformed_event"#)]
#[case::number_as_time(r#"{"id":"1","time":1,"type":"t","data":{}}"#, r#"1 "/time" malformed_event"#)]
#[case::list_as_data(r#"{"id":"1","type":"t","data":[]}"#, r#"1 "/data" malformed_event"#)]
#[case::null_as_data(r#"{"id":"1","type":"t","data":null}"#, r#"1 "/data" malformed_event"#)]
#[case::twice(r#"{"id":"1","id":"2","type":"t","data":{}}"#, r#"2 "/id" malformed_event"#)]
#[case::data_twice(r#"{"id":"1","type":"t","data":{},"data":{}}"#, r#"1 "/data" malformed_event"#)]
#[case::half_a_character(r#"{"id":"\ud800","type":"t","data":{}}"#, r#"- "/id" malformed_event"#)]
#[case::number("5", r#"- "" malformed_event"#)]
#[case::null("null", r#"- "" malformed_event"#)]
fn the_short_form_is_read_event_by_event(#[case] event: &str, #[case] expect: &str) {
    check(Form::Short, &format!(r#"{{"events":[{event}]}}"#), Ok(&[expect]));
}

#[rstest]
#[case::bare("", "1 t s - - {}")]
#[case::optional(r#","datacontenttype":"application/json","dataschema":"urn:x","subject":"acme""#, "1 t s - acme {}")]
#[case::extensions(r#","partitionkey":"a","sampledrate":5,"flag":true"#, "1 t s - - {}")]
#[case::upper_case(r#","partitionKey":"a""#, r#"1 "/partitionKey" malformed_event"#)]
#[case::object(r#","trace":{}"#, r#"1 "/trace" malformed_event"#)]
#[case::binary_data(r#","data_base64":"AA==""#, r#"1 "/data_base64" malformed_event"#)]
#[case::xml(r#","datacontenttype":"text/xml""#, r#"1 "/datacontenttype" malformed_event"#)]
fn a_cloud_event_may_have_extensions(#[case] more: &str, #[case] expect: &str) {
    let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{{}}{more}}}"#);
    check(Form::Structured, &event, Ok(&[expect]));
    check(Form::Batch, &format!("[{event}]"), Ok(&[expect]));
}

#[rstest]
#[case::version(
    r#"{"specversion":"0.3","id":"1","source":"s","type":"t","data":{}}"#,
    r#"1 "/specversion" malformed_event"#
)]
#[case::no_version(r#"{"id":"1","source":"s","type":"t","data":{}}"#, r#"1 "/specversion" malformed_event"#)]
#[case::no_source(r#"{"specversion":"1.0","id":"1","type":"t","data":{}}"#, r#"1 "/source" malformed_event"#)]
#[case::no_data(r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#, r#"1 "/data" malformed_event"#)]
fn a_cloud_event_has_its_required_attributes(#[case] event: &str, #[case] expect: &str) {
    check(Form::Structured, event, Ok(&[expect]));
}

#[rstest]
#[case::empty(Form::Short, "", "malformed_json")]
#[case::cut_off(Form::Short, r#"{"events":[{"id":"1""#, "malformed_json")]
#[case::cut_off_cloud_event(Form::Structured, r#"{"id":"1""#, "malformed_json")]
#[case::cut_off_batch(Form::Batch, "[", "malformed_json")]
#[case::two_documents(Form::Batch, "[{}][]", "malformed_json")]
#[case::no_events(Form::Short, "{}", "invalid_body")]
#[case::events_no_list(Form::Short, r#"{"events":{}}"#, "invalid_body")]
#[case::other_field(Form::Short, r#"{"events":[],"mode":"fast"}"#, "unknown_field")]
#[case::array_as_short(Form::Short, "[]", "invalid_body")]
#[case::object_as_batch(Form::Batch, "{}", "invalid_body")]
#[case::none(Form::Short, r#"{"events":[]}"#, "invalid_request")]
#[case::none_in_batch(Form::Batch, "[]", "invalid_request")]
fn a_request_is_refused_as_a_whole_only_for_its_own_form(
    #[case] form: Form,
    #[case] body: &str,
    #[case] code: &'static str,
) {
    check(form, body, Err(code));
}

#[test]
fn a_thousand_events_are_taken_and_no_more() {
    let body = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert_eq!(lines(Form::Batch, &HeaderMap::new(), &body(1_000)).map(|lines| lines.len()), Ok(1_000));
    check(Form::Batch, &body(1_001), Err("too_many_events"));
}

#[rstest]
#[case::bare(&[("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")], r#"1 t s - - {"n":1}"#)]
#[case::full(
    &[("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t"), ("ce-time", "2026-06-01T00:00:00Z"), ("ce-subject", "acme")],
    r#"1 t s 2026-06-01T00:00:00Z acme {"n":1}"#
)]
#[case::encoded(&[("ce-id", "%E2%82%AC%20"), ("ce-source", "s"), ("ce-type", "t")], r#"€  t s - - {"n":1}"#)]
#[case::extension(&[("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t"), ("ce-key", "k")], r#"1 t s - - {"n":1}"#)]
#[case::no_id(&[("ce-source", "s"), ("ce-type", "t")], r#"- "/id" malformed_event"#)]
#[case::no_source(&[("ce-id", "1"), ("ce-type", "t")], r#"1 "/source" malformed_event"#)]
#[case::no_text(&[("ce-id", "1"), ("ce-source", "%FF"), ("ce-type", "t")], r#"1 "/source" malformed_event"#)]
fn attributes_may_be_headers(#[case] list: &[(&'static str, &str)], #[case] expect: &str) {
    let mut headers = headers(list);
    headers.insert("ce-specversion", HeaderValue::from_static("1.0"));
    assert_eq!(lines(Form::Binary, &headers, r#"{"n":1}"#), Ok(vec![expect.to_owned()]));
}

#[rstest]
#[case::other_version("0.3", "{}", Ok(r#"1 "/specversion" malformed_event"#))]
#[case::no_object("1.0", "[]", Ok(r#"1 "/data" malformed_event"#))]
#[case::no_json("1.0", "{", Err("malformed_json"))]
fn a_binary_event_has_json_data(#[case] version: &str, #[case] body: &str, #[case] expect: Result<&str, &'static str>) {
    let list = [("ce-specversion", version), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")];
    assert_eq!(lines(Form::Binary, &headers(&list), body), expect.map(|line| vec![line.to_owned()]));
}
