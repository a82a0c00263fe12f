//! Webhooks: where a tenant is told what happened, and the receipts of having told it.

use crate::{
    auth::TenantScope,
    body::Json,
    idempotency::{AnswerToKeep, Creation},
    openapi::{ReadRefusals, WriteRefusals},
    page::{self, List, PageParameters, Paging},
    problem::Problem,
    routes::{self, api_keys::keep},
    state::Api,
};
use axum::{
    Extension,
    extract::{Path, State},
};
use cloud::store::{self, ENDPOINTS_MAX};
use domain::{
    Timestamp, Violation,
    id::{DeliveryId, EndpointId, EventId},
    webhook::{Secret, address::is_public},
};
use events::{
    BillingPeriodClosedV1, CreditBalanceLowV1, CreditNoteIssuedV1, CreditNoteReadyV1, Event, InvoiceCreatedV1,
    InvoiceFinalizedV1, InvoicePaidV1, InvoiceReadyV1, InvoiceUncollectibleV1, InvoiceVoidedV1, PaymentRecordedV1,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use url::{Host, Url};
use utoipa::ToSchema;

/// Longest URL of an endpoint, in bytes.
const URL_LENGTH_MAX: usize = 2048;
/// The events that are told.
const EVENT_TYPES: [&str; 11] = [
    BillingPeriodClosedV1::TYPE,
    CreditBalanceLowV1::TYPE,
    InvoiceCreatedV1::TYPE,
    InvoiceFinalizedV1::TYPE,
    InvoiceReadyV1::TYPE,
    InvoicePaidV1::TYPE,
    InvoiceVoidedV1::TYPE,
    InvoiceUncollectibleV1::TYPE,
    PaymentRecordedV1::TYPE,
    CreditNoteIssuedV1::TYPE,
    CreditNoteReadyV1::TYPE,
];

/// Where a tenant wants to be called.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    /// Who it is.
    #[schema(value_type = String, example = "whe_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: EndpointId,
    /// Where it is.
    #[schema(example = "https://acme.example/hooks/meterline")]
    url: String,
    /// The types of event that it wants; all, if it is empty.
    event_types: Vec<String>,
    /// When it was created.
    created_at: Timestamp,
}

/// An endpoint that was just created.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EndpointCreated {
    /// The endpoint without its secret.
    #[serde(flatten)]
    endpoint: Endpoint,
    /// Signs the calls (Standard Webhooks). It is shown here and never again: `null` in the answer to a repeat.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

impl From<store::Endpoint> for Endpoint {
    fn from(endpoint: store::Endpoint) -> Self {
        Self { id: endpoint.id, url: endpoint.url, event_types: endpoint.event_types, created_at: endpoint.created_at }
    }
}

/// An endpoint to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewEndpoint {
    /// Where it is: https, without credentials, on a public address.
    #[schema(example = "https://acme.example/hooks/meterline")]
    url: String,
    /// The types of event that it wants; all, unless it is sent.
    #[serde(default)]
    #[schema(example = json!(["invoice.ready.v1"]))]
    event_types: Vec<String>,
}

/// Create a webhook endpoint
#[utoipa::path(
    post, path = "/v1/webhooks/endpoints", operation_id = "createEndpoint", tag = "Webhooks", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it.")),
    request_body = NewEndpoint,
    responses((status = 201, body = EndpointCreated, description = "The endpoint and its secret, once."), WriteRefusals)
)]
pub(crate) async fn create_endpoint(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    creation: Creation,
    Json(new): Json<NewEndpoint>,
) -> Result<(StatusCode, Extension<AnswerToKeep>, axum::Json<EndpointCreated>), Problem> {
    let now = api.world().now();
    decide(&new, api.world().settings().webhook_allow_private_addresses)?;
    let made = store::Endpoint {
        id: EndpointId::new(creation.uuid(&api, now)),
        tenant_id: tenant.id,
        url: new.url,
        event_types: new.event_types,
        secret: Secret::new(api.world().random().bytes()).reveal(),
        created_at: now,
    };
    let store = api.store(&tenant);
    let there = store.endpoints().await?;
    if there.len() >= usize::from(ENDPOINTS_MAX) && there.iter().all(|endpoint| endpoint.id != made.id) {
        let detail = format!("a tenant has at most {ENDPOINTS_MAX} endpoints; delete one first");
        return Err(Problem::conflict("too_many_endpoints", detail));
    }
    let stored = match store.create_endpoint(&made).await? {
        true => made.clone(),
        false => store.endpoint(made.id).await?.ok_or_else(Problem::not_found)?,
    };
    // An endpoint that was made before has another secret, and nobody can show it again.
    let shown = (stored.secret == made.secret).then_some(made.secret);
    let endpoint = Endpoint::from(stored);
    let kept = keep(&EndpointCreated { endpoint: endpoint.clone(), secret: None })?;
    Ok((StatusCode::CREATED, Extension(kept), axum::Json(EndpointCreated { endpoint, secret: shown })))
}

