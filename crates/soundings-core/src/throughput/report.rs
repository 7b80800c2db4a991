//! What two ends' figures come to.
//!
//! The counted part of a direction begins `omit` after its first byte, at each end by that end's own clock, and lasts as
//! long as was asked for: how long a path is takes nothing away, and what still drains out of buffers afterwards adds
//! nothing. Where bytes are counted it ends with the last byte. The receiver's count is the result.

use super::series::{End, Sample, StreamEnd, TcpSample};
use super::wire::Request;
use serde::Serialize;

/// A test, as far as both ends know it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// One for each direction: first to the responder, then from it.
    pub flows: Vec<Flow>,
}

/// One direction of a test.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Flow {
    /// Did the client send?
    pub to_responder: bool,
    /// Its streams, by number.
    pub streams: Vec<StreamReport>,
    /// What all receivers took: the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Counted>,
    /// What all senders gave to their kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Counted>,
    /// Segments sent again while it counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// Of the segments sent, the share that was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

/// Bytes over time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Counted {
    /// Bytes of the counted part.
    pub bytes: u64,
    /// How long that was.
    pub seconds: f64,
    /// The one by the other.
    pub bits_per_second: f64,
}

/// One stream of a direction.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StreamReport {
    /// Its number.
    pub number: u32,
    /// What its receiver took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Counted>,
    /// What its sender gave to the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Counted>,
    /// Over equal parts of the counted time, at the receiver.
    pub bits_per_second_over_time: Vec<f64>,
    /// Segments sent again while it counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// Of the segments sent, the share that was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Smallest round-trip time that the sender saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_least_seconds: Option<f64>,
    /// Mean of the smoothed round-trip times while it counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_mean_seconds: Option<f64>,
    /// Mean congestion window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_window_mean_bytes: Option<f64>,
    /// Largest window that the receiver offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_window_max_bytes: Option<u64>,
    /// Congestion control of the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// Send buffer of the sender.
    pub send_buffer_bytes: u64,
    /// Receive buffer of the receiver.
    pub receive_buffer_bytes: u64,
    /// What the sender's time went to.
    pub sender: Shares,
    /// What the receiver's time went to.
    pub receiver: Shares,
    /// Why it ended early.
    pub failures: Vec<String>,
}

/// Shares of the counted time, 0 to 1, of one stream at one end.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Shares {
    /// Of a processor, by the threads of the stream.
    pub cpu: f64,
    /// In calls of the socket.
    pub socket: f64,
    /// Waiting for the disk.
    pub disk: f64,
    /// The kernel had something to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<f64>,
    /// The receiver's window was the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_limited: Option<f64>,
    /// The send buffer was the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer_limited: Option<f64>,
}

/// Parts of a sparkline.
const PARTS: usize = 40;

/// The counted part of a direction at one end.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Window {
    from: f64,
    until: f64,
}

impl Window {
    /// Of these streams, whose first byte begins it.
    fn of(streams: &[&StreamEnd], request: &Request) -> Option<Self> {
        let first = streams.iter().filter_map(|stream| stream.first_ns).min()?;
        let last = streams.iter().filter_map(|stream| stream.last_ns).max()? as f64;
        let from = first as f64 + request.omit().as_nanos() as f64;
        let until = match request.duration() {
            Some(duration) => from + duration.as_nanos() as f64,
            None => last,
        };
        // What was cut short is counted as far as it went.
        let seen = streams.iter().filter_map(|stream| stream.samples.last()).map(|sample| sample.at_ns).max()? as f64;
        let until = until.min(seen.max(last));
        (until > from).then_some(Self { from, until })
    }

    fn seconds(self) -> f64 {
        (self.until - self.from) / 1e9
    }

    fn counted(self, bytes: f64) -> Counted {
        let seconds = self.seconds();
        Counted { bytes: bytes.round() as u64, seconds, bits_per_second: bytes * 8.0 / seconds }
    }
}

