//! Who may measure here, how much, and whose turn it is.
//!
//! Anybody may do what the perfSONAR measurement BCP asks every responder to allow; more needs the verb `measure`. Tests
//! that fill a path take turns ([`turn`]): two of them at once would measure each other.

pub mod budget;
pub mod host;
pub mod turn;

use policy::{Ask, Rights};
use std::time::Duration;
use terms::{LogicalPath, Principal, Rate, Timestamp, Verb};

/// What somebody may ask of a responder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Longest test over TCP and TLS, its warm-up with it.
    pub longest: Duration,
    /// Longest test over UDP, likewise.
    pub datagrams_longest: Duration,
    /// TCP and TLS, all streams of one direction together; `None` is without bound.
    pub stream_rate: Option<Rate>,
    /// UDP, all streams together; `None` is without bound.
    pub datagram_rate: Option<Rate>,
    /// May datagrams be sent to them? Without it we only receive.
    pub datagrams_out: bool,
    /// Connections of one test.
    pub streams_max: u32,
    /// May our disk be read and written, in the folder that is set apart for it?
    pub disk: bool,
}

impl Allowance {
    /// What the BCP asks to allow to anyone: TCP source or sink up to 60 s and 1 Gbit/s, UDP sink up to 60 s and the lower
    /// of half the uplink and 1 Gbit/s.
    pub fn anyone(uplink: Option<Rate>) -> Self {
        let gigabit = Rate(1_000_000_000);
        Self {
            longest: Duration::from_secs(60),
            datagrams_longest: Duration::from_secs(60),
            stream_rate: Some(gigabit),
            datagram_rate: Some(uplink.map_or(gigabit, |uplink| Rate(uplink.0 / 2).min(gigabit))),
            datagrams_out: false,
            streams_max: 128,
            disk: false,
        }
    }

    /// Of those with the verb `measure`: a day, and no bound of the rate.
    pub fn entitled() -> Self {
        Self {
            longest: Duration::from_secs(86_400),
            datagrams_longest: Duration::from_secs(86_400),
            stream_rate: None,
            datagram_rate: None,
            datagrams_out: true,
            streams_max: 128,
            disk: true,
        }
    }
}

/// Judges who asks, and gives turns. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Guard {
    rights: Rights,
    anyone: Allowance,
    entitled: Allowance,
    turns: turn::Turns,
}

impl Guard {
    /// With these rules, allowances and turns.
    pub fn new(rights: Rights, anyone: Allowance, entitled: Allowance, turns: turn::Turns) -> Self {
        Self { rights, anyone, entitled, turns }
    }

    /// What this caller may ask. What anyone may needs no rule and leaves no record; the verb is looked up in silence, and
    /// [`Guard::used`] tells the audit record where it mattered.
    pub fn allowance(&self, who: &Principal, now: Timestamp) -> Allowance {
        let root = LogicalPath::root();
        let decision = self.rights.probe(Ask::new(who, Verb::Measure, &root, now));
        if decision.allows() { self.entitled } else { self.anyone }
    }

    /// Decides for the audit record whether this caller may have more than anyone.
    pub fn used(&self, who: &Principal, now: Timestamp) -> policy::Decision {
        self.rights.decide(Ask::new(who, Verb::Measure, &LogicalPath::root(), now))
    }

    /// What those may who have the verb `measure`.
    pub fn entitled(&self) -> Allowance {
        self.entitled
    }

    /// What anyone may.
    pub fn anyone(&self) -> Allowance {
        self.anyone
    }

    /// Whose turn it is.
    pub fn turns(&self) -> &turn::Turns {
        &self.turns
    }
}
