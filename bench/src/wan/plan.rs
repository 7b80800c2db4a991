//! What is measured over which paths, how often and for how long.

use std::fmt;

/// A way between two hosts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Path {
    /// Both ends in one host.
    Loopback,
    /// One link of the lab.
    Link(Link),
}

/// A link, the same in both directions but for the loss, which data alone meet.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Link {
    /// Gbit/s.
    pub gigabits: f64,
    /// Round-trip time, ms.
    pub rtt_ms: f64,
    /// Share of packets lost from the near end to the far one, in per cent.
    pub loss_percent: f64,
}

impl Path {
    pub(super) const fn link(gigabits: f64, rtt_ms: f64, loss_percent: f64) -> Self {
        Self::Link(Link { gigabits, rtt_ms, loss_percent })
    }

    /// Bits per second, where it is bounded.
    pub(super) fn rate(self) -> Option<f64> {
        match self {
            Self::Loopback => None,
            Self::Link(link) => Some(link.gigabits * 1e9),
        }
    }

    pub(super) fn rtt_s(self) -> f64 {
        match self {
            Self::Loopback => 0.0,
            Self::Link(link) => link.rtt_ms / 1e3,
        }
    }

    pub(super) fn is_lossless(self) -> bool {
        matches!(self, Self::Loopback) || matches!(self, Self::Link(link) if link.loss_percent == 0.0)
    }

    /// The scenario, with hosts `near` and `far`. Loopback needs a host, too.
    pub(super) fn scenario(self) -> String {
        let head =
            "name = \"wan-study\"\nseed = 1\nipv6 = false\n[[link]]\nname = \"path\"\nbetween = [\"near\", \"far\"]\n";
        match self {
            Self::Loopback => head.to_owned(),
            Self::Link(Link { gigabits, rtt_ms, loss_percent }) => format!(
                "{head}rate = \"{gigabits} Gbit/s\"\nrtt = \"{rtt_ms} ms\"\nforward = {{ loss = \"{loss_percent} %\" }}\n"
            ),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::Link(Link { gigabits, rtt_ms, loss_percent }) if *loss_percent == 0.0 => {
                write!(f, "{gigabits} Gbit/s, {rtt_ms} ms")
            }
            Self::Link(Link { gigabits, rtt_ms, loss_percent }) => {
                write!(f, "{gigabits} Gbit/s, {rtt_ms} ms, loss {loss_percent} %")
            }
        }
    }
}

/// A way to move bytes from the near host to the far one, or by HTTP from the far one to the near one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tool {
    /// iperf3, one stream.
    Iperf3(Control),
    /// `portolan throughput` over TCP, one stream.
    Tcp(Control),
    /// The same inside TLS 1.3.
    Tls(Control),
    /// `portolan httpload` fetching from a responder: HTTP/1.1 or HTTP/2, inside TLS.
    Http {
        /// 1 or 2.
        version: u32,
        /// Connections of HTTP/1.1, streams of one connection of HTTP/2.
        at_once: u32,
    },
    /// GridFTP, from memory to memory, by so many connections: a fixed amount, its start included.
    GridFtp(u32),
    /// `portolan throughput` for the same amount, start included, by so many connections.
    Amount(u32),
    /// GridFTP, file to file.
    GridFtpDisk,
    /// `portolan throughput`, file to file.
    Disk,
}

/// Congestion control of the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Control {
    Cubic,
    Bbr,
}

impl Control {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::Bbr => "bbr",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iperf3(control) => write!(f, "iperf3, {}", control.name()),
            Self::Tcp(control) => write!(f, "TCP, {}", control.name()),
            Self::Tls(control) => write!(f, "TLS, {}", control.name()),
            Self::Http { version: 1, at_once } => write!(f, "HTTP/1.1, {at_once} conn."),
            Self::Http { at_once, .. } => write!(f, "HTTP/2, {at_once} streams"),
            Self::GridFtp(streams) => write!(f, "GridFTP, {streams} conn."),
            Self::Amount(streams) => write!(f, "TCP amount, {streams} conn."),
            Self::GridFtpDisk => f.write_str("GridFTP, disk"),
            Self::Disk => f.write_str("TCP, disk"),
        }
    }
}

/// What is measured together: all tools in turn, again and again.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The part of the report that it belongs to.
    pub part: Part,
    pub path: Path,
    pub tools: Vec<Tool>,
    pub rounds: u32,
}

/// Parts of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Part {
    Loopback,
    Distance,
    Loss,
    Fast,
    Http,
    Peers,
}