/// Puts both ends' figures together. `here` is the client's.
pub fn report(request: &Request, here: &End, there: &End) -> Report {
    let flow = |to_responder: bool| {
        let (sender, receiver) = if to_responder { (here, there) } else { (there, here) };
        flow(request, to_responder, sender, receiver)
    };
    let kinds = request.kinds();
    let flows = [true, false].into_iter().filter(|to| kinds.iter().any(|kind| kind.to_responder == *to));
    Report { flows: flows.map(flow).collect() }
}

fn flow(request: &Request, to_responder: bool, sender: &End, receiver: &End) -> Flow {
    let senders: Vec<&StreamEnd> = sender.streams.iter().filter(|stream| stream.sending).collect();
    let receivers: Vec<&StreamEnd> = receiver.streams.iter().filter(|stream| !stream.sending).collect();
    let windows = (Window::of(&senders, request), Window::of(&receivers, request));
    let numbers = request.kinds().into_iter().filter(|kind| kind.to_responder == to_responder).map(|kind| kind.number);
    let find = |streams: &[&StreamEnd], number| streams.iter().find(|stream| stream.number == number).copied().cloned();
    let streams: Vec<StreamReport> =
        numbers.map(|number| stream(number, find(&senders, number), find(&receivers, number), windows)).collect();
    let sum = |of: fn(&StreamReport) -> Option<Counted>, window: Option<Window>| {
        let bytes: Vec<f64> = streams.iter().filter_map(of).map(|counted| counted.bytes as f64).collect();
        window.filter(|_| !bytes.is_empty()).map(|window| window.counted(bytes.iter().sum()))
    };
    let retransmits: Vec<u64> = streams.iter().filter_map(|stream| stream.retransmits).collect();
    let losses: Vec<(f64, f64)> = senders.iter().filter_map(|end| segments(end, windows.0?)).collect();
    let (again, all) = losses.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    Flow {
        to_responder,
        received: sum(|stream| stream.received, windows.1),
        sent: sum(|stream| stream.sent, windows.0),
        retransmits: (!retransmits.is_empty()).then(|| retransmits.iter().copied().fold(0, u64::saturating_add)),
        loss: (all > 0.0).then(|| again / all),
        streams,
    }
}

fn stream(
    number: u32,
    sender: Option<StreamEnd>,
    receiver: Option<StreamEnd>,
    windows: (Option<Window>, Option<Window>),
) -> StreamReport {
    let failures = [("sender", &sender), ("receiver", &receiver)].into_iter().filter_map(|(who, end)| {
        let why = end.as_ref()?.failure.as_ref()?;
        Some(format!("{who}: {why}"))
    });
    let failures = failures.collect();
    let sending = sender.as_ref().zip(windows.0);
    let receiving = receiver.as_ref().zip(windows.1);
    let counted =
        |(end, window): (&StreamEnd, Window)| window.counted(bytes_at(end, window.until) - bytes_at(end, window.from));
    let looks: Vec<TcpSample> =
        sending.map(|(end, window)| inside(end, window).filter_map(|sample| sample.tcp).collect()).unwrap_or_default();
    let mean =
        |of: fn(&TcpSample) -> f64| (!looks.is_empty()).then(|| looks.iter().map(of).sum::<f64>() / looks.len() as f64);
    let lost = sending.and_then(|(end, window)| segments(end, window));
    StreamReport {
        number,
        received: receiving.map(counted),
        sent: sending.map(counted),
        bits_per_second_over_time: receiving.map(|(end, window)| over_time(end, window)).unwrap_or_default(),
        retransmits: lost.map(|(again, _)| again as u64),
        loss: lost.filter(|(_, all)| *all > 0.0).map(|(again, all)| again / all),
        rtt_least_seconds: looks.iter().filter_map(|tcp| tcp.rtt_least_ns).min().map(|ns| ns as f64 / 1e9),
        rtt_mean_seconds: mean(|tcp| tcp.rtt_ns as f64 / 1e9),
        congestion_window_mean_bytes: mean(|tcp| tcp.congestion_window_bytes as f64),
        peer_window_max_bytes: looks.iter().filter_map(|tcp| tcp.peer_window_bytes).max(),
        congestion_control: sender.as_ref().and_then(|end| end.congestion_control.clone()),
        send_buffer_bytes: sender.as_ref().map_or(0, |end| end.send_buffer_bytes),
        receive_buffer_bytes: receiver.as_ref().map_or(0, |end| end.receive_buffer_bytes),
        sender: sending.map(|(end, window)| shares(end, window)).unwrap_or_default(),
        receiver: receiving.map(|(end, window)| shares(end, window)).unwrap_or_default(),
        failures,
    }
}

