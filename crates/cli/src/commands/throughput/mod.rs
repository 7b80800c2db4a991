//! `portolan throughput`: what a way carries between two hosts, and what limits it.

mod lines;
mod show;
#[cfg(test)]
mod tests;

use super::reach::{Reach, address_problem};
use super::{misused, print, say, tell};
use soundings::throughput::{Ends, News, Settings, measure};
use soundings_core::throughput::Report;
use soundings_core::throughput::report::report;
use soundings_core::throughput::wire::{Direction, FarStore, Request};
use soundings_core::verdict::{Facts, Verdict, judge};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use terms::{ByteSize, Problem, Rate, Span};

pub(crate) const ABOUT: &str = "\
Measure what the way to another host carries, and what limits it.

On the other side a responder of Portolan must run: 'portolan responder', or a port with a section [responder]. Bytes go \
from memory to memory unless a file is named; the receiver's count is the result. A host with IPv4 and IPv6 is measured by \
both, one after the other.";

/// The port of the responder, which it shares with iperf3.
const PORT: u16 = 5201;

const AFTER_HELP: &str = "\
The certificate that a responder makes for itself is in no list of authorities: with --tls, name the file of its --ca-out by \
--cacert, or use --insecure.

Exit codes: 0 measured; 1 something could not be measured; 2 wrong use of the command line.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The responder: a name or an address, with :PORT if it is not 5201
    #[arg(value_name = "HOST[:PORT]")]
    host: String,
    /// Which way the bytes go: to, from, both
    #[arg(short, long, value_name = "WAY", default_value = "to", value_parser = direction)]
    direction: Direction,
    /// Connections in each direction
    #[arg(short = 'P', long, value_name = "N", default_value_t = 1)]
    streams: u32,
    /// How long it is measured [default: 10 s]
    #[arg(short, long, value_name = "SPAN", conflicts_with = "bytes")]
    time: Option<Span>,
    /// So many bytes in each direction instead of a time
    #[arg(short = 'n', long, value_name = "SIZE")]
    bytes: Option<ByteSize>,
    /// How long before that nothing counts [default: 0 s]
    #[arg(short = 'O', long, value_name = "SPAN")]
    omit: Option<Span>,
    /// Inside TLS 1.3
    #[arg(long)]
    tls: bool,
    /// Congestion control of the senders, as the kernel names it: cubic, bbr
    #[arg(short = 'C', long, value_name = "NAME")]
    congestion_control: Option<String>,
    /// Send and receive buffers of the streams; without it kernels tune them
    #[arg(short, long, value_name = "SIZE")]
    window: Option<ByteSize>,
    /// The senders' buffers alone
    #[arg(long, value_name = "SIZE")]
    send_buffer: Option<ByteSize>,
    /// The receivers' buffers alone
    #[arg(long, value_name = "SIZE")]
    receive_buffer: Option<ByteSize>,
    /// Rate of each direction, all streams together, paced by the kernel
    #[arg(long, value_name = "RATE")]
    pace: Option<Rate>,
    /// Largest segment, bytes
    #[arg(short = 'M', long, value_name = "BYTES")]
    mss: Option<u16>,
    /// Code point in the IP header, 0 to 63
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=63))]
    dscp: Option<u8>,
    /// What is given to the kernel at once [default: 128 KiB]
    #[arg(short = 'l', long, value_name = "SIZE")]
    block: Option<ByteSize>,
    /// Where the bytes sent come from: memory, or a file here
    #[arg(long, value_name = "FILE", default_value = "memory")]
    source: PathBuf,
    /// Where the bytes received go to: memory, or a new file or folder here, of which nothing stays
    #[arg(long, value_name = "FILE", default_value = "memory")]
    sink: PathBuf,
    /// Where they come from or go to over there: memory, or the scratch folder of the responder
    #[arg(long, value_name = "memory|disk", default_value = "memory", value_parser = far)]
    far: FarStore,
    /// Send from this address
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<std::net::IpAddr>,
    /// How long to wait for a turn, here and there
    #[arg(long, value_name = "SPAN", default_value = "5 min")]
    wait: Span,
    /// Do not wait for a turn
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// File that holds a bearer token to show to the responder
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Show the token without TLS too, on loopback only
    #[arg(long, requires = "token_file")]
    token_in_clear: bool,
    #[command(flatten)]
    reach: Reach,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// No line while it runs
    #[arg(short, long)]
    quiet: bool,
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "to" => Ok(Direction::To),
        "from" => Ok(Direction::From),
        "both" => Ok(Direction::Both),
        _ => Err("it is 'to', 'from' or 'both'".to_owned()),
    }
}

fn far(text: &str) -> Result<FarStore, String> {
    match text {
        "memory" => Ok(FarStore::Memory),
        "disk" => Ok(FarStore::Disk),
        _ => Err("it is 'memory' or 'disk'".to_owned()),
    }
}

