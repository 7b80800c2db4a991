//! What limited a transfer: one value with the figures behind it, what they rule out, and what to do next.
//!
//! The rules look at shares of the counted time. They go from what is certain (a rate that was set) by way of what the two
//! hosts say of themselves (disks, buffers, processors) to what is left: the way between them.

mod rules;
mod words;

pub use rules::judge;

use crate::throughput::report::{Flow, StreamReport};
use crate::throughput::series::End;
use crate::throughput::wire::Request;
use serde::Serialize;

/// What limited it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// A processor of the sender was busy all the time.
    SenderCpu,
    /// A processor of the receiver was.
    ReceiverCpu,
    /// The receiver's window was full: its buffer is too small for rate and distance.
    ReceiveWindow,
    /// The send buffer was full: too small for rate and distance.
    SendBuffer,
    /// The way: its congestion window, opened and cut by what the network does.
    Congestion,
    /// A rate that was asked for.
    Pacing,
    /// The rate that the responder allows.
    Allowance,
    /// The sender's disk.
    DiskRead,
    /// The receiver's disk.
    DiskWrite,
    /// Too little was seen.
    NotEnoughData,
}

/// The judgement on one direction of a test.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// What limited it.
    pub limit: Limit,
    /// The same in a sentence for people, with the figures that matter most.
    pub sentence: String,
    /// The figures behind it.
    pub evidence: Vec<Figure>,
    /// What it was not, and why.
    pub ruled_out: Vec<RuledOut>,
    /// What to do or to look at next.
    pub next: String,
}

/// A figure with its unit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what: `bit/s`, `s`, `B`, `share`, `segments`.
    pub unit: &'static str,
}

/// A limit that it was not.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RuledOut {
    /// Which.
    pub limit: Limit,
    /// Why not.
    pub why: String,
}

/// What the rules look at: one direction. A share is of the counted time, 0 to 1; what is not known is absent.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Length of the counted part, seconds.
    pub seconds: f64,
    /// Received, bits per second.
    pub rate: f64,
    /// Streams.
    pub streams: usize,
    /// Looks at the fullest stream while it counted.
    pub looks: usize,
    /// Rate that was asked for, bits per second.
    pub pace: Option<f64>,
    /// Rate that the responder allows, bits per second.
    pub allowance: Option<f64>,
    /// The sender's host and threads.
    pub sender: HostFacts,
    /// The receiver's.
    pub receiver: HostFacts,
    /// The receiver's window was the limit; mean over the streams.
    pub receiver_limited: Option<f64>,
    /// The send buffer was.
    pub send_buffer_limited: Option<f64>,
    /// There was something to send.
    pub busy: Option<f64>,
    /// Share of segments that were sent again.
    pub loss: Option<f64>,
    /// Segments sent again.
    pub retransmits: Option<u64>,
    /// Smallest round-trip time, seconds.
    pub rtt_least: Option<f64>,
    /// Mean round-trip time, seconds.
    pub rtt_mean: Option<f64>,
    /// Mean congestion window of a stream, bytes.
    pub congestion_window: Option<f64>,
    /// Largest window that a receiver offered, bytes.
    pub peer_window: Option<f64>,
    /// Send buffer of a stream, bytes as the kernel counts.
    pub send_buffer: Option<f64>,
    /// Congestion control of the senders.
    pub congestion_control: Option<String>,
    /// Are the data inside TLS?
    pub tls: bool,
}

/// One host and its threads.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct HostFacts {
    /// Processor time of the busiest stream's threads: 1 is one processor.
    pub busiest: Option<f64>,
    /// Share of all processors that was busy, with whatever ran.
    pub host: Option<f64>,
    /// The same by the program alone that measured.
    pub own: Option<f64>,
    /// Processors.
    pub processors: u32,
    /// Waiting for the disk; mean over the streams. Absent when there is none.
    pub disk: Option<f64>,
}

