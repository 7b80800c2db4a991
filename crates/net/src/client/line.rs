//! One connection opened on purpose, over HTTP/1.1 or HTTP/2: what a measurement needs and a pool hides.
//!
//! Nothing is retried, reused or chosen in silence: the caller names the address, the version and the windows, and is told
//! how long connecting and shaking hands took.

use super::body::Outgoing;
use super::error::{Cause, ClientError, Phase};
use super::pool::Origin;
use super::trust::{self, Trust};
use super::{ClientBody, EXPECT_WAIT, prepare};
use crate::peer::{ConnectionFacts, Meter, Peer};
use crate::socket::Socket;
use crate::tls::TlsStream;
use crate::tune::{SocketOptions, retune};
use crate::wire::Wire;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::AbortHandle;

/// Which version of HTTP a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HttpVersion {
    /// HTTP/1.1: one request at a time.
    Http1,
    /// HTTP/2: many streams; on plain connections by prior knowledge.
    Http2,
}

impl std::fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// How connections are opened.
#[derive(Clone, Debug)]
pub struct LineSettings {
    /// Whom to believe.
    pub trust: Trust,
    /// Believe any certificate: for tests and rescue only.
    pub insecure: bool,
    /// Which version of HTTP.
    pub version: HttpVersion,
    /// For the address to answer.
    pub connect_timeout: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// What is asked of the socket.
    pub socket: SocketOptions,
    /// HTTP/1.1: largest read, as of [`super::ClientSettings`].
    pub buffer_bytes: usize,
    /// HTTP/2: what the server may send on one stream ahead of us reading it. Whoever reads at once holds none of it, and
    /// it bounds the rate at window / round-trip time: 128 MiB let 9.7 Gbit/s pass at 110 ms.
    pub stream_window_bytes: u32,
    /// HTTP/2: the same for all streams of a connection together.
    pub connection_window_bytes: u32,
    /// HTTP/2: the largest frame we take.
    pub frame_bytes_max: u32,
    /// HTTP/2: bytes of a stream's body taken ahead of the connection sending them.
    pub send_buffer_bytes: usize,
}

impl Default for LineSettings {
    fn default() -> Self {
        Self {
            trust: Trust::default(),
            insecure: false,
            version: HttpVersion::Http1,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(15),
            socket: SocketOptions { no_delay: true, ..SocketOptions::default() },
            buffer_bytes: 256 << 10,
            stream_window_bytes: 128 << 20,
            connection_window_bytes: 256 << 20,
            frame_bytes_max: 1 << 20,
            send_buffer_bytes: 1 << 20,
        }
    }
}

/// Opens connections, all alike.
#[derive(Clone)]
pub struct Lines {
    tls: Arc<rustls::ClientConfig>,
    settings: Arc<LineSettings>,
}

/// An open connection; dropping it and all its [`Speaker`]s closes it.
pub struct Line {
    /// Both ends, and what TLS agreed on.
    pub peer: Peer,
    /// Counters, and what the kernel knows.
    pub facts: ConnectionFacts,
    /// From the first packet until the connection stood.
    pub connecting: Duration,
    /// The TLS handshake; `None` of a plain connection.
    pub handshake: Option<Duration>,
    origin: Origin,
    sender: Sender,
    task: AbortHandle,
    /// Keeps the socket for `tcp_info` as long as the line is held.
    _stream: Arc<TcpStream>,
}

enum Sender {
    One(http1::SendRequest<Outgoing>),
    Many(http2::SendRequest<Outgoing>),
    /// The one sender of HTTP/1.1 was handed out.
    Taken,
}

/// Sends requests over a line.
pub struct Speaker {
    origin: Origin,
    sender: Sender,
}

impl Lines {
    /// Reads the authorities from disk, once.
    pub fn new(settings: LineSettings) -> Result<Self, ClientError> {
        crate::memory::keep_freed();
        let alpn: &[u8] = match settings.version {
            HttpVersion::Http1 => b"http/1.1",
            HttpVersion::Http2 => b"h2",
        };
        let tls = trust::config(&settings.trust, settings.insecure, None, vec![alpn.to_vec()])?;
        Ok(Self { tls, settings: Arc::new(settings) })
    }

    /// Connects to this address, which is believed to be the host of the URI, and shakes hands.
    pub async fn open(&self, uri: &Uri, address: SocketAddr) -> Result<Line, ClientError> {
        let origin = Origin::of(uri)?;
        let begun = Instant::now();
        let stream = self.connect(&origin, address).await?;
        let connecting = begun.elapsed();
        let failed = |error| ClientError::new(Phase::Connect, &origin, Cause::Io(error));
        let local = stream.local_addr().map_err(failed)?;
        let stream = Arc::new(stream);
        let meter = Meter::new(&stream, None);
        let facts = ConnectionFacts(meter.clone());
        let socket = Socket::new(Arc::clone(&stream), meter);
        let mut peer = Peer { address, local, tls: None };
        let mut handshake = None;
        let wire = if origin.tls {
            let begun = Instant::now();
            let secured = self.shake_hands(socket, &origin).await?;
            handshake = Some(begun.elapsed());
            peer.tls = Some(secured.facts());
            Wire::tls(Box::new(secured))
        } else {
            Wire::plain(socket, Bytes::new())
        };
        if peer.tls.is_some_and(|tls| tls.alpn != Some("h2")) && self.settings.version == HttpVersion::Http2 {
            let cause = Cause::Text("it does not offer HTTP/2 over TLS (ALPN 'h2')".to_owned());
            return Err(ClientError::new(Phase::Agree, &origin, cause));
        }
        let (sender, task) = self.begin(wire, &origin).await?;
        Ok(Line { peer, facts, connecting, handshake, origin, sender, task, _stream: stream })
    }

