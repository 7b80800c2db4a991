//! What is counted, and what it says.

use crate::distribution::{Buckets, Distribution};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::Problem;

/// Different causes of failures that are told apart; later ones are counted as the first.
const CAUSES_MAX: usize = 32;

/// Distances at which the cost of a new connection is told: campus, country, ocean, half the earth.
const DISTANCES: [Duration; 4] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(110), Duration::from_millis(200)];

/// What a handshake had to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Keys exchanged, certificate shown.
    Full,
    /// The same, with one more round trip: the server wanted another group.
    Retried,
    /// A ticket was shown.
    Resumed,
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// TCP connections alone.
    Tcp,
    /// With a full handshake of TLS.
    Full,
    /// With a resumed one.
    Resumed,
}

/// What both ends agreed on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Agreed {
    /// What the handshake had to do.
    pub form: Form,
    /// `TLSv1.3`, `TLSv1.2`.
    pub version: String,
    /// The suite.
    pub cipher: String,
    /// The group for key exchange, where keys were exchanged.
    pub group: Option<String>,
    /// The kind of the server's key, as `ECDSA P-256`.
    pub key: Option<String>,
    /// The protocol for what goes inside (ALPN).
    pub alpn: Option<String>,
}

impl Agreed {
    /// Round trips of this handshake, beyond the one of TCP.
    pub fn round_trips(&self) -> u32 {
        let newer = self.version == "TLSv1.3";
        match self.form {
            Form::Full if newer => 1,
            Form::Full => 2,
            Form::Retried => 2,
            Form::Resumed => 1,
        }
    }
}

/// One cause of failures.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// A stable word for programs.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// The first of them, told in full.
    pub example: String,
}

/// What is counted of one stage.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    connecting: Distribution,
    handshake: Distribution,
    agreed: BTreeMap<Agreed, u64>,
    failures: BTreeMap<String, Failure>,
}

impl Tally {
    /// A TCP connection that was made.
    pub fn connected(&mut self, connecting: Duration) {
        self.connecting.record(connecting);
    }

    /// A handshake that succeeded.
    pub fn shaken(&mut self, connecting: Duration, handshake: Duration, agreed: Agreed) {
        self.connecting.record(connecting);
        self.handshake.record(handshake);
        *self.agreed.entry(agreed).or_default() += 1;
    }

    /// One that did not.
    pub fn failed(&mut self, problem: &Problem) {
        if let Some(failure) = self.failures.get_mut(problem.kind) {
            failure.count += 1;
        } else if self.failures.len() < CAUSES_MAX {
            let failure = Failure { kind: problem.kind.to_owned(), count: 1, example: problem.to_line() };
            self.failures.insert(problem.kind.to_owned(), failure);
        } else if let Some(first) = self.failures.values_mut().next() {
            first.count += 1;
        }
    }

    /// What another worker counted.
    pub fn add(&mut self, other: &Self) {
        self.connecting.add(&other.connecting);
        self.handshake.add(&other.handshake);
        for (agreed, count) in &other.agreed {
            *self.agreed.entry(agreed.clone()).or_default() += count;
        }
        for failure in other.failures.values() {
            match self.failures.get_mut(&failure.kind) {
                Some(known) => known.count += failure.count,
                None => _ = self.failures.insert(failure.kind.clone(), failure.clone()),
            }
        }
    }

    /// The report of this stage.
    pub fn round(&self, stage: Stage) -> Round {
        // What most of them agreed on is what the arithmetic is about.
        let usual = self.agreed.iter().max_by_key(|(_, count)| **count).map(|(agreed, _)| agreed.clone());
        let round_trips = 1 + usual.as_ref().map_or(0, Agreed::round_trips);
        Round {
            stage,
            connecting: self.connecting.buckets(),
            handshake: self.handshake.buckets(),
            distance: self.distance(round_trips),
            agreed: self.agreed.iter().map(|(agreed, count)| (agreed.clone(), *count)).collect(),
            failures: self.failures.values().cloned().collect(),
            drawn: if self.handshake.count() > 0 { self.handshake.drawn() } else { self.connecting.drawn() },
        }
    }

    /// The quickest TCP connection is the round trip; what the quickest handshake takes beyond its round trips is work.
    fn distance(&self, round_trips: u32) -> Option<Distance> {
        let round_trip = self.connecting.least()?;
        let whole = round_trip + self.handshake.least().unwrap_or_default();
        let work = whole.saturating_sub(round_trip * round_trips);
        let at = |distance: Duration| At {
            round_trip_seconds: distance.as_secs_f64(),
            connection_seconds: (distance * round_trips + work).as_secs_f64(),
        };
        Some(Distance {
            round_trips,
            round_trip_seconds: round_trip.as_secs_f64(),
            work_seconds: work.as_secs_f64(),
            at: DISTANCES.map(at).to_vec(),
        })
    }
}

/// What a new connection costs, and how much of it is distance.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Distance {
    /// Before the first byte of a request can go: one of TCP, and those of TLS.
    pub round_trips: u32,
    /// One of them here: the quickest TCP connection.
    pub round_trip_seconds: f64,
    /// What the quickest connection took beyond its round trips.
    pub work_seconds: f64,
    /// The same work at other distances.
    pub at: Vec<At>,
}

/// The cost of a new connection at one distance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct At {
    /// The distance.
    pub round_trip_seconds: f64,
    /// From the first packet until the first byte of a request can go.
    pub connection_seconds: f64,
}

/// What came of one stage.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Round {
    /// What was asked for.
    pub stage: Stage,
    /// TCP connections.
    pub connecting: Option<Buckets>,
    /// TLS handshakes.
    pub handshake: Option<Buckets>,
    /// What distance costs.
    pub distance: Option<Distance>,
    /// What was agreed on, and how often.
    #[serde(serialize_with = "counted")]
    pub agreed: Vec<(Agreed, u64)>,
    /// What failed, by cause.
    pub failures: Vec<Failure>,
    /// The handshakes, or the connections, for the eye.
    #[serde(skip)]
    pub drawn: Vec<String>,
}

fn counted<S: serde::Serializer>(agreed: &[(Agreed, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Counted<'a> {
        #[serde(flatten)]
        agreed: &'a Agreed,
        count: u64,
    }
    serializer.collect_seq(agreed.iter().map(|(agreed, count)| Counted { agreed, count: *count }))
}

/// What came of one address of a host.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// The host as it was named.
    pub host: String,
    /// Which address.
    pub address: String,
    /// `IPv4`, `IPv6`.
    pub family: String,
    /// Handshakes at once.
    pub concurrency: u32,
    /// The stages, in the order in which they were run.
    pub rounds: Vec<Round>,
}

impl Report {
    /// Did everything succeed, as it was asked for?
    pub fn is_clean(&self) -> bool {
        self.rounds.iter().all(|round| {
            let wanted = |agreed: &Agreed| round.stage != Stage::Resumed || agreed.form == Form::Resumed;
            round.failures.is_empty() && round.agreed.iter().all(|(agreed, _)| wanted(agreed))
        })
    }
}
