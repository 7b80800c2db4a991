//! The listener and its connections.

use crate::connection::{Connection, Layer};
use crate::lent::Lent;
use crate::peer::{ClientChain, ConnectionFacts, Peer};
use crate::request::NetworkBody;
use crate::socket::Socket;
use crate::upgrade::Takeover;
use crate::wire::Wire;
use crate::{Body, Drain, Drained, RequestBody, ServeSettings};
use bytes::{Bytes, BytesMut};
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Answers requests. It must answer every request; failures are responses too.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send;
}

impl<H: Handler> Handler for Arc<H> {
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send {
        H::handle(self, request)
    }
}

/// A handler made of a function.
pub fn handler_fn<F, Answer>(answer: F) -> impl Handler
where
    F: Fn(Request<RequestBody>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    HandlerFn(answer)
}

struct HandlerFn<F>(F);

impl<F, Answer> Handler for HandlerFn<F>
where
    F: Fn(Request<RequestBody>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send + 'static,
{
    fn handle(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send {
        (self.0)(request)
    }
}

/// Opens a listening socket. A restart may take the address while old connections linger; an IPv6 wildcard also takes
/// IPv4. `backlog` connections wait in the kernel, 300 bytes each.
pub fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `drain` begins and all connections have ended, or its deadline has passed; then the rest is cut.
/// Failures of single connections are logged and never end it.
pub async fn serve<H: Handler>(listener: TcpListener, settings: ServeSettings, handler: H, drain: Drain) -> Drained {
    crate::memory::keep_freed();
    let room = Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS)));
    let deadline = settings.drain_deadline;
    let host = Arc::new(Host { settings, handler: Arc::new(handler), drain });
    let mut connections = JoinSet::new();
    let mut begun = pin!(host.drain.begun());
    loop {
        tokio::select! {
            biased;
            () = &mut begun => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, address, permit) = accept(&listener, &room) => {
                let sums = host.drain.sums();
                sums.accepted.fetch_add(1, Relaxed);
                sums.open.fetch_add(1, Relaxed);
                connections.spawn(Arc::clone(&host).connection(stream, address, Open { drain: host.drain.clone(), _permit: permit }));
            }
        }
    }
    drop(listener);
    end(connections, deadline).await
}

/// Serves HTTP on one connection that was accepted elsewhere, until it ends or draining has ended its requests. `tls` of the
/// settings does not count: the connection is what it is.
pub async fn serve_one<H: Handler>(connection: Connection, settings: ServeSettings, handler: Arc<H>, drain: Drain) {
    let address = connection.peer().address;
    let host = Host { settings, handler, drain };
    if let Err(error) = host.converse(connection).await {
        tracing::debug!(%address, error = %Chain(&*error), "a connection ended early");
    }
}

async fn end(mut connections: JoinSet<()>, deadline: Duration) -> Drained {
    let mut drained = Drained::default();
    let mut over = pin!(tokio::time::sleep(deadline));
    loop {
        tokio::select! {
            ended = connections.join_next() => match ended {
                Some(_) => drained.finished += 1,
                None => return drained,
            },
            () = &mut over => {
                drained.cut = connections.len() as u64;
                connections.shutdown().await;
                return drained;
            }
        }
    }
}

/// How long accepting pauses when the process or the system is out of descriptors or memory: some connection must end
/// first, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            // The semaphore is never closed.
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, permit),
            // The peer was gone before we took it: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted; trying again shortly");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection as open as long as it lives.
struct Open {
    drain: Drain,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.drain.sums().open.fetch_sub(1, Relaxed);
    }
}

/// What all connections of a listener share.
struct Host<H> {
    settings: ServeSettings,
    handler: Arc<H>,
    drain: Drain,
}

/// What all requests of a connection share.
struct Session<H> {
    handler: Arc<H>,
    peer: Peer,
    facts: ConnectionFacts,
    /// Of a TLS connection whose client showed one.
    chain: Option<ClientChain>,
    /// For plain connections.
    lent: Option<Arc<Lent>>,
    stall_timeout: Duration,
    /// Bytes that the last request's body still had when it was given up.
    unread: Arc<AtomicU64>,
    /// Who takes an HTTP/1.1 connection over, if somebody does.
    takeover: Takeover,
}

