//! `portolan iperf3`: iperf3's client and server, with its options.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod values;

use super::{misused, tell};
use soundings_core::iperf3::spec;
use soundings_core::iperf3::text::Format;
use soundings_core::iperf3::wire::{Direction, Parameters, Protocol};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;
use terms::Problem;
use values::Bitrate;

const AFTER_HELP: &str = "\
A host that has addresses of IPv4 and of IPv6 is tested over both, one after the other; with -J, over the first that the \
resolver gives. -4 or -6 chooses. What is used is told.

A server that is busy lets this client wait; it says so.

Exit codes: 0 the test ended as agreed; 1 it did not; 2 wrong use of the command line; 3 the port cannot \
be listened on, or what was asked means nothing.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, disable_version_flag = true)]
#[command(group = clap::ArgGroup::new("role").required(true).args(["client", "server"]))]
pub(crate) struct Arguments {
    /// Be a client of this host
    #[arg(short, long, value_name = "HOST")]
    client: Option<String>,
    /// Be a server
    #[arg(short, long)]
    server: bool,
    /// Port of the server
    #[arg(short, long, default_value_t = spec::PORT)]
    port: u16,
    /// Unit of rates: k, m, g, t for bits, K, M, G, T for octets
    #[arg(short, long, value_name = "LETTER")]
    format: Option<char>,
    /// Seconds between reports, 0 for none
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = values::interval)]
    interval: Duration,
    /// Send from, or listen on, this address
    #[arg(short = 'B', long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,
    /// Report as iperf3's JSON
    #[arg(short = 'J', long)]
    json: bool,
    /// IPv4 only
    #[arg(short = '4', long = "version4", conflicts_with = "v6")]
    v4: bool,
    /// IPv6 only
    #[arg(short = '6', long = "version6")]
    v6: bool,
    /// Server: end after one test
    #[arg(short = '1', long)]
    one_off: bool,
    /// Server: allow only what a responder allows to anyone (60 s, 1 Gbit/s, no UDP from here)
    #[arg(long)]
    limited: bool,
    /// Server: so many tests at once; the others wait
    #[arg(long, value_name = "TESTS", default_value_t = 1)]
    at_once: usize,
    /// How long a test waits for its turn, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// Milliseconds that the other side may be silent at each step where it has something to say
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    step_timeout: u64,
    #[command(flatten)]
    test: TestArguments,
}

/// What only a client says.
#[derive(clap::Args)]
struct TestArguments {
    /// UDP instead of TCP
    #[arg(short, long)]
    udp: bool,
    /// Give up opening a connection after so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    connect_timeout: u64,
    /// Target rate of each stream in bits per second, with K, M, G; 0 is without bound; after a slash, blocks of a burst
    /// [default: 1 Mbit/s for UDP, without bound for TCP]
    #[arg(short, long, value_name = "RATE[/N]", value_parser = values::bitrate)]
    bitrate: Option<Bitrate>,
    /// Microseconds between looks at the rate
    #[arg(long, value_name = "US", default_value = "1000", value_parser = values::rate)]
    pacing_timer: u64,
    /// Pace each stream in the kernel, bits per second
    #[arg(long, value_name = "RATE", value_parser = values::rate)]
    fq_rate: Option<u64>,
    /// Seconds to send [default: 10]
    #[arg(short, long, value_name = "SECONDS", conflicts_with_all = ["bytes", "blockcount"])]
    time: Option<u64>,
    /// End after so many octets, with K, M, G
    #[arg(short = 'n', long, value_name = "OCTETS", value_parser = values::amount, conflicts_with = "blockcount")]
    bytes: Option<u64>,
    /// End after so many blocks
    #[arg(short = 'k', long, value_name = "BLOCKS", value_parser = values::amount)]
    blockcount: Option<u64>,
    /// Octets of a block or datagram [default: 128K for TCP, what fits the path for UDP]
    #[arg(short, long, value_name = "OCTETS", value_parser = values::amount)]
    length: Option<u64>,
    /// Send from this port, and those that follow
    #[arg(long, value_name = "PORT")]
    cport: Option<u16>,
    /// Streams at once
    #[arg(short = 'P', long, value_name = "STREAMS", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(spec::STREAMS_MAX)))]
    parallel: u32,
    /// The server sends
    #[arg(short = 'R', long, conflicts_with = "bidir")]
    reverse: bool,
    /// Both send
    #[arg(long)]
    bidir: bool,
    /// Socket buffers, octets with K, M, G
    #[arg(short, long, value_name = "OCTETS", value_parser = values::amount)]
    window: Option<u64>,
    /// Congestion control
    #[arg(short = 'C', long, value_name = "NAME")]
    congestion: Option<String>,
    /// Largest segment, octets
    #[arg(short = 'M', long, value_name = "OCTETS")]
    set_mss: Option<u16>,
    /// Send small segments at once
    #[arg(short = 'N', long)]
    no_delay: bool,
    /// Type of service, 0 to 255, also as 0x20
    #[arg(short = 'S', long, value_name = "TOS", default_value = "0", value_parser = values::traffic_class)]
    tos: u8,
    /// DSCP, 0 to 63 or a name: af11, ef
    #[arg(long, value_name = "DSCP", value_parser = values::dscp, conflicts_with = "tos")]
    dscp: Option<u8>,
    /// Send without copying
    #[arg(short = 'Z', long)]
    zerocopy: bool,
    /// Leave out the first so many seconds
    #[arg(short = 'O', long, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=spec::OMIT_SECONDS_MAX))]
    omit: u64,
    /// Put this before each line
    #[arg(short = 'T', long, value_name = "TEXT")]
    title: Option<String>,
    /// Put this into both sides' JSON
    #[arg(long, value_name = "TEXT")]
    extra_data: Option<String>,
    /// Show the server's report too
    #[arg(long)]
    get_server_output: bool,
    /// Number datagrams with 64 bits
    #[arg(long)]
    udp_counters_64bit: bool,
    /// A payload that repeats instead of a random one
    #[arg(long)]
    repeating_payload: bool,
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let format = match arguments.format.map(|letter| Format::of(letter).ok_or(letter)) {
        None => Format::Adaptive,
        Some(Ok(format)) => format,
        Some(Err(letter)) => {
            return tell(&misused(format!("-f takes one of k, m, g, t, K, M, G, T, and not '{letter}'")), 2);
        }
    };
    if arguments.server {
        return server::run(&arguments, format).await;
    }
    match arguments.test.parameters() {
        Ok(parameters) => client::run(&arguments, parameters, format).await,
        Err(problem) => tell(&problem, 2),
    }
}

