//! The body of a request, as handlers read it.

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use terms::{Blame, Problem, Retry};
use tokio::time::{Instant, Sleep};

/// The body of a request: from the network, or from memory in tests and internal calls.
#[derive(Debug)]
pub enum RequestBody {
    /// As it arrives.
    Network(NetworkBody),
    /// All there already.
    Memory(Full<Bytes>),
    /// One of these, whose bytes are counted as they pass.
    Counted(Box<RequestBody>, Arc<AtomicU64>),
}

/// A body as it arrives, given up when its sender stalls.
#[derive(Debug)]
pub struct NetworkBody {
    incoming: Incoming,
    stall_timeout: Option<Duration>,
    /// Runs from the first wait on; set anew by each wait.
    stalled: Option<Pin<Box<Sleep>>>,
    arrived: bool,
    /// Told how many bytes were left when it was dropped before its end.
    unread: Option<Arc<AtomicU64>>,
}

impl NetworkBody {
    /// The body of a request to us, or of a response to our client; `None` waits for ever.
    pub fn new(incoming: Incoming, stall_timeout: Option<Duration>) -> Self {
        Self { incoming, stall_timeout, stalled: None, arrived: true, unread: None }
    }

    /// Notes there what is left when nobody reads it to its end; the largest number where that is not known.
    pub(crate) fn tell_unread(self, bytes: &Arc<AtomicU64>) -> Self {
        let mut body = self;
        body.unread = Some(Arc::clone(bytes));
        body
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let Some(span) = self.stall_timeout else { return Poll::Pending };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(span)));
        if std::mem::take(&mut self.arrived) {
            stalled.as_mut().reset(Instant::now() + span);
        }
        stalled.as_mut().poll(cx).map(|()| BodyError::Stalled(span))
    }
}

impl Drop for NetworkBody {
    fn drop(&mut self) {
        if let Some(unread) = self.unread.as_ref().filter(|_| !self.incoming.is_end_stream()) {
            unread.store(self.incoming.size_hint().exact().unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl RequestBody {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self::Memory(Full::new(Bytes::new()))
    }

    /// The same, and how many bytes of it were read so far.
    pub fn counted(self) -> (Self, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Self::Counted(Box::new(self), Arc::clone(&count)), count)
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        Self::Network(NetworkBody::new(incoming, None))
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(Full::new(bytes))
    }
}

impl HttpBody for NetworkBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        match Pin::new(&mut body.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                body.arrived = true;
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Poll::Pending => body.poll_stalled(cx).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Network(body) => Pin::new(body).poll_frame(cx),
            Self::Memory(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Counted(body, count) => {
                let frame = Pin::new(&mut **body).poll_frame(cx);
                if let Poll::Ready(Some(Ok(frame))) = &frame
                    && let Some(bytes) = frame.data_ref()
                {
                    count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(body) => body.is_end_stream(),
            Self::Memory(body) => body.is_end_stream(),
            Self::Counted(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Network(body) => body.size_hint(),
            Self::Memory(body) => body.size_hint(),
            Self::Counted(body, _) => body.size_hint(),
        }
    }
}

/// Why the body of a request ended before it was whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender closed or broke the connection.
    #[error("the sender closed the connection before the body was complete")]
    Incomplete(#[source] hyper::Error),
    /// The sender sent nothing for too long.
    #[error("the sender sent nothing for {} s", .0.as_secs())]
    Stalled(Duration),
    /// What came is not HTTP.
    #[error("the body is not framed as HTTP demands")]
    Malformed(#[source] hyper::Error),
}

impl From<hyper::Error> for BodyError {
    fn from(error: hyper::Error) -> Self {
        // What the chunk decoder refuses arrives as an error of the body with an "invalid" cause.
        let invalid =
            std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>()).is_some_and(
                |cause| matches!(cause.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData),
            );
        if error.is_parse() || invalid { Self::Malformed(error) } else { Self::Incomplete(error) }
    }
}

impl BodyError {
    /// The failure as users are told it.
    pub fn problem(&self) -> Problem {
        let (status, kind, title, blame, retry) = match self {
            Self::Incomplete(_) => (400, "body-incomplete", "The body was cut short", Blame::Path, Retry::Soon),
            Self::Stalled(_) => (408, "body-stalled", "The sender stalled", Blame::Caller, Retry::Soon),
            Self::Malformed(_) => (400, "body-malformed", "The body is malformed", Blame::Caller, Retry::Never),
        };
        Problem {
            status,
            kind,
            title,
            detail: format!("While the body of the request was read, {self}."),
            blame,
            retry,
            next: match self {
                Self::Malformed(_) => "Correct the program that sent it.".to_owned(),
                _ => "Send the request again, whole.".to_owned(),
            },
        }
    }
}
