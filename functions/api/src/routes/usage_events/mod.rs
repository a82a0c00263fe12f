//! Usage events come in: read ([`parse`]), decided one by one ([`decide`]), marked where they are late ([`late`]), packed
//! ([`pack`]) and published.
//!
//! Invariants: an event is answered `accepted` only after the topic has taken it; a bad event holds back no good one;
//! what the topic refused, or could not be marked as late, is answered `retry`, exactly that. Only `decide` knows rules, and it does no I/O: whom the
//! events are for and which meters there are is loaded before.

mod decide;
mod groups;
mod late;
mod pack;
mod parse;

pub(super) use self::{
    decide::{SOURCE_DEFAULT, check_picked, groups_of, too_many_groups, unpacked},
    groups::admit,
    late::mark_instant,
};

use self::{
    decide::{Decided, Verdict},
    parse::Parsed,
};
use crate::{
    auth::{AnyTenantScope, Caller},
    body,
    correlation::Correlation,
    openapi::EventRefusals,
    problem::{Problem, RETRY_AFTER_SECONDS},
    state::{Api, KnownTenant, MeterIndex},
};
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use cloud::Fault;
use domain::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use utoipa::ToSchema;

/// Most events of one request.
const EVENTS_MAX: usize = 1_000;
/// Tenants that are looked up at once for one request of the platform.
const LOOKUPS_AT_ONCE: usize = 16;

/// What became of each event of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventResults<'a> {
    /// One for each event, in the order in which they were sent.
    results: Vec<EventResult<'a>>,
    /// How many are stored and will be counted.
    accepted: usize,
    /// How many were in the same request before.
    duplicate: usize,
    /// How many were refused, for good.
    rejected: usize,
}

/// What became of one event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventResult<'a> {
    /// Its place in the request, counted from 0.
    index: usize,
    /// Its id; `null` if it has none that can be read.
    id: Option<&'a str>,
    /// `accepted`, `duplicate`, `rejected`, or `retry` if it must be sent again.
    #[schema(example = "accepted")]
    status: &'static str,
    /// Why it was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "quantity_negative")]
    code: Option<&'a str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// JSON pointer to the field, inside the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/data/bytes")]
    pointer: Option<&'a str>,
}

/// Usage events in the short form.
#[derive(ToSchema)]
#[schema(as = NewUsageEvents)]
#[expect(dead_code, reason = "documents what parse reads")]
pub(crate) struct EventsBody {
    /// From 1 to 1,000 events.
    events: Vec<EventBody>,
}