fn decide(new: &NewEndpoint, allow_private_addresses: bool) -> Result<(), Violation> {
    check_url(&new.url, allow_private_addresses)?;
    for (index, event_type) in new.event_types.iter().enumerate() {
        let pointer = format!("/eventTypes/{index}");
        if !EVENT_TYPES.contains(&event_type.as_str()) {
            let message = format!("send some of {}", EVENT_TYPES.join(", "));
            return Err(Violation::new(pointer, "unknown_event_type", message));
        }
        if new.event_types[..index].contains(event_type) {
            return Err(Violation::new(pointer, "duplicate_event_type", "name each type once"));
        }
    }
    Ok(())
}

/// Refuses what can be seen to be wrong in the URL itself; the sender checks every address that a name resolves to.
fn check_url(text: &str, allow_private_addresses: bool) -> Result<(), Violation> {
    let refuse = |code, message: &str| Err(Violation::new("/url", code, message));
    if text.len() > URL_LENGTH_MAX {
        return refuse("too_long", "send at most 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return refuse("invalid_url", "send an absolute URL") };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && allow_private_addresses);
    if !secure {
        return refuse("insecure_url", "send an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("credentials_in_url", "leave user and password out; calls are signed");
    }
    let private = match url.host() {
        None => return refuse("invalid_url", "send a URL with a host"),
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    if private && !allow_private_addresses {
        return refuse("private_address", "send a URL on a public address");
    }
    Ok(())
}

/// List webhook endpoints
#[utoipa::path(
    get, path = "/v1/webhooks/endpoints", operation_id = "listEndpoints", tag = "Webhooks", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it.")),
    responses((status = 200, body = List<Endpoint>, description = "All of them, without secrets."), ReadRefusals)
)]
pub(crate) async fn list_endpoints(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
) -> Result<axum::Json<List<Endpoint>>, Problem> {
    let endpoints = api.store(&tenant).endpoints().await?;
    Ok(page::whole(endpoints.into_iter().map(Endpoint::from).collect()))
}

/// Delete a webhook endpoint
///
/// What is on its way to it is not attempted again.
#[utoipa::path(
    delete, path = "/v1/webhooks/endpoints/{id}", operation_id = "deleteEndpoint", tag = "Webhooks",
    security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which endpoint."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 204, description = "It is gone."), ReadRefusals)
)]
pub(crate) async fn delete_endpoint(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: EndpointId = routes::id(&id)?;
    let store = api.store(&tenant);
    store.endpoint(id).await?.ok_or_else(Problem::not_found)?;
    store.delete_endpoint(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    /// Who it is.
    #[schema(value_type = String, example = "whd_0197263d8c007d3f8e6b1f0a2c4d5e6f")]
    id: DeliveryId,
    /// Where it goes.
    #[schema(value_type = String)]
    endpoint_id: EndpointId,
    /// Which event: the `webhook-id` of the call.
    #[schema(value_type = String)]
    event_id: EventId,
    /// Of which type.
    #[schema(example = "invoice.ready.v1")]
    event_type: String,
    /// How it stands.
    status: DeliveryStatus,
    /// Attempts that were made.
    attempts: u32,
    /// When it was created.
    created_at: Timestamp,
    /// When the next attempt is due; `null` if there is none.
    next_attempt_at: Option<Timestamp>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeliveryStatus {
    /// It will be attempted, for the first time or again.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// It was given up.
    Dead,
}

/// A delivery with what was sent and the receipt of every attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    delivery: Delivery,
    /// The receipts, in order.
    receipts: Vec<Receipt>,
    /// The body of the call, byte for byte as it is signed.
    body: String,
}

/// The receipt of one attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    /// Which attempt, counted from 1.
    number: u32,
    /// When it was made.
    attempted_at: Timestamp,
    /// The HTTP status that the endpoint answered.
    status: Option<u16>,
    /// Why there was no answer, or no good one.
    error: Option<String>,
    /// How long it took.
    duration_ms: u64,
}