impl Facts {
    /// Out of what both ends counted.
    pub fn of(request: &Request, flow: &Flow, sender: &End, receiver: &End, allowance: Option<u64>) -> Self {
        let streams = &flow.streams;
        let mean = |of: &dyn Fn(&StreamReport) -> Option<f64>| {
            let values: Vec<f64> = streams.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let most = |of: &dyn Fn(&StreamReport) -> Option<f64>| streams.iter().filter_map(of).max_by(f64::total_cmp);
        let least = |of: &dyn Fn(&StreamReport) -> Option<f64>| streams.iter().filter_map(of).min_by(f64::total_cmp);
        let received = flow.received;
        let host = |end: &End, cpu: &dyn Fn(&StreamReport) -> f64, disk: Option<f64>| HostFacts {
            busiest: most(&|stream| Some(cpu(stream))),
            host: end.cpu.host_busy,
            own: (end.cpu.over_ns > 0 && end.cpu.processors > 0)
                .then(|| end.cpu.process_ns as f64 / end.cpu.over_ns as f64 / f64::from(end.cpu.processors)),
            processors: end.cpu.processors,
            disk,
        };
        let read = sender.read.as_ref().and_then(|_| mean(&|stream| Some(stream.sender.disk)));
        let written = receiver.written.as_ref().and_then(|_| mean(&|stream| Some(stream.receiver.disk)));
        Self {
            seconds: received.map_or(0.0, |counted| counted.seconds),
            rate: received.map_or(0.0, |counted| counted.bits_per_second),
            streams: streams.len(),
            looks: streams.iter().map(|stream| stream.bits_per_second_over_time.len()).max().unwrap_or(0),
            pace: request.pace_bits_per_second.map(|pace| pace as f64),
            allowance: allowance.map(|rate| rate as f64),
            sender: host(sender, &|stream| stream.sender.cpu, read),
            receiver: host(receiver, &|stream| stream.receiver.cpu, written),
            receiver_limited: mean(&|stream| stream.sender.receiver_limited),
            send_buffer_limited: mean(&|stream| stream.sender.send_buffer_limited),
            busy: mean(&|stream| stream.sender.busy),
            loss: flow.loss,
            retransmits: flow.retransmits,
            rtt_least: least(&|stream| stream.rtt_least_seconds),
            rtt_mean: mean(&|stream| stream.rtt_mean_seconds),
            congestion_window: mean(&|stream| stream.congestion_window_mean_bytes),
            peer_window: most(&|stream| stream.peer_window_max_bytes.map(|bytes| bytes as f64)),
            send_buffer: most(&|stream| Some(stream.send_buffer_bytes as f64).filter(|bytes| *bytes > 0.0)),
            congestion_control: streams.iter().find_map(|stream| stream.congestion_control.clone()),
            tls: request.tls,
        }
    }

    /// How much the mean round-trip time is above the smallest: what stands in queues; 1 is nothing.
    pub fn inflation(&self) -> Option<f64> {
        let (least, mean) = (self.rtt_least?, self.rtt_mean?);
        (least > 0.0).then(|| mean / least)
    }

    /// Were so many segments sent again that it means something? One or two are, at the end of a burst, on any way.
    pub fn is_lossy(&self) -> bool {
        self.retransmits.is_some_and(|count| count > 2)
    }

    /// Did packets stand in queues: did round trips take half as much again as the least, and half a millisecond more?
    pub fn is_queued(&self) -> bool {
        let Some((least, mean)) = self.rtt_least.zip(self.rtt_mean) else { return false };
        mean >= least * 1.5 && mean - least >= 0.0005
    }

    /// Share of the time in which the way itself was the limit.
    pub fn network_limited(&self) -> Option<f64> {
        let busy = self.busy?;
        Some((busy - self.receiver_limited.unwrap_or(0.0) - self.send_buffer_limited.unwrap_or(0.0)).max(0.0))
    }

    /// The rate that a stream can have at this loss and distance (Mathis et al. 1997), times the streams, bits per second.
    /// Congestion controls that do not obey it, as BBR, are not bound by it.
    pub fn mathis(&self) -> Option<f64> {
        const SEGMENT_BITS: f64 = 1448.0 * 8.0;
        let (loss, rtt) = (self.loss.filter(|loss| *loss > 0.0)?, self.rtt_least.filter(|rtt| *rtt > 0.0)?);
        Some(SEGMENT_BITS / rtt * (1.5 / loss).sqrt() * self.streams as f64)
    }
}

#[cfg(test)]
mod tests;
