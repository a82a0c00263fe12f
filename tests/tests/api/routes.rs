//! Every route, once: who may call it, and a request to it that is good.

use crate::harness::{Answer, Api, Extra, PLATFORM_KEY};
use axum::http::Method;
use cloud::store::{Attempt, BillOutcome, Delivery, DeliveryStatus, RunMade, Used};
use domain::{
    Date, Timestamp,
    calendar::Period,
    catalog::PlanRef,
    id::{DeliveryId, EndpointId, EventId, PlanId, SubscriptionId},
    invoice::{Draft, Invoice, InvoiceNumber, Line, LineDetail, Notes, Statement, SubscriptionRun, TaxTreatment},
    money::{Currency, Money},
    subscription::{self, Subscription},
    text::Slug,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{collections::BTreeSet, num::NonZeroU32};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Anybody.
    Open,
    /// The platform.
    Platform,
    /// The platform for a tenant that it must name.
    PlatformForTenant,
    /// A tenant, or the platform for one that it must name.
    Tenant,
    /// A tenant, or the platform, which may name the tenant elsewhere.
    TenantUnlessNamed,
    /// Anybody with a key.
    AnyKey,
}

/// A route and a good request to it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) audience: Audience,
    pub(crate) method: Method,
    /// As the document has it.
    pub(crate) route: &'static str,
    /// As it is sent, with ids of acme's.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// What it answers.
    pub(crate) status: u16,
}

impl Row {
    /// The same request with `?name=value`.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        Self { path: format!("{}{separator}{name}={value}", self.path), ..self.clone() }
    }

    /// Sends it.
    pub(crate) async fn send(&self, api: &Api, key: Option<&str>) -> Answer {
        self.send_with(api, key, &[]).await
    }

    /// Sends it with more headers.
    pub(crate) async fn send_with(&self, api: &Api, key: Option<&str>, more: &[(&str, &str)]) -> Answer {
        let body = self.body.as_ref().map(ToString::to_string);
        let headers: Vec<_> =
            body.iter().map(|_| ("content-type", "application/json")).chain(more.iter().copied()).collect();
        api.call(self.method.clone(), &self.path, key, Extra { headers: &headers, body: body.as_deref() }).await
    }

    /// The key with which it is good, and the request with what that key must name.
    pub(crate) fn good(&self, api: &Api) -> (Self, Option<String>) {
        match self.audience {
            Audience::Open => (self.clone(), None),
            Audience::Platform => (self.clone(), Some(PLATFORM_KEY.to_owned())),
            Audience::PlatformForTenant => (self.with("tenant", "acme"), Some(PLATFORM_KEY.to_owned())),
            Audience::Tenant | Audience::TenantUnlessNamed | Audience::AnyKey => {
                (self.clone(), Some(api.acme.key.clone()))
            }
        }
    }

    /// Whether its path holds an id that is acme's.
    pub(crate) fn is_about_acme(&self) -> bool {
        self.route.contains("{id}") || self.route.contains("{tenant}") && self.audience != Audience::Platform
    }
}

/// Ids of what acme has.
struct Owned {
    event: &'static str,
    spare_key: String,
    subscription: String,
    invoice: String,
    voidable: String,
    doubtful: String,
    credit_note: String,
    endpoint: String,
    delivery: String,
    grant: String,
    redemption: String,
    tax_rate: String,
}

