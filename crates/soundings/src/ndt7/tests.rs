//! Whole tests over loopback, with a run of a second; and peers that leave, lie or come two at a time.

use super::*;
use crate::guard::turn::{TurnSettings, Turns};
use crate::guard::{Allowance, Guard};
use crate::responder::{self, Anyone, Protocol, Refusal, Settings, Shared};
use net::Drain;
use net::client::ClientSettings;
use policy::{Policy, Rights};
use soundings_core::ndt7::{Ending, Kind, Test};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Problem, Rate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A responder whose tests run for this long.
struct Host {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: JoinHandle<net::Drained>,
}

impl Host {
    fn start(run: Duration, rate: Option<Rate>, patience: Duration) -> Self {
        net::install_crypto_provider();
        let anyone = Allowance { longest: run, stream_rate: rate, ..Allowance::anyone(None) };
        let rights = Rights::new(Policy::default(), ());
        let guard = Guard::new(rights, anyone, Allowance::entitled(), Turns::new(TurnSettings::default()));
        let settings = Settings { patience, drain_deadline: Duration::from_secs(5), ..Settings::default() };
        let shared = Shared::new(guard, Arc::new(Anyone), Drain::new(), settings);
        let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, running: tokio::spawn(responder::run(listener, Arc::clone(&shared))), shared }
    }

    async fn measure(&self, test: Test) -> Result<Measured, Problem> {
        let uri = format!("http://{}{}?client_name=test", self.address, test.path()).parse().unwrap();
        let asked =
            Asked { test, uri, address: self.address, congestion_control: None, headers: http::HeaderMap::new() };
        measure(&asked, &ClientSettings::default(), |_| {}).await
    }

    /// Ends, after it has let go of everything.
    async fn end(self) {
        self.idle().await;
        self.shared.drain.begin();
        self.running.await.unwrap();
    }

    /// Nothing runs, and nobody waits.
    async fn idle(&self) {
        let begun = Instant::now();
        loop {
            let (running, waiting) = self.shared.guard.turns().look();
            if running.is_empty() && waiting.is_empty() && self.shared.runs.look().is_empty() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(25), "a turn is held");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The answer to these octets, as far as it comes in a moment.
    async fn raw(&self, head: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let count = stream.read(&mut answer).await.unwrap();
        answer.truncate(count);
        (stream, String::from_utf8_lossy(&answer).into_owned())
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn head(path: &str, subprotocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
}

fn download() -> String {
    head("/ndt/v7/download", "net.measurementlab.ndt.v7")
}

/// Both tests end by the server's close, with its verdict, its measurements and equal counts on both sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions() {
    let host = Host::start(2 * SECOND + SECOND / 4, None, MINUTE);
    for test in [Test::Download, Test::Upload] {
        let measured = host.measure(test).await.unwrap();
        assert_eq!(measured.ending, Ending::Complete);
        assert!(measured.bytes > 1 << 20, "{} bytes", measured.bytes);
        assert!(measured.elapsed > 2 * SECOND);
        let server = measured.server.unwrap();
        assert!(measured.verdict_of_server && !measured.verdict.findings.is_empty());
        assert!(measured.verdict.findings[0].kind != Kind::TooShort);
        assert_eq!((server.test, server.origin.is_some()), (Some(test), true));
        let connection = server.connection_info.unwrap();
        assert_eq!((connection.server, connection.client), (host.address.to_string(), measured.local.to_string()));
        assert_eq!(connection.uuid.unwrap().len(), 36);
        assert!(connection.start_time.unwrap().contains('T'));
        let tcp = server.tcp_info.unwrap();
        assert!(tcp.rtt.is_some() && tcp.snd_cwnd.is_some() && tcp.bytes_acked.is_some(), "{tcp:?}");
    }
    host.idle().await;
    let totals = host.shared.runs.totals();
    assert_eq!(totals.finished[&Protocol::Ndt7], 2);
    assert!(totals.received_bytes[&Protocol::Ndt7] > 0 && totals.sent_bytes[&Protocol::Ndt7] > 0);
    host.end().await;
}

/// What this caller may have holds both directions, and the verdict names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_allowance_paces() {
    let allowed = Rate(80_000_000);
    let host = Host::start(3 * SECOND, Some(allowed), MINUTE);
    for test in [Test::Download, Test::Upload] {
        let measured = host.measure(test).await.unwrap();
        let reached = measured.verdict.rate_bits_per_second;
        // What the kernel had already taken of an upload, and may burst of a download, is some hundred kilobytes.
        assert!(reached < allowed.0 as f64 * 1.1, "{} {reached}", test.name());
        assert_eq!(measured.verdict.limit().unwrap().kind, Kind::Allowance, "{:?}", measured.verdict);
    }
    host.end().await;
}

/// Who has to wait does, and measures after the other; who does not want to wait that long hears when to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_take_turns() {
    let host = Host::start(SECOND, None, MINUTE);
    let begun = Instant::now();
    let (first, second) = tokio::join!(host.measure(Test::Download), host.measure(Test::Upload));
    assert!(first.is_ok() && second.is_ok());
    assert!(begun.elapsed() >= 2 * SECOND, "they ran side by side");
    host.end().await;
    let host = Host::start(SECOND, None, SECOND);
    let (first, second) = tokio::join!(host.measure(Test::Download), host.measure(Test::Download));
    let refused = [first, second].into_iter().find_map(Result::err).expect("one is sent away");
    assert!(refused.detail.contains("503") && refused.detail.contains("One test runs at a time"), "{refused}");
    assert!(matches!(refused.retry, terms::Retry::After(span) if span <= Duration::from_secs(15)), "{refused:?}");
    assert_eq!(host.shared.runs.totals().refused[&(Some(Protocol::Ndt7), Refusal::Busy)], 1);
    host.end().await;
}

