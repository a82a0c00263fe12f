//! One line of an invoice with everything that explains its amount: the arithmetic, what coupons took off, the tax on it,
//! the price as it was published, the usage log behind its quantity, and what credit notes took back of it since.

use super::line::Line;
use crate::{
    auth::TenantScope,
    body::exact_text,
    openapi::ReadRefusals,
    problem::Problem,
    routes::{prices::Price, subscriptions::PlanPinned},
    state::Api,
};
use axum::extract::{Path, State};
use domain::{
    Timestamp,
    catalog::{OfferKey, PlanVersion, PriceShape},
    id::{CouponId, InvoiceId},
    invoice::{self, CreditNote, Statement},
    subscription::{Subscription, Term},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that explains a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineExplained {
    /// Of which invoice.
    #[schema(value_type = String)]
    invoice_id: InvoiceId,
    /// That invoice's number; `null` for a draft.
    #[schema(example = "ACME-0001")]
    number: Option<String>,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
    /// The line with its arithmetic: `exact` was rounded once to `amountMinor`.
    line: Line,
    /// What coupons took off it, in the order in which they did.
    discounts: Vec<LineDiscount>,
    /// The taxes on it.
    taxes: Vec<LineTax>,
    /// What it charges after discounts, with tax, in minor units.
    #[schema(value_type = i64, example = 1071)]
    charged_minor: i128,
    /// What credit notes took back of that since, in minor units.
    #[schema(value_type = i64, example = 0)]
    credited_by_notes_minor: i128,
    /// Where its price comes from; `null` for what no plan charges.
    source: Option<PublishedSource>,
}

/// What a coupon took off a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineDiscount {
    /// Which coupon.
    #[schema(value_type = String)]
    coupon_id: CouponId,
    /// Its name, as printed.
    #[schema(example = "Welcome")]
    name: String,
    /// What it took off, in minor units.
    #[schema(example = 100)]
    amount_minor: i64,
}

/// A tax on a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineTax {
    /// Its name, as printed.
    #[schema(example = "VAT")]
    name: String,
    /// In percent.
    #[schema(example = "19")]
    percent: String,
    /// Whether the line has it inside.
    inclusive: bool,
    /// How much, in minor units: the line's part of the tax that was rounded once on the invoice.
    #[schema(example = 171)]
    amount_minor: i64,
}

/// The published version that a line charges by.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishedSource {
    /// Which version of which plan.
    plan: PlanPinned,
    /// The plan's name in that version; `null` where the version is not in the catalog.
    #[schema(example = "Pro")]
    name: Option<String>,
    /// When that version was published.
    published_at: Option<Timestamp>,
    /// The price as it was published; `null` for the base fee.
    #[schema(value_type = Option<Price>)]
    price: Option<PriceShape>,
}

/// Explain a line of an invoice
///
/// Everything behind its amount: quantity, tiers, modifiers, rounding, discounts, tax, the price as it was published, and
/// the digest and number of the events behind the quantity.
#[utoipa::path(
    get, path = "/v1/invoices/{id}/lines/{line}/explain", operation_id = "explainInvoiceLine", tag = "Invoices",
    security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which invoice."),
        ("line" = String, Path, description = "The line's key, percent-encoded."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = LineExplained, description = "The line, explained."), ReadRefusals)
)]
pub(crate) async fn explain(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path((id, key)): Path<(String, String)>,
) -> Result<axum::Json<LineExplained>, Problem> {
    let stored = super::load(&api, &tenant, &id).await?;
    let statement = stored.invoice.statement();
    let place = statement.lines.iter().position(|line| line.key == key).ok_or_else(Problem::not_found)?;
    let source = match &statement.lines[place].source {
        Some(source) => {
            let version = api.world().plan_version(source.plan).await?;
            let subscription = match &statement.subscription {
                Some(run) => api.store(&tenant).subscription(run.id).await?,
                None => None,
            };
            Some(published(source, version.as_ref(), offer_key(statement, place, source, subscription.as_ref())))
        }
        None => None,
    };
    let notes = api.store(&tenant).credit_notes(statement.id).await?;
    let notes: Vec<CreditNote> = notes.into_iter().map(|stored| stored.note).collect();
    let number = stored.invoice.issued().map(|open| open.number.to_string());
    Ok(axum::Json(LineExplained { number, source, ..explained(statement, place, &notes) }))
}

fn explained(statement: &Statement, place: usize, notes: &[CreditNote]) -> LineExplained {
    let line = &statement.lines[place];
    let part = |parts: &[i64]| parts.get(place).copied().unwrap_or_default();
    let discounts: Vec<LineDiscount> = (statement.discounts.iter())
        .map(|discount| LineDiscount {
            coupon_id: discount.coupon_id,
            name: discount.name.clone(),
            amount_minor: part(&discount.off_lines_minor),
        })
        .filter(|discount| discount.amount_minor != 0)
        .collect();
    let taxes: Vec<LineTax> = (statement.taxes.iter())
        .map(|tax| LineTax {
            name: tax.name.clone(),
            percent: exact_text(tax.rate.value()),
            inclusive: tax.inclusive,
            amount_minor: part(&tax.of_lines_minor),
        })
        .collect();
    let off: i128 = discounts.iter().map(|discount| i128::from(discount.amount_minor)).sum();
    let on_top: i128 = taxes.iter().filter(|tax| !tax.inclusive).map(|tax| i128::from(tax.amount_minor)).sum();
    let credited = notes.iter().flat_map(|note| &note.lines).filter(|credited| credited.key == line.key);
    LineExplained {
        invoice_id: statement.id,
        number: None,
        currency: statement.total.currency.to_string(),
        line: Line::from(line),
        charged_minor: i128::from(line.amount.amount_minor) - off + on_top,
        credited_by_notes_minor: credited.map(|credited| i128::from(credited.amount_minor)).sum(),
        discounts,
        taxes,
        source: None,
    }
}

/// Which offer of its plan version a line charges by: the subscription's on the line's first day, or else on any day.
fn offer_key(
    statement: &Statement,
    place: usize,
    source: &invoice::Source,
    subscription: Option<&Subscription>,
) -> Option<OfferKey> {
    let subscription = subscription?;
    let (first_day, _) = statement.lines[place].days.unwrap_or(statement.days);
    let then = subscription.term_on(first_day);
    let names = |term: &Term| term.offers().any(|(plan, _)| plan == source.plan);
    let of_plan = |term: &&Term| names(term) && term.offer.currency == statement.total.currency;
    let term = then.filter(of_plan).or_else(|| subscription.terms.iter().find(of_plan));
    term.map(|term| term.offer)
}

fn published(source: &invoice::Source, version: Option<&PlanVersion>, offer: Option<OfferKey>) -> PublishedSource {
    let offer = version.map(|version| offer.and_then(|key| version.offer(key)).unwrap_or(version.first_offer()));
    let price = source.price.as_ref().zip(offer);
    let price = price.and_then(|(key, offer)| offer.prices.iter().find(|price| price.key() == key));
    let price = price.map(PriceShape::from);
    PublishedSource {
        plan: source.plan.into(),
        name: version.map(|version| version.name.clone()),
        published_at: version.map(|version| version.created_at),
        price,
    }
}
