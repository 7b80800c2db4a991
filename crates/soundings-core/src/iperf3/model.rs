//! What a test measured, as plain values: [`super::report`] writes it as iperf3's JSON, [`super::text`] as its text.

use super::wire::{Direction, Parameters, Protocol, Results};
use std::net::SocketAddr;
use terms::TcpInfo;

/// Which end of the control connection tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The one who asked.
    Client,
    /// The one who was asked.
    Server,
}

/// What is known when data begin to flow.
#[derive(Clone, PartialEq, Debug)]
pub struct Start {
    /// Which end this is.
    pub role: Role,
    /// What was agreed.
    pub parameters: Parameters,
    /// Our program and its version.
    pub program: String,
    /// The machine, as `uname -a` says it.
    pub system: String,
    /// When it began, for people: seconds since 1970.
    pub unix_seconds: u64,
    /// Of the client: what was asked for as host; of the server: the client's address.
    pub host: String,
    /// The port of it.
    pub port: u16,
    /// The cookie's letters.
    pub cookie: String,
    /// Segment size of the control connection.
    pub segment_bytes: Option<u32>,
    /// Send buffer of the first stream as it is.
    pub send_buffer_bytes: u64,
    /// Receive buffer, likewise.
    pub receive_buffer_bytes: u64,
    /// Each stream, in the order of their identifiers.
    pub streams: Vec<StreamStart>,
}

/// One stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamStart {
    /// How it is called in output: iperf3 takes the socket's number.
    pub socket: i32,
    /// Do we send on it?
    pub sends: bool,
    /// Our address.
    pub local: SocketAddr,
    /// The other's.
    pub remote: SocketAddr,
}

/// An interval of all streams.
#[derive(Clone, PartialEq, Debug)]
pub struct Interval {
    /// In the warm-up?
    pub omitted: bool,
    /// In the order of [`Start::streams`].
    pub streams: Vec<Span>,
}

/// What one stream did between two instants; of the whole test or of one interval of it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Span {
    /// From here, seconds since the warm-up ended, or of it.
    pub start: f64,
    /// To here.
    pub end: f64,
    /// Octets sent or received.
    pub bytes: u64,
    /// Of a sender of TCP: segments sent again, and the state of the connection at the end of it.
    pub tcp: Option<(u64, TcpInfo)>,
    /// Datagrams, sent or due.
    pub packets: u64,
    /// Datagrams lost, of a receiver.
    pub lost: u64,
    /// Datagrams that came late.
    pub out_of_order: u64,
    /// Jitter at the end of it, seconds.
    pub jitter_seconds: f64,
}

impl Span {
    /// How long.
    pub fn seconds(&self) -> f64 {
        (self.end - self.start).max(0.0)
    }

    /// Rate; nothing in no time is 0.
    pub fn bits_per_second(&self) -> f64 {
        rate(self.bytes, self.seconds())
    }

    /// Lost of those that were due, percent.
    pub fn lost_percent(&self) -> f64 {
        percent(self.lost, self.packets)
    }
}

/// Octets in a time, as bits per second.
pub fn rate(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 * 8.0 / seconds } else { 0.0 }
}

/// A part of a whole in percent; of nothing, 0.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole > 0 { 100.0 * part as f64 / whole as f64 } else { 0.0 }
}

/// The end of one stream, as both sides saw it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct StreamEnd {
    /// The sender's figures.
    pub sent: Span,
    /// Segments sent again, if the sender knows.
    pub retransmits: Option<u64>,
    /// The receiver's figures.
    pub received: Span,
    /// Largest congestion window that we saw, octets.
    pub congestion_window_max: u64,
    /// Largest window of the receiver, octets.
    pub peer_window_max: u64,
    /// Round-trip times that we saw, microseconds: greatest, least, mean.
    pub rtt_us: [u64; 3],
}

/// What is known at the end.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct End {
    /// In the order of [`Start::streams`].
    pub streams: Vec<StreamEnd>,
    /// Our CPU, percent of one core: all, user, system.
    pub cpu: [f64; 3],
    /// The other's; 0 where it does not say.
    pub remote_cpu: [f64; 3],
    /// Congestion control on our side.
    pub congestion: Option<String>,
    /// On the other side.
    pub remote_congestion: Option<String>,
    /// The other's output, if it was asked for and came.
    pub peer_text: Option<String>,
    /// The same as JSON.
    pub peer_json: Option<serde_json::Value>,
}

