//! Tenants: the platform's customers, who are billed.

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
use cloud::store::CreateOutcome;
use domain::{TimeZone, Timestamp, Violation, id::TenantId, text::Slug};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A customer of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tenant {
    /// Who it is.
    #[schema(value_type = String, example = "ten_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: TenantId,
    /// Short unique name, usable wherever the id is.
    #[schema(example = "acme")]
    slug: String,
    /// Name as printed on invoices.
    #[schema(example = "Acme GmbH")]
    name: String,
    /// Where invoices go.
    #[schema(example = "billing@acme.example")]
    email: Option<String>,
    /// Postal address as printed, country last.
    address: Vec<String>,
    /// VAT, GST or similar number as printed.
    #[schema(example = "DE123456789")]
    tax_id: Option<String>,
    /// IANA name of the zone in which its days and months begin.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// When it was created.
    created_at: Timestamp,
}

impl From<domain::tenant::Tenant> for Tenant {
    fn from(tenant: domain::tenant::Tenant) -> Self {
        Self {
            id: tenant.id,
            slug: tenant.slug.to_string(),
            name: tenant.name,
            email: tenant.email,
            address: tenant.address,
            tax_id: tenant.tax_id,
            time_zone: tenant.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            created_at: tenant.created_at,
        }
    }
}

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
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What changes about a tenant: fields that are not sent stay, and `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TenantChange {
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
        CreateOutcome::Created => Ok((StatusCode::CREATED, axum::Json(tenant.into()))),
        CreateOutcome::Repeated => Ok((StatusCode::CREATED, axum::Json(load(&api, tenant.id).await?.into()))),
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
        time_zone: time_zone(&new.time_zone)?,
        created_at: now,
    };
    tenant.check()?;
    Ok(tenant)
}

fn time_zone(name: &str) -> Result<TimeZone, Violation> {
    let zone = TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some());
    zone.ok_or_else(|| Violation::new("/timeZone", "unknown_time_zone", "send an IANA name, such as Europe/Berlin"))
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
    Ok(paging.answer(page, Tenant::from))
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
    Ok(axum::Json(load(&api, id).await?.into()))
}

/// Change a tenant
///
/// Slug and time zone never change: invoice numbers and counted hours go by them.
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
    let tenant = changed(load(&api, id).await?, change);
    tenant.check()?;
    api.world().store(id).update_tenant(&tenant).await?;
    Ok(axum::Json(tenant.into()))
}

fn changed(tenant: domain::tenant::Tenant, change: TenantChange) -> domain::tenant::Tenant {
    domain::tenant::Tenant {
        name: change.name.unwrap_or(tenant.name),
        email: change.email.unwrap_or(tenant.email),
        address: change.address.unwrap_or(tenant.address),
        tax_id: change.tax_id.unwrap_or(tenant.tax_id),
        ..tenant
    }
}

/// The tenant called `name`, if the caller may see it.
async fn named(api: &Api, caller: Caller, name: &str) -> Result<TenantId, Problem> {
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
    #[case::name(r#"{"slug":"acme","name":""}"#, ("/name", "invalid_name"))]
    #[case::email(r#"{"slug":"acme","name":"Acme","email":"nobody"}"#, ("/email", "invalid_email"))]
    fn a_tenant_is_refused_by_the_field(#[case] new: &str, #[case] expect: (&str, &str)) {
        let new = serde_json::from_str(new).unwrap();
        let violation = decide(new, TenantId::derived(&["acme"]), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!((violation.pointer.as_str(), violation.code), expect);
    }

    #[test]
    fn a_time_zone_is_answered_by_its_own_name() {
        assert_eq!(Tenant::from(tenant()).time_zone, "Europe/Berlin");
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
        let tenant = changed(tenant(), serde_json::from_str(change).unwrap());
        assert_eq!((tenant.email.as_deref(), tenant.tax_id.as_deref()), (email, tax_id));
    }
}
