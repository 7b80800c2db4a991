//! What came of a load.

use super::Way;
use crate::distribution::{BadBuckets, Buckets, Distribution};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use terms::{Problem, TcpInfo};

/// Different causes of failures that are told apart; later ones are counted as the first.
const CAUSES_MAX: usize = 32;

/// What is counted while a load runs. Tallies of workers are added.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// From the request until its last byte.
    pub latency: Distribution,
    /// From the request until the head of its answer.
    pub first_byte: Distribution,
    /// TCP connections made.
    pub connecting: Distribution,
    /// TLS handshakes made.
    pub handshake: Distribution,
    /// Requests that failed, by cause.
    pub failures: BTreeMap<String, Failure>,
    /// Requests that still ran when the time was over.
    pub cut: u64,
    /// What the kernel knew of each connection at its end.
    pub tcp: TcpSummary,
}

/// One cause of failures.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for programs.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// The first of them, told in full.
    pub example: String,
}

/// What the kernel told of connections, of our side of them.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TcpSummary {
    /// Connections that were asked.
    pub connections: u64,
    /// Segments that we sent again.
    pub retransmits: u64,
    /// Smallest round-trip time of all, seconds.
    pub round_trip_least_seconds: Option<f64>,
    /// Largest smoothed round-trip time at the end, seconds.
    pub round_trip_largest_seconds: Option<f64>,
    /// Largest congestion window of ours at the end, bytes.
    pub congestion_window_largest_bytes: Option<u64>,
    /// Segment size, bytes.
    pub segment_bytes: Option<u32>,
}

/// Processor time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cpu {
    /// User and system, seconds, of the whole process.
    pub seconds: f64,
    /// Over how many seconds.
    pub of_seconds: f64,
}

/// What came of a load, of one pair of a client and a server or of several together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Who asked: absent where it is the program that tells.
    #[serde(default)]
    pub from: Option<String>,
    /// What was asked; `total` of several.
    pub to: String,
    /// To which address, where it is one.
    pub address: Option<String>,
    /// Which way the bytes went.
    pub way: Way,
    /// `HTTP/1.1`, `HTTP/2`.
    pub http: String,
    /// Version and suite; absent without TLS.
    pub tls: Option<String>,
    /// Connections at once.
    pub connections: u64,
    /// Requests at once on each of them.
    pub streams: u32,
    /// What was measured, seconds, without the warm-up.
    pub seconds: f64,
    /// What was left out before.
    pub warm_up_seconds: f64,
    /// Bytes of bodies that passed in this time.
    pub bytes: u64,
    /// The throughput.
    pub bits_per_second: f64,
    /// Requests that were completed in this time.
    pub requests: u64,
    /// The same for each second.
    pub requests_per_second: f64,
    /// Requests that still ran when the time was over: no failures.
    pub cut: u64,
    /// Requests and connections that failed, by cause.
    pub failures: Vec<Failure>,
    /// From the request until its last byte.
    pub latency: Option<Buckets>,
    /// From the request until the head of its answer.
    pub first_byte: Option<Buckets>,
    /// TCP connections made, those of the warm-up with them.
    pub connecting: Option<Buckets>,
    /// TLS handshakes made, likewise.
    pub handshake: Option<Buckets>,
    /// Ours: the client's.
    pub client_cpu: Option<Cpu>,
    /// The server's, where it tells.
    pub server_cpu: Option<Cpu>,
    /// What our kernel told of the connections.
    pub tcp: TcpSummary,
}

impl Tally {
    /// A request or a connection failed.
    pub fn failed(&mut self, problem: &Problem) {
        self.count(problem.kind, 1, || problem.to_line());
    }

    fn count(&mut self, kind: &str, times: u64, example: impl FnOnce() -> String) {
        if let Some(failure) = self.failures.get_mut(kind) {
            failure.count += times;
        } else if self.failures.len() < CAUSES_MAX {
            let failure = Failure { kind: kind.to_owned(), count: times, example: example() };
            self.failures.insert(kind.to_owned(), failure);
        } else if let Some(first) = self.failures.values_mut().next() {
            first.count += times;
        }
    }

