//! Prepaid credits: what a tenant was granted, what is left of it, and what has become of it. Invoices use it by themselves.

mod answer;
mod request;

use self::{
    answer::{CreditBalance, Grant, GrantWithHistory},
    request::NewGrant,
};
use crate::{
    auth::{Platform, TenantScope},
    body::Json,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List, PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    routes,
    state::{Api, KnownTenant},
};
use axum::extract::{Path, State};
use cloud::{Fault, store::Used};
use domain::{Timestamp, Violation, calendar::CalendarError, grant::CreditGrant, id::GrantId};
use http::StatusCode;

/// Grant credit
///
/// It pays invoices of its currency from now on, after tax: grants of a lower priority number first, then those that
/// expire sooner, then older ones.
#[utoipa::path(
    post, path = "/v1/credits/grants", operation_id = "createGrant", tag = "Credits", security(("platformKey" = [])),
    request_body = NewGrant,
    responses((status = 201, body = Grant, description = "The grant."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _: Platform,
    creation: Creation,
    Json(new): Json<NewGrant>,
) -> Result<(StatusCode, axum::Json<Grant>), Problem> {
    let now = api.world().now();
    let unknown = || Problem::from(Violation::new("/tenant", "unknown_tenant", "name a tenant by id or slug"));
    let tenant = api.tenant(&new.tenant).await?.ok_or_else(unknown)?;
    tenant.check_customer()?;
    let grant = new.decide(GrantId::new(creation.uuid(&api, now)), &tenant, now)?;
    let store = api.store(&tenant);
    let made = until_not_raced(|| store.create_grant(&grant, Used::default())).await?;
    let grant = if made { grant } else { load(&api, &tenant, grant.id, now).await?.1 };
    Ok((StatusCode::CREATED, axum::Json(Grant::at(now, grant)?)))
}

/// List grants, oldest first
#[utoipa::path(
    get, path = "/v1/credits/grants", operation_id = "listGrants", tag = "Credits", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<Grant>, description = "A page of them, with their balances."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<Grant>>, Problem> {
    let now = api.world().now();
    let page = api.store(&tenant).grants(paging.limit, paging.after.as_ref()).await?;
    let page = page.try_map(|grant| Grant::at(now, grant.as_of(now).map_err(out_of_calendar)?))?;
    Ok(paging.answer(page, |grant| grant))
}

/// Get a grant, with every use of it
#[utoipa::path(
    get, path = "/v1/credits/grants/{id}", operation_id = "getGrant", tag = "Credits", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which grant."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = GrantWithHistory, description = "The grant."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<GrantWithHistory>, Problem> {
    let now = api.world().now();
    let (_, grant) = load(&api, &tenant, routes::id(&id)?, now).await?;
    let uses = api.store(&tenant).grant_uses(grant.id).await?;
    Ok(axum::Json(GrantWithHistory::new(Grant::at(now, grant)?, uses)))
}

/// Take back what is left of a grant
///
/// What invoices have used stays used. A second time changes nothing.
#[utoipa::path(
    post, path = "/v1/credits/grants/{id}/void", operation_id = "voidGrant", tag = "Credits", security(("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which grant."),
        ("tenant" = String, Query, description = "Id or slug of whose it is."),
    ),
    responses((status = 200, body = Grant, description = "The grant as it is now."), WriteRefusals)
)]
pub(crate) async fn void(
    State(api): State<Api>,
    _: Platform,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<Grant>, Problem> {
    let now = api.world().now();
    let id: GrantId = routes::id(&id)?;
    let voided = until_not_raced(|| take_back(&api, &tenant, id, now)).await?;
    Ok(axum::Json(Grant::at(now, voided.ok_or_else(Problem::not_found)?)?))
}

/// One try to take back what is left; a conflict if an invoice used of it meanwhile.
async fn take_back(api: &Api, tenant: &KnownTenant, id: GrantId, now: Timestamp) -> Result<Option<CreditGrant>, Fault> {
    let store = api.store(tenant);
    let Some((version, grant)) = store.grant(id).await? else { return Ok(None) };
    if grant.voided.is_some() {
        return Ok(Some(grant));
    }
    store.void_grant(version, grant, now).await.map(Some)
}

/// Get what credits are left
#[utoipa::path(
    get, path = "/v1/credits/balance", operation_id = "getCreditBalance", tag = "Credits",
    security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it.")),
    responses((status = 200, body = List<CreditBalance>, description = "One for each currency."), ReadRefusals)
)]
pub(crate) async fn balance(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
) -> Result<axum::Json<List<CreditBalance>>, Problem> {
    let now = api.world().now();
    let grants = api.store(&tenant).all_grants().await?.into_iter();
    let grants = grants.map(|grant| grant.as_of(now)).collect::<Result<Vec<_>, _>>().map_err(out_of_calendar)?;
    Ok(page::whole(CreditBalance::of(&grants, now)?))
}

/// The version and the grant `id` as it is now.
async fn load(api: &Api, tenant: &KnownTenant, id: GrantId, now: Timestamp) -> Result<(u64, CreditGrant), Problem> {
    let (version, grant) = api.store(tenant).grant(id).await?.ok_or_else(Problem::not_found)?;
    Ok((version, grant.as_of(now).map_err(out_of_calendar)?))
}

fn out_of_calendar(error: CalendarError) -> Problem {
    Problem::internal(error.to_string())
}
