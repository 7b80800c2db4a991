//! `portolan ndt7`.

use super::reach::{Reach, address_problem};
use super::{misused, print, say, tell};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use net::Family;
use net::client::ClientSettings;
use port::client::Token;
use soundings::ndt7::{Asked, Measured, Progress, measure};
use soundings_core::ndt7::{Ending, Test};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use terms::{Problem, Rate};

pub(super) const ABOUT: &str = "\
Measure the way to a host by ndt7: ten seconds of download, then ten of upload, each over one WebSocket, and what the \
figures mean. Any ndt7 server will do; one of Portolan says what held the test back, for others that is judged here from \
what they send.";

const AFTER_HELP: &str = "\
HOST alone means TLS at port 443 (wss); ws:// is without TLS. A responder of Portolan has both at its one port: \
'portolan ndt7 ws://host:5201'. A host with IPv4 and IPv6 is measured over both, unless -4 or -6 is given.

Exit codes: 0 measured; 1 something could not be measured; 2 wrong use of the command line.";

/// How long a server may let us wait for our turn.
const TURN: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// HOST, HOST:PORT, or a URL of ws:// or wss://
    #[arg(value_name = "HOST")]
    host: String,
    /// Download alone
    #[arg(long, conflicts_with = "upload")]
    download: bool,
    /// Upload alone
    #[arg(long)]
    upload: bool,
    /// Congestion control of our side, as the kernel names it: cubic, bbr
    #[arg(short = 'C', long, value_name = "NAME")]
    congestion_control: Option<String>,
    /// File that holds a bearer token; with the right 'measure' it lifts the host's allowance for anyone
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Send the token over connections without TLS, too
    #[arg(long, requires = "token_file")]
    token_in_clear: bool,
    #[command(flatten)]
    reach: Reach,
    /// The results as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// No line while it runs
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    let (target, headers, addresses) = match prepare(&arguments).await {
        Ok(prepared) => prepared,
        Err(problem) => return tell(&problem, 1),
    };
    let settings = ClientSettings {
        trust: arguments.reach.trust(),
        insecure: arguments.reach.insecure,
        answer_timeout: TURN,
        ..ClientSettings::default()
    };
    let mut failed = false;
    for address in addresses {
        for test in arguments.tests(&target) {
            let asked = Asked {
                test,
                uri: target.uri(test),
                address,
                congestion_control: arguments.congestion_control.clone(),
                headers: headers.clone(),
            };
            match one(&asked, &settings, &arguments).await {
                Ok(measured) => {
                    print(&if arguments.json { as_json(&asked, &measured) } else { shown(&asked, &measured) })
                }
                Err(problem) => {
                    tell(&problem, 1);
                    failed = true;
                    if never_began(&problem) {
                        break;
                    }
                }
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether the host was not reached or not believed: the other direction would only say the same again.
fn never_began(problem: &Problem) -> bool {
    matches!(problem.kind, "peer-unreachable" | "peer-untrusted" | "tls-failed")
}

/// Which server, and which test where the URL names one.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Target {
    tls: bool,
    authority: String,
    host: String,
    port: u16,
    test: Option<Test>,
    query: String,
}

impl Target {
    fn parse(text: &str) -> Result<Self, Problem> {
        let unusable = |why: &str| misused(format!("'{text}' is no host and no URL of ws:// or wss://: {why}"));
        let text_of = if text.contains("://") { text.to_owned() } else { format!("wss://{text}") };
        let uri: Uri = text_of.parse().map_err(|error| unusable(&format!("{error}")))?;
        let tls = match uri.scheme_str() {
            Some("wss" | "https") => true,
            Some("ws" | "http") => false,
            _ => return Err(unusable("it must begin with ws:// or wss://")),
        };
        let authority = uri.authority().ok_or_else(|| unusable("it names no host"))?;
        let test = match uri.path() {
            "" | "/" | "/speed" => None,
            path => {
                let of_path = [Test::Download, Test::Upload].into_iter().find(|test| test.path() == path);
                Some(of_path.ok_or_else(|| unusable("its path is neither that of a download nor of an upload"))?)
            }
        };
        Ok(Self {
            tls,
            authority: authority.to_string(),
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            test,
            query: uri.query().unwrap_or("").to_owned(),
        })
    }

    fn uri(&self, test: Test) -> Uri {
        let scheme = if self.tls { "https" } else { "http" };
        let own = concat!("client_name=portolan&client_version=", env!("CARGO_PKG_VERSION"));
        let query = if self.query.is_empty() { own.to_owned() } else { format!("{}&{own}", self.query) };
        // All of its parts come from one that was parsed.
        format!("{scheme}://{}{}?{query}", self.authority, test.path()).parse().unwrap_or_default()
    }
}

impl Arguments {
    fn tests(&self, target: &Target) -> Vec<Test> {
        match (target.test, self.download, self.upload) {
            (Some(test), ..) => vec![test],
            (None, true, _) => vec![Test::Download],
            (None, _, true) => vec![Test::Upload],
            _ => vec![Test::Download, Test::Upload],
        }
    }
}

async fn prepare(arguments: &Arguments) -> Result<(Target, HeaderMap, Vec<SocketAddr>), Problem> {
    let target = Target::parse(&arguments.host)?;
    let mut headers = HeaderMap::new();
    if let Some(file) = &arguments.token_file {
        if !target.tls && !arguments.token_in_clear {
            return Err(misused(format!(
                "The token would go to {} without TLS; --token-in-clear allows it",
                target.host
            )));
        }
        headers.extend(Token::from_file(file)?.header().map(|value| (AUTHORIZATION, value)));
    }
    let found = net::addresses_of(&target.host, target.port, arguments.reach.family()).await;
    let addresses = found.map_err(|error| address_problem(&target.host, &error))?;
    Ok((target, headers, addresses))
}

async fn one(asked: &Asked, settings: &ClientSettings, arguments: &Arguments) -> Result<Measured, Problem> {
    let lively = !arguments.quiet && !arguments.json && std::io::stderr().is_terminal();
    if !arguments.quiet {
        say(&format!(
            "portolan: {} from {} ({}, {})",
            asked.test.name(),
            asked.uri.host().unwrap_or(""),
            asked.address,
            Family::of(asked.address.ip())
        ));
    }
    let measured = measure(asked, settings, |progress| {
        if lively {
            live(asked.test, &progress);
        }
    })
    .await;
    if lively {
        // Away with the line that was written over and over.
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    measured
}

/// One line, written over the last.
fn live(test: Test, progress: &Progress) {
    let seconds = progress.elapsed.as_secs_f64();
    let rate = Rate((progress.bytes as f64 * 8.0 / seconds.max(1e-3)) as u64);
    let trip = progress.round_trip.map_or(String::new(), |trip| format!(", round trip {}", millis(trip.as_secs_f64())));
    let _ = write!(std::io::stderr(), "\r\x1b[K{} {seconds:>4.1} s of 10 s: {rate}{trip}", test.name());
}

fn millis(seconds: f64) -> String {
    match seconds * 1e3 {
        millis if millis < 0.1 => format!("{:.0} µs", millis * 1e3),
        millis if millis < 10.0 => format!("{millis:.2} ms"),
        millis => format!("{millis:.0} ms"),
    }
}

fn shown(asked: &Asked, measured: &Measured) -> String {
    let verdict = &measured.verdict;
    let mut text = String::new();
    let rate = Rate(verdict.rate_bits_per_second as u64);
    let seconds = measured.elapsed.as_secs_f64();
    // Writing to a string does not fail.
    let _ = write!(text, "{}: {rate} over {seconds:.1} s, {}", asked.test.name(), Family::of(asked.address.ip()));
    if let Some(least) = verdict.rtt_least_seconds {
        let _ = write!(text, ", round trip {} at least", millis(least));
    }
    if let Some(loaded) = verdict.rtt_loaded_seconds {
        let _ = write!(text, ", {} under load", millis(loaded));
    }
    text.push('\n');
    match measured.ending {
        Ending::Complete | Ending::EarlyExit => {}
        _ => text.push_str("  The server did not end the test as it should; what was measured until then is shown.\n"),
    }
    for finding in &verdict.findings {
        let _ = writeln!(text, "  {}", finding.says);
        for figure in &finding.figures {
            let _ = writeln!(text, "    {figure}");
        }
        if !finding.next.is_empty() {
            let _ = writeln!(text, "    Next: {}", finding.next);
        }
    }
    if !measured.verdict_of_server {
        text.push_str("  (The server gives no verdict; this is judged from the figures that it sent.)\n");
    }
    text
}

fn as_json(asked: &Asked, measured: &Measured) -> String {
    let object = serde_json::json!({
        "test": asked.test,
        "url": asked.uri.to_string(),
        "address": asked.address.to_string(),
        "local": measured.local.to_string(),
        "family": Family::of(asked.address.ip()).to_string(),
        "ending": measured.ending,
        "bytes": measured.bytes,
        "seconds": measured.elapsed.as_secs_f64(),
        "rate_bits_per_second": measured.verdict.rate_bits_per_second,
        "connect_seconds": measured.connecting.as_secs_f64(),
        "tls_handshake_seconds": measured.shaking.map(|span| span.as_secs_f64()),
        "verdict": measured.verdict,
        "verdict_by": if measured.verdict_of_server { "server" } else { "client" },
        "server_measurement": measured.server,
    });
    format!("{object}\n")
}

#[cfg(test)]
mod tests;