impl Arguments {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval).filter(|interval| !interval.is_zero())
    }

    fn deadlines(&self) -> spec::Deadlines {
        let step = Duration::from_millis(self.step_timeout);
        spec::Deadlines { parameters: step, streams: step, overtime: step, results: step }
    }

    fn family(&self) -> net::Family {
        match (self.v4, self.v6) {
            (true, _) => net::Family::V4,
            (_, true) => net::Family::V6,
            _ => net::Family::Both,
        }
    }
}

impl TestArguments {
    fn parameters(&self) -> Result<Parameters, Problem> {
        let protocol = if self.udp { Protocol::Udp } else { Protocol::Tcp };
        let blocks =
            if self.udp { spec::UDP_BLOCK_BYTES_MIN..=spec::UDP_BLOCK_BYTES_MAX } else { 1..=spec::BLOCK_BYTES_MAX };
        if let Some(length) = self.length.filter(|length| !blocks.contains(length)) {
            let (least, most) = (blocks.start(), blocks.end());
            return Err(misused(format!("-l takes {least} to {most} octets here, and not {length}")));
        }
        let ends_otherwise = self.bytes.is_some() || self.blockcount.is_some();
        let seconds = self.time.unwrap_or(if ends_otherwise { 0 } else { spec::SECONDS_DEFAULT });
        if seconds > spec::SECONDS_MAX {
            return Err(misused(format!("-t takes at most {} seconds", spec::SECONDS_MAX)));
        }
        let rate = match &self.bitrate {
            Some(bitrate) => bitrate.bits_per_second,
            None if self.udp => spec::UDP_RATE,
            None => 0,
        };
        Ok(Parameters {
            protocol,
            omit_seconds: self.omit,
            seconds,
            bytes: self.bytes.unwrap_or(0),
            blocks: self.blockcount.unwrap_or(0),
            segment_bytes: self.set_mss,
            no_delay: self.no_delay,
            streams: self.parallel,
            direction: match (self.bidir, self.reverse) {
                (true, _) => Direction::Both,
                (_, true) => Direction::Reverse,
                _ => Direction::Forward,
            },
            window_bytes: self.window,
            block_bytes: self.length.unwrap_or(0),
            rate,
            kernel_rate: self.fq_rate,
            pacing_timer_us: self.pacing_timer,
            burst: self.bitrate.map_or(0, |bitrate| bitrate.burst),
            traffic_class: self.dscp.map_or(self.tos, |dscp| dscp << 2),
            title: self.title.clone(),
            extra_data: self.extra_data.clone(),
            congestion: self.congestion.clone(),
            want_server_output: self.get_server_output,
            wide_counters: self.udp_counters_64bit,
            repeating_payload: self.repeating_payload,
            zero_copy: self.zerocopy,
            client_version: Some(spec::VERSION.to_owned()),
            ..Parameters::default()
        })
    }
}
