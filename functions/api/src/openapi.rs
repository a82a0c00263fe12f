//! What the OpenAPI document says beside the routes: title, security, tags, and the refusals that many routes share.

use crate::problem::{CONTENT_TYPE, ProblemBody};
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, Object, Ref, RefOr, Required, Response, ResponseBuilder, Type,
        path::{ParameterBuilder, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The document without its paths, which the router adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Meterline",
        version = "1",
        description = "Usage metering and billing. Meters pick usage events and take a quantity out of them; plans price \
            what was metered; each period of a subscription becomes an invoice, a PDF and signed webhooks.\n\n\
            Quantities, rates and exact amounts are decimal strings; money is an integer count of minor units; instants \
            are RFC 3339 in UTC. Errors are `application/problem+json` with a stable `code`. Every POST takes an \
            `Idempotency-Key`. Every answer has an `x-correlation-id`, which a client may choose.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Security),
    components(schemas(ProblemBody<'_>)),
    tags(
        (name = "Usage", description = "Send usage events, and read what they add up to."),
        (name = "Meters", description = "Which events are picked, and which quantity is taken out of them."),
        (name = "Plans", description = "What is charged. A version never changes once it is published."),
        (name = "Tenants", description = "The platform's customers, who are billed."),
        (name = "API keys", description = "How a tenant's own systems come in."),
        (name = "Subscriptions", description = "Which tenant pays by which plan version, from when on."),
        (name = "Coupons", description = "What is taken off before tax, and who has been promised it."),
        (name = "Taxes", description = "Which rate applies where."),
        (name = "Credits", description = "What was granted before, and pays invoices after tax."),
        (name = "Invoices", description = "What was charged, line by line, with the arithmetic."),
        (name = "Ledger", description = "The books: double entry, append only, and chained by hashes."),
        (name = "Webhooks", description = "Where a tenant is told, and the receipts of having told it."),
        (name = "Service", description = "About the service itself."),
    )
)]
pub(crate) struct Document;

/// The one way in.
struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let key = |description: &str| {
            let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
            SecurityScheme::Http(http.build())
        };
        let components = openapi.components.get_or_insert_with(Components::new);
        components.add_security_scheme("platformKey", key("The platform's own key."));
        components.add_security_scheme("tenantKey", key("A key of one tenant."));
    }
}

/// Refusals of a route that reads.
pub(crate) struct ReadRefusals;
/// Refusals of a route that writes.
pub(crate) struct WriteRefusals;
/// Refusals of a route that computes from its body alone.
pub(crate) struct ComputeRefusals;
/// Refusals of the route that takes usage events.
pub(crate) struct EventRefusals;

const BAD_REQUEST: (&str, &str) = ("400", "Not of the documented form; `errors` names the field.");
const UNAUTHENTICATED: (&str, &str) = ("401", "No key, or one that is unknown, expired or revoked.");
const FORBIDDEN: (&str, &str) = ("403", "A tenant's key where only the platform may go.");
const NOT_FOUND: (&str, &str) = ("404", "Unknown, or another tenant's.");
const CONFLICT: (&str, &str) = ("409", "Against what is already there.");
const TOO_LARGE: (&str, &str) = ("413", "More than is taken at once.");
const MEDIA_TYPE: (&str, &str) = ("415", "A body of another content type.");
const INVALID: (&str, &str) = ("422", "A rule is broken; `errors` names the field and the rule.");
const UNAVAILABLE: (&str, &str) = ("503", "Not now; the same request may be sent again after `Retry-After`.");

impl IntoResponses for ReadRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[BAD_REQUEST, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, UNAVAILABLE])
    }
}

impl IntoResponses for WriteRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[
            BAD_REQUEST,
            UNAUTHENTICATED,
            FORBIDDEN,
            NOT_FOUND,
            CONFLICT,
            TOO_LARGE,
            MEDIA_TYPE,
            INVALID,
            UNAVAILABLE,
        ])
    }
}

impl IntoResponses for ComputeRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[BAD_REQUEST, UNAUTHENTICATED, CONFLICT, TOO_LARGE, MEDIA_TYPE, INVALID, UNAVAILABLE])
    }
}

impl IntoResponses for EventRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = WriteRefusals::responses();
        if let Some(RefOr::T(unavailable)) = responses.get_mut(UNAVAILABLE.0) {
            let results = ContentBuilder::new().schema(Some(Ref::from_schema_name("EventResults"))).build();
            unavailable.content.insert("application/json".to_owned(), results.into());
        }
        responses
    }
}

/// Adds to every POST the header that all of them take.
pub(crate) fn with_idempotency_key(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let header = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("1 to 255 visible ASCII characters: a repeat with the same key gets the first answer."))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    for item in document.paths.paths.values_mut() {
        if let Some(operation) = &mut item.post {
            operation.parameters.get_or_insert_default().push(RefOr::T(header.clone()));
        }
    }
    document
}

fn refusals(list: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = |description: &str| {
        let response = ResponseBuilder::new().description(description).content(CONTENT_TYPE, content());
        RefOr::T(response.build())
    };
    list.iter().map(|(status, description)| ((*status).to_owned(), response(description))).collect()
}
