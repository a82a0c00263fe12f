//! From lines to a total: coupons, taxes, credits.

use super::super::{
    coupon::{self, Coupon, CouponValue, DiscountableLine, Duration, Restriction},
    credit::{BurnDown, Grant, burn_down, rolled_over},
    tax::{self, TaxBehaviour, TaxRule, TaxableLine, TaxedLine, rule_for},
};
use super::*;
use crate::{catalog::Percent, id::PlanId, text::Slug};
use rstest::rstest;
use std::num::NonZeroU32;

fn percent(text: &str) -> Percent {
    Percent::parse(text).unwrap()
}

fn plan(name: &str) -> PlanId {
    PlanId::derived(&[name])
}

/// Reads `10%`, `1000` or `1000-400` (of which 400 were consumed), and what it is restricted to: `@price`, `#plan`.
fn coupon(text: &str) -> Coupon {
    let (text, restriction) = if let Some((text, prices)) = text.split_once('@') {
        (text, Restriction::Prices(prices.split(',').map(|price| Slug::parse(price).unwrap()).collect()))
    } else if let Some((text, plans)) = text.split_once('#') {
        (text, Restriction::Plans(plans.split(',').map(plan).collect()))
    } else {
        (text, Restriction::None)
    };
    let value = if let Some(part) = text.strip_suffix('%') {
        CouponValue::Percentage(percent(part))
    } else {
        let (amount, consumed) = text.split_once('-').unwrap_or((text, "0"));
        CouponValue::Fixed { amount: cents(amount.parse().unwrap()), consumed: cents(consumed.parse().unwrap()) }
    };
    Coupon { restriction, value, duration: Duration::Forever, used_cycles: 7 }
}

/// Reads `1000@price#plan`, of which the ends may be missing.
fn line(text: &str) -> DiscountableLine {
    let (text, plan_name) = text.split_once('#').map_or((text, None), |(text, name)| (text, Some(name)));
    let (amount, price) = text.split_once('@').map_or((text, None), |(text, price)| (text, Some(price)));
    DiscountableLine {
        price: price.map(|price| Slug::parse(price).unwrap()),
        plan: plan_name.map(plan),
        amount_minor: amount.parse().unwrap(),
    }
}

fn discounts(coupons: &[&str], lines: &[&str]) -> coupon::Discounts {
    let coupons: Vec<Coupon> = coupons.iter().map(|text| coupon(text)).collect();
    let lines: Vec<DiscountableLine> = lines.iter().map(|text| line(text)).collect();
    coupon::apply(&coupons, &lines, usd()).unwrap()
}

#[rstest]
#[case::c_l1(&["12"], &["300"], &[12])]
#[case::c_l1_on_little(&["12"], &["6"], &[6])]
#[case::c_l1_on_nothing(&["12"], &["0"], &[0])]
#[case::c_l1_half_consumed(&["12-6"], &["300"], &[6])]
#[case::consumed_beyond_its_amount(&["12-20"], &["300"], &[0])]
#[case::c_m1(&["10%", "25%"], &["10000"], &[3_250])]
#[case::c_m3(&["8000", "5000"], &["10000"], &[10_000])]
#[case::c_m5(&["60%", "60%"], &["4900"], &[4_116])]
#[case::c_m7(&["1000"], &["6000", "4000"], &[600, 400])]
#[case::c_m7_thirds(&["100"], &["333", "333", "334"], &[33, 33, 34])]
// 2000 of the first two lines, 1000 of the second plan, 500 of what is left of all. The source splits without rounding,
// 676.47059 and so on; a line is in whole cents here, by largest remainder.
#[case::e_l7(
    &["500", "1000#two", "2000@a,b"],
    &["1000@a#one", "2000@b#one", "3000@c#one", "4000@d#one", "1000@e#two", "2000@f#two", "3000@g#two", "4000@h#two"],
    &[677, 1_353, 88, 118, 126, 253, 379, 506]
)]
#[case::e_l9(&["1000", "11000"], &["10000"], &[10_000])]
#[case::price_before_plan(&["50%#one", "1000@a"], &["2000@a#one"], &[1_500])]
#[case::plan_before_all(&["50%", "1000#one"], &["2000@a#one"], &[1_500])]
#[case::percentage_before_fixed(&["1000", "50%"], &["2000"], &[2_000])]
#[case::only_its_price(&["50%@a"], &["2000@a", "2000@b", "2000"], &[1_000, 0, 0])]
#[case::only_its_plan(&["50%#one"], &["2000#one", "2000#two", "2000"], &[1_000, 0, 0])]
#[case::a_credit_is_no_base(&["50%"], &["2000", "-500"], &[1_000, 0])]
#[case::only_credits(&["500"], &["-500"], &[0])]
#[case::half_a_cent_is_one(&["50%"], &["3"], &[2])]
#[case::no_lines(&["50%"], &[], &[])]
fn coupons_come_off_in_their_order(#[case] coupons: &[&str], #[case] lines: &[&str], #[case] expect: &[i64]) {
    assert_eq!(discounts(coupons, lines).by_line, expect);
}

