//! One TCP connection as the HTTP and TLS layers use it: counted, and with ranges of files sent by sendfile(2) where
//! stand-ins for them appear (see [`crate::lent`]).

use crate::lent::{Lent, is_stand_in};
use crate::peer::Meter;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Most slices of one write; the kernel allows 1024, hyper offers 64.
const SLICES_MAX: usize = 64;

/// A connection. Shared only with [`crate::ConnectionFacts`], which hold it weakly.
pub(crate) struct Socket {
    stream: Arc<TcpStream>,
    meter: Arc<Meter>,
    /// Present on plain server connections.
    lent: Option<Arc<Lent>>,
}

impl Socket {
    pub(crate) fn new(stream: Arc<TcpStream>, meter: Arc<Meter>) -> Self {
        Self { stream, meter, lent: None }
    }

    /// Begins to recognise stand-ins.
    pub(crate) fn lend(&mut self) -> Arc<Lent> {
        self.lent.get_or_insert_default().clone()
    }

    /// Sends what stands before the first stand-in, or the range that the first stand-in stands for.
    fn poll_send(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(lent) = self.lent.clone().filter(|lent| !lent.is_empty()) else {
            if slices.iter().any(|slice| is_stand_in(slice)) {
                return Poll::Ready(Err(disagreement()));
            }
            return self.poll_send_bytes(cx, slices, SendFlags::empty());
        };
        let visible: usize = slices.iter().filter(|slice| is_stand_in(slice)).map(|slice| slice.len()).sum();
        if !lent.agrees(visible as u64) {
            return Poll::Ready(Err(disagreement()));
        }
        let before = slices.iter().take_while(|slice| !is_stand_in(slice)).count();
        if before > 0 {
            // MORE lets the head share its segment with the first bytes of the file.
            let flags = if before < slices.len() { SendFlags::MORE } else { SendFlags::empty() };
            self.poll_send_bytes(cx, &slices[..before], flags)
        } else {
            self.poll_send_file(cx, &lent, slices.first().map_or(0, |slice| slice.len()))
        }
    }

    fn poll_send_bytes(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        flags: SendFlags,
    ) -> Poll<io::Result<usize>> {
        let slices = &slices[..slices.len().min(SLICES_MAX)];
        let flags = flags | SendFlags::NOSIGNAL;
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                rustix::net::sendmsg(&*self.stream, slices, &mut SendAncillaryBuffer::default(), flags)
                    .map_err(io::Error::from)
            });
            match sent {
                Ok(count) => {
                    self.meter.sent(count);
                    return Poll::Ready(Ok(count));
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_send_file(&mut self, cx: &mut Context<'_>, lent: &Lent, visible: usize) -> Poll<io::Result<usize>> {
        let Some(slice) = lent.next() else { return Poll::Ready(Err(disagreement())) };
        let want = slice.len.min(visible as u64) as usize;
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let mut offset = slice.offset;
            let sent = self.stream.try_io(Interest::WRITABLE, || {
                rustix::fs::sendfile(&*self.stream, &*slice.file, Some(&mut offset), want).map_err(io::Error::from)
            });
            match sent {
                Ok(0) => {
                    tracing::warn!(
                        offset = slice.offset,
                        missing = slice.len,
                        "a file became shorter while it was sent"
                    );
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(count) => {
                    self.meter.sent(count);
                    lent.sent(count as u64);
                    return Poll::Ready(Ok(count));
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Not ready after all, or interrupted: try again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The HTTP library does not treat stand-ins as expected: a fault of ours, and no byte more may leave.
fn disagreement() -> io::Error {
    tracing::error!("file ranges noted and stand-ins seen disagree; the connection is given up");
    io::Error::other("file ranges noted and stand-ins seen disagree")
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        loop {
            ready!(socket.stream.poll_read_ready(cx))?;
            let mut received = 0;
            let outcome = socket.stream.try_io(Interest::READABLE, || {
                let room = buffer.remaining();
                received = receive(&socket.stream, buffer)?;
                // A short read emptied the socket. Saying so clears its readiness and saves the call that would find
                // nothing; the edge of the next arrival sets it again.
                if received > 0 && received < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match outcome {
                Ok(()) => {}
                Err(_) if received > 0 => {}
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            socket.meter.received(received);
            return Poll::Ready(Ok(()));
        }
    }
}

/// One recv(2) into memory that was never cleared.
#[allow(unsafe_code)]
fn receive(stream: &TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: the slice is only written to, by the kernel.
    let unfilled = unsafe { buffer.unfilled_mut() };
    let (_, count) = rustix::net::recv(stream, unfilled, rustix::net::RecvFlags::empty())?;
    // SAFETY: recv wrote `count` bytes from the start of the unfilled part.
    unsafe { buffer.assume_init(count) };
    buffer.advance(count);
    Ok(count)
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write) {
            // The peer was quicker; there is nothing left to shut.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}
