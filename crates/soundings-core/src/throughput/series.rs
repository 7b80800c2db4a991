//! What one end counts of its streams while a test runs.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use terms::TcpInfo;

/// One look at a stream. Times are nanoseconds since this end began; counters run from the beginning of the stream.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// When.
    pub at_ns: u64,
    /// Bytes given to the kernel by a sender, or taken from it by a receiver; plaintext of TLS.
    pub bytes: u64,
    /// Time in which the thread of the stream waited in the socket.
    pub socket_ns: u64,
    /// Time in which it waited for the disk.
    pub disk_ns: u64,
    /// Processor time of the threads of the stream.
    pub cpu_ns: u64,
    /// What the kernel says of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpSample>,
}

/// The part of `tcp_info` that a verdict needs. What the kernel does not say is absent.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TcpSample {
    /// Smoothed round-trip time.
    pub rtt_ns: u64,
    /// Smallest seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_least_ns: Option<u64>,
    /// As the receiver of data estimates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_rtt_ns: Option<u64>,
    /// Congestion window.
    pub congestion_window_bytes: u64,
    /// What the receiver has room for, as the sender knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_window_bytes: Option<u64>,
    /// Segments sent again.
    pub retransmits: u64,
    /// Segments of data sent, again with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_segments_sent: Option<u64>,
    /// Largest segment.
    pub segment_bytes: u32,
    /// Measured by the kernel, bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_rate_bytes_per_second: Option<u64>,
    /// At what the kernel paces, bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pacing_rate_bytes_per_second: Option<u64>,
    /// There was something to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_ns: Option<u64>,
    /// The receiver's window was the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_limited_ns: Option<u64>,
    /// The send buffer was the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer_limited_ns: Option<u64>,
    /// Given to the kernel and not sent yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsent_bytes: Option<u64>,
    /// Segments delivered with a mark of congestion (ECN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_marks: Option<u64>,
    /// How far segments overtake each other, segments.
    pub reordering: u32,
}

impl From<&TcpInfo> for TcpSample {
    fn from(info: &TcpInfo) -> Self {
        Self {
            rtt_ns: nanos(info.rtt),
            rtt_least_ns: info.rtt_least.map(nanos),
            receiver_rtt_ns: info.receiver_rtt.map(nanos),
            congestion_window_bytes: info.congestion_window_bytes,
            peer_window_bytes: info.peer_window_bytes,
            retransmits: info.retransmits.into(),
            data_segments_sent: info.data_segments_sent,
            segment_bytes: info.segment_bytes,
            delivery_rate_bytes_per_second: info.delivery_rate,
            pacing_rate_bytes_per_second: info.pacing_rate,
            busy_ns: info.busy.map(nanos),
            receiver_limited_ns: info.receiver_limited.map(nanos),
            send_buffer_limited_ns: info.send_buffer_limited.map(nanos),
            unsent_bytes: info.unsent_bytes,
            congestion_marks: info.congestion_marks.map(u64::from),
            reordering: info.reordering,
        }
    }
}

/// Nanoseconds of a span; 584 years are enough.
pub fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// One stream as one end saw it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamEnd {
    /// Its number, the same at both ends.
    pub number: u32,
    /// Did this end send?
    pub sending: bool,
    /// Bytes over the whole life of the stream, the warm-up with them.
    pub bytes: u64,
    /// When the first byte moved; absent when none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ns: Option<u64>,
    /// When the last did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ns: Option<u64>,
    /// Why it ended before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Congestion control of this end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// Send buffer at the end, as the kernel counts.
    pub send_buffer_bytes: u64,
    /// Receive buffer, likewise.
    pub receive_buffer_bytes: u64,
    /// What it looked like while it ran. Sent in parts of its own.
    #[serde(skip)]
    pub samples: Vec<Sample>,
}

/// Processor time of a program and its host while a test ran, its warm-up without.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// Of all threads of the program.
    pub process_ns: u64,
    /// Over this time.
    pub over_ns: u64,
    /// Processors of the host.
    pub processors: u32,
    /// Share of them all that was busy, with whatever ran; 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_busy: Option<f64>,
}

/// How a disk was read or written.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskFacts {
    /// `O_DIRECT`, or what was done instead, so that the disk and not its cache is measured.
    pub how: String,
    /// Of each stream: bytes of the file, before it is begun again.
    pub file_bytes: u64,
}

/// All that one end knows when a test is over.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// Its streams, by number. Sent in messages of their own.
    #[serde(skip)]
    pub streams: Vec<StreamEnd>,
    /// Processors.
    pub cpu: Cpu,
    /// The disk it read from, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<DiskFacts>,
    /// The disk it wrote to, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<DiskFacts>,
}
