//! What is known of the other end of a connection.

use crate::tcp_info::tcp_info;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use terms::TcpInfo;
use tokio::net::TcpStream;

/// The two ends of the connection by which a request came; [`crate::serve()`] puts it into the request's extensions, the
/// client into the response's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The other end.
    pub address: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// What TLS agreed on; `None` for a plain connection.
    pub tls: Option<TlsFacts>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`, `TLSv1.2`.
    pub version: &'static str,
    /// The suite, as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// `h2`, `http/1.1`, or nothing.
    pub alpn: Option<&'static str>,
}

/// The certificates that the other end showed in the TLS handshake (DER, its own first), in the extensions of each request
/// of the connection. It has proven to hold the key of the first one; whether the chain is to be trusted is not judged
/// here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientChain(pub Arc<[Vec<u8>]>);

/// Counters of one connection, in the extensions of each request that came by it (and of each response to our client).
/// It does not keep the connection open.
#[derive(Clone)]
pub struct ConnectionFacts(pub(crate) Arc<Meter>);

/// Where a socket counts.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    stream: Weak<TcpStream>,
    /// The sums of the listener that the connection belongs to.
    whole: Option<Arc<Sums>>,
}

/// Sums over the connections of a listener.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
}

impl Meter {
    pub(crate) fn new(stream: &Arc<TcpStream>, whole: Option<Arc<Sums>>) -> Arc<Self> {
        Arc::new(Self {
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            stream: Arc::downgrade(stream),
            whole,
        })
    }

    pub(crate) fn stream(&self) -> Option<Arc<TcpStream>> {
        self.stream.upgrade()
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Relaxed);
        if let Some(whole) = &self.whole {
            whole.received_bytes.fetch_add(bytes as u64, Relaxed);
        }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Relaxed);
        if let Some(whole) = &self.whole {
            whole.sent_bytes.fetch_add(bytes as u64, Relaxed);
        }
    }
}

impl ConnectionFacts {
    /// Bytes received on this connection so far, TLS and heads included.
    pub fn received_bytes(&self) -> u64 {
        self.0.received_bytes.load(Relaxed)
    }

    /// Bytes handed to the kernel for sending on this connection so far, TLS and heads included.
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.load(Relaxed)
    }

    /// What the kernel knows now; `None` once the connection is closed.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        let stream = self.0.stream.upgrade()?;
        tcp_info(&*stream).ok()
    }
}

impl fmt::Debug for ConnectionFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionFacts")
            .field("received_bytes", &self.received_bytes())
            .field("sent_bytes", &self.sent_bytes())
            .finish_non_exhaustive()
    }
}
