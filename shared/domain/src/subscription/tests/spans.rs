//! For which instants usage is charged: what touches is one span, because a level is weighed within each span by itself.

use super::*;
use rstest::rstest;

#[rstest]
#[case::nothing_happened(&[], &["2024-03-01..2024-04-01"])]
// Another number of seats is another term and the same usage.
#[case::more_seats(&[("2024-03-10", seats_to(2))], &["2024-03-01..2024-04-01"])]
#[case::more_seats_twice(
    &[("2024-03-10", seats_to(2)), ("2024-03-20", seats_to(3))],
    &["2024-03-01..2024-04-01"]
)]
#[case::a_pause(&[("2024-03-10", PAUSE), ("2024-03-20", Change::Resume)], &["2024-03-01..2024-03-10", "2024-03-20..2024-04-01"])]
fn usage_is_charged_in_spans(#[case] changes: &[(&str, Change)], #[case] expect: &[&str]) {
    let sold: [Sold<'_>; 1] = [("team", MONTH, 0, &[("s", "seats 50 inArrears"), ("u", "usage 2")])];
    let mut story = Story::new(start("team", MONTH, "2024-03-01", &[("s", 1)]), &sold).ran(1);
    for (today, change) in changes {
        story = story.then(today, change);
    }
    let wanted = story.subscription.usage_wanted(1, &story.offers).unwrap();
    let [wanted] = wanted.as_slice() else { panic!("one price of usage: {wanted:?}") };
    let day = |instant: Timestamp| instant.to_zoned(TimeZone::UTC).date();
    let spans: Vec<String> =
        wanted.spans.iter().map(|span| format!("{}..{}", day(span.start()), day(span.end()))).collect();
    assert_eq!(spans, expect);
}

fn seats_to(quantity: u64) -> Change {
    to_seats("s", quantity, When::Immediate)
}

#[test]
fn a_fee_for_no_day_is_no_line() {
    let sold: [Sold<'_>; 1] = [("team", MONTH, 0, &[("f", "flat 20 inArrears"), ("s", "seats 50 inArrears")])];
    let story = Story::new(start("team", MONTH, "2024-03-01", &[("s", 1)]), &sold).ran(1);
    assert_eq!(story.texts(1, 0), ["f 2000", "s 5000"]);
    assert_eq!(story.then("2024-03-01", &PAUSE).texts(1, 0), [""; 0]);
}
