//! The `meterline` program: a local platform with its console page, and the demo.

use clap::{Args, Parser, Subcommand};
use cloud::{Clock, Metrics, Random};
use domain::api_key::{ApiKey, KeyMode};
use meterline::{
    aws::Storage,
    demo::{self, Demo},
    platform::{Options, Platform},
    server::{DOWNLOADS, Server},
};
use std::{
    error::Error,
    fs,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::net::TcpListener;

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
    start_logs();
    let outcome = match arguments.command {
        Some(Command::Demo { log, out, json }) => demo::run(&Demo { log, out, json }).await.map_err(Into::into),
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

/// Plain lines on standard error: warnings only, unless `RUST_LOG` asks for more.
fn start_logs() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn complain(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because {cause}");
        source = cause.source();
    }
}