/// A usage event in the short form.
#[derive(ToSchema)]
#[schema(as = NewUsageEvent, example = json!({
    "id": "req-7f3a", "source": "edge-7", "type": "request.served", "time": "2026-06-01T00:00:00Z", "subject": "acme",
    "data": {"bytes": 203_023, "region": "eu"},
}))]
#[expect(dead_code, reason = "documents what parse reads")]
pub(crate) struct EventBody {
    /// Unique within its source and hour; sending it again with the same time counts once.
    id: String,
    /// The system that reports.
    #[schema(default = "api")]
    source: Option<String>,
    /// What happened; meters pick events by it.
    #[schema(rename = "type")]
    event_type: String,
    /// When it happened: the time inside a `UUIDv7` id, or else the arrival, unless it is sent.
    time: Option<Timestamp>,
    /// Whose usage it is, by id or slug; a tenant's key need not send it.
    subject: Option<String>,
    /// What meters read. A quantity may be a number or, to keep every digit, a string.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// Send usage events
///
/// In the short form as `application/json`, or as CloudEvents 1.0: one (`application/cloudevents+json`), many
/// (`application/cloudevents-batch+json`), or one in binary mode (`ce-` headers with the data as the body). The platform
/// names the tenant of each event by its `subject`, or of all with `?tenant=`.
///
/// 202 says what became of each event. 503 has the same body where some events are `retry`: send those again, or
/// simply all.
#[utoipa::path(
    post, path = "/v1/usage/events", operation_id = "sendUsageEvents", tag = "Usage", security(("tenantKey" = []), ("platformKey" = [])),
    params(("tenant" = Option<String>, Query, description = "Id or slug of whose usage it is; for the platform.")),
    request_body(content(
        (EventsBody = "application/json"),
        (Object = "application/cloudevents+json"),
        (Vec<Object> = "application/cloudevents-batch+json"),
    )),
    responses((status = 202, body = EventResults<'_>, description = "What became of each event."), EventRefusals)
)]
pub(crate) async fn send(
    State(api): State<Api>,
    caller: Caller,
    AnyTenantScope(scope): AnyTenantScope,
    Correlation(correlation_id): Correlation,
    request: Request,
) -> Result<Response, Problem> {
    let now = api.world().now();
    let (parts, body) = request.into_parts();
    let form = parse::form(&parts.headers)?;
    let body = body::read(body).await?;
    let parsed = parse::events(form, &parts.headers, &body)?;
    let tenants = addressed(&api, caller, scope, &parsed).await?;
    let meters = meters(&api, &parsed, now).await?;
    let mut decided = decide::decide(&parsed, &tenants, &meters, now);
    let refused = groups::refused(&api, &decided).await?;
    decide::refuse_groups(&mut decided, &refused);
    let Decided { mut verdicts, mut drafts } = decided;
    let unmarked = late::mark_drafts(&api, &mut drafts, now).await;
    let unmarked = unmarked.map_err(|error| Problem::internal(error.to_string()))?;
    decide::withdraw(&mut verdicts, unmarked.into_iter());
    let packed = pack::pack(&drafts, &correlation_id, now)?;
    let (messages, positions): (Vec<_>, Vec<_>) = packed.into_iter().map(|p| (p.message, p.positions)).unzip();
    if let Err(failed) = api.world().publish(&messages).await {
        tracing::warn!(fault = failed.cause.chain(), messages = failed.refused.len(), "the topic refused messages");
        decide::withdraw(&mut verdicts, failed.refused.iter().flat_map(|&message| &positions[message]).copied());
    }
    count(&api, &verdicts, now);
    Ok(answer(&parsed, &verdicts))
}

/// Whom the events of a request may be for.
#[derive(Debug)]
struct Tenants {
    /// Whether the caller may name others than `default`.
    platform: bool,
    /// Whose an event without a subject is.
    default: Option<Arc<KnownTenant>>,
    /// By the subjects that events name.
    by_subject: HashMap<String, Arc<KnownTenant>>,
}

async fn addressed(
    api: &Api,
    caller: Caller,
    default: Option<Arc<KnownTenant>>,
    parsed: &[Parsed<'_>],
) -> Result<Tenants, Fault> {
    if matches!(caller, Caller::Tenant(_)) {
        return Ok(Tenants { platform: false, default, by_subject: HashMap::new() });
    }
    let subjects: BTreeSet<&str> =
        parsed.iter().filter_map(|parsed| parsed.as_ref().ok()?.subject.as_deref()).collect();
    let mut by_subject = HashMap::new();
    let mut unknown = Vec::new();
    for subject in subjects {
        match api.known_tenant(subject) {
            Some(tenant) => drop(by_subject.insert(subject.to_owned(), tenant)),
            None => unknown.push(subject.to_owned()),
        }
    }
    let lookups = unknown.into_iter().map(|subject| async move {
        let tenant = api.tenant(&subject).await?;
        Ok::<_, Fault>((subject, tenant))
    });
    let found: Vec<_> = stream::iter(lookups).buffer_unordered(LOOKUPS_AT_ONCE).try_collect().await?;
    by_subject.extend(found.into_iter().filter_map(|(subject, tenant)| Some((subject, tenant?))));
    Ok(Tenants { platform: true, default, by_subject })
}

/// The meters, read again if some event has a type that none of the remembered ones picks.
async fn meters(api: &Api, parsed: &[Parsed<'_>], now: Timestamp) -> Result<Arc<MeterIndex>, Fault> {
    let meters = api.meters(now).await?;
    let all_picked = parsed.iter().flatten().all(|event| meters.is_picked(&event.event_type));
    if all_picked { Ok(meters) } else { api.read_meters(now).await }
}

fn count(api: &Api, verdicts: &[Verdict], now: Timestamp) {
    let names = ["EventsAccepted", "EventsDuplicate", "EventsRejected", "EventsRetried"];
    let mut counts = [0; 4];
    for verdict in verdicts {
        counts[match verdict {
            Verdict::Accepted => 0,
            Verdict::Duplicate { .. } => 1,
            Verdict::Rejected(_) => 2,
            Verdict::Retry => 3,
        }] += 1;
    }
    let world = api.world();
    for (name, count) in names.into_iter().zip(counts) {
        if count > 0 {
            world.metrics().count(&world.settings().stage, "api", name, count, now);
        }
    }
}

fn answer(parsed: &[Parsed<'_>], verdicts: &[Verdict]) -> Response {
    let results: Vec<_> = verdicts.iter().enumerate().map(|(index, verdict)| result(index, parsed, verdict)).collect();
    let with = |status: &str| results.iter().filter(|result| result.status == status).count();
    let (accepted, duplicate, rejected) = (with("accepted"), with("duplicate"), with("rejected"));
    let retry = accepted + duplicate + rejected < results.len();
    let body = axum::Json(EventResults { results, accepted, duplicate, rejected });
    if retry {
        let headers = [(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response();
    }
    (StatusCode::ACCEPTED, body).into_response()
}

fn result<'a>(index: usize, parsed: &'a [Parsed<'_>], verdict: &'a Verdict) -> EventResult<'a> {
    let id = match &parsed[index] {
        Ok(event) => Some(event.id.as_ref()),
        Err(malformed) => malformed.id.as_deref(),
    };
    let plain = |status| EventResult { index, id, status, code: None, message: None, pointer: None };
    match verdict {
        Verdict::Accepted => plain("accepted"),
        Verdict::Duplicate { .. } => plain("duplicate"),
        Verdict::Rejected(violation) => EventResult {
            code: Some(violation.code),
            message: Some(&violation.message),
            pointer: Some(&violation.pointer),
            ..plain("rejected")
        },
        Verdict::Retry => {
            let message = "the event was not stored; send it again";
            EventResult { code: Some("unavailable"), message: Some(message), ..plain("retry") }
        }
    }
}
