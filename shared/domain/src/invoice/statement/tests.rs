//! From lines to a total: each way of [`Statement::assemble`] by hand, and the laws that hold for all.

use super::*;
use crate::{
    invoice::{LineDetail, Source},
    rating::coupon::{CouponValue, Duration, Restriction},
    text::Slug,
};
use proptest::prelude::*;
use rstest::rstest;
use rust_decimal::Decimal;
use std::num::NonZeroU32;

fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: "USD".parse().unwrap() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn plan() -> PlanRef {
    PlanRef { plan_id: crate::id::PlanId::derived(&["pro"]), version: NonZeroU32::MIN }
}

/// Reads `1000@calls` as a line of that price, `1000` as one of the base fee, `1000!` as a one-off.
fn line(text: &str) -> Line {
    let (text, source) = match (text.split_once('@'), text.strip_suffix('!')) {
        (Some((text, price)), _) => (text, Some(Source { plan: plan(), price: Some(Slug::parse(price).unwrap()) })),
        (None, Some(text)) => (text, None),
        (None, None) => (text, Some(Source { plan: plan(), price: None })),
    };
    let amount = usd(text.parse().unwrap());
    Line {
        key: "line".to_owned(),
        source,
        description: "Line".to_owned(),
        exact: amount.major(),
        amount,
        days: None,
        detail: LineDetail::OneOff { quantity: Decimal::ONE, unit_price: amount.major() },
    }
}

fn statement(lines: Vec<Line>) -> Statement {
    let day = |text: &str| text.parse().unwrap();
    Statement {
        id: InvoiceId::derived(&["inv"]),
        tenant_id: TenantId::derived(&["acme"]),
        subscription: None,
        period: Period::new(at(0), at(1)).unwrap(),
        days: (day("2026-05-01"), day("2026-05-31")),
        lines,
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: usd(0),
        notes: Notes::default(),
    }
}

/// Reads `10%` or `500`, with `@calls` behind it for one price and `#` for the plan.
fn coupon(text: &str) -> NamedCoupon {
    let (value, restriction) = match (text.split_once('@'), text.strip_suffix('#')) {
        (Some((value, price)), _) => (value, Restriction::Prices(vec![Slug::parse(price).unwrap()])),
        (None, Some(value)) => (value, Restriction::Plans(vec![plan().plan_id])),
        (None, None) => (text, Restriction::None),
    };
    let value = match value.strip_suffix('%') {
        Some(percent) => CouponValue::Percentage(Percent::parse(percent).unwrap()),
        None => CouponValue::Fixed { amount: usd(value.parse().unwrap()), consumed: usd(0) },
    };
    let coupon = Coupon { restriction, value, duration: Duration::Forever, used_cycles: 0 };
    NamedCoupon { id: CouponId::derived(&[text]), name: text.to_owned(), coupon }
}

/// Reads `20`, or `20i` for a tax inside of the prices.
fn rate(text: &str) -> NamedRate {
    let (percent, inclusive) = text.strip_suffix('i').map_or((text, false), |percent| (percent, true));
    NamedRate { name: "VAT".to_owned(), rate: Percent::parse(percent).unwrap(), inclusive }
}

fn grant(name: &str, priority: u32, amount_minor: i64) -> Grant<GrantId> {
    let id = GrantId::derived(&[name]);
    Grant { id, priority, effective_at: at(0), expires_at: None, balance: usd(amount_minor) }
}

fn adjusters(coupons: &[&str], tax: &str, grants: &[i64]) -> Adjusters {
    Adjusters {
        coupons: coupons.iter().map(|text| coupon(text)).collect(),
        rate: Some(tax).filter(|tax| !tax.is_empty()).map(rate),
        treatment: TaxTreatment::Taxed,
        grants: (0..).zip(grants).map(|(index, minor)| grant(&index.to_string(), index, *minor)).collect(),
    }
}

/// Discount, tax, total, what credits pay, what is due.
fn sums(statement: &Statement) -> (i128, i128, i64, i64, i64) {
    let (credited, due) = (statement.credited().unwrap(), statement.due().unwrap());
    let total = statement.total.amount_minor;
    (statement.discount_minor(), statement.tax_minor(), total, credited.amount_minor, due.amount_minor)
}