/// An API in which every request of [`table`] is good.
pub(crate) async fn furnished() -> (Api, Vec<Row>) {
    let api = Api::open().await.with_meters().await;
    let plan = plan("basic");
    api.post("/v1/plans", PLATFORM_KEY, &plan).await.good();
    let mut draft = self::plan("later");
    draft["status"] = json!("draft");
    api.post("/v1/plans", PLATFORM_KEY, &draft).await.good();
    let post = async |path: &str, body: Value| api.post(path, &api.acme.key, &body).await.good().text("id");
    let event = "counted-1";
    let events = json!({"events": [{"id": event, "type": "call", "data": {"bytes": 1}}]});
    api.post("/v1/usage/events", &api.acme.key, &events).await.good();
    api.count_usage().await;
    let spare_key = post("/v1/api-keys", json!({"name": "spare"})).await;
    let endpoint = post("/v1/webhooks/endpoints", json!({"url": "https://acme.example/hook"})).await;
    let path = "/v1/subscriptions?tenant=acme";
    let subscription = api.post(path, PLATFORM_KEY, &json!({"plan": "basic"})).await.good().text("id");
    let [invoice, voidable, doubtful] = three_invoices(&api, subscription.parse().unwrap()).await;
    let path = format!("/v1/invoices/{invoice}/credit-notes?tenant=acme");
    let note = json!({"amountMinor": 100, "reason": "a test"});
    let credit_note = api.post(&path, PLATFORM_KEY, &note).await.good().text("id");
    let delivery = delivery(&api, endpoint.parse().unwrap()).await;
    let make = async |path: &str, body: Value| api.post(path, PLATFORM_KEY, &body).await.good().text("id");
    make("/v1/coupons", json!({"code": "welcome", "name": "Welcome", "percentOff": "10"})).await;
    make("/v1/coupons", json!({"code": "spring", "name": "Spring", "percentOff": "10"})).await;
    let redemption = make("/v1/tenants/acme/coupons", json!({"coupon": "spring"})).await;
    let tax_rate = make("/v1/tax-rates", json!({"name": "VAT", "percent": "19", "inclusive": false})).await;
    let grant = make("/v1/credits/grants", new_grant()).await;
    let own = Owned {
        event,
        spare_key,
        subscription,
        invoice,
        voidable,
        doubtful,
        credit_note,
        endpoint,
        delivery,
        grant,
        redemption,
        tax_rate,
    };
    let rows = table(&own);
    (api, rows)
}

fn new_grant() -> Value {
    json!({"tenant": "acme", "name": "Prepaid", "kind": "paid", "amountMinor": 500, "currency": "EUR"})
}

pub(crate) fn plan(slug: &str) -> Value {
    let price =
        json!({"key": "calls", "name": "Calls", "meter": "calls", "model": {"type": "perUnit", "unitPrice": "1"}});
    json!({"slug": slug, "name": "Basic", "currency": "EUR", "prices": [price]})
}

fn table(own: &Owned) -> Vec<Row> {
    let mut rows = vec![get(Audience::Open, "/health")];
    rows.extend(of_tenants());
    rows.extend(of_the_catalog());
    rows.extend(of_usage(own));
    rows.extend(of_subscriptions(own));
    rows.extend(of_adjusters(own));
    rows.extend(of_invoices(own));
    rows.extend(of_settlement(own));
    rows.extend(of_webhooks(own));
    // Last, because nothing is good without what they take away.
    rows.extend([delete("/v1/webhooks/endpoints/{id}", &own.endpoint), delete("/v1/api-keys/{id}", &own.spare_key)]);
    rows
}

fn row(audience: Audience, method: &str, route: &'static str, path: &str, body: Value, status: u16) -> Row {
    let body = Some(body).filter(|body| !body.is_null());
    Row { audience, method: method.parse().unwrap(), route, path: path.to_owned(), body, status }
}

fn get(audience: Audience, route: &'static str) -> Row {
    row(audience, "GET", route, route, Value::Null, 200)
}

fn get_one(route: &'static str, id: &str) -> Row {
    row(Audience::Tenant, "GET", route, &route.replace("{id}", id), Value::Null, 200)
}

fn post(audience: Audience, route: &'static str, body: Value) -> Row {
    row(audience, "POST", route, route, body, 201)
}

/// What the platform does with something of a tenant's.
fn post_one(route: &'static str, id: &str, body: Value, status: u16) -> Row {
    row(Audience::PlatformForTenant, "POST", route, &route.replace("{id}", id), body, status)
}

fn delete(route: &'static str, id: &str) -> Row {
    row(Audience::Tenant, "DELETE", route, &route.replace("{id}", id), Value::Null, 204)
}

fn of_tenants() -> Vec<Row> {
    use Audience::{Platform, Tenant};
    vec![
        post(Platform, "/v1/tenants", json!({"slug": "initech", "name": "Initech"})),
        get(Platform, "/v1/tenants"),
        row(Tenant, "GET", "/v1/tenants/{tenant}", "/v1/tenants/acme", Value::Null, 200),
        row(Platform, "PATCH", "/v1/tenants/{tenant}", "/v1/tenants/acme", json!({"name": "Acme"}), 200),
        post(Tenant, "/v1/api-keys", json!({"name": "new"})),
        get(Tenant, "/v1/api-keys"),
    ]
}

