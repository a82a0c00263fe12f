//! The endpoint that answers for AWS: the one that `AWS_ENDPOINT_URL` names, such as LocalStack, or else a MiniStack on a
//! free port, started and ended here.
//!
//! One test at a time has it, across processes. MiniStack lives no longer than the test: `endpoint.py` ends with its
//! standard input, which the test holds.

use crate::python::{script, target};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

pub(super) const REGION: &str = "eu-central-1";
/// Names the endpoint that somebody has started.
const GIVEN: &str = "AWS_ENDPOINT_URL";
/// A first start compiles its modules, on a machine that may be busy with other tests.
const START_TIMEOUT: Duration = Duration::from_secs(300);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// An endpoint that is up. Dropped, it is ended if it was started here.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    ours: Option<Child>,
    /// Held so that other tests wait for their turn.
    _turn: File,
}

impl Endpoint {
    pub(super) fn start() -> Self {
        let folder = target().join("deployed");
        fs::create_dir_all(&folder).expect("the target folder is writable");
        let turn = File::create(folder.join("turn")).expect("the target folder is writable");
        turn.lock().expect("a file can be locked");
        if let Ok(url) = std::env::var(GIVEN) {
            return Self { url, ours: None, _turn: turn };
        }
        let port = free_port();
        // An address and not a name, with which the AWS SDK asks S3 for `/bucket/key` and needs no DNS for `bucket.host`.
        let url = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        let mut endpoint = Self { ours: Some(spawn(&folder, port, &url)), url, _turn: turn };
        endpoint.wait(&folder, port);
        endpoint
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    fn wait(&mut self, folder: &Path, port: u16) {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = self.ours.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("endpoint.log")).unwrap_or_default();
                panic!("the endpoint did not start ({ended:?})\n{log}");
            }
            sleep(PAUSE);
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let Some(child) = &mut self.ours else { return };
        // The end of its input asks it to end and to take the functions along.
        drop(child.stdin.take());
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            sleep(PAUSE);
        }
        child.kill().ok();
        child.wait().ok();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// Starts MiniStack with an environment of its own: functions inherit it, and nothing but the template may give them theirs.
fn spawn(folder: &Path, port: u16, url: &str) -> Child {
    let temporary = folder.join("temporary");
    fs::remove_dir_all(&temporary).ok();
    fs::create_dir_all(&temporary).expect("the target folder is writable");
    let log = File::create(folder.join("endpoint.log")).expect("the target folder is writable");
    let port = port.to_string();
    let environment = [
        ("PATH", std::env::var("PATH").unwrap_or_default().as_str()),
        ("TMPDIR", temporary.to_str().expect("the target folder has a readable name")),
        ("BIND_HOST", "127.0.0.1"),
        ("GATEWAY_PORT", port.as_str()),
        ("MINISTACK_REGION", REGION),
        // Functions call back here.
        (GIVEN, url),
        // Roles are enforced.
        ("AUTH", "true"),
        // Listeners on further ports, for services that are not used.
        ("IOT_MTLS_ENABLED", "0"),
        ("SFTP_ENABLED", "0"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    script("endpoint.py")
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a file handle can be cloned"))
        .stderr(log)
        .spawn()
        .expect("the interpreter starts")
}
