//! Tenants: the platform's customers, who are billed. The shape of an answer is in [`answer`].

mod answer;
mod status;

use self::{
    answer::{NumberFormat, TaxTreatment, Tenant},
    status::TenantStatus,
};
use crate::{
    auth::{Caller, Platform},
    body::{self, Json},
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    state::Api,
};
use axum::extract::{Path, State};
use cloud::{Fault, store::CreateOutcome};
use domain::{
    TimeZone, Timestamp, Violation,
    id::TenantId,
    invoice,
    locale::Locale,
    place::Place,
    tenant::TaxProfile,
    text::Slug,
    usage::{Layout, Layouts},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A tenant to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewTenant {
    /// Short unique name: lower-case letters, digits, `-` and `_`; upper-cased it starts the invoice numbers.
    #[schema(example = "acme")]
    slug: String,
    /// Name as printed on invoices, in any script.
    #[schema(example = "Acme GmbH")]
    name: String,
    /// Where invoices go.
    email: Option<String>,
    /// Postal address as printed, at most 6 lines, country last.
    #[serde(default)]
    address: Vec<String>,
    /// VAT, GST or similar number as printed.
    tax_id: Option<String>,
    /// IANA name of the zone in which its days and months begin; it never changes.
    #[serde(default = "utc")]
    #[schema(default = "UTC", example = "Europe/Berlin")]
    time_zone: String,
    /// The language of its invoices: `en`, `de`, `fr`, `ja` or `zh`.
    #[serde(default = "english")]
    #[schema(default = "en", example = "de")]
    locale: String,
}

fn english() -> String {
    Locale::En.tag().to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What changes about a tenant: fields that are not sent stay, and `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TenantChange {
    /// `canceled` for a customer that is none any more, which needs an end of each of its subscriptions; `active` for one
    /// that is back.
    status: Option<TenantStatus>,
    /// Name as printed on invoices.
    name: Option<String>,
    /// Where invoices go.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// Postal address as printed, at most 6 lines, country last.
    address: Option<Vec<String>>,
    /// VAT, GST or similar number as printed.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<String>)]
    tax_id: Option<Option<String>>,
    /// ISO 3166-1 code of where it is taxed.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<String>, example = "US")]
    country: Option<Option<String>>,
    /// The part of ISO 3166-2 behind the hyphen.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<String>, example = "CA")]
    region: Option<Option<String>>,
    /// Whether it pays tax; `reverseCharge` needs a `taxId`.
    tax_treatment: Option<TaxTreatment>,
    /// The language of its invoices from now on: `en`, `de`, `fr`, `ja` or `zh`.
    #[schema(example = "de")]
    locale: Option<String>,
    /// The balance of its credits, in minor units of any currency, below which `credit.balance_low.v1` is sent.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<i64>, minimum = 0, example = 1000)]
    low_balance_threshold_minor: Option<Option<i64>>,
    /// How invoices are numbered from now on; `null` for the slug and four digits.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<NumberFormat>)]
    invoice_number: Option<Option<NumberFormat>>,
    /// How many days the tenant has to pay, 0 to 365; `null` for what the operator chose.
    #[serde(default, deserialize_with = "body::sent")]
    #[schema(value_type = Option<u16>, maximum = 365)]
    payment_term_days: Option<Option<u16>>,
    /// How many lanes the events of a bucket are spread over, 1 to 64.
    #[schema(example = 4)]
    usage_shards: Option<u32>,
    /// How many minutes wide the stretch is within which an event's id is unique: 60, 30, 15 or 5.
    #[schema(example = 60)]
    usage_bucket_minutes: Option<u32>,
}

/// Create a tenant
#[utoipa::path(
    post, path = "/v1/tenants", operation_id = "createTenant", tag = "Tenants", security(("platformKey" = [])),
    request_body = NewTenant,
    responses((status = 201, body = Tenant, description = "The tenant."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewTenant>,
) -> Result<(StatusCode, axum::Json<Tenant>), Problem> {
    let now = api.world().now();
    let tenant = decide(new, TenantId::new(creation.uuid(&api, now)), now)?;
    match until_not_raced(|| api.world().create_tenant(&tenant)).await? {
        CreateOutcome::Created => Ok((StatusCode::CREATED, axum::Json(Tenant::at(now, tenant)))),
        CreateOutcome::Repeated => Ok((StatusCode::CREATED, axum::Json(Tenant::at(now, load(&api, tenant.id).await?)))),
        CreateOutcome::NameTaken => {
            Err(Problem::conflict("slug_taken", "another tenant has this slug; choose another").at("/slug"))
        }
    }
}

fn decide(new: NewTenant, id: TenantId, now: Timestamp) -> Result<domain::tenant::Tenant, Violation> {
    let tenant = domain::tenant::Tenant {
        id,
        slug: Slug::parse(&new.slug).map_err(|violation| violation.under("/slug"))?,
        name: new.name,
        email: new.email,
        address: new.address,
        tax_id: new.tax_id,
        tax: TaxProfile::default(),
        locale: locale(&new.locale)?,
        low_balance_minor: None,
        time_zone: time_zone(&new.time_zone)?,
        invoice_number: invoice::NumberFormat::default(),
        payment_term_days: None,
        usage_log: Layouts::default(),
        refused_usage: None,
        canceled_at: None,
        created_at: now,
    };
    tenant.check()?;
    Ok(tenant)
}

fn time_zone(name: &str) -> Result<TimeZone, Violation> {
    let zone = TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some());
    zone.ok_or_else(|| Violation::new("/timeZone", "unknown_time_zone", "send an IANA name, such as Europe/Berlin"))
}

fn locale(tag: &str) -> Result<Locale, Violation> {
    Locale::parse(tag).map_err(|violation| violation.under("/locale"))
}

/// List tenants, oldest first
#[utoipa::path(
    get, path = "/v1/tenants", operation_id = "listTenants", tag = "Tenants", security(("platformKey" = [])), params(PageParameters),
    responses((status = 200, body = List<Tenant>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Platform,
    paging: Paging,
) -> Result<axum::Json<List<Tenant>>, Problem> {
    let page = api.world().tenants(paging.limit, paging.after.as_ref()).await?;
    let now = api.world().now();
    Ok(paging.answer(page, |tenant| Tenant::at(now, tenant)))
}

/// Get a tenant by id or slug
///
/// A tenant's key may read its own.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", operation_id = "getTenant", tag = "Tenants", security(("platformKey" = []), ("tenantKey" = [])),
    params(("tenant" = String, Path, description = "Id or slug.")),
    responses((status = 200, body = Tenant, description = "The tenant."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Tenant>, Problem> {
    let id = named(&api, caller, &name).await?;
    Ok(axum::Json(Tenant::at(api.world().now(), load(&api, id).await?)))
}

/// Change a tenant
///
/// Slug and time zone never change: invoice numbers and counted hours go by them. `usageShards` and `usageBucketMinutes`
/// hold from an hour of the tenant's on that is at least 65 minutes ahead, as `usageLog` in the answer says, so that what was
/// sent before keeps its place. They replace a change that is still to come, or follow it if it is nearer than that.
///
/// To cancel a tenant, end its subscriptions first: 409 `subscriptions_running` otherwise. What would charge something new to
/// a canceled tenant answers 409 `tenant_canceled`; invoices of what was, payments and reading go on.
#[utoipa::path(
    patch, path = "/v1/tenants/{tenant}", operation_id = "changeTenant", tag = "Tenants", security(("platformKey" = [])),
    params(("tenant" = String, Path, description = "Id or slug.")),
    request_body = TenantChange,
    responses((status = 200, body = Tenant, description = "The tenant as it is now."), WriteRefusals)
)]
pub(crate) async fn update(
    State(api): State<Api>,
    _: Platform,
    Path(name): Path<String>,
    Json(change): Json<TenantChange>,
) -> Result<axum::Json<Tenant>, Problem> {
    let id = named(&api, Caller::Platform, &name).await?;
    let tenant = until_not_raced(|| replace(&api, id, &change)).await??;
    Ok(axum::Json(Tenant::at(api.world().now(), tenant)))
}

/// Changes the tenant as it is now; a conflict if it is another by the time it is written.
async fn replace(
    api: &Api,
    id: TenantId,
    change: &TenantChange,
) -> Result<Result<domain::tenant::Tenant, Problem>, Fault> {
    let store = api.world().store(id);
    let Some((revision, tenant)) = store.stored_tenant().await? else { return Ok(Err(Problem::not_found())) };
    let now = api.world().now();
    let canceled_at = match status::canceled_at(&store, &tenant, change.status, now).await? {
        Ok(canceled_at) => canceled_at,
        Err(problem) => return Ok(Err(problem)),
    };
    let tenant = match changed(tenant, change, now) {
        Ok(tenant) => domain::tenant::Tenant { canceled_at, ..tenant },
        Err(violation) => return Ok(Err(violation.into())),
    };
    if store.replace_tenant(revision, &tenant).await? {
        return Ok(Ok(tenant));
    }
    Err(Fault::Conflict { operation: "replace tenant" })
}

fn changed(
    tenant: domain::tenant::Tenant,
    change: &TenantChange,
    now: Timestamp,
) -> Result<domain::tenant::Tenant, Violation> {
    let tenant = domain::tenant::Tenant {
        usage_log: changed_layouts(&tenant, change, now)?,
        invoice_number: changed_number(&tenant, change)?,
        payment_term_days: change.payment_term_days.unwrap_or(tenant.payment_term_days),
        name: change.name.clone().unwrap_or(tenant.name),
        email: change.email.clone().unwrap_or(tenant.email),
        address: change.address.clone().unwrap_or(tenant.address),
        tax_id: change.tax_id.clone().unwrap_or(tenant.tax_id),
        tax: TaxProfile {
            place: Place {
                country: change.country.clone().unwrap_or(tenant.tax.place.country),
                region: change.region.clone().unwrap_or(tenant.tax.place.region),
            },
            treatment: change.tax_treatment.map_or(tenant.tax.treatment, Into::into),
        },
        locale: change.locale.as_deref().map_or(Ok(tenant.locale), locale)?,
        low_balance_minor: change.low_balance_threshold_minor.unwrap_or(tenant.low_balance_minor),
        ..tenant
    };
    tenant.check()?;
    Ok(tenant)
}

fn changed_number(tenant: &domain::tenant::Tenant, change: &TenantChange) -> Result<invoice::NumberFormat, Violation> {
    match &change.invoice_number {
        None => Ok(tenant.invoice_number.clone()),
        Some(None) => Ok(invoice::NumberFormat::default()),
        Some(Some(format)) => invoice::NumberFormat::parse(&format.template, format.prefix.as_deref())
            .map_err(|violation| violation.under("/invoiceNumber")),
    }
}

fn changed_layouts(
    tenant: &domain::tenant::Tenant,
    change: &TenantChange,
    now: Timestamp,
) -> Result<Layouts, Violation> {
    let TenantChange { usage_shards, usage_bucket_minutes, .. } = change;
    if usage_shards.is_none() && usage_bucket_minutes.is_none() {
        return Ok(tenant.usage_log.clone());
    }
    let latest = tenant.usage_log.latest();
    let shards = usage_shards.unwrap_or_else(|| latest.shards.into());
    let bucket_minutes = usage_bucket_minutes.unwrap_or_else(|| latest.bucket_minutes.into());
    let field = if usage_shards.is_some() { "/usageShards" } else { "/usageBucketMinutes" };
    let layout = Layout::new(shards, bucket_minutes)?;
    tenant.usage_log.changed(layout, now, &tenant.time_zone).map_err(|violation| violation.under(field))
}

/// The tenant called `name`, if the caller may see it.
pub(crate) async fn named(api: &Api, caller: Caller, name: &str) -> Result<TenantId, Problem> {
    let tenant = match caller {
        Caller::Platform => api.tenant(name).await?,
        Caller::Tenant(id) => api.tenant(&id.to_string()).await?.filter(|own| own.is_named(name)),
    };
    tenant.map(|tenant| tenant.id).ok_or_else(Problem::not_found)
}

async fn load(api: &Api, id: TenantId) -> Result<domain::tenant::Tenant, Problem> {
    api.world().store(id).tenant().await?.ok_or_else(Problem::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn tenant() -> domain::tenant::Tenant {
        let new = r#"{"slug":"acme","name":"Acme","email":"a@acme.example","taxId":"DE1","timeZone":"europe/berlin"}"#;
        decide(serde_json::from_str(new).unwrap(), TenantId::derived(&["acme"]), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[rstest]
    #[case::slug(r#"{"slug":"Acme","name":"Acme"}"#, ("/slug", "invalid_slug"))]
    #[case::zone(r#"{"slug":"acme","name":"Acme","timeZone":"Mars"}"#, ("/timeZone", "unknown_time_zone"))]
    #[case::locale(r#"{"slug":"acme","name":"Acme","locale":"xx"}"#, ("/locale", "unknown_locale"))]
    #[case::name(r#"{"slug":"acme","name":""}"#, ("/name", "invalid_name"))]
    #[case::email(r#"{"slug":"acme","name":"Acme","email":"nobody"}"#, ("/email", "invalid_email"))]
    fn a_tenant_is_refused_by_the_field(#[case] new: &str, #[case] expect: (&str, &str)) {
        let new = serde_json::from_str(new).unwrap();
        let violation = decide(new, TenantId::derived(&["acme"]), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), expect);
    }

    #[test]
    fn a_time_zone_is_answered_by_its_own_name() {
        assert_eq!(Tenant::at(Timestamp::UNIX_EPOCH, tenant()).time_zone, "Europe/Berlin");
    }

    #[rstest]
    #[case::nothing("{}", Some("a@acme.example"), Some("DE1"))]
    #[case::cleared(r#"{"email":null}"#, None, Some("DE1"))]
    #[case::replaced(r#"{"taxId":"DE2"}"#, Some("a@acme.example"), Some("DE2"))]
    fn a_change_leaves_what_is_not_sent(
        #[case] change: &str,
        #[case] email: Option<&str>,
        #[case] tax_id: Option<&str>,
    ) {
        let change = serde_json::from_str(change).unwrap();
        let tenant = changed(tenant(), &change, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((tenant.email.as_deref(), tenant.tax_id.as_deref()), (email, tax_id));
    }

    #[rstest]
    #[case::not_sent("{}", Ok(Locale::En))]
    #[case::sent(r#"{"locale":"de"}"#, Ok(Locale::De))]
    #[case::unknown(r#"{"locale":"DE"}"#, Err("unknown_locale"))]
    fn a_locale_is_changed_by_its_tag(#[case] change: &str, #[case] expect: Result<Locale, &str>) {
        let after = changed(tenant(), &serde_json::from_str(change).unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(after.map(|tenant| tenant.locale).map_err(|violation| violation.code), expect);
    }

    /// What is asked for one after the other at the epoch, in Berlin; what it leads to from 02:00 there on.
    #[rstest]
    #[case::a_name_leaves_it(&[r#"{"name":"A"}"#], Ok((1, 60)))]
    #[case::shards(&[r#"{"usageShards":4}"#], Ok((4, 60)))]
    #[case::width(&[r#"{"usageBucketMinutes":15}"#], Ok((1, 15)))]
    #[case::what_is_not_sent_stays_as_it_will_be(&[r#"{"usageShards":4}"#, r#"{"usageBucketMinutes":15}"#], Ok((4, 15)))]
    #[case::a_name_leaves_what_will_be(&[r#"{"usageShards":4}"#, r#"{"name":"A"}"#], Ok((4, 60)))]
    #[case::back(&[r#"{"usageShards":4}"#, r#"{"usageShards":1}"#], Ok((1, 60)))]
    #[case::no_shards(&[r#"{"usageShards":0}"#], Err(("/usageShards", "invalid_shards")))]
    #[case::no_width(&[r#"{"usageBucketMinutes":61}"#], Err(("/usageBucketMinutes", "invalid_bucket")))]
    fn a_layout_is_changed_by_the_field(#[case] changes: &[&str], #[case] expect: Result<(u16, u8), (&str, &str)>) {
        let step =
            |tenant, change: &&str| changed(tenant, &serde_json::from_str(change).unwrap(), Timestamp::UNIX_EPOCH);
        let after = changes.iter().try_fold(tenant(), step);
        let after = after.as_ref().map(|tenant| {
            let layout = tenant.usage_log.at("1970-01-01T02:00:00Z".parse().unwrap());
            (layout.shards, layout.bucket_minutes)
        });
        assert_eq!(after.map_err(|violation| (violation.pointer.as_str(), violation.code)), expect);
    }
}
