//! `portolan httpload`.

mod fleet;
mod local;

use super::reach::{Reach, address_problem};
use super::{misused, print, say, tell};
use net::client::{HttpVersion, LineSettings};
use port::client::Token;
use soundings_core::load::{Plan, Report, Way};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use terms::{ByteSize, Problem, Span};

const AFTER_HELP: &str = "\
A URL without a path is one of a Portolan host: /synthetic/SIZE is asked for, bytes without a disk. There the load takes \
its turn among other tests, and is held to 60 s and 1 Gbit/s unless a token allows more. Any other URL will do as well; \
an n in braces in it becomes the number of the request, so that uploads need not overwrite one another.

A time ends the load (10 s after a warm-up of 2 s that is left out), or a number of requests does. Of several URLs all are \
loaded at once. A host with IPv4 and IPv6 is loaded over both, one after the other, unless -4 or -6 is given.

With --from, ports make the requests: each loads every URL, all begin together, and one report tells each pair and the \
total. It takes the verb `measure` at those ports.

Exit codes: 0 every request succeeded; 1 some failed, or nothing could begin; 2 wrong use of the command line.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to load: https://host:8443, or any http:// or https:// address
    #[arg(value_name = "URL", required_unless_present = "to")]
    urls: Vec<String>,
    /// The same, named
    #[arg(long, value_name = "URL")]
    to: Vec<String>,
    /// Have this port make the requests instead of this program; more than once: several, all at once
    #[arg(long, value_name = "PORT", conflicts_with = "requests")]
    from: Vec<String>,
    /// File that holds the bearer token for those ports; more than once: one for each, in their order [default:
    /// BEARER_TOKEN, or BEARER_TOKEN_FILE]
    #[arg(long, value_name = "PATH", requires = "from")]
    port_token_file: Vec<PathBuf>,
    /// Send bytes (PUT) instead of fetching them (GET)
    #[arg(short, long)]
    upload: bool,
    /// Bytes of each request: of uploads, and of URLs without a path
    #[arg(short, long, value_name = "SIZE", default_value = "1 GB")]
    size: ByteSize,
    /// Version of HTTP: 1 or 2
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    http: u8,
    /// Connections at once
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    connections: u32,
    /// Requests at once on each connection (HTTP/2)
    #[arg(short = 'm', long, value_name = "N", default_value_t = 1)]
    streams: u32,
    /// How long it is measured [default: 10 s]
    #[arg(short, long, value_name = "SPAN", conflicts_with = "requests")]
    time: Option<Span>,
    /// How long before that nothing counts [default: 2 s]
    #[arg(short = 'O', long, value_name = "SPAN", conflicts_with = "requests")]
    omit: Option<Span>,
    /// So many requests instead of a time
    #[arg(short = 'n', long, value_name = "N")]
    requests: Option<u64>,
    /// A request of which no byte moves for so long has failed
    #[arg(long, value_name = "SPAN", default_value = "30 s", alias = "patience")]
    timeout: Span,
    /// Congestion control, as the kernel names it: cubic, bbr
    #[arg(short = 'C', long, value_name = "NAME")]
    congestion_control: Option<String>,
    /// File that holds a bearer token to send with each request
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Send the token over connections without TLS, too
    #[arg(long, requires = "token_file")]
    token_in_clear: bool,
    #[command(flatten)]
    reach: Reach,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// No line each second
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    let done = if arguments.from.is_empty() {
        local::run(&arguments).await
    } else {
        fleet::run(&arguments).await.map(|pairs| vec![pairs])
    };
    let reports = match done {
        Ok(reports) => reports,
        Err(problem) => return tell(&problem, 1),
    };
    match show(&reports, arguments.json) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => tell(&problem, 1),
    }
}

/// Shows all pairs and their total; did every request succeed?
fn show(rounds: &[Vec<Report>], json: bool) -> Result<bool, Problem> {
    let mut documents = Vec::new();
    for pairs in rounds {
        let total = Report::total(pairs).map_err(|error| misused(format!("A report cannot be added: {error}")))?;
        if json {
            documents.push(serde_json::json!({ "pairs": pairs, "total": total }));
            continue;
        }
        let many = pairs.len() > 1;
        for report in pairs.iter().chain(total.as_ref().filter(|_| many)) {
            print(&format!("{}\n", report.shown()));
        }
    }
    if json {
        print(&format!("{}\n", serde_json::json!({ "rounds": documents })));
    }
    Ok(rounds.iter().flatten().all(|report| report.is_clean() && report.bytes > 0))
}

impl Arguments {
    fn urls(&self) -> Vec<String> {
        let with_path = |url: &String| {
            let bare = url.trim_end_matches('/');
            let host = bare.split_once("://").map_or("", |(_, host)| host);
            if host.is_empty() || host.contains('/') {
                url.clone()
            } else {
                format!("{bare}/synthetic/{}", self.size.0)
            }
        };
        self.urls.iter().chain(&self.to).map(with_path).collect()
    }

    fn version(&self) -> HttpVersion {
        if self.http == 2 { HttpVersion::Http2 } else { HttpVersion::Http1 }
    }

    fn plan(&self) -> Plan {
        let timed = self.requests.is_none();
        let omit = if timed { self.omit.map_or(Duration::from_secs(2), |span| span.0) } else { Duration::ZERO };
        let time = self.time.map_or(Duration::from_secs(10), |span| span.0);
        Plan {
            way: if self.upload { Way::Upload } else { Way::Download },
            size_bytes: self.size.0,
            span: timed.then(|| time + omit),
            requests: self.requests,
            warm_up: omit,
            connections: self.connections,
            streams: self.streams,
            patience: self.timeout.0,
        }
    }

    fn lines(&self) -> LineSettings {
        let defaults = LineSettings::default();
        let mut socket = defaults.socket.clone();
        socket.congestion_control.clone_from(&self.congestion_control);
        LineSettings {
            trust: self.reach.trust(),
            insecure: self.reach.insecure,
            version: self.version(),
            socket,
            ..defaults
        }
    }

    fn token(&self) -> Result<Option<Token>, Problem> {
        self.token_file.as_deref().map(Token::from_file).transpose()
    }
}
