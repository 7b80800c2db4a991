//! The body of a request that we send.

use crate::lent::Lent;
use crate::{Body, FileSlice, Part};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::task::AtomicWaker;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// The body of a request that we send. All but streams can be sent twice, if a kept connection turns out stale.
pub struct ClientBody {
    source: Source,
}

enum Source {
    Parts(Vec<Part>),
    Stream { bytes: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>, len: Option<u64> },
}

impl ClientBody {
    /// No bytes.
    pub fn empty() -> Self {
        Self::parts(Vec::new())
    }

    /// Bytes in memory.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::parts(vec![Part::Bytes(bytes.into())])
    }

    /// A range of a file. It is read in large pieces, or sent by sendfile(2) on a plain connection.
    pub fn file(slice: FileSlice) -> Self {
        Self::parts(vec![Part::File(slice)])
    }

    /// Pieces of known length, one after another.
    pub fn parts(parts: Vec<Part>) -> Self {
        Self { source: Source::Parts(parts) }
    }

    /// Bytes as they come; `len` where it is known. Such a request is not tried twice.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static, len: Option<u64>) -> Self {
        Self { source: Source::Stream { bytes: Box::pin(stream), len } }
    }

    /// The same once more, if that can be had.
    pub(crate) fn replay(&self) -> Option<Self> {
        match &self.source {
            Source::Parts(parts) => Some(Self::parts(parts.clone())),
            Source::Stream { .. } => None,
        }
    }
}

impl Default for ClientBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for ClientBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Parts(parts) => f.debug_tuple("ClientBody").field(parts).finish(),
            Source::Stream { len, .. } => f.debug_struct("ClientBody").field("len", len).finish_non_exhaustive(),
        }
    }
}

/// What hyper sends: the body, held back by a gate where the request expects a word first.
pub(crate) struct Outgoing {
    body: Body,
    /// The length that was promised for a stream, and how much of it is left.
    left: Option<u64>,
    waiting: Option<(Arc<Gate>, Pin<Box<Sleep>>)>,
}

impl Outgoing {
    pub(crate) fn new(body: ClientBody, gate: Option<Arc<Gate>>, wait: Duration) -> Self {
        let (body, left) = match body.source {
            Source::Parts(parts) => (Body::parts(parts), None),
            Source::Stream { bytes, len } => (Body::stream(bytes), len),
        };
        Self { body, left, waiting: gate.map(|gate| (gate, Box::pin(tokio::time::sleep(wait)))) }
    }

    pub(crate) fn lend_files(&mut self, lent: &Arc<Lent>) {
        self.body.lend_files(lent);
    }

    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((gate, wait)) = &mut self.waiting {
            gate.waker.register(cx.waker());
            match gate.state.load(SeqCst) {
                OPEN => {}
                REFUSED => return Poll::Pending,
                _ => {
                    if wait.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    gate.open();
                }
            }
            self.waiting = None;
        }
        Poll::Ready(())
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let outgoing = self.get_mut();
        if outgoing.poll_gate(cx).is_pending() {
            return Poll::Pending;
        }
        let frame = std::task::ready!(Pin::new(&mut outgoing.body).poll_frame(cx));
        let Some(left) = &mut outgoing.left else { return Poll::Ready(frame) };
        let sent = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => return Poll::Ready(frame),
            None if *left == 0 => return Poll::Ready(None),
            None => {
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended early"))));
            }
        };
        match left.checked_sub(sent) {
            Some(rest) => *left = rest,
            None => return Poll::Ready(Some(Err(io::Error::other("the stream is longer than was said")))),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

const SHUT: u8 = 0;
const OPEN: u8 = 1;
const REFUSED: u8 = 2;

/// Holds a body back until the peer says "100 Continue".
pub(crate) struct Gate {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: AtomicU8::new(SHUT), waker: AtomicWaker::new() })
    }

    /// Lets the body go.
    pub(crate) fn open(&self) {
        // After a refusal nothing opens it any more.
        let _ = self.state.compare_exchange(SHUT, OPEN, SeqCst, SeqCst);
        self.waker.wake();
    }

    /// The answer came first: if the body was still held back, it stays.
    pub(crate) fn refuse(&self) -> bool {
        self.state.compare_exchange(SHUT, REFUSED, SeqCst, SeqCst).is_ok()
    }
}
