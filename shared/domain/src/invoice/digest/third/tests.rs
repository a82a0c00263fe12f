//! The whole text under a digest of version 3, which may never change, and that nothing of it changes unseen.

use super::*;
use crate::{
    catalog::{Factor, MajorAmount, Percent, PlanRef, Rounding, SpendFloor, UnitConversion, Units},
    id::{CouponId, GrantId, InvoiceId, PlanId},
    invoice::{AppliedCredit, Discount, Evidence, Invoice, Open, Source, Tax, digest::digest, tests},
    money::Money,
    rating::{Basis, Modifier, Step, SubLine},
    text::Slug,
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use std::{collections::BTreeMap, num::NonZeroU32};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn part(basis: Basis) -> SubLine {
    let (quantity, unit_price, flat_fee, amount) = (dec("4"), dec("0.50"), dec("1"), dec("3"));
    SubLine { basis, quantity, unit_price, flat_fee, amount }
}

fn line(key: &str, amount_minor: i64, detail: LineDetail) -> Line {
    let amount = Money { amount_minor, currency: "USD".parse().unwrap() };
    Line {
        key: key.to_owned(),
        source: None,
        description: key.to_owned(),
        exact: amount.major(),
        amount,
        days: None,
        detail,
    }
}

fn plan() -> PlanRef {
    PlanRef { plan_id: PlanId::derived(&["pro"]), version: NonZeroU32::MIN }
}

fn usage(sub_lines: Vec<SubLine>, steps: Vec<Step>) -> LineDetail {
    let evidence = Some(Evidence { digest: [0xab; 32], events: 7 });
    LineDetail::Usage { meter: "m".to_owned(), quantity: dec("4.0"), sub_lines, steps, evidence }
}

/// An invoice with a line of each kind that only version 3 knows, a coupon, a tax, a credit and both notes.
fn invoice() -> Open {
    let mut usage = line("calls", 300, usage(vec![part(Basis::Units)], Vec::new()));
    usage.source = Some(Source { plan: plan(), price: Some(Slug::parse("calls").unwrap()) });
    usage.days = Some(("2026-05-03".parse().unwrap(), "2026-05-09".parse().unwrap()));
    let mut seats = line(
        "seats",
        200,
        LineDetail::Seats { quantity: dec("2"), sub_lines: vec![part(Basis::Seats { active_days: 7, full_days: 31 })] },
    );
    seats.source = Some(Source { plan: plan(), price: None });
    let of = InvoiceId::derived(&["earlier"]);
    let adjustment =
        LineDetail::Adjustment { of, line: "calls".to_owned(), quantity_before: dec("5"), quantity_after: dec("6.5") };
    let one_off = LineDetail::OneOff { quantity: dec("3"), unit_price: dec("1.50") };
    let mut open = open();
    let statement = &mut open.statement;
    statement.lines = vec![usage, seats, line("calls.adjustment", -100, adjustment), line("set-up", 450, one_off)];
    statement.discounts = vec![Discount {
        coupon_id: CouponId::derived(&["welcome"]),
        name: "Welcome".to_owned(),
        off_lines_minor: vec![30, 0, 0, 0],
    }];
    statement.taxes = vec![Tax {
        name: "VAT".to_owned(),
        rate: Percent::parse("19.0").unwrap(),
        inclusive: false,
        net_minor: 820,
        of_lines_minor: vec![51, 38, -19, 86],
    }];
    statement.credits = vec![AppliedCredit { grant_id: GrantId::derived(&["g"]), amount_minor: 76 }];
    statement.notes.memo = Some("Thank\nyou".to_owned());
    statement.notes.purchase_order = Some("PO \"7\"".to_owned());
    statement.total = Money { amount_minor: 976, ..statement.total };
    open
}

fn open() -> Open {
    let now = "2026-06-01T01:00:00Z".parse().unwrap();
    match tests::draft(&[1]).finalize(tests::number(), now, SignedDuration::ZERO).unwrap() {
        Invoice::Open(open) => open,
        other => panic!("not open: {}", other.status()),
    }
}

#[test]
fn the_text_of_version_3_is_frozen() {
    let open = invoice();
    let statement = &open.statement;
    let (id, tenant, subscription) = (statement.id, statement.tenant_id, statement.subscription.unwrap().id);
    let (plan, of) = (plan().plan_id, InvoiceId::derived(&["earlier"]));
    let (coupon, grant) = (CouponId::derived(&["welcome"]), GrantId::derived(&["g"]));
    let log = "ab".repeat(32);
    let heading = format!(
        "meterline-invoice-v3\nid={id}\ntenant={tenant}\nsubscription={subscription}\nplan={plan}\nplanVersion=1\n\
         start=2026-05-01T00:00:00Z\nend=2026-06-01T00:00:00Z\nnumber=ACME-0001\n\
         finalizedAt=2026-06-01T01:00:00Z\ndueAt=2026-06-01T01:00:00Z\n"
    );
    let part = "partQuantity=4\npartPrice=0.5\npartFee=1\npartAmount=3\n";
    let lines = format!(
        "line=calls\ndescription=\"calls\"\nexact=3\namount=3.00 USD\nlinePlan={plan}\nlinePlanVersion=1\nlinePrice=calls\n\
         firstDay=2026-05-03\nlastDay=2026-05-09\nmeter=m\nquantity=4\npart=units\n{part}logDigest={log}\nlogEvents=7\n\
         line=seats\ndescription=\"seats\"\nexact=2\namount=2.00 USD\nlinePlan={plan}\nlinePlanVersion=1\nseats=2\n\
         part=seats\nactiveDays=7\nfullDays=31\n{part}\
         line=calls.adjustment\ndescription=\"calls.adjustment\"\nexact=-1\namount=-1.00 USD\nadjusts={of}\n\
         adjustsLine=calls\nquantityBefore=5\nquantityAfter=6.5\n\
         line=set-up\ndescription=\"set-up\"\nexact=4.5\namount=4.50 USD\nquantity=3\nunitPrice=1.5\n"
    );
    let rest = format!(
        "coupon={coupon}\ncouponName=\"Welcome\"\noff=30\noff=0\noff=0\noff=0\ntaxTreatment=taxed\ntaxName=\"VAT\"\n\
         taxRate=19\ntaxInclusive=false\ntaxNet=820\ntax=51\ntax=38\ntax=-19\ntax=86\ngrant={grant}\ncredit=76\n\
         memo=\"Thank\\nyou\"\npurchaseOrder=\"PO \\\"7\\\"\"\ntotal=9.76 USD\n"
    );
    let text = format!("{heading}{lines}{rest}");
    assert_eq!(digest(&open), Hex(&crate::id::digest(&[&text])).to_string());
}

#[test]
fn whatever_version_3_says_is_under_the_digest() {
    let changes: [fn(&mut Statement); 24] = [
        |_| {},
        |s| s.tax_treatment = TaxTreatment::Exempt,
        |s| s.tax_treatment = TaxTreatment::ReverseCharge,
        |s| s.discounts.clear(),
        |s| s.discounts[0].name.push('x'),
        |s| s.discounts[0].off_lines_minor = vec![0, 30, 0, 0],
        |s| s.taxes.clear(),
        |s| s.taxes[0].inclusive = true,
        |s| s.taxes[0].net_minor += 1,
        |s| s.taxes[0].of_lines_minor.reverse(),
        |s| s.credits.clear(),
        |s| s.credits[0].amount_minor += 1,
        |s| s.notes.memo = None,
        |s| s.notes.purchase_order = None,
        |s| s.subscription = None,
        |s| s.lines[0].days = None,
        |s| s.lines[0].source = None,
        |s| s.lines[1].source = Some(Source { plan: plan(), price: Some(Slug::parse("seats").unwrap()) }),
        |s| s.lines[0].detail = usage(Vec::new(), Vec::new()),
        |s| s.lines[1].detail = LineDetail::Seats { quantity: dec("3"), sub_lines: Vec::new() },
        |s| s.lines[3].detail = LineDetail::OneOff { quantity: dec("4.5"), unit_price: dec("1") },
        |s| s.lines.truncate(3),
        |s| s.lines[3].detail = LineDetail::Fee { active_days: 7, full_days: 31 },
        |s| {
            let floor = SpendFloor::Minimum(MajorAmount::parse("4.50").unwrap());
            s.lines[3].detail = LineDetail::TrueUp { of: "calls".to_owned(), floor, active_days: 7, full_days: 31 };
        },
    ];
    assert_all_differ(&changes.map(|change| {
        let mut open = invoice();
        change(&mut open.statement);
        digest(&open)
    }));
}

#[test]
fn each_of_them_alone_needs_version_3() {
    let plain = digest(&open());
    let alone: [fn(&mut Statement); 8] = [
        |s| s.discounts = invoice().statement.discounts,
        |s| s.taxes = invoice().statement.taxes,
        |s| s.credits = invoice().statement.credits,
        |s| s.tax_treatment = TaxTreatment::Exempt,
        |s| s.notes.memo = Some("Thanks".to_owned()),
        |s| s.notes.purchase_order = Some("7".to_owned()),
        |s| s.subscription = None,
        |s| s.lines[0].days = invoice().statement.lines[0].days,
    ];
    for (place, change) in alone.into_iter().enumerate() {
        let mut open = open();
        change(&mut open.statement);
        assert_ne!(digest(&open), plain, "row {place}");
    }
}

#[test]
fn a_discount_on_tiers_is_more_than_version_1_says() {
    let of = |percent: &str| {
        let modifier = Modifier::UsageDiscount(dec(percent));
        let steps = vec![Step { modifier, before: dec("4"), after: dec("3") }];
        let mut open = open();
        open.statement.lines = vec![line("k", 300, usage(vec![part(Basis::Units)], steps))];
        if let LineDetail::Usage { evidence, .. } = &mut open.statement.lines[0].detail {
            *evidence = None;
        }
        digest(&open)
    };
    assert_ne!(of("9"), of("10"));
}

#[test]
fn every_kind_of_part_and_every_modifier_reads_differently() {
    let of = |sub_lines, steps| {
        let mut open = open();
        open.statement.lines = vec![line("k", 300, usage(sub_lines, steps))];
        digest(&open)
    };
    let values = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    let up_to_9 = Basis::Tier { from: Decimal::ONE, up_to: Some(dec("9")) };
    let parts = [
        Basis::Units,
        Basis::Tier { from: Decimal::ONE, up_to: None },
        up_to_9,
        Basis::Packages { size: dec("9") },
        Basis::Cell { values: BTreeMap::new() },
        Basis::Cell { values },
        Basis::Value,
        Basis::Events,
        Basis::EventsAtMinimum,
        Basis::EventsAtMaximum,
        Basis::Amounts,
        Basis::Fee { active_days: 7, full_days: 31 },
        Basis::Seats { active_days: 7, full_days: 31 },
        Basis::Seats { active_days: 8, full_days: 31 },
    ];
    assert_all_differ(&parts.map(|basis| of(vec![part(basis)], Vec::new())));
    let converted = |rounding| {
        let divisor = Units::parse_positive("10").unwrap();
        Modifier::UnitConversion(UnitConversion { divisor, rounding })
    };
    let amount = || MajorAmount::parse("9").unwrap();
    let overage_factor = Factor::parse("1.5").unwrap();
    let modifiers = [
        converted(Rounding::Up),
        converted(Rounding::Down),
        converted(Rounding::Nearest),
        Modifier::Included(dec("9")),
        Modifier::UsageDiscount(dec("9")),
        Modifier::SpendMaximum(dec("9")),
        Modifier::SpendFloor(SpendFloor::Minimum(amount())),
        Modifier::SpendFloor(SpendFloor::Commitment { amount: amount(), overage_factor }),
    ];
    assert_all_differ(
        &modifiers
            .map(|modifier| of(vec![part(Basis::Units)], vec![Step { modifier, before: dec("4"), after: dec("3") }])),
    );
}

fn assert_all_differ(digests: &[String]) {
    for (place, digest) in digests.iter().enumerate() {
        assert!(!digests[..place].contains(digest), "row {place}");
    }
}
