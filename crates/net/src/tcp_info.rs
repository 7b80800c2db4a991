//! What the kernel knows of a TCP connection.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;
use terms::TcpInfo;

/// `struct tcp_info` of linux/tcp.h up to `tcpi_snd_wnd` (Linux 5.4). Newer kernels append, older give less.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Raw {
    state: u8,
    ca_state: u8,
    retransmits: u8,
    probes: u8,
    backoff: u8,
    options: u8,
    window_scales: u8,
    /// The lowest bit says that `delivery_rate` was limited by the program.
    flags: u8,
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
    delivered: u32,
    delivered_ce: u32,
    bytes_sent: u64,
    bytes_retrans: u64,
    dsack_dups: u32,
    reord_seen: u32,
    rcv_ooopack: u32,
    snd_wnd: u32,
}

// The layout above is the kernel's: these offsets pin it.
const _: () = assert!(std::mem::offset_of!(Raw, pacing_rate) == 104);
const _: () = assert!(std::mem::offset_of!(Raw, sndbuf_limited) == 184);
const _: () = assert!(std::mem::offset_of!(Raw, snd_wnd) == 228);

/// Reads `TCP_INFO` of a socket. Costs one system call.
pub fn tcp_info(socket: &impl AsFd) -> io::Result<TcpInfo> {
    let (raw, len) = read(socket.as_fd())?;
    if len < std::mem::offset_of!(Raw, pacing_rate) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel tells too little of a connection"));
    }
    Ok(told(&raw, len))
}

/// A field of the kernel's structure, where it told that much.
macro_rules! field {
    ($raw:ident, $len:ident, $name:ident) => {
        ($len >= std::mem::offset_of!(Raw, $name) + size_of_val(&$raw.$name)).then_some($raw.$name)
    };
}

fn told(raw: &Raw, len: usize) -> TcpInfo {
    let micros = |value: u32| Duration::from_micros(value.into());
    let mss = u64::from(raw.snd_mss);
    // The kernel says "all ones" as long as it has no sample or no bound.
    let known = |value: u32| (value != u32::MAX).then_some(value);
    let scaled = raw.options & OPTION_WINDOW_SCALE != 0;
    let (peer_scale, own_scale) = scales(raw.window_scales);
    TcpInfo {
        rtt: micros(raw.rtt),
        rtt_variation: micros(raw.rttvar),
        rtt_least: field!(raw, len, min_rtt).and_then(known).map(micros),
        receiver_rtt: Some(raw.rcv_rtt).filter(|rtt| *rtt > 0).map(micros),
        retransmits: raw.total_retrans,
        retransmitted_bytes: field!(raw, len, bytes_retrans),
        lost: raw.lost,
        data_segments_sent: field!(raw, len, data_segs_out).map(u64::from),
        data_segments_received: field!(raw, len, data_segs_in).map(u64::from),
        segment_bytes: raw.snd_mss,
        path_mtu: raw.pmtu,
        congestion_window_bytes: u64::from(raw.snd_cwnd) * mss,
        // TCP_INFINITE_SSTHRESH.
        slow_start_threshold_bytes: (raw.snd_ssthresh < 0x7fff_ffff).then(|| u64::from(raw.snd_ssthresh) * mss),
        peer_window_bytes: field!(raw, len, snd_wnd).map(u64::from),
        receive_space_bytes: raw.rcv_space,
        reordering: raw.reordering,
        reorderings_seen: field!(raw, len, reord_seen),
        duplicates: field!(raw, len, dsack_dups),
        congestion_marks: field!(raw, len, delivered_ce),
        delivery_rate: field!(raw, len, delivery_rate),
        delivery_limited_by_program: raw.flags & 1 != 0,
        pacing_rate: field!(raw, len, pacing_rate).filter(|rate| *rate != u64::MAX),
        acknowledged_bytes: field!(raw, len, bytes_acked),
        received_bytes: field!(raw, len, bytes_received),
        unsent_bytes: field!(raw, len, notsent_bytes).map(u64::from),
        busy: field!(raw, len, busy_time).map(Duration::from_micros),
        receiver_limited: field!(raw, len, rwnd_limited).map(Duration::from_micros),
        send_buffer_limited: field!(raw, len, sndbuf_limited).map(Duration::from_micros),
        timeouts: raw.retransmits,
        recovery_state: raw.ca_state,
        timestamps: raw.options & OPTION_TIMESTAMPS != 0,
        selective_acknowledgements: raw.options & OPTION_SACK != 0,
        peer_window_scale: scaled.then_some(peer_scale),
        own_window_scale: scaled.then_some(own_scale),
    }
}

/// Two bit fields of four bits share a byte: first the scale of what we send into, then of what we receive into. Which
/// half comes first is the compiler's habit for the byte order.
fn scales(byte: u8) -> (u8, u8) {
    if cfg!(target_endian = "little") { (byte & 0xf, byte >> 4) } else { (byte >> 4, byte & 0xf) }
}

// TCPI_OPT_* of linux/tcp.h.
const OPTION_TIMESTAMPS: u8 = 1;
const OPTION_SACK: u8 = 2;
const OPTION_WINDOW_SCALE: u8 = 4;

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