/// A whole test, or as much of it as there is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Test {
    /// What is known when data begin to flow.
    pub start: Option<Start>,
    /// One for each interval that was asked for.
    pub intervals: Vec<Interval>,
    /// What is known at the end.
    pub end: Option<End>,
    /// Why it has none, or none that is complete.
    pub error: Option<String>,
}

impl Start {
    /// Is it UDP?
    pub fn is_udp(&self) -> bool {
        self.parameters.protocol == Protocol::Udp
    }

    /// Does data flow both ways?
    pub fn is_both(&self) -> bool {
        self.parameters.direction == Direction::Both
    }

    /// The streams of the first direction, then of the second, by their places. Only `--bidir` has a second.
    pub fn directions(&self) -> Vec<(bool, Vec<usize>)> {
        let Some(first) = self.streams.first().map(|stream| stream.sends) else { return Vec::new() };
        let of = |sends: bool| {
            let places = self.streams.iter().enumerate().filter(move |(_, stream)| stream.sends == sends);
            (sends, places.map(|(place, _)| place).collect::<Vec<_>>())
        };
        [of(first), of(!first)].into_iter().filter(|(_, places)| !places.is_empty()).collect()
    }
}

impl StreamEnd {
    /// From our whole span and what the other says of its own.
    pub fn of(ours: Span, sends: bool, udp: bool, rtt: RttSeen, theirs: Option<&super::wire::StreamResults>) -> Self {
        let other = theirs.map_or_else(Span::default, |theirs| Span {
            start: theirs.start,
            end: theirs.end,
            bytes: theirs.bytes,
            tcp: None,
            packets: theirs.packets.saturating_sub(theirs.omitted_packets),
            lost: theirs.errors.saturating_sub(theirs.omitted_errors),
            out_of_order: 0,
            jitter_seconds: theirs.jitter_seconds,
        });
        let (mut sent, received) = if sends { (ours, other) } else { (other, ours) };
        if udp {
            // A sender knows of no loss.
            sent.lost = 0;
            sent.jitter_seconds = 0.0;
        }
        let retransmits = if udp {
            None
        } else if sends {
            ours.tcp.map(|(count, _)| count)
        } else {
            theirs.and_then(|theirs| theirs.retransmits)
        };
        Self {
            sent,
            retransmits,
            received,
            congestion_window_max: rtt.congestion_window_max,
            peer_window_max: rtt.peer_window_max,
            rtt_us: rtt.summary(),
        }
    }
}

/// What was seen of a sending connection through the test.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RttSeen {
    /// Octets.
    pub congestion_window_max: u64,
    /// Octets.
    pub peer_window_max: u64,
    most: u64,
    least: Option<u64>,
    sum: u64,
    count: u64,
}

impl RttSeen {
    /// At the end of an interval.
    pub fn add(&mut self, info: &TcpInfo) {
        let micros = u64::try_from(info.rtt.as_micros()).unwrap_or(u64::MAX);
        self.congestion_window_max = self.congestion_window_max.max(info.congestion_window_bytes);
        self.peer_window_max = self.peer_window_max.max(info.peer_window_bytes.unwrap_or(0));
        self.most = self.most.max(micros);
        self.least = Some(self.least.map_or(micros, |least| least.min(micros)));
        self.sum = self.sum.saturating_add(micros);
        self.count += 1;
    }

    fn summary(&self) -> [u64; 3] {
        [self.most, self.least.unwrap_or(0), self.sum.checked_div(self.count).unwrap_or(0)]
    }
}

impl End {
    /// From our own ends of streams and what the other side told.
    pub fn of(streams: Vec<StreamEnd>, cpu: [f64; 3], congestion: Option<String>, theirs: Option<&Results>) -> Self {
        Self {
            streams,
            cpu,
            remote_cpu: theirs.map_or([0.0; 3], |theirs| theirs.cpu),
            congestion,
            remote_congestion: theirs.and_then(|theirs| theirs.congestion_used.clone()),
            peer_text: theirs.and_then(|theirs| theirs.output_text.clone()),
            peer_json: theirs.and_then(|theirs| theirs.output_json.clone()),
        }
    }
}
