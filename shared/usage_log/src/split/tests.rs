//! What is held of splitting: data is given back byte by byte, by the short way as by the long one.

use super::*;
use crate::{samples::any_data, shape::Found};
use domain::usage::TimeBasis;
use proptest::prelude::*;
use rstest::rstest;

fn shape(skeleton: &str) -> Shape {
    Shape::new("edge", "request", TimeBasis::Event, skeleton).unwrap_or_else(|| panic!("{skeleton:?} is no skeleton"))
}

/// The shape of `data`, and the data as it is given back.
fn there_and_back(data: &str) -> Option<(Shape, String)> {
    let (mut skeleton, mut pieces) = (String::new(), Vec::new());
    split(data, &mut skeleton, &mut pieces)?;
    let shape = shape(&skeleton);
    assert_eq!(shape.columns().len(), pieces.len());
    let found = pieces.iter().map(|piece| match piece {
        Piece::Number(digits) => Found::Number(*digits),
        Piece::Text(range) => Found::Text(&data[range.clone()]),
    });
    let mut written = String::new();
    shape.write(&mut written, found);
    Some((shape, written))
}

#[rstest]
#[case::empty("{}")]
#[case::plain(r#"{"bytes":203023,"region":"eu"}"#)]
#[case::blanks("{ \"bytes\" :\t1.50 ,\n\"ok\":true, \"none\": null }  ")]
#[case::nested(r#"{"a":{"b":{"c":-0.001}},"d":"x"}"#)]
#[case::arrays(r#"{"a":[1,{"b":"]"}],"c":"d"}"#)]
#[case::escapes(r#"{"a":"say \"x\"","\u0062":"\\"}"#)]
#[case::half_a_pair_of_surrogates(r#"{"\ud800":"\udfff"}"#)]
#[case::odd_numbers(r#"{"a":1e3,"b":-0,"c":12345678901234567890}"#)]
#[case::other_tongues(r#"{"naïve":"日本"}"#)]
#[case::too_deep(r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}}"#)]
#[case::as_deep_as_a_path(r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":1}}}}}}}}"#)]
// No JSON, but given back all the same.
#[case::leading_zeros(r#"{"a":007,"b":-01}"#)]
#[case::bare_points(r#"{"a":5.,"b":.5,"c":-.5}"#)]
fn data_is_given_back_byte_by_byte(#[case] data: &str) {
    assert_eq!(there_and_back(data).unwrap().1, data);
}

#[rstest]
#[case::nothing("")]
#[case::array("[]")]
#[case::open("{")]
#[case::no_value(r#"{"a"}"#)]
#[case::open_after_a_value(r#"{"a":"#)]
#[case::more_behind(r#"{"a":1} x"#)]
#[case::half_a_word(r#"{"a":tru}"#)]
#[case::two_words(r#"{"a":truefalse}"#)]
#[case::open_text(r#"{"a":"x}"#)]
#[case::open_array(r#"{"a":[1}"#)]
#[case::a_control_character("{\"a\":\"\u{1}\"}")]
#[case::a_control_character_in_a_name("{\"\u{2}\":1}")]
#[case::comma_first("{,}")]
fn what_is_no_object_is_not_split(#[case] data: &str) {
    assert_eq!(split(data, &mut String::new(), &mut Vec::new()), None);
}

#[test]
fn the_same_members_have_one_skeleton_whatever_the_values() {
    let shape = |data| there_and_back(data).unwrap().0;
    assert_eq!(shape(r#"{"n":1,"t":"a"}"#), shape(r#"{"n":-999,"t":""}"#));
    assert_ne!(shape(r#"{"n":1}"#), shape(r#"{"n":1.0}"#));
    assert_ne!(shape(r#"{"n":1}"#), shape(r#"{"n": 1}"#));
}

#[rstest]
#[case::same(r#"{"n":2,"t":"b"}"#, true)]
#[case::another_scale(r#"{"n":2.5,"t":"b"}"#, false)]
#[case::another_name(r#"{"m":2,"t":"b"}"#, false)]
#[case::escapes(r#"{"n":2,"t":"\n"}"#, false)]
#[case::an_odd_number(r#"{"n":2e1,"t":"b"}"#, false)]
#[case::a_text_for_a_number(r#"{"n":"2","t":"b"}"#, false)]
#[case::more_members(r#"{"n":2,"t":"b","u":1}"#, false)]
#[case::fewer_members(r#"{"n":2}"#, false)]
#[case::more_behind(r#"{"n":2,"t":"b"} "#, false)]
fn only_what_has_the_shape_is_split_as_it(#[case] data: &str, #[case] expect: bool) {
    let (shape, _) = there_and_back(r#"{"n":1,"t":"a"}"#).unwrap();
    assert_eq!(split_as(&shape, data, &mut Vec::new()).is_some(), expect);
}

proptest! {
    #[test]
    fn whatever_is_split_is_given_back(data in any_data()) {
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&data).is_ok(), "{} is JSON", data);
        prop_assert_eq!(there_and_back(&data).unwrap().1, data);
    }

    #[test]
    fn noise_is_given_back_or_not_split(data in "\\{[\\{\\[\\]\":,a-ct-u0-9.\\\\ -]{0,30}\\}") {
        if let Some((_, written)) = there_and_back(&data) {
            prop_assert_eq!(written, data);
        }
    }

    #[test]
    fn splitting_as_a_shape_is_splitting(first in any_data(), second in any_data(), digits in 0..99_u32, same: bool) {
        let shown = first.replace(char::is_numeric, &digits.to_string());
        let second = if same { shown } else { second };
        let (shape, _) = there_and_back(&first).unwrap();
        let mut pieces = Vec::new();
        if split_as(&shape, &second, &mut pieces).is_some() {
            let (mut skeleton, mut expect) = (String::new(), Vec::new());
            prop_assert!(split(&second, &mut skeleton, &mut expect).is_some());
            prop_assert_eq!((skeleton.as_str(), pieces), (shape.skeleton(), expect));
        }
    }
}