fn of_the_catalog() -> Vec<Row> {
    use Audience::{AnyKey, Platform};
    let estimate = json!({"price": plan("basic")["prices"][0], "currency": "EUR", "quantity": "3"});
    let mut version = plan("basic");
    version.as_object_mut().unwrap().remove("slug");
    let meter = json!({"slug": "new", "name": "New", "eventType": "new", "aggregation": "count"});
    let of_version = |route: &'static str| {
        let path = route.replace("{slug}", "later").replace("{version}", "1");
        row(Platform, "POST", route, &path, Value::Null, 200)
    };
    vec![
        post(Platform, "/v1/meters", meter),
        get(AnyKey, "/v1/meters"),
        row(AnyKey, "GET", "/v1/meters/{slug}", "/v1/meters/calls", Value::Null, 200),
        post(Platform, "/v1/plans", plan("new")),
        row(Platform, "PATCH", "/v1/plans/{slug}", "/v1/plans/basic", json!({"displayOrder": 1}), 200),
        row(
            Audience::PlatformForTenant,
            "POST",
            "/v1/plans/{slug}/overrides",
            "/v1/plans/basic/overrides",
            json!({"offers": [{"baseFeeMinor": 500}]}),
            201,
        ),
        row(Platform, "GET", "/v1/plans/{slug}/overrides", "/v1/plans/basic/overrides", Value::Null, 200),
        row(Platform, "POST", "/v1/plans/{slug}/versions", "/v1/plans/basic/versions", version.clone(), 201),
        row(Platform, "PUT", "/v1/plans/{slug}/versions/{version}", "/v1/plans/later/versions/1", version, 200),
        of_version("/v1/plans/{slug}/versions/{version}/publish"),
        Row { body: Some(json!({})), ..of_version("/v1/plans/{slug}/versions/{version}/migrate") },
        of_version("/v1/plans/{slug}/versions/{version}/archive"),
        get(AnyKey, "/v1/plans"),
        row(AnyKey, "GET", "/v1/plans/{slug}", "/v1/plans/basic", Value::Null, 200),
        row(AnyKey, "POST", "/v1/prices/estimate", "/v1/prices/estimate", estimate, 200),
    ]
}

fn of_usage(own: &Owned) -> Vec<Row> {
    use Audience::{Platform, Tenant, TenantUnlessNamed};
    let event = json!({"events": [{"id": "1", "type": "call", "data": {"bytes": 1}}]});
    let rebuild = json!({"tenant": "acme", "from": "2026-05-31T22:00:00Z", "to": "2026-06-01T01:00:00Z"});
    let post_event =
        |route: &'static str, body| row(Tenant, "POST", route, &route.replace("{id}", own.event), body, 202);
    vec![
        row(TenantUnlessNamed, "POST", "/v1/usage/events", "/v1/usage/events", event, 202),
        get_one("/v1/usage/events/{id}", own.event),
        post_event("/v1/usage/events/{id}/amend", json!({"reason": "a test", "data": {"bytes": 2}})),
        post_event("/v1/usage/events/{id}/void", json!({"reason": "a test"})),
        row(Tenant, "GET", "/v1/usage", "/v1/usage?meter=calls", Value::Null, 200),
        row(Platform, "POST", "/v1/admin/rebuilds", "/v1/admin/rebuilds", rebuild, 200),
        get(Platform, "/v1/admin/costs"),
        get(Platform, "/v1/admin/billing"),
    ]
}

fn of_subscriptions(own: &Owned) -> Vec<Row> {
    use Audience::{PlatformForTenant, Tenant};
    let (id, cancel) = (&own.subscription, json!({"type": "cancel"}));
    vec![
        post(PlatformForTenant, "/v1/subscriptions", json!({"plan": "basic", "startsOn": "2026-06-01"})),
        get(Tenant, "/v1/subscriptions"),
        get_one("/v1/subscriptions/{id}", id),
        get_one("/v1/subscriptions/{id}/changes", id),
        get_one("/v1/subscriptions/{id}/upcoming-invoice", id),
        post_one("/v1/subscriptions/{id}/changes/preview", id, cancel.clone(), 200),
        post_one("/v1/subscriptions/{id}/changes", id, cancel, 201),
    ]
}

fn of_invoices(own: &Owned) -> Vec<Row> {
    use Audience::{PlatformForTenant, Tenant};
    let id = &own.invoice;
    let generate = json!({"subscriptionId": own.subscription});
    let one_off = json!({"currency": "EUR", "lines": [{"description": "Set-up", "unitPrice": "150"}]});
    vec![
        Row { status: 409, ..post(PlatformForTenant, "/v1/invoices/generate", generate) },
        Row { status: 409, ..post_one("/v1/invoices/{id}/finalize", id, json!({}), 200) },
        Row { status: 409, ..post_one("/v1/invoices/{id}/regenerate", id, Value::Null, 201) },
        post(PlatformForTenant, "/v1/invoices", one_off),
        get(Tenant, "/v1/invoices"),
        get_one("/v1/invoices/{id}", id),
        get_one("/v1/invoices/{id}/lines", id),
        Row { status: 409, ..get_one("/v1/invoices/{id}/pdf", id) },
    ]
}

