//! Each model by its rows.

use super::super::{Basis, DayShare, SeatSpan};
use super::*;
use rstest::rstest;

#[rstest]
#[case::g_l1("10:10+2 20:5+3 *:5+3", "0", "2")]
#[case::g_l3("10:10+2 20:5+3 *:5+3", "10", "102")]
#[case::g_l5("10:10+2 20:5+3 *:5+3", "12", "115")]
#[case::g_l7("0.1:10 1:5 *:2", "0.05", "0.5")]
#[case::g_o1("5:0+100 10:0+50 15:5 *:1", "22", "182")]
#[case::g_o5("5:0+100 10:0+50 15:10 *:5", "3", "100")]
#[case::g_o7("5:0+100 10:0+50 15:10 *:5", "5.001", "150")]
#[case::g_o9("5:0+100 10:0+50 15:10 *:5", "12", "170")]
#[case::g_f2("10:50 20:40 *:30", "15", "700")]
#[case::g_f4("5:0 10:2 *:3", "3", "0")]
#[case::g_f6("5:0 10:2 *:3", "7", "4")]
#[case::g_f8("5:0 10:2 *:3", "11", "13")]
#[case::g_f10("5:0+1 10:1+2 *:2", "3", "1")]
#[case::g_f12("5:0+1 10:1+2 *:2", "12", "12")]
#[case::g_f14("1:10 2:20 *:30", "1", "10")]
#[case::g_f16("1:10 2:20 *:30", "3", "60")]
#[case::g_m1("100:1 200:0.5 *:0.25", "150", "125")]
// The source gives the widths of its tiers, 10, 100 and 1000; here they are bounds.
#[case::g_k1("10:1.5 110:1 1110:0.5 *:0", "111", "115.5")]
// The source prices 14 used units by 5.97 time-weighted ones; usage is never prorated (RATING.md):
// 5 × 10 + 100 and 9 × 5 + 50 are 245, and not 197.33.
#[case::pg_l1_not_prorated("5:10+100 *:5+50", "14", "245")]
// Likewise one unit is one unit, 10 + 100, and not 0.7 of one, 107.
#[case::pg_l3_not_prorated("5:10+100 *:5+50", "1", "110")]
#[case::less_than_nothing_is_nothing("5:10+100 *:5+50", "-3", "100")]
fn graduated_splits_at_its_bounds(#[case] tiers: &str, #[case] used: &str, #[case] expect: &str) {
    assert_eq!(exact(&tiered("graduated", tiers), &quantity(used)), expect);
}

#[rstest]
#[case::v_l1("100:2+10 200:1 *:0.5+50", "0", "10")]
#[case::v_l3("100:2+10 200:1 *:0.5+50", "100", "210")]
#[case::v_l5("100:2+10 200:1 *:0.5+50", "101", "101")]
#[case::v_l7("100:2+10 200:1 *:0.5+50", "210", "155")]
// The source picks the tier by 300 units and charges 198.6 time-weighted ones, 149.3; usage is never prorated
// (RATING.md): 300 × 0.5 + 50.
#[case::v_l9_not_prorated("100:2+10 200:1 *:0.5+50", "300", "200")]
#[case::v_o2("5:0+100 10:0+150 15:10 *:5", "3", "100")]
#[case::v_o4("5:0+100 10:0+150 15:10 *:5", "14", "140")]
#[case::v_o6("5:0+100 10:0+150 15:10 *:5", "16", "80")]
#[case::v_f1("10:50 20:40 *:30", "5", "250")]
#[case::v_f3("10:50 20:40 *:30", "25", "750")]
// Widths 10, 100 and 1000 as bounds.
#[case::v_k1("10:1.5 110:1 *:0.5", "111", "55.5")]
// Compared exactly, and not rounded up first: 100.5 lies in the second tier.
#[case::fraction_beyond_a_bound("100:2+10 200:1 *:0.5+50", "100.5", "100.5")]
#[case::fraction_within_a_bound("100:2+10 200:1 *:0.5+50", "99.5", "209")]
fn volume_takes_the_tier_of_the_total(#[case] tiers: &str, #[case] used: &str, #[case] expect: &str) {
    assert_eq!(exact(&tiered("volume", tiers), &quantity(used)), expect);
}

