//! What Linux tells of a connection, from its bytes to the names that the reference server gives it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

macro_rules! tcp_info {
    ($($(#[doc = $doc:literal])* $field:ident, $name:literal, $kind:ident, $at:literal;)*) => {
        /// `struct tcp_info` of linux/tcp.h, field by field: what this kernel, or the peer, does not tell is absent. Times
        /// are microseconds but for those of the last packets (milliseconds), rates bytes per second.
        #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        pub struct TcpInfo {
            $($(#[doc = $doc])* #[serde(rename = $name, default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<i64>,)*
            /// Since the test began, microseconds.
            #[serde(rename = "ElapsedTime", default, skip_serializing_if = "Option::is_none")]
            pub elapsed_time: Option<i64>,
        }

        impl TcpInfo {
            /// Reads the kernel's bytes, as many as there are.
            pub fn of_kernel(bytes: &[u8], elapsed: Duration) -> Self {
                let told = Self {
                    $($field: $kind(bytes, $at),)*
                    elapsed_time: Some(elapsed.as_micros() as i64),
                };
                told.without_blanks()
            }
        }
    };
}

tcp_info! {
    /// State of the connection: 1 is established.
    state, "State", one, 0;
    /// State of loss recovery: 0 open, 1 disorder, 2 reduced by ECN, 3 recovery, 4 loss.
    ca_state, "CAState", one, 1;
    /// Timeouts in a row, now.
    retransmits, "Retransmits", one, 2;
    /// Probes of a closed window, or of a silent peer, in a row.
    probes, "Probes", one, 3;
    /// How often the timeout was doubled.
    backoff, "Backoff", one, 4;
    /// Agreed options: 1 timestamps, 2 SACK, 4 window scale, 8 ECN.
    options, "Options", one, 5;
    /// Both window scales, four bits each.
    wscale, "WScale", one, 6;
    /// 1: the delivery rate was bounded by what the program gave.
    app_limited, "AppLimited", flag, 7;
    /// Retransmission timeout.
    rto, "RTO", four, 8;
    /// Delayed-acknowledgement timeout.
    ato, "ATO", four, 12;
    /// Largest segment that is sent, bytes.
    snd_mss, "SndMSS", four, 16;
    /// Largest segment that came, bytes.
    rcv_mss, "RcvMSS", four, 20;
    /// Segments on the way.
    unacked, "Unacked", four, 24;
    /// Segments acknowledged out of order.
    sacked, "Sacked", four, 28;
    /// Segments believed lost now.
    lost, "Lost", four, 32;
    /// Segments sent again and not acknowledged yet.
    retrans, "Retrans", four, 36;
    /// Not used any more.
    fackets, "Fackets", four, 40;
    /// Since data was sent, milliseconds.
    last_data_sent, "LastDataSent", four, 44;
    /// Not remembered by Linux.
    last_ack_sent, "LastAckSent", four, 48;
    /// Since data came, milliseconds.
    last_data_recv, "LastDataRecv", four, 52;
    /// Since an acknowledgement came, milliseconds.
    last_ack_recv, "LastAckRecv", four, 56;
    /// Path MTU, bytes.
    pmtu, "PMTU", four, 60;
    /// Our window's bound, bytes.
    rcv_ss_thresh, "RcvSsThresh", four, 64;
    /// Smoothed round-trip time.
    rtt, "RTT", four, 68;
    /// Its mean deviation.
    rtt_var, "RTTVar", four, 72;
    /// Where slow start ends, segments.
    snd_ss_thresh, "SndSsThresh", four, 76;
    /// Congestion window, segments.
    snd_cwnd, "SndCwnd", four, 80;
    /// Segment size that we announced, bytes.
    adv_mss, "AdvMSS", four, 84;
    /// How far segments overtake each other.
    reordering, "Reordering", four, 88;
    /// Round-trip time as the receiver of data estimates it.
    rcv_rtt, "RcvRTT", four, 92;
    /// What the program took in one round-trip time, bytes.
    rcv_space, "RcvSpace", four, 96;
    /// Segments sent again so far.
    total_retrans, "TotalRetrans", four, 100;
    /// Pace of sending; -1 without bound.
    pacing_rate, "PacingRate", eight, 104;
    /// Bound of the pace; -1 without bound.
    max_pacing_rate, "MaxPacingRate", eight, 112;
    /// Bytes acknowledged.
    bytes_acked, "BytesAcked", eight, 120;
    /// Bytes received.
    bytes_received, "BytesReceived", eight, 128;
    /// Segments sent.
    segs_out, "SegsOut", four, 136;
    /// Segments received.
    segs_in, "SegsIn", four, 140;
    /// Bytes that wait to be sent for the first time.
    notsent_bytes, "NotsentBytes", four, 144;
    /// Least round-trip time of the last minutes.
    min_rtt, "MinRTT", four, 148;
    /// Segments with data received.
    data_segs_in, "DataSegsIn", four, 152;
    /// Segments with data sent.
    data_segs_out, "DataSegsOut", four, 156;
    /// Rate that was delivered, measured last.
    delivery_rate, "DeliveryRate", eight, 160;
    /// Time with something to send.
    busy_time, "BusyTime", eight, 168;
    /// Part of it in which the receiver's window was the limit.
    rwnd_limited, "RWndLimited", eight, 176;
    /// Part of it in which the send buffer was.
    snd_buf_limited, "SndBufLimited", eight, 184;
    /// Segments delivered.
    delivered, "Delivered", four, 192;
    /// Of them, marked by ECN.
    delivered_ce, "DeliveredCE", four, 196;
    /// Bytes sent, again and for the first time.
    bytes_sent, "BytesSent", eight, 200;
    /// Bytes sent again.
    bytes_retrans, "BytesRetrans", eight, 208;
    /// Segments that came twice, as the receiver says.
    dsack_dups, "DSackDups", four, 216;
    /// Times that reordering was seen.
    reord_seen, "ReordSeen", four, 220;
    /// Segments that came out of order.
    rcv_ooo_pack, "RcvOooPack", four, 224;
    /// The receiver's window, bytes.
    snd_wnd, "SndWnd", four, 228;
}

fn one(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at).map(|octet| i64::from(*octet))
}

fn flag(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at).map(|octet| i64::from(octet & 1))
}

fn four(bytes: &[u8], at: usize) -> Option<i64> {
    let octets = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(i64::from(u32::from_ne_bytes(octets)))
}

fn eight(bytes: &[u8], at: usize) -> Option<i64> {
    let octets = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_ne_bytes(octets) as i64)
}

