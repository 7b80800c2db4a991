//! The client: one test against one address.

use super::drive::{Drive, Owner};
use http::{HeaderMap, HeaderValue, Uri, header::USER_AGENT};
use net::SocketOptions;
use net::client::ClientSettings;
use net::websocket::{Unopened, connect};
use soundings_core::ndt7::spec::{RUN, SUBPROTOCOL};
use soundings_core::ndt7::{AppInfo, Ending, Measurement, Origin, Session, Side, Test, Verdict, judge};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which test.
    pub test: Test,
    /// `http:` or `https:`, the host, and the test's path with its query.
    pub uri: Uri,
    /// The address that is believed to be the host's.
    pub address: SocketAddr,
    /// Congestion control of our side, as the kernel calls it.
    pub congestion_control: Option<String>,
    /// Sent with the request: a token, where one is wanted.
    pub headers: HeaderMap,
}

/// How far a test is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// Since it began.
    pub elapsed: Duration,
    /// Bytes sent or received.
    pub bytes: u64,
    /// The path's round-trip time as the server, or our kernel, knows it.
    pub round_trip: Option<Duration>,
}

/// What came of a test.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// How it ended.
    pub ending: Ending,
    /// For how long data flowed.
    pub elapsed: Duration,
    /// Bytes of binary messages that the receiver had.
    pub bytes: u64,
    /// For the TCP connection to stand.
    pub connecting: Duration,
    /// The TLS handshake.
    pub shaking: Option<Duration>,
    /// Our end.
    pub local: SocketAddr,
    /// The last that the server said.
    pub server: Option<Measurement>,
    /// What the figures mean: the server's word, or ours where it has none.
    pub verdict: Verdict,
    /// Is it the server's?
    pub verdict_of_server: bool,
}

/// Runs one test; `tell` hears how far it is.
pub async fn measure(
    asked: &Asked,
    settings: &ClientSettings,
    tell: impl FnMut(Progress) + Send,
) -> Result<Measured, Problem> {
    let options = SocketOptions {
        congestion_control: asked.congestion_control.clone(),
        no_delay: true,
        ..SocketOptions::default()
    };
    let mut headers = asked.headers.clone();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("portolan/", env!("CARGO_PKG_VERSION"))));
    let opened = connect(&asked.uri, asked.address, SUBPROTOCOL, headers, settings, &options).await;
    let opened = opened.map_err(|error| unopened(&error, asked))?;
    let local = opened.stream.peer.local;
    let mut seed = [0; 8];
    net::fill_random(&mut seed);
    let session = Session::new(Side::Client, asked.test, RUN, None, u64::from_ne_bytes(seed));
    let mut drive = Drive::new(opened.stream, Side::Client, session, None);
    let mut client = Client { test: asked.test, tell };
    let (ending, elapsed) = drive.run(&mut client).await;
    let server = drive.session.heard().cloned();
    // Of an upload the server knows what arrived; of a download we do.
    let theirs = server.as_ref().and_then(|server| server.app_info).filter(|_| asked.test == Test::Upload);
    let (bytes, elapsed) = match theirs {
        Some(app) if app.num_bytes >= 0 && app.elapsed_time > 0 => {
            (app.num_bytes as u64, Duration::from_micros(app.elapsed_time as u64))
        }
        _ => (drive.session.bytes(), elapsed),
    };
    let said = server.as_ref().and_then(|server| server.verdict.clone()).map(Verdict::made_plain);
    let verdict_of_server = said.is_some();
    let verdict = said.unwrap_or_else(|| judge(asked.test, &drive.gathered.evidence(elapsed, bytes, None, None)));
    drive.farewell().await;
    if bytes == 0 || ending == Ending::Violation {
        return Err(nothing(ending, asked));
    }
    Ok(Measured {
        ending,
        elapsed,
        bytes,
        connecting: opened.connecting,
        shaking: opened.shaking,
        local,
        server,
        verdict,
        verdict_of_server,
    })
}

struct Client<T> {
    test: Test,
    tell: T,
}

impl<T: FnMut(Progress) + Send> Owner for Client<T> {
    fn measure(&mut self, drive: &mut Drive, now: Duration) -> Option<String> {
        let bytes = drive.session.bytes();
        let tcp_info = drive.gathered.look(&drive.socket, now).cloned();
        let told = match self.test {
            Test::Download => drive.session.heard().and_then(|heard| heard.tcp_info.as_ref()),
            Test::Upload => tcp_info.as_ref(),
        };
        let round_trip = told.and_then(|tcp| tcp.rtt).map(|micros| Duration::from_micros(micros.unsigned_abs()));
        (self.tell)(Progress { elapsed: now, bytes, round_trip });
        let measurement = Measurement {
            app_info: Some(AppInfo::new(bytes, now)),
            origin: Some(Origin::Client),
            test: Some(self.test),
            tcp_info,
            congestion_control: drive.gathered.our_control().map(str::to_owned),
            ..Measurement::default()
        };
        Some(measurement.to_text())
    }

    fn conclude(&mut self, _: &mut Drive, _: Duration) -> Option<String> {
        None
    }

    fn must_end(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn unopened(error: &Unopened, asked: &Asked) -> Problem {
    let (status, retry, blame, next) = match error {
        Unopened::Client(error) => return error.problem(),
        Unopened::Refused { retry_after: Some(after), .. } => {
            (503, Retry::After(*after), Blame::Peer, "Another test runs there: try again when it has ended.")
        }
        Unopened::Refused { .. } => (502, Retry::Never, Blame::Peer, "Look whether the host serves ndt7 at this port."),
        Unopened::Broken(_) => (502, Retry::Never, Blame::Peer, "Look whether the host serves ndt7 at this port."),
    };
    Problem {
        status,
        kind: "no-ndt7",
        title: "The host did not begin the test",
        detail: format!("An ndt7 {} at {} ({}) did not begin: {error}.", asked.test.name(), asked.uri, asked.address),
        blame,
        retry,
        next: next.to_owned(),
    }
}

fn nothing(ending: Ending, asked: &Asked) -> Problem {
    Problem {
        status: 502,
        kind: "nothing-measured",
        title: "Nothing was measured",
        detail: format!(
            "The ndt7 {} at {} ({}) ended ({}) before anything was measured.",
            asked.test.name(),
            asked.uri,
            asked.address,
            match ending {
                Ending::Violation => "the server broke the protocol",
                Ending::Deadline => "nothing came in time",
                _ => "the connection broke",
            }
        ),
        blame: Blame::Peer,
        retry: Retry::Soon,
        next: "Try again; if it stays so, look at the server's log.".to_owned(),
    }
}