#[rstest]
#[case::p_l1("10", "100", "0", "121", "1300")]
#[case::p_l3("10", "100", "200", "121", "0")]
#[case::p_f2("100", "1", "0", "2", "1")]
#[case::p_f4("100", "1", "0", "100", "1")]
#[case::p_f6("100", "1", "0", "150", "2")]
// The source rounds down and charges nothing; a started package counts (RATING.md). Rounding down is a unit conversion.
#[case::p_f8_started("100", "1", "0", "50", "1")]
#[case::p_f10("10", "50", "0", "25", "150")]
#[case::nothing("10", "50", "0", "0", "0")]
#[case::fractional_size("0.5", "2", "0", "1.1", "6")]
#[case::free_units_are_no_package("10", "50", "7", "17.1", "100")]
fn a_started_package_counts(
    #[case] size: &str,
    #[case] price: &str,
    #[case] free: &str,
    #[case] used: &str,
    #[case] expect: &str,
) {
    assert_eq!(exact(&package(size, price, free), &quantity(used)), expect);
}

#[rstest]
#[case::u_l1("5.12345", "10", "51.2345")]
#[case::u_m1("0.001", "100", "0.1")]
#[case::u_f1("100", "5", "500")]
#[case::never_round_a_rate("0.004", "1000000", "4000")]
#[case::nothing("5", "0", "0")]
#[case::less_than_nothing_is_nothing("5", "-1", "0")]
fn quantity_times_price(#[case] unit_price: &str, #[case] used: &str, #[case] expect: &str) {
    assert_eq!(exact(&per_unit(unit_price), &quantity(used)), expect);
}

#[rstest]
#[case::gp_l1("0", "200")]
#[case::gp_l3("10", "200.1")]
#[case::gp_l5("12", "500.14")]
#[case::third_tier("21", "900.33")]
fn a_graduated_percentage_is_of_the_value_in_each_tier(#[case] value: &str, #[case] expect: &str) {
    let price = tiered("graduatedPercentage", "10:1+200 20:2+300 *:3+400");
    assert_eq!(exact(&price, &quantity(value)), expect);
    assert_eq!(exact(&price, &Usage::Value { value: dec(value), events: 3 }), expect);
    assert_eq!(exact(&price, &events(&[value])), expect);
}

#[rstest]
#[case::u_o4(r#","multiplier":"1.33333""#, "10", "13.3333", 1333)]
#[case::as_they_came("", "12.345", "12.345", 1235)]
#[case::less_than_nothing_is_nothing("", "-1", "0", 0)]
fn a_dynamic_price_arrives_with_the_event(
    #[case] more: &str,
    #[case] amount: &str,
    #[case] expect: &str,
    #[case] expect_minor: i64,
) {
    let price = format!(r#""model":{{"type":"dynamic"{more}}}"#);
    let rated = whole(&price, &Usage::Amount(dec(amount))).unwrap();
    assert_eq!((rated.exact.to_string().as_str(), rated.amount), (expect, cents(expect_minor)));
}

const MATRIX: &str = r#""model":{"type":"matrix","dimensions":["region","size"],"cells":[
    {"values":{"region":"eu"},"unitPrice":"2"},
    {"values":{"region":"eu","size":"l"},"unitPrice":"5"},
    {"values":{"size":"l"},"unitPrice":"3"}],"defaultUnitPrice":"1"}"#;

#[rstest]
#[case::nothing(&[], "0")]
#[case::one_value(&["region=eu,size=s:10"], "20")]
#[case::most_specific(&["region=eu,size=l:10"], "50")]
#[case::another_value(&["region=us,size=l:10"], "30")]
#[case::default(&["region=us,size=s:10"], "10")]
#[case::a_missing_dimension_matches_no_value(&["size=l:10"], "30")]
#[case::unknown_dimensions_say_nothing(&["colour=red:10"], "10")]
// 10 × 2 + 1 × 5 + 2 × 3 + 3 × 1
#[case::all(&["region=eu,size=s:4", "region=eu,size=m:6", "region=eu,size=l:1", "size=l:2", "region=us:3"], "34")]
#[case::a_cell_below_nothing_is_nothing(&["region=eu,size=s:4", "region=eu,size=m:-6", "region=us:3"], "3")]
fn a_matrix_takes_the_most_specific_match(#[case] used: &[&str], #[case] expect: &str) {
    assert_eq!(exact(MATRIX, &groups(used)), expect);
}

