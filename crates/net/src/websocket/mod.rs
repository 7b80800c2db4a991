//! WebSockets (RFC 6455) for measurements: large binary messages go out without being copied, and what comes in is counted
//! and thrown away. Extensions are not spoken.

mod connect;
mod frame;
mod handshake;

pub use connect::{Opened, Unopened, connect};
pub use frame::{Limits, Reader, Received, Role, Violation};
pub use handshake::Handshake;

use crate::pool::Buffer;
use bytes::{Buf as _, Bytes};
use frame::{CONTROL_BYTES, Opcode, head, mask};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Slices of one write: a head and a payload, a few times.
const SLICES_MAX: usize = 8;

/// Why no more is to be heard.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer broke the protocol.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Of what is queued; pings are not answered above it. The document asks for an answer to the last of them only (RFC 6455,
/// section 5.5.3), and a peer that takes nothing must not make us keep one for each.
const QUEUED_WITH_PONGS_MAX: usize = 16;

/// A WebSocket over a connection. Pings are answered by themselves, until the end is said.
///
/// Poll [`WebSocket::poll_receive`] and [`WebSocket::poll_send`] from one task: what is queued leaves only while the latter is
/// polled, and memory is bounded by what is queued.
pub struct WebSocket<S> {
    stream: S,
    role: Role,
    reader: Reader,
    /// Read and not yet taken apart. Without bytes there is no buffer.
    input: Option<Buffer>,
    start: usize,
    end: usize,
    output: VecDeque<Bytes>,
    flushed: bool,
    /// The end was said: nothing may follow it.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Over a connection whose handshake is done.
    pub fn new(stream: S, role: Role, limits: Limits) -> Self {
        let reader = Reader::new(role, limits);
        Self {
            stream,
            role,
            reader,
            input: None,
            start: 0,
            end: 0,
            output: VecDeque::new(),
            flushed: true,
            ended: false,
        }
    }

    /// The connection under it.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The connection, to close it.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// What the peer did; `None` when it says nothing more. It reads from the connection at most once for each buffer of
    /// 260 KiB that it takes apart.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Received>, Failure>> {
        loop {
            let bytes = self.input.as_deref().map_or(&[][..], |input| &input[self.start..self.end]);
            let (taken, received) = self.reader.take(bytes)?;
            self.start += taken;
            if let Some(received) = received {
                if let Received::Ping(payload) = &received
                    && !self.ended
                    && self.output.len() < QUEUED_WITH_PONGS_MAX
                {
                    let payload = payload.clone();
                    self.queue(Opcode::Pong, payload);
                }
                return Poll::Ready(Ok(Some(received)));
            }
            if taken > 0 {
                continue;
            }
            let mut input = self.input.take().unwrap_or_else(Buffer::take);
            let mut room = ReadBuf::new(&mut input);
            // Pending drops the buffer: who waits holds none.
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
            (self.start, self.end) = (0, room.filled().len());
            if self.end == 0 {
                return Poll::Ready(Ok(None));
            }
            self.input = Some(input);
        }
    }

    /// Sends what is queued; ready when the kernel has all of it.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.output.len().min(SLICES_MAX);
            for (slice, bytes) in slices.iter_mut().zip(&self.output) {
                *slice = IoSlice::new(bytes);
            }
            let mut sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.flushed = false;
            while let Some(first) = self.output.front_mut() {
                let part = sent.min(first.len());
                first.advance(part);
                sent -= part;
                if !first.is_empty() {
                    break;
                }
                self.output.pop_front();
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Is everything that was queued with the kernel?
    pub fn is_idle(&self) -> bool {
        self.output.is_empty() && self.flushed
    }

    /// Queues a binary message of random bytes. A client sends them as they are, under a key that is new for each frame: what
    /// its peer unmasks is other bytes, and just as random.
    pub fn queue_random(&mut self, payload: Bytes) {
        let key = self.key();
        self.output.push_back(head(Opcode::Binary, payload.len() as u64, key).into());
        self.output.push_back(payload);
    }

    /// Queues a text message.
    pub fn queue_text(&mut self, text: &str) {
        self.queue(Opcode::Text, text.as_bytes().to_vec());
    }

    /// Queues the end of the conversation; nothing may be queued behind it. A long reason is cut.
    pub fn queue_close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        let mut end = reason.len().min(CONTROL_BYTES - payload.len());
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        payload.extend_from_slice(&reason.as_bytes()[..end]);
        self.queue(Opcode::Close, payload);
        self.ended = true;
    }

    fn queue(&mut self, opcode: Opcode, mut payload: Vec<u8>) {
        let key = self.key();
        if let Some(key) = key {
            mask(&mut payload, key, 0);
        }
        self.output.push_back(head(opcode, payload.len() as u64, key).into());
        if !payload.is_empty() {
            self.output.push_back(payload.into());
        }
    }

    /// A new key, of a client (RFC 6455, section 5.3, asks that nobody can foretell it).
    fn key(&self) -> Option<[u8; 4]> {
        let mut key = [0; 4];
        (self.role == Role::Client).then(|| {
            crate::fill_random(&mut key);
            key
        })
    }
}

#[cfg(test)]
mod tests;