    async fn connect(&self, origin: &Origin, address: SocketAddr) -> Result<TcpStream, ClientError> {
        let failed = |cause| ClientError::at(Phase::Connect, format!("{origin} ({address})"), cause);
        let options = &self.settings.socket;
        let open = async {
            let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
            retune(&socket, address.is_ipv6(), options)?;
            if let Some(bind) = options.bind {
                socket.set_reuseaddr(true)?;
                socket.bind(bind)?;
            }
            socket.connect(address).await
        };
        match tokio::time::timeout(self.settings.connect_timeout, open).await {
            Ok(opened) => opened.map_err(|error| failed(Cause::Io(error))),
            Err(_) => Err(failed(Cause::Timeout(self.settings.connect_timeout))),
        }
    }

    async fn shake_hands(&self, socket: Socket, origin: &Origin) -> Result<TlsStream, ClientError> {
        let failed = |cause| ClientError::new(Phase::Handshake, origin, cause);
        let name = ServerName::try_from(origin.bare_host().to_owned())
            .map_err(|error| ClientError::new(Phase::Prepare, origin, Cause::Text(error.to_string())))?;
        let session =
            rustls::ClientConnection::new(self.tls.clone(), name).map_err(|error| failed(Cause::Tls(error)))?;
        let limit = self.settings.handshake_timeout;
        match tokio::time::timeout(limit, TlsStream::handshake(socket, session.into())).await {
            Ok(shaken) => shaken.map_err(|error| failed(Cause::of_handshake(error))),
            Err(_) => Err(failed(Cause::Timeout(limit))),
        }
    }

    async fn begin(&self, wire: Wire, origin: &Origin) -> Result<(Sender, AbortHandle), ClientError> {
        let failed = |error| ClientError::new(Phase::Connect, origin, Cause::Http(error));
        let settings = &self.settings;
        match settings.version {
            HttpVersion::Http1 => {
                let mut builder = http1::Builder::new();
                builder.writev(true).max_buf_size(settings.buffer_bytes);
                let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(failed)?;
                Ok((Sender::One(sender), drive(connection, origin)))
            }
            HttpVersion::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(settings.stream_window_bytes)
                    .initial_connection_window_size(settings.connection_window_bytes)
                    .max_frame_size(settings.frame_bytes_max)
                    .max_send_buf_size(settings.send_buffer_bytes);
                let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(failed)?;
                Ok((Sender::Many(sender), drive(connection, origin)))
            }
        }
    }
}

fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static, origin: &Origin) -> AbortHandle {
    let name = origin.to_string();
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(peer = name, %error, "a connection ended early");
        }
    });
    task.abort_handle()
}

impl Line {
    /// One who sends requests over it. Of HTTP/2 as many as you like; of HTTP/1.1 one, and `None` after that.
    pub fn speaker(&mut self) -> Option<Speaker> {
        let sender = match &self.sender {
            Sender::Many(sender) => Sender::Many(sender.clone()),
            Sender::One(_) => std::mem::replace(&mut self.sender, Sender::Taken),
            Sender::Taken => return None,
        };
        Some(Speaker { origin: self.origin.clone(), sender })
    }

    /// Cuts it at once.
    pub fn cut(&self) {
        self.task.abort();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Speaker {
    /// Is the connection of no more use? Of HTTP/1.1 one whose answer was not read to its end is none either.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => !sender.is_ready(),
            Sender::Many(sender) => sender.is_closed(),
            Sender::Taken => true,
        }
    }

    /// Waits until a request can be sent: the answer before has been read. False when the other end has closed the
    /// connection, as servers do after so many requests or so much time.
    pub async fn ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::One(sender) => sender.ready().await.is_ok(),
            Sender::Many(sender) => sender.ready().await.is_ok(),
            Sender::Taken => false,
        }
    }

    /// Sends a request whose URI is absolute, and returns when the head of the response is there. It has no time limit.
    pub async fn send(&mut self, request: Request<ClientBody>) -> Result<Response<Incoming>, ClientError> {
        let failed = |error| ClientError::new(Phase::Receive, &self.origin, Cause::Http(error));
        match &mut self.sender {
            Sender::One(sender) => {
                let prepared = prepare(request, &self.origin)?;
                sender.ready().await.map_err(failed)?;
                sender.send_request(prepared.request).await.map_err(failed)
            }
            Sender::Many(sender) => {
                let (mut parts, body) = request.into_parts();
                // The authority is in the URI (RFC 9113, section 8.3.1).
                parts.headers.remove(HOST);
                let request = Request::from_parts(parts, Outgoing::new(body, None, EXPECT_WAIT));
                sender.ready().await.map_err(failed)?;
                sender.send_request(request).await.map_err(failed)
            }
            Sender::Taken => Err(ClientError::new(Phase::Prepare, &self.origin, Cause::Text("it is closed".into()))),
        }
    }
}