#[test]
fn of_two_cells_as_specific_the_earlier_dimension_decides() {
    let matrix = |dimensions: &str| {
        format!(
            r#""model":{{"type":"matrix","dimensions":[{dimensions}],"cells":[{{"values":{{"a":"1"}},"unitPrice":"2"}},
            {{"values":{{"b":"1"}},"unitPrice":"3"}}],"defaultUnitPrice":"0"}}"#
        )
    };
    assert_eq!(exact(&matrix(r#""a","b""#), &groups(&["a=1,b=1:1"])), "2");
    assert_eq!(exact(&matrix(r#""b","a""#), &groups(&["a=1,b=1:1"])), "3");
}

#[test]
fn a_matrix_adds_up_a_cell_before_it_converts() {
    let price = modified(MATRIX, r#""unitConversion":{"divisor":"10","rounding":"up"}"#);
    // 7 + 7 are two tens in the cell of eu, at 2; 1 is one ten at the default price.
    let rated = whole(&price, &groups(&["region=eu,size=s:7", "region=eu,size=m:7", "region=us:1"])).unwrap();
    assert_eq!((rated.exact, rated.quantity, rated.billable), (dec("5"), dec("15"), dec("3")));
    assert_eq!((rated.steps[0].before, rated.steps[0].after), (dec("15"), dec("3")));
    let cells: Vec<usize> = rated
        .sub_lines
        .iter()
        .map(|part| match &part.basis {
            Basis::Cell { values } => values.len(),
            other => panic!("not a cell: {other:?}"),
        })
        .collect();
    assert_eq!(cells, [1, 0]);
}

fn days(active: u32, full: u32) -> PeriodState {
    PeriodState { days: DayShare::new(active, full).unwrap(), ..PeriodState::whole(usd()) }
}

#[rstest]
#[case::whole(days(31, 31), 100)]
#[case::pr_l1(days(17, 31), 55)]
#[case::pr_l3(days(5, 7), 71)]
#[case::pr_l5_after_a_trial(days(14, 31), 45)]
#[case::pr_l7(days(292, 365), 80)]
#[case::pr_l9_the_last_day_is_the_next_plans(days(19, 31), 61)]
#[case::pr_l11(days(2, 31), 6)]
#[case::none(days(0, 31), 0)]
fn a_flat_fee_prorates_by_days(#[case] period: PeriodState, #[case] expect_minor: i64) {
    let price = fee(r#""model":{"type":"flat","amount":"1.00"},"timing":"inAdvance""#);
    assert_eq!(rate(&price, &Usage::Nothing, &period).unwrap().amount, cents(expect_minor));
}

#[rstest]
#[case::all_month(Usage::Quantity(dec("5")), days(31, 31), "50", "5")]
#[case::part_of_it(Usage::Quantity(dec("5")), days(10, 30), "16.666666666666666666666666667", "5")]
#[case::less_than_none(Usage::Quantity(dec("-5")), days(31, 31), "0", "0")]
// 5 × 10 × 10 ÷ 30 and 8 × 10 × 20 ÷ 30, as two sub-lines of one line.
#[case::three_more_on_the_eleventh(spans(&[(5, 10), (8, 20)]), days(30, 30), "70", "8")]
#[case::nobody(spans(&[]), days(30, 30), "0", "0")]
fn seats_prorate_where_they_change(
    #[case] seats: Usage,
    #[case] period: PeriodState,
    #[case] expect: &str,
    #[case] most: &str,
) {
    let rated = rate(&fee(SEATS), &seats, &period).unwrap();
    assert_eq!((rated.exact.to_string().as_str(), rated.quantity.to_string().as_str()), (expect, most));
}

const SEATS: &str = r#""model":{"type":"seats","unitPrice":"10"}"#;

fn spans(spans: &[(u64, u32)]) -> Usage {
    Usage::Seats(spans.iter().map(|&(seats, days)| SeatSpan { seats, days }).collect())
}

#[rstest]
#[case::longer_than_the_period(spans(&[(5, 16), (8, 15)]), days(30, 30))]
#[case::longer_than_what_is_billed(spans(&[(5, 11)]), days(10, 30))]
#[case::endless(spans(&[(5, u32::MAX), (8, u32::MAX)]), days(30, 30))]
fn more_days_than_there_are_is_a_fault(#[case] seats: Usage, #[case] period: PeriodState) {
    assert_eq!(rate(&fee(SEATS), &seats, &period), Err(RatingError::TooManyDays));
}

#[rstest]
#[case::per_unit(usage_price(&per_unit("1")), Usage::Nothing, "perUnit")]
#[case::graduated(usage_price(&tiered("graduated", "*:1")), Usage::Amount(dec("1")), "graduated")]
#[case::volume(usage_price(&tiered("volume", "*:1")), events(&["1"]), "volume")]
#[case::package(usage_price(&package("1", "1", "0")), groups(&["a=1:1"]), "package")]
#[case::percentage(usage_price(r#""model":{"type":"percentage","percent":"1"}"#), quantity("1"), "percentage")]
#[case::tiers_of_value(usage_price(&tiered("graduatedPercentage", "*:1")), Usage::Nothing, "graduatedPercentage")]
#[case::matrix(usage_price(MATRIX), quantity("1"), "matrix")]
#[case::dynamic(usage_price(r#""model":{"type":"dynamic"}"#), quantity("1"), "dynamic")]
#[case::seats(fee(SEATS), Usage::Nothing, "seats")]
#[case::flat(fee(r#""model":{"type":"flat","amount":"1"}"#), quantity("1"), "flat")]
fn usage_of_another_kind_is_a_fault(#[case] price: Price, #[case] usage: Usage, #[case] name: &str) {
    match rate(&price, &usage, &PeriodState::whole(usd())) {
        Err(RatingError::WrongUsage { model, .. }) => assert_eq!(model, name),
        other => panic!("not refused: {other:?}"),
    }
}

#[rstest]
#[case::quantity(per_unit("999999999"), Usage::Quantity(Decimal::MAX))]
#[case::money(per_unit("999999999"), quantity("999999999999"))]
#[case::sum(tiered("graduated", "1:1+1 *:1"), Usage::Quantity(Decimal::MAX))]
#[case::groups(MATRIX.to_owned(), Usage::Groups(vec![
    GroupUsage { values: [].into(), quantity: Decimal::MAX }, GroupUsage { values: [].into(), quantity: Decimal::MAX }]))]
fn an_amount_that_does_not_fit_is_a_fault(#[case] price: String, #[case] usage: Usage) {
    assert_eq!(whole(&price, &usage), Err(RatingError::OutOfRange(super::super::AmountOutOfRange)));
}

#[test]
fn a_line_shows_its_tiers() {
    let rated = whole(&tiered("graduated", "10:10+2 20:5+3 *:5+3"), &quantity("12")).unwrap();
    let shown: Vec<String> = rated
        .sub_lines
        .iter()
        .map(|part| {
            let Basis::Tier { from, up_to } = part.basis else { panic!("not a tier: {part:?}") };
            let up_to = up_to.map_or("∞".to_owned(), |bound| bound.to_string());
            format!("{from}..{up_to}: {} × {} + {} = {}", part.quantity, part.unit_price, part.flat_fee, part.amount)
        })
        .collect();
    assert_eq!(shown, ["0..10: 10 × 10 + 2 = 102", "10..20: 2 × 5 + 3 = 13"]);
    let volume = whole(&tiered("volume", "100:2+10 200:1 *:0.5+50"), &quantity("210")).unwrap();
    assert_eq!(volume.sub_lines[0].basis, Basis::Tier { from: dec("200"), up_to: None });
    assert_eq!(whole(&package("10", "1", "0"), &quantity("12")).unwrap().sub_lines[0].quantity, dec("2"));
}
