//! A connection that leaves HTTP/1.1 for another protocol (RFC 9110, section 7.8): the handler answers 101 and says who
//! takes the connection over. It stays one of its listener's: it counts as open, and draining waits for it.

use crate::peer::{ConnectionFacts, Peer};
use crate::wire::Wire;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::Request;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection after HTTP: read and written as bytes, TLS below it where there was TLS before.
pub struct Upgraded {
    wire: Wire,
    stream: Arc<TcpStream>,
    /// Both ends, and what TLS agreed on.
    pub peer: Peer,
    /// Counters, and what the kernel knows.
    pub facts: ConnectionFacts,
}

type Plan = Box<dyn FnOnce(Upgraded) -> BoxFuture<'static, ()> + Send>;

/// In the extensions of each HTTP/1.1 request: by it a handler takes the connection over.
#[derive(Clone, Default)]
pub struct Takeover {
    planned: Arc<Mutex<Option<(hyper::upgrade::OnUpgrade, Plan)>>>,
}

impl Takeover {
    /// Gives the connection to `plan` once the answer is sent, which must be 101. Without that, or when the client is gone
    /// before, the plan is dropped unused. False: this request came by no connection that could be taken.
    pub fn plan<B, F, Taken>(request: &mut Request<B>, plan: F) -> bool
    where
        F: FnOnce(Upgraded) -> Taken + Send + 'static,
        Taken: Future<Output = ()> + Send + 'static,
    {
        let Some(takeover) = request.extensions().get::<Self>().cloned() else { return false };
        let upgrade = hyper::upgrade::on(request);
        let plan: Plan = Box::new(move |upgraded| Box::pin(plan(upgraded)));
        *takeover.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, plan));
        true
    }

    /// Carries the plan out after HTTP has ended, if there is one.
    pub(crate) async fn carry_out(&self, stream: Arc<TcpStream>, peer: Peer, facts: ConnectionFacts) {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((upgrade, plan)) = planned else { return };
        // An error says that the answer was not 101, or never left.
        let Ok(upgraded) = upgrade.await else { return };
        if let Some(wire) = wire_of(upgraded) {
            plan(Upgraded { wire, stream, peer, facts }).await;
        }
    }
}

/// The wire under HTTP, with what was read ahead put back in front.
pub(crate) fn wire_of(upgraded: hyper::upgrade::Upgraded) -> Option<Wire> {
    let parts = upgraded.downcast::<TokioIo<Wire>>().ok()?;
    let mut wire = parts.io.into_inner();
    wire.put_back(parts.read_buf);
    Some(wire)
}

impl Upgraded {
    pub(crate) fn new(wire: Wire, stream: Arc<TcpStream>, peer: Peer, facts: ConnectionFacts) -> Self {
        Self { wire, stream, peer, facts }
    }
}

impl Wire {
    /// Lets these bytes be read before all others.
    fn put_back(&mut self, bytes: Bytes) {
        if self.ahead.is_empty() {
            self.ahead = bytes;
        } else if !bytes.is_empty() {
            let mut both = BytesMut::from(bytes);
            both.extend_from_slice(&self.ahead);
            self.ahead = both.freeze();
        }
    }
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgraded").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// For what the kernel is asked and told: [`crate::tcp_info()`], [`crate::pace`], [`crate::retune`].
impl AsFd for Upgraded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_read(cx, into)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
