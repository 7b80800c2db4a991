//! How connections are served: every bound with its reason and its cost.

use crate::certificate::ServerCertificate;
use std::sync::Arc;
use std::time::Duration;

/// How connections are served.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// TLS for every connection of this listener; `None` serves plain HTTP (1.1, and 2 by prior knowledge). Listeners may
    /// share one.
    pub tls: Option<Arc<ServerCertificate>>,
    /// How long draining waits for running requests before it cuts them.
    pub drain_deadline: Duration,
    /// Connections open at once; more wait in the kernel's queue. An idle connection costs a descriptor and about
    /// 20 KiB, one in the middle of a bulk transfer up to 1 MiB.
    pub connections_max: usize,
    /// For a TLS handshake: three round trips of the longest path, and a busy server.
    pub handshake_timeout: Duration,
    /// For the whole head of a request to arrive, and how long an idle connection is kept waiting for the next one.
    pub head_timeout: Duration,
    /// How long a peer may neither send of a request's body nor take of a response before it is given up.
    pub stall_timeout: Duration,
    /// The head of a request, with its line. Tokens of several KiB are common in our field, 64 KiB are not.
    pub head_bytes_max: usize,
    /// Fields in the head of a request.
    pub head_fields_max: usize,
    /// Largest read of an HTTP/1 connection, taken while its sender fills it, and what a response may leave waiting in
    /// the connection.
    pub buffer_bytes: usize,
    /// HTTP/2: what a peer may send on one stream ahead of us reading it: the rate on a path of 110 ms is at most 290
    /// MB/s with the default. It is also this kernel's largest TCP window.
    pub stream_window_bytes: u32,
    /// HTTP/2: the same for all streams of a connection together. This is the most memory that a connection whose
    /// handlers do not read can cost.
    pub connection_window_bytes: u32,
    /// HTTP/2: the largest frame we take.
    pub frame_bytes_max: u32,
    /// HTTP/2: requests at once on a connection.
    pub streams_max: u32,
    /// HTTP/2: bytes of a stream's response taken ahead of the connection sending them. It costs this much for each
    /// stream with a slow receiver.
    pub send_buffer_bytes: usize,
    /// HTTP/2: how often a silent connection is asked whether it lives.
    pub ping_interval: Duration,
    /// HTTP/2: how long the answer may take.
    pub ping_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            tls: None,
            drain_deadline: Duration::from_secs(30),
            connections_max: 10_000,
            handshake_timeout: Duration::from_secs(15),
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(120),
            head_bytes_max: 64 << 10,
            head_fields_max: 100,
            buffer_bytes: 256 << 10,
            stream_window_bytes: 32 << 20,
            connection_window_bytes: 64 << 20,
            frame_bytes_max: 1 << 20,
            streams_max: 256,
            send_buffer_bytes: 1 << 20,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
        }
    }
}
