//! `[responder]` and `[responder.budget]`: measurement by others.

use super::Absent::{Is, Means, Required};
use super::Form::{Address, Boolean, Choice, Count, Path, Speed, Time, Word};
use super::{Section, Setting, seconds};
use std::net::SocketAddr;
use std::path::PathBuf;
use terms::{Rate, Span};

/// The section `[responder]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Responder {
    /// Where it listens; `None`: there is no responder.
    pub listen: Option<SocketAddr>,
    /// May several tests run at once?
    pub shared_turns: bool,
    /// How many, then.
    pub at_once: u64,
    /// Tests that wait for their turn.
    pub waiting_max: u64,
    /// How long one waits at most.
    pub patience: Span,
    /// What the host is connected with; `None`: what the kernel says.
    pub uplink: Option<Rate>,
    /// Longest test over TCP of anyone.
    pub anyone_tcp_time: Span,
    /// Rate of TCP for anyone.
    pub anyone_tcp_rate: Option<Rate>,
    /// Longest test over UDP of anyone.
    pub anyone_udp_time: Span,
    /// Rate of UDP for anyone; `None`: by the uplink.
    pub anyone_udp_rate: Option<Rate>,
    /// Longest test of those who may measure.
    pub longest: Span,
    /// Connections of one test.
    pub streams: u64,
    /// Connections open at once.
    pub connections: u64,
    /// Of them, from one address.
    pub connections_per_address: u64,
    /// How long a connection may take to say what it wants.
    pub first_octets_time: Span,
    /// How long a silent peer is waited for.
    pub stall_time: Span,
    /// The folder of tests that read and write a disk.
    pub scratch: Option<PathBuf>,
    /// May loads that come by the interface go to networks that only this host can see?
    pub loads_inside: bool,
    /// The budget that it shares with other responders.
    pub budget: SharedBudget,
}

/// The section `[responder.budget]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SharedBudget {
    /// The responder that gives the turns: host and port; `None`: nothing is shared.
    pub keeper: Option<String>,
    /// What is shared: a name that all responders behind one uplink use.
    pub name: String,
    /// Do tests go on when the keeper does not answer?
    pub without_keeper: bool,
}

pub(super) static SECTION: Section = Section {
    name: "responder",
    begin: None,
    harmless: false,
    doc: "Lets others measure the route to this host: iperf3, `portolan throughput`, ndt7 and browsers, all on one port. \
          Without this section there is no responder. With it anyone may do what the settings `anyone_…` say; more needs \
          the verb `measure`.",
    settings: RESPONDER,
};

pub(super) static BUDGET: Section = Section {
    name: "responder.budget",
    begin: None,
    harmless: false,
    doc: "Several responders behind one uplink take turns: each asks the keeper, which is one of them, before a test \
          begins. The keeper itself names none, and gives the others the verb `measure` by a rule.",
    settings: &[
        Setting {
            key: "keeper",
            doc: "The responder that gives the turns: host name or address, and port.",
            absent: Means("this responder asks nobody, and may be the keeper of others", "\"dtn1.example.org:5201\""),
            form: Word("host:port", "write a host and a port, as \"dtn1.example.org:5201\"", |s, v| {
                s.responder.budget.keeper = Some(v.to_owned());
                host_and_port(v)
            }),
        },
        Setting {
            key: "name",
            doc: "What is shared: the same name at the keeper and at those who ask it.",
            absent: Is("\"uplink\""),
            form: Word("name", "write 1 to 64 letters, digits, '-', '_' or '.'", |s, v| {
                s.responder.budget.name = v.to_owned();
                name(v)
            }),
        },
        Setting {
            key: "unreachable",
            doc: "What happens to tests while the keeper does not answer: `refuse` them, or `go-on` without asking.",
            absent: Is("\"refuse\""),
            form: Choice(&["refuse", "go-on"], |s, v| s.responder.budget.without_keeper = v == "go-on"),
        },
    ],
};