fn of_adjusters(own: &Owned) -> Vec<Row> {
    use Audience::{Platform, PlatformForTenant, Tenant};
    let coupon = json!({"code": "new", "name": "New", "percentOff": "10"});
    let rate = json!({"name": "VAT", "percent": "19", "country": "DE", "inclusive": true});
    let archive_rate = format!("/v1/tax-rates/{}/archive", own.tax_rate);
    let end = format!("/v1/tenants/acme/coupons/{}", own.redemption);
    let (grant, void) = (format!("/v1/credits/grants/{}", own.grant), format!("/v1/credits/grants/{}/void", own.grant));
    let coupons_of = "/v1/tenants/{tenant}/coupons";
    vec![
        row(Platform, "POST", "/v1/coupons", "/v1/coupons", coupon, 201),
        row(Platform, "GET", "/v1/coupons", "/v1/coupons", Value::Null, 200),
        row(Platform, "GET", "/v1/coupons/{code}", "/v1/coupons/welcome", Value::Null, 200),
        row(Platform, "POST", coupons_of, "/v1/tenants/acme/coupons", json!({"coupon": "welcome"}), 201),
        row(Tenant, "GET", coupons_of, "/v1/tenants/acme/coupons", Value::Null, 200),
        row(Platform, "DELETE", "/v1/tenants/{tenant}/coupons/{redemption}", &end, Value::Null, 204),
        row(Platform, "POST", "/v1/coupons/{code}/archive", "/v1/coupons/welcome/archive", Value::Null, 200),
        row(Platform, "POST", "/v1/tax-rates", "/v1/tax-rates", rate, 201),
        row(Platform, "GET", "/v1/tax-rates", "/v1/tax-rates", Value::Null, 200),
        row(Platform, "POST", "/v1/tax-rates/{rate}/archive", &archive_rate, Value::Null, 200),
        row(Platform, "POST", "/v1/credits/grants", "/v1/credits/grants", new_grant(), 201),
        row(Tenant, "GET", "/v1/credits/grants", "/v1/credits/grants", Value::Null, 200),
        row(Tenant, "GET", "/v1/credits/grants/{id}", &grant, Value::Null, 200),
        row(PlatformForTenant, "POST", "/v1/credits/grants/{id}/void", &void, Value::Null, 200),
        row(Tenant, "GET", "/v1/credits/balance", "/v1/credits/balance", Value::Null, 200),
    ]
}

fn of_settlement(own: &Owned) -> Vec<Row> {
    use Audience::Tenant;
    let explained = format!("/v1/invoices/{}/lines/base/explain", own.invoice);
    let credit = json!({"lines": [{"key": "base", "amountMinor": 100}], "reason": "a test"});
    let reason = || json!({"reason": "a test"});
    vec![
        Row { path: explained, ..get_one("/v1/invoices/{id}/lines/{line}/explain", &own.invoice) },
        post_one("/v1/invoices/{id}/payments", &own.invoice, json!({"amountMinor": 100}), 201),
        get_one("/v1/invoices/{id}/payments", &own.invoice),
        post_one("/v1/invoices/{id}/credit-notes", &own.invoice, credit, 201),
        get_one("/v1/invoices/{id}/credit-notes", &own.invoice),
        post_one("/v1/invoices/{id}/void", &own.voidable, reason(), 200),
        post_one("/v1/invoices/{id}/uncollectible", &own.doubtful, reason(), 200),
        get_one("/v1/credit-notes/{id}", &own.credit_note),
        Row { status: 409, ..get_one("/v1/credit-notes/{id}/pdf", &own.credit_note) },
        get(Tenant, "/v1/ledger"),
        get(Tenant, "/v1/ledger/balance"),
        get(Tenant, "/v1/ledger/verify"),
    ]
}

fn of_webhooks(own: &Owned) -> Vec<Row> {
    use Audience::Tenant;
    vec![
        post(Tenant, "/v1/webhooks/endpoints", json!({"url": "https://acme.example/other"})),
        get(Tenant, "/v1/webhooks/endpoints"),
        get(Tenant, "/v1/webhooks/deliveries"),
        get_one("/v1/webhooks/deliveries/{id}", &own.delivery),
    ]
}

