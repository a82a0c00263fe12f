//! Tax rates by country and region. A rate never changes: archive it, and create another one.

use crate::{
    auth::Platform,
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    routes,
    state::Api,
};
use axum::extract::{Path, State};
use domain::{
    Timestamp, Violation,
    catalog::{self, Percent, shape::Digits},
    id::TaxRateId,
    place::Place,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tax rate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaxRate {
    /// Who it is.
    #[schema(value_type = String, example = "tax_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: TaxRateId,
    /// Its name, as printed.
    #[schema(example = "VAT")]
    name: String,
    /// The rate, in percent.
    #[schema(example = "19")]
    percent: String,
    /// ISO 3166-1 code; `null` for everywhere.
    #[schema(example = "DE")]
    country: Option<String>,
    /// The part of ISO 3166-2 behind the hyphen; `null` for the whole country.
    #[schema(example = "CA")]
    region: Option<String>,
    /// Whether prices have it inside.
    inclusive: bool,
    /// When it was created.
    created_at: Timestamp,
    /// Since when it applies to no new invoice.
    archived_at: Option<Timestamp>,
}

impl From<catalog::TaxRate> for TaxRate {
    fn from(rate: catalog::TaxRate) -> Self {
        Self {
            id: rate.id,
            name: rate.name,
            percent: rate.percent.value().to_string(),
            country: rate.place.country,
            region: rate.place.region,
            inclusive: rate.inclusive,
            created_at: rate.created_at,
            archived_at: rate.archived_at,
        }
    }
}

/// A tax rate to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewTaxRate {
    /// Its name, as printed.
    #[schema(example = "VAT")]
    name: String,
    /// The rate, in percent, from 0 to 100.
    #[schema(value_type = String, example = "19")]
    percent: Digits,
    /// ISO 3166-1 code; everywhere, unless it is sent.
    #[schema(example = "DE")]
    country: Option<String>,
    /// The part of ISO 3166-2 behind the hyphen; the whole country, unless it is sent.
    #[schema(example = "CA")]
    region: Option<String>,
    /// Whether prices have it inside.
    inclusive: bool,
}

/// Create a tax rate
///
/// It applies to every invoice that is issued from now on to a tenant there; of several rates the one that names most of
/// the place does, of equal ones the oldest.
#[utoipa::path(
    post, path = "/v1/tax-rates", operation_id = "createTaxRate", tag = "Taxes", security(("platformKey" = [])),
    request_body = NewTaxRate,
    responses((status = 201, body = TaxRate, description = "The rate."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewTaxRate>,
) -> Result<(StatusCode, axum::Json<TaxRate>), Problem> {
    let now = api.world().now();
    let rate = decide(new, TaxRateId::new(creation.uuid(&api, now)), now)?;
    let rate = match api.world().create_tax_rate(&rate).await? {
        true => rate,
        false => api.world().tax_rate(rate.id).await?.ok_or_else(Problem::not_found)?,
    };
    Ok((StatusCode::CREATED, axum::Json(rate.into())))
}

fn decide(new: NewTaxRate, id: TaxRateId, now: Timestamp) -> Result<catalog::TaxRate, Violation> {
    let NewTaxRate { name, percent: Digits(percent), country, region, inclusive } = new;
    let percent = Percent::parse(&percent).map_err(|violation| violation.under("/percent"))?;
    let place = Place { country, region };
    let rate = catalog::TaxRate { id, name, percent, place, inclusive, created_at: now, archived_at: None };
    rate.check()?;
    Ok(rate)
}

/// List tax rates, by country
#[utoipa::path(
    get, path = "/v1/tax-rates", operation_id = "listTaxRates", tag = "Taxes", security(("platformKey" = [])),
    params(PageParameters),
    responses((status = 200, body = List<TaxRate>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Platform,
    paging: Paging,
) -> Result<axum::Json<List<TaxRate>>, Problem> {
    let page = api.world().tax_rates(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, TaxRate::from))
}

/// Archive a tax rate
///
/// It applies to no new invoice. What was issued keeps it.
#[utoipa::path(
    post, path = "/v1/tax-rates/{rate}/archive", operation_id = "archiveTaxRate", tag = "Taxes", security(("platformKey" = [])),
    params(("rate" = String, Path, description = "Which rate.")),
    responses((status = 200, body = TaxRate, description = "The rate as it is now."), WriteRefusals)
)]
pub(crate) async fn archive(
    State(api): State<Api>,
    _: Platform,
    Path(rate): Path<String>,
) -> Result<axum::Json<TaxRate>, Problem> {
    let archived = api.world().archive_tax_rate(routes::id(&rate)?, api.world().now()).await?;
    Ok(axum::Json(archived.ok_or_else(Problem::not_found)?.into()))
}
