//! One usage event: its whole story, and what takes it back.
//!
//! [`find`] knows in which lanes of the log an event may lie, [`story`] tells what the log says of it, [`correct`] decides
//! on a correction. Invariant: the log is only read here. A correction is published, and the function `usage` notes it
//! behind the event and counts the hour again; until then the story is as it was.

mod correct;
mod find;
mod story;

use self::{
    correct::{Amend, Correcting, CorrectionTaken, Void},
    find::{Asked, EventParameters},
    story::EventStory,
};
use crate::{
    auth::TenantScope,
    body::Json,
    correlation::Correlation,
    idempotency::Creation,
    openapi::{ReadRefusals, WriteRefusals},
    problem::Problem,
    state::Api,
};
use axum::extract::State;
use domain::id::CorrectionId;
use http::StatusCode;

/// Get the story of a usage event
///
/// How it was accepted, that it was sent again, what was sent under its id with other content, how it was amended, and
/// whether it was voided. An event is found once it is counted, and for 400 days.
///
/// An `id` is unique within its `source` and the hour of its time only. With `time` the event of that hour is looked for,
/// then one without a time of its own that arrived in that month; without `time`, the event of the time inside a
/// `UUIDv7` id, or else, month by month from now back, one that had no time of its own.
#[utoipa::path(
    get, path = "/v1/usage/events/{id}", operation_id = "getUsageEvent", tag = "Usage", security(("tenantKey" = []), ("platformKey" = [])),
    params(("id" = String, Path, description = "Its id, percent-encoded."), EventParameters),
    responses((status = 200, body = EventStory, description = "The story."), ReadRefusals)
)]
pub(crate) async fn get(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    asked: Asked,
) -> Result<axum::Json<EventStory>, Problem> {
    let found = find::find(&api, &tenant, &asked).await?;
    EventStory::of(&found.story()?).map(axum::Json)
}

/// Void a usage event
///
/// It no longer counts, at any age; its story stays. What is void stays so, also when it is sent again: send what should
/// count instead under another id. Counters follow within seconds; an invoice that was issued does not change, and
/// the next one adjusts it.
#[utoipa::path(
    post, path = "/v1/usage/events/{id}/void", operation_id = "voidUsageEvent", tag = "Usage", security(("tenantKey" = []), ("platformKey" = [])),
    params(("id" = String, Path, description = "Its id, percent-encoded."), EventParameters),
    request_body = Void,
    responses((status = 202, body = CorrectionTaken, description = "It will be carried out."), WriteRefusals)
)]
pub(crate) async fn void(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    asked: Asked,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(void): Json<Void>,
) -> Result<(StatusCode, axum::Json<CorrectionTaken>), Problem> {
    let now = api.world().now();
    let id = CorrectionId::new(creation.uuid(&api, now));
    let found = find::find(&api, &tenant, &asked).await?;
    let correcting = Correcting { api: &api, tenant: &tenant, correlation_id, id, now };
    correcting.void(&found.story()?, &void).await.map(taken)
}

/// Amend a usage event
///
/// It counts with other data, and with another type if one is sent, at any age; what it said before stays in its story.
/// Its time cannot be amended, as the time is part of what it is known by: void it, and send it anew under another id.
#[utoipa::path(
    post, path = "/v1/usage/events/{id}/amend", operation_id = "amendUsageEvent", tag = "Usage", security(("tenantKey" = []), ("platformKey" = [])),
    params(("id" = String, Path, description = "Its id, percent-encoded."), EventParameters),
    request_body = Amend,
    responses((status = 202, body = CorrectionTaken, description = "It will be carried out."), WriteRefusals)
)]
pub(crate) async fn amend(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    asked: Asked,
    Correlation(correlation_id): Correlation,
    creation: Creation,
    Json(amend): Json<Amend>,
) -> Result<(StatusCode, axum::Json<CorrectionTaken>), Problem> {
    let now = api.world().now();
    let id = CorrectionId::new(creation.uuid(&api, now));
    let found = find::find(&api, &tenant, &asked).await?;
    let correcting = Correcting { api: &api, tenant: &tenant, correlation_id, id, now };
    correcting.amend(&found.story()?, &amend).await.map(taken)
}

fn taken(taken: CorrectionTaken) -> (StatusCode, axum::Json<CorrectionTaken>) {
    (StatusCode::ACCEPTED, axum::Json(taken))
}