#[test]
fn each_coupon_says_what_it_took() {
    // Given in this order, and applied the other way round.
    let got = discounts(&["500", "10%"], &["1000", "3000"]);
    assert_eq!(got.by_coupon, [vec![125, 375], vec![100, 300]]);
    assert_eq!(got.by_line, [225, 675]);
}

#[rstest]
#[case::fresh(Duration::Once, 0, 500)]
#[case::once(Duration::Once, 1, 0)]
#[case::last_of_three(Duration::Cycles(NonZeroU32::new(3).unwrap()), 2, 500)]
#[case::after_three(Duration::Cycles(NonZeroU32::new(3).unwrap()), 3, 0)]
#[case::forever(Duration::Forever, u32::MAX, 500)]
fn a_coupon_lasts_its_cycles(#[case] duration: Duration, #[case] used_cycles: u32, #[case] expect: i64) {
    let coupon = Coupon { duration, used_cycles, ..coupon("500") };
    assert_eq!(coupon.is_used_up(), expect == 0);
    assert_eq!(coupon::apply(&[coupon], &[line("1000")], usd()).unwrap().by_line, [expect]);
}

#[test]
fn an_amount_of_another_currency_takes_off_nothing() {
    let yen: Currency = "JPY".parse().unwrap();
    assert_eq!(coupon::apply(&[coupon("500")], &[line("1000")], yen).unwrap().by_line, [0]);
    let foreign = CouponValue::Fixed { amount: cents(500), consumed: Money::zero(yen) };
    let foreign = Coupon { value: foreign, ..coupon("500") };
    assert_eq!(coupon::apply(&[foreign], &[line("1000")], usd()).unwrap().by_line, [0]);
}

/// Reads `1000/20` as 10.00 at 20 %, `/-` as not taxed.
fn taxable(text: &str, behaviour: TaxBehaviour) -> TaxableLine {
    let (amount, rate) = text.split_once('/').unwrap();
    let rate = (rate != "-").then(|| percent(rate));
    TaxableLine { amount_minor: amount.parse().unwrap(), rate, behaviour }
}

fn taxes(lines: &[&str], behaviour: TaxBehaviour) -> tax::Taxes {
    let lines: Vec<TaxableLine> = lines.iter().map(|text| taxable(text, behaviour)).collect();
    tax::apply(&lines).unwrap()
}

#[rstest]
#[case::t_m1(&["999/21"], &[210], 1_209)]
#[case::t_m1_rounded_down(&["997/21"], &[209], 1_206)]
#[case::e_l1(&["3871/20"], &[774], 4_645)]
#[case::e_l3_invoice(&["893/20"], &[179], 1_072)]
#[case::e_l3_credit_note(&["-536/20"], &[-107], -643)]
#[case::e_l5(&["15467/25"], &[3_867], 19_334)]
// Rounded once per rate, 1410.6 and 478.8, so that the lines add up to the printed table: 1890. The source rounds once
// per invoice, 1889, and its table does not add up.
#[case::e_l7(
    &["323/10", "647/20", "2912/10", "3882/10", "874/10", "1747/20", "2621/10", "3494/10"],
    &[32, 130, 291, 388, 88, 349, 262, 350], 18_390
)]
#[case::e_l9(&["0/10"], &[0], 0)]
#[case::e_l11(&["0/40", "0/40", "0/40", "0/40", "0/40", "0/40", "1/40", "1/40"], &[0, 0, 0, 0, 0, 0, 1, 0], 3)]
#[case::not_taxed(&["1000/-", "1000/20"], &[0, 200], 2_200)]
#[case::zero_rated(&["1000/0"], &[0], 1_000)]
#[case::credit_in_an_invoice(&["1000/20", "-505/20"], &[200, -101], 594)]
fn tax_is_rounded_once_per_rate(#[case] lines: &[&str], #[case] expect: &[i64], #[case] gross: i64) {
    let taxes = taxes(lines, TaxBehaviour::Exclusive);
    assert_eq!(taxes.lines.iter().map(|line| line.tax_minor).collect::<Vec<_>>(), expect);
    assert_eq!((taxes.tax_minor, taxes.gross_minor), (expect.iter().sum(), gross));
}

