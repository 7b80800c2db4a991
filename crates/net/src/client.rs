//! Connections that we open: HTTP/1.1, plain or TLS, kept and used again.

use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response};
use hyper::body::Incoming;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Whom to believe.
    pub trust: Trust,
    /// Believe any certificate: for tests and rescue only.
    pub insecure: bool,
    /// For one address of a host to answer.
    pub connect_timeout: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Unused connections kept per host.
    pub idle_connections_max: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            insecure: false,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            idle_connections_max: 64,
        }
    }
}

/// The authorities that vouch for servers; all that are given are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them, as elsewhere).
    pub system: bool,
    /// PEM files.
    pub files: Vec<PathBuf>,
    /// Folders of PEM files, as `/etc/grid-security/certificates`.
    pub folders: Vec<PathBuf>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { system: true, files: Vec::new(), folders: Vec::new() }
    }
}

impl Trust {
    /// The system's authorities, and the folder named by `X509_CERT_DIR` if it is set.
    pub fn from_environment() -> Self {
        Self { folders: std::env::var_os("X509_CERT_DIR").map(PathBuf::from).into_iter().collect(), ..Self::default() }
    }
}

/// The body of a request that we send.
pub struct ClientBody {}

impl ClientBody {
    /// No bytes.
    pub fn empty() -> Self {
        Self {}
    }

    /// Bytes in memory.
    pub fn full(_bytes: impl Into<Bytes>) -> Self {
        Self {}
    }

    /// A range of a file.
    pub fn file(_slice: crate::FileSlice) -> Self {
        Self {}
    }

    /// Bytes as they come; `len` where it is known. Such a request is not tried twice.
    pub fn stream(_stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static, _len: Option<u64>) -> Self {
        Self {}
    }
}

/// An HTTP client with its pool of connections; clones share the pool.
#[derive(Clone, Debug)]
pub struct Client {}

impl Client {
    /// A client; reads the authorities from disk, once.
    pub fn new(_settings: ClientSettings) -> Result<Self, ClientError> {
        Ok(Self {})
    }

    /// Sends a request whose URI is absolute, and returns when the head of the response is there. A body marked
    /// `Expect: 100-continue` waits for the peer's word, or a second.
    pub async fn send(&self, _request: Request<ClientBody>) -> Result<Response<Incoming>, ClientError> {
        Err(ClientError { phase: Phase::Resolve, peer: String::new(), text: "not yet there".to_owned() })
    }
}

/// How far a request had come when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The request itself: its address, the settings.
    Prepare,
    /// Finding the host's addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// Agreeing on TLS.
    Handshake,
    /// Sending the request.
    Send,
    /// Waiting for or reading the response.
    Receive,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct ClientError {
    /// How far it had come.
    pub phase: Phase,
    /// With whom, as `host:port`.
    pub peer: String,
    text: String,
}

impl ClientError {
    /// The failure as users are told it.
    pub fn problem(&self) -> Problem {
        Problem {
            status: 502,
            kind: "peer-unreachable",
            title: "The other host did not answer",
            detail: self.text.clone(),
            blame: Blame::Peer,
            retry: Retry::Soon,
            next: String::new(),
        }
    }
}
