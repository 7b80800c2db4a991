//! What hyper reads and writes: a plain or a TLS connection, with bytes that were read ahead put back in front.

use crate::socket::Socket;
use crate::tls::TlsStream;
use bytes::{Buf, Bytes};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection, plain or TLS.
pub(crate) struct Wire {
    pub(crate) ahead: Bytes,
    layer: Layer,
}

enum Layer {
    Plain(Socket),
    Tls(Box<TlsStream>),
}

impl Wire {
    /// A plain connection, of which `ahead` was read already.
    pub(crate) fn plain(socket: Socket, ahead: Bytes) -> Self {
        Self { ahead, layer: Layer::Plain(socket) }
    }

    /// A TLS connection.
    pub(crate) fn tls(stream: impl Into<Box<TlsStream>>) -> Self {
        Self { ahead: Bytes::new(), layer: Layer::Tls(stream.into()) }
    }

    fn layer(self: Pin<&mut Self>) -> Pin<&mut (dyn Both + '_)> {
        match &mut self.get_mut().layer {
            Layer::Plain(socket) => Pin::new(socket),
            Layer::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

/// Read and written.
pub(crate) trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Both for T {}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let count = self.ahead.len().min(into.remaining());
            into.put_slice(&self.ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        self.layer().poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.layer().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.layer().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layer().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layer().poll_shutdown(cx)
    }
}
