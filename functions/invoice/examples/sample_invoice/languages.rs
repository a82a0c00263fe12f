//! One invoice in every language, with all that an invoice can say; and the short kinds: one in which everything was
//! prepaid under reverse charge, and one in the payer's favour.

use domain::{
    Date, Decimal, TimeZone, Timestamp,
    calendar::Period,
    catalog::{Percent, PlanRef, Price, PriceShape},
    id::{CouponId, GrantId, InvoiceId, PlanId, TenantId},
    invoice::{
        AppliedCredit, Discount, Draft, Invoice, InvoiceNumber, Line, LineDetail, Notes, NumberFormat, Open, Statement,
        Tax, TaxTreatment,
    },
    locale::Locale,
    money::{Currency, Money},
    rating::{DayShare, SeatSpan, Usage},
    tenant::{TaxProfile, Tenant},
    text::Slug,
    usage::Layouts,
};
use invoice::{
    pdf::Document,
    view::{Numbers, document},
};
use std::{error::Error, num::NonZeroU32};

pub(crate) type Made<T> = Result<T, Box<dyn Error>>;

/// The documents, each with the name of its file.
pub(crate) fn documents() -> Made<Vec<(String, Document)>> {
    let mut documents = Vec::new();
    for locale in Locale::ALL {
        documents.push((format!("full-{}", locale.tag()), printed(full()?, locale)?));
        documents.push((format!("prepaid-{}", locale.tag()), printed(prepaid()?, locale)?));
    }
    documents.push(("plain-en".to_owned(), printed(bare(vec![fee()?])?, Locale::En)?));
    documents.push(("favour-en".to_owned(), printed(bare(vec![adjustment()?])?, Locale::En)?));
    documents.push(("favour-de".to_owned(), printed(bare(vec![adjustment()?])?, Locale::De)?));
    Ok(documents)
}

fn printed(statement: Statement, locale: Locale) -> Made<Document> {
    let (tenant, seller) = parties(locale)?;
    let numbers: Numbers = [(adjusted(), InvoiceNumber::new(&tenant.slug, 41))].into();
    Ok(document(&issued(statement, &tenant)?, &tenant, &seller, &numbers)?)
}

