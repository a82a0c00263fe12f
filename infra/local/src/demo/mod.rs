//! `meterline demo`: a real log becomes seven invoices, over HTTP, with every figure checked.
//!
//! It starts a platform of its own in memory, does what a customer would do, closes the period by turning the clock,
//! takes the webhooks on a real receiver, and compares all of it with what [`expect`] counts by other means.

mod client;
pub mod expect;
pub mod log;
mod receiver;
mod setup;
mod spend;
mod table;

pub use client::{Api, ClientError};
pub use receiver::{Call, Receiver};
pub use table::Row;

use crate::{
    aws::Storage,
    platform::{Options, Platform, PlatformError},
    server::{self, DOWNLOADS, Server},
};
use cloud::{Clock, Metrics, Random};
use expect::Expected;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use log::TENANTS;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Events of one request, the most that the API takes.
const EVENTS_A_REQUEST: usize = 1_000;
/// The demo's own platform key; its platform lives in memory for as long as it runs.
const PLATFORM_KEY: &str = "ml_live_demo";

/// What to run the demo on.
#[derive(Clone, Debug)]
pub struct Demo {
    /// A log of one's own, instead of the one that comes with the repository.
    pub log: Option<PathBuf>,
    /// Where the PDFs go.
    pub out: PathBuf,
    /// Whether to print JSON instead of a table.
    pub json: bool,
}

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be read or written.
    #[error("{what}")]
    File {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The log cannot be billed as one period.
    #[error("the log holds no request, or spans more than 24 months")]
    Log,
    /// The platform failed.
    #[error("the platform failed")]
    Platform(#[from] PlatformError),
    /// The API answered something else than expected.
    #[error("the API answered something unexpected")]
    Client(#[from] ClientError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Http(#[from] reqwest::Error),
    /// An answer lacks what the API promises.
    #[error("the answer lacks {0}")]
    Answer(&'static str),
    /// Some events were not taken.
    #[error("the API rejected an event: {0}")]
    Rejected(Value),
    /// The table is not what the log holds.
    #[error("the table is wrong:\n{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

/// Runs the demo and prints its table.
///
/// # Errors
/// If anything at all is not as it should be.
pub async fn run(demo: &Demo) -> Result<(), DemoError> {
    let path = demo.log.as_deref();
    let expected = expect::count(log::read(path).map_err(unreadable)?).map_err(unreadable)?.ok_or(DemoError::Log)?;
    if demo.log.is_none() {
        check_sample(&expected)?;
    }
    if expected.skipped > 0 {
        eprintln!("Lines of the log that are no requests, left out: {}", expected.skipped);
    }
    let server = start(&expected).await?;
    let base_url = format!("http://{}", server.address);
    let receiver = Receiver::start().await.map_err(|source| listen_failed("webhook receiver", source))?;
    let platform = Api::new(&base_url, PLATFORM_KEY)?;
    let tenants = setup::set_up(&platform, &receiver, &expected).await?;
    server.platform.aws().meter().reset();
    send(&tenants, path, &expected).await?;
    server::quiet(&server.platform).await?;
    let spent = server.platform.aws().meter().snapshot();
    let rows_of_usage = usage(&tenants, &expected).await?;
    close(&server, &expected).await?;
    let rows = invoices(&tenants, &receiver, rows_of_usage, &demo.out).await?;
    report(demo, &rows, &expected, &receiver)?;
    if !demo.json {
        println!("\n{}", spend::render(&spent, rows.iter().map(|row| row.requests).sum()));
    }
    Ok(())
}

fn report(demo: &Demo, rows: &[Row], expected: &Expected, receiver: &Receiver) -> Result<(), DemoError> {
    if demo.json {
        println!("{}", serde_json::to_string_pretty(rows).map_err(|_| DemoError::Answer("a printable table"))?);
    } else {
        println!("{}", table::render(rows));
        println!("\nThe invoices are in {}.", demo.out.display());
    }
    let mut differences = table::differences(rows, &expected.figures);
    if receiver.refused() > 0 {
        differences.push(format!("{} webhook calls had a wrong signature", receiver.refused()));
    }
    if differences.is_empty() { Ok(()) } else { Err(DemoError::Wrong(differences)) }
}

fn unreadable(source: std::io::Error) -> DemoError {
    DemoError::File { what: "the log cannot be read".to_owned(), source }
}

/// The sample's figures are known from elsewhere: the demo's own counting is checked against them first.
fn check_sample(expected: &Expected) -> Result<(), DemoError> {
    let known = expect::SAMPLE.map(|(requests, bytes, distinct_addresses, amount_minor)| expect::Figures {
        requests,
        bytes,
        distinct_addresses,
        amount_minor,
    });
    if expected.figures == known { Ok(()) } else { Err(DemoError::Wrong(vec![format!("{:?}", expected.figures)])) }
}

async fn start(expected: &Expected) -> Result<Server, DemoError> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(|source| listen_failed("server", source))?;
    let address = listener.local_addr().map_err(|source| listen_failed("server", source))?;
    let clock = Clock::turnable();
    clock.turn_to(expected.last);
    let options = Options {
        storage: Storage::Memory,
        clock,
        random: Random::System,
        metrics: Metrics::Off,
        platform_key: PLATFORM_KEY.to_owned(),
        endpoint: format!("http://{address}{DOWNLOADS}"),
        webhook_allow_private_addresses: true,
    };
    Ok(Server::start(Platform::open(options).await?, PLATFORM_KEY, listener, address))
}

fn listen_failed(what: &str, source: std::io::Error) -> DemoError {
    DemoError::File { what: format!("the {what} cannot listen on this machine"), source }
}

/// Sends every request of the log as a usage event of its tenant.
async fn send(tenants: &[setup::Tenant], path: Option<&Path>, expected: &Expected) -> Result<(), DemoError> {
    let progress = ProgressBar::new(expected.figures.iter().map(|figures| figures.requests).sum());
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} events, {per_sec}");
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    progress.set_message("sending");
    let mut waiting: Vec<Vec<Value>> = vec![Vec::new(); TENANTS.len()];
    for request in log::read(path).map_err(unreadable)? {
        let Some(request) = request.map_err(unreadable)? else { continue };
        let events = &mut waiting[request.tenant];
        events.push(json!({
            "id": request.line.to_string(),
            "source": "access-log",
            "type": "request",
            "time": request.at.to_string(),
            "data": {"address": request.address, "bytes": request.bytes},
        }));
        if events.len() == EVENTS_A_REQUEST {
            post(&tenants[request.tenant], std::mem::take(events), &progress).await?;
        }
    }
    for (tenant, events) in tenants.iter().zip(waiting) {
        if !events.is_empty() {
            post(tenant, events, &progress).await?;
        }
    }
    progress.finish_and_clear();
    Ok(())
}

async fn post(tenant: &setup::Tenant, events: Vec<Value>, progress: &ProgressBar) -> Result<(), DemoError> {
    let sent = events.len() as u64;
    let answer = tenant.api.post("/v1/usage/events", &json!({"events": events})).await?;
    if answer["accepted"].as_u64() != Some(sent) {
        let results = answer["results"].as_array().cloned().unwrap_or_default();
        let refused = results.into_iter().find(|result| result["status"] != "accepted");
        return Err(DemoError::Rejected(refused.unwrap_or(answer)));
    }
    progress.inc(sent);
    Ok(())
}

/// What Meterline says was used, before anything is billed.
async fn usage(tenants: &[setup::Tenant], expected: &Expected) -> Result<Vec<[u64; 3]>, DemoError> {
    let mut rows = Vec::new();
    let end = setup::period_end(expected)?;
    for tenant in tenants {
        let mut totals = [0; 3];
        for (total, meter) in totals.iter_mut().zip(["requests", "bytes", "addresses"]) {
            let path = format!("/v1/usage?meter={meter}&from={}T00:00:00Z&to={end}T00:00:00Z", expected.first_day);
            let answer = tenant.api.get(&path).await?;
            let text = answer["total"].as_str().ok_or(DemoError::Answer("a total"))?;
            *total = text.parse().map_err(|_| DemoError::Answer("a whole total"))?;
        }
        rows.push(totals);
    }
    Ok(rows)
}

/// Turns the clock to after the period's grace and waits until every invoice is printed and announced. The watermark
/// passes the close by then: it is some minutes behind.
async fn close(server: &Server, expected: &Expected) -> Result<(), DemoError> {
    let midnight = setup::period_end(expected)?.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| DemoError::Log)?;
    let grace = server.platform.world().settings().invoice_grace;
    let closed = midnight.timestamp().saturating_add(grace + SignedDuration::from_mins(15));
    server::turn_clock(&server.platform, closed.map_err(|_| DemoError::Log)?).await?;
    Ok(server::quiet(&server.platform).await?)
}

async fn invoices(
    tenants: &[setup::Tenant],
    receiver: &Receiver,
    usage: Vec<[u64; 3]>,
    out: &Path,
) -> Result<Vec<Row>, DemoError> {
    let mut rows = Vec::new();
    for (tenant, [requests, bytes, distinct_addresses]) in tenants.iter().zip(usage) {
        let list = tenant.api.get("/v1/invoices").await?;
        let [invoice] = list["data"].as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(DemoError::Answer("exactly one invoice a tenant"));
        };
        let text = |name: &'static str| invoice[name].as_str().map(str::to_owned).ok_or(DemoError::Answer(name));
        let id = text("id")?;
        let link = tenant.api.get(&format!("/v1/invoices/{id}/pdf")).await?;
        let pdf = tenant.api.download(link["url"].as_str().ok_or(DemoError::Answer("url"))?).await?;
        let file = out.join(format!("{}.pdf", tenant.slug));
        let failed = |source| DemoError::File { what: format!("{} cannot be written", file.display()), source };
        std::fs::create_dir_all(out).and_then(|()| std::fs::write(&file, pdf)).map_err(failed)?;
        rows.push(Row {
            tenant: tenant.slug.to_owned(),
            requests,
            bytes,
            distinct_addresses,
            amount_minor: invoice["totalMinor"].as_i64().ok_or(DemoError::Answer("totalMinor"))?,
            currency: text("currency")?,
            invoice_number: text("number")?,
            webhook: announced(receiver, tenant.slug, &id),
        });
    }
    Ok(rows)
}

/// Whether a well-signed call announced this invoice's PDF.
fn announced(receiver: &Receiver, tenant: &str, invoice_id: &str) -> String {
    let calls = receiver.calls(tenant);
    let ready = |call: &Call| call.event["type"] == "invoice.ready.v1" && call.event["data"]["invoiceId"] == invoice_id;
    if calls.iter().any(ready) { "verified" } else { "missing" }.to_owned()
}
