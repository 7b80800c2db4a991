//! What a kernel tells of a TCP connection: a word that both halves speak.

use serde::Serialize;
use std::time::Duration;

/// The parts of Linux's `struct tcp_info` that tell what limits a connection. What the kernel does not tell, or has no
/// sample of yet, is `None`: never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct TcpInfo {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Mean deviation of it.
    pub rtt_variation: Duration,
    /// Smallest round-trip time seen.
    pub rtt_least: Option<Duration>,
    /// Round-trip time as the receiver of data estimates it.
    pub receiver_rtt: Option<Duration>,
    /// Segments sent again, over the life of the connection.
    pub retransmits: u32,
    /// Bytes of them (Linux 4.19).
    pub retransmitted_bytes: Option<u64>,
    /// Segments that are believed lost now.
    pub lost: u32,
    /// Segments of data sent, those sent again with them.
    pub data_segments_sent: Option<u64>,
    /// Segments of data received.
    pub data_segments_received: Option<u64>,
    /// Largest segment that is sent, bytes.
    pub segment_bytes: u32,
    /// Path MTU as the connection knows it, bytes.
    pub path_mtu: u32,
    /// Congestion window, bytes.
    pub congestion_window_bytes: u64,
    /// Where slow start ends, bytes; `None` as long as nothing has ended it.
    pub slow_start_threshold_bytes: Option<u64>,
    /// What the receiver says it has room for, bytes (Linux 5.4).
    pub peer_window_bytes: Option<u64>,
    /// Our own receive window's ceiling as the kernel tunes it, bytes.
    pub receive_space_bytes: u32,
    /// How far segments overtake each other, segments.
    pub reordering: u32,
    /// Times that reordering was seen (Linux 5.0).
    pub reorderings_seen: Option<u32>,
    /// Segments that the receiver said it got twice (Linux 4.19).
    pub duplicates: Option<u32>,
    /// Segments delivered with a mark of congestion (ECN, Linux 4.18).
    pub congestion_marks: Option<u32>,
    /// What the kernel last measured as delivered, bytes per second.
    pub delivery_rate: Option<u64>,
    /// That measure was bounded by what the program gave.
    pub delivery_limited_by_program: bool,
    /// At what the kernel paces now, bytes per second; `None` when it does not.
    pub pacing_rate: Option<u64>,
    /// Bytes acknowledged by the peer.
    pub acknowledged_bytes: Option<u64>,
    /// Bytes received in order.
    pub received_bytes: Option<u64>,
    /// Bytes given to the kernel and not sent for the first time yet.
    pub unsent_bytes: Option<u64>,
    /// Time in which there was something to send.
    pub busy: Option<Duration>,
    /// Part of it in which the receiver's window was the limit: the receiving program is slow, or its buffer small.
    pub receiver_limited: Option<Duration>,
    /// Part of it in which our send buffer was the limit.
    pub send_buffer_limited: Option<Duration>,
    /// Timeouts of retransmission in a row, now.
    pub timeouts: u8,
    /// State of loss recovery (`tcp_ca_state`): 0 open, 1 disorder, 2 reduced by ECN, 3 recovery, 4 loss.
    pub recovery_state: u8,
    /// Both ends agreed on timestamps (RFC 7323).
    pub timestamps: bool,
    /// Both ends agreed on selective acknowledgements (RFC 2018).
    pub selective_acknowledgements: bool,
    /// How often the peer's window doubles what its 16 bits say; `None` where scaling was not agreed on (RFC 7323).
    pub peer_window_scale: Option<u8>,
    /// The same of our own window.
    pub own_window_scale: Option<u8>,
}