static RESPONDER: &[Setting] = &[
    Setting {
        key: "listen",
        doc: "IP address and port, of TCP and of UDP. `[::]` takes IPv4 too. Port 5201 is where iperf3 looks.",
        absent: Required("\"[::]:5201\""),
        form: Address(|s, v| s.responder.listen = Some(v)),
    },
    Setting {
        key: "turns",
        doc: "`exclusive`: one test at a time, the others wait in their order and are told how long. `shared`: `at_once` \
              tests run side by side, and disturb each other.",
        absent: Is("\"exclusive\""),
        form: Choice(&["exclusive", "shared"], |s, v| s.responder.shared_turns = v == "shared"),
    },
    Setting {
        key: "at_once",
        doc: "With `shared` turns: tests at once. What anyone may is said for each of them, so that together they may take \
              so many times as much.",
        absent: Is("8"),
        form: Count(1, 1_000, |s, v| s.responder.at_once = v),
    },
    Setting {
        key: "waiting_max",
        doc: "Tests that may wait for their turn; further ones are sent away. Each costs a connection.",
        absent: Is("64"),
        form: Count(0, 10_000, |s, v| s.responder.waiting_max = v),
    },
    Setting {
        key: "patience",
        doc: "A test whose turn comes later than this is sent away at once.",
        absent: Is("\"5 min\""),
        form: Time(seconds(0), seconds(86_400), |s, v| s.responder.patience = v),
    },
    Setting {
        key: "uplink",
        doc: "The rate at which this host is connected.",
        absent: Means("what the kernel says of the interface of the default route", "\"10 Gbit/s\""),
        form: Speed(Rate(1_000_000), Rate(10_000_000_000_000), |s, v| s.responder.uplink = Some(v)),
    },
    Setting {
        key: "anyone_tcp_time",
        doc: "The longest test over TCP of callers without the verb `measure`, its warm-up with it.",
        absent: Is("\"60 s\""),
        form: Time(seconds(1), seconds(86_400), |s, v| s.responder.anyone_tcp_time = v),
    },
    Setting {
        key: "anyone_tcp_rate",
        doc: "Their rate over TCP, all streams of one direction together.",
        absent: Is("\"1 Gbit/s\""),
        form: Speed(Rate(1_000_000), Rate(10_000_000_000_000), |s, v| s.responder.anyone_tcp_rate = Some(v)),
    },
    Setting {
        key: "anyone_udp_time",
        doc: "Their longest test over UDP. They may send datagrams here; none are ever sent to them.",
        absent: Is("\"60 s\""),
        form: Time(seconds(1), seconds(86_400), |s, v| s.responder.anyone_udp_time = v),
    },
    Setting {
        key: "anyone_udp_rate",
        doc: "Their rate over UDP, all streams together.",
        absent: Means("the lower of half the uplink and 1 Gbit/s", "\"500 Mbit/s\""),
        form: Speed(Rate(1_000_000), Rate(10_000_000_000_000), |s, v| s.responder.anyone_udp_rate = Some(v)),
    },
    Setting {
        key: "longest",
        doc: "The longest test of those who have the verb `measure`; their rate is not bounded.",
        absent: Is("\"1 d\""),
        form: Time(seconds(1), seconds(7 * 86_400), |s, v| s.responder.longest = v),
    },
    Setting {
        key: "streams",
        doc: "Connections of one test, in each direction.",
        absent: Is("128"),
        form: Count(1, 1_024, |s, v| s.responder.streams = v),
    },
    Setting {
        key: "connections",
        doc: "Connections open at once; further ones are closed. Each costs a descriptor, and its socket's buffers while \
              it carries data.",
        absent: Is("1024"),
        form: Count(1, 100_000, |s, v| s.responder.connections = v),
    },
    Setting {
        key: "connections_per_address",
        doc: "Of them, those from one address of IPv4 or one /64 of IPv6. A test of 128 streams in both directions needs \
              257.",
        absent: Is("300"),
        form: Count(1, 100_000, |s, v| s.responder.connections_per_address = v),
    },
    Setting {
        key: "first_octets_time",
        doc: "How long a connection may take to say what it wants.",
        absent: Is("\"10 s\""),
        form: Time(seconds(1), seconds(600), |s, v| s.responder.first_octets_time = v),
    },
    Setting {
        key: "stall_time",
        doc: "A caller that is silent for this long where it has something to say is given up.",
        absent: Is("\"30 s\""),
        form: Time(seconds(1), seconds(3_600), |s, v| s.responder.stall_time = v),
    },
    Setting {
        key: "scratch",
        doc: "The folder in which tests of those with the verb `measure` may write and read files of random bytes.",
        absent: Means("no test touches a disk", "\"/var/tmp/portolan-scratch\""),
        form: Path(|s, v| s.responder.scratch = Some(v)),
    },
    Setting {
        key: "loads_inside",
        doc: "May those with the verb `measure` have this port send HTTP requests (`POST /api/v1/loads`) to addresses of \
              itself, of private networks and of the local link? Whoever may could reach what only this host can see.",
        absent: Is("false"),
        form: Boolean(|s, v| s.responder.loads_inside = v),
    },
];

fn host_and_port(text: &str) -> Result<(), String> {
    let (host, port) = text.rsplit_once(':').ok_or("there is no port")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() || (bare.contains(':') && bare == host) {
        return Err("there is no host, or an IPv6 address without brackets".to_owned());
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(()),
        _ => Err("the port is no number from 1 to 65535".to_owned()),
    }
}

fn name(text: &str) -> Result<(), String> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) { Ok(()) } else { Err("it is no such name".to_owned()) }
}