    /// What another worker counted.
    pub fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.first_byte.add(&other.first_byte);
        self.connecting.add(&other.connecting);
        self.handshake.add(&other.handshake);
        for failure in other.failures.values() {
            self.count(&failure.kind, failure.count, || failure.example.clone());
        }
        self.cut += other.cut;
        self.tcp.add(&other.tcp);
    }

    /// The report of this tally over a time; who, what and how are the caller's to fill in.
    pub fn report(&self, way: Way, measured: Duration, bytes: u64) -> Report {
        let seconds = measured.as_secs_f64();
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let requests = self.latency.count();
        Report {
            from: None,
            to: String::new(),
            address: None,
            way,
            http: String::new(),
            tls: None,
            connections: 0,
            streams: 1,
            seconds,
            warm_up_seconds: 0.0,
            bytes,
            bits_per_second: per_second(bytes as f64 * 8.0),
            requests,
            requests_per_second: per_second(requests as f64),
            cut: self.cut,
            failures: self.failures.values().cloned().collect(),
            latency: self.latency.buckets(),
            first_byte: self.first_byte.buckets(),
            connecting: self.connecting.buckets(),
            handshake: self.handshake.buckets(),
            client_cpu: None,
            server_cpu: None,
            tcp: self.tcp,
        }
    }
}

impl TcpSummary {
    /// One more connection.
    pub fn saw(&mut self, info: &TcpInfo) {
        self.add(&Self {
            connections: 1,
            retransmits: info.retransmits.into(),
            round_trip_least_seconds: info.rtt_least.map(|rtt| rtt.as_secs_f64()),
            round_trip_largest_seconds: (!info.rtt.is_zero()).then_some(info.rtt.as_secs_f64()),
            congestion_window_largest_bytes: Some(info.congestion_window_bytes),
            segment_bytes: Some(info.segment_bytes),
        });
    }

    /// Those of others.
    pub fn add(&mut self, other: &Self) {
        let pick = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(choose(a, b)),
            (one, other) => one.or(other),
        };
        self.connections += other.connections;
        self.retransmits += other.retransmits;
        self.round_trip_least_seconds = pick(self.round_trip_least_seconds, other.round_trip_least_seconds, f64::min);
        self.round_trip_largest_seconds =
            pick(self.round_trip_largest_seconds, other.round_trip_largest_seconds, f64::max);
        self.congestion_window_largest_bytes =
            self.congestion_window_largest_bytes.max(other.congestion_window_largest_bytes);
        self.segment_bytes = self.segment_bytes.or(other.segment_bytes);
    }
}

impl Report {
    /// All pairs of a load together: what ran at the same time adds its rates. `None` of none.
    pub fn total(pairs: &[Self]) -> Result<Option<Self>, BadBuckets> {
        let Some(first) = pairs.first() else { return Ok(None) };
        let mut tally = Tally::default();
        for pair in pairs {
            for (sum, told) in [
                (&mut tally.latency, &pair.latency),
                (&mut tally.first_byte, &pair.first_byte),
                (&mut tally.connecting, &pair.connecting),
                (&mut tally.handshake, &pair.handshake),
            ] {
                if let Some(told) = told {
                    sum.add(&Distribution::try_from(told)?);
                }
            }
            for failure in &pair.failures {
                tally.count(&failure.kind, failure.count, || failure.example.clone());
            }
            tally.cut += pair.cut;
            tally.tcp.add(&pair.tcp);
        }
        let seconds = pairs.iter().map(|pair| pair.seconds).fold(0.0, f64::max);
        let same = |tell: fn(&Self) -> &str| {
            if pairs.iter().all(|pair| tell(pair) == tell(first)) { tell(first) } else { "several" }
        };
        let bytes = pairs.iter().map(|pair| pair.bytes).sum();
        let measured = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(Some(Self {
            to: "total".to_owned(),
            http: same(|pair| &pair.http).to_owned(),
            tls: first.tls.is_some().then(|| same(|pair| pair.tls.as_deref().unwrap_or("none")).to_owned()),
            connections: pairs.iter().map(|pair| pair.connections).sum(),
            streams: first.streams,
            warm_up_seconds: first.warm_up_seconds,
            // Each pair has its own clock of when it was measured; their rates add up as long as all ran together.
            bits_per_second: pairs.iter().map(|pair| pair.bits_per_second).sum(),
            requests_per_second: pairs.iter().map(|pair| pair.requests_per_second).sum(),
            ..tally.report(first.way, measured, bytes)
        }))
    }

    /// Did every request that was not cut succeed?
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }
}
