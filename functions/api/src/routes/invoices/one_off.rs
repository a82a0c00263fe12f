//! Invoices for what was agreed outside of any plan: set-up, consulting, a device.

use super::{
    answer::Invoice,
    generate::{issued, notes},
};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    correlation::Correlation,
    idempotency::Creation,
    openapi::WriteRefusals,
    problem::Problem,
    routes::money::currency,
    state::{Api, KnownTenant},
};
use axum::extract::State;
use cloud::billing;
use domain::{
    Decimal, Timestamp, Violation,
    calendar::{self, Period},
    catalog::Units,
    id::InvoiceId,
    invoice::{Line, LineDetail, Statement, TaxTreatment},
    money::{Currency, Money, Rate},
    text,
};
use http::StatusCode;
use jiff::ToSpan;
use serde::Deserialize;
use utoipa::ToSchema;

/// Most lines of a one-off invoice.
const LINES_MAX: usize = 100;

/// An invoice that belongs to no subscription.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewOneOff {
    /// ISO 4217 code.
    #[schema(example = "EUR")]
    currency: String,
    /// What is charged, 1 to 100 lines.
    lines: Vec<NewLine>,
    /// A text to the payer, printed on it.
    memo: Option<String>,
    /// The payer's own order number, printed on it.
    purchase_order: Option<String>,
}

/// A charge of a one-off invoice.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewLine {
    /// What it is for, as printed.
    #[schema(example = "Set-up")]
    description: String,
    /// How many; 1, unless it is sent.
    #[schema(example = "2")]
    quantity: Option<String>,
    /// Of each, in major units.
    #[schema(example = "150.00")]
    unit_price: String,
}