/// How thorough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    pub quick: bool,
    /// What counts of each run, s.
    pub seconds: u32,
}

pub(super) const DISTANCES_MS: [f64; 5] = [0.0, 10.0, 50.0, 110.0, 200.0];
pub(super) const LOSSES_PERCENT: [f64; 3] = [0.001, 0.01, 0.1];
pub(super) const AT_ONCE: [u32; 3] = [1, 4, 16];
/// The distance of the aims.
pub(super) const FAR_MS: f64 = 110.0;

/// All of it, in the order of the report.
pub(super) fn plan(extent: Extent) -> Vec<Group> {
    use Control::{Bbr, Cubic};
    let rounds = |full: u32| if extent.quick { 1 } else { full };
    let mut groups = Vec::new();
    let mut add = |part, path, tools: &[Tool], rounds| groups.push(Group { part, path, tools: tools.to_vec(), rounds });
    let http: Vec<Tool> = AT_ONCE
        .iter()
        .flat_map(|at_once| [1, 2].map(|version| Tool::Http { version, at_once: *at_once }))
        .filter(|tool| !extent.quick || !matches!(tool, Tool::Http { at_once: 4, .. }))
        .collect();
    let one = [Tool::Http { version: 1, at_once: 1 }, Tool::Http { version: 2, at_once: 1 }];
    let plain = [Tool::Iperf3(Cubic), Tool::Tcp(Cubic), Tool::Tls(Cubic)];
    add(Part::Loopback, Path::Loopback, &[&plain[..], &one].concat(), rounds(5));
    for rtt in DISTANCES_MS.into_iter().filter(|rtt| !extent.quick || [10.0, FAR_MS].contains(rtt)) {
        let rounds = rounds(if rtt == FAR_MS { 3 } else { 2 });
        add(Part::Distance, Path::link(1.0, rtt, 0.0), &[&plain[..], &[Tool::Tcp(Bbr)]].concat(), rounds);
    }
    for rtt in DISTANCES_MS.into_iter().filter(|rtt| *rtt > 0.0 && (!extent.quick || *rtt == FAR_MS)) {
        for loss in LOSSES_PERCENT.into_iter().filter(|loss| !extent.quick || *loss == 0.01) {
            let aim = rtt == FAR_MS;
            let all = [Tool::Tcp(Cubic), Tool::Tcp(Bbr), Tool::Iperf3(Cubic)];
            let tools = if aim { &all[..] } else { &all[..2] };
            add(Part::Loss, Path::link(1.0, rtt, loss), tools, rounds(if aim { 2 } else { 1 }));
        }
    }
    for rtt in [0.0, 10.0, FAR_MS].into_iter().filter(|rtt| !extent.quick || *rtt == FAR_MS) {
        add(Part::Fast, Path::link(10.0, rtt, 0.0), &plain, rounds(2));
    }
    add(Part::Http, Path::link(1.0, FAR_MS, 0.0), &http, rounds(2));
    let (memory, disk) =
        ([Tool::GridFtp(1), Tool::Amount(1), Tool::GridFtp(4), Tool::Amount(4)], [Tool::GridFtpDisk, Tool::Disk]);
    add(Part::Peers, Path::Loopback, &[&memory[..], &disk].concat(), rounds(3));
    let memory = if extent.quick { &memory[..2] } else { &memory[..] };
    let disk = if extent.quick { &disk[..0] } else { &disk[..] };
    add(Part::Peers, Path::link(1.0, FAR_MS, 0.0), &[memory, disk].concat(), rounds(2));
    groups
}

impl Extent {
    /// What does not count at the beginning: slow start needs some ten round trips, and the recovery after it as many.
    pub(super) fn omit(self, path: Path) -> u32 {
        1 + (20.0 * path.rtt_s()).ceil() as u32
    }

    /// How much is moved where an amount is: what the path carries in the time, or a fixed amount where nothing bounds it.
    pub(super) fn amount(self, path: Path, tool: Tool) -> u64 {
        const MEMORY: u64 = 8 << 30;
        const DISK: u64 = 2 << 30;
        let disk = matches!(tool, Tool::Disk | Tool::GridFtpDisk);
        let shrink = if self.quick { 4 } else { 1 };
        match path.rate() {
            Some(rate) => (rate / 8.0 * f64::from(self.seconds)) as u64,
            None if disk => DISK / shrink,
            None => MEMORY / shrink,
        }
    }
}
