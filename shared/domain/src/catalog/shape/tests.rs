//! Every field is refused by its name, and every price reads back as it was written.

use super::*;
use crate::catalog::{Charge, MATRIX_CELLS_MAX, TIERS_MAX, Timing};
use rstest::rstest;

fn read(rest: &str) -> Result<Price, crate::Violation> {
    let shape: PriceShape = serde_json::from_str(&format!(r#"{{"key":"k","name":"K",{rest}}}"#)).unwrap();
    Price::try_from(shape)
}

fn check(rest: &str, expect: (&str, &str)) {
    let violation = read(rest).unwrap_err();
    assert_eq!((violation.pointer.as_str(), violation.code), expect, "{}", violation.message);
}

#[rstest]
#[case(r#"{"type":"perUnit","unitPrice":"0.0004"}"#)]
#[case(r#"{"type":"graduated","tiers":[{"upTo":"10","unitPrice":"1","flatFee":"0"},{"upTo":null,"unitPrice":"0.5","flatFee":"2"}]}"#)]
#[case(r#"{"type":"volume","tiers":[{"upTo":null,"unitPrice":"0.5","flatFee":"2"}]}"#)]
#[case(r#"{"type":"package","size":"100","packagePrice":"5"}"#)]
#[case(r#"{"type":"package","size":"100","packagePrice":"5","freeUnits":"7.5"}"#)]
#[case(r#"{"type":"percentage","percent":"1.3","fixedFee":"2","freeEvents":3,"freeValue":"250","minimumPerEvent":"1","maximumPerEvent":"9"}"#)]
#[case(r#"{"type":"percentage","percent":"1.3","fixedFee":"0"}"#)]
#[case(r#"{"type":"graduatedPercentage","tiers":[{"upTo":"10","percent":"0.00000001","flatFee":"1"},{"upTo":null,"percent":"100","flatFee":"0"}]}"#)]
#[case(r#"{"type":"matrix","dimensions":["region","size"],"cells":[{"values":{"region":"eu"},"unitPrice":"2"}],"defaultUnitPrice":"1"}"#)]
#[case(r#"{"type":"dynamic"}"#)]
#[case(r#"{"type":"dynamic","multiplier":"1.33333"}"#)]
fn a_model_reads_as_it_was_written(#[case] model: &str) {
    let json = format!(r#"{{"key":"k","name":"K","meter":"m","model":{model}}}"#);
    let price = Price::try_from(serde_json::from_str::<PriceShape>(&json).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&PriceShape::from(&price)).unwrap(), json);
}

#[rstest]
#[case(r#"{"type":"flat","amount":"19.9"}"#, r#""timing":"inAdvance""#)]
#[case(r#"{"type":"flat","amount":"500"}"#, r#""timing":"once""#)]
#[case(r#"{"type":"seats","unitPrice":"10"}"#, r#""timing":"inArrears""#)]
#[case(r#"{"type":"perUnit","unitPrice":"1"}"#, r#""meter":"m","included":"100""#)]
#[case(r#"{"type":"perUnit","unitPrice":"1"}"#, r#""meter":"m","chargedInTrial":true,"included":"100""#)]
fn a_price_reads_as_it_was_written(#[case] model: &str, #[case] more: &str) {
    let json = format!(r#"{{"key":"k","name":"K",{more},"model":{model}}}"#);
    let price = Price::try_from(serde_json::from_str::<PriceShape>(&json).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&PriceShape::from(&price)).unwrap(), json);
}

#[rstest]
#[case(r#"{"unitConversion":{"divisor":"1000","rounding":"up"},"usageDiscount":"12.5","spendMaximum":"100","spendMinimum":"10"}"#)]
#[case(r#"{"unitConversion":{"divisor":"0.5","rounding":"down"},"commitment":{"amount":"10","overageFactor":"1.5"}}"#)]
#[case(r#"{"unitConversion":{"divisor":"1","rounding":"nearest"}}"#)]
#[case(r#"{"spendMaximum":"10","spendMinimum":"10"}"#)]
fn modifiers_read_as_they_were_written(#[case] modifiers: &str) {
    let json = format!(
        r#"{{"key":"k","name":"K","meter":"m","model":{{"type":"perUnit","unitPrice":"1"}},"modifiers":{modifiers}}}"#
    );
    let price = Price::try_from(serde_json::from_str::<PriceShape>(&json).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&PriceShape::from(&price)).unwrap(), json);
}

#[test]
fn what_is_left_out_has_its_default() {
    let flat = read(r#""model":{"type":"flat","amount":5}"#).unwrap();
    let Charge::Flat { amount, timing } = flat.charge() else { panic!("not flat") };
    assert_eq!((amount.value().to_string().as_str(), *timing), ("5", Timing::InArrears));
    assert_eq!((flat.meter(), flat.included().to_string().as_str(), flat.entries()), (None, "0", 0));
    let sparse = r#""meter":"m","timing":"inArrears","included":"3","model":{"type":"perUnit","unitPrice":"1.50"},
        "modifiers":{"commitment":{"amount":"10"}}"#;
    let price = read(sparse).unwrap();
    assert_eq!((price.meter().unwrap().as_str(), price.included().to_string().as_str()), ("m", "3"));
    let written = serde_json::to_value(PriceShape::from(&price)).unwrap();
    assert_eq!(written["modifiers"]["commitment"]["overageFactor"], "1");
    assert_eq!(written["model"]["unitPrice"], "1.5");
}

#[test]
fn entries_are_tiers_and_cells() {
    let entries = |model: &str| read(&format!(r#""meter":"m","model":{model}"#)).unwrap().entries();
    assert_eq!(entries(r#"{"type":"volume","tiers":[{"upTo":"1","unitPrice":"1"},{"unitPrice":"1"}]}"#), 2);
    assert_eq!(entries(r#"{"type":"perUnit","unitPrice":"1"}"#), 0);
    let matrix =
        r#"{"type":"matrix","dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"1"}],"defaultUnitPrice":"1"}"#;
    assert_eq!(entries(matrix), 1);
    assert_eq!(read(r#""model":{"type":"seats","unitPrice":"1"}"#).unwrap().entries(), 0);
}

#[rstest]
#[case::unknown_field(r#"{"key":"k","name":"K","model":{"type":"dynamic","colour":"red"}}"#)]
#[case::unknown_model(r#"{"key":"k","name":"K","model":{"type":"free"}}"#)]
#[case::no_model(r#"{"key":"k","name":"K"}"#)]
#[case::float(r#"{"key":"k","name":"K","meter":"m","model":{"type":"perUnit","unitPrice":0.1}}"#)]
#[case::truth(r#"{"key":"k","name":"K","meter":"m","model":{"type":"perUnit","unitPrice":true}}"#)]
#[case::unknown_modifier(
    r#"{"key":"k","name":"K","meter":"m","model":{"type":"dynamic"},"modifiers":{"surcharge":"1"}}"#
)]
#[case::unknown_of_a_tier(r#"{"key":"k","name":"K","model":{"type":"volume","tiers":[{"from":"1"}]}}"#)]
fn a_shape_is_strict(#[case] json: &str) {
    assert!(serde_json::from_str::<PriceShape>(json).is_err());
}

#[test]
fn an_integer_is_a_decimal() {
    let read = |json: &str| serde_json::from_str::<Digits>(json).unwrap().0;
    assert_eq!((read("5"), read("-5"), read(r#""0.50""#)), ("5".to_owned(), "-5".to_owned(), "0.50".to_owned()));
}

#[rstest]
#[case::key(r#"{"key":"K","name":"K","model":{"type":"flat","amount":"1"}}"#, ("/key", "invalid_slug"))]
#[case::name(r#"{"key":"k","name":" ","model":{"type":"flat","amount":"1"}}"#, ("/name", "invalid_name"))]
fn a_price_has_a_key_and_a_name(#[case] json: &str, #[case] expect: (&str, &str)) {
    let violation = Price::try_from(serde_json::from_str::<PriceShape>(json).unwrap()).unwrap_err();
    assert_eq!((violation.pointer.as_str(), violation.code), expect);
}

const UNIT: &str = r#""model":{"type":"perUnit","unitPrice":"1"}"#;

#[rstest]
#[case::no_meter(UNIT, ("/meter", "required"))]
#[case::meter(&format!(r#""meter":"M",{UNIT}"#), ("/meter", "invalid_slug"))]
#[case::in_advance(&format!(r#""meter":"m","timing":"inAdvance",{UNIT}"#), ("/timing", "usage_in_advance"))]
#[case::once(&format!(r#""meter":"m","timing":"once",{UNIT}"#), ("/timing", "usage_in_advance"))]
#[case::seats_once(r#""timing":"once","model":{"type":"seats","unitPrice":"1"}"#, ("/timing", "seats_once"))]
#[case::included(&format!(r#""meter":"m","included":"-1",{UNIT}"#), ("/included", "included_negative"))]
#[case::fine_included(&format!(r#""meter":"m","included":"0.0000000001",{UNIT}"#), ("/included", "too_many_digits"))]
#[case::meter_of_a_fee(r#""meter":"m","model":{"type":"flat","amount":"1"}"#, ("/meter", "not_allowed"))]
#[case::fee_in_a_trial(r#""chargedInTrial":false,"model":{"type":"flat","amount":"1"}"#, ("/chargedInTrial", "not_allowed"))]
#[case::included_in_a_fee(r#""included":"1","model":{"type":"flat","amount":"1"}"#, ("/included", "not_allowed"))]
#[case::modified_fee(r#""modifiers":{},"model":{"type":"flat","amount":"1"}"#, ("/modifiers", "not_allowed"))]
#[case::modified_seats(r#""modifiers":{},"model":{"type":"seats","unitPrice":"1"}"#, ("/modifiers", "not_allowed"))]
#[case::fee(r#""model":{"type":"flat"}"#, ("/model/amount", "required"))]
#[case::fine_fee(r#""model":{"type":"flat","amount":"0.00001"}"#, ("/model/amount", "too_many_digits"))]
#[case::seats(r#""model":{"type":"seats"}"#, ("/model/unitPrice", "required"))]
#[case::fee_with_tiers(r#""model":{"type":"flat","amount":"1","tiers":[]}"#, ("/model/tiers", "not_allowed"))]
fn a_price_is_refused_by_the_field(#[case] rest: &str, #[case] expect: (&str, &str)) {
    check(rest, expect);
}

#[rstest]
#[case(r#""perUnit""#, ("/unitPrice", "required"))]
#[case(r#""perUnit","unitPrice":"-1""#, ("/unitPrice", "rate_out_of_range"))]
#[case(r#""perUnit","unitPrice":"1","amount":"1""#, ("/amount", "not_allowed"))]
#[case(r#""dynamic","unitPrice":"1""#, ("/unitPrice", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","tiers":[]"#, ("/tiers", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","size":"1""#, ("/size", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","packagePrice":"1""#, ("/packagePrice", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","freeUnits":"1""#, ("/freeUnits", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","percent":"1""#, ("/percent", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","fixedFee":"1""#, ("/fixedFee", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","freeEvents":1"#, ("/freeEvents", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","freeValue":"1""#, ("/freeValue", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","minimumPerEvent":"1""#, ("/minimumPerEvent", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","maximumPerEvent":"1""#, ("/maximumPerEvent", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","dimensions":[]"#, ("/dimensions", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","cells":[]"#, ("/cells", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","defaultUnitPrice":"1""#, ("/defaultUnitPrice", "not_allowed"))]
#[case(r#""perUnit","unitPrice":"1","multiplier":"1""#, ("/multiplier", "not_allowed"))]
#[case(r#""package","packagePrice":"1""#, ("/size", "required"))]
#[case(r#""package","size":"0","packagePrice":"1""#, ("/size", "zero"))]
#[case(r#""package","size":"-1","packagePrice":"1""#, ("/size", "negative"))]
#[case(r#""package","size":"1""#, ("/packagePrice", "required"))]
#[case(r#""package","size":"1","packagePrice":"1","freeUnits":"-1""#, ("/freeUnits", "negative"))]
#[case(r#""percentage""#, ("/percent", "required"))]
#[case(r#""percentage","percent":"101""#, ("/percent", "too_large"))]
#[case(r#""percentage","percent":"1","fixedFee":"x""#, ("/fixedFee", "not_a_number"))]
#[case(r#""percentage","percent":"1","minimumPerEvent":"2","maximumPerEvent":"1""#, ("/maximumPerEvent", "maximum_below_minimum"))]
#[case(r#""percentage","percent":"1","freeEvents":0"#, ("/freeEvents", "free_events_out_of_range"))]
#[case(r#""percentage","percent":"1","freeEvents":1001"#, ("/freeEvents", "free_events_out_of_range"))]
#[case(r#""percentage","percent":"1","freeValue":"0""#, ("/freeValue", "zero"))]
#[case(r#""percentage","percent":"1","fixedFee":"1","freeValue":"5""#, ("/freeEvents", "required"))]
#[case(r#""percentage","percent":"1","minimumPerEvent":"1","freeValue":"5""#, ("/freeEvents", "required"))]
#[case(r#""percentage","percent":"1","maximumPerEvent":"1","freeValue":"5""#, ("/freeEvents", "required"))]
#[case(r#""dynamic","multiplier":"0""#, ("/multiplier", "zero"))]
fn a_model_is_refused_by_the_field(#[case] model: &str, #[case] expect: (&str, &str)) {
    check(&format!(r#""meter":"m","model":{{"type":{model}}}"#), (&format!("/model{}", expect.0), expect.1));
}

#[rstest]
#[case::most_free(r#""percentage","percent":"1","freeEvents":1000"#)]
#[case::equal_bounds(r#""percentage","percent":"1","minimumPerEvent":"2","maximumPerEvent":"2""#)]
#[case::free_value_of_a_plain_part(r#""percentage","percent":"1","freeValue":"5""#)]
fn a_model_at_its_limits_is_good(#[case] model: &str) {
    assert!(read(&format!(r#""meter":"m","model":{{"type":{model}}}"#)).is_ok());
}

#[rstest]
#[case::none("graduated", "", ("", "tier_count"))]
#[case::unsorted("graduated", r#"{"upTo":"20","unitPrice":"1"},{"upTo":"10","unitPrice":"1"},{"unitPrice":"1"}"#, ("/1/upTo", "tier_order"))]
#[case::overlapping("volume", r#"{"upTo":"10","unitPrice":"1"},{"upTo":"10","unitPrice":"1"},{"unitPrice":"1"}"#, ("/1/upTo", "tier_order"))]
#[case::at_zero("volume", r#"{"upTo":"0","unitPrice":"1"},{"unitPrice":"1"}"#, ("/0/upTo", "tier_order"))]
#[case::negative("volume", r#"{"upTo":"-1","unitPrice":"1"},{"unitPrice":"1"}"#, ("/0/upTo", "tier_order"))]
#[case::fine_bound("volume", r#"{"upTo":"0.0000000001","unitPrice":"1"},{"unitPrice":"1"}"#, ("/0/upTo", "too_many_digits"))]
#[case::open_in_the_middle("graduated", r#"{"upTo":"1","unitPrice":"1"},{"unitPrice":"1"},{"unitPrice":"1"}"#, ("/1/upTo", "tier_unbounded"))]
#[case::closed_at_the_end("graduated", r#"{"upTo":"1","unitPrice":"1"},{"upTo":"2","unitPrice":"1"}"#, ("/1/upTo", "tier_bounded"))]
#[case::no_price("graduated", r#"{"flatFee":"1"}"#, ("/0/unitPrice", "required"))]
#[case::percent_of_units("graduated", r#"{"unitPrice":"1","percent":"1"}"#, ("/0/percent", "not_allowed"))]
#[case::no_percent("graduatedPercentage", r#"{"flatFee":"1"}"#, ("/0/percent", "required"))]
#[case::units_of_value("graduatedPercentage", r#"{"unitPrice":"1","percent":"1"}"#, ("/0/unitPrice", "not_allowed"))]
#[case::negative_fee("graduated", r#"{"unitPrice":"1","flatFee":"-1"}"#, ("/0/flatFee", "rate_out_of_range"))]
#[case::large_fee("graduated", r#"{"unitPrice":"1","flatFee":"1000000000"}"#, ("/0/flatFee", "rate_out_of_range"))]
fn tiers_are_refused_by_the_field(#[case] model: &str, #[case] tiers: &str, #[case] expect: (&str, &str)) {
    let rest = format!(r#""meter":"m","model":{{"type":"{model}","tiers":[{tiers}]}}"#);
    check(&rest, (&format!("/model/tiers{}", expect.0), expect.1));
}

#[test]
fn tiers_are_needed_and_bounded() {
    check(r#""meter":"m","model":{"type":"volume"}"#, ("/model/tiers", "required"));
    let tiers = |count: usize| {
        let bounded = (1..count).map(|bound| format!(r#"{{"upTo":"{bound}","unitPrice":"1"}},"#));
        format!(
            r#""meter":"m","model":{{"type":"volume","tiers":[{}{{"unitPrice":"1"}}]}}"#,
            bounded.collect::<String>()
        )
    };
    assert_eq!(read(&tiers(TIERS_MAX)).unwrap().entries(), TIERS_MAX);
    check(&tiers(TIERS_MAX + 1), ("/model/tiers", "tier_count"));
}

#[rstest]
#[case::none(r#""dimensions":[],"cells":[{"values":{"a":"1"},"unitPrice":"1"}]"#, ("/dimensions", "dimension_count"))]
#[case::many(r#""dimensions":["a","b","c","d","e","f"],"cells":[]"#, ("/dimensions", "dimension_count"))]
#[case::name(r#""dimensions":["a","B"],"cells":[]"#, ("/dimensions/1", "invalid_slug"))]
#[case::twice(r#""dimensions":["a","b","a"],"cells":[]"#, ("/dimensions/2", "duplicate_dimension"))]
#[case::no_cells(r#""dimensions":["a"],"cells":[]"#, ("/cells", "cell_count"))]
#[case::empty_cell(r#""dimensions":["a"],"cells":[{"values":{},"unitPrice":"1"}]"#, ("/cells/0/values", "empty_cell"))]
#[case::unknown(r#""dimensions":["a"],"cells":[{"values":{"x/~":"1"},"unitPrice":"1"}]"#, ("/cells/0/values/x~1~0", "unknown_dimension"))]
#[case::duplicate(
    r#""dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"1"},{"values":{"a":"1"},"unitPrice":"2"}]"#,
    ("/cells/1/values", "duplicate_cell")
)]
#[case::cell_price(r#""dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"-1"}]"#, ("/cells/0/unitPrice", "rate_out_of_range"))]
fn a_matrix_is_refused_by_the_field(#[case] fields: &str, #[case] expect: (&str, &str)) {
    let rest = format!(r#""meter":"m","model":{{"type":"matrix",{fields},"defaultUnitPrice":"1"}}"#);
    check(&rest, (&format!("/model{}", expect.0), expect.1));
}

#[rstest]
#[case::dimensions(r#""cells":[],"defaultUnitPrice":"1""#, "/model/dimensions")]
#[case::cells(r#""dimensions":["a"],"defaultUnitPrice":"1""#, "/model/cells")]
#[case::default(r#""dimensions":["a"],"cells":[]"#, "/model/defaultUnitPrice")]
fn a_matrix_needs_all_its_fields(#[case] fields: &str, #[case] pointer: &str) {
    check(&format!(r#""meter":"m","model":{{"type":"matrix",{fields}}}"#), (pointer, "required"));
}

#[test]
fn cells_are_bounded() {
    let matrix = |count: usize| {
        let cells: Vec<String> = (0..count).map(|n| format!(r#"{{"values":{{"a":"{n}"}},"unitPrice":"1"}}"#)).collect();
        let cells = cells.join(",");
        format!(
            r#""meter":"m","model":{{"type":"matrix","dimensions":["a"],"cells":[{cells}],"defaultUnitPrice":"1"}}"#
        )
    };
    assert_eq!(read(&matrix(MATRIX_CELLS_MAX)).unwrap().entries(), MATRIX_CELLS_MAX);
    check(&matrix(MATRIX_CELLS_MAX + 1), ("/model/cells", "cell_count"));
}

#[rstest]
#[case(r#""unitConversion":{"divisor":"0","rounding":"up"}"#, ("/unitConversion/divisor", "zero"))]
#[case(r#""usageDiscount":"100.1""#, ("/usageDiscount", "too_large"))]
#[case(r#""spendMaximum":"0""#, ("/spendMaximum", "zero"))]
#[case(r#""spendMinimum":"-1""#, ("/spendMinimum", "negative"))]
#[case(r#""commitment":{"amount":"0"}"#, ("/commitment/amount", "zero"))]
#[case(r#""commitment":{"amount":"1","overageFactor":"1000"}"#, ("/commitment/overageFactor", "too_large"))]
#[case(r#""spendMinimum":"1","commitment":{"amount":"1"}"#, ("/spendMinimum", "minimum_and_commitment"))]
#[case(r#""spendMaximum":"9","spendMinimum":"10""#, ("/spendMaximum", "maximum_below_minimum"))]
#[case(r#""spendMaximum":"9","commitment":{"amount":"10"}"#, ("/spendMaximum", "maximum_below_minimum"))]
fn modifiers_are_refused_by_the_field(#[case] modifiers: &str, #[case] expect: (&str, &str)) {
    let rest = format!(r#""meter":"m",{UNIT},"modifiers":{{{modifiers}}}"#);
    check(&rest, (&format!("/modifiers{}", expect.0), expect.1));
}

const PERCENTAGE: &str = r#"{"type":"percentage","percent":"1"}"#;
const TIERS_OF_VALUE: &str = r#"{"type":"graduatedPercentage","tiers":[{"percent":"1"}]}"#;
const DYNAMIC: &str = r#"{"type":"dynamic"}"#;
const MATRIX: &str =
    r#"{"type":"matrix","dimensions":["a"],"cells":[{"values":{"a":"1"},"unitPrice":"1"}],"defaultUnitPrice":"1"}"#;
const PACKAGE: &str = r#"{"type":"package","size":"1","packagePrice":"1"}"#;
const FREE_PACKAGE: &str = r#"{"type":"package","size":"1","packagePrice":"1","freeUnits":"1"}"#;
const GRADUATED: &str = r#"{"type":"graduated","tiers":[{"unitPrice":"1"}]}"#;
const VOLUME: &str = r#"{"type":"volume","tiers":[{"unitPrice":"1"}]}"#;

#[rstest]
#[case::percentage(PERCENTAGE, false, false)]
#[case::tiers_of_value(TIERS_OF_VALUE, false, false)]
#[case::dynamic(DYNAMIC, false, false)]
#[case::matrix(MATRIX, true, false)]
#[case::package(PACKAGE, true, true)]
#[case::free_package(FREE_PACKAGE, true, false)]
#[case::graduated(GRADUATED, true, true)]
#[case::volume(VOLUME, true, true)]
fn some_modifiers_mean_nothing_for_some_models(#[case] model: &str, #[case] converts: bool, #[case] includes: bool) {
    let with = |more: &str| {
        read(&format!(r#""meter":"m","model":{model},{more}"#)).map_err(|violation| (violation.pointer, violation.code))
    };
    let refused = |pointer: &str| Err((pointer.to_owned(), "not_allowed"));
    let conversion = with(r#""modifiers":{"unitConversion":{"divisor":"2","rounding":"up"}}"#);
    assert_eq!(conversion.map(|_| ()), if converts { Ok(()) } else { refused("/modifiers/unitConversion") });
    let included = with(r#""included":"1""#).map(|_| ());
    assert_eq!(included, if includes { Ok(()) } else { refused("/included") });
    assert!(with(r#""included":"0","modifiers":{"usageDiscount":"1","spendMaximum":"5","spendMinimum":"5"}"#).is_ok());
}