#[rstest]
#[case::lines_alone(&["1000", "250@calls"], adjusters(&[], "", &[]), (0, 0, 1_250, 0, 1_250))]
// 20 % of 12.50 is 2.50.
#[case::tax_is_added(&["1000", "250@calls"], adjusters(&[], "20", &[]), (0, 250, 1_500, 0, 1_500))]
// 20 of 120 parts of 12.00 are 2.00.
#[case::tax_is_inside(&["1000", "200@calls"], adjusters(&[], "20i", &[]), (0, 200, 1_200, 0, 1_200))]
// 10 % off 12.50 is 1.25; 20 % of 11.25 is 2.25.
#[case::tax_comes_after_coupons(&["1000", "250@calls"], adjusters(&["10%"], "20", &[]), (125, 225, 1_350, 0, 1_350))]
// 5.00 off 12.00 leaves 7.00, of which 20 ÷ 120 is 1.17.
#[case::and_inside_as_well(&["1000", "200@calls"], adjusters(&["500"], "20i", &[]), (500, 117, 700, 0, 700))]
#[case::of_one_price(&["1000", "250@calls"], adjusters(&["50%@calls"], "", &[]), (125, 0, 1_125, 0, 1_125))]
#[case::of_a_plan(&["1000", "250@calls", "100!"], adjusters(&["50%#"], "", &[]), (625, 0, 725, 0, 725))]
// The price first: 50 % of 2.50; then 1.00 of what is left.
#[case::the_narrower_first(&["1000", "250@calls"], adjusters(&["100", "50%@calls"], "", &[]), (225, 0, 1_025, 0, 1_025))]
#[case::all_of_it(&["1000", "250@calls"], adjusters(&["100%"], "20", &[500]), (1_250, 0, 0, 0, 0))]
#[case::more_than_all(&["1000"], adjusters(&["5000"], "20i", &[500]), (1_000, 0, 0, 0, 0))]
#[case::credits_pay_the_tax(&["1000"], adjusters(&[], "20", &[1_150]), (0, 200, 1_200, 1_150, 50))]
#[case::credits_in_order(&["1000"], adjusters(&[], "", &[700, 700]), (0, 0, 1_000, 1_000, 0))]
#[case::credits_are_not_more_than_due(&["1000"], adjusters(&["10%"], "20", &[9_999]), (100, 180, 1_080, 1_080, 0))]
// Less is taxed where something is given back: 20 % of 10.00 less 5.05 is 0.99.
#[case::a_credit_line_takes_tax_back(&["1000", "-505!"], adjusters(&[], "20", &[]), (0, 99, 594, 0, 594))]
#[case::nothing_burns_for_a_negative_total(&["-505!"], adjusters(&["10%"], "20", &[500]), (0, -101, -606, 0, -606))]
#[case::a_rate_of_zero(&["1000"], adjusters(&[], "0", &[]), (0, 0, 1_000, 0, 1_000))]
#[case::no_lines(&[], adjusters(&["10%"], "20", &[500]), (0, 0, 0, 0, 0))]
fn lines_come_to_a_total(
    #[case] lines: &[&str],
    #[case] adjusters: Adjusters,
    #[case] expect: (i128, i128, i64, i64, i64),
) {
    let lines = lines.iter().map(|text| line(text)).collect();
    let assembled = statement(lines).assemble(&adjusters, at(100)).unwrap();
    assert_eq!(sums(&assembled), expect);
}

#[rstest]
#[case::exempt(TaxTreatment::Exempt)]
#[case::reverse_charge(TaxTreatment::ReverseCharge)]
fn who_is_not_taxed_has_no_tax(#[case] treatment: TaxTreatment) {
    for tax in ["20", "20i"] {
        let adjusters = Adjusters { treatment, ..adjusters(&["10%"], tax, &[]) };
        let assembled = statement(vec![line("1000")]).assemble(&adjusters, at(100)).unwrap();
        assert_eq!((assembled.taxes.clone(), assembled.tax_treatment), (Vec::new(), treatment), "{tax}");
        assert_eq!(sums(&assembled), (100, 0, 900, 0, 900), "{tax}");
    }
}

#[test]
fn what_each_did_is_kept_by_line() {
    let adjusters = adjusters(&["100", "10%"], "20", &[300, 50]);
    let assembled = statement(vec![line("1000"), line("3000@calls")]).assemble(&adjusters, at(100)).unwrap();
    // 10 % are 1.00 and 3.00; then 1.00 over 9.00 and 27.00 is 0.25 and 0.75. Listed in the order in which they were given.
    let discounts: Vec<_> =
        assembled.discounts.iter().map(|off| (off.name.as_str(), &off.off_lines_minor[..])).collect();
    assert_eq!(discounts, [("100", &[25, 75][..]), ("10%", &[100, 300][..])]);
    // 20 % of 8.75 and 26.25.
    let [tax] = &assembled.taxes[..] else { panic!("{:?}", assembled.taxes) };
    assert_eq!((&tax.of_lines_minor[..], tax.net_minor, tax.inclusive), (&[175, 525][..], 3_500, false));
    let credits: Vec<_> = assembled.credits.iter().map(|credit| (credit.grant_id, credit.amount_minor)).collect();
    assert_eq!(credits, [(GrantId::derived(&["0"]), 300), (GrantId::derived(&["1"]), 50)]);
}

#[test]
fn a_coupon_that_took_nothing_is_not_on_it() {
    let adjusters = adjusters(&["10%@bytes", "10%"], "", &[]);
    let assembled = statement(vec![line("1000@calls")]).assemble(&adjusters, at(100)).unwrap();
    assert_eq!(assembled.discounts.iter().map(|off| off.name.as_str()).collect::<Vec<_>>(), ["10%"]);
}