/// A client that is gone, in each state, holds no turn: before its answer, while data flows either way, and at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_each_state() {
    let host = Host::start(10 * SECOND, None, MINUTE);
    // While it waits: the queue forgets it although the one before it goes on.
    let (running, answer) = host.raw(&head("/ndt/v7/upload", "net.measurementlab.ndt.v7")).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let mut waiting = TcpStream::connect(host.address).await.unwrap();
    waiting.write_all(download().as_bytes()).await.unwrap();
    while host.shared.guard.turns().look().1.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(waiting);
    while !host.shared.guard.turns().look().1.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(host.shared.runs.look().len(), 1);
    // In an upload, before any data.
    drop(running);
    host.idle().await;
    // In a download, in the middle of the data.
    let begun = Instant::now();
    let (mut stream, answer) = host.raw(&download()).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let mut some = vec![0; 1 << 20];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    host.idle().await;
    assert!(begun.elapsed() < 8 * SECOND, "its turn was held");
    assert_eq!(host.shared.runs.totals().broken[&Protocol::Ndt7], 2);
    host.end().await;
}

/// A client that neither reads nor answers has its turn until the hard deadline and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_to_the_end() {
    let host = Host::start(SECOND, None, MINUTE);
    let begun = Instant::now();
    let (stream, _) = host.raw(&download()).await;
    host.idle().await;
    let held = begun.elapsed();
    assert!((14 * SECOND..18 * SECOND).contains(&held), "{held:?}");
    drop(stream);
    host.end().await;
}

/// Clients that break the rules are told so by a code, and their turn is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn violations() {
    let host = Host::start(10 * SECOND, None, MINUTE);
    let begun = Instant::now();
    let upload = || head("/ndt/v7/upload", "net.measurementlab.ndt.v7");
    let masked = |first: u8, bytes: u8| [vec![first, 0x80 | bytes, 0, 0, 0, 0], vec![b' '; bytes.into()]].concat();
    let cases: [(String, Vec<u8>, u16); 6] = [
        (download(), masked(0x82, 10), 1003),
        (upload(), vec![0x82, 10, 1, 2, 3], 1002),
        (upload(), vec![0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], 1009),
        (upload(), vec![0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0], 1009),
        (upload(), masked(0x82, 0).repeat(60), 1008),
        (upload(), masked(0x89, 5).repeat(60), 1008),
    ];
    for (head, bytes, code) in cases {
        let (mut stream, answer) = host.raw(&head).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        stream.write_all(&bytes).await.unwrap();
        let mut said = Vec::new();
        // A reset may come after the words.
        let _ = stream.read_to_end(&mut said).await;
        let close = [&[0x88_u8][..], &code.to_be_bytes()].concat();
        let told = said.windows(4).any(|window| window[0] == close[0] && window[2..4] == close[1..]);
        assert!(told, "{code} is not told in {} bytes", said.len());
    }
    assert!(begun.elapsed() < 12 * SECOND);
    host.end().await;
}

/// Requests that are none get 400 and a reason, and no turn.
#[tokio::test]
async fn requests_that_are_refused() {
    let host = Host::start(SECOND, None, MINUTE);
    let ndt7 = "net.measurementlab.ndt.v7";
    let long = format!("/ndt/v7/download?a={}", "x".repeat(4096));
    for (path, subprotocol, status, says) in [
        ("/ndt/v7/download", "chat", 400, "'Sec-WebSocket-Protocol: net.measurementlab.ndt.v7' is missing"),
        ("/ndt/v7/download?a=1&a=2", ndt7, 400, "has 'a' twice"),
        ("/ndt/v7/download?=2", ndt7, 400, "a value without a name"),
        ("/ndt/v7/download?early_exit=100", ndt7, 400, "only 250 is"),
        (&long, ndt7, 400, "at most 4096"),
        ("/ndt/v7/sideways", ndt7, 404, "is neither"),
    ] {
        let (_, answer) = host.raw(&head(path, subprotocol)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(says), "{path}: {answer}");
    }
    let (_, answer) = host.raw("GET /ndt/v7/download HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("no request for a WebSocket"), "{answer}");
    assert!(host.shared.runs.look().is_empty());
    host.end().await;
}

/// The page brings all that it needs, and lets nothing else in.
#[tokio::test]
async fn the_page() {
    let host = Host::start(SECOND, None, MINUTE);
    let (_, page) = host.raw("GET /speed HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("content-security-policy: default-src 'none';"),
        "{page}"
    );
    for path in ["/speed/speed.js", "/speed/turn"] {
        let (_, answer) = host.raw(&format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let (_, answer) = host.raw("POST /speed HTTP/1.1\r\nHost: here\r\ncontent-length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let html = include_str!("page/speed.html");
    assert!(html.contains("<noscript>") && html.contains("aria-live"));
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("onclick"));
    host.end().await;
}
