//! The HTTP API as one axum router: the same on AWS Lambda, in the local program, and in tests.
//!
//! A request passes, from the outside in: its correlation id and log line (`correlation`), a guard against panics,
//! authentication (`auth`), the check of its query parameters (`parameters`), and idempotency (`idempotency`).
//! The routes below are grouped by who may call them; each handler asks again for the caller that it needs. The
//! OpenAPI document is made from the same list, so that no route is undocumented.

mod auth;
mod body;
mod correlation;
mod idempotency;
mod openapi;
mod page;
mod parameters;
mod problem;
mod retry;
mod routes;
mod state;

use crate::{
    parameters::Documented,
    problem::Problem,
    routes::{
        api_keys, billing, costs, coupons, credits, docs, health,
        invoices::{self, credit_notes, ending, explain, payments},
        ledger, meters, plans, prices, rebuilds, redemptions, subscriptions, tax_rates, tenants, usage_event,
        usage_events, usage_query, webhooks,
    },
    state::Api,
};
use axum::{Router, body::Bytes, middleware, routing::get};
use std::sync::OnceLock;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The API in `world`.
pub fn router(world: cloud::World) -> Router {
    let api = Api::new(world);
    let Routes { open, keyed, documented, document } = Routes::all().clone();
    let keyed = keyed
        .route_layer(middleware::from_fn_with_state(api.clone(), idempotency::replay))
        .route_layer(middleware::from_fn_with_state(documented, parameters::refuse_unknown))
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::authenticate));
    Router::new()
        .merge(keyed)
        .merge(open)
        .route("/openapi.json", get(async move || docs::openapi(document.clone())))
        .route("/docs", get(docs::page))
        .fallback(async || Problem::new(http::StatusCode::NOT_FOUND, "not_found", "there is no such route"))
        .method_not_allowed_fallback(async || {
            Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route has other methods")
        })
        .layer(CatchPanicLayer::custom(correlation::panicked))
        .layer(middleware::from_fn_with_state(api.clone(), correlation::correlate))
        .with_state(api)
}

/// Every route, and what the document says about them.
#[derive(Clone)]
struct Routes {
    open: Router<Api>,
    keyed: Router<Api>,
    documented: Documented,
    document: Bytes,
}

impl Routes {
    /// They are the same for every world, and building the document takes longer than most requests.
    fn all() -> &'static Self {
        static ALL: OnceLock<Routes> = OnceLock::new();
        ALL.get_or_init(Self::build)
    }

    fn build() -> Self {
        let (open, open_document) = open().split_for_parts();
        let (keyed, document) = OpenApiRouter::with_openapi(openapi::Document::openapi())
            .merge(platform())
            .merge(platform_or_tenant())
            .merge(any_key())
            .split_for_parts();
        let documented = Documented::of(&document);
        let document = docs::document(&openapi::with_idempotency_key(document.merge_from(open_document)));
        Self { open, keyed, documented, document }
    }
}

/// Without a key.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health::health))
}

/// With the platform's key.
fn platform() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::update))
        .routes(routes!(meters::create))
        .routes(routes!(plans::create))
        .routes(routes!(plans::update))
        .routes(routes!(plans::overrides::create, plans::overrides::list))
        .routes(routes!(plans::versions::publish))
        .routes(routes!(plans::versions::replace))
        .routes(routes!(plans::versions::publish_draft))
        .routes(routes!(plans::versions::archive))
        .routes(routes!(subscriptions::migrate::migrate))
        .routes(routes!(subscriptions::create))
        .routes(routes!(subscriptions::change::create))
        .routes(routes!(invoices::generate))
        .routes(routes!(invoices::regenerate))
        .routes(routes!(invoices::one_off::create))
        .routes(routes!(invoices::finalize))
        .routes(routes!(subscriptions::change::preview))
        .routes(routes!(coupons::create, coupons::list))
        .routes(routes!(coupons::get))
        .routes(routes!(coupons::archive))
        .routes(routes!(redemptions::create))
        .routes(routes!(redemptions::end))
        .routes(routes!(tax_rates::create, tax_rates::list))
        .routes(routes!(tax_rates::archive))
        .routes(routes!(credits::create))
        .routes(routes!(credits::void))
        .routes(routes!(payments::record))
        .routes(routes!(credit_notes::issue))
        .routes(routes!(ending::void))
        .routes(routes!(ending::uncollectible))
        .routes(routes!(rebuilds::create))
        .routes(routes!(costs::read))
        .routes(routes!(billing::read))
}

/// With a tenant's key for that tenant, or with the platform's for any.
fn platform_or_tenant() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(tenants::get))
        .routes(routes!(redemptions::list))
        .routes(routes!(credits::list))
        .routes(routes!(credits::get))
        .routes(routes!(credits::balance))
        .routes(routes!(usage_events::send))
        .routes(routes!(usage_event::get))
        .routes(routes!(usage_event::void))
        .routes(routes!(usage_event::amend))
        .routes(routes!(usage_query::read))
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(subscriptions::list))
        .routes(routes!(subscriptions::get))
        .routes(routes!(subscriptions::change::list))
        .routes(routes!(subscriptions::upcoming))
        .routes(routes!(invoices::list))
        .routes(routes!(invoices::get))
        .routes(routes!(invoices::lines))
        .routes(routes!(invoices::pdf))
        .routes(routes!(explain::explain))
        .routes(routes!(payments::list))
        .routes(routes!(credit_notes::list))
        .routes(routes!(credit_notes::get))
        .routes(routes!(credit_notes::pdf))
        .routes(routes!(ledger::list))
        .routes(routes!(ledger::balance))
        .routes(routes!(ledger::verify))
        .routes(routes!(webhooks::create_endpoint, webhooks::list_endpoints))
        .routes(routes!(webhooks::delete_endpoint))
        .routes(routes!(webhooks::list_deliveries))
        .routes(routes!(webhooks::get_delivery))
}

/// With any key: what is sold is no secret among customers.
fn any_key() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(meters::list))
        .routes(routes!(meters::get))
        .routes(routes!(plans::list))
        .routes(routes!(plans::get))
        .routes(routes!(prices::estimate))
}
