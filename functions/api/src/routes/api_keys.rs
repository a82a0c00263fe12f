//! API keys: how a tenant's own systems come in. A key is shown once, when it is made.

use crate::{
    auth::TenantScope,
    body::Json,
    idempotency::{AnswerToKeep, Creation},
    openapi::{ReadRefusals, WriteRefusals},
    page::{List, PageParameters, Paging},
    problem::Problem,
    retry::until_not_raced,
    routes,
    state::Api,
};
use axum::{
    Extension,
    extract::{Path, State},
};
use cloud::store::StoredApiKey;
use domain::{
    Timestamp, Violation,
    api_key::{ApiKey, KeyMode},
    id::{ApiKeyId, TenantId},
    text,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant's key, without the secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyListed {
    /// Which key.
    #[schema(value_type = String, example = "key_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: ApiKeyId,
    /// What its owner calls it.
    name: String,
    /// Its first characters.
    #[schema(example = "ml_live_a1b2")]
    preview: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it stops working by itself.
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    revoked_at: Option<Timestamp>,
}

impl From<StoredApiKey> for ApiKeyListed {
    fn from(stored: StoredApiKey) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            preview: stored.preview,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            revoked_at: stored.revoked_at,
        }
    }
}

/// A key that was just made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKeyCreated {
    /// The key without its secret.
    #[serde(flatten)]
    listed: ApiKeyListed,
    /// The key itself. It is shown here and never again: `null` in the answer to a repeat.
    key: Option<String>,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewApiKey {
    /// What its owner calls it.
    #[schema(example = "production")]
    name: String,
    /// What it is for; both kinds work alike, and start with `ml_live_` or `ml_test_`.
    #[serde(default)]
    mode: Mode,
    /// When it stops working by itself.
    expires_at: Option<Timestamp>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mode {
    /// Real money.
    #[default]
    Live,
    /// Trials.
    Test,
}

impl From<Mode> for KeyMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Test => Self::Test,
        }
    }
}

/// Create an API key
#[utoipa::path(
    post, path = "/v1/api-keys", operation_id = "createApiKey", tag = "API keys", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it.")),
    request_body = NewApiKey,
    responses((status = 201, body = ApiKeyCreated, description = "The key, once."), WriteRefusals)
)]
pub(crate) async fn create(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    creation: Creation,
    Json(new): Json<NewApiKey>,
) -> Result<(StatusCode, Extension<AnswerToKeep>, axum::Json<ApiKeyCreated>), Problem> {
    let now = api.world().now();
    let key = ApiKey::new(new.mode.into(), api.world().random().bytes());
    let made = decide(new, &key, tenant.id, ApiKeyId::new(creation.uuid(&api, now)), now)?;
    let store = api.store(&tenant);
    let stored = match until_not_raced(|| store.create_api_key(&made, key.digest())).await? {
        true => made.clone(),
        false => store.api_key(made.id).await?.ok_or_else(Problem::not_found)?,
    };
    // A key that was made before is not this one, and nobody can show it again.
    let shown = (stored.digest == made.digest).then(|| key.reveal().to_owned());
    let listed = ApiKeyListed::from(stored);
    let kept = keep(&ApiKeyCreated { listed: listed.clone(), key: None })?;
    Ok((StatusCode::CREATED, Extension(kept), axum::Json(ApiKeyCreated { listed, key: shown })))
}

fn decide(
    new: NewApiKey,
    key: &ApiKey,
    tenant_id: TenantId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<StoredApiKey, Violation> {
    text::check_name(&new.name).map_err(|violation| violation.under("/name"))?;
    if new.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Violation::new("/expiresAt", "expires_in_past", "send a time in the future"));
    }
    Ok(StoredApiKey {
        id,
        tenant_id,
        name: new.name,
        preview: key.preview(),
        digest: key.digest().to_string(),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    })
}

/// What is kept of `answer` for a repeat of the request.
pub(crate) fn keep<T: Serialize>(answer: &T) -> Result<AnswerToKeep, Problem> {
    serde_json::to_string(answer).map(AnswerToKeep).map_err(|error| Problem::internal(error.to_string()))
}

/// List API keys
#[utoipa::path(
    get, path = "/v1/api-keys", operation_id = "listApiKeys", tag = "API keys", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<ApiKeyListed>, description = "A page of them, without secrets."), ReadRefusals)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<ApiKeyListed>>, Problem> {
    let page = api.store(&tenant).api_keys(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, ApiKeyListed::from))
}

/// Revoke an API key
///
/// It stops working within eleven seconds and for good. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "API keys", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which key."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 204, description = "It is revoked."), ReadRefusals)
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: ApiKeyId = routes::id(&id)?;
    let now = api.world().now();
    let store = api.store(&tenant);
    let revoked = until_not_raced(|| store.revoke_api_key(id, now)).await?;
    api.forget_keys();
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
