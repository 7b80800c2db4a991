//! One accepted connection, plain or TLS, before it is known what it speaks: it can be looked at without taking anything,
//! and then be served as HTTP ([`crate::serve_one`]), read and written, or taken out for a thread of its own.

use crate::blocking_tls::TlsSession;
use crate::certificate::ServerCertificate;
use crate::peer::{ClientChain, ConnectionFacts, Meter, Peer};
use crate::socket::Socket;
use crate::tls::TlsStream;
use crate::wire::Both;
use crate::{Drain, TcpInfo};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

/// An accepted connection. Bytes that are read and written by it count in the sums of its [`Drain`].
pub struct Connection {
    pub(crate) layer: Layer,
    pub(crate) stream: Arc<TcpStream>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) peer: Peer,
}

pub(crate) enum Layer {
    Plain(Socket),
    Tls(Box<TlsStream>),
}

impl Connection {
    /// A connection as it was accepted: plain so far. What is written goes out at once, and a peer that acknowledges
    /// nothing for `stall_timeout` is given up.
    pub fn new(stream: TcpStream, address: SocketAddr, stall_timeout: Duration, drain: &Drain) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Gives up peers that take nothing any more, also those that keep their window shut.
        socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(stall_timeout))?;
        let local = stream.local_addr()?;
        let stream = Arc::new(stream);
        let meter = Meter::new(&stream, Some(drain.sums().clone()));
        let layer = Layer::Plain(Socket::new(Arc::clone(&stream), Arc::clone(&meter)));
        Ok(Self { layer, stream, meter, peer: Peer { address, local, tls: None } })
    }

    /// Shakes hands as the server. Give it a time limit; it has none of its own. TLS inside TLS is refused.
    pub async fn accept_tls(self, certificate: &ServerCertificate) -> io::Result<Self> {
        let session = rustls::ServerConnection::new(certificate.config()).map_err(io::Error::other)?;
        self.shake_hands(session.into()).await
    }

    /// The same with a session of either side.
    pub(crate) async fn shake_hands(self, session: rustls::Connection) -> io::Result<Self> {
        let Layer::Plain(socket) = self.layer else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "there is TLS already"));
        };
        let secured = TlsStream::handshake(socket, session).await?;
        let peer = Peer { tls: Some(secured.facts()), ..self.peer };
        Ok(Self { layer: Layer::Tls(Box::new(secured)), peer, ..self })
    }

    /// The next octet of what the peer says, which is not taken; `None` when it says nothing more.
    pub async fn peek(&mut self) -> io::Result<Option<u8>> {
        match &mut self.layer {
            Layer::Plain(_) => {
                let mut first = [0];
                let count = self.stream.peek(&mut first).await?;
                Ok((count > 0).then_some(first[0]))
            }
            Layer::Tls(stream) => std::future::poll_fn(|cx| stream.poll_peek(cx)).await,
        }
    }

    /// Both ends, and what TLS agreed on.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The certificates that a TLS client showed.
    pub fn client_chain(&self) -> Option<ClientChain> {
        match &self.layer {
            Layer::Plain(_) => None,
            Layer::Tls(stream) => stream.client_chain(),
        }
    }

    /// What the kernel knows of the connection now.
    pub fn tcp_info(&self) -> io::Result<TcpInfo> {
        crate::tcp_info(&*self.stream)
    }

    /// Its counters.
    pub fn facts(&self) -> ConnectionFacts {
        ConnectionFacts(Arc::clone(&self.meter))
    }

    /// The socket, still nonblocking, and the TLS session over it if there is one. Nothing that the peer said is lost, and
    /// what was written has left, as far as the kernel took it.
    pub async fn into_parts(mut self) -> io::Result<(std::net::TcpStream, Option<TlsSession>)> {
        self.flush().await?;
        let session = match self.layer {
            Layer::Plain(socket) => {
                drop(socket);
                None
            }
            Layer::Tls(stream) => Some(stream.into_session()),
        };
        // The layer with its share of the socket is gone; counters hold theirs weakly.
        let stream = Arc::into_inner(self.stream).ok_or_else(|| io::Error::other("the connection is still in use"))?;
        Ok((stream.into_std()?, session))
    }

    fn both(self: Pin<&mut Self>) -> Pin<&mut (dyn Both + '_)> {
        match &mut self.get_mut().layer {
            Layer::Plain(socket) => Pin::new(socket),
            Layer::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.both().poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.both().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.both().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.both().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.both().poll_shutdown(cx)
    }
}