/// Method and route of every operation that the document names.
pub(crate) async fn documented(api: &Api) -> BTreeSet<(String, String)> {
    let document = api.call(Method::GET, "/openapi.json", None, Extra::default()).await.good().body;
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// Writes three invoices of acme's as billing does, not printed yet.
async fn three_invoices(api: &Api, subscription_id: SubscriptionId) -> [String; 3] {
    let mut ids = [const { String::new() }; 3];
    for (period, id) in (0_u32..).zip(&mut ids) {
        *id = bill(api, subscription_id, period, issued(api, subscription_id, period)).await;
    }
    ids
}

/// Writes `invoice` as that of a period of acme's; answers its id.
pub(crate) async fn bill(api: &Api, subscription_id: SubscriptionId, period: u32, invoice: Invoice) -> String {
    let world = api.platform.world();
    let store = world.store(api.acme.id.parse().unwrap());
    let before = store.subscription(subscription_id).await.unwrap().unwrap();
    // June, the period that is open, stays to be billed: changes of it are good requests.
    let after = Subscription { revision: before.revision + 1, ..before.clone() };
    let run = RunMade { before: &before, after: &after, due_at: Some("2026-07-01T00:00:00Z".parse().unwrap()) };
    let billed = store.bill(&invoice, period.into(), Some(run), &[], Used::default(), world.now()).await.unwrap();
    assert_eq!(billed, BillOutcome::Billed);
    invoice.statement().id.to_string()
}

/// An invoice of acme's, of 19.00 EUR, issued now.
pub(crate) fn issued(api: &Api, subscription_id: SubscriptionId, period: u32) -> Invoice {
    let number = InvoiceNumber::new(&Slug::parse("acme").unwrap(), u64::from(period) + 1);
    let draft = Draft::new(statement(api, subscription_id, period)).unwrap();
    draft.finalize(number, api.platform.world().now(), SignedDuration::from_hours(24 * 14)).unwrap()
}

/// What that invoice says.
pub(crate) fn statement(api: &Api, subscription_id: SubscriptionId, period: u32) -> Statement {
    let currency: Currency = "EUR".parse().unwrap();
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let day = |text: &str| text.parse::<Date>().unwrap();
    let plan = PlanRef { plan_id: PlanId::derived(&["basic"]), version: NonZeroU32::MIN };
    let amount = Money { amount_minor: 1900, currency };
    let line = Line {
        key: "base".to_owned(),
        source: None,
        days: None,
        description: "Basic".to_owned(),
        exact: amount.major(),
        amount,
        detail: LineDetail::Fee { active_days: 31, full_days: 31 },
    };
    Statement {
        id: subscription::invoice_id(subscription_id, period),
        tenant_id: api.acme.id.parse().unwrap(),
        subscription: Some(SubscriptionRun { id: subscription_id, plan, run: Some(period + 1) }),
        period: Period::new(instant("2026-05-01T00:00:00Z"), instant("2026-06-01T00:00:00Z")).unwrap(),
        days: (day("2026-05-01"), day("2026-05-31")),
        lines: vec![line],
        discounts: Vec::new(),
        tax_treatment: TaxTreatment::Taxed,
        taxes: Vec::new(),
        credits: Vec::new(),
        total: amount,
        notes: Notes::default(),
    }
}

/// Writes a delivery of acme's with one receipt as the webhook function does.
async fn delivery(api: &Api, endpoint_id: EndpointId) -> String {
    let world = api.platform.world();
    let now = world.now();
    let store = world.store(api.acme.id.parse().unwrap());
    let mut delivery = Delivery {
        id: DeliveryId::derived(&["delivery"]),
        endpoint_id,
        event_id: EventId::derived(&["event"]),
        event_type: "invoice.ready.v1".to_owned(),
        body: r#"{"type":"invoice.ready.v1"}"#.to_owned(),
        correlation_id: "corr-1".to_owned(),
        status: DeliveryStatus::Pending,
        attempts: 0,
        created_at: now,
        next_attempt_at: now,
        hop: 0,
        claimed_until: None,
    };
    assert!(store.create_delivery(&delivery).await.unwrap());
    delivery.attempts = 1;
    let receipt = Attempt { number: 1, attempted_at: now, status: Some(500), error: None, duration_ms: 12 };
    store.settle_attempt(&delivery, &receipt).await.unwrap();
    delivery.id.to_string()
}