pub(crate) fn parties(locale: Locale) -> Made<(Tenant, cloud::Seller)> {
    let tenant = Tenant {
        id: TenantId::derived(&["acme"]),
        slug: Slug::parse("acme")?,
        name: "Fjällräven Analytics AB".to_owned(),
        email: Some("accounts@fjallraven.example".to_owned()),
        address: ["Sveavägen 44", "111 34 Stockholm", "Sweden"].map(str::to_owned).into(),
        tax_id: Some("SE556123456701".to_owned()),
        tax: TaxProfile::default(),
        locale,
        invoice_number: NumberFormat::default(),
        payment_term_days: None,
        low_balance_minor: None,
        time_zone: TimeZone::UTC,
        usage_log: Layouts::default(),
        refused_usage: None,
        canceled_at: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    let seller = cloud::Seller {
        name: "Northwind Cloud GmbH".to_owned(),
        address: ["Torstraße 140", "10119 Berlin", "Germany"].map(str::to_owned).into(),
        email: "billing@northwind.example".to_owned(),
        tax_id: "DE301887412".to_owned(),
        colour: [13, 148, 136],
        logo: None,
    };
    Ok((tenant, seller))
}

pub(crate) fn issued(statement: Statement, tenant: &Tenant) -> Made<Invoice> {
    Ok(Invoice::Open(Open {
        statement: Draft::new(statement)?.into_statement(),
        number: InvoiceNumber::new(&tenant.slug, 42),
        finalized_at: "2026-07-01T01:00:00Z".parse()?,
        due_at: "2026-07-15T01:00:00Z".parse()?,
    }))
}

/// 2,505.19 less 250.00 are 2,255.19; 19 % of it are 428.49, and 500.00 are prepaid: 2,183.68 are due.
pub(crate) fn full() -> Made<Statement> {
    let lines = vec![fee()?, calls()?, seats()?, adjustment()?, setup()?];
    let coupon_id = CouponId::derived(&["welcome"]);
    let off_lines_minor = vec![4_990, 13_500, 5_000, -500, 2_010];
    let rate = Percent::parse("19")?;
    let of_lines_minor = vec![8_533, 23_085, 8_649, -855, 3_437];
    Ok(Statement {
        discounts: vec![Discount { coupon_id, name: "Welcome 10 %".to_owned(), off_lines_minor }],
        taxes: vec![Tax { name: "VAT".to_owned(), rate, inclusive: false, net_minor: 225_519, of_lines_minor }],
        credits: vec![AppliedCredit { grant_id: GrantId::derived(&["prepaid"]), amount_minor: 50_000 }],
        notes: Notes {
            memo: Some("Thank you for your first year with us.".to_owned()),
            purchase_order: Some("PO-4711-0815".to_owned()),
        },
        ..bare(lines)?
    })
}

fn prepaid() -> Made<Statement> {
    Ok(Statement {
        tax_treatment: TaxTreatment::ReverseCharge,
        credits: vec![AppliedCredit { grant_id: GrantId::derived(&["prepaid"]), amount_minor: 49_900 }],
        ..bare(vec![fee()?])?
    })
}

fn bare(lines: Vec<Line>) -> Made<Statement> {
    Ok(Statement {
        id: InvoiceId::derived(&["sample"]),
        tenant_id: TenantId::derived(&["acme"]),
        subscription: None,
        period: Period::new("2026-06-01T00:00:00Z".parse()?, "2026-07-01T00:00:00Z".parse()?).ok_or("no period")?,
        days: june()?,
        lines,
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: euros(0)?,
        notes: Notes::default(),
    })
}

fn june() -> Made<(Date, Date)> {
    Ok(("2026-06-01".parse()?, "2026-06-30".parse()?))
}

fn euros(amount_minor: i64) -> Made<Money> {
    Ok(Money { amount_minor, currency: "EUR".parse::<Currency>()? })
}

fn adjusted() -> InvoiceId {
    InvoiceId::derived(&["before"])
}

fn line(key: &str, description: &str, amount_minor: i64, detail: LineDetail) -> Made<Line> {
    let amount = euros(amount_minor)?;
    Ok(Line {
        key: key.to_owned(),
        source: None,
        description: description.to_owned(),
        exact: amount.major(),
        amount,
        days: None,
        detail,
    })
}

/// A fee in advance: of another period than the invoice's.
fn fee() -> Made<Line> {
    let days = Some(("2026-07-01".parse()?, "2026-07-31".parse()?));
    let fee = line("base", "Scale plan", 49_900, LineDetail::Fee { active_days: 31, full_days: 31 })?;
    Ok(Line { days, ..fee })
}

/// 1,000,000 are free, 9,000,000 cost 1,080.00, and 2,480,211 cost 267.862788: 1,347.86.
fn calls() -> Made<Line> {
    let model = r#"{"type":"graduated","tiers":[{"upTo":"1000000","unitPrice":"0"},
        {"upTo":"10000000","unitPrice":"0.00012"},{"unitPrice":"0.000108"}]}"#;
    let price = format!(r#"{{"key":"calls","name":"API requests","meter":"calls","included":"5000","model":{model}}}"#);
    of_price(&price, &Usage::Quantity(Decimal::from(12_485_211)))
}

fn seats() -> Made<Line> {
    let price = r#"{"key":"seats","name":"Seats","model":{"type":"seats","unitPrice":"20"}}"#;
    of_price(price, &Usage::Seats(vec![SeatSpan { seats: 17, days: 10 }, SeatSpan { seats: 21, days: 20 }]))
}

fn of_price(price: &str, usage: &Usage) -> Made<Line> {
    let price = Price::try_from(serde_json::from_str::<PriceShape>(price)?)
        .map_err(|violation| format!("{}: {}", violation.pointer, violation.message))?;
    let plan = PlanRef { plan_id: PlanId::derived(&["scale"]), version: NonZeroU32::MIN };
    let days = DayShare::new(30, 30).ok_or("no days")?;
    let lines = Line::of_price(plan, &price, usage, days, "EUR".parse()?)?;
    lines.into_iter().next().ok_or_else(|| "no line".into())
}

fn adjustment() -> Made<Line> {
    let detail = LineDetail::Adjustment {
        of: adjusted(),
        line: "transfer".to_owned(),
        quantity_before: Decimal::from(1_250),
        quantity_after: Decimal::from(1_000),
    };
    let days = Some(("2026-05-01".parse()?, "2026-05-31".parse()?));
    Ok(Line { days, ..line("transfer.adjustment", "Data transfer", -5_000, detail)? })
}

fn setup() -> Made<Line> {
    let detail = LineDetail::OneOff { quantity: Decimal::new(35, 1), unit_price: Decimal::from(90) };
    line("setup", "Onboarding workshop, hours", 31_500, detail)
}
