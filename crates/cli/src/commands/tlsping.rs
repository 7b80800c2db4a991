//! `portolan tlsping`.

use super::reach::{Reach, address_problem};
use super::{misused, print, tell};
use net::client::{HandshakeSettings, TlsVersion};
use soundings::tlsping::Plan;
use soundings_core::tlsping::{Report, Stage};
use std::process::ExitCode;
use std::time::Duration;
use terms::{Problem, Span};

const AFTER_HELP: &str = "\
Connections are made one after another, so that a time is that of a handshake and not of a queue; --concurrency makes a \
queue on purpose. The quickest TCP connection is the round trip: with it the report tells how much of a handshake is \
distance, and how much is work. A host with IPv4 and IPv6 is asked over both, unless -4 or -6 is given.

Exit codes: 0 all succeeded as asked; 1 some failed, or a server did not resume; 2 wrong use of the command line.";

/// Which handshakes.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Full ones, then resumed ones
    Both,
    /// Keys exchanged and the certificate shown each time
    Full,
    /// A ticket of the one before shown each time
    Resumed,
}

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Host, with its port if it is not 443
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// Connections of each kind
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    concurrency: u32,
    /// Pause between two connections
    #[arg(short, long, value_name = "SPAN", default_value = "0 s")]
    interval: Span,
    /// TCP connections alone, without TLS
    #[arg(long, alias = "tcponly")]
    tcp_only: bool,
    /// Which handshakes
    #[arg(long, value_enum, default_value_t = Which::Both)]
    handshakes: Which,
    /// Version of TLS to offer, 1.2 or 1.3; more than once: several [default: both]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    tls: Vec<TlsVersion>,
    /// Suite to offer, as TLS_AES_128_GCM_SHA256; more than once: several
    #[arg(long, value_name = "NAME")]
    cipher: Vec<String>,
    /// Group for key exchange to offer, as X25519 or P-256; more than once: several
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Protocol to offer, as h2; more than once: several
    #[arg(long, value_name = "NAME")]
    alpn: Vec<String>,
    /// Name to ask for and to check, instead of the host's
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// How long a host may take for one step
    #[arg(long, value_name = "SPAN", default_value = "10 s")]
    timeout: Span,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

fn version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" => Ok(TlsVersion::Tls12),
        "1.3" => Ok(TlsVersion::Tls13),
        other => Err(format!("'{other}' is not 1.2 or 1.3")),
    }
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    let reports = match measure(&arguments).await {
        Ok(reports) => reports,
        Err(problem) => return tell(&problem, 1),
    };
    if arguments.json {
        print(&format!("{}\n", serde_json::json!({ "reports": reports })));
    } else {
        for report in &reports {
            print(&format!("{}\n", report.shown()));
        }
    }
    if reports.iter().all(Report::is_clean) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(arguments: &Arguments) -> Result<Vec<Report>, Problem> {
    let (host, port) = split(&arguments.host)?;
    let addresses = net::addresses_of(host, port, arguments.reach.family()).await;
    let mut reports = Vec::new();
    for address in addresses.map_err(|error| address_problem(host, &error))? {
        let plan = Plan {
            host: arguments.host.clone(),
            address,
            settings: settings(arguments, host),
            stages: stages(arguments),
            count: arguments.count,
            concurrency: arguments.concurrency,
            interval: arguments.interval.0,
        };
        reports.push(soundings::tlsping::run(&plan).await?);
    }
    Ok(reports)
}

fn settings(arguments: &Arguments, host: &str) -> HandshakeSettings {
    let versions =
        if arguments.tls.is_empty() { vec![TlsVersion::Tls13, TlsVersion::Tls12] } else { arguments.tls.clone() };
    let step = arguments.timeout.0.max(Duration::from_millis(1));
    HandshakeSettings {
        trust: arguments.reach.trust(),
        insecure: arguments.reach.insecure,
        credential: None,
        versions,
        ciphers: arguments.cipher.clone(),
        groups: arguments.group.clone(),
        alpn: arguments.alpn.clone(),
        server_name: arguments.sni.clone().unwrap_or_else(|| host.to_owned()),
        resume: false,
        connect_timeout: step,
        handshake_timeout: step,
    }
}

fn stages(arguments: &Arguments) -> Vec<Stage> {
    match (arguments.tcp_only, arguments.handshakes) {
        (true, _) => vec![Stage::Tcp],
        (_, Which::Both) => vec![Stage::Full, Stage::Resumed],
        (_, Which::Full) => vec![Stage::Full],
        (_, Which::Resumed) => vec![Stage::Resumed],
    }
}

/// The usual port of what speaks TLS.
const HTTPS: u16 = 443;

/// `host`, `host:port`, `[address]:port`; an IPv6 address without brackets has no port.
fn split(text: &str) -> Result<(&str, u16), Problem> {
    let text = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let bare = text.parse::<core::net::Ipv6Addr>().is_ok() || text.ends_with(']');
    match text.rsplit_once(':').filter(|_| !bare) {
        None => Ok((text, HTTPS)),
        Some((host, port)) => {
            let port = port.parse().map_err(|_| misused(format!("'{port}' is no port number")))?;
            Ok((host, port))
        }
    }
}
