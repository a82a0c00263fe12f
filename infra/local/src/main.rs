//! The `meterline` program: a local platform with its console page, the demo, what a workload would cost, how fast this
//! machine is, rebuilds, and checks of ledgers.

use clap::{Args, Parser, Subcommand};
use cloud::{Clock, Metrics, Random};
use domain::api_key::{ApiKey, KeyMode};
use meterline::{
    aws::Storage,
    bench::{self, Row},
    cost::{self, Logged, Plan},
    demo::{self, Demo},
    ledger::{self, LedgerCheck},
    platform::{Options, Platform},
    rebuild::{self, Rebuild},
    server::{DOWNLOADS, Server},
    workload::Workload,
};
use mimalloc::MiMalloc;
use std::{
    error::Error,
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::net::TcpListener;

/// A fifth less time for whatever the embedded AWS does: most of it is small requests that live for a moment.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// When a measured workload begins: the same instant each time, so that figures repeat.
const COST_START: &str = "2026-06-01T00:00:00Z";

/// Usage metering and billing, on your machine.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Start the platform and its console page (what happens without a command).
    Serve(Serve),
    /// Bill a real access log as the usage of seven tenants, and check every figure.
    Demo {
        /// An access log in the combined format, plain or gzip, instead of the one that comes along.
        #[arg(long)]
        log: Option<PathBuf>,
        /// Where the invoices go.
        #[arg(long, default_value = "out")]
        out: PathBuf,
        /// Print the table as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a workload in memory and say what it would cost on AWS, modelled from metered requests.
    Cost(Cost),
    /// Measure how fast this machine counts, model what a million events would cost, and close a month.
    Bench(Bench),
    /// Count a tenant's hours anew from the usage log of a running server, and compare them with what is stored.
    Rebuild(Recount),
    /// Read all books of a tenant from a running server, and check every entry, every sum and the head.
    Ledger(Books),
}

#[derive(Args)]
struct Books {
    /// Whose books: id or slug.
    #[arg(long)]
    tenant: String,
    /// Where the API answers.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The platform key; also taken from METERLINE_KEY. A local server gives its own.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Args)]
struct Recount {
    /// Whose hours: id or slug.
    #[arg(long)]
    tenant: String,
    /// The first day in the tenant's zone, or the first instant.
    #[arg(long)]
    from: String,
    /// The first day after, or the first instant after.
    #[arg(long)]
    to: String,
    /// Count anew what differs, and back-fill meters that are younger than the events.
    #[arg(long)]
    repair: bool,
    /// Where the API answers.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The platform key; also taken from METERLINE_KEY. A local server gives its own.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Args)]
struct Cost {
    /// Events in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Events of one request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    per_request: u64,
    /// Tenants that send.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tenants: u32,
    /// Tenants send as Zipf has it, not all the same.
    #[arg(long)]
    zipf: bool,
    /// Events a second, of all tenants.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Pollers that Lambda has for each queue; it starts with five.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pollers: u64,
    /// Seconds for which messages gather before a poller takes them; as the template has it, unless it is said.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    window: Option<u64>,
    /// Milliseconds that a function is assumed to wait for each of its calls of AWS.
    #[arg(long, default_value_t = 10)]
    call_ms: u64,
    /// What is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Bench {
    /// Seconds that each load is kept up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Events of one request; may be given several times.
    #[arg(long, default_values_t = [100, 1], value_parser = clap::value_parser!(u64).range(1..=1_000))]
    per_request: Vec<u64>,
    /// Tenants that send.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tenants: u32,
    /// Only close a month.
    #[arg(long)]
    closing_only: bool,
    /// Subscriptions whose month is closed.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    subscriptions: u64,
    /// Subscriptions of each tenant.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    per_tenant: u64,
    /// Hours of the month in which each tenant has usage, each on another day.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=28))]
    usage_hours: u32,
}

#[derive(Args)]
struct Serve {
    /// Port of the API and the page.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Folder that keeps everything.
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let logged = match arguments.command {
        // What is measured logs to nobody; what is modelled starts its own.
        Some(Command::Bench(_)) => None,
        Some(Command::Cost(_)) => start_logs(true),
        Some(Command::Serve(_) | Command::Demo { .. } | Command::Rebuild(_) | Command::Ledger(_)) | None => {
            start_logs(false)
        }
    };
    let outcome = match arguments.command {
        Some(Command::Demo { log, out, json }) => demo::run(&Demo { log, out, json }).await.map_err(Into::into),
        Some(Command::Cost(options)) => measure(&options, logged).await,
        Some(Command::Bench(options)) => run_bench(options).await,
        Some(Command::Rebuild(options)) => recount(options).await,
        Some(Command::Ledger(options)) => check_books(options).await,
        Some(Command::Serve(options)) => serve(options).await,
        None => serve(arguments.serve).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Cost, logged: Option<Logged>) -> Result<(), Box<dyn Error>> {
    let workload = Workload {
        events: options.events,
        per_request: options.per_request,
        tenants: usize::try_from(options.tenants)?,
        skewed: options.zipf,
        rate: options.rate,
        start: COST_START.parse()?,
        seed: options.seed,
    };
    let call_wait = Duration::from_millis(options.call_ms);
    let window = options.window.map(Duration::from_secs);
    let report = cost::measure(&Plan { workload, pollers: options.pollers, window, call_wait, logged }).await?;
    println!("{report}");
    Ok(())
}

async fn run_bench(options: Bench) -> Result<(), Box<dyn Error>> {
    let Bench { seconds, per_request, tenants, closing_only, subscriptions, per_tenant, usage_hours } = options;
    let closing = bench::Closing { subscriptions, per_tenant, usage_hours };
    let plan = bench::Plan { duration: Duration::from_secs(seconds), per_request, tenants: usize::try_from(tenants)? };
    if cfg!(debug_assertions) {
        println!("A debug build: what is measured is far slower than what is deployed.");
    }
    println!("{}", Row::header());
    if !closing_only {
        bench::load(&plan, |row| println!("{row}")).await?;
    }
    let logged = start_logs(true);
    if !closing_only {
        bench::spend(logged.as_ref(), |row| println!("{row}")).await?;
    }
    bench::closing(&closing, logged.as_ref(), |row| println!("{row}")).await?;
    println!(
        "\nRates and delays are measured on this machine, in one process, without sockets, over the embedded AWS."
    );
    println!("Dollars, units and requests are modelled from metered requests at list prices, without free tiers;");
    println!("Lambda's time in them is this machine's.");
    Ok(())
}

async fn recount(options: Recount) -> Result<(), Box<dyn Error>> {
    let Recount { tenant, from, to, repair, url, key } = options;
    let key = key.or_else(|| std::env::var("METERLINE_KEY").ok());
    let outcome = rebuild::run(&Rebuild { tenant, from, to, repair, url, key }, |line| println!("{line}")).await?;
    if outcome.is_sound() {
        return Ok(());
    }
    let open = outcome.differences - outcome.repaired;
    Err(format!("{open} differences are not repaired; counters are by --repair, what broke the log is not").into())
}

async fn check_books(options: Books) -> Result<(), Box<dyn Error>> {
    let Books { tenant, url, key } = options;
    let key = key.or_else(|| std::env::var("METERLINE_KEY").ok());
    match ledger::run(&LedgerCheck { tenant, url, key }, |line| println!("{line}")).await?.broken {
        None => Ok(()),
        Some(broken) => Err(broken.into()),
    }
}

async fn serve(options: Serve) -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address).await;
    let listener = listener
        .map_err(|error| format!("port {} cannot be used: {error}; choose another with --port", options.port))?;
    let platform_key = platform_key(&options.data)?;
    let platform = Platform::open(Options {
        storage: Storage::Folder(options.data.clone()),
        clock: Clock::turnable(),
        random: Random::System,
        metrics: Metrics::Off,
        platform_key: platform_key.clone(),
        endpoint: format!("http://{address}{DOWNLOADS}"),
        webhook_allow_private_addresses: true,
    })
    .await?;
    let server = Server::start(platform, &platform_key, listener, address);
    greet(options.port, &options.data, &platform_key);
    tokio::select! {
        () = server.run() => Err("the server stopped".into()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// The platform key of a data folder: made at its first start, and the same ever after.
fn platform_key(data: &Path) -> Result<String, Box<dyn Error>> {
    let file = data.join("platform-key");
    match fs::read_to_string(&file) {
        Ok(key) => return Ok(key.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display()).into()),
    }
    let key = ApiKey::new(KeyMode::Test, Random::System.bytes()).reveal().to_owned();
    fs::create_dir_all(data)?;
    fs::write(&file, &key)?;
    Ok(key)
}

fn greet(port: u16, data: &Path, key: &str) {
    let url = format!("http://localhost:{port}");
    println!("Meterline is running. Open {url} or read {url}/docs. Everything is kept in {}.\n", data.display());
    println!("Platform key: {key}\n");
    let post = format!("curl -s -H 'authorization: Bearer {key}' -H 'content-type: application/json'");
    println!("{post} {url}/v1/tenants -d '{{\"slug\":\"acme\",\"name\":\"Acme Inc\"}}'");
    println!(
        "{post} {url}/v1/meters -d '{{\"slug\":\"calls\",\"name\":\"API calls\",\"eventType\":\"call\",\"aggregation\":\"count\"}}'"
    );
    println!(
        "{post} '{url}/v1/usage/events?tenant=acme' -d '{{\"events\":[{{\"id\":\"1\",\"type\":\"call\",\"data\":{{}}}}]}}'"
    );
}

/// Plain lines on standard error: warnings only, unless `RUST_LOG` asks for more. Where they are counted they are what a
/// deployed function writes, and shown to nobody.
fn start_logs(counted: bool) -> Option<Logged> {
    use tracing_subscriber::EnvFilter;
    if counted {
        let logged = Logged::default();
        cloud::telemetry::init_to(logged.clone());
        return Some(logged);
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    None
}

fn complain(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because {cause}");
        source = cause.source();
    }
}
