//! Whether the function runs. It asks nobody else, so that a failing neighbour does not take it out of service.

use serde::Serialize;
use utoipa::ToSchema;

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`; a service that is not answers nothing.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Is the service up?
#[utoipa::path(get, path = "/health", operation_id = "health", tag = "Service", responses((status = 200, body = Health, description = "It is.")))]
pub(crate) async fn health() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}