impl<H: Handler> Host<H> {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, open: Open) {
        if let Err(error) = self.serve_connection(stream, address).await {
            tracing::debug!(%address, error = %Chain(&*error), "a connection ended early");
        }
        drop(open);
    }

    async fn serve_connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut connection = Connection::new(stream, address, self.settings.stall_timeout, &self.drain)?;
        if let Some(tls) = &self.settings.tls {
            connection = tokio::time::timeout(self.settings.handshake_timeout, connection.accept_tls(tls)).await??;
        }
        self.converse(connection).await
    }

    /// Serves HTTP of the version that the client wants.
    async fn converse(&self, connection: Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let facts = connection.facts();
        let Connection { layer, stream, peer, .. } = connection;
        match layer {
            Layer::Tls(secured) => {
                let session = self.session(peer, facts, None, secured.client_chain());
                match peer.tls.and_then(|tls| tls.alpn) {
                    Some("h2") => self.serve_http2(Wire::tls(secured), session).await?,
                    _ => self.serve_http1(Wire::tls(secured), session, &stream).await?,
                }
            }
            Layer::Plain(mut socket) => {
                let first = tokio::time::timeout(self.settings.head_timeout, read_preface(&mut socket));
                let first = tokio::select! {
                    first = first => first??,
                    () = self.drain.begun() => return Ok(()),
                };
                if &first[..] == PREFACE {
                    let session = self.session(peer, facts, None, None);
                    self.serve_http2(Wire::plain(socket, first), session).await?;
                } else if !first.is_empty() {
                    let lent = socket.lend();
                    let session = self.session(peer, facts, Some(lent), None);
                    self.serve_http1(Wire::plain(socket, first), session, &stream).await?;
                }
            }
        }
        Ok(())
    }

    fn session(
        &self,
        peer: Peer,
        facts: ConnectionFacts,
        lent: Option<Arc<Lent>>,
        chain: Option<ClientChain>,
    ) -> Arc<Session<H>> {
        let stall_timeout = self.settings.stall_timeout;
        let (handler, unread, takeover) = (self.handler.clone(), Arc::default(), Takeover::default());
        Arc::new(Session { handler, peer, facts, chain, lent, stall_timeout, unread, takeover })
    }

    async fn serve_http1(&self, wire: Wire, session: Arc<Session<H>>, stream: &Arc<TcpStream>) -> hyper::Result<()> {
        let unread = Arc::clone(&session.unread);
        let (takeover, peer, facts) = (session.takeover.clone(), session.peer, session.facts.clone());
        let served = self.converse_http1(wire, session).await;
        if unread.load(Relaxed) > 0 {
            linger(stream).await;
        }
        takeover.carry_out(Arc::clone(stream), peer, facts).await;
        served
    }

    async fn converse_http1(&self, wire: Wire, session: Arc<Session<H>>) -> hyper::Result<()> {
        let settings = &self.settings;
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .writev(true)
            .half_close(true)
            .header_read_timeout(settings.head_timeout)
            .max_header_size(settings.head_bytes_max)
            .max_headers(settings.head_fields_max)
            .max_buf_size(settings.buffer_bytes)
            .serve_connection(TokioIo::new(wire), service_fn(move |request| Arc::clone(&session).answer(request)))
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result,
            () = self.drain.begun() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn serve_http2(&self, wire: Wire, session: Arc<Session<H>>) -> hyper::Result<()> {
        let settings = &self.settings;
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(settings.stream_window_bytes)
            .initial_connection_window_size(settings.connection_window_bytes)
            .max_frame_size(settings.frame_bytes_max)
            .max_concurrent_streams(settings.streams_max)
            .max_header_list_size(u32::try_from(settings.head_bytes_max).unwrap_or(u32::MAX))
            .max_send_buf_size(settings.send_buffer_bytes)
            .keep_alive_interval(settings.ping_interval)
            .keep_alive_timeout(settings.ping_timeout)
            .serve_connection(TokioIo::new(wire), service_fn(move |request| Arc::clone(&session).answer(request)));
        let mut connection = pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result,
            () = self.drain.begun() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

impl<H: Handler> Session<H> {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let plain_http1 = request.version() <= Version::HTTP_11;
        // Requests of HTTP/2 come side by side, and one that is given up costs its stream alone.
        if plain_http1 {
            self.unread.store(0, Relaxed);
        }
        let upgradable = request.version() == Version::HTTP_11;
        let body = |body| NetworkBody::new(body, Some(self.stall_timeout)).tell_unread(&self.unread);
        let mut request = request.map(|incoming| RequestBody::Network(body(incoming)));
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.facts.clone());
        if let Some(chain) = &self.chain {
            request.extensions_mut().insert(chain.clone());
        }
        if upgradable {
            request.extensions_mut().insert(self.takeover.clone());
        }
        let mut response = self.handler.handle(request).await;
        if plain_http1 && self.unread.load(Relaxed) > DRAINED_BYTES {
            // The client must not take the connection for one that carries its next request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(lent) = self.lent.as_ref().filter(|_| plain_http1) {
            response.body_mut().lend_files(lent);
        }
        Ok(response)
    }
}

/// A body that is given up with no more than this left is there already, as a rule: hyper reads it away, and the
/// connection lives on.
const DRAINED_BYTES: u64 = 64 << 10;

/// How long a client that is still sending may take to see that it was answered.
const LINGER: Duration = Duration::from_secs(2);

/// What such a client may send meanwhile, in vain.
const LINGER_BYTES: usize = 64 << 20;

/// Takes and forgets what a client still sends after its answer. Closing at once would reset the connection, and the
/// reset would wipe out the answer before the client has read it (RFC 9112, section 9.6): a refusal would look like a
/// broken connection, and be tried again.
async fn linger(stream: &TcpStream) {
    let discard = async {
        let (mut buffer, mut taken) = (vec![0; 64 << 10], 0);
        while taken < LINGER_BYTES && stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    // A client that goes on for longer has had its time.
    let _ = tokio::time::timeout(LINGER, discard).await;
}

/// What a client that speaks HTTP/2 without asking begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear whether the client speaks HTTP/2: the preface, or what was read instead.
async fn read_preface(socket: &mut Socket) -> io::Result<Bytes> {
    let mut first = BytesMut::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
        let mut room = (&mut *socket).take((PREFACE.len() - first.len()) as u64);
        if room.read_buf(&mut first).await? == 0 {
            break;
        }
    }
    Ok(first.freeze())
}

/// An error with its causes on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'a));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