#[test]
fn a_grant_that_is_over_pays_nothing() {
    let over = Grant { expires_at: Some(at(100)), ..grant("over", 0, 500) };
    let adjusters = Adjusters { grants: vec![over], ..Adjusters::default() };
    let assembled = statement(vec![line("1000")]).assemble(&adjusters, at(100)).unwrap();
    assert_eq!(sums(&assembled), (0, 0, 1_000, 0, 1_000));
}

#[test]
fn a_total_that_does_not_fit_is_refused() {
    let lines = vec![line(&i64::MAX.to_string()), line("1")];
    assert_eq!(statement(lines).assemble(&Adjusters::default(), at(0)), Err(AmountOutOfRange));
}

fn any_adjusters() -> impl Strategy<Value = Adjusters> {
    let off = prop_oneof![
        (0_u32..=10_000).prop_map(|hundredths| format!("{}%", Decimal::new(i64::from(hundredths), 2))),
        (1_i64..5_000).prop_map(|minor| minor.to_string()),
    ];
    let coupons = prop::collection::vec((off, prop::sample::select(vec!["", "#", "@calls"])), 0..4);
    let rate = prop::option::of((0_u32..=3_000, any::<bool>()));
    let grants = prop::collection::vec(0_i64..20_000, 0..4);
    (coupons, rate, grants).prop_map(|(coupons, rate, grants)| {
        let coupons: Vec<String> = coupons.into_iter().map(|(off, to)| format!("{off}{to}")).collect();
        let suffix = |inclusive: bool| if inclusive { "i" } else { "" };
        let tax = rate
            .map(|(hundredths, inclusive)| format!("{}{}", Decimal::new(i64::from(hundredths), 2), suffix(inclusive)));
        let coupons: Vec<&str> = coupons.iter().map(String::as_str).collect();
        adjusters(&coupons, tax.as_deref().unwrap_or_default(), &grants)
    })
}

fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let kinds = prop::sample::select(vec!["", "@calls", "@bytes", "!"]);
    let line = (-2_000_i64..10_000, kinds).prop_map(|(minor, kind)| line(&format!("{minor}{kind}")));
    prop::collection::vec(line, 0..12)
}

proptest! {
    #[test]
    fn the_lines_add_up_to_everything_that_is_printed(lines in any_lines(), adjusters in any_adjusters()) {
        let subtotal: i128 = lines.iter().map(|line| i128::from(line.amount.amount_minor)).sum();
        let charged: i128 = lines.iter().map(|line| i128::from(line.amount.amount_minor.max(0))).sum();
        let count = lines.len();
        let assembled = statement(lines).assemble(&adjusters, at(100)).unwrap();
        let (discount, tax, total, credited, due) = sums(&assembled);
        prop_assert!(assembled.taxes.iter().all(|tax| tax.of_lines_minor.len() == count));
        prop_assert!(assembled.discounts.iter().all(|discount| discount.off_lines_minor.len() == count));
        prop_assert!((0..=charged).contains(&discount), "a coupon takes no more than there is");
        for (index, line) in assembled.lines.iter().enumerate() {
            let off: i64 = assembled.discounts.iter().map(|discount| discount.off_lines_minor[index]).sum();
            prop_assert!((0..=line.amount.amount_minor.max(0)).contains(&off), "no line falls below zero");
        }
        let left = subtotal - discount;
        if let Some(row) = assembled.taxes.first() {
            // Net and tax are gross, and the tax is its exact part of the net or gross, rounded once.
            let gross = i128::from(row.net_minor) + tax;
            prop_assert_eq!(gross, i128::from(total));
            prop_assert_eq!(if row.inclusive { gross } else { i128::from(row.net_minor) }, left);
            let (part, hundred) = row.rate.ratio();
            let of = if row.inclusive { hundred + part } else { hundred };
            prop_assert!(2 * (tax * of - left * part).abs() <= of, "{} of {} at {:?}", tax, left, row.rate);
        } else {
            prop_assert_eq!(left, i128::from(total));
        }
        prop_assert!((0..=total.max(0)).contains(&credited), "credits never pay more than is due");
        let granted: i64 = adjusters.grants.iter().map(|grant| grant.balance.amount_minor).sum();
        prop_assert_eq!(credited, granted.min(total.max(0)));
        prop_assert_eq!(due, total - credited);
    }

    #[test]
    fn all_off_is_nothing_to_pay(
        amounts in prop::collection::vec(0_i64..10_000, 0..12), adjusters in any_adjusters(),
    ) {
        let mut adjusters = adjusters;
        adjusters.coupons.push(coupon("100%"));
        let lines = amounts.iter().map(|minor| line(&minor.to_string())).collect();
        let assembled = statement(lines).assemble(&adjusters, at(100)).unwrap();
        prop_assert_eq!((assembled.total, assembled.tax_minor(), assembled.credits), (usd(0), 0, Vec::new()));
    }
}
