//! What is known of the other end of a connection.

use crate::tcp_info::TcpInfo;
use std::net::SocketAddr;

/// The two ends of the connection by which a request came; [`crate::serve`] puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the request came from.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What TLS agreed on; `None` for a plain connection.
    pub tls: Option<TlsFacts>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`, `TLSv1.2`.
    pub version: &'static str,
    /// The suite, as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// `h2`, `http/1.1`, or nothing.
    pub alpn: Option<String>,
}

/// Counters of one connection, in the extensions of each request that came by it (and of each response to our client).
#[derive(Clone, Debug)]
pub struct ConnectionFacts {}

impl ConnectionFacts {
    /// Bytes received on this connection so far, TLS and heads included.
    pub fn received_bytes(&self) -> u64 {
        0
    }

    /// Bytes handed to the kernel for sending on this connection so far, TLS and heads included.
    pub fn sent_bytes(&self) -> u64 {
        0
    }

    /// What the kernel knows now; `None` once the connection is closed.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        None
    }
}
