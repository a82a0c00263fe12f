//! Percentages: what is free, and bounds of each event.

use super::super::Basis;
use super::*;
use rstest::rstest;

fn percentage(fields: &str) -> String {
    format!(r#""model":{{"type":"percentage",{fields}}}"#)
}

const RATE_AND_FEE: &str = r#""percent":"1.3","fixedFee":"2""#;
const BOUNDED: &str = r#""percent":"2.99","minimumPerEvent":"1.75","maximumPerEvent":"12""#;

#[rstest]
// (800 − 250) × 1.3 % + 2 × 2: the third event exhausts the value, so it and the fourth have their fee.
#[case::pc_l1(RATE_AND_FEE, r#","freeEvents":3,"freeValue":"250""#, &["50", "100", "250", "400"], "11.15")]
// Only the 400 of the three free events are free.
#[case::pc_l3(RATE_AND_FEE, r#","freeEvents":3,"freeValue":"500""#, &["50", "100", "250", "400"], "7.2")]
#[case::pc_l5(r#""percent":"0","fixedFee":"2""#, "", &["50", "100", "250", "400"], "8")]
// 1.75 + 2.392 + 12
#[case::pc_l7(BOUNDED, "", &["10", "80", "10000"], "16.142")]
#[case::pc_l9(BOUNDED, r#","freeEvents":2"#, &["10", "80", "10000"], "12")]
// The source charges the last 90 of the third event without its fee, 2.691, though by PC-L1 an event that exhausts the
// value has it. An event is free only while both allowances last (RATING.md): 90 × 2.99 % + 2.
#[case::pc_l11_with_its_fee(BOUNDED, r#","fixedFee":"2","freeEvents":3,"freeValue":"10000""#, &["10", "80", "10000"], "4.691")]
#[case::the_fee_is_inside_the_bounds(BOUNDED, r#","fixedFee":"11""#, &["80"], "12")]
#[case::the_fee_lifts_above_the_minimum(BOUNDED, r#","fixedFee":"1.75""#, &["10"], "2.049")]
#[case::at_the_minimum(r#""percent":"1","minimumPerEvent":"1""#, "", &["100", "99"], "2")]
#[case::at_the_maximum(r#""percent":"1","maximumPerEvent":"1""#, "", &["100", "101"], "2")]
#[case::a_rest_has_its_minimum(r#""percent":"1","minimumPerEvent":"1""#, r#","freeEvents":1,"freeValue":"5""#, &["6"], "1")]
#[case::free_to_the_last_cent(RATE_AND_FEE, r#","freeEvents":2,"freeValue":"10""#, &["10"], "0")]
#[case::exhausted_exactly(RATE_AND_FEE, r#","freeEvents":9,"freeValue":"10""#, &["10", "0"], "2")]
#[case::an_event_of_no_value_is_free(RATE_AND_FEE, r#","freeEvents":2,"freeValue":"10""#, &["0", "0", "0"], "2")]
#[case::value_alone(r#""percent":"10""#, r#","freeValue":"100""#, &["50", "70"], "2")]
#[case::more_value_free_than_used(r#""percent":"10""#, r#","freeValue":"100""#, &["50"], "0")]
#[case::nothing_happened(RATE_AND_FEE, "", &[], "0")]
#[case::a_refund_is_an_event_of_no_value(RATE_AND_FEE, "", &["100", "-50"], "5.3")]
fn each_event_counts(#[case] fields: &str, #[case] more: &str, #[case] values: &[&str], #[case] expect: &str) {
    assert_eq!(exact(&percentage(&format!("{fields}{more}")), &events(values)), expect);
}

#[rstest]
#[case::linear(RATE_AND_FEE, "800", 4, "18.4")]
#[case::free_value(r#""percent":"1.3","freeValue":"250""#, "800", 4, "7.15")]
#[case::all_free(r#""percent":"1.3","freeValue":"250""#, "200", 4, "0")]
fn totals_are_enough_where_no_event_counts_alone(
    #[case] fields: &str,
    #[case] value: &str,
    #[case] events: u64,
    #[case] expect: &str,
) {
    assert_eq!(exact(&percentage(fields), &Usage::Value { value: dec(value), events }), expect);
}

#[rstest]
#[case::free_events(r#""percent":"1","freeEvents":3"#)]
#[case::minimum(r#""percent":"1","minimumPerEvent":"3""#)]
#[case::maximum(r#""percent":"1","maximumPerEvent":"3""#)]
fn totals_are_refused_where_an_event_counts_alone(#[case] fields: &str) {
    let refusal = whole(&percentage(fields), &Usage::Value { value: dec("1"), events: 1 });
    assert_eq!(refusal, Err(RatingError::WrongUsage { model: "percentage", needs: "the value of each event" }));
}

#[test]
fn later_events_are_charged_by_their_value_alone() {
    let mut values = EventValues::default();
    for _ in 0..1_000 {
        values.push(dec("1")).unwrap();
    }
    for value in ["10", "80", "10000", "80"] {
        values.push(dec(value)).unwrap();
    }
    // A thousand are free; then 1.75 + 2 × 2.392 + 12.
    let price = percentage(&format!(r#"{BOUNDED},"freeEvents":1000"#));
    assert_eq!(exact(&price, &Usage::Events(values)), "18.534");
}

#[test]
fn a_line_shows_value_events_and_bounds() {
    let rated = whole(&percentage(&format!(r#"{BOUNDED},"fixedFee":"1""#)), &events(&["10", "80", "10000"])).unwrap();
    let shown: Vec<(Basis, String)> = rated
        .sub_lines
        .iter()
        .map(|part| (part.basis.clone(), format!("{} × {}", part.quantity, part.unit_price)))
        .collect();
    let expect = [
        (Basis::Value, "80 × 0.0299".to_owned()),
        (Basis::Events, "1 × 1".to_owned()),
        (Basis::EventsAtMinimum, "1 × 1.75".to_owned()),
        (Basis::EventsAtMaximum, "1 × 12".to_owned()),
    ];
    assert_eq!(shown, expect);
    assert_eq!(rated.quantity, dec("10090"));
    let free = whole(&percentage(r#""percent":"5""#), &events(&["7"])).unwrap();
    assert_eq!(free.sub_lines.len(), 1);
    assert_eq!(whole(&percentage(RATE_AND_FEE), &events(&[])).unwrap().sub_lines.len(), 1);
    // What costs exactly a bound is charged by its value.
    let at_bounds = percentage(r#""percent":"1","minimumPerEvent":"1","maximumPerEvent":"2""#);
    let rated = whole(&at_bounds, &events(&["100", "200"])).unwrap();
    assert_eq!((rated.sub_lines.len(), rated.sub_lines[0].quantity), (1, dec("300")));
}