impl TcpInfo {
    /// Times that were never measured are 0 or all ones in the kernel, and absent here.
    fn without_blanks(mut self) -> Self {
        for time in [&mut self.rtt, &mut self.rtt_var, &mut self.min_rtt, &mut self.rcv_rtt] {
            *time = time.filter(|micros| *micros > 0 && *micros < i64::from(u32::MAX));
        }
        self
    }

    /// Is the connection open in both directions?
    pub fn is_established(&self) -> bool {
        self.state == Some(1)
    }
}

/// What BBR tells of itself, in the kernel's units (linux/inet_diag.h, `struct tcp_bbr_info`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BbrInfo {
    /// Bandwidth of the path, bytes per second.
    #[serde(rename = "BW", default)]
    pub bandwidth: i64,
    /// Least round-trip time, microseconds.
    #[serde(rename = "MinRTT", default)]
    pub min_rtt: i64,
    /// 256 is a gain of 1.
    #[serde(rename = "PacingGain", default)]
    pub pacing_gain: i64,
    /// Likewise.
    #[serde(rename = "CwndGain", default)]
    pub cwnd_gain: i64,
    /// Since the test began, microseconds.
    #[serde(rename = "ElapsedTime", default)]
    pub elapsed_time: i64,
}

impl BbrInfo {
    /// Reads the kernel's bytes of a connection whose congestion control is BBR.
    pub fn of_kernel(bytes: &[u8], elapsed: Duration) -> Option<Self> {
        let low = four(bytes, 0)?;
        let high = four(bytes, 4)?;
        Some(Self {
            bandwidth: high << 32 | low,
            min_rtt: four(bytes, 8)?,
            pacing_gain: four(bytes, 12)?,
            cwnd_gain: four(bytes, 16)?,
            elapsed_time: elapsed.as_micros() as i64,
        })
    }
}
