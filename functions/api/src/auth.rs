//! Who calls: the platform, or a tenant by one of its keys.
//!
//! [`authenticate`] runs before every `/v1` route and answers 401 itself; the extractors below say what a route asks of
//! its caller. Invariants: a key is compared by its SHA-256, in constant time where it is compared here; a tenant's key
//! reaches its own tenant and answers 404 for any other, existing or not.

use crate::{
    parameters,
    problem::Problem,
    state::{Api, KnownTenant},
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use domain::{
    api_key::{ApiKey, KeyDigest},
    id::TenantId,
};
use http::{HeaderMap, header, request::Parts};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Whoever sent a request, known by a key that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The platform itself.
    Platform,
    /// A tenant.
    Tenant(TenantId),
}

impl Caller {
    /// The name under which its idempotency keys are kept.
    pub(crate) fn principal(self) -> String {
        match self {
            Self::Platform => "platform".to_owned(),
            Self::Tenant(id) => id.to_string(),
        }
    }
}

/// Lets a request through if its key works, and remembers whose it is.
pub(crate) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = bearer(request.headers()).ok_or_else(Problem::unauthenticated)?;
    let caller = caller(&api, key.digest()).await?.ok_or_else(Problem::unauthenticated)?;
    if let Caller::Tenant(id) = caller {
        belongs_to(id);
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The request is this tenant's: in its log lines, and for what it costs.
pub(crate) fn belongs_to(tenant_id: TenantId) {
    tracing::Span::current().record("tenant", tracing::field::display(tenant_id));
    cloud::spend::name_tenant(tenant_id);
}

fn bearer(headers: &HeaderMap) -> Option<ApiKey> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| ApiKey::presented(key.trim()))?
}

async fn caller(api: &Api, digest: KeyDigest) -> Result<Option<Caller>, Problem> {
    let platform = api.world().settings().platform_key;
    if platform.is_some_and(|platform| bool::from(platform.0.ct_eq(&digest.0))) {
        return Ok(Some(Caller::Platform));
    }
    Ok(api.live_key(digest).await?.map(|key| Caller::Tenant(key.tenant_id)))
}

/// Asks for any key that works.
impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, Problem> {
        // A route outside of `authenticate` has no caller.
        parts.extensions.get::<Self>().copied().ok_or_else(Problem::unauthenticated)
    }
}

/// Asks for the platform's own key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Platform;

impl FromRequestParts<Api> for Platform {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, api).await? {
            Caller::Platform => Ok(Self),
            Caller::Tenant(_) => Err(Problem::forbidden()),
        }
    }
}

/// Asks for one tenant: the caller's own, or the one that the platform names with `?tenant=`.
#[derive(Clone, Debug)]
pub(crate) struct TenantScope(pub(crate) Arc<KnownTenant>);

impl FromRequestParts<Api> for TenantScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let detail = "name the tenant with ?tenant=, by id or slug";
        let named = AnyTenantScope::from_request_parts(parts, api).await?.0;
        named.map(Self).ok_or_else(|| Problem::bad_request("tenant_required", detail))
    }
}

/// As [`TenantScope`], where the platform may also name none.
#[derive(Clone, Debug)]
pub(crate) struct AnyTenantScope(pub(crate) Option<Arc<KnownTenant>>);

impl FromRequestParts<Api> for AnyTenantScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        let named = parameters::get(&parts.uri, "tenant")?;
        let tenant = match (caller, named.as_deref()) {
            (Caller::Platform, None) => return Ok(Self(None)),
            (Caller::Platform, Some(name)) => api.tenant(name).await?,
            (Caller::Tenant(id), None) => api.tenant(&id.to_string()).await?,
            (Caller::Tenant(id), Some(name)) => api.tenant(&id.to_string()).await?.filter(|own| own.is_named(name)),
        };
        let tenant = tenant.ok_or_else(Problem::not_found)?;
        belongs_to(tenant.id);
        Ok(Self(Some(tenant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::bearer("Bearer ml_live_1", Some("ml_live_1"))]
    #[case::any_case("bearer ml_live_1", Some("ml_live_1"))]
    #[case::blanks("Bearer   ml_live_1 ", Some("ml_live_1"))]
    #[case::other_scheme("Basic ml_live_1", None)]
    #[case::no_key("Bearer ", None)]
    #[case::no_scheme("ml_live_1", None)]
    #[case::two_words("Bearer ml live", None)]
    fn a_key_comes_as_a_bearer_token(#[case] value: &str, #[case] expect: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&headers).as_ref().map(ApiKey::reveal), expect);
    }
}
