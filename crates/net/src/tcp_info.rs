//! What the kernel knows of a TCP connection.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// The parts of `struct tcp_info` that tell what limits a transfer. Fields that this kernel lacks are `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpInfo {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Smallest round-trip time seen.
    pub rtt_least: Option<Duration>,
    /// Segments sent again, over the life of the connection.
    pub retransmits: u32,
    /// Congestion window, bytes.
    pub congestion_window_bytes: u64,
    /// What the kernel last measured as delivered, bytes per second.
    pub delivery_rate: Option<u64>,
    /// Time in which there was something to send.
    pub busy: Option<Duration>,
    /// Part of it in which the receiver's window was the limit: the receiving program is slow, or its buffer small.
    pub receiver_limited: Option<Duration>,
    /// Part of it in which our send buffer was the limit.
    pub send_buffer_limited: Option<Duration>,
}

/// Reads `TCP_INFO` of a socket.
pub fn tcp_info(_socket: &impl AsFd) -> io::Result<TcpInfo> {
    Err(io::ErrorKind::Unsupported.into())
}