/// A counter at a time: between two looks it ran evenly; before the first byte it was 0.
fn at(end: &StreamEnd, time: f64, of: impl Fn(&Sample) -> f64) -> f64 {
    let first = end.first_ns.unwrap_or(0) as f64;
    let mut before = (first, 0.0);
    for sample in &end.samples {
        let this = (sample.at_ns as f64, of(sample));
        if this.0 >= time {
            if this.0 <= before.0 {
                return this.1;
            }
            let part = ((time - before.0) / (this.0 - before.0)).clamp(0.0, 1.0);
            return before.1 + part * (this.1 - before.1);
        }
        if this.0 >= first {
            before = this;
        }
    }
    before.1
}

fn bytes_at(end: &StreamEnd, time: f64) -> f64 {
    // After the last byte nothing more comes, whenever the last look was.
    match end.last_ns {
        Some(last) if time >= last as f64 => end.bytes as f64,
        _ => at(end, time, |sample| sample.bytes as f64),
    }
}

/// What a counter grew by in the window.
fn grown(end: &StreamEnd, window: Window, of: impl Fn(&Sample) -> f64) -> f64 {
    (at(end, window.until, &of) - at(end, window.from, &of)).max(0.0)
}

fn inside(end: &StreamEnd, window: Window) -> impl Iterator<Item = &Sample> {
    end.samples.iter().filter(move |sample| (window.from..=window.until).contains(&(sample.at_ns as f64)))
}

/// Segments sent again, and all that were sent, in the window.
fn segments(end: &StreamEnd, window: Window) -> Option<(f64, f64)> {
    end.samples.iter().find_map(|sample| sample.tcp?.data_segments_sent)?;
    let tcp = |sample: &Sample| sample.tcp.unwrap_or_default();
    let again = grown(end, window, |sample| tcp(sample).retransmits as f64);
    let all = grown(end, window, |sample| tcp(sample).data_segments_sent.unwrap_or(0) as f64);
    Some((again.round(), all))
}

fn shares(end: &StreamEnd, window: Window) -> Shares {
    let span = window.until - window.from;
    let share = |of: fn(&Sample) -> u64| grown(end, window, |sample| of(sample) as f64) / span;
    let told = |of: fn(&TcpSample) -> Option<u64>| {
        end.samples.iter().find_map(|sample| of(sample.tcp.as_ref()?))?;
        let of = |sample: &Sample| sample.tcp.as_ref().and_then(of).unwrap_or(0) as f64;
        Some((grown(end, window, of) / span).min(1.0))
    };
    Shares {
        cpu: share(|sample| sample.cpu_ns),
        socket: share(|sample| sample.socket_ns),
        disk: share(|sample| sample.disk_ns),
        busy: told(|tcp| tcp.busy_ns),
        receiver_limited: told(|tcp| tcp.receiver_limited_ns),
        send_buffer_limited: told(|tcp| tcp.send_buffer_limited_ns),
    }
}

/// The rate over equal parts of the window: no more of them than there were looks.
fn over_time(end: &StreamEnd, window: Window) -> Vec<f64> {
    let parts = inside(end, window).count().saturating_sub(1).clamp(1, PARTS);
    let part = (window.until - window.from) / parts as f64;
    let edge = |index: usize| bytes_at(end, window.from + part * index as f64);
    (0..parts).map(|index| (edge(index + 1) - edge(index)).max(0.0) * 8e9 / part).collect()
}
