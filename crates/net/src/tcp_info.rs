//! What the kernel knows of a TCP connection.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
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

/// `struct tcp_info` of linux/tcp.h up to `tcpi_sndbuf_limited` (Linux 4.10). Newer kernels append, older give less.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Raw {
    small: [u8; 8],
    rto: u32,
    ato: u32,
    snd_mss: u32,
    rcv_mss: u32,
    unacked: u32,
    sacked: u32,
    lost: u32,
    retrans: u32,
    fackets: u32,
    last_data_sent: u32,
    last_ack_sent: u32,
    last_data_recv: u32,
    last_ack_recv: u32,
    pmtu: u32,
    rcv_ssthresh: u32,
    rtt: u32,
    rttvar: u32,
    snd_ssthresh: u32,
    snd_cwnd: u32,
    advmss: u32,
    reordering: u32,
    rcv_rtt: u32,
    rcv_space: u32,
    total_retrans: u32,
    pacing_rate: u64,
    max_pacing_rate: u64,
    bytes_acked: u64,
    bytes_received: u64,
    segs_out: u32,
    segs_in: u32,
    notsent_bytes: u32,
    min_rtt: u32,
    data_segs_in: u32,
    data_segs_out: u32,
    delivery_rate: u64,
    busy_time: u64,
    rwnd_limited: u64,
    sndbuf_limited: u64,
}

// The layout above is the kernel's: these two offsets pin it.
const _: () = assert!(std::mem::offset_of!(Raw, pacing_rate) == 104);
const _: () = assert!(std::mem::offset_of!(Raw, sndbuf_limited) == 184);

/// Reads `TCP_INFO` of a socket. Costs one system call.
pub fn tcp_info(socket: &impl AsFd) -> io::Result<TcpInfo> {
    let (raw, len) = read(socket.as_fd())?;
    if len < std::mem::offset_of!(Raw, pacing_rate) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel tells too little of a connection"));
    }
    let whole = len >= size_of::<Raw>();
    let micros = |value: u64| whole.then(|| Duration::from_micros(value));
    Ok(TcpInfo {
        rtt: Duration::from_micros(raw.rtt.into()),
        // The kernel says "all ones" as long as it has no sample.
        rtt_least: micros(raw.min_rtt.into()).filter(|_| raw.min_rtt != u32::MAX),
        retransmits: raw.total_retrans,
        congestion_window_bytes: u64::from(raw.snd_cwnd) * u64::from(raw.snd_mss),
        delivery_rate: whole.then_some(raw.delivery_rate),
        busy: micros(raw.busy_time),
        receiver_limited: micros(raw.rwnd_limited),
        send_buffer_limited: micros(raw.sndbuf_limited),
    })
}

#[allow(unsafe_code)]
fn read(socket: BorrowedFd<'_>) -> io::Result<(Raw, usize)> {
    let mut raw = Raw::default();
    let mut len = size_of::<Raw>() as libc::socklen_t;
    // SAFETY: `raw` is plain integers and `len` its size; the kernel writes at most `len` bytes and says how many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut raw).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok((raw, len as usize)) } else { Err(io::Error::last_os_error()) }
}
