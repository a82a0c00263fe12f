//! The journey over the embedded AWS: a local platform as a user would start it, but in memory.

use cloud::{Clock, Metrics, Random};
use domain::usage::watermark::CONFIRMATION;
use meterline::{
    aws::Storage,
    platform::{Options, Platform},
    server::{DOWNLOADS, Server},
};
use std::sync::Arc;
use tests::journey::{self, Target};
use tokio::net::TcpListener;

const PLATFORM_KEY: &str = "ml_live_journey";

#[tokio::test(flavor = "multi_thread")]
async fn from_a_key_to_a_signed_webhook() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let platform = Platform::open(Options {
        storage: Storage::Memory,
        clock: Clock::turnable(),
        random: Random::System,
        metrics: Metrics::Off,
        platform_key: PLATFORM_KEY.to_owned(),
        endpoint: format!("http://{address}{DOWNLOADS}"),
        webhook_allow_private_addresses: true,
    })
    .await
    .unwrap();
    let server = Server::start(platform, PLATFORM_KEY, listener, address);
    let platform = Arc::clone(&server.platform);
    // The watermark rises by two readings that lie apart: the server's schedule has made the first when it started.
    let tick = || async {
        let world = platform.world();
        world.clock().turn_to(world.now() + CONFIRMATION);
        platform.tick().await.unwrap();
    };
    journey::run(&Target { base_url: format!("http://{address}"), platform_key: PLATFORM_KEY.to_owned(), tick }).await;
}
