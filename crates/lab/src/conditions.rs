//! Paths with names: what a link is like between two places, and why these figures.
//!
//! Each is the body of a `[[link]]`, in the notation of scenarios, so that what is shown is what holds.

/// A path with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The figures, as they are written in a scenario; forward is from the near host to the far one.
    pub figures: &'static str,
    /// Why these.
    pub reason: &'static str,
}

impl Condition {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CONDITIONS.iter().find(|condition| condition.name == name)
    }

    /// A scenario of two hosts, `near` and `far`, with this path between them.
    pub fn scenario(&self) -> String {
        format!(
            "name = \"{}\"\n\n[[link]]\nname = \"path\"\nbetween = [\"near\", \"far\"]\ncondition = \"{}\"\n",
            self.name, self.name
        )
    }
}

/// All of them, from near to far and from good to bad.
pub const CONDITIONS: &[Condition] = &[
    Condition {
        name: "lan",
        about: "two hosts at one switch",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"0.2 ms\"\nqueue = \"2 MB\"",
        reason: "Ten-gigabit Ethernet; the round trip is that of interrupts and wake-ups, not of cable; two megabytes \
                 are what a data-centre switch leaves to one port.",
    },
    Condition {
        name: "campus",
        about: "across one site, through a few routers",
        figures: "rate = \"1 Gbit/s\"\nrtt = \"1 ms\"\nqueue = \"1 MB\"",
        reason: "Some kilometres of fibre (5 µs each), three routers and a gigabit at the desk; access switches have \
                 short queues.",
    },
    Condition {
        name: "metro",
        about: "two sites of one region",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"4 ms\"\nqueue = \"10 ms\"",
        reason: "Some 300 km of fibre at 1 ms of round trip for each 100 km, and the routers between.",
    },
    Condition {
        name: "national",
        about: "across a country on its research network",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"20 ms\"\nqueue = \"50 ms\"",
        reason: "Some 1,500 km of fibre with its detours; backbone routers hold tens of milliseconds.",
    },
    Condition {
        name: "lyon-slac",
        about: "France to California",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"110 ms\"\nqueue = \"50 ms\"",
        reason: "9,400 km along the great circle are 94 ms of round trip in glass, and a good route adds a sixth. No \
                 loss: what a research network promises between two sites that do their part. A full window is 137 MB.",
    },
    Condition {
        name: "transatlantic",
        about: "Europe to the east of America",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"90 ms\"\nqueue = \"50 ms\"",
        reason: "Geneva to New York or Chicago, as it is measured; a full window is 113 MB.",
    },
    Condition {
        name: "transatlantic-lossy",
        about: "the same with one bad connector",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"90 ms\"\nqueue = \"50 ms\"\nloss = \"1/22000\"",
        reason: "One packet in 22,000 (0.0046 %) is what ESnet reports of a line card that failed without an alarm: \
                 nothing at home, a collapse at a distance.",
    },
    Condition {
        name: "transpacific",
        about: "Japan to the west of America",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"130 ms\"\nqueue = \"50 ms\"",
        reason: "8,500 km along the great circle and the detours of cables; a full window is 163 MB.",
    },
    Condition {
        name: "antipodes",
        about: "Europe to Australia",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"280 ms\"\nqueue = \"50 ms\"",
        reason: "About the longest that science routes without satellites; a full window is 350 MB.",
    },
    Condition {
        name: "shallow-buffer",
        about: "ten gigabits meet one, at a distance, with a small switch between",
        figures: "rate = \"1 Gbit/s\"\nrtt = \"50 ms\"\nqueue = \"128 KiB\"",
        reason: "The usual fault of a first science network: a switch of 128 KiB a port is full after 1 ms of a burst, \
                 where a flow needs 6 MB.",
    },
    Condition {
        name: "striped",
        about: "a path over parallel links that reorders",
        figures: "rate = \"10 Gbit/s\"\nrtt = \"30 ms\"\nqueue = \"50 ms\"\nreorder = { probability = \"0.5 %\", by = \"0.5 ms\" }",
        reason: "Links bundled packet by packet with members of unequal length: nothing is lost, and much seems to be.",
    },
    Condition {
        name: "mtu-blackhole",
        about: "a tunnel that swallows what is too big for it",
        figures: "rate = \"1 Gbit/s\"\nrtt = \"30 ms\"\nblackhole_above = 1400",
        reason: "A tunnel of 1,400 octets behind a firewall that drops ICMP: handshakes pass, data do not.",
    },
    Condition {
        name: "home",
        about: "a good line at home",
        figures: "rtt = \"20 ms\"\njitter = \"0.5 ms\"\nforward = { rate = \"40 Mbit/s\", queue = \"50 ms\" }\n\
                  backward = { rate = \"250 Mbit/s\", queue = \"50 ms\" }",
        reason: "VDSL with vectoring or cable, to a server of the same country; uploads are a sixth of downloads.",
    },
    Condition {
        name: "bufferbloat",
        about: "an old line at home with a deep queue",
        figures: "rtt = \"30 ms\"\nforward = { rate = \"2 Mbit/s\", queue = \"1 s\" }\n\
                  backward = { rate = \"20 Mbit/s\", queue = \"500 ms\" }",
        reason: "ADSL with a modem that stores a second of uploads: full rate, and every other use of the line unusable.",
    },
    Condition {
        name: "lossy-wifi",
        about: "wireless at its limit",
        figures: "rate = \"50 Mbit/s\"\nrtt = \"10 ms\"\nqueue = \"200 ms\"\n\
                  jitter = { spread = \"4 ms\", distribution = \"pareto\" }\nburst = { p = \"0.3 %\", r = \"30 %\" }",
        reason: "Frames are tried again, hence the long tail; what still fails, fails in bursts of three on average, \
                 1 % of all.",
    },
    Condition {
        name: "mobile",
        about: "a telephone network on a train",
        figures: "rtt = \"60 ms\"\njitter = { spread = \"12 ms\", distribution = \"pareto-normal\" }\n\
                  burst = { p = \"0.1 %\", r = \"10 %\" }\nforward = { rate = \"10 Mbit/s\", queue = \"500 ms\" }\n\
                  backward = { rate = \"40 Mbit/s\", queue = \"500 ms\" }",
        reason: "The radio schedules and repeats, so that delay varies and queues are deep; hand-overs lose ten packets \
                 at a time.",
    },
    Condition {
        name: "satellite",
        about: "a geostationary satellite",
        figures: "rtt = \"600 ms\"\njitter = \"5 ms\"\nloss = \"0.05 %\"\nforward = { rate = \"5 Mbit/s\", queue = \"600 ms\" }\n\
                  backward = { rate = \"50 Mbit/s\", queue = \"600 ms\" }",
        reason: "Twice up and down 35,786 km are 480 ms of light, and the rest is scheduling: field stations and ships.",
    },
    Condition {
        name: "low-orbit",
        about: "a constellation of low satellites",
        figures: "rtt = \"40 ms\"\njitter = { spread = \"5 ms\", distribution = \"pareto-normal\" }\n\
                  burst = { p = \"0.02 %\", r = \"2 %\" }\nforward = { rate = \"15 Mbit/s\", queue = \"100 ms\" }\n\
                  backward = { rate = \"150 Mbit/s\", queue = \"100 ms\" }",
        reason: "Short paths that are dealt out again every few seconds: at each change some fifty packets are lost.",
    },
];
