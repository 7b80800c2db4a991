//! The body of a request, as handlers read it.

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::task::{Context, Poll};
use terms::{Blame, Problem, Retry};

/// The body of a request: from the network, or from memory in tests and internal calls.
#[derive(Debug)]
pub enum RequestBody {
    /// As it arrives.
    Network(hyper::body::Incoming),
    /// All there already.
    Memory(Full<Bytes>),
}

impl RequestBody {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self::Memory(Full::new(Bytes::new()))
    }
}

impl From<hyper::body::Incoming> for RequestBody {
    fn from(incoming: hyper::body::Incoming) -> Self {
        Self::Network(incoming)
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(Full::new(bytes))
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Network(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::from),
            Self::Memory(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(body) => body.is_end_stream(),
            Self::Memory(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Network(body) => body.size_hint(),
            Self::Memory(body) => body.size_hint(),
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
    #[error("the sender sent nothing for {0:?}")]
    Stalled(std::time::Duration),
    /// What came is not HTTP.
    #[error("the body is not framed as HTTP demands")]
    Malformed(#[source] hyper::Error),
}

impl From<hyper::Error> for BodyError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() { Self::Malformed(error) } else { Self::Incomplete(error) }
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
            next: "Send the request again, whole.".to_owned(),
        }
    }
}