#[rstest]
#[case::twenty_of_a_hundred_and_twenty(&["12000/20"], &[(10_000, 2_000)])]
// 1000 × 7 ÷ 107 is 65.42.
#[case::uneven(&["1000/7"], &[(935, 65)])]
// 200 × 7 ÷ 107 is 13.08: 13 over two lines of 6.54.
#[case::two_lines(&["100/7", "100/7"], &[(93, 7), (94, 6)])]
#[case::not_taxed(&["100/-"], &[(100, 0)])]
fn tax_is_inside(#[case] lines: &[&str], #[case] expect: &[(i64, i64)]) {
    let taxes = taxes(lines, TaxBehaviour::Inclusive);
    assert_eq!(taxes.lines.iter().map(|line| (line.net_minor, line.tax_minor)).collect::<Vec<_>>(), expect);
    let total: i64 = lines.iter().map(|text| text.split('/').next().unwrap().parse::<i64>().unwrap()).sum();
    assert_eq!(taxes.gross_minor, total);
}

#[test]
fn the_table_has_a_row_a_rate() {
    let exclusive = |text| taxable(text, TaxBehaviour::Exclusive);
    let inclusive = |text| taxable(text, TaxBehaviour::Inclusive);
    let lines = [exclusive("1000/20"), inclusive("120/20"), exclusive("500/7.25"), exclusive("300/-")];
    let taxes = tax::apply(&lines).unwrap();
    let rows: Vec<_> = taxes.rates.iter().map(|row| (row.rate, row.net_minor, row.tax_minor)).collect();
    // 500 × 7.25 % is 36.25.
    assert_eq!(rows, [(percent("7.25"), 500, 36), (percent("20"), 1_100, 220)]);
    assert_eq!(taxes.lines[1], TaxedLine { net_minor: 100, tax_minor: 20, gross_minor: 120 });
}

#[rstest]
#[case::gross(&["9223372036854775807/1"], TaxBehaviour::Exclusive)]
#[case::sum(&["9223372036854775807/-", "1/-"], TaxBehaviour::Exclusive)]
#[case::many(&["9223372036854775807/1", "9223372036854775807/1"], TaxBehaviour::Inclusive)]
fn what_does_not_fit_is_a_fault(#[case] lines: &[&str], #[case] behaviour: TaxBehaviour) {
    let lines: Vec<TaxableLine> = lines.iter().map(|text| taxable(text, behaviour)).collect();
    assert_eq!(tax::apply(&lines), Err(super::super::AmountOutOfRange));
}

#[rstest]
// 10000 at 7.25 % is 725.
#[case::t_m3("US", Some("CA"), Some("7.25"))]
#[case::another_region("US", Some("NY"), Some("8"))]
#[case::the_country("US", Some("TX"), Some("5"))]
#[case::no_region("US", None, Some("5"))]
#[case::everywhere("DE", None, Some("1"))]
#[case::the_same_region_elsewhere("IT", Some("CA"), Some("1"))]
fn the_most_specific_rule_wins(#[case] country: &str, #[case] region: Option<&str>, #[case] expect: Option<&str>) {
    let rule = |country: Option<&str>, region: Option<&str>, rate: &str| TaxRule {
        country: country.map(str::to_owned),
        region: region.map(str::to_owned),
        rate: percent(rate),
    };
    let rules = [
        rule(None, Some("CA"), "99"),
        rule(None, None, "1"),
        rule(Some("US"), None, "5"),
        rule(Some("US"), Some("CA"), "7.25"),
        rule(Some("US"), Some("CA"), "7.5"),
        rule(Some("US"), Some("NY"), "8"),
    ];
    assert_eq!(rule_for(&rules, country, region).map(|rule| rule.rate), expect.map(percent));
    assert_eq!(rule_for(&rules[2..], "DE", None), None);
    assert_eq!(rule_for(&rules[..1], country, region), None);
}

