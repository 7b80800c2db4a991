//! `[limits]`: what one client, and all of them together, may cost.

use super::Absent::Is;
use super::Form::{Count, Size, Speed, Time};
use super::{KIB, MIB, Section, Setting, seconds};
use terms::{ByteSize, Rate};

pub(super) static SECTION: Section = Section {
    name: "limits",
    begin: None,
    harmless: true,
    doc: "What one client, and all of them together, may cost.",
    settings: LIMITS,
};

static LIMITS: &[Setting] = &[
    Setting {
        key: "connections",
        doc: "Connections open at once; further ones wait to be accepted. An idle one costs about 20 KiB.",
        absent: Is("4096"),
        form: Count(1, 1_000_000, |s, v| s.limits.connections = v),
    },
    Setting {
        key: "header_time",
        doc: "How long a client may take over the TLS handshake and the head of a request.",
        absent: Is("\"30 s\""),
        form: Time(seconds(1), seconds(3_600), |s, v| s.limits.header_time = v),
    },
    Setting {
        key: "header_size",
        doc: "The head of one request, at most; held in memory for each connection.",
        absent: Is("\"64 KiB\""),
        form: Size(ByteSize(8 * KIB), ByteSize(MIB), |s, v| s.limits.header_size = v),
    },
    Setting {
        key: "http2_streams",
        doc: "Requests at once on one HTTP/2 connection.",
        absent: Is("256"),
        form: Count(1, 65_536, |s, v| s.limits.http2_streams = v),
    },
    Setting {
        key: "http2_stream_window",
        doc: "What one HTTP/2 request may have on its way to us. A path of 110 ms carries at most this much every 110 ms: \
              32 MiB allow 2.4 Gbit/s. A sender whose disk is faster than ours can make us hold as much in memory.",
        absent: Is("\"32 MiB\""),
        form: Size(ByteSize(64 * KIB), ByteSize(1024 * MIB), |s, v| s.limits.http2_stream_window = v),
    },
    Setting {
        key: "http2_connection_window",
        doc: "The same for all requests of one HTTP/2 connection together.",
        absent: Is("\"64 MiB\""),
        form: Size(ByteSize(64 * KIB), ByteSize(1024 * MIB), |s, v| s.limits.http2_connection_window = v),
    },
    Setting {
        key: "file_size",
        doc: "The largest file that may be put.",
        absent: Is("\"16 TiB\""),
        form: Size(ByteSize(1), ByteSize(1 << 60), |s, v| s.limits.file_size = v),
    },
    Setting {
        key: "stall_time",
        doc: "A client that neither sends nor takes anything for this long in the middle of a file is given up.",
        absent: Is("\"1 min\""),
        form: Time(seconds(1), seconds(3_600), |s, v| s.limits.stall_time = v),
    },
    Setting {
        key: "sender_rate",
        doc: "A sender slower than this, averaged over `stall_time`, is given up too; what it sent of a resumable upload is kept.",
        absent: Is("\"8 kbit/s\""),
        form: Speed(Rate(0), Rate(1_000_000_000_000), |s, v| s.limits.sender_rate = v),
    },
    Setting {
        key: "drain_time",
        doc: "How long running requests may take to finish when the port is told to stop.",
        absent: Is("\"30 s\""),
        form: Time(seconds(0), seconds(86_400), |s, v| s.limits.drain_time = v),
    },
    Setting {
        key: "failed_sign_ins",
        doc: "Refused tokens from one address in one minute; beyond that, it is told to wait (429).",
        absent: Is("30"),
        form: Count(1, 1_000_000, |s, v| s.limits.failed_sign_ins = v),
    },
];
