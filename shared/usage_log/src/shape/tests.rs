//! What is held of shapes: where members are, and that a shape is no larger than its data.

use super::*;
use crate::split;
use rstest::rstest;

fn shape(data: &str) -> Shape {
    let mut skeleton = String::new();
    split::split(data, &mut skeleton, &mut Vec::new()).unwrap();
    Shape::new("edge", "call", TimeBasis::Event, &skeleton).unwrap()
}

#[rstest]
#[case::number(r#"{"bytes":7}"#, "$.bytes", Place::Column(0))]
#[case::second_column(r#"{"a":"x","bytes":7}"#, "$.bytes", Place::Column(1))]
#[case::nested(r#"{"a":{"b":"x"}}"#, "$.a.b", Place::Column(0))]
#[case::of_the_right_object(r#"{"a":{"b":"x"},"c":{"b":"y"}}"#, "$.c.b", Place::Column(1))]
#[case::escaped_name(r#"{"\u0062ytes":8}"#, "$.bytes", Place::Column(0))]
#[case::boolean(r#"{"ok":true}"#, "$.ok", Place::Boolean(true))]
#[case::no(r#"{"ok":false}"#, "$.ok", Place::Boolean(false))]
#[case::null(r#"{"ok":null}"#, "$.ok", Place::Nowhere)]
#[case::object(r#"{"a":{"b":1}}"#, "$.a", Place::Nowhere)]
#[case::missing(r#"{"a":1}"#, "$.b", Place::Nowhere)]
#[case::through_a_number(r#"{"a":1}"#, "$.a.b", Place::Nowhere)]
#[case::as_deep_as_a_path(
    r#"{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}"#,
    "$.a.a.a.a.a.a.a.a",
    Place::Column(0)
)]
// Of several members with one name the last counts, with what is in it.
#[case::twice(r#"{"a":1,"a":"x"}"#, "$.a", Place::Column(1))]
#[case::an_object_and_then_a_number(r#"{"a":{"b":1},"a":2}"#, "$.a.b", Place::Nowhere)]
#[case::an_object_and_then_another(r#"{"a":{"b":1},"a":{"c":2}}"#, "$.a.b", Place::Nowhere)]
fn a_member_has_its_place(#[case] data: &str, #[case] path: &str, #[case] expect: Place) {
    assert_eq!(shape(data).place(&Path::parse(path).unwrap()), expect);
}

#[rstest]
#[case(r#"{"a":1,"b":{"a":1}}"#, None)]
#[case(r#"{"a":{"x":1},"b":{"x":1}}"#, None)]
#[case(r#"{"a":1,"a":2}"#, Some("a"))]
#[case(r#"{"a":1,"\u0061":2}"#, Some("a"))]
#[case(r#"{"a":{"b":1,"b":2}}"#, Some("a/b"))]
fn a_member_that_stands_twice_is_refused(#[case] data: &str, #[case] twice: Option<&str>) {
    assert_eq!(shape(data).check_members().err(), twice.map(|path| DuplicateMember(path.to_owned())));
}

/// A long name with many members in it: what is kept of the shape must not be their product.
#[test]
fn a_shape_is_not_much_larger_than_the_data() {
    let members: Vec<String> = (0..1_000).map(|n| format!("\"{n}\":1")).collect();
    let shape = shape(&format!(r#"{{"{}":{{{}}}}}"#, "a".repeat(8_000), members.join(",")));
    let names: usize = shape.members.iter().map(|member| member.name.len()).sum();
    // 8,000, and 10 x 1 + 90 x 2 + 900 x 3 digits.
    assert_eq!(names, 10_890);
}
