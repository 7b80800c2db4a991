//! The body of a response: bytes, ranges of files, or a stream.

use crate::file_read::{self, SMALL_BYTES, WINDOW_BYTES};
use crate::lent::{self, Lent};
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// A range of a file. A file that turns out shorter breaks the connection: the length was promised.
#[derive(Clone, Debug)]
pub struct FileSlice {
    /// The open file.
    pub file: Arc<File>,
    /// First byte.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// A piece of a body of known length.
#[derive(Clone, Debug)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a file.
    File(FileSlice),
}

impl Part {
    /// Its length.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(slice) => slice.len,
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the sending of a body ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyEnd {
    /// Bytes of the body handed over for sending. Where `complete` is false, some of them may not have left.
    pub bytes_sent: u64,
    /// Whether all of it was handed over: to the kernel for files on plain connections, otherwise to the connection's
    /// buffers of some hundred KiB. Nobody but the receiver can say that all arrived.
    pub complete: bool,
}

pub(crate) type OnEnd = Box<dyn FnOnce(BodyEnd) + Send>;
type MakeTrailers = Box<dyn FnOnce(bool) -> HeaderMap + Send>;

/// The body of a response.
///
/// Made of pieces of known length ([`Body::parts`]) it states its length, and file ranges go by sendfile(2) on plain
/// HTTP/1 connections; elsewhere they are read in pieces of 128 KiB, and only a blocking thread ever waits for a disk.
/// A body that fails breaks the connection (HTTP/1) or resets the stream (HTTP/2), unless it has trailers to say so.
pub struct Body {
    current: Option<Part>,
    parts: std::vec::IntoIter<Part>,
    stream: Option<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
    /// Bytes of all parts not yet handed over; 0 for streams.
    remaining: u64,
    handed: u64,
    failed: bool,
    /// Where ranges of files may be noted for sendfile.
    lent: Option<Arc<Lent>>,
    waiting: Option<JoinHandle<io::Result<Fetched>>>,
    trailers: Option<MakeTrailers>,
    on_end: Option<OnEnd>,
}

/// What a blocking thread brought.
enum Fetched {
    Piece(Bytes),
    Window(u64),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self::made_of(None, Vec::new(), None)
    }