/// Issue a one-off invoice
///
/// At once, with the tenant's unrestricted coupons, its tax and its credits.
#[utoipa::path(
    post, path = "/v1/invoices", operation_id = "createOneOffInvoice", tag = "Invoices", security(("platformKey" = [])),
    params(("tenant" = String, Query, description = "Id or slug of who pays.")),
    request_body = NewOneOff,
    responses((status = 201, body = Invoice, description = "The invoice, issued."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(new): Json<NewOneOff>,
) -> Result<(StatusCode, axum::Json<Invoice>), Problem> {
    let now = api.world().now();
    let id = InvoiceId::new(creation.uuid(&api, now));
    tenant.check_customer()?;
    let lines = statement(&tenant, id, new, now)?;
    billing::issue(api.world(), tenant.id, lines, &correlation_id).await?;
    issued(&api, &tenant, id).await
}

/// What it says before coupons, tax and credits; its period is the day on which it is issued.
fn statement(tenant: &KnownTenant, id: InvoiceId, new: NewOneOff, now: Timestamp) -> Result<Statement, Violation> {
    let notes = notes(new.memo, new.purchase_order)?;
    let currency = currency(&new.currency)?;
    if !(1..=LINES_MAX).contains(&new.lines.len()) {
        return Err(Violation::new("/lines", "line_count", format!("send 1 to {LINES_MAX} lines")));
    }
    let line = |(index, new): (usize, NewLine)| {
        line(index, new, currency).map_err(|violation| violation.under(&format!("/lines/{index}")))
    };
    let today = now.to_zoned(tenant.time_zone.clone()).date();
    let out_of_range = || Violation::new("", "date_out_of_range", "the clock is beyond the calendar");
    let start = calendar::day_start(now, &tenant.time_zone).map_err(|_| out_of_range())?;
    let end = now.checked_add(24.hours()).ok();
    let end = end.and_then(|later| calendar::day_start(later, &tenant.time_zone).ok()).filter(|end| *end > start);
    Ok(Statement {
        id,
        tenant_id: tenant.id,
        subscription: None,
        period: Period::new(start, end.unwrap_or(now)).ok_or_else(out_of_range)?,
        days: (today, today),
        lines: new.lines.into_iter().enumerate().map(line).collect::<Result<_, _>>()?,
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: Money::zero(currency),
        notes,
    })
}

fn line(index: usize, new: NewLine, currency: Currency) -> Result<Line, Violation> {
    text::check_name(&new.description).map_err(|violation| violation.under("/description"))?;
    let quantity = match new.quantity {
        None => Decimal::ONE,
        Some(quantity) => Units::parse_positive(&quantity).map_err(|violation| violation.under("/quantity"))?.value(),
    };
    let price = new.unit_price.parse().ok().and_then(Rate::new);
    let message = "send a decimal number from 0 to below a billion, with at most 12 decimals";
    let price = price.ok_or_else(|| Violation::new("/unitPrice", "rate_out_of_range", message))?;
    let too_large = || Violation::new("", "amount_out_of_range", "ask for less: no invoice is so large");
    let exact = quantity.checked_mul(price.value()).ok_or_else(too_large)?;
    Ok(Line {
        key: format!("line-{}", index + 1),
        source: None,
        description: new.description,
        exact,
        amount: Money::rounded(exact, currency).map_err(|_| too_large())?,
        days: None,
        detail: LineDetail::OneOff { quantity, unit_price: price.value() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{TimeZone, id::TenantId, text::Slug};
    use rstest::rstest;
    use serde_json::{Value, json};

    fn decided(body: Value) -> Result<Statement, Violation> {
        let tenant = KnownTenant {
            id: TenantId::derived(&["acme"]),
            slug: Slug::parse("acme").unwrap(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap(),
            layouts: usage_log::Layouts::default(),
            refused_usage: domain::subscription::RefusedUsage::default(),
            canceled_at: None,
        };
        // Already 2 June in Berlin.
        let now = "2026-06-01T22:30:00Z".parse().unwrap();
        statement(&tenant, InvoiceId::derived(&["one"]), serde_json::from_value(body).unwrap(), now)
    }

    #[test]
    fn a_line_is_quantity_times_price_rounded_once() {
        let lines = json!([
            {"description": "Set-up", "unitPrice": "150"}, {"description": "Hours", "quantity": "1.5", "unitPrice": "99.99"},
        ]);
        let statement = decided(json!({"currency": "EUR", "lines": lines})).unwrap();
        // 1.5 × 99.99 is 149.985.
        let said: Vec<(&str, i64)> =
            statement.lines.iter().map(|line| (line.key.as_str(), line.amount.amount_minor)).collect();
        assert_eq!(said, [("line-1", 15_000), ("line-2", 14_999)]);
        assert_eq!(statement.days.0.to_string(), "2026-06-02");
        assert_eq!(statement.period.start().to_string(), "2026-06-01T22:00:00Z");
        assert_eq!(statement.period.end().to_string(), "2026-06-02T22:00:00Z");
    }

    #[rstest]
    #[case::currency(json!({"currency": "XAU", "lines": [{"description": "a", "unitPrice": "1"}]}), ("/currency", "unknown_currency"))]
    #[case::no_lines(json!({"currency": "EUR", "lines": []}), ("/lines", "line_count"))]
    #[case::price(json!({"currency": "EUR", "lines": [{"description": "a", "unitPrice": "-1"}]}), ("/lines/0/unitPrice", "rate_out_of_range"))]
    #[case::quantity(json!({"currency": "EUR", "lines": [{"description": "a", "quantity": "0", "unitPrice": "1"}]}), ("/lines/0/quantity", "zero"))]
    #[case::blank(json!({"currency": "EUR", "lines": [{"description": " ", "unitPrice": "1"}]}), ("/lines/0/description", "invalid_name"))]
    #[case::memo(json!({"currency": "EUR", "memo": "", "lines": [{"description": "a", "unitPrice": "1"}]}), ("/memo", "invalid_name"))]
    fn a_one_off_invoice_is_refused_by_the_field(#[case] body: Value, #[case] expect: (&str, &str)) {
        let refused = decided(body).unwrap_err();
        assert_eq!((refused.pointer.as_str(), refused.code), expect);
    }
}
