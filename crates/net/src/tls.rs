//! TLS over a [`Socket`], made for bulk: few system calls, large batches, buffers only while they hold bytes.
//!
//! rustls thinks, this moves bytes. It differs from general-purpose adapters in three ways that a profile asked for: the
//! socket is read 260 KiB at a time (rustls alone reads 4 KiB); records are gathered up to [`UNSENT_MAX`] before they are
//! written; and small writes are gathered into full records (HTTP/2 writes frame heads of nine bytes, which would each
//! make a record of their own).

use crate::blocking_tls::TlsSession;
use crate::peer::{ClientChain, TlsFacts};
use crate::pool::Buffer;
use crate::socket::Socket;
use rustls::{Connection, ProtocolVersion};
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Plaintext in one record (RFC 8446, section 5.1).
const RECORD_BYTES: usize = 16 << 10;

/// Bytes taken for sending before the socket must have taken them all: the cost of a connection with a slow receiver.
/// Sending 16 KiB at a time costs more calls, 512 KiB no fewer processor seconds but more memory.
const UNSENT_MAX: usize = 128 << 10;

/// A TLS connection.
pub(crate) struct TlsStream {
    socket: Socket,
    session: Connection,
    received: Received,
    /// Plaintext of less than one record.
    staged: Vec<u8>,
    /// Plaintext taken since the socket last had everything.
    unsent: usize,
    closing: bool,
}

/// Bytes from the socket that rustls has not seen.
#[derive(Default)]
struct Received {
    buffer: Option<Buffer>,
    start: usize,
    end: usize,
    ended: bool,
}

impl Received {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once. Without bytes it holds no buffer, so that idle connections cost little.
    fn poll_fill(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = self.buffer.take().unwrap_or_else(Buffer::take);
        let mut room = ReadBuf::new(&mut buffer);
        ready!(Pin::new(socket).poll_read(cx, &mut room))?;
        (self.start, self.end) = (0, room.filled().len());
        self.ended = self.end == 0;
        self.buffer = Some(buffer);
        Poll::Ready(Ok(()))
    }
}

impl Read for Received {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(buffer) = &self.buffer else { return Ok(0) };
        let count = into.len().min(self.end - self.start);
        into[..count].copy_from_slice(&buffer[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

/// Lends the socket to rustls for one write.
struct Sender<'a, 'b> {
    socket: &'a mut Socket,
    cx: &'a mut Context<'b>,
}

impl Write for Sender<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.socket).poll_write_vectored(self.cx, slices) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TlsStream {
    /// Shakes hands. Give it a time limit; it has none of its own.
    pub(crate) async fn handshake(socket: Socket, mut session: Connection) -> io::Result<Self> {
        // Our own bound is UNSENT_MAX; rustls would cut writes at 64 KiB.
        session.set_buffer_limit(None);
        let mut stream =
            Self { socket, session, received: Received::default(), staged: Vec::new(), unsent: 0, closing: false };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// What was agreed on.
    pub(crate) fn facts(&self) -> TlsFacts {
        TlsFacts {
            version: match self.session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "unknown",
            },
            cipher: self
                .session
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            alpn: match self.session.alpn_protocol() {
                Some(b"h2") => Some("h2"),
                Some(b"http/1.1") => Some("http/1.1"),
                _ => None,
            },
        }
    }

    /// What the other end showed; a resumed session has it from its ticket.
    pub(crate) fn client_chain(&self) -> Option<ClientChain> {
        let shown = self.session.peer_certificates().filter(|shown| !shown.is_empty())?;
        Some(ClientChain(shown.iter().map(|certificate| certificate.to_vec()).collect()))
    }

    /// The next octet of plaintext, left where it is; `None` when the peer says that it is done.
    pub(crate) fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        loop {
            match self.session.reader().fill_buf() {
                Ok(plain) => return Poll::Ready(Ok(plain.first().copied())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_receive(cx))?;
        }
    }

    /// The session without its socket. Flush first.
    pub(crate) fn into_session(self) -> TlsSession {
        let Received { buffer, start, end, .. } = self.received;
        let received = buffer.map_or_else(Vec::new, |buffer| buffer[start..end].to_vec());
        TlsSession::new(self.session, received)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_drain(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_receive(cx))?;
        }
    }

    /// Gives rustls something to think about: what was read, or else what comes.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.received.is_empty() {
            ready!(self.received.poll_fill(&mut self.socket, cx))?;
        }
        self.think(cx)?;
        if self.received.ended && self.session.is_handshaking() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn think(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.session.read_tls(&mut self.received)?;
        if let Err(error) = self.session.process_new_packets() {
            // The alert that tells the peer; if it cannot leave now, it never will.
            let _ = self.poll_drain(cx);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }

    /// Writes records until none are left.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Sender { socket: &mut self.socket, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.unsent = 0;
        Poll::Ready(Ok(()))
    }

    /// Takes plaintext: full records are sealed at once, the rest is staged.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.unsent += bytes.len();
        if !self.staged.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(RECORD_BYTES - self.staged.len()));
            self.staged.extend_from_slice(head);
            bytes = rest;
            if self.staged.len() == RECORD_BYTES {
                self.session.writer().write_all(&self.staged)?;
                self.staged.clear();
            }
        }
        let (full, rest) = bytes.split_at(bytes.len() - bytes.len() % RECORD_BYTES);
        if !full.is_empty() {
            self.session.writer().write_all(full)?;
        }
        if !rest.is_empty() {
            self.staged.reserve_exact(RECORD_BYTES);
            self.staged.extend_from_slice(rest);
        }
        Ok(())
    }

    fn seal_staged(&mut self) -> io::Result<()> {
        if !self.staged.is_empty() {
            self.session.writer().write_all(&self.staged)?;
            self.staged = Vec::new();
        }
        Ok(())
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = into.filled().len();
        loop {
            match stream.session.reader().fill_buf() {
                // The peer said that it is done.
                Ok([]) => return Poll::Ready(Ok(())),
                Ok(plain) => {
                    let count = plain.len().min(into.remaining());
                    into.put_slice(&plain[..count]);
                    stream.session.reader().consume(count);
                    if into.remaining() == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The connection ended without a word: perhaps cut by someone else.
                Err(error) => return Poll::Ready(Err(error)),
            }
            let some = into.filled().len() > before;
            if stream.received.is_empty() && some {
                return Poll::Ready(Ok(()));
            }
            ready!(stream.poll_receive(cx))?;
            if stream.session.wants_write() && stream.poll_drain(cx)?.is_pending() {
                // Answers of TLS itself (key updates); the next write or flush sends the rest.
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.unsent >= UNSENT_MAX {
            ready!(stream.poll_drain(cx))?;
        }
        let mut taken = 0;
        for slice in slices {
            let count = slice.len().min(UNSENT_MAX - stream.unsent);
            stream.take(&slice[..count])?;
            taken += count;
            if stream.unsent == UNSENT_MAX {
                // As much as the socket has room for; the rest before the next bytes are taken.
                let _ = stream.poll_drain(cx)?;
                break;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.seal_staged()?;
        stream.poll_drain(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.seal_staged()?;
        if !stream.closing {
            stream.closing = true;
            stream.session.send_close_notify();
        }
        ready!(stream.poll_drain(cx))?;
        Pin::new(&mut stream.socket).poll_shutdown(cx)
    }
}