/// One finished test.
struct Done {
    address: SocketAddr,
    request: Request,
    ends: Ends,
    report: Report,
    verdicts: Vec<Verdict>,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    net::install_crypto_provider();
    match all(&arguments).await {
        Ok(code) => code,
        Err(problem) => tell(&problem, 1),
    }
}

async fn all(arguments: &Arguments) -> Result<ExitCode, Problem> {
    let (host, port) = split(&arguments.host)?;
    let addresses = net::addresses_of(&host, port, arguments.reach.family())
        .await
        .map_err(|error| address_problem(&host, &error))?;
    let request = arguments.request()?;
    let token = match &arguments.token_file {
        Some(file) => Some(read_token(file)?),
        None => None,
    };
    let mut done = Vec::with_capacity(addresses.len());
    let mut failed = None;
    for address in addresses {
        let settings = Settings {
            address,
            host: host.clone(),
            request: request.clone(),
            trust: arguments.reach.trust(),
            insecure: arguments.reach.insecure,
            token: token.clone(),
            source: file(&arguments.source),
            sink: file(&arguments.sink),
            host_turn: Some(soundings::guard::host::NAME.to_owned()),
            token_in_clear: arguments.token_in_clear,
            bind: arguments.bind,
            connect_timeout: Duration::from_secs(10),
        };
        let mut live = lines::Live::new(arguments.quiet, request.duration(), request.omit());
        let measured = measure(&settings, |news: News| live.hear(&news)).await;
        live.end();
        match measured {
            Ok(ends) => {
                let one = Done::new(address, &request, ends);
                if !arguments.json {
                    print(&show::text(&one));
                }
                done.push(one);
            }
            Err(problem) => {
                // The other family is measured all the same; what failed decides how the command ends.
                say(&format!("portolan: {address}: {}", problem.to_line()));
                failed = Some(problem);
            }
        }
    }
    if arguments.json {
        print(&show::json(&host, &done));
    }
    Ok(if failed.is_some() || done.iter().any(Done::is_broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Done {
    fn new(address: SocketAddr, request: &Request, ends: Ends) -> Self {
        let report = report(request, &ends.here, &ends.there);
        let verdicts = report.flows.iter().map(|flow| {
            let (sender, receiver) =
                if flow.to_responder { (&ends.here, &ends.there) } else { (&ends.there, &ends.here) };
            judge(&Facts::of(request, flow, sender, receiver, ends.grant.rate_bits_per_second))
        });
        let verdicts = verdicts.collect();
        Self { address, request: request.clone(), ends, report, verdicts }
    }

    /// Did a stream end before its time?
    fn is_broken(&self) -> bool {
        self.report.flows.iter().flat_map(|flow| &flow.streams).any(|stream| !stream.failures.is_empty())
    }
}

impl Arguments {
    fn request(&self) -> Result<Request, Problem> {
        let buffer = |own: Option<ByteSize>| own.or(self.window).map(|size| size.0);
        let block = self.block.map_or(Ok(Request::default().block_bytes), |size| u32::try_from(size.0));
        let request = Request {
            direction: self.direction,
            streams: self.streams,
            duration_seconds: match self.bytes {
                Some(_) => None,
                None => Some(self.time.map_or(10.0, |span| span.0.as_secs_f64())),
            },
            bytes: self.bytes.map(|size| size.0),
            omit_seconds: self.omit.map_or(0.0, |span| span.0.as_secs_f64()),
            tls: self.tls,
            block_bytes: block.map_err(|_| misused("A block is at most 4 MiB".to_owned()))?,
            congestion_control: self.congestion_control.clone(),
            send_buffer_bytes: buffer(self.send_buffer),
            receive_buffer_bytes: buffer(self.receive_buffer),
            pace_bits_per_second: self.pace.map(|rate| rate.0),
            segment_bytes: self.mss,
            dscp: self.dscp,
            store: self.far,
            wait_seconds: if self.no_wait { 0.0 } else { self.wait.0.as_secs_f64() },
        };
        request.check().map_err(|why| misused(format!("Of the test that was asked for: {why}")))?;
        Ok(request)
    }
}

/// `host`, `host:port`, `[address]`, `[address]:port`, or an address of IPv6 as it is.
pub(crate) fn split(text: &str) -> Result<(String, u16), Problem> {
    let wrong = || misused(format!("'{text}' is no host, and no host with a port"));
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text.to_owned(), PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
        _ => (text, PORT),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() { Err(wrong()) } else { Ok((bare.to_owned(), port)) }
}

/// A file, unless it is called 'memory'.
fn file(path: &Path) -> Option<PathBuf> {
    (path != Path::new("memory")).then(|| path.to_owned())
}

fn read_token(file: &Path) -> Result<String, Problem> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| misused(format!("The token cannot be read from {}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}