/// Reads `1:100 p0 @10 !20` as grant 1 of 1.00, priority 0, effective at second 10, expiring at second 20.
fn grant(text: &str) -> Grant<u32> {
    let second = |text: &str| jiff::Timestamp::from_second(text.parse().unwrap()).unwrap();
    let mut words = text.split(' ');
    let (id, balance) = words.next().unwrap().split_once(':').unwrap();
    let mut grant = Grant {
        id: id.parse().unwrap(),
        priority: 0,
        effective_at: second("0"),
        expires_at: None,
        balance: cents(balance.parse().unwrap()),
    };
    for word in words {
        match word.split_at(1) {
            ("p", priority) => grant.priority = priority.parse().unwrap(),
            ("@", at) => grant.effective_at = second(at),
            ("!", at) => grant.expires_at = Some(second(at)),
            other => panic!("unknown word {other:?}"),
        }
    }
    grant
}

#[rstest]
#[case::gr_o1(50, &[], &[], 50)]
#[case::gr_o3(120, &["1:100 !300", "2:100 !200"], &[(2, 100), (1, 20)], 0)]
#[case::priority_first(150, &["1:100 p2 !200", "2:100 p1"], &[(2, 100), (1, 50)], 0)]
#[case::never_expires_last(150, &["1:100", "2:100 !900"], &[(2, 100), (1, 50)], 0)]
#[case::older_first(150, &["1:100 @20", "2:100 @10"], &[(2, 100), (1, 50)], 0)]
#[case::then_by_id(150, &["2:100", "1:100"], &[(1, 100), (2, 50)], 0)]
#[case::expired(50, &["1:100 !100"], &[], 50)]
#[case::expires_later(50, &["1:100 !101"], &[(1, 50)], 0)]
#[case::not_yet(50, &["1:100 @101"], &[], 50)]
#[case::from_now_on(50, &["1:100 @100"], &[(1, 50)], 0)]
#[case::used_up(50, &["1:0", "2:-5", "3:70"], &[(3, 50)], 0)]
#[case::e_l11(3, &["1:100"], &[(1, 3)], 0)]
#[case::not_enough(300, &["1:100", "2:100"], &[(1, 100), (2, 100)], 100)]
#[case::nothing_due(0, &["1:100"], &[], 0)]
#[case::a_credit_note_uses_none(-5, &["1:100"], &[], -5)]
fn grants_burn_down_in_order(
    #[case] total: i64,
    #[case] grants: &[&str],
    #[case] used: &[(u32, i64)],
    #[case] left: i64,
) {
    let grants: Vec<Grant<u32>> = grants.iter().map(|text| grant(text)).collect();
    let now = jiff::Timestamp::from_second(100).unwrap();
    let used = used.iter().map(|&(id, minor)| (id, cents(minor))).collect();
    assert_eq!(burn_down(cents(total), &grants, now), BurnDown { used, left: cents(left) });
}

#[test]
fn a_grant_pays_in_its_currency_only() {
    let yen = Money { amount_minor: 50, currency: "JPY".parse().unwrap() };
    let paid = burn_down(yen, &[grant("1:100")], jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(paid, BurnDown { used: Vec::new(), left: yen });
}

#[rstest]
#[case::gr_o5(90, 0, 50, 50)]
#[case::within(30, 0, 50, 30)]
#[case::at_least(5, 10, 50, 10)]
#[case::the_maximum_has_the_last_word(5, 100, 50, 50)]
fn a_balance_rolls_over_within_bounds(#[case] balance: i64, #[case] least: i64, #[case] most: i64, #[case] kept: i64) {
    assert_eq!(rolled_over(cents(balance), least, most), cents(kept));
}