    /// Bytes in memory.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::made_of(Some(Part::Bytes(bytes.into())), Vec::new(), None)
    }

    /// Pieces of known length, one after another.
    pub fn parts(parts: Vec<Part>) -> Self {
        Self::made_of(None, parts, None)
    }

    /// Bytes as they come, of unknown length. An error breaks the connection, so the receiver cannot take the part for
    /// the whole.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::made_of(None, Vec::new(), Some(Box::pin(stream)))
    }

    fn made_of(
        current: Option<Part>,
        parts: Vec<Part>,
        stream: Option<Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>>,
    ) -> Self {
        let remaining = current.iter().chain(&parts).map(Part::len).sum();
        Self {
            current,
            parts: parts.into_iter(),
            stream,
            remaining,
            handed: 0,
            failed: false,
            lent: None,
            waiting: None,
            trailers: None,
            on_end: None,
        }
    }

    /// Trailers, made when the last byte was handed over; the argument says whether the body is complete. Such a body
    /// does not state its length (HTTP/1 then sends it chunked, and only the fields that the `Trailer` header names),
    /// and a failure ends it with its trailers instead of breaking the connection. So ask for it only when the
    /// receiver said that it understands the trailers.
    #[must_use]
    pub fn with_trailers(mut self, make: impl FnOnce(bool) -> HeaderMap + Send + 'static) -> Self {
        self.trailers = Some(Box::new(make));
        self
    }

    /// Called once, when the body was handed over or given up. A body that is never asked for its bytes, as in an
    /// answer to HEAD, ends incomplete unless it is empty. Who was to be told before is told first.
    #[must_use]
    pub fn on_end(mut self, tell: impl FnOnce(BodyEnd) + Send + 'static) -> Self {
        self.on_end = Some(match self.on_end.take() {
            None => Box::new(tell),
            Some(before) => Box::new(move |end| {
                before(end);
                tell(end);
            }),
        });
        self
    }

    /// Bytes that are known to be still to come: all of them, unless it is a stream.
    pub fn remaining_bytes(&self) -> u64 {
        self.remaining
    }

    /// Lets ranges of files go by sendfile on the connection that this list belongs to.
    pub(crate) fn lend_files(&mut self, lent: &Arc<Lent>) {
        let has_files = self
            .current
            .iter()
            .chain(self.parts.as_slice())
            .any(|part| matches!(part, Part::File(slice) if slice.len > SMALL_BYTES));
        if has_files {
            self.lent = Some(lent.clone());
        }
    }

    fn is_handed_over(&self) -> bool {
        self.remaining == 0 && self.stream.is_none() && !self.failed
    }

    /// The next data, or `None` at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                let fetched = ready!(Pin::new(waiting).poll(cx)).unwrap_or_else(|error| Err(io::Error::other(error)));
                self.waiting = None;
                return Poll::Ready(Some(fetched.map(|fetched| match fetched {
                    Fetched::Piece(bytes) => self.hand_over_piece(bytes),
                    Fetched::Window(len) => self.hand_over_window(len),
                })));
            }
            match self.current.take() {
                Some(part) if part.is_empty() => {}
                Some(Part::Bytes(bytes)) => return Poll::Ready(Some(Ok(self.count(bytes)))),
                Some(Part::File(slice)) => {
                    self.current = Some(Part::File(slice.clone()));
                    match self.begin_file(&slice) {
                        Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
                None => match (self.parts.next(), &mut self.stream) {
                    (Some(part), _) => self.current = Some(part),
                    (None, None) => return Poll::Ready(None),
                    (None, Some(stream)) => match ready!(stream.as_mut().poll_next(cx)) {
                        Some(Ok(bytes)) if bytes.is_empty() => {}
                        Some(Ok(bytes)) => {
                            self.handed += bytes.len() as u64;
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                        Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                        None => self.stream = None,
                    },
                },
            }
        }
    }

    /// Data of a file range if it is at hand; `None` when a blocking thread was sent for it.
    fn begin_file(&mut self, slice: &FileSlice) -> io::Result<Option<Bytes>> {
        let FileSlice { file, offset, len } = slice.clone();
        if self.lent.is_some() && len > SMALL_BYTES {
            let window = len.min(WINDOW_BYTES);
            if file_read::window_resident(&file, offset, window)? {
                return Ok(Some(self.hand_over_window(window)));
            }
            self.waiting = Some(tokio::task::spawn_blocking(move || {
                file_read::fetch_window(&file, offset, window).map(|()| Fetched::Window(window))
            }));
        } else {
            if let Some(bytes) = file_read::piece_resident(&file, offset, len)? {
                return Ok(Some(self.hand_over_piece(bytes)));
            }
            self.waiting = Some(tokio::task::spawn_blocking(move || {
                file_read::piece_waiting(&file, offset, len).map(Fetched::Piece)
            }));
        }
        Ok(None)
    }

    fn hand_over_piece(&mut self, bytes: Bytes) -> Bytes {
        self.advance_file(bytes.len() as u64);
        self.count(bytes)
    }

    fn hand_over_window(&mut self, len: u64) -> Bytes {
        if let (Some(lent), Some(Part::File(slice))) = (&self.lent, &self.current) {
            lent.lend(&FileSlice { len, ..slice.clone() });
        }
        self.advance_file(len);
        self.count(lent::stand_in(len as usize))
    }

    fn advance_file(&mut self, bytes: u64) {
        if let Some(Part::File(slice)) = &mut self.current {
            slice.offset += bytes;
            slice.len -= bytes;
        }
    }

    fn count(&mut self, bytes: Bytes) -> Bytes {
        self.handed += bytes.len() as u64;
        self.remaining -= bytes.len() as u64;
        bytes
    }

    fn finish(&mut self) {
        let complete = self.is_handed_over();
        let Some(tell) = self.on_end.take() else { return };
        match &self.lent {
            Some(lent) if complete => lent.end(self.handed, tell),
            Some(lent) => tell(BodyEnd { bytes_sent: self.handed.saturating_sub(lent.noted_bytes()), complete }),
            None => tell(BodyEnd { bytes_sent: self.handed, complete }),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(waiting) = &self.waiting {
            waiting.abort();
        }
        self.finish();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("remaining", &self.remaining)
            .field("streamed", &self.stream.is_some())
            .field("handed", &self.handed)
            .finish_non_exhaustive()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        if !body.failed {
            match ready!(body.poll_data(cx)) {
                Some(Ok(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Err(error)) => {
                    body.failed = true;
                    if body.trailers.is_none() {
                        body.finish();
                        return Poll::Ready(Some(Err(error)));
                    }
                    tracing::warn!(%error, handed = body.handed, "a body failed; its trailers say so");
                }
                None => {}
            }
        }
        if let Some(make) = body.trailers.take() {
            let trailers = make(!body.failed);
            body.finish();
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        body.finish();
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && (self.failed || self.is_handed_over())
    }

    fn size_hint(&self) -> SizeHint {
        if self.stream.is_some() || self.trailers.is_some() {
            let mut hint = SizeHint::new();
            hint.set_lower(self.remaining);
            hint
        } else {
            SizeHint::with_exact(self.remaining)
        }
    }
}