impl From<store::Delivery> for Delivery {
    fn from(delivery: store::Delivery) -> Self {
        let (status, next_attempt_at) = match delivery.status {
            store::DeliveryStatus::Pending => (DeliveryStatus::Pending, Some(delivery.next_attempt_at)),
            store::DeliveryStatus::Delivered => (DeliveryStatus::Delivered, None),
            store::DeliveryStatus::Dead => (DeliveryStatus::Dead, None),
        };
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            status,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_attempt_at,
        }
    }
}

impl From<store::Attempt> for Receipt {
    fn from(attempt: store::Attempt) -> Self {
        Self {
            number: attempt.number,
            attempted_at: attempt.attempted_at,
            status: attempt.status,
            error: attempt.error,
            duration_ms: attempt.duration_ms,
        }
    }
}

/// List webhook deliveries, newest first
#[utoipa::path(
    get, path = "/v1/webhooks/deliveries", operation_id = "listDeliveries", tag = "Webhooks", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."), PageParameters),
    responses((status = 200, body = List<Delivery>, description = "A page of them."), ReadRefusals)
)]
pub(crate) async fn list_deliveries(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    paging: Paging,
) -> Result<axum::Json<List<Delivery>>, Problem> {
    let page = api.store(&tenant).deliveries(paging.limit, paging.after.as_ref()).await?;
    Ok(paging.answer(page, Delivery::from))
}

/// Get a webhook delivery with its receipts
#[utoipa::path(
    get, path = "/v1/webhooks/deliveries/{id}", operation_id = "getDelivery", tag = "Webhooks", security(("tenantKey" = []), ("platformKey" = [])),
    params(
        ("id" = String, Path, description = "Which delivery."),
        ("tenant" = Option<String>, Query, description = "Id or slug; the platform must send it."),
    ),
    responses((status = 200, body = DeliveryDetail, description = "The delivery."), ReadRefusals)
)]
pub(crate) async fn get_delivery(
    State(api): State<Api>,
    TenantScope(tenant): TenantScope,
    Path(id): Path<String>,
) -> Result<axum::Json<DeliveryDetail>, Problem> {
    let id: DeliveryId = routes::id(&id)?;
    let store = api.store(&tenant);
    let delivery = store.delivery(id).await?.ok_or_else(Problem::not_found)?;
    let receipts = store.attempts(id).await?.into_iter().map(Receipt::from).collect();
    let body = delivery.body.clone();
    Ok(axum::Json(DeliveryDetail { delivery: delivery.into(), receipts, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("https://acme.example/hook", None, None)]
    #[case("https://93.184.215.14/", None, None)]
    #[case("http://acme.example/hook", Some("insecure_url"), None)]
    #[case("ftp://acme.example/hook", Some("insecure_url"), Some("insecure_url"))]
    #[case("/hook", Some("invalid_url"), Some("invalid_url"))]
    #[case("https://user:secret@acme.example/", Some("credentials_in_url"), Some("credentials_in_url"))]
    #[case("https://127.0.0.1/", Some("private_address"), None)]
    #[case("https://[::1]/", Some("private_address"), None)]
    #[case("https://169.254.169.254/latest/meta-data", Some("private_address"), None)]
    #[case("https://2130706433/", Some("private_address"), None)]
    #[case("https://0x7f.1/", Some("private_address"), None)]
    #[case("https://localhost/", Some("private_address"), None)]
    #[case("https://metadata.localhost./", Some("private_address"), None)]
    fn a_url_is_checked_as_far_as_it_can_be_read(
        #[case] url: &str,
        #[case] deployed: Option<&str>,
        #[case] on_a_machine_of_ones_own: Option<&str>,
    ) {
        let code = |allow| check_url(url, allow).err().map(|violation| violation.code);
        assert_eq!((code(false), code(true)), (deployed, on_a_machine_of_ones_own));
    }

    #[rstest]
    #[case::all(&[], None)]
    #[case::one(&["invoice.ready.v1"], None)]
    #[case::internal(&["usage.recorded.v1"], Some("unknown_event_type"))]
    #[case::twice(&["invoice.ready.v1", "invoice.ready.v1"], Some("duplicate_event_type"))]
    fn only_events_that_are_told_can_be_asked_for(#[case] event_types: &[&str], #[case] expect: Option<&str>) {
        let event_types = event_types.iter().map(ToString::to_string).collect();
        let new = NewEndpoint { url: "https://acme.example/".to_owned(), event_types };
        assert_eq!(decide(&new, false).err().map(|violation| violation.code), expect);
    }
}
