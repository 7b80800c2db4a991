//! `portolan responder`.

use super::{EXIT_IN_THE_WAY, print, say, tell};
use daemon::Ending;
use daemon::responder::{AloneOptions, AloneStarted, run_alone};
use daemon::settings::Settings;
use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use terms::{Problem, Rate, Span};

/// Where iperf3 looks.
const PORT: u16 = 5201;

pub(crate) const ABOUT: &str = "\
Let others measure the way to this host.

One port answers iperf3, portolan throughput, ndt7 and browsers (http://HOST:5201/speed), with and without TLS. No \
settings are needed: anyone may do what the measurement BCP asks a host to allow to anyone, one test at a time, and \
the others wait for their turn. Rules in the file of --config give more to callers of certain networks. Inside \
'portolan serve', the section [responder] of the settings does the same, and tokens count too.";

const AFTER_HELP: &str = "\
Exit codes: 0 stopped in order (SIGTERM or SIGINT: running tests have --drain-time to end); 1 ended at once by a \
second signal; 3 the settings or the address stand in the way.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Listen on this IP address and port, TCP and UDP; port 0 lets the system choose (default: `[::]:5201`)
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Settings file, of which the section `[responder]`, the rules and the certificate count
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// One test at a time, whatever the settings say
    #[arg(long, conflicts_with = "at_once")]
    exclusive: bool,
    /// Let so many tests run side by side, though they disturb each other
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    at_once: Option<u64>,
    /// The rate at which this host is connected, as 10Gbit/s: anyone may send UDP at half of it, at most 1 Gbit/s
    #[arg(long, value_name = "RATE")]
    uplink: Option<Rate>,
    /// Let tests of those with the verb 'measure' write and read files in this folder
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// How long running tests may take to end when stopping [default: 30 s]
    #[arg(long, value_name = "SPAN")]
    drain_time: Option<Span>,
    /// Write the authority of the certificate made for this run there, for callers to believe with --cacert
    #[arg(long, value_name = "PATH", alias = "ca-file")]
    ca_out: Option<PathBuf>,
    /// Print one line of JSON when listening, instead of what people read
    #[arg(long)]
    json: bool,
    /// Write the same JSON there, once listening; it is removed at the end
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let settings = match settings(&arguments) {
        Ok(settings) => settings,
        Err(problem) => return tell(&problem, EXIT_IN_THE_WAY),
    };
    daemon::log::start(&settings.log);
    let json = arguments.json;
    let options = AloneOptions {
        settings,
        ready_file: arguments.ready_file,
        ca_file: arguments.ca_out,
        on_started: Some(Box::new(move |started| {
            print(&if json { started.to_json() + "\n" } else { greeting(started) });
        })),
    };
    match run_alone(options).await {
        Ok(Ending::Drained) => ExitCode::SUCCESS,
        Ok(Ending::AtOnce) => {
            say("portolan: ended at once; tests that ran were cut");
            ExitCode::FAILURE
        }
        Err(problem) => tell(&problem, EXIT_IN_THE_WAY),
    }
}

/// What the file says, and the command line over it.
fn settings(arguments: &Arguments) -> Result<Settings, Problem> {
    let mut settings = arguments.config.as_deref().map_or_else(|| Ok(Settings::built_in()), Settings::read)?;
    let responder = &mut settings.responder;
    let anywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT));
    responder.listen = Some(arguments.listen.or(responder.listen).unwrap_or(anywhere));
    if let Some(at_once) = arguments.at_once {
        (responder.shared_turns, responder.at_once) = (true, at_once);
    }
    responder.shared_turns &= !arguments.exclusive;
    responder.uplink = arguments.uplink.or(responder.uplink);
    responder.scratch = arguments.scratch.clone().or(responder.scratch.take());
    if let Some(folder) = responder.scratch.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(super::misused(format!("The scratch folder {} is not there", folder.display())));
    }
    if let Some(span) = arguments.drain_time {
        settings.limits.drain_time = span;
    }
    Ok(settings)
}

/// What it allows, and what to type on another host.
fn greeting(started: &AloneStarted) -> String {
    let AloneStarted { address, anyone, entitled, .. } = started;
    let host = if address.ip().is_unspecified() { host_name() } else { address.ip().to_string() };
    let in_url = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let port = address.port();
    let option = if port == PORT { String::new() } else { format!(" -p {port}") };
    let rate = |rate: Option<Rate>| rate.map_or_else(|| "any rate".to_owned(), |rate| rate.to_string());
    let mut out = String::new();
    // Writing into memory cannot fail.
    let _ = writeln!(out, "The measurement port {address} listens: TCP, TLS, and UDP for tests that ask for it");
    let _ = writeln!(
        out,
        "Anyone   TCP in both directions for {} at {}; UDP towards this host for {} at {}",
        Span(anyone.longest),
        rate(anyone.stream_rate),
        Span(anyone.datagrams_longest),
        rate(anyone.datagram_rate),
    );
    let _ = match started.uplink {
        Some(uplink) => writeln!(out, "Uplink   {uplink}"),
        None => writeln!(out, "Uplink   not known to the kernel; say it with --uplink, as --uplink 10Gbit/s"),
    };
    let more = if started.rules == 0 {
        "nobody; a rule in the file of --config about the verb `measure` changes that".to_owned()
    } else {
        format!("whom the {} rules give the verb `measure`: {}, any rate", started.rules, Span(entitled.longest))
    };
    let _ = writeln!(out, "More     {more}");
    let (at_once, waiting) = (started.at_once, started.waiting_max);
    let together = if at_once == 1 { "one test at a time".to_owned() } else { format!("{at_once} tests side by side") };
    let _ = writeln!(out, "Turns    {together}; {waiting} more may wait, {} at most", Span(started.patience));
    let _ = match &started.ca_file {
        Some(file) => writeln!(out, "Trust    {} (the authority of this run)", file.display()),
        None => writeln!(out, "Trust    certificate SHA-256 {}", started.fingerprint),
    };
    let _ = writeln!(out, "Try      iperf3 -c {host}{option}");
    let _ = writeln!(out, "         portolan throughput {in_url}:{port}");
    let _ = writeln!(out, "         http://{in_url}:{port}/speed in a browser");
    let _ = writeln!(out, "Stop     Ctrl-C, or kill {}: running tests may end", std::process::id());
    out
}

/// What others may call this host: its full name, else an address from which it calls them, else its short name.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.contains('.') {
        return name;
    }
    // No packet is sent: only the routes are asked. The far addresses are of documentation (RFC 5737, RFC 3849).
    let far = ["192.0.2.1:9", "[2001:db8::1]:9"].into_iter().filter_map(|far| far.parse().ok());
    let own = far.filter_map(|far| net::host::source_for(far).ok()).find(|own| !own.is_loopback());
    own.map_or(name, |own| own.to_string())
}
