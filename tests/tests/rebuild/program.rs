//! `meterline rebuild` against a server on this machine.

use crate::bench::{Bench, NOW, event, sum};
use cloud::Clock;
use meterline::{
    rebuild::{self, Outcome, Rebuild},
    server::Server,
};
use tests::local::PLATFORM_KEY;
use tokio::net::TcpListener;

/// Runs the program for May; answers what came of it and what it said.
async fn run(url: &str, key: Option<&str>, repair: bool) -> Result<(Outcome, Vec<String>), String> {
    let (from, to) = ("2026-04-30T00:00:00Z".to_owned(), "2026-06-01".to_owned());
    let options =
        Rebuild { tenant: "acme".to_owned(), from, to, repair, url: url.to_owned(), key: key.map(str::to_owned) };
    let mut lines = Vec::new();
    let outcome = rebuild::run(&options, |line| lines.push(line)).await.map_err(|error| error.to_string())?;
    Ok((outcome, lines))
}

#[tokio::test]
async fn the_program_checks_repairs_and_says_so() {
    // The pumps of a server wait for messages by its clock, which must go on.
    let clock = Clock::turnable();
    clock.turn_to(NOW.parse().unwrap());
    let bench = Bench::open_at(clock).await;
    bench.count(&[event("1", Some("10:00"), 10, "ann", "eu"), event("2", Some("11:00"), 10, "ann", "eu")]).await;
    let head = bench.usage_items("H#2026-05-20T11:00").await.remove(0);
    let key = bench.counter("old-count", "eu").await;
    bench.tamper(head, |counters| _ = counters.0.insert(key, sum(9))).await;
    let acme = bench.acme.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _server = Server::start(bench.local.platform, PLATFORM_KEY, listener, address);
    let url = format!("http://{address}/");
    let april = "2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z: 0 hours, 0 events, as counted";
    let may = "2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z: 2 hours, 2 events";
    let place = format!("hour 2026-05-20T11:00:00Z, group [\"eu\"], lane {acme}/hour/2026-05-20T11:00:00Z/0");
    let detail = "the counter of old-count is 9, and the log adds up to 1";
    let table = [
        (
            false,
            false,
            vec![
                april.to_owned(),
                format!("{may}, 1 differences, 0 of them repaired"),
                format!("first difference (not repaired): {detail}; {place}"),
            ],
        ),
        (
            true,
            true,
            vec![
                april.to_owned(),
                format!("{may}, 1 differences, 1 of them repaired"),
                format!("first difference (repaired): {detail}; {place}"),
            ],
        ),
        (false, true, vec![april.to_owned(), format!("{may}, as counted")]),
    ];
    for (repair, sound, mut expect) in table {
        let (outcome, lines) = run(&url, None, repair).await.unwrap();
        assert_eq!(outcome.is_sound(), sound);
        expect.push(format!("log digest {}", outcome.digest));
        assert_eq!(lines, expect);
    }
    assert!(run(&url, Some("ml_live_wrong"), false).await.is_err());
    assert!(run(&url, Some(PLATFORM_KEY), false).await.is_ok());
}
